"""What keeps a study file from being simulated: every fault, with its path, what was found and what to do."""

from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

import pandas as pd

from cuecircuit.errors import StudyError
from cuecircuit.simulation.columns import (
    WHOLE,
    Columns,
    drawn_source,
    group_factor,
    is_key,
    numbers_asked,
    responses_asked,
)
from cuecircuit.simulation.draws import share_between
from cuecircuit.simulation.effects import as_text, leaves
from cuecircuit.simulation.predictors import sources
from cuecircuit.study.accounting import Accounting
from cuecircuit.study.acquisition import Blocks, Given, Glm
from cuecircuit.study.questions import Base, Effect
from cuecircuit.study.schema import Study


def study_faults(study: Study, columns: Columns) -> Iterator[str]:
    """Yield what is wrong before anything is drawn."""
    simulation = study.simulation
    if simulation is None:
        yield "simulation: missing; give n (subjects by group) and base (each response without effects)"
        return
    if study.preprocess is not None:
        yield "preprocess: simulated scans lie in the space of the maps; leave the section out"
    for name in ("source", "sessions", "weights") if study.operant is not None else ():
        if getattr(study.operant, name) is not None:
            yield f"operant.{name}: MED-PC files are written, and no file that it could name; leave it out to simulate"
    for subject in study.subjects.exclude:
        yield f"subjects.exclude: {subject} is no simulated subject; leave it out"
    yield from size_faults(study, columns)
    yield from _base_faults(study)
    absent: dict[str, str] = {}
    scanned, drawn = _sets_of_scans(study)
    for path, name in lacking_bases(study):
        if not (drawn and name in scanned):  # another set is made of the same scans
            absent.setdefault(name, path)
    yield from (lacking_fault(path, name) for name, path in absent.items())
    yield from _map_faults(study)
    for name, effects in simulation.hypotheses.items():
        for effect in effects:
            if effect not in simulation.effects:
                yield f"simulation.hypotheses.{name}: {_no(effect, simulation.effects, 'effect')}"


def size_faults(study: Study, columns: Columns) -> Iterator[str]:
    """Yield what is wrong with the numbers of subjects."""
    assert study.simulation is not None
    sizes = study.simulation.n
    if group_factor(study, columns.factors) is None and set(sizes) != {"all"}:
        yield f"simulation.n: no factor has the levels {', '.join(sizes)}; name the levels of one, or `all`"
    for group, size in sizes.items():
        if size < 2:
            yield f"simulation.n.{group}: {size} subjects have no spread; give 2 or more"
    keys = {key for plan in Accounting(study).tables.values() for key in plan.keys} - {"subject"}
    for rule in study.simulation.missing:
        key, _, level = rule.partition("=")
        if key not in keys:
            yield f"simulation.missing: '{rule}': {_no(key, keys, 'key of a table')}; write key=level"
        elif (levels := Accounting(study).levels("", key)) and level not in levels:
            yield f"simulation.missing: '{rule}': {_no(level, levels, f'level of {key}')}"


def _base_faults(study: Study) -> Iterator[str]:
    assert study.simulation is not None
    for name, times in Counter(base.in_ for base in study.simulation.base).items():
        if times > 1:
            yield f"simulation.base: {name} has {times} bases; keep one"
    drawable = set(_drawable(study))
    for base in study.simulation.base:
        table, _, response = base.in_.partition(".")
        if table in ("subjects", "visits") and response and (table == "subjects" or "session" in study.factors):
            pass
        elif base.in_ not in drawable:
            yield f"simulation.base: {_no(base.in_, drawable, 'response that can be drawn')}"
        elif table == "operant" and not base.counts:
            yield f"simulation.base: {base.in_} counts events; add counts: true"
        if base.counts and base.mean <= 0:
            yield f"simulation.base: {base.in_}: counts have a mean above 0, found {base.mean:g}"


def _drawable(study: Study) -> Iterator[str]:
    if study.operant is not None:
        yield from (f"operant.{name}" for name in WHOLE.values())
    if study.trials is not None:
        yield from (f"trials.{name}" for name in study.trials.measures)
        if study.trials.breathing:
            yield f"trials.{study.trials.breathing}"
    yield from (f"maps.{name}" for name in study.maps)
    yield from (f"edges.{name}" for name in study.edges)


def lacking_bases(study: Study) -> Iterator[tuple[str, str]]:
    """Yield responses and numbers that have no base: the path of who asks about each, and its reference."""
    assert study.simulation is not None
    bases = {base.in_ for base in study.simulation.base}
    by_day = {name for phase in (study.operant.phases.values() if study.operant else ()) for name in phase.by_day}
    for of, path in responses_asked(study):
        source = drawn_source(study, of)
        plain = source.startswith("derived.") or source.partition(".")[2] in by_day
        presses = source == "operant.active" and "operant.infusions" in bases
        if not plain and not presses and source not in bases:
            yield path, source
    for name in study.trials.measures if study.trials else ():
        if f"trials.{name}" not in bases:
            yield "trials.measures", f"trials.{name}"
    for name, path in numbers_asked(study):
        if not is_key(study, name) and not bases & {f"subjects.{name}", f"visits.{name}"}:
            yield path, f"subjects.{name}"


