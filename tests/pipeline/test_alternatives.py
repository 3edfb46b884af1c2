"""Alternatives of a tiny study: shared stages run once, results are those of a study of their own, the page tells."""

import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.pipeline.check import check_study
from cuecircuit.pipeline.report import rewrite_report
from cuecircuit.pipeline.run import run_study
from cuecircuit.study.file import alternative_texts

pytestmark = pytest.mark.xdist_group("tiny")
LISTED = """
alternatives:
  window:
    why: the response may be over sooner
    settings: { response.window_s: [4, 20], correction.iterations: 1000 }
  fewer:
    why: the catheter may not have been patent
    settings: { subjects.exclude: { LgA03: catheter not patent }, correction.iterations: 1000 }
  smoothed:
    why: the maps that were tested
    settings: { regions.smoothed: true }
"""
NUMBERS = ("behavior", "firstlevel", "group", "regions")


def with_alternatives(study: Path, name: str, listed: str = LISTED) -> Path:
    """Write the study with other alternatives than the shipped ones beside it."""
    text = study.read_text(encoding="utf-8")
    found = study.with_name(name)
    found.write_text(text[: text.index("\n# choices that")] + listed, encoding="utf-8")
    return found


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values="n/a")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".cuecircuit" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def listed(tiny_study: Path) -> Path:
    """The study file with the alternatives above."""
    return with_alternatives(tiny_study, "listed.yaml")


