"""The parser takes every variant of the format, and turns the rest away by line."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.io.medpc_text import ParsedLog, parse_sessions

HEADER = """File: C:\\MED-PC IV\\DATA\\one


Start Date: 11/02/23
End Date: 11/03/23
Subject: M2169
Experiment: 0
Group: 6/ Sex: Male/ Dox: P60
Box: 1
Start Time:  8:39:51
End Time: 03:38:59
MSN: OXY 12h
"""
BODY = """A:       7.000
B:
     0:        1.000        2.000        3.000
     3:        4.000
C:       0.500
"""
TEXT = HEADER + BODY


def only(log: ParsedLog):
    (session,) = log.sessions
    return session


def test_header_fields_scalars_and_arrays_are_read():
    session = only(parse_sessions(TEXT))

    assert session.header["Subject"] == "M2169"
    assert session.header["Group"] == "6/ Sex: Male/ Dox: P60"
    assert session.header["Start Time"] == "8:39:51"
    assert session.line == 4
    assert session.letters["B"].values() == ("1.000", "2.000", "3.000", "4.000")
    assert [session.letters[x].is_array for x in "ABC"] == [False, True, False]
    assert session.letters["B"].line_of(3) == 16


@pytest.mark.parametrize(
    "changed",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT.replace("\n", "\r\r\n"),
        TEXT.replace("\n\n", "\n\r\r\n").replace("\n", "\r\n"),
        TEXT.replace("Start Date", "\fStart Date"),
        TEXT + "\x1a",
        TEXT + "\r\n\x1a\r\n\f",
        "\ufeff" + TEXT,
        TEXT.rstrip("\n"),
        TEXT.replace("A:       7.000", "A:7.000"),
        TEXT.replace("A:       7.000", " A: 7.000  "),
    ],
)
def test_line_ends_page_feeds_and_blanks_do_not_matter(changed: str):
    session, plain = only(parse_sessions(changed)), only(parse_sessions(TEXT))

    assert session.header == plain.header
    assert {k: v.values() for k, v in session.letters.items()} == {k: v.values() for k, v in plain.letters.items()}


def test_the_bytes_of_any_encoding_read_as_their_text():
    accented = TEXT.replace("M2169", "Zoë")

    assert only(parse_sessions(accented.encode("utf-8"))).header["Subject"] == "Zoë"
    assert only(parse_sessions(accented.encode("latin-1"))).header["Subject"] == "Zoë"
    assert only(parse_sessions(accented.encode("utf-16"))).header["Subject"] == "Zoë"


def test_several_sessions_in_one_file_stay_apart():
    second = HEADER.replace("M2169", "M2170").split("\n", 1)[1] + BODY.replace("7.000", "9.000")

    one, two = parse_sessions(TEXT + second).sessions

    assert (one.header["Subject"], two.header["Subject"]) == ("M2169", "M2170")
    assert (one.letters["A"].text, two.letters["A"].text) == ("7.000", "9.000")
    assert two.line == one.line + len((HEADER + BODY).split("\n")) - 2


def test_a_condensed_header_gives_the_same_fields():
    text = (
        "BOX:  1 SUBJECT:      E1_ EXPERIMENT: COC RUN GROUP:        2 MSN:    1102L\n"
        "START: 01/31/09  11:23:37  END: 01/31/09  17:25:18\n"
        "A:37.00000\nD:\n     0: 536.3000 771.1000 12364.60\n"
    )

    one, two = parse_sessions(text + text).sessions

    assert one.header == two.header
    assert one.header["Experiment"] == "COC RUN"
    assert (one.header["Start Date"], one.header["End Time"]) == ("01/31/09", "17:25:18")
    assert one.letters["D"].values() == ("536.3000", "771.1000", "12364.60")


def test_a_condensed_header_may_stand_on_one_line():
    text = (
        "BOX: 1 SUBJECT: E1 EXPERIMENT: X GROUP: 2 MSN: P START: 01/31/09 11:23:37 END: 01/31/09 17:25:18\nA:37.00000\n"
    )

    header = only(parse_sessions(text)).header

    assert (header["MSN"], header["Start Time"]) == ("P", "11:23:37")


@pytest.mark.parametrize("columns", range(1, 9))
def test_any_number_of_columns_and_a_short_last_row(columns: int):
    values = [f"{k}.001" for k in range(11)]
    rows = [f"{k:6d}: {'  '.join(values[k : k + columns])}" for k in range(0, 11, columns)]

    session = only(parse_sessions(HEADER + "Q:\n" + "\n".join(rows) + "\n"))

    assert session.letters["Q"].values() == tuple(values)
    assert session.letters["Q"].columns == columns


def test_an_index_of_six_digits_is_an_index():
    rows = "\n".join(f"{k:6d}: {'1 ' * 8}" for k in range(0, 100_016, 8))

    assert only(parse_sessions(f"{HEADER}Q:\n{rows}\n")).letters["Q"].size == 100_016


@pytest.mark.parametrize(
    "rows",
    [
        "     0: 1.5 2.25\n     2: 3.125 40.0\n     4: 5\n",
        "     0: 1.5 2.25\n\n     2: 3.125 40.0\n     4: 5\n",
        "0:1.5 2.25\n2:3.125 40.0\n4:5\n",
        "00000: 1.5 2.25\n00002: 3.125 40.0\n00004: 5\n",
        "     0: 1.5 2.25\n     2: 3.125 40.0 \\ late\n     4: 5\n",
        "     0: 1.5 2.25\n\\ late\n     2: 3.125 40.0\n     4: 5",
        "     0: 1.5\n     1: 2.25 3.125 40.0\n     4: 5\n",
    ],
)
def test_rows_however_they_are_written_hold_the_same_values(rows: str):
    session = only(parse_sessions(f"{HEADER}Q:\n{rows}"))

    assert session.letters["Q"].values() == ("1.5", "2.25", "3.125", "40.0", "5")


def test_comments_are_kept_and_are_no_values():
    text = HEADER + "A: 7.000 \\ sick: yes\nB:\n     0: 1.000 2.000 \\ 3.000\n\\ 12: a remark\n     2: 4.000\n\\water\n"

    log = parse_sessions(text)

    assert only(log).letters["B"].values() == ("1.000", "2.000", "4.000")
    assert set(only(log).comments) == {"sick: yes", "3.000", "12: a remark", "water"}
    assert log.faults == ()


def test_text_after_the_data_is_kept_and_told():
    log = parse_sessions(TEXT + "Subject: was ill\n~~ garbage ~~\n")

    assert only(log).header["Subject"] == "M2169"
    assert only(log).comments == ("Subject: was ill", "~~ garbage ~~")
    assert [(f.line, f.subject) for f in log.faults] == [(18, "M2169"), (19, "M2169")]


def test_rows_that_belong_to_no_array_are_told():
    log = parse_sessions(TEXT + "     0: 3.000\n     1: 4.000\n")

    assert only(log).letters["C"].values() == ("0.500",)
    assert "2 rows of values that belong to no array" in log.faults[0].what


def test_rows_before_the_first_session_are_told():
    log = parse_sessions("     0: 1.000\n     1: 2.000\nword\n     0: 3.000\n" + TEXT)

    assert only(log).letters["B"].size == 4
    assert [(fault.line, fault.what) for fault in log.faults] == [
        (3, "before the first session: 'word'"),
        (1, "2 rows of values before the first session"),
        (4, "1 rows of values before the first session"),
    ]


def test_a_letter_that_stands_twice_keeps_the_later_and_is_told():
    log = parse_sessions(TEXT + "A: 8.000\n")

    assert only(log).letters["A"].text == "8.000"
    assert "is duplicated" in log.faults[0].what


def test_a_header_without_data_before_another_session_is_told():
    log = parse_sessions(HEADER + TEXT)

    assert [len(session.letters) for session in log.sessions] == [0, 3]
    assert log.faults[0].what == "a header without data"


def test_values_keep_their_trailing_zeros():
    assert only(parse_sessions(HEADER + "A:\n     0: 2500.030 0.100\n")).letters["A"].values() == ("2500.030", "0.100")


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        (b"", 1, "empty"),
        (b" \r\n\x1a", 1, "empty"),
        (b"\x89PNG\r\n\x00\x00\x01", 2, "zero byte"),
        (b"Subject: #705\nParadigm: test\n00770: 0\n", 1, "no session"),
        (b"subject,session\n1,2\n", 1, "no session"),
        (HEADER.split("MSN")[0].encode(), 12, "inside the header"),
        (HEADER.encode(), 13, "after a header"),
        ((HEADER + "A:\n").encode(), 14, "its rows were expected"),
        (TEXT.replace("     3:", "     4:").encode(), 16, "row index 4 where 3"),
        (TEXT.replace("C:  ", "     3:        4.000\nC:  ").encode(), 17, "row index 3 where 4"),
        (TEXT.replace("     0:        1.000        2.000        3.000\n", "").encode(), 15, "row index 3 where 0"),
        (
            (HEADER + "B:\n     0:        1.000        2.000\n     2:        3.000        4.0").encode(),
            15,
            "inside a value",
        ),
        ((HEADER + "B:\n     0:        1.000        2.000\n     2:").encode(), 15, "inside a value"),
    ],
)
def test_what_is_no_whole_file_is_turned_away_by_line(content: bytes, line: int, found: str):
    with pytest.raises(DataError, match=rf"line {line}: .*{found}"):
        parse_sessions(content)


@pytest.mark.parametrize(
    "rows",
    [
        "     0:        1.000        2.000\n     2:       30.000",
        # 12 characters where the format has 10: the row is longer than its last
        "     0: 12345678.123  45678901.123\n     2:    30.000",
    ],
)
def test_a_short_but_whole_last_row_without_line_end_is_not_taken_for_cut(rows: str):
    assert only(parse_sessions(f"{HEADER}B:\n{rows}")).letters["B"].size == 3


@pytest.mark.parametrize(
    "rows",
    [
        "     0:    1.000    2.000    3.000\n     3:    4.000    5.000  \\ note",
        "     0:    1.000    2.000    3.000  \\ a longer note\n     3:    4.000    5.000",
    ],
)
def test_a_comment_on_the_last_rows_of_a_text_without_line_end_is_not_taken_for_a_cut(rows: str):
    assert only(parse_sessions(f"{HEADER}B:\n{rows}")).letters["B"].values() == tuple(f"{n}.000" for n in range(1, 6))


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "\r" * 200_000 + "x\n",
        TEXT + " " * 200_000 + "0\n",
        TEXT + "0:" * 100_000 + "\n",
        TEXT + "B:\n" + "     0: 1\n" * 2 + "\t" * 200_000 + "\n",
        "\n" * 200_000 + TEXT,
    ],
    ids=["returns", "blanks", "colons", "tabs", "lines"],
)
def test_long_runs_of_one_sign_take_no_longer_than_other_text(text: str):
    begun = time.process_time()
    with contextlib.suppress(DataError):
        parse_sessions(text)

    # 200 kB in well under a second; time that grows with the square would be minutes
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("sign", ["\x1c", "\x1d", "\x85", "\u2003"])
def test_odd_separators_before_an_index_are_no_row_and_no_traceback(sign: str):
    log = parse_sessions(TEXT.replace("     3:", f"   {sign} 3:"))

    assert only(log).letters["B"].values() == ("1.000", "2.000", "3.000")
    assert "text that is neither header nor data" in log.faults[0].what


LINES = st.lists(
    st.sampled_from(
        [*TEXT.split("\n"), "     4: 1", "0:", "B:", "\\x", "START: a b END: c d", "²: 1", "9" * 5000 + ": 1"]
    ),
    max_size=40,
)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=400), LINES.map("\n".join), st.text(max_size=200)))
def test_any_content_gives_sessions_or_a_data_error(content: bytes | str):
    with contextlib.suppress(DataError):
        assert parse_sessions(content).sessions


@settings(deadline=None)
@given(st.integers(0, len(TEXT)), st.binary(max_size=3))
def test_any_damage_gives_sessions_or_a_data_error(at: int, junk: bytes):
    content = TEXT.encode()
    with contextlib.suppress(DataError):
        assert parse_sessions(content[:at] + junk + content[at + 2 :]).sessions
