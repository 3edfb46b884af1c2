"""Operant sessions to NWB files as DANDI takes them, one file per session; `operant_nwb` reads them back.

| place in the file | what it holds |
|---|---|
| `/events/EVENT` | times of each kind of event that happened (EventsTable) |
| `/intervals/bins_EVENT` | counts per stretch of time, where the program keeps them (TimeIntervals) |
| `/processing/behavior/event_counts` | each kind of event: times that were logged, events that the program counted |
| `/processing/behavior/session` | `SESSION_FIELDS` |
| `/processing/behavior/values` | numbers of the session by the names of the declaration |
| `/processing/behavior/measures` | numbers of the row of sessions.tsv |

What pynwb takes from the clock and at random (creation date, object ids) follows from the session here, so that the
same session gives the same bytes.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import numpy as np

from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.records.operant import OperantSession

SOFTWARE, BINS, EVENT_COUNTS, SESSION, VALUES = "cuecircuit", "bins_", "event_counts", "session", "values"
SESSION_FIELDS = {
    "group": "header field Group",
    "box": "header field Box",
    "end": "end of the session, local time (ISO 8601)",
    "length_s": "length that the program declares, else that the session was run (s)",
    "timeout_s": "time after an infusion in which presses have no consequence (s)",
    "tick_s": "resolution of the times (s); 0.01 is assumed where the log does not state it",
    "part": "number of the session in its record; 0 where the record is one session",
}
Described = tuple[str, Any]
"""A description and a value, or the values of a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NwbSubject:
    """A subject in the words of NWB; `age` is an ISO 8601 duration, `weight` a number with its unit."""

    species: str
    sex: str
    age: str | None = None
    date_of_birth: datetime | None = None
    weight: str | None = None
    strain: str | None = None
    genotype: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NwbOrigin:
    """Where sessions were recorded; `zone` is that of the clock that stamped the logs."""

    zone: ZoneInfo
    lab: str = ""
    institution: str = ""
    experimenters: tuple[str, ...] = ()


def check_pynwb() -> None:
    """Check that NWB can be written.

    Raises:
        DataError: pynwb is not installed.
    """
    if find_spec("pynwb") is None:
        raise DataError('writing NWB needs pynwb; install it: pip install "cuecircuit[nwb]"')


def nwb_path(session: OperantSession) -> PurePosixPath:
    """Return folder and name of the file of a session, as `dandi organize` chooses them: by subject and start."""
    subject = "sub-" + re.sub(r"[\W_]", "-", session.subject)
    return PurePosixPath(subject, f"{subject}_ses-{_label(session)}_behavior.nwb")


def _label(session: OperantSession) -> str:
    return f"{session.start:%Y%m%dT%H%M%S}" + (f"-{session.part}" if session.part else "")


def name_faults(sessions: Sequence[OperantSession]) -> Iterator[str]:
    """Yield each name that DANDI or NWB cannot take, and sessions or subjects that would share a file or a folder."""
    files: dict[PurePosixPath, list[str]] = defaultdict(list)
    folders: dict[PurePosixPath, set[str]] = defaultdict(set)
    for session in sessions:
        path, place = nwb_path(session), f"{session.file}: line {session.line}: subject {session.subject!r}"
        files[path].append(place)
        folders[path.parent].add(session.subject)
        if not session.subject or "/" in session.subject:
            yield f"{place}: DANDI needs a name without /; correct it in the log"
        for event in {*session.events, *session.bins}:
            if re.search(r"^\.*$|[/:]", event):
                yield f"{place}: event {event!r} cannot name a table of NWB (no / or :); rename it in the declaration"
    for path, places in files.items():
        if len(places) > 1:
            yield (
                f"{'; '.join(places)}: {len(places)} sessions would be {path.name}, which is named by subject and "
                "start; correct the start of one, or leave its log out"
            )
    for folder, names in folders.items():
        if len(names) > 1:
            yield f"subjects {', '.join(map(repr, sorted(names)))} would share {folder}; rename one of them"


