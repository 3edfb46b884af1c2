"""Sessions of text to operant sessions, by the declaration of their program; every disagreement is a named fault.

Nothing is trimmed without a count or an end marker: a zero before the end of the events is an event at 0 s.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.io.medpc_events import Finding, coded_events, paired_events, timestamps
from cuecircuit.io.medpc_moment import header_moment, start_of
from cuecircuit.io.medpc_numbers import counted, element, numbers
from cuecircuit.io.medpc_parts import sessions_of_parts
from cuecircuit.io.medpc_program import (
    Bins,
    Coded,
    Length,
    Program,
    Scalar,
    Subset,
    Times,
    Timestamps,
    Trials,
    find_program,
)
from cuecircuit.io.medpc_text import RawSession
from cuecircuit.records.operant import UNDECLARED, EventBins, OperantFault, OperantSession

_TICK_S = 0.01  # the usual resolution of MED-PC
_MOST_COUNTED = 2**53  # larger doubles may stand for another whole number than was written
_TOLERANCE_S = 1e-6  # times carry at most three decimals of a tick; far below the shortest tick


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedRecord:
    """The session of a record, or its several, and what in it disagreed with its program (`file` is empty)."""

    sessions: tuple[OperantSession, ...]
    faults: tuple[OperantFault, ...]


def decode_record(raw: RawSession, programs: Sequence[Program], *, file_name: str = "") -> DecodedRecord:
    """Decode one record by the first declaration that fits its MSN.

    Args:
        raw: the record.
        programs: what programs mean.
        file_name: of its file, which tells the start where the header fields are blank.

    Raises:
        DataError: unknown MSN (prints the letters found), no readable start, a declared letter that is missing, a
            value that is no number; each with the line.
    """
    program = _program(raw, programs)
    subject = raw.header.get("Subject", "")
    findings: list[Finding] = []
    start, is_named = start_of(raw, dates=program.dates, file_name=file_name)
    if is_named:
        done = f"took {start:%Y-%m-%d %H:%M} from the name of the file"
        findings.append(Finding(line=raw.line, what="blank start date and time", done=done))
    end = header_moment(raw, "End", dates=program.dates)
    if end is None:
        findings.append(Finding(line=raw.line, what="no readable end date and time", done="kept without an end"))
    times, counts = _events(raw, program, findings)
    # most are in order already, which this kind of sort is quick to see
    events = {name: np.sort(times_s, kind="stable") for name, times_s in times.items()}
    counts |= _totals(raw, program, events, findings)
    findings += _disagreements(raw, program, events, counts)
    session = OperantSession(
        subject=subject,
        experiment=raw.header.get("Experiment", ""),
        group=raw.header.get("Group", ""),
        box=raw.header.get("Box", ""),
        program=raw.header.get("MSN", ""),
        start=start,
        end=end,
        duration_s=_duration(raw, program, findings),
        events=events,
        counts=counts,
        file="",
        line=raw.line,
        timeout_s=program.timeout_s,
        tick_s=_tick(program, events),
        bins=_bins(raw, program),
        values=_values(raw, program),
    )
    faults = (OperantFault(file="", line=f.line, subject=subject, what=f.what, done=f.done) for f in findings)
    sessions = sessions_of_parts(session, raw, program.parts) if program.parts else (session,)
    return DecodedRecord(sessions=sessions, faults=tuple(faults))


def _program(raw: RawSession, programs: Sequence[Program]) -> Program:
    """Return the declaration of a session; refuse one whose letters are not there."""
    msn, subject = raw.header.get("MSN", ""), raw.header.get("Subject", "")
    program = find_program(msn, programs)
    if program is None:
        scalars = " ".join(name for name, letter in raw.letters.items() if not letter.is_array)
        arrays = " ".join(f"{name}({letter.size})" for name, letter in raw.letters.items() if letter.is_array)
        raise DataError(
            f"line {raw.line}: subject {subject!r}: {UNDECLARED} {msn!r} is not declared; letters found: scalars "
            f"{scalars or 'none'}; arrays {arrays or 'none'}; say what they are in a YAML file (msn, title, source, "
            "letters, unknown) and pass its folder with --programs (`cuecircuit sessions FILE --declare` prints one)"
        )
    missing = sorted(program.referenced - raw.letters.keys())
    if missing:
        raise DataError(
            f"line {raw.line}: subject {subject!r}: {program.title!r} declares letters {', '.join(missing)}, found "
            f"only {' '.join(raw.letters) or 'none'}: the session is cut off or the program has changed; copy the file "
            "again or declare the changed program"
        )
    return program


def _events(
    raw: RawSession, program: Program, findings: list[Finding]
) -> tuple[dict[str, Float[Array, "event"]], dict[str, int]]:
    """Times and the program's own counts of every kind of event; adds to `findings`."""
    times: dict[str, Array] = {}
    counts: Counter[str] = Counter()
    for letter, meaning in program.letters.items():
        match meaning:
            case Timestamps():
                stamps = timestamps(raw, letter, meaning)
            case Coded():
                stamps = coded_events(raw, letter, meaning)
            case Times():
                stamps = paired_events(raw, letter, meaning)
            case _:
                continue
        findings += stamps.findings
        line = raw.letters[letter].line
        for name, events in stamps.times.items():
            if backwards := int(np.count_nonzero(events[1:] < events[:-1])):
                what = f"times of {name} in array {letter} run backwards {backwards} times"
                findings.append(Finding(line=line, what=what, done="kept all, put in order"))
            times[name] = np.concatenate([times[name], events]) if name in times else events
        counts.update(stamps.counts)  # adds: several arrays may hold one kind of event
    return times, dict(counts)


