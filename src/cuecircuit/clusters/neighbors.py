"""Which voxels touch: one definition for data, simulated fields and permutations.

Two voxels are neighbors if they share a face (connectivity 6, AFNI's NN1), a face or an edge (18, NN2), or a
face, an edge or a corner (26, NN3). Only voxels of the mask have neighbors; a mask may touch the border of its grid.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.ndimage import generate_binary_structure

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DataError

Connectivity = Literal[6, 18, 26]
Sided = Literal["1", "2", "bi"]

_DIFFERING_AXES = {6: 1, 18: 2, 26: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRule:
    """What makes supra-threshold voxels one cluster; stored with every result that depends on it.

    `connectivity` is 6, 18 or 26. `sided` says what exceeds the threshold: "1" the statistic itself; "2" its absolute
    value, a cluster may mix signs; "bi" its absolute value, a cluster has one sign. A test of F with one numerator
    degree of freedom is the two-sided test of t = ±√F: its clusters follow rule "2" of t (an F map does not show
    signs), which is rule "1" of F at the same voxel p.
    """

    connectivity: Connectivity = 6
    sided: Sided = "1"

    def strength(self, statistic: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Return what is compared with the threshold: the statistic or its absolute value."""
        return statistic if self.sided == "1" else np.abs(statistic)


def cluster_rule(connectivity: int, sided: str) -> ClusterRule:
    """Make a rule of what a user typed.

    Raises:
        DataError: another connectivity or side.
    """
    connectivities = {choice: choice for choice in get_args(Connectivity)}
    sides = {choice: choice for choice in get_args(Sided)}
    faults = []
    if connectivity not in connectivities:
        faults.append(f"connectivity {connectivity!r}: expected 6, 18 or 26 neighbors")
    if sided not in sides:
        faults.append(f"sided {sided!r}: expected '1', '2' or 'bi'")
    if faults:
        raise DataError(faults)
    return ClusterRule(connectivity=connectivities[connectivity], sided=sides[sided])


def structure(connectivity: Connectivity) -> Bool[Array, "3 3 3"]:
    """Mark the neighbors of the central voxel, itself included."""
    return generate_binary_structure(3, _DIFFERING_AXES[connectivity])


def offsets(connectivity: Connectivity) -> Int[Array, "neighbor 3"]:
    """List the steps from a voxel to its neighbors."""
    steps = np.argwhere(structure(connectivity)) - 1
    return steps[np.any(steps != 0, axis=1)]


def bounding_box(mask: Bool[Array, "x y z"]) -> tuple[slice, slice, slice]:
    """Return the smallest box that holds the mask.

    Raises:
        DataError: the mask is empty.
    """
    if not mask.any():
        raise DataError("the mask holds no voxel: expected at least one non-zero voxel; check that it is not blank")
    lines = (np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    x, y, z = (slice(int(line[0]), int(line[-1]) + 1) for line in lines)
    return x, y, z


def border_note(mask: Bool[Array, "x y z"]) -> str | None:
    """Describe at which borders of its grid a mask ends by being cut off; None where there is a margin all around.

    Such a mask is tested as it is: no cluster and no simulated noise reaches around the grid.
    """
    axes = [name for axis, name in enumerate("xyz") if mask.shape[axis] > 1 and mask.take((0, -1), axis=axis).any()]
    if not axes:
        return None
    return (
        f"the mask touches the border of its grid ({', '.join(axes)}): clusters there may be cut off, and a mask of a "
        "whole volume looks like this; check that it is the brain's, or pad or resample maps and mask to a larger grid"
    )


def neighbor_table(mask: Bool[Array, "x y z"], connectivity: Connectivity) -> Int[Array, "voxel neighbor"]:
    """List the neighbors of every voxel of the mask as positions in `mask`'s voxels (C order), -1 for none.

    Raises:
        DataError: the mask is empty.
    """
    inside = np.pad(mask[bounding_box(mask)], 1)
    position = np.full(inside.shape, -1, dtype=np.int32)
    position[inside] = np.arange(np.count_nonzero(inside), dtype=np.int32)
    voxels = np.argwhere(inside)
    return np.stack([position[tuple((voxels + step).T)] for step in offsets(connectivity)], axis=1)