def nwb_file(
    session: OperantSession, subject: NwbSubject, origin: NwbOrigin, *, measures: Mapping[str, Described]
) -> Any:
    """Return a session as an `NWBFile`.

    Args:
        session: what was logged.
        subject: whose session it is.
        origin: laboratory and time zone.
        measures: description and number of each measure of the session.
    """
    import pynwb

    from cuecircuit import __version__

    identifier, start = _identifier(session), session.start.replace(tzinfo=origin.zone)
    program = f"program {session.program}" if session.program else ""
    new: Any = pynwb.NWBFile  # hdmf's wrappers hide the types
    file = new(
        session_description=", ".join(filter(None, ("operant session", session.experiment, program))),
        identifier=str(identifier),
        session_start_time=start,
        file_create_date=start,
        session_id=_label(session),
        experiment_description=session.experiment or None,
        protocol=session.program or None,
        lab=origin.lab or None,
        institution=origin.institution or None,
        experimenter=origin.experimenters or None,
        keywords=["operant behavior"],
        was_generated_by=[[SOFTWARE, __version__]],
    )
    group = f"group {session.group}" if session.group else None
    file.subject = pynwb.file.Subject(subject_id=session.subject, description=group, **asdict(subject))
    _add_events(file, session)
    module = file.create_processing_module("behavior", "the session as its program counted and measured it")
    for name, description, columns in _tables(session, measures):
        if columns:
            module.add(_table(name, description, columns))
    for place, thing in enumerate(file.objects.values()):
        # hdmf draws ids at random, and has no other way to state one
        thing._AbstractContainer__object_id = str(uuid5(identifier, f"{place} {thing.name}"))
    return file


def _identifier(session: OperantSession) -> UUID:
    about = (session.subject, session.start, session.box, session.program, session.part)
    digest = sha256(repr(about).encode())
    for name, times in session.events.items():
        digest.update(name.encode() + times.tobytes())
    return UUID(bytes=digest.digest()[:16], version=5)


def _add_events(file: Any, session: OperantSession) -> None:
    from hdmf.common import VectorData
    from pynwb.epoch import TimeIntervals
    from pynwb.event import EventsTable, TimestampVectorData

    for name, times in session.events.items():
        if times.size:  # a table without rows is no good practice; `event_counts` has such an event
            column = TimestampVectorData(name="timestamp", description="time of the event (s)", data=times)
            source = Path(session.file).name or None
            file.add_events_table(
                EventsTable(name=name, description=f"events: {name}", source_description=source, columns=[column])
            )
    for name, bins in session.bins.items():
        edges = np.arange(len(bins.counts) + 1) * bins.width_s
        columns = {
            "start_time": ("start of the bin (s)", edges[:-1]),
            "stop_time": ("end of the bin (s)", edges[1:]),
            "count": ("events in the bin, as the program counted them", bins.counts),
        }
        vectors = [VectorData(name=key, description=text, data=data) for key, (text, data) in columns.items()]
        if len(bins.counts):
            file.add_time_intervals(TimeIntervals(name=BINS + name, description=f"counts: {name}", columns=vectors))


def _tables(
    session: OperantSession, measures: Mapping[str, Described]
) -> Iterator[tuple[str, str, Mapping[str, Described]]]:
    """Yield name, description and columns of each table of the module."""
    kinds = list(dict.fromkeys([*session.events, *session.counts]))
    logged = [session.events[kind].size if kind in session.events else -1 for kind in kinds]
    counts = {
        "event": ("kind of event", kinds),
        "timestamps": ("events whose times were logged; -1 where times are not", logged),
        "count": ("events that the program counted; -1 where it does not", [session.counts.get(k, -1) for k in kinds]),
    }
    yield EVENT_COUNTS, "kinds of events of the session", counts if kinds else {}
    length_s = session.duration_s if session.declared_s is None else session.declared_s
    end = None if session.end is None else session.end.isoformat()
    fields = {name: getattr(session, name, None) for name in SESSION_FIELDS} | {"length_s": length_s, "end": end}
    row = {name: (SESSION_FIELDS[name], [value]) for name, value in fields.items() if value not in (None, "")}
    yield SESSION, "the session as its log states it", row
    values = {"number": ("its name", list(session.values)), "value": ("its value", list(session.values.values()))}
    yield VALUES, "numbers of the session by the declaration of its program", values if session.values else {}
    row = {name: (description, [value]) for name, (description, value) in measures.items()}
    yield "measures", "measures of the session", row


def _table(name: str, description: str, columns: Mapping[str, Described]) -> Any:
    from hdmf.common import DynamicTable, VectorData

    vectors = [
        VectorData(name=key, description=text, data=data if isinstance(data[0], str) else np.asarray(data))
        for key, (text, data) in columns.items()
    ]
    return DynamicTable(name=name, description=description, columns=vectors)


def save_nwb(path: Path, file: Any) -> None:
    """Write an `NWBFile`.

    Raises:
        DataError: the place cannot be written.
    """
    from pynwb import NWBHDF5IO

    opened: Any = NWBHDF5IO
    with replacing(path) as new, opened(str(new), "w") as out:
        out.write(file)
