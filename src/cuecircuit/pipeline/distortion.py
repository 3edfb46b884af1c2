"""Distortion by susceptibility of a session's scans: from images of opposite phase encoding to a map on their grid.

Written beside the scans: `desc-directions_boldref` holds the two images as measured and corrected (four volumes),
`desc-displacement_fieldmap` the displacement of the session's first scan in mm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.imaging.bright_voxels import bright_voxels
from cuecircuit.imaging.header_repair import repair_grid
from cuecircuit.imaging.resampling import on_grid
from cuecircuit.imaging.unwarping import Distortion, MatchedPair, match_directions, rigid_between
from cuecircuit.io.nifti import read_grid, read_series, read_volume, write_volume
from cuecircuit.io.phase_encoding import ReversedPair
from cuecircuit.io.tables import read_json, write_json
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series
from cuecircuit.study.acquisition import Preprocess

DIRECTIONS, DISPLACEMENT = "desc-directions_boldref", "desc-displacement_fieldmap"
NOTE = "Susceptibility"  # of the scans' sidecars


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionDistortion:
    """The map on the grid of the session's first scan, the factor of each scan, and what is noted of it."""

    distortion: Distortion
    factors: Mapping[str, float]
    notes: Mapping[str, object]


def session_distortion(pair: ReversedPair, first: Series, stem: Path, wanted: Preprocess) -> SessionDistortion:
    """Estimate the distortion of a session and write the map and the images it was made of.

    Args:
        pair: the images.
        first: the first scan, header repaired.
        stem: of the files to write.
        wanted: how headers are repaired.

    Raises:
        DataError: an image cannot be read, or has no head.
    """
    mean, grid = middle_mean(first.data), first.grid
    one, one_grid = (mean, grid) if pair.forward is None else _mean_image(pair.forward, wanted)
    other, other_grid = _mean_image(pair.reverse, wanted)
    axis = _axis_along(one_grid, grid, pair.axis)
    with faults_named(pair.reverse):
        matched = match_directions(one, one_grid, other, other_grid, axis=axis, factors=pair.factors)
        distortion = matched.distortion
        if pair.forward is not None:
            rigid = rigid_between(mean, on_grid(one, one_grid, grid, labels=False), grid, bright_voxels(mean))
            distortion = distortion.carried(grid, pair.axis, rigid)
    _write(matched, distortion, stem)
    before, after = matched.agreement
    notes = {
        "forward": pair.forward.name if pair.forward else "the mean of the first scan",
        "reverse": pair.reverse.name,
        "axis": "ijk"[pair.axis],
        "agreement_before": before,
        "agreement_after": after,
        "largest_displacement_mm": matched.largest_mm,
        "directions": f"{stem.name}_{DIRECTIONS}.nii.gz",
        "displacement": f"{stem.name}_{DISPLACEMENT}.nii.gz",
    }
    return SessionDistortion(distortion=distortion, factors=pair.scan_factors, notes=notes)


def susceptibility_notes(bold: Path) -> dict[str, Any] | None:
    """Return what the sidecar of a preprocessed scan says of its correction; None where it says nothing."""
    file = bold.with_name(f"{bold.name.removesuffix('.gz').removesuffix('.nii')}.json")
    return read_json(file).get(NOTE) if file.is_file() else None


def middle_mean(data: Float[Array, "x y z volume"]) -> Float[Array, "x y z"]:
    """Return the mean of ten volumes in the middle, between which a head hardly moves."""
    volumes = data.shape[3]
    return data[..., max(volumes // 2 - 5, 0) : volumes // 2 + 5].mean(axis=3)


def _mean_image(path: Path, wanted: Preprocess) -> tuple[Array, Grid]:
    if read_grid(path)[1] > 1:
        series = read_series(path)
        image, grid = middle_mean(series.data), series.grid
    else:
        image, grid = read_volume(path)
    return image, repair_grid(grid, voxel_scale=wanted.scan_scale, origin=wanted.scan_origin).grid


def _axis_along(grid: Grid, other: Grid, axis: int) -> int:
    """Return the axis of a grid that runs as an axis of another."""
    return int(np.abs(other.affine[:3, axis] @ (grid.affine[:3, :3] / grid.voxel_mm)).argmax())


def _write(matched: MatchedPair, distortion: Distortion, stem: Path) -> None:
    directions = np.stack([*matched.measured, *matched.corrected], axis=-1).astype(np.float32)
    write_volume(stem.with_name(f"{stem.name}_{DIRECTIONS}.nii.gz"), directions, matched.distortion.grid)
    moved = distortion.displacement_mm.astype(np.float32)
    write_volume(stem.with_name(f"{stem.name}_{DISPLACEMENT}.nii.gz"), moved, distortion.grid)
    note = "displacement of signal along the axis of phase encoding, toward higher indices, in the first scan"
    write_json(stem.with_name(f"{stem.name}_{DISPLACEMENT}.json"), {"Units": "mm", "Description": note})
