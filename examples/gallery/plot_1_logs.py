"""
From operant logs to a course and its test
==========================================

Mice drink ethanol or water over twelve days; the logs are MED-PC files. ``simulate``
writes such a study with known answers, so that this page needs no data of anybody.
"""

# %%
# The logs
# --------
# ``read_logs`` takes files of any kind it knows (MED-PC, FED3, GEToperant, NWB, BIDS,
# tables) and gives tables of sessions, events and faults. Days count by date, so that a
# missing day stays missing.

import tempfile
from pathlib import Path

import pandas as pd

import cuecircuit as cc

work = Path(tempfile.mkdtemp())
study = cc.simulate("alcohol_mice", work / "mice", seed=1, scale="tiny")
logs = cc.read_logs(sorted((work / "mice" / "sourcedata" / "medpc").glob("*")))
logs.sessions[
    ["subject", "day", "experiment", "start", "duration_s", "active", "infusions"]
].head(6)

# %%
# Nothing was odd about these logs; else each fault is a row with its file and line.

len(logs.faults)

# %%
# The test
# --------
# Groups are in the table of participants. Deliveries over the days of fixed ratio 1 are
# tested by group and day, each effect in its own error stratum; days differ in
# variance, so that Greenhouse and Geisser's p stands beside the plain one.

people = pd.read_csv(work / "mice" / "participants.tsv", sep="\t")
people["subject"] = people["participant_id"].str.removeprefix("sub-")
fixed_ratio = logs.sessions[logs.sessions["experiment"].str.startswith("FR1")]
drinking = fixed_ratio.merge(people, on="subject", suffixes=("_log", ""))
fit = cc.anova(drinking, "infusions", subject="subject", between="group", within="day")
fit.tests[["term", "df1", "df2", "F", "p", "p_gg", "ges"]].round(4)

# %%
# Means with their intervals, and the last day against the first in each group:

fit.plot("group:day")

# %%

days = sorted(drinking["day"].unique())
for group in ("water", "ethanol"):
    row = fit.contrast(f"{group}: {days[-1]} - {days[0]}")
    limits = f"{row['low']:.1f} to {row['high']:.1f}"
    print(f"{group}: {row['effect']:.1f} deliveries more, 95 % interval {limits}")
