"""Tables: TSV with a JSON sidecar that describes every column (BIDS: `n/a` where there is no value)."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing

ColumnNote = str | Mapping[str, Any]
_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas"}


def read_table(path: Path, *, text: tuple[str, ...] = (), separator: str = "\t") -> pd.DataFrame:
    """Read a TSV; the columns named in `text` stay text ("01" is a subject, not a number).

    Raises:
        DataError: no such file, no header, ragged rows, a column name that stands twice, another separator, or no text
            in UTF-8.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a table in it")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            _check_shape(path, csv.reader(file, delimiter=separator, strict=True), separator)
        return pd.read_csv(
            path,
            sep=separator,
            na_values=["n/a"],
            keep_default_na=False,
            dtype=dict.fromkeys(text, "str"),
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
    other = [name for sign, name in _SEPARATORS.items() if sign != separator and sign in "".join(header)]
    if len(header) == 1 and other:
        raise DataError(
            f"{path}:1: one column, '{header[0]}', which holds {other[0]}; columns of a .csv are parted by commas, of "
            "any other table by tabs, and decimals by points"
        )
    faults = [f"{path}:1: column '{name}' stands twice" for name, times in Counter(header).items() if times > 1]
    faults += [
        f"{path}:{line}: {len(row)} cells under a header of {len(header)}; is a separator missing or too many?"
        for line, row in enumerate(rows, 2)
        if row and len(row) != len(header)
    ]
    if faults:
        raise DataError(faults)


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
        str(name): {"Description": columns[name]} if isinstance(columns[name], str) else dict(columns[name])  # pyright: ignore
        for name in frame.columns
    }
    with replacing(path) as new:
        # ten digits: far below any measurement error, and stable against the last bit of a sum
        frame.map(_inert).to_csv(new, sep="\t", index=False, na_rep="n/a", float_format="%.10g", lineterminator="\n")
    write_json(path.with_suffix(".json"), notes)


def _inert(value: Any) -> Any:
    """Keep a spreadsheet from running text of the data as a formula (OWASP: CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as indented JSON."""
    with replacing(path) as new:
        new.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: no such file, or not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content
