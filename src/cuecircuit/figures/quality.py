"""A page for each scan (motion, tSNR, outline of the mask, carpet, design, breathing) and an overview of all scans.

The carpet (Power 2017, NeuroImage 154:150) shows every voxel's series in percent of its mean, voxels as rows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.figures.style import BLUE, DOUBLE_MM, FAINT, INK, MM_PER_INCH, SKY, VERMILLION, style

_CARPET_ROWS = 400
_CARPET_PT, _CARPET_NAME_PT = 100.0, 6.0  # height of the carpet, least, and of the names of its tissues
_NAMED_COLUMNS = 40  # of the design, side by side; beyond, columns of one kind share a name
_STEM = re.compile(r"(?:_derivative1|_power2|_?\d+)+$")
_CARPET_PERCENT = 5.0
_DOTS_PT, _NAME_PT = 100.0, 5.0  # height of the dots in a panel of the overview, and of a name beside one
_ABOVE = 1.1  # of the highest dot
_LETTERS = 70  # of the names of groups in all panels, beyond which they are turned
_LETTER_MM = 1.4
_HEADROOM = 1.15  # of the gray scale, so that the brightest tissue is no white hole
_PLANES = 8
_MARGIN = 3  # voxels around the mask, so that a registration that is off can be seen


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QualityPage:
    """What the page shows; `breath_s` and `breaths_per_min` are of each breath, empty where none was recorded.

    `tissues`: masks of groups of voxels by name, in which the carpet is sorted; voxels of none come first.
    `no_displacement`: why there is none, where there is none.
    """

    title: str
    tr_s: float
    mean: Float[Array, "x y z"]
    tsnr: Float[Array, "x y z"]
    mask: Bool[Array, "x y z"]
    series: Float[Array, "volume voxel"]
    framewise_mm: Float[Array, "step"] | None
    dvars_percent: Float[Array, "step"]
    design: Float[Array, "volume column"]
    design_names: Sequence[str]
    blocks_s: Sequence[tuple[float, float]]
    breath_s: Float[Array, "breath"]
    breaths_per_min: Float[Array, "breath"]
    no_displacement: str = "no motion parameters"
    tissues: Mapping[str, Bool[Array, "x y z"]] = field(default_factory=dict)
    directions: "DirectionsView | None" = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DirectionsView:
    """Two images of opposite phase encoding as measured and corrected, and the displacement between them.

    `agreement`: correlation over the head, before and after.
    """

    measured: tuple[Float[Array, "x y z"], Float[Array, "x y z"]]
    corrected: tuple[Float[Array, "x y z"], Float[Array, "x y z"]]
    displacement_mm: Float[Array, "i j k"]
    agreement: tuple[float, float]
    largest_mm: float


def quality_page(page: QualityPage) -> Figure:
    """Draw the page."""
    with style():
        breathed = len(page.breath_s) > 0
        pair = page.directions
        heights = [1.3, 1.3, 0.7, 0.7, *([0.7] if breathed else []), *([1.1] * 3 if pair else []), 1.6]
        size = (DOUBLE_MM / MM_PER_INCH, 30 * sum(heights) / MM_PER_INCH)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
        figure.suptitle(page.title, fontsize=8)
        _slices(figure.add_subplot(grid[0, :]), page.mean, page.mask, "mean, outline of the mask", "gray", outline=True)
        _slices(figure.add_subplot(grid[1, :]), page.tsnr, page.mask, "temporal signal-to-noise", "viridis")
        _steps(figure.add_subplot(grid[2, :]), page, page.framewise_mm, "displacement\n(mm)")
        _steps(figure.add_subplot(grid[3, :]), page, page.dvars_percent, "DVARS (%)")
        if breathed:
            breathing = figure.add_subplot(grid[4, :])
            breathing.plot(page.breath_s, page.breaths_per_min, color=BLUE, lw=0.7)
            _frame(breathing, page, "breaths/min", "")
        figure.axes[-1].set_xlabel("time (s)")
        if pair:
            _directions([figure.add_subplot(grid[row, :]) for row in (-4, -3, -2)], pair)
        _carpet(figure.add_subplot(grid[-1, 0]), page)
        _design(figure.add_subplot(grid[-1, 1]), page)
    return figure


def _frame(axes: Axes, page: QualityPage, label: str, absent: str) -> None:
    for start, stop in page.blocks_s:
        axes.axvspan(start, stop, color=SKY, alpha=0.25, lw=0)
    axes.set_xlim(0, len(page.series) * page.tr_s)
    axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
    axes.set_ylabel(label)
    if absent:
        axes.text(0.5, 0.5, absent, transform=axes.transAxes, ha="center", va="center")


def _steps(axes: Axes, page: QualityPage, steps: Array | None, label: str) -> None:
    if steps is not None:
        axes.plot(np.arange(1, len(steps) + 1) * page.tr_s, steps, color=INK, lw=0.7)
    _frame(axes, page, label, page.no_displacement if steps is None else "")


def _slices(axes: Axes, volume: Array, mask: Array, label: str, colors: str, *, outline: bool = False) -> None:
    box = tuple(slice(max(hit.min() - _MARGIN, 0), hit.max() + 1 + _MARGIN) for hit in np.nonzero(mask)[:2])
    volume, mask = volume[box], mask[box]
    planes = np.flatnonzero(mask.any(axis=(0, 1)))
    shown = min(_PLANES, len(planes))
    chosen = planes[((np.arange(shown) + 0.5) * len(planes) / shown).astype(int)]  # the outermost show little
    tiled = np.hstack([volume[:, :, plane].T for plane in chosen])
    inside = np.hstack([mask[:, :, plane].T for plane in chosen])
    values = tiled[(inside | outline) & np.isfinite(tiled)]  # a background that is brighter than the brain as well
    low, high = np.percentile(values, [1, 99]) if len(values) else (0.0, 1.0)
    shown = tiled if outline else np.where(inside, tiled, np.nan)
    top = _HEADROOM * high if outline else high
    image = axes.imshow(shown, origin="lower", cmap=colors, vmin=min(0.0, low), vmax=top, interpolation="none")
    if outline:
        axes.contour(inside, [0.5], colors=VERMILLION, linewidths=0.6)
    else:
        axes.figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01)
    axes.set_title(label)
    axes.set_axis_off()


def _directions(rows: Sequence[Axes], pair: DirectionsView) -> None:
    """Draw the difference of both directions in % of the brightest tissue, before and after, and the displacement."""
    brightest = float(np.percentile(pair.measured[0], 99))
    states = (("as measured", pair.measured), ("corrected", pair.corrected))
    for axes, (state, (one, other)), r in zip(rows[:2], states, pair.agreement, strict=True):
        title = f"difference of the two directions {state}, % of the brightest tissue (r = {r:.2f})"
        _tiles(axes, 100 * (one - other) / brightest, title, 50.0)
    title = f"displacement corrected (mm; at most {pair.largest_mm:.2g} in the head)"
    _tiles(rows[2], pair.displacement_mm, title, pair.largest_mm)


def _tiles(axes: Axes, volume: Array, title: str, limit: float) -> None:
    planes = np.linspace(0, volume.shape[2] - 1, min(10, volume.shape[2])).astype(int)[1:-1]
    tiled = np.hstack([volume[:, :, plane].T for plane in planes])
    image = axes.imshow(tiled, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="none")
    axes.figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01)
    axes.set_title(title)
    axes.set_axis_off()


def _carpet(axes: Axes, page: QualityPage) -> None:
    groups = _carpet_groups(page)
    rows = [voxels for _, voxels in groups]
    some = page.series[:, np.concatenate(rows)].astype(float)
    mean = some.mean(axis=0)
    percent = np.where(mean > 0, 100 * (some / np.where(mean > 0, mean, 1) - 1), np.nan)  # a scan of nothing is empty
    image = axes.imshow(
        percent.T,
        aspect="auto",
        cmap="gray",
        vmin=-_CARPET_PERCENT,
        vmax=_CARPET_PERCENT,
        extent=(0, len(percent) * page.tr_s, percent.shape[1], 0),
        interpolation="none",
    )
    axes.figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02, label="%")
    edges = np.cumsum([0, *map(len, rows)])
    for edge in edges[1:-1]:
        axes.axhline(edge, color=VERMILLION, lw=0.8)
    _name_groups(axes, edges, [name for name, _ in groups])
    axes.set_title("carpet, percent of the mean of each voxel")
    axes.set_xlabel("time (s)")


def _name_groups(axes: Axes, edges: Int[Array, "edge"], names: Sequence[str]) -> None:
    """Write the name of each group beside its rows; names of narrow groups are moved apart and point at theirs."""
    places = 1 - (edges[1:] + edges[:-1]) / 2 / edges[-1]
    heights = _apart(places * _CARPET_PT, least=_CARPET_NAME_PT + 2) / _CARPET_PT
    axes.set_yticks([])
    for name, place, height in zip(names, places, heights, strict=True):
        axes.annotate(
            name,
            (0, place),
            (-0.04, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            ha="right",
            va="center",
            fontsize=_CARPET_NAME_PT,
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": INK, "shrinkA": 0, "shrinkB": 0},
        )


def _carpet_groups(page: QualityPage) -> list[tuple[str, Int[Array, "row"]]]:
    """Return some voxels of each tissue, in proportion to its size; the rest of the mask comes first."""
    tissue = np.zeros(int(page.mask.sum()), int)
    for number, mask in enumerate(page.tissues.values(), start=1):
        tissue[mask[page.mask]] = number
    names = ["other voxels" if page.tissues else "voxels", *(name.replace("_", " ") for name in page.tissues)]
    places = np.arange(len(tissue))[:: max(len(tissue) // _CARPET_ROWS, 1)]
    groups = [(name, places[tissue[places] == number]) for number, name in enumerate(names)]
    return [(name, rows) for name, rows in groups if len(rows)]


def _design(axes: Axes, page: QualityPage) -> None:
    varies = page.design.std(axis=0) > 1e-9 * np.abs(page.design).max(axis=0)
    centered = page.design - np.where(varies, page.design.mean(axis=0), 0)
    span = np.abs(centered).max(axis=0)
    shown = centered / np.where(span > 0, span, 1)
    axes.imshow(shown, aspect="auto", cmap="gray", vmin=-1, vmax=1, interpolation="none")
    axes.spines[:].set_visible(True)  # the constant is white
    axes.set_title("design and nuisance, each column centered and scaled")
    axes.set_ylabel("volume")
    stems = [_STEM.sub("", name) for name in page.design_names]
    starts = [0, *(place for place, (one, other) in enumerate(pairwise(stems), 1) if one != other)]
    if len(stems) <= _NAMED_COLUMNS:
        starts = list(range(len(stems)))
    ends = [*starts[1:], len(stems)]
    names = [
        page.design_names[start] if end - start == 1 else f"{stems[start]} ({end - start})"
        for start, end in zip(starts, ends, strict=True)
    ]
    axes.set_xticks([(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)], names)
    axes.tick_params(axis="x", rotation=90, labelsize=5 if len(names) <= _NAMED_COLUMNS else 3.5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanMeasure:
    """One number of every scan, with its label, and which scans stand out by it."""

    label: str
    values: Float[Array, "scan"]
    stands_out: Bool[Array, "scan"]


def quality_overview(
    names: Sequence[str], groups: Mapping[str, Sequence[int]], measures: Sequence[ScanMeasure]
) -> Figure:
    """Draw one panel for each measure that has a number: a dot for each scan, those that stand out named.

    Args:
        names: of the scans.
        groups: name to the scans in it, by number.
        measures: what to draw.
    """
    shown = [each for each in measures if np.isfinite(each.values).any()]
    turned = sum(map(len, groups)) * len(shown) > _LETTERS
    below_mm = _LETTER_MM * max(map(len, groups), default=0) if turned else 0.0
    with style():
        figure = Figure(figsize=(DOUBLE_MM / MM_PER_INCH, (55 + below_mm) / MM_PER_INCH), layout="constrained")
        for number, measure in enumerate(shown, 1):
            axes = figure.add_subplot(1, max(len(shown), 1), number)
            axes.axhline(float(np.nanmedian(measure.values)), color=FAINT, lw=0.7, ls=":")
            top = _ABOVE * (float(np.nanmax(measure.values)) or 1.0)
            out: list[tuple[float, float, str]] = []
            for place, scans in enumerate(groups.values()):
                where = place + np.linspace(-0.3, 0.3, len(scans)) if len(scans) > 1 else np.array([place])
                far = measure.stands_out[list(scans)]
                axes.plot(where[~far], measure.values[list(scans)][~far], "o", color=BLUE, ms=2.5)
                out += [
                    (at, measure.values[scan], names[scan])
                    for at, scan in zip(where, scans, strict=True)
                    if measure.stands_out[scan]
                ]
            _name_dots(axes, out, top)
            axes.set_xticks(range(len(groups)), list(groups))
            axes.tick_params(axis="x", rotation=90 if turned else 0)
            axes.margins(x=0.15)
            axes.set_ylim(0, top)
            axes.set_title(fill(measure.label, _LETTERS // len(shown)))
    return figure


def _name_dots(axes: Axes, dots: Sequence[tuple[float, float, str]], top: float) -> None:
    """Draw dots (place, value, name) of scans that stand out; their names stand in a column beside the panel."""
    axes.plot([at for at, _, _ in dots], [value for _, value, _ in dots], "D", color=VERMILLION, ms=3.5)
    dots = sorted(dots, key=lambda dot: dot[1])
    line_pt = min(_NAME_PT + 1, _DOTS_PT / max(len(dots), 1))
    heights = _apart(np.array([_DOTS_PT * value / top for _, value, _ in dots]), least=line_pt)
    heights -= max(heights.max(initial=0.0) - _DOTS_PT, 0.0)
    for (at, value, name), height in zip(dots, heights, strict=True):
        axes.annotate(
            name,
            (at, value),
            (1.05, height / _DOTS_PT),
            textcoords="axes fraction",
            va="center",
            fontsize=min(_NAME_PT, line_pt),
            arrowprops={"arrowstyle": "-", "lw": 0.3, "color": FAINT, "shrinkA": 0, "shrinkB": 0},
        )


def _apart(heights: Float[Array, "name"], *, least: float) -> Float[Array, "name"]:
    """Raise heights as little as keeps each `least` above the one below it."""
    raised = heights.copy()
    for below, above in pairwise(np.argsort(heights, kind="stable")):
        raised[above] = max(raised[above], raised[below] + least)
    return raised
