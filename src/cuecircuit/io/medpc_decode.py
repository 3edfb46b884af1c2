"""Sessions of text to operant sessions, by the declaration of their program; every disagreement is a named fault.

Nothing is trimmed without a count or an end marker: a zero before the end of the events is an event at 0 s.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.io.medpc_events import Finding, coded_events, numbers, paired_events, timestamps
from cuecircuit.io.medpc_program import Bins, Coded, Program, Scalar, Subset, Times, Timestamps, Trials, find_program
from cuecircuit.io.medpc_text import RawSession
from cuecircuit.records.operant import OperantFault, OperantSession

_DATE = re.compile(r"([0-9]{1,4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,4})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})")
# two-digit years as POSIX reads them; MED-PC files from before 1969 do not exist
_CENTURY_TURN = 69
_TOLERANCE_S = 1e-6  # times carry at most three decimals of a tick; far below the shortest tick


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedSession:
    """A session and what in it disagreed with its program (`file` is empty)."""

    session: OperantSession
    faults: tuple[OperantFault, ...]


def decode_session(raw: RawSession, programs: Sequence[Program]) -> DecodedSession:
    """Decode one session by the first declaration that fits its MSN.

    Raises:
        DataError: unknown MSN (prints the letters found), no readable start, a declared letter that is missing, a
            value that is no number; each with the line.
    """
    program = _program(raw, programs)
    subject = raw.header.get("Subject", "")
    start = _moment(raw, "Start")
    if start is None:
        raise DataError(
            f"line {raw.line}: subject {subject!r}: start {raw.header.get('Start Date', '')!r} "
            f"{raw.header.get('Start Time', '')!r}; expected month/day/year and hours:minutes:seconds"
        )
    end = _moment(raw, "End")
    findings: list[Finding] = []
    if end is None:
        findings.append(Finding(line=raw.line, what="no readable end date and time", done="kept without an end"))
    times, counts = _events(raw, program, findings)
    # most are in order already, which this kind of sort is quick to see
    events = {name: np.sort(found, kind="stable") for name, found in times.items()}
    duration_s = _duration(raw, program)
    findings += _disagreements(raw, program, events, counts, duration_s)
    session = OperantSession(
        subject=subject,
        experiment=raw.header.get("Experiment", ""),
        group=raw.header.get("Group", ""),
        box=raw.header.get("Box", ""),
        program=raw.header.get("MSN", ""),
        start=start,
        end=end,
        duration_s=duration_s,
        events=events,
        counts=counts,
        file="",
        line=raw.line,
        timeout_s=program.timeout_s,
    )
    faults = (OperantFault(file="", line=f.line, subject=subject, what=f.what, done=f.done) for f in findings)
    return DecodedSession(session=session, faults=tuple(faults))


def _program(raw: RawSession, programs: Sequence[Program]) -> Program:
    """The declaration of a session; refuse one whose letters are not there."""
    msn, subject = raw.header.get("MSN", ""), raw.header.get("Subject", "")
    program = find_program(msn, programs)
    if program is None:
        scalars = " ".join(name for name, letter in raw.letters.items() if not letter.is_array)
        arrays = " ".join(f"{name}({letter.size})" for name, letter in raw.letters.items() if letter.is_array)
        raise DataError(
            f"line {raw.line}: subject {subject!r}: program (MSN) {msn!r} is not declared; letters found: scalars "
            f"{scalars or 'none'}; arrays {arrays or 'none'}; say what they are in a YAML file (msn, title, source, "
            "letters, unknown) and pass its folder with --programs (`cuecircuit sessions FILE --declare` prints one)"
        )
    missing = sorted(program.letters.keys() - raw.letters.keys())
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
    counts: dict[str, int] = {}
    for letter, meaning in program.letters.items():
        match meaning:
            case Timestamps():
                found = timestamps(raw, letter, meaning)
            case Coded():
                found = coded_events(raw, letter, meaning)
            case Times():
                found = paired_events(raw, letter, meaning)
            case _:
                continue
        findings += found.findings
        line = raw.letters[letter].line
        for name, events in found.times.items():
            if backwards := int(np.count_nonzero(events[1:] < events[:-1])):
                what = f"times of {name} in array {letter} run backwards {backwards} times"
                findings.append(Finding(line=line, what=what, done="kept all, put in order"))
            times[name] = np.concatenate([times[name], events]) if name in times else events
        counts.update(found.counts)
    return times, counts


def _disagreements(
    raw: RawSession,
    program: Program,
    times: Mapping[str, Float[Array, "event"]],
    counts: Mapping[str, int],
    duration_s: float | None,
) -> list[Finding]:
    """What the declaration promises and the session does not keep."""
    findings: list[Finding] = []
    undeclared = sorted(raw.letters.keys() - program.letters.keys() - set(program.unknown))
    if undeclared:
        what = f"letters not declared for this program: {' '.join(undeclared)}"
        findings.append(Finding(line=raw.letters[undeclared[0]].line, what=what, done="left undecoded"))
    for rule in program.invariants:
        found = times.get(rule.event, np.empty(0))
        if isinstance(rule, Subset):
            missing = int((~_near(found, times.get(rule.of, np.empty(0)))).sum())
            what = f"{missing} of {found.size} {rule.event} times are not times of {rule.of}" if missing else ""
        else:
            close = int((np.diff(found) < rule.seconds - _TOLERANCE_S).sum())
            what = f"{close} intervals between {rule.event} are under {rule.seconds:g} s" if close else ""
        if what:
            findings.append(Finding(line=raw.line, what=what, done="kept as written"))
    for name, events in times.items():
        late = (
            0 if duration_s is None else events.size - int(np.searchsorted(events, duration_s + _TOLERANCE_S, "right"))
        )
        if late:
            what = f"{late} {name} after the end of the session at {duration_s:g} s"
            findings.append(Finding(line=raw.line, what=what, done="kept as written"))
    return findings + _bins_and_trials(raw, program, counts)


def _near(found: Float[Array, "event"], among: Float[Array, "other"]) -> Bool[Array, "event"]:
    """Which of `found` are in the sorted `among`."""
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
            values = numbers(raw.letters[letter], letter)
            total = float(values[1:].sum() if meaning.total_first else values.sum())
            wanted = [float(values[0])] if meaning.total_first else []
            wanted += [float(counts[meaning.event])] if meaning.event in counts else []
            if any(total != number for number in wanted):
                counted = " and ".join(f"{number:g}" for number in wanted)
                what = f"bins {letter} add up to {total:g} {meaning.event}, counted {counted}"
                findings.append(Finding(line=line, what=what, done="times kept; bins are not used"))
        elif isinstance(meaning, Trials) and meaning.count != "all":
            trials = float(numbers(raw.letters[meaning.count], meaning.count)[0])
            if trials != raw.letters[letter].size:
                what = f"array {letter} holds {raw.letters[letter].size} values for {trials:g} trials"
                findings.append(Finding(line=line, what=what, done="left undecoded"))
    return findings


def _duration(raw: RawSession, program: Program) -> float | None:
    """The declared session length in seconds."""
    if program.session_length is None:
        return None
    meaning = program.letters[program.session_length]
    assert isinstance(meaning, Scalar)
    assert meaning.unit_s is not None
    return float(numbers(raw.letters[program.session_length], program.session_length)[0]) * meaning.unit_s


def _moment(raw: RawSession, which: str) -> datetime | None:
    """Start or End as a moment; None where the header does not say."""
    date = _DATE.fullmatch(raw.header.get(f"{which} Date", "").strip())
    time = _TIME.fullmatch(raw.header.get(f"{which} Time", "").strip())
    if date is None or time is None:
        return None
    first, second, third = date[1], date[2], date[3]
    year, month, day = (first, second, third) if len(first) > 2 else (third, first, second)
    years = int(year) + (0 if len(year) > 2 else 1900 if int(year) >= _CENTURY_TURN else 2000)
    try:
        return datetime(years, int(month), int(day), int(time[1]), int(time[2]), int(time[3]))
    except ValueError:
        return None
