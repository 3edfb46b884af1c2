"""Do the groups that permutation exchanges differ in variance? Told in one line, and kept for `settings.json`."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.models.family import Family
from cuecircuit.models.formula import FormulaFamily, MixedFitter
from cuecircuit.models.strata import StrataFamily
from cuecircuit.pipeline.group.blocks import GroupMaps
from cuecircuit.pipeline.progress import say
from cuecircuit.stats.between_model import ONE_ERROR
from cuecircuit.stats.group_variances import GroupVariances, formula_variances, stratum_variances
from cuecircuit.stats.rotation import Variance
from cuecircuit.stats.strata_design import StrataModel, groups_of
from cuecircuit.stats.variance_error import nearest_measured_error

_REMEDY = "--variance groups (correction.variance in a study file) rotates subjects within groups"
_MIXED_REMEDY = "a mixed model has no remedy but simulation; the error-strata model (--between, --within) has"

# by error stratum, "residual" where there is one
Variances = Mapping[str, GroupVariances]


def compare_variances(maps: GroupMaps, family: Family) -> Variances:
    """Compare the variances of groups of subjects in every error stratum of a model; random effects are in them."""
    if isinstance(family, StrataFamily):
        return _strata_variances(maps, family.model)
    assert isinstance(family, FormulaFamily)
    found = formula_variances(_blocks(maps), family.fitter.design)
    return {} if found is None else {ONE_ERROR: found}


def _strata_variances(maps: GroupMaps, model: StrataModel) -> Variances:
    labels, n = groups_of(model.design), model.n_subjects
    found = {}
    for stratum in (*model.strata, *model.contrast_strata):
        blocks = (y.reshape(n, -1, y.shape[1]) for y in _blocks(maps))
        found[stratum.name] = stratum_variances(blocks, stratum, labels)
    return {name: each for name, each in found.items() if each is not None}


def _blocks(maps: GroupMaps) -> Iterator[Float[Array, "map voxel"]]:
    return (maps.values[0].read(part).astype(np.float64) for part in maps.blocks)


def warn_of_variances(variances: Variances, variance: Variance, family: Family) -> None:
    """Say in one line which groups differ in variance, and what is done about it, or what it does to permutation."""
    mixed = isinstance(family, FormulaFamily) and isinstance(family.fitter, MixedFitter)
    differ = {name: each for name, each in variances.items() if each.differ}
    if not differ:
        return
    name, worst = max(differ.items(), key=lambda item: item[1].sd_ratio)
    groups = ", ".join(
        f"{group} (n = {n}, SD {sd:.2f})" for group, n, sd in zip(worst.groups, worst.n, worst.sd, strict=True)
    )
    where = f", largest in {name}" if len(variances) > 1 else ""
    found = f"groups differ in variance: {groups}; SD ratio {worst.sd_ratio:.2f}, p = {worst.p:.2g}{where}"
    if variance != "equal" and not mixed:
        say(f"group: {found}: subjects are rotated within groups ({', '.join(differ)})")
        return
    cell = nearest_measured_error(worst)
    power = "such a design loses power; " if cell.rate < 0.05 and cell.sd_ratio < 1 else ""
    say(
        f"group: warning: {found}: in null studies of groups of {cell.n[0]} and {cell.n[1]}, the first with "
        f"{cell.sd_ratio:.2g} × the SD, permutation at .05 found something in {100 * cell.rate:.0f} %; "
        f"{power}{_MIXED_REMEDY if mixed else _REMEDY}"
    )


def variance_facts(variances: Variances) -> dict[str, Any]:
    """Return ratios, p and verdicts for a file of settings; nothing where nothing was compared."""
    facts = {
        name: {
            "groups": dict(zip(each.groups, each.n, strict=True)),
            "relative_sd": {group: round(sd, 6) for group, sd in zip(each.groups, each.sd, strict=True)},
            "sd_ratio": round(each.sd_ratio, 6),
            "p": each.p,
            "verdict": "variances differ" if each.differ else "no sign that variances differ",
        }
        for name, each in variances.items()
    }
    return {"group_variances": facts} if facts else {}
