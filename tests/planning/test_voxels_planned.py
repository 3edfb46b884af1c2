"""Plans of maps voxel by voxel: power against the noncentral F and a simulation of its own, error rates, refusals."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import cuecircuit as cc
from cuecircuit.errors import CuecircuitError
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.planning.plan import plan_study
from cuecircuit.planning.power import PlanSettings
from tests.planning.closed_forms import contrast_power
from tests.planning.test_plan import inside, written

pytestmark = pytest.mark.xdist_group("planning")
AFFINE = np.diag([2.0, 2, 2, 1])
STUDY = """
about: { title: Binding after long access }
subjects: { species: Rattus norvegicus }
factors: { access: [ShA, LgA], cue: [neutral, drug] }
space: { mask: mask.nii.gz, origin: bregma, atlas: atlas.nii.gz, labels: atlas.tsv }
maps: { cues: { kind: given, table: maps.tsv, keys: cue, unit: "%", smoothing_fwhm_mm: 1 } }
correction: { method: simulation, voxel_p: 0.005, alpha: 0.05, draws: 400 }
questions:
  access_by_cue: { of: maps.cues, between: access, within: cue }
  neutral: { of: maps.cues, where: { cue: neutral }, between: access }
simulation:
  n: { ShA: 8, LgA: 8 }
  base: [{ in: maps.cues, mean: 0, between_sd: 0.6, within_sd: 0.8 }]
  effects:
    group: { in: maps.cues, where: { access: LgA, region: NAc }, add: 1.4 }
"""


def with_brain(folder: Path, shape: tuple[int, int, int], nac: tuple[slice, ...], text: str = STUDY) -> Path:
    atlas = np.full(shape, 2, np.int16)
    atlas[nac] = 1
    for name, voxels in (("mask", np.ones(shape, np.uint8)), ("atlas", atlas)):
        nib.save(nib.Nifti1Image(voxels, AFFINE), folder / f"{name}.nii.gz")
    (folder / "atlas.tsv").write_text("index\tname\n1\tNAc\n2\tBLA\n")
    return written(folder, text)


def power_of(path: Path, out: Path, **settings) -> pd.DataFrame:
    plan_study(path, out, settings=PlanSettings(**{"multiples": (), "smoothness": "16", **settings}))
    return read_table(out / "power.tsv").set_index(["hypothesis", "question", "term", "level"]).sort_index()


def test_power_of_voxels_that_are_nearly_one_is_that_of_the_noncentral_f(tmp_path: Path):
    text = STUDY.replace("method: simulation", "method: permutation, statistic: voxel").replace("400", "199")
    path = with_brain(tmp_path, (2, 1, 1), (slice(0, 1),), text)
    drawn = 30
    power = power_of(path, tmp_path / "out", sizes=("6,10",), draws=drawn, hypotheses=("stated", "null"))
    sds = {"access_by_cue": np.sqrt(0.6**2 + 0.8**2 / 2), "neutral": 1.0}
    for question, sd in sds.items():
        expected = contrast_power((6, 10), (-1, 1), 1.4 / sd)
        assert inside(int(power.loc[("stated", question, "access", "NAc"), "found"]), drawn, expected)
        assert inside(int(power.loc[("null", question, "access", "anywhere"), "found"]), drawn, 0.05)
    row = power.loc[("stated", "neutral", "access", "NAc")]
    # SE of the mean of drawn estimates of a difference of 6 and 10 of SD 1
    assert row["estimate"] == pytest.approx(-1.4, abs=4 * np.sqrt((1 / 6 + 1 / 10) / drawn))
    assert (row["kind"], row["planted"]) == ("cluster", "yes")
    assert power.loc[("stated", "access_by_cue", "cue", "anywhere"), "planted"] == "no"


def test_clusters_are_found_as_often_as_by_a_simulation_of_t_alone(tmp_path: Path):
    shape, nac, drawn = (8, 8, 6), (slice(0, 4), slice(0, 4), slice(0, 4)), 40
    path = with_brain(tmp_path, shape, nac)
    power = power_of(
        path,
        tmp_path / "out",
        sizes=("8",),
        draws=drawn,
        smoothness="5",
        questions=("neutral",),
        hypotheses=("stated", "null"),
    )
    alone = cc.map_power(
        tmp_path / "mask.nii.gz",
        [8],
        1.4,
        region=tmp_path / "atlas.nii.gz",
        fwhm_mm=5,
        groups=2,
        voxel_p=0.005,
        studies=200,
        iterations=400,
        seed=1,
    )
    found = power.loc[("stated", "neutral", "access", "NAc"), "power"]
    share = (found * drawn + alone["power"].iloc[0] * 200) / (drawn + 200)
    assert 0.1 < share < 0.9
    assert found == pytest.approx(
        alone["power"].iloc[0], abs=3.9 * np.sqrt(share * (1 - share) * (1 / drawn + 1 / 200))
    )
    assert inside(int(power.loc[("null", "neutral", "access", "anywhere"), "found"]), drawn, 0.05)
    page = (tmp_path / "out" / "plan.html").read_text(encoding="utf-8")
    assert "Maps were drawn in 384 voxels with noise whose FWHM is 5 mm" in page
    assert "--smoothness 5" in page
    assert read_json(tmp_path / "out" / "settings.json")["smoothness"]["questions"] == ["neutral"]


def test_contrasts_of_maps_and_a_measured_smoothness(tmp_path: Path):
    maps = """
