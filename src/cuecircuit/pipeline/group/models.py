"""The two models of a group analysis: fitted block by block, corrected, and written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.clusters.smoothness import Smoothness
from cuecircuit.errors import DataError
from cuecircuit.group.correction import (
    ClusterNulls,
    CorrectedTerm,
    CorrectionSettings,
    correct,
    simulate_nulls,
)
from cuecircuit.group.fitted_maps import FittedMaps, fit_mixed_maps, fit_strata_maps
from cuecircuit.io.atomic import scratch_beside
from cuecircuit.pipeline.group.blocks import GroupMaps, fit_maps, smoothness_of_residuals, store_maps
from cuecircuit.pipeline.group.corrections import Comparison, write_comparison
from cuecircuit.pipeline.group.design import Correction, MixedDesignText, StrataDesign
from cuecircuit.pipeline.group.files import Effect, Space, term_prefix, write_effects, write_residuals, write_smoothness
from cuecircuit.pipeline.group.permuted import Permutation, PermutedMap, permute_mixed, permute_strata, verdict
from cuecircuit.pipeline.group.record import (
    cluster_rule,
    counted,
    mixed_settings,
    strata_settings,
    write_counts,
    write_observations,
    write_settings,
)
from cuecircuit.pipeline.group.variances import (
    MIXED_REMEDY,
    Variances,
    mixed_variances,
    strata_variances,
    variance_facts,
    warn_of_variances,
)
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.records.cells import complete_cells
from cuecircuit.stats.contrasts import mixed_contrast, strata_contrast
from cuecircuit.stats.mixed_inference import MixedTest
from cuecircuit.stats.mixed_model import MixedModel, mixed_model
from cuecircuit.stats.strata_design import StrataModel, strata_model
from cuecircuit.stats.strata_result import TermTest, find_test


def write_strata(
    folder: Path,
    frame: pd.DataFrame,
    maps_folder: Path,
    space: Space,
    *,
    design: StrataDesign,
    correction: Correction,
    comparison: Comparison | None = None,
    n_jobs: int = 1,
    up: str = "",
) -> None:
    """Test every effect in its own error stratum and write maps, tables and settings into `folder`.

    `up` is the way from `folder` back to `maps_folder`, for the names in maps.tsv; empty writes them as they are.
    """
    columns = {"between": design.between, "within": design.within, "covariates": design.covariates}
    cells = complete_cells(frame, subject=design.subject, **columns)
    for line in cells.excluded:
        say(f"group: {line}")
    by_voxel = [design.voxel_covariate] if design.voxel_covariate else []
    if by_voxel and (comparison is not None or isinstance(correction, Permutation)):
        raise DataError("permutation cannot adjust for a covariate by voxel; use --inference simulation")
    model = strata_model(cells.design, contrasts=[strata_contrast(text, cells.design) for text in design.contrasts])
    rows = cells.rows.ravel()
    names = [list(map(str, frame[column].to_numpy()[rows])) for column in ("map", *by_voxel)]
    with scratch_beside(folder) as scratch:
        maps = store_maps(
            names, maps_folder, space, scratch, block=design.block, n_cells=model.n_conditions, n_jobs=n_jobs
        )
        fit = partial(_fit_strata, model=model, design=design)
        result = fit_maps(maps, fit, "strata model")
        _check_tested(result, "{n_not_finite} lack maps, {n_no_error} leave nothing for error, in {n_flat} the "
                      "covariate does not vary")  # fmt: skip
        write_residuals(folder, maps.residual_parts(), len(rows), space, n_jobs=n_jobs)
        permutation = comparison.permutation if comparison is not None else None
        permutation = correction.settings if isinstance(correction, Permutation) else permutation
        variances = strata_variances(maps, model) if permutation is not None else {}
        warn_of_variances(variances, permutation.variance if permutation is not None else "equal")
        effects, permuted = _strata_effects(folder, maps, model, result, space, correction, comparison, variances)
    say_verdicts(effects)
    write_effects(folder, effects, space, rule=cluster_rule(correction))
    write_counts(folder / "subjects.nii.gz", result.n_subjects, space)
    named = [design.subject, *sum(columns.values(), ())]
    write_observations(folder, frame.iloc[rows], named, files=[*by_voxel, "map"], up=up)
    settings = strata_settings(design, cells, result) | variance_facts(variances)
    write_settings(folder, space, correction, settings, permuted)


def _fit_strata(
    y: Array, covariate: Array | None = None, *, model: StrataModel, design: StrataDesign
) -> tuple[FittedMaps[TermTest], Array]:
    own = None if covariate is None else (design.voxel_covariate, covariate)
    return fit_strata_maps(y, model, fewest=design.fewest, block=design.block, covariate=own)


def _strata_effects(
    folder: Path,
    maps: GroupMaps,
    model: StrataModel,
    result: FittedMaps[TermTest],
    space: Space,
    correction: Correction,
    comparison: Comparison | None,
    variances: Variances,
) -> tuple[list[Effect], list[PermutedMap]]:
    """Correct the map of every test, and that of one by every method asked for."""
    noise = {}
    if correction or comparison:
        strata = (*model.strata, *model.contrast_strata)
        noise = {each.name: smoothness_of_residuals(maps, space, each) for each in strata}
        write_smoothness(folder, noise)
    nulls = _nulls(noise, result.fitted, space, correction)
    permuted = permute_strata(maps, model, result.tests, space, correction, variances)
    compared = {}
    if comparison is not None:
        test = find_test(result.tests, comparison.term, comparison.stratum)
        compared[test.name, test.stratum] = write_comparison(
            folder,
            maps,
            model,
            test,
            noise[test.stratum],
            space,
            comparison,
            nulls=nulls.get(test.stratum),
            variances=variances,
        )
    effects = []
    for test in result.tests:
        key = (test.name, test.stratum)
        by_permutation = permuted.get(key)
        corrected = by_permutation.corrected if by_permutation else None
        corrected = correct(test, space.mask, nulls[test.stratum]) if nulls else corrected
        effect = _strata_effect(test, corrected)
        more = {**effect.more, **(by_permutation.maps if by_permutation else {})}
        effects.append(replace(effect, more=more, p_by_method=compared.get(key, {})))
    return effects, list(permuted.values())


def write_mixed(
    folder: Path,
    frame: pd.DataFrame,
    maps_folder: Path,
    space: Space,
    *,
    design: MixedDesignText,
    correction: Correction,
    n_jobs: int = 1,
    up: str = "",
) -> None:
    """Fit a linear mixed model and write maps, tables and settings into `folder`; `up` as in `write_strata`."""
    names = [name for name in frame.columns if name != "map"]
    # faults are told by the rows of the user's table
    frame = _in_order(frame, _mixed_model(frame, names, design))
    model = _mixed_model(frame, names, design)
    contrasts = [mixed_contrast(text, model) for text in design.contrasts]
    with scratch_beside(folder) as scratch:
        files = [str(name) for name in frame["map"]]
        maps = store_maps([files], maps_folder, space, scratch, block=design.block, n_jobs=n_jobs)
        options = {"df": design.df, "fewest": design.fewest, "block": design.block}
        result = fit_maps(maps, partial(fit_mixed_maps, model=model, contrasts=contrasts, **options), "mixed model")
        _check_tested(result, "{n_not_finite} lack maps, {n_no_error} leave nothing for error")
        write_residuals(folder, maps.residual_parts(), len(frame), space, n_jobs=n_jobs)
        noise = {"residual": smoothness_of_residuals(maps, space)} if correction else {}
        if noise:
            write_smoothness(folder, noise)
        nulls = _nulls(noise, result.fitted, space, correction).get("residual")
        variances = mixed_variances(maps, model) if isinstance(correction, Permutation) else {}
        warn_of_variances(variances, "equal", remedy=MIXED_REMEDY)
        permuted = permute_mixed(maps, model, result.tests, contrasts, space, correction)
    effects = [_mixed_effect(test, nulls, permuted.get(test.name), space) for test in result.tests]
    say_verdicts(effects)
    write_effects(folder, effects, space, rule=cluster_rule(correction))
    write_observations(folder, frame, names, files=["map"], up=up)
    write_counts(folder / "observations.nii.gz", result.n_observations, space)
    by_voxel = {"by_observations": counted(result.n_observations), "by_subjects": counted(result.n_subjects)}
    settings = {**mixed_settings(design, model), "voxels": {**result.counts, **by_voxel}, **variance_facts(variances)}
    write_settings(folder, space, correction, settings, permuted.values())


def _mixed_model(frame: pd.DataFrame, names: Sequence[str], design: MixedDesignText) -> MixedModel:
    return mixed_model(design.formula, {name: frame[name].to_numpy() for name in names}, factors=design.factors)


def _in_order(frame: pd.DataFrame, model: MixedModel) -> pd.DataFrame:
    """Rows by their levels and then by what is in them, so that their order in the table does not matter."""
    fixed = {variable.column for term in model.design.formula.fixed for variable in term}
    codes = {name: item.codes for name, item in model.design.factors.items() if name in fixed}
    keys = pd.DataFrame({**codes, **{name: frame[name] for name in frame if name not in codes}}, index=frame.index)
    return frame.loc[keys.sort_values(list(keys)).index].reset_index(drop=True)


def _mixed_effect(test: MixedTest, nulls: ClusterNulls | None, permuted: PermutedMap | None, space: Space) -> Effect:
    more = {"df2": test.df2, **(permuted.maps if permuted is not None else {})}
    by_size = correct(test, space.mask, nulls) if nulls is not None else None
    return Effect(
        test=test,
        prefix=term_prefix(test.name, None, covariate=False),
        stratum=None,
        more=more,
        corrected=by_size if permuted is None else permuted.corrected,
    )


def _nulls(
    noise: Mapping[str, Smoothness], fitted: Mapping[str, Bool[Array, "voxel"]], space: Space, correction: Correction
) -> dict[str, ClusterNulls]:
    """Simulate the null of each stratum, where that is how maps are corrected.

    Smoothness comes from voxels with every map; the null is drawn where there is a test.
    """
    if not isinstance(correction, CorrectionSettings):
        return {}
    with steps("null fields", correction.iterations * len(noise)) as advance:
        return {
            stratum: simulate_nulls(
                found, _within(space.mask, fitted[stratum]), space.grid, correction, progress=advance
            )
            for stratum, found in noise.items()
        }


def _within(mask: Bool[Array, "x y z"], kept: Bool[Array, "voxel"]) -> Bool[Array, "x y z"]:
    part = mask.copy()
    part[mask] = kept
    return part


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


def say_verdicts(effects: Sequence[Effect]) -> None:
    """Say of each corrected map without a survivor how far it was: no map is empty in silence."""
    times = Counter(effect.test.name for effect in effects)
    for effect in effects:
        name = effect.test.name if times[effect.test.name] == 1 else f"{effect.test.name} ({effect.stratum})"
        line = verdict(name, effect.corrected) if effect.corrected is not None else None
        if line is not None:
            say(line)


def _check_tested(result: FittedMaps[Any], why: str) -> None:
    if not any(np.isfinite(test.f).any() for test in result.tests):
        n = len(result.n_subjects)
        raise DataError(f"none of {n} voxels can be tested: {why.format(**result.counts)}; check the maps and the mask")
