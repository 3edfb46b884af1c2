"""Maps of all subjects and cells to tests of every effect in every voxel, corrected for the number of voxels."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cuecircuit
from cuecircuit.group.correction import (
    ClusterNulls,
    CorrectedTerm,
    CorrectionSettings,
    correct,
    on_grid,
    simulate_nulls,
    stratum_residuals,
)
from cuecircuit.io.atomic import replacing
from cuecircuit.io.derivatives import bids_label, map_name, write_description
from cuecircuit.io.maps import read_maps
from cuecircuit.io.nifti import read_mask, write_volume
from cuecircuit.io.tables import read_table, write_json, write_table
from cuecircuit.pipeline.firstlevel import cells_table
from cuecircuit.pipeline.job import Job
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.pipeline.store import Stage
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.records.cells import CellTable, complete_cells
from cuecircuit.records.grid import Grid
from cuecircuit.stats.strata import StrataAnova, TermTest, strata_anova
from cuecircuit.stats.strata_design import strata_model

TERM_COLUMNS = {
    "term": "effect; a covariate within subjects is tested once in each stratum",
    "prefix": "the term's files are contrast-<prefix>_stat-<statistic>_statmap.nii.gz",
    "stratum": "error stratum of the test",
    "df1": "numerator degrees of freedom",
    "df2": "denominator degrees of freedom",
    "largest_f": "largest F in the mask",
    "voxels_tested": "voxels with a finite F",
    "cluster_size": {"Description": "size a cluster must reach at the corrected alpha", "Units": "voxels"},
    "cluster_size_se": {"Description": "Monte Carlo standard error of cluster_size", "Units": "voxels"},
    "significant_clusters": "clusters with corrected p at most alpha",
    "significant_voxels": "voxels in them",
}
CLUSTER_COLUMNS = {
    "term": "effect",
    "prefix": "the term's files are contrast-<prefix>_stat-<statistic>_statmap.nii.gz",
    "cluster": "label, 1 is the largest of the term",
    "voxels": "size",
    "mm3": {"Units": "mm³"},
    "p_fwe": "family-wise corrected p of the cluster's size",
    "peak_f": "largest F in the cluster",
    "peak_x": {"Description": "position of the peak, right", "Units": "mm"},
    "peak_y": {"Description": "position of the peak, anterior", "Units": "mm"},
    "peak_z": {"Description": "position of the peak, superior", "Units": "mm"},
    "center_x": {"Description": "center of mass weighted by F", "Units": "mm"},
    "center_y": {"Units": "mm"},
    "center_z": {"Units": "mm"},
}
SMOOTHNESS_COLUMNS = {
    "stratum": "error stratum whose residuals these are",
    "a": "share of the Gaussian part of the autocorrelation a·exp(−r²/2b²) + (1−a)·exp(−r/c)",
    "b_mm": {"Units": "mm"},
    "c_mm": {"Units": "mm"},
    "fwhm_mm": {"Description": "full width at half maximum of the autocorrelation", "Units": "mm"},
    "fwhm_classic_mm": {"Description": "classic FWHM, geometric mean over axes", "Units": "mm"},
}


def group_command(
    table: Path,
    out: Path,
    mask: Path,
    *,
    subject: str,
    between: tuple[str, ...] = (),
    within: tuple[str, ...] = (),
    covariates: tuple[str, ...] = (),
    correction: CorrectionSettings | None = None,
) -> None:
    """Fit the error-strata model to a table of maps and write OUT, whole or not at all.

    Raises:
        DataError: the table, the maps or the mask are at fault.
        DesignError: the design cannot carry its tests.
    """
    frame = read_table(table, text=(subject, "map"))
    design = {"subject": subject, "between": between, "within": within, "covariates": covariates}
    with replacing(out, folder=True) as new, one_blas_thread():
        write_group(new, frame, table.parent, mask, design=design, correction=correction)
        write_description(new, "Mixed-design tests of maps")


def group_stage(job: Job) -> Stage:
    """Make the stage that tests the study's own maps."""
    study = job.study
    cells = cells_table(job)
    design = {
        "subject": "subject",
        "between": study.group.between,
        "within": study.group.within,
        "covariates": study.group.covariates,
    }
    correction = CorrectionSettings(
        voxel_p=study.correction.voxel_p,
        alpha=study.correction.alpha,
        connectivity=study.correction.connectivity,
        iterations=study.correction.iterations,
        acf=study.correction.smoothness == "acf",
        seed=study.seed,
        n_jobs=job.n_jobs,
    )
    mask = job.path(study.space.mask)

    def make(folder: Path) -> None:
        write_group(folder, cells, job.out, mask, design=design, correction=correction)

    return Stage(
        name="group",
        target="group",
        settings={
            "group": study.group,
            "correction": study.correction,
            "seed": study.seed,
            "cells": cells.to_csv(index=False),
        },
        inputs=(*(job.out / name for name in cells["map"]), mask),
        make=make,
    )


