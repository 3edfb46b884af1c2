"""Maps of gPPI from a seed: nilearn's model with the products as columns, a planted path found, noise at its level."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nilearn.glm import OLSModel
from nilearn.glm.first_level import make_first_level_design_matrix, spm_hrf

from cuecircuit.errors import DataError, DesignError
from cuecircuit.imaging.removed import ScanSignals
from cuecircuit.imaging.scan_values import ScanValues
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.nodes.run import run_study
from cuecircuit.records.atlas import Atlas
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series
from cuecircuit.study.acquisition import Glm, Nuisance
from cuecircuit.tables.first_level import answer_glm
from cuecircuit.tables.map_plan import Estimated
from cuecircuit.tables.scan_reading import ScanAtWork
from tests.nodes.tiny_scans import GLM, write_scans, write_study
from tests.nodes.tiny_scans import Scan as TinyScan

SHAPE, N, TR_S = (8, 6, 5), 160, 2.0
GRID, MASK = Grid(shape=SHAPE, affine=np.eye(4)), np.ones(SHAPE, bool)
LABELS = np.zeros(SHAPE, np.int32)
LABELS[:2, :2, :2] = 1
ATLAS = Atlas(labels=LABELS, names={1: "insula"}, grid=GRID)
TRIALS = pd.DataFrame(
    {"onset_s": np.arange(10.0, 290.0, 28.0), "duration_s": 14.0, "trial_type": (["drug", "neutral"] * 5)[:10]}
).assign(cue=lambda table: table["trial_type"])
NO_OTHERS = pd.DataFrame({"onset": [], "duration": [], "trial_type": []})
CELLS = [Estimated(table="maps.m", keys={"cue": c}, label=c, weights={c: 1.0}, cells=(c,)) for c in ("drug", "neutral")]
NUISANCE = Nuisance.model_validate({"drift_period_s": 128})


def task(cue: str) -> np.ndarray:
    own = TRIALS[TRIALS["cue"] == cue].drop(columns="cue").set_axis(["onset", "duration", "trial_type"], axis=1)
    frames = np.arange(N) * TR_S
    return make_first_level_design_matrix(frames, own, hrf_model="spm", drift_model=None)[cue].to_numpy()


def scan(seed: int, slope: float) -> ScanAtWork:
    """A seed whose voxels share a course; one slab follows it during drug cues, the rest only answers the cue."""
    rng = np.random.default_rng(seed)
    course = np.convolve(rng.standard_normal(N), spm_hrf(TR_S, 1))[:N]
    course /= course.std()
    data = rng.standard_normal((*SHAPE, N)) + task("drug")
    data[LABELS == 1] += 3 * course
    data[6:] += slope * task("drug") * course
    return ScanAtWork(
        files=ScanFiles(
            subject="01",
            session=None,
            run=None,
            bold=Path("b.nii"),
            events=None,
            physio=None,
            confounds=None,
            tr_s=TR_S,
        ),
        series=Series(data=500 + 5 * data, grid=GRID, tr_s=TR_S),
        mask=MASK,
        signals=ScanSignals(tissues={}, motion=None, head_radius_mm=1.0),
        trials=TRIALS,
        others=NO_OTHERS,
        values=ScanValues(faults=(), covered=1.0, volumes=()),
    )


def maps(at_work: ScanAtWork, **changes: object) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    glm = Glm.model_validate({"kind": "glm", "cells": "cue", "hrf": "spm", "noise": "ols", "seed": "insula", **changes})
    found = answer_glm(at_work, glm, NUISANCE, CELLS, ATLAS).smoothed
    assert isinstance(found, dict)
    return {name: (each.effect, each.variance) for name, (_, each) in found.items()}


def test_a_map_is_that_of_nilearns_model_with_the_products_as_columns():
    at_work = scan(1, 0.5)
    found = maps(at_work)
    frames = np.arange(N) * TR_S
    drift = make_first_level_design_matrix(frames, None, drift_model="cosine", high_pass=1 / 128).to_numpy()
    series = at_work.series.data[MASK].T.astype(float)
    course = at_work.series.data[LABELS == 1].mean(axis=0)
    course = course - drift @ np.linalg.lstsq(drift, course, rcond=None)[0]
    course /= course.std()
    boxes = np.column_stack([task("drug"), task("neutral")])
    fit = OLSModel(np.hstack([boxes * course[:, None], boxes, course[:, None], drift])).fit(
        100 * (series / series.mean(axis=0) - 1)
    )
    for row, cue in enumerate(("drug", "neutral")):
        np.testing.assert_allclose(found[cue][0], fit.theta[row], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(found[cue][1], fit.cov[row, row] * fit.dispersion, rtol=1e-3)


@pytest.mark.parametrize("deconvolve", [False, True])
def test_a_planted_path_is_found_and_noise_keeps_its_level(deconvolve: bool):
    t = {"drug": [], "neutral": []}
    for seed in range(6):
        for cue, (effect, variance) in maps(scan(seed, 1.0), deconvolve=deconvolve).items():
            t[cue].append(effect / np.sqrt(variance))
    path, rest = (np.arange(SHAPE[0]) >= 6)[:, None, None] & MASK, LABELS == 0
    path, rest = path[MASK], (rest & (np.arange(SHAPE[0]) < 6)[:, None, None])[MASK]
    drug, neutral = np.array(t["drug"]), np.array(t["neutral"])
    assert np.median(drug[:, path]) > 2.5
    # 6 scans of 172 voxels share a seed course each: the share beyond the 5 % points has a standard error of .012
    for null in (drug[:, rest], neutral[:, rest], neutral[:, path]):
        assert abs((np.abs(null) > 1.98).mean() - 0.05) < 0.04


def test_a_seed_that_the_atlas_does_not_have_is_refused():
    with pytest.raises(DataError, match="seed NAc is no region of the atlas"):
        maps(scan(0, 0.0), seed="NAc")
    with pytest.raises(ValueError, match="seed needs one response function"):
        maps(scan(0, 0.0), hrf="fir")
    with pytest.raises(ValueError, match="deconvolve is of a seed"):
        maps(scan(0, 0.0), seed="", deconvolve=True)


ONSETS = np.arange(8.0, 300.0, 9.0)
BRIEF = pd.DataFrame(
    {"onset_s": ONSETS, "duration_s": 1.0, "trial_type": np.resize(["drug", "neutral"], len(ONSETS))}
).assign(cue=lambda table: table["trial_type"])


def series_scan(seed: int, shared: float) -> ScanAtWork:
    """Every voxel answers every trial; during drug cues one slab's answers vary with those of the seed."""
    rng = np.random.default_rng(seed)
    events = BRIEF.drop(columns="cue").set_axis(["onset", "duration", "trial_type"], axis=1)
    events["trial_type"] = [f"t{row:02d}" for row in range(len(events))]
    columns = make_first_level_design_matrix(np.arange(N) * TR_S, events, hrf_model="spm", drift_model=None)
    courses = columns[events["trial_type"]].to_numpy() * 10
    size = 1 + rng.standard_normal((*SHAPE, len(BRIEF)))
    own = rng.standard_normal(len(BRIEF))
    size[LABELS == 1] += 2 * own
    size[6:] += shared * own * (BRIEF["cue"] == "drug").to_numpy()
    data = rng.standard_normal((*SHAPE, N)) + size @ courses.T
    at_work = scan(seed, 0.0)
    return replace(at_work, series=replace(at_work.series, data=500 + 5 * data), trials=BRIEF)