@pytest.fixture(scope="module")
def results(tiny_results: Path, listed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the tiny study with alternatives, taken up from its run without."""
    out = tmp_path_factory.mktemp("alternatives") / "out"
    shutil.copytree(tiny_results, out)
    run_study(listed, out, alternatives=True)
    return out


def test_stages_that_an_alternative_leaves_alone_are_those_of_the_study(results):
    runs, image = (
        results / "alternatives_runs",
        "func/sub-{0}_task-odor_contrast-salineXearly_stat-effect_statmap.nii.gz",
    )
    scan = f"sub-ShA01/{image.format('ShA01')}"
    assert (runs / "fewer" / scan).samefile(results / scan)
    assert (runs / "smoothed" / scan).samefile(results / scan)
    assert not (runs / "window" / scan).samefile(results / scan)
    assert (runs / "window" / "behavior" / "sessions.tsv").samefile(results / "behavior" / "sessions.tsv")
    assert not (runs / "fewer" / "behavior" / "sessions.tsv").samefile(results / "behavior" / "sessions.tsv")
    assert (runs / "smoothed" / "group" / "terms.tsv").samefile(results / "group" / "terms.tsv")
    assert not (runs / "fewer" / "sub-LgA03").exists()


def test_an_alternative_is_to_the_byte_the_run_of_its_study_file_by_another_number_of_jobs(results, listed, tmp_path):
    own = listed.with_name("window.yaml")
    own.write_text(alternative_texts(listed.read_text(encoding="utf-8"))["window"], encoding="utf-8")
    run_study(own, tmp_path / "alone", stages=NUMBERS, n_jobs=2)
    alone, beside = contents(tmp_path / "alone"), contents(results / "alternatives_runs" / "window")
    assert set(beside) <= set(alone)
    assert len(beside) > 21 * 10
    assert {name for name in beside if beside[name] != alone[name]} == set()


def test_the_run_of_the_study_itself_is_not_touched_by_its_alternatives(results, tiny_results):
    folders = ("behavior", "group", "regions", "figures", "sub-LgA03")
    for folder in folders:
        assert contents(results / folder) == contents(tiny_results / folder)


def test_every_result_stands_in_the_table_under_every_choice(results):
    found = table(results / "alternatives" / "alternatives.tsv")
    assert list(dict.fromkeys(found["choice"])) == ["as planned", "window", "fewer", "smoothed"]
    assert found.groupby(["kind", "result"]).size().eq(4).all()
    effect = found[found["result"] == "group:cue"].set_index("choice")
    for choice in ("window", "fewer", "smoothed"):
        terms = table(results / "alternatives_runs" / choice / "group" / "terms.tsv").set_index("term")
        assert effect.loc[choice, "value"] == terms.loc["group:cue", "significant_voxels"]
        assert effect.loc[choice, "df2"] == (17 if choice == "fewer" else 18)
    region = found[found["result"] == "Amygdala nuclei"].set_index("choice")
    for choice in ("fewer", "smoothed"):
        own = table(results / "alternatives_runs" / choice / "regions" / "correlations.tsv").set_index("region")
        assert region.loc[choice, ["value", "p"]].tolist() == own.loc["Amygdala nuclei", ["r", "q"]].tolist()
    test = found[found["result"] == "escalation, group:session"].set_index("choice")
    assert test.loc["window", "value"] == test.loc["as planned", "value"] != test.loc["fewer", "value"]


def test_the_planted_effect_holds_under_every_choice(results):
    verdicts = table(results / "alternatives" / "verdicts.tsv").set_index("result")
    assert verdicts.loc["group:cue", "verdict"] == "everywhere"
    assert verdicts.loc["Amygdala nuclei", "verdict"] == "everywhere"
    assert verdicts.loc["conditioning, treatment", "verdict"] == "everywhere"
    assert verdicts.loc["block", "verdict"] == "nowhere"  # nothing planted


def test_the_map_counts_the_choices_under_which_a_voxel_is_significant(results):
    stem = "contrast-groupXcue_stat-{}_statmap.nii.gz"
    folders = [results / "group", *((results / "alternatives_runs" / name / "group") for name in ("window", "fewer"))]
    significant = [nib.load(folder / stem.format("pfwe")).get_fdata() <= 0.01 for folder in folders]
    count = nib.load(results / "alternatives" / stem.format("choices")).get_fdata()
    # the third alternative has the maps of the study
    np.testing.assert_array_equal(count, 2 * significant[0] + significant[1] + significant[2])
    drawn = table(results / "alternatives" / "alternatives_map.tsv")
    assert len(drawn) == int((count > 0).sum())


def test_the_page_says_what_holds_and_that_this_is_no_correction(results):
    page = (results / "report.html").read_text(encoding="utf-8")
    section = re.search(r'<section id="choices".*?</section>', page, re.DOTALL)
    assert section is not None
    assert "This is no correction" in section[0]
    assert "in up to 4 % of studies, not in 1 %" in section[0]
    assert page.count('id="alternatives"') == 1
    assert "Steegen" in page


def test_a_run_without_alternatives_keeps_them_as_long_as_they_belong_to_the_study(results, listed, tmp_path, capfd):
    out = tmp_path / "out"
    shutil.copytree(results, out)
    page = (out / "report.html").read_bytes()
    run_study(listed, out)
    assert (out / "report.html").read_bytes() == page
    assert rewrite_report(out).read_bytes() == page
    changed = listed.with_name("changed_choice.yaml")
    changed.write_text(listed.read_text(encoding="utf-8").replace("[4, 20]", "[4, 18]"), encoding="utf-8")
    capfd.readouterr()
    run_study(changed, out)
    said = capfd.readouterr().err
    assert "alternatives: left out, setting study.alternatives.window" in said
    assert "group: up to date" in said
    assert 'id="choices"' not in (out / "report.html").read_text(encoding="utf-8")
    assert not (out / "alternatives").exists()


def test_a_second_run_of_the_alternatives_does_nothing(results, listed, capfd):
    before = contents(results)
    run_study(listed, results, alternatives=True)
    said = capfd.readouterr().err
    assert contents(results) == before
    assert "not done yet" not in said
    assert "changed" not in said


def test_alternatives_of_a_study_that_lists_none_are_refused(tiny_study, tmp_path):
    study = with_alternatives(tiny_study, "none.yaml", "")
    with pytest.raises(StudyError, match="lists no `alternatives:`"):
        run_study(study, tmp_path / "out", alternatives=True)


def test_what_an_alternative_asks_of_files_that_lack_it_is_named_with_its_line(tiny_study):
    listed = """
alternatives:
  weight:
    why: heavier animals move less
    settings: { group.covariates: [weight_kg] }
  moved:
    why: motion may look like a response
    settings: { nuisance.motion: 24, subjects.exclude: { LgA99: moved } }
"""
    study = with_alternatives(tiny_study, "asking.yaml", listed)
    with pytest.raises(StudyError) as error:
        check_study(study)
    lines = study.read_text(encoding="utf-8").splitlines()
    first, second = (lines.index(f"  {name}:") + 1 for name in ("weight", "moved"))
    weight, moved = error.value.faults
    assert weight.startswith(f"asking.yaml:{first}: alternatives.weight: group.covariates: 'weight_kg' is neither")
    assert moved.startswith(f"asking.yaml:{second}: alternatives.moved: ")
    assert "no participant LgA99" in moved
