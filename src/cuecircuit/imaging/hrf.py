"""The hemodynamic response of the rat: the BOLD signal that follows a moment of neural activity.

A difference of two gamma densities, as in the human canonical response, but faster: the peak comes at 2.4 s and is
2.2 s wide at half maximum; the undershoot reaches 12 % of the peak at 6.3 s. Silva, Koretsky & Duyn 2007 (Magn Reson
Med 57:1110) measured a peak at 2.18 ± 0.14 s and a width of 1.92 ± 0.22 s; Lambers et al. 2020 (NeuroImage
208:116446) a later one with an undershoot. The parameters are chosen here to give these features; no article prints
them in this form.
"""

import numpy as np
from scipy.stats import gamma

from cuecircuit.arrays import Array, Float, Float64

_PEAK_SHAPE, _PEAK_SCALE_S = 7.0, 0.4
_UNDERSHOOT_SHAPE, _UNDERSHOOT_SCALE_S = 10.0, 0.6
_UNDERSHOOT_SHARE = 0.28


def rat_response(time_s: Float[Array, "time"]) -> Float64[Array, "time"]:
    """Return the response to an impulse at time 0; its integral over all time is 1."""
    peak = gamma.pdf(time_s, _PEAK_SHAPE, scale=_PEAK_SCALE_S)
    undershoot = gamma.pdf(time_s, _UNDERSHOOT_SHAPE, scale=_UNDERSHOOT_SCALE_S)
    return (peak - _UNDERSHOOT_SHARE * undershoot) / (1 - _UNDERSHOOT_SHARE)


def rat_hrf(t_r: float, oversampling: int = 50) -> Float64[Array, "time"]:
    """Sample the response as nilearn's first-level model asks for it: steps of `t_r` / `oversampling`, sum 1."""
    step_s = t_r / oversampling
    sampled = rat_response(np.arange(0, 20, step_s))  # by 20 s less than 1e-5 of the peak is left
    return sampled / sampled.sum()
