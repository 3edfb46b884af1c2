"""The template that rats are brought to: the study's own files, BrainGlobe's atlas by name, or the drawn brain."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.generators.brain import draw_brain
from cuecircuit.imaging.header_repair import repair_grid
from cuecircuit.imaging.resampling import coarser, on_grid, target_grid
from cuecircuit.io.brainglobe import read_brainglobe
from cuecircuit.io.named_files import named_file
from cuecircuit.io.nifti import read_volume, write_volume
from cuecircuit.io.tables import write_table
from cuecircuit.pipeline.progress import say
from cuecircuit.records.grid import Grid
from cuecircuit.study.acquisition import Preprocess

_OWN_FILES = ("template_mask", "white_matter", "ventricles", "atlas")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """An image with its brain, tissues and labels on one grid; `names` is None where a file of the study has them."""

    image: Float[Array, "x y z"]
    mask: Bool[Array, "x y z"]
    white_matter: Bool[Array, "x y z"]
    ventricles: Bool[Array, "x y z"]
    labels: Int[Array, "x y z"]
    names: Mapping[int, str] | None
    grid: Grid

    def digest(self) -> str:
        """Return one hash over everything in it."""
        parts = (self.image, self.mask, self.white_matter, self.ventricles, self.labels, self.grid.affine)
        whole = hashlib.sha256(repr(self.names).encode())
        for part in parts:
            whole.update(np.ascontiguousarray(part).tobytes())
        return whole.hexdigest()


def template_files(root: Path, wanted: Preprocess) -> tuple[Path, ...]:
    """List the template's files that belong to the study.

    Args:
        root: what the paths of the study file are relative to.
        wanted: the settings.
    """
    given = (None if wanted.by_name else wanted.template, *(getattr(wanted, name) for name in _OWN_FILES))
    return tuple(named_file(path, root) for path in given if path is not None)


def read_template(root: Path, wanted: Preprocess) -> Template:
    """Read the template; one finer than half a voxel of the results is made coarser, which costs no place.

    Args:
        root: what the paths of the study file are relative to.
        wanted: the settings.

    Raises:
        DataError: a file or the named atlas cannot be read, or the atlas has no white matter or ventricles.
    """
    template = _named(wanted) if wanted.by_name else _from_files(root, wanted)
    for name in _OWN_FILES if wanted.by_name else ():
        if getattr(wanted, name) is not None:
            own_grid = _onto(root, wanted, getattr(wanted, name), template.grid)
            labels = {"labels": np.rint(own_grid).astype(np.int32), "names": None}
            template = replace(template, **labels if name == "atlas" else {_part(name): own_grid > 0.5})
    absent = [name for name in ("white_matter", "ventricles") if not getattr(template, name).any()]
    if absent:
        raise DataError(
            f"preprocess.template: {wanted.template} has no voxel of {' or '.join(absent)}; name a mask of your own "
            f"({', '.join(f'preprocess.{name}' for name in absent)})"
        )
    fine = wanted.voxel_mm / 2
    return _coarser(template, fine) if template.grid.voxel_mm.min() < 0.9 * fine else template


def _part(name: str) -> str:
    return "mask" if name == "template_mask" else name


def _named(wanted: Preprocess) -> Template:
    if wanted.template == "drawn":
        brain = draw_brain("paper")
        return Template(
            image=brain.anatomy,
            mask=brain.mask,
            white_matter=brain.white_matter,
            ventricles=brain.ventricles,
            labels=brain.atlas.labels,
            names=brain.atlas.names,
            grid=brain.grid,
        )
    atlas = read_brainglobe(wanted.template.removeprefix("brainglobe:"))
    say(f"template {wanted.template}, version {atlas.version}: {atlas.grid}")
    tissues = {name: np.isin(atlas.labels, labels) for name, labels in atlas.tissues.items()}
    return Template(
        image=atlas.image, mask=atlas.labels > 0, labels=atlas.labels, names=atlas.names, grid=atlas.grid, **tissues
    )


def _from_files(root: Path, wanted: Preprocess) -> Template:
    image, grid = _read(root, wanted, wanted.template)
    parts = {name: _onto(root, wanted, getattr(wanted, name), grid) for name in _OWN_FILES}
    return Template(
        image=np.clip(image, 0, None),
        mask=parts["template_mask"] > 0.5,
        white_matter=parts["white_matter"] > 0.5,
        ventricles=parts["ventricles"] > 0.5,
        labels=np.rint(parts["atlas"]).astype(np.int32),
        names=None,
        grid=grid,
    )


def _read(root: Path, wanted: Preprocess, path: str) -> tuple[Array, Grid]:
    data, grid = read_volume(named_file(path, root))
    return np.nan_to_num(data), repair_grid(grid, voxel_scale=wanted.template_scale).grid


def _onto(root: Path, wanted: Preprocess, path: str, grid: Grid) -> Array:
    data, own_grid = _read(root, wanted, path)
    return data if own_grid.same_as(grid) else on_grid(data, own_grid, grid, labels=True)


def _coarser(template: Template, voxel_mm: float) -> Template:
    grid = target_grid(template.grid, voxel_mm)
    masks = {name: mask_on(template, name, grid) for name in ("mask", "white_matter", "ventricles")}
    return replace(
        template,
        image=coarser(template.image, template.grid, grid),
        labels=on_grid(template.labels, template.grid, grid, labels=True),
        grid=grid,
        **masks,
    )


def mask_on(template: Template, name: str, target: Grid) -> Bool[Array, "i j k"]:
    """Return `mask`, `white_matter` or `ventricles` on another grid: voxels that lie in it by half or more."""
    return coarser(getattr(template, name).astype(np.float32), template.grid, target) >= 0.5


def write_space(template: Template, voxel_mm: float, folder: Path) -> None:
    """Write the template with cubes as voxels: what `space` of the study file names."""
    target = target_grid(template.grid, voxel_mm)
    write_volume(folder / "anatomy.nii.gz", coarser(template.image, template.grid, target), target)
    for name in ("mask", "white_matter", "ventricles"):
        write_volume(folder / f"{name}.nii.gz", mask_on(template, name, target).astype(np.uint8), target)
    labels = on_grid(template.labels, template.grid, target, labels=True)
    if template.names is not None:
        present = set(np.unique(labels).tolist())
        kept = {label: name for label, name in template.names.items() if label in present}
        lost = [
            name for label, name in template.names.items() if label in np.unique(template.labels) and label not in kept
        ]
        if lost:
            say(f"space: voxels of {voxel_mm:g} mm hold nothing of {len(lost)} regions: {', '.join(lost)}")
        table = pd.DataFrame({"index": list(kept), "name": list(kept.values())})
        write_table(folder / "atlas.tsv", table, {"index": "label in atlas.nii.gz", "name": "region"})
    write_volume(folder / "atlas.nii.gz", labels.astype(np.int32), target)
