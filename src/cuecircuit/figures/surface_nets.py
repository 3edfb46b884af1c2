"""The surface at which a volume crosses a level, as a net of quadrilaterals.

Naive surface nets (after Gibson 1998). A cell is the cube between eight neighboring voxels. Each cell that the surface
passes has one point, the mean of where its edges are crossed; each crossed edge has one face, between the points of the
four cells around it.
"""

import numpy as np

from cuecircuit.arrays import Array, Float

_AROUND = ((0, 0), (0, 1), (1, 1), (1, 0))  # the four cells around an edge, in the order of a walk


def surface_nets(values: Float[Array, "x y z"], level: float) -> Float[Array, "face 4 3"]:
    """Return the corners of the faces, in voxels.

    Args:
        values: continuous; at the border of the volume all are on one side of the level.
        level: what the surface separates from the rest.
    """
    cells = tuple(n - 1 for n in values.shape)
    corners, crossings = [], []
    for axis in range(3):
        first, second = (np.moveaxis(values, axis, 0)[part] for part in (slice(-1), slice(1, None)))
        crossed = (first > level) != (second > level)
        along = (level - first[crossed]) / (second - first)[crossed]
        # coordinates with the edges' axis first, and back to x, y, z
        back = np.argsort([axis, *(other for other in range(3) if other != axis)])
        corners.append((np.argwhere(crossed)[:, None] - [(0, j, k) for j, k in _AROUND])[..., back])
        # where the edge is crossed, seen from the first corner of each of the four cells
        crossings.append(
            np.stack([np.column_stack(np.broadcast_arrays(along, j, k)) for j, k in _AROUND], 1)[..., back]
        )
    around, local = np.concatenate(corners), np.concatenate(crossings)
    cell = np.ravel_multi_index(tuple(np.moveaxis(around, -1, 0)), cells)
    sums = [np.bincount(cell.ravel(), local[..., k].ravel()) for k in range(3)]
    return around + np.stack(sums, axis=-1)[cell] / np.bincount(cell.ravel())[cell][..., None]
