"""Registration of a subject's EPI to a template with ANTs: rigid, affine, then SyN.

ANTs aligns images by Mattes mutual information, which holds across the contrasts of EPI and T2-weighted templates, in
every step up to the symmetric diffeomorphic one (Avants et al. 2008, Med Image Anal 12:26). The last stops at half the
template's resolution: an EPI has no finer detail, and local cross-correlation at full resolution took 40 times as long
and overlapped less (benchmarks/registration.py). One thread and a fixed seed give the same transform on every run.

The result is kept as what resampling needs: for each voxel of the template the place in the EPI (mm) that it came
from. Motion of each volume is put behind it, so that the scan is interpolated once.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.ndimage import binary_dilation

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.imaging.resampling import on_grid
from cuecircuit.records.grid import Grid

# at a quarter, half and the whole of the template's resolution
SYN_ITERATIONS = (60, 40, 0)
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK's axes against those of NIfTI


Step = Literal["rigid", "affine", "syn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """Files that ANTs wrote: `forward` takes images of the EPI to the template, `inverse` back."""

    forward: tuple[str, ...]
    inverse: tuple[str, ...]
    inverted: tuple[bool, ...]


def ants_module() -> Any:
    """Import ANTs.

    Raises:
        DataError: it is not installed.
    """
    try:
        import ants
    except ImportError as error:
        raise DataError('preprocessing needs ANTs; install it with: pip install "cuecircuit[preprocess]"') from error
    return ants


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Keep ANTs to one thread and one seed: sums over threads and sampled voxels differ otherwise."""
    environment = {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "ANTS_RANDOM_SEED": str(max(seed, 1))}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def to_ants(volume: Array, grid: Grid) -> Any:
    """Pass a volume to ANTs.

    Raises:
        DataError: the axes of the grid are sheared, which ITK cannot hold.
    """
    affine = _LPS @ grid.affine
    direction = affine[:3, :3] / grid.voxel_mm
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-3):
        raise DataError(f"the axes of the grid ({grid}) are not at right angles; resample the image to one that is")
    # the nearest rotation: headers hold float32
    u, _, v = np.linalg.svd(direction)
    return ants_module().from_numpy(
        np.asarray(volume, np.float32), origin=list(affine[:3, 3]), spacing=list(grid.voxel_mm), direction=u @ v
    )


def register(
    epi: Float[Array, "x y z"],
    grid: Grid,
    template: Float[Array, "i j k"],
    template_grid: Grid,
    *,
    epi_mask: Bool[Array, "x y z"],
    template_mask: Bool[Array, "i j k"],
    folder: Path,
    kind: Step = "syn",
    seed: int = 1,
) -> Transform:
    """Find the way from the EPI to the template.

    Args:
        epi: mean EPI without bias field.
        grid: of the EPI.
        template: any contrast.
        template_grid: of the template.
        epi_mask: brain of the EPI.
        template_mask: brain of the template.
        folder: where ANTs keeps the transforms.
        kind: the last step taken.
        seed: of ANTs's sampling.

    Raises:
        DataError: ANTs is not installed, or finds no transform.
    """
    ants = ants_module()
    moving, fixed = to_ants(epi * epi_mask, grid), to_ants(template * template_mask, template_grid)
    name = {"rigid": "Rigid", "affine": "Affine", "syn": "SyNOnly"}
    with reproducible(seed):
        transforms: dict[str, Any] = {}
        for step in ("rigid", "affine", "syn"):
            start = {"initial_transform": transforms["fwdtransforms"]} if transforms else {}
            transforms = _step(ants, fixed, moving, name[step], folder / step, start, seed)
            if step == kind:
                break
    inverse = tuple(transforms["invtransforms"])
    return Transform(
        forward=tuple(transforms["fwdtransforms"]),
        inverse=inverse,
        inverted=tuple(name.endswith(".mat") for name in inverse),
    )


def _step(ants: Any, fixed: Any, moving: Any, name: str, prefix: Path, start: dict[str, Any], seed: int) -> Any:
    options = (
        {"syn_metric": "mattes", "syn_sampling": 32, "reg_iterations": SYN_ITERATIONS} if name == "SyNOnly" else {}
    )
    try:
        return ants.registration(
            fixed, moving, type_of_transform=name, outprefix=f"{prefix}_", random_seed=max(seed, 1), **start, **options
        )
    except RuntimeError as error:
        raise DataError(f"registration to the template failed at the {name} step ({error})") from error


