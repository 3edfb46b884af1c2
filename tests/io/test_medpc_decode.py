"""Values become events by the declaration of their program, and disagreements are told."""

import contextlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.io.declared import parse_declared
from cuecircuit.io.medpc_decode import decode_record
from cuecircuit.io.medpc_program import Program
from cuecircuit.io.medpc_text import parse_sessions
from cuecircuit.records.operant import OperantFault, OperantSession

HEADER = {
    "Start Date": "11/02/23",
    "End Date": "11/03/23",
    "Subject": "M1",
    "Experiment": "ESC",
    "Group": "LgA",
    "Box": "3",
    "Start Time": " 8:39:51",
    "End Time": "20:40:00",
    "MSN": "TEST",
}
PRESSES = "G: {kind: scalar, name: n}\nY: {kind: timestamps, event: active, unit_s: 1, count: G}"


def program(letters: str, *rest: str) -> Program:
    indented = "".join(f"  {line}\n" for line in letters.split("\n"))
    return parse_declared(
        "\n".join(['msn: ["TEST*"]', "title: t", "source: s", "letters:", indented, *rest]), Program, name="t"
    )


@dataclass(frozen=True)
class Decoded:
    session: OperantSession
    faults: tuple[OperantFault, ...]


def decode(letters: str, declared: Program, **header: str) -> Decoded:
    fields = HEADER | {key.replace("_", " "): value for key, value in header.items()}
    text = "".join(f"{key}: {value}\n" for key, value in fields.items()) + letters + "\n"
    record = decode_record(parse_sessions(text).sessions[0], [declared])
    (session,) = record.sessions
    return Decoded(session=session, faults=record.faults)


def array(letter: str, *values: object) -> str:
    return f"{letter}:\n     0: {' '.join(map(str, values))}"


def test_the_header_becomes_the_record():
    session = decode("G: 0\nY:\n     0: 0.000", program(PRESSES)).session

    assert (session.subject, session.experiment, session.group, session.box) == ("M1", "ESC", "LgA", "3")
    assert session.start == datetime(2023, 11, 2, 8, 39, 51)
    assert session.end == datetime(2023, 11, 3, 20, 40)
    assert session.duration_s is None


@pytest.mark.parametrize("date", ["11/02/23", "11/02/2023", "2023-11-02", "11.02.23", "11-02-2023"])
def test_years_of_two_and_four_digits_are_read(date: str):
    assert decode("G: 0\n" + array("Y", 0), program(PRESSES), Start_Date=date).session.start.date().year == 2023


def test_the_last_century_is_the_last_century():
    assert decode("G: 0\n" + array("Y", 0), program(PRESSES), Start_Date="11/02/98").session.start.year == 1998


@pytest.mark.parametrize("date", ["", "31/12/23", "yesterday", "11/02"])
def test_a_session_without_a_start_is_refused(date: str):
    with pytest.raises(DataError, match=r"line 1: subject 'M1': start .*expected month/day/year"):
        decode("G: 0\n" + array("Y", 0), program(PRESSES), Start_Date=date)


def test_a_session_without_an_end_is_told():
    decoded = decode("G: 0\n" + array("Y", 0), program(PRESSES), End_Time="")

    assert decoded.session.end is None
    assert decoded.faults[0].what == "no readable end date and time"


def test_padding_ends_where_the_count_says_and_an_event_at_zero_stays():
    session = decode("G: 3\n" + array("Y", "0.000", "5.000", "9.000", "0.000"), program(PRESSES)).session

    np.testing.assert_array_equal(session.events["active"], [0, 5, 9])


def test_a_decimal_comma_is_a_point():
    np.testing.assert_array_equal(
        decode("G: 2,0\n" + array("Y", "1,5", "2,25"), program(PRESSES)).session.events["active"], [1.5, 2.25]
    )


def test_units_become_seconds():
    letters = "T: {kind: scalar, name: length, unit_s: 60}\nY: {kind: timestamps, event: x, unit_s: 0.01, count: all}"

    session = decode("T: 60\n" + array("Y", 100, 250), program(letters, "session_length: T")).session

    assert session.duration_s == 3600
    np.testing.assert_allclose(session.events["x"], [1, 2.5], rtol=1e-15)


def test_an_end_marker_ends_the_events_even_among_zeros():
    letters = "Y: {kind: timestamps, event: x, unit_s: 1, end_marker: -99}"

    np.testing.assert_array_equal(decode(array("Y", 0, 0, 4, -99, 7), program(letters)).session.events["x"], [0, 0, 4])
    assert "no end marker -99" in decode(array("Y", 0, 4), program(letters)).faults[0].what


