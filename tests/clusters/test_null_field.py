import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.clusters.autocorrelation import Autocorrelation
from cuecircuit.clusters.null_field import MARGIN_ACF, draw_pair, null_field

VOXEL_MM = np.array([0.4, 0.4, 1.0])


def _model(field, voxel_mm, acf):
    x, y, z = np.ix_(*(np.arange(n) * edge for n, edge in zip(field.inside.shape, voxel_mm, strict=True)))
    return acf.at(np.sqrt(x**2 + y**2 + z**2))


@settings(deadline=None, max_examples=30)
@given(
    shape=st.tuples(*[st.integers(1, 24)] * 3),
    acf=st.builds(Autocorrelation, a=st.floats(0, 1), b_mm=st.floats(0.2, 2), c_mm=st.floats(0.2, 2)),
)
def test_no_two_voxels_correlate_other_than_the_model_says(shape, acf):
    field = null_field(np.ones(shape, bool), VOXEL_MM, acf)

    # the covariance of the fields is the transform of their power: exact, no sampling
    power = field.weights.astype(np.float64) ** 2
    covariance = np.fft.fftn(power).real[tuple(map(slice, shape))]
    # what is seen around the box, at most MARGIN_ACF, and what is lost with negative power, no more than that
    np.testing.assert_allclose(covariance, _model(field, VOXEL_MM, acf), atol=2 * MARGIN_ACF)
    assert covariance[0, 0, 0] == pytest.approx(1, abs=1e-6)  # float32 weights


def test_drawn_fields_have_that_covariance_and_pairs_are_independent():
    acf = Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.6)
    mask = np.zeros((9, 9, 5), bool)
    mask[1:8:3, 1:8:3, 1:4] = True
    field, rng = null_field(mask, VOXEL_MM, acf), np.random.default_rng(3)

    draws = np.array([draw_pair(field, rng) for _ in range(4000)], dtype=np.float64)

    places = np.argwhere(mask) * VOXEL_MM
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    fields = draws.reshape(-1, len(places))
    # 5 standard errors of a covariance of 8000 fields: (1 + ρ²)/n
    error = 5 * np.sqrt(2 / len(fields))
    np.testing.assert_allclose(fields.T @ fields / len(fields), acf.at(distance), atol=error)
    np.testing.assert_allclose(draws[:, 0].T @ draws[:, 1] / len(draws), 0, atol=5 / np.sqrt(len(draws)))


def test_drawn_values_are_standard_normal():
    acf = Autocorrelation(a=1.0, b_mm=0.2, c_mm=1.0)
    field, rng = null_field(np.ones((40, 40, 10), bool), VOXEL_MM, acf), np.random.default_rng(4)

    # every 4th voxel is 1.6 mm, eight widths, away from the next: independent
    values = np.concatenate(
        [one.reshape(40, 40, 10)[::4, ::4, ::2].ravel() for _ in range(40) for one in draw_pair(field, rng)]
    )

    assert stats.kstest(values, "norm").pvalue > 0.001
    assert abs(stats.kurtosis(values)) < 5 * np.sqrt(24 / values.size)


def test_where_the_mask_lies_in_its_grid_does_not_matter():
    acf = Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.6)
    mask = np.random.default_rng(0).random((7, 8, 5)) < 0.7
    moved = np.pad(mask, ((2, 0), (0, 3), (1, 1)))

    draws = [draw_pair(null_field(m, VOXEL_MM, acf), np.random.default_rng(1)) for m in (mask, moved)]

    np.testing.assert_array_equal(draws[0], draws[1])
