"""Where a simulated study happens: a drawn rodent brain from bregma, or the MNI brain mask, with its regions.

Regions that neither knows are put where there is room: each is a ball in the deepest part of the gray matter that is
left, so that an atlas has every name a study uses. Only the rodent's 19 regions and the human spheres are in their
anatomical places (`simulation.atlas_places`, `simulation.human_plan`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from cuecircuit.arrays import Array, Bool, Float, Float32, Int
from cuecircuit.errors import StudyError
from cuecircuit.generators.brain import Brain, draw_brain
from cuecircuit.generators.human_plan import REGIONS
from cuecircuit.generators.human_scan import MEAN_SIGNAL, NOISE_PERCENT, region_labels
from cuecircuit.records.atlas import Atlas
from cuecircuit.records.grid import Grid
from cuecircuit.study.acquisition import seeds_of
from cuecircuit.study.schema import Study

# edge of a human voxel, mm; radius of a region without a known place, mm
_HUMAN_VOXEL_MM = {"tiny": 8, "paper": 3}
_RADIUS_MM = {"human": 10.0, "rodent": 1.3}
SCALES = tuple(_HUMAN_VOXEL_MM)
# of a sulcus: how much brighter than gray matter; how deep; half of the width of the gyri between them (assumed)
_SULCUS, _SULCUS_DEPTH_MM, _GYRUS_MM = 0.3, 15.0, 5.0
_HUMAN_LEVELS = {"white_matter": 0.85, "ventricles": 1.4}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """A brain on its grid; `kind` is rodent or human, `labels` counts the regions of `names` from 1."""

    kind: str
    brain: Brain

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions, in the order of their labels."""
        return tuple(self.brain.atlas.names.values())

    @property
    def noise_percent(self) -> float | Float32[Array, "voxel"]:
        """Noise SD of the voxels of the mask, % of the mean signal."""
        return NOISE_PERCENT if self.kind == "human" else 100 / self.brain.tsnr[self.brain.mask]

    def voxel_labels(self) -> Int[Array, "voxel"]:
        """Return the label of each voxel of the mask, 0 where it has none."""
        return self.brain.atlas.labels[self.brain.mask].astype(int)


def kind_of(study: Study) -> str:
    """Return which brain a species has: rodent for rats and mice, human for all others."""
    return "rodent" if study.subjects.species.split()[0].lower() in ("rattus", "mus", "rat", "mouse") else "human"


def regions_named(study: Study) -> tuple[str, ...]:
    """Return the regions that a study names, in order: effects, questions, sets of regions, seeds."""
    simulation = study.simulation
    effects = simulation.effects.values() if simulation else ()
    names = [name for effect in effects for key in ("region", "region2") for name in effect.where.get(key, ())]
    names += [name for effect in effects for name in _by_region(effect.by, effect.add)]
    for rows in (*study.questions.values(), *study.derived.values()):
        for part in (rows, getattr(rows, "with_", None), getattr(rows, "less", None)):
            names += getattr(part, "where", {}).get("region", ())
    names += [name for region in study.regions.values() for name in region.names]
    names += [name for edges in study.edges.values() for name in edges.regions]
    names += [name for maps in study.maps.values() for name in seeds_of(maps)]
    return tuple(dict.fromkeys(names))


def _by_region(by: Sequence[str], add: object) -> list[str]:
    if "region" not in by or not isinstance(add, Mapping):
        return []
    trees: list[Mapping[str, object]] = [add]
    for _ in range(list(by).index("region")):
        trees = [branch for tree in trees for branch in tree.values() if isinstance(branch, Mapping)]
    return [str(name) for tree in trees for name in tree]


