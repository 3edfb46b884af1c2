"""From what an EPI measured to where signal belongs, and back, by a map of displacement along one axis.

`match_directions` estimates the map from two images of opposite phase encoding. They are aligned by their headers; then
field and rigid motion between them are estimated in turn, motion on the corrected images, since distorted ones look
moved. Displacement is a vector in mm, so that it holds on any grid.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.imaging.bright_voxels import bright_voxels
from cuecircuit.imaging.motion import Motion, estimate_motion, resample
from cuecircuit.imaging.susceptibility import estimate_displacement
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series

# a second round of motion changed the map of a moved head by less than 0.01 mm, SD
_ROUNDS = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distortion:
    """How far (mm, toward higher indices of `axis`) signal of each voxel was moved in a scan of factor 1."""

    displacement_mm: Float64[Array, "x y z"]
    grid: Grid
    axis: int

    @property
    def direction(self) -> Float64[Array, "3"]:
        """Unit vector of the axis in mm."""
        return self.grid.affine[:3, self.axis] / self.grid.voxel_mm[self.axis]

    def places(self, true_mm: Float[Array, "voxel 3"], *, factor: float = 1.0) -> Float64[Array, "voxel 3"]:
        """Return where signal of true places was measured; beyond the map its last value holds."""
        return true_mm + factor * _read(self.displacement_mm, self.grid, true_mm)[:, None] * self.direction

    def stretch(self, true_mm: Float[Array, "voxel 3"], *, factor: float = 1.0) -> Float64[Array, "voxel"]:
        """Return what measured values of true places are multiplied with, so that stacked signal is spread again.

        A place outside the scan (NaN) has no value to spread: 1.
        """
        return 1 + factor * np.nan_to_num(_read(self._slope(), self.grid, true_mm))

    def corrected(self, image: Float[Array, "x y z"], *, factor: float = 1.0) -> Float[Array, "x y z"]:
        """Return an image of the grid as it would be without distortion."""
        values = _at(image, self.grid, self.places(_voxels_mm(self.grid), factor=factor), self.grid.shape)
        return (values * (1 + factor * self._slope())).astype(image.dtype)

    def distorted(self, image: Float[Array, "x y z"], *, factor: float = 1.0) -> Float[Array, "x y z"]:
        """Return what a scan measures of an undistorted image of the grid: signal is moved and stacked."""
        lines = np.moveaxis(image / (1 + factor * self._slope()), self.axis, -1)
        moved = factor * np.moveaxis(self.displacement_mm, self.axis, -1) / self.grid.voxel_mm[self.axis]
        index = np.arange(lines.shape[-1], dtype=float)
        seen = np.empty_like(lines)
        for line in np.ndindex(lines.shape[:-1]):
            seen[line] = np.interp(index, index + moved[line], lines[line])
        return np.moveaxis(seen, -1, self.axis).astype(image.dtype)

    def carried(self, target: Grid, axis: int, rigid: Float64[Array, "4 4"]) -> "Distortion":
        """Bring the map to another grid and its axis of phase encoding.

        Args:
            target: the grid.
            axis: of its voxels.
            rigid: takes places of the target to those of this map, mm.
        """
        values = _read(self.displacement_mm, self.grid, _through(rigid, _voxels_mm(target))).reshape(target.shape)
        sign = np.sign(self.direction @ target.affine[:3, axis])
        return Distortion(displacement_mm=sign * values, grid=target, axis=axis)

    def _slope(self) -> Float64[Array, "x y z"]:
        return np.gradient(self.displacement_mm, self.grid.voxel_mm[self.axis], axis=self.axis)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchedPair:
    """Two images of opposite phase encoding on one grid, as measured and corrected, and the head in them."""

    distortion: Distortion
    measured: tuple[Float[Array, "x y z"], Float[Array, "x y z"]]
    corrected: tuple[Float[Array, "x y z"], Float[Array, "x y z"]]
    head: Bool[Array, "x y z"]

    @property
    def agreement(self) -> tuple[float, float]:
        """Correlation of the two images over the head, as measured and corrected; the fit maximizes the second."""
        before, after = (
            float(np.corrcoef(one[self.head], other[self.head])[0, 1]) for one, other in (self.measured, self.corrected)
        )
        return before, after

    @property
    def largest_mm(self) -> float:
        """Largest displacement in the head."""
        return float(np.abs(self.distortion.displacement_mm[self.head]).max())


def match_directions(
    one: Float[Array, "x y z"],
    grid: Grid,
    other: Float[Array, "i j k"],
    other_grid: Grid,
    *,
    axis: int,
    factors: tuple[float, float] = (1.0, -1.0),
) -> MatchedPair:
    """Estimate the displacement from two images of opposite phase encoding.

    Args:
        one: mean of one direction.
        grid: of it, and of the result.
        other: mean of the opposite direction.
        other_grid: of that.
        axis: of phase encoding, of the first grid.
        factors: displacements of both in units of the result, of opposite sign.

    Raises:
        DataError: the first image has no head.
    """
    one = np.maximum(one, 0).astype(np.float32)
    other = np.maximum(other, 0).astype(np.float32)
    head, rigid = bright_voxels(one), np.eye(4)
    for _ in range(_ROUNDS):
        pair = _matched((one, other), (grid, other_grid), rigid, head, axis=axis, factors=factors)
        rigid = rigid @ rigid_between(*pair.corrected, grid, head)
    return _matched((one, other), (grid, other_grid), rigid, head, axis=axis, factors=factors)


def rigid_between(
    fixed: Float[Array, "x y z"], moving: Float[Array, "x y z"], grid: Grid, head: Bool[Array, "x y z"]
) -> Float64[Array, "4 4"]:
    """Return what takes places of one image to those of another on the same grid, mm, as motion of a scan."""
    both = Series(data=np.stack([fixed, moving], axis=-1), grid=grid, tr_s=1.0)
    motion: Motion = estimate_motion(both, head, reference=0)
    rigid = np.eye(4)
    rigid[:3, :3] = Rotation.from_rotvec(motion.parameters[1, 3:]).as_matrix()
    rigid[:3, 3] = motion.center_mm + motion.parameters[1, :3] - rigid[:3, :3] @ motion.center_mm
    return rigid


def _matched(
    images: tuple[Array, Array],
    grids: tuple[Grid, Grid],
    rigid: Array,
    head: Array,
    *,
    axis: int,
    factors: tuple[float, float],
) -> MatchedPair:
    one, grid = images[0], grids[0]
    there = _through(rigid, _voxels_mm(grid))
    index = _through(np.linalg.inv(grids[1].affine), there)
    inside = np.all((index >= 0) & (index <= np.array(grids[1].shape) - 1), axis=1)
    measured = np.asarray(inside).reshape(grid.shape)
    seen = _at(images[1], grids[1], there, grid.shape)
    # distortion moves signal, none is lost
    seen *= one[measured].sum() / max(float(seen[measured].sum()), 1e-6)
    displacement = estimate_displacement(one, seen, grid.voxel_mm, axis=axis, factors=factors, measured=measured)
    distortion = Distortion(displacement_mm=displacement, grid=grid, axis=axis)
    return MatchedPair(
        distortion=distortion,
        measured=(one, seen),
        corrected=(distortion.corrected(one, factor=factors[0]), distortion.corrected(seen, factor=factors[1])),
        head=head & measured,
    )


def _voxels_mm(grid: Grid) -> Float64[Array, "voxel 3"]:
    return grid.mm(np.indices(grid.shape).reshape(3, -1).T.astype(float))


def _through(matrix: Array, places: Array) -> Float64[Array, "voxel 3"]:
    return places @ matrix[:3, :3].T + matrix[:3, 3]


def _read(values: Array, grid: Grid, places_mm: Array) -> Float64[Array, "voxel"]:
    return map_coordinates(values, _through(np.linalg.inv(grid.affine), places_mm).T, order=1, mode="nearest")


def _at(image: Array, grid: Grid, places_mm: Array, shape: tuple[int, int, int]) -> Float[Array, "x y z"]:
    return resample(Series(data=image[..., None], grid=grid, tr_s=1.0), places_mm)[0].reshape(shape)
