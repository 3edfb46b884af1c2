"""One map under several corrections: a row of coronal slices for each, with what survives it painted.

All rows have the same slices and the same color scale, so that only the correction differs from row to row.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.figures.numbers import short
from cuecircuit.figures.planes import Planes, choose_slices, coronal_step_mm, cut, frame
from cuecircuit.figures.slices import color_scale, slice_place
from cuecircuit.figures.style import DOUBLE_MM, sheet, style
from cuecircuit.records.grid import Grid

# six slices share the width that is left beside the names
_PIXELS_ACROSS = 160
_NAME_MM, _BAR_MM, _CAPTION_MM, _FOOT_MM, _GAP = 31.0, 15.0, 4.0, 3.5, 0.94


def corrections_figure(
    statistic: Float[Array, "x y z"],
    survivors: Mapping[str, Bool[Array, "x y z"]],
    brain: Bool[Array, "x y z"],
    grid: Grid,
    *,
    anatomy: Float[Array, "i j k"],
    anatomy_grid: Grid,
    label: str,
    reference: str = "bregma",
    most: int = 6,
) -> Figure:
    """Draw which voxels survive each correction.

    Args:
        statistic: F, t or z of each voxel.
        survivors: by the name of the correction, in the order of the rows; at least one.
        brain: voxels that were tested.
        grid: of the volumes above.
        anatomy: background, any unit.
        anatomy_grid: of the background; may differ from `grid`.
        label: of the color bar, such as "F(1, 18)".
        reference: origin of the mm coordinates.
        most: draw at most so many slices of those where anything survives; more where peaks need them.
    """
    anywhere = np.any(list(survivors.values()), axis=0)
    any_survives = bool(anywhere.any())
    y = choose_slices(
        anywhere if any_survives else brain, grid, most=most, peaks_of=statistic if any_survives else None
    )
    planes = frame(brain, grid, y, pixels_across=_PIXELS_ACROSS)
    inside = cut(brain.astype(float), grid, planes, order=1) >= 0.5
    background = np.ma.masked_where(~inside, cut(anatomy, anatomy_grid, planes, order=1))
    # each pixel shows the voxel it lies in: what is compared is which voxels survive
    height = cut(statistic, grid, planes, order=0)
    colors, scale = color_scale(statistic[anywhere])
    grays = Normalize(*np.percentile(background.compressed(), [0.5, 99.5]))
    with style():
        figure, rows, bar = _panels(planes, rows=len(survivors), most=most, width_mm=DOUBLE_MM)
        for row, (name, kept) in zip(rows, survivors.items(), strict=True):
            painted = np.ma.masked_where(cut(kept.astype(float), grid, planes, order=0) < 0.5, height)
            for index, axes in enumerate(row):
                axes.imshow(background[index], cmap="gray", norm=grays, extent=planes.extent, origin="lower")
                axes.imshow(painted[index], cmap=colors, norm=scale, extent=planes.extent, origin="lower")
                if row is rows[-1]:
                    axes.set_xlabel(slice_place(float(y[index]), coronal_step_mm(grid)), labelpad=2)
            _name(row[0], name, int(kept.sum()))
        figure.supxlabel(f"mm from {reference}", x=0.5, y=0.0)
        if any_survives:
            figure.colorbar(ScalarMappable(scale, colors), cax=bar).outline.set_linewidth(0.4)  # pyright: ignore
            bar.set_title(label, pad=4)
        else:
            bar.remove()
    return figure


def _panels(planes: Planes, *, rows: int, most: int, width_mm: float) -> tuple[Figure, list[list[Axes]], Axes]:
    left, right, bottom, top = planes.extent
    wide = (width_mm - _NAME_MM - _BAR_MM) / max(len(planes.y), most)
    tall = wide * (top - bottom) / (right - left)
    floor = _FOOT_MM + _CAPTION_MM
    height = floor + rows * tall
    figure = sheet(width_mm, height)
    figure.set_layout_engine("none")
    grid = [
        [
            figure.add_axes(
                (
                    (_NAME_MM + column * wide) / width_mm,
                    (floor + (rows - row - 1) * tall) / height,
                    wide * _GAP / width_mm,
                    tall * _GAP / height,
                ),
                frameon=False,
                xticks=[],
                yticks=[],
            )
            for column in range(len(planes.y))
        ]
        for row in range(rows)
    ]
    bar_tall = min(0.6, 30.0 / height)
    bar = figure.add_axes(((width_mm - _BAR_MM + 2) / width_mm, 0.5 - bar_tall / 2, 2.2 / width_mm, bar_tall))
    return figure, grid, bar


def _name(axes: Axes, name: str, voxels: int) -> None:
    figure = axes.get_figure()
    assert figure is not None
    at = blended_transform_factory(figure.transFigure, axes.transAxes)  # pyright: ignore
    count = f"{short(voxels)} voxel{'s' * (voxels != 1)}"
    axes.text(0.005, 0.58, name, transform=at, va="center", fontweight="bold")
    axes.text(0.005, 0.36, count, transform=at, va="center")