def _disagreements(
    raw: RawSession,
    program: Program,
    times: Mapping[str, Float[Array, "event"]],
    counts: Mapping[str, int],
) -> list[Finding]:
    """Return what the declaration promises and the session does not keep."""
    findings: list[Finding] = []
    undeclared = sorted(raw.letters.keys() - program.referenced - set(program.unknown))
    if undeclared:
        what = f"letters not declared for this program: {' '.join(undeclared)}"
        findings.append(Finding(line=raw.letters[undeclared[0]].line, what=what, done="left undecoded"))
    for rule in program.invariants:
        event_times = times.get(rule.event, np.empty(0))
        if isinstance(rule, Subset):
            missing = int((~_near(event_times, times.get(rule.of, np.empty(0)))).sum())
            what = f"{missing} of {event_times.size} {rule.event} times are not times of {rule.of}" if missing else ""
        else:
            close = int((np.diff(event_times) < rule.seconds - _TOLERANCE_S).sum())
            what = f"{close} intervals between {rule.event} are under {rule.seconds:g} s" if close else ""
        if what:
            findings.append(Finding(line=raw.line, what=what, done="kept as written"))
    return findings + _bins_and_trials(raw, program, counts)


def _near(found: Float[Array, "event"], among: Float[Array, "other"]) -> Bool[Array, "event"]:
    """Return which of `found` are in the sorted `among`."""
    if not among.size:
        return np.zeros(found.size, dtype=bool)
    at = np.clip(np.searchsorted(among, found - _TOLERANCE_S), 0, among.size - 1)
    return np.abs(among[at] - found) <= _TOLERANCE_S


