"""Maps to tests of every term and contrast: fitted block by block, corrected, and written, whatever the model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.clusters.smoothness import Smoothness
from cuecircuit.clusters.unevenness import uneven_note, unevenness
from cuecircuit.errors import DataError
from cuecircuit.group.correction import ClusterNulls, CorrectionSettings, correct, simulate_nulls_at
from cuecircuit.group.coverage import aside_notes, coverage_notes, unit_faults
from cuecircuit.group.variances import Variances, compare_variances, variance_facts, variance_note
from cuecircuit.io.atomic import scratch_beside
from cuecircuit.models.design import Design, design
from cuecircuit.models.direction import direction
from cuecircuit.models.evidence import EvidenceSettings
from cuecircuit.models.family import Fitted
from cuecircuit.models.fit import stratum_of
from cuecircuit.models.formula import FormulaFamily, MixedFitter
from cuecircuit.models.model import Model
from cuecircuit.models.strata import StrataFamily
from cuecircuit.pipeline.map_tests.blocks import GroupMaps, fit_maps, smoothness_of_residuals, store_maps
from cuecircuit.pipeline.map_tests.corrections import Comparison, write_comparison
from cuecircuit.pipeline.map_tests.design import Correction
from cuecircuit.pipeline.map_tests.evidence import write_evidence
from cuecircuit.pipeline.map_tests.files import (
    Effect,
    Space,
    effect_maps,
    term_prefix,
    write_effects,
    write_residuals,
    write_smoothness,
    write_verdicts,
)
from cuecircuit.pipeline.map_tests.held_out import with_held_out
from cuecircuit.pipeline.map_tests.permuted import Permutation, PermutedMap, permute_tests, verdict
from cuecircuit.pipeline.map_tests.planned_tests import check_request, for_method, kept_tests, without_side
from cuecircuit.pipeline.map_tests.record import (
    cluster_rule,
    model_settings,
    unused_maps,
    write_counts,
    write_coverage,
    write_observations,
    write_settings,
)
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.stats.between_model import ONE_ERROR
from cuecircuit.stats.strata_result import StratumTest, find_test
from cuecircuit.stats.term_test import TermTest

# null distributions and permuted maps, by the name of a test and its stratum
Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    """What is tested, where, and what of it is corrected."""

    folder: Path
    bound: Design
    maps: GroupMaps
    fitted: Fitted
    space: Space
    variances: Variances
    without_side: tuple[str, ...]

    @property
    def corrected(self) -> tuple[TermTest, ...]:
        """Tests the model keeps; those of others are written without a correction."""
        return tuple(test for test in kept_tests(self.bound, self.fitted) if test.name not in self.without_side)

    def where_fitted(self, stratum: str | None) -> Bool[Array, "x y z"]:
        """Return the mask without the voxels that could not be tested in a stratum."""
        tested = next(test for test in self.fitted.tests if stratum_of(test) == stratum)
        part = self.space.mask.copy()
        part[self.space.mask] = np.isfinite(tested.f)
        return part


def write_tests(
    folder: Path,
    frame: pd.DataFrame,
    maps_folder: Path,
    space: Space,
    *,
    model: Model,
    correction: Correction,
    exploratory: Correction = None,
    comparison: Comparison | None = None,
    evidence: EvidenceSettings | None = None,
    zero_is_missing: bool = False,
    n_jobs: int = 1,
    up: str = "",
) -> None:
    """Test every term of a model in every voxel and write maps, tables and settings into `folder`.

    Args:
        folder: where to write.
        frame: a row for each map, column `map`, columns of the model.
        maps_folder: where relative names of maps start.
        space: voxels to test.
        model: what is fitted.
        correction: of every test the model keeps.
        exploratory: the same with another cluster-forming p; its verdicts go to `folder`/exploratory.
        comparison: corrections of one term to set side by side, of an error-strata design.
        evidence: also maps of Bayes factors and equivalence, of every test the model keeps.
        zero_is_missing: take exact zeros of maps for voxels that were not measured.
        n_jobs: blocks of voxels and batches of permutations worked on at a time.
        up: the way from `folder` back to `maps_folder`, for the names in maps.tsv; empty writes them as they are.

    Raises:
        DataError: the table, the maps or the correction are at fault.
        DesignError: the columns do not carry the model, or the correction does not fit it.
    """
    check_request(frame, model, correction, comparison, evidence)
    files = list(filter(None, ("map", model.covariate, model.variance)))
    correction, exploratory = (for_method(each, model) for each in (correction, exploratory))
    with scratch_beside(folder) as scratch:
        bound, maps, aside = _stored(frame, maps_folder, space, scratch, model, files, zero_is_missing, n_jobs)
        fitted = fit_maps(maps, bound, "model")
        _check_tested(fitted)
        variances = _variances(maps, bound, correction or exploratory, comparison)
        sideless = without_side(bound, fitted, correction or exploratory)
        for name in sideless:
            say(f"group: {name}: not corrected: one-sided, and the term of a factor has no side; write a contrast")
        task = _Task(
            folder=folder,
            bound=bound,
            maps=maps,
            fitted=fitted,
            space=space,
            variances=variances,
            without_side=sideless,
        )
        write_residuals(folder, maps.residual_parts(), len(bound.rows), space, n_jobs=n_jobs)
        effects, permuted, others = _effects(task, correction, exploratory, comparison)
        if model.subject and correction is not None:
            settings = correction.settings if isinstance(correction, Permutation) else correction
            columns = frame.iloc[bound.rows].drop(columns=files).reset_index(drop=True)
            effects = with_held_out(effects, bound, columns, maps, space, seed=settings.seed)
    _say_verdicts(effects)
    write_effects(folder, effects, space, rule=cluster_rule(correction))
    if evidence is not None:
        kept = {_key(test) for test in kept_tests(bound, fitted)}
        write_evidence(folder, [effect for effect in effects if _key(effect.test) in kept], space, evidence)
    if exploratory is not None:
        chosen = [effect for effect in others if effect.corrected is not None]
        write_verdicts(folder / "exploratory", chosen, space, rule=cluster_rule(exploratory))
    strata = isinstance(bound.family, StrataFamily)
    entered = fitted.n_units if strata else fitted.n_rows
    write_counts(folder / f"{'subjects' if strata else 'observations'}.nii.gz", entered, space)
    rows = frame.iloc[bound.rows]
    write_observations(folder, rows, _columns(frame, model), files=files, up=up)
    write_coverage(folder / "coverage.tsv", maps.facts[0], unused_maps(frame, bound, aside))
    settings = model_settings(bound, fitted, [*aside, *bound.left_out], zero_is_missing=zero_is_missing)
    settings["directions"] = {effect.prefix: effect.direction for effect in effects if effect.direction}
    write_settings(folder, space, correction, settings | variance_facts(variances), permuted)


def _stored(
    frame: pd.DataFrame,
    maps_folder: Path,
    space: Space,
    scratch: Path,
    model: Model,
    files: Sequence[str],
    zero_is_missing: bool,
    n_jobs: int,
) -> tuple[Design, GroupMaps, list[str]]:
    """Read the maps of a design, once more without those that are no measurement."""
    columns, aside = [name for name in frame if name not in files], []
    kept = np.arange(len(frame))
    for place in (scratch, scratch / "again"):
        bound = design(frame.iloc[kept][columns], model)
        bound = replace(bound, rows=kept[bound.rows])
        mixed_cells = bound.family.model.n_conditions if isinstance(bound.family, StrataFamily) else 1
        maps = store_maps(
            [list(map(str, frame[column].to_numpy()[bound.rows])) for column in files],
            maps_folder,
            space,
            place,
            block=bound.family.block,
            n_cells=mixed_cells,
            whole=bool(model.covariate),
            unequal=model.fitted_by in ("mixed-effects", "welch"),
            zero_is_missing=zero_is_missing,
            n_jobs=n_jobs,
        )
        none = aside_notes(maps.facts[0])
        if not none or place != scratch:
            break
        aside = list(none.values())
        kept = np.setdiff1d(kept, bound.rows[list(none)])
        if not len(kept):
            raise DataError([f"no map is left of {len(frame)}; expected maps that vary in the mask", *aside])
    for line in (*aside, *bound.left_out, *bound.notes):
        say(f"group: {line}")
    DataError.raise_any(unit_faults(maps.facts[0]))
    for note in coverage_notes(maps.facts[0], maps.n_lacking, maps.facts[1] if model.variance else ()):
        say(f"group: {note}")
    return bound, maps, aside


def _variances(maps: GroupMaps, bound: Design, correction: Correction, comparison: Comparison | None) -> Variances:
    """Compare the variances of groups whose subjects are permuted, and say so where they differ."""
    settings = correction.settings if isinstance(correction, Permutation) else comparison and comparison.permutation
    if settings is None:
        return {}
    variances = compare_variances(maps.double_blocks, bound.family)
    if note := variance_note(variances, settings.variance, bound.family):
        say(f"group: {note}")
    return variances


def _effects(
    task: _Task, correction: Correction, exploratory: Correction, comparison: Comparison | None
) -> tuple[list[Effect], list[PermutedMap], list[Effect]]:
    """Correct the map of every test, and that of one by every method asked for."""
    noise: dict[str | None, Smoothness] = {}
    uneven: dict[str, float] = {}
    if correction or exploratory or comparison:
        noise = _noise(task)
        uneven = _unevenness(task, noise)
        write_smoothness(task.folder, {name or ONE_ERROR: measured for name, measured in noise.items()}, uneven)
    simulated = [each for each in (correction, exploratory) if isinstance(each, CorrectionSettings)]
    if simulated and (note := uneven_note(uneven)):
        say(f"group: {note}")
    nulls = _nulls(task, noise, simulated)
    permuted, others = (
        permute_tests(task.maps, task.bound.family, task.corrected, task.space, each, task.variances)
        if isinstance(each, Permutation)
        else {}
        for each in (correction, exploratory)
    )
    first = nulls[0] if isinstance(correction, CorrectionSettings) else {}
    second = nulls[-1] if isinstance(exploratory, CorrectionSettings) else {}
    compared = {}
    if comparison is not None and isinstance(task.bound.family, StrataFamily):
        strata_tests = [test for test in task.fitted.tests if isinstance(test, StratumTest)]
        test = find_test(strata_tests, comparison.term, comparison.stratum)
        compared[test.name, test.stratum] = write_comparison(
            task.folder,
            task.maps,
            task.bound.family,
            test,
            noise[test.stratum],
            task.space,
            comparison,
            nulls=first.get(test.stratum),
            variances=task.variances,
        )
    effects = [replace(each, p_by_method=compared.get(_key(each.test), {})) for each in _written(task, first, permuted)]
    return effects, list(permuted.values()), _written(task, second, others)


def _key(test: TermTest) -> Key:
    return test.name, stratum_of(test)


def _written(
    task: _Task, nulls: Mapping[str | None, ClusterNulls], permuted: Mapping[Key, PermutedMap]
) -> list[Effect]:
    asked = {_key(test) for test in task.corrected}
    effects = []
    for test in task.fitted.tests:
        key = _key(test)
        corrected = permuted[key].corrected if key in permuted else None
        if nulls and key in asked:
            corrected = correct(test, task.space.mask, nulls[key[1]])
        more = effect_maps(test, task.fitted.maps if test is task.fitted.tests[0] else {})
        if key in permuted:
            more |= permuted[key].maps
        several = isinstance(test, StratumTest) and test.covariate is not None and not test.factors
        prefix = term_prefix(test.name, key[1], covariate=several)
        stratum = None if key[1] == ONE_ERROR else key[1]
        effects.append(
            Effect(
                test=test,
                prefix=prefix,
                stratum=stratum,
                more=more,
                corrected=corrected,
                direction=direction(test, task.bound),
            )
        )
    return effects


def _noise(task: _Task) -> dict[str | None, Smoothness]:
    """Estimate the smoothness of what is left in every error stratum, from voxels with every map."""
    family = task.bound.family
    if isinstance(family, StrataFamily):
        strata = (*family.model.strata, *family.model.contrast_strata)
        return {each.name: smoothness_of_residuals(task.maps, task.space, each) for each in strata}
    smoothness = smoothness_of_residuals(task.maps, task.space)
    return {stratum_of(test): smoothness for test in task.fitted.tests[:1]}


def _unevenness(task: _Task, noise: Mapping[str | None, Smoothness]) -> dict[str, float]:
    """Return how uneven the noise of each stratum is; NaN for mixed models, whose maps are not independent."""
    family, uneven = task.bound.family, {}
    mixed = isinstance(family, FormulaFamily) and isinstance(family.fitter, MixedFitter)
    for stratum, measured in noise.items():
        tests = [test for test in task.fitted.tests if stratum_of(test) == stratum]
        df = float(np.nanmedian(tests[0].df2)) if tests and not mixed else float("nan")
        uneven[stratum or ONE_ERROR] = unevenness(measured.neighbor_variance, df)
    return uneven


def _nulls(
    task: _Task, noise: Mapping[str | None, Smoothness], corrections: Sequence[CorrectionSettings]
) -> list[dict[str | None, ClusterNulls]]:
    """Simulate the null of each stratum where there is a test; corrections that differ in height share the fields."""
    if not corrections:
        return []
    heights = [each.voxel_p for each in corrections]
    simulated: list[dict[str | None, ClusterNulls]] = [{} for _ in corrections]
    with steps("null fields", corrections[0].iterations * len(noise)) as advance:
        for stratum, measured in noise.items():
            mask = task.where_fitted(stratum)
            nulls = simulate_nulls_at(heights, measured, mask, task.space.grid, corrections[0], progress=advance)
            for place, null in enumerate(nulls):
                simulated[place][stratum] = null
    return simulated


def _say_verdicts(effects: Sequence[Effect]) -> None:
    """Report of each corrected map without a survivor how far it was: no map is empty in silence."""
    times = Counter(effect.test.name for effect in effects)
    for effect in effects:
        name = effect.test.name if times[effect.test.name] == 1 else f"{effect.test.name} ({effect.stratum})"
        line = verdict(name, effect.corrected) if effect.corrected is not None else None
        if line is not None:
            say(line)


_REASONS = {
    "n_not_finite": "lack maps",
    "n_no_error": "leave nothing for error",
    "n_flat": "have a covariate that does not vary",
    "n_not_converged": "did not converge",
}


def _check_tested(fitted: Fitted) -> None:
    if not any(np.isfinite(test.f).any() for test in fitted.tests):
        why = ", ".join(f"{fitted.counts[name]} {words}" for name, words in _REASONS.items() if name in fitted.counts)
        raise DataError(f"none of {len(fitted.n_units)} voxels can be tested: {why}; check the maps and the mask")


def _columns(frame: pd.DataFrame, model: Model) -> list[str]:
    if model.formula is None:
        return [model.subject, *model.between, *model.within, *model.covariates]
    return [str(name) for name in frame if name not in ("map", model.covariate, model.variance)]
