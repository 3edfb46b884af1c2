"""What is known of people: participants.tsv and the phenotype tables of the study, joined by person and session."""

from functools import partial
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.tables import read_table, write_table
from cuecircuit.pipeline.cells import subjects_of
from cuecircuit.pipeline.job import PeopleFiles, PeopleJob
from cuecircuit.pipeline.store import Stage

_KEYS = ("participant_id", "session_id")


def people_stage(job: PeopleJob) -> Stage:
    """Make the stage that writes who entered, with what is known of them."""
    subjects = job.study.subjects
    return Stage(
        name="people",
        target="people",
        settings={"subjects": subjects, "session": job.study.session},
        inputs=tuple(job.path(name) for name in (subjects.participants, *subjects.phenotype)),
        make=partial(_write, job),
    )


def _write(job: PeopleJob, folder: Path) -> None:
    people = people_table(job.files, job.study.session)
    write_table(folder / "people.tsv", people, dict.fromkeys(map(str, people), "column of the tables about people"))


def people_table(files: PeopleFiles, session: str | None) -> pd.DataFrame:
    """Give a row for each person who enters, the reference group first, with all that is known of them in a session.

    A column that stands in several tables is taken from the last, participants.tsv being the first. Who has no row in
    a phenotype table lacks its values.

    Args:
        files: the study.
        session: entity ses, for tables that have `session_id`; None for a study without sessions.

    Raises:
        DataError: a table is missing or has no participant_id, or a person stands in it twice.
    """
    study = files.study
    table = subjects_of(files)
    for name in study.subjects.phenotype:
        own = _phenotype(files.path(name), session)
        own.index = own["subject"].map(dict(zip(table["subject"], table.index, strict=True)))
        known = own[own.index.notna()].drop(columns="subject")
        table = table.drop(columns=[column for column in known if column in table]).join(known)
    if study.subjects.groups:
        ranked = table[study.subjects.group].map(study.subjects.groups.index)
        table = table.loc[ranked.sort_values(kind="stable").index]
    return table.reset_index(drop=True)


def _phenotype(path: Path, session: str | None) -> pd.DataFrame:
    table = read_table(path, text=_KEYS)
    if "participant_id" not in table:
        raise DataError(f"{path}:1: column participant_id is missing; found: {', '.join(map(str, table))}")
    table.insert(0, "subject", table["participant_id"].str.removeprefix("sub-"))
    if "session_id" in table:
        if session is None:
            raise DataError(f"{path}:1: has session_id, but the study names no acquisition.sessions")
        table = table[table["session_id"].str.removeprefix("ses-") == session]
    twice = table["subject"][table["subject"].duplicated()].unique()
    if len(twice):
        where = "" if session is None else f" in session {session}"
        raise DataError(f"{path}: sub-{one} stands twice{where}; expected one row" for one in twice)
    return table.drop(columns=[name for name in _KEYS if name in table])
