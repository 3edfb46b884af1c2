"""
Group by cue on whole maps
==========================

Rats of two groups, each scanned with two cues: the model that no smoothing of maps into
one contrast answers, every effect in every voxel at once.
"""

# %%
# A table of maps
# ---------------
# One row per map. The column ``map`` holds paths, ``path#k``, images or arrays; here
# noise with an effect of the naloxone cue in one corner of the brain of long-access
# rats.

import nibabel as nib
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

import cuecircuit as cc

rng = np.random.default_rng(3)
shape, voxel_mm = (18, 24, 14), 0.5
affine = np.diag([voxel_mm] * 3 + [1.0])
center = (np.array(shape) - 1) / 2
inside = np.linalg.norm((np.indices(shape).T - center) / (0.95 * center), axis=-1).T < 1
rows = []
for access, count in (("ShA", 10), ("LgA", 11)):
    for number in range(count):
        own = gaussian_filter(rng.normal(size=shape), 1.5) * 4
        for cue in ("saline", "naloxone"):
            data = own + gaussian_filter(rng.normal(size=shape), 1.5) * 6
            if access == "LgA" and cue == "naloxone":
                data[5:9, 10:15, 5:9] += 1.6
            image = nib.Nifti1Image(data.astype("f4"), affine)
            rows.append(
                {"rat": f"{access}{number:02d}", "access": access, "cue": cue, "map": image}
            )
maps = pd.DataFrame(rows)
mask = nib.Nifti1Image(inside.astype("u1"), affine)

# %%
# The fit
# -------
# ``tests`` has a row for each term: its degrees of freedom, the largest F and where.
# ``factors`` names the levels, the reference first, which gives every effect its
# direction.

levels = {"access": ["ShA", "LgA"], "cue": ["saline", "naloxone"]}
fit = cc.fit(maps, mask=mask, subject="rat", between="access", within="cue", factors=levels)
fit.tests

# %%

fit.directions

# %%
# Maps are images: F, p, z, and of effects of one degree of freedom the effect itself
# and its standard error.

figure = fit.plot("access:cue", "z")
figure

# %%
# Correction
# ----------
# Rats are exchanged between groups; threshold-free cluster enhancement needs no
# threshold. ``clusters`` lists each with its signed peak.

corrected = fit.correct(
    "access:cue", method="permutation", statistic="tfce", n=500, n_jobs=2
)
corrected.clusters.round(3)

# %%
# The simple effect in long-access rats alone, at the peak:

naloxone = fit.contrast("LgA: naloxone - saline")
z = np.where(inside, naloxone["z"].get_fdata(), 0)
peak = np.unravel_index(np.abs(z).argmax(), shape)
effect, error = (float(naloxone[name].get_fdata()[peak]) for name in ("effect", "se"))
print(f"{effect:.2f} (SE {error:.2f}) at voxel {tuple(map(int, peak))}; planted: 1.6")
