"""Arrays of a MED-PC session to times of events, by the declaration of the array."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.io.medpc_codes import split_code
from cuecircuit.io.medpc_numbers import counted, numbers
from cuecircuit.io.medpc_program import Coded, Times, Timestamps
from cuecircuit.io.medpc_text import RawSession

SEAL = -987.987  # MED-PC puts it behind the last element of an array that it writes short (SEALED)
# a clock that is set, or a restart, falls once or twice; times since the last event fall at every other element
_ROUNDING = 1e-6
_FALLS, _FALLING_SHARE = 3, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found wrong in one letter, and what was done."""

    line: int
    what: str
    done: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedEvents:
    """Times (s, in the order of the file) by name of event, the program's own counts, and what was wrong."""

    times: Mapping[str, Float[Array, "event"]]
    counts: Mapping[str, int]
    findings: tuple[Finding, ...] = field(default=())


def timestamps(session: RawSession, letter: str, declared: Timestamps) -> DecodedEvents:
    """Return the times of one kind of event."""
    raw = session.letters[letter]
    values = _column(numbers(raw, letter), declared)
    n, findings = _extent(session, letter, values, declared)
    kept = values[:n]
    n_counted = n
    # once time has run, a zero is a place never written; a zero since the last event is a time
    if not declared.relative and np.count_nonzero(kept) < n:
        written = kept != 0
        written[: int(np.argmax(written)) if written.any() else None] = True
        n_counted = int(written.sum())
        if n_counted < n:
            what = f"{n} {declared.event} counted, {n_counted} times in array {letter}"
            findings.append(Finding(line=raw.line, what=what, done=f"kept the {n_counted} times"))
            kept = kept[written]
    ticks = _ticks(session, letter, kept, declared, findings)
    n_counted -= kept.size - ticks.size
    if declared.count not in (None, "all"):
        n_counted = counted(session, str(declared.count))
    times = {declared.event: ticks * declared.unit_s}
    return DecodedEvents(times=times, counts={declared.event: n_counted}, findings=tuple(findings))


def coded_events(session: RawSession, letter: str, declared: Coded) -> DecodedEvents:
    """Return the times of every kind of event of an array that holds time and code in one number."""
    raw = session.letters[letter]
    values = _column(numbers(raw, letter), declared)
    n, findings = _extent(session, letter, values, declared)
    places = _written(session, letter, values[:n], findings)
    words = raw.values()[declared.offset :: declared.every]
    lines = [raw.line_of(declared.offset + declared.every * k) for k in places.tolist()]
    split = [split_code(words[k], line, letter, declared) for k, line in zip(places.tolist(), lines, strict=True)]
    if declared.count is None and declared.end_marker is None:
        split = [each for each in split if int(each.code) != 0]
    if extra := sum(each.has_rest for each in split):
        what = f"{extra} values of array {letter} have decimals after a code of {declared.digits} digits"
        findings.append(
            Finding(line=raw.line, what=what, done="left them out of the time; see whether `digits` is right")
        )
    ticks = _ticks(session, letter, np.array([each.ticks for each in split], dtype=np.float64), declared, findings)
    return _by_code(session, letter, ticks * declared.unit_s, [each.code for each in split], declared, findings)


def paired_events(session: RawSession, letter: str, declared: Times) -> DecodedEvents:
    """Return the times of every kind of event where the codes stand in an array of their own.

    Raises:
        DataError: the two arrays differ in length, or a code is not a whole number.
    """
    raw, raw_codes = session.letters[letter], session.letters[declared.codes]
    ticks = _column(numbers(raw, letter), declared)
    codes = numbers(raw_codes, declared.codes)
    if ticks.size != codes.size:
        raise DataError(
            f"line {raw_codes.line}: {codes.size} codes in array {declared.codes} for {ticks.size} times in array "
            f"{letter}; expected as many; copy the file again from the MED-PC computer"
        )
    if declared.count == "all":  # of an array of fixed size, places behind the last code were never written
        written = np.flatnonzero(codes)
        ticks, codes = (values[: written[-1] + 1 if written.size else 0] for values in (ticks, codes))
    # the code says whether a place was written, so a time of 0 s stays; a mark behind the events stays a mark
    n, findings = _extent(session, letter, np.where(ticks < 0, ticks, np.maximum(ticks, codes)), declared)
    places = _written(session, letter, ticks[:n], findings)
    codes = codes[places]
    odd = np.flatnonzero((codes < 0) | (codes != np.round(codes)))
    if odd.size:
        raise DataError(
            f"line {raw_codes.line_of(int(places[odd[0]]))}: code {raw_codes.values()[places[odd[0]]]!r} in array "
            f"{declared.codes}; expected a whole number"
        )
    clock = _ticks(session, letter, ticks[places], declared, findings)
    return _by_code(session, letter, clock * declared.unit_s, [str(int(c)) for c in codes], declared, findings)


def _column(values: Float[Array, "value"], declared: Timestamps | Coded | Times) -> Float[Array, "row"]:
    """Return the times of interleaved rows, or the whole array."""
    return values[declared.offset :: declared.every]


