import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.generators.experiment import plan_experiment
from cuecircuit.generators.intake import IntakeModel
from cuecircuit.generators.operant import TIMEOUT_S, draw_presses


@given(st.tuples(*[st.integers(0, 60)] * 2, st.integers(0, 200)), st.booleans(), st.integers(0, 2**32))
def test_presses_hold_exactly_the_counts_and_obey_the_time_out(counts, rewarded, seed):
    hours = 12 if counts[2] else 1
    rng = np.random.default_rng(seed)
    presses = draw_presses(np.array(counts), 3600.0 * hours, rewarded=rewarded, model=IntakeModel(), rng=rng)
    times = presses.infusion if rewarded else presses.active
    edges = [0, 1800, 3600, 3600 * max(hours, 2)]
    found = np.histogram(times, edges)[0]
    assert found.tolist() == list(counts)
    for kind in (presses.active, presses.inactive, presses.infusion):
        assert (np.diff(kind) >= 0).all()
        assert kind.size == 0 or (kind.min() >= 0 and kind.max() < 3600 * hours)
    if rewarded:
        # differences of decimal fractions
        assert (np.diff(presses.infusion) > TIMEOUT_S - 1e-6).all()
        assert set(presses.infusion) <= set(presses.active)
        since = presses.active - presses.infusion[np.searchsorted(presses.infusion, presses.active, "right") - 1]
        assert ((since == 0) | (since < TIMEOUT_S)).all()
    else:
        assert presses.infusion.size == 0


@pytest.fixture(scope="module")
def experiment(rats):
    return plan_experiment(rats, hypothesis="withdrawal", scale="tiny", seed=3)


def test_every_session_of_the_study_file_is_on_the_calendar_once(experiment, rats):
    logs = [log for day in experiment.days for log in day.logs]
    for phase in rats.phases:
        for name in [item.experiment for item in phase.treatments] or [phase.experiment]:
            subjects = [log.subject for log in logs if log.experiment == name]
            assert len(subjects) == 21 * phase.days
            assert len(set(subjects)) == 21
    numbers = [day.number for day in experiment.days]
    assert len(logs) == 21 * len(set(numbers))
    assert numbers == sorted(numbers)


def test_logs_hold_the_counts_that_were_drawn(experiment):
    for item in experiment.counts:
        for index, rat in enumerate(experiment.rats):
            logs = [
                log
                for day in experiment.days
                for log in day.logs
                if (log.subject, log.experiment) == (rat.name, item.experiment)
            ]
            letter = "R" if item.rewarded else "A"
            assert [log.scalars[letter] for log in logs] == item.counts[index].sum(axis=1).tolist()
            for log in logs:
                assert (log.scalars["A"], log.scalars["I"], log.scalars["R"]) == tuple(
                    len(log.arrays[name]) for name in "XYZ"
                )


def test_treatments_take_turns_and_start_with_either(experiment):
    first = next(day for day in experiment.days if day.phase == "conditioning")
    starts = [log.experiment for log in first.logs]
    for group, size in (("ShA", 11), ("LgA", 10)):
        saline = sum(log.experiment == "COND-SALINE" for log in first.logs if log.group == group)
        assert abs(saline - size / 2) <= 1
    assert set(starts) == {"COND-SALINE", "COND-NALOXONE"}


def test_the_scans_have_their_day_after_the_last_pairing(experiment):
    last = max(day.number for day in experiment.days if day.phase == "conditioning")
    assert last + 1 not in [day.number for day in experiment.days]


def test_odor_and_order_are_counterbalanced_in_each_group(experiment):
    for group in ("ShA", "LgA"):
        cells = [(rat.odors[0], rat.order) for rat in experiment.rats if rat.group == group]
        sizes = [cells.count(cell) for cell in set(cells)]
        assert len(sizes) == 4
        assert max(sizes) - min(sizes) <= 1