def write_group(
    folder: Path,
    frame: pd.DataFrame,
    maps_folder: Path,
    mask_path: Path,
    *,
    design: Mapping[str, Any],
    correction: CorrectionSettings | None,
) -> None:
    """Test every effect and write maps, tables and settings into `folder`."""
    cells = complete_cells(frame, **design)
    for line in cells.excluded:
        say(f"group: {line}")
    mask, grid = read_mask(mask_path)
    names = frame["map"].to_numpy()[cells.rows]
    y = read_maps([str(name) for name in names.ravel()], maps_folder, mask, grid).reshape(*names.shape, -1)
    model = strata_model(cells.design)
    result = strata_anova(y, model, residuals=True)
    residuals = result.residuals
    assert residuals is not None
    nulls = _simulate(stratum_residuals(residuals, model), mask, grid, correction) if correction else {}
    corrected = {_prefix(term): correct(term, mask, nulls[term.stratum]) for term in result.terms if nulls}
    for term in result.terms:
        _write_maps(folder, term, corrected.get(_prefix(term)), mask, grid)
    _write_residuals(folder, residuals, mask, grid)
    _write_observations(folder, frame, cells, design)
    _write_tables(folder, result, corrected, nulls, grid)
    _write_settings(folder, cells, result, design, correction, mask, grid)


def _simulate(
    residuals: Mapping[str, Any], mask: Any, grid: Grid, correction: CorrectionSettings
) -> dict[str, ClusterNulls]:
    with steps("null fields", correction.iterations * len(residuals)) as advance:
        return {
            stratum: simulate_nulls(scores, mask, grid, correction, progress=advance)
            for stratum, scores in residuals.items()
        }


def _prefix(term: TermTest) -> str:
    if term.name == "(Intercept)":
        return "intercept"
    if term.factors or ":" not in term.stratum:
        return bids_label(term.name)
    return bids_label(f"{term.name} In {term.stratum}")


def _write_maps(folder: Path, term: TermTest, corrected: CorrectedTerm | None, mask: Any, grid: Grid) -> None:
    maps = {"F": term.f, "p": term.p, "z": term.z, "pes": term.partial_eta2}
    if term.t is not None:
        maps["t"] = term.t
    if term.eps_gg is not None and term.log_p_gg is not None and term.df1 > 1:
        maps |= {"epsGG": term.eps_gg, "pGG": np.exp(term.log_p_gg)}
    for statistic, values in maps.items():
        is_p = statistic.startswith("p") and statistic != "pes"
        # p in double precision: in single, p below 1e-45 would be 0
        volume = np.where(mask, on_grid(values, mask), 1.0 if is_p else 0.0)
        write_volume(folder / map_name(_prefix(term), statistic), volume.astype("f8" if is_p else "f4"), grid)
    if corrected is not None:
        labels = corrected.clusters.labels.astype(np.int32)
        write_volume(folder / map_name(_prefix(term), "pfwe"), corrected.p_map.astype(np.float32), grid)
        write_volume(folder / map_name(_prefix(term), "cluster"), labels, grid)


def _write_residuals(folder: Path, residuals: Any, mask: Any, grid: Grid) -> None:
    series = np.zeros((*grid.shape, residuals.shape[0] * residuals.shape[1]), np.float32)
    series[mask] = residuals.reshape(-1, residuals.shape[2]).T
    write_volume(folder / "residuals.nii.gz", series, grid)


