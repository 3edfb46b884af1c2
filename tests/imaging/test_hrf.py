import numpy as np
import pytest

from cuecircuit.imaging.hrf import rat_hrf, rat_response

TIME_S = np.arange(0, 30, 0.005)


def test_the_rat_response_peaks_early_and_is_narrow():
    response = rat_response(TIME_S)

    peak = TIME_S[response.argmax()]
    wide = TIME_S[response >= response.max() / 2]
    # 2 to 2.7 s: Silva 2007 (2.18 s) and Lambers 2020; width 1.9 to 2.4 s
    assert 2.0 < peak < 2.7
    assert 1.9 < wide[-1] - wide[0] < 2.4


def test_the_undershoot_is_an_eighth_of_the_peak_and_ends():
    response = rat_response(TIME_S)

    assert -response.min() / response.max() == pytest.approx(0.12, abs=0.005)
    assert abs(response[TIME_S >= 20]).max() / response.max() < 1e-4


def test_a_long_block_reaches_the_height_of_its_amplitude():
    assert np.sum(rat_response(TIME_S)) * 0.005 == pytest.approx(1, abs=1e-4)  # the integral is the plateau
    assert rat_response(np.array([-1.0, 0.0])).tolist() == [0, 0]


def test_the_sampled_response_sums_to_one_at_any_tr():
    for tr_s in (0.5, 1.0, 2.0):
        assert rat_hrf(tr_s, 50).sum() == pytest.approx(1)
        assert np.argmax(rat_hrf(tr_s, 50)) * tr_s / 50 == pytest.approx(2.37, abs=tr_s / 50)
