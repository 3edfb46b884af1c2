"""BIDS events of operant sessions; the start is where BIDS keeps it."""

from pathlib import Path

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.operant_bids import is_bids_log, read_bids_log
from cuecircuit.io.operant_declaration import SourceDeclaration

NAME = "sub-01_ses-LgA3_task-oxycodone_run-1_beh.tsv"
EVENTS = "onset\tduration\ttrial_type\n0\t0\tlever\n5.5\t0\tpump\n2\t0\tlever\n"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    folder = tmp_path / "sub-01/ses-LgA3/beh"
    folder.mkdir(parents=True)
    (folder / NAME).write_text(EVENTS)
    (tmp_path / "participants.tsv").write_text("participant_id\tgroup\nsub-01\tLgA\nsub-02\tShA\n")
    (folder.parent / "sub-01_ses-LgA3_scans.tsv").write_text(f"filename\tacq_time\nbeh/{NAME}\t2024-01-31T09:00:00\n")
    return folder / NAME


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        (NAME, True),
        ("sub-01_task-x_events.tsv", True),
        ("sub-01_bold.tsv", False),
        ("events.tsv", False),
        ("sub-01_task-x_events.json", False),
    ],
)
def test_bids_is_known_by_its_name(name: str, is_one: bool):
    assert is_bids_log(Path(name)) is is_one


def test_events_become_a_session(events: Path):
    log = read_bids_log(events, SourceDeclaration(events={"lever": "active", "pump": "infusion"}))

    (session,) = log.sessions
    assert (session.subject, session.experiment, session.group, session.program) == ("01", "LgA3", "LgA", "oxycodone")
    assert session.start.isoformat() == "2024-01-31T09:00:00"
    assert {name: times.tolist() for name, times in session.events.items()} == {"active": [0, 2], "infusion": [5.5]}
    assert log.faults == ()


def test_the_sessions_table_tells_the_start_where_no_scans_table_does(events: Path):
    next(events.parent.parent.glob("*_scans.tsv")).unlink()
    (events.parents[2] / "sub-01_sessions.tsv").write_text("session_id\tacq_time\nses-LgA3\t2024-02-01T10:00:00\n")

    assert read_bids_log(events).sessions[0].start.isoformat() == "2024-02-01T10:00:00"


def test_a_session_without_a_start_is_refused(events: Path):
    next(events.parent.parent.glob("*_scans.tsv")).unlink()

    with pytest.raises(DataError, match=r"start of the session is not told; expected acq_time"):
        read_bids_log(events)


def test_cells_of_several_values_are_named_by_line(events: Path):
    events.write_text(EVENTS.replace("5.5", "60, 140, 220"))

    with pytest.raises(DataError, match=r"_beh\.tsv:3: onset holds 3 values in one cell"):
        read_bids_log(events)
