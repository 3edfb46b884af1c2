"""Plain tables become sessions by declared columns, and nothing in them is guessed."""

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import openpyxl
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.operant_declaration import SourceDeclaration, TableColumns
from cuecircuit.io.operant_table import read_table_log
from cuecircuit.io.table_cells import as_moment, number
from cuecircuit.records.operant import SET_ASIDE

EVENTS = SourceDeclaration(
    events={"L": "active", "R": "inactive", "pump": "infusion"},
    timeout_s=20,
    table=TableColumns(rows="event", subject="rat", start="session", event="what", time="ms", unit_s=0.001, box="box"),
)
TEXT = """rat,session,what,ms,box
01,2024-01-31T09:00:00,L,1500,3
01,2024-01-31T09:00:00,pump,1500,3
02,2024-01-31T09:00:00,R,0,4
01,2024-01-31T09:00:00,L,60000,3
01,2024-02-01T09:00:00,door,5,3
"""


def table(tmp_path: Path, text: str = TEXT, name: str = "log.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_rows_of_events_become_sessions(tmp_path: Path):
    log = read_table_log(table(tmp_path), EVENTS)

    one, two, three = log.sessions
    assert log.faults == ()
    assert [(s.subject, s.box, s.line, s.start.day) for s in log.sessions] == [
        ("01", "3", 2, 31),
        ("02", "4", 4, 31),
        ("01", "3", 6, 1),
    ]
    # what stands in other sessions, or is declared, happened no times in this one
    said = {"active": [1.5, 60], "infusion": [1.5], "inactive": [], "door": []}
    assert {name: times.tolist() for name, times in one.events.items()} == said
    assert two.events["inactive"].tolist() == [0]
    assert three.events["door"].tolist() == [0.005]
    assert (one.timeout_s, one.end, one.duration_s) == (20, None, None)


def test_a_tsv_a_csv_with_semicolons_and_a_workbook_say_the_same(tmp_path: Path):
    cells = [line.split(",") for line in TEXT.strip().split("\n")]
    book = openpyxl.Workbook()
    for row in cells:
        book.worksheets[0].append(row)
    book.save(tmp_path / "log.xlsx")
    paths = [
        table(tmp_path, "\n".join("\t".join(row) for row in cells), "log.tsv"),
        table(tmp_path, "\n".join(";".join(row) for row in cells).replace("1500", "1500,0"), "semi.csv"),
        tmp_path / "log.xlsx",
    ]

    want = read_table_log(table(tmp_path), EVENTS).sessions
    for path in paths:
        got = read_table_log(path, EVENTS).sessions
        assert [(s.subject, s.start, s.box) for s in got] == [(s.subject, s.start, s.box) for s in want]
        for mine, theirs in zip(got, want, strict=True):
            assert {k: v.tolist() for k, v in mine.events.items()} == {k: v.tolist() for k, v in theirs.events.items()}


def test_rows_of_sessions_carry_counts_and_no_times(tmp_path: Path):
    declared = SourceDeclaration(
        table=TableColumns(
            rows="session",
            subject="rat",
            start=("day", "clock"),
            start_format="%d.%m.%Y %H:%M",
            counts={"infusion": "Rewards", "active": "Active"},
            duration_s="length",
            group="access",
        )
    )
    text = "rat\tday\tclock\tRewards\tActive\tlength\taccess\nR1\t31.01.2024\t9:05\t44\t\t43200\tLgA\n"

    (session,) = read_table_log(table(tmp_path, text, "s.tsv"), declared).sessions

    assert session.counts == {"infusion": 44}
    assert session.events == {}
    assert (session.start, session.duration_s, session.group) == (datetime(2024, 1, 31, 9, 5), 43200, "LgA")


def test_times_that_run_backwards_or_lie_before_the_start_are_told_and_kept(tmp_path: Path):
    text = TEXT.replace(",L,60000,", ",L,20,").replace("R,0,", "R,-5,")

    log = read_table_log(table(tmp_path, text), EVENTS)

    assert [(fault.line, fault.what) for fault in log.faults] == [
        (2, "times of active run backwards 1 times"),
        (4, "1 times of inactive lie before the start of the session"),
    ]
    np.testing.assert_array_equal(log.sessions[0].events["active"], [0.02, 1.5])


def test_columns_of_a_session_that_disagree_are_told(tmp_path: Path):
    declared = EVENTS.model_copy(
        update={"table": EVENTS.table.model_copy(update={"group": "box", "box": None}) if EVENTS.table else None}
    )

    log = read_table_log(table(tmp_path, TEXT.replace("60000,3", "60000,5")), declared)

    assert log.faults[0].what == "column 'box' says '3', '5' in one session"
    assert log.sessions[0].group == "3"


@pytest.mark.parametrize(
    ("text", "line", "found", "left"),
    [
        (TEXT.replace("L,1500", "L,soon"), 2, "column 'ms' is 'soon'; expected one number", ["02", "01"]),
        (TEXT.replace("L,1500", "L,60 140"), 2, "column 'ms' is '60 140'", ["02", "01"]),
        (TEXT.replace("L,1500", ",1500"), 2, "column 'what' is empty", ["02", "01"]),
        (
            TEXT.replace("2024-02-01T09:00:00", "Feb 1"),
            6,
            "start 'Feb 1' cannot be read; expected ISO 8601",
            ["01", "02"],
        ),
    ],
)
def test_a_session_with_a_cell_that_cannot_be_read_is_set_aside_by_line(
    tmp_path: Path, text: str, line: int, found: str, left: list[str]
):
    log = read_table_log(table(tmp_path, text), EVENTS)

    assert [session.subject for session in log.sessions] == left
    assert [(fault.line, fault.done) for fault in log.faults] == [(line, SET_ASIDE)]
    assert found in log.faults[0].what


def test_where_no_session_can_be_read_each_kind_of_fault_is_one_line(tmp_path: Path):
    rows = "".join(f"01,2024-01-31T09:00:00,L,{k} s,3\n" for k in range(2000))

    with pytest.raises(DataError) as caught:
        read_table_log(table(tmp_path, "rat,session,what,ms,box\n" + rows), EVENTS)

    (fault,) = caught.value.faults
    assert fault.endswith("log.csv:2: column 'ms' is '0 s'; expected one number; 1999 more like it")


def test_a_column_that_is_missing_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"log\.csv:1: column 'rat' is missing; found: animal, session"):
        read_table_log(table(tmp_path, TEXT.replace("rat,", "animal,")), EVENTS)


