"""The space of a study's maps: mask, atlas, and corrections in the words of the study."""

from pathlib import Path

from scipy import stats

from cuecircuit.errors import DataError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.imaging.resampling import on_grid
from cuecircuit.io.named_files import is_named
from cuecircuit.pipeline.map_tests.corrections import Comparison
from cuecircuit.pipeline.map_tests.files import Space
from cuecircuit.pipeline.map_tests.permuted import Permutation
from cuecircuit.pipeline.space import read_named_atlas
from cuecircuit.records.atlas import Atlas
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.acquisition import Correction, Regions
from cuecircuit.study.questions import Rows
from cuecircuit.study.schema import Study
from cuecircuit.tables.study_files import StudyFiles

_SIDED = {"two": "bi", "one": "1"}


def study_space(files: StudyFiles, regions: Regions | None = None) -> Space:
    """Read the mask and, where the study has one, the atlas.

    Args:
        files: the study.
        regions: a set whose atlas it is, where it has its own.

    Raises:
        DataError: a file is missing or damaged, or the two are on different grids.
    """
    space = files.study.space
    if space is None:
        raise DataError("maps need a space: give space.mask and space.origin")
    mask, grid = files.mask
    return Space(mask=mask, grid=grid, atlas=study_atlas(files, regions), reference=space.origin)


def regions_asked(study: Study, rows: Rows) -> Regions | None:
    """Return the set of regions that rows are of; None where they are of another table."""
    kind, _, name = split_reference(rows.of)[0].partition(".")
    return study.regions[name] if kind == "regions" else None


def study_atlas(files: StudyFiles, regions: Regions | None = None) -> Atlas | None:
    """Read the atlas of a study, or of regions with their own; that of a package is read at the voxels of the mask.

    Raises:
        DataError: a file is missing or damaged.
    """
    place = regions if regions and regions.atlas else files.study.space
    if place is None or not (place.atlas and place.labels):
        return None
    atlas, grid = read_named_atlas(files.path(place.atlas), files.path(place.labels)), files.mask[1]
    if not is_named(place.atlas) or atlas.grid.same_as(grid):
        return atlas
    labels = on_grid(atlas.labels, atlas.grid, grid, labels=True)
    names = {label: name for label, name in atlas.names.items() if (labels == label).any()}
    absent = tuple(name for label, name in atlas.names.items() if label not in names)
    return Atlas(labels=labels, names=names, grid=grid, absent=(*atlas.absent, *absent))


def space_files(files: StudyFiles, regions: Regions | None = None) -> tuple[Path, ...]:
    """Return the files that `study_space` reads."""
    space = files.study.space
    if space is None:
        return ()
    place = regions if regions and regions.atlas else space
    named = tuple(files.path(name) for name in (place.atlas, place.labels) if name)
    return (*named, *(files.shared_mask.files if space.is_shared else (files.path(space.mask),)))


def correction_settings(
    correction: Correction, *, seed: int, n_jobs: int, exploratory: bool = False
) -> CorrectionSettings | Permutation | None:
    """Return a correction in the terms of the tests of maps; None for none.

    Args:
        correction: of the study or of a question.
        seed: of null fields and permutations.
        n_jobs: processes at work.
        exploratory: take the second, lower height.
    """
    if correction.method not in ("simulation", "permutation"):
        return None
    shared = {
        "voxel_p": voxel_height(correction, exploratory=exploratory),
        "alpha": correction.alpha,
        "connectivity": correction.connectivity,
        "seed": seed,
        "n_jobs": n_jobs,
    }
    if correction.sided in _SIDED:
        shared["sided"] = _SIDED[correction.sided]
    if correction.method == "permutation":
        settings = PermutationSettings(n_permutations=correction.draws, variance=correction.variance, **shared)
        return Permutation(statistic=correction.statistic, settings=settings)
    return CorrectionSettings(iterations=correction.draws, acf=correction.smoothness == "acf", **shared)


def compared_corrections(correction: Correction, term: str, *, seed: int, n_jobs: int) -> Comparison | None:
    """Return the corrections that are set beside that of a term; None where the study names none."""
    if not correction.compare:
        return None
    simulation = correction.model_copy(update={"method": "simulation"})
    permutation = correction.model_copy(update={"method": "permutation", "draws": correction.compare_draws})
    made = [correction_settings(one, seed=seed, n_jobs=n_jobs) for one in (simulation, permutation)]
    assert isinstance(made[0], CorrectionSettings)
    assert isinstance(made[1], Permutation)
    methods = tuple(name.replace("_", " ") for name in correction.compare)
    return Comparison(term=term, methods=methods, simulation=made[0], permutation=made[1].settings)  # pyright: ignore


def voxel_height(correction: Correction, *, exploratory: bool = False) -> float:
    """Return the p of a voxel that forms clusters."""
    z = correction.exploratory_z if exploratory else correction.voxel_z
    if z is None:
        assert correction.voxel_p is not None
        return correction.voxel_p
    # two-sided clusters take both tails at one height
    return float(stats.norm.sf(z)) * (2 if correction.sided == "two" else 1)
