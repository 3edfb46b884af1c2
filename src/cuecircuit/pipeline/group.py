"""Maps of all subjects and cells to tests of every effect in every voxel, corrected for the number of voxels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.clusters.neighbors import border_note
from cuecircuit.errors import DataError
from cuecircuit.group.correction import (
    ClusterNulls,
    CorrectedTerm,
    CorrectionSettings,
    correct,
    on_grid,
    simulate_nulls,
    smoothness_of,
    stratum_residuals,
)
from cuecircuit.group.permutation import PermutationSettings, permute_term
from cuecircuit.io.atomic import replacing
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.maps import read_maps
from cuecircuit.io.nifti import read_mask
from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.corrections import Comparison, write_comparison
from cuecircuit.pipeline.firstlevel import cells_table
from cuecircuit.pipeline.group_design import Correction, MixedDesignText, StrataDesign
from cuecircuit.pipeline.group_files import Effect, Space, term_prefix, write_effects, write_residuals, write_smoothness
from cuecircuit.pipeline.group_record import (
    cluster_rule,
    counted,
    mixed_settings,
    strata_settings,
    write_counts,
    write_observations,
    write_settings,
)
from cuecircuit.pipeline.job import Job
from cuecircuit.pipeline.permuted import Permutation, PermutedMap, permute_mixed, permuted_map, verdict
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.pipeline.space import read_named_atlas
from cuecircuit.pipeline.store import Stage
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.records.cells import CellTable, complete_cells
from cuecircuit.stats.contrasts import mixed_contrast, strata_contrast
from cuecircuit.stats.mixed_fit import fit_mixed, hypothesis_tests
from cuecircuit.stats.mixed_inference import MixedTest
from cuecircuit.stats.mixed_model import mixed_model
from cuecircuit.stats.strata import StrataAnova, TermTest, strata_anova
from cuecircuit.stats.strata_covariate import ResponseCovariate
from cuecircuit.stats.strata_design import StrataModel, strata_model


def group_command(
    table: Path,
    out: Path,
    mask: Path,
    *,
    design: StrataDesign | MixedDesignText,
    correction: Correction,
    comparison: Comparison | None = None,
    atlas: tuple[Path, Path] | None = None,
) -> None:
    """Fit a model to a table of maps and write OUT, whole or not at all.

    Args:
        table: a row for each map, column `map`.
        out: the folder to make.
        mask: voxels to test.
        design: the model.
        correction: of every term.
        comparison: corrections of one term to set side by side.
        atlas: label volume and label table, which name the regions of clusters.

    Raises:
        DataError: the table, the maps or the mask are at fault.
        DesignError: the design cannot carry its tests.
    """
    frame = read_table(table, text=(design.subject, "map"))
    if "map" not in frame:
        raise DataError(f"{table}: no column map; it has {', '.join(frame.columns)}")
    by_voxel = [design.voxel_covariate] if isinstance(design, StrataDesign) and design.voxel_covariate else []
    if by_voxel and by_voxel[0] in frame and pd.api.types.is_numeric_dtype(frame[by_voxel[0]]):
        raise DataError(f"column '{by_voxel[0]}' has numbers, expected names of maps; numbers go with --covariate")
    frame = _with_maps(frame, ["map", *by_voxel])
    space = read_space(mask, atlas=atlas)
    if note := border_note(space.mask):
        say(f"group: {note}")
    with replacing(out, folder=True) as new, one_blas_thread():
        if isinstance(design, StrataDesign):
            write_strata(new, frame, table.parent, space, design=design, correction=correction, comparison=comparison)
        else:
            _write_mixed(new, frame, table.parent, space, design=design, correction=correction)
        write_description(new, "Tests of maps")


def _with_maps(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Rows that name their maps; the others are told, never dropped in silence.

    Raises:
        DataError: there is no such column, or no row that names its maps.
    """
    absent = [name for name in columns if name not in frame]
    if absent:
        raise DataError(f"column '{name}' is not in the table; it has {', '.join(frame.columns)}" for name in absent)
    named = frame[list(columns)].notna().all(axis=1).to_numpy()
    for row in np.flatnonzero(~named):
        say(f"group: line {row + 2}: left out, no map")
    if not named.any():
        raise DataError(f"no row names a file in {' and '.join(columns)}")
    return frame[named].reset_index(drop=True)


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
    mask, *atlas = (job.path(path) for path in (study.space.mask, study.space.atlas, study.space.labels))

    def make(folder: Path) -> None:
        comparison = _study_comparison(job)
        space = read_space(mask, atlas=(atlas[0], atlas[1]), reference=study.space.reference_point)
        write_strata(folder, cells, job.out, space, design=design, correction=correction, comparison=comparison)

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


