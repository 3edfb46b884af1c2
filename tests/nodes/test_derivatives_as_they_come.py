"""Outputs of fMRIPrep, XCP-D and RABIES by the names that their public repositories list, with tiny images."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import CuecircuitError
from cuecircuit.io.nifti import write_volume
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import run_study
from cuecircuit.tables.scans import study_scans
from cuecircuit.tables.study_files import read_study
from tests.nodes.tiny_scans import GLM, GRID, MASK, SEEDS, SHAPE, TR_S, VOLUMES, events, scan_data, study_text

SPACE = "MNI152NLin2009cAsym"
# nipreps/fmriprep .circleci/ds210_outputs.txt (functional part), two subjects in place of one
FMRIPREP = [
    "space-run_desc-brain_mask.nii.gz",
    "desc-confounds_timeseries.json",
    "desc-confounds_timeseries.tsv",
    "space-run_boldref.nii.gz",
    "space-orig_desc-hmc_boldref.nii.gz",
    *(f"echo-{echo}_desc-preproc_bold.{ending}" for echo in (1, 2, 3) for ending in ("json", "nii.gz")),
    "from-run_to-T1w_mode-image_desc-coreg_xfm.txt",
    f"space-{SPACE}_boldref.nii.gz",
    f"space-{SPACE}_desc-brain_mask.nii.gz",
    f"space-{SPACE}_desc-preproc_bold.json",
    f"space-{SPACE}_desc-preproc_bold.nii.gz",
    f"space-{SPACE}_T2starmap.nii.gz",
]
# PennLINC/xcp_d xcp_d/tests/data/test_ds001419_nifti_outputs.txt (task imagery)
XCP_D = [
    "desc-filtered_motion.tsv",
    "outliers.tsv",
    "desc-preproc_design.tsv",
    f"space-{SPACE}_desc-linc_qc.tsv",
    *(
        f"space-{SPACE}_res-2_{name}.nii.gz"
        for name in ("stat-alff_boldmap", "stat-reho_boldmap", "desc-denoised_bold", "desc-denoisedSmoothed_bold")
    ),
]
MOTION = {
    "fmriprep": [*(f"trans_{axis}" for axis in "xyz"), *(f"rot_{axis}" for axis in "xyz"), "csf"],
    "rabies": [*(f"mov{number}" for number in (1, 2, 3)), *(f"rot{number}" for number in (1, 2, 3)), "WM_signal"],
}


def write_file(path: Path, seed: int) -> None:
    """Write what a file of this name holds, different in each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    motion = np.random.default_rng(seed).normal(0, 0.01, (VOLUMES, 7))
    if path.name.endswith(("bold.nii.gz", "combined.nii.gz")):
        write_volume(path, scan_data(seed), GRID, tr_s=TR_S)
    elif path.name.endswith(".nii.gz"):
        write_volume(path, np.full(SHAPE, 1.0, np.float32), GRID)
    elif path.name.endswith(("confounds_timeseries.tsv", "confounds_regressors.tsv", "motion.tsv")):
        pd.DataFrame(motion, columns=MOTION["fmriprep"]).to_csv(path, sep="\t", index=False)
    elif path.suffix == ".csv":
        pd.DataFrame(motion, columns=MOTION["rabies"]).to_csv(path, index=False)
    else:
        path.write_text("{}" if path.suffix == ".json" else "")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A raw data set without scans, and a space."""
    (tmp_path / "dataset_description.json").write_text('{"Name": "raw", "BIDSVersion": "1.10.0"}')
    (tmp_path / "participants.tsv").write_text("participant_id\nsub-01\nsub-02\n")
    write_volume(tmp_path / "mask.nii.gz", MASK.astype(np.uint8), GRID)
    labels = np.where(MASK, 1 + (np.arange(SHAPE[2]) > 1), 0).astype(np.int16)
    write_volume(tmp_path / "atlas.nii.gz", labels, GRID)
    (tmp_path / "atlas.tsv").write_text("index\tname\n1\tdorsal part\n2\tventral part\n")
    return tmp_path


def write_raw(place: Path, stem: str, *, scans: tuple[str, ...] = ("",), seed: int) -> None:
    for number, scan in enumerate(scans):
        write_file(place / f"{stem}{scan}_bold.nii.gz", seed + number)
    (place / f"task-{stem.split('task-')[1].split('_')[0]}_bold.json").write_text(json.dumps({"RepetitionTime": TR_S}))
    events().to_csv(f"{place / stem}_events.tsv", sep="\t", index=False, na_rep="n/a")


def study(place: Path, **sections: object) -> Path:
    path = place / "study.yaml"
    path.write_text(study_text(**sections), encoding="utf-8")
    return path


def faults(path: Path) -> str:
    with pytest.raises(CuecircuitError) as caught:
        check_study(path)
    return "\n".join(caught.value.faults)


def multi_echo(place: Path) -> None:
    for number in (1, 2):
        stem = f"sub-0{number}/func/sub-0{number}_task-cuedSGT_run-01"
        write_raw(place, stem, scans=("_echo-1", "_echo-2", "_echo-3"), seed=100 * number)
        for place_of, name in enumerate(FMRIPREP):
            write_file(place / "derivatives/fmriprep" / f"{stem}_{name}", 1000 * number + place_of)


def test_the_echoes_of_fmriprep_and_their_combination_are_chosen_and_run(place: Path):
    multi_echo(place)
    scans = {"task": "cuedSGT", "tr_s": TR_S, "derivatives": "derivatives/fmriprep"}

    refused = faults(study(place, scans=scans))
    assert "4 images of one run, echo 1, 2, 3, combined; they are no further runs" in refused
    assert f"2 images of one run, space {SPACE}, none" in refused
    path = study(place, scans=scans | {"space": SPACE}, nuisance={"motion": 6, "columns": "csf"})
    check_study(path, data=True)
    (first, _) = study_scans(read_study(path)).scans
    assert first.bold.name == f"sub-01_task-cuedSGT_run-01_space-{SPACE}_desc-preproc_bold.nii.gz"
    assert first.confounds is not None
    run_study(path, place / "results", stages=["subjects", "trials", "maps"])
    assert len(pd.read_csv(place / "results/tables/maps.task.tsv", sep="\t")) == 4
    check_study(study(place, scans=scans | {"echo": "2"}, nuisance={"motion": 6}), data=True)


def test_the_denoised_runs_of_xcp_d_are_told_from_all_of_them_in_a_row(place: Path):
    for number in (1, 2):
        start = f"sub-0{number}/func/sub-0{number}_task-imagery"
        for run, label in enumerate(("_run-01", "_run-02", "")):
            if label:
                write_raw(place, f"{start}{label}", seed=100 * number + 10 * run)
            for place_of, name in enumerate(XCP_D):
                write_file(place / "derivatives/xcp_d" / f"{start}{label}_{name}", 1000 * number + 100 * run + place_of)
    scans: dict[str, object] = {"task": "imagery", "tr_s": TR_S, "derivatives": "derivatives/xcp_d", "runs": "combine"}

    assert "found: task imagery desc denoised, task imagery desc denoisedSmoothed; name the one to take in" in faults(
        study(place, scans=scans)
    )
    scans["entities"] = {"desc": "denoised"}
    assert "name which to take in scans.entities.run (any: those with a number, none: the other)" in faults(
        study(place, scans=scans)
    )
    scans["entities"] = {"desc": "denoised", "run": "any"}
    path = study(place, scans=scans, nuisance={"motion": 6})
    check_study(path, data=True)
    found = study_scans(read_study(path)).scans
    assert [scan.run for scan in found] == [1, 2, 1, 2]
    assert {scan.confounds.name.split("_")[-1] for scan in found if scan.confounds} == {"motion.tsv"}
    scans["entities"] = {"desc": "denoised", "run": "none"}
    seeds = {
        "of": "maps.rest",
        "where": {"seed": ["dorsal part"]},
        "formula": "1",
        "method": "ols",
        "tests": ["(Intercept)"],
    }
    atlas = {"mask": "mask.nii.gz", "origin": "x", "atlas": "atlas.nii.gz", "labels": "atlas.tsv"}
    path = study(
        place, scans=scans, trials=None, factors={}, space=atlas, maps={"rest": SEEDS}, questions={"rest": seeds}
    )
    check_study(path, data=True)
    assert [scan.run for scan in study_scans(read_study(path)).scans] == [None, None]


@pytest.mark.parametrize("motion", ["motion_datasink/motion_params_csv", "confounds_datasink/confounds_csv"])
def test_rabies_before_and_after_its_motion_moved(place: Path, motion: str):
    for number in (1, 2):
        name = f"sub-0{number}_ses-1_task-rest_acq-EPI_run-1_bold"
        write_raw(place, f"sub-0{number}/ses-1/func/{name.removesuffix('_bold')}", seed=number)
        inner = f"_scan_info_subject_id0{number}.session1.task_rest/_split_name_{name}/_run_1"
        rabies = place / "derivatives/rabies"
        write_file(rabies / "bold_datasink/commonspace_bold" / inner / f"{name}_RAS_combined.nii.gz", 10 * number)
        write_file(rabies / motion / inner / f"{name}_RAS_confounds.csv", 100 * number)
    scans = {"task": "rest", "tr_s": TR_S, "derivatives": "derivatives/rabies"}
    subjects = {"species": "Rattus norvegicus"}
    nuisance = {"motion": 24, "white_matter": True}
    path = study(place, scans=scans, subjects=subjects, nuisance=nuisance, maps={"task": GLM | {"hrf": "rat"}})

    check_study(path, data=True)
    run_study(path, place / "results", stages=["subjects", "trials", "maps"])

    quality = pd.read_csv(place / "results/sub-01/func/sub-01_task-rest_quality.tsv", sep="\t")
    assert quality["regressors"].tolist() == [25]


def _rename_to_older(place: Path) -> None:
    for path in place.rglob("*_desc-confounds_timeseries.*"):
        path.rename(path.with_name(path.name.replace("timeseries", "regressors")))


@pytest.mark.parametrize("change", [lambda place: None, _rename_to_older])
def test_confounds_of_fmriprep_before_and_after_20_2_are_found(place: Path, change: Callable[[Path], None]):
    multi_echo(place)
    change(place)
    scans = {"task": "cuedSGT", "tr_s": TR_S, "derivatives": "derivatives/fmriprep", "space": SPACE}

    check_study(study(place, scans=scans, nuisance={"motion": 24, "columns": "csf"}))
