"""Fit models to tables: a column of numbers, maps in a column `map`, or an array of responses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.api.arguments import Count, Names, Seed, Share, checked
from cuecircuit.api.correct import Corrected
from cuecircuit.api.images import mask_of, rows_of
from cuecircuit.api.notes import warn
from cuecircuit.api.result import Result, map_rows
from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.models.design import check_subjects
from cuecircuit.models.fit import Fit
from cuecircuit.models.fit import fit as fit_arrays
from cuecircuit.models.model import Method, Model
from cuecircuit.models.split_half import SplitHalf
from cuecircuit.models.split_half import split_half as split_responses
from cuecircuit.pipeline.anova import analyze_table
from cuecircuit.records.cells import cell_labels
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule


@checked
def fit(
    data: pd.DataFrame,
    formula: str | None = None,
    *,
    mask: Any = None,
    dv: str | None = None,
    values: Any = None,
    subject: str = "",
    between: Names = (),
    within: Names = (),
    covariates: Names = (),
    method: Method | None = None,
    variance: str = "",
    contrasts: Names = (),
    factors: Names | Mapping[str, Sequence[Any]] = (),
    numbers: Names = (),
    df: DegreesOfFreedomRule = "satterthwaite",
    zero_is_missing: bool = False,
) -> Result:
    """Fit a model to maps, to one column, or to an array of responses.

    Args:
        data: one row per observation; columns of the model, and `map` (path, `path#k`, image or array) unless `dv` or
            `values` is given. Maps are judged as by `cuecircuit group`: what is none is left out, what is in another
            unit refused.
        formula: lme4's notation, "group*cue + (1|subject)"; None for an error-strata design of columns.
        mask: path or image, for maps.
        dv: column of numbers to test instead of maps.
        values: array or table, row × response, to test instead of maps; a table has the index of `data`. `tests` counts
            them; each of them is in `result.fit.tests`, and `cuecircuit.models.means` takes `result.fit`.
        subject: column of the unit.
        between: factors between subjects; a string where one is meant.
        within: factors within subjects.
        covariates: columns of numbers.
        method: "ols", "huber", "bisquare", "welch" or "mixed-effects" for formulas without random parts.
        variance: column of variance maps, for "mixed-effects".
        contrasts: texts over levels, tested beside the terms.
        factors: columns of labels, with their levels, reference first, if it maps to them.
        numbers: columns of whole numbers that are no labels.
        df: denominators of a mixed model.
        zero_is_missing: exact zeros of maps were not measured.

    Returns:
        Tests as a table, maps as images; means and contrasts on request. `notes` say who was left out and what is odd
        about the maps, and each is a Python warning.

    Raises:
        DataError: the table or a map is at fault.
        DesignError: the columns do not carry the model.

    Examples:
        >>> import cuecircuit as cc, numpy as np, pandas as pd
        >>> rats = pd.DataFrame({"rat": list("abcdefgh"), "access": ["LgA", "ShA"] * 4})
        >>> signal = np.arange(8.0)[:, None] % 2 + np.arange(16.0).reshape(8, 2) / 50
        >>> cc.fit(rats, "access", values=signal, subject="rat").tests.term.tolist()
        ['(Intercept)', 'access']
    """
    model = Model(
        subject=subject,
        between=_names(between),
        within=_names(within),
        covariates=_names(covariates),
        formula=formula,
        method=method,
        variance=variance,
        contrasts=_names(contrasts),
        factors=_factors(factors),
        numbers=_names(numbers),
        df=df,
    )
    index = data.index
    data = data.reset_index(drop=True)
    check_subjects(data, model)
    if dv is not None:
        return _of_column(data, dv, model)
    if values is not None:
        responses = _responses(values, index)
        return _noted(fit_arrays(data, responses, model), _missing_notes(responses))
    if mask is None or "map" not in data:
        raise DesignError("fit: found no response; give a column `map` with a mask, or dv=, or values=")
    inside, grid = mask_of(mask)
    maps = rows_of(
        data,
        inside,
        grid,
        variance=variance,
        several_rows=model.fitted_by == "reml",
        zero_is_missing=zero_is_missing,
    )
    fitted = fit_arrays(maps.columns, maps.values, model, variance=maps.variance)
    return replace(_noted(fitted, maps.notes), mask=inside, grid=grid)


@checked
def anova(
    table: pd.DataFrame,
    dv: str,
    *,
    subject: str,
    between: Names = (),
    within: Names = (),
    covariates: Names = (),
    formula: str | None = None,
    factors: Names | Mapping[str, Sequence[Any]] = (),
    average: bool = False,
) -> Result:
    """Mixed-design AN(C)OVA of one column, every effect in its own error stratum (type III), or a mixed model.

    Args:
        table: one row per subject and cell.
        dv: column that was measured.
        subject: column that names the subject.
        between: factors between subjects; a string where one is meant.
        within: factors within subjects.
        covariates: columns of numbers, per subject or per cell.
        formula: lme4's notation in place of the columns; tested by Satterthwaite's F.
        factors: columns of labels, with their levels, reference first, if it maps to them.
        average: average several rows of a cell instead of calling them a fault.

    Returns:
        `tests` has F, p, Greenhouse and Geisser's and Huynh and Feldt's ε and p, partial and generalized η².

    Raises:
        DataError: the table is at fault.
        DesignError: the design cannot carry the tests.

    Examples:
        >>> import cuecircuit as cc, pandas as pd
        >>> rows = [(rat, day, 3 * i + day * (1 + i % 2)) for i, rat in enumerate("abcdef") for day in (1, 2, 3)]
        >>> table = pd.DataFrame(rows, columns=["rat", "day", "infusions"])
        >>> cc.anova(table, dv="infusions", subject="rat", within="day").tests[["term", "df1", "df2", "F"]].round(6)
          term  df1  df2     F
        0  day    2   10  45.0
    """
    model = Model(
        subject=subject,
        between=_names(between),
        within=_names(within),
        covariates=_names(covariates),
        formula=formula,
        factors=_factors(factors),
    )
    return _of_column(table, dv, model, average=average)


@checked
def permute(data: pd.DataFrame, term: str, formula: str | None = None, *, n: Count = 10_000, **model: Any) -> Corrected:
    """Test one term of a model of maps by permutation.

    Args:
        data: as of `fit`.
        term: a term or contrast of the model.
        formula: as of `fit`.
        n: permutations.
        model: further arguments of `fit`, and of `Result.correct` (statistic, voxel_p, alpha, sided, variance, seed,
            n_jobs); `variance` is that of `Result.correct`.

    Returns:
        Images of the corrected p and of the clusters, and their table.

    Raises:
        DataError: the table or a map is at fault.
        DesignError: the term cannot be permuted.

    Warns where groups whose subjects are exchanged differ in variance, and says what comes of it.

    Examples:
        >>> import cuecircuit as cc, nibabel as nib, numpy as np, pandas as pd
        >>> rng = np.random.default_rng(1)
        >>> images = [nib.Nifti1Image(rng.normal(size=(6, 6, 6)), np.eye(4)) for _ in range(12)]
        >>> people = pd.DataFrame({"group": ["HC", "iHUD"] * 6, "map": images})
        >>> mask = nib.Nifti1Image(np.ones((6, 6, 6), np.uint8), np.eye(4))
        >>> cc.permute(people, "group", "group", mask=mask, n=99, statistic="voxel").p.shape
        (6, 6, 6)
    """
    shared = ("statistic", "voxel_p", "alpha", "sided", "variance", "seed", "n_jobs")
    settings = {name: model.pop(name) for name in shared if name in model}
    return fit(data, formula, **model).correct(term, method="permutation", n=n, **settings)


@checked
def split_half(
    data: pd.DataFrame,
    term: str,
    formula: str | None = None,
    *,
    mask: Any = None,
    values: Any = None,
    p: Share = 0.001,
    splits: Count = 20,
    seed: Seed = 0,
    subject: str,
    between: Names = (),
    within: Names = (),
    contrasts: Names = (),
) -> SplitHalf:
    """Estimate the effect of what is found in subjects that did not find it, against the winner's curse.

    Args:
        data: as of `fit`.
        term: or one of the contrasts.
        formula: as of `fit`, least squares.
        mask: path or image, for maps.
        values: array, row × response, in place of maps.
        p: bound of the voxels that a half of the subjects chooses.
        splits: of the subjects; both halves choose in turn.
        seed: of the splits.
        subject: column of the unit.
        between: factors between subjects; each group is split.
        within: factors within subjects.
        contrasts: texts over levels, tested beside the terms.

    Returns:
        Mean Hedges's g (of several degrees of freedom and slopes partial ε²) where it was chosen and held out, that of
        all subjects, and every half.

    Raises:
        DataError: the table or a map is at fault.
        DesignError: too few subjects for halves, or a model without one variance to standardize by.

    Examples:
        >>> import cuecircuit as cc, numpy as np, pandas as pd
        >>> rng = np.random.default_rng(1)
        >>> rats = pd.DataFrame({"rat": [f"r{k}" for k in range(24)], "access": ["LgA", "ShA"] * 12})
        >>> noise = rng.normal(size=(24, 300))
        >>> found = cc.split_half(rats, "access", values=noise, p=0.05, subject="rat", between="access")
        >>> found.chosen > 0.9, abs(found.held_out) < 0.3
        (True, True)
    """
    model = Model(
        subject=subject,
        between=_names(between),
        within=_names(within),
        formula=formula,
        contrasts=_names(contrasts),
    )
    if values is not None:
        responses = _responses(values, data.index)
        return split_responses(data, responses, model, term, p=p, splits=splits, seed=seed)
    if mask is None or "map" not in data:
        raise DesignError("split_half: found no response; give a column `map` with a mask, or values=")
    inside, grid = mask_of(mask)
    maps = rows_of(data, inside, grid)
    warn(maps.notes)
    return split_responses(maps.columns, maps.values, model, term, p=p, splits=splits, seed=seed)


def _of_column(table: pd.DataFrame, dv: str, model: Model, *, average: bool = False) -> Result:
    fitted = analyze_table(table.reset_index(drop=True), dv=dv, model=model, average=average)
    warn(fitted.notes)
    return Result(fit=fitted.fit, tests=_with_effects(fitted.table, fitted.fit), notes=fitted.notes)


def _with_effects(table: pd.DataFrame, fitted: Fit) -> pd.DataFrame:
    """Put the effect of each test of one row, its error and its 95 % interval into the table."""
    named = fitted.frame().rename(columns={"estimate": "effect"})
    keys = ["term", "stratum"] if "stratum" in table else ["term"]
    left = table.drop(columns=["estimate", "se", "low", "high"], errors="ignore")
    return left.merge(named[[*keys, "effect", "se", "low", "high"]], on=keys, how="left")


def _noted(found: Fit, notes: Sequence[str] = ()) -> Result:
    notes = (*notes, *found.design.left_out, *found.design.notes)
    warn(notes)
    return Result(fit=found, tests=map_rows(found), notes=notes)


def _responses(values: Any, index: pd.Index) -> Float[Array, "row response"]:
    """Return an array of numbers, a row for each of the table's; of a table, the same rows and not merely as many."""
    if isinstance(values, pd.DataFrame | pd.Series) and not values.index.equals(index):
        raise DesignError("values: found another index than that of the data; align the two, or give values.to_numpy()")
    responses, n_rows = np.asarray(values), len(index)
    if responses.dtype.kind not in "biuf" or responses.shape[:1] != (n_rows,) or not responses.size:
        raise DesignError(
            f"values: found {responses.dtype} of shape {responses.shape}, expected real numbers, a row for each of the "
            f"table's {n_rows} rows"
        )
    return responses.reshape(n_rows, -1).astype(np.result_type(responses, np.float32), copy=False)


def _missing_notes(responses: Float[Array, "row response"]) -> list[str]:
    """Describe which rows have no value at all, and how many responses lack some."""
    absent = ~np.isfinite(responses)
    notes = [f"row {row + 1}: no finite value" for row in np.flatnonzero(absent.all(axis=1))]
    n_lacking = int(absent.any(axis=0).sum())
    return [*notes, f"{n_lacking} of {responses.shape[1]} responses lack a value"] if n_lacking else notes


def _factors(factors: Names | Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[str]]:
    if not isinstance(factors, Mapping):
        return dict.fromkeys(_names(factors), ())
    return {name: tuple(cell_labels(pd.DataFrame({name: levels}), name)) for name, levels in factors.items()}


def _names(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
