"""Studies with the effects of a user's table: normal measures with a mean, SD and correlation of conditions.

One row of the table is a measure (a phase or a region) in a group and a condition: `mean`, `sd` between animals, `r`
between any two conditions of an animal (one per measure), for regions `r_behavior` with the infusions that the study
correlates regions with (within a group, in the cue it is planned for), and `source`. With a column `hypothesis` rival
effects stand in one table. A region's two halves of blocks differ by noise that its mean does not have.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.records.cells import numeric
from cuecircuit.simulation.plan_draws import StudyDraws
from cuecircuit.study.planned import condition_levels
from cuecircuit.study.study import Study

COLUMNS = ("measure", "group", "condition", "mean", "sd", "r")
HYPOTHESIS = "effects"
NULL = "null"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effect:
    """One measure: `mean` and `sd` of each group and condition, `r` between conditions, `r_behavior` of each group."""

    name: str
    conditions: tuple[str, ...]
    mean: Float[Array, "group condition"]
    sd: Float[Array, "group condition"]
    r: float
    r_behavior: Float[Array, "group"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effects:
    """All measures under one hypothesis."""

    phases: tuple[Effect, ...]
    regions: tuple[Effect, ...]


def parse_effects(table: pd.DataFrame, study: Study, regions: Sequence[str]) -> dict[str, Effects]:
    """Read a table of effects; beside its hypotheses stands `null`, in which no condition or group differs.

    Args:
        table: columns of `COLUMNS`, and `r_behavior`, `hypothesis`, `source` if wanted; text stays text.
        study: the plan.
        regions: of its atlas.

    Raises:
        DataError: columns that are missing, measures and cells that the study does not have or that stand twice, and
            impossible numbers; each with its line.
    """
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise DataError(f"no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    named = table["hypothesis"] if "hypothesis" in table else pd.Series(HYPOTHESIS, index=table.index)
    numbers = {name: numeric(table, name) for name in ("mean", "sd", "r")}
    numbers["r_behavior"] = numeric(table, "r_behavior") if "r_behavior" in table else np.zeros(len(table))
    known = _known(study, regions)
    faults = [*_row_faults(table, numbers, known, study)]
    if faults or table.empty:
        raise DataError(faults or "the table has no rows")
    found = {}
    for hypothesis in dict.fromkeys(named):
        mine = (named == hypothesis).to_numpy()
        effects = []
        for name in dict.fromkeys(table["measure"][mine]):
            try:
                effects.append(_effect(name, known[name], study, table, numbers, mine & (table["measure"] == name)))
            except CuecircuitError as error:
                faults += error.faults
        own = {name: tuple(each for each in effects if (each.name in regions) == name) for name in (False, True)}
        found[str(hypothesis)] = Effects(phases=own[False], regions=own[True])
    if faults:
        raise DataError(faults)
    first = next(iter(found.values()))
    return found if NULL in found else {**found, NULL: _without(first)}


def _known(study: Study, regions: Sequence[str]) -> dict[str, tuple[str, ...]]:
    phases = {phase.name: condition_levels(phase) for phase in study.phases}
    return phases | dict.fromkeys(regions, study.cues.levels)


def _row_faults(
    table: pd.DataFrame,
    numbers: Mapping[str, Float[Array, "row"]],
    known: Mapping[str, tuple[str, ...]],
    study: Study,
) -> Iterator[str]:
    for row, (measure, group, condition) in enumerate(zip(*(table[n] for n in COLUMNS[:3]), strict=True)):
        line, values = row + 2, {name: float(column[row]) for name, column in numbers.items()}
        if measure not in known:
            yield f"line {line}: '{measure}' is no phase or region of the study; expected one of: {', '.join(known)}"
        elif condition not in known[measure]:
            yield f"line {line}: {measure} has no condition '{condition}'; expected: {', '.join(known[measure])}"
        if group not in study.subjects.groups:
            yield f"line {line}: '{group}' is no group of the study; expected: {', '.join(study.subjects.groups)}"
        if not np.isfinite(values["mean"]):
            yield f"line {line}: no mean"
        if not 0 < values["sd"] < np.inf:
            yield f"line {line}: sd {values['sd']:g} is impossible; expected more than 0"
        if not -1 < values["r"] < 1:
            yield f"line {line}: r {values['r']:g} is impossible; expected −1 to 1, both excluded"
        if not -1 < np.nan_to_num(values["r_behavior"]) < 1:
            yield f"line {line}: r_behavior {values['r_behavior']:g} is impossible; expected −1 to 1, both excluded"


def _effect(
    name: str,
    conditions: tuple[str, ...],
    study: Study,
    table: pd.DataFrame,
    numbers: Mapping[str, Float[Array, "row"]],
    mine: "pd.Series[bool]",
) -> Effect:
    rows = np.flatnonzero(mine)
    groups = study.subjects.groups
    at: dict[tuple[str, str], int] = {}
    faults = []
    for row in rows.tolist():
        cell = str(table["group"].iloc[row]), str(table["condition"].iloc[row])
        if cell in at:
            faults.append(f"line {row + 2}: {name} {' '.join(cell)} stands twice (first on line {at[cell] + 2})")
        at.setdefault(cell, row)
    absent = [f"{group} {condition}" for group in groups for condition in conditions if (group, condition) not in at]
    if absent:
        faults.append(f"{name}: no row for {', '.join(absent)}")
    # with a common correlation below this no set of conditions exists
    correlations, lowest = set(numbers["r"][rows].tolist()), -1 / (len(conditions) - 1) if len(conditions) > 1 else -1
    if len(correlations) > 1 or min(correlations) <= lowest:
        found = ", ".join(f"{r:g}" for r in sorted(correlations))
        faults.append(f"{name}: found r {found}; expected one number above {lowest:.3g} in all its rows")
    if faults:
        raise DataError(faults)
    order = np.array([[at[group, condition] for condition in conditions] for group in groups])
    cue = conditions.index(study.correlations.cue) if study.correlations.cue in conditions else 0
    return Effect(
        name=name,
        conditions=conditions,
        mean=numbers["mean"][order],
        sd=numbers["sd"][order],
        r=correlations.pop(),
        r_behavior=np.nan_to_num(numbers["r_behavior"][order[:, cue]]),
    )


def _without(effects: Effects) -> Effects:
    def flat(effect: Effect) -> Effect:
        return Effect(
            name=effect.name,
            conditions=effect.conditions,
            mean=np.full_like(effect.mean, effect.mean.mean()),
            sd=effect.sd,
            r=effect.r,
            r_behavior=np.zeros_like(effect.r_behavior),
        )

    return Effects(phases=tuple(map(flat, effects.phases)), regions=tuple(map(flat, effects.regions)))


def draw_effects(
    study: Study, sizes: Sequence[int], studies: int, rng: np.random.Generator, *, effects: Effects
) -> StudyDraws:
    """Draw studies with these effects.

    Args:
        study: the plan.
        sizes: animals of each group.
        studies: how many.
        rng: source of everything.
        effects: from `parse_effects`.
    """
    group = np.repeat(np.arange(len(sizes)), sizes)
    shape = studies, len(group)
    measures, behavior = {}, None
    # standardized behavior; noise of its own where the table has none
    own = rng.standard_normal(shape)
    for effect in effects.phases:
        z = _standard(effect, shape, rng)
        measures[effect.name] = effect.mean[group] + effect.sd[group] * z
        if effect.name == study.behavior.conditioning:
            severity = effect.conditions.index(study.correlations.treatment)
            behavior, own = measures[effect.name][:, :, severity], z[:, :, severity]
    responses = []
    for effect in effects.regions:
        cue, slope = effect.conditions.index(study.correlations.cue), effect.r_behavior[group]
        first = slope * own + np.sqrt(1 - slope**2) * rng.standard_normal(shape)
        z = _standard(effect, shape, rng, first=(cue, first))
        responses.append(effect.mean[group] + effect.sd[group] * z)
    return StudyDraws(
        sizes=tuple(sizes),
        measures=measures,
        behavior=behavior,
        regions=tuple(effect.name for effect in effects.regions),
        responses=_in_halves(study, np.stack(responses, axis=3), rng) if responses else None,
        respiration=None,
    )


def _standard(
    effect: Effect,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    first: tuple[int, Float[Array, "study subject"]] | None = None,
) -> Float[Array, "study subject condition"]:
    """Standard normal conditions with their correlation; one of them may be given."""
    k = len(effect.conditions)
    root = np.linalg.cholesky((1 - effect.r) * np.eye(k) + effect.r)
    drawn = rng.standard_normal((*shape, k))
    if first is None:
        return drawn @ root.T
    drawn[..., 0] = first[1]
    # the one given comes first in the triangle; all conditions have one correlation, so that order does not matter
    place = [first[0], *(number for number in range(k) if number != first[0])]
    return (drawn @ root.T)[..., np.argsort(place)]


def _in_halves(
    study: Study, means: Float[Array, "study subject cue region"], rng: np.random.Generator
) -> Float[Array, "study subject cell region"]:
    """Cells of cues × block levels whose mean over the levels is that of the cue."""
    levels = len(study.response.blocks)
    noise = rng.standard_normal((*means.shape[:3], levels, means.shape[3]))
    cells = means[:, :, :, None] + noise - noise.mean(axis=3, keepdims=True)
    return cells.reshape(*means.shape[:2], -1, means.shape[3])
