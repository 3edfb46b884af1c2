"""Sections of a draft about scans: `scans`, `trials`, `nuisance` and the set of maps that is made of them."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.imaging.nuisance import MOTION_NAMES
from cuecircuit.io.confounds import read_confounds
from cuecircuit.io.physio import read_respiration
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.io.tables import read_table
from cuecircuit.starting.cast import Cast
from cuecircuit.starting.draft_parts import Answers, Choice, Note, Part
from cuecircuit.starting.level_order import level_choice, order_levels
from cuecircuit.starting.scan_plan import ScanPlan
from cuecircuit.starting.words import is_no_cell

CELL, SET = "cue", "task"
_MOST_CELLS = 12  # more are single stimuli, not conditions
_COLUMNS = ("cosine", "non_steady_state_outlier")


def scan_part(plan: ScanPlan, people: Cast, answers: Answers) -> Part:
    """Draft the sections about scans; without conditions in the events no maps are made.

    Args:
        plan: the scans to take.
        people: who takes part.
        answers: given so far.

    Raises:
        DataError: no header can be read.
    """
    scans = [scan for scan in plan.scans if scan.subject in people.group_of]
    settings, notes = _scans(plan, people)
    sessions = level_choice("session", plan.sessions) if plan.sessions else None
    cells, cell_choices, cell_notes = _cells(scans, answers)
    choices = [*plan.choices, *([sessions] if sessions else []), *cell_choices]
    factors: dict[str, Any] = {"session": list(order_levels(sessions, answers))} if sessions else {}
    made: dict[str, Any] = {"scans": settings, "factors": factors}
    if cells:
        factors[CELL] = cells["levels"]
        made["trials"] = {"cells": CELL, **cells["trials"]}
        if _all_breathe(plan):
            made["trials"]["breathing"] = "respiration"
        made["nuisance"], nuisance_choices = _nuisance(plan, people, answers)
        made["maps"], map_choices = _maps(people, plan, answers)
        choices += [*nuisance_choices, *map_choices]
    if not factors:
        del made["factors"]
    return Part(settings=made, choices=tuple(choices), notes=(*plan.notes, *notes, *cell_notes))


def _scans(plan: ScanPlan, people: Cast) -> tuple[dict[str, Any], list[Note]]:
    headers = plan.headers
    if not headers:
        raise DataError(f"{plan.scans[0].bold}: none of {len(plan.scans)} scans has a header that can be read")
    notes = []
    trs = Counter(round(header.tr_s, 4) for header in headers)
    volumes = Counter(header.volumes for header in headers)
    if len(trs) > 1:
        times = ", ".join(f"{tr:g} s ({n} scans)" for tr, n in trs.most_common())
        notes.append(Note(path="scans", text=f"TR differs: {times}; take scans of one TR", is_open=True))
    grids: list[tuple[str, int]] = Counter(str(header.grid) for header in headers).most_common()
    if len(grids) > 1:
        times = "; ".join(f"{grid} ({n} scans)" for grid, n in grids)
        text = f"scans are on several grids: {times}; preprocess them to one space, or leave some out"
        notes.append(Note(path="scans", text=text, is_open=True))
    sessions = f", sessions {', '.join(plan.sessions)}" if plan.sessions else ""
    lengths = ", ".join(f"{number} volumes: {n} scans" for number, n in sorted(volumes.items()))
    notes.append(
        Note(path="scans", text=f"{len(plan.scans)} scans of {len(plan.subjects)} subjects{sessions}; {lengths}")
    )
    if strangers := sorted(plan.subjects - set(people.table.subjects)):
        text = f"scanned and not in {people.table.path.name}, so left out: {', '.join(strangers)}"
        notes.append(Note(path="scans", text=text, is_open=True))
    entities = {name: value for name, value in plan.entities.items() if name not in ("space", "res", "echo")}
    dataset = people.place.written(plan.raw or people.place.folder)
    settings: dict[str, Any] = {
        **({"dataset": dataset} if dataset != "." else {}),
        "task": plan.task,
        "tr_s": trs.most_common(1)[0][0],
        **({"volumes": next(iter(volumes))} if len(volumes) == 1 else {}),
        **({"derivatives": people.place.written(plan.derived)} if plan.derived else {}),
        **{name: value for name, value in plan.entities.items() if name in ("space", "res", "echo")},
        **({"runs": "combine"} if plan.has_runs else {}),
        **({"entities": entities} if entities else {}),
    }
    return settings, notes


def _cells(scans: list[ScanFiles], answers: Answers) -> tuple[dict[str, Any], list[Choice], list[Note]]:
    """Return the levels of the conditions and how events state them; nothing where they state none."""
    tables = [read_table(scan.events, text=("trial_type",)) for scan in scans if scan.events is not None]
    if not tables:
        return {}, [], [Note(path="scans", text="no events files: nothing says when cues were shown", is_open=True)]
    column, choices = _column(tables, answers)
    if column is None:
        columns = ", ".join(map(str, tables[0].columns))
        text = f"no column of the events names conditions (found: {columns}); add trial_type"
        return {}, [], [Note(path="scans", text=text, is_open=True)]
    counts = Counter(str(value) for table in tables if column in table for value in table[column].dropna())
    others = _others(list(counts))
    if others and answers.of(others[1]) == "yes":
        types = [name for name in counts if name not in others[0]]
    else:
        types = list(counts)
    choices += [others[1]] if others else []
    reference = level_choice(CELL, types)
    levels = order_levels(reference, answers)
    each = "; ".join(f"{name} {counts[name] / len(tables):g}" for name in levels)
    notes = [Note(path="trials", text=f"events per scan, on average: {each}")]
    trials: dict[str, Any] = {"others": left} if (left := [name for name in counts if name not in types]) else {}
    trials |= {"column": column} if column != "trial_type" else {}
    return {"levels": list(levels), "trials": trials}, [*choices, reference], notes


def _others(types: list[str]) -> tuple[list[str], Choice] | None:
    """Return the trial types that are no conditions by their names; None where all or none are."""
    others = [name for name in types if is_no_cell(name)]
    if not others or len(others) == len(types):
        return None
    why = f"{', '.join(others)}: read as no condition of interest; modeled, in no estimate"
    options = ("yes", "no")
    return others, Choice(
        path="trials.others", question="are these no cues?", likeliest="yes", why=why, options=options
    )


def _column(tables: list[pd.DataFrame], answers: Answers) -> tuple[str | None, list[Choice]]:
    rows = pd.concat(tables, ignore_index=True)
    fitting = [
        str(name)
        for name in rows
        if name not in ("onset", "duration")
        and 1 < rows[name].nunique() <= _MOST_CELLS
        and not pd.api.types.is_float_dtype(rows[name])
    ]
    if "trial_type" in fitting or not fitting:
        return ("trial_type" if fitting else None), []
    choice = Choice(
        path="trials.column",
        question="column of the events that names the conditions",
        likeliest=fitting[0],
        why="there is no trial_type with 2 to 12 conditions",
        options=tuple(fitting),
    )
    return answers.of(choice), [choice]


def _all_breathe(plan: ScanPlan) -> bool:
    if not all(scan.physio for scan in plan.scans):
        return False
    first = plan.scans[0].physio
    assert first is not None
    try:
        read_respiration(first, plan.raw or first.parent)
    except DataError:
        return False
    return True


def _nuisance(plan: ScanPlan, people: Cast, answers: Answers) -> tuple[dict[str, Any], list[Choice]]:
    names = _confounds(plan)
    drift = Choice(
        path="nuisance.drift_period_s",
        question="longest period kept, s",
        likeliest="128",
        why="usual; longer than twice the time between two blocks of one cue",
    )
    if names is None:
        return {"drift_period_s": answers.number(drift)}, [drift]
    has_motion = all(name in names for name in MOTION_NAMES)
    motion = Choice(
        path="nuisance.motion",
        question="columns of motion",
        likeliest="24" if people.is_human else "6",
        why="Satterthwaite et al. 2013" if people.is_human else "usual in rodents",
        options=("0", "6", "12", "24"),
    )
    columns = [name for name in _COLUMNS if any(column.startswith(name) for column in names)]
    has_cosine = "cosine" in columns
    settings = {
        **({"motion": int(answers.number(motion))} if has_motion else {}),
        **({"columns": columns} if columns else {}),
        **({} if has_cosine else {"drift_period_s": answers.number(drift)}),
    }
    return settings, [*([motion] if has_motion else []), *([] if has_cosine else [drift])]


def _confounds(plan: ScanPlan) -> Mapping[str, object] | None:
    """Return the columns of the confounds of the first scan; None where some scan has none."""
    first = plan.scans[0].confounds
    if first is None or not all(scan.confounds for scan in plan.scans):
        return None
    try:
        return read_confounds(first)
    except DataError:
        return None


def _maps(people: Cast, plan: ScanPlan, answers: Answers) -> tuple[dict[str, Any], tuple[Choice, ...]]:
    hrf = Choice(
        path=f"maps.{SET}.hrf",
        question="response function",
        likeliest="spm" if people.is_human else "rat",
        why=f"usual for {people.species_name}",
        options=("spm", "glover", "rat", "fir"),
    )
    edge = float(plan.headers[0].grid.voxel_mm.max())
    smoothing = Choice(
        path=f"maps.{SET}.smoothing_fwhm_mm",
        question="smoothing, FWHM in mm",
        likeliest="6" if people.is_human else f"{2 * edge:g}",
        why="usual" if people.is_human else "twice the longest edge of a voxel",
    )
    settings = {"kind": "glm", "cells": CELL, "hrf": answers.of(hrf), "smoothing_fwhm_mm": answers.number(smoothing)}
    return {SET: settings}, (hrf, smoothing)
