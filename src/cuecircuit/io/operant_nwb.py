"""Events in NWB files to operant sessions, one per file.

Read are EventsTable (NWB 2.10), the Events, LabeledEvents and AnnotatedEventsTable of ndx-events, TimeSeries inside
BehavioralEvents, AnnotationSeries, IntervalSeries (their starts) and the starts of trials. An event is called by its
label, else by the name of the object that holds it.
"""

from pathlib import Path
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.io.operant_declaration import SourceDeclaration
from cuecircuit.io.operant_table import ordered
from cuecircuit.records.operant import OperantLog, OperantSession

_Events = list[tuple[str, Float[Array, "_"]]]


def read_nwb_log(path: Path, declared: SourceDeclaration | None = None) -> OperantLog:
    """Read the events of one NWB file; times are seconds from the start of the session, as NWB has them.

    Raises:
        DataError: pynwb is not installed, no such file, not NWB, no events, or times that are not finite.
    """
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise DataError(f'{path}: reading NWB needs pynwb; install it: pip install "cuecircuit[nwb]"') from error
    declared = declared or SourceDeclaration()
    try:
        # hdmf's wrappers hide the types
        opened: Any = NWBHDF5IO
        with opened(str(path), "r", load_namespaces=True) as file:
            content = file.read()
            found = [pair for thing in content.objects.values() for pair in _events_of(thing)]
            session = _session(path, content, declared)
    except DataError:
        raise
    except Exception as error:  # h5py, hdmf and pynwb let through what a damaged file makes them raise
        raise DataError(f"{path}: cannot be read as NWB ({type(error).__name__}: {error})") from error
    if not found:
        raise DataError(
            f"{path}: no events; expected an EventsTable, BehavioralEvents, ndx-events, annotations or trials"
        )
    events: dict[str, Array] = {}
    for name, times in found:
        called = declared.events.get(name, name)
        events[called] = np.concatenate([events[called], times]) if called in events else times
    bad = [name for name, times in events.items() if not np.isfinite(times).all()]
    if bad:
        raise DataError(f"{path}: times of {', '.join(bad)} are not all numbers; expected seconds")
    events, faults = ordered(events, file=str(path), line=0, subject=session["subject"])
    return OperantLog(sessions=(OperantSession(events=events, **session),), faults=tuple(faults))


def _session(path: Path, content: Any, declared: SourceDeclaration) -> dict[str, Any]:
    """Everything about a session but its events."""
    subject = getattr(content.subject, "subject_id", None) or ""
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
    }


def _events_of(thing: Any) -> _Events:
    """The events of one object of the file; none for most."""
    # the ids of a table's rows have no type of NWB
    match getattr(thing, "neurodata_type", ""):
        case "EventsTable":
            return [(thing.name, _seconds(thing["timestamp"][:]))]
        case "Events":
            return [(thing.name, _seconds(thing.timestamps))]
        case "LabeledEvents":
            # where ndx-events is not installed, the type made from the file calls them by their place
            labels = thing.labels if hasattr(thing, "labels") else thing.data__labels
            return _by_label([str(labels[int(code)]) for code in thing.data[:]], _seconds(thing.timestamps))
        case "AnnotatedEventsTable":
            return [(str(label), _seconds(thing["event_times"][k])) for k, label in enumerate(thing["label"][:])]
        case "BehavioralEvents":
            return [(series.name, _clock(series)) for series in thing.time_series.values()]
        case "AnnotationSeries":
            return _by_label([str(text) for text in thing.data[:]], _clock(thing))
        case "IntervalSeries":
            return [(thing.name, _clock(thing)[np.asarray(thing.data[:]) > 0])]
        case "TimeIntervals" if thing.name == "trials":
            return [("trial", _seconds(thing["start_time"][:]))]
        case _:
            return []


def _by_label(labels: list[str], times: Float[Array, "event"]) -> _Events:
    every = np.array(labels, dtype=object)
    return [(label, times[every == label]) for label in dict.fromkeys(labels)]


def _clock(series: Any) -> Float[Array, "sample"]:
    """The times of a series, given one by one or by a rate."""
    if series.timestamps is not None:
        return _seconds(series.timestamps)
    return float(series.starting_time or 0.0) + np.arange(len(series.data)) / float(series.rate)


def _seconds(values: Any) -> Float[Array, "event"]:
    return np.asarray(values[:], dtype=np.float64)
