"""The pass over the bytes gives what the text gives: the same lines, rows and numbers, to the last bit."""

import contextlib
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.io import medpc_text
from cuecircuit.io.medpc_kernel import read_lines
from cuecircuit.io.medpc_numbers import numbers
from cuecircuit.io.medpc_text import ParsedLog, parse_sessions

HEADER = "Start Date: 11/02/23\nSubject: R1\nBox: 1\nStart Time:  8:39:51\nMSN: OXY 12h\n"
ROW = re.compile(rb"[ \t\r\v]*([0-9]{1,9}):(.*)", re.DOTALL)
NUMBER = re.compile(r"-?(?=[0-9.,]*[0-9])([0-9]*)[.,]?([0-9]*)")


def lines_of_text(data: bytes) -> list[tuple]:
    """What `read_lines` gives, by regular expressions and `float`: marks, and runs with their numbers."""
    found: list[tuple] = []
    run: list[tuple[int, bytes]] | None = None
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        if row := ROW.fullmatch(line):
            if run is None:
                run = []
                found.append((number, run))
            run.append((int(row[1]), row[2]))
            continue
        run = None
        if line.rstrip(b"\r"):
            found.append((number, line.rstrip(b"\r")))
    return [(number, what if isinstance(what, bytes) else plain(what)) for number, what in found]


def plain(run: list[tuple[int, bytes]]) -> list[float] | None:
    values: list[float] = []
    widths: list[int] = []
    for index, text in run:
        words = [word for word in re.split(r"[ \t\r\v]+", text.decode("latin-1")) if word]
        digits = [found and found[1] + found[2] for found in map(NUMBER.fullmatch, words)]
        if not words or not all(each and len(each) <= 18 and len(each.lstrip("0")) <= 15 for each in digits):
            return None
        if index != len(values) or (widths and (widths[-1] != widths[0] or len(words) > widths[0])):
            return None
        values += [float(word.replace(",", ".")) for word in words]
        widths.append(len(words))
    return values


def lines_of_kernel(data: bytes) -> list[tuple]:
    marks, runs, values = read_lines(np.frombuffer(data, np.uint8))
    found: list[tuple] = [(line, data[start:stop]) for line, start, stop in marks.tolist()]
    for before, line, start, stop, columns, first, last in runs.tolist():
        assert before == sum(mark < line for mark, _, _ in marks.tolist())
        assert data[:start].count(b"\n") == line - 1
        assert data[stop : stop + 1] == b"\n"
        found.append((line, values[first:last].tolist() if columns else None))
    return sorted(found, key=lambda each: each[0])


WORDS = st.one_of(
    st.sampled_from(
        ["0", "1.5", "2,25", "-3.10", "+4", "5e3", "1.2.3", ".5", "7.", ".", "-", "x", "0" * 20, "\x1c", "é"]
    ),
    st.decimals(-(10**16), 10**16, places=3, allow_nan=False).map(str),
    st.integers(0, 10**19).map(str),
)
ROWS = st.builds(
    lambda index, words, blank, end: f"{index}:{blank}{blank.join(words)}{end}",
    st.sampled_from(["0", "  0", "00000", "1", "2", " 3", "4", "5", "6", "9" * 9, "9" * 10]),
    st.lists(WORDS, max_size=3),
    st.sampled_from([" ", "   ", "\t", "\v", "\r"]),
    st.sampled_from(["", " ", "\r", "\r\r", " \\ word", ":"]),
)
REGULAR = st.builds(
    lambda words, columns: "\n".join(
        f"{k:6d}: {' '.join(words[k : k + columns])}" for k in range(0, len(words), columns)
    ),
    st.lists(st.decimals(-(10**11), 10**11, places=3, allow_nan=False).map(str), min_size=1, max_size=20),
    st.integers(1, 8),
)
OTHERS = st.sampled_from(["", " ", "\r", "A: 1.000", "B:", "\\ late", "File: x", " \t word \r\r"])
TEXTS = st.lists(st.one_of(ROWS, REGULAR, OTHERS), max_size=12).map("\n".join)


