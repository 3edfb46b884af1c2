"""
How large a cluster noise makes
===============================

The smoothness of residuals, and the cluster sizes that noise of that smoothness
reaches: what AFNI's 3dFWHMx and 3dClustSim answer.
"""

import nibabel as nib
import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

import cuecircuit as cc

# %%
# Residuals of twenty scans, smoothed with a FWHM of 6 mm (σ of 2.55 mm) on voxels of 3
# mm:

rng = np.random.default_rng(5)
shape, affine = (30, 34, 24), np.diag([3.0, 3.0, 3.0, 1.0])
sigma = 6 / np.sqrt(8 * np.log(2)) / 3
noise = np.stack(
    [gaussian_filter(rng.normal(size=shape), sigma) for _ in range(20)], axis=-1
)
residuals = nib.Nifti1Image(noise.astype("f4"), affine)
mask = nib.Nifti1Image(np.ones(shape, np.uint8), affine)
smooth = cc.smoothness(residuals, mask)
smooth

# %%
# A table of cluster sizes, from the autocorrelation that was measured:

acf = tuple(float(smooth[name].iloc[0]) for name in ("a", "b_mm", "c_mm"))
table = cc.simulate_clusters(
    mask, acf=acf, iterations=1000, pthr=(0.01, 0.005, 0.002, 0.001), athr=(0.05,), n_jobs=2
)
table

# %%

figure = Figure(figsize=(5, 3), layout="constrained")
axes = figure.subplots()
axes.errorbar(table["pthr"], table["cluster_size"], yerr=2 * table["se"], marker="o")
axes.set(
    xscale="log",
    xlabel="voxel p that forms the clusters",
    ylabel="cluster size, corrected p = .05 (voxels)",
)
figure