def write_strata(
    folder: Path,
    frame: pd.DataFrame,
    maps_folder: Path,
    space: Space,
    *,
    design: StrataDesign,
    correction: Correction,
    comparison: Comparison | None = None,
) -> None:
    """Test every effect in its own error stratum and write maps, tables and settings into `folder`."""
    columns = {"between": design.between, "within": design.within, "covariates": design.covariates}
    cells = complete_cells(frame, subject=design.subject, **columns)
    for line in cells.excluded:
        say(f"group: {line}")
    y = _cell_maps(frame, "map", cells, maps_folder, space)
    covariate = None
    if design.voxel_covariate:
        if comparison is not None or isinstance(correction, Permutation):
            raise DataError("permutation cannot adjust for a covariate by voxel; use --inference simulation")
        values = _cell_maps(frame, design.voxel_covariate, cells, maps_folder, space)
        covariate = ResponseCovariate(name=design.voxel_covariate, values=values)
    model = strata_model(cells.design, contrasts=[strata_contrast(text, cells.design) for text in design.contrasts])
    result = strata_anova(y, model, residuals=True, covariate=covariate, fewest=design.fewest, block=design.block)
    assert result.residuals is not None
    tests = (*result.terms, *result.contrasts)
    why = f"{result.n_not_finite} lack maps, {result.n_no_error} leave nothing for error, in {result.n_flat} the "
    _check_tested(tests, f"{why}covariate does not vary")
    residuals = stratum_residuals(result.residuals, model)
    tested = {test.stratum: test.f for test in tests}
    nulls = _nulls(folder, residuals, tested, space, correction) if correction else {}
    permuted = _permute(y, model, result, space, correction) if isinstance(correction, Permutation) else {}
    corrected = {key: each.corrected for key, each in permuted.items()}
    compared = {}
    if comparison is not None:
        test = result.term(comparison.term, comparison.stratum)
        found = write_comparison(
            folder, y, model, test, residuals[test.stratum], space, comparison, nulls=nulls.get(test.stratum)
        )
        compared[test.name, test.stratum] = found
    effects = []
    for test in tests:
        key = (test.name, test.stratum)
        by_size = correct(test, space.mask, nulls[test.stratum]) if nulls else corrected.get(key)
        own = _strata_effect(test, by_size)
        effects.append(replace(own, p_by_method=compared.get(key, {})))
    _say_verdicts(effects)
    write_effects(folder, effects, space, rule=cluster_rule(correction))
    write_residuals(folder, result.residuals.reshape(-1, y.shape[2]), space)
    write_counts(folder / "subjects.nii.gz", result.n_subjects, space)
    named = [design.subject, *sum(columns.values(), ()), *([design.voxel_covariate] if covariate else [])]
    write_observations(folder, frame.iloc[cells.rows.ravel()], named)
    write_settings(folder, space, correction, strata_settings(design, cells, result), permuted.values())


def _write_mixed(
    folder: Path,
    frame: pd.DataFrame,
    maps_folder: Path,
    space: Space,
    *,
    design: MixedDesignText,
    correction: Correction,
) -> None:
    names = [name for name in frame.columns if name != "map"]
    columns = {name: frame[name].to_numpy() for name in names}
    model = mixed_model(design.formula, columns, factors=design.factors)
    contrasts = [mixed_contrast(text, model) for text in design.contrasts]
    y = read_maps([str(name) for name in frame["map"]], maps_folder, space.mask, space.grid)
    with steps("mixed model", y.shape[1]) as advance:
        fit = fit_mixed(
            y, model, df=design.df, residuals=True, fewest=design.fewest, block=design.block, n_jobs=design.n_jobs
        )
        tests = (*fit.terms, *hypothesis_tests(fit, contrasts, n_jobs=design.n_jobs))
        advance(y.shape[1])
    assert fit.residuals is not None
    _check_tested(tests, f"{fit.n_not_finite} lack maps, {fit.n_no_error} leave nothing for error")
    tested = {"residual": fit.criterion}
    nulls = _nulls(folder, {"residual": fit.residuals}, tested, space, correction) if correction else {}
    by_permutation = isinstance(correction, Permutation)
    permuted = permute_mixed(y, model, tests, contrasts, space, correction) if by_permutation else {}
    effects = [_mixed_effect(test, nulls.get("residual"), permuted.get(test.name), space) for test in tests]
    _say_verdicts(effects)
    write_effects(folder, effects, space, rule=cluster_rule(correction))
    write_residuals(folder, fit.residuals, space)
    write_observations(folder, frame, names)
    counts = {name: getattr(fit, name) for name in ("n_singular", "n_not_converged", "n_not_finite", "n_no_error")}
    write_counts(folder / "observations.nii.gz", fit.n_observations, space)
    counts |= {"by_observations": counted(fit.n_observations), "by_subjects": counted(fit.n_subjects)}
    settings = {**mixed_settings(design, model), "voxels": counts}
    write_settings(folder, space, correction, settings, permuted.values())