@given(TEXTS)
@example("0: 1.5 2,25\r\n2: 3")
@example("0: 999999999999999.000\n1: 0.000000000000000001")
def test_lines_rows_and_numbers_are_those_of_the_text(text: str):
    data = text.encode() + b"\n"

    # as text, so that 0.0 and -0.0 are told apart
    assert repr(lines_of_kernel(data)) == repr(lines_of_text(data))


@given(st.binary(max_size=300))
def test_any_bytes_give_the_lines_of_the_text(data: bytes):
    assert repr(lines_of_kernel(data + b"\n")) == repr(lines_of_text(data + b"\n"))


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(1, 15))
def test_fifteen_digits_are_read_to_the_last_bit(digits: int, decimals: int):
    text = f"{'-' * (digits < 0)}{abs(digits) // 10**decimals}.{abs(digits) % 10**decimals:0{decimals}d}"

    _, _, values = read_lines(np.frombuffer(f"0: {text}\n".encode(), np.uint8))

    assert values.tolist() == [float(text)]


def as_text(monkeypatch: pytest.MonkeyPatch, content: bytes | str) -> ParsedLog | str:
    """The log as it is read where no run counts as regular: word by word."""

    def no_regular_run(data):
        marks, runs, values = read_lines(data)
        runs[:, 4] = 0
        return marks, runs, values

    with monkeypatch.context() as patch:
        patch.setattr(medpc_text, "read_lines", no_regular_run)
        return parsed(content)


def parsed(content: bytes | str) -> ParsedLog | str:
    try:
        return parse_sessions(content)
    except DataError as error:
        return str(error)


def told(log: ParsedLog | str) -> object:
    """All that a log holds, with numbers where every value is one."""
    if isinstance(log, str):
        return log
    sessions = []
    for session in log.sessions:
        letters = {}
        for name, letter in session.letters.items():
            values = None
            with contextlib.suppress(DataError):
                values = numbers(letter, name).tolist()
            where = [letter.line_of(k) for k in range(letter.size)]
            letters[name] = (letter.values(), letter.size, letter.line, letter.columns, letter.is_array, values, where)
        sessions.append((dict(session.header), letters, session.comments, session.line))
    return sessions, log.faults


ENDS = st.sampled_from(["\n", "\r\n", "\r\r\n", "\r"])


@given(st.lists(st.one_of(REGULAR, REGULAR, ROWS, OTHERS), max_size=8), ENDS, st.sampled_from(["", "\n", "\x1a", "\f"]))
def test_arrays_read_in_one_pass_are_those_read_word_by_word(pieces: list[str], end: str, last: str):
    text = (
        HEADER + "A: 1.000\n" + "\n".join(f"{'BCDEFGHI'[k]}:\n{piece}" for k, piece in enumerate(pieces)) + last
    ).replace("\n", end)
    with pytest.MonkeyPatch.context() as patch:
        assert repr(told(parsed(text))) == repr(told(as_text(patch, text)))


def test_a_whole_array_keeps_its_text_and_its_numbers():
    text = HEADER + "B:\r\n     0:     2500.030        0.100\r\n     2:       12,50\r\n"

    (session,) = parse_sessions(text).sessions

    assert session.letters["B"].numbers is not None
    assert session.letters["B"].values() == ("2500.030", "0.100", "12,50")
    assert numbers(session.letters["B"], "B").tolist() == [2500.03, 0.1, 12.5]


@pytest.mark.parametrize("word", [":", "1:2", "0::"])
def test_a_value_with_a_colon_is_named_as_it_is_written(word):
    (session,) = parse_sessions(HEADER + f"B:\n     0:  5.000 {word}\n     2:  1.000\n").sessions

    with pytest.raises(DataError, match=re.escape(f"line 7: value 1 of letter B is {word!r}; expected a number")):
        numbers(session.letters["B"], "B")
