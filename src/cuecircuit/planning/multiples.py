"""The effects of a hypothesis made smaller or larger: power over a range of true effects.

A multiple m makes a difference m times as large, a ratio of counts its m-th power, a correlation m times as large.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cuecircuit.errors import StudyError
from cuecircuit.planning.drawing import Template
from cuecircuit.simulation.declared import check_effects

MULTIPLES = (0.25, 0.5, 0.75, 1.0)


def check_multiples(multiples: Sequence[float], *, lived: bool = False) -> tuple[float, ...]:
    """Return the multiples in order, with 1: the effects as they are stated.

    Args:
        multiples: asked for.
        lived: no effects are stated, animals live through the study; 1 alone is left of what is asked by default.

    Raises:
        StudyError: a multiple that is not a number above 0; one of effects that are not stated.
    """
    if wrong := [multiple for multiple in multiples if not 0 < multiple < np.inf]:
        raise StudyError([f"multiple {multiple:g}: expected more than 0, such as 0.5" for multiple in wrong])
    if lived and not {*multiples} <= {*MULTIPLES}:
        what = "animals that live through a study have no stated effects to multiply; leave it out, or state other"
        raise StudyError([f"multiple: {what} simulation.parameters in a file (--effects)"])
    return (1.0,) if lived else tuple(sorted({*map(float, multiples), 1.0}))


def with_multiple(template: Template, multiple: float) -> Template:
    """Return the same draws with effects of another size.

    Raises:
        StudyError: effects that cannot be that large, such as correlations.
    """
    if multiple == 1:
        return template
    planting = template.planting
    assert planting.study.simulation is not None
    counts = {base.in_: base.counts for base in planting.study.simulation.base}
    effects, tables = {}, dict(planting.tables)
    for name, effect in planting.effects.items():
        # a measure of a part of sessions has no base: it is counted
        ratio = effect.slope_on is None and counts.get(effect.in_, True)
        if isinstance(effect.add, str):
            table = planting.tables[effect.add]
            tables[name] = table.assign(add=_scaled(table["add"].to_numpy(float), multiple, ratio))
            effects[name] = effect.model_copy(update={"add": name})
        else:
            effects[name] = effect.model_copy(update={"add": _scaled_tree(effect.add, multiple, ratio)})
    simulation = planting.study.simulation
    simulation = simulation.model_copy(update={"effects": {**simulation.effects, **effects}})
    study = planting.study.model_copy(update={"simulation": simulation})
    planting = replace(planting, effects=effects, tables=tables, study=study)
    try:
        check_effects(planting)
    except StudyError as error:
        raise StudyError([f"{fault} (effects times {multiple:g})" for fault in error.faults]) from error
    return replace(template, planting=planting)


def _scaled_tree(add: Any, multiple: float, ratio: bool) -> Any:
    if isinstance(add, Mapping):
        return {level: _scaled_tree(branch, multiple, ratio) for level, branch in add.items()}
    return float(_scaled(add, multiple, ratio))


def _scaled(add: Any, multiple: float, ratio: bool) -> Any:
    return np.power(add, multiple) if ratio else np.multiply(add, multiple)
