"""Real MED-PC files of eight laboratories are read with nothing lost."""

from pathlib import Path

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.declared import parse_declared
from cuecircuit.io.medpc import read_medpc
from cuecircuit.io.medpc_program import Program
from cuecircuit.io.medpc_text import parse_sessions
from cuecircuit.records.operant import SET_ASIDE

# file, sessions, events; events counted by hand from the scalars and array lengths of each file
FILES = [
    ("georgelab_oxycodone_lga/SF1_MedPC_example_txt", 12, 1471),
    ("laubach_eventcodes/ExampleFile1", 1, 2036),
    ("laubach_eventcodes/ExampleFile2", 1, 1800),
    ("medpc_wrangler/medpc_data_example", 4, 385 + 707 + 759 + 655),
    ("medpcpy_examples/R1_FETCH_1", 1, 120 + 148 + 1),
    ("medpcpy_examples/R1_LAT_COUNT_5", 1, 154),
    ("medpcpy_examples/S1_RESP_DIST_8", 1, 1691),
    ("medpcpy_examples/S28_TOTAL_COUNT_1", 1, 3506),
    ("medpcpy_examples/SC_COUNT_RESP_1", 1, 2262 + 2100),
    ("medpcpy_examples/SC_GET_COLS_1", 1, 2262 + 2100),
    ("nautiyal_operant/!2014-01-31_11h16m.Subject 818.txt", 1, 495),
    ("nautiyal_operant/!2018-11-27_08h39m.Subject _0001.txt", 1, 1175),
    ("rmedpc/example_data", 1, 0),
    ("willuhn_multipellet/example_rat_multipellet", 1, 2064),
]


@pytest.mark.parametrize(("name", "sessions", "events"), FILES)
def test_each_real_file_is_read_without_a_fault_and_without_a_loss(
    real_data: Path, name: str, sessions: int, events: int
):
    log = read_medpc(real_data / "operant" / name)

    assert log.faults == ()
    assert len(log.sessions) == sessions
    assert sum(times.size for session in log.sessions for times in session.events.values()) == events


@pytest.mark.parametrize("name", [name for name, _, _ in FILES])
def test_every_number_of_a_real_file_is_in_a_letter(real_data: Path, name: str):
    content = (real_data / "operant" / name).read_bytes()

    log = parse_sessions(content)

    # counted without the parser: the fields after the first colon of lines that begin with a letter or an index
    lines = [line.partition(b":") for line in content.replace(b"\r", b"").split(b"\n")]
    data = [rest for head, colon, rest in lines if colon and (head.strip().isdigit() or len(head) == 1)]
    assert sum(letter.size for session in log.sessions for letter in session.letters.values()) == sum(
        len(rest.split()) for rest in data
    )


def test_the_oxycodone_file_gives_the_counts_of_its_own_scalars(real_data: Path):
    log = read_medpc(real_data / "operant/georgelab_oxycodone_lga/SF1_MedPC_example_txt")

    first = log.sessions[0]
    assert [session.subject for session in log.sessions] == [f"M{n}" for n in range(2169, 2181)]
    assert (first.subject, first.box, first.duration_s) == ("M2169", "1", 43200)
    assert {name: times.size for name, times in first.events.items()} == {"active": 59, "inactive": 0, "infusion": 44}
    for session in log.sessions:
        assert {name: times.size for name, times in session.events.items()} == session.counts
        assert np.isin(session.events["infusion"], session.events["active"]).all()
        assert np.diff(session.events["infusion"]).min() >= 20
        assert session.end is not None
        assert session.end.date() > session.start.date()


def test_coded_sessions_last_as_long_as_their_header_says(real_data: Path):
    for name, event in [
        ("nautiyal_operant/!2014-01-31_11h16m.Subject 818.txt", "session_end"),
        ("nautiyal_operant/!2018-11-27_08h39m.Subject _0001.txt", "session_end"),
        ("medpcpy_examples/S28_TOTAL_COUNT_1", "code_300"),
    ]:
        (session,) = read_medpc(real_data / "operant" / name).sessions
        assert session.end is not None
        # the header counts whole seconds from loading the program to its flush
        assert abs((session.end - session.start).total_seconds() - session.events[event][-1]) < 5


def test_a_file_at_fault_is_named_with_its_line(real_data: Path, tmp_path: Path):
    empty = tmp_path / "empty.txt"
    empty.write_bytes(b"")
    cut = tmp_path / "cut.txt"
    cut.write_bytes((real_data / "operant/rmedpc/example_data").read_bytes()[:2_000])

    with pytest.raises(DataError, match=r"empty\.txt: line 1: the file is empty"):
        read_medpc(empty)
    with pytest.raises(DataError, match=r"cut\.txt: line \d+: .*cut off"):
        read_medpc(cut)
    with pytest.raises(DataError, match=r"none\.txt: cannot be read \(No such file"):
        read_medpc(tmp_path / "none.txt")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory"):
        read_medpc(tmp_path)
    with pytest.raises(DataError, match=r"n1_d1\.txt: line 1: no session found"):
        read_medpc(real_data / "operant/nautiyal_operant/n1_d1.txt")


def test_no_cut_of_the_oxycodone_file_goes_unnoticed(real_data: Path, tmp_path: Path):
    content = (real_data / "operant/georgelab_oxycodone_lga/SF1_MedPC_example_txt").read_bytes()
    starts = {
        content.find(f"Start Date: 11/02/23\r\nEnd Date: 11/03/23\r\nSubject: M{n}".encode()) for n in range(2170, 2181)
    }
    rng = np.random.default_rng(5)
    path = tmp_path / "cut"
    for at in rng.integers(1, len(content) - 2, 60):
        # a cut between two sessions leaves a whole file
        if any(0 <= start - at <= 8 for start in starts):
            continue
        path.write_bytes(content[:at])
        if content[:at].count(b"MSN:") < 2:  # not one whole session is left
            with pytest.raises(DataError, match=r"cut: line \d+: "):
                read_medpc(path)
        else:
            log = read_medpc(path)
            # a line that is cut short may be a comment of its own
            assert [fault.done for fault in log.faults].count(SET_ASIDE) == 1
            assert len(log.sessions) == content[:at].count(b"Start Date:") - 1


def test_a_program_of_ones_own_is_used(real_data: Path):
    path = real_data / "operant/rmedpc/example_data"
    own = parse_declared(
        'msn: ["MVT2*"]\ntitle: t\nsource: s\nletters:\n  I: {kind: scalar, name: n}\n'
        "  C: {kind: timestamps, event: choice, unit_s: 1, count: I}\nunknown: ABDEFLMNOT\n",
        Program,
        name="own",
    )

    (session,) = read_medpc(path, programs=[own]).sessions

    assert session.events["choice"].size == session.counts["choice"] == 332
