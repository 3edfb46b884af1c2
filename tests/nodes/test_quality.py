"""Pages of quality: humans preprocessed by fMRIPrep, rats by RABIES, and raw scans of rats that lie their own way."""

import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit import cli
from cuecircuit.errors import DataError
from cuecircuit.io.confounds import read_confounds
from cuecircuit.io.nifti import read_mask, read_series
from cuecircuit.io.tables import read_table
from cuecircuit.nodes.designs import design_text
from cuecircuit.nodes.quality import write_quality
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.tables.scans import study_scans
from cuecircuit.tables.study_files import read_study

pytestmark = pytest.mark.xdist_group("quality_of_nodes")


def simulated(folder: Path, name: str, *edits: tuple[str, str]) -> Path:
    text = design_text(name)
    for old, new in edits:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "design.yaml").write_text(text)
    return simulate_design(str(folder / "design.yaml"), folder / "study", seed=2, scale="tiny")


@pytest.fixture(scope="module")
def smokers(tmp_path_factory) -> Path:
    edits = ("n: { all: 24 }", "n: { all: 2 }"), ("  missing: { session=abstinent: 0.04 }\n", "")
    return simulated(tmp_path_factory.mktemp("smokers"), "smokers_two_sessions", *edits)


@pytest.fixture(scope="module")
def rats(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rats")
    return simulated(folder, "cocaine_sessions", ("n: { cocaine: 12, yoked: 12 }", "n: { cocaine: 2, yoked: 2 }"))


def numbers(out: Path) -> pd.DataFrame:
    return read_table(out / "quality" / "scans.tsv", text=("subject", "session", "run", "faults", "excluded"))


@pytest.fixture(scope="module")
def pages_of_smokers(smokers, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("pages")
    write_quality(smokers, out)
    return out


def test_every_run_of_every_session_has_a_row_with_its_own_numbers(smokers, pages_of_smokers):
    files = read_study(smokers)
    scans = study_scans(files).scans
    table = numbers(pages_of_smokers).set_index(["subject", "session", "run"])

    assert len(table) == len(scans) == 8
    mask, _ = read_mask(files.path(files.study.space.mask))
    for scan in scans:
        row = table.loc[(scan.subject, scan.session, str(scan.run))]
        inside = read_series(scan.bold).data[mask].astype(np.float64)
        confounds = read_confounds(scan.confounds)
        moved = confounds["framewise_displacement"]
        changes = np.sqrt((np.diff(inside, axis=1) ** 2).mean(axis=0)) / inside.mean() * 100
        assert row["volumes"] == inside.shape[1]
        assert row["tsnr"] == pytest.approx(np.median(inside.mean(axis=1) / inside.std(axis=1, ddof=1)), rel=1e-4)
        assert row["dvars"] == pytest.approx(np.median(changes), rel=1e-4)
        assert row["framewise_displacement"] == pytest.approx(np.nanmean(moved), rel=1e-6)
        assert row["censored"] == (moved > 0.9).sum()
        # 24 columns of motion, cosines slower than 128 s, a column for each volume left out, the constant
        cosines = int(np.floor(2 * inside.shape[1] * files.study.scans.tr_s / 128))
        assert row["regressors"] == 24 + cosines + row["censored"]
        assert row["residual_df"] == inside.shape[1] - row["regressors"] - 1
    assert table["faults"].isna().all()
    assert set(table["voxels"]) == {"mask of the study"}
    assert set(table["flags"]) == {"none"}


def test_pages_lead_from_the_group_to_each_subject_and_are_done_once(smokers, pages_of_smokers, capsys):
    page = pages_of_smokers / "quality" / "index.html"

    text = page.read_text()
    for subject in ("01", "02"):
        assert f'href="sub-{subject}/index.html"' in text
        shown = (page.parent / f"sub-{subject}" / "index.html").read_text()
        assert shown.count("data:image/png") == 4
        assert "SIMULATED DATA" in shown
        assert 'href="../index.html"' in shown
    assert "SIMULATED DATA" in text
    assert "high motion (mean displacement above 0.5 mm)" in text
    write_quality(smokers, pages_of_smokers)
    assert "quality: 2 subjects up to date" in capsys.readouterr().err


def test_the_command_takes_both_kinds_of_study(smokers, pages_of_smokers, tmp_path, monkeypatch, capsys):
    paper = tmp_path / "study.yaml"
    paper.write_text(design_text("carmack2019"))

    def status(*words: object) -> object:
        monkeypatch.setattr(sys, "argv", ["cuecircuit", "quality", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code

    assert not status(smokers, pages_of_smokers)
    assert capsys.readouterr().out == f"{pages_of_smokers / 'quality' / 'index.html'}\n"
    assert status(paper, tmp_path / "out") == 1
    assert "participants.tsv" in capsys.readouterr().err  # the study was read, its data are not there
    assert status(paper, tmp_path / "out", "--raw") == 1
    assert "participants.tsv" in capsys.readouterr().err


def copied(study: Path, folder: Path) -> Path:
    shutil.copytree(study.parent, folder / "study")
    return folder / "study" / study.name


def test_planted_faults_of_scans_are_flagged_with_the_reason(smokers, tmp_path):
    study = copied(smokers, tmp_path)
    first, second, third, *_ = study_scans(read_study(study)).scans
    moved = read_table(first.confounds)
    moved["framewise_displacement"] = [np.nan, *[0.6] * 40, *[1.0] * (len(moved) - 41)]
    moved.to_csv(first.confounds, sep="\t", index=False, na_rep="n/a")
    rng = np.random.default_rng(0)
    for scan, change in ((second, "noise"), (third, "jump")):
        image = nib.load(scan.bold)
        data = image.get_fdata(dtype=np.float32)
        if change == "noise":
            data = data * (1 + 0.2 * rng.standard_normal(data.shape))
        else:
            data[..., 5::12] *= 1.1
        nib.Nifti1Image(data.astype(image.get_data_dtype()), image.affine, image.header).to_filename(scan.bold)

    write_quality(study, tmp_path / "out")

    table = numbers(tmp_path / "out")
    flags = table.set_index(["subject", "session", "run"])["flags"]
    assert flags[(first.subject, first.session, str(first.run))].startswith("high motion (")
    assert "many censored (" in flags[(first.subject, first.session, str(first.run))]
    assert flags[(second.subject, second.session, str(second.run))].startswith("low tSNR (")
    assert "jumps (" in flags[(third.subject, third.session, str(third.run))]
    assert (flags == "none").sum() == len(flags) - 3


def test_a_scan_without_what_the_study_removes_is_drawn_and_the_fault_listed(smokers, tmp_path):
    study = copied(smokers, tmp_path)
    scan = study_scans(read_study(study)).scans[0]
    scan.confounds.unlink()

    write_quality(study, tmp_path / "out")

    table = numbers(tmp_path / "out")
    lacking = table[table["faults"].notna()]
    assert lacking[["subject", "session", "run"]].to_numpy().tolist() == [[scan.subject, scan.session, str(scan.run)]]
    assert "nuisance.censor_fd_mm is set, but nothing tells how the head moved" in lacking["faults"].item()
    assert lacking[["framewise_displacement", "censored", "residual_df"]].isna().all(axis=None)
    assert lacking["tsnr"].notna().all()


def test_a_scan_of_nothing_is_drawn_and_named(smokers, tmp_path):
    study = copied(smokers, tmp_path)
    scan = study_scans(read_study(study)).scans[0]
    image = nib.load(scan.bold)
    nib.Nifti1Image(np.zeros(image.shape, np.int16), image.affine, image.header).to_filename(scan.bold)

    write_quality(study, tmp_path / "out")

    row = numbers(tmp_path / "out").iloc[0]
    assert (row["subject"], row["session"]) == (scan.subject, scan.session)
    assert "every voxel of the mask is 0" in row["faults"]
    assert row[["tsnr", "dvars"]].isna().all()
    assert row["covered"] == 0
    assert "covered" in row["stands_out"]


def test_rats_of_rabies_are_shown_by_group_and_excluded_ones_with_the_reason(rats, tmp_path):
    study = rats.with_name("excluding.yaml")
    people = read_table(rats.with_name("participants.tsv"), text=("participant_id", "group"))
    out = people.loc[people["group"] == "cocaine", "participant_id"].iloc[0].removeprefix("sub-")
    text = rats.read_text()
    species = "species: Rattus norvegicus"
    assert text.count(species) == 1
    study.write_text(text.replace(species, f"{species}, exclude: {{'{out}': catheter not patent}}"))

    write_quality(study, tmp_path)

    table = numbers(tmp_path)
    assert list(dict.fromkeys(table["group"])) == ["yoked", "cocaine"]
    assert len(table) == 8
    assert set(table.loc[table["subject"] == out, "excluded"]) == {"catheter not patent"}
    assert table.loc[table["subject"] != out, "excluded"].isna().all()
    assert table["faults"].isna().all()
    assert (table["framewise_displacement"] < 0.02).all()  # still heads, rotations on 5 mm
    assert "not judged" not in (tmp_path / "quality" / "index.html").read_text()


def test_raw_scans_that_lie_elsewhere_are_measured_where_they_are_bright(rats, tmp_path):
    study = copied(rats, tmp_path)
    for path in study.parent.glob("sub-*/ses-*/func/*_bold.nii.gz"):
        image = nib.load(path)
        affine = image.affine.copy()
        affine[:3, 3] += 3
        nib.Nifti1Image(image.dataobj, affine, image.header).to_filename(path)

    write_quality(study, tmp_path / "out", raw=True)

    table = numbers(tmp_path / "out")
    assert len(table) == 8
    assert set(table["voxels"]) == {"bright voxels of the mean image"}
    assert table["faults"].str.contains("nuisance.motion asks for motion").all()
    # the brain is all that is bright in these scans
    write_quality(study, tmp_path / "done")
    np.testing.assert_allclose(table["tsnr"], numbers(tmp_path / "done")["tsnr"], rtol=0.05)


def test_a_preprocessed_scan_on_another_grid_is_named_and_the_others_are_shown(rats, tmp_path):
    study = copied(rats, tmp_path)
    scan = study_scans(read_study(study)).scans[0]
    image = nib.load(scan.bold)
    affine = image.affine.copy()
    affine[0, 3] += 1
    nib.Nifti1Image(image.dataobj, affine, image.header).to_filename(scan.bold)

    with pytest.raises(DataError, match=f"{scan.bold.name}: .* but the mask has"):
        write_quality(study, tmp_path / "out")

    assert scan.subject not in set(numbers(tmp_path / "out")["subject"])
    assert len(numbers(tmp_path / "out")) == 6
