"""Maps of all subjects and cells to tests of every effect in every voxel, corrected for the number of voxels."""

from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.clusters.neighbors import border_note
from cuecircuit.errors import DataError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.io.atomic import replacing
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.lock import writing
from cuecircuit.io.nifti import orientation_faults, read_mask
from cuecircuit.io.tables import read_table
from cuecircuit.models.model import Model
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.firstlevel import cells_table
from cuecircuit.pipeline.group.corrections import Comparison
from cuecircuit.pipeline.group.design import Correction
from cuecircuit.pipeline.group.files import Space, check_replaceable
from cuecircuit.pipeline.group.permuted import Permutation
from cuecircuit.pipeline.group.tested_maps import write_tests
from cuecircuit.pipeline.job import Job
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.space import read_named_atlas
from cuecircuit.pipeline.store import Stage
from cuecircuit.pipeline.threads import one_blas_thread


@writing
def group_command(
    table: Path,
    out: Path,
    mask: Path,
    *,
    model: Model,
    correction: Correction,
    comparison: Comparison | None = None,
    atlas: tuple[Path, Path] | None = None,
    zero_is_missing: bool = False,
    n_jobs: int = 1,
    dask: str | None = None,
) -> None:
    """Fit a model to a table of maps and write OUT, whole or not at all.

    Args:
        table: a row for each map, column `map`.
        out: the folder to make.
        mask: voxels to test.
        model: what is fitted.
        correction: of every test.
        comparison: corrections of one term to set side by side.
        atlas: label volume and label table, which name the regions of clusters.
        zero_is_missing: take exact zeros of maps for voxels that were not measured.
        n_jobs: blocks of voxels and batches of permutations worked on at a time; results do not depend on it.
        dask: `local` or a scheduler's address: they go to its workers, which must see the maps and OUT's folder.

    Raises:
        DataError: the table, the maps or the mask are at fault, or no worker answers.
        DesignError: the design cannot carry its tests.
    """
    frame = read_maps_table(table, model)
    check_replaceable(out)
    space = read_space(mask, atlas=atlas)
    if note := border_note(space.mask):
        say(f"group: {note}")
    for fault in orientation_faults(mask):
        say(f"group: warning: {fault}; mm of peaks are a guess")
    with replacing(out.resolve(), folder=True) as new, one_blas_thread(), engine(dask, n_jobs):
        write_tests(
            new,
            frame,
            table.parent,
            space,
            model=model,
            correction=correction,
            comparison=comparison,
            zero_is_missing=zero_is_missing,
            n_jobs=n_jobs,
        )
        write_description(new, "Tests of maps")


def read_maps_table(table: Path, model: Model) -> pd.DataFrame:
    """Read a table of maps; rows that name none are told, never dropped in silence.

    Raises:
        DataError: the table is at fault, a column of maps is not there or has numbers, or no row names its maps.
    """
    files = list(filter(None, ("map", model.covariate, model.variance)))
    frame = read_table(table, text=tuple(filter(None, (model.subject, "map"))))
    absent = [name for name in files if name not in frame]
    if absent:
        raise DataError(f"column '{name}' is not in the table; it has {', '.join(frame.columns)}" for name in absent)
    numbers = [name for name in files[1:] if pd.api.types.is_numeric_dtype(frame[name])]
    if numbers:
        raise DataError(
            f"column '{name}' has numbers, expected names of maps; numbers go with --covariate" for name in numbers
        )
    named = frame[files].notna().all(axis=1).to_numpy()
    for row in np.flatnonzero(~named):
        say(f"group: line {row + 2}: left out, no map")
    if not named.any():
        raise DataError(f"no row names a file in {' and '.join(files)}")
    return frame[named].reset_index(drop=True)


def group_stage(job: Job) -> Stage:
    """Make the stage that tests the study's own maps."""
    study, model, cells = job.study, job.study.group, cells_table(job)
    correction = _study_correction(job)
    mask, *atlas = (job.path(path) for path in (study.space.mask, study.space.atlas, study.space.labels))

    def make(folder: Path) -> None:
        space = read_space(mask, atlas=(atlas[0], atlas[1]), reference=study.space.reference_point)
        options = {"up": "../", "correction": correction, "n_jobs": job.n_jobs}
        if model.formula is not None:
            named = cells[["subject", *model.between, *model.within, *model.covariates, "map"]]
            text = Model(subject="subject", formula=model.formula)
            write_tests(folder, named, job.out, space, model=text, **options)
            return
        strata = Model(subject="subject", between=model.between, within=model.within, covariates=model.covariates)
        write_tests(folder, cells, job.out, space, model=strata, comparison=_study_comparison(job), **options)

    return Stage(
        name="group",
        target="group",
        settings={
            "group": study.group,
            "correction": study.correction,
            "seed": study.seed,
            "reference_point": study.space.reference_point,
            "cells": cells.to_csv(index=False),
        },
        inputs=(*(job.out / name for name in cells["map"]), mask, *atlas),
        make=make,
    )


def _study_correction(job: Job) -> CorrectionSettings | Permutation:
    wanted = job.study.correction
    if wanted.method == "permutation":
        return Permutation(statistic="size", settings=_study_permutation(job, wanted.permutations))
    return _study_simulation(job)


def _study_comparison(job: Job) -> Comparison | None:
    wanted = job.study.correction
    if not wanted.compare:
        return None
    return Comparison(
        term=job.study.group.effect,
        methods=wanted.compare,
        simulation=_study_simulation(job),
        permutation=_study_permutation(job, wanted.compare_permutations),
    )


def _study_permutation(job: Job, n_permutations: int) -> PermutationSettings:
    wanted = job.study.correction
    return PermutationSettings(
        voxel_p=wanted.voxel_p,
        alpha=wanted.alpha,
        n_permutations=n_permutations,
        connectivity=wanted.connectivity,
        variance=wanted.variance,
        seed=job.study.seed,
        n_jobs=job.n_jobs,
    )


def _study_simulation(job: Job) -> CorrectionSettings:
    wanted = job.study.correction
    return CorrectionSettings(
        voxel_p=wanted.voxel_p,
        alpha=wanted.alpha,
        connectivity=wanted.connectivity,
        iterations=wanted.iterations,
        acf=wanted.smoothness == "acf",
        seed=job.study.seed,
        n_jobs=job.n_jobs,
    )


def read_space(
    mask_path: Path, *, atlas: tuple[Path, Path] | None, reference: str = "the origin of the mask's space"
) -> Space:
    """Read the mask and, where there is one, the atlas (label volume, label table); mm count from `reference`.

    Raises:
        DataError: a file is at fault, or the two lie on different grids.
    """
    mask, grid = read_mask(mask_path)
    named = read_named_atlas(*atlas) if atlas is not None else None
    if named is not None and named.absent:
        say(f"atlas: {named.absent_note}")
    return Space(mask=mask, grid=grid, reference=reference, atlas=named)
