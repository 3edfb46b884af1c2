"""Any bytes end in a result or an error of ours, whatever the file is called; a few hang or kill readers elsewhere."""

import contextlib
import io
import os
from datetime import datetime, time

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cuecircuit.behavior.ledger import settle
from cuecircuit.behavior.measures import sessions_table
from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.io.declared import parse_declared, read_declared
from cuecircuit.io.medpc_declare import skeleton
from cuecircuit.io.medpc_mpc import parse_mpc
from cuecircuit.io.medpc_program import Program, load_programs
from cuecircuit.io.medpc_text import parse_sessions
from cuecircuit.io.operant_declaration import SourceDeclaration, TableColumns
from cuecircuit.io.operant_rows import read_rows
from cuecircuit.io.operant_source import read_operant
from cuecircuit.io.tables import read_json, read_table

PROGRAMS = load_programs()
DECLARED = (
    SourceDeclaration(table=TableColumns(rows="event", subject="rat", start="start", event="event", time="t")),
    SourceDeclaration(table=TableColumns(rows="session", subject="rat", start="start", counts={"active": "t"})),
    SourceDeclaration(
        table=TableColumns(
            rows="event",
            labels=("who", "when"),
            where={"type": "event"},
            subject="who",
            start="when",
            event="what",
            time="t",
        )
    ),
    None,
)
MEDPC = b"""Start Date: 11/02/23
End Date: 11/02/23
Subject: R1
Experiment: 0
Group: 0
Box: 1
Start Time: 09:00:00
End Time: 21:00:00
MSN: CUECIRCUIT x
A: 2.000
I: 0.000
K: 43200.000
R: 1.000
X:
     0: 1.000 2.000
Y:
     0: 0.000
Z:
     0: 1.000
"""
FED3 = (
    b"MM:DD:YYYY hh:mm:ss,Device_Number,Event,Active_Poke,Left_Poke_Count,Right_Poke_Count,Pellet_Count\n"
    b"11/13/2019 15:54:07,7,Left,Left,1,0,0\n"
)
FED3_ISO = FED3.replace(b"11/13/2019 15:54:07", b"2019-11-13T15:54:07")
CODED = b"""Start Date: 11/02/23
Subject: R1
Start Time: 09:00:00
MSN: MEDLAB8 x
C:
     0: 0.500 123.100 0.200 57.600 -987.987
\r\nStart Date: 11/02/23
Subject: R2
Start Time: 09:00:00
MSN: EXTINCT-REINSTATE x
A: 3\nQ: 1\nE: 1
"""
TABLE = b"rat,start,event,t\nR1,2024-01-31T09:00:00,lever,1.5\n"
EXPORT = b"who,R1\nwhen,2024-01-31T09:00:00\n----\ntype,what,t\nevent,lever,1.5\nprint,x,2\n"
BIDS = b"onset\tduration\ttrial_type\n1\t0\tlever\n"
NAMES = ["F.CSV", "t.csv", "t.tsv", "sub-1_task-x_events.tsv"]
fast = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@st.composite
def spoiled(draw, seed):
    """A file of which some parts are lost, doubled, or overwritten with other bytes."""
    content = bytearray(seed)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        lost = draw(st.integers(0, 40))
        content[at : at + lost] = draw(st.binary(max_size=20) | st.just(bytes(content[at : at + lost] * 2)))
    return bytes(content)


def any_bytes(*seeds):
    return st.binary() | st.sampled_from(seeds).flatmap(spoiled)