trials: { cells: cue }
scans: { task: cues, tr_s: 2, derivatives: derivatives/rabies }
nuisance: { drift_period_s: 200 }
maps: { cues: { kind: glm, cells: cue, hrf: rat, smoothing_fwhm_mm: 1, contrasts: { opened: "drug - neutral" } } }
"""
    start, end = STUDY.index("maps:"), STUDY.index("correction:")
    text = (
        STUDY[:start]
        + maps
        + STUDY[end:].replace(
            "neutral: { of: maps.cues, where: { cue: neutral }, between: access }",
            "neutral: { of: contrasts.cues, each: contrast, between: access }",
        )
    )
    (tmp_path / "smoothness.tsv").write_text(
        "stratum\ta\tb_mm\tc_mm\tfwhm_mm\tfwhm_classic_mm\nsubject\t1\t2\t2\t4.7\t3.3\n"
    )
    text = text.replace("access: LgA, region", "access: LgA, cue: drug, region")
    path = with_brain(tmp_path, (6, 6, 6), (slice(0, 3),) * 3, text)
    smoothness = str(tmp_path / "smoothness.tsv")
    power = power_of(path, tmp_path / "out", sizes=("12",), draws=4, smoothness=smoothness, questions=("neutral",))
    row = power.loc[("stated", "neutral", "access", "opened, NAc")]
    assert row["estimate"] == pytest.approx(-1.4, abs=1.2)
    assert row["planted"] == "yes"
    assert str(tmp_path) not in (tmp_path / "out" / "settings.json").read_text()


@pytest.mark.parametrize(
    ("text", "smoothness", "words"),
    [
        (STUDY, "wide", "smoothness 'wide': expected a FWHM in mm, such as 8, or a smoothness.tsv"),
        (
            STUDY.replace("method: simulation", "method: fdr"),
            "5",
            "clusters are corrected by simulation or permutation",
        ),
        (STUDY.replace("add: 1.4", "slope_on: subjects.age, add: .2"), "5", "is a slope (slope_on)"),
        (STUDY.replace("mask.nii.gz", "none.nii.gz"), "5", "none.nii.gz"),
    ],
    ids=["word", "fdr", "slope", "no mask"],
)
def test_maps_that_cannot_be_drawn_are_refused(text: str, smoothness: str, words: str, tmp_path: Path):
    text = text.replace("  base: [", "  base: [{ in: subjects.age, mean: 1, between_sd: 1, within_sd: 0 }, ")
    path = with_brain(tmp_path, (2, 2, 2), (slice(0, 1),), text)
    with pytest.raises(CuecircuitError) as refused:
        plan_study(path, tmp_path / "out", settings=PlanSettings(draws=2, smoothness=smoothness))
    assert words in "\n".join(refused.value.faults)