def _bins_and_trials(raw: RawSession, program: Program, counts: Mapping[str, int]) -> list[Finding]:
    """Bins must add up to the events counted; arrays per trial must be as long as there were trials."""
    findings: list[Finding] = []
    for letter, meaning in program.letters.items():
        line = raw.letters[letter].line
        if isinstance(meaning, Bins):
            values = numbers(raw.letters[letter], letter)[meaning.offset :: meaning.every]
            total = float(values[1:].sum() if meaning.total_first else values.sum())
            first = values[:1].tolist() if meaning.total_first else []
            first += [float(counts[meaning.event])] if meaning.event in counts else []
            if any(total != number for number in first):
                expected = " and ".join(f"{number:g}" for number in first)
                what = f"bins {letter} add up to {total:g} {meaning.event}, counted {expected}"
                findings.append(Finding(line=line, what=what, done="kept both as written"))
        elif isinstance(meaning, Trials) and meaning.count != "all":
            trials = counted(raw, meaning.count)
            if trials != raw.letters[letter].size:
                what = f"array {letter} holds {raw.letters[letter].size} values for {trials} trials"
                findings.append(Finding(line=line, what=what, done="left undecoded"))
    return findings


def _tick(program: Program, events: Mapping[str, Float[Array, "event"]]) -> float:
    """Return the resolution of presses and infusions: the unit of their arrays, where they are whole numbers of it."""
    timed = [events[name] for name in ("active", "infusion") if name in events and events[name].size]
    units = {meaning.unit_s for meaning in program.letters.values() if isinstance(meaning, Timestamps | Coded | Times)}
    unit_s = max(units, default=_TICK_S)
    # a few of the first tell mostly
    is_whole = unit_s > _TICK_S and all(_are_whole(t[:3] / unit_s) and _are_whole(t / unit_s) for t in timed)
    return unit_s if timed and is_whole else _TICK_S


def _are_whole(values: Float[Array, "value"]) -> bool:
    return bool((np.abs(values - np.rint(values)) < _TOLERANCE_S).all())


def _totals(
    raw: RawSession, program: Program, times: Mapping[str, Float[Array, "event"]], findings: list[Finding]
) -> dict[str, int]:
    """Return what the counters of the program say; adds a finding where time stamps of the event are another number."""
    totals = {event: counted(raw, at) for event, at in program.totals.items()}
    for event, count in totals.items():
        if event in times and times[event].size != count:
            what = f"{program.totals[event]} counts {count} of {event}, {times[event].size} have times"
            findings.append(Finding(line=raw.line, what=what, done="kept the times there are"))
    return totals


def _bins(raw: RawSession, program: Program) -> dict[str, EventBins]:
    """Counts per stretch of time, where they are whole numbers."""
    bins: dict[str, EventBins] = {}
    for letter, meaning in program.letters.items():
        if isinstance(meaning, Bins):
            values = numbers(raw.letters[letter], letter)[meaning.offset :: meaning.every][int(meaning.total_first) :]
            if ((values >= 0) & (values < _MOST_COUNTED) & (values == np.round(values))).all():
                bins[meaning.event] = EventBins(width_s=meaning.width_s, counts=values.astype(np.int64))
    return bins


def _values(raw: RawSession, program: Program) -> dict[str, float]:
    """Other numbers of the session; the last of none, F(I-1) where I is 0, is left out."""
    numbers: dict[str, float] = {}
    for name, declared in program.values.items():
        at, scale = (declared, 1.0) if isinstance(declared, str) else (declared.at, declared.scale)
        if not (at.endswith("-1)") and counted(raw, at[2:-3]) == 0):
            numbers[name] = element(raw, at) * scale
    return numbers


def _duration(raw: RawSession, program: Program, findings: list[Finding]) -> float | None:
    """Return the declared session length in seconds; None where its unit is not declared."""
    length = program.session_length
    if length is None:
        return None
    if isinstance(length, Length):
        return element(raw, length.at) * length.unit_s
    meaning = program.letters.get(length)
    if isinstance(meaning, Scalar) and meaning.unit_s is not None:
        return element(raw, length) * meaning.unit_s
    what = f"session_length {length} is {element(raw, length):g} in no declared unit"
    done = f"took the length from start to end; write session_length: {{at: {length}, unit_s: 60}} if it is in minutes"
    findings.append(Finding(line=raw.line, what=what, done=done))
    return None
