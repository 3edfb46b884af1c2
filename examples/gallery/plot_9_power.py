"""
How many subjects?
==================

The power of a study's own questions: the study is drawn many times with effects of a
stated size, and each draw is asked what the study file asks.
"""

# %%
# Reinstatement of drinking in groups of 4, 8 and 16 mice. Thirty draws of each size
# keep this page quick and the intervals wide; the default is 200.

import tempfile
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import cuecircuit as cc

work = Path(tempfile.mkdtemp())
study = cc.simulate("alcohol_mice", work / "mice", seed=1, scale="tiny")
page = cc.plan(
    study,
    work / "plan",
    sizes=("4", "8", "16"),
    draws=30,
    questions=("reinstatement",),
    n_jobs=2,
)
power = pd.read_csv(work / "plan" / "power.tsv", sep="\t").query(
    "kind == 'term' and hypothesis == 'seeking'"
)
power[["term", "by_group", "power", "low", "high", "planted"]]

# %%

figure = Figure(figsize=(6, 3.2), layout="constrained")
axes = figure.subplots()
for term, rows in power.groupby("term", sort=False):
    errors = [rows["power"] - rows["low"], rows["high"] - rows["power"]]
    axes.errorbar(
        rows["subjects"], rows["power"], yerr=errors, marker="o", capsize=2, label=term
    )
axes.axhline(0.8, color="0.6", linestyle=":")
axes.set(xlabel="mice, all groups together", ylabel="power", ylim=(0, 1))
axes.legend(frameon=False)
figure