def read(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    for declared in DECLARED:
        with contextlib.suppress(CuecircuitError):
            log = settle(read_operant(path, programs=PROGRAMS, source=declared))
            assert len(sessions_table(log.sessions)) == len(log.sessions)


def workbook(*rows):
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(content)
    return content.getvalue()


def hdf5():
    h5py = pytest.importorskip("h5py", reason="reading NWB needs the extra nwb")
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["nwb_version"] = "2.8.0"
        file["x"] = [1.0, 2.0]
    return content.getvalue()


# made once: it holds the time of its making
WORKBOOK = workbook(["Start Date", "2024-01-31"], ["Subject", "R1"], ["MSN", "OXYGWAS 12h"], ["Reward", 1])
SHEET = workbook(["rat", "start", "event", "t"], ["R1", datetime(2024, 1, 31, 9), "lever", time(0, 10)], ["R1"])
SOURCE = b"""events: {L: active}
table: {rows: event, labels: [who], where: {a: b}, subject: who, start: [day, clock], event: what, time: ms}
"""
PROGRAM = b"""msn: [A]
title: t
source: s
session_length: {at: B(2), unit_s: 60}
counts: {active: B(0)}
letters:
  A: {kind: scalar, name: active presses}
  C: {kind: coded, place: decimals, digits: 2, unit_s: 0.1, count: A, events: {"12": active}}
parts: [{experiment: E, counts: {active: A}, duration_s: 3600, run: "A >= 1"}]
"""


@fast
@given(content=any_bytes(MEDPC, CODED))
def test_medpc(tmp_path, content):
    read(tmp_path, "log.txt", content)
    with contextlib.suppress(CuecircuitError):
        for raw in parse_sessions(content).sessions:
            skeleton(raw)


@fast
@given(
    name=st.sampled_from(["F.CSV", "t.csv", "t.tsv", "sub-1_task-x_events.tsv"]),
    content=any_bytes(FED3, FED3_ISO, TABLE, EXPORT, EXPORT.replace(b",", b"\t"), BIDS),
)
def test_text_logs(tmp_path, name, content):
    read(tmp_path, name, content)


@fast
@given(content=st.sampled_from([WORKBOOK, SHEET]).flatmap(spoiled))
def test_workbooks(tmp_path, content):
    read(tmp_path, "w.xlsx", content)


@fast
@given(content=st.deferred(lambda: spoiled(hdf5())))
def test_nwb(tmp_path, content):
    read(tmp_path, "x.nwb", content)


@fast
@given(content=any_bytes(b"rat\tgroup\n001\tLgA\n", b"a,b\n1,2\n"))
def test_tables(tmp_path, content):
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    for reader in (read_table, read_rows, read_json):
        with contextlib.suppress(CuecircuitError):
            reader(path)


@given(text=st.text() | st.text("[]{}:-?&*!|> \n'\"#%@,ab1.~<="))
@example(text="[" * 5000)
@example(text="{a: " * 5000)
@example(text="- " * 5000)
@example(text="? " * 5000)
@example(text="a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]")
@example(text="a: 2001-99-99")
@example(text="a: 0x_")
@example(text="a: 2001-01-01T00:00:00+99:99")
def test_yaml(text):
    with contextlib.suppress(CuecircuitError):
        parse_declared(text, Program, name="p.yaml")


@fast
@given(content=any_bytes(SOURCE, PROGRAM))
def test_declarations(tmp_path, content):
    (tmp_path / "d.yaml").write_bytes(content)
    for reader, path in (
        (lambda path: read_declared(path, SourceDeclaration), tmp_path / "d.yaml"),
        (load_programs, tmp_path),
    ):
        with contextlib.suppress(CuecircuitError):
            reader(path)


@given(text=st.text() | st.text("^=\\ADIMLST(),_0123456789. \n'"))
def test_mpc(text):
    with contextlib.suppress(CuecircuitError):
        parse_mpc(text, name="p.mpc")


@pytest.mark.parametrize(
    "reader", [read_table, read_rows, read_json, lambda path: read_operant(path, programs=PROGRAMS)]
)
def test_what_may_never_end_is_not_opened(tmp_path, reader):
    pipe = tmp_path / "t.tsv"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match=r"t\.tsv: a pipe, device or socket, expected a file"):
        reader(pipe)
    pipe.unlink()
    pipe.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="a pipe, device or socket"):
        reader(pipe)


@pytest.mark.parametrize("reader", [read_table, read_rows])
def test_a_table_of_300_000_columns_is_refused_by_its_header(tmp_path, reader):
    path = tmp_path / "wide.tsv"
    path.write_text("\t".join(f"c{k}" for k in range(300_000)) + "\n")
    with pytest.raises(DataError, match=r"wide\.tsv:1: 300000 columns, expected at most 10000"):
        reader(path)


def test_a_cell_at_the_far_end_of_a_sheet_is_named(tmp_path):
    path = tmp_path / "far.xlsx"
    book = openpyxl.Workbook()
    book.worksheets[0]["A1"] = "rat"
    book.worksheets[0]["XFD1048576"] = "lost"
    book.save(path)
    with pytest.raises(DataError, match=r"far\.xlsx: sheet 'Sheet': a cell in row 1048576 and one in column 16384"):
        read_rows(path)


def test_a_sheet_that_lies_about_its_size_is_read_as_it_is(tmp_path):
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook(["rat", "dose"], ["R1", None], ["R2", 3]))
    assert read_rows(path).cells == (("R1", ""), ("R2", "3"))
