"""Each kind of doubtful session is found, settled by rule, and told."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from cuecircuit.behavior.ledger import settle
from cuecircuit.records.operant import OperantFault, OperantLog, OperantSession

NINE = datetime(2024, 1, 31, 9)


def session(
    subject: str = "R1", *, start: datetime = NINE, hours: float | None = 1.0, **fields: object
) -> OperantSession:
    times = np.asarray(fields.pop("infusions", []), dtype=float)
    known = {"box": "1", "program": "P", "file": "a.txt", "line": 4, "duration_s": None}
    return OperantSession(
        subject=subject,
        experiment="",
        group="",
        start=start,
        end=None if hours is None else start + timedelta(hours=hours),
        events={"infusion": times},
        counts={},
        **(known | fields),  # pyright: ignore[reportArgumentType]
    )


def settled(*sessions: OperantSession) -> OperantLog:
    return settle(OperantLog(sessions=sessions, faults=()))


def test_of_an_interim_and_a_final_save_the_final_one_is_kept():
    interim, final = session(hours=0.5, infusions=[1], line=4), session(hours=1, infusions=[1, 2], line=40)

    for order in [(interim, final), (final, interim)]:
        log = settled(*order)
        assert [kept.line for kept in log.sessions] == [40]
        assert [(fault.line, fault.what) for fault in log.faults] == [
            (4, "saved 2 times: this save ends 2024-01-31 09:30:00 with 1 events")
        ]
        assert log.faults[0].done == "left out; kept the latest (a.txt line 40, 2 events)"


def test_the_later_save_is_kept_even_with_fewer_events():
    interim, final = session(hours=0.5, infusions=[1, 2]), session(hours=1, infusions=[1])

    assert [kept.events["infusion"].tolist() for kept in settled(final, interim).sessions] == [[1]]


def test_of_two_equal_saves_the_later_in_the_file_is_kept():
    log = settled(session(line=4), session(line=40), session("R2", line=80))

    assert [kept.line for kept in log.sessions] == [40, 80]


def test_a_restart_after_midnight_is_of_the_night_that_was_stopped():
    nights = [NINE.replace(day=day, hour=23) for day in (1, 2, 3)]
    first, stopped, third = (
        session(start=night, duration_s=6 * 3600.0, hours=6, line=k) for k, night in enumerate(nights)
    )
    stopped = replace(stopped, end=stopped.start + timedelta(minutes=30))
    restart = session(start=stopped.start + timedelta(hours=1.6), duration_s=6 * 3600.0, hours=6, line=7)

    assert [kept.line for kept in settled(first, stopped, restart, third).sessions] == [0, 7, 2]


def test_a_session_that_ends_before_it_starts_is_a_remnant_and_left_out():
    log = settled(session(hours=-1))

    assert log.sessions == ()
    assert (log.faults[0].what[:8], log.faults[0].done) == ("remnant:", "left out")


def test_sessions_without_a_subject_are_kept_and_told_and_are_not_one_animal():
    log = settled(session("", box="1"), session("", box="2"), session("0", box="3"))

    assert len(log.sessions) == 3
    assert [fault.what for fault in log.faults] == ["no subject ('')", "no subject ('')", "no subject ('0')"]


def test_one_subject_in_two_boxes_at_once_is_told_and_kept():
    log = settled(session(box="1"), session(box="2", start=NINE + timedelta(minutes=30), line=99))

    assert len(log.sessions) == 2
    assert [(fault.line, fault.what) for fault in log.faults] == [
        (99, "in box 2 from 2024-01-31 09:30:00 while in box 1 until 2024-01-31 10:00:00")
    ]


def test_without_an_end_the_declared_length_tells_of_overlaps():
    later = session(box="2", start=NINE + timedelta(minutes=30))

    assert len(settled(session(hours=None, duration_s=3600.0), later).faults) == 1
    assert len(settled(session(hours=None, duration_s=600.0), later).faults) == 0


def test_sessions_one_after_the_other_are_no_fault_and_faults_of_reading_stay():
    earlier = OperantFault(file="a.txt", line=1, subject="", what="w", done="d")
    log = OperantLog(sessions=(session(), session(start=NINE + timedelta(hours=1))), faults=(earlier,))

    assert [kept.start for kept in settle(log).sessions] == [kept.start for kept in log.sessions]
    assert settle(log).faults == (earlier,)


def test_a_session_stopped_before_its_declared_length_is_kept_with_the_length_it_was_run():
    early, whole = session(hours=0.5, duration_s=3600.0), session(hours=1, duration_s=3600.0, box="2", subject="R2")

    log = settled(early, whole)

    assert [kept.duration_s for kept in log.sessions] == [1800, 3600]
    assert [fault.what for fault in log.faults] == ["stopped 1800 s before its declared length of 3600 s"]


def test_a_session_that_ran_on_or_declares_no_length_has_the_shorter_of_the_two_lengths():
    log = settled(
        session(hours=2, duration_s=3600.0), session("R2", hours=2), session("R3", hours=None, duration_s=9.0)
    )

    assert [kept.duration_s for kept in log.sessions] == [3600, 7200, 9]
    assert log.faults == ()


def test_events_after_the_end_of_the_header_show_that_the_clock_was_set():
    # the hour that ends daylight saving: 12 h of session in 11 h of clock
    log = settled(session(hours=11, duration_s=43200.0, infusions=[10, 42000]))

    assert log.sessions[0].duration_s == 43200
    assert log.faults[0].done == "kept the declared length of 43200 s; was the clock set?"


def test_events_after_the_end_are_reported_by_kind_with_their_number():
    log = settled(session(hours=1, duration_s=3600.0, infusions=[5, 3600, 3700, 3800]))

    assert [fault.what for fault in log.faults] == ["2 infusion after the end of the session at 3600 s"]


def test_a_crash_and_its_restart_are_one_day_the_longer():
    crash = session(hours=1 / 3, duration_s=3600.0, infusions=[100], line=4)
    restart = session(start=NINE + timedelta(minutes=25), duration_s=3600.0, infusions=[1, 2], line=40)

    for order in [(crash, restart), (restart, crash)]:
        log = settled(*order)
        assert [kept.line for kept in log.sessions] == [40]
        assert log.faults[-1].done == "left out; kept the longest of the date (a.txt line 40, 3600 s)"


def test_two_whole_sessions_of_a_date_are_two_sessions():
    log = settled(session(duration_s=3600.0), session(start=NINE + timedelta(hours=4), duration_s=3600.0))

    assert len(log.sessions) == 2
    assert log.faults == ()


def test_a_second_of_the_clock_is_not_an_early_stop():
    assert settled(session(start=NINE, hours=3599 / 3600, duration_s=3600.0)).faults == ()