def test_without_declared_columns_a_table_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="pass it with --source"):
        read_table_log(table(tmp_path), SourceDeclaration())


COUNTS = SourceDeclaration(
    table=TableColumns(rows="session", subject="rat", start="date", counts={"active": "Presses", "infusion": "Inf"})
)


def test_a_quoted_comma_in_a_csv_is_a_thousands_separator(tmp_path: Path):
    text = 'rat,date,Presses,Inf\nr1,2025-03-04,"2,000",55\nr2,2025-03-04,"1,234,567",54\n'

    assert [s.counts["active"] for s in read_table_log(table(tmp_path, text), COUNTS).sessions] == [2000, 1234567]
    with pytest.raises(DataError, match=r"'2,5'; expected a count .is the comma of decimals or thousands"):
        read_table_log(table(tmp_path, 'rat,date,Presses,Inf\nr1,2025-03-04,"2,5",55\n'), COUNTS)


def test_a_comma_whose_meaning_the_file_does_not_tell_is_refused_until_it_is_declared(tmp_path: Path):
    path = table(tmp_path, "rat\tdate\tPresses\tInf\nr1\t2025-03-04\t2,000\t55\n", "log.tsv")

    with pytest.raises(DataError, match="declare decimal: comma or point"):
        read_table_log(path, COUNTS)
    assert COUNTS.table is not None
    for decimal, count in (("point", 2000), ("comma", 2)):
        declared = COUNTS.model_copy(update={"table": COUNTS.table.model_copy(update={"decimal": decimal})})
        assert read_table_log(path, declared).sessions[0].counts["active"] == count


