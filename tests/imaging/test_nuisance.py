import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn import signal

from cuecircuit.errors import DataError
from cuecircuit.imaging.nuisance import (
    Regressors,
    cosine_drift,
    motion_columns,
    motion_names,
    regress,
)

SEEDS = st.integers(0, 2**32 - 1)


def random_case(seed, n_volumes=40, n_voxels=7, n_columns=3):
    rng = np.random.default_rng(seed)
    data = 1000 + 20 * rng.standard_normal((n_volumes, n_voxels))
    return data, named(5 + 3 * rng.standard_normal((n_volumes, n_columns)))


def named(values):
    return Regressors(values=values, names=tuple(f"r{column}" for column in range(values.shape[1])))


def by_least_squares(data, values, keep):
    design = np.column_stack([np.ones(len(values)), values])
    fitted = design @ np.linalg.lstsq(design[keep], data[keep], rcond=None)[0]
    return data - fitted + data[keep].mean(axis=0)


def test_cleaning_gives_the_residual_of_least_squares_with_the_mean_put_back():
    data, regressors = random_case(1)

    cleaned = regress(data, regressors)

    expected = by_least_squares(data, regressors.values, np.ones(len(data), bool))
    np.testing.assert_allclose(cleaned.data, expected, rtol=1e-12)  # float64 throughout


def test_cleaning_agrees_with_nilearn():
    data, regressors = random_case(2)

    cleaned = regress(data, regressors)

    theirs = signal.clean(data, confounds=regressors.values, detrend=False, standardize=None)
    # nilearn keeps the mean of a series as well where it does not standardize; only rounding differs
    np.testing.assert_allclose(cleaned.data, theirs, rtol=1e-10)


def test_float32_scans_lose_only_float32_rounding():
    data, regressors = random_case(3)

    cleaned = regress(data.astype(np.float32), regressors)

    assert cleaned.data.dtype == np.float32
    # values near 1000 have a spacing of 6e-5 in float32; a handful of operations
    np.testing.assert_allclose(cleaned.data, regress(data, regressors).data, atol=5e-4)


@settings(deadline=None)
@given(SEEDS, st.floats(-1e3, 1e3), st.integers(0, 2))
def test_adding_a_multiple_of_a_centered_regressor_changes_nothing(seed, factor, column):
    data, regressors = random_case(seed)
    nuisance = regressors.values[:, column]
    polluted = data + factor * (nuisance - nuisance.mean())[:, None]

    # the pollution may be a hundred times the signal; that many digits are lost
    np.testing.assert_allclose(regress(polluted, regressors).data, regress(data, regressors).data, rtol=1e-9)


@settings(deadline=None)
@given(SEEDS)
def test_the_mean_of_every_voxel_is_kept(seed):
    data, regressors = random_case(seed)

    np.testing.assert_allclose(regress(data, regressors).data.mean(axis=0), data.mean(axis=0), rtol=1e-12)


@settings(deadline=None)
@given(SEEDS)
def test_cleaning_twice_is_cleaning_once(seed):
    data, regressors = random_case(seed)
    once = regress(data, regressors).data

    np.testing.assert_allclose(regress(once, regressors).data, once, rtol=1e-12)


@settings(deadline=None)
@given(SEEDS)
def test_mixing_the_regressors_does_not_change_the_result(seed):
    data, regressors = random_case(seed)
    mixing = np.array([[2.0, 1, 0], [0, -1, 3], [1, 0, 1]])  # determinant 1: invertible and tame

    mixed = named(regressors.values @ mixing + 7)

    np.testing.assert_allclose(regress(data, mixed).data, regress(data, regressors).data, rtol=1e-9)


def test_white_noise_keeps_its_variance_per_degree_of_freedom():
    rng = np.random.default_rng(4)
    data = rng.standard_normal((30, 20_000))

    cleaned = regress(data, named(rng.standard_normal((30, 9))))

    assert cleaned.residual_df == 30 - 1 - 9
    # 400 000 residual degrees of freedom: standard error of the variance sqrt(2 / 4e5) = 0.0022; four of them
    residual = cleaned.data - cleaned.data.mean(axis=0)
    assert (residual**2).sum() / 20_000 / cleaned.residual_df == pytest.approx(1, abs=0.009)