def _mixed_effect(test: MixedTest, nulls: ClusterNulls | None, permuted: PermutedMap | None, space: Space) -> Effect:
    more = {"df2": test.df2}
    if permuted is not None:
        more["permutedT" if test.t is not None else "permutedF"] = permuted.statistic
    by_size = correct(test, space.mask, nulls) if nulls is not None else None
    return Effect(
        test=test,
        prefix=term_prefix(test.name, None, covariate=False),
        stratum=None,
        more=more,
        corrected=by_size if permuted is None else permuted.corrected,
    )


def _say_verdicts(effects: Sequence[Effect]) -> None:
    """Say of each corrected map without a survivor how far it was: no map is empty in silence."""
    times = Counter(effect.test.name for effect in effects)
    for effect in effects:
        name = effect.test.name if times[effect.test.name] == 1 else f"{effect.test.name} ({effect.stratum})"
        line = verdict(name, effect.corrected) if effect.corrected is not None else None
        if line is not None:
            say(line)


def _check_tested(tests: Sequence[TermTest | MixedTest], why: str) -> None:
    if not any(np.isfinite(test.f).any() for test in tests):
        raise DataError(f"none of {tests[0].f.size} voxels can be tested: {why}; check the maps and the mask")


def _cell_maps(
    frame: pd.DataFrame, column: str, cells: CellTable, maps_folder: Path, space: Space
) -> Float[Array, "subject condition voxel"]:
    names = frame[column].to_numpy()[cells.rows]
    return read_maps(list(map(str, names.ravel())), maps_folder, space.mask, space.grid).reshape(*names.shape, -1)


def read_space(
    mask_path: Path, *, atlas: tuple[Path, Path] | None, reference: str = "the origin of the mask's space"
) -> Space:
    """Read the mask and, where there is one, the atlas (label volume, label table); mm count from `reference`.

    Raises:
        DataError: a file is at fault, or the two lie on different grids.
    """
    mask, grid = read_mask(mask_path)
    return Space(
        mask=mask, grid=grid, reference=reference, atlas=read_named_atlas(*atlas) if atlas is not None else None
    )


def _nulls(
    folder: Path,
    residuals: Mapping[str, Float[Array, "observation voxel"]],
    tested: Mapping[str, Float[Array, "voxel"]],
    space: Space,
    correction: CorrectionSettings | Permutation,
) -> dict[str, ClusterNulls]:
    """Write the smoothness of the noise of each stratum and simulate its null, where that is how maps are corrected.

    Smoothness comes from voxels with every map; the null is drawn where the statistic `tested` is finite.
    """
    noise = {stratum: smoothness_of(scores, space.mask, space.grid) for stratum, scores in residuals.items()}
    write_smoothness(folder, noise)
    if isinstance(correction, Permutation):
        return {}
    with steps("null fields", correction.iterations * len(noise)) as advance:
        return {
            stratum: simulate_nulls(
                found, np.isfinite(on_grid(tested[stratum], space.mask)), space.grid, correction, progress=advance
            )
            for stratum, found in noise.items()
        }


def _permute(
    y: Float[Array, "subject condition voxel"],
    model: StrataModel,
    result: StrataAnova,
    space: Space,
    correction: Permutation,
) -> dict[tuple[str, str], PermutedMap]:
    found = {}
    alone = {
        each.name: replace(model, strata=(each,), contrasts=(), contrast_strata=()) for each in model.contrast_strata
    }
    for test in (*result.terms, *result.contrasts):
        with steps(f"permutations of {test.name}", correction.settings.n_permutations) as advance:
            permuted = permute_term(
                y,
                alone.get(test.stratum, model),
                test.name,
                space.mask,
                stratum=test.stratum,
                statistics=(correction.statistic,),
                settings=correction.settings,
                progress=advance,
            )
        found[test.name, test.stratum] = permuted_map(permuted, correction.statistic)
    return found


def _strata_effect(test: TermTest, corrected: CorrectedTerm | None) -> Effect:
    more = {"pes": test.partial_eta2}
    if test.name == test.stratum and test.estimate is not None:
        more["estimate"] = test.estimate
    if np.ndim(test.df2):
        more["df2"] = np.asarray(test.df2)
    if test.eps_gg is not None and test.log_p_gg is not None and test.df1 > 1:
        more |= {"epsGG": test.eps_gg, "pGG": np.exp(test.log_p_gg)}
    prefix = term_prefix(test.name, test.stratum, covariate=test.covariate is not None and not test.factors)
    return Effect(test=test, prefix=prefix, stratum=test.stratum, more=more, corrected=corrected)
