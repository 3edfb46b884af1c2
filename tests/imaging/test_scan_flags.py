"""Flags of scans: planted faults are named with their numbers, clean scans are not flagged."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.imaging.scan_flags import flag_rules, jumps, scan_flags
from cuecircuit.study.acquisition import Quality

RAT_MM, HUMAN_MM = 5.0, 50.0


def scans(**changed):
    clean = {"volumes": 200, "tsnr": 30.0, "framewise_displacement": 0.02, "jumps": 1, "censored": 0}
    rows = [clean | {"tsnr": 30.0 + number / 10} for number in range(5)]
    return pd.DataFrame([*rows, clean | changed])


def test_clean_scans_are_not_flagged():
    assert scan_flags(scans(), Quality(), head_radius_mm=RAT_MM) == ["none"] * 6


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({"framewise_displacement": 0.06}, "high motion (0.06 mm > 0.05)"),
        ({"tsnr": 12.0}, "low tSNR (12, far below the other scans)"),
        ({"jumps": 11}, "jumps (11 of 200 volumes)"),
        ({"censored": 40}, "many censored (40 of 200 volumes)"),
        (
            {"framewise_displacement": 0.06, "censored": 50},
            "high motion (0.06 mm > 0.05), many censored (50 of 200 volumes)",
        ),
    ],
)
def test_a_scan_is_flagged_with_the_number_that_is_too_high_or_low(changed, flag):
    assert scan_flags(scans(**changed), Quality(), head_radius_mm=RAT_MM) == [*["none"] * 5, flag]


def test_the_same_motion_is_high_in_a_rat_and_not_in_a_human():
    table = scans(framewise_displacement=0.2)

    assert scan_flags(table, Quality(), head_radius_mm=RAT_MM)[-1] == "high motion (0.2 mm > 0.05)"
    assert scan_flags(table, Quality(), head_radius_mm=HUMAN_MM)[-1] == "none"


def test_limits_of_the_study_go_before_those_of_the_field():
    limits = Quality(mean_fd_mm=0.3, tsnr=30.15, jump_share=0.001, censored_share=0.4)
    table = scans(framewise_displacement=0.2, censored=50)

    found = scan_flags(table, limits, head_radius_mm=RAT_MM)

    assert found[0] == "low tSNR (30 < 30.1), jumps (1 of 200 volumes)"
    assert found[4] == "jumps (1 of 200 volumes)"
    assert "censored" not in found[5]
    assert "motion" not in found[5]


def test_what_is_unknown_is_not_judged_and_the_rules_say_so():
    table = scans(framewise_displacement=9.0, censored=np.nan)

    assert scan_flags(table, Quality(), head_radius_mm=None)[-1] == "none"
    assert "not judged: give quality.mean_fd_mm" in flag_rules(Quality(), head_radius_mm=None)
    assert "above 0.5 mm" in flag_rules(Quality(), head_radius_mm=HUMAN_MM)


def test_normal_steps_are_rarely_jumps_and_planted_ones_always():
    steps = np.random.default_rng(3).normal(4, 0.3, 200_000)

    # the fence is at 2.698 SD, beyond which 0.349 % lie; the Monte Carlo SE is 0.013 %
    assert jumps(steps).mean() == pytest.approx(0.00349, abs=4 * 0.00013)
    steps[[10, 500]] = 9.0
    assert jumps(steps)[[10, 500]].all()


@given(st.floats(0.1, 100), st.floats(0, 50), st.integers(0, 2**32 - 1))
def test_jumps_do_not_depend_on_unit_and_level(scale, shift, seed):
    steps = np.random.default_rng(seed).lognormal(0, 0.5, 60)

    np.testing.assert_array_equal(jumps(scale * steps + shift), jumps(steps))
