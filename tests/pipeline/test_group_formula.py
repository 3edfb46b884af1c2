"""The group map of a study by a mixed model: that of `cuecircuit group --formula` on the study's own cells."""

import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.io.derivatives import map_name
from cuecircuit.models.model import Model
from cuecircuit.pipeline.group.command import group_command
from cuecircuit.pipeline.run import run_study

pytestmark = pytest.mark.xdist_group("tiny")
FORMULA = "group*cue*block + respiration + (1 | subject) + (1 | subject:cue) + (1 | subject:block)"


def table(path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values="n/a", dtype={"subject": str})


@pytest.fixture(scope="module")
def mixed(tiny_study, tiny_results, tmp_path_factory):
    """The run of the tiny study with a formula, taken up from its run with error strata."""
    text = tiny_study.read_text()
    text = text[: text.index("\n# choices that")]
    text = text.replace('effect: "group:cue"', f'effect: "group:cue"\n  formula: "{FORMULA}"')
    text = text.replace("  alpha: 0.01", "  alpha: 0.01\n  compare: []\n  iterations: 1000")
    study, out = tiny_study.with_name("mixed.yaml"), tmp_path_factory.mktemp("mixed") / "out"
    study.write_text(text)
    shutil.copytree(tiny_results, out)
    run_study(study, out)
    return study, out


def test_the_study_s_mixed_model_is_that_of_the_command(mixed, tmp_path):
    study, out = mixed
    cells = table(out / "group" / "maps.tsv").assign(
        map=lambda rows: [str(out / "group" / name) for name in rows["map"]]
    )
    cells.to_csv(tmp_path / "cells.tsv", sep="\t", index=False)
    mask = study.parent / "derivatives/template/tpl-drawn_desc-brain_mask.nii.gz"
    design = Model(subject="subject", formula=FORMULA)
    correction = CorrectionSettings(voxel_p=0.01, alpha=0.01, iterations=1000)
    group_command(tmp_path / "cells.tsv", tmp_path / "out", mask, model=design, correction=correction)
    for statistic in ("F", "p", "df2", "pfwe"):
        name = map_name("group:cue", statistic)
        own, other = (nib.load(folder / name).get_fdata() for folder in (out / "group", tmp_path / "out"))
        np.testing.assert_array_equal(own, other)


def test_the_planted_effect_is_found_and_the_page_says_by_what(mixed):
    _, out = mixed
    terms = table(out / "group" / "terms.tsv").set_index("term")
    assert terms.loc["group:cue", "significant_voxels"] > 50
    assert terms.loc["group:block", "significant_voxels"] == 0  # nothing planted
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "linear mixed model" in page
    assert "residuals of the model" in page
    assert "exact error strata, with" not in page
