"""A mask and its noise's autocorrelation to a table of cluster sizes."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cuecircuit.clusters.autocorrelation import Autocorrelation, gaussian_autocorrelation
from cuecircuit.clusters.clustsim import ALPHA, VOXEL_P, check_alpha, simulate_cluster_sizes, size_thresholds
from cuecircuit.clusters.neighbors import border_note, cluster_rule
from cuecircuit.errors import DataError
from cuecircuit.io.nifti import read_mask
from cuecircuit.pipeline.progress import say, steps


def clustsim_table(
    mask_path: Path,
    *,
    acf: tuple[float, float, float] | None = None,
    fwhm_mm: float | None = None,
    iterations: int = 10_000,
    pthr: Sequence[float] = VOXEL_P,
    athr: Sequence[float] = ALPHA,
    connectivity: int = 6,
    sided: str = "2",
    seed: int = 0,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Simulate noise in a mask; one row per voxel-wise p and α.

    Args:
        acf: a, b (mm), c (mm) of the mixed model; or else
        fwhm_mm: FWHM of the kernel that Gaussian noise was smoothed with ("classic" FWHM).

    Raises:
        DataError: no readable mask, not exactly one of `acf` and `fwhm_mm`, or numbers out of range.
    """
    if (acf is None) == (fwhm_mm is None):
        raise DataError("smoothness: expected either the three ACF numbers or one FWHM; see `cuecircuit smoothness`")
    noise = Autocorrelation(a=acf[0], b_mm=acf[1], c_mm=acf[2]) if acf else gaussian_autocorrelation(fwhm_mm or 0.0)
    rule = cluster_rule(connectivity, sided)
    check_alpha(athr, iterations)
    mask, grid = read_mask(mask_path)
    if note := border_note(mask):
        say(f"clustsim: {note}")
    with steps("null fields", iterations) as advance:
        (null,) = simulate_cluster_sizes(
            mask,
            grid.voxel_mm,
            noise,
            rules=(rule,),
            pthr=pthr,
            iterations=iterations,
            seed=seed,
            n_jobs=n_jobs,
            progress=advance,
        )
    table = size_thresholds(null, athr)
    rows = [
        (rule.connectivity, rule.sided, p, alpha, table.sizes[i, j], table.standard_errors[i, j])
        for i, p in enumerate(table.pthr)
        for j, alpha in enumerate(table.athr)
    ]
    return pd.DataFrame(rows, columns=["connectivity", "sided", "pthr", "athr", "cluster_size", "se"])
