"""How the regions of a brain go together: correlations of courses or of trials, and how a cue changes them.

Regions are columns of a matrix; each function returns a square matrix of regions, symmetric, NaN on the diagonal and
where a region has no voxel.

- Correlation: Fisher's z of the correlation of two courses freed of nuisance.
- Beta series (Rissman et al. 2004, NeuroImage 23:752): Fisher's z of the correlation of the responses
  to the trials of a cell, each run centered by itself.
- Generalized psychophysiological interaction (gPPI; McLaren et al. 2012, NeuroImage 61:1277): the course of a region is
  modeled by that of another, by the response to every condition and by their products. A product's slope is how much
  steeper one course follows the other in that condition than outside of all. Courses are scaled to SD 1, and the slopes
  of both directions averaged, as an edge has none. The product is formed with the measured course: close where a
  condition lasts longer than the response, as blocks do. Where trials are brief, form it with the neural activity
  behind the course (`imaging.deconvolution`), or correlate beta series.
"""

from collections.abc import Iterator

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64, Int
from cuecircuit.errors import DesignError
from cuecircuit.imaging.deconvolution import NeuralConditions
from cuecircuit.imaging.nuisance import Regressors, regress

FEWEST_TRIALS = 4
"""Trials of a cell beside one for every further run: fewer leave a correlation no spread (variance 1 / (n - 3))."""


def region_correlations(data: Float[Array, "sample region"], *, lost: int = 0) -> Float64[Array, "region region"]:
    """Correlate all regions, as Fisher's z.

    Args:
        data: centered or not.
        lost: degrees of freedom that were removed from the samples beside the mean.

    Raises:
        DesignError: fewer than four degrees of freedom.
    """
    if len(data) - lost < FEWEST_TRIALS:
        raise DesignError(
            f"{len(data)} samples less {lost} degrees of freedom: a correlation needs {FEWEST_TRIALS} or more"
        )
    x = data - data.mean(axis=0)
    length = np.linalg.norm(x, axis=0)
    # what rounding leaves of a course that does not vary
    x = x / np.where(length > 1e-10 * np.abs(data).max(axis=0, initial=0), length, np.nan)
    z = np.arctanh(np.clip(x.T @ x, -1 + 1e-12, 1 - 1e-12))
    np.fill_diagonal(z, np.nan)
    return z


def trial_correlations(
    responses: Float[Array, "trial region"], runs: Int[Array, "trial"]
) -> Float64[Array, "region region"]:
    """Correlate the responses to trials, each run centered by itself, as Fisher's z.

    Raises:
        DesignError: too few trials.
    """
    centered = responses.astype(np.float64)
    numbers = np.unique(runs)
    for run in numbers:
        centered[runs == run] -= centered[runs == run].mean(axis=0)
    return region_correlations(centered, lost=max(len(numbers) - 1, 0))


def psychophysiological_slopes(
    courses: Float[Array, "volume region"],
    conditions: Float[Array, "volume condition"],
    nuisance: Regressors,
    *,
    keep: Bool[Array, "volume"],
    min_df: int = 1,
    neural: NeuralConditions | None = None,
) -> Float64[Array, "condition region region"]:
    """Return for each condition how much steeper two regions follow one another in it.

    Args:
        courses: of the regions, any unit.
        conditions: the response to each, 1 at its plateau.
        nuisance: what else is modeled.
        keep: volumes that count.
        min_df: fewest degrees of freedom that may be left.
        neural: the conditions before the response, to form products with deconvolved courses.

    Raises:
        DesignError: a condition whose product with a course cannot be told from the other columns.
        DataError: too few volumes.
    """
    cleaned = regress(courses, nuisance, keep=keep, min_df=min_df).data[keep].astype(np.float64)
    x = cleaned - cleaned.mean(axis=0)
    spread = x.std(axis=0)
    x = x / np.where(spread > 1e-10 * np.abs(courses).max(axis=0, initial=0), spread, np.nan)
    shared = np.column_stack([np.ones(len(x)), nuisance.values[keep], conditions[keep]])
    slopes = np.full((conditions.shape[1], x.shape[1], x.shape[1]), np.nan)
    there = np.flatnonzero(np.isfinite(x[0]))
    for seed, products in zip(there, course_products(x[:, there], conditions, keep, neural), strict=True):
        slopes[:, seed, there] = _own_slopes(products, np.column_stack([shared, x[:, seed]]), x[:, there], min_df)
        slopes[:, seed, seed] = np.nan
    return (slopes + slopes.transpose(0, 2, 1)) / 2


def course_products(
    x: Float[Array, "kept region"],
    conditions: Float[Array, "volume condition"],
    keep: Bool[Array, "volume"],
    neural: NeuralConditions | None,
) -> Iterator[Float64[Array, "kept condition"]]:
    """Yield the products of each course with every condition, of neural activity where its conditions are given."""
    if neural is None:
        yield from (conditions[keep] * course[:, None] for course in x.T)
    else:
        yield from (neural.products(activity)[keep] for activity in neural.activity(x, keep).T)


def _own_slopes(
    columns: Float[Array, "volume condition"],
    others: Float[Array, "volume column"],
    y: Float[Array, "volume region"],
    min_df: int,
) -> Float64[Array, "condition region"]:
    """Return the slopes of columns in a model that has others as well."""
    u, sizes, _ = np.linalg.svd(others / np.linalg.norm(others, axis=0).clip(1e-12), full_matrices=False)
    basis = u[:, sizes > 1e-8 * sizes[0]]
    left = len(y) - basis.shape[1] - columns.shape[1]
    if left < max(min_df, 1):
        raise DesignError(f"{len(y)} volumes leave {left} degrees of freedom, expected {max(min_df, 1)} or more")
    residuals = columns - basis @ (basis.T @ columns)
    if np.linalg.svd(residuals / np.linalg.norm(columns, axis=0), compute_uv=False)[-1] < 1e-6:
        raise DesignError(
            "a condition's product with the course of a region cannot be told from the other columns of the model; "
            "check that each condition is on for part of the scan"
        )
    return np.linalg.lstsq(residuals, y, rcond=None)[0]