@pytest.mark.parametrize("method", ["lss", "lsa"])
def test_a_beta_series_of_a_seed_is_the_correlation_of_nilearns_single_trials(method: str):
    at_work = series_scan(1, 1.0)
    found = maps(at_work, beta_series=method)
    series = at_work.series.data[MASK].T.astype(float)
    percent = 100 * (series / series.mean(axis=0) - 1)
    rows = BRIEF.drop(columns="cue").set_axis(["onset", "duration", "trial_type"], axis=1)
    betas = []
    for trial in range(len(rows)):
        kinds = rows["trial_type"] + "_others" if method == "lss" else [f"t{row:02d}" for row in range(len(rows))]
        named = rows.assign(trial_type=kinds)
        named.loc[trial, "trial_type"] = "this"
        design = make_first_level_design_matrix(
            np.arange(N) * TR_S, named, hrf_model="spm", drift_model="cosine", high_pass=1 / 128
        )
        betas.append(OLSModel(design.to_numpy()).fit(percent).theta[design.columns.get_loc("this")])
    seed = np.array(betas)[:, (LABELS == 1)[MASK]].mean(axis=1)
    for cue in ("drug", "neutral"):
        own = (BRIEF["cue"] == cue).to_numpy()
        r = [np.corrcoef(column, seed[own])[0, 1] for column in np.array(betas)[own].T]
        np.testing.assert_allclose(found[cue][0], np.arctanh(r), atol=1e-4)
        np.testing.assert_allclose(found[cue][1], 1 / (own.sum() - 3))


