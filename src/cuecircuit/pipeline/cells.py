"""The design as the files have it: subjects, scans, cue blocks with their respiration, and the cells they make."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.imaging.respiration import block_rates, find_breaths, plausible_rates
from cuecircuit.io.bids import ScanFiles, find_derivatives, find_scans, read_participants, read_scan_table
from cuecircuit.io.events import EventRules, Events, blocks_of_events, read_run_events
from cuecircuit.io.nifti import read_grid
from cuecircuit.io.physio import read_respiration
from cuecircuit.io.rabies import find_rabies, is_rabies
from cuecircuit.io.scan_inventory import ScanChoice, ScanSelection, one_per_run
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.records.scan import Block
from cuecircuit.study.study import Study

RESPIRATION = "respiration"


def subjects_of(files: StudyFiles) -> pd.DataFrame:
    """Read the participants who enter the analysis: column `subject` and those of participants.tsv.

    Raises:
        DataError: the table is at fault, or the study excludes somebody who is not in it.
    """
    wanted = files.study.subjects
    path = files.path(wanted.participants)
    everyone = read_participants(path, group=wanted.group, levels=wanted.groups)
    unknown = sorted(set(wanted.exclude) - set(everyone["subject"]))
    if unknown:
        raise DataError(f"{path}: no participant {', '.join(unknown)}, whom subjects.exclude of the study names")
    kept = everyone[~everyone["subject"].isin(wanted.exclude)]
    # by group and name: in which order the table has them does not matter
    groups = kept[wanted.group].map(wanted.groups.index) if wanted.groups else 0
    order = kept.assign(group_number=groups).sort_values(["group_number", "subject"]).index
    return kept.loc[order].reset_index(drop=True)


def scans_of(files: StudyFiles) -> tuple[ScanFiles, ...]:
    """Find the scans of the study: one for each subject, session and run.

    Raises:
        DataError: as `scan_selection`.
    """
    return scan_selection(files).scans


def scan_selection(files: StudyFiles) -> ScanSelection:
    """Find all scans of the study's task, raw, preprocessed or those of a table, and choose one for each run.

    Raises:
        DataError: no scan, or sessions and entities that the study does not account for.
    """
    return one_per_run(_all_scans(files), scan_choice(files), exclude=files.study.subjects.exclude)


def scan_choice(files: StudyFiles) -> ScanChoice:
    """Return what the study says of sessions and entities."""
    source = files.study.acquisition
    return ScanChoice(
        sessions=source.sessions_taken, session_setting=source.session_setting, entities=source.entities_taken
    )


def _all_scans(files: StudyFiles) -> tuple[ScanFiles, ...]:
    scan = files.study.acquisition
    if scan.scans is not None:
        return read_scan_table(files.path(scan.scans))
    if scan.derivatives is not None:
        folder = files.path(scan.derivatives)
        if is_rabies(folder):
            return find_rabies(files.path(scan.dataset), folder, task=scan.task)
        desc = scan.entities.get("desc", "preproc")
        return find_derivatives(files.path(scan.dataset), folder, task=scan.task, desc=desc)
    return find_scans(files.path(scan.dataset), task=scan.task)


def raw_scans_without_result(files: StudyFiles, scans: tuple[ScanFiles, ...]) -> tuple[ScanFiles, ...]:
    """List raw scans of which there is no preprocessed one; none where the study takes no preprocessed scans."""
    scan = files.study.acquisition
    if scan.derivatives is None or scan.scans is not None:
        return ()
    try:
        raw = find_scans(files.path(scan.dataset), task=scan.task, confounds=False)
    except DataError:  # a derivative may stand without the raw data set
        return ()
    known = {one.name for one in scans}
    return tuple(one for one in raw if one.name not in known)


def event_rules(files: StudyFiles) -> EventRules:
    """Return what the study says of events."""
    cues = files.study.cues
    return EventRules(column=cues.column, cells=cues.levels, others=cues.others)


def run_events(files: StudyFiles, scan: ScanFiles, *, scan_s: float | None = None) -> Events:
    """Read the events of a scan.

    Raises:
        DataError: there is no events file, or it is at fault.
    """
    if scan.events is None:
        raise DataError(f"{scan.bold}: no events file belongs to it")
    return read_run_events(scan.events, event_rules(files), scan_s=scan_s)


def blocks_of(files: StudyFiles, scan: ScanFiles) -> tuple[Block, ...]:
    """Read the cue blocks of a scan in order of time, without conditions that are no cue.

    Raises:
        DataError: there is no events file, or it is at fault.
    """
    return blocks_of_events(run_events(files, scan).table, files.study.cues.levels)


def event_notes(files: StudyFiles, scans: Iterable[ScanFiles]) -> Iterator[str]:
    """Yield what is left out of the events of the scans, one line for each reason."""
    rows: dict[str, Counter[str]] = {}
    places: dict[str, list[Path]] = {}
    for scan in scans:
        _, volumes, _ = read_grid(scan.bold)
        events = run_events(files, scan, scan_s=volumes * files.study.acquisition.tr_s)
        for (why, name), number in events.left_out.items():
            rows.setdefault(why, Counter())[name] += number
        for why in dict.fromkeys(why for why, _ in events.left_out):
            places.setdefault(why, []).append(scan.bold if scan.events is None else scan.events)
    for why, names in rows.items():
        others = f" and {len(places[why]) - 1} other files" if len(places[why]) > 1 else ""
        listed = ", ".join(f"{name} {number}" for name, number in sorted(names.items()))
        yield f"{places[why][0]}{others}: {names.total()} rows {why} are left out ({listed})"


def block_table(files: StudyFiles, scan: ScanFiles) -> pd.DataFrame:
    """Give one row per cue block: run, cue, number (of its cue in the scan), level, onset, duration, respiration.

    Raises:
        DataError: events or the respiratory trace are at fault.
    """
    study, blocks = files.study, blocks_of(files, scan)
    level_of = {number: level for level, numbers in study.response.blocks.items() for number in numbers}
    table = pd.DataFrame({"cue": [block.cue for block in blocks]})
    number = table.groupby("cue").cumcount() + 1
    per_min, valid = _respiration(files, scan, blocks)
    return table.assign(
        run=scan.run,
        number=number,
        level=number.map(level_of),
        onset=[block.onset_s for block in blocks],
        duration=[block.duration_s for block in blocks],
        respiration=per_min,
        respiration_valid=valid,
    )[["run", "cue", "number", "level", "onset", "duration", "respiration", "respiration_valid"]]


def cell_members(study: Study, blocks: pd.DataFrame) -> dict[tuple[str, str], "pd.Series"]:
    """Give the blocks that each cell (cue, level) averages.

    Raises:
        DataError: a cell without blocks, or cells with unequal numbers of blocks.
    """
    members = {
        (cue, level): (blocks["cue"] == cue) & (blocks["level"] == level)
        for cue, level in product(study.cues.levels, study.response.blocks)
    }
    numbers = {cell: int(chosen.sum()) for cell, chosen in members.items()}
    expected = max(numbers.values())
    faults = [
        f"cell {cue} {level} has {found} blocks, others have {expected}; an unbalanced cell cannot be averaged alike; "
        "add what is missing, or exclude the subject (subjects.exclude)"
        for (cue, level), found in numbers.items()
        if found < max(expected, 1)
    ]
    if faults:
        raise DataError(faults)
    return members


def cells_of(study: Study, subject: str, blocks: pd.DataFrame) -> pd.DataFrame:
    """Give one row per cell of a subject with its mean respiration.

    Raises:
        DataError: cells without blocks, or with unequal numbers of them.
    """
    members = cell_members(study, blocks)
    return pd.DataFrame(
        {
            "subject": subject,
            study.cues.factor: [cue for cue, _ in members],
            study.response.block_factor: [level for _, level in members],
            RESPIRATION: [blocks.loc[chosen, RESPIRATION].mean() for chosen in members.values()],
        }
    )


def with_subjects(files: StudyFiles, cells: pd.DataFrame) -> pd.DataFrame:
    """Join cells with their subject's group and the covariates of participants.tsv, the reference group first.

    Raises:
        DataError: a covariate of the study is neither respiration nor a column of participants.tsv.
    """
    study = files.study
    subjects = subjects_of(files)
    known = [RESPIRATION, *subjects.columns]
    faults = [
        f"group.covariates: '{name}' is neither {RESPIRATION} nor a column of {study.subjects.participants}; "
        f"expected one of: {', '.join(known)}"
        for name in study.group.covariates
        if name not in known
    ]
    if faults:
        raise DataError(faults)
    own = [name for name in study.group.covariates if name != RESPIRATION]
    columns = list(dict.fromkeys(["subject", study.subjects.group, *own]))
    # signs do not depend on the order of the participants
    ranked = subjects.sort_values(
        study.subjects.group, key=lambda names: names.map(study.subjects.groups.index), kind="stable"
    )
    return ranked[columns].merge(cells, on="subject")


def _respiration(
    files: StudyFiles, scan: ScanFiles, blocks: tuple[Block, ...]
) -> tuple[Float[Array, "block"], Float[Array, "block"]]:
    if scan.physio is None:
        return np.full(len(blocks), np.nan), np.zeros(len(blocks))
    with faults_named(scan.physio):
        trace = read_respiration(scan.physio, files.path(files.study.acquisition.dataset))
        rates = block_rates(find_breaths(trace, plausible_rates(files.study.subjects.species)), blocks)
    return rates.per_min, rates.valid_share