def draw_place(study: Study, scale: str) -> Place:
    """Draw the brain of a study at a scale.

    Raises:
        StudyError: no such scale; more regions than voxels.
    """
    if scale not in SCALES:
        raise StudyError(f"scale '{scale}' is unknown; expected one of: {', '.join(SCALES)}")
    kind = kind_of(study)
    brain = draw_brain(scale) if kind == "rodent" else _human_brain(scale)
    more = [name for name in regions_named(study) if name not in brain.atlas.names.values()]
    free = brain.mask & ~brain.white_matter & ~brain.ventricles & (brain.atlas.labels == 0)
    labels, names = brain.atlas.labels.copy(), dict(brain.atlas.names)
    for name in more:
        ball = _ball(free, brain.grid, _RADIUS_MM[kind])
        if not ball.any():
            raise StudyError(f"{len(names) + len(more)} regions do not fit the brain of scale {scale}; name fewer")
        number = max(names, default=0) + 1
        labels[ball], names[number] = number, name
        free &= ~ball
    return Place(kind=kind, brain=replace(brain, atlas=Atlas(labels=labels, names=names, grid=brain.grid)))


def _ball(free: Bool[Array, "x y z"], grid: Grid, radius_mm: float) -> Bool[Array, "x y z"]:
    depth = ndimage.distance_transform_edt(np.pad(free, 1), sampling=grid.voxel_mm)[1:-1, 1:-1, 1:-1]
    if not free.any():
        return free
    center = grid.mm(np.argwhere(free)[[np.argmax(depth[free])]].astype(float))
    away = np.full(free.shape, np.inf)
    away[free] = np.linalg.norm(grid.mm(np.argwhere(free).astype(float)) - center, axis=1)
    # one voxel and its neighbors at least
    return away <= max(radius_mm, 1.01 * float(grid.voxel_mm.max()))


def _human_brain(scale: str) -> Brain:
    from nilearn.datasets import load_mni152_brain_mask

    image = load_mni152_brain_mask(resolution=_HUMAN_VOXEL_MM[scale])
    mask = np.asarray(image.dataobj) > 0
    x, y, z = mask.shape
    grid = Grid(shape=(x, y, z), affine=np.asarray(image.affine, float))
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = region_labels(mask, grid)
    mm = grid.mm(np.indices(mask.shape).reshape(3, -1).T.astype(float)).reshape(*mask.shape, 3)
    ventricles = mask & (labels == 0) & (np.abs(mm[..., 0]) < 13) & (mm[..., 1] > -32) & (mm[..., 1] < 18)
    ventricles &= (mm[..., 2] > 8) & (mm[..., 2] < 24)
    depth = ndimage.distance_transform_edt(mask, sampling=grid.voxel_mm)
    white = mask & (labels == 0) & ~ventricles & (depth > 0.45 * depth.max())
    levels = np.where(white, _HUMAN_LEVELS["white_matter"], 1 + _SULCUS * _sulci(mask, depth, grid))
    levels[ventricles] = _HUMAN_LEVELS["ventricles"]
    signal = np.where(mask, levels * MEAN_SIGNAL, 0.0).astype(np.float32)
    names = {number: name for number, name in enumerate(REGIONS, 1) if (labels == number).any()}
    return Brain(
        grid=grid,
        mask=mask,
        white_matter=white,
        ventricles=ventricles,
        atlas=Atlas(labels=labels, names=names, grid=grid),
        anatomy=signal,
        mean_signal=signal,
        tsnr=np.where(mask, 100.0, 0.0).astype(np.float32),
    )


def _sulci(mask: Bool[Array, "x y z"], depth_mm: Float[Array, "x y z"], grid: Grid) -> Float[Array, "x y z"]:
    """Draw how much water a voxel holds, 0 to 1: winding sheets near the surface, where a smooth field crosses 0."""
    field = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(mask.shape), _GYRUS_MM / grid.voxel_mm)
    return np.exp(-((2 * field / field.std()) ** 2)) * np.exp(-((depth_mm / _SULCUS_DEPTH_MM) ** 2))


def amplitude_volume(place: Place, by_region: Mapping[str, float], rest: float) -> Float32[Array, "voxel"]:
    """Return the value of each voxel of the mask from the values of its regions."""
    values = np.array([rest, *(by_region[name] for name in place.regions)], np.float32)
    position = np.zeros(max(place.brain.atlas.names, default=0) + 1, int)
    position[list(place.brain.atlas.names)] = np.arange(1, len(place.regions) + 1)
    return values[position[place.voxel_labels()]]
