"""Tables `subjects` and `visits`: who took part, and what is known of each."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.tables import ColumnNote, read_json, read_table
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

_KEYS = ("participant_id", "session_id")
_SUBJECT: ColumnNote = "participant label"
_SESSION: ColumnNote = "entity ses"


def subjects_table(files: StudyFiles) -> Table:
    """Read a row for each subject who enters, the reference level of the first factor first.

    Raises:
        DataError: a table is missing or damaged, levels that the study does not list, subjects listed twice.
    """
    subjects = files.study.subjects
    path = files.path(subjects.participants)
    rows, notes = _read(files, path)
    if "session" in rows:  # a row per session: what does not vary is of the subject
        rows = _constant(rows.drop(columns="session"))
    _refuse_duplicates(path, rows, ["subject"])
    if files.study.operant is None:  # else one may be excluded who is in the logs alone
        refuse_unknown(files, set(rows["subject"]))
    for name in subjects.tables:
        more, more_notes = _read(files, files.path(name))
        _refuse_strangers(files.path(name), more, path, rows)
        if "session" not in more:
            _refuse_duplicates(files.path(name), more, ["subject"])
            rows, notes = _joined(rows, more, notes, more_notes)
    kept = _included(files, path, rows)
    _refuse_mixed_species(path, kept)
    return Table(name="subjects", keys=("subject",), rows=kept, notes=notes)


def _refuse_mixed_species(path: Path, rows: pd.DataFrame) -> None:
    if "species" not in rows:
        return
    species = rows["species"].dropna().astype(str).str.strip().str.lower()
    counts = species.value_counts()
    if len(counts) > 1:
        counted = ", ".join(f"{name} ({count})" for name, count in counts.items())
        fewest = ", ".join(rows["subject"][species[species == counts.index[-1]].index])
        raise DataError(
            f"{path}: subjects of several species: {counted}; a study has one: exclude the others (subjects.exclude), "
            f"such as {fewest}, or correct the column"
        )


def refuse_unknown(files: StudyFiles, known: Collection[str]) -> None:
    """Refuse subjects to exclude whom nothing names.

    Raises:
        DataError: some are not among `known`.
    """
    subjects = files.study.subjects
    if unknown := sorted(set(subjects.exclude) - set(known)):
        path = files.path(subjects.participants)
        raise DataError(f"{path}: no participant {', '.join(unknown)}, whom subjects.exclude of the study names")


def session_labels(labels: Collection[str]) -> Iterator[str]:
    """Yield a note where a last letter, the same ones for everyone, tells labels apart, as where it is the session."""
    stems: dict[str, str] = {}
    for label in sorted(labels):
        stems[label[:-1]] = stems.get(label[:-1], "") + label[-1]
    letters = set(stems.values())
    if len(stems) > 1 and len(letters) == 1 and len(last := letters.pop()) > 1 and last.isalpha():
        stem = next(iter(stems))
        yield (
            f"subjects: {', '.join(stem + letter for letter in last)} and all others differ in the last letter alone; "
            "tests take them for independent. If these are sessions of one subject, rename the folders, such as to "
            f"sub-{stem}/ses-{last[0]}"
        )


def listed_subjects(files: StudyFiles) -> set[str]:
    """Return everyone in the table of participants, those that the study excludes as well.

    Raises:
        DataError: the table is missing or damaged.
    """
    return set(_read(files, files.path(files.study.subjects.participants))[0]["subject"])


def visits_table(files: StudyFiles, subjects: Table) -> Table:
    """Read a row for each subject and session, from every table that has session_id.

    Raises:
        DataError: as `subjects_table`.
    """
    rows = pd.DataFrame({"subject": pd.Series(dtype=str), "session": pd.Series(dtype=str)})
    notes: dict[str, ColumnNote] = {"subject": _SUBJECT, "session": _SESSION}
    for path in _visit_files(files):
        visits, own_notes = _read(files, path)
        if "session" not in visits:
            continue
        _refuse_duplicates(path, visits, ["subject", "session"])
        repeated = [name for name in visits if name in rows and name not in ("subject", "session")]
        if path.name.endswith("_sessions.tsv"):
            rows = pd.concat([rows, visits], ignore_index=True)
        else:
            rows = rows.drop(columns=repeated).merge(visits, on=["subject", "session"], how="outer", sort=False)
        notes |= own_notes
    rows = rows[rows["subject"].isin(subjects.rows["subject"])]
    factor = files.study.factors["session"]
    _check_levels(files, files.file, rows, {"session": (*factor.levels, *factor.leave_out)})
    rows = rows[rows["session"].isin(factor.levels)]
    rank = rows["session"].map(factor.levels.index)
    place = rows["subject"].map({name: k for k, name in enumerate(subjects.rows["subject"])})
    order = rows.assign(_rank=rank, _place=place).sort_values(["_rank", "_place"], kind="stable").index
    return Table(name="visits", keys=("subject", "session"), rows=rows.loc[order].reset_index(drop=True), notes=notes)


def table_files(files: StudyFiles) -> tuple[Path, ...]:
    """Return every file that subjects and visits are read from."""
    subjects = files.study.subjects
    return tuple(dict.fromkeys([files.path(subjects.participants), *_visit_files(files)]))


def _visit_files(files: StudyFiles) -> list[Path]:
    subjects, scans = files.study.subjects, files.study.scans
    dataset = files.path(scans.dataset) if scans else files.file.parent
    sessions = sorted(dataset.glob("sub-*/sub-*_sessions.tsv"))
    return [files.path(subjects.participants), *map(files.path, subjects.tables), *sessions]


def _read(files: StudyFiles, path: Path) -> tuple[pd.DataFrame, dict[str, ColumnNote]]:
    """Read a table about subjects: subject and session without their prefixes, factors as text, numbers as float."""
    rows = read_table(path, text=(*_KEYS, *files.study.factors))
    if "participant_id" not in rows:
        if not path.name.endswith("_sessions.tsv"):
            raise DataError(f"{path}:1: no column participant_id; found: {', '.join(map(str, rows))}")
        rows.insert(0, "participant_id", path.parent.name)
    for key, column, prefix in (("subject", "participant_id", "sub-"), ("session", "session_id", "ses-")):
        if column in rows:
            if rows[column].isna().any():
                line = int(rows[column].isna().to_numpy().nonzero()[0][0]) + 2
                raise DataError(f"{path}:{line}: no {column}; every row needs one")
            rows[column] = rows[column].str.removeprefix(prefix)
            _refuse_paths(path, column, rows[column])
            rows = rows.rename(columns={column: key})
    for name in rows.columns.difference(["subject", "session", *files.study.factors]):
        if pd.api.types.is_numeric_dtype(rows[name]):
            rows[name] = rows[name].astype(float)
    return rows, {str(name): note for name, note in zip(rows, _notes(path, rows), strict=True)}


def _refuse_paths(path: Path, column: str, labels: pd.Series) -> None:
    """Refuse labels that would name another folder, or hold letters that no terminal shows."""
    odd = labels[labels.str.contains(r"[/\\\x00-\x1f\x7f]") | labels.isin(["", ".", ".."])]
    if len(odd):
        raise DataError(
            f"{path}:{row + 2}: {column} {label!r} cannot name a file; write it with letters, digits, - and _"
            for row, label in odd.items()
            if isinstance(row, int)
        )


def _refuse_strangers(path: Path, more: pd.DataFrame, participants: Path, rows: pd.DataFrame) -> None:
    strangers = sorted(set(more["subject"]) - set(rows["subject"]))
    if strangers:
        raise DataError(
            f"{path}: {', '.join(strangers)} not in {participants.name}; correct the names there or here, or take the "
            "rows out"
        )


def _notes(path: Path, rows: pd.DataFrame) -> Iterator[ColumnNote]:
    sidecar = path.with_suffix(".json")
    described = read_json(sidecar) if sidecar.is_file() else {}
    notes: Mapping[str, ColumnNote] = {"subject": _SUBJECT, "session": _SESSION}
    for name in rows:
        note = described.get(str(name))
        yield notes.get(str(name)) or (note if isinstance(note, dict) else f"column of {path.name}")


def _constant(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per subject with the columns that do not vary within any."""
    varying = rows.groupby("subject").nunique(dropna=False).gt(1).any()
    return rows.drop(columns=varying.index[varying]).drop_duplicates("subject").reset_index(drop=True)


