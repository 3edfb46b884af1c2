"""Scans as BIDS `*_scans.tsv` lists them: when each was acquired, and which ones the table says to leave out.

BIDS names `filename` and `acq_time`. Columns by which laboratories leave scans out are no part of it. Read are
`exclude`, `excluded`, `include`, `included` and `usable` (yes or no, true or false, 1 or 0), and `status` (good or bad,
as BIDS has it of channels).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.bids_names import parse_entities
from cuecircuit.io.scan_inventory import ScanFiles, scan_name
from cuecircuit.io.tables import read_table

_YES, _NO = ("yes", "y", "true", "1", "1.0"), ("no", "n", "false", "0", "0.0")
# column to the words that leave a scan out, and to those that keep it
_LEAVES_OUT = {
    **dict.fromkeys(("exclude", "excluded"), (_YES, _NO)),
    **dict.fromkeys(("include", "included", "usable"), (_NO, _YES)),
    "status": (("bad",), ("good",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedScan:
    """A row of a `*_scans.tsv`.

    `where`: table and line; `file`: the scan; `name`: as of `ScanFiles`; `entities`: further ones of the file name;
    `acquired`: when, ISO 8601; `left_out`: column and value by which the table leaves it out.
    """

    where: str
    file: Path
    subject: str
    name: str
    entities: Mapping[str, str]
    acquired: datetime | None
    left_out: str | None

    def is_of(self, scan: ScanFiles) -> bool:
        """Return whether the row is about a scan, or about the raw one that it was made of."""
        shared = self.entities.keys() & scan.entities.keys()
        return self.name == scan.name and all(self.entities[key] == scan.entities[key] for key in shared)


def read_listed_scans(root: Path, *, task: str) -> tuple[ListedScan, ...]:
    """Read what every `*_scans.tsv` of a data set lists of a task.

    Raises:
        DataError: a table cannot be read, has no column filename, a time that is none, or a word of a column that
            leaves scans out which is neither yes nor no; every fault with its line.
    """
    listed, faults = [], []
    for path in sorted([*root.glob("sub-*/*_scans.tsv"), *root.glob("sub-*/ses-*/*_scans.tsv")]):
        table = read_table(path, text=("filename", "acq_time"))
        if "filename" not in table:
            raise DataError(f"{path}:1: no column filename; found: {', '.join(map(str, table))}")
        for line, row in enumerate(table.to_dict("records"), start=2):
            entities = parse_entities(PurePosixPath(str(row["filename"])))
            if entities.get("suffix") != "bold" or entities.get("task") != task or "sub" not in entities:
                continue
            try:
                listed.append(_listed(path, line, row, entities))
            except DataError as error:
                faults += error.faults
    DataError.raise_any(faults)
    return tuple(listed)


def _listed(path: Path, line: int, row: Mapping[Any, Any], entities: dict[str, str]) -> ListedScan:
    where, run = f"{path}:{line}", entities.get("run", "")
    words = {str(name).lower(): value for name, value in row.items()}
    return ListedScan(
        where=where,
        file=path.parent / str(row["filename"]),
        subject=entities["sub"],
        name=scan_name(entities["sub"], entities.get("ses"), int(run) if run.isdigit() else None),
        entities={key: entities[key] for key in entities.keys() - {"sub", "ses", "task", "run", "suffix", "ext"}},
        acquired=_time(where, row.get("acq_time")),
        left_out=next(_reasons(where, words), None),
    )


def _time(where: str, value: object) -> datetime | None:
    if pd.isna(value):  # pyright: ignore[reportArgumentType, reportCallIssue]
        return None
    try:
        return datetime.fromisoformat(str(value).strip()).replace(tzinfo=None)
    except ValueError:
        raise DataError(f"{where}: acq_time '{value}' is no time; write 2026-01-31T09:00:00, or n/a") from None


def _reasons(where: str, words: Mapping[str, object]) -> Iterator[str]:
    for column, (leaves_out, keeps) in _LEAVES_OUT.items():
        value = words.get(column)
        word = "" if pd.isna(value) else str(value).strip().lower()  # pyright: ignore[reportArgumentType, reportCallIssue]
        if word in leaves_out:
            yield f"{column} {value}"
        elif word and word not in keeps:
            raise DataError(f"{where}: {column} is '{value}'; write {keeps[0]} or {leaves_out[0]}, or n/a")
