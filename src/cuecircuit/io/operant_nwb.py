"""Events in NWB files to operant sessions, one per file.

Read are EventsTable (NWB 2.10), the Events, LabeledEvents and AnnotatedEventsTable of ndx-events, TimeSeries inside
BehavioralEvents, AnnotationSeries, IntervalSeries (their starts) and the starts of trials. An event is called by its
label, else by the name of the object that holds it. The rest of a session is read from files of `nwb_write`.

The file is looked through before any of it is read: HDF5 states shapes of any size in a few bytes, and can point to
other files.
"""

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.io.nwb_write import BINS, EVENT_COUNTS, SESSION, SOFTWARE, VALUES
from cuecircuit.io.operant_declaration import SourceDeclaration
from cuecircuit.io.operant_table import ordered
from cuecircuit.io.unpacked import DEFLATE_RATIO, MOST_BYTES
from cuecircuit.records.operant import EventBins, OperantLog, OperantSession

_MOST_EVENTS = 10_000_000  # assumed: a hundred a second all day
_DEEPEST = 50  # groups in one another; NWB has five

_Events = list[tuple[str, Float[Array, "_"]]]


def read_nwb_log(path: Path, declared: SourceDeclaration | None = None) -> OperantLog:
    """Read the events of one NWB file; times are seconds from the start of the session, as NWB has them.

    Raises:
        DataError: pynwb is not installed, no such file, not NWB, parts in other files or larger than the file can
            hold, no events or too many, or times that are not finite.
    """
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise DataError(f'{path}: reading NWB needs pynwb; install it: pip install "cuecircuit[nwb]"') from error
    declared = declared or SourceDeclaration()
    try:
        _check_content(path)
        # hdmf's wrappers hide the types
        opened: Any = NWBHDF5IO
        with opened(str(path), "r", load_namespaces=True) as file:
            content = file.read()
            session, logged = _session(path, content, declared), _logged(content)
            for thing in content.objects.values():
                logged += _events_of(thing)
                _check_number(sum(len(times) for _, times in logged))
    except DataError as error:
        raise DataError([f"{path}: {fault}" for fault in error.faults]) from error
    except Exception as error:  # h5py, hdmf and pynwb let through what a damaged file makes them raise
        raise DataError(f"{path}: cannot be read as NWB ({type(error).__name__}: {error})") from error
    if not logged and not session["counts"]:
        raise DataError(
            f"{path}: no events; expected an EventsTable, BehavioralEvents, ndx-events, annotations or trials"
        )
    events: dict[str, Array] = {}
    for name, times in logged:
        called = declared.events.get(name, name)
        events[called] = np.concatenate([events[called], times]) if called in events else times
    bad = [name for name, times in events.items() if not np.isfinite(times).all()]
    if bad:
        raise DataError(f"{path}: times of {', '.join(bad)} are not all numbers; expected seconds")
    events, faults = ordered(events, file=str(path), line=0, subject=session["subject"])
    return OperantLog(sessions=(OperantSession(events=events, **session),), faults=tuple(faults))


def _check_content(path: Path) -> None:
    """Refuse datasets that the file cannot hold, and what lies in other files.

    Raises:
        DataError: every such part of the file.
    """
    import h5py
    from h5py import h5o  # pyright: ignore

    held, faults = path.stat().st_size, []

    def look(name: str, thing: Any) -> None:
        if isinstance(thing, h5py.Group):
            if name.count("/") > _DEEPEST or h5o.get_info(thing.id).rc > 1:
                raise DataError(f"groups without end ({str(thing.name)[:80]}); copy it again from its source")
            links = {name: thing.get(name, getlink=True) for name in thing}
            away = [name for name, link in links.items() if isinstance(link, h5py.ExternalLink)]
            faults.extend(f"{name} in {thing.name} is a link to another file; copy it into this one" for name in away)
        elif isinstance(thing, h5py.Dataset):
            if thing.is_virtual or thing.external:
                faults.append(f"the values of {thing.name} lie in other files; copy them into this one")
            # not of the dtype, which NumPy may not have
            stated = math.prod(thing.shape or ()) * thing.id.get_type().get_size()
            if stated > (DEFLATE_RATIO * held if thing.shape else MOST_BYTES):
                faults.append(
                    f"{thing.name} states {thing.shape} values ({stated:.3g} bytes), more than the {held} bytes of the "
                    "file can hold; damaged or not what its name says: copy it again from its source"
                )

    with h5py.File(path) as file:
        look("/", file)
        file.visititems(look)
    DataError.raise_any(faults)


