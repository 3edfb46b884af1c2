import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.imaging.slice_timing import correct_slice_timing
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series

TR_S, N = 2.0, 100
TIMES = [0.0, 1.0, 0.5, 1.5]


def scan():
    """Each slice shows one slow wave at its own time."""
    at = np.arange(N)[None, :] * TR_S + np.array(TIMES)[:, None]
    wave = 100 + np.sin(2 * np.pi * at / 40)
    data = np.broadcast_to(wave, (3, 2, 4, N)).astype(np.float64)
    return Series(data=data, grid=Grid(shape=(3, 2, 4), affine=np.eye(4)), tr_s=TR_S)


def test_every_slice_shows_the_wave_at_the_start_of_its_volume():
    found = correct_slice_timing(scan(), TIMES)

    expected = 100 + np.sin(2 * np.pi * np.arange(N) * TR_S / 40)
    # 20 volumes in a wave: cubic splines follow it to a thousandth; the ends are held
    np.testing.assert_allclose(
        found.data[..., 5:-5], np.broadcast_to(expected, (3, 2, 4, N))[..., 5:-5], rtol=0, atol=1e-3
    )


@pytest.mark.parametrize(
    ("times", "said"), [([0.0, 1.0], "2 times, the scan 4 slices"), ([0.0, 500.0, 1000.0, 1500.0], "in seconds")]
)
def test_times_that_cannot_be_are_refused(times, said):
    with pytest.raises(DataError, match=said):
        correct_slice_timing(scan(), times)