def _refuse_duplicates(path: Path, rows: pd.DataFrame, keys: list[str]) -> None:
    repeated = rows[rows.duplicated(keys, keep=False)].drop_duplicates(keys)
    if len(repeated):
        raise DataError(
            f"{path}: several rows for sub-{row['subject']}"
            + (f" in session {row['session']}" if "session" in keys else "")
            + ", expected one"
            for _, row in repeated.iterrows()
        )


def _joined(
    rows: pd.DataFrame, more: pd.DataFrame, notes: dict[str, ColumnNote], more_notes: dict[str, ColumnNote]
) -> tuple[pd.DataFrame, dict[str, ColumnNote]]:
    """Add columns of another table; a column in both is taken from the later one."""
    repeated = [name for name in more if name in rows and name != "subject"]
    return rows.drop(columns=repeated).merge(more, on="subject", how="left", sort=False), notes | more_notes


def _included(files: StudyFiles, path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    study = files.study
    rows = rows[~rows["subject"].isin(study.subjects.exclude)]
    factors = {name: factor for name, factor in study.factors.items() if name in rows and name != "session"}
    _check_levels(files, path, rows, {name: (*f.levels, *f.leave_out) for name, f in factors.items()})
    for name, factor in factors.items():
        rows = rows[~rows[name].isin(factor.leave_out)]
    if rows.empty:
        raise DataError(f"{path}: nobody is left; every row is excluded or of a level that is left out")
    first = next(iter(factors), None)
    rank = rows[first].map(factors[first].levels.index) if first else 0
    order = rows.assign(_rank=rank).sort_values(["_rank", "subject"]).index
    return rows.loc[order].reset_index(drop=True)


def _check_levels(files: StudyFiles, path: Path, rows: pd.DataFrame, levels: Mapping[str, tuple[str, ...]]) -> None:
    faults = []
    for name, expected in levels.items():
        column = rows[name]
        if column.isna().any():
            who = ", ".join(rows["subject"][column.isna()])
            faults.append(f"{path}: no {name} for {who}; fill it in, or exclude the subject (subjects.exclude)")
        for level in sorted(set(column.dropna()) - set(expected)):
            who = list(rows["subject"][column == level])
            named = ", ".join(who[:3]) + (f" and {len(who) - 3} more" if len(who) > 3 else "")
            faults.append(
                f"{path}: {name} is '{level}' for {named}; {files.file.name} lists {', '.join(expected)}; add it to "
                f"factors.{name}.levels, or to leave_out with a reason"
            )
    DataError.raise_any(faults)