def _extent(
    session: RawSession, letter: str, values: Float[Array, "value"], declared: Timestamps | Coded | Times
) -> tuple[int, list[Finding]]:
    """Return how many elements of an array are events, and whether its count, end marker or seal agrees with it."""
    line = session.letters[letter].line
    negative = np.flatnonzero(values < 0) if values.size and values.min() < 0 else np.empty(0, dtype=np.int64)
    seals = negative[np.abs(values[negative] - SEAL) < _ROUNDING]
    size = -(-declared.size // declared.every) if declared.size else None
    if size is not None and values.size < size and not seals.size:
        raise DataError(
            f"line {line}: array {letter} holds {values.size} of its {size} elements: the file is cut off; "
            "copy it again from the MED-PC computer"
        )
    is_counted = declared.count not in (None, "all")
    ends = seals if declared.end_marker is None else np.flatnonzero(values == declared.end_marker)
    end = int(ends[0]) if ends.size else values.size
    if declared.end_marker is not None and not ends.size and not is_counted:
        what = f"array {letter} holds no end marker {declared.end_marker:g}"
        return values.size, [Finding(line=line, what=what, done="kept every element as an event")]
    if not is_counted:
        return end, []
    count = counted(session, str(declared.count))
    if count > end:
        holds = f"is ended by a mark after {end}" if ends.size else f"holds {values.size}"
        what = f"array {letter} is full: {declared.count} counts {count} events, the array {holds}"
        return end, [Finding(line=line, what=what, done="kept the times there are; the count is the program's")]
    beyond = np.flatnonzero(values[count:end])
    if count == values.size == size:
        what = f"array {letter} is filled to its last element ({count} events): later ones may be lost"
        return count, [Finding(line=line, what=what, done="kept the times there are")]
    if not beyond.size:
        return count, []
    end = count + int(beyond[-1]) + 1
    what = f"{declared.count} counts {count} events, array {letter} holds values up to element {end - 1}"
    return end, [Finding(line=line, what=what, done="kept every value as an event")]


def _written(
    session: RawSession, letter: str, values: Float[Array, "value"], findings: list[Finding]
) -> Int[Array, "event"]:
    """Places of the values that can be times; adds a finding for those below 0."""
    n_negative = int((values < 0).sum())
    if n_negative:
        what = f"{n_negative} times in array {letter} are negative"
        done = "left them out; if one marks the end of the events, declare it as end_marker"
        findings.append(Finding(line=session.letters[letter].line, what=what, done=done))
    return np.flatnonzero(values >= 0)


def _ticks(
    session: RawSession,
    letter: str,
    values: Float[Array, "value"],
    declared: Timestamps | Coded | Times,
    findings: list[Finding],
) -> Float[Array, "event"]:
    """Ticks from the start of the session, without negative ones.

    Raises:
        DataError: the array looks like times since the last event, and `relative` does not say what it is.
    """
    is_clean = not values.size or values.min() >= 0
    ticks = values if is_clean else values[_written(session, letter, values, findings)]
    if declared.relative:
        return np.cumsum(ticks)
    falls = int(np.count_nonzero(ticks[1:] < ticks[:-1]))
    if declared.relative is None and falls >= _FALLS and falls > _FALLING_SHARE * ticks.size:
        raise DataError(
            f"line {session.letters[letter].line}: times in array {letter} fall {falls} times in {ticks.size}: they "
            "look like times since the event before; declare `relative: true` for the array, or `relative: false` to "
            "keep them as times from the start"
        )
    return ticks


def _by_code(
    session: RawSession,
    letter: str,
    times: Float[Array, "event"],
    codes: Sequence[str],
    declared: Coded | Times,
    findings: list[Finding],
) -> DecodedEvents:
    """Sort times by the name of their code, which several may share; compare codes with those declared and counted."""
    line = session.letters[letter].line
    every = np.array(codes, dtype=np.str_)
    names = {code: declared.events.get(code, f"code_{code}") for code in sorted({*codes, *declared.events})}
    # where no code is named, none is unexpected
    expected = {*declared.events, *declared.counts, *declared.unknown_codes} if declared.events else set(codes)
    if strange := sorted(set(codes) - expected):
        tally = Counter(codes)
        what = f"codes not declared in array {letter}: " + ", ".join(
            f"{code} ({tally[code]} times)" for code in strange
        )
        done = "kept under the names code_N; see whether `place` and `digits` are right"
        findings.append(Finding(line=line, what=what, done=done))
    events = np.array([names[code] for code in codes], dtype=np.str_)
    split = {name: times[events == name] for name in names.values()}
    counts: Counter[str] = Counter()
    for code, element in declared.counts.items():
        name, count, there = names.get(code, f"code_{code}"), counted(session, element), int((every == code).sum())
        counts[name] += count
        split.setdefault(name, times[:0])
        if count != there:
            what = f"{element} counts {count} of {name}, array {letter} holds {there}"
            findings.append(Finding(line=line, what=what, done=f"kept the {there} times"))
    return DecodedEvents(times=split, counts=counts, findings=tuple(findings))
