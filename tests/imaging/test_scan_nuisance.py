import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.imaging.nuisance import Regressors, regress
from cuecircuit.imaging.scan_nuisance import fast_cosines, kept_volumes, scan_regressors
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series
from cuecircuit.study.study import Nuisance

SHAPE, N, TR_S = (8, 7, 5), 90, 2.0
WHITE, VENTRICLES = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
WHITE[1:4, 1:6, 1:4] = True
VENTRICLES[5:7, 1:6, 1:4] = True
MASK = np.ones(SHAPE, bool)


def scan(seed):
    data = 1000 + 10 * np.random.default_rng(seed).standard_normal((*SHAPE, N))
    return Series(data=data, grid=Grid(shape=SHAPE, affine=np.eye(4)), tr_s=TR_S)


def motion(seed):
    return 0.01 * np.random.default_rng(seed).standard_normal((N, 6))


def everything(series, settings, keep=None):
    return scan_regressors(
        series, white_matter=WHITE, ventricles=VENTRICLES, motion=motion(9), keep=keep, nuisance=settings
    )


def test_all_nuisance_at_once_is_one_least_squares_fit_with_one_column_per_censored_volume():
    settings = Nuisance(motion=24, acompcor=3, drift_period_s=60, low_pass_hz=0.2, censor_fd_mm=0.32, min_residual_df=1)
    series = scan(1)
    keep = kept_volumes(series, mask=MASK, motion=motion(9), nuisance=settings)
    assert keep is not None
    assert 0 < (~keep).sum() < 20
    regressors = everything(series, settings, keep)

    cleaned = regress(series.data[MASK].T, regressors, keep=keep)

    spikes = np.eye(N)[:, ~keep]
    design = np.column_stack([np.ones(N), regressors.values, spikes])
    y = series.data[MASK].T
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose((cleaned.data - y[keep].mean(axis=0))[keep], residual[keep], atol=1e-8)
    assert cleaned.residual_df == N - np.linalg.matrix_rank(design)


def test_every_kind_of_column_has_its_name_once():
    found = everything(scan(2), Nuisance(motion=6, acompcor=2, drift_period_s=60, low_pass_hz=0.2))

    assert len(set(found.names)) == len(found.names) == found.values.shape[1]
    assert {"white_matter", "ventricles_acompcor1", "trans_x", "cosine00"} <= set(found.names)


def test_a_low_pass_takes_a_fast_wave_and_leaves_a_slow_one():
    time_s = (np.arange(N) + 0.5) * TR_S
    slow, fast = (np.cos(2 * np.pi * k / (2 * N * TR_S) * time_s) for k in (10, 80))  # whole half-waves

    cleaned = regress(np.column_stack([slow, fast]), fast_cosines(N, tr_s=TR_S, above_hz=0.1))

    np.testing.assert_allclose(cleaned.data, np.column_stack([slow, 0 * fast]), atol=1e-12)
    # 0.1 Hz is cosine 36 of 90; 53 faster ones and the mean are gone
    assert cleaned.residual_df == N - 1 - 53


def test_a_scan_with_too_few_degrees_of_freedom_is_refused():
    rng = np.random.default_rng(3)
    columns = Regressors(values=rng.standard_normal((30, 15)), names=tuple(map(str, range(15))))

    assert regress(rng.standard_normal((30, 2)), columns, min_df=14).residual_df == 14
    with pytest.raises(DataError, match="leave 14 degree of freedom in 30 volumes, expected 15 or more"):
        regress(rng.standard_normal((30, 2)), columns, min_df=15)


def test_the_volume_after_a_jump_of_the_image_is_censored():
    series = scan(4)
    series.data[..., 40] += 200

    keep = kept_volumes(series, mask=MASK, motion=None, nuisance=Nuisance(censor_dvars_percent=5))

    assert keep is not None
    # into the bad volume and out of it
    assert np.flatnonzero(~keep).tolist() == [40, 41]


def test_censoring_by_displacement_needs_motion():
    with pytest.raises(DataError, match="no motion parameters"):
        kept_volumes(scan(5), mask=MASK, motion=None, nuisance=Nuisance(censor_fd_mm=0.1))
