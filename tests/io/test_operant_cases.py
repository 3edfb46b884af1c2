"""Logs as laboratories have them, each beside what is right in it."""

from pathlib import Path

import pytest

from cuecircuit.behavior.measures import sessions_table
from cuecircuit.errors import DataError
from cuecircuit.pipeline.sessions import load_sessions
from cuecircuit.records.operant import OperantLog, OperantSession

EXTINCTION = """
parts:
  - {experiment: EXTINCTION, counts: {active: A}, duration_s: 3600, run: "Q >= 1"}
  - {experiment: EXTINCTION, counts: {active: B}, duration_s: 3600, run: "Q >= 2"}
  - {experiment: EXTINCTION, counts: {active: C}, duration_s: 3600, run: "Q >= 3"}
  - {experiment: EXTINCTION, counts: {active: D}, duration_s: 3600, run: "Q >= 4"}
  - {experiment: EXTINCTION, counts: {active: E}, duration_s: 3600, run: "Q >= 5"}
  - {experiment: EXTINCTION, counts: {active: F}, duration_s: 3600, run: "Q >= 6"}
  - {experiment: CUE TEST, counts: {active: N}, duration_s: 3600}
"""
TOTALS = """
session_length: {at: B(2), unit_s: 60}
counts: {active: B(0), infusion: B(1)}
"""


@pytest.fixture
def read(cases: Path, tmp_path: Path):
    """Read a log of a case with the declaration beside it, or with another."""

    def read_case(log: str, declare=lambda text: text) -> OperantLog:
        path = cases / "operant" / log
        declared = path.parent / "program.yaml"
        (tmp_path / "program.yaml").write_text(declare(declared.read_text()))
        return load_sessions([path], programs=tmp_path)

    return read_case


def times(session: OperantSession) -> dict[str, list[float]]:
    return {name: when.round(6).tolist() for name, when in session.events.items() if when.size}


def test_a_session_stopped_early_ran_from_start_to_end(read):
    log = read("aborted/log.txt")

    assert sorted(session.duration_s for session in log.sessions) == [3600.0] * 12 + [21600.0] * 12
    assert len(log.faults) == 12


def test_two_digits_behind_the_point_are_the_code_and_the_rest_is_time(read):
    (session,) = read("code_digits_trap/log.txt").sessions

    assert times(session) == {"active": [6, 40, 80], "infusion": [6, 80]}


def test_counters_and_the_length_may_be_elements_of_an_array(read):
    (session,) = read("count_in_array/log.txt", lambda text: text.replace("session_length: B(2)", TOTALS)).sessions

    assert (session.counts, session.duration_s) == ({"active": 5, "infusion": 2}, 3600)


@pytest.mark.parametrize(("log", "day"), [("euro13.txt", "2025-04-13"), ("euro_ambig.txt", "2025-04-03")])
def test_dotted_dates_are_day_first(read, log: str, day: str):
    (session,) = read(f"dotted_dates/{log}").sessions

    assert session.start.date().isoformat() == day


def test_sessions_of_one_record_are_sessions(read):
    log = read("extinction_in_one_record/log.txt", lambda text: text.replace("unknown: BCDEF", EXTINCTION))

    presses = [(session.experiment, session.counts["active"]) for session in log.sessions]
    assert presses == [*(("EXTINCTION", n) for n in (61, 33, 20, 11, 6)), ("CUE TEST", 27)]


def test_a_declaration_that_reads_nothing_is_a_line_of_the_ledger(read):
    (fault,) = read("extinction_in_one_record/log.txt").faults

    assert "reads no event, count or other number" in fault.what
    assert "`counts`, `values` or `parts`" in fault.done


def test_a_pump_flush_is_set_aside_by_name(read):
    log = read("flush_in_daily_file/log.txt")

    assert sorted(session.subject for session in log.sessions) == ["R1", "R1", "R2", "R2"]
    assert ["'FLUSH'" in fault.what for fault in log.faults] == [True]


def test_a_session_appended_in_bare_returns_is_read(read):
    assert [session.subject for session in read("lost_cr_session/log.txt").sessions] == ["R1", "R2"]


def test_times_since_the_last_event_are_refused_until_declared(read):
    with pytest.raises(DataError, match="relative: true"):
        read("relative_softcr/log.txt")

    (session,) = read(
        "relative_softcr/log.txt", lambda text: text.replace("digits: 3", "digits: 3, relative: true")
    ).sessions

    events = times(session)
    assert events["active"] == [12.3, 58, 88, 113]
    assert (events["inactive"], events["infusion"]) == ([18], [12.3, 58, 88])


@pytest.mark.parametrize(("log", "presses"), [("same.txt", 3), ("lag.txt", 3), ("prime.txt", 2)])
def test_a_press_that_earned_its_infusion_is_no_time_out_press(read, log: str, presses: int):
    table = sessions_table(read(f"timeout_presses/{log}").sessions)

    assert table["timeout_presses"].tolist() == [presses]


def test_counters_without_times_are_counts(read):
    (session,) = read("scalars_only/log.txt").sessions

    assert session.counts == {"active": 41, "infusion": 12}
    assert session.bins["infusion"].counts.tolist() == [3, 2, 2, 2, 1, 2]


def test_a_seal_behind_counted_elements_is_no_event(read):
    (session,) = read("seal_with_count/log.txt").sessions

    assert times(session) == {"active": [1, 25], "infusion": [1]}


def test_decimals_of_any_number_are_counted_from_the_point(read):
    (session,) = read("variable_decimals/log.txt").sessions

    assert times(session) == {"none": [0.6], "immediate": [7.7], "delayed": [51.2, 184.3]}


@pytest.mark.parametrize(
    ("log", "source", "first"),
    [("xl.xlsx", "sx.yaml", 0.0), ("xl2.xlsx", "sx2.yaml", 600.0)],
)
def test_cells_of_dates_and_times_are_read(cases: Path, log: str, source: str, first: float):
    folder = cases / "operant" / "excel_types"

    (session,) = load_sessions([folder / log], source=folder / source).sessions

    assert session.start.isoformat() == "2025-03-04T09:00:00"
    assert session.events["active"][0] == first


def test_quoted_thousands_are_thousands(cases: Path):
    folder = cases / "operant" / "thousands"

    timed = load_sessions([folder / "th.csv"], source=folder / "src.yaml").sessions
    counted = load_sessions([folder / "th2.csv"], source=folder / "src2.yaml").sessions

    assert times(timed[0]) == {"active": [0.9, 1.234], "infusion": [12.345]}
    assert [session.counts["active"] for session in counted] == [2000, 1000]


def test_a_feeder_tells_time_in_iso_and_its_clock_may_fall_back(cases: Path):
    folder = cases / "operant" / "fed3_iso"

    (whole,) = load_sessions([folder / "log.csv"]).sessions
    cut = load_sessions([folder / "clock_reset.csv"])

    assert times(whole) == {"active": [0], "pellet": [4]}
    assert times(cut.sessions[0]) == {"active": [0]}
    assert "2 rows after the feeder's clock fell back" in cut.faults[0].what


@pytest.mark.parametrize("log", ["medpc_indexerror/log.txt", "xlsx_far_cell/far.xlsx"])
def test_what_broke_the_readers_is_refused(cases: Path, log: str):
    with pytest.raises(DataError):
        load_sessions([cases / "trust" / log])
