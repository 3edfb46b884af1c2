"""Atlases of BrainGlobe by name, through its own package (https://brainglobe.info), which keeps them on disk.

BrainGlobe gives arrays with the origin in the letters of `orientation` (asr: the first voxel is anterior, superior,
right) and voxels in µm, and places no bregma. Here arrays come back as RAS with 0 mm in the middle of the volume.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.records.grid import Grid

# what atlases call the two tissues whose signal is nuisance
_TISSUES = {
    "white_matter": ("white matter", "fiber tracts", "fibre tracts"),
    "ventricles": ("ventricular system", "ventricular systems", "ventricles"),
}
_WORLD = {"r": (0, -1), "l": (0, 1), "a": (1, -1), "p": (1, 1), "s": (2, -1), "i": (2, 1)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedAtlas:
    """An atlas as BrainGlobe has it, in RAS; `tissues` lists the labels of white matter and ventricles."""

    image: Float[Array, "x y z"]
    labels: Int[Array, "x y z"]
    names: Mapping[int, str]
    tissues: Mapping[str, tuple[int, ...]]
    grid: Grid
    version: str


def read_brainglobe(name: str) -> NamedAtlas:
    """Read an atlas by its name, such as `whs_sd_rat_39um`; it is fetched once where there is a network.

    Raises:
        DataError: the package is not installed, or it knows no such atlas and cannot fetch it.
    """
    try:
        from brainglobe_atlasapi import BrainGlobeAtlas  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise DataError(
            f"brainglobe:{name} needs BrainGlobe's atlases; install them with: pip install brainglobe-atlasapi"
        ) from error
    try:
        atlas: Any = BrainGlobeAtlas(name, check_latest=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"brainglobe:{name}: {error}; see https://brainglobe.info for the names, or fetch the atlas once where "
            "there is a network"
        ) from error
    order, flips = _ras(str(atlas.orientation))
    image, labels = (_turned(np.asarray(data), order, flips) for data in (_image_of(atlas), atlas.annotation))
    voxel_mm = np.array([atlas.resolution[axis] for axis in order]) / 1000
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = -voxel_mm * (np.array(labels.shape) - 1) / 2
    return NamedAtlas(
        image=image.astype(np.float32),
        labels=labels.astype(np.int32),
        names={int(label): str(structure["name"]) for label, structure in atlas.structures.items()},
        tissues={tissue: _below(atlas.structures, called) for tissue, called in _TISSUES.items()},
        grid=Grid(shape=labels.shape, affine=affine),
        version=str(atlas.metadata["version"]),
    )


def _image_of(atlas: Any) -> Any:
    # version 3 of the package says template where version 2 says reference
    return atlas.template if hasattr(atlas, "template") else atlas.reference


def _ras(orientation: str) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """For x, y and z: the axis of the array, and whether it runs backward."""
    axes = {_WORLD[letter][0]: (axis, _WORLD[letter][1] < 0) for axis, letter in enumerate(orientation.lower())}
    return tuple(axes[world][0] for world in range(3)), tuple(axes[world][1] for world in range(3))


def _turned(data: Array, order: tuple[int, ...], flips: tuple[bool, ...]) -> Array:
    return np.flip(data.transpose(order), tuple(axis for axis, flip in enumerate(flips) if flip))


def _below(structures: Any, called: tuple[str, ...]) -> tuple[int, ...]:
    tops = {label for label, structure in structures.items() if str(structure["name"]).lower() in called}
    return tuple(int(label) for label, entry in structures.items() if tops & set(entry["structure_id_path"]))
