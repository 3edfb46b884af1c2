"""Tables about subjects: who is in them, and which columns are labels, numbers or neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from cuecircuit.io.tables import read_json, read_table

Role = Literal["label", "number", "other"]
_MOST_LEVELS = 8  # a column with more is an identifier, or a number
# columns of whole numbers that are labels whatever their sidecar lacks
_LABELS_BY_NAME = ("group", "sex", "gender", "diagnosis", "condition", "site", "cohort", "arm", "treatment", "access")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its role, and of labels how many subjects have each level."""

    name: str
    role: Role
    levels: Mapping[str, int]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubjectTable:
    """A table by participant_id; `rows` has the subject without `sub-`, and the session where the table has one."""

    path: Path
    rows: pd.DataFrame
    columns: tuple[Column, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everyone in the table, in its order."""
        return tuple(dict.fromkeys(self.rows["subject"]))

    @property
    def by_session(self) -> bool:
        """Whether a row is a session of a subject."""
        return "session" in self.rows

    @property
    def has_one_row_each(self) -> bool:
        """Whether a subject, or a subject and session, has one row."""
        keys = [name for name in ("subject", "session") if name in self.rows]
        return not self.rows.duplicated(keys).any()


def is_subject_table(path: Path) -> bool:
    """Recognize a TSV whose header has participant_id."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return "participant_id" in file.readline().rstrip("\r\n").split("\t")
    except (OSError, UnicodeDecodeError):
        return False


def read_subject_table(path: Path) -> SubjectTable:
    """Read a table by participant_id and the roles of its columns.

    Raises:
        DataError: it is damaged.
    """
    rows = read_table(path, text=("participant_id", "session_id"))
    sidecar = path.with_suffix(".json")
    notes = read_json(sidecar) if sidecar.is_file() else {}
    keys = {"participant_id": ("subject", "sub-"), "session_id": ("session", "ses-")}
    for column, (key, prefix) in keys.items():
        if column in rows:
            rows = rows.rename(columns={column: key})
            rows[key] = rows[key].astype("string").str.removeprefix(prefix).astype(object)
    rows = rows.dropna(subset=["subject"])
    columns = [name for name in rows if name not in ("subject", "session")]
    return SubjectTable(
        path=path, rows=rows, columns=tuple(_column(str(name), rows, notes.get(str(name))) for name in columns)
    )


def _column(name: str, rows: pd.DataFrame, note: object) -> Column:
    values = rows[name].dropna()
    counts = rows.dropna(subset=[name]).groupby(values.map(_label))["subject"].nunique()
    named = isinstance(note, dict) and bool(note.get("Levels"))
    is_number = pd.api.types.is_numeric_dtype(rows[name]) and len(values) > 0
    named |= name.casefold() in _LABELS_BY_NAME
    may_be_label = not is_number or named
    several = 0 < len(counts) <= _MOST_LEVELS and (1 if named else 2) * len(counts) <= counts.sum()
    role: Role = "label" if may_be_label and several else "number" if is_number else "other"
    levels = {str(level): int(n) for level, n in counts.items()} if role == "label" else {}
    return Column(name=name, role=role, levels=levels, n=int(counts.sum()))


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
