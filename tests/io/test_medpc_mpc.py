import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.declared import parse_declared
from cuecircuit.io.medpc_mpc import find_mpc, parse_mpc, read_mpc
from cuecircuit.io.medpc_program import Program, checked_by, load_programs

# in the manner of published programs
MPC = """\\ Fixed ratio 1, time-out 20 s
\\This section is for inputs
^Lever1 = 1
^Reward = 10   \\ the pump

\\DEFINED VARIABLES
\\A = NUMBER OF ACTIVE LEVER PRESSES
\\ B = number of infusions
\\  E() : times of active presses
\\ F - not used
DIM E = 9999
DIM G=200 \\ infusion times
LIST D = 5, 10, 15
VAR_ALIAS Session length (min) = K
VAR_ALIAS Max infusions = H(2)
DISKVARS = A, B, E
DISKVARS = G, K, D
S.S.1,
S1,
  #START: SET A = 0; SET G(0) = 1 ---> S2
"""
YAML = """
msn: [FR1]
title: t
source: s
letters:
  A: {kind: scalar, name: presses}
  B: {kind: scalar, name: infusions}
  E: {kind: timestamps, event: active, unit_s: 1, count: A}
  G: {kind: timestamps, event: infusion, unit_s: 1, end_marker: -987.987}
unknown: DK
"""


def test_sizes_labels_constants_and_what_is_written_are_read():
    program = parse_mpc(MPC, name="FR1")

    assert program.sizes == {"E": 10000, "G": 201, "D": 3}
    assert program.labels == {
        "A": "NUMBER OF ACTIVE LEVER PRESSES",
        "B": "number of infusions",
        "E": "times of active presses",
        "F": "not used",
        "G": "infusion times",
    }
    assert program.aliases == {"K": "Session length (min)", "H(2)": "Max infusions"}
    assert program.constants == {"Lever1": 1, "Reward": 10}
    assert program.written == set("ABDEGK")


def test_the_place_of_an_alias_may_be_a_constant():
    aliases = parse_mpc("VAR_ALIAS Infusions = C(^Inf)\nVAR_ALIAS Lost = C(^Nothing)\n^INF = 3\n", name="x").aliases

    assert aliases == {"C(3)": "Infusions"}


def test_without_diskvars_all_letters_are_written():
    assert parse_mpc("DIM A = 3\r\n", name="x").written is None


def test_a_program_is_found_by_the_name_of_its_file(tmp_path):
    (tmp_path / "FR1 LgA.MPC").write_bytes(MPC.encode("latin-1"))
    (tmp_path / "notes.txt").write_text("no program")

    programs = read_mpc(tmp_path)

    assert [program.name for program in programs] == ["FR1 LgA"]
    assert find_mpc(" fr1 lga", programs) is programs[0]
    assert find_mpc("FR5", programs) is None
    assert read_mpc(tmp_path / "FR1 LgA.MPC") == programs


def test_missing_program_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no \.MPC files here"):
        read_mpc(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_mpc(tmp_path / "none.MPC")


def test_a_declaration_takes_the_sizes_of_its_program():
    program = checked_by(parse_declared(YAML, Program, name="t"), parse_mpc(MPC, name="FR1"))

    assert program.letters["E"].size == 10000  # pyright: ignore[reportAttributeAccessIssue]
    # a sealed array is written short
    assert program.letters["G"].size is None  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("DIM E = 9999", "", "letter E is declared as an array; the program has no DIM"),
        (
            "DIM E = 9999",
            "DIM E = 9999\nDIM A = 5",
            "letter A is declared as a scalar; the program makes it an array of 6",
        ),
        ("DISKVARS = A, B, E", "DISKVARS = A, E", "letter B is declared, but not among the program's DISKVARS"),
    ],
)
def test_a_declaration_that_contradicts_its_program_is_refused(old: str, new: str, found: str):
    assert old in MPC

    with pytest.raises(DataError, match=found):
        checked_by(parse_declared(YAML, Program, name="t"), parse_mpc(MPC.replace(old, new), name="FR1"))


def test_a_declared_size_must_be_that_of_the_program():
    declared = parse_declared(YAML.replace("count: A}", "count: A, size: 9999}"), Program, name="t")

    with pytest.raises(DataError, match="letter E is declared with size 9999; DIM gives 10000 elements"):
        checked_by(declared, parse_mpc(MPC, name="FR1"))


def test_a_declaration_may_name_its_program_file(tmp_path):
    (tmp_path / "FR1.MPC").write_text(MPC)
    (tmp_path / "fr1.yaml").write_text(YAML + "mpc: FR1.MPC\n")

    assert load_programs(tmp_path)[0].letters["E"].size == 10000  # pyright: ignore[reportAttributeAccessIssue]

    (tmp_path / "fr1.yaml").write_text(YAML + "mpc: other.MPC\n")
    with pytest.raises(DataError, match=r"fr1\.yaml: mpc: .*other\.MPC: cannot be read"):
        load_programs(tmp_path)
