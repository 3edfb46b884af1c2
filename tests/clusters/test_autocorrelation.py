import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.clusters.autocorrelation import Autocorrelation, gaussian_autocorrelation
from cuecircuit.errors import DataError

lengths = st.floats(0.1, 20)
models = st.builds(Autocorrelation, a=st.floats(0, 1), b_mm=lengths, c_mm=lengths)


@given(acf=models, level=st.floats(0.001, 0.99))
def test_the_radius_of_a_level_is_where_the_correlation_has_that_level(acf, level):
    # the root is found to 1e-12 mm; the steepest model falls by 10 per mm
    assert acf.at(np.array([acf.radius_mm(level)]))[0] == pytest.approx(level, abs=1e-10)


@given(acf=models, unit=st.floats(0.1, 10))
def test_the_width_scales_with_the_unit_of_length(acf, unit):
    scaled = Autocorrelation(a=acf.a, b_mm=acf.b_mm * unit, c_mm=acf.c_mm * unit)

    assert scaled.fwhm_mm == pytest.approx(unit * acf.fwhm_mm, rel=1e-9)


@given(fwhm=lengths)
def test_smoothing_by_a_kernel_leaves_noise_root_two_wider(fwhm):
    assert gaussian_autocorrelation(fwhm).fwhm_mm == pytest.approx(np.sqrt(2) * fwhm, rel=1e-9)


def test_the_fwhm_is_that_of_the_curve_3dfwhmx_prints(reference):
    # 3dFWHMx reads its FWHM off a curve interpolated between the pooled radii (0.57 and 0.8 mm here), hence 0.5 %
    a, b, c, fwhm = np.loadtxt(reference / "fwhmx/stdout.txt")[1]

    assert Autocorrelation(a=a, b_mm=b, c_mm=c).fwhm_mm == pytest.approx(fwhm, rel=0.005)


@pytest.mark.parametrize("numbers", [(1.2, 1.0, 1.0), (-0.1, 1.0, 1.0), (0.5, 0.0, 1.0), (0.5, 1.0, -2.0)])
def test_numbers_that_are_no_correlation_are_refused(numbers):
    a, b_mm, c_mm = numbers
    with pytest.raises(DataError, match="ACF"):
        Autocorrelation(a=a, b_mm=b_mm, c_mm=c_mm)


@pytest.mark.parametrize("fwhm", [0.0, -1.0, float("nan")])
def test_a_width_that_is_not_positive_is_refused(fwhm):
    with pytest.raises(DataError, match="FWHM"):
        gaussian_autocorrelation(fwhm)