def _session(path: Path, content: Any, declared: SourceDeclaration) -> dict[str, Any]:
    """Return everything about a session but its events."""
    subject = getattr(content.subject, "subject_id", None) or ""
    written = _written(content, declared) if _is_ours(content) else {}
    return {
        "subject": str(subject),
        "experiment": str(content.experiment_description or ""),
        "group": "",
        "box": "",
        "program": str(content.protocol or ""),
        "start": content.session_start_time.replace(tzinfo=None),
        "end": None,
        "duration_s": None,
        "counts": {},
        "timeout_s": declared.timeout_s,
        "file": str(path),
        "line": 0,
        **written,
    }


def _is_ours(content: Any) -> bool:
    return any(str(name) == SOFTWARE for name, _ in content.was_generated_by or ())


def _logged(content: Any) -> _Events:
    """Return each kind of event of a file of `nwb_write` without its times, in the order of the log."""
    counts = _columns(content, EVENT_COUNTS) if _is_ours(content) else {}
    return [(str(e), np.empty(0)) for e, n in _rows(counts, "event", "timestamps") if n >= 0]


def _written(content: Any, declared: SourceDeclaration) -> dict[str, Any]:
    """Return what `nwb_write` wrote of a session beside its events."""
    row = {name: values[0] for name, values in _columns(content, SESSION).items()}
    bins = {name.removeprefix(BINS): table for name, table in content.intervals.items() if name.startswith(BINS)}
    counts = _rows(_columns(content, EVENT_COUNTS), "event", "count")
    return {
        "group": str(row.get("group", "")),
        "box": str(row.get("box", "")),
        "end": datetime.fromisoformat(row["end"]) if "end" in row else None,
        "duration_s": float(row["length_s"]) if "length_s" in row else None,
        "timeout_s": declared.timeout_s or (float(row["timeout_s"]) if "timeout_s" in row else None),
        "tick_s": float(row["tick_s"]),
        "part": int(row["part"]),
        "counts": {declared.events.get(event, str(event)): int(n) for event, n in counts if n >= 0},
        "bins": {
            declared.events.get(event, event): EventBins(
                width_s=float(table["stop_time"][0]), counts=_all(table["count"])
            )
            for event, table in bins.items()
        },
        "values": {str(name): float(value) for name, value in _rows(_columns(content, VALUES), "number", "value")},
    }


def _columns(content: Any, table: str) -> dict[str, Array]:
    """Return the columns of a table of `nwb_write`; none where the file lacks it."""
    tables = content.processing["behavior"].data_interfaces
    return {column.name: _all(column) for column in tables[table].columns} if table in tables else {}


def _rows(columns: dict[str, Array], *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(columns.get(name, ()) for name in names), strict=True)


def _events_of(thing: Any) -> _Events:
    """Return the events of one object of the file; none for most."""
    # the ids of a table's rows have no type of NWB
    match getattr(thing, "neurodata_type", ""):
        case "EventsTable":
            return [(thing.name, _seconds(thing["timestamp"]))]
        case "Events":
            return [(thing.name, _seconds(thing.timestamps))]
        case "LabeledEvents":
            # where ndx-events is not installed, the type made from the file calls them by their place
            labels = thing.labels if hasattr(thing, "labels") else thing.data__labels
            return _by_label([str(labels[int(code)]) for code in _all(thing.data)], _seconds(thing.timestamps))
        case "AnnotatedEventsTable":
            times = thing["event_times"]
            _check_number(len(getattr(times, "target", times)))
            return [(str(label), _seconds(times[k])) for k, label in enumerate(_all(thing["label"]))]
        case "BehavioralEvents":
            return [(series.name, _clock(series)) for series in thing.time_series.values()]
        case "AnnotationSeries":
            return _by_label([str(text) for text in _all(thing.data)], _clock(thing))
        case "IntervalSeries":
            return [(thing.name, _clock(thing)[_all(thing.data) > 0])]
        case "TimeIntervals" if thing.name == "trials":
            return [("trial", _seconds(thing["start_time"]))]
        case _:
            return []


def _check_number(n: int) -> None:
    if n > _MOST_EVENTS:
        raise DataError(f"{n} events; a session has at most {_MOST_EVENTS}: are these samples of a signal?")


def _all(values: Any) -> Array:
    """Return everything that a dataset or column has."""
    _check_number(len(values))
    return np.asarray(values[:])


def _by_label(labels: list[str], times: Float[Array, "event"]) -> _Events:
    every = np.array(labels, dtype=object)
    return [(label, times[every == label]) for label in dict.fromkeys(labels)]


def _clock(series: Any) -> Float[Array, "sample"]:
    """Return the times of a series, given one by one or by a rate."""
    if series.timestamps is not None:
        return _seconds(series.timestamps)
    _check_number(len(series.data))
    return float(series.starting_time or 0.0) + np.arange(len(series.data)) / float(series.rate)


def _seconds(values: Any) -> Float[Array, "event"]:
    return _all(values).astype(np.float64)
