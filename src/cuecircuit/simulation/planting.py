"""All responses of a simulated study, drawn in an order in which a number is there before a response leans on it.

Every response has a random stream of its own, so that one more response, or an effect left out, changes no other draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array
from cuecircuit.errors import StudyError
from cuecircuit.generators.mechanism import WORLDS
from cuecircuit.generators.operant import TIMEOUT_S
from cuecircuit.simulation.cohort import Cohort
from cuecircuit.simulation.columns import WHOLE, Columns
from cuecircuit.simulation.draws import Ends, Slope, draw_response
from cuecircuit.simulation.effects import Tables, chosen, planted
from cuecircuit.simulation.operant_counts import (
    Profile,
    measure_table,
    most_deliveries,
    part_counts,
    profiles,
    session_rows,
)
from cuecircuit.simulation.predictors import sources, standardized, subject_numbers
from cuecircuit.study.acquisition import Given
from cuecircuit.study.expected import expected_rows
from cuecircuit.study.questions import Base, Effect
from cuecircuit.study.schema import Study

REST = ""
"""The voxels of the mask that belong to no region, as a region of given maps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planting:
    """What is drawn: the study, who takes part, the effects of the hypothesis, and where maps have regions.

    `trials` has the trials of all scans that are cells; `tables` the TSVs that effects name. Edges are those
    that effects name, with `every_edge` all pairs of regions.
    """

    study: Study
    cohort: Cohort
    columns: Columns
    effects: Mapping[str, Effect]
    seed: int
    regions: tuple[str, ...] = ()
    trials: pd.DataFrame | None = None
    tables: Tables = field(default_factory=dict)
    every_edge: bool = False

    def stream(self, *words: str) -> np.random.Generator:
        """Return the random stream of a name."""
        return stream(self.seed, *words)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """Responses by reference (keys, factors, `base`, a column for each effect, `expected`, `value`).

    `parts`: of each count of sessions, its profiles with the counts of their parts. `slopes`: planted correlations of
    each response by effect.
    """

    responses: Mapping[str, pd.DataFrame]
    parts: Mapping[str, tuple[tuple[Profile, Array], ...]]
    left_out: int


def stream(seed: int, *words: str) -> np.random.Generator:
    """Return a random stream that a seed and words name."""
    return np.random.default_rng([seed, *"/".join(words).encode()])


def draw_study(planting: Planting) -> Drawn:
    """Draw every response that has a base.

    Raises:
        StudyError: responses that lean on one another in a circle.
    """
    assert planting.study.simulation is not None
    responses: dict[str, pd.DataFrame] = {}
    parts: dict[str, tuple[tuple[Profile, Array], ...]] = {}
    left_out = 0
    for base in ordered(planting.study, planting.effects):
        rows = rows_of(planting, base)
        if base.in_.startswith("operant."):
            counts = _draw_sessions(planting, base, rows, responses)
            left_out += counts.left_out
            responses |= counts.responses
            parts |= counts.parts
        else:
            responses[base.in_] = _draw(planting, base, rows, responses).drop(columns="even")
    return Drawn(responses=responses, parts=parts, left_out=left_out)


def ordered(study: Study, effects: Mapping[str, Effect]) -> tuple[Base, ...]:
    """Order the bases so that what a response leans on is drawn first.

    Raises:
        StudyError: a circle, named.
    """
    assert study.simulation is not None
    waiting = {base.in_: base for base in study.simulation.base}
    needs = {name: set[str]() for name in waiting}
    for effect in effects.values():
        if effect.slope_on is not None and effect.in_ in needs:
            needs[effect.in_] |= set(sources(study, effect.slope_on)) & set(waiting)
    bases: list[Base] = []
    while waiting:
        ready = [name for name in waiting if not needs[name] & set(waiting)]
        if not ready:
            raise StudyError(f"simulation.effects: {' and '.join(waiting)} lean on one another; take one slope out")
        bases += [waiting.pop(name) for name in ready]
    return tuple(bases)


def rows_of(planting: Planting, base: Base) -> pd.DataFrame:
    """Return the rows that a response has, with all factors; who misses one has none."""
    rows = planting.cohort.present(planting.cohort.resolved(_rows(planting, base)))
    operant, response = planting.study.operant, base.in_.partition(".")[2]
    if operant is None or not base.in_.startswith("operant."):
        return rows
    return session_rows(operant, rows, response, deliveries=draws_deliveries(planting.study))