@pytest.mark.parametrize(
    ("letters", "what", "times"),
    [
        ("G: 5\n" + array("Y", 1, 2, 3), "array Y is full: G counts 5 events, the array holds 3", [1, 2, 3]),
        ("G: 3\n" + array("Y", 1, 2, 0, 0), "3 active counted, 2 times in array Y", [1, 2]),
        ("G: 1\n" + array("Y", 1, 2, 0), "G counts 1 events, array Y holds values up to element 1", [1, 2]),
        ("G: 3\n" + array("Y", 1, 9, 2), "times of active in array Y run backwards 1 times", [1, 2, 9]),
        ("G: 2\nQ: 4\n" + array("Y", 1, 2), "letters not declared for this program: Q", [1, 2]),
    ],
)
def test_each_disagreement_is_told_and_no_time_is_lost(letters: str, what: str, times: list[float]):
    decoded = decode(letters, program(PRESSES))

    assert [fault.what for fault in decoded.faults] == [what]
    assert decoded.faults[0].subject == "M1"
    np.testing.assert_array_equal(decoded.session.events["active"], times)


def test_an_array_filled_to_its_declared_size_is_told():
    sized = program(PRESSES.replace("count: G", "count: G, size: 3"))

    assert decode("G: 2\n" + array("Y", 1, 2, 0), sized).faults == ()
    full = decode("G: 3\n" + array("Y", 1, 2, 3), sized)
    assert [fault.what for fault in full.faults] == [
        "array Y is filled to its last element (3 events): later ones may be lost"
    ]
    np.testing.assert_array_equal(full.session.events["active"], [1, 2, 3])


@pytest.mark.parametrize(
    ("letters", "what"),
    [
        (array("Y", 1, 30) + "\n" + array("V", 1, 31), "1 of 2 infusion times are not times of active"),
        (array("Y", 1, 15) + "\n" + array("V", 1, 15), "1 intervals between infusion are under 20 s"),
        (array("Y", 1, 30) + "\n" + array("V", 1) + "\n" + array("R", 3, 1, 1), "bins R add up to 2 active, counted 3"),
    ],
)
def test_invariants_that_do_not_hold_are_told(letters: str, what: str):
    declared = program(
        "K: {kind: scalar, name: length, unit_s: 1}\n"
        "Y: {kind: timestamps, event: active, unit_s: 1, count: all}\n"
        "V: {kind: timestamps, event: infusion, unit_s: 1, count: all}\n"
        "R: {kind: bins, event: active, width_s: 30, total_first: true}",
        "session_length: K",
        "invariants:",
        "  - {rule: subset, event: infusion, of: active}",
        "  - {rule: minimum_interval, event: infusion, seconds: 20}",
    )
    bins = "" if "R:" in letters else "\n" + array("R", 2, 1, 1)

    faults = decode("K: 60\n" + letters + bins, declared).faults

    assert faults[0].what.startswith(what)


@pytest.mark.parametrize(
    ("place", "digits", "values", "times"),
    [
        ("decimals", 3, ["2500.036", "8575.030", "0.100"], {"code_030": [8575], "code_036": [2500], "code_100": [0]}),
        ("last", 4, ["456600116.0", "51011", "7"], {"code_0007": [0], "code_0116": [45660], "code_1011": [5]}),
        ("leading", 4, ["30013.710", "110356.83", "9.5"], {"code_0": [9.5], "code_3": [13.71], "code_11": [356.83]}),
    ],
)
def test_codes_are_read_from_the_digits(place: str, digits: int, values: list[str], times: dict[str, list[float]]):
    letters = f"A: {{kind: coded, place: {place}, digits: {digits}, unit_s: 1, count: all}}"

    events = decode(array("A", *values), program(letters)).session.events

    assert events.keys() == times.keys()
    for name, expected in times.items():
        np.testing.assert_array_equal(events[name], expected)


def test_without_a_count_elements_of_code_zero_are_no_events():
    letters = 'A: {kind: coded, place: decimals, digits: 3, unit_s: 1, events: {"990": start}}'

    events = decode(array("A", "0.990", "23.200", "0.000", "0.000"), program(letters)).session.events

    assert {name: times.tolist() for name, times in events.items()} == {"code_200": [23], "start": [0]}


def test_a_code_that_lost_its_zeros_is_refused():
    letters = "A: {kind: coded, place: decimals, digits: 3, unit_s: 1, count: all}"

    with pytest.raises(DataError, match=r"line 11: '8575\.03' in array A holds no code of 3 digits"):
        decode(array("A", "2500.036", "8575.03"), program(letters))


def test_codes_are_compared_with_the_scalars_that_count_them():
    letters = (
        "F: {kind: scalar, name: n}\n"
        'A: {kind: coded, place: leading, digits: 4, unit_s: 1, count: all, counts: {"1": F, "2": F}}'
    )

    decoded = decode("F: 2\n" + array("A", 10001, 10002), program(letters))

    assert decoded.session.counts == {"code_1": 2, "code_2": 2}
    assert [fault.what for fault in decoded.faults] == ["F counts 2 of code_2, array A holds 0"]


