"""Seeds of maps in the simulator: what is planted comes back from a scan, and a question on maps finds it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.records.scan import Series
from cuecircuit.simulation.declared import plan_world
from cuecircuit.simulation.paths import seeded_percent
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.first_level import answer_glm
from tests.nodes.test_seed_slopes import CELLS, NUISANCE, scan

STUDY = """
about: { title: A path from one region that a cue opens }
subjects: { species: Rattus norvegicus }
factors: { access: [ShA, LgA], cue: [neutral, drug] }
trials: { cells: cue }
scans: { task: cues, tr_s: 2, volumes: 150, derivatives: derivatives/rabies }
space: { mask: mask.nii.gz, origin: bregma, atlas: atlas.nii.gz, labels: atlas.tsv }
nuisance: { drift_period_s: 200 }
maps:
  from_insula: { kind: glm, cells: cue, hrf: rat, noise: ols, seed: insula }
correction: { method: simulation, voxel_p: 0.005, alpha: 0.05, draws: 200 }
questions:
  path: { of: maps.from_insula, between: access, within: cue }
simulation:
  n: { ShA: 6, LgA: 6 }
  base: [{ in: maps.from_insula, mean: 0, between_sd: 0.1, within_sd: 0.2 }]
  effects:
    opened: { in: maps.from_insula, where: { access: LgA, cue: drug, region: [NAc, BLA] }, add: 3.0 }
"""
FOLLOW = ("NAc", "BLA")


def test_the_regions_that_a_cue_joins_to_the_seed_are_found(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    study = simulate_design(str(tmp_path / "study.yaml"), tmp_path / "data", seed=1, scale="tiny")
    run_study(study, tmp_path / "out")
    regions = pd.read_csv(tmp_path / "out/questions/path/cluster_regions.tsv", sep="\t", na_values="n/a")
    clusters = pd.read_csv(tmp_path / "out/questions/path/clusters.tsv", sep="\t", na_values="n/a")
    survive = clusters[clusters["p_fwe"] <= 0.05].set_index(["term", "cluster"]).index
    inside = regions[regions.set_index(["term", "cluster"]).index.isin(survive)]
    assert {"NAc", "BLA"} <= set(inside.loc[inside["term"] == "access:cue", "region"])


@pytest.mark.parametrize(("changes", "noise"), [("", 0.02), ("deconvolve: true", 0.02), ("beta_series: lsa", 1.0)])
def test_the_model_gives_the_planted_numbers_back(changes: str, noise: float) -> None:
    plan = plan_world(parse_study(STUDY.replace("seed: insula", f"seed: insula, {changes}")), seed=1, scale="tiny")
    place, maps = plan.place, plan.scans.study.maps["from_insula"]
    events = plan.scans.trials[plan.keys[0].words].query("number == number")
    planted = {"drug": 0.8, "neutral": 0.2}
    rows = pd.DataFrame(
        [(cue, region, planted[cue] * (region == "NAc")) for cue in planted for region in place.regions],
        columns=["cue", "region", "value"],
    )
    trials = events.rename(columns={"onset": "onset_s", "duration": "duration_s"})
    labels, brain = place.voxel_labels(), place.brain
    number = {name: label for label, name in brain.atlas.names.items()}
    means = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        percent = seeded_percent(place, maps, rows, events, tr_s=2.0, volumes=150, rng=rng)
        percent += noise * (place.noise_percent * rng.standard_normal(percent.shape[::-1])).T
        data = np.zeros((*brain.mask.shape, 150))
        data[brain.mask] = 1000 * (1 + percent / 100)
        at_work = replace(
            scan(1, 0.0), series=Series(data=data, grid=brain.grid, tr_s=2.0), mask=brain.mask, trials=trials
        )
        estimates = answer_glm(at_work, maps, NUISANCE, CELLS, brain.atlas).smoothed
        means.append([estimates[cue][1].effect[labels == number[name]].mean() for cue in planted for name in FOLLOW])
    found = np.array(means)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - [0.8, 0.0, 0.2, 0.0]) < 4 * error + 0.06).all()
    assert error.max() < 0.3
