"""Table `trials`: every event of a scan that is a cell of the study, with its measures and the breathing in it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.imaging.respiration import block_rates, find_breaths, plausible_rates
from cuecircuit.io.events import EventRules, read_run_events
from cuecircuit.io.physio import read_respiration
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.io.tables import ColumnNote
from cuecircuit.pipeline.faults import faults_named, shared_faults
from cuecircuit.records.scan import Block
from cuecircuit.study.experiment import Trials
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

VALID = "breathing_valid"


def trial_cells(files: StudyFiles, trials: Trials) -> Mapping[str, Mapping[str, str]]:
    """Return the levels of factors that each trial type stands for."""
    if isinstance(trials.cells, str):
        return {level: {trials.cells: level} for level in files.study.factors[trials.cells].levels}
    return trials.cells


def event_rules(files: StudyFiles, trials: Trials) -> EventRules:
    """Return what the study says of events."""
    return EventRules(column=trials.column, cells=tuple(trial_cells(files, trials)), ignored=trials.ignored)


def trials_table(files: StudyFiles, trials: Trials, subjects: Table) -> Table:
    """Read the events of every scan of the subjects.

    Raises:
        DataError: events that are missing or at fault, trial types that are neither cells nor others, measures that
            are no column or hold text.
    """
    parts, faults = [], []
    included = set(subjects.rows["subject"])
    for scan in files.scans.scans:
        if scan.subject in included:
            try:
                parts.append(scan_trials(files, trials, scan))
            except CuecircuitError as error:
                faults += [(_file_of(scan, fault), fault) for fault in error.faults]
    if faults:
        raise DataError(shared_faults(faults))
    if not parts:
        raise DataError("no scan of a subject of the study has events")
    keys = files.books.tables["trials"].keys
    rows = pd.concat(parts, ignore_index=True)
    notes: dict[str, ColumnNote] = {
        "subject": "participant label",
        "session": "entity ses",
        "run": "entity run",
        "trial": "number of the event among the cells of its scan, by onset, from 1",
        "onset_s": {"Description": "onset from the first volume", "Units": "s"},
        "duration_s": {"Units": "s"},
        "trial_type": "name of the event",
        **{name: f"factor {name}" for name in (*_factors(files, trials), *trials.parts)},
        **dict.fromkeys((*trials.measures, *trials.labels), "column of the events"),
    }
    if trials.breathing:
        notes[trials.breathing] = {"Description": "mean breathing rate during the event", "Units": "breaths/min"}
        notes[VALID] = "share of the event in which breaths could be told apart"
    columns = [*keys, *(name for name in notes if name in rows and name not in (*keys, "session", "run"))]
    return Table(name="trials", keys=keys, rows=rows[columns], notes=notes)


def _factors(files: StudyFiles, trials: Trials) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for levels in trial_cells(files, trials).values() for name in levels))


def _file_of(scan: ScanFiles, fault: str) -> str:
    """Return the file of a scan that a fault names."""
    named = (str(path) for path in (scan.events, scan.physio) if path is not None)
    return next((path for path in named if fault.startswith(f"{path}:")), str(scan.bold))


def scan_trials(files: StudyFiles, trials: Trials, scan: ScanFiles) -> pd.DataFrame:
    """Read the trials of one scan.

    Raises:
        DataError: as `trials_table`.
    """
    if scan.events is None:
        where = files.study.scans.dataset if files.study.scans else "."
        raise DataError(
            f"{scan.bold}: no events file belongs to it in the raw data set, scans.dataset ({where}); name the data "
            "set that has the events there, add the file, or exclude the scan (scans.exclude)"
        )
    cells = trial_cells(files, trials)
    events = read_run_events(scan.events, event_rules(files, trials)).table
    strays = sorted(set(events["trial_type"]) - {*cells, *trials.others})
    if strays:
        raise DataError(
            f"{scan.events}: {trials.column} {', '.join(strays)} is neither a cell of the study ({', '.join(cells)}) "
            "nor in trials.others (modeled) or trials.ignored (left out); name it in one of them"
        )
    in_cells = events[events["trial_type"].isin(list(cells))].sort_values("onset", kind="stable").reset_index(drop=True)
    rows = pd.DataFrame(
        {
            "subject": scan.subject,
            "session": scan.session,
            "run": "1" if scan.run is None else str(scan.run),
            "trial": np.arange(1, len(in_cells) + 1),
            "onset_s": in_cells["onset"].astype(float),
            "duration_s": in_cells["duration"].astype(float),
            "trial_type": in_cells["trial_type"].astype(str),
        }
    )
    for name in _factors(files, trials):
        rows[name] = [cells[kind].get(name) for kind in in_cells["trial_type"]]
    for part, levels in trials.parts.items():
        level_of = {place: level for level, places in levels.items() for place in places}
        rows[part] = (rows.groupby("trial_type").cumcount() + 1).map(level_of)
    _check_measures(scan, in_cells, trials)
    rows = rows.assign(
        **{name: in_cells[name].astype(float) for name in trials.measures},
        **{name: in_cells[name].astype("string").astype(object) for name in trials.labels},
    )
    if trials.breathing:
        rates, valid = _breathing(files, scan, rows)
        rows = rows.assign(**{trials.breathing: rates, VALID: valid})
    return rows


def _check_measures(scan: ScanFiles, events: pd.DataFrame, trials: Trials) -> None:
    there = ", ".join(map(str, events))
    faults = [
        f"{scan.events}:1: no column {name} (trials.{key}); found: {there}"
        for key, names in (("measures", trials.measures), ("labels", trials.labels))
        for name in names
        if name not in events
    ]
    faults += [
        f"{scan.events}: text in {name} (trials.measures); expected numbers and n/a"
        for name in trials.measures
        if name in events and not pd.api.types.is_numeric_dtype(events[name])
    ]
    DataError.raise_any(faults)


def blocks_of_trials(trials: pd.DataFrame) -> tuple[Block, ...]:
    """Return trials as blocks."""
    return tuple(
        Block(onset_s=float(onset), duration_s=float(duration), cue=str(kind))
        for onset, duration, kind in zip(trials["onset_s"], trials["duration_s"], trials["trial_type"], strict=True)
    )


def _breathing(
    files: StudyFiles, scan: ScanFiles, rows: pd.DataFrame
) -> tuple[Float[Array, "trial"], Float[Array, "trial"]]:
    if scan.physio is None or files.study.scans is None:
        return np.full(len(rows), np.nan), np.zeros(len(rows))
    with faults_named(scan.physio):
        trace = read_respiration(scan.physio, files.path(files.study.scans.dataset))
        rates = block_rates(find_breaths(trace, plausible_rates(files.study.subjects.species)), blocks_of_trials(rows))
    return rates.per_min, rates.valid_share


def trial_files(files: StudyFiles) -> tuple[Path, ...]:
    """Return the events and recordings that trials are read from.

    Raises:
        DataError: as `study_scans`.
    """
    return tuple(path for scan in files.scans.scans for path in (scan.events, scan.physio) if path is not None)
