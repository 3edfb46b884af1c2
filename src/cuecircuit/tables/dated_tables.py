"""Tables by subject and date: sessions by name (`operant.sessions`) and body weights (`operant.weights`)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.tables import read_table
from cuecircuit.study.experiment import Operant
from cuecircuit.tables.study_files import StudyFiles


def listed_sessions(files: StudyFiles, operant: Operant) -> pd.DataFrame | None:
    """Read the sessions that the study lists by name: subject, date or start, phase, treatment.

    Raises:
        DataError: a column is missing, a date is none, a phase or treatment is not of the study; all at once.
    """
    if operant.sessions is None:
        return None
    path = files.path(operant.sessions)
    rows = _dated(path, ("phase", "treatment"))
    if "phase" not in rows:
        raise DataError(f"{path}:1: no column phase; found: {', '.join(rows)}")
    DataError.raise_any(_unknown_phases(path, rows, operant))
    return rows


def body_weights(files: StudyFiles, operant: Operant) -> pd.DataFrame | None:
    """Read body weights by date: subject, date, weight_kg; by date.

    Raises:
        DataError: a column is missing, a date is none, a weight is no number above 0; all at once.
    """
    if operant.weights_table is None:
        return None
    path = files.path(operant.weights_table)
    rows = _dated(path, ())
    units = {"weight_kg": 1.0, "weight_g": 0.001}
    column = next((name for name in units if name in rows), None)
    if column is None:
        raise DataError(f"{path}:1: no column weight_g or weight_kg; found: {', '.join(rows)}")
    weight_kg = pd.to_numeric(rows[column], errors="coerce") * units[column]
    DataError.raise_any(
        [
            f"{path}:{line}: {column} is {rows[column][line - 2]}, expected a number above 0"
            for line in _lines(~(weight_kg > 0))
        ]
    )
    return rows.assign(weight_kg=weight_kg)[["subject", "date", "weight_kg"]].sort_values("date", kind="stable")


def _dated(path: Path, text: Sequence[str]) -> pd.DataFrame:
    """Read a table with subjects without their prefix, and dates or starts in ISO 8601."""
    rows = read_table(path, text=("subject", "participant_id", "date", "start", *text))
    rows = rows.rename(columns={"participant_id": "subject"} if "subject" not in rows else {})
    when = next((name for name in ("start", "date") if name in rows), "date")
    if absent := [name for name in ("subject", when) if name not in rows]:
        raise DataError(f"{path}:1: no column {' and '.join(absent)}; found: {', '.join(map(str, rows))}")
    faults = [f"{path}:{line}: no subject; every row needs one" for line in _lines(rows["subject"].isna())]
    faults += [
        f"{path}:{line}: {when} is '{rows[when][line - 2]}', expected a date such as 2025-03-04"
        + ("T09:25:00" if when == "start" else "")
        for line in _lines(~rows[when].map(_is_moment))
    ]
    DataError.raise_any(faults)
    rows["subject"] = rows["subject"].str.removeprefix("sub-")
    return rows.assign(date=rows[when].str[:10])


def _is_moment(text: object) -> bool:
    try:
        datetime.fromisoformat(str(text))
    except ValueError:
        return False
    return True


def _unknown_phases(path: Path, rows: pd.DataFrame, operant: Operant) -> Iterator[str]:
    treatments = rows["treatment"] if "treatment" in rows else pd.Series(None, rows.index, dtype=object)
    for line, (name, treatment) in enumerate(zip(rows["phase"], treatments, strict=True), start=2):
        phase = operant.phases.get(str(name))
        if phase is None:
            yield f"{path}:{line}: phase '{name}' is none of the study; expected one of: {', '.join(operant.phases)}"
        elif (in_phase := tuple(phase.treatments)) and treatment not in in_phase:
            yield f"{path}:{line}: treatment '{treatment}' is none of {name}; expected one of: {', '.join(in_phase)}"
        elif not in_phase and not pd.isna(treatment):
            yield f"{path}:{line}: treatment is '{treatment}', but phase {name} has none; write n/a"


def _lines(wrong: pd.Series) -> list[int]:
    """Lines of the file whose rows are wrong."""
    return [int(row) + 2 for row in wrong.to_numpy().nonzero()[0]]
