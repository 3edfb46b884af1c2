"""One map per subject to tests between subjects in every voxel: ordinary, robust, mixed-effects, unequal variances."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cuecircuit
from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.group.correction import CorrectionSettings, correct, simulate_nulls_at, smoothness_of
from cuecircuit.group.permutation import permute_term
from cuecircuit.io.atomic import replacing
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.lock import writing
from cuecircuit.io.maps import read_maps
from cuecircuit.io.tables import read_table, write_json
from cuecircuit.pipeline.group.command import Correction, Permutation, read_space
from cuecircuit.pipeline.group.files import (
    Effect,
    Space,
    check_replaceable,
    term_prefix,
    write_effects,
    write_residuals,
    write_smoothness,
    write_verdicts,
)
from cuecircuit.pipeline.group.models import say_verdicts
from cuecircuit.pipeline.group.permuted import PermutedMap, permuted_map
from cuecircuit.pipeline.group.record import cluster_rule, write_observations
from cuecircuit.pipeline.group.variances import Variances, between_variances, variance_facts, warn_of_variances
from cuecircuit.pipeline.progress import steps
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.stats.between_fit import BetweenFit, Method, fit_between
from cuecircuit.stats.between_model import BetweenModel, as_strata, between_subject_model
from cuecircuit.stats.group_variances import GroupVariances
from cuecircuit.stats.random_effects import Criterion, RandomEffectsTest


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenDesign:
    """A model between subjects as text, and how it is fitted; `variance` names the column of variance maps."""

    formula: str
    method: Method = "ols"
    variance: str | None = None
    factors: tuple[str, ...] = ()
    contrasts: tuple[str, ...] = ()
    criterion: Criterion = "reml"
    test: RandomEffectsTest = "knapp-hartung"


@writing
def compare_command(
    table: Path,
    out: Path,
    mask: Path,
    *,
    design: BetweenDesign,
    correction: Correction,
    subject: str | None = None,
    atlas: tuple[Path, Path] | None = None,
) -> None:
    """Fit a model to a table with one map per subject and write OUT, whole or not at all.

    Args:
        table: a row for each subject, column `map`, columns of the formula.
        out: the folder to make.
        mask: voxels to test.
        design: the model.
        correction: of every test.
        subject: column that names the subject: each may have one row.
        atlas: label volume and label table, which name the regions of clusters.

    Raises:
        DataError: the table, the maps, the mask or the correction are at fault.
        DesignError: the design cannot carry its tests.
    """
    columns = ("map", *((subject,) if subject else ()), *((design.variance,) if design.variance else ()))
    frame = read_table(table, text=columns)
    _check(frame, table, columns, subject, design, correction)
    check_replaceable(out)
    space = read_space(mask, atlas=atlas)
    with replacing(out.resolve(), folder=True) as new, one_blas_thread():
        write_between(new, frame, table.parent, space, design=design, correction=correction)
        write_description(new, "Tests of maps between subjects")


def between_model_of(frame: pd.DataFrame, design: BetweenDesign) -> BetweenModel:
    """Code the columns of a table of maps.

    Raises:
        DesignError: the columns do not carry the model.
    """
    named = {str(name): frame[name].to_numpy() for name in frame.columns if name not in ("map", design.variance)}
    return between_subject_model(design.formula, named, factors=design.factors, contrasts=design.contrasts)


def write_between(
    folder: Path,
    frame: pd.DataFrame,
    maps_folder: Path,
    space: Space,
    *,
    design: BetweenDesign,
    correction: Correction,
    exploratory: Correction = None,
    tests: Sequence[str] = (),
    up: str = "",
) -> None:
    """Test a model between subjects and write maps, tables and settings into `folder`.

    Args:
        folder: where to write.
        frame: a row for each subject, column `map`, columns of the formula.
        maps_folder: where relative names of maps start.
        space: voxels to test.
        design: the model.
        correction: of every test.
        exploratory: the same with another cluster-forming p; its verdicts go to `folder`/exploratory.
        tests: terms and contrasts to correct; all where none is named.
        up: the way from `folder` back to `maps_folder`, for the names in maps.tsv; empty writes them as they are.

    Raises:
        DataError: the maps or the correction are at fault.
        DesignError: the design cannot carry its tests.
    """
    model = between_model_of(frame, design)
    y = read_maps([str(name) for name in frame["map"]], maps_folder, space.mask, space.grid)
    variance = None
    if design.variance:
        files = [str(name) for name in frame[design.variance]]
        variance = read_maps(files, maps_folder, space.mask, space.grid)
    fit = fit_between(y, model, method=design.method, variance=variance, criterion=design.criterion, test=design.test)
    asked = [_for_method(each, design.method) for each in (correction, exploratory) if each is not None]
    variances: Variances = {}
    if asked and isinstance(asked[0], Permutation):
        variances = between_variances(y, fit.model)
        warn_of_variances(variances, asked[0].settings.variance, command="compare")
    first, *others = _corrected(folder, fit, y, space, asked, tests, variances) or [{}]
    effects = _effects(fit, first)
    say_verdicts(effects)
    write_effects(folder, effects, space, rule=cluster_rule(correction))
    for found in others:
        chosen = [effect for effect in _effects(fit, found) if effect.corrected is not None]
        write_verdicts(folder / "exploratory", chosen, space, rule=cluster_rule(exploratory))
    write_residuals(folder, [partial(np.nan_to_num, fit.residuals)], len(y), space)
    files = ["map", *([design.variance] if design.variance else [])]
    write_observations(folder, frame, list(map(str, frame.columns)), files=files, up=up)
    settings = _settings(design, fit, space, asked[0] if asked else None, [each.facts for each in first.values()])
    write_json(folder / "settings.json", settings | variance_facts(variances))


def _check(
    frame: pd.DataFrame,
    table: Path,
    columns: tuple[str, ...],
    subject: str | None,
    design: BetweenDesign,
    correction: Correction,
) -> None:
    faults = [
        f"{table}: no column {name}; it has {', '.join(map(str, frame.columns))}"
        for name in columns
        if name not in frame
    ]
    if subject in frame:
        twice = frame[subject][frame[subject].duplicated()].unique().tolist()
        faults += [
            f"{table}: subject {name} has several rows, expected one map per subject; use `cuecircuit group` for "
            "repeated maps"
            for name in twice
        ]
    if isinstance(correction, Permutation) and design.method not in ("ols", "welch"):
        faults.append(
            f"permutation tests least squares (ols, welch), found method {design.method}; use one of them, or "
            "--inference simulation"
        )
    if faults:
        raise DataError(faults)


def _for_method(correction: CorrectionSettings | Permutation, method: Method) -> CorrectionSettings | Permutation:
    """Welch's model has a variance for each group, so its subjects are rotated within groups."""
    if isinstance(correction, Permutation) and method == "welch":
        return replace(correction, settings=replace(correction.settings, variance="groups"))
    return correction