def test_a_thousand_dotted_as_in_german_is_refused_until_it_is_declared(tmp_path: Path):
    path = table(tmp_path, "rat;date;Presses;Inf\nr1;2025-03-04;2.000;55\n")

    with pytest.raises(DataError, match=r"'2.000'; expected a count .is the point of decimals or thousands"):
        read_table_log(path, COUNTS)


@pytest.mark.parametrize("missing", ["", "n/a", "NA", "NaN"])
def test_a_count_that_is_missing_leaves_the_others_of_its_session(tmp_path: Path, missing: str):
    (session,) = read_table_log(table(tmp_path, f"rat,date,Presses,Inf\nr1,2025-03-04,{missing},55\n"), COUNTS).sessions

    assert session.counts == {"infusion": 55}


@pytest.mark.parametrize(
    ("cell", "separator", "decimal", "value"),
    [
        ("1,5", ";", None, 1.5),
        ("1.234,5", ";", None, 1234.5),
        ("1,5", "\t", None, 1.5),
        ("1,234.5", "\t", None, 1234.5),
        ("1.234", ",", "comma", 1234),
        ("1.234", ";", None, None),
        ("1.234", ";", "point", 1.234),
        ("1.234", ";", "comma", 1234),
        ("0.125", ";", None, 0.125),
        ("0,125", ",", None, None),
        ("1234.5", ";", None, 1234.5),
        ("1.5,2", ";", None, None),
        ("12,34", ",", None, None),
        ("1_000", ",", None, None),
        ("nan", ",", None, None),
        ("1e999", ",", None, None),
        ("-3.5", ",", None, -3.5),
    ],
)
def test_numbers_are_read_by_what_separates_the_cells(
    cell: str, separator: str, decimal: Literal["point", "comma"] | None, value: float | None
):
    assert number(cell, separator=separator, decimal=decimal) == value


def test_dates_and_times_in_cells_of_a_workbook_are_joined(tmp_path: Path):
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["rat", "date", "clock", "what", "sec"])
    sheet.append([1, datetime(2025, 3, 4), time(9), "L", time(0, 10)])
    sheet.append([1, datetime(2025, 3, 4), time(9), "L", timedelta(hours=25, seconds=0.5)])
    book.save(tmp_path / "log.xlsx")
    columns = TableColumns(rows="event", subject="rat", start=("date", "clock"), event="what", time="sec", unit_s=0.001)

    with pytest.raises(DataError, match="time_of_day: true"):
        read_table_log(tmp_path / "log.xlsx", SourceDeclaration(table=columns))
    elapsed = SourceDeclaration(table=columns.model_copy(update={"time_of_day": False}))
    (session,) = read_table_log(tmp_path / "log.xlsx", elapsed).sessions

    assert session.start == datetime(2025, 3, 4, 9)
    # whatever the unit of plain numbers
    assert session.events["L"].tolist() == [600, 90000.5]


def test_times_of_day_count_from_the_start_also_over_midnight(tmp_path: Path):
    columns = TableColumns(rows="event", subject="rat", start="date", event="what", time="clock", time_of_day=True)
    text = "rat,date,what,clock\n1,2025-03-04 23:00,L,23:10:00\n1,2025-03-04 23:00,L,0:30:00\n"

    (session,) = read_table_log(table(tmp_path, text), SourceDeclaration(table=columns)).sessions

    assert session.events["L"].tolist() == [600, 5400]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("04.03.2025 9:05", datetime(2025, 3, 4, 9, 5)),
        ("2025-03-04 1:05:06 PM", datetime(2025, 3, 4, 13, 5, 6)),
        ("2025-03-04T09:00:00.25+01:00", datetime(2025, 3, 4, 9, 0, 0, 250000)),
        ("2025-03-04", datetime(2025, 3, 4)),
        ("03/04/2025 09:00", None),
        ("31.02.2025 9:05", None),
    ],
)
def test_moments_are_iso_or_dotted_and_never_guessed(text: str, expected: datetime | None):
    assert as_moment(text) == expected