def test_constant_and_repeated_regressors_are_dropped_and_named():
    data, regressors = random_case(5, n_columns=2)
    a, b = regressors.values.T
    values = np.column_stack([np.full(40, 3.0), a, b, 2 * a - b + 1, np.zeros(40)])

    cleaned = regress(data, Regressors(values=values, names=("flat", "a", "b", "sum", "zero")))

    assert cleaned.dropped == ("flat", "sum", "zero")
    assert cleaned.residual_df == 40 - 1 - 2
    np.testing.assert_allclose(cleaned.data, regress(data, regressors).data, rtol=1e-12)


def test_without_regressors_the_data_come_back():
    data, _ = random_case(6)

    cleaned = regress(data, named(np.empty((40, 0))))

    np.testing.assert_allclose(cleaned.data, data, rtol=1e-15)
    assert cleaned.residual_df == 39


def test_censored_volumes_have_no_say_in_the_fit():
    data, regressors = random_case(7)
    keep = np.ones(40, bool)
    keep[[3, 4, 20]] = False
    spiked = data.copy()
    spiked[~keep] += 1e5

    cleaned = regress(spiked, regressors, keep=keep)

    np.testing.assert_allclose(cleaned.data[keep], regress(data, regressors, keep=keep).data[keep], rtol=1e-12)
    np.testing.assert_allclose(cleaned.data, by_least_squares(spiked, regressors.values, keep), rtol=1e-12)
    assert cleaned.residual_df == 37 - 1 - 3


def test_more_regressors_than_volumes_are_refused():
    data, regressors = random_case(8, n_volumes=6, n_columns=5)

    with pytest.raises(DataError, match=r"5 nuisance regressors and the mean leave no degree of freedom in 6 volumes"):
        regress(data, regressors)


def test_motion_expands_to_differences_and_squares():
    parameters = np.arange(18.0).reshape(3, 6) ** 2

    twenty_four = motion_columns(parameters, 24)

    np.testing.assert_array_equal(twenty_four[:, :6], parameters)
    np.testing.assert_array_equal(twenty_four[0, 6:12], 0)
    np.testing.assert_array_equal(twenty_four[2, 6:12], parameters[2] - parameters[1])
    np.testing.assert_array_equal(twenty_four[:, 12:], twenty_four[:, :12] ** 2)
    np.testing.assert_array_equal(motion_columns(parameters, 12), twenty_four[:, :12])


def test_drift_columns_are_slow_orthogonal_and_centered():
    drift = cosine_drift(210, tr_s=2.0, period_s=100.0)

    # cosine k has k half-waves in the scan of 420 s: the period 840 s / k is 100 s or longer up to k = 8
    assert drift.shape == (210, 8)
    np.testing.assert_allclose(drift.sum(axis=0), 0, atol=1e-10)
    gram = drift.T @ drift
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-10)


def test_a_scan_shorter_than_half_the_period_has_no_drift_columns():
    assert cosine_drift(20, tr_s=1.0, period_s=128.0).shape == (20, 0)


def test_a_scan_with_too_few_degrees_of_freedom_is_refused():
    data, columns = random_case(8, n_volumes=30, n_columns=15)

    assert regress(data, columns, min_df=14).residual_df == 14
    with pytest.raises(DataError, match="leave 14 degree of freedom in 30 volumes, expected 15 or more"):
        regress(data, columns, min_df=15)


def test_names_of_motion_tell_parameters_differences_and_squares_apart():
    names = motion_names(24)

    assert (names[0], names[6], names[12], names[23]) == (
        "trans_x",
        "trans_x_derivative1",
        "trans_x_power2",
        "rot_z_derivative1_power2",
    )
    assert len(set(names)) == 24
