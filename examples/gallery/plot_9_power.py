"""
How many subjects?
==================

The power of a study's own questions: the study is drawn many times with effects of a
stated size, and each draw is asked what the study file asks.
"""

# %%
# Reinstatement of drinking in groups of 4 and 12 mice, where effects are as large as
# stated and half as large. Twenty draws of each size keep this page quick and the
# intervals wide; the default is 200.

import tempfile
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import cuecircuit as cc

work = Path(tempfile.mkdtemp())
study = cc.simulate("alcohol_mice", work / "mice", seed=1, scale="tiny")
settings = {"sizes": ("4", "12"), "draws": 20, "multiples": (0.5, 1.0)}
page = cc.plan(study, work / "plan", questions=("reinstatement",), n_jobs=2, **settings)
power = pd.read_csv(work / "plan" / "power.tsv", sep="\t").query(
    "kind == 'term' and hypothesis == 'seeking'"
)
power[["term", "multiple", "by_group", "power", "low", "high", "planted"]]

# %%

figure = Figure(figsize=(6, 3.2), layout="constrained")
axes = figure.subplots()
for (term, multiple), rows in power.groupby(["term", "multiple"], sort=False):
    errors = [rows["power"] - rows["low"], rows["high"] - rows["power"]]
    line = {"linestyle": "-" if multiple == 1 else "--", "label": f"{term}, {multiple:g} ×"}
    axes.errorbar(
        rows["subjects"], rows["power"], yerr=errors, marker="o", capsize=2, **line
    )
axes.axhline(0.8, color="0.6", linestyle=":")
axes.set(xlabel="mice, all groups together", ylabel="power", ylim=(0, 1))
axes.legend(frameon=False)
figure
