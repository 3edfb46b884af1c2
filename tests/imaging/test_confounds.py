"""Confounds by fMRIPrep's names: which columns enter, that scaling changes no fit, and every fault."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.imaging.confounds import run_confounds
from cuecircuit.imaging.nuisance import MOTION_NAMES, motion_columns
from cuecircuit.study.people import Confounds

N = 60


def table(seed=0, **more):
    rng = np.random.default_rng(seed)
    motion = {name: np.cumsum(rng.normal(0, 1e-3, N)) for name in MOTION_NAMES}
    tissue = {name: 1000 + rng.normal(size=N) for name in ("csf", "white_matter", "global_signal")}
    parts = {f"{mask}_comp_cor_{k:02d}": rng.normal(size=N) for mask in "awc" for k in range(6)}
    cosines = {f"cosine{k:02d}": np.cos(np.pi * (k + 1) * (np.arange(N) + 0.5) / N) for k in range(3)}
    first = {"non_steady_state_outlier00": np.eye(N)[0]}
    moved = {"framewise_displacement": np.r_[np.nan, np.full(N - 1, 0.1)]}
    return {**motion, **tissue, **parts, **cosines, **first, **moved, **more}


def left_by(columns, y):
    x = np.column_stack([np.ones(N), columns])
    return y - x @ np.linalg.lstsq(x, y, rcond=None)[0]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"motion": 0, "non_steady_state": False}, ()),
        ({"motion": 0}, ("non_steady_state_outlier00",)),
        ({"motion": 0, "csf": True, "white_matter": True, "non_steady_state": False}, ("white_matter", "csf")),
        (
            {
                "motion": 0,
                "acompcor": 1,
                "acompcor_mask": "separate",
                "cosine": True,
                "drift_period_s": None,
                "non_steady_state": False,
            },
            ("w_comp_cor_00", "c_comp_cor_00", "cosine00", "cosine01", "cosine02"),
        ),
        (
            {"motion": 0, "acompcor": 2, "cosine": True, "drift_period_s": None, "non_steady_state": False},
            ("a_comp_cor_00", "a_comp_cor_01", "cosine00", "cosine01", "cosine02"),
        ),
    ],
)
def test_the_columns_asked_for_enter_by_name(settings, names):
    assert run_confounds(table(), Confounds(**settings)).regressors.names == names


@given(st.integers(0, 10_000), st.sampled_from([6, 12, 24]))
def test_scaled_motion_leaves_what_motion_itself_leaves(seed, n):
    own = table(seed)
    found = run_confounds(own, Confounds(motion=n, non_steady_state=False)).regressors.values
    assert found.shape == (N, n)
    plain = motion_columns(np.column_stack([own[name] for name in MOTION_NAMES]), n)
    plain = (plain - plain.mean(axis=0)) / plain.std(axis=0)
    y = np.random.default_rng(seed + 1).normal(size=N)
    # columns of a random walk and their squares are nearly alike: a condition of 1e6 leaves ten digits
    assert left_by(found, y) == pytest.approx(left_by(plain, y), abs=1e-8)


def test_a_volume_displaced_too_far_has_a_column_of_its_own_and_the_first_counts():
    moved = np.full(N, 0.1)
    moved[[0, 7, 30]] = np.nan, 0.9, 0.6
    own = table(framewise_displacement=moved)
    found = run_confounds(own, Confounds(motion=0, non_steady_state=False, censor_fd_mm=0.5))
    assert found.regressors.names == ("censored7", "censored30")
    assert np.flatnonzero(~found.keep).tolist() == [7, 30]
    assert np.array_equal(found.regressors.values, np.eye(N)[:, [7, 30]])


def test_a_constant_column_is_left_out():
    found = run_confounds(table(csf=np.full(N, 800.0)), Confounds(motion=0, csf=True, non_steady_state=False))
    assert found.regressors.names == ()


@pytest.mark.parametrize(
    ("drop", "settings", "said"),
    [
        (["rot_z"], {}, "no column rot_z, which the study asks for (nuisance.motion)"),
        (["csf"], {"csf": True}, "no column csf"),
        (["a_comp_cor_05"], {"acompcor": 6, "cosine": True, "drift_period_s": None}, "no column a_comp_cor_05"),
        (["cosine00", "cosine01", "cosine02"], {"cosine": True, "drift_period_s": None}, r"no column cosine\*"),
        (["framewise_displacement"], {"censor_fd_mm": 0.5}, "no column framewise_displacement"),
    ],
)
def test_a_column_that_is_missing_is_named(drop, settings, said):
    own = {name: column for name, column in table().items() if name not in drop}
    with pytest.raises(DataError, match=said.replace("(", r"\(").replace(")", r"\)")):
        run_confounds(own, Confounds(**settings))


def test_values_that_are_no_numbers_are_named():
    own = table()
    own["trans_x"][3] = np.nan
    with pytest.raises(DataError, match="no number in some rows of trans_x"):
        run_confounds(own, Confounds())
