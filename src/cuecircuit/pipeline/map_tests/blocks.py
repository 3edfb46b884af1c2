"""The maps of a group analysis on disk, worked on in blocks of voxels, here or by the workers of a cluster.

Maps are read once into a scratch folder beside the results (`io.disk_matrix`). Each block of voxels is a task that
reads its own maps, fits them and writes what the model leaves; tests of whole maps come back. So memory depends on the
block and the mask, not on the number of maps, and little travels between machines. The blocks depend on the number of
maps and the settings alone: results are the same bytes for any number of workers.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.clusters.smoothness import Smoothness, smoothness_of_parts
from cuecircuit.errors import DataError
from cuecircuit.group.correction import residual_scores
from cuecircuit.group.coverage import MapFacts, map_facts
from cuecircuit.group.permuted_maxima import (
    Prepared,
    PreparedBlock,
    Rotated,
    TermPlan,
    prepare_term,
    prepared_hypothesis,
)
from cuecircuit.io.disk_matrix import DiskMatrix, load_arrays, save_arrays
from cuecircuit.io.maps import maps_precision, read_maps
from cuecircuit.models.design import Design
from cuecircuit.models.family import Fitted, join_blocks
from cuecircuit.models.fit import fit_design_block
from cuecircuit.pipeline.map_tests.files import Space
from cuecircuit.pipeline.progress import steps
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.stats.mixed_exchange import ScorePlan
from cuecircuit.stats.mixed_permutation import Scores
from cuecircuit.stats.strata_design import Stratum

# numbers of a part of the maps, in single precision 16 MB; reading takes a few times that
_READ_NUMBERS = _BACK_NUMBERS = 2**22
# numbers in a block of voxels, in single precision 8 MB: fits need up to ten times that
_BLOCK_NUMBERS = 2**21
_MOST_INNER = 8  # blocks of the fit in a block of voxels: enough blocks stay to share among workers


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMaps:
    """Maps by voxels of the mask on disk, one matrix for the measure and each covariate or variance by voxel.

    `residuals` are what the model leaves, `noise` the same with one variance in all maps (the same matrix where they
    are equal). `facts` tell what is in each map, `scratch` has room for what else is kept while it is needed.
    """

    values: tuple[DiskMatrix, ...]
    residuals: DiskMatrix
    noise: DiskMatrix
    facts: tuple[tuple[MapFacts, ...], ...]
    n_lacking: int
    scratch: Path
    n_jobs: int

    @property
    def blocks(self) -> list[slice]:
        """Blocks of voxels."""
        return self.residuals.columns

    def read(self, block: slice) -> tuple[Float[Array, "map voxel"], Float[Array, "map voxel"] | None]:
        """Read a block of voxels, and the covariate or variance that goes with it."""
        y, *extra = (matrix.read(block) for matrix in self.values)
        return y, extra[0] if extra else None

    def double_blocks(self) -> Iterator[Float[Array, "map voxel"]]:
        """Read the measure block by block in double precision."""
        return (self.values[0].read(part).astype(np.float64) for part in self.blocks)

    def residual_parts(self) -> list[Callable[[], Float[Array, "map voxel"]]]:
        """Functions that read some of the residual maps."""
        return [partial(self.residuals.read, part) for part in self.residuals.rows]

    def noise_parts(self) -> list[Callable[[], Float[Array, "map voxel"]]]:
        """Functions that read some of the residual maps, brought to one variance."""
        return [partial(self.noise.read, part) for part in self.noise.rows]


def voxels_at_a_time(n_maps: int, block: int) -> int:
    """Return how many voxels are fitted as one task: some blocks of the fit, fewer of them the more maps there are."""
    most = max(1, _BLOCK_NUMBERS // n_maps)
    return min(most, block) if most < 2 * block else block * min(most // block, _MOST_INNER)


def store_maps(
    columns: Sequence[Sequence[str]],
    maps_folder: Path,
    space: Space,
    scratch: Path,
    *,
    block: int,
    n_cells: int = 1,
    whole: bool = False,
    unequal: bool = False,
    zero_is_missing: bool = False,
    n_jobs: int = 1,
) -> GroupMaps:
    """Read maps into the scratch folder.

    Args:
        columns: names of the maps of the measure and of each covariate or variance by voxel.
        maps_folder: where relative names start.
        scratch: on a disk that all workers see.
        block: voxels of a fit.
        n_cells: maps of a subject, which are never separated.
        whole: fit all voxels as one: whether a covariate varies at all is a question to the whole mask.
        unequal: keep residuals of one variance beside the residuals.
        zero_is_missing: take exact zeros of the measure for voxels that were not measured.

    Raises:
        DataError: every fault of every map.
    """
    scratch, maps_folder = scratch.absolute(), maps_folder.absolute()
    scratch.mkdir(exist_ok=True)
    n, n_voxels = len(columns[0]), int(space.mask.sum())
    voxels = n_voxels if whole else voxels_at_a_time(n, block)
    rows = max(1, _READ_NUMBERS // n_voxels)
    precisions = [maps_precision(names, maps_folder) for names in columns]
    bytes_per_voxel = sum(np.dtype(each).itemsize for each in precisions) + 4 * (1 + unequal)
    _check_room(scratch, n * n_voxels * bytes_per_voxel, "the maps and what the model leaves of them take")
    values = tuple(
        DiskMatrix(folder=scratch / f"maps{k}", shape=(n, n_voxels), steps=(rows, voxels), slabs="rows", dtype=each)
        for k, each in enumerate(precisions)
    )
    faults: dict[str, None] = {}
    facts: list[tuple[MapFacts, ...]] = []
    lacking = np.zeros(n_voxels, bool)
    with steps("maps", n * len(columns)) as advance:
        for names, matrix in zip(columns, values, strict=True):
            zero = zero_is_missing and not facts
            tasks = (
                delayed(_store)(names[part], maps_folder, space.mask, space.grid, matrix, part, zero)
                for part in matrix.rows
            )
            kept_facts: list[MapFacts] = []
            for part, (part_facts, absent, wrong) in zip(matrix.rows, _work(n_jobs)(tasks), strict=True):
                faults |= dict.fromkeys(wrong)
                kept_facts += part_facts
                if not faults:
                    lacking |= absent
                    advance(part.stop - part.start)
            facts.append(tuple(kept_facts))
    DataError.raise_any(faults)
    back = n_cells * max(1, _BACK_NUMBERS // (n_voxels * n_cells))
    residuals = DiskMatrix(folder=scratch / "residuals", shape=(n, n_voxels), steps=(back, voxels), slabs="columns")
    return GroupMaps(
        values=values,
        residuals=residuals,
        noise=replace(residuals, folder=scratch / "noise") if unequal else residuals,
        facts=tuple(facts),
        n_lacking=int(lacking.sum()),
        scratch=scratch,
        n_jobs=n_jobs,
    )


def _check_room(scratch: Path, needed: int, what: str) -> None:
    """Refuse to fill a disk with what is kept while the analysis runs."""
    free = shutil.disk_usage(scratch).free
    if needed > free:
        raise DataError(
            f"{scratch.parent}: {what} {needed / 1e9:.3g} GB while the analysis runs, and {free / 1e9:.3g} GB are "
            "free; free some space or choose another folder for the results"
        )


def _work(n_jobs: int) -> Any:
    return Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")


def _store(
    names: Sequence[str],
    maps_folder: Path,
    mask: Bool[Array, "x y z"],
    grid: Any,
    matrix: DiskMatrix,
    part: slice,
    zero_is_missing: bool,
) -> tuple[list[MapFacts], Bool[Array, "voxel"], list[str]]:
    try:
        y = read_maps(names, maps_folder, mask, grid, dtype=matrix.dtype)
    except DataError as error:
        return [], np.zeros(0, bool), list(error.faults)
    if zero_is_missing:
        y[y == 0] = np.nan
    matrix.write(part, y)
    return [map_facts(name, row) for name, row in zip(names, y, strict=True)], np.asarray(np.isnan(y).any(axis=0)), []


def fit_maps(maps: GroupMaps, bound: Design, what: str) -> Fitted:
    """Fit every block of voxels; what is left goes to the residuals of `maps`."""
    fitted = []
    with steps(what, maps.residuals.shape[1]) as advance:
        tasks = (delayed(_fit)(bound, maps, part) for part in maps.blocks)
        for part, part_fit in zip(maps.blocks, _work(maps.n_jobs)(tasks), strict=True):
            fitted.append(part_fit)
            advance(part.stop - part.start)
    return join_blocks(fitted, maps.blocks, maps.residuals.shape[1])


def _fit(bound: Design, maps: GroupMaps, part: slice) -> Fitted:
    with one_blas_thread():
        fitted = fit_design_block(bound, *maps.read(part), residuals=True)
    assert fitted.residuals is not None
    maps.residuals.write(part, fitted.residuals)
    if fitted.noise is not None:
        maps.noise.write(part, fitted.noise)
    return replace(fitted, residuals=None, noise=None)


def smoothness_of_residuals(maps: GroupMaps, space: Space, stratum: Stratum | None = None) -> Smoothness:
    """Estimate the smoothness of the residual maps, or of their scores in a stratum."""
    parts = maps.noise_parts()
    if stratum is not None:
        parts = [partial(_stratum_part, read, stratum) for read in parts]
    return smoothness_of_parts(parts, space.mask, space.grid.voxel_mm, n_jobs=maps.n_jobs)


def _stratum_part(read: Callable[[], Array], stratum: Stratum) -> Float[Array, "score voxel"]:
    left = read()
    return residual_scores(left.reshape(-1, len(stratum.scores), left.shape[1]), stratum)


def prepared_blocks(
    maps: GroupMaps, plan: TermPlan, f: Float[Array, "voxel"], folder: Path
) -> tuple[list[PreparedBlock], Bool[Array, "voxel"]]:
    """Prepare every block of voxels for permutation and keep it in `folder`; give the blocks and where there is a fit.

    Args:
        f: NaN where the analysis could not test.

    Raises:
        DataError: the disk has no room for the blocks.
    """
    one = replace(plan, arrangements=plan.arrangements[:1])  # the others do not travel
    paths = [folder.absolute() / f"block{part.start}" for part in maps.blocks]
    tasks = [delayed(_prepare)(maps, one, f[part], part, path) for part, path in zip(maps.blocks, paths, strict=True)]
    fitted = list(_work(maps.n_jobs)(tasks[:1]))
    # how much is kept of each voxel is known when there is a block: that depends on what the model finds
    left = (f.size - len(fitted[0])) * _bytes(paths[0]) // len(fitted[0])
    _check_room(maps.scratch, left, f"permutations of {plan.name} keep another")
    fitted += _work(maps.n_jobs)(tasks[1:])
    return [partial(_kept, path) for path in paths], np.concatenate(fitted)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _prepare(maps: GroupMaps, plan: TermPlan, f: Float[Array, "voxel"], part: slice, path: Path) -> Array:
    y = maps.values[0].read(part)
    with one_blas_thread():
        if isinstance(plan, ScorePlan):
            prepared, fitted = prepared_hypothesis(y, plan)
        else:
            prepared, fitted = prepare_term(y.reshape(-1, len(plan.stratum.scores), y.shape[1]), plan, f)
    if isinstance(prepared, np.ndarray):
        kept = {"residuals": prepared}
    else:
        kept = {each.name: getattr(prepared, each.name) for each in fields(prepared)}
    save_arrays(path, kept)
    return fitted


def _kept(path: Path) -> Prepared:
    arrays = load_arrays(path)
    if "found" in arrays:
        return Rotated(**arrays)
    if "residuals" in arrays:
        return arrays["residuals"]
    return Scores(**{each.name: arrays.get(each.name) for each in fields(Scores)})  # pyright: ignore[reportArgumentType]