def _write_observations(folder: Path, frame: pd.DataFrame, cells: CellTable, design: Mapping[str, Any]) -> None:
    columns = [design["subject"], *design["between"], *design["within"], *design["covariates"], "map"]
    notes = dict.fromkeys(columns, "column of the design")
    notes["map"] = "map of the row; volume k of residuals.nii.gz is what the model leaves of map k, from 0"
    write_table(folder / "maps.tsv", frame.iloc[cells.rows.ravel()][columns], notes)


def _write_tables(
    folder: Path,
    result: StrataAnova,
    corrected: Mapping[str, CorrectedTerm],
    nulls: Mapping[str, ClusterNulls],
    grid: Grid,
) -> None:
    terms = pd.DataFrame([_term_row(term, corrected.get(_prefix(term))) for term in result.terms])
    write_table(folder / "terms.tsv", terms, TERM_COLUMNS)
    if not nulls:
        return
    clusters = [row for term in result.terms for row in _cluster_rows(term, corrected[_prefix(term)], grid)]
    write_table(folder / "clusters.tsv", pd.DataFrame(clusters, columns=list(CLUSTER_COLUMNS)), CLUSTER_COLUMNS)
    smoothness = pd.DataFrame([_smoothness_row(stratum, null) for stratum, null in nulls.items()])
    write_table(folder / "smoothness.tsv", smoothness, SMOOTHNESS_COLUMNS)


def _smoothness_row(stratum: str, null: ClusterNulls) -> dict[str, Any]:
    acf = null.smoothness.acf
    return {
        "stratum": stratum,
        "a": acf.a,
        "b_mm": acf.b_mm,
        "c_mm": acf.c_mm,
        "fwhm_mm": acf.fwhm_mm,
        "fwhm_classic_mm": null.smoothness.fwhm_classic_mm,
    }


def _term_row(term: TermTest, corrected: CorrectedTerm | None) -> dict[str, Any]:
    finite = np.isfinite(term.f)
    row = {
        "term": term.name,
        "prefix": _prefix(term),
        "stratum": term.stratum,
        "df1": term.df1,
        "df2": term.df2,
        "largest_f": term.f[finite].max() if finite.any() else np.nan,
        "voxels_tested": int(finite.sum()),
    }
    if corrected is not None:
        row |= {
            "cluster_size": corrected.size_threshold,
            "cluster_size_se": corrected.size_threshold_se,
            "significant_clusters": int((corrected.p <= corrected.alpha).sum()),
            "significant_voxels": int(corrected.significant.sum()),
        }
    return row


def _cluster_rows(term: TermTest, corrected: CorrectedTerm, grid: Grid) -> list[dict[str, Any]]:
    found = corrected.clusters
    peaks, centers = grid.mm(found.peak_voxels.astype(float)), grid.mm(found.center_voxels)
    return [
        {
            "term": term.name,
            "prefix": _prefix(term),
            "cluster": index + 1,
            "voxels": int(found.sizes[index]),
            "mm3": float(found.sizes[index] * grid.voxel_mm3),
            "p_fwe": corrected.p[index],
            "peak_f": found.peak_values[index],
            **{f"peak_{axis}": mm for axis, mm in zip("xyz", peaks[index], strict=True)},
            **{f"center_{axis}": mm for axis, mm in zip("xyz", centers[index], strict=True)},
        }
        for index in range(len(found.sizes))
    ]


def _write_settings(
    folder: Path,
    cells: CellTable,
    result: StrataAnova,
    design: Mapping[str, Any],
    correction: CorrectionSettings | None,
    mask: Any,
    grid: Grid,
) -> None:
    settings = {
        "software": f"cuecircuit {cuecircuit.__version__}",
        "model": "error-strata ANCOVA, type III, sum-to-zero coding",
        "design": dict(design),
        "subjects": list(cells.design.subjects),
        "left_out": [str(line) for line in cells.excluded],
        "within_levels": {name: list(levels) for name, levels in cells.design.within.items()},
        "covariates_centered": "at their mean over all maps",
        "voxels": int(mask.sum()),
        "voxel_mm": [round(float(edge), 6) for edge in grid.voxel_mm],
        "voxels_not_finite": result.n_not_finite,
        "voxels_without_error_variance": result.n_no_error,
        "correction": {**asdict(correction), "rule": "simulated null fields"} if correction else None,
    }
    if correction:
        del settings["correction"]["n_jobs"]  # results do not depend on it
    write_json(folder / "settings.json", settings)
