"""Sessions left out or joined by a study are named with their reason."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from cuecircuit.behavior.ledger import settle
from cuecircuit.behavior.session_choices import SessionChoices, SessionPick, merge_sessions
from cuecircuit.errors import DesignError
from cuecircuit.records.operant import OperantLog, OperantSession

NINE = datetime(2024, 1, 31, 9)


def session(minutes: float, *, start: datetime = NINE, infusions: tuple[float, ...] = ()) -> OperantSession:
    return OperantSession(
        subject="R1",
        experiment="",
        group="",
        box="1",
        program="P",
        start=start,
        end=start + timedelta(minutes=minutes),
        duration_s=3600.0,
        events={"infusion": np.array(infusions, dtype=np.float64)},
        counts={"infusion": len(infusions)},
        file="a.txt",
        line=start.hour,
    )


CRASH, REST = session(20, infusions=(5, 900)), session(40, start=NINE + timedelta(minutes=30), infusions=(0, 60))
LOG = OperantLog(sessions=(CRASH, REST), faults=())
PICK = SessionPick(subject="R1", date=date(2024, 1, 31), reason="the computer crashed")


def test_merged_sessions_are_one_and_the_clock_stands_still_between_them():
    (merged,) = (log := settle(LOG, choices=SessionChoices(merge=(PICK,)))).sessions

    assert (merged.start, merged.end, merged.duration_s) == (NINE, REST.end, 3600)
    assert merged.events["infusion"].tolist() == [5, 900, 1200, 1260]
    assert merged.counts == {"infusion": 4}
    assert ("merged: the computer crashed", "joined to the session of 09:00:00") in [
        (f.what, f.done) for f in log.faults
    ]


def test_a_session_restarted_after_midnight_is_merged_by_the_date_of_its_evening():
    evening = NINE.replace(hour=23, minute=50)
    late = [session(20, start=evening), session(40, start=evening + timedelta(minutes=30))]

    (merged,) = settle(OperantLog(sessions=tuple(late), faults=()), choices=SessionChoices(merge=(PICK,))).sessions

    assert (merged.start, merged.duration_s) == (evening, 3600)


def test_an_excluded_session_is_left_out_with_its_reason():
    pick = replace(PICK, start=NINE)

    log = settle(LOG, choices=SessionChoices(exclude=(pick,)))

    assert [kept.start for kept in log.sessions] == [REST.start]
    assert ("excluded: the computer crashed", "left out") in [(fault.what, fault.done) for fault in log.faults]


def test_sessions_shorter_than_the_study_asks_for_are_left_out():
    log = settle(LOG, choices=SessionChoices(shortest_s=1800.0))

    assert [kept.duration_s for kept in log.sessions] == [2400]
    assert "ran 1200 s, the study asks for 1800 s" in [fault.what for fault in log.faults]


def test_a_choice_that_fits_no_session_is_refused():
    other = replace(PICK, date=date(2024, 2, 1))

    with pytest.raises(DesignError) as caught:
        settle(LOG, choices=SessionChoices(exclude=(other,), merge=(replace(PICK, start=NINE),)))
    assert [fault.partition(";")[0] for fault in caught.value.faults] == [
        "exclude: no session of subject 'R1' on 2024-02-01",
        "merge: 1 sessions of subject 'R1' on 2024-01-31 09:00:00, expected two or more",
    ]


def test_sessions_of_unknown_length_cannot_be_joined():
    with pytest.raises(DesignError, match="the length of a session is not known"):
        merge_sessions([replace(CRASH, duration_s=None), REST])
