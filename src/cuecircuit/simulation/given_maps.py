"""Maps that another program would have made: a volume for each row, and the table that names them."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from cuecircuit.arrays import Array, Float32
from cuecircuit.io.derivatives import bids_label
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import write_table
from cuecircuit.simulation.places import Place, amplitude_volume
from cuecircuit.simulation.planting import REST, stream
from cuecircuit.study.acquisition import Given

_FWHM_VOXELS = 2.0


def write_given(folder: Path, name: str, maps: Given, rows: pd.DataFrame, place: Place, sd: float, seed: int) -> None:
    """Write every map of a set and its table: subject, keys, map (relative to the table).

    Args:
        folder: of the study.
        name: of the set.
        maps: the set.
        rows: value of each subject, keys and region; region "" is the rest of the mask.
        place: the brain.
        sd: of the smooth noise of voxels.
        seed: of the study.

    Raises:
        DataError: the place cannot be written.
    """
    table, keys = Path(maps.table), list(maps.keys)
    listed = []
    for labels, of_map in rows.groupby(["subject", *keys], sort=False):
        subject, *levels = map(str, labels)
        parts = [f"{bids_label(key)}-{bids_label(level)}" for key, level in zip(keys, levels, strict=True)]
        file = Path(f"sub-{subject}", "_".join([f"sub-{subject}", *parts, f"desc-{bids_label(name)}_statmap.nii.gz"]))
        values = dict(zip(of_map["region"], of_map["value"], strict=True))
        voxels = amplitude_volume(place, values, values[REST])
        voxels = voxels + np.float32(sd) * _noise(place, stream(seed, "map", name, subject, *levels))
        volume = np.zeros(place.brain.mask.shape, np.float32)
        volume[place.brain.mask] = voxels
        write_volume(folder / table.parent / file, volume, place.brain.grid)
        listed.append((subject, *levels, str(file)))
    frame = pd.DataFrame(listed, columns=["subject", *keys, "map"])
    notes = {"subject": "label of the subject", **{key: f"level of {key}" for key in keys}}
    write_table(folder / table, frame, {**notes, "map": {"Description": "file, from this table", "Units": maps.unit}})


def _noise(place: Place, rng: np.random.Generator) -> Float32[Array, "voxel"]:
    sigma = _FWHM_VOXELS / np.sqrt(8 * np.log(2))
    field = ndimage.gaussian_filter(rng.standard_normal(place.brain.mask.shape), sigma, mode="wrap")
    in_mask = field[place.brain.mask]
    return ((in_mask - in_mask.mean()) / in_mask.std()).astype(np.float32)
