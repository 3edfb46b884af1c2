"""What people did in the scanner, and how they felt before and after: tables and their analyses of variance."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from cuecircuit.behavior.anova import TableAnova, mixed_anova
from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.io.bids import ScanFiles
from cuecircuit.io.tables import ColumnNote, write_table
from cuecircuit.pipeline.behavior import ANOVA_COLUMNS
from cuecircuit.pipeline.cells import run_events, scans_of, subjects_of
from cuecircuit.pipeline.job import PeopleFiles, PeopleJob
from cuecircuit.pipeline.people.tables import people_table
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.store import Stage
from cuecircuit.study.people import PeopleStudy, TaskBehavior

TIME = "time"


def behavior_stage(job: PeopleJob, wanted: TaskBehavior) -> Stage:
    """Make the stage that tests what people did."""
    study, scans = job.study, _included(job.files)
    names = ("behavior", "subjects", "cues", "acquisition")
    return Stage(
        name="behavior",
        target="behavior",
        settings={
            **{name: getattr(study, name) for name in names},
            "people": people_table(job.files, study.session).to_csv(index=False),
        },
        inputs=tuple(scan.events for scan in scans if scan.events),
        make=partial(_make, job, wanted, scans),
    )


def trials_of(files: PeopleFiles, scan: ScanFiles, measures: Sequence[str]) -> pd.DataFrame:
    """Read the trials of a run that are of a cell: cell and measures.

    Raises:
        DataError: a measure is no column of the events, or holds text.
    """
    assert scan.events is not None
    events = run_events(files, scan).table
    absent = [name for name in measures if name not in events]
    if absent:
        raise DataError(
            f"{scan.events}:1: no column {', '.join(absent)} (behavior.measures); found: {', '.join(map(str, events))}"
        )
    text = [name for name in measures if not pd.api.types.is_numeric_dtype(events[name])]
    if text:
        raise DataError(f"{scan.events}: text in {', '.join(text)} (behavior.measures); expected numbers and n/a")
    own = events[events["trial_type"].isin(files.study.cues.levels)]
    return own[["trial_type", *measures]].rename(columns={"trial_type": files.study.cues.factor})


def behavior_faults(files: PeopleFiles, wanted: TaskBehavior, scans: Sequence[ScanFiles]) -> Iterator[str]:
    """Yield what keeps the behavior from being tested."""
    for scan in scans:
        try:
            if scan.events is not None:
                trials_of(files, scan, wanted.measures)
        except CuecircuitError as error:
            yield from error.faults
    people = people_table(files, files.study.session)
    for name in wanted.before_after or ():
        if name not in people:
            yield f"behavior.before_after: no column {name} in the tables about people"


def _included(files: PeopleFiles) -> list[ScanFiles]:
    known = set(subjects_of(files)["subject"])
    return [scan for scan in scans_of(files) if scan.subject in known]


def _make(job: PeopleJob, wanted: TaskBehavior, scans: Sequence[ScanFiles], folder: Path) -> None:
    study = job.study
    between = (study.subjects.group,) if len(study.subjects.groups) > 1 else ()
    people = people_table(job.files, study.session)
    cells = _cells(job, wanted, scans, people)
    notes = _notes(study)
    write_table(folder / "cells.tsv", cells, {**notes, **dict.fromkeys(wanted.measures, "mean over the trials")})
    own = cells if study.session is None else cells[cells["session"] == study.session]
    for measure in wanted.measures:
        anova = mixed_anova(own, dv=measure, between=between, within=(study.cues.factor,))
        _write(folder / f"{measure}_anova.tsv", anova)
    if wanted.before_after:
        long = people.melt(
            id_vars=["subject", *between], value_vars=list(wanted.before_after), var_name=TIME, value_name="value"
        )
        write_table(folder / "before_after.tsv", long, {**notes, TIME: "column", "value": "measure"})
        _write(folder / "before_after_anova.tsv", mixed_anova(long, dv="value", between=between, within=(TIME,)))


def _cells(job: PeopleJob, wanted: TaskBehavior, scans: Sequence[ScanFiles], people: pd.DataFrame) -> pd.DataFrame:
    """Give the mean of every measure by person, session and cell; a trial without an answer enters no mean."""
    study, factor = job.study, job.study.cues.factor
    trials = [
        trials_of(job.files, scan, wanted.measures).assign(subject=scan.subject, session=scan.session) for scan in scans
    ]
    grouped = pd.concat(trials).groupby(["subject", "session", factor], sort=False, dropna=False)
    cells = grouped[list(wanted.measures)].mean().join(grouped.size().rename("trials")).reset_index()
    ranked = {level: place for place, level in enumerate(study.cues.levels)}
    order = cells.assign(place=cells[factor].map(ranked)).sort_values(["session", "place"], kind="stable").index
    keep = ["subject", *([study.subjects.group] if study.subjects.groups else [])]
    return people[keep].merge(cells.loc[order], on="subject")


def _write(path: Path, anova: TableAnova) -> None:
    for line in anova.excluded:
        say(f"behavior: {path.stem}: {line}")
    write_table(path, anova.table, ANOVA_COLUMNS)


def _notes(study: PeopleStudy) -> Mapping[str, ColumnNote]:
    return {
        "subject": "participant label",
        study.subjects.group: "group",
        "session": "entity ses; n/a where scans have none",
        study.cues.factor: "trial type",
        "trials": "trials of the cell",
    }
