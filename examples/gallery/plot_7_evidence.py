"""
Evidence for no effect
======================

A p above .05 does not say that there is nothing. A Bayes factor weighs the two
hypotheses, a test of equivalence asks whether the effect is smaller than what would
matter.
"""

import numpy as np
import pandas as pd

import cuecircuit as cc

# %%
# Craving before and after a session in three groups of forty people: no effect, a small
# one, a large one.

rng = np.random.default_rng(8)
for d in (0.0, 0.3, 1.0):
    change = pd.DataFrame(
        {"person": [str(k) for k in range(40)], "change": rng.normal(d, 1.0, 40)}
    )
    fit = cc.fit(change, "1", dv="change", subject="person")
    row = fit.evidence(equivalence=0.5).iloc[0]
    print(
        f"true d {d:.1f}: p = {fit.tests['p'].iloc[0]:.3f}, "
        f"d = {row['d']:.2f} [{row['d_low']:.2f}, {row['d_high']:.2f}], "
        f"Bayes factor {row['bf10']:.2f}, p of |d| ≥ 0.5 {row['p_equivalence']:.3f}"
    )

# %%
# The factor depends on what one expected; ``scale`` is the width of the Cauchy prior of
# d. Here of the last group:

scales = (0.3, 0.707, 1.0, 1.4)
factors = [fit.evidence(scale=scale)["bf10"].iloc[0] for scale in scales]
pd.DataFrame({"scale": scales, "bf10": factors}).round(1)

# %%
# Over a range of scales:

from matplotlib.figure import Figure

figure = Figure(figsize=(5, 2.6), layout="constrained")
axes = figure.subplots()
wide = np.linspace(0.05, 2, 40)
axes.plot(wide, [fit.evidence(scale=scale)["bf10"].iloc[0] for scale in wide])
axes.set(xlabel="scale of the prior", ylabel="Bayes factor", yscale="log")
figure
