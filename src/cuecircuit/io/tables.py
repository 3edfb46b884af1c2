"""Tables: TSV with a JSON sidecar that describes every column (BIDS: `n/a` where there is no value)."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.bounded import check_columns, check_file, read_text

ColumnNote = str | Mapping[str, Any]
_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas"}


@cache
def notes_of_tables() -> dict[str, dict[str, ColumnNote]]:
    """Return what the columns of every kind of table mean, by the table's name, from `columns.json`."""
    return json.loads(files("cuecircuit.io").joinpath("columns.json").read_text(encoding="utf-8"))


def column_notes(table: str) -> dict[str, ColumnNote]:
    """Return what the columns of a kind of table mean, in the order of the columns."""
    return dict(notes_of_tables()[table])


def read_table(path: Path, *, text: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a table, a .csv separated by commas, any other by tabs; columns of text stay text ("01" is a subject).

    Columns of text are those named in `text` and those to which the sidecar beside the table gives the format string,
    as `write_table` does.

    Raises:
        DataError: no such file, no header, ragged rows, a column name that is duplicated, another separator, or no text
            in UTF-8.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a table in it")
    check_file(path)
    separator = "," if path.suffix.lower() == ".csv" else "\t"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            _check_shape(path, csv.reader(file, delimiter=separator, strict=True), separator)
        return pd.read_csv(
            path,
            sep=separator,
            na_values=["n/a"],
            keep_default_na=False,
            dtype=dict.fromkeys((*text, *_text_columns(path)), "str"),
            encoding="utf-8-sig",
        )
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path}: the table is empty; expected a header line and one row per observation") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as text ({error.reason}); save it as TSV or CSV in UTF-8") from error
    except (csv.Error, pd.errors.ParserError, OSError) as error:
        raise DataError(f"{path}: cannot be read as a table ({error}); save it as TSV or CSV in UTF-8") from error


def _check_shape(path: Path, rows: Iterator[list[str]], separator: str) -> None:
    header = next(rows, [])
    check_columns(path, len(header))
    other = [name for sign, name in _SEPARATORS.items() if sign != separator and sign in "".join(header)]
    if len(header) == 1 and other:
        raise DataError(
            f"{path}:1: one column, '{header[0]}', which holds {other[0]}; columns of a .csv are separated by commas, "
            "of any other table by tabs, and decimals by points"
        )
    faults = [f"{path}:1: column '{name}' is duplicated" for name, times in Counter(header).items() if times > 1]
    faults += [
        f"{path}:{line}: {len(row)} cells under a header of {len(header)}; is a separator missing or too many?"
        for line, row in enumerate(rows, 2)
        if row and len(row) != len(header)
    ]
    DataError.raise_any(faults)


def write_table(path: Path, frame: pd.DataFrame, columns: Mapping[str, ColumnNote]) -> None:
    """Write `frame` as TSV and its column notes as JSON beside it.

    Args:
        columns: for each column either its description or a BIDS column object (Description, Units, Levels, Source).

    Raises:
        DataError: the place cannot be written.
    """
    unexplained = set(map(str, frame.columns)) - set(columns)
    assert not unexplained, f"{path.name}: columns without a description: {sorted(unexplained)}"
    notes = {
        str(name): {
            **({"Description": columns[name]} if isinstance(columns[name], str) else dict(columns[name])),  # pyright: ignore
            **({"Format": "string"} if _is_text(frame[name]) else {}),
        }
        for name in frame.columns
    }
    with replacing(path) as new:
        # ten digits: far below any measurement error, and stable against the last bit of a sum
        frame.to_csv(new, sep="\t", index=False, na_rep="n/a", float_format="%.10g", lineterminator="\n")
    write_json(path.with_suffix(".json"), notes)


def _is_text(column: pd.Series) -> bool:
    values = column.dropna()
    return len(values) > 0 and all(isinstance(value, str) for value in values)


def _text_columns(path: Path) -> list[str]:
    notes: dict[str, Any] = {}
    with suppress(DataError):  # without a sidecar, or one that cannot be read, a table is read as it looks
        notes = read_json(path.with_suffix(".json"))
    return [name for name, note in notes.items() if isinstance(note, dict) and note.get("Format") == "string"]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as indented JSON."""
    with replacing(path) as new:
        new.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: no such file, or not a JSON object.
    """
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content
