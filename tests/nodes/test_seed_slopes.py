"""Maps of gPPI from a seed: nilearn's model with the products as columns, a planted path found, noise at its level."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nilearn.glm import OLSModel
from nilearn.glm.first_level import make_first_level_design_matrix, spm_hrf

from cuecircuit.errors import DataError
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


def test_a_study_asks_of_the_maps_of_a_seed_and_its_page_says_how(tmp_path):
    write_scans(tmp_path, [TinyScan(subject=f"0{number}") for number in (1, 2, 3)])
    space = {"mask": "mask.nii.gz", "origin": "the scanner", "atlas": "atlas.nii.gz", "labels": "atlas.tsv"}
    study = write_study(tmp_path, space=space, maps={"task": GLM | {"seed": "dorsal part", "deconvolve": True}})
    run_study(study, tmp_path / "out")
    maps = pd.read_csv(tmp_path / "out" / "tables" / "maps.task.tsv", sep="\t")
    assert list(maps[["subject", "picture"]].itertuples(index=False, name=None))[:2] == [(1, "neutral"), (1, "drug")]
    contrasts = pd.read_csv(tmp_path / "out" / "tables" / "contrasts.task.tsv", sep="\t")
    assert contrasts["contrast"].tolist() == ["drug_neutral"] * 3
    page = next((tmp_path / "out").rglob("*.html")).read_text(encoding="utf-8")
    assert "how much steeper a voxel follows" in page
    assert "Gitelman" in page