def _corrected(
    folder: Path,
    fit: BetweenFit,
    y: Float[Array, "subject voxel"],
    space: Space,
    corrections: Sequence[CorrectionSettings | Permutation],
    tests: Sequence[str],
    variances: Variances,
) -> list[dict[str, PermutedMap]]:
    """Correct the tests; simulated nulls of several corrections, which differ in their height, come from one run."""
    if not corrections:
        return []
    fitted = np.isfinite(fit.noise).all(axis=0)
    if not fitted.any():
        raise DataError(
            f"none of {fitted.size} voxels could be fitted (maps or variances not finite, or variances not above 0); "
            "check the maps and the mask"
        )
    whole = space.mask.copy()
    whole[space.mask] = fitted
    smoothness = smoothness_of(fit.noise[:, fitted], whole, space.grid)
    write_smoothness(folder, {"residual": smoothness})
    simulated = [each for each in corrections if isinstance(each, CorrectionSettings)]
    if not simulated:
        own = variances.get("residual")
        asked = [each for each in corrections if isinstance(each, Permutation)]
        return [_permuted(fit.model, y, space, each, tests, own) for each in asked]
    heights = [each.voxel_p for each in simulated]
    with steps("null fields", simulated[0].iterations) as advance:
        nulls = simulate_nulls_at(heights, smoothness, space.mask, space.grid, simulated[0], progress=advance)
    wanted = [test for test in fit.tests if not tests or test.name in tests]
    return [
        {test.name: PermutedMap(corrected=correct(test, space.mask, each), maps={}, facts={}) for test in wanted}
        for each in nulls
    ]


def _permuted(
    model: BetweenModel,
    y: Float[Array, "subject voxel"],
    space: Space,
    correction: Permutation,
    tests: Sequence[str],
    variances: GroupVariances | None,
) -> dict[str, PermutedMap]:
    found, strata = {}, as_strata(model)
    for hypothesis in model.hypotheses:
        if tests and hypothesis.name not in tests:
            continue
        with steps(f"permutations of {hypothesis.name}", correction.settings.n_permutations) as advance:
            permuted = permute_term(
                y[:, None, :],
                strata,
                hypothesis.name,
                space.mask,
                statistics=(correction.statistic,),
                settings=correction.settings,
                variances=variances,
                progress=advance,
            )
        found[hypothesis.name] = permuted_map(permuted, correction.statistic)
    return found


def _effects(fit: BetweenFit, corrected: Mapping[str, PermutedMap]) -> list[Effect]:
    effects = []
    for test in fit.tests:
        more: dict[str, Array] = {}
        if test.estimate is not None and test.se is not None:
            more |= {"effect": test.estimate, "variance": test.se**2}
        if fit.method == "welch":  # elsewhere the same in all voxels
            more["df2"] = test.df2
        if fit.tau2 is not None and test is fit.tests[0]:
            more["tau2"] = fit.tau2
        own = corrected.get(test.name)
        more |= own.maps if own is not None else {}
        effects.append(
            Effect(
                test=test,
                prefix=term_prefix(test.name, None, covariate=False),
                stratum=None,
                more=more,
                corrected=own.corrected if own is not None else None,
            )
        )
    return effects


def _settings(
    design: BetweenDesign, fit: BetweenFit, space: Space, correction: Correction, facts: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    counts = {name: getattr(fit, name) for name in ("n_not_finite", "n_no_error", "n_not_converged")}
    if fit.tau2 is not None:
        counts["n_no_variance_between"] = int((fit.tau2 == 0).sum())
    rule: dict[str, Any] | None = None
    if correction is not None:
        by_permutation = isinstance(correction, Permutation)
        rule = {"rule": "permutation", "statistic": correction.statistic} if by_permutation else {}
        rule = rule or {"rule": "simulated null fields"}
        rule |= asdict(correction.settings if by_permutation else correction)
        del rule["n_jobs"]  # results do not depend on it
        rule |= {"permuted": list(facts)} if by_permutation else {}
    mixed = design.method == "mixed-effects"
    return {
        "software": f"cuecircuit {cuecircuit.__version__}",
        "model": "between subjects, one map each, type III, sum-to-zero coding",
        **{key: value for key, value in asdict(design).items() if mixed or key not in ("criterion", "test")},
        "subjects": fit.model.n_subjects,
        "columns": list(fit.model.design.labels),
        "df": fit.model.df,
        "voxels": counts,
        "mask_voxels": int(space.mask.sum()),
        "voxel_mm": [round(float(edge), 6) for edge in space.grid.voxel_mm],
        "correction": rule,
    }
