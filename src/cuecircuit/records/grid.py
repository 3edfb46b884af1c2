"""The grid a volume lies on: shape and affine (voxel index to mm, RAS+, as in NIfTI)."""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Shape of a volume and the affine that takes voxel indices to mm.

    `codes` are NIfTI's sform and qform codes of the file it was read from: 1 scanner, 2 aligned, 3 Talairach, 4 MNI,
    both 0 where left and right are unknown.
    """

    shape: tuple[int, int, int]
    affine: Float[Array, "4 4"]
    codes: tuple[int, int] = (2, 0)

    @property
    def voxel_mm(self) -> Float[Array, "3"]:
        """Edge lengths of a voxel, mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel, mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def same_as(self, other: "Grid") -> bool:
        """Return whether two grids agree: equal shape, affines within 1e-3 mm (headers store float32)."""
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, atol=1e-3))

    def mm(self, voxels: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
        """Take voxel indices (may be fractional) to mm."""
        return voxels @ self.affine[:3, :3].T + self.affine[:3, 3]

    def __str__(self) -> str:
        """Shape and voxel size in words, for messages."""
        size = " × ".join(f"{edge:g}" for edge in np.round(self.voxel_mm, 4))
        return f"{' × '.join(map(str, self.shape))} voxels of {size} mm"
