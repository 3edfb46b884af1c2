"""One term's map corrected for the number of voxels, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from cuecircuit.api.notes import warn
from cuecircuit.arrays import Array, Bool
from cuecircuit.clusters.maxima import MapStatistic
from cuecircuit.group.correction import (
    CorrectedTerm,
    CorrectionSettings,
    correct,
    on_grid,
    residual_scores,
    simulate_nulls,
    smoothness_of,
)
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.group.permuted_correction import permuted_test
from cuecircuit.io.nifti import volume_image
from cuecircuit.models.fit import Fit, fit_responses
from cuecircuit.models.strata import StrataFamily
from cuecircuit.records.grid import Grid
from cuecircuit.stats.strata_result import StratumTest
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Corrected:
    """A map corrected for the number of voxels, from `Result.correct` or `permute`.

    `p` is an image of the corrected p (1 outside clusters), `labels` one of the clusters' numbers, `clusters` a table
    with a row for each: voxels, mm3, p, the signed peak and its place in mm. `notes` say what is worth knowing.
    """

    p: Any
    labels: Any
    clusters: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the clusters, as the console shows them."""
        return self.clusters.to_string(index=False)

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
        options = {**settings, "variance": "groups"} if fit.design.model.fitted_by == "welch" else settings
        corrected, notes = permuted_test(fit, test, mask, statistic, PermutationSettings(**options, n_permutations=n))
    else:
        notes = ()
        shared = {name: value for name, value in settings.items() if name != "variance"}
        corrected = _simulated(fit, test, mask, grid, CorrectionSettings(**shared, iterations=n))
    table = cluster_rows(corrected, test, mask, grid)
    labels = corrected.clusters.labels.astype(np.int32)
    warn(notes)
    images = {"p": volume_image(corrected.p_map, grid), "labels": volume_image(labels, grid)}
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


def cluster_rows(found: CorrectedTerm, test: TermTest, mask: Bool[Array, "x y z"], grid: Grid) -> pd.DataFrame:
    """Return a row for each cluster: voxels, mm³, p, and the signed peak with its place in mm."""
    clusters = found.clusters
    values = {"peak_F": test.f, "peak_t": test.t, "peak_effect": test.estimate}
    at = {name: on_grid(values_of, mask) for name, values_of in values.items() if values_of is not None}
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
