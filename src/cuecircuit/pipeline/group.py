"""Maps of all subjects and cells to tests of every effect in every voxel, corrected for the number of voxels."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cuecircuit
from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.group.correction import (
    ClusterNulls,
    CorrectedTerm,
    CorrectionSettings,
    correct,
    simulate_nulls,
    smoothness_of,
    stratum_residuals,
)
from cuecircuit.group.permutation import MapStatistic, PermutationSettings, corrected_term, permute_term
from cuecircuit.io.atomic import replacing
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.maps import read_maps
from cuecircuit.io.nifti import read_mask
from cuecircuit.io.tables import read_table, write_json, write_table
from cuecircuit.pipeline.firstlevel import cells_table
from cuecircuit.pipeline.group_files import Effect, Space, term_prefix, write_effects, write_residuals, write_smoothness
from cuecircuit.pipeline.job import Job
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.pipeline.store import Stage
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.records.cells import CellTable, complete_cells
from cuecircuit.stats.contrasts import mixed_contrast
from cuecircuit.stats.mixed_fit import fit_mixed, hypothesis_tests
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule
from cuecircuit.stats.mixed_model import MixedModel, mixed_model
from cuecircuit.stats.strata import StrataAnova, TermTest, strata_anova
from cuecircuit.stats.strata_design import StrataModel, strata_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Permutation:
    """Correction by permutation: which maximum decides."""

    statistic: MapStatistic
    settings: PermutationSettings


Correction = CorrectionSettings | Permutation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrataDesign:
    """Columns of the table of maps that make an error-strata design."""

    subject: str
    between: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedDesignText:
    """A linear mixed model as text, the rule for its denominators, and contrasts of its levels to test.

    `factors` names columns of numbers that are labels, such as a session.
    """

    subject: str
    formula: str
    df: DegreesOfFreedomRule = "satterthwaite"
    contrasts: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    n_jobs: int = 1


def group_command(
    table: Path, out: Path, mask: Path, *, design: StrataDesign | MixedDesignText, correction: Correction
) -> None:
    """Fit a model to a table of maps and write OUT, whole or not at all.

    Raises:
        DataError: the table, the maps or the mask are at fault.
        DesignError: the design cannot carry its tests.
    """
    frame = read_table(table, text=(design.subject, "map"))
    if "map" not in frame:
        raise DataError(f"{table}: no column map; it has {', '.join(frame.columns)}")
    with replacing(out, folder=True) as new, one_blas_thread():
        if isinstance(design, StrataDesign):
            write_strata(new, frame, table.parent, mask, design=design, correction=correction)
        else:
            _write_mixed(new, frame, table.parent, mask, design=design, correction=correction)
        write_description(new, "Tests of maps")


def group_stage(job: Job) -> Stage:
    """Make the stage that tests the study's own maps."""
    study, cells = job.study, cells_table(job)
    design = StrataDesign(
        subject="subject",
        between=study.group.between,
        within=study.group.within,
        covariates=study.group.covariates,
    )
    correction = _study_correction(job)
    mask = job.path(study.space.mask)

    def make(folder: Path) -> None:
        write_strata(folder, cells, job.out, mask, design=design, correction=correction)

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


def _study_correction(job: Job) -> CorrectionSettings | Permutation:
    wanted, seed = job.study.correction, job.study.seed
    if wanted.method == "permutation":
        settings = PermutationSettings(
            voxel_p=wanted.voxel_p,
            alpha=wanted.alpha,
            n_permutations=wanted.permutations,
            connectivity=wanted.connectivity,
            seed=seed,
            n_jobs=job.n_jobs,
        )
        return Permutation(statistic="size", settings=settings)
    return CorrectionSettings(
        voxel_p=wanted.voxel_p,
        alpha=wanted.alpha,
        connectivity=wanted.connectivity,
        iterations=wanted.iterations,
        acf=wanted.smoothness == "acf",
        seed=seed,
        n_jobs=job.n_jobs,
    )


def write_strata(
    folder: Path,
    frame: pd.DataFrame,
    maps_folder: Path,
    mask_path: Path,
    *,
    design: StrataDesign,
    correction: Correction,
) -> None:
    """Test every effect in its own error stratum and write maps, tables and settings into `folder`."""
    columns = {"between": design.between, "within": design.within, "covariates": design.covariates}
    cells = complete_cells(frame, subject=design.subject, **columns)
    for line in cells.excluded:
        say(f"group: {line}")
    space = _space(mask_path)
    names = frame["map"].to_numpy()[cells.rows]
    y = read_maps(list(map(str, names.ravel())), maps_folder, space.mask, space.grid).reshape(*names.shape, -1)
    model = strata_model(cells.design)
    result = strata_anova(y, model, residuals=True)
    assert result.residuals is not None
    nulls = _nulls(folder, stratum_residuals(result.residuals, model), space, correction) if correction else {}
    corrected = _permute(y, model, result, space, correction) if isinstance(correction, Permutation) else {}
    effects = []
    for test in result.terms:
        key = (test.name, test.stratum)
        by_size = correct(test, space.mask, nulls[test.stratum]) if nulls else corrected.get(key)
        effects.append(_strata_effect(test, by_size, covariate=test.name in design.covariates))
    write_effects(folder, effects, space)
    write_residuals(folder, result.residuals.reshape(-1, y.shape[2]), space)
    _write_observations(folder, frame.iloc[cells.rows.ravel()], [design.subject, *sum(columns.values(), ())])
    _write_settings(folder, space, correction, _strata_settings(design, cells, result))


