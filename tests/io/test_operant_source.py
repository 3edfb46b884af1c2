"""The kind of a file is told by what it holds; and no content of any kind brings the readers down."""

import contextlib
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.io.medpc_mpc import parse_mpc
from cuecircuit.io.medpc_program import load_programs
from cuecircuit.io.operant_declaration import SourceDeclaration, TableColumns
from cuecircuit.io.operant_source import operant_kind, read_operant

FED3 = (
    "MM:DD:YYYY hh:mm:ss,Device_Number,Event,Active_Poke,Left_Poke_Count,Right_Poke_Count,Pellet_Count\n"
    "11/13/2019 15:54:07,7,Left,Left,1,0,0\n"
)
TABLE = "rat,start,event,t\nR1,2024-01-31T09:00:00,lever,1.5\n"
BIDS = "onset\tduration\ttrial_type\n1\t0\tlever\n"
MEDPC = (
    "Start Date: 11/02/23\nEnd Date: 11/02/23\nSubject: R1\nExperiment: 0\nGroup: 0\nBox: 1\nStart Time: 09:00:00\n"
    "End Time: 21:00:00\nMSN: CUECIRCUIT x\nA: 2.000\nI: 0.000\nK: 43200.000\nR: 1.000\n"
    "X:\n     0: 1.000 2.000\nY:\n     0: 0.000\nZ:\n     0: 1.000\n"
)
DECLARED = SourceDeclaration(table=TableColumns(rows="event", subject="rat", start="start", event="event", time="t"))


def workbook(path: Path, rows: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a", MEDPC, "medpc"),
        ("a.txt", MEDPC, "medpc"),
        ("!2018-11-27_08h39m.Subject", MEDPC, "medpc"),
        ("FED001.CSV", FED3, "fed3"),
        ("a.txt", "\ufeff" + FED3, "fed3"),
        ("a.csv", TABLE, "table"),
        ("a.tsv", TABLE, "table"),
        ("sub-1_task-x_events.tsv", BIDS, "bids"),
        ("a.nwb", "\x89HDF\r\n", "nwb"),
        ("a.xlsx", "PK\x03\x04", "workbook"),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_content_and_name(tmp_path: Path, name: str, content: str, kind: str):
    (tmp_path / name).write_bytes(content.encode("latin-1" if "\x89" in content else "utf-8"))

    assert operant_kind(tmp_path / name) == kind


def test_each_kind_reaches_its_reader(tmp_path: Path):
    files = {"a.txt": MEDPC, "FED7.CSV": FED3, "t.csv": TABLE}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    workbook(tmp_path / "t.xlsx", [line.split(",") for line in TABLE.split()])

    sessions = [
        read_operant(tmp_path / name, programs=load_programs(), source=DECLARED).sessions[0]
        for name in (*files, "t.xlsx")
    ]

    assert [session.subject for session in sessions] == ["R1", "FED007", "R1", "R1"]
    assert [list(session.events) for session in sessions] == [
        ["active", "inactive", "infusion"],
        ["active"],
        ["lever"],
        ["lever"],
    ]


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "an old .xls workbook; save it as .xlsx"),
        ("a.zip", b"PK\x03\x04", "not called .xlsx"),
        ("a.csv", TABLE.encode(), "pass it with --source"),
        ("a.txt", TABLE.encode(), "no session found"),
        ("none", None, "cannot be read"),
    ],
)
def test_what_is_none_of_them_is_refused(tmp_path: Path, name: str, content: bytes | None, found: str):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=found):
        read_operant(tmp_path / name, programs=())


SEEDS = {
    "a.txt": MEDPC,
    "F.CSV": FED3,
    "t.csv": TABLE,
    "t.tsv": TABLE.replace(",", "\t"),
    "sub-1_task-x_events.tsv": BIDS,
}
# what has broken readers elsewhere, between pieces of whole files
PIECES = st.sampled_from(
    [b"\r", b"\n", b"\r\r\n", b"\f", b"\x1a", b"\x00", b"\xff", b'"', b",", b"\t", b";", b"_", b"nan", b"inf", b"1e999",
     b"9" * 400, b"-", b":", b"\\", "٣".encode(), "²".encode(), b"0:", b"A:", b"MSN:", b"1/1/1 1:1:1", b"0000-00-00"]
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(SEEDS)), st.lists(st.tuples(st.integers(0, 400), PIECES, st.integers(0, 9)), max_size=6))
def test_damaged_files_of_every_kind_give_a_log_or_a_clear_error(
    tmp_path: Path, name: str, cuts: list[tuple[int, bytes, int]]
):
    content = SEEDS[name].encode()
    for at, piece, length in cuts:
        content = content[: at % (len(content) + 1)] + piece + content[at % (len(content) + 1) + length :]
    (tmp_path / name).write_bytes(content)

    with contextlib.suppress(CuecircuitError):
        assert read_operant(tmp_path / name, programs=load_programs(), source=DECLARED).sessions is not None


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.integers(0, 5000), st.sampled_from(["w.xlsx", "g.xlsx"]))
def test_damaged_workbooks_give_a_log_or_a_clear_error(tmp_path: Path, junk: bytes, at: int, name: str):
    labels = ["Start Date", "Subject", "MSN", "Presses", "Press 1"]
    table = [line.split(",") for line in TABLE.split()]
    path = workbook(tmp_path / name, [[label, "1"] for label in labels] if name == "g.xlsx" else table)
    content = path.read_bytes()
    path.write_bytes(content[: at % len(content)] + junk + content[at % len(content) + len(junk) :])

    with contextlib.suppress(CuecircuitError):
        assert read_operant(path, programs=load_programs(), source=DECLARED).sessions is not None


@given(st.text(max_size=300))
def test_any_text_is_survived_as_a_program_file(text: str):
    assert all(size > 0 for size in parse_mpc(f"DIM A = 3\n{text}", name="x").sizes.values())


def test_a_text_with_tabs_is_a_table_unless_it_is_medpc(tmp_path: Path):
    (tmp_path / "log.txt").write_text(TABLE.replace(",", "\t"))
    (tmp_path / "utf16.txt").write_bytes(TABLE.replace(",", "\t").encode("utf-16-le"))
    (tmp_path / "med.txt").write_text(MEDPC.replace(": ", ":\t"))

    assert [operant_kind(tmp_path / f"{name}.txt") for name in ("log", "utf16", "med")] == ["table", "table", "medpc"]
    for name in ("log", "utf16"):
        (session,) = read_operant(tmp_path / f"{name}.txt", programs=(), source=DECLARED).sessions
        assert session.events["lever"].tolist() == [1.5]
    assert read_operant(tmp_path / "med.txt", programs=load_programs()).sessions[0].subject == "R1"