def draws_deliveries(study: Study) -> bool:
    """Return whether deliveries have a base, so that presses of sessions with deliveries follow from them."""
    return study.simulation is not None and any(base.in_ == "operant.infusions" for base in study.simulation.base)


def _rows(planting: Planting, base: Base) -> pd.DataFrame:
    study, table = planting.study, base.in_.rpartition(".")[0]
    subjects = planting.cohort.subjects
    match table.partition(".")[0]:
        case "trials":
            assert planting.trials is not None
            return planting.trials
        case "operant":
            return expected_rows(study, "operant", subjects)
        case "maps":
            rows = expected_rows(study, base.in_, subjects)
            rest = [REST] if isinstance(study.maps[base.in_.partition(".")[2]], Given) else []
            return rows.merge(pd.DataFrame({"region": [*planting.regions, *rest]}), how="cross")
        case "edges":
            return expected_rows(study, base.in_, subjects).merge(_paths(planting, base.in_), how="cross")
        case _:
            return expected_rows(study, table, subjects)


def _paths(planting: Planting, of: str) -> pd.DataFrame:
    pairs = list(dict.fromkeys(pair for effect in edges_named(planting.study, of) for pair in effect))
    if planting.every_edge:
        regions = planting.study.edges[of.partition(".")[2]].regions or planting.regions
        edges = {frozenset(pair): pair for pair in [*combinations(regions, 2), *pairs] if len(set(pair)) > 1}
        for effect in edges_named(planting.study, of):
            if turned := [pair for pair in effect if edges.get(frozenset(pair), pair) not in effect]:
                one, other = turned[0]
                raise StudyError(
                    f"simulation.effects: an edge has no direction, and effects on {of} name both {one}, {other} and "
                    f"{other}, {one}; name the regions in one order"
                )
        pairs = list(edges.values())
    return pd.DataFrame(pairs, columns=["region", "region2"])


def edges_named(study: Study, of: str) -> list[tuple[tuple[str, str], ...]]:
    """Return the edges that each effect on a set of edges names; in scans all others have no path."""
    effects = study.simulation.effects.values() if study.simulation else ()
    named = [(one.where.get("region", ()), one.where.get("region2", ())) for one in effects if one.in_ == of]
    return [tuple(product(*pair)) for pair in named]


def _draw(
    planting: Planting,
    base: Base,
    rows: pd.DataFrame,
    drawn: Mapping[str, pd.DataFrame],
    scale: float | Array = 1.0,
) -> pd.DataFrame:
    """Draw the response of rows; effects and slopes on it are planted, expected values are scaled."""
    ends = _ends(rows) if base.shared_r else None
    rows = with_expected(planting, rows, base)
    rows = rows.assign(even=rows["expected"], expected=rows["expected"] * scale)
    slopes = [
        _slope(planting, rows, effect, drawn)
        for effect in planting.effects.values()
        if effect.slope_on is not None and effect.in_ == base.in_
    ]
    keys = [key for key in ("subject", "region", "region2" if planting.every_edge else "") if key in rows]
    unit = rows.groupby(keys, sort=False).ngroup().to_numpy(int)
    expected = rows["expected"].to_numpy(float)
    value = draw_response(expected, unit, base, planting.stream(base.in_), slopes=slopes, ends=ends)
    return rows.assign(value=value)


def _ends(rows: pd.DataFrame) -> Ends:
    regions, _ = pd.factorize(pd.concat([rows["region"], rows["region2"]]))
    cells = rows.drop(columns=["region", "region2"])
    return Ends(
        regions=regions.reshape(2, -1),
        subject=pd.factorize(rows["subject"])[0],
        cell=cells.groupby(list(cells), sort=False, dropna=False).ngroup().to_numpy(int),
    )


def with_expected(planting: Planting, rows: pd.DataFrame, base: Base) -> pd.DataFrame:
    """Add `base`, a column `effect_NAME` for each effect on the response, and `expected`."""
    columns = _effect_columns(rows, base.in_, planting, counts=base.counts)
    expected = np.full(len(rows), base.mean)
    for values in columns.values():
        expected = expected * values if base.counts else expected + values
    slopes = {
        f"effect_{name}": np.where(chosen(rows, effect.where), _correlation(effect), 0.0)
        for name, effect in planting.effects.items()
        if effect.in_ == base.in_ and effect.slope_on is not None
    }
    return rows.assign(base=base.mean, **columns, **slopes, expected=expected)


