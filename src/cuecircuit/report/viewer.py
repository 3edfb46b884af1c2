"""The numbers behind the interactive brain of the page: volumes, places and dots as one JSON text.

All volumes lie on the voxels of the tested maps, turned to RAS (x to the right, y to the front, z up; NIfTI) and
cut to the brain, in C order, as little-endian numbers compressed by zlib and written in base64. Of the brain:

    anatomy uint8   background, 0 to 255 between its 0.5 and 99.5 percentile in the brain
    region  uint16  label of the atlas region, 0 in none
    tested  uint8   1 in the mask

Of each test, in steps that the JSON names (a statistic of .01, an effect of a hundredth of its standard deviation,
larger where a peak would leave 16 bits):

    statistic int16   t with its sign, or F; 0 where not tested
    effect    int16   in the unit of the maps; only of tests with one degree of freedom
    logp      uint16  -log10 of the uncorrected p in hundredths; only where df2 differs from voxel to voxel
    corrected uint16  corrected p in thousandths; only where the test was corrected
    cluster   uint16  label of the cluster, 0 in none
    survives  uint8   1 where the corrected p is at most the level
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.figures.cells import swarm
from cuecircuit.figures.style import color_of
from cuecircuit.records.grid import Grid

# dots nearer than this share of the range stand side by side, as in the figures of cells
_NEAR = 0.045
# voxels kept around the brain
_MARGIN = 2
MOST_BYTES = 700_000
"""Of all tests together, as they stand in the page: further tests are in the files alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewedTest:
    """One test of the maps; volumes on the grid of the brain, None where the results have none.

    `id` is how rows of tables refer to it, `kind` the statistic with its degrees of freedom.
    `statistic` is t, with its sign, or F; `df2` is None where it differs from voxel to voxel, and `p` is then given.
    `height` is what the slider starts at.
    """

    id: str
    name: str
    kind: str
    df1: float
    df2: float | None
    height: float
    statistic: Float[Array, "x y z"]
    effect: Float[Array, "x y z"] | None = None
    positive: str = ""
    p: Float[Array, "x y z"] | None = None
    corrected: Float[Array, "x y z"] | None = None
    clusters: Int[Array, "x y z"] | None = None
    alpha: float = 0.05

    @property
    def survivors(self) -> Bool[Array, "x y z"]:
        """Voxels whose corrected p is at most the level; none of a test that was not corrected."""
        return np.zeros(self.statistic.shape, bool) if self.corrected is None else self.corrected <= self.alpha


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Brain:
    """What is the same for all tests, on `grid`; `anatomy` may lie on `anatomy_grid`; no `regions` without an atlas."""

    grid: Grid
    anatomy: Float[Array, "i j k"]
    anatomy_grid: Grid
    mask: Bool[Array, "x y z"]
    regions: Int[Array, "x y z"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionDots:
    """A region's response in each subject and cue, the groups of the subjects, and what was averaged."""

    name: str
    label: int
    extent: str
    responses: Float[Array, "subject cue"]
    groups: tuple[str, ...]


def viewer_json(
    brain: Brain,
    tests: Sequence[ViewedTest],
    dots: Sequence[RegionDots],
    *,
    levels: Sequence[str],
    cues: Sequence[str],
    unit: str,
    reference: str,
) -> str:
    """Write everything the viewer needs as JSON; the same input gives the same text.

    Args:
        brain: the anatomy under the maps.
        tests: the first is shown first; those after the limit of bytes are named and left out.
        dots: one for each region of the atlas.
        levels: the groups in order.
        cues: the cues in order.
        unit: of the effects and responses, such as "% BOLD".
        reference: origin of the mm.
    """
    turned = _Turn.of(brain)
    mask = turned.volume(brain.mask)
    regions = np.zeros(mask.shape, int) if brain.regions is None else turned.volume(brain.regions)
    anatomy = _sampled(brain.anatomy, brain.anatomy_grid, turned.grid)
    low, high = np.percentile(anatomy[mask], [0.5, 99.5])
    gray = np.clip((anatomy - low) / max(high - low, 1e-12), 0, 1) * 255
    first = turned.test(tests[0], mask)
    kept, left_out = _within(MOST_BYTES, [_packed_test(turned.test(test, mask)) for test in tests], tests)
    content = {
        "shape": list(mask.shape),
        "affine": [[round(float(x), 6) for x in row] for row in turned.grid.affine],
        "reference": reference,
        "unit": unit,
        "start": _place(first, mask, mask),
        "volumes": {
            "anatomy": _packed(np.rint(gray), "<u1"),
            "region": _packed(regions, "<u2"),
            "tested": _packed(mask, "<u1"),
        },
        "tests": kept,
        "leftOut": left_out,
        "groups": [{"name": level, "color": color_of(level, list(levels))} for level in levels],
        "cues": list(cues),
        "regions": [_region(each, first, mask, regions, levels) for each in dots],
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def script_safe(text: str) -> str:
    """Escape JSON so that nothing in it can end the script element it stands in."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028")


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """How volumes come to RAS, cut to the brain."""

    orientation: Array
    corner: Array
    end: Array
    grid: Grid

    @classmethod
    def of(cls, brain: Brain) -> "_Turn":
        turn = nib.orientations.io_orientation(brain.grid.affine)
        affine = brain.grid.affine @ nib.orientations.inv_ornt_aff(turn, brain.grid.shape)
        mask = nib.orientations.apply_orientation(brain.mask, turn)
        voxels = np.argwhere(mask)
        corner = np.maximum(voxels.min(axis=0) - _MARGIN, 0)
        end = np.minimum(voxels.max(axis=0) + _MARGIN + 1, mask.shape)
        affine[:3, 3] += affine[:3, :3] @ corner
        i, j, k = (int(n) for n in end - corner)
        return cls(turn, corner, end, Grid(shape=(i, j, k), affine=affine))

    def volume(self, volume: Array) -> Array:
        turned = nib.orientations.apply_orientation(volume, self.orientation)
        box = tuple(slice(a, b) for a, b in zip(self.corner, self.end, strict=True))
        return np.ascontiguousarray(turned[box])

    def test(self, test: ViewedTest, mask: Bool[Array, "x y z"]) -> ViewedTest:
        """Turn the volumes of a test; what is not tested is 0, and its p 1."""

        def inside(volume: Array | None, outside: float = 0.0) -> Array | None:
            if volume is None:
                return None
            turned = self.volume(volume)
            return np.where(mask & np.isfinite(turned), turned, outside)

        statistic, clusters = inside(test.statistic), inside(test.clusters)
        assert statistic is not None
        return replace(
            test,
            statistic=statistic,
            effect=inside(test.effect),
            p=inside(test.p, 1.0),
            corrected=inside(test.corrected, 1.0),
            clusters=None if clusters is None else clusters.astype(int),
        )


def _sampled(volume: Float[Array, "i j k"], source: Grid, grid: Grid) -> Float[Array, "x y z"]:
    at = grid.mm(np.indices(grid.shape).reshape(3, -1).T.astype(float))
    inverse = np.linalg.inv(source.affine)
    voxels = inverse[:3, :3] @ at.T + inverse[:3, 3:]
    return ndimage.map_coordinates(np.nan_to_num(volume.astype(float)), voxels, order=1).reshape(grid.shape)


def _packed(volume: Array, kind: str) -> str:
    return base64.b64encode(zlib.compress(volume.astype(kind).tobytes(), 9)).decode("ascii")


def _packed_test(test: ViewedTest) -> dict[str, Any]:
    steps = {"statistic": _step(test.statistic, 0.01)}
    volumes = {"statistic": _packed(np.rint(test.statistic / steps["statistic"]), "<i2")}
    if test.effect is not None:
        steps["effect"] = _step(
            test.effect, 0.01 * float(test.effect[test.effect != 0].std() if test.effect.any() else 1)
        )
        volumes["effect"] = _packed(np.rint(test.effect / steps["effect"]), "<i2")
    if test.df2 is None and test.p is not None:
        volumes["logp"] = _packed(np.rint(np.clip(-np.log10(np.maximum(test.p, 1e-300)), 0, 300) * 100), "<u2")
    if test.corrected is not None:
        volumes["corrected"] = _packed(np.rint(test.corrected * 1000), "<u2")
        volumes["survives"] = _packed(test.survivors, "<u1")
    if test.clusters is not None:
        volumes["cluster"] = _packed(test.clusters, "<u2")
    return {
        "id": test.id,
        "name": test.name,
        "kind": test.kind,
        "df1": test.df1,
        "df2": test.df2,
        "height": round(test.height, 4),
        "alpha": test.alpha,
        "positive": test.positive,
        "steps": steps,
        "volumes": volumes,
    }


def _step(volume: Float[Array, "x y z"], fine: float) -> float:
    """Return the step of a volume in 16 bits: the fine one where the largest value allows it."""
    return float(f"{max(fine, float(np.abs(volume).max()) / 32000, 1e-12):.3g}")


def _within(
    most: int, packed: Sequence[dict[str, Any]], tests: Sequence[ViewedTest]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Keep the first test, then those where something survives, then the others while they fit; in the order given."""
    order = sorted(range(len(tests)), key=lambda i: (i > 0, not tests[i].survivors.any(), i))
    kept, left = set(order[:1]), most - _bytes(packed[order[0]])
    for i in order[1:]:
        if (size := _bytes(packed[i])) <= left:
            kept.add(i)
            left -= size
    return [one for i, one in enumerate(packed) if i in kept], [t.name for i, t in enumerate(tests) if i not in kept]


def _bytes(packed: Mapping[str, Any]) -> int:
    return sum(len(text) for text in packed["volumes"].values())


def _place(test: ViewedTest, mask: Bool[Array, "x y z"], inside: Bool[Array, "x y z"]) -> list[int]:
    """Return the voxel with the largest statistic, among those that survive if any of them do."""
    chosen = inside & mask
    for narrower in (chosen & test.survivors, chosen, inside):
        if narrower.any():
            largest = np.where(narrower, np.abs(test.statistic), -1).argmax()
            return [int(i) for i in np.unravel_index(largest, inside.shape)]
    return [edge // 2 for edge in inside.shape]


def _region(
    dots: RegionDots, first: ViewedTest, mask: Bool[Array, "x y z"], regions: Int[Array, "x y z"], levels: Sequence[str]
) -> dict[str, Any]:
    finite = dots.responses[np.isfinite(dots.responses)]
    near = float(np.ptp(finite)) * _NEAR if finite.size else 1.0
    groups = np.asarray(dots.groups)
    columns = list(dots.responses.T)
    cells = [_cell(column[groups == level], near) for level in levels for column in columns]
    place = _place(first, mask, regions == dots.label)
    return {"name": dots.name, "label": dots.label, "extent": dots.extent, "at": place, "cells": cells}


def _cell(values: Float[Array, "subject"], near: float) -> Mapping[str, Any]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return {"values": [], "beside": [], "mean": None, "sem": None}
    sem = float(finite.std(ddof=1) / np.sqrt(finite.size)) if finite.size > 1 else None
    return {
        "values": [round(float(x), 6) for x in finite],
        "beside": [round(float(x), 4) for x in swarm(finite, near=near)],
        "mean": round(float(finite.mean()), 6),
        "sem": None if sem is None else round(sem, 6),
    }
