"""The records of a group analysis beside its statistics: settings, which map was which, how many entered where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cuecircuit
from cuecircuit.arrays import Array, Int
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.fitted_maps import FittedMaps
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import write_json, write_table
from cuecircuit.pipeline.group.design import Correction, MixedDesignText, StrataDesign
from cuecircuit.pipeline.group.files import Space
from cuecircuit.pipeline.group.permuted import Permutation, PermutedMap
from cuecircuit.records.cells import CellTable
from cuecircuit.stats.mixed_model import MixedModel
from cuecircuit.stats.strata_result import TermTest


def write_counts(path: Path, counts: Int[Array, "voxel"], space: Space) -> None:
    """Write how many subjects or maps entered the test of each voxel, where that differs between voxels."""
    if np.ptp(counts) > 0:
        volume = np.zeros(space.grid.shape, np.int16)
        volume[space.mask] = counts
        write_volume(path, volume, space.grid)


def counted(entered: Int[Array, "voxel"]) -> dict[str, int]:
    """Number of voxels by number of subjects or maps, most first."""
    counts = np.bincount(entered)
    return {str(n): int(counts[n]) for n in np.flatnonzero(counts)[::-1]}


def cluster_rule(correction: Correction) -> dict[str, Any]:
    """Say in the sidecar of clusters.tsv how clusters were formed and corrected."""
    if correction is None:
        return {}
    by_permutation = isinstance(correction, Permutation)
    settings = correction.settings if by_permutation else correction
    return {
        "Correction": f"permutation, {correction.statistic}" if by_permutation else "simulated null fields, size",
        "VoxelP": settings.voxel_p,
        "Alpha": settings.alpha,
        "Connectivity": settings.connectivity,
        "Sided": settings.sided,
    }


def write_observations(
    folder: Path, rows: pd.DataFrame, columns: Sequence[str], *, files: Sequence[str], up: str
) -> None:
    """Write `maps.tsv`: which map was which observation.

    Args:
        folder: of the results.
        rows: the observations.
        columns: of the design.
        files: columns that name files, `map` among them.
        up: the way from the results back to where names of files start, such as `../`; empty leaves them alone.
    """
    rows = rows[list(dict.fromkeys([*columns, *files]))].assign(**{name: up + rows[name] for name in files})
    notes = dict.fromkeys(rows, "column of the design")
    notes["map"] = "map of the row; volume k of residuals.nii.gz is what the model leaves of map k, from 0"
    write_table(folder / "maps.tsv", rows, notes)


def strata_settings(design: StrataDesign, cells: CellTable, result: FittedMaps[TermTest]) -> dict[str, Any]:
    """What was asked of the strata model, who entered, and how many voxels could not be tested."""
    return {
        "model": "error-strata ANCOVA, type III, sum-to-zero coding",
        "design": {name: value for name, value in asdict(design).items() if name != "block"},
        "subjects": list(cells.design.subjects),
        "left_out": [str(line) for line in cells.excluded],
        "within_levels": {name: list(levels) for name, levels in cells.design.within.items()},
        "grand_mean": "tested where every covariate is 0; other tests do not depend on where",
        "contrasts_error": "each contrast by the scores of the subjects on it, regressed on groups and covariates",
        "voxels_by_subjects": counted(result.n_subjects),
        "voxels_not_finite": result.counts["n_not_finite"],
        "voxels_without_error_variance": result.counts["n_no_error"],
        "voxels_where_the_covariate_is_constant": result.counts["n_flat"],
    }


def mixed_settings(design: MixedDesignText, model: MixedModel) -> dict[str, Any]:
    """What was asked of the mixed model."""
    return {
        "model": "linear mixed model by REML, type III, sum-to-zero coding",
        "formula": design.formula,
        "denominator_df": design.df,
        "contrasts": list(design.contrasts),
        "fewest_subjects": design.fewest,
        "observations": model.n_observations,
        "n_subjects": model.n_subjects,
    }


def write_settings(
    folder: Path, space: Space, correction: Correction, model: Mapping[str, Any], permuted: Iterable[PermutedMap]
) -> None:
    """Write `settings.json`: every choice made."""
    settings = {
        "software": f"cuecircuit {cuecircuit.__version__}",
        **model,
        "mask_voxels": int(space.mask.sum()),
        "voxel_mm": [round(float(edge), 6) for edge in space.grid.voxel_mm],
        "correction": None,
    }
    if isinstance(correction, CorrectionSettings):
        settings["correction"] = {"rule": "simulated null fields", **asdict(correction)}
    elif correction is not None:
        rule = {"rule": "permutation", "statistic": correction.statistic, "exchange": correction.exchange}
        done = {"permuted": [each.facts for each in permuted]}
        settings["correction"] = {**rule, **asdict(correction.settings), **done}
    if settings["correction"]:
        del settings["correction"]["n_jobs"]  # results do not depend on it
    write_json(folder / "settings.json", settings)
