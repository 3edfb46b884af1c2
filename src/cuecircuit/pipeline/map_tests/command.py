"""Maps of all subjects and cells to tests of every effect in every voxel, corrected for the number of voxels."""

from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.clusters.neighbors import border_note
from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.bids_ignore import write_bidsignore
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.lock import writing
from cuecircuit.io.nifti import orientation_faults, read_mask
from cuecircuit.io.tables import read_table
from cuecircuit.models.design import check_subjects
from cuecircuit.models.evidence import EvidenceSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.map_tests.corrections import Comparison
from cuecircuit.pipeline.map_tests.design import Correction
from cuecircuit.pipeline.map_tests.files import Space, check_replaceable
from cuecircuit.pipeline.map_tests.tested_maps import write_tests
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.space import read_named_atlas
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.records.cells import absent_column, lacks_value


@writing
def group_command(
    table: Path,
    out: Path,
    mask: Path,
    *,
    model: Model,
    correction: Correction,
    comparison: Comparison | None = None,
    evidence: EvidenceSettings | None = None,
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
        evidence: also maps of Bayes factors and equivalence.
        atlas: label volume and label table, which name the regions of clusters.
        zero_is_missing: take exact zeros of maps for voxels that were not measured.
        n_jobs: blocks of voxels and batches of permutations worked on at a time; results do not depend on it.
        dask: `local` or a scheduler's address: they go to its workers, which must see the maps and OUT's folder.

    Raises:
        DataError: the table, the maps or the mask are at fault, or no worker answers.
        DesignError: the design cannot carry its tests.
    """
    frame = read_maps_table(table, model)
    check_subjects(frame, model)
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
            evidence=evidence,
            zero_is_missing=zero_is_missing,
            n_jobs=n_jobs,
        )
        write_description(new, "Tests of maps")
        write_bidsignore(new)


def read_maps_table(table: Path, model: Model) -> pd.DataFrame:
    """Read a table of maps; rows that name none are reported, never dropped in silence.

    Raises:
        DataError: the table is at fault, a column of maps is not there or has numbers, or no row names its maps.
    """
    files = list(filter(None, ("map", model.covariate, model.variance)))
    frame = read_table(table, text=tuple(filter(None, (model.subject, "map"))))
    absent = [name for name in files if name not in frame]
    if absent:
        raise DataError(absent_column(name, frame.columns) for name in absent)
    numbers = [name for name in files[1:] if pd.api.types.is_numeric_dtype(frame[name])]
    if numbers:
        raise DataError(
            f"column '{name}' has numbers, expected names of maps; numbers go with --covariate" for name in numbers
        )
    named = ~np.any([lacks_value(frame[name]) for name in files], axis=0)
    for row in np.flatnonzero(~named):
        say(f"group: line {row + 2}: left out, no map")
    if not named.any():
        raise DataError(f"no row names a file in {' and '.join(files)}")
    return frame[named]


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
