import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from cuecircuit.clusters.autocorrelation import Autocorrelation
from cuecircuit.clusters.null_field import draw_pair, null_field
from cuecircuit.clusters.smoothness import estimate_smoothness
from cuecircuit.errors import DataError

VOXEL_MM = np.array([0.4, 0.4, 1.0])


def _ball(shape):
    axes = np.ix_(*(np.linspace(-1, 1, n) for n in shape))
    return sum(axis**2 for axis in axes) <= 1


def _noise(mask, voxel_mm, acf, volumes, seed=0):
    field, rng = null_field(mask, voxel_mm, acf), np.random.default_rng(seed)
    return np.concatenate([draw_pair(field, rng) for _ in range(volumes // 2)])


@pytest.fixture(scope="module")
def afni(reference):
    mask = np.asarray(nib.load(reference / "clustsim/w1_mask.nii.gz").dataobj) != 0
    residuals = np.asarray(nib.load(reference / "fwhmx/resid_4d.nii.gz").dataobj)[mask].T
    return estimate_smoothness(residuals, mask, VOXEL_MM), reference / "fwhmx"


def test_the_classic_fwhm_is_that_of_3dfwhmx(afni):
    found, folder = afni
    *axes, combined = np.loadtxt(folder / "stdout.txt")[0]

    np.testing.assert_allclose(found.fwhm_axes_mm, axes, rtol=2e-6)  # printed to 6 digits
    assert found.fwhm_classic_mm == pytest.approx(combined, rel=2e-6)


def test_the_empirical_correlations_are_those_of_3dfwhmx(afni):
    found, folder = afni
    theirs = np.loadtxt(folder / "acf.1D")

    np.testing.assert_allclose(found.radii_mm, theirs[:, 0], atol=1e-5)
    np.testing.assert_allclose(found.correlations, theirs[:, 1], atol=1e-6)  # it sums in float32


def test_the_model_fits_no_worse_than_that_of_3dfwhmx(afni):
    found, folder = afni
    theirs = np.loadtxt(folder / "acf.1D")
    a, b, c, _ = np.loadtxt(folder / "stdout.txt")[1]

    their_curve = Autocorrelation(a=a, b_mm=b, c_mm=c).at(found.radii_mm)
    assert found.misfit**2 <= np.mean((their_curve - found.correlations) ** 2)
    assert found.acf.a == pytest.approx(a, abs=1e-5)
    assert found.acf.b_mm == pytest.approx(b, rel=1e-4)
    # with a at its bound the tail has 0.6 % of the weight and c hardly matters: 3dFWHMx stops 1 % short of the optimum
    assert found.acf.c_mm == pytest.approx(c, rel=0.02)
    np.testing.assert_allclose(found.acf.at(theirs[:, 0]), theirs[:, 2], atol=1e-4)


@settings(max_examples=5, deadline=None)
@given(a=st.floats(0.2, 0.8), b=st.floats(0.5, 0.8), c=st.floats(1.0, 2.0))
def test_the_autocorrelation_that_made_the_noise_is_recovered(a, b, c):
    mask = _ball((40, 40, 18))
    acf = Autocorrelation(a=a, b_mm=b, c_mm=c)

    found = estimate_smoothness(_noise(mask, VOXEL_MM, acf, 60), mask, VOXEL_MM)

    # centering in the mask takes the mean correlation away (up to 0.06 here); the rest is noise of 60 volumes
    near = found.radii_mm < 2
    np.testing.assert_allclose(found.acf.at(found.radii_mm[near]), acf.at(found.radii_mm[near]), atol=0.1)


def test_smoothing_by_a_kernel_gives_its_classic_fwhm():
    rng, sd = np.random.default_rng(1), 1.8
    mask = _ball((30, 30, 30))
    volumes = np.array(
        [gaussian_filter(rng.standard_normal((50, 50, 50)), sd)[10:40, 10:40, 10:40][mask] for _ in range(20)]
    )

    found = estimate_smoothness(volumes, mask, np.ones(3))

    # differencing whole voxels and centering cost about 2 %; 20 volumes leave 1 %
    np.testing.assert_allclose(found.fwhm_axes_mm, 2.3548 * sd, rtol=0.05)


@settings(max_examples=5, deadline=None)
@given(unit=st.floats(0.1, 10), gain=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_widths_follow_the_unit_of_length_and_ignore_the_unit_of_the_measure(unit, gain, shift):
    mask = _ball((14, 14, 8))
    residuals = _noise(mask, VOXEL_MM, Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.0), 6)
    plain = estimate_smoothness(residuals, mask, VOXEL_MM)

    scaled = estimate_smoothness(gain * residuals + shift, mask, unit * VOXEL_MM)

    # float32 noise on a shift of up to 50 of its standard deviations keeps 5 digits
    assert scaled.fwhm_classic_mm == pytest.approx(unit * plain.fwhm_classic_mm, rel=1e-3)
    assert scaled.acf.fwhm_mm == pytest.approx(unit * plain.acf.fwhm_mm, rel=1e-2)


def test_constant_and_unfitted_voxels_are_left_out_and_counted():
    mask = _ball((20, 20, 10))
    residuals = _noise(mask, VOXEL_MM, Autocorrelation(a=1.0, b_mm=0.6, c_mm=0.6), 10)
    spoiled = residuals.copy()
    spoiled[:, :50] = 0
    spoiled[3, 100] = np.nan

    found = estimate_smoothness(spoiled, mask, VOXEL_MM)

    assert found.left_out == 51
    assert found.fwhm_classic_mm == pytest.approx(
        estimate_smoothness(residuals, mask, VOXEL_MM).fwhm_classic_mm, rel=0.05
    )


def test_a_drift_is_removed_on_request():
    mask = _ball((20, 20, 10))
    residuals = _noise(mask, VOXEL_MM, Autocorrelation(a=1.0, b_mm=0.6, c_mm=0.6), 30)
    slope = np.argwhere(mask)[:, 0] / 3.0
    drifting = residuals + np.linspace(-1, 1, 30)[:, None] * slope

    plain, drifted = (estimate_smoothness(one, mask, VOXEL_MM) for one in (residuals, drifting))
    detrended = estimate_smoothness(drifting, mask, VOXEL_MM, detrend_order=1)

    assert drifted.fwhm_axes_mm[0] > 1.2 * plain.fwhm_axes_mm[0]
    assert detrended.fwhm_axes_mm[0] == pytest.approx(plain.fwhm_axes_mm[0], rel=0.03)


def test_a_single_slice_has_no_width_across():
    mask = np.ones((20, 20, 1), bool)
    residuals = _noise(mask, VOXEL_MM, Autocorrelation(a=1.0, b_mm=0.6, c_mm=0.6), 10)

    found = estimate_smoothness(residuals, mask, VOXEL_MM)

    assert np.isnan(found.fwhm_axes_mm[2])
    assert found.fwhm_classic_mm == pytest.approx(np.sqrt(np.prod(found.fwhm_axes_mm[:2])))


def test_white_noise_is_narrower_than_a_voxel():
    mask = _ball((14, 14, 14))
    residuals = np.random.default_rng(0).standard_normal((10, np.count_nonzero(mask)))

    found = estimate_smoothness(residuals, mask, np.ones(3))

    assert found.acf.fwhm_mm < 1


@pytest.mark.parametrize(
    ("residuals", "message"),
    [
        (np.zeros((4, 7)), "residuals have 7 voxels"),
        (np.zeros((4, 64)), "only 0 voxels"),
        (np.arange(4.0)[:, None] * np.ones(64), "constant in the mask"),
    ],
)
def test_residuals_that_cannot_be_used_are_refused(residuals, message):
    with pytest.raises(DataError, match=message):
        estimate_smoothness(residuals, np.ones((4, 4, 4), bool), np.ones(3))


def test_a_drift_in_space_instead_of_noise_is_refused():
    mask = np.ones((60, 3, 3), bool)
    slope = np.argwhere(mask)[:, 0] + 1.0

    with pytest.raises(DataError, match="check that these are residuals"):
        estimate_smoothness(np.outer([1.0, 2.0, -1.0], slope), mask, np.ones(3))