def test_a_planted_beta_series_is_found_in_its_cue_and_noise_keeps_its_level():
    z = {"drug": [], "neutral": []}
    for seed in range(8):
        for cue, (effect, variance) in maps(series_scan(seed, 2.0), beta_series="lss").items():
            z[cue].append(effect / np.sqrt(variance))
    slab = ((np.arange(SHAPE[0]) >= 6)[:, None, None] & MASK)[MASK]
    rest = ((LABELS == 0) & (np.arange(SHAPE[0]) < 6)[:, None, None])[MASK]
    drug, neutral = np.array(z["drug"]), np.array(z["neutral"])
    assert np.median(drug[:, slab]) > 2.5
    # of 8 scans with a seed each the share has a standard error of .016
    for null in (drug[:, rest], neutral[:, rest], neutral[:, slab]):
        assert abs((np.abs(null) > 1.96).mean() - 0.05) < 0.05


def test_few_trials_and_choices_that_do_not_go_together_are_refused():
    few = replace(series_scan(0, 0.0), trials=BRIEF.iloc[:7].reset_index(drop=True))
    with pytest.raises(DesignError, match="beta_series: of trials neutral has 3; expected 4 or more of a condition"):
        maps(few, beta_series="lss")
    with pytest.raises(ValueError, match="beta_series is of a seed"):
        maps(few, seed="", beta_series="lss")
    with pytest.raises(ValueError, match="leave out deconvolve"):
        maps(few, beta_series="lss", deconvolve=True)


@pytest.mark.parametrize(
    ("choice", "unit", "says"),
    [
        ({"deconvolve": True}, "% of the mean of the voxel", "how much steeper a voxel follows"),
        ({"beta_series": "lss"}, "Fisher's z", "over its trials of each voxel with dorsal part"),
    ],
    ids=["ppi", "beta series"],
)
def test_a_study_asks_of_the_maps_of_a_seed_and_its_page_says_how(tmp_path, choice: dict, unit: str, says: str):
    scans = [TinyScan(subject=f"0{number}") for number in (1, 2, 3)]
    write_scans(tmp_path, scans)
    trials = pd.DataFrame(
        {"onset": np.arange(10.0, 140.0, 13.0), "duration": 2.0, "trial_type": ["neutral", "drug"] * 5}
    )
    for own in scans:
        trials.to_csv(tmp_path / f"{own.stem}_events.tsv", sep="\t", index=False)
    space = {"mask": "mask.nii.gz", "origin": "the scanner", "atlas": "atlas.nii.gz", "labels": "atlas.tsv"}
    study = write_study(tmp_path, space=space, maps={"task": GLM | {"seed": "dorsal part", **choice}})
    run_study(study, tmp_path / "out")
    maps = pd.read_csv(tmp_path / "out" / "tables" / "maps.task.tsv", sep="\t")
    assert list(maps[["subject", "picture"]].itertuples(index=False, name=None))[:2] == [(1, "neutral"), (1, "drug")]
    contrasts = pd.read_csv(tmp_path / "out" / "tables" / "contrasts.task.tsv", sep="\t")
    assert contrasts["contrast"].tolist() == ["drug_neutral"] * 3
    page = next((tmp_path / "out").rglob("*.html")).read_text(encoding="utf-8")
    assert says in page
    notes = json.loads((tmp_path / "out" / "tables" / "maps.task.json").read_text(encoding="utf-8"))
    assert notes["map"]["Units"] == unit
