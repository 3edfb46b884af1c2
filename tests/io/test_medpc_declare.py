from pathlib import Path

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.declared import parse_declared
from cuecircuit.io.medpc import read_medpc
from cuecircuit.io.medpc_declare import skeletons
from cuecircuit.io.medpc_mpc import parse_mpc
from cuecircuit.io.medpc_program import Program, find_program, load_programs

TEXT = """Start Date: 11/02/23
End Date: 11/02/23
Subject: R1
Experiment: 0
Group: 0
Box: 1
Start Time: 09:00:00
End Time: 10:00:00
MSN: FR1 'new' [v2]
A:       7.000
E:
     0:        1.000        2.000        3.000        4.000
"""


def log_file(tmp_path: Path, text: str = TEXT) -> Path:
    (tmp_path / "log").write_text(text)
    return tmp_path / "log"


def test_a_skeleton_loads_and_names_every_letter_found(tmp_path: Path):
    ((msn, text),) = skeletons([log_file(tmp_path)], programs=load_programs()).items()

    program = parse_declared(text, Program, name="t")
    assert find_program(msn, [program]) is program
    assert find_program("FR1 'new' v", [program]) is None
    assert program.unknown == "AE"
    assert "# A: {kind: scalar, name: ?}  # 7.000" in text
    assert "size: 4}  # 4 values: 1.000 2.000 3.000 ..." in text


def test_a_skeleton_says_what_the_program_file_says(tmp_path: Path):
    mpc = parse_mpc("\\ A = active presses\nDIM E = 99\n^Pump = 3\nVAR_ALIAS Last = E(9)\n", name="fr1 'NEW' [v2]")

    (text,) = skeletons([log_file(tmp_path)], programs=(), mpc=[mpc]).values()

    assert "#    fr1 'NEW' [v2].MPC: active presses" in text
    assert "size: 100}" in text
    assert "E(9) is 'Last'" in text
    assert "# constants: ^Pump = 3" in text
    assert parse_declared(text, Program, name="t").unknown == "AE"


def test_numbers_that_the_program_file_names_are_ready_lines(tmp_path: Path):
    mpc = parse_mpc(
        "\\ A = total active Lev presses\n\\ E(0)  = Infusions\n\\ E(9) = beyond the array\nDIM E = 3\n"
        "VAR_ALIAS Weight (g) = E(1)\nVAR_ALIAS Session = E(2)\n",
        name="FR1 'new' [v2]",
    )
    path = log_file(tmp_path)

    (text,) = skeletons([path], programs=(), mpc=[mpc]).values()

    program = parse_declared(text, Program, name="t")
    assert program.counts == {"active": "A", "infusion": "E(0)"}
    assert program.values == {"weight_g_e1": "E(1)", "session_e2": "E(2)"}
    (session,) = read_medpc(path, programs=[program]).sessions
    assert session.counts == {"active": 7, "infusion": 1}
    assert session.values == {"weight_g_e1": 2, "session_e2": 3}


def test_declared_programs_need_no_skeleton(tmp_path: Path):
    path = log_file(tmp_path, TEXT.replace("FR1 'new' [v2]", "OXYGWAS 12h"))

    assert skeletons([path], programs=load_programs()) == {}


def test_files_that_cannot_be_read_are_all_named(tmp_path: Path):
    with pytest.raises(DataError) as caught:
        skeletons([log_file(tmp_path, "nothing"), tmp_path / "none"], programs=())
    assert [fault.split(": ")[0].rsplit("/")[-1] for fault in caught.value.faults] == ["log", "none"]