def lacking_fault(path: str, name: str) -> str:
    """Return the fault of who asks about a response without a base."""
    advice = "give its mean, between_sd and within_sd under simulation.base"
    return f"{path}: asks about {name}, which has no base; {advice}"


def _sets_of_scans(study: Study) -> tuple[list[str], list[str]]:
    """Return the tables of maps that are made of events in scans, and those of them that have a base."""
    assert study.simulation is not None
    bases = {base.in_ for base in study.simulation.base}
    scanned = [f"maps.{name}" for name, maps in study.maps.items() if isinstance(maps, Blocks | Glm)]
    return scanned, [name for name in scanned if name in bases]


def _map_faults(study: Study) -> Iterator[str]:
    drawn = _sets_of_scans(study)[1]
    if len(drawn) > 1:
        yield f"simulation.base: {' and '.join(drawn)} would be drawn into the same scans; give one of them a base"
    if study.maps and study.space is None:
        yield "space: missing; maps need a mask"
    for name, maps in study.maps.items():
        if not isinstance(maps, Given) and study.scans is None:
            yield f"scans: missing; maps.{name} is made from scans"
        if isinstance(maps, Blocks | Glm) and study.trials is None:
            yield f"trials: missing; maps.{name} needs events"
    if study.trials is not None and study.scans is None:
        yield "scans: missing; trials are events of scans"


def effect_faults(study: Study, rows: Mapping[str, pd.DataFrame], tables: Mapping[str, object]) -> Iterator[str]:
    """Yield what is wrong with effects, against the rows that they are to change.

    Args:
        study: with bases and effects.
        rows: keys and factors of each response that can have effects.
        tables: TSVs that were found.
    """
    assert study.simulation is not None
    bases = {base.in_: base for base in study.simulation.base}
    for name, effect in study.simulation.effects.items():
        path = f"simulation.effects.{name}"
        if effect.in_ not in rows:
            yield f"{path}.in: {_no(effect.in_, rows, 'response with a base, or measure of one')}"
            continue
        table = rows[effect.in_]
        base = bases.get(effect.in_) or bases[drawn_source(study, effect.in_)]
        for key in (*effect.where, *effect.by):
            if key not in table:
                yield f"{path}: {_no(key, table.columns, f'key of {effect.in_} or factor')}"
        yield from (f"{path}.where.{fault}" for fault in _level_faults(table, effect))
        yield from (f"{path}.{fault}" for fault in _add_faults(study, table, effect, base, tables))


def _level_faults(rows: pd.DataFrame, effect: Effect) -> Iterator[str]:
    for key, levels in effect.where.items():
        if key in rows:
            present = set(as_text(rows[key])) | (
                {"first", "last"} if pd.api.types.is_numeric_dtype(rows[key]) else set()
            )
            yield from (
                f"{key}: {_no(level, present, f'level of {key} here')}" for level in levels if level not in present
            )


def _add_faults(
    study: Study, rows: pd.DataFrame, effect: Effect, base: Base, tables: Mapping[str, object]
) -> Iterator[str]:
    if effect.slope_on is not None:
        yield from _slope_faults(study, effect, base)
    elif isinstance(effect.add, str):
        if effect.add not in tables:
            yield f"add: '{effect.add}' is no table beside the study file; expected a TSV with keys and add"
    else:
        ends = leaves(effect.add)
        if any(depth != len(effect.by) for depth, _ in ends):
            yield f"add: expected a tree with a level for each of by ({', '.join(effect.by) or 'none'})"
        for _, value in ends:
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield f"add: '{value}' is no number"
            elif base.counts and value < 0:
                yield f"add: {value:g} multiplies a count; give 0 or more"
        if effect.by and isinstance(effect.add, dict) and effect.by[0] in rows:
            present = set(as_text(rows[effect.by[0]]))
            yield from (
                f"add: {_no(str(level), present, f'level of {effect.by[0]} here')}"
                for level in effect.add
                if str(level) not in present
            )


def _slope_faults(study: Study, effect: Effect, base: Base) -> Iterator[str]:
    assert study.simulation is not None
    assert effect.slope_on is not None
    if base.in_ != effect.in_:
        yield f"slope_on: {effect.in_} is a part of {base.in_}; plant the slope there"
    if not isinstance(effect.add, int | float):
        yield "add: with slope_on it is one number, the correlation within groups"
    elif abs(effect.add) > share_between(base) * (1 - 1e-9):
        yield (
            f"add: a correlation of {effect.add:g} takes more variance than lies between subjects; at most "
            f"{share_between(base):.2f} with these SDs, or raise between_sd of {base.in_}"
        )
    bases = {other.in_ for other in study.simulation.base}
    try:
        lacking = [source for source in sources(study, effect.slope_on) if source not in bases]
    except StudyError as error:
        yield from error.faults
        return
    if lacking:
        yield f"slope_on: {effect.slope_on} goes back to {', '.join(lacking)}, which has no base"


def _no(word: str, known: object, what: str) -> str:
    names = sorted(map(str, known))  # pyright: ignore[reportArgumentType]
    near = get_close_matches(word, names, n=1)
    return f"'{word}' is no {what}; " + (f"did you mean {near[0]}?" if near else f"expected one of: {', '.join(names)}")
