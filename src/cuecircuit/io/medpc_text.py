"""MED-PC text to sessions of text: header fields and lettered values, nothing decoded.

A file holds one or more sessions; a session is a header (`Start Date:` ... `MSN:`, or the condensed
`BOX: ... SUBJECT: ...` and `START: ... END: ...`), then letters. A letter with a value is a scalar; a letter alone
opens an array, whose rows are `index: value value ...` with 1-8 columns. What follows a backslash is a comment. Values
stay text, because trailing zeros can carry an event code; the row index must equal the number of values before it.
Where all rows of an array are plain numbers, these are read in the same pass (`medpc_kernel`), and the text is split
only when it is asked for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.io.medpc_header import CONDENSED, CONDENSED_FIELDS, CONDENSED_TIMES, FIELDS
from cuecircuit.io.medpc_kernel import has_bare_returns, read_lines
from cuecircuit.io.text_encoding import SNIFFED, decode_text
from cuecircuit.records.operant import SET_ASIDE, OperantFault

# nine digits: an index, not a number too long to be one; ASCII blanks: the separators \x1c to \x1f are none to int()
_ROW = re.compile(r"\s*([0-9]{1,9}):(.*)", re.ASCII)
_LETTER = re.compile(r"\s*([A-Z]):\s*([-+]?[0-9]+(?:[.,][0-9]*)?(?:[eE][-+]?[0-9]{1,3})?)?\s*(?:\\(.*))?$")
_BARE_RETURNS = re.compile(rb"(?<!\r)\r++(?!\n)")
_LINE = re.compile(r"line ([0-9]+): (.*)", re.DOTALL)
_EXPECTED = "expected a MED-PC data file: 'Start Date:' ... 'MSN:', then lettered values"
_AGAIN = "copy it again from the MED-PC computer"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawLetter:
    """The values of one letter; `columns` is how many stand in a full row.

    `text` is the values, separated by blanks; or, where `numbers` are read already, rows of `index: value value ...`.
    """

    text: str
    size: int
    line: int
    columns: int
    is_array: bool
    numbers: Float[Array, "value"] | None = None

    def values(self) -> tuple[str, ...]:
        """Return the values as written."""
        if self.numbers is None:
            return tuple(self.text.split())
        words = self.text.replace(":", " ").split()
        del words[:: self.columns + 1]
        return tuple(words)

    def line_of(self, index: int) -> int:
        """Return the line on which value `index` stands."""
        return self.line + 1 + index // max(self.columns, 1) if self.is_array else self.line


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawSession:
    """One session: `header` by field name ("Start Date", "Subject", ...), `line` where it begins."""

    header: Mapping[str, str]
    letters: Mapping[str, RawLetter]
    comments: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParsedLog:
    """The sessions of a text, undecoded, and what in it was out of order (`file` of the faults is empty)."""

    sessions: tuple[RawSession, ...]
    faults: tuple[OperantFault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """A line that is not a row: header fields, a letter, a comment, or text of no known kind."""

    line: int
    kind: Literal["header", "letter", "comment", "text"]
    text: str = ""
    letter: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    """Rows that follow one another from `line` on; `values` where they are plain numbers with `columns` in a row."""

    line: int
    text: str
    columns: int
    values: Float[Array, "value"] | None


_Row = tuple[int, str]
_Block = tuple[_Mark, list[_Run]]


def parse_sessions(content: bytes | str) -> ParsedLog:
    """Split a MED-PC text into sessions without decoding a value.

    Raises:
        DataError: empty, binary, without a session, or every session with a row out of place or cut off; names the
            line. One such session among others is set aside as a fault.
    """
    data = _plain(content)
    marks, runs = _outline(data)
    before, groups = _grouped(marks)
    if not groups:
        raise DataError(f"line 1: no session found; {_EXPECTED}; check that this is the right file")
    faults = [
        _fault(mark.line, "", f"before the first session: {(mark.text or mark.comment)[:80]!r}", "kept only here")
        for mark in before
    ]
    faults += [
        _fault(run.line, "", f"{len(_rows([run]))} rows of values before the first session", "left out")
        for line in (0, *(mark.line for mark in before))
        for run in runs.get(line, [])
    ]
    sessions: list[RawSession] = []
    errors: list[str] = []
    for k, group in enumerate(groups, 1):
        blocks = [(mark, runs.get(mark.line, [])) for mark in group]
        try:
            session, session_faults = _session(blocks)
            if k == len(groups):
                _check_end(session, data)
        except DataError as error:
            errors += error.faults
            header, _, _ = _header(blocks)
            faults += [_set_aside(group[0].line, header.get("Subject", ""), what) for what in error.faults]
        else:
            sessions.append(session)
            faults += session_faults
    if not sessions:
        raise DataError(errors)
    return ParsedLog(sessions=tuple(sessions), faults=tuple(faults))


def set_aside(session: RawSession, what: str) -> OperantFault:
    """Return the fault of a session that cannot be decoded (`file` is empty), on the line that `what` begins with."""
    return _set_aside(session.line, session.header.get("Subject", ""), what)


def _plain(content: bytes | str) -> bytes:
    """UTF-8 with lines as an editor counts them (by line feeds, or carriage returns where there is no line feed)."""
    data = _utf8(content)
    if not data.strip(b"\x00\x1a \t\r\n\f"):
        raise DataError(f"line 1: the file is empty; {_EXPECTED}; {_AGAIN}")
    zero = data.find(b"\x00")
    if zero >= 0:
        line = data.count(b"\n", 0, zero) + 1
        raise DataError(f"line {line}: a zero byte: this is not text; {_EXPECTED}; check that this is the right file")
    # form feed and the DOS end-of-file mark separate the parts of concatenated files and mean nothing
    data = data.replace(b"\f", b" ").replace(b"\x1a", b" ")
    # a carriage return ends a line by itself, except before the line feed that does (MED-PC writes "\r\r\n" too)
    if has_bare_returns(np.frombuffer(data, dtype=np.uint8)):
        return _BARE_RETURNS.sub(lambda run: b"\n" * len(run[0]), data)
    return data


def _utf8(content: bytes | str) -> bytes:
    """Any content as UTF-8, without a byte-order mark."""
    if isinstance(content, bytes) and content.isascii() and b"\x00" not in content[:SNIFFED]:
        return content
    text = content if isinstance(content, str) else decode_text(content)
    # half of a pair of UTF-16 is no character
    return text.lstrip("\ufeff").encode("utf-8", errors="replace")


def _outline(data: bytes) -> tuple[list[_Mark], dict[int, list[_Run]]]:
    """Return every line that is no row, and the runs of rows after each, by its line (0: before any)."""
    lines, rows, values = read_lines(np.frombuffer(data + b"\n", dtype=np.uint8))
    marks: dict[int, _Mark] = {}
    # the line of the mark that the rows after so many lines belong to
    owner = [0]
    for number, start, stop in lines.tolist():
        text = data[start:stop].decode()
        # a `File:` line is the path MED-PC wrote to and tells nothing of the sessions; one that holds more is reported
        if not text.isspace() and (not text.startswith("File:") or "Start Date:" in text):
            marks[number] = _mark(number, text)
        owner.append(number if number in marks else owner[-1])
    runs: dict[int, list[_Run]] = {}
    for before, line, start, stop, columns, first, last in rows.tolist():
        run = _Run(
            line=line,
            text=data[start:stop].decode(),
            columns=columns,
            values=values[first:last] if columns else None,
        )
        runs.setdefault(owner[before], []).append(run)
    return list(marks.values()), runs


def _rows(runs: Sequence[_Run]) -> list[_Row]:
    """Return rows one by one, each with its line."""
    return [(n, row) for run in runs for n, row in enumerate(run.text.split("\n"), run.line) if row.strip()]


def _mark(number: int, line: str) -> _Mark:
    """Describe what a line is that is not a row."""
    if match := _LETTER.match(line):
        # no value: an array
        comment = (match[3] or "").strip()
        return _Mark(line=number, kind="letter", letter=match[1], text=match[2] or "", comment=comment)
    if line.lstrip().startswith("\\"):
        return _Mark(line=number, kind="comment", comment=line.strip().lstrip("\\").strip())
    if match := CONDENSED.match(line) or CONDENSED_TIMES.match(line):
        fields = {CONDENSED_FIELDS[key]: value.strip() for key, value in match.groupdict().items() if value is not None}
        return _Mark(line=number, kind="header", fields=fields, text=line.strip())
    head, _, value = line.partition(":")
    if name := FIELDS.get(head.strip().lower()):
        return _Mark(line=number, kind="header", fields={name: value.strip()}, text=line.strip())
    return _Mark(line=number, kind="text", text=line.strip())


def _grouped(marks: Sequence[_Mark]) -> tuple[list[_Mark], list[list[_Mark]]]:
    """Return the marks before the first session, and those of each session."""
    before: list[_Mark] = []
    groups: list[list[_Mark]] = []
    seen, in_data = set[str](), False
    for mark in marks:
        begins = mark.kind == "header" and ("Start Date" in mark.fields or len(mark.fields) > 1)
        if begins and (not groups or in_data or seen & mark.fields.keys()):
            groups.append([mark])
            seen, in_data = set(mark.fields), False
        elif not groups:
            before.append(mark)
        elif in_data and mark.kind == "header":
            # a remark such as "Subject: was ill" under the data
            groups[-1].append(_Mark(line=mark.line, kind="text", text=mark.text))
        else:
            groups[-1].append(mark)
            seen |= mark.fields.keys()
            in_data = in_data or mark.kind == "letter"
    return before, groups


def _session(blocks: Sequence[_Block]) -> tuple[RawSession, list[OperantFault]]:
    """Build a session from its lines and the rows after each."""
    start = next((k for k, (mark, _) in enumerate(blocks) if mark.kind == "letter"), len(blocks))
    first = blocks[0][0].line
    header, words, faults = _header(blocks[:start])
    letters, more_words, more_faults = _letters(blocks[start:], header.get("Subject", ""))
    if not letters:
        faults.append(_fault(first, header.get("Subject", ""), "a header without data", "kept without data"))
    session = RawSession(header=header, letters=letters, comments=(*words, *more_words), line=first)
    return session, faults + more_faults


def _header(blocks: Sequence[_Block]) -> tuple[dict[str, str], list[str], list[OperantFault]]:
    """Return the header fields, the comments among them, and what was out of order."""
    header: dict[str, str] = {}
    words: list[str] = []
    faults: list[OperantFault] = []
    for mark, runs in blocks:
        subject = header.get("Subject", "")
        for name in sorted(mark.fields.keys() & header.keys()):
            faults.append(_fault(mark.line, subject, f"header field {name!r} is duplicated", "kept the later one"))
        header |= mark.fields
        fields, extra = _words(mark, _rows(runs), subject)
        words += fields
        faults += extra
    return header, words, faults


def _letters(blocks: Sequence[_Block], subject: str) -> tuple[dict[str, RawLetter], list[str], list[OperantFault]]:
    """Return the lettered values, the comments among them, and what was out of order."""
    pieces: list[_Block] = []
    words: list[str] = []
    faults: list[OperantFault] = []
    for mark, runs in blocks:
        if mark.kind == "letter" and not mark.text:
            pieces.append((mark, list(runs)))
            words += [mark.comment] if mark.comment else []
            continue
        if mark.kind == "letter":
            pieces.append((mark, []))
        # rows after a comment inside an array are still the array's
        goes_on = bool(pieces) and not pieces[-1][0].text and mark.kind != "letter"
        if goes_on:
            pieces[-1][1].extend(runs)
        arrays, extra = _words(mark, [] if goes_on else _rows(runs), subject)
        words += arrays
        faults += extra
    letters: dict[str, RawLetter] = {}
    for mark, runs in pieces:
        if mark.letter in letters:
            faults.append(_fault(mark.line, subject, f"letter {mark.letter} is duplicated", "kept the later one"))
        letter, comments = _letter(mark, runs, subject)
        letters[mark.letter] = letter
        words += comments
        if letter.size == 0:
            faults.append(_fault(mark.line, subject, f"array {mark.letter} has no values", "kept as empty"))
    return letters, words, faults


def _words(mark: _Mark, rows: Sequence[_Row], subject: str) -> tuple[list[str], list[OperantFault]]:
    """Return what a line and the rows after it say that is neither header nor value."""
    words = [mark.comment] if mark.comment else []
    faults: list[OperantFault] = []
    if mark.kind == "text":
        words.append(mark.text)
        what = f"text that is neither header nor data: {mark.text[:80]!r}"
        faults.append(_fault(mark.line, subject, what, "kept as a comment"))
    if rows:
        words += [text.strip() for _, text in rows]
        what = f"{len(rows)} rows of values that belong to no array"
        faults.append(_fault(rows[0][0], subject, what, "kept as comments"))
    return words, faults


def _letter(mark: _Mark, runs: Sequence[_Run], subject: str) -> tuple[RawLetter, list[str]]:
    """Return one scalar or array, and the comments on its rows."""
    if mark.text:
        return RawLetter(text=mark.text, size=1, line=mark.line, columns=1, is_array=False), []
    if len(runs) == 1 and runs[0].values is not None:
        run, numbers = runs[0], runs[0].values
        letter = RawLetter(
            text=run.text, size=numbers.size, line=mark.line, columns=run.columns, is_array=True, numbers=numbers
        )
        return letter, []
    rows = _rows(runs)
    parts = [text.partition(":") for _, text in rows]
    values = [rest for _, _, rest in parts]
    comments: list[str] = []
    if any("\\" in rest for rest in values):
        cuts = [rest.partition("\\") for rest in values]
        values = [rest for rest, _, _ in cuts]
        comments = [text.strip() for _, _, text in cuts if text.strip()]
    sizes = [len(rest.split()) for rest in values]
    positions = accumulate(sizes, initial=0)
    for (number, _), (index, _, _), position in zip(rows, parts, positions, strict=False):
        if int(index) != position:
            raise DataError(
                f"line {number}: array {mark.letter} of subject {subject!r} has row index {int(index)} where "
                f"{position} was expected: a row is lost, doubled or cut; {_AGAIN}"
            )
    letter = RawLetter(
        text=" ".join(values), size=sum(sizes), line=mark.line, columns=sizes[0] if sizes else 0, is_array=True
    )
    return letter, comments


def _check_end(last: RawSession, data: bytes) -> None:
    """Refuse a text that stops inside its last session."""
    what = ""
    feed = data.rfind(b"\n")
    lines = [line.decode().rstrip("\r") for line in data[data.rfind(b"\n", 0, max(feed, 0)) + 1 :].split(b"\n")]
    final = list(last.letters.values())[-1:]
    if "MSN" not in last.header:
        what = "the file ends inside the header of a session (no 'MSN:')"
    elif not final:
        what = "the file ends after a header; lettered values were expected"
    elif final[0].size == 0:
        what = f"the file ends after 'array {list(last.letters)[-1]}:'; its rows were expected"
    elif _is_cut(lines):
        what = f"the last line ends inside a value ({lines[-1].strip()[-20:]!r})"
    if what:
        number = data.count(b"\n") + 1
        raise DataError(f"line {number}: {what}: the file is cut off; {_AGAIN}")


def _is_cut(lines: Sequence[str]) -> bool:
    """Return whether the last line, without a line end, is a row shorter than its number of fixed-width values."""
    row, before = _ROW.match(lines[-1]), _ROW.match(lines[-2]) if len(lines) > 1 else None
    if row is None or before is None or "\\" in row[2]:  # a comment stands behind whole values
        return False
    full, last = before[2].partition("\\")[0].rstrip(), row[2].rstrip()
    width, odd = divmod(len(full), max(len(full.split()), 1))
    # a number too long for its width moves what follows; one with all its decimals is whole
    places = [len(text.rpartition(".")[2]) for text in (full, last) if "." in text.split(" ")[-1]]
    whole = len(places) == 2 and places[0] == places[1]
    return not last.strip() or (not odd and not whole and len(last) < width * len(last.split()))


def _set_aside(line: int, subject: str, what: str) -> OperantFault:
    match = _LINE.match(what)
    reason = (match[2] if match else what).removeprefix(f"subject {subject!r}: ")
    return _fault(int(match[1]) if match else line, subject, reason, SET_ASIDE)


def _fault(line: int, subject: str, what: str, done: str) -> OperantFault:
    return OperantFault(file="", line=line, subject=subject, what=what, done=done)
