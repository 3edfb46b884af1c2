"""Scans as they come from the scanner: slices laid on each rat's head, mm counted from the middle of the magnet.

Every rat lies a little turned and shifted, and both of its scans lie alike; the header says where the slices were, not
where bregma is. So the scans of a study share no space until `preprocess` gives them one.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import StudyError
from cuecircuit.records.grid import Grid
from cuecircuit.study.schema import Study

# SD of turns (rad) and shifts (mm) of a rat in a cradle with a bite bar; assumed
_TURN_SD, _SHIFT_SD_MM = 0.05, 0.7

FOLDER = "derivatives/preprocessed"


def draw_head(rng: np.random.Generator) -> Float[Array, "6"]:
    """Draw how a head lies: shifts (mm), then turns about x, y, z (rad)."""
    return rng.standard_normal(6) * ([_SHIFT_SD_MM] * 3 + [_TURN_SD] * 3)


def lying(grid: Grid, head: Float[Array, "6"]) -> Grid:
    """Return the grid of slices laid on a head: turned about bregma, then shifted."""
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = Rotation.from_rotvec(head[3:]).as_matrix(), head[:3]
    return Grid(shape=grid.shape, affine=moved @ grid.affine)


def native_text(text: str, study: Study, *, voxel_mm: float) -> str:
    """Change the text of a study file whose scans lie in its space to one whose scans are raw.

    Args:
        text: the study file.
        study: the same, read.
        voxel_mm: edge of the voxels that `preprocess` is to make.

    Raises:
        StudyError: the text has a section `preprocess` or names preprocessed scans already, or states no `task`.
    """
    assert study.scans is not None
    assert study.space is not None
    task = f"  task: {study.scans.task}\n"
    if study.preprocess is not None or study.scans.derivatives is not None or task not in text:
        raise StudyError("native scans need a study file with `task` under `scans`, and without `preprocess`")
    text = text.replace(task, f"{task}  derivatives: {FOLDER} # what `cuecircuit preprocess` makes of the raw scans\n")
    names = {name: f"{name}.nii.gz" for name in ("mask", "white_matter", "ventricles", "anatomy", "atlas")}
    for name, file in (names | {"labels": "atlas.tsv"}).items():
        text = text.replace(getattr(study.space, name), f"{FOLDER}/space/{file}")
    return (
        f"{text}\npreprocess:\n"
        "  template: drawn # the brain of the simulation; a path or brainglobe:NAME where there is a real one\n"
        f"  voxel_mm: {voxel_mm:g}\n"
        "  registration: rigid # every simulated rat has the same brain\n"
    )
