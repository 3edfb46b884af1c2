"""Fig. 2A and 2D: an atlas region as a solid in a glass brain, seen obliquely.

Surfaces are nets around the smoothed masks (`surface_nets`), projected without perspective. Three layers lie over one
another: the far wall of the glass, the region, the near wall. The region is shaded by a lamp (Lambert); glass is the
denser the more edge-on it is seen. The layers become one picture, all text and lines stay vector.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy import ndimage

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.figures.numbers import short
from cuecircuit.figures.planes import sample_axis
from cuecircuit.figures.style import INK, PANEL_HEIGHT_MM, PANEL_MM, VERMILLION, sheet, style
from cuecircuit.figures.surface_nets import surface_nets
from cuecircuit.records.grid import Grid

_GLASS = np.array(to_rgb("#4f6475"))
# where light comes from, in the frame of the viewer: right, toward the viewer, up
_LAMP = np.array([0.35, 0.65, 0.68]) / np.linalg.norm([0.35, 0.65, 0.68])
# the picture is drawn with twice the pixels that 300 dpi print needs, and halved
_PIXELS = 1400
# faces are about this part of the brain's length: facets are not seen, the glass being less solid needs fewer
_GLASS_FINENESS, _SOLID_FINENESS = 1 / 96, 1 / 130
# voxels around a mask, so that smoothing ends within the box
_PADDING = 4
_AXIS_NAMES = ("R", "A", "S")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """Faces, mm, with one outward normal each."""

    corners: Float[Array, "face 4 3"]
    normals: Float[Array, "face 3"]


def glass_brain_figure(
    region: Bool[Array, "x y z"],
    brain: Bool[Array, "x y z"],
    grid: Grid,
    *,
    title: str = "",
    color: str = VERMILLION,
    azimuth: float = 130.0,
    elevation: float = 25.0,
) -> Figure:
    """Draw one region within the brain, with the directions right, anterior, superior and a scale bar.

    Args:
        region: its voxels, one or both sides.
        brain: the brain's voxels.
        grid: of both.
        title: the region's name.
        color: of the region.
        azimuth: degrees the viewer stands from the right side (0: right, 90: front, 180: left).
        elevation: degrees above the horizontal.
    """
    length = float(np.max(np.ptp(grid.mm(np.argwhere(brain).astype(float)), axis=0)))
    whole = np.asarray(ndimage.binary_fill_holes(brain))
    glass = surface(whole, grid, step_mm=length * _GLASS_FINENESS)
    solid = surface(region, grid, step_mm=length * _SOLID_FINENESS)
    view = viewer(azimuth, elevation)
    with style():
        figure = sheet(PANEL_MM, PANEL_HEIGHT_MM)
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_anchor("N")
        extent = _extent(glass, view)
        picture = _composed(glass, solid, view, extent, color)
        axes.imshow(picture, extent=extent, origin="upper", gid="mesh")
        _add_directions(axes, extent, view)
        axes.set_title(title)
    return figure


def surface(mask: Bool[Array, "x y z"], grid: Grid, *, step_mm: float) -> Surface:
    """Wrap a mask in a net of faces.

    Args:
        mask: at least one voxel.
        grid: of the mask.
        step_mm: size of the faces, about; voxels are interpolated where they are larger.
    """
    corner = np.argwhere(mask).min(axis=0) - _PADDING
    box = mask[ndimage.find_objects(mask.astype(int))[0]].astype(float)
    smooth = np.asarray(ndimage.gaussian_filter(np.pad(box, _PADDING), 0.8))
    shape = np.maximum(np.rint((np.array(smooth.shape) - 1) * grid.voxel_mm / step_mm).astype(int) + 1, smooth.shape)
    fine = smooth
    for axis, n in enumerate(shape):
        fine = sample_axis(fine, axis, np.linspace(0, smooth.shape[axis] - 1, n), order=3)
    # a region of few voxels must not vanish by smoothing
    faces = surface_nets(fine, min(0.5, float(fine.max()) / 2))
    scale = (np.array(smooth.shape) - 1) / (np.array(fine.shape) - 1)
    corners = grid.mm(faces.reshape(-1, 3) * scale + corner).reshape(faces.shape)
    # values fall outward; slopes turn by the inverse transpose of what moves the points
    middle = faces.mean(axis=1).T
    slopes = np.stack([ndimage.map_coordinates(slope, middle, order=1) for slope in np.gradient(fine)], axis=1)
    normals = -slopes @ np.linalg.inv(grid.affine[:3, :3] * scale)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return Surface(corners=corners, normals=np.divide(normals, length, out=np.zeros_like(normals), where=length > 0))


def viewer(azimuth: float, elevation: float) -> Float[Array, "3 3"]:
    """Axes of the viewer in RAS mm, one a row: right, toward the viewer, up."""
    a, e = np.deg2rad([azimuth, elevation])
    toward = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    return np.stack([right, toward, np.cross(toward, right)])


def _extent(glass: Surface, view: Float[Array, "3 3"]) -> tuple[float, float, float, float]:
    flat = (glass.corners.reshape(-1, 3) @ view.T)[:, [0, 2]]
    (left, bottom), (right, top) = flat.min(axis=0), flat.max(axis=0)
    margin = 0.01 * (right - left)
    return float(left - margin), float(right + margin), float(bottom - margin), float(top + margin)


def _composed(
    glass: Surface,
    solid: Surface,
    view: Float[Array, "3 3"],
    extent: tuple[float, float, float, float],
    color: str,
) -> Float[Array, "row column 3"]:
    edge_on = 1.0 - np.abs(glass.normals @ view.T)[:, 1]
    density = np.column_stack([0.05 + 0.5 * edge_on**2.2] * 3)
    near, faced = (glass.normals @ view.T)[:, 1] > 0, (solid.normals @ view.T)[:, 1] > 0
    layers = (
        (_drawn(glass.corners[~near], density[~near], view, extent), None),
        (_drawn(solid.corners[faced], _lit((solid.normals @ view.T)[faced], color), view, extent), "solid"),
        (_drawn(glass.corners[near], density[near], view, extent), None),
    )
    picture = np.ones_like(layers[0][0][..., :3])
    for layer, kind in layers:
        alpha = layer[..., 3:] if kind else layer[..., :1] * layer[..., 3:]
        picture = picture * (1 - alpha) + (layer[..., :3] if kind else _GLASS) * alpha
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    return picture[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, 3).mean(axis=(1, 3))


def _drawn(
    corners: Float[Array, "face 4 3"],
    colors: Float[Array, "face 3"],
    view: Float[Array, "3 3"],
    extent: tuple[float, float, float, float],
) -> Float[Array, "row column 4"]:
    # opaque and without antialiasing: where faces share an edge, the net of seams does not arise
    left, right, bottom, top = extent
    figure = Figure(figsize=(_PIXELS / 100, _PIXELS / 100 * (top - bottom) / (right - left)), dpi=100)
    figure.patch.set_alpha(0)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(bottom, top))
    axes.set_axis_off()
    seen = corners @ view.T
    order = np.argsort(seen[:, :, 1].mean(axis=1), kind="stable")
    flat: Any = seen[order][:, :, [0, 2]]  # an array: lists of faces take ten times as long
    axes.add_collection(PolyCollection(flat, facecolors=colors[order], edgecolors="none", antialiased=False))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).astype(np.float32) / np.float32(255)


def _lit(normals: Float[Array, "face 3"], color: str) -> Float[Array, "face 3"]:
    light = np.clip(normals @ _LAMP, 0.0, 1.0)[:, None]
    return np.clip(np.array(to_rgb(color)) * (0.5 + 0.6 * light) + 0.25 * light**24, 0, 1)


def _add_directions(axes: Axes, extent: tuple[float, float, float, float], view: Float[Array, "3 3"]) -> None:
    left, right, bottom, top = extent
    size = right - left
    axes.set_xlim(left, right)
    axes.set_ylim(bottom - 0.2 * size, top)
    floor, bar = bottom - 0.11 * size, _round_length(size / 4)
    axes.plot([right - bar, right], [floor, floor], color=INK, lw=1.2, solid_capstyle="butt", gid="scale")
    axes.text(right - bar / 2, floor - 0.015 * size, f"{short(bar)} mm", ha="center", va="top", fontsize=6)
    origin = np.array([left + 0.14 * size, bottom - 0.1 * size])
    look = {"arrowstyle": "-|>", "lw": 0.6, "color": "#555555", "mutation_scale": 4, "shrinkA": 0, "shrinkB": 0}
    for axis, name in enumerate(_AXIS_NAMES):
        arrow = 0.1 * size * view[[0, 2], axis]
        axes.annotate("", xytext=tuple(origin), xy=tuple(origin + arrow), arrowprops=look)
        tip = origin + 1.3 * arrow
        axes.text(tip[0], tip[1], name, ha="center", va="center", fontsize=5.5, color="#555555")


def _round_length(near: float) -> float:
    power = 10.0 ** np.floor(np.log10(near))
    return float(power * max(step for step in (1, 2, 5) if step * power <= near))
