"""Fig. 1C: a statistical map over coronal anatomical slices with mm under each, what is significant outlined.

The rest of the map is not hidden: its opacity falls with the square of the statistic (Taylor et al. 2023, "Highlight
results, don't hide them"). The map is upsampled for display only (cubic spline); which pixels are opaque and outlined
is decided by the significant voxels alone, brought to the same pixels. Left is drawn on the left and marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from textwrap import fill

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from scipy import ndimage

from cuecircuit.arrays import Array, Bool, Float, Shaped, UInt8
from cuecircuit.figures.numbers import number
from cuecircuit.figures.planes import Planes, choose_slices, coronal_step_mm, cut, frame
from cuecircuit.figures.saving import DPI
from cuecircuit.figures.style import DOUBLE_MM, INK, LETTERS_PER_MM, MM_PER_INCH, sheet, style
from cuecircuit.records.grid import Grid

# part of its cell that a slice fills
_FILLED = 0.94
_BAR_MM, _CAPTION_MM, _FOOT_MM = 15.0, 5.0, 3.5
# line over each of two maps; a single one is named over its color bar
_HEAD_MM = 4.5
_FAINT = 0.75  # opacity of a voxel that reaches the height and does not survive


def slices_figure(
    statistic: Float[Array, "x y z"],
    significant: Bool[Array, "x y z"],
    brain: Bool[Array, "x y z"],
    grid: Grid,
    *,
    anatomy: Float[Array, "i j k"],
    anatomy_grid: Grid,
    label: str,
    height: float,
    effect: Float[Array, "x y z"] | None = None,
    effect_label: str = "",
    reference: str = "bregma",
    positions_mm: Sequence[float] = (),
    most: int = 12,
    columns: int = 6,
    width_mm: float = DOUBLE_MM,
) -> Figure:
    """Draw the map over slices that hold significant voxels, the peak of every cluster among them.

    An effect is drawn under it on the same slices: colored by its size around 0, fading as the statistic does.

    Args:
        statistic: F, t or z of each voxel; two colors where significant voxels have both signs.
        significant: voxels of clusters that survive the correction.
        brain: voxels that were tested; the slices are cut out along its edge.
        grid: of the three volumes above, any order and direction of axes.
        anatomy: background, any unit.
        anatomy_grid: of the background; may differ from `grid`.
        label: of the color bar, such as "F(1, 18)".
        height: size of the statistic below which the map fades, such as that which forms clusters.
        effect: of each voxel, in the unit of the maps.
        effect_label: what stands over it, with direction and unit.
        reference: origin of the mm coordinates.
        positions_mm: y of the slices to draw in place of those.
        most: draw at most so many slices, evenly spread; more where peaks need them.
        columns: slices in a row.
        width_mm: width of the figure; fewer slices than fill half a row leave it narrower.
    """
    any_survives = bool(significant.any())
    shown = significant if any_survives else brain
    chosen = choose_slices(shown, grid, most=most, peaks_of=statistic if any_survives else None)
    y = np.asarray(positions_mm, float) if positions_mm else chosen
    across = min(columns, len(y))
    width_mm = _BAR_MM + (width_mm - _BAR_MM) * min(1.0, 2 * across / columns)
    cell_mm = (width_mm - _BAR_MM) / across
    planes = frame(brain, grid, y, pixels_across=round(_FILLED * cell_mm / MM_PER_INCH * DPI))
    # the edge of the brain is rounded for the eye; it decides nothing
    inside = cut(ndimage.gaussian_filter(brain.astype(float), 0.7), grid, planes, order=3) >= 0.5
    surviving = np.where(inside, cut(significant.astype(float), grid, planes, order=3), 0.0)
    values = cut(np.where(brain, statistic, 0.0), grid, planes, order=3)
    faint = inside * _FAINT * np.minimum(np.abs(values) / height, 1.0) ** 2
    gray = _gray(cut(anatomy, anatomy_grid, planes, order=1), inside)
    scale = color_scale(statistic[shown], signed=bool((statistic[brain] < 0).any()))
    blocks = [_Block(values=values, scale=scale, label=label, named=bool(np.any(statistic[shown])))]
    if effect is not None:
        sizes, scale = cut(np.where(brain, effect, 0.0), grid, planes, order=3), color_scale(effect[shown], signed=True)
        blocks.append(_Block(values=sizes, scale=scale, label=effect_label, named=bool(np.any(effect[shown]))))
    opacity = np.where(surviving >= 0.5, 1.0, faint)
    place = _Montage(planes=planes, columns=across, cell_mm=cell_mm)
    with style():
        heads = [fill(block.label, int(LETTERS_PER_MM * width_mm)) for block in blocks] if len(blocks) > 1 else []
        figure, panels, bars = _panels(place, width_mm=width_mm, heads=heads)
        for block, axes, bar in zip(blocks, panels, bars, strict=True):
            place.show(axes, block.painted(opacity, gray, inside))
            if any_survives:
                place.outline(axes, surviving)
            place.label(axes, step=coronal_step_mm(grid))
            block.draw_bar(figure, bar, titled=len(blocks) == 1)
        figure.supxlabel(
            f"mm from {reference}" + ("" if any_survives else "; no cluster survives the correction"),
            x=(1 - _BAR_MM / width_mm) / 2,
            y=0.0,
        )
    return figure


def _gray(anatomy: Float[Array, "plane z x"], inside: Bool[Array, "plane z x"]) -> Float[Array, "plane z x"]:
    low, high = np.percentile(anatomy[inside], [0.5, 99.5]) if inside.any() else (0.0, 1.0)
    return np.asarray(Normalize(low, high, clip=True)(anatomy))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """One quantity on all slices; `named`: there is something for a color bar to name."""

    values: Float[Array, "plane z x"]
    scale: tuple[Colormap, Normalize]
    label: str
    named: bool

    def painted(
        self, opacity: Float[Array, "plane z x"], gray: Float[Array, "plane z x"], inside: Bool[Array, "plane z x"]
    ) -> UInt8[Array, "plane z x 4"]:
        """Lay the colors of the values over the anatomy; nothing is painted outside the brain."""
        colors, norm = self.scale
        mixed = opacity[..., None] * colors(norm(self.values))[..., :3] + ((1 - opacity) * gray)[..., None]
        return np.rint(255 * np.concatenate([mixed, inside[..., None]], axis=-1)).astype(np.uint8)

    def draw_bar(self, figure: Figure, place: Axes, *, titled: bool) -> None:
        if not self.named:
            place.remove()
            return
        colors, norm = self.scale
        drawn = figure.colorbar(ScalarMappable(norm, colors), cax=place)
        place.set_title(self.label if titled else "", pad=4)
        drawn.outline.set_linewidth(0.4)  # pyright: ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class _Montage:
    """All slices of a block as one picture, some in a row, each above its caption; its axes are in mm of the brain."""

    planes: Planes
    columns: int
    cell_mm: float

    @property
    def rows(self) -> int:
        return ceil(len(self.planes.y) / self.columns)

    @property
    def slice_mm(self) -> float:
        """Height of a row on paper without its caption, a little of it empty."""
        left, right, bottom, top = self.planes.extent
        return self.cell_mm * (top - bottom) / (right - left)

    @property
    def tall_mm(self) -> float:
        """Height on paper."""
        return self.rows * (self.slice_mm + _CAPTION_MM)

    @property
    def _pixels_per_mm(self) -> float:
        return len(self.planes.x) / (_FILLED * self.cell_mm)

    def _corner(self, index: int) -> tuple[int, int]:
        """Return the first pixel of a slice, from the left and from below."""
        row, column = divmod(index, self.columns)
        below = (self.rows - row) * (self.slice_mm + _CAPTION_MM) - self.slice_mm
        return round(column * self.cell_mm * self._pixels_per_mm), round(below * self._pixels_per_mm)

    def _together(self, slices: Shaped[Array, "plane z x *color"]) -> Shaped[Array, "row column *color"]:
        tall, wide = (round(mm * self._pixels_per_mm) for mm in (self.tall_mm, self.columns * self.cell_mm))
        picture = np.zeros((tall, wide, *slices.shape[3:]), slices.dtype)
        for index, one in enumerate(slices):
            x, z = self._corner(index)
            picture[z : z + one.shape[0], x : x + one.shape[1]] = one
        return picture

    def show(self, axes: Axes, painted: UInt8[Array, "plane z x 4"]) -> None:
        picture = self._together(painted)
        right, top = (n * self.planes.pixel_mm for n in picture.shape[1::-1])
        axes.imshow(picture, extent=(0, right, 0, top), origin="lower", aspect="auto", interpolation="none")

    def outline(self, axes: Axes, surviving: Float[Array, "plane z x"]) -> None:
        picture = self._together(surviving)[::2, ::2]  # every other pixel: half the bytes
        x, z = (self.planes.pixel_mm * (0.5 + 2 * np.arange(n)) for n in (picture.shape[1], picture.shape[0]))
        axes.contour(x, z, picture, levels=[0.5], colors=[INK], linewidths=0.6)

    def label(self, axes: Axes, *, step: float) -> None:
        """Write the place of every slice under it, and its sides into the first."""
        pixel, n_x, n_z = self.planes.pixel_mm, len(self.planes.x), len(self.planes.z)
        for index, y in enumerate(self.planes.y):
            x, z = self._corner(index)
            middle, below = ((x + n_x / 2) * pixel, z * pixel), (0, -2)
            size = matplotlib.rcParams["axes.labelsize"]
            text = slice_place(float(y), step)
            axes.annotate(text, middle, below, textcoords="offset points", ha="center", va="top", size=size)
        x, z = self._corner(0)
        for part, side, align in ((0.03, "L", "left"), (0.97, "R", "right")):
            place = (x + part * n_x) * pixel, (z + 0.98 * n_z) * pixel
            axes.text(*place, side, ha=align, va="top", fontweight="bold")


def _panels(place: _Montage, *, width_mm: float, heads: Sequence[str]) -> tuple[Figure, list[Axes], list[Axes]]:
    """Return the axes of each block of slices, one under another below their heads, and those of each color bar.

    Without a head there is one block, and its color bar is in the middle.
    """
    # placed by hand: the layout engine cannot keep slices of equal scale, labels and bar together
    head = _HEAD_MM * max((name.count("\n") + 1 for name in heads), default=0)
    block_tall = head + place.tall_mm
    height = max(len(heads), 1) * block_tall + _FOOT_MM
    figure = sheet(width_mm, height)
    figure.set_layout_engine("none")
    panels, bars = [], []
    bar_tall = min(0.6 * (block_tall + (0 if heads else _FOOT_MM)), 30.0)
    for block, name in enumerate(heads or [""]):
        ceiling = height - block * block_tall
        figure.text(0.5 / width_mm, (ceiling - 0.5) / height, name, va="top", fontsize="medium")
        floor = ceiling - block_tall
        panels.append(figure.add_axes((0, floor / height, 1 - _BAR_MM / width_mm, place.tall_mm / height)))
        panels[-1].set_axis_off()
        middle = floor + (place.tall_mm + _CAPTION_MM) / 2 if heads else height / 2
        bars.append(
            ((width_mm - _BAR_MM + 2) / width_mm, (middle - bar_tall / 2) / height, 2.2 / width_mm, bar_tall / height)
        )
    return figure, panels, [figure.add_axes(bar) for bar in bars]


def slice_place(y: float, step: float) -> str:
    """Print the place of a coronal slice (mm), as finely as slices are apart."""
    digits = 0 if abs(step - round(step)) < 1e-3 and abs(y - round(y)) < 1e-3 else 2 if step < 1 else 1
    return ("+" if round(y, digits) > 0 else "") + number(y, digits)


def color_scale(values: Float[Array, "voxel"], *, signed: bool = False) -> tuple[Colormap, Normalize]:
    """Return the colors of a statistic and their range: warm above 0, cold below, both where it has both signs.

    Args:
        values: that are shown.
        signed: whether others, which only shine through, have the other sign.
    """
    warm = matplotlib.colormaps["inferno"](np.linspace(0.45, 0.97, 128))
    if not len(values) or (not signed and (values.min() >= 0 or values.max() <= 0)):
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        one = _cold() if high <= 0 and len(values) else warm
        return LinearSegmentedColormap.from_list("one-signed", one), Normalize(low, high if high > low else low + 1)
    reach = float(np.abs(values).max()) or 1.0
    return LinearSegmentedColormap.from_list("two-signed", np.vstack([_cold(), warm])), Normalize(-reach, reach)


def _cold() -> Float[Array, "color 4"]:
    # ends in ice blue, where the warm colors end in yellow: the signs differ at both ends
    blues = LinearSegmentedColormap.from_list("cold", ["#d8f6ff", "#45b4ee", "#17479e"])
    return np.asarray(blues(np.linspace(0, 1, 128)))
