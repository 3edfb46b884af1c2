"""Scans whose values cannot be a scan, planted in the tiny study: named with subject, run, figure and advice."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, StudyError
from cuecircuit.pipeline.check import check_study
from cuecircuit.pipeline.job import Job, read_study
from cuecircuit.pipeline.run import run_study
from cuecircuit.pipeline.store import Store
from cuecircuit.pipeline.subject_stages import account

pytestmark = pytest.mark.xdist_group("tiny")


@pytest.fixture
def study(six_animals: Path, tmp_path: Path) -> Path:
    shutil.copytree(six_animals.parent, tmp_path / "study", copy_function=os.link)
    return tmp_path / "study" / six_animals.name


def bold(study: Path, subject: str, run: int = 1) -> Path:
    return study.parent / f"sub-{subject}/func/sub-{subject}_task-odor_run-{run}_bold.nii.gz"


def change(path: Path, new: Callable[[np.ndarray], np.ndarray]) -> None:
    image = nib.load(path)
    data = new(np.asarray(image.dataobj, dtype=np.float32))  # pyright: ignore
    image.header.set_data_dtype(np.float32)
    path.unlink()  # a link to the whole study
    nib.Nifti1Image(data, image.affine, image.header).to_filename(path)  # pyright: ignore


def write_setting(study: Path, setting: str) -> None:
    text = study.read_text().replace("  task: odor\n", f"  task: odor\n  {setting}\n", 1)
    study.unlink()
    study.write_text(text)


def brighter(volume: int, factor: float) -> Callable[[np.ndarray], np.ndarray]:
    def new(data: np.ndarray) -> np.ndarray:
        data[..., volume] *= factor
        return data

    return new


def frozen(data: np.ndarray) -> np.ndarray:
    return np.repeat(data[..., :1], data.shape[3], axis=3)


def half_covered(data: np.ndarray) -> np.ndarray:
    data[: data.shape[0] // 2] = 0
    return data


def repeated(data: np.ndarray) -> np.ndarray:
    data[..., 101:104] = data[..., 100:101]
    return data


def test_every_kind_of_fault_in_the_values_is_named_at_once(study: Path):
    change(bold(study, "ShA01"), np.zeros_like)
    change(bold(study, "ShA02"), frozen)
    change(bold(study, "ShA03"), brighter(57, 1e6))
    change(bold(study, "ShA03", 2), half_covered)
    change(bold(study, "LgA01"), repeated)
    shutil.copyfile(bold(study, "LgA01", 2), study.parent / "copy.nii.gz")
    bold(study, "LgA02", 2).unlink()
    (study.parent / "copy.nii.gz").rename(bold(study, "LgA02", 2))
    motion = next((study.parent / "derivatives").rglob("sub-LgA03_task-odor_run-1_desc-confounds_timeseries.tsv"))
    table = pd.read_csv(motion, sep="\t", na_values="n/a").assign(rot_x=np.linspace(0.0, 2.09, 210))
    motion.unlink()
    table.to_csv(motion, sep="\t", index=False, na_rep="n/a")

    with pytest.raises(StudyError) as error:
        check_study(study, data=True)

    faults = error.value.faults
    for words in (
        "sub-ShA01_task-odor_run-1_bold.nii.gz: every voxel of the mask is 0; reconstruct",
        "sub-ShA02_task-odor_run-1_bold.nii.gz: no voxel of the mask varies over 210 volumes",
        "sub-ShA03_task-odor_run-1_bold.nii.gz: 1 volumes are no image of the same brain; volume 57 (from 0)",
        "sub-ShA03_task-odor_run-2_bold.nii.gz: ",
        "sub-LgA01_task-odor_run-1_bold.nii.gz: 3 volumes equal the one before in every voxel (first volume 101",
        "sub-LgA03_task-odor_run-1_bold.nii.gz: rotations span 2.09, which as radians is 120°",
        "sub-LgA02 run-2 holds the same values as sub-LgA01 run-2: one of them is a copy",
    ):
        assert any(words in fault for fault in faults), (words, faults)
    assert any("% of the mask never varies" in fault for fault in faults)
    assert len(faults) == 7
    assert all("or accept it with a reason (acquisition.accept: {sub-" in fault for fault in faults)


def test_a_run_stops_at_a_frozen_scan_and_at_a_copy(study: Path, tmp_path: Path):
    change(bold(study, "ShA02"), frozen)

    with pytest.raises(DataError) as error:
        run_study(study, tmp_path / "out", stages=("firstlevel",))

    (fault,) = error.value.faults
    assert "sub-ShA02_task-odor_run-1_bold.nii.gz: no voxel of the mask varies" in fault
    assert not (tmp_path / "out" / "sub-ShA02").exists()

    shutil.copyfile(bold(study, "ShA01"), study.parent / "copy.nii.gz")
    bold(study, "ShA02").unlink()
    (study.parent / "copy.nii.gz").rename(bold(study, "ShA02"))
    with pytest.raises(DataError) as error:
        run_study(study, tmp_path / "out", stages=("firstlevel",))

    assert error.value.faults[0].startswith("sub-ShA02 run-1 holds the same values as sub-ShA01 run-1: ")


def test_an_accepted_scan_is_used_and_the_reason_is_in_the_log(study: Path, tmp_path: Path, capsys):
    change(bold(study, "ShA02"), repeated)
    write_setting(study, "accept: {sub-ShA02 run-1 repeated: a pause of the scanner}")

    run_study(study, tmp_path / "out", stages=("firstlevel",))

    assert "scans: accepted sub-ShA02 run-1 repeated: a pause of the scanner" in capsys.readouterr().err
    table = pd.read_csv(tmp_path / "out/sub-ShA02/func/sub-ShA02_task-odor_quality.tsv", sep="\t")
    assert (table["covered"] == 1).all()


def test_a_faulty_scan_is_set_aside_by_name_where_the_study_says_so(study: Path, tmp_path: Path, capsys):
    change(bold(study, "ShA02"), frozen)
    write_setting(study, "on_fault: exclude")
    job = Job(files=read_study(study), store=Store(tmp_path / "out", study.parent))

    scans = account(job)

    assert not any(scan.name == "sub-ShA02 run-1" for scan in scans)
    assert any(scan.name == "sub-ShA02 run-2" for scan in scans)
    assert "sub-ShA02 run-1 set aside: no voxel of the mask varies over 210 volumes" in capsys.readouterr().err
    inputs = pd.read_csv(tmp_path / "out" / "inputs.tsv", sep="\t").set_index(["subject", "run"])
    assert inputs.loc[("ShA02", 1), "used"] == "no"
    assert "no voxel of the mask varies" in str(inputs.loc[("ShA02", 1), "reason"])
