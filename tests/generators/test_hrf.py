import numpy as np
import pytest

from cuecircuit.generators.hrf import block_response, rat_hrf

STEP = 0.001
TIMES = np.arange(0, 30, STEP)


def test_response_peaks_and_dips_as_measured_in_rats():
    # Silva 2007, Lambers 2020: peak at 2-2.7 s, FWHM about 2.2 s, undershoot about 12 %
    response = rat_hrf(TIMES)
    assert 2.0 <= TIMES[response.argmax()] <= 2.7
    assert (response > response.max() / 2).sum() * STEP == pytest.approx(2.2, abs=0.1)
    assert response.min() / response.max() == pytest.approx(-0.12, abs=0.01)
    assert response.argmin() > response.argmax()


def test_response_has_unit_area():
    assert rat_hrf(TIMES).sum() * STEP == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("tr_s", [1.0, 1.5, 2.0])
def test_a_long_block_reaches_its_amplitude_and_leaves_nothing_behind(tr_s: float):
    times = np.arange(0, 420, tr_s)
    onsets = np.array([60.0, 150.0, 240.0, 330.0])
    response = block_response(onsets, 30.0, times)
    for onset in onsets:
        plateau = (times >= onset + 15) & (times <= onset + 30)
        before = (times >= onset - 20) & (times <= onset)
        # what the undershoot's tail still lacks 15 s after the onset
        assert np.allclose(response[plateau], 1, atol=1e-3)
        assert np.allclose(response[before], 0, atol=1e-3)


def test_blocks_add_up():
    times = np.arange(0, 200, 2.0)
    first, second = np.array([20.0]), np.array([60.0])
    both = block_response(np.array([20.0, 60.0]), 30.0, times)
    # sums in another order
    assert np.allclose(both, block_response(first, 30.0, times) + block_response(second, 30.0, times), atol=1e-12)
