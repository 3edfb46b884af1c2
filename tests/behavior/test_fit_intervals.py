"""Sessions as intervals: live time, levels and integrals, worked out by hand and against the closed form of levels."""

import numpy as np
import pytest

from cuecircuit.behavior.fit_intervals import FitSession, animal_intervals, response_of
from cuecircuit.behavior.pharmacokinetics import drug_level, kinetics_of
from cuecircuit.errors import DataError

COCAINE = kinetics_of("cocaine")


def session(times: list[float], duration_s: float | None = 3600.0, timeout_s: float = 20.0) -> FitSession:
    return FitSession(
        subject="rat", start="day 1", infusions_s=np.array(times), duration_s=duration_s, timeout_s=timeout_s
    )


def intervals(*sessions: FitSession, drug: str = "cocaine", dose: float = 1.0):
    return animal_intervals(list(sessions), dose_mg_kg=dose, response=response_of(kinetics_of(drug), 3600))


def test_live_time_leaves_the_time_outs_out_and_the_end_cuts_the_last_interval_off():
    found = intervals(session([100.0, 400.0]), session([]))

    # an infusion of second s came in the middle of it
    np.testing.assert_allclose(60 * found.live_min, [100.5, 280.5, 3180.0, 3600.0])
    assert found.observed.tolist() == [True, True, False, False]
    assert found.session.tolist() == [0, 0, 0, 1]


def test_weights_of_the_points_add_up_to_the_live_time():
    found = intervals(session([30.0, 61.0, 2500.0]))

    sums = np.bincount(found.interval, weights=found.weight)
    np.testing.assert_allclose(sums, found.live_min)
    assert np.bincount(found.interval, weights=found.weight == 0).tolist() == [1, 1, 1, 0]


def test_a_session_without_a_known_end_has_no_interval_cut_off():
    assert intervals(session([100.0, 400.0], duration_s=None)).observed.tolist() == [True, True]


@pytest.mark.parametrize("drug", ["cocaine", "heroin"])
def test_levels_at_infusions_are_those_just_before_them(drug: str):
    times = np.array([10.0, 300.0, 333.0, 1500.0])

    found = intervals(session(times.tolist()), drug=drug, dose=0.06)

    before = drug_level(times, times, dose_mg_kg=0.06, kinetics=kinetics_of(drug), before=True).effect
    # linear between seconds: (rate of the fastest stage · 1 s)²/8 is below 2e-5
    np.testing.assert_allclose(found.level[found.weight == 0], before, rtol=1e-4, atol=1e-12)


def test_chosen_intervals_keep_their_levels():
    whole = intervals(session([100.0, 400.0, 900.0]))
    keep = np.array([False, True, False, True])

    part = whole.chosen(keep)

    points = keep[whole.interval]
    np.testing.assert_array_equal(part.level, whole.level[points])
    np.testing.assert_array_equal(np.bincount(part.interval), np.bincount(whole.interval)[keep])
    np.testing.assert_array_equal(part.live_min, whole.live_min[keep])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (session([400.0, 100.0]), "stands after one at 400 s; put times in order"),
        (session([100.0, 110.0]), "10 s apart, within a time-out of 20 s"),
        (session([-5.0]), "before the session"),
        (session([4000.0]), "after the end of the session at 3600 s"),
    ],
    ids=["order", "time-out", "before", "after"],
)
def test_times_that_cannot_be_are_named_with_subject_and_session(wrong: FitSession, says: str):
    with pytest.raises(DataError, match=f"subject 'rat', session of day 1: .*{says}"):
        intervals(session([]), wrong)
