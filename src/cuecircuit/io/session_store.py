"""The event table and the Parquet store of a cohort, written session by session so that its size does not matter.

The TSV has the columns and the digits of `io.tables`; the Parquet files hold the same rows with dates as dates and
times as doubles, and can be queried in place (DuckDB: `SELECT ... FROM 'events.parquet'`). The same sessions give the
same bytes.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.tables import ColumnNote, write_json
from cuecircuit.records.operant import OperantSession

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_GROUP = 500  # sessions in a row group: about two million events, some tens of megabytes
_COLUMNS = ("subject", "start", "event", "time_s", "file")


def write_events(path: Path, sessions: Sequence[OperantSession], columns: Mapping[str, ColumnNote]) -> int:
    """Write one row per event as TSV with a JSON sidecar; gives the number of rows.

    Raises:
        DataError: the place cannot be written.
    """
    n = 0
    with replacing(path) as new, new.open("w", encoding="utf-8", newline="") as file:
        file.write("\t".join(_COLUMNS) + "\n")
        for session in _in_order(sessions):
            names, kinds, times = _by_time(session)
            before = f"{_cell(session.subject)}\t{session.start.isoformat()}\t"
            kind = [f"{before}{_cell(name)}\t" for name in names]
            end = f"\t{_cell(session.file)}\n"
            # ten digits, as every table has
            file.write(
                "".join([f"{kind[k]}{t:.10g}{end}" for k, t in zip(kinds.tolist(), times.tolist(), strict=True)])
            )
            n += times.size
    text = {"Format": "string"}
    notes = {name: {**_note(columns[name]), **({} if name == "time_s" else text)} for name in _COLUMNS}
    write_json(path.with_suffix(".json"), notes)
    return n


def check_parquet() -> None:
    """Check that Parquet can be written.

    Raises:
        DataError: pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise DataError('writing Parquet needs pyarrow; install it: pip install "cuecircuit[query]"')


def write_events_parquet(path: Path, sessions: Sequence[OperantSession]) -> None:
    """Write one row per event as Parquet.

    Raises:
        DataError: the place cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    word = pa.dictionary(pa.int32(), pa.string())
    kinds = (word, pa.timestamp("us"), word, pa.float64(), word)
    schema = pa.schema(list(zip(_COLUMNS, kinds, strict=True)))
    with replacing(path) as new, pq.ParquetWriter(new, schema, compression="zstd") as writer:
        rows = list(_in_order(sessions))
        for first in range(0, len(rows), _GROUP):
            writer.write_table(_table(rows[first : first + _GROUP], schema))


def write_parquet(path: Path, frame: "pd.DataFrame", *, moments: Sequence[str] = ()) -> None:
    """Write a small table as Parquet; columns named in `moments` become dates.

    Raises:
        DataError: the place cannot be written.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    dated = frame.assign(**{name: pd.to_datetime(frame[name]).astype("datetime64[us]") for name in moments})
    # pandas' own notes carry its version, which is no content
    table = pa.Table.from_pandas(dated, preserve_index=False).replace_schema_metadata(None)
    with replacing(path) as new:
        pq.write_table(table, new, compression="zstd")


def _in_order(sessions: Sequence[OperantSession]) -> Iterator[OperantSession]:
    """Yield the sessions with events, in the order of all tables."""
    for session in sorted(sessions, key=lambda s: (s.start, s.subject, s.box)):
        if any(times.size for times in session.events.values()):
            yield session


def _by_time(session: OperantSession) -> tuple[list[str], Int[Array, "event"], Float[Array, "event"]]:
    """Return the names of the kinds of events, the kind of each event, and its time; in the order they happened."""
    times = np.concatenate(list(session.events.values()))
    kinds = np.repeat(np.arange(len(session.events)), [each.size for each in session.events.values()])
    order = np.argsort(times, kind="stable")
    return list(session.events), kinds[order], times[order]


def _table(sessions: Sequence[OperantSession], schema: "pa.Schema") -> "pa.Table":
    """Return one row group."""
    import pyarrow as pa

    parts = [_by_time(session) for session in sessions]
    sizes = [times.size for _, _, times in parts]
    events = {name: k for k, name in enumerate(dict.fromkeys(name for names, _, _ in parts for name in names))}
    kinds = [np.array([events[name] for name in names])[kind] for names, kind, _ in parts]

    def repeated(words: list[str | None]) -> Any:
        code_of = {word: k for k, word in enumerate(dict.fromkeys(filter(None, words)))}
        codes = np.repeat(np.array([code_of[word] if word else -1 for word in words], dtype=np.int32), sizes)
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(list(code_of), pa.string()))

    starts = np.array([session.start for session in sessions], dtype="datetime64[us]")
    columns = [
        repeated([session.subject or None for session in sessions]),
        pa.array(np.repeat(starts, sizes)),
        pa.DictionaryArray.from_arrays(pa.array(np.concatenate(kinds).astype(np.int32)), pa.array(list(events))),
        pa.array(np.concatenate([times for _, _, times in parts])),
        repeated([session.file for session in sessions]),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _cell(text: str) -> str:
    """Text as a cell: `n/a` where there is none, quoted where it holds a tab, a quote or a line end."""
    if not text:
        return "n/a"
    if not any(sign in text for sign in '\t"\n\r'):
        return text
    cell = io.StringIO()
    csv.writer(cell, delimiter="\t", lineterminator="").writerow([text])
    return cell.getvalue()


def _note(note: ColumnNote) -> Mapping[str, Any]:
    return {"Description": note} if isinstance(note, str) else note
