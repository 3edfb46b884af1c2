"""One term's map corrected for the number of voxels, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from cuecircuit.api.notes import warn
from cuecircuit.arrays import Array, Bool
from cuecircuit.clusters.maxima import MapStatistic
from cuecircuit.errors import DesignError
from cuecircuit.group.correction import (
    CorrectedTerm,
    CorrectionSettings,
    correct,
    on_grid,
    residual_scores,
    simulate_nulls,
    smoothness_of,
)
from cuecircuit.group.permutation import PermutationSettings, permute_hypothesis, permute_term
from cuecircuit.group.permuted_correction import corrected_term
from cuecircuit.group.variances import compare_in_stratum, variance_note
from cuecircuit.io.nifti import volume_image
from cuecircuit.models.family import Family
from cuecircuit.models.fit import Fit, fit_responses, stratum_of
from cuecircuit.models.formula import BetweenFitter, FormulaFamily, MixedFitter
from cuecircuit.models.strata import StrataFamily
from cuecircuit.records.grid import Grid
from cuecircuit.stats.between_model import ONE_ERROR, as_strata
from cuecircuit.stats.group_variances import formula_variances
from cuecircuit.stats.permutation import of_stratum
from cuecircuit.stats.strata_design import StrataModel
from cuecircuit.stats.strata_result import StratumTest
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Corrected:
    """A map corrected for the number of voxels, from `Result.correct` or `permute`.

    `p` is an image of the corrected p (1 outside clusters), `labels` one of the clusters' numbers, `clusters` a table
    with a row for each: voxels, mm3, p, the signed peak and its place in mm. `notes` say what is worth knowing.
    """

    p: Any
    labels: Any
    clusters: pd.DataFrame
    notes: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        return self.clusters.to_html(index=False)


def correct_term(
    fit: Fit,
    term: str,
    mask: Bool[Array, "x y z"],
    grid: Grid,
    method: Literal["simulation", "permutation"],
    statistic: MapStatistic,
    n: int,
    settings: Mapping[str, Any],
) -> Corrected:
    """Correct the map of a term; see `Result.correct`.

    Raises:
        DesignError: there is no such term, or the method does not fit the model.
        DataError: nothing can be tested.
    """
    test = fit.test(term)
    if method == "permutation":
        # Welch's model has a variance for each group
        own = {**settings, "variance": "groups"} if fit.design.model.fitted_by == "welch" else settings
        found, notes = _permuted(fit, test, mask, statistic, PermutationSettings(**own, n_permutations=n))
    else:
        notes = ()
        shared = {name: value for name, value in settings.items() if name != "variance"}
        found = _simulated(fit, test, mask, grid, CorrectionSettings(**shared, iterations=n))
    table = cluster_rows(found, test, mask, grid)
    labels = found.clusters.labels.astype(np.int32)
    warn(notes)
    images = {"p": volume_image(found.p_map, grid), "labels": volume_image(labels, grid)}
    return Corrected(**images, clusters=table, notes=notes)


def _simulated(
    fit: Fit, test: TermTest, mask: Bool[Array, "x y z"], grid: Grid, settings: CorrectionSettings
) -> CorrectedTerm:
    left = fit_responses(fit.design, fit.responses, residuals=True).fitted
    noise = left.residuals if left.noise is None else left.noise
    assert noise is not None
    family = fit.design.family
    if isinstance(family, StrataFamily) and isinstance(test, StratumTest):
        strata = {each.name: each for each in (*family.model.strata, *family.model.contrast_strata)}
        cells = noise.reshape(family.model.n_subjects, family.model.n_conditions, -1)
        noise = residual_scores(cells, strata[test.stratum])
    tested = mask.copy()
    tested[mask] = np.isfinite(test.f)
    nulls = simulate_nulls(smoothness_of(noise, mask, grid), tested, grid, settings)
    return correct(test, mask, nulls)


def _permuted(
    fit: Fit, test: TermTest, mask: Bool[Array, "x y z"], statistic: MapStatistic, settings: PermutationSettings
) -> tuple[CorrectedTerm, tuple[str, ...]]:
    """Permute a term; with the corrected map what is to be said of the variances of groups."""
    family, options = fit.design.family, {"statistics": (statistic,), "settings": settings}
    stratum, strata = stratum_of(test) or ONE_ERROR, _strata_model(family)
    y = np.concatenate([fit.responses.read(block)[0] for block in fit.responses.blocks], axis=1)
    if isinstance(family, FormulaFamily):
        variances = formula_variances([y], family.fitter.design)
    else:
        assert strata is not None
        strata = of_stratum(strata, stratum)
        variances = compare_in_stratum([y], strata, strata.strata[0])
    compared = {} if variances is None else {stratum: variances}
    note = variance_note(compared, settings.variance, family)
    if strata is None:
        assert isinstance(family, FormulaFamily)
        assert isinstance(family.fitter, MixedFitter)
        hypothesis = next(each for each in family.fitter.hypotheses if each.name == test.name)
        done = permute_hypothesis(y, family.fitter.model, hypothesis, test, mask, **options)
    else:
        cells = y.reshape(strata.n_subjects, -1, y.shape[1])
        done = permute_term(cells, strata, test.name, mask, stratum=stratum, variances=variances, **options)
    return corrected_term(done, statistic), () if note is None else (note,)


def _strata_model(family: Family) -> StrataModel | None:
    """Return the model whose subjects are permuted; None for a mixed model, whose subjects' scores are.

    Raises:
        DesignError: the model is fitted otherwise than by least squares.
    """
    if isinstance(family, StrataFamily):
        return family.model
    assert isinstance(family, FormulaFamily)
    if isinstance(family.fitter, MixedFitter):
        return None
    assert isinstance(family.fitter, BetweenFitter)
    if family.fitter.method not in ("ols", "welch"):
        raise DesignError(
            f"permutation tests least squares (ols, welch), found {family.fitter.method}; use one of them, or "
            "simulation"
        )
    return as_strata(family.fitter.model)


def cluster_rows(found: CorrectedTerm, test: TermTest, mask: Bool[Array, "x y z"], grid: Grid) -> pd.DataFrame:
    """Return a row for each cluster: voxels, mm³, p, and the signed peak with its place in mm."""
    clusters = found.clusters
    values = {"peak_F": test.f, "peak_t": test.t, "peak_effect": test.estimate}
    at = {name: on_grid(own, mask) for name, own in values.items() if own is not None}
    places = grid.mm(clusters.peak_voxels.astype(float))
    rows = [
        {
            "cluster": index + 1,
            "voxels": int(size),
            "mm3": float(size * grid.voxel_mm3),
            "p": float(found.p[index]),
            **{name: float(volume[tuple(clusters.peak_voxels[index])]) for name, volume in at.items()},
            **{axis: float(mm) for axis, mm in zip("xyz", places[index], strict=True)},
        }
        for index, size in enumerate(clusters.sizes)
    ]
    return pd.DataFrame(rows, columns=["cluster", "voxels", "mm3", "p", *at, "x", "y", "z"])
