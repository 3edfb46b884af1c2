"""The surface at which a volume crosses a level, as a net of quadrilaterals.

Naive surface nets (after Gibson 1998). A cell is the cube between eight neighboring voxels. Each cell that the surface
passes has one point, the mean of where its edges are crossed; each crossed edge has one face, between the points of the
four cells around it.
"""

from itertools import product

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
    total, count = np.zeros((*cells, 3)), np.zeros(cells)
    faces = []
    for axis in range(3):
        first, second = (np.moveaxis(values, axis, 0)[part] for part in (slice(-1), slice(1, None)))
        crossed = (first > level) != (second > level)
        along = np.divide(level - first, second - first, out=np.zeros_like(first), where=crossed)
        # views of the cells with the edges' axis first, coordinates in the same order
        order = [axis, *(other for other in range(3) if other != axis)]
        rows, columns = (cells[other] for other in order[1:])
        of_cell, n_of_cell = total.transpose(*order, 3), count.transpose(order)
        for j, k in product((0, 1), repeat=2):
            edges = (slice(None), slice(j, j + rows), slice(k, k + columns))
            n_of_cell += crossed[edges]
            of_cell[..., order] += crossed[edges][..., None] * np.stack(
                np.broadcast_arrays(along[edges], float(j), float(k)), axis=-1
            )
        around = np.argwhere(crossed)[:, None] - [(0, j, k) for j, k in _AROUND]
        faces.append(around[..., np.argsort(order)])
    corners = np.concatenate(faces)
    at = tuple(np.moveaxis(corners, -1, 0))
    return corners + total[at] / count[at][..., None]
