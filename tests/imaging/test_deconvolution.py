"""Neural activity behind courses: recovered in any unit, and products of brief events closer to what was planted."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from cuecircuit.imaging.connectivity import psychophysiological_slopes
from cuecircuit.imaging.deconvolution import NeuralConditions, neural_conditions
from cuecircuit.imaging.first_level import design_matrix
from cuecircuit.imaging.nuisance import Regressors

N, TR_S, NAMES = 200, 2.0, ["drug", "neutral"]
ONSETS = np.arange(10.0, N * TR_S - 20, 6.0)
EVENTS = pd.DataFrame(
    {
        "onset": ONSETS,
        "duration": 3.0,
        "trial_type": np.random.default_rng(0).permutation(np.resize(NAMES, len(ONSETS))),
    }
)
ALL, NONE = np.ones(N, bool), Regressors(values=np.empty((N, 0)), names=())


def conditions(hrf="spm") -> NeuralConditions:
    return neural_conditions(EVENTS, NAMES, n_volumes=N, tr_s=TR_S, hrf=hrf)


def activity(seed: int, regions: int) -> np.ndarray:
    """Neural activity with a memory of 3 s, SD 1."""
    u = np.random.default_rng(seed).standard_normal((8 * N, regions))
    u = lfilter([1], [1, -np.exp(-TR_S / 8 / 3)], u, axis=0)
    return u / u.std(axis=0)


def courses(seed: int, slope: float) -> np.ndarray:
    """Two regions that both answer every event; during drug events the second follows the first."""
    neural = conditions()
    u = activity(seed, 2) + neural.boxes.sum(axis=1, keepdims=True)
    u[:, 1] += slope * neural.boxes[:, 0] * u[:, 0]
    y = neural.convolved(u)
    return y / y.std(axis=0) + 0.3 * np.random.default_rng(1000 + seed).standard_normal(y.shape)


@pytest.mark.parametrize("hrf", ["spm", "glover", "rat"])
def test_the_response_to_a_box_is_nilearns(hrf):
    neural = conditions(hrf)
    expected = design_matrix(EVENTS, n_volumes=N, tr_s=TR_S, hrf=hrf, drift_period_s=None)["drug"].to_numpy()
    # nilearn has 50 moments per TR
    assert np.corrcoef(neural.convolved(neural.boxes)[:, 0], expected)[0, 1] > 0.99


def test_activity_is_recovered_in_any_unit_and_without_volumes_that_do_not_count():
    neural, u = conditions(), activity(5, 1)
    y = neural.convolved(u)
    y += 0.1 * y.std() * np.random.default_rng(6).standard_normal(y.shape)
    y -= y.mean()
    found = neural.activity(y, ALL)
    assert np.corrcoef(found[:, 0], u[:, 0])[0, 1] > 0.7
    np.testing.assert_allclose(neural.activity(1000 * y, ALL), 1000 * found, rtol=1e-6)
    keep = ALL.copy()
    keep[60:63] = False
    fewer = neural.activity(y[keep] - y[keep].mean(), keep)
    assert np.corrcoef(fewer[:, 0], u[:, 0])[0, 1] > 0.65


def slopes(slope: float, deconvolve: bool, n: int = 12) -> np.ndarray:
    neural = conditions()
    design = design_matrix(EVENTS, n_volumes=N, tr_s=TR_S, hrf="spm", drift_period_s=None)[NAMES].to_numpy()
    return np.array(
        [
            psychophysiological_slopes(
                courses(seed, slope), design, NONE, keep=ALL, neural=neural if deconvolve else None
            )[:, 0, 1]
            for seed in range(n)
        ]
    )


def test_brief_events_are_told_apart_better_by_neural_products():
    plain, neural = slopes(1.0, False), slopes(1.0, True)
    t = [each.mean(axis=0) / each.std(axis=0, ddof=1) * np.sqrt(12) for each in (plain, neural)]
    assert t[1][0] > 1.2 * t[0][0] > 4
    difference = [(each[:, 0] - each[:, 1]).mean() for each in (plain, neural)]
    assert difference[1] > 1.1 * difference[0]
    assert abs(t[1][1]) < 4


def test_regions_that_only_answer_alike_have_no_neural_slope():
    found = slopes(0.0, True)
    assert (np.abs(found.mean(axis=0)) < 4 * found.std(axis=0, ddof=1) / np.sqrt(12)).all()
