"""
A whole study from one file
===========================

Maps of another program (binding of a tracer before and after a drug), a study file of
forty lines, one call: tables, tests, figures, Methods and a page.
"""

# %%
# The study is simulated, so that its answers are known; with your own data the file
# comes from ``cuecircuit init FOLDER``.

import tempfile
from pathlib import Path

import pandas as pd

import cuecircuit as cc

work = Path(tempfile.mkdtemp())
study = cc.simulate("pet_displacement", work / "pet", seed=1, scale="tiny")
text = study.read_text(encoding="utf-8").replace(
    "draws: 10000", "draws: 500"
)  # fewer permutations keep this page quick
study.write_text(text, encoding="utf-8")
print(text)

# %%
# ``check`` names every fault of the file and the data at once; there is none.

cc.check(study)

# %%

page = cc.run(study, work / "results")
sorted(
    path.relative_to(work / "results").as_posix()
    for path in (work / "results" / "questions").glob("*")
)

# %%
# A figure of each question, here drawn again from the results:

from matplotlib.figure import Figure
from matplotlib.image import imread

pictures = sorted((work / "results" / "figures").glob("*.png"))[:3]
figure = Figure(figsize=(8, 2.8 * len(pictures)), layout="constrained")
for axes, path in zip(figure.subplots(len(pictures)).flat, pictures, strict=True):
    axes.imshow(imread(path))
    axes.set_title(path.stem, loc="left")
    axes.set_axis_off()
figure

# %%
# What was planted is in ``truth/`` of the data set.

pd.read_csv(work / "pet" / "truth" / "effects.tsv", sep="\t")
