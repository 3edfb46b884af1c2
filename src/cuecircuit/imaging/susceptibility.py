"""Distortion of EPI by susceptibility, from two images with opposite phase encoding.

A field off resonance moves signal along the axis of phase encoding by b(x) and stacks it: what is measured at x + f·b
is I(x) / (1 + f·∂b), with f = 1 in one image and −1 (or a ratio of readout times) in the other (Chang & Fitzpatrick
1992, IEEE Trans Med Imaging 11:319). Both images corrected must be one image, so b minimizes

    ½ Σ [I₁(x + f₁b)(1 + f₁∂b) − I₂(x + f₂b)(1 + f₂∂b)]² + ½ α Σ |∇b|²,   |f·∂b| < 1

(Ruthotto et al. 2012, Phys Med Biol 57:5715: HySCO), by Gauss–Newton from smooth images to sharp ones. b lies at the
faces of voxels along the axis, so that what leaves one voxel enters the next. α = 300 for intensities up to 256 is
HySCO's; it has no unit of length, so that it fits heads of any size. A shift of the head along the axis between the
images cannot be told from a field that is the same everywhere: it moves the corrected image, and registration to a
template takes it up.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.ndimage import gaussian_filter, map_coordinates, zoom
from scipy.sparse.linalg import LinearOperator, cg

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.imaging.smoothing import FWHM_PER_SIGMA

_ALPHA, _BRIGHTEST = 300.0, 256.0
# a voxel may shrink or grow to a twentieth or twice of itself; further it would fold
_FOLDING = 0.95
# voxels of each level in one of the image along each axis; each level starts from the one before
_COARSE = (8, 4, 2, 1)
_FEWEST = 8
# SD in voxels of a level: slopes of noisy images are steadied, and no detail of the coarser grid is false
_SIGMA = 0.5
_STEPS = 10
_MARGIN = 8
# of the objective or of voxels: smaller steps change no image
_ENOUGH = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """Axis of the voxels along which the phase was encoded, and the displacement in units of the field's (signed)."""

    axis: int
    factor: float


