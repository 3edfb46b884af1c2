"""Clusters of maps: what noise reaches, how smooth it is, and which clusters a map has."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from cuecircuit.api.arguments import Count, Listed, Number, Positive, Seed, Share, Threads, Triple, checked
from cuecircuit.api.images import image_data, mask_of, voxels_of
from cuecircuit.clusters.labeling import label_clusters
from cuecircuit.clusters.neighbors import cluster_rule
from cuecircuit.group.correction import on_grid
from cuecircuit.pipeline.clustsim import clustsim_table
from cuecircuit.pipeline.smoothness import smoothness_table


@checked
def simulate_clusters(
    mask: Any,
    *,
    acf: Triple | None = None,
    fwhm_mm: Positive | None = None,
    iterations: Count = 10_000,
    pthr: Annotated[Sequence[Share], Listed] = (0.01, 0.005, 0.001),
    athr: Annotated[Sequence[Share], Listed] = (0.1, 0.05, 0.01),
    connectivity: Literal[6, 18, 26] = 6,
    sided: Literal["1", "2", "bi"] = "2",
    seed: Seed = 0,
    n_jobs: Threads = 1,
) -> pd.DataFrame:
    """Simulate how large clusters of noise become.

    Args:
        mask: path or image.
        acf: a, b (mm), c (mm) of the mixed autocorrelation model; or else
        fwhm_mm: Gaussian smoothness.
        iterations: simulated fields.
        pthr: voxel p that form clusters.
        athr: corrected levels.
        connectivity: neighbors of a voxel.
        sided: one-sided, two-sided with both signs together, or two-sided apart.
        seed: the same gives the same numbers.
        n_jobs: threads.

    Returns:
        A row for each voxel p and level: the cluster size, and its Monte Carlo standard error.

    Raises:
        DataError: no readable mask, or numbers out of range.

    Examples:
        >>> import cuecircuit as cc, nibabel as nib, numpy as np
        >>> mask = nib.Nifti1Image(np.ones((8, 8, 8), np.uint8), np.eye(4))
        >>> cc.simulate_clusters(mask, fwhm_mm=2.0, iterations=200, pthr=[0.01], athr=[0.1]).shape
        (1, 6)
    """
    with _file(mask) as path:
        return clustsim_table(
            path,
            acf=acf,
            fwhm_mm=fwhm_mm,
            iterations=iterations,
            pthr=pthr,
            athr=athr,
            connectivity=connectivity,
            sided=sided,
            seed=seed,
            n_jobs=n_jobs,
        )


@checked
def smoothness(residuals: Any, mask: Any) -> pd.DataFrame:
    """Estimate the smoothness of residual maps: the mixed autocorrelation model and the classic FWHM, in mm.

    Args:
        residuals: 4-D path or image.
        mask: path or image.

    Returns:
        One row: a, b_mm, c_mm, fwhm_mm, and the classic FWHM by axis.

    Raises:
        DataError: a file is at fault, or nothing in the mask varies.

    Examples:
        >>> import cuecircuit as cc, nibabel as nib, numpy as np
        >>> noise = np.random.default_rng(0).normal(size=(10, 10, 10, 4)).astype(np.float32)
        >>> mask = nib.Nifti1Image(np.ones((10, 10, 10), np.uint8), np.eye(4))
        >>> int(cc.smoothness(nib.Nifti1Image(noise, np.eye(4)), mask).voxels.iloc[0])
        1000
    """
    with _file(residuals) as path, _file(mask) as inside:
        return smoothness_table(path, inside)


@checked
def cluster_table(
    image: Any,
    threshold: Number,
    *,
    mask: Any = None,
    connectivity: Literal[6, 18, 26] = 6,
    sided: Literal["1", "2", "bi"] = "bi",
) -> pd.DataFrame:
    """Find the clusters of a map of t, z or F above a threshold.

    Args:
        image: path or image.
        threshold: of the statistic.
        mask: path or image; every finite voxel that is not 0 where it is None.
        connectivity: neighbors of a voxel.
        sided: "1" above the threshold, "2" beyond it on both sides together, "bi" clusters of one sign.

    Returns:
        A row for each cluster: voxels, mm3, the signed peak and its place in mm.

    Raises:
        DataError: an image cannot be read, or lies on another grid.

    Examples:
        >>> import cuecircuit as cc, nibabel as nib, numpy as np
        >>> t = np.zeros((5, 5, 5)); t[1:3, 1, 1], t[4, 4, 4] = 4.0, -5.0
        >>> cc.cluster_table(nib.Nifti1Image(t, np.eye(4)), 3.0)[["cluster", "voxels", "peak"]]
           cluster  voxels  peak
        0        1       2   4.0
        1        2       1  -5.0
    """
    inside, grid = mask_of(image if mask is None else mask)
    values = on_grid(voxels_of([image], inside, grid)[0].astype(np.float64), inside)
    clusters = label_clusters(values, inside, threshold, rule=cluster_rule(connectivity, sided))
    places = grid.mm(clusters.peak_voxels.astype(float))
    peaks = values[tuple(clusters.peak_voxels.T)]
    table = {"cluster": np.arange(1, len(clusters.sizes) + 1), "voxels": clusters.sizes.astype(int)}
    table |= {"mm3": clusters.sizes * grid.voxel_mm3, "peak": peaks}
    return pd.DataFrame({**table, **dict(zip("xyz", places.T, strict=True))})


@contextmanager
def _file(image: Any) -> Iterator[Path]:
    if isinstance(image, str | Path):
        yield Path(image)
        return
    image_data(image, "image")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "image.nii"
        image.to_filename(path)
        yield path