def to_epi(
    labels: Int[Array, "i j k"] | Bool[Array, "i j k"],
    template_grid: Grid,
    transform: Transform,
    grid: Grid,
) -> Int[Array, "x y z"]:
    """Bring labels or a mask of the template to the EPI's grid; each voxel takes one label whole."""
    ants = ants_module()
    moved = ants.apply_transforms(
        to_ants(np.zeros(grid.shape), grid),
        to_ants(labels, template_grid),
        transformlist=list(transform.inverse),
        whichtoinvert=list(transform.inverted),
        interpolator="nearestNeighbor",
    )
    return np.rint(moved.numpy()).astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """How an EPI lies to a template: the transform, the template's brain on the grid of the EPI, and how far it came.

    Overlaps (Dice) of that brain with the template's where the headers put it and after the first round.
    """

    transform: Transform
    mask: Bool[Array, "x y z"]
    dice_headers: float
    dice_first_round: float


def align(
    epi: Float[Array, "x y z"],
    grid: Grid,
    template: Float[Array, "i j k"],
    template_grid: Grid,
    *,
    brain: Bool[Array, "i j k"],
    kind: Step,
    folder: Path,
) -> Alignment:
    """Bring a mean EPI to a template in two rounds: the whole head, then the brain found by the first round.

    Args:
        epi: mean EPI without bias field.
        grid: of the EPI.
        template: any contrast.
        template_grid: of the template.
        brain: of the template.
        kind: the last step of the second round; the first is affine.
        folder: where ANTs keeps the transforms.

    Raises:
        DataError: ANTs is not installed, finds no transform, or puts the brain outside of the scan.
    """
    scratch = folder / "head"
    scratch.mkdir()
    head = register(
        epi,
        grid,
        template,
        template_grid,
        epi_mask=np.ones(grid.shape, bool),
        template_mask=np.ones(template_grid.shape, bool),
        folder=scratch,
        kind="affine",
    )
    first = to_epi(brain, template_grid, head, grid) > 0
    around = binary_dilation(first)
    transform = register(
        epi, grid, template, template_grid, epi_mask=around, template_mask=brain, folder=folder, kind=kind
    )
    mask = to_epi(brain, template_grid, transform, grid) > 0
    if not mask.any():
        raise DataError("the template's brain lies outside of the scan after registration; look at the headers")
    before = on_grid(brain.astype(np.float32), template_grid, grid, labels=False) > 0.5
    return Alignment(
        transform=transform, mask=mask, dice_headers=dice(before, mask), dice_first_round=dice(first, mask)
    )


def places_in_epi(
    target: Grid, transform: Transform, epi_grid: Grid, mask: Bool[Array, "i j k"]
) -> Float[Array, "voxel 3"]:
    """Return the place in the EPI (mm, RAS) of each in-mask voxel of the target grid; NaN outside the EPI.

    The three coordinates of the EPI are images that are linear in space, so that moving them with linear
    interpolation is exact.
    """
    ants = ants_module()
    index = np.stack(np.meshgrid(*(np.arange(edge) for edge in epi_grid.shape), indexing="ij"), axis=-1)
    mm = epi_grid.mm(index.reshape(-1, 3).astype(float)).reshape(index.shape)
    reference = to_ants(np.zeros(target.shape), target)

    def moved(values: Array) -> Array:
        image = ants.apply_transforms(
            reference, to_ants(values, epi_grid), transformlist=list(transform.forward), interpolator="linear"
        )
        return image.numpy()[mask].astype(float)

    inside = moved(np.ones(epi_grid.shape)) > 0.999
    places = np.stack([moved(mm[..., axis]) for axis in range(3)], axis=-1)
    places[~inside] = np.nan
    return places


def dice(one: Bool[Array, "x y z"], other: Bool[Array, "x y z"]) -> float:
    """Overlap of two masks, 2 |A ∩ B| / (|A| + |B|) (Dice 1945); NaN where both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else float("nan")
