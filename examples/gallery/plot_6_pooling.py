"""
Regions pooled rather than corrected
====================================

Nineteen regions, one effect each: tested one by one and corrected, or estimated
together, so that each region borrows from the others what they share.
"""

import numpy as np
import pandas as pd

import cuecircuit as cc

# %%
# Twenty-one rats; the true effects of the regions scatter about 0.3 with an SD of 0.2:

rng = np.random.default_rng(7)
regions = [f"region {letter}" for letter in "ABCDEFGHIJKLMNOPQRS"]
truth = rng.normal(0.3, 0.2, len(regions))
rows = [
    {
        "rat": f"rat{rat:02d}",
        "region": region,
        "response": effect + shared + rng.normal(0, 0.8),
    }
    for rat, shared in enumerate(rng.normal(0, 0.4, 21))
    for region, effect in zip(regions, truth, strict=True)
]
pooled = cc.pool(pd.DataFrame(rows), "response", region="region", subject="rat")
table = pooled.regions.assign(truth=truth)
table[["region", "mean", "low", "high", "p_positive", "unpooled", "truth"]].round(2)

# %%
# How far the estimates are from the truth, pooled and each alone:

for name in ("mean", "unpooled"):
    error = np.sqrt(np.mean((table[name] - table["truth"]) ** 2))
    print(f"{name}: root mean square error {error:.3f}")

# %%

figure = pooled.plot()
figure
