"""Rows of a CSV, TSV or xlsx file as text, each with its line: what the readers of operant tables start from."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

from cuecircuit.errors import DataError, one_of_each_kind
from cuecircuit.io.bounded import MOST_CELLS, check_columns, check_file
from cuecircuit.io.text_encoding import decode_text, is_utf16
from cuecircuit.io.unpacked import check_zip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows under a header; `lines` is the line of each in the file (or on the sheet).

    `separator` is what separates the cells; "" in a workbook. `above` has the rows above the header.
    """

    header: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    separator: str = ""
    above: tuple[tuple[str, ...], ...] = ()

    def column(self, name: str) -> list[str]:
        """Return the cells of one column."""
        at = self.header.index(name)
        return [row[at] for row in self.cells]

    def labeled(self, label: str) -> set[str]:
        """Return the cells to the right of those that read `label`, above the header and under it."""
        pairs = (pair for row in (*self.above, *self.cells) for pair in pairwise(row))
        return {value for name, value in pairs if name == label}


def read_rows(path: Path, *, sheet: str | None = None, columns: Collection[str] = ()) -> Rows:
    """Read a table with a header, every cell as text.

    A TSV is separated by tabs, as is any other text whose header holds one and no comma or semicolon; else a text by
    semicolons where its header holds one, or by commas.

    Args:
        path: the file.
        sheet: of a workbook; the first where none is named.
        columns: the header is the first row that has all of them, or the first row of all.

    Raises:
        DataError: no such file, not UTF-8, not a workbook, no header, ragged rows, or a column name that is duplicated.
    """
    separator = ""
    if path.suffix.lower() == ".xlsx":
        sheets = read_workbook(path)
        name = sheet if sheet is not None else next(iter(sheets))
        if name not in sheets:
            raise DataError(f"{path}: no sheet {name!r}; found: {', '.join(sheets)}")
        numbered = [(line, row) for line, row in enumerate(sheets[name], 1) if any(row)]
    else:
        separator, numbered = _text_rows(path)
    if not numbered:
        raise DataError(f"{path}: the table is empty; expected a header line and one row per event or session")
    stripped = [tuple(cell.strip() for cell in row) for _, row in numbered]
    top = next((at for at, row in enumerate(stripped) if set(columns) <= set(row)), 0)
    above, numbered, header = stripped[:top], numbered[top:], stripped[top]
    faults = [
        f"{path}:{numbered[0][0]}: column {name!r} is duplicated"
        for name, times in Counter(header).items()
        if times > 1 and name
    ]
    faults += [
        f"{path}:{line}: {len(row)} cells under a header of {len(header)}; is a separator missing or too many?"
        for line, row in numbered[1:]
        if len(row) != len(header)
    ]
    check_columns(path, len(header))
    DataError.raise_any(one_of_each_kind(faults))
    lines = tuple(line for line, _ in numbered[1:])
    return Rows(header=header, cells=tuple(stripped[top + 1 :]), lines=lines, separator=separator, above=tuple(above))


def read_workbook(path: Path) -> dict[str, list[list[str]]]:
    """Return every sheet of an xlsx workbook as rows of text, in order; a whole number is written without a point.

    Raises:
        DataError: no such file, or not a workbook.
    """
    import openpyxl

    check_file(path)
    try:
        check_zip(path)
        book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
        sheets = {name: [[_text(cell) for cell in row] for row in _values(book[name])] for name in book.sheetnames}
    except DataError as error:
        raise DataError(fault if str(path) in fault else f"{path}: {fault}" for fault in error.faults) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # openpyxl lets through whatever zip, XML or a cell's type raises
        raise DataError(f"{path}: cannot be read as an xlsx workbook ({type(error).__name__}: {error})") from error
    if not sheets:
        raise DataError(f"{path}: the workbook has no sheet with cells")
    return sheets


def _values(sheet: object) -> list[Sequence[object]]:
    rows = getattr(sheet, "iter_rows", None)  # a sheet of charts has none
    if rows is None:
        return []
    getattr(sheet, "reset_dimensions", lambda: None)()  # what the file says of its size may be wrong
    filled: list[Sequence[object]] = []
    widest = 1
    for row in rows(values_only=True):
        filled.append(row)
        widest = max(widest, len(row))
        if len(filled) * widest > MOST_CELLS:
            raise DataError(
                f"sheet {getattr(sheet, 'title', '')!r}: a cell in row {len(filled)} and one in column {widest}, which "
                f"makes more than {MOST_CELLS} cells; clear what is far away from the table"
            )
    return [[*row, *[None] * (widest - len(row))] for row in filled]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, timedelta):  # a time of day beyond 24 h
        minutes, seconds = divmod(cell.total_seconds(), 60)
        return (
            f"{minutes // 60:.0f}:{minutes % 60:02.0f}:{seconds:0{9 if seconds % 1 else 2}.{6 if seconds % 1 else 0}f}"
        )
    if isinstance(cell, datetime):
        # a date alone comes as its midnight
        return cell.isoformat(" ") if cell.time() != time.min else cell.date().isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)


def _text_rows(path: Path) -> tuple[str, list[tuple[int, list[str]]]]:
    """Return the separator, and the rows with their lines."""
    check_file(path)
    try:
        content = path.read_bytes()
        text = decode_text(content) if is_utf16(content) else content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as text ({error.reason}); save it as UTF-8") from error
    first = text.lstrip("\r\n ").partition("\n")[0]
    is_tabbed = path.suffix.lower() == ".tsv" or ("\t" in first and not {",", ";"} & set(first))
    separator = "\t" if is_tabbed else ";" if ";" in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return separator, [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: cannot be read as a table ({error})") from error
