"""Several sessions in one record, such as nine extinction sessions and the test after them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cuecircuit.io.medpc_numbers import counted, element
from cuecircuit.io.medpc_program import Part
from cuecircuit.io.medpc_text import RawSession
from cuecircuit.records.operant import OperantSession


def sessions_of_parts(record: OperantSession, raw: RawSession, parts: Sequence[Part]) -> tuple[OperantSession, ...]:
    """Return one session for each part of a record that was run; times of events are cut to the part.

    Args:
        record: the record as one session.
        raw: its letters.
        parts: the declaration, in the order they were run; a part without a length has no times of events.

    Raises:
        DataError: a declared element is missing or does not count.
    """
    sessions: list[OperantSession] = []
    next_s: float | None = 0.0
    for number, part in enumerate(parts, 1):
        start_s = next_s if part.start_s is None else part.start_s
        start = record.start + timedelta(seconds=start_s or 0.0)
        if not _was_run(raw, part, is_over=record.end is not None and start >= record.end):
            continue
        stop_s = None if start_s is None or part.duration_s is None else start_s + part.duration_s
        events = {}
        if start_s is not None and stop_s is not None:
            events = {name: t[(t >= start_s) & (t < stop_s)] - start_s for name, t in record.events.items()}
        session = replace(
            record,
            experiment=part.experiment,
            start=start,
            end=None if part.duration_s is None else _end(record, start, part.duration_s),
            duration_s=part.duration_s,
            events=events,
            counts={event: counted(raw, at) for event, at in part.counts.items()},
            bins={},
            part=number,
        )
        sessions.append(session)
        next_s = stop_s
    return tuple(sessions)


def _end(record: OperantSession, start: datetime, duration_s: float) -> datetime:
    """When a part ended: with its length, or with the record that stopped inside it."""
    end = start + timedelta(seconds=duration_s)
    return min(end, record.end) if record.end is not None and record.end > start else end


def _was_run(raw: RawSession, part: Part, *, is_over: bool) -> bool:
    """Return whether a part was run: by its condition, or its counters, or because the record was not over."""
    if part.condition is None:
        return bool(part.counts) or not is_over
    at, comparison, number = part.condition
    value = element(raw, at)
    return {">=": value >= number, "<=": value <= number, "==": value == number}[comparison]