ABET = """Name,Value
Schedule,FR40
Date/Time,05/06/2017 2:56:39 PM
Animal ID,D326
Group ID,NL1
Schedule_Start_Time,2017-06-05T14:56:42.009

----------
Evnt_Time,Evnt_ID,Evnt_Name,Item_Name,Alias_Name
0,16,Variable Event,_Trial_Counter,
12.5,1,Condition Event,Image Touched,
12.5,5,Pulse Output Event,Sound_On #1,
14.25,30,Input Transition On Event,Tray #1,
20,1,Condition Event,Blank Image Touched,
3600,9999,Schedule Shutdown Event,(SYSTEM),
"""
PYCONTROL = (
    "time\ttype\tsubtype\tcontent\n0.000\tinfo\texperiment_name\trun_task\n0.000\tinfo\tsubject_id\tm1\n"
    "0.000\tinfo\tstart_time\t2024-01-31T09:00:00.250\n0.010\tstate\t\twait\n1.250\tevent\tinput\tleft_poke\n"
    "1.250\tprint\ttask\tN:1\n1.300\tevent\tinput\tpump_on\n\twarning\t\tlate\n"
)


def test_an_export_with_its_header_below_other_lines_is_read_by_labels(tmp_path: Path):
    declared = SourceDeclaration(
        events={"Image Touched": "active", "Blank Image Touched": "inactive", "Tray #1": "tray_entry"},
        table=TableColumns(
            rows="event",
            labels=("Animal ID", "Schedule_Start_Time", "Schedule", "Group ID"),
            where={"Evnt_Name": ("Condition Event", "Input Transition On Event")},
            subject="Animal ID",
            start="Schedule_Start_Time",
            experiment="Schedule",
            group="Group ID",
            event="Item_Name",
            time="Evnt_Time",
        ),
    )

    (session,) = read_table_log(table(tmp_path, ABET), declared).sessions

    assert (session.subject, session.experiment, session.group) == ("D326", "FR40", "NL1")
    assert session.start == datetime(2017, 6, 5, 14, 56, 42, 9000)
    found = {name: times.tolist() for name, times in session.events.items()}
    assert found == {"active": [12.5], "tray_entry": [14.25], "inactive": [20]}
    assert session.line == 11


def test_labels_may_be_rows_of_the_table(tmp_path: Path):
    declared = SourceDeclaration(
        events={"left_poke": "active", "pump_on": "infusion"},
        table=TableColumns(
            rows="event",
            labels=("subject_id", "start_time"),
            where={"type": "event"},
            subject="subject_id",
            start="start_time",
            event="content",
            time="time",
        ),
    )

    log = read_table_log(table(tmp_path, PYCONTROL, "m1.tsv"), declared)

    (session,) = log.sessions
    assert log.faults == ()
    assert (session.subject, session.start) == ("m1", datetime(2024, 1, 31, 9, 0, 0, 250000))
    assert {name: times.tolist() for name, times in session.events.items()} == {"active": [1.25], "infusion": [1.3]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("subject_id", "start")}, "label 'start' has no values in the next cell, expected one"),
        ({"labels": ("info", "start_time"), "subject": "info"}, "label 'info' has 3 values"),
        ({"where": {"type": "lick"}}, "no row fits `where`"),
        ({"where": {"kind": "event"}}, "column 'kind' is missing; found: time, type, subtype, content"),
    ],
)
def test_labels_and_rows_that_are_not_there_are_refused(tmp_path: Path, change: dict, message: str):
    columns = {
        "rows": "event",
        "labels": ("subject_id", "start_time"),
        "where": {"type": "event"},
        "subject": "subject_id",
        "start": "start_time",
        "event": "content",
        "time": "time",
    }
    declared = SourceDeclaration(table=TableColumns.model_validate(columns | change))

    with pytest.raises(DataError, match=message):
        read_table_log(table(tmp_path, PYCONTROL, "m1.tsv"), declared)
