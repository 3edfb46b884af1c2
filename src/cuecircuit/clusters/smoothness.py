"""Smoothness of noise from residuals in a mask: the mixed ACF model and the classic FWHM, as AFNI's 3dFWHMx does.

ACF: each volume is centered in the mask; its products at every offset within a ball are averaged over the pairs of
voxels that both lie in the mask and divided by its variance; volumes are averaged; offsets whose lengths agree within
1 % are pooled; a, b, c are fitted by least squares with 0.006 ≤ a ≤ 0.994, so that b and c are both determined
(at a = 1 any c fits). Ball: 3 × the classic FWHM, at least 4 voxels. The products at all offsets come from one Fourier
transform for two volumes (Wiener–Khinchin), whatever the radius.

Classic FWHM along one axis (Forman 1995, Magn Reson Med 33:636): from the variance of the difference of neighbors,
FWHM = Δ·√(8 ln 2)·√(−1 / 4 ln(1 − var(diff) / 2 var)); geometric mean over volumes, combined over axes likewise.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy import fft as scipy_fft
from scipy.optimize import least_squares

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.clusters.autocorrelation import FWHM_PER_SD, Autocorrelation
from cuecircuit.clusters.neighbors import bounding_box
from cuecircuit.clusters.unevenness import neighbor_sums, neighbor_variance, neighbors_along
from cuecircuit.errors import DataError

fft: Any = scipy_fft  # its dispatcher hides what the functions return from type checkers

# reads some volumes of residuals, one row each
VolumePart = Callable[[], Float[Array, "volume voxel"]]

_FEWEST_PAIRS = 9  # fewer pairs of voxels give no correlation (3dFWHMx)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Smoothness:
    """Smoothness of one set of residuals.

    `fwhm_axes_mm` and `fwhm_classic_mm` are the classic widths (NaN along an axis without neighbors or without
    positive correlation); `acf` the mixed model; `radii_mm` and `correlations` what it was fitted to, with `misfit`
    the root mean square difference. `voxels` were used, `left_out` of the mask were constant or not finite.
    `neighbor_variance` tells how unlike one another places are (`clusters.unevenness`); NaN without neighbors.
    """

    acf: Autocorrelation
    fwhm_axes_mm: Float[Array, "3"]
    fwhm_classic_mm: float
    radii_mm: Float[Array, "radius"]
    correlations: Float[Array, "radius"]
    misfit: float
    voxels: int
    left_out: int
    neighbor_variance: float = float("nan")


def stated_smoothness(acf: Autocorrelation, fwhm_classic_mm: float) -> Smoothness:
    """Return a smoothness that nobody estimated here."""
    none = np.zeros(0)
    return Smoothness(
        acf=acf,
        fwhm_axes_mm=np.full(3, fwhm_classic_mm),
        fwhm_classic_mm=fwhm_classic_mm,
        radii_mm=none,
        correlations=none,
        misfit=0.0,
        voxels=0,
        left_out=0,
    )


def estimate_smoothness(
    residuals: Float[Array, "observation voxel"],
    mask: Bool[Array, "x y z"],
    voxel_mm: Float[Array, "3"],
    *,
    detrend_order: int | None = None,
) -> Smoothness:
    """Estimate the smoothness of residuals.

    Args:
        residuals: one row per volume, one column per voxel of the mask in C order; any unit.
        detrend_order: order of the polynomial to remove from each voxel's series first: for time series that are not
            residuals; None for residuals of a model.

    Raises:
        DataError: empty mask, columns that are not the mask's voxels, or too little that varies to correlate.
    """
    if residuals.shape[1] != np.count_nonzero(mask):
        raise DataError(
            f"residuals have {residuals.shape[1]} voxels, the mask {np.count_nonzero(mask)}: expected the same; "
            "take the residuals from this mask"
        )
    if detrend_order is not None:
        residuals = _detrended(residuals, detrend_order)
    return smoothness_of_parts([lambda: residuals], mask, voxel_mm)


def smoothness_of_parts(
    parts: Sequence[VolumePart], mask: Bool[Array, "x y z"], voxel_mm: Float[Array, "3"], *, n_jobs: int = 1
) -> Smoothness:
    """Estimate the smoothness of residuals that are read part by part, three times.

    Args:
        parts: functions that give some of the volumes, columns as in `estimate_smoothness`.
        n_jobs: parts worked on at a time; results do not depend on it.

    Raises:
        DataError: as `estimate_smoothness`.
    """
    work: Any = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    box = bounding_box(mask)
    low, high = _extremes(work(delayed(_range)(part) for part in parts))
    usable = np.isfinite(low) & np.isfinite(high) & (high > low)
    if np.count_nonzero(usable) < _FEWEST_PAIRS:
        raise DataError(
            f"only {np.count_nonzero(usable)} voxels of the mask vary: expected at least {_FEWEST_PAIRS}; "
            "check that residuals and mask lie on one another"
        )
    inside = mask[box].copy()
    inside[inside] = usable
    of_parts = list(work(delayed(_of_neighbors)(part, usable, inside) for part in parts))
    widths = np.concatenate([each for each, _ in of_parts], axis=1)
    if not widths.shape[1]:
        raise DataError("every volume of the residuals is constant in the mask: nothing to estimate smoothness from")
    axes = np.array([_geometric_mean(along) for along in widths]) * voxel_mm
    classic = _geometric_mean(axes)
    radius = max(3 * classic, 4 * float(np.cbrt(np.prod(voxel_mm)))) if np.isfinite(classic) else 4 * voxel_mm.max()
    reach = np.minimum(np.floor(radius / voxel_mm).astype(int), np.array(inside.shape) - 1)
    size = tuple(fft.next_fast_len(int(n + r)) for n, r in zip(inside.shape, reach, strict=True))
    power = np.zeros(size)
    for each in work(delayed(_power)(part, usable, inside, size) for part in parts):
        power += each
    radii, correlations = _pooled(*_correlations(power / widths.shape[1], inside, voxel_mm, reach, radius))
    acf = _fit(radii, correlations)
    return Smoothness(
        acf=acf,
        fwhm_axes_mm=axes,
        fwhm_classic_mm=classic,
        radii_mm=radii,
        correlations=correlations,
        misfit=float(np.sqrt(np.mean((acf.at(radii) - correlations) ** 2))),
        voxels=int(np.count_nonzero(usable)),
        left_out=int(np.count_nonzero(~usable)),
        neighbor_variance=neighbor_variance(reduce(np.add, (sums for _, sums in of_parts)), inside),
    )


def _detrended(volumes: Float[Array, "observation voxel"], order: int) -> Float[Array, "observation voxel"]:
    """Return what a polynomial leaves of each series; NaN where nothing varied."""
    if not 0 <= order < len(volumes) - 1:
        raise DataError(
            f"detrend order {order} with {len(volumes)} volumes: expected 0 or more and far fewer than volumes"
        )
    volumes = np.where(np.ptp(volumes, axis=0) > 0, volumes, np.nan).astype(np.float64)
    basis, _ = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, len(volumes)), order))
    return volumes - basis @ (basis.T @ volumes)


def _range(part: VolumePart) -> tuple[Float[Array, "voxel"], Float[Array, "voxel"]]:
    volumes = part()
    return volumes.min(axis=0), volumes.max(axis=0)


def _extremes(ranges: Iterable[tuple[Array, Array]]) -> tuple[Float[Array, "voxel"], Float[Array, "voxel"]]:
    return reduce(lambda one, other: (np.minimum(one[0], other[0]), np.maximum(one[1], other[1])), ranges)


def _read(part: VolumePart, usable: Bool[Array, "voxel"]) -> Float[Array, "volume inside"]:
    return part()[:, usable].astype(np.float64)


def _standardized(volumes: Float[Array, "volume inside"]) -> Float[Array, "varying inside"]:
    centered = volumes - volumes.mean(axis=1, keepdims=True)
    sd = centered.std(axis=1, ddof=1)
    return centered[sd > 0] / sd[sd > 0, None]


def _of_neighbors(
    part: VolumePart, usable: Bool[Array, "voxel"], inside: Bool[Array, "x y z"]
) -> tuple[Float[Array, "3 volume"], Float[Array, "4 inside"]]:
    """Return the classic FWHM of some volumes along each axis, and their sums over neighbors."""
    volumes = _read(part, usable)
    standardized = _standardized(volumes)
    widths = np.stack([_classic_fwhm(standardized, inside, axis) for axis in range(3)])
    return widths, neighbor_sums(_of_one_size(volumes), inside)


def _of_one_size(volumes: Float[Array, "volume inside"]) -> Float[Array, "volume inside"]:
    """Divide each volume by its median size: a few large ones would leave fewer degrees of freedom than are counted."""
    size = np.median(np.abs(volumes), axis=1, keepdims=True)
    return np.divide(volumes, size, out=np.zeros_like(volumes), where=size > 0)


def _geometric_mean(values: Float[Array, "value"]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.exp(np.mean(np.log(finite)))) if finite.size else float("nan")


def _classic_fwhm(
    volumes: Float[Array, "volume inside"], inside: Bool[Array, "x y z"], axis: int
) -> Float[Array, "volume"]:
    """Return the classic FWHM of each volume along one axis, in voxels; NaN where there is none."""
    here, there = neighbors_along(inside, axis)
    if len(here) < _FEWEST_PAIRS:
        return np.full(len(volumes), np.nan)
    difference = volumes[:, there] - volumes[:, here]
    correlation = 1 - 0.5 * difference.var(axis=1, ddof=1)
    usable = (correlation > 0) & (correlation < 1)
    return np.where(usable, FWHM_PER_SD * np.sqrt(-0.25 / np.log(np.where(usable, correlation, 0.5))), np.nan)


def _power(
    part: VolumePart, usable: Bool[Array, "voxel"], inside: Bool[Array, "x y z"], size: tuple[int, ...]
) -> Float[Array, "u v w"]:
    """Sum the power spectra of some volumes, two of them from each transform."""
    volumes = _standardized(_read(part, usable))
    power = np.zeros(size)
    for first in range(0, len(volumes), 2):
        pair = np.zeros(inside.shape, dtype=np.complex128)
        pair.real[inside] = volumes[first]
        if first + 1 < len(volumes):
            pair.imag[inside] = volumes[first + 1]
        spectrum = fft.fftn(pair, size, overwrite_x=True)
        power += spectrum.real**2 + spectrum.imag**2
    return power


def _correlations(
    power: Float[Array, "u v w"],
    inside: Bool[Array, "x y z"],
    voxel_mm: Float[Array, "3"],
    reach: Int[Array, "3"],
    radius_mm: float,
) -> tuple[Float[Array, "offset"], Float[Array, "offset"]]:
    """Return the length of each offset in the ball and the mean correlation at it, from the mean power of volumes."""
    products = fft.ifftn(power).real
    pairs = np.rint(fft.ifftn(np.abs(fft.fftn(inside.astype(np.float64), power.shape)) ** 2).real)
    # half of the offsets: the other half are their mirror images
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    steps = steps[len(steps) // 2 :]
    lengths = np.linalg.norm(steps * voxel_mm, axis=1)
    at = tuple(steps.T)
    kept = (lengths <= radius_mm) & (pairs[at] >= _FEWEST_PAIRS)
    correlation = products[at] / np.maximum(pairs[at] - 1, 1)
    correlation[0] = 1
    return lengths[kept], correlation[kept]


def _pooled(
    lengths: Float[Array, "offset"], correlations: Float[Array, "offset"]
) -> tuple[Float[Array, "radius"], Float[Array, "radius"]]:
    """Average offsets that are at most 1 % longer than the shortest of their pool, under that shortest length."""
    order = np.argsort(lengths, kind="stable")
    lengths, correlations = lengths[order], correlations[order]
    starts = [0]
    while (end := int(np.searchsorted(lengths, 1.01 * lengths[starts[-1]] + 1e-9))) < lengths.size:
        starts.append(end)
    counts = np.diff([*starts, lengths.size])
    return lengths[starts], np.add.reduceat(correlations, starts) / counts


def _fit(radii: Float[Array, "radius"], correlations: Float[Array, "radius"]) -> Autocorrelation:
    if radii.size < 4:
        raise DataError(
            f"only {radii.size} distances between voxels of the mask: expected at least 4 to fit three numbers; "
            "use a larger mask"
        )
    below = np.flatnonzero(correlations <= 0.5)
    if below.size == 0:
        raise DataError(
            f"residuals correlate by {correlations.min():.2f} or more out to {radii[-1]:.3g} mm: no smoothness can be "
            "fitted; check that these are residuals (means and drifts removed)"
        )
    depth = -np.log(np.clip(correlations[below[0]], 0.05, 0.5))
    start_b, start_c = float(radii[below[0]] / np.sqrt(2 * depth)), float(radii[below[0]] / depth)
    fits = [
        least_squares(
            lambda p: p[0] * np.exp(-0.5 * (radii / p[1]) ** 2) + (1 - p[0]) * np.exp(-radii / p[2]) - correlations,
            (share, start_b, start_c),
            bounds=((0.006, 0.05 * start_b, 0.05 * start_c), (0.994, 5.55 * start_b, 5.55 * start_c)),
            x_scale=(1, start_b, start_c),
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
        )
        for share in (0.1, 0.5, 0.9)
    ]
    a, b, c = min(fits, key=lambda fit: fit.cost).x
    return Autocorrelation(a=float(a), b_mm=float(b), c_mm=float(c))