def estimate_displacement(
    one: Float[Array, "x y z"],
    other: Float[Array, "x y z"],
    voxel_mm: Float[Array, "3"],
    *,
    axis: int,
    factors: tuple[float, float] = (1.0, -1.0),
    measured: Bool[Array, "x y z"] | None = None,
) -> Float64[Array, "x y z"]:
    """Estimate how far signal was moved along an axis.

    Args:
        one: image of one direction, not negative.
        other: of the other, of the same brightness, on the same voxels.
        voxel_mm: edges of the voxels.
        axis: of phase encoding.
        factors: displacement of both images in units of the result; 1 and -1 for equal readout times.
        measured: voxels that both images hold; all where none is given.

    Returns:
        Millimetres toward higher indices of the axis, by which signal of each place was moved where the factor is 1.
    """
    order = [place for place in range(3) if place != axis] + [axis]
    scale = _BRIGHTEST / max(float(np.percentile(np.maximum(one, other), 99.9)), 1e-12)
    box = _box_around_head(scale * np.maximum(one, other))
    lines = tuple(scale * image[box].transpose(order).astype(np.float64) for image in (one, other))
    weight = np.ones(lines[0].shape) if measured is None else measured[box].transpose(order).astype(np.float64)
    edges = np.array(lines[0].shape) * np.asarray(voxel_mm)[order]
    nodes_mm = np.zeros((1, 1, 2))
    for coarse in _COARSE:
        shape = tuple(max(-(-n // coarse), min(n, _FEWEST)) for n in weight.shape)
        nodes_shape = (*shape[:2], shape[2] + 1)
        problem = _Problem(shape, edges / shape, factors, np.minimum(_zoomed(weight, shape), 1))
        voxel = edges[2] / shape[2]
        images = tuple(gaussian_filter(_zoomed(image, shape), _SIGMA) for image in lines)
        nodes = problem.solve(images, _finer(nodes_mm, nodes_shape).ravel() / voxel)
        nodes_mm = nodes.reshape(nodes_shape) * voxel
    displacement = ((nodes_mm[..., 1:] + nodes_mm[..., :-1]) / 2).transpose(np.argsort(order))
    return np.pad(displacement, [(part.start, n - part.stop) for part, n in zip(box, one.shape, strict=True)], "edge")


def _box_around_head(brightest: Array) -> tuple[slice, ...]:
    """Return the box of what is brighter than a tenth, with a margin in which signal may move."""
    index = np.argwhere(brightest > 0.1 * _BRIGHTEST)
    if not len(index):
        return tuple(slice(0, n) for n in brightest.shape)
    low, high = np.maximum(index.min(axis=0) - _MARGIN, 0), np.minimum(index.max(axis=0) + 1 + _MARGIN, brightest.shape)
    return tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))


def _zoomed(image: Array, shape: tuple[int, ...]) -> Array:
    """Bring an image to other voxels of the same box; blurred first where they are larger."""
    if image.shape == shape:
        return image
    ratio = np.array(image.shape) / shape
    blurred = gaussian_filter(image, np.sqrt(np.maximum(ratio**2 - 1, 0)) / FWHM_PER_SIGMA)
    return zoom(blurred, 1 / ratio, order=1, mode="nearest", grid_mode=True)


def _finer(nodes: Array, shape: tuple[int, int, int]) -> Array:
    """Read nodes between those of coarser voxels, linear, so that no slope becomes steeper."""
    ratio = np.array([*nodes.shape[:2], nodes.shape[2] - 1]) / [*shape[:2], shape[2] - 1]
    middle = np.array([0.5, 0.5, 0.0]).reshape(3, 1, 1, 1)  # of voxels across; the first face along
    index = (np.indices(shape) + middle) * ratio.reshape(3, 1, 1, 1) - middle
    return map_coordinates(nodes, index, order=1, mode="nearest")


class _Problem:
    """Sparse operators between nodes at the faces of voxels along the last axis, and voxels; lengths in voxels."""

    def __init__(self, shape: tuple[int, ...], voxel_mm: Array, factors: tuple[float, float], weight: Array) -> None:
        across, n = shape[:-1], shape[-1]
        self.shape, self.factors, self.weight = shape, factors, weight.ravel()
        self.n_nodes = across[0] * across[1] * (n + 1)
        both = _two_diagonals(0.5, 0.5, n)
        eyes = [sparse.eye_array(edge) for edge in (*across, n + 1)]
        self.center: Any = _kron(eyes[0], eyes[1], both).tocsr()
        self.slope: Any = _kron(eyes[0], eyes[1], _difference(n + 1)).tocsr()
        slopes = [
            _kron(*(_difference(len_) if place == axis else eyes[place] for place, len_ in enumerate((*across, n + 1))))
            * (voxel_mm[2] / voxel_mm[axis])
            for axis in range(3)
        ]
        smooth: Any = sum(one.T @ one for one in slopes)
        self.smooth = _ALPHA * smooth
        self.index = np.broadcast_to(np.arange(n, dtype=float), shape)

    def solve(self, images: tuple[Array, ...], nodes: Array) -> Array:
        """Minimize the objective for images of one smoothness, from `nodes` on."""
        value, residual, jacobian = self._linearized(images, nodes)
        for _ in range(_STEPS):
            gradient = jacobian.T @ (self.weight * residual) + self.smooth @ nodes
            hessian = (jacobian.T @ sparse.diags_array(self.weight) @ jacobian + self.smooth).tocsr()
            step = -_solved(hessian, gradient)
            before, share = value, 1.0
            while share > 1e-3:
                value, residual, jacobian = self._linearized(images, nodes + share * step)
                if value < before:
                    break
                share /= 2
            else:
                break
            nodes = nodes + share * step
            if before - value < _ENOUGH * before or np.abs(share * step).max() < _ENOUGH:
                break
        return nodes

    def _linearized(self, images: tuple[Array, ...], nodes: Array) -> tuple[float, Array, Any]:
        moved, slope = self.center @ nodes, self.slope @ nodes
        if np.abs(slope).max(initial=0) * np.abs(self.factors).max() > _FOLDING:
            return np.inf, np.empty(0), None
        residual, jacobian = np.zeros(moved.size), 0
        for image, factor, sign in zip(images, self.factors, (1, -1), strict=True):
            values, steepness = _read(image, self.index + factor * moved.reshape(self.shape))
            stacked = 1 + factor * slope
            residual = residual + sign * values * stacked
            jacobian = jacobian + sign * factor * (
                sparse.diags_array(steepness * stacked) @ self.center + sparse.diags_array(values) @ self.slope
            )
        value = 0.5 * float(self.weight @ residual**2 + nodes @ (self.smooth @ nodes))
        return value, residual, jacobian


def _kron(*parts: Any) -> Any:
    return sparse.kron(sparse.kron(parts[0], parts[1]), parts[2])


def _difference(n: int) -> Any:
    return _two_diagonals(-1.0, 1.0, n - 1)


def _two_diagonals(first: float, second: float, rows: int) -> Any:
    columns = np.arange(rows)[:, None] + np.arange(2)
    values = np.broadcast_to([first, second], columns.shape)
    ends = np.arange(0, columns.size + 1, 2)
    return sparse.csr_array((values.ravel(), columns.ravel(), ends), shape=(rows, rows + 1))


def _solved(hessian: Any, right: Array) -> Array:
    """Solve by conjugate gradients; lines along the axis are tridiagonal blocks, solved exactly before each step."""
    band = np.stack([np.r_[0.0, hessian.diagonal(1)], hessian.diagonal()])
    band[1] += 1e-8 * band[1].max()
    factor = cholesky_banded(band)
    before = LinearOperator(hessian.shape, matvec=lambda x: cho_solve_banded((factor, False), x))  # pyright: ignore
    return cg(hessian, right, rtol=1e-2, maxiter=100, M=before)[0]


def _read(image: Array, places: Array) -> tuple[Array, Array]:
    """Return values between voxels of each line, linear, and their slope; beyond its ends the last value holds."""
    last = image.shape[-1] - 1
    low = np.clip(np.floor(places), 0, last - 1).astype(int)
    share = places - low
    inside = (share >= 0) & (share <= 1)
    left, right = (np.take_along_axis(image, at, axis=-1) for at in (low, low + 1))
    values = left + np.clip(share, 0, 1) * (right - left)
    return values.ravel(), np.where(inside, right - left, 0).ravel()