def _write_mixed(
    folder: Path,
    frame: pd.DataFrame,
    maps_folder: Path,
    mask_path: Path,
    *,
    design: MixedDesignText,
    correction: Correction,
) -> None:
    if isinstance(correction, Permutation):
        raise DataError("permutation needs the error-strata model (--between, --within); use --inference simulation")
    names = [name for name in frame.columns if name != "map"]
    columns = {name: frame[name].to_numpy() for name in names}
    model = mixed_model(design.formula, columns, factors=design.factors)
    contrasts = [mixed_contrast(text, model) for text in design.contrasts]
    space = _space(mask_path)
    y = read_maps([str(name) for name in frame["map"]], maps_folder, space.mask, space.grid)
    with steps("mixed model", y.shape[1]) as advance:
        fit = fit_mixed(y, model, df=design.df, residuals=True, n_jobs=design.n_jobs)
        tests = (*fit.terms, *hypothesis_tests(fit, contrasts, n_jobs=design.n_jobs))
        advance(y.shape[1])
    assert fit.residuals is not None
    nulls = _nulls(folder, {"residual": fit.residuals}, space, correction) if correction else {}
    effects = [
        Effect(
            test=test,
            prefix=term_prefix(test.name, None, covariate=False),
            stratum=None,
            more={"df2": test.df2},
            corrected=correct(test, space.mask, nulls["residual"]) if nulls else None,
        )
        for test in tests
    ]
    write_effects(folder, effects, space)
    write_residuals(folder, fit.residuals, space)
    _write_observations(folder, frame, names)
    counts = {name: getattr(fit, name) for name in ("n_singular", "n_not_converged", "n_not_finite", "n_no_error")}
    _write_settings(folder, space, correction, {**_mixed_settings(design, model), "voxels": counts})


def _space(mask_path: Path) -> Space:
    mask, grid = read_mask(mask_path)
    return Space(mask=mask, grid=grid)


def _nulls(
    folder: Path,
    residuals: Mapping[str, Float[Array, "observation voxel"]],
    space: Space,
    correction: CorrectionSettings | Permutation,
) -> dict[str, ClusterNulls]:
    """Write the smoothness of the noise of each stratum and simulate its null, where that is how maps are corrected."""
    noise = {stratum: smoothness_of(scores, space.mask, space.grid) for stratum, scores in residuals.items()}
    write_smoothness(folder, noise)
    if isinstance(correction, Permutation):
        return {}
    with steps("null fields", correction.iterations * len(noise)) as advance:
        return {
            stratum: simulate_nulls(found, space.mask, space.grid, correction, progress=advance)
            for stratum, found in noise.items()
        }


def _permute(
    y: Float[Array, "subject condition voxel"],
    model: StrataModel,
    result: StrataAnova,
    space: Space,
    correction: Permutation,
) -> dict[tuple[str, str], CorrectedTerm]:
    found = {}
    for test in result.terms:
        with steps(f"permutations of {test.name}", correction.settings.n_permutations) as advance:
            permuted = permute_term(
                y,
                model,
                test.name,
                space.mask,
                stratum=test.stratum,
                statistics=(correction.statistic,),
                settings=correction.settings,
                progress=advance,
            )
        found[test.name, test.stratum] = corrected_term(permuted, correction.statistic)
    return found


def _strata_effect(test: TermTest, corrected: CorrectedTerm | None, *, covariate: bool) -> Effect:
    more = {"pes": test.partial_eta2}
    if test.eps_gg is not None and test.log_p_gg is not None and test.df1 > 1:
        more |= {"epsGG": test.eps_gg, "pGG": np.exp(test.log_p_gg)}
    prefix = term_prefix(test.name, test.stratum, covariate=covariate)
    return Effect(test=test, prefix=prefix, stratum=test.stratum, more=more, corrected=corrected)


def _write_observations(folder: Path, rows: pd.DataFrame, columns: list[str]) -> None:
    notes = dict.fromkeys(columns, "column of the design")
    notes["map"] = "map of the row; volume k of residuals.nii.gz is what the model leaves of map k, from 0"
    write_table(folder / "maps.tsv", rows[[*columns, "map"]], notes)


def _strata_settings(design: StrataDesign, cells: CellTable, result: StrataAnova) -> dict[str, Any]:
    return {
        "model": "error-strata ANCOVA, type III, sum-to-zero coding",
        "design": asdict(design),
        "subjects": list(cells.design.subjects),
        "left_out": [str(line) for line in cells.excluded],
        "within_levels": {name: list(levels) for name, levels in cells.design.within.items()},
        "covariates_centered": "at their mean over all maps",
        "voxels_not_finite": result.n_not_finite,
        "voxels_without_error_variance": result.n_no_error,
    }


def _mixed_settings(design: MixedDesignText, model: MixedModel) -> dict[str, Any]:
    return {
        "model": "linear mixed model by REML, type III, sum-to-zero coding",
        "formula": design.formula,
        "denominator_df": design.df,
        "contrasts": list(design.contrasts),
        "observations": model.n_observations,
        "n_subjects": model.n_subjects,
    }


def _write_settings(folder: Path, space: Space, correction: Correction, model: Mapping[str, Any]) -> None:
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
        rule = {"rule": "permutation", "statistic": correction.statistic}
        settings["correction"] = {**rule, **asdict(correction.settings)}
    if settings["correction"]:
        del settings["correction"]["n_jobs"]  # results do not depend on it
    write_json(folder / "settings.json", settings)
