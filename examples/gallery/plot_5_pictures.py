"""
People who see pictures: two random effects
===========================================

Pictures are a sample as people are. A test that averages over pictures asks about these
sixty pictures, not about pictures; with a picture for a random effect it asks about
both.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import cuecircuit as cc

# %%
# Twenty people rate thirty drug and thirty neutral pictures. Pictures differ among
# themselves, drug pictures are no different:

rng = np.random.default_rng(6)
people, pictures = 20, 60
kind = np.array(["drug", "neutral"])[np.arange(pictures) % 2]


def study():
    """Draw a study in which the kind of picture has no effect."""
    person, picture = (grid.ravel() for grid in np.indices((people, pictures)))
    rating = (
        rng.normal(0, 1, people)[person]
        + rng.normal(0, 1, pictures)[picture]
        + rng.normal(0, 1, person.size)
    )
    names = {"person": person.astype(str), "picture": picture.astype(str)}
    return pd.DataFrame({**names, "kind": kind[picture], "rating": rating})


# %%
# The p of each model in twenty-five such studies:

p = {"(1 | person)": [], "(1 | person) + (1 | picture)": []}
for _ in range(25):
    table = study()
    for random, values in p.items():
        tests = cc.fit(
            table, f"kind + {random}", dv="rating", factors=("person", "picture")
        ).tests
        values.append(float(tests.loc[tests["term"] == "kind", "p"].iloc[0]))
for random, values in p.items():
    share = np.mean(np.array(values) < 0.05)
    print(f"kind + {random}: {share:.0%} of null studies have p < .05")

# %%

figure = Figure(figsize=(5, 3), layout="constrained")
axes = figure.subplots()
for random, values in p.items():
    axes.ecdf(values, label=random)
axes.plot([0, 1], [0, 1], color="0.6", linestyle=":")
axes.set(xlabel="p of the kind of picture", ylabel="share of null studies")
axes.legend(frameon=False)
figure

# %%
# On maps the same formula is fitted in every voxel from a map for each trial
# (``cc.trial_maps``); see :doc:`/choose`.
