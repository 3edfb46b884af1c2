"""FED3 logs as the feeder writes them, old and new."""

from pathlib import Path

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.fed3 import read_fed3
from cuecircuit.io.operant_declaration import SourceDeclaration
from cuecircuit.records.operant import SET_ASIDE

# the header that the feeder's library writes (version 1.16)
HEADER = (
    "MM:DD:YYYY hh:mm:ss,Library_Version,Session_type,Device_Number,Battery_Voltage,Motor_Turns,FR,Event,Active_Poke,"
    "Left_Poke_Count,Right_Poke_Count,Pellet_Count,Block_Pellet_Count,Retrieval_Time,InterPelletInterval,Poke_Time"
)
ROWS = (
    "11/13/2019 15:54:07,1.16.3,FR1,7,3.76,nan,1,Left,Left,1,0,0,0,nan,nan,0.21",
    "11/13/2019 15:54:09,1.16.3,FR1,7,3.76,1,1,Pellet,Left,1,0,1,1,2.10,nan,nan",
    "11/13/2019 15:54:12,1.16.3,FR1,7,3.76,nan,1,LeftinTimeout,Left,2,0,1,1,nan,nan,0.11",
    "11/13/2019 15:55:00,1.16.3,FR1,7,3.76,nan,1,Right,Left,2,1,1,1,nan,nan,0.05",
)


def log_file(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "FED007_111319_00.CSV"
    path.write_text("\n".join([header, *rows, ""]))
    return path


def test_a_log_becomes_one_session_of_its_device(tmp_path: Path):
    log = read_fed3(log_file(tmp_path, *ROWS))

    (session,) = log.sessions
    assert log.faults == ()
    assert (session.subject, session.box, session.program) == ("FED007", "7", "FR1")
    assert session.start.isoformat() == "2019-11-13T15:54:07"
    assert {name: times.tolist() for name, times in session.events.items()} == {
        "active": [0],
        "pellet": [2],
        "LeftinTimeout": [5],
        "inactive": [53],
    }


def test_declared_names_join_what_the_feeder_parts(tmp_path: Path):
    declared = SourceDeclaration(events={"LeftinTimeout": "active", "pellet": "infusion"})

    (session,) = read_fed3(log_file(tmp_path, *ROWS), declared).sessions

    assert session.events["active"].tolist() == [0, 5]
    assert session.events["infusion"].tolist() == [2]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ((ROWS[0], ROWS[2].replace("15:54:12", "15:53:12")), "the feeder's clock runs backwards 1 times"),
        ((ROWS[0], ROWS[1].replace(",1,1,2.10", ",3,3,2.10")), "Pellet_Count counts 3 pellets, the log has 1 rows"),
        ((ROWS[3], ROWS[0].replace("Left,1,0", "Left,1,0")), "falls from"),
        (tuple(row.replace(":07,", ",", 1)[:16] + row[19:] for row in ROWS), "times without seconds"),
    ],
)
def test_what_is_out_of_order_is_told_and_kept(tmp_path: Path, rows: tuple[str, ...], what: str):
    log = read_fed3(log_file(tmp_path, *rows))

    assert any(what in fault.what for fault in log.faults)
    assert sum(times.size for times in log.sessions[0].events.values()) == len(rows)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (ROWS[0].replace("11/13/2019", "13/13/2019"), r":2: time '13/13/2019 15:54:07'; expected such as"),
        (ROWS[0].replace("Left,1,0", "Left,x,0"), ":2: Left_Poke_Count is 'x'; expected a count"),
    ],
)
def test_cells_that_cannot_be_read_are_named_by_line(tmp_path: Path, row: str, found: str):
    with pytest.raises(DataError, match=found):
        read_fed3(log_file(tmp_path, row))


def test_a_header_that_is_not_a_feeders_or_has_no_rows_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="column Pellet_Count is missing"):
        read_fed3(log_file(tmp_path, ROWS[0], header=HEADER.replace(",Pellet_Count", ",Pellets")))
    with pytest.raises(DataError, match="header without rows"):
        read_fed3(log_file(tmp_path))


def test_a_real_log_of_an_early_feeder_is_read(real_data: Path):
    path = real_data / "operant/fed3/FED000_111319_00.CSV"
    rows = path.read_text().strip().split("\n")[1:]

    log = read_fed3(path)

    (session,) = log.sessions
    assert sum(times.size for times in session.events.values()) == len(rows)
    assert session.events["pellet"].size == sum(",Pellet," in row for row in rows)
    # the last row counts 130 left and 58 right pokes, of which one each fell between two rows
    assert (session.events["active"].size, session.events["inactive"].size) == (129, 57)
    # Excel took the seconds
    assert log.faults[0].what.startswith("times without seconds")


def test_iso_times_of_joined_logs_are_read(tmp_path: Path):
    iso = tuple(row.replace("11/13/2019", "2019-11-13") for row in ROWS)

    assert read_fed3(log_file(tmp_path, *iso)).faults == ()
    iso_times, own = (read_fed3(log_file(tmp_path, *rows)).sessions[0].events for rows in (iso, ROWS))
    assert {name: times.tolist() for name, times in iso_times.items()} == {n: t.tolist() for n, t in own.items()}


def test_rows_after_the_clock_fell_back_to_its_beginning_are_set_aside(tmp_path: Path):
    lost = tuple(row.replace("11/13/2019 15:5", "1/1/2000 00:0") for row in ROWS[1:3])

    log = read_fed3(log_file(tmp_path, ROWS[0], *lost, ROWS[3]))

    (session,) = log.sessions
    assert {name: times.tolist() for name, times in session.events.items()} == {"active": [0], "inactive": [53]}
    assert (log.faults[0].line, log.faults[0].what, log.faults[0].done) == (
        3,
        "2 rows after the feeder's clock fell back to 2000-01-01",
        SET_ASIDE,
    )


@pytest.mark.parametrize(("day", "place"), [("6/1/2019", 2), ("11/11/2019", 2), ("1/1/2000", 0), ("10/1/2018", 0)])
def test_a_clock_may_fall_back_to_any_date_or_be_set_late(tmp_path: Path, day: str, place: int):
    rows = [ROWS[0], ROWS[1], ROWS[3]]
    rows.insert(place, ROWS[2].replace("11/13/2019", day))

    log = read_fed3(log_file(tmp_path, *rows))

    assert [times.tolist() for times in log.sessions[0].events.values()] == [[0], [2], [53]]
    assert [fault.done for fault in log.faults] == [SET_ASIDE]


def test_a_night_in_hours_of_twelve_is_read(tmp_path: Path):
    rows = (ROWS[0].replace("15:54:07", "11:59:50 PM"), ROWS[3].replace("13/2019 15:55:00", "14/2019 12:00:05 am"))

    assert read_fed3(log_file(tmp_path, *rows)).sessions[0].events["inactive"].tolist() == [15]


def test_rows_of_two_feeders_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="rows of devices 7, 8; a log is of one feeder"):
        read_fed3(log_file(tmp_path, ROWS[0], ROWS[1].replace("FR1,7,", "FR1,8,")))


def test_a_clock_that_was_never_set_still_tells_times_from_the_start(tmp_path: Path):
    log = read_fed3(log_file(tmp_path, *(row.replace("11/13/2019", "01/01/2000") for row in ROWS)))

    assert log.sessions[0].events["inactive"].tolist() == [53]
    assert "never set" in log.faults[0].what