def _correlation(effect: Effect) -> float:
    assert isinstance(effect.add, int | float)  # checked before anything is drawn
    return float(effect.add)


def _effect_columns(rows: pd.DataFrame, of: str, planting: Planting, *, counts: bool) -> dict[str, Array]:
    """Return what each effect on a response adds to its rows, or multiplies them by."""
    return {
        f"effect_{name}": planted(rows, effect, planting.tables, counts=counts)
        for name, effect in planting.effects.items()
        if effect.in_ == of and effect.slope_on is None
    }


def _slope(planting: Planting, rows: pd.DataFrame, effect: Effect, drawn: Mapping[str, pd.DataFrame]) -> Slope:
    subjects = planting.cohort.subjects
    assert effect.slope_on is not None
    numbers = subject_numbers(planting.study, effect.slope_on, drawn)
    z = standardized(numbers, subjects, planting.columns.group)
    place = rows["subject"].map(dict(zip(subjects["subject"], z, strict=True)))
    return Slope(rows=chosen(rows, effect.where), z=place.to_numpy(float), r=_correlation(effect))


def _draw_sessions(planting: Planting, base: Base, rows: pd.DataFrame, drawn: Mapping[str, pd.DataFrame]) -> Drawn:
    """Draw the counts of sessions and of their parts; measures of the same events are counted from these."""
    study = planting.study
    operant = study.operant
    assert operant is not None
    response = base.in_.partition(".")[2]
    effects = tuple(effect for effect in planting.effects.values() if effect.in_ != base.in_)
    shapes = profiles(operant, rows, response, effects, planting.tables)
    scale = np.ones(len(rows))
    for profile in shapes:
        scale[profile.rows] = profile.shares.sum(axis=1)
    rows = _draw(planting, base, rows, drawn, scale)
    rng = planting.stream(base.in_, "parts")
    value = rows["value"].to_numpy(float)
    possible = np.minimum(value, most_deliveries(operant, rows)) if response == "infusions" else value
    gap_s = gap_of(response, deliveries=draws_deliveries(study))
    parts = [(profile, part_counts(possible, profile, gap_s, rng)) for profile in shapes]
    kept = possible.copy()
    for profile, counts in parts:
        kept[profile.rows] = counts.sum(axis=1)
    responses = {base.in_: rows.assign(value=kept).drop(columns="even")}
    for name, measure in operant.measures.items():
        if WHOLE[measure.count] == response:
            table = f"bins.{name}" if measure.every_min else f"operant.{name}"
            measured = measure_table(rows, parts, measure, "even").drop(columns="even")
            responses[table] = measured.assign(**_effect_columns(measured, table, planting, counts=True))
    return Drawn(responses=responses, parts={base.in_: tuple(parts)}, left_out=int((value - kept).sum()))


def gap_of(response: str, *, deliveries: bool) -> float:
    """Return the shortest time (s) between two events of a session.

    A press pays only after the time-out; where presses alone are drawn, all of a session with deliveries do.
    """
    return TIMEOUT_S if response == "infusions" or (response == "active" and not deliveries) else 0.0


def effects_of(study: Study, hypothesis: str) -> dict[str, Effect]:
    """Return the effects that a hypothesis plants; `null` plants none.

    Raises:
        StudyError: no such hypothesis.
    """
    assert study.simulation is not None
    simulation = study.simulation
    if hypothesis == "null":
        return {}
    if hypothesis not in simulation.hypotheses:
        names = ", ".join([*simulation.hypotheses, "null"])
        raise StudyError(f"hypothesis '{hypothesis}' is unknown; expected one of: {names}")
    return {name: simulation.effects[name] for name in simulation.hypotheses[hypothesis]}


def first_hypothesis(study: Study) -> str:
    """Return the hypothesis that is simulated where none is named."""
    if study.simulation and study.simulation.lived:
        return next(iter(WORLDS))
    hypotheses: Sequence[str] = tuple(study.simulation.hypotheses) if study.simulation else ()
    return hypotheses[0] if hypotheses else "null"
