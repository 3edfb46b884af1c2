"""Echoes of one scan to one series: the sum weighted with TE · exp(−TE · R2*) (Posse et al. 1999, MRM 42:87).

A change of R2* changes an echo by −TE · S, so the weights are a matched filter: for noise of the same size in all
echoes no other sum has a higher contrast-to-noise ratio. R2* = 1/T2* of a voxel is the slope of ln S against −TE by
least squares, S the mean over volumes. Where the signal does not fall with TE, R2* is taken as 0: the weights are TE.

Tedana takes the same weights; it fits all volumes at once, of ln(S + 1), and sets T2* of such voxels to 1 ms.
"""

from collections.abc import Sequence

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError


def echo_weights(means: Float[Array, "echo *voxels"], echo_s: Sequence[float]) -> Float[Array, "echo *voxels"]:
    """Return the share of each echo in the sum, for each voxel.

    Args:
        means: of each echo over its volumes; where one is not above 0, nothing is known of T2*.
        echo_s: echo times.

    Raises:
        DataError: fewer than two echo times, or the same twice.
    """
    times = np.asarray(echo_s, float).reshape(-1, *[1] * (means.ndim - 1))
    if len(set(echo_s)) < max(2, len(echo_s)) or not (times > 0).all():
        raise DataError(f"echo times {', '.join(f'{one:g}' for one in echo_s)} s; expected two or more that differ")
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(means.astype(np.float64))
        apart = times - times.mean()
        rate = np.clip(-(apart * log).sum(axis=0) / (apart**2).sum(), 0, None)
    rate = np.where(np.isfinite(log).all(axis=0), rate, 0)
    weights = times * np.exp(-(times - times.min()) * rate)
    return weights / weights.sum(axis=0)


def combine_echoes(
    echoes: Sequence[Float[Array, "x y z volume"]], echo_s: Sequence[float]
) -> Float[Array, "x y z volume"]:
    """Return the weighted sum of the echoes of a scan.

    Raises:
        DataError: echoes of another shape, or as `echo_weights`.
    """
    if len(shapes := {echo.shape for echo in echoes}) > 1:
        raise DataError(f"echoes of {' and '.join(map(str, sorted(shapes)))} voxels and volumes; expected the same")
    weights = echo_weights(np.stack([echo.mean(axis=3) for echo in echoes]), echo_s).astype(np.float32)
    total = np.zeros_like(echoes[0])
    for echo, weight in zip(echoes, weights, strict=True):
        total += echo * weight[..., None]
    return total