def test_times_with_codes_beside_them_keep_the_first_event_at_zero():
    letters = (
        "G: {kind: scalar, name: n}\nE: {kind: codes}\n"
        'D: {kind: times, unit_s: 0.01, codes: E, count: G, events: {"1": start}}'
    )

    events = decode(
        "G: 3\n" + array("D", 0, 661, 667, 0) + "\n" + array("E", 1, 16, 16, 0), program(letters)
    ).session.events

    assert {name: times.tolist() for name, times in events.items()} == {"start": [0.0], "code_16": [6.61, 6.67]}
    decoded = decode("G: 1\n" + array("D", 0, 0, 0) + "\n" + array("E", 1, 16, 0), program(letters))
    assert decoded.session.events["code_16"].tolist() == [0.0]
    assert decoded.faults[0].what == "G counts 1 events, array D holds values up to element 1"
    with pytest.raises(DataError, match="2 codes in array E for 3 times in array D"):
        decode("G: 3\n" + array("D", 0, 661, 667) + "\n" + array("E", 1, 16), program(letters))
    with pytest.raises(DataError, match=r"code '1\.5' in array E; expected a whole number"):
        decode("G: 1\n" + array("D", 0) + "\n" + array("E", "1.5"), program(letters))


def test_an_unknown_program_prints_its_letters_and_how_to_declare_it():
    with pytest.raises(
        DataError, match=r"'OTHER' is not declared; letters found: scalars G; arrays Y\(2\); .*--programs"
    ):
        decode("G: 2\n" + array("Y", 1, 2), program(PRESSES), MSN="OTHER")


def test_a_declared_letter_that_is_missing_is_refused():
    with pytest.raises(
        DataError, match="declares letters Y, found only G: the session is cut off or the program has changed"
    ):
        decode("G: 2", program(PRESSES))


def test_an_array_shorter_than_its_size_is_cut_off():
    letters = "Y: {kind: timestamps, event: x, unit_s: 1, count: all, size: 4}"

    with pytest.raises(DataError, match="line 10: array Y holds 3 of its 4 elements: the file is cut off"):
        decode(array("Y", 1, 2, 3), program(letters))


@pytest.mark.parametrize("value", ["x", "1.2.3", "nan", "1e999", "--1"])
def test_a_value_that_is_no_number_is_refused_by_line(value: str):
    with pytest.raises(DataError, match="line 12: value 1 of letter Y"):
        decode("G: 2\n" + array("Y", 1, value), program(PRESSES))


@pytest.mark.parametrize("count", ["-1", "1.5"])
def test_a_count_that_cannot_count_is_refused(count: str):
    with pytest.raises(DataError, match="expected a count"):
        decode(f"G: {count}\n" + array("Y", 1), program(PRESSES))


def test_the_place_of_a_counter_may_be_a_number_of_the_record():
    declared = program("{}", "counts: {active: C(A(1)), inactive: C(G), infusion: C(G-1)}", "unknown: ACG").model_copy()
    decoded = decode(f"{array('A', 0, 2)}\n{array('C', 7, 8, 9)}\nG: 1", declared)

    assert decoded.session.counts == {"active": 9, "inactive": 8, "infusion": 7}


TOKENS = st.lists(
    st.sampled_from(["0", "1.000", "-99", "7,5", "1e400", "x", "12.030", "30013.710", "9" * 30, "_1", "1_0"])
)
MEANINGS = st.sampled_from(
    [
        "{kind: timestamps, event: x, unit_s: 1, count: G}",
        "{kind: timestamps, event: x, unit_s: 1, end_marker: -99}",
        "{kind: coded, place: decimals, digits: 3, unit_s: 1}",
        "{kind: coded, place: last, digits: 4, unit_s: 1, count: G}",
        "{kind: coded, place: leading, digits: 4, unit_s: 1, count: all}",
        "{kind: times, unit_s: 1, codes: E, count: G}",
        "{kind: bins, event: x, width_s: 5}",
        "{kind: trials, name: x, count: G}",
    ]
)


@settings(deadline=None)
@example(["999999999999999999999999999999"], [], "{kind: bins, event: x, width_s: 5}", "0")
@given(TOKENS, TOKENS, MEANINGS, st.sampled_from(["0", "2", "-1", "1e300", "1.5"]))
def test_any_values_give_a_session_or_a_data_error(y: list[str], e: list[str], meaning: str, count: str):
    declared = program(f"G: {{kind: scalar, name: n}}\nE: {{kind: codes}}\nY: {meaning}")
    with contextlib.suppress(DataError):
        decoded = decode(f"G: {count}\n{array('E', *e)}\n{array('Y', *y)}\nZ: 1", declared)
        assert all(np.isfinite(times).all() for times in decoded.session.events.values())
        assert all((bins.counts >= 0).all() for bins in decoded.session.bins.values())
