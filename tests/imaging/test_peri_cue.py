import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DesignError
from cuecircuit.imaging.first_level import fir_names, fit_first_level
from cuecircuit.imaging.nuisance import Regressors
from cuecircuit.imaging.peri_cue import peri_cue
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block, Series

SHAPE, N, TR_S = (4, 4, 2), 150, 2.0
GRID = Grid(shape=SHAPE, affine=np.eye(4))
LABELS = np.zeros(SHAPE, int)
LABELS[:2], LABELS[2:] = 3, 7
ONSETS = (40.0, 120.0, 200.0)
BLOCKS = tuple(Block(onset_s=onset, duration_s=20.0, cue="odor") for onset in ONSETS)
NOTHING = Regressors(values=np.empty((N, 0)), names=())
# percent at 0, 2, 4 ... s after the onset
SHAPE_OF_RESPONSE = np.array([0, 0.5, 1.5, 2.0, 2.0, 1.5, 1.0, 0.5, -0.5, -0.25])


def scan(seed=None):
    """Region 3 answers with the planted shape, region 7 does not."""
    data = np.full((*SHAPE, N), 500.0)
    for onset in ONSETS:
        first = int(onset / TR_S)
        data[:2, ..., first : first + 10] *= 1 + SHAPE_OF_RESPONSE / 100
    if seed is not None:
        data += np.random.default_rng(seed).standard_normal(data.shape)
    return Series(data=data, grid=GRID, tr_s=TR_S)


def follow(series, **changes):
    settings = {"baseline_s": (-20.0, 0.0), "span_s": (-6.0, 18.0)} | changes
    return peri_cue(series, BLOCKS, NOTHING, LABELS, np.array([3, 7]), **settings)


def test_the_course_is_the_planted_response_in_the_region_that_answers():
    found = follow(scan())

    assert found.seconds.tolist() == [-6, -4, -2, *range(0, 20, 2)]
    np.testing.assert_allclose(found.percent[:, 3:, 0], np.tile(SHAPE_OF_RESPONSE, (3, 1)), atol=1e-10)
    np.testing.assert_allclose(found.percent[:, :3, 0], 0, atol=1e-10)
    np.testing.assert_allclose(found.percent[..., 1], 0, atol=1e-10)


def test_steps_outside_of_the_scan_and_censored_ones_are_missing():
    keep = np.ones(N, bool)
    keep[21] = False

    found = follow(scan(), span_s=(-6.0, 110.0), keep=keep)

    assert np.isnan(found.percent[0, 4]).all()
    assert np.isnan(found.percent[2, found.seconds >= 100]).all()
    assert np.isfinite(found.percent[1]).all()


def test_a_finite_impulse_response_gives_the_same_course_without_noise():
    events = pd.DataFrame({"onset": ONSETS, "duration": 20.0, "trial_type": "odor"})
    names = fir_names("odor", tr_s=TR_S, fir_s=20.0)
    series = scan(1)
    mask = LABELS == 3

    found = fit_first_level(
        series,
        events,
        {name: name for name in names},
        mask=mask,
        hrf="fir",
        noise="ols",
        drift_period_s=None,
        fir_s=20.0,
    )

    effects = [found[name].effect.mean() for name in names]
    # noise 0.2 % over 3 blocks and 16 voxels: 0.03 %; the mean of the scan, not the baseline, is 100 %
    np.testing.assert_allclose(effects, SHAPE_OF_RESPONSE, atol=0.12)


def test_a_model_with_too_few_degrees_of_freedom_is_refused():
    events = pd.DataFrame({"onset": ONSETS, "duration": 20.0, "trial_type": "odor"})
    with pytest.raises(DesignError, match="150 volumes and 141 columns leave 9 degrees of freedom, expected 10"):
        fit_first_level(
            scan(2),
            events,
            {"odor": "odor"},
            mask=LABELS == 3,
            hrf="rat",
            drift_period_s=None,
            nuisance=Regressors(
                values=np.random.default_rng(3).standard_normal((N, 139)), names=tuple(f"n{k}" for k in range(139))
            ),
            min_df=10,
        )
