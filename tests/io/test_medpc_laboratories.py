"""How laboratories write events: codes from the point, intervals, seals, counters in arrays, parts, dates."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.io.declared import parse_declared
from cuecircuit.io.medpc import read_medpc
from cuecircuit.io.medpc_decode import DecodedRecord, decode_record
from cuecircuit.io.medpc_program import Program, load_programs
from cuecircuit.io.medpc_text import parse_sessions
from cuecircuit.io.text_encoding import decode_text
from cuecircuit.records.operant import SET_ASIDE

HEADER = {
    "Start Date": "03/04/25",
    "End Date": "03/04/25",
    "Subject": "R1",
    "Experiment": "E",
    "Group": "G",
    "Box": "1",
    "Start Time": "09:00:00",
    "End Time": "10:00:00",
    "MSN": "TEST",
}


def text(letters: str, **header: str) -> str:
    fields = HEADER | {name.replace("_", " "): value for name, value in header.items()}
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + letters + "\n"


def decode(letters: str, declared: str, **header: str) -> DecodedRecord:
    program = parse_declared(f'msn: ["TEST*"]\ntitle: t\nsource: s\n{declared}', Program, name="t")
    return decode_record(parse_sessions(text(letters, **header)).sessions[0], [program])


def array(letter: str, *values: object) -> str:
    return f"{letter}:\n     0: {' '.join(map(str, values))}"


def times(record: DecodedRecord) -> dict[str, list[float]]:
    (session,) = record.sessions
    return {name: [round(t, 9) for t in found.tolist()] for name, found in session.events.items() if found.size}


CODED = (
    "letters:\n  C: {kind: coded, place: decimals, unit_s: 0.1, digits: 2, count: all, "
    'events: {"12": active, "21": infusion}}'
)


def test_codes_are_counted_from_the_point_whatever_the_print():
    expected = {"active": [6, 40], "infusion": [6]}

    for values in (["60.120", "60.210", "400.120"], ["60.12", "60.21", "400.12"], ["60.12000", "60.21000", "400.1200"]):
        record = decode(array("C", *values), CODED)
        assert times(record) == expected
        assert record.faults == ()


def test_the_default_print_of_seven_digits_keeps_a_code_that_is_unique():
    declared = CODED.replace("digits: 2", "digits: 4").replace('"12"', '"1200"').replace('"21"', '"2100"')

    assert times(decode(array("C", "6.120000", "1843.210"), declared)) == {"active": [0.6], "infusion": [184.3]}
    rounded = declared.replace('"2100"', '"2104"').replace('"1200"', '"2099"')
    # 123456.2 could be either
    with pytest.raises(DataError, match=r"'123456\.2' in array C holds no code of 4 digits"):
        decode(array("C", "6.210400", "123456.2"), rounded)


def test_decimals_after_the_code_are_reported():
    (fault,) = decode(array("C", "60.125", "60.120"), CODED).faults

    assert fault.what == "1 values of array C have decimals after a code of 2 digits"


def test_codes_that_nobody_declared_are_reported_with_their_number():
    record = decode(array("C", "60.12", "61.10", "62.10", "63.33"), CODED)

    assert [fault.what for fault in record.faults] == ["codes not declared in array C: 10 (2 times), 33 (1 times)"]
    known = CODED.replace("count: all", 'count: all, unknown_codes: ["10", "33"]')
    assert decode(array("C", "60.12", "61.10", "62.10", "63.33"), known).faults == ()


INTERVALS = (
    "letters:\n  C: {kind: coded, place: decimals, unit_s: 0.1, digits: 3, end_marker: -987.987, "
    'events: {"100": active, "200": infusion}}'
)
SOFT_CR = array(
    "C", "0.500", "123.100", "0.200", "57.600", "0.500", "400.100", "0.200", "250.100", "10.310", "-987.987"
)


def test_times_since_the_last_event_add_up():
    declared = INTERVALS.replace("digits: 3", "digits: 3, relative: true")

    found = times(decode(SOFT_CR, declared))

    assert found["active"] == [12.3, 58, 83]
    assert found["infusion"] == [12.3, 58]


def test_intervals_that_are_not_declared_are_refused_with_what_to_do():
    with pytest.raises(DataError, match=r"array C fall 4 times in 9: .*declare `relative: true`"):
        decode(SOFT_CR, INTERVALS)
    as_clock = decode(SOFT_CR, INTERVALS.replace("digits: 3", "digits: 3, relative: false"))
    assert any("run backwards" in fault.what for fault in as_clock.faults)


@given(st.lists(st.integers(0, 9000), min_size=1, max_size=40))
def test_intervals_and_times_of_the_same_session_are_the_same(clock: list[int]):
    ordered = sorted(clock)
    declared = (
        "letters:\n  G: {kind: scalar, name: n}\n"
        "  Y: {kind: timestamps, event: x, unit_s: 0.01, count: G, relative: %s}"
    )

    def read(values: list[int], relative: str) -> np.ndarray:
        letters = f"G: {len(values)}\n" + array("Y", *values)
        return decode(letters, declared % relative).sessions[0].events["x"]

    written = read([1, *(each + 1 for each in ordered)], "false")
    np.testing.assert_allclose(read([1, *np.diff([1, *(each + 1 for each in ordered)]).tolist()], "true"), written)


COUNTED = "letters:\n  A: {kind: scalar, name: n}\n  X: {kind: timestamps, event: x, unit_s: 0.01, count: A}"


def test_a_seal_behind_the_counted_elements_is_no_event():
    record = decode("A: 2\n" + array("X", "100.000", "2500.000", "-987.987"), COUNTED)

    assert times(record) == {"x": [1, 25]}
    assert record.faults == ()
    both = COUNTED.replace("count: A", "count: A, end_marker: -5")
    assert times(decode("A: 2\n" + array("X", 100, 2500, -5, 7), both)) == {"x": [1, 25]}


def test_a_seal_before_the_counted_end_is_reported():
    (fault,) = decode("A: 3\n" + array("X", "100.000", "2500.000", "-987.987"), COUNTED).faults

    assert fault.what == "array X is full: A counts 3 events, the array is ended by a mark after 2"


def test_negative_times_are_left_out_and_reported():
    record = decode("A: 3\n" + array("X", -50, 100, 2500), COUNTED)

    assert times(record) == {"x": [1, 25]}
    assert [fault.what for fault in record.faults] == ["1 times in array X are negative"]


def test_counters_and_lengths_are_taken_from_elements_of_arrays():
    declared = (
        "session_length: {at: B(2), unit_s: 60}\ncounts: {infusion: B(1)}\n"
        "values: {last_ratio: F(I-1), weight_g: B(3)}\nunknown: F\n"
        "letters:\n  I: {kind: scalar, name: n}\n  C: {kind: timestamps, event: active, unit_s: 0.1, count: B(0)}\n"
    )
    letters = array("B", 2, 2, 60, 310) + "\nI: 2\n" + array("C", 601, 4001, 0) + "\n" + array("F", 1, 4, 9)

    record = decode(letters, declared)

    (session,) = record.sessions
    assert record.faults == ()
    assert (session.duration_s, session.counts) == (3600, {"active": 2, "infusion": 2})
    assert session.values == {"last_ratio": 4, "weight_g": 310}
    none = letters.replace("I: 2", "I: 0").replace("0: 2 2 60", "0: 2 0 60")
    assert decode(none, declared).sessions[0].values == {"weight_g": 310}
    with pytest.raises(DataError, match=r"B\(2\) is declared, and array B holds 2 values"):
        decode(letters.replace("2 2 60 310", "2 2"), declared)


def test_a_length_without_a_unit_is_not_guessed():
    record = decode(
        array("B", 1, 60) + "\n" + array("C", 5),
        "session_length: B(1)\nletters:\n  C: {kind: timestamps, event: x, unit_s: 1, count: B(0)}\n",
    )

    assert record.sessions[0].duration_s is None
    assert "session_length B(1) is 60 in no declared unit" in record.faults[0].what


def test_a_scalar_with_the_name_of_an_event_counts_it_and_bins_stand_for_times():
    declared = "letters:\n  A: {kind: scalar, name: active}\n  C: {kind: bins, event: infusion, width_s: 600}\n"

    (session,) = decode("A: 41\n" + array("C", 3, 2, 2, 2, 1, 2), declared).sessions

    assert session.counts == {"active": 41}
    assert session.bins["infusion"].counts.tolist() == [3, 2, 2, 2, 1, 2]


def test_counters_that_disagree_with_the_times_are_reported():
    declared = "counts: {lick: B}\nletters:\n  X: {kind: timestamps, event: lick, unit_s: 1, count: all}\n"

    (fault,) = decode("B: 3\n" + array("X", 1, 2), declared).faults

    assert fault.what == "B counts 3 of lick, 2 have times"


def test_interleaved_rows_are_taken_apart():
    declared = (
        "letters:\n  C: {kind: timestamps, event: active, unit_s: 1, count: all, every: 3, offset: 1}\n"
        "  J: {kind: bins, event: infusion, width_s: 3600, every: 2}\n"
    )

    (session,) = decode(array("C", 7, 10, 0, 7, 20, 1) + "\n" + array("J", 4, 99, 5, 98), declared).sessions

    assert session.events["active"].tolist() == [10, 20]
    assert session.bins["infusion"].counts.tolist() == [4, 5]


def test_several_sessions_of_one_record_are_sessions_with_their_own_times():
    declared = (
        "parts:\n"
        '  - {experiment: EXT, counts: {active: A}, duration_s: 600, run: "Q >= 1"}\n'
        '  - {experiment: EXT, counts: {active: B}, duration_s: 600, run: "Q >= 2"}\n'
        '  - {experiment: EXT, counts: {active: C}, duration_s: 600, run: "Q >= 3"}\n'
        '  - {experiment: CUES, counts: {active: N}, duration_s: 600, run: "E == 0"}\n'
        "letters:\n  X: {kind: timestamps, event: active, unit_s: 1, count: all}\n"
    )
    letters = "A: 2\nB: 1\nC: 0\nE: 0\nN: 3\nQ: 2\n" + array("X", 5, 300, 700, 1210, 1500, 1600)

    record = decode(letters, declared)

    found = [
        (s.part, s.experiment, s.start.minute, s.counts["active"], s.events["active"].tolist()) for s in record.sessions
    ]
    assert found == [
        (1, "EXT", 0, 2, [5, 300]),
        (2, "EXT", 10, 1, [100]),
        (4, "CUES", 20, 3, [10, 300, 400]),
    ]
    assert all(session.duration_s == 600 for session in record.sessions)


def test_a_part_that_would_begin_after_the_record_was_not_run():
    parts = "".join(f"  - {{experiment: {name}, duration_s: 1500}}\n" for name in ("EXT", "EXT", "CUES", "TEST"))
    letters = "letters:\n  X: {kind: timestamps, event: active, unit_s: 1, count: all}\n"

    record = decode(array("X", 5, 1600), f"parts:\n{parts}{letters}")

    assert [session.experiment for session in record.sessions] == ["EXT", "EXT", "CUES"]


@pytest.mark.parametrize(
    ("dates", "written", "expected"),
    [
        ("mdy", "03/04/2025", "2025-03-04"),
        ("dmy", "03/04/2025", "2025-04-03"),
        ("dmy", "13-04-25", "2025-04-13"),
        ("mdy", "03.04.2025", "2025-04-03"),
        ("mdy", "13.04.25", "2025-04-13"),
        ("ymd", "25/04/13", "2025-04-13"),
        ("dmy", "2025-04-03", "2025-04-03"),
    ],
)
def test_dates_are_read_in_the_order_declared_and_dotted_ones_day_first(dates: str, written: str, expected: str):
    record = decode("A: 0\n" + array("X", 0), f"dates: {dates}\n{COUNTED}", Start_Date=written, End_Date=written)

    assert record.sessions[0].start.date().isoformat() == expected


@pytest.mark.parametrize(
    ("written", "hour"), [("9:00:00 AM", 9), ("12:05:00 AM", 0), ("1:00:00 pm", 13), ("12:00 PM", 12)]
)
def test_times_of_twelve_hours_are_read(written: str, hour: int):
    assert decode("A: 0\n" + array("X", 0), COUNTED, Start_Time=written).sessions[0].start.hour == hour


def test_a_day_that_no_month_has_is_refused_with_the_order_to_declare():
    with pytest.raises(DataError, match=r"start '13/04/2025' '09:00:00'; expected month/day/year \(`dates`"):
        decode("A: 0\n" + array("X", 0), COUNTED, Start_Date="13/04/2025")


def test_where_the_header_was_blanked_the_name_of_the_file_tells_the_start(tmp_path: Path):
    path = tmp_path / "!2018-11-27_08h39m.Subject _0001.txt"
    path.write_text(text("A: 0\n" + array("X", 0), Start_Date="", Start_Time="", End_Date="", End_Time=""))
    program = parse_declared(f'msn: ["TEST*"]\ntitle: t\nsource: s\n{COUNTED}', Program, name="t")

    log = read_medpc(path, programs=[program])

    assert log.sessions[0].start.isoformat() == "2018-11-27T08:39:00"
    assert log.faults[0].what == "blank start date and time"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_files_of_any_encoding_are_read(encoding: str):
    content = text("A: 2\n" + array("X", 100, 200), Group="für").encode(encoding)

    (session,) = parse_sessions(content).sessions

    assert session.header["Subject"] == "R1"
    assert session.header["Group"] == "für"


def test_letters_of_windows_and_bytes_that_it_lacks_are_read():
    assert decode_text("Ratte – 1 µg …".encode("cp1252")) == "Ratte – 1 µg …"
    assert decode_text(b"Ratte \x81") == "Ratte \x81"


@pytest.mark.parametrize("ends", ["\r", "\r\n", "\r\r\n", "\n"])
def test_a_session_appended_with_other_line_ends_is_read(ends: str):
    first = text("A: 1\n" + array("X", 100)).replace("\n", "\r\n")
    second = "File: C:\\x\n\n\n" + text("A: 2\n" + array("X", 100, 200), Subject="R2")

    log = parse_sessions((first + second.replace("\n", ends)).encode())

    assert [session.header["Subject"] for session in log.sessions] == ["R1", "R2"]
    assert log.sessions[1].letters["X"].size == 2
    assert log.faults == ()


def test_a_broken_record_among_others_is_set_aside_by_name(tmp_path: Path):
    whole = [text("A: 1\n" + array("X", 100), Subject=f"R{k}") for k in range(9)]
    whole[4] = whole[4].replace("     0: 100", "     5: 100")
    (tmp_path / "day.txt").write_text("".join(whole))
    program = parse_declared(f'msn: ["TEST*"]\ntitle: t\nsource: s\n{COUNTED}', Program, name="t")

    log = read_medpc(tmp_path / "day.txt", programs=[program])

    assert [session.subject for session in log.sessions] == [f"R{k}" for k in range(9) if k != 4]
    assert [(fault.subject, fault.done) for fault in log.faults] == [("R4", SET_ASIDE)]
    assert "row index 5 where 0 was expected" in log.faults[0].what


def lynch(**letters: float) -> str:
    # these programs write every letter
    values = dict.fromkeys("ADEFGHIJKLMNOPQRSTUWX", 0.0) | letters
    return "\n".join(f"{letter}: {value:g}" for letter, value in values.items())


def shipped(msn: str, letters: str) -> DecodedRecord:
    return decode_record(parse_sessions(text(letters, MSN=msn)).sessions[0], load_programs())


def test_the_shipped_extinction_program_gives_the_sessions_that_were_run_and_the_test():
    run = {"A": 46, "D": 24, "F": 4, "G": 18, "H": 9, "I": 7, "Q": 6, "P": 17}

    tested = shipped("EXTINCT MUST EXT BY 9 FOR REINST ESD", lynch(**run, M=31, N=22, O=5)).sessions
    not_tested = shipped("G136B EXTINCT MUST EXT BY 9 FOR REINST ESD", lynch(**run, E=1)).sessions

    assert [session.counts["active"] for session in tested] == [46, 24, 4, 18, 9, 7, 31]
    assert (tested[-1].experiment, tested[-1].counts["inactive"]) == ("REINSTATEMENT", 5)
    assert [session.counts["active"] for session in not_tested] == [46, 24, 4, 18, 9, 7]


def test_the_other_shipped_programs_give_their_counters():
    ratio = shipped("G136A PRCOCAINE ESD", "A: 1\nI: 3\nR: 8\n" + array("F", 1, 2, 4, 0))
    medlab = shipped("MEDLAB8 Fixed Ratio", SOFT_CR)
    oral = shipped(
        "KC_Liq_SelfAdmin",
        array("A", *[0] * 2, 180, *[0] * 11, 420, 7)
        + "\n"
        + array("C", 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 2, 1, 0)
        + "\n"
        + array("E", 22, 3, 17, 6, 23, 22, 17, 6, 6, 0, 0)
        + "\n"
        + array("T", 5.5, 5.5, 5.5, 8, 9, 30, 30, 31, 32, 0, 0),
    )

    assert ratio.sessions[0].counts == {"infusion": 3, "active": 8, "inactive": 1}
    assert ratio.sessions[0].values == {"last_ratio": 4}
    assert times(medlab)["active"] == [12.3, 58, 83]
    session = oral.sessions[0]
    assert oral.faults == ()
    assert session.counts == {"infusion": 2, "active": 2, "inactive": 1, "head_entry": 3, "noncontingent": 0}
    assert (session.duration_s, session.values) == (10800, {"weight_g": 420, "training_session": 7})
    assert session.events["infusion"].tolist() == [5.5, 30]


PIECES = st.sampled_from(
    [
        "Start Date: 03/04/25\n",
        "Subject: R1\n",
        "MSN: TEST\n",
        "Start Time: 09:00:00\r",
        "K:\n",
        "A: 2\n",
        "X:\n",
        "\r",
        "\n",
    ]
    + [
        "     0: 1.000 2.000\n",
        "     2: 3.000\r\n",
        "File: x\r",
        "\x00",
        "é",
        "     0:      escal 60\n",
        "G:\r\n",
        "\t",
        "X: 1\n",
    ]
)


@given(
    st.lists(PIECES, max_size=30).map("".join),
    st.sampled_from(["utf-8", "utf-16-le", "latin-1"]),
    st.binary(max_size=6),
)
def test_any_bytes_give_records_or_a_data_error(content: str, encoding: str, more: bytes):
    program = parse_declared(
        f'msn: ["*"]\ntitle: t\nsource: s\nsession_length: K\ncounts: {{lick: X(1)}}\n{COUNTED}\n'
        "  K: {kind: scalar, name: length, unit_s: 1}\n  G: {kind: bins, event: x, width_s: 1, total_first: true}\n",
        Program,
        name="t",
    )
    with contextlib.suppress(DataError):
        for raw in parse_sessions(content.encode(encoding) + more).sessions:
            with contextlib.suppress(DataError):
                record = decode_record(raw, [program])
                assert all(np.isfinite(found).all() for s in record.sessions for found in s.events.values())


def test_codes_and_arrays_that_share_a_name_are_one_kind_of_event_and_their_counters_add_up():
    declared = (
        "letters:\n  A: {kind: scalar, name: a}\n  B: {kind: scalar, name: b}\n  D: {kind: scalar, name: d}\n"
        "  E: {kind: codes}\n"
        '  T: {kind: times, unit_s: 1, codes: E, count: all, events: {"1": active, "2": active, "3": infusion}, '
        'counts: {"1": A, "2": B}}\n'
        "  X: {kind: timestamps, event: active, unit_s: 1, count: D}"
    )
    letters = "A: 2\nB: 1\nD: 1\n" + "\n".join((array("E", 1, 2, 1, 3), array("T", 5, 7, 9, 9), array("X", 6)))

    record = decode(letters, declared)

    assert times(record) == {"active": [5, 6, 7, 9], "infusion": [9]}
    assert record.sessions[0].counts["active"] == 4
    assert record.faults == ()


def test_the_shipped_program_of_oral_self_administration_joins_what_its_counters_join():
    settings = [0, 0, 60, 4, 0, 5, 0, 5, 0, 0, 1, 0, 10, 600, 24.5, 3, 320, 0, 0, 0, 0]
    counters = [3, 4, 0, 2, 1, 0, 0, 0, 0, 0, 2, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0]
    codes = [30, 17, 25, 17, 2, 4, 22, 17, 21, 22, 1, 20, 23, 6, 100]
    clock = [5, 5, 90, 90, 200, 200, 200, 200, 204, 204, 300, 301, 302, 400, 3600.01]
    letters = [
        array(letter, *values) for letter, values in zip("ACET", (settings, counters, codes, clock), strict=True)
    ]

    record = decode_record(
        parse_sessions(text("\n".join(letters), MSN="Golden_Liq_SelfAdmin_REI")).sessions[0], load_programs()
    )

    assert {name: len(found) for name, found in times(record).items() if "code" not in name} == {
        "infusion": 3,
        "active": 2,
        "inactive": 3,
        "head_entry": 1,
        "noncontingent": 2,
        "session_end": 1,
    }
    assert record.sessions[0].duration_s == 3600
    assert record.sessions[0].values["weight_g"] == 24.5
    assert [fault.what for fault in record.faults if "counts" in fault.what] == []


def test_the_shipped_programs_of_tracked_alcohol_reinforcement_give_presses_licks_and_sipper_periods():
    found = {"J": (4.75, 5.02), "K": (7,), "L": (5.02,), "N": (6, 6.1, 6.2), "O": (6.05, 6.15, 6.3)}
    arrays = [array(letter, *values, *[0] * (5001 - len(values))) for letter, values in found.items()]
    letters = "A: 2\nB: 1\nD: 1\nE: 3\nF: 3\nT: 58.600\n" + "\n".join(arrays)

    record = decode_record(
        parse_sessions(text(letters, MSN="05_RIGHT_STAR_Test_FR10_10s_NoCap")).sessions[0], load_programs()
    )

    (session,) = record.sessions
    assert session.duration_s == 58.6
    assert times(record) == {
        "active": [4.75, 5.02],
        "inactive": [7],
        "infusion": [5.02],
        "lick": [6, 6.1, 6.2],
        "lick_end": [6.05, 6.15, 6.3],
    }
    assert record.faults == ()
