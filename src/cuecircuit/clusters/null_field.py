"""Gaussian noise of unit variance with a given autocorrelation, on a mask's own grid.

Drawn in Fourier space on a periodic box: complex white noise × √max(FFT(ACF), 0), then one complex transform, whose
real and imaginary parts are two independent fields (Dietrich & Newsam 1997, SIAM J Sci Comput 18:1088). The box is the
mask's bounding box and a margin as wide as the radius where the ACF is `MARGIN_ACF`: what two voxels of the mask see of
one another around the box is less than that. It is at least two margins wide, so that the ACF dies away within it. Each
axis is transformed only where the next one needs it. The variance is 1 by construction: the weights' squares sum to 1.
No field is rescaled afterwards, so large-scale waves keep the variance they have in data.

The white noise is Box–Muller on 24-bit uniforms (standard normal up to 5.8 SD; every voxel sums many of them).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Complex64
from scipy import fft as scipy_fft

from cuecircuit.arrays import Array, Bool, Float, Float32
from cuecircuit.clusters.autocorrelation import Autocorrelation
from cuecircuit.clusters.neighbors import bounding_box
from cuecircuit.errors import DataError

fft: Any = scipy_fft  # its dispatcher hides what the functions return from type checkers

MARGIN_ACF = 0.001
_MOST_VOXELS = 100_000_000  # of the box: 0.8 GB a field; brains of 1 mm with noise of 15 mm have 20 million


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NullField:
    """What it takes to draw fields: √spectrum on the periodic box, and where in the box the mask's voxels lie."""

    weights: Float32[Array, "x y z"]
    inside: Bool[Array, "box_x box_y box_z"]


def null_field(mask: Bool[Array, "x y z"], voxel_mm: Float[Array, "3"], acf: Autocorrelation) -> NullField:
    """Prepare to draw fields in a mask.

    Raises:
        DataError: the mask is empty, or the noise so much smoother than the mask is wide that no box holds it.
    """
    inside = mask[bounding_box(mask)]
    wide = np.ceil(acf.radius_mm(MARGIN_ACF) / voxel_mm)
    box_voxels = float(np.prod(np.maximum(np.array(inside.shape) - 1, wide) + wide))
    if not box_voxels <= _MOST_VOXELS:
        raise DataError(
            f"noise of an autocorrelation of FWHM {acf.fwhm_mm:.4g} mm needs a box of {box_voxels:.3g} voxels, at most "
            f"{_MOST_VOXELS} are drawn; give the smoothness in mm, or check the mask"
        )
    margin = wide.astype(int)
    size = [fft.next_fast_len(int(max(n - 1, m) + m)) for n, m in zip(inside.shape, margin, strict=True)]
    # distance around the periodic box
    steps = (np.minimum(np.arange(n), n - np.arange(n)) * edge for n, edge in zip(size, voxel_mm, strict=True))
    x, y, z = np.ix_(*steps)
    power = np.maximum(fft.fftn(acf.at(np.sqrt(x**2 + y**2 + z**2))).real, 0)
    return NullField(weights=np.sqrt(power / power.sum()).astype(np.float32), inside=inside.copy())


def draw_pair(field: NullField, rng: np.random.Generator) -> tuple[Float32[Array, "voxel"], Float32[Array, "voxel"]]:
    """Draw two independent fields in the mask's voxels (C order)."""
    nx, ny, nz = field.inside.shape
    noise = fft.fft(_white_noise(field.weights, rng), axis=0, overwrite_x=True)[:nx]
    noise = fft.fft(noise, axis=1)[:, :ny]
    noise = fft.fft(noise, axis=2)[:, :, :nz][field.inside]
    return noise.real, noise.imag


def _white_noise(weights: Float32[Array, "x y z"], rng: np.random.Generator) -> Complex64[Array, "x y z"]:
    """Draw complex normal numbers whose real and imaginary parts have the standard deviations `weights`."""
    length = rng.random(weights.shape, dtype=np.float32)
    np.subtract(1, length, out=length)  # in (0, 1], so that the logarithm is finite
    np.log(length, out=length)
    np.multiply(length, -2, out=length)
    np.sqrt(length, out=length)
    np.multiply(length, weights, out=length)
    angle = rng.random(weights.shape, dtype=np.float32)
    np.multiply(angle, np.float32(2 * np.pi), out=angle)
    noise = np.empty(weights.shape, dtype=np.complex64)
    np.multiply(length, np.cos(angle), out=noise.real)
    np.multiply(length, np.sin(angle), out=noise.imag)
    return noise
