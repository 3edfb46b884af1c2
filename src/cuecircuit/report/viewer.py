"""The numbers behind the interactive brain of the page: volumes, places and dots as one JSON text.

All volumes lie on the voxels of the tested map, turned to RAS (x to the right, y to the front, z up; NIfTI) and
cut to the brain, in C order, as little-endian numbers compressed by zlib and written in base64:

    anatomy uint8     background, 0 to 255 between its 0.5 and 99.5 percentile in the brain
    statistic float32 F of each voxel, 0 where not tested
    cluster uint16    label of the cluster, 0 in none
    region uint16     label of the atlas region, 0 in none
    flags uint8       1: tested; 2: survives the correction
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.figures.cells import swarm
from cuecircuit.figures.style import color_of
from cuecircuit.records.grid import Grid

_TESTED, _SURVIVES = 1, 2
# dots nearer than this share of the range stand side by side, as in figure 2B
_NEAR = 0.045
# voxels kept around the brain
_MARGIN = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BrainVolumes:
    """What the viewer shows, all on `grid`; `anatomy` may lie on `anatomy_grid`."""

    grid: Grid
    anatomy: Float[Array, "i j k"]
    anatomy_grid: Grid
    statistic: Float[Array, "x y z"]
    mask: Bool[Array, "x y z"]
    survives: Bool[Array, "x y z"]
    clusters: Int[Array, "x y z"]
    regions: Int[Array, "x y z"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionDots:
    """A region's response (percent) in each subject and cue, the groups of the subjects, and what was averaged."""

    name: str
    label: int
    extent: str
    responses: Float[Array, "subject cue"]
    groups: tuple[str, ...]


def viewer_json(
    volumes: BrainVolumes,
    dots: Sequence[RegionDots],
    *,
    levels: Sequence[str],
    cues: Sequence[str],
    statistic: str,
    threshold: float,
    reference: str,
) -> str:
    """Write everything the viewer needs as JSON; the same input gives the same text.

    Args:
        volumes: on one grid.
        dots: one for each region of the atlas.
        levels: the groups in order.
        cues: the cues in order.
        statistic: name of the statistic, such as "F(1, 18)".
        threshold: of the statistic at the cluster-forming p; where the slider starts.
        reference: origin of the mm.
    """
    canonical = _turned(volumes)
    content = {
        "shape": list(canonical.grid.shape),
        "affine": [[round(float(x), 6) for x in row] for row in canonical.grid.affine],
        "reference": reference,
        "statistic": statistic,
        "threshold": round(float(threshold), 4),
        "largest": round(float(np.nanmax(np.where(volumes.mask, volumes.statistic, 0.0))), 4),
        "start": _place(canonical, canonical.mask),
        "volumes": _packed(canonical),
        "groups": [{"name": level, "color": color_of(level, list(levels))} for level in levels],
        "cues": list(cues),
        "regions": [_region(each, canonical, levels) for each in dots],
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def script_safe(text: str) -> str:
    """Escape JSON so that nothing in it can end the script element it stands in."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028")


def _turned(volumes: BrainVolumes) -> BrainVolumes:
    """Turn all volumes to RAS, cut them to the brain, and sample the anatomy at their voxels."""
    turn = nib.orientations.io_orientation(volumes.grid.affine)
    affine = volumes.grid.affine @ nib.orientations.inv_ornt_aff(turn, volumes.grid.shape)
    mask = nib.orientations.apply_orientation(volumes.mask, turn)
    voxels = np.argwhere(mask)
    first, last = np.maximum(voxels.min(axis=0) - _MARGIN, 0), voxels.max(axis=0) + _MARGIN + 1

    def ras(volume: Array) -> Array:
        turned = nib.orientations.apply_orientation(volume, turn)
        return np.ascontiguousarray(turned[tuple(slice(a, b) for a, b in zip(first, last, strict=True))])

    affine[:3, 3] += affine[:3, :3] @ first
    statistic = ras(np.nan_to_num(volumes.statistic))
    grid = Grid(shape=statistic.shape, affine=affine)
    return BrainVolumes(
        grid=grid,
        anatomy=_sampled(volumes.anatomy, volumes.anatomy_grid, grid),
        anatomy_grid=grid,
        statistic=statistic,
        mask=ras(volumes.mask),
        survives=ras(volumes.survives),
        clusters=ras(volumes.clusters),
        regions=ras(volumes.regions),
    )


def _sampled(volume: Float[Array, "i j k"], own: Grid, grid: Grid) -> Float[Array, "x y z"]:
    at = grid.mm(np.indices(grid.shape).reshape(3, -1).T.astype(float))
    inverse = np.linalg.inv(own.affine)
    voxels = inverse[:3, :3] @ at.T + inverse[:3, 3:]
    return ndimage.map_coordinates(np.nan_to_num(volume.astype(float)), voxels, order=1).reshape(grid.shape)


def _packed(volumes: BrainVolumes) -> dict[str, str]:
    low, high = np.percentile(volumes.anatomy[volumes.mask], [0.5, 99.5])
    gray = np.clip((volumes.anatomy - low) / max(high - low, 1e-12), 0, 1) * 255
    flags = _TESTED * volumes.mask + _SURVIVES * (volumes.mask & volumes.survives)
    arrays = {
        "anatomy": np.rint(gray).astype("<u1"),
        "statistic": np.where(volumes.mask, volumes.statistic, 0.0).astype("<f4"),
        "cluster": volumes.clusters.astype("<u2"),
        "region": volumes.regions.astype("<u2"),
        "flags": flags.astype("<u1"),
    }
    return {name: base64.b64encode(zlib.compress(array.tobytes(), 9)).decode("ascii") for name, array in arrays.items()}


def _place(volumes: BrainVolumes, inside: Bool[Array, "x y z"]) -> list[int]:
    """The voxel with the largest statistic, among those that survive if any of them do."""
    chosen = inside & volumes.mask
    for narrower in (chosen & volumes.survives, chosen, inside):
        if narrower.any():
            return [int(i) for i in np.unravel_index(np.where(narrower, volumes.statistic, -1).argmax(), inside.shape)]
    return [edge // 2 for edge in inside.shape]


def _region(dots: RegionDots, volumes: BrainVolumes, levels: Sequence[str]) -> dict[str, Any]:
    finite = dots.responses[np.isfinite(dots.responses)]
    near = float(np.ptp(finite)) * _NEAR if finite.size else 1.0
    groups = np.asarray(dots.groups)
    cells = [_cell(dots.responses[groups == level, cue], near) for level in levels for cue in range(_cues(dots))]
    place = _place(volumes, volumes.regions == dots.label)
    return {"name": dots.name, "label": dots.label, "extent": dots.extent, "at": place, "cells": cells}


def _cues(dots: RegionDots) -> int:
    return dots.responses.shape[1]


def _cell(values: Float[Array, "subject"], near: float) -> Mapping[str, Any]:
    own = values[np.isfinite(values)]
    if not own.size:
        return {"values": [], "beside": [], "mean": None, "sem": None}
    sem = float(own.std(ddof=1) / np.sqrt(own.size)) if own.size > 1 else None
    return {
        "values": [round(float(x), 6) for x in own],
        "beside": [round(float(x), 4) for x in swarm(own, near=near)],
        "mean": round(float(own.mean()), 6),
        "sem": None if sem is None else round(sem, 6),
    }
