"""Power in closed form: against statsmodels, R and simulation."""

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower

from cuecircuit.stats.between_fit import fit_between
from cuecircuit.stats.between_model import between_subject_model
from tests.planning.closed_forms import contrast_power, correlation_power

# iHUD women, men; controls women, men
SIZES, INTERACTION = (7, 25, 8, 13), (1, -1, -1, 1)


@pytest.mark.parametrize(("first", "second", "effect"), [(32, 21, 0.5), (7, 25, 1.0), (10, 10, 0.2)])
def test_two_groups_agree_with_statsmodels(first, second, effect):
    expected = TTestIndPower().power(effect, first, 0.05, ratio=second / first)
    assert contrast_power((first, second), (1, -1), effect) == pytest.approx(expected, rel=1e-6)


def test_power_is_the_share_of_simulated_studies_that_find_the_interaction():
    sex = [name for name, n in zip("FMFM", SIZES, strict=True) for _ in range(n)]
    group = ["iHUD"] * 32 + ["HC"] * 21
    model = between_subject_model("group*sex", {"group": group, "sex": sex})
    y = np.random.default_rng(0).standard_normal((53, 4000))
    y[:7] += 1.5  # one cell alone: the interaction is 1.5
    found = (fit_between(y, model).test("group:sex").p < 0.05).mean()
    # 4 standard errors of a share near one half in 4000
    assert found == pytest.approx(contrast_power(SIZES, INTERACTION, 1.5), abs=0.032)


def test_no_effect_is_found_as_often_as_alpha():
    assert contrast_power(SIZES, INTERACTION, 0.0) == pytest.approx(0.05)


@pytest.mark.parametrize(("n", "rho", "expected"), [(21, 0.5, 0.6651325), (10, 0.85, 0.9396775)])
def test_power_of_a_correlation_is_the_share_of_simulated_samples(n, rho, expected):
    # 400 000 bivariate normal samples in R; 4 standard errors of a share near .67
    assert correlation_power(n - 2, rho) == pytest.approx(expected, abs=0.003)


def test_power_of_a_correlation_is_near_the_approximation_of_pwr():
    # R's pwr, the example of pwr.r.test(r = .3, n = 50): 0.5715558, by a corrected Fisher z, good to .001
    assert correlation_power(48, 0.3) == pytest.approx(0.5715558, abs=0.001)


def test_a_correlation_of_zero_is_found_at_the_level_and_sign_does_not_matter():
    assert correlation_power(15, 0.0) == pytest.approx(0.05)
    # the tail on the other side: rounding of SciPy's noncentral t
    assert correlation_power(15, -0.4) == pytest.approx(correlation_power(15, 0.4), rel=1e-6)
