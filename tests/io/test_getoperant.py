"""GEToperant workbooks give what the MED-PC file behind them would."""

from pathlib import Path

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.declared import parse_declared
from cuecircuit.io.getoperant import is_getoperant, read_getoperant
from cuecircuit.io.medpc_program import Program, load_programs
from cuecircuit.io.operant_rows import read_workbook
from cuecircuit.records.operant import SET_ASIDE

PROGRAM = parse_declared(
    """
msn: [FR1]
title: t
source: s
session_length: K
timeout_s: 20
letters:
  A: {kind: scalar, name: presses}
  K: {kind: scalar, name: length, unit_s: 1}
  X: {kind: timestamps, event: active, unit_s: 1, count: A, size: 6}
  Y: {kind: timestamps, event: inactive, unit_s: 0.1, end_marker: -1}
labels: {A: Presses, X: Press, Y: Wrong}
unknown_labels: [Comment]
""",
    Program,
    name="t",
)
SHEET = [
    ["Filename", "a", "a"],
    ["Start Date", "2024-01-31", "2024-01-31"],
    ["End Date", "2024-01-31", "2024-01-31"],
    ["Subject", "R1", "R2"],
    ["Experiment", "0", "0"],
    ["Group", "LgA", "ShA"],
    ["Box", "1", "2"],
    ["Start Time", "9:00:00", "9:00:05"],
    ["End Time", "21:00:00", "10:00:00"],
    ["MSN", "FR1", "FR1"],
    ["Presses", "3", "2"],
    ["Press 1", "0", "7"],
    ["Press 2", "4.5", "8"],
    ["Press 3", "6", "0"],
    ["Wrong", "10", "-1"],
    ["Wrong", "-1", ""],
    ["Comment", "none", ""],
]


def read(sheet: list[list[str]]):
    return read_getoperant(Path("w.xlsx"), {"GEToperant output": sheet}, programs=[PROGRAM])


def changed(row: int, *cells: str) -> list[list[str]]:
    return [list(cells) if k == row else line for k, line in enumerate(SHEET)]


def test_every_column_is_a_session():
    log = read(SHEET)

    one, two = log.sessions
    assert log.faults == ()
    assert (one.subject, one.group, one.box, two.subject, two.start.second) == ("R1", "LgA", "1", "R2", 5)
    assert one.events["active"].tolist() == [0, 4.5, 6]
    assert two.events["active"].tolist() == [7, 8]
    assert (one.events["inactive"].tolist(), two.events["inactive"].size) == ([1], 0)
    # the profile leaves the session length out
    assert (one.duration_s, one.timeout_s, one.file) == (None, 20, "w.xlsx")


def test_columns_without_a_session_are_passed_over():
    assert len(read([[*row, ""] for row in SHEET]).sessions) == 2


@pytest.mark.parametrize(
    ("sheet", "what"),
    [
        (changed(10, "Presses", "5", "2"), "array X is full: A counts 5 events, the array holds 3"),
        (changed(16, "Mystery 1", "5", "2"), "labels not declared for this program: 'Mystery'"),
        (changed(12, "Press 2", "9", "8"), "times of active in array X run backwards 1 times"),
    ],
)
def test_disagreements_are_told(sheet: list[list[str]], what: str):
    assert [fault.what for fault in read(sheet).faults] == [what]


@pytest.mark.parametrize(
    ("sheet", "found"),
    [
        (changed(9, "MSN", "FR5", "FR1"), r"column 2: subject 'R1': program \(MSN\) 'FR5' has no declaration"),
        (changed(12, "Press 4", "4", "8"), "row 14: subject 'R1': Press 3 follows Press 4: a row is lost"),
        (changed(12, "Press 2", "", "8"), "column 2: row 13: subject 'R1': a cell inside array 'Press' is empty"),
        (changed(12, "Press 2", "x", "8"), "line 13: value 1 of letter X is 'x'"),
        (changed(10, "Count", "3", "2"), r"no row for label 'Presses' \(letter A\)"),
        (changed(1, "Start Date", "soon", "2024-01-31"), "column 2: line 4: subject 'R1': start 'soon'"),
    ],
)
def test_what_cannot_be_read_is_named_by_sheet_column_and_row(sheet: list[list[str]], found: str):
    alone = [row[:2] for row in sheet]
    with pytest.raises(DataError, match=found) as caught:
        read(alone)
    assert all(fault.startswith("w.xlsx: sheet 'GEToperant output', column") for fault in caught.value.faults)


def test_a_session_that_cannot_be_read_is_set_aside_and_the_others_stay():
    log = read(changed(9, "MSN", "FR5", "FR1"))

    assert [session.subject for session in log.sessions] == ["R2"]
    assert [fault.done for fault in log.faults] == [SET_ASIDE]
    assert "column 2: subject 'R1': program (MSN) 'FR5' has no declaration" in log.faults[0].what


def test_other_sheets_are_told_and_left_out():
    log = read_getoperant(Path("w.xlsx"), {"data": SHEET, "notes": [["a"]]}, programs=[PROGRAM])

    assert not is_getoperant([["a"]])
    assert [(fault.what, fault.done) for fault in log.faults] == [("sheet 'notes' is not GEToperant's", "left out")]


def test_a_real_workbook_of_sixteen_rats_keeps_every_invariant(real_data: Path):
    path = real_data / "operant/georgelab_oxycodone_lga/SF2_OutputFile_example.xlsx"

    log = read_getoperant(path, read_workbook(path), programs=load_programs())

    first = log.sessions[0]
    assert log.faults == ()
    assert len({session.subject for session in log.sessions}) == 16
    # read off the sheet: rows 12 to 18, column B
    assert (first.subject, first.counts["active"], first.counts["infusion"]) == ("M2181", 26, 23)
    assert first.events["active"][:4].tolist() == [2350, 4395, 12791, 14599]
    assert all(np.isin(s.events["infusion"], s.events["active"]).all() for s in log.sessions)
