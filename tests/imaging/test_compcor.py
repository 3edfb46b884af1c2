import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.imaging.compcor import principal_components
from cuecircuit.imaging.nuisance import cosine_drift


def tissue(seed, n_volumes=120, n_voxels=80):
    """Two signals with different weights in every voxel, and noise a fifth as large."""
    rng = np.random.default_rng(seed)
    signals = rng.standard_normal((n_volumes, 2))
    weights = rng.standard_normal((2, n_voxels)) * [[3.0], [1.5]]
    return 500 + signals @ weights + 0.2 * rng.standard_normal((n_volumes, n_voxels)), signals


def test_the_components_span_the_planted_signals():
    data, signals = tissue(1)

    found = principal_components(data, 2)

    fitted = found @ np.linalg.lstsq(found, signals - signals.mean(axis=0), rcond=None)[0]
    correlations = [np.corrcoef(fitted[:, k], signals[:, k])[0, 1] for k in range(2)]
    assert min(correlations) > 0.99  # noise is spread over 80 voxels


def test_the_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    data, _ = tissue(2)
    scaled = (data - data.mean(axis=0)) / data.std(axis=0)

    found = principal_components(data, 3)

    theirs = PCA(3, svd_solver="full").fit_transform(scaled)
    theirs /= np.linalg.norm(theirs, axis=0)
    for ours, other in zip(found.T, theirs.T, strict=True):
        # the same vector up to its sign; squared singular values lose half the digits
        assert abs(ours @ other) == pytest.approx(1, abs=1e-8)


def test_drift_is_no_component():
    data, _ = tissue(3)
    drift = cosine_drift(120, tr_s=2.0, period_s=100.0)
    data = data + 50 * drift[:, :1]

    found = principal_components(data, 2, drift=drift)

    np.testing.assert_allclose(drift.T @ found, 0, atol=1e-10)


def test_censored_volumes_do_not_shape_the_components():
    data, _ = tissue(4)
    keep = np.ones(120, bool)
    keep[[30, 31, 90]] = False
    broken = data.copy()
    broken[~keep] += 1e4 * np.arange(1, 81)

    clean, spoiled = (principal_components(each, 2, keep=keep) for each in (data, broken))

    np.testing.assert_allclose(spoiled[keep], clean[keep], atol=1e-10)


def test_more_components_than_voxels_are_refused():
    with pytest.raises(DataError, match=r"4 components .* 3 voxels .* span 3"):
        principal_components(tissue(5)[0][:, :3], 4)
