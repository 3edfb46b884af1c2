"""Edges between regions: a matrix, and a connectogram on a ring or on the outline of a brain seen from the front."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.figures.style import BLUE, FAINT, INK, SINGLE_MM, VERMILLION, sheet, style
from cuecircuit.records.grid import Grid

_LARGEST_NAMED = 60  # regions whose names can be read beside the matrix


def matrix_figure(
    values: Float[Array, "edge"],
    pairs: Int[Array, "edge 2"],
    names: Sequence[str],
    *,
    measure: str,
    outlined: Bool[Array, "edge"] | None = None,
) -> Figure:
    """Draw every edge in both of its places.

    Args:
        values: of the edges, white where NaN.
        pairs: the two regions of each, numbers of `names`.
        names: of the regions, in the order of the matrix.
        measure: label of the scale.
        outlined: edges of networks that survive, marked by dots.
    """
    n = len(names)
    matrix = np.full((n, n), np.nan)
    matrix[pairs[:, 0], pairs[:, 1]] = matrix[pairs[:, 1], pairs[:, 0]] = values
    largest = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
    with style():
        side = min(max(50.0, 22.0 + 2.6 * n), 150.0)
        figure = sheet(side + 22.0, side)
        axes = figure.subplots()
        shown = axes.imshow(matrix, cmap="RdBu_r", vmin=-largest, vmax=largest)
        if outlined is not None and outlined.any():
            x, y = np.concatenate([pairs[outlined], pairs[outlined][:, ::-1]]).T
            axes.plot(x, y, "o", ms=2, color=INK, gid="survivors")
        ticks = list(range(n)) if n <= _LARGEST_NAMED else []
        axes.set_xticks(ticks, [names[k] for k in ticks], rotation=90)
        axes.set_yticks(ticks, [names[k] for k in ticks])
        axes.tick_params(length=0)
        figure.colorbar(shown, ax=axes, label=measure, shrink=0.7)
    return figure


def connectogram_figure(
    values: Float[Array, "edge"],
    pairs: Int[Array, "edge 2"],
    names: Sequence[str],
    *,
    title: str = "",
    places_mm: Float[Array, "region 3"] | None = None,
    brain: tuple[Bool[Array, "x y z"], Grid] | None = None,
) -> Figure:
    """Draw edges as lines between their regions, positive ones red and negative ones blue, the stronger the thicker.

    Args:
        values: signed strength of the edges that are drawn.
        pairs: the two regions of each.
        names: of the regions; those without an edge are gray and have no name.
        title: above the figure.
        places_mm: middle of each region; on a ring where none are given.
        brain: mask whose outline, seen from the front, is drawn behind.
    """
    angle = np.pi / 2 - 2 * np.pi * np.arange(len(names)) / max(len(names), 1)
    xy = np.stack([np.cos(angle), np.sin(angle)], axis=1) if places_mm is None else places_mm[:, [0, 2]]
    with style():
        figure = sheet(SINGLE_MM, SINGLE_MM)
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.set_title(title)
        if brain is not None:
            _outline(axes, *brain)
        else:
            axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3))
        largest = float(np.abs(values).max(initial=1e-12))
        for (one, other), value in zip(pairs, values, strict=True):
            color, width = VERMILLION if value > 0 else BLUE, 0.4 + 1.6 * abs(float(value)) / largest
            axes.plot(*xy[[one, other]].T, color=color, lw=width, alpha=0.8, zorder=2, gid=f"edge-{one}-{other}")
        used = np.unique(pairs).tolist()
        for number, (x, y) in enumerate(xy):
            axes.plot(x, y, "o", ms=3, color=INK if number in used else FAINT, zorder=3)
            if number in used:
                axes.annotate(names[number], (x, y), xytext=(2, 2), textcoords="offset points", fontsize=5.5, zorder=4)
    return figure


def _outline(axes: Axes, mask: Bool[Array, "x y z"], grid: Grid) -> None:
    """Draw the outline of a mask projected from front to back, mm."""
    right, front, up = np.abs(grid.affine[:3, :3]).argmax(axis=1)  # voxel axis along each of x, y, z
    shadow = np.pad(mask.transpose(right, front, up).any(axis=1), 1).astype(float)
    x, z = (_along(grid, int(axis), mask.shape[axis])[:, mm] for axis, mm in ((right, 0), (up, 2)))
    axes.set(xlim=sorted(x[[0, -1]]), ylim=sorted(z[[0, -1]]))
    axes.contour(x, z, shadow.T, levels=[0.5], colors=FAINT, linewidths=0.8)


def _along(grid: Grid, axis: int, n: int) -> Float[Array, "step 3"]:
    """Return mm of the voxels along an axis, one more at each end."""
    voxels = np.zeros((n + 2, 3))
    voxels[:, axis] = np.arange(-1, n + 1)
    return grid.mm(voxels)
