"""The whole way of a tiny study: every file that is promised, the same bytes, and only what is stale."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, StudyError
from cuecircuit.pipeline.report import rewrite_report
from cuecircuit.pipeline.run import run_study

pytestmark = pytest.mark.xdist_group("tiny")
FIGURES = ("fig1a", "fig1b", "fig1c", "fig2a", "fig2b", "fig2c", "fig2d", "fig2e", "fig2f")
SESSIONS = ("event_raster", "cumulative_record", "drug_level")


def hashes(out: Path) -> dict[str, str]:
    files = (path for path in out.rglob("*") if path.is_file() and ".cuecircuit" not in path.parts)
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values="n/a")


@pytest.mark.parametrize(
    "name",
    [
        "dataset_description.json",
        "ro-crate-metadata.json",
        "report.html",
        "study.yaml",
        "behavior/sessions.tsv",
        "behavior/escalation_anova.tsv",
        "behavior/escalation_posthoc.tsv",
        "behavior/conditioning_anova.tsv",
        "sub-ShA01/func/sub-ShA01_task-odor_contrast-salineXearly_stat-effect_statmap.nii.gz",
        "group/contrast-groupXcue_stat-F_statmap.nii.gz",
        "group/contrast-groupXcue_stat-p_statmap.nii.gz",
        "group/contrast-groupXcue_stat-z_statmap.nii.gz",
        "group/contrast-groupXcue_stat-pfwe_statmap.nii.gz",
        "group/residuals.nii.gz",
        "group/terms.tsv",
        "group/clusters.tsv",
        "group/settings.json",
        "group/cluster_regions.tsv",
        "group/corrections.tsv",
        "figures/corrections_map.svg",
        "figures/viewer.json",
        "report/references.bib",
        "report/study.bib",
        "report/pagetab.tsv",
        "report/rerun.sh",
        "report/inputs.sha256",
        "report/outputs.sha256",
        "regions/table1.tsv",
        "regions/correlations.tsv",
        *(f"figures/{name}.{kind}" for name in FIGURES for kind in ("svg", "png", "tsv")),
        *(f"behavior/{name}.{kind}" for name in SESSIONS for kind in ("svg", "png", "tsv")),
    ],
)
def test_every_promised_file_is_there_and_is_not_empty(tiny_results, name):
    assert (tiny_results / name).stat().st_size > 20


def test_every_table_has_a_sidecar_that_describes_each_column(tiny_results):
    # PageTab is no table: it has no columns to describe
    tables = [path for path in tiny_results.rglob("*.tsv") if ".cuecircuit" not in path.parts]
    tables.remove(tiny_results / "report" / "pagetab.tsv")
    assert len(tables) > 20
    for path in tables:
        notes = json.loads(path.with_suffix(".json").read_text())
        assert list(table(path).columns) == list(notes), path.name


def test_the_figures_of_single_sessions_stand_in_the_behavior_section_of_the_page(tiny_results):
    page = (tiny_results / "report.html").read_text(encoding="utf-8")

    section = page[page.index('<section id="behavior"') :]
    section = section[: section.index("</section>")]
    assert re.findall(r'<figure id="(\w+)"', section) == ["fig1a", "fig1b", *SESSIONS]
    assert all(f'download="{name}.tsv"' in section for name in SESSIONS)


def test_every_map_lies_on_the_grid_of_the_input(tiny_study, tiny_results):
    scan = nib.load(next(tiny_study.parent.glob("sub-*/func/*_bold.nii.gz")))
    for path in tiny_results.glob("**/*_statmap.nii.gz"):
        image = nib.load(path)
        assert image.shape == scan.shape[:3]
        np.testing.assert_allclose(image.affine, scan.affine, atol=1e-6)


def test_the_maps_follow_from_one_another(tiny_results):
    group, stem = tiny_results / "group", "contrast-groupXcue_stat-{}_statmap.nii.gz"
    f, p, z, t = (nib.load(group / stem.format(kind)).get_fdata() for kind in ("F", "p", "z", "t"))
    tested = f != 0
    np.testing.assert_allclose(t[tested] ** 2, f[tested], rtol=1e-5)  # maps are float32
    from scipy import stats

    np.testing.assert_allclose(p[tested], stats.f.sf(f[tested], 1, 18), rtol=1e-4)
    np.testing.assert_allclose(np.abs(z[tested]), stats.norm.isf(p[tested] / 2), rtol=1e-4, atol=1e-5)


def test_behavior_has_the_degrees_of_freedom_of_the_paper(tiny_results):
    escalation = table(tiny_results / "behavior" / "escalation_anova.tsv").set_index("term")
    assert escalation.loc["group:session", ["df1", "df2"]].tolist() == [9, 171]
    conditioning = table(tiny_results / "behavior" / "conditioning_anova.tsv").set_index("term")
    assert conditioning.loc["treatment", ["df1", "df2"]].tolist() == [1, 19]
    assert conditioning.loc["treatment", "p"] < 0.001  # planted: naloxone raises intake


def test_the_covariate_of_a_cell_is_the_planted_respiration(tiny_study, tiny_results):
    maps = table(tiny_results / "group" / "maps.tsv")
    rates = pd.concat(table(path) for path in tiny_results.glob("sub-*/func/*_blocks.tsv"))
    assert len(maps) == 84
    assert (rates["respiration_valid"] > 0.9).all()
    # rats under light anesthesia: 60 to 120 breaths per minute
    assert maps["respiration"].between(50, 130).all()
    assert maps["respiration"].mean() == pytest.approx(rates["respiration"].mean(), rel=1e-6)


def test_no_log_of_the_simulated_study_is_at_fault(tiny_results):
    assert table(tiny_results / "behavior" / "faults.tsv").empty


def test_a_second_run_does_nothing(tiny_study, tiny_results, capfd):
    before = {path: path.stat().st_mtime_ns for path in tiny_results.rglob("*.nii.gz")}
    run_study(tiny_study, tiny_results)
    assert {path: path.stat().st_mtime_ns for path in tiny_results.rglob("*.nii.gz")} == before
    said = capfd.readouterr().err
    assert all(f"{name}: up to date" in said for name in ("behavior", "group", "regions", "figures", "report"))
    assert "21 subjects up to date" in said


def test_the_recipe_gives_the_same_bytes_in_another_folder_with_two_processes(tiny_study, tiny_results, tmp_path):
    program = Path(sys.executable).with_name("cuecircuit")
    recipe = ["sh", str(tiny_results / "report" / "rerun.sh"), str(tiny_study.parent), str(program)]
    done = subprocess.run(recipe, cwd=tmp_path, capture_output=True, text=True, check=False)  # 2 is run's own --n-jobs
    assert done.stdout.endswith("every file has the same bytes\n"), done.stderr
    assert hashes(tmp_path / "rerun-results") == hashes(tiny_results)


def test_the_recipe_stops_at_an_input_that_is_not_the_one_it_was(tiny_study, tiny_results, tmp_path):
    study = tmp_path / "study"
    shutil.copytree(tiny_study.parent, study)
    with (study / "participants.tsv").open("a", encoding="utf-8") as table:
        table.write("\n")
    recipe = ["sh", str(tiny_results / "report" / "rerun.sh"), str(study), "false"]
    done = subprocess.run(recipe, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "participants.tsv: FAILED" in done.stdout


def test_a_changed_setting_redoes_only_what_depends_on_it(tiny_study, tiny_results, tmp_path, capfd):
    out, study = tmp_path / "out", tiny_study.with_name("changed.yaml")
    shutil.copytree(tiny_results, out)
    study.write_text(tiny_study.read_text().replace("  q: 0.05", "  q: 0.10"))
    run_study(study, out)
    said = capfd.readouterr().err
    assert "regions: setting correlations.q changed" in said
    assert "group: up to date" in said
    assert "21 subjects up to date" in said


def test_an_excluded_subject_leaves_every_table(tiny_study, tiny_results, tmp_path):
    out, study = tmp_path / "out", tiny_study.with_name("excluded.yaml")
    shutil.copytree(tiny_results, out)
    text = tiny_study.read_text()
    study.write_text(text.replace("subjects:\n", "subjects:\n  exclude: {LgA03: catheter not patent}\n"))
    run_study(study, out, stages=("behavior", "firstlevel", "group", "regions"))
    assert not (out / "sub-LgA03").exists()
    assert "LgA03" not in set(table(out / "group" / "maps.tsv")["subject"])
    assert "LgA03" not in set(table(out / "behavior" / "sessions.tsv")["subject"])
    terms = table(out / "group" / "terms.tsv").set_index("term")
    assert terms.loc["group:cue", "df2"] == 17


def test_another_design_of_the_same_files_runs_to_the_page(tiny_study, tmp_path):
    text = tiny_study.read_text()
    text = text[: text.index("\n# choices that")]  # one of the alternatives is this design's own choice
    for old, new in (
        ("early: [1, 2], late: [3, 4]", "all: [1, 2, 3, 4]"),
        ("within: [cue, block]", "within: [cue]"),
        ("covariates: [respiration]", "covariates: [weight_g]"),
        ('effect: "group:cue"', "effect: cue"),
        ("extent: cluster", "extent: region"),
        ("  alpha: 0.01", "  alpha: 0.01\n  method: permutation\n  permutations: 500"),
        ("  white_matter: true", "  white_matter: true\n  motion: 6"),
    ):
        assert old in text
        text = text.replace(old, new)
    study, out = tiny_study.with_name("other.yaml"), tmp_path / "out"
    study.write_text(text)
    assert run_study(study, out) == out / "report.html"
    terms = table(out / "group" / "terms.tsv")
    assert terms["term"].tolist() == ["(Intercept)", "group", "cue", "group:cue", "weight_g"]
    assert terms["df2"].tolist() == [18, 18, 19, 19, 18]
    assert table(out / "regions" / "table1.tsv")["voxels"].gt(0).all()
    settings = json.loads((out / "group" / "settings.json").read_text())
    assert settings["correction"]["rule"] == "permutation"
    assert "rearrangements of the subjects" in (out / "report.html").read_text()


def test_the_page_can_be_written_again_from_what_is_there(tiny_results, tmp_path):
    out = tmp_path / "moved"
    shutil.copytree(tiny_results, out)
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    assert rewrite_report(out).read_bytes() == page


def test_results_of_another_version_are_not_mixed_into_a_page(tiny_results, tmp_path, monkeypatch):
    out = tmp_path / "moved"
    shutil.copytree(tiny_results, out)
    monkeypatch.setattr("cuecircuit.pipeline.report.code_hash", lambda: "another")
    with pytest.raises(DataError, match="another version of cuecircuit"):
        rewrite_report(out)


def test_the_page_shows_every_figure_and_names_what_is_assumed(tiny_results):
    page = (tiny_results / "report.html").read_text()
    for name in FIGURES:
        assert f'id="{name}"' in page
    assert "assumed" in page
    fetched = re.findall(r'(?:src|href)="(https?:[^"]+)"', page)
    assert not [address for address in fetched if not address.startswith("https://doi.org")]


def test_a_study_with_faults_computes_nothing(tiny_study, tmp_path):
    study = tiny_study.with_name("wrong.yaml")
    study.write_text(tiny_study.read_text().replace("tr_s: 2.0", "tr_s: 1.5"))
    with pytest.raises(StudyError) as error:
        run_study(study, tmp_path / "out")
    assert any("and 41 other scans: TR is 2 s in the header and 1.5 s in the study" in f for f in error.value.faults)
    assert not (tmp_path / "out").exists()
