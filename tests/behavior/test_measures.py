"""Sessions become numbers, and what a program does not record stays empty."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.behavior.measures import (
    count_between,
    count_events,
    measure_level,
    measure_session,
    sessions_table,
)
from cuecircuit.behavior.pharmacokinetics import kinetics_of
from cuecircuit.io.medpc import read_medpc
from cuecircuit.records.operant import OperantSession

TIMES = st.lists(st.integers(0, 50_000), max_size=40, unique=True).map(lambda ms: np.sort(np.array(ms, dtype=float)))


def session(
    events: dict[str, list[float]],
    *,
    counts: dict[str, int] | None = None,
    duration_s: float | None = 43_200.0,
    timeout_s: float | None = 20.0,
    start: datetime = datetime(2024, 1, 31, 9),
) -> OperantSession:
    return OperantSession(
        subject="R1",
        experiment="E",
        group="LgA",
        box="1",
        program="P",
        start=start,
        end=None,
        duration_s=duration_s,
        events={name: np.array(times, dtype=float) for name, times in events.items()},
        counts=counts or {},
        file="a.txt",
        line=4,
        timeout_s=timeout_s,
    )


def test_the_measures_of_a_session_worked_out_by_hand():
    measures = measure_session(
        session({"active": [10, 11, 29.9, 30, 3600, 5000], "inactive": [7], "infusion": [10, 30, 3600, 5000]}),
        dose_mg_kg=0.06,
    )

    assert (measures.active, measures.inactive, measures.infusions) == (6, 1, 4)
    # 11 and 29.9 s fall in the 20 s after the infusion at 10 s; 30 s earns the next
    assert measures.timeout_presses == 2
    # 3600 s is the first moment of the second hour
    assert measures.first_hour_infusions == 2
    assert measures.latency_s == 10
    assert measures.mean_interval_s == pytest.approx((5000 - 10) / 3)
    assert measures.intake_mg_kg == pytest.approx(0.24)


@pytest.mark.parametrize(
    ("active", "infusions", "presses"),
    [
        ([100, 105, 200, 205, 207], [100, 200], 3),
        # stamped a tick after its press, and a tick before
        ([100, 105, 200, 205, 207], [100.01, 200.01], 3),
        ([100.01, 105, 200.01, 205, 207], [100, 200], 3),
        # nobody pressed for the infusion at 0 s
        ([5, 7, 100], [0, 100], 2),
        ([0.5, 7, 100], [0, 100], 2),
        # two ratios of two: the press before the one that earned it is none in the time-out
        ([99.995, 100, 110], [100], 1),
        ([100, 100, 110], [100], 2),
        ([], [0, 100], 0),
        ([80, 120], [100], 0),
    ],
)
def test_presses_in_the_timeout_are_all_but_the_one_that_earned_the_infusion(
    active: list[float], infusions: list[float], presses: int
):
    measures = measure_session(session({"active": active, "infusion": infusions}))

    assert measures.timeout_presses == presses


def test_a_session_without_infusions_has_no_latency_and_no_interval():
    measures = measure_session(session({"active": [5], "inactive": [], "infusion": []}), dose_mg_kg=0.06)

    assert (measures.infusions, measures.first_hour_infusions, measures.intake_mg_kg) == (0, 0, 0)
    assert measures.latency_s is None
    assert measures.mean_interval_s is None


def test_a_program_without_drug_has_no_drug_measures():
    measures = measure_session(session({"poke": [1, 2]}, timeout_s=None), dose_mg_kg=0.06)

    assert set(vars_of(measures)) == {None}


def vars_of(measures: object) -> list[object]:
    return [getattr(measures, name) for name in measures.__dataclass_fields__]  # pyright: ignore


def test_where_an_array_was_full_the_program_s_count_holds():
    measures = measure_session(session({"infusion": [1, 2]}, counts={"infusion": 5}))

    assert measures.infusions == 5
    assert measure_session(session({"infusion": [1, 2]}, counts={"infusion": 1})).infusions == 2


@settings(deadline=None)
@given(TIMES, st.lists(st.integers(0, 50_000).map(float), min_size=3, max_size=3).map(sorted))
def test_windows_side_by_side_add_up(times: np.ndarray, edges: list[float]):
    a, b, c = edges

    first, second, whole = (count_between(times, start_s=x, stop_s=y) for x, y in ((a, b), (b, c), (a, c)))

    assert first + second == whole


@settings(deadline=None)
@given(TIMES)
def test_under_a_fixed_ratio_of_one_every_press_is_an_infusion_or_in_the_time_out(presses: np.ndarray):
    infusions: list[float] = []
    for press in presses:
        if not infusions or press >= infusions[-1] + 20:
            infusions.append(press)

    measures = measure_session(session({"active": presses.tolist(), "infusion": infusions}))

    assert measures.timeout_presses == presses.size - len(infusions)


def test_in_real_sessions_presses_without_infusion_lie_in_the_time_out(real_data: Path):
    log = read_medpc(real_data / "operant/georgelab_oxycodone_lga/SF1_MedPC_example_txt")

    for session in log.sessions:
        measures, infusions = measure_session(session), session.events["infusion"]
        assert measures.active is not None
        assert measures.timeout_presses is not None
        # the file has whole seconds: a press just before the end of the 20 s can read as 20
        on_the_edge = np.isin(session.events["active"], infusions + 20) & ~np.isin(session.events["active"], infusions)
        assert measures.timeout_presses + on_the_edge.sum() == measures.active - infusions.size


def test_a_window_that_the_session_did_not_reach_is_empty_not_zero():
    short, long = session({"infusion": [1900]}, duration_s=1800.0), session({"infusion": [1900]}, duration_s=3600.0)

    table = sessions_table([short, long], windows={"pairing": (1800.0, 3600.0)})

    assert table["infusions_pairing"].tolist() == [pd.NA, 1]


def test_the_table_is_in_order_of_start_and_counts_may_be_missing():
    late = session({"infusion": [1.0]}, start=datetime(2024, 2, 1))
    early = session({"poke": [1.0, 2.0]})

    table = sessions_table([late, early])

    assert table["start"].tolist() == ["2024-01-31T09:00:00", "2024-02-01T00:00:00"]
    assert table["infusions"].tolist() == [pd.NA, 1]
    assert table["events"].tolist() == [2, 1]


def test_the_table_of_no_session_has_its_columns():
    assert sessions_table([]).columns.tolist() == sessions_table([session({})]).columns.tolist()


def test_presses_of_one_lever_alone_discriminate_fully_and_no_press_does_not_at_all():
    assert measure_session(session({"active": [5], "inactive": []})).discrimination == 1
    assert measure_session(session({"active": [5], "inactive": [6, 7, 8]})).discrimination == 0.25
    assert measure_session(session({"active": [], "inactive": []})).discrimination is None
    assert measure_session(session({"active": [5]})).discrimination is None


def test_an_animal_without_an_infusion_has_counts_of_zero_and_no_other_number():
    measures = measure_session(session({"infusion": []}), dose_mg_kg=0.06)

    assert measures.pattern is not None
    assert (measures.infusions, measures.intake_mg_kg, measures.pattern.bursts) == (0, 0, 0)
    assert (measures.latency_s, measures.first_hour_share) == (None, None)
    empty = ("median_interval_s", "cv_interval", "loading_infusions", "loading_s")
    assert [getattr(measures.pattern, name) for name in empty] == [None] * len(empty)


def test_body_weight_makes_the_dose_of_each_subject_and_of_nobody_else():
    table = sessions_table([session({"infusion": [1, 2]})], dose_mg_kg={"R1": 0.05, "R2": 1.0})

    assert table["intake_mg_kg"].tolist() == [0.1]
    assert sessions_table([session({"infusion": [1, 2]})], dose_mg_kg={"R2": 1.0})["intake_mg_kg"].isna().all()


def test_a_full_array_gives_no_rate_of_maintenance():
    times = [10.0, 100.0, 700.0, 1300.0]

    full = measure_session(session({"infusion": times}, counts={"infusion": 9})).pattern
    whole = measure_session(session({"infusion": times})).pattern

    assert full is not None
    assert whole is not None
    assert full.maintenance_per_h is None
    assert whole.maintenance_per_h is not None


def test_the_estimated_level_of_a_steady_animal_is_its_threshold():
    kinetics = kinetics_of("any", half_life_min=10.0)
    interval = 600.0  # a half-life
    steady = session({"infusion": (interval * np.arange(50)).tolist()})

    level = measure_level(steady, dose_mg_kg=0.5, kinetics=kinetics)

    # S = D: the level doubles at each infusion and halves before the next, from the first on
    assert level.satiety_mg_kg == pytest.approx(0.5, rel=1e-6)
    # approaches the steady state by halves: the few first levels spread it
    assert level.satiety_cv == pytest.approx(0.1, abs=0.05)
    assert level.peak_level_mg_kg == pytest.approx(1.0, rel=0.01)


def test_sessions_without_times_have_no_level():
    level = measure_level(session({}), dose_mg_kg=0.5, kinetics=kinetics_of("cocaine"))

    assert [getattr(level, name) for name in level.__dataclass_fields__] == [None] * 4
    nobody = measure_level(session({"infusion": []}), dose_mg_kg=0.5, kinetics=kinetics_of("cocaine"))
    assert (nobody.mean_level_mg_kg, nobody.peak_level_mg_kg, nobody.satiety_mg_kg) == (0, 0, None)


def test_events_of_a_whole_session_are_counted_whether_the_program_counts_or_not():
    assert count_events(session({"lick": [1, 2]}), "lick") == 2
    assert count_events(session({"lick": [1, 2]}, counts={"lick": 5}), "lick") == 5
    assert count_events(session({}, counts={"lick": 5}), "lick") == 5
    assert count_events(session({"lick": []}), "shock") is None
