"""Arrays of a MED-PC session to times of events, by the declaration of the array."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.io.medpc_program import Coded, Times, Timestamps
from cuecircuit.io.medpc_text import RawLetter, RawSession

_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")
_PLAIN = re.compile(r"([0-9]+)(?:\.([0-9]*))?")


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


def numbers(letter: RawLetter, name: str) -> Float[Array, "value"]:
    """The values of a letter as numbers; a decimal comma is a point.

    Raises:
        DataError: a value is not a finite number (line, letter, value).
    """
    if letter.numbers is not None:
        return letter.numbers
    tokens = letter.text.replace(",", ".").split()
    try:
        values = np.array(tokens, dtype=np.float64)
    except ValueError:
        values = np.array([float(token) if _NUMBER.fullmatch(token) else np.nan for token in tokens])
    finite = np.isfinite(values)
    if not finite.all():
        at = int(np.argmin(finite))
        raise DataError(
            f"line {letter.line_of(at)}: value {at} of letter {name} is {letter.values()[at][:40]!r}; "
            "expected a number; copy the file again from the MED-PC computer"
        )
    return values


def whole_number(session: RawSession, letter: str) -> int:
    """A scalar that counts.

    Raises:
        DataError: missing, an array, or not a whole number of at least 0.
    """
    raw = session.letters[letter]
    value = float(numbers(raw, letter)[0]) if raw.size == 1 else -1.0
    if value < 0 or not value.is_integer():
        raise DataError(f"line {raw.line}: letter {letter} is {raw.text.strip()[:40]!r}; expected a count")
    return int(value)


def timestamps(session: RawSession, letter: str, declared: Timestamps) -> DecodedEvents:
    """The times of one kind of event."""
    raw = session.letters[letter]
    values = numbers(raw, letter)
    n, findings = _extent(session, letter, values, declared)
    kept = values[:n]
    # once time has run, a zero is a place never written
    written = kept != 0
    written[: int(np.argmax(written)) if written.any() else None] = True
    counted = int(written.sum())
    if counted < n:
        what = f"{n} {declared.event} counted, {counted} times in array {letter}"
        findings.append(Finding(line=raw.line, what=what, done=f"kept the {counted} times"))
        kept = kept[written]
    if declared.count not in (None, "all"):
        counted = whole_number(session, str(declared.count))
    times = {declared.event: kept * declared.unit_s}
    return DecodedEvents(times=times, counts={declared.event: counted}, findings=tuple(findings))


def coded_events(session: RawSession, letter: str, declared: Coded) -> DecodedEvents:
    """The times of every kind of event of an array that holds time and code in one number."""
    raw = session.letters[letter]
    n, findings = _extent(session, letter, numbers(raw, letter), declared)
    pairs = [_split(token, raw.line_of(k), letter, declared) for k, token in enumerate(raw.values()[:n])]
    if declared.count is None and declared.end_marker is None:
        pairs = [(ticks, code) for ticks, code in pairs if int(code) != 0]
    ticks = np.array([ticks for ticks, _ in pairs], dtype=np.float64)
    return _by_code(session, letter, ticks * declared.unit_s, [code for _, code in pairs], declared, findings)


def paired_events(session: RawSession, letter: str, declared: Times) -> DecodedEvents:
    """The times of every kind of event where the codes stand in an array of their own.

    Raises:
        DataError: the two arrays differ in length, or a code is not a whole number.
    """
    raw, raw_codes = session.letters[letter], session.letters[declared.codes]
    ticks, codes = numbers(raw, letter), numbers(raw_codes, declared.codes)
    if ticks.size != codes.size:
        raise DataError(
            f"line {raw_codes.line}: {codes.size} codes in array {declared.codes} for {ticks.size} times in array "
            f"{letter}; expected as many; copy the file again from the MED-PC computer"
        )
    odd = np.flatnonzero((codes < 0) | (codes != np.round(codes)))
    if odd.size:
        raise DataError(
            f"line {raw_codes.line_of(int(odd[0]))}: code {raw_codes.values()[odd[0]]!r} in array {declared.codes}; "
            "expected a whole number"
        )
    # the code says whether a place was written, so a time of 0 s stays
    n, findings = _extent(session, letter, np.maximum(np.abs(ticks), codes), declared)
    return _by_code(session, letter, ticks[:n] * declared.unit_s, [str(int(c)) for c in codes[:n]], declared, findings)


def _extent(
    session: RawSession, letter: str, values: Float[Array, "value"], declared: Timestamps | Coded | Times
) -> tuple[int, list[Finding]]:
    """How many elements of an array are events, and whether its count or end marker agrees with it."""
    line = session.letters[letter].line
    if declared.size is not None and values.size < declared.size:
        raise DataError(
            f"line {line}: array {letter} holds {values.size} of its {declared.size} elements: the file is cut off; "
            "copy it again from the MED-PC computer"
        )
    if declared.end_marker is not None:
        ends = np.flatnonzero(values == declared.end_marker)
        if ends.size:
            return int(ends[0]), []
        what = f"array {letter} holds no end marker {declared.end_marker:g}"
        return values.size, [Finding(line=line, what=what, done="kept every element as an event")]
    if declared.count in (None, "all"):
        return values.size, []
    count = whole_number(session, str(declared.count))
    if count > values.size:
        what = f"array {letter} is full: {declared.count} counts {count} events, the array holds {values.size}"
        return values.size, [Finding(line=line, what=what, done="kept the times there are; the count is the program's")]
    beyond = np.flatnonzero(values[count:])
    if count == values.size == declared.size:
        what = f"array {letter} is filled to its last element ({count} events): later ones may be lost"
        return count, [Finding(line=line, what=what, done="kept the times there are")]
    if not beyond.size:
        return count, []
    end = count + int(beyond[-1]) + 1
    what = f"{declared.count} counts {count} events, array {letter} holds values up to element {end - 1}"
    return end, [Finding(line=line, what=what, done="kept every value as an event")]


def _split(token: str, line: int, letter: str, declared: Coded) -> tuple[float, str]:
    """One number to ticks and code."""
    found = _PLAIN.fullmatch(token.replace(",", "."))
    whole, decimals = (found[1], found[2] or "") if found else ("", "")
    if declared.place == "decimals" and len(decimals) >= declared.digits:
        return float(f"{whole}.{decimals[: -declared.digits]}0"), decimals[-declared.digits :]
    if declared.place == "last" and whole and not decimals.strip("0"):
        code = whole[-declared.digits :].zfill(declared.digits)
        return float(whole[: -declared.digits] or "0"), code
    if declared.place == "leading" and whole:
        code = whole[: -declared.digits].lstrip("0") or "0"
        return float(f"{whole[-declared.digits :]}.{decimals}0"), code
    raise DataError(
        f"line {line}: {token[:40]!r} in array {letter} holds no code of {declared.digits} digits ({declared.place}); "
        "trailing zeros carry the code: use the file as MED-PC wrote it, not one saved by a spreadsheet"
    )


def _by_code(
    session: RawSession,
    letter: str,
    times: Float[Array, "event"],
    codes: list[str],
    declared: Coded | Times,
    findings: list[Finding],
) -> DecodedEvents:
    """Sort times by the name of their code, and compare with the scalars that count codes."""
    every = np.array(codes, dtype=np.str_)
    names = {code: declared.events.get(code, f"code_{code}") for code in sorted({*codes, *declared.events})}
    split = {name: times[every == code] for code, name in names.items()}
    counts: dict[str, int] = {}
    for code, scalar in declared.counts.items():
        name = names.get(code, f"code_{code}")
        counts[name] = whole_number(session, scalar)
        there = split.setdefault(name, times[:0]).size
        if counts[name] != there:
            what = f"{scalar} counts {counts[name]} of {name}, array {letter} holds {there}"
            findings.append(Finding(line=session.letters[letter].line, what=what, done=f"kept the {there} times"))
    return DecodedEvents(times=split, counts=counts, findings=tuple(findings))
