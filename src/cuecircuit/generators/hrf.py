"""The rat's hemodynamic response: fast, with a small undershoot.

Difference of two gamma densities. It peaks at 2 to 2.7 s, is about 2.2 s wide at half its height, and dips by about
12 % of its peak afterwards (Silva et al. 2007, Lambers et al. 2020). Its area is 1, so that the plateau of a block
equals the block's amplitude.
"""

import numpy as np
from scipy.stats import gamma

from cuecircuit.arrays import Array, Float

# shape and scale (s) of the gammas give peak and width; the ratio gives the undershoot's depth
_PEAK = (7.0, 0.4)
_UNDERSHOOT = (10.0, 0.6)
_RATIO = 0.28
# fine enough for a response 2 s wide
_STEP_S = 0.05
_LENGTH_S = 20.0


def rat_hrf(times_s: Float[Array, "time"]) -> Float[Array, "time"]:
    """Return the response at times after a brief event; unit area over time, 1/s."""
    peak = gamma.pdf(times_s, _PEAK[0], scale=_PEAK[1])
    under = gamma.pdf(times_s, _UNDERSHOOT[0], scale=_UNDERSHOOT[1])
    return (peak - _RATIO * under) / (1 - _RATIO)


def block_response(
    onsets_s: Float[Array, "block"], duration_s: float, frame_times_s: Float[Array, "volume"]
) -> Float[Array, "volume"]:
    """Return the response to blocks at the times of the volumes; 1 at the plateau."""
    grid = np.arange(0, frame_times_s[-1] + _STEP_S, _STEP_S)
    middle = grid + _STEP_S / 2
    on = np.any((middle >= onsets_s[:, None]) & (middle < onsets_s[:, None] + duration_s), axis=0)
    kernel = rat_hrf(np.arange(0, _LENGTH_S, _STEP_S) + _STEP_S / 2) * _STEP_S
    response = np.convolve(on.astype(float), kernel)[: len(grid)]
    # the convolution of step k covers up to the end of that step
    return np.interp(frame_times_s, grid + _STEP_S, response, left=0.0)
