"""BIDS `*_physio.tsv.gz`: continuous recordings without a header; the JSON sidecars say what the columns are."""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.bids import sidecar
from cuecircuit.records.scan import Trace

_RESPIRATORY = ("respiratory", "respiration", "resp", "breathing", "breath")


def read_physio(path: Path, root: Path) -> dict[str, Trace]:
    """Read every column of a recording; times count from the first volume of the scan.

    Args:
        path: the recording.
        root: the data set it belongs to, where sidecars are looked for.

    Raises:
        DataError: no such file, damaged, or SamplingFrequency, StartTime or Columns missing from the sidecars or
            not fitting the file.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    notes = sidecar(path, root)
    columns, hz, start_s = _described(path, notes)
    try:
        table = pd.read_csv(path, sep="\t", header=None, na_values=["n/a"], compression="infer")
        values = table.to_numpy(dtype=np.float64)
    except (EOFError, OSError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged or cut off ({error}); copy it again from its source") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{path}: not a table of numbers without header ({error})") from error
    if values.shape[1] != len(columns):
        raise DataError(
            f"{path}: {values.shape[1]} columns, the sidecar names {len(columns)} ({', '.join(columns)}); mend Columns"
        )
    return {
        name: Trace(values=values[:, number], sampling_hz=hz, start_s=start_s) for number, name in enumerate(columns)
    }


def _described(path: Path, notes: dict[str, Any]) -> tuple[list[str], float, float]:
    missing = [key for key in ("SamplingFrequency", "StartTime", "Columns") if key not in notes]
    if missing:
        raise DataError([f"{path}: no JSON sidecar gives {key}; add it to the sidecar" for key in missing])
    hz, start_s, columns = notes["SamplingFrequency"], notes["StartTime"], notes["Columns"]
    faults = []
    if not isinstance(hz, int | float) or not 0 < hz < float("inf"):
        faults.append(f"{path}: SamplingFrequency {hz!r} in the sidecar is no rate in Hz")
    if not isinstance(start_s, int | float) or not abs(start_s) < float("inf"):
        faults.append(f"{path}: StartTime {start_s!r} in the sidecar is no time in seconds")
    if not isinstance(columns, list) or not columns or len(set(map(str, columns))) < len(columns):
        faults.append(f"{path}: Columns {columns!r} in the sidecar is no list of different names")
    if faults:
        raise DataError(faults)
    return [str(name) for name in columns], float(hz), float(start_s)


def read_respiration(path: Path, root: Path, *, column: str | None = None) -> Trace:
    """Read the respiratory column of a recording.

    Args:
        path: the recording.
        root: the data set it belongs to.
        column: its name; None picks the one called respiratory, respiration, resp, breathing or breath.

    Raises:
        DataError: as `read_physio`, or no such column, or several.
    """
    traces = read_physio(path, root)
    wanted = [name for name in traces if (name == column if column else name.lower() in _RESPIRATORY)]
    if len(wanted) != 1:
        raise DataError(
            f"{path}: expected one column {column or 'of respiration (' + ', '.join(_RESPIRATORY) + ')'}, "
            f"found {len(wanted)} among: {', '.join(traces)}"
        )
    return traces[wanted[0]]
