"""Faults of scans are found before anything is computed; what passes the check runs to its end."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.imaging.nuisance import MOTION_NAMES
from cuecircuit.io.nifti import write_volume
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import run_study
from cuecircuit.records.grid import Grid
from tests.nodes.tiny_scans import (
    BLOCKS,
    GLM,
    GRID,
    SEEDS,
    TR_S,
    VOLUMES,
    Scan,
    events,
    scan_data,
    write_physio,
    write_scans,
    write_study,
)

ATLAS = {"mask": "mask.nii.gz", "origin": "the scanner", "atlas": "atlas.nii.gz", "labels": "atlas.tsv"}
THREE = tuple(Scan(subject=f"0{number}") for number in (1, 2, 3))
WITH_BLOCKS = {"maps": {"task": BLOCKS}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_scans(tmp_path, THREE)
    return tmp_path


def faults(study: Path, *, data: bool = False) -> tuple[str, ...]:
    with pytest.raises(StudyError) as error:
        check_study(study, data=data)
    return error.value.faults


def bold(folder: Path, number: int = 0) -> Path:
    return Path(f"{folder / THREE[number].stem}_bold.nii.gz")


def rewrite_events(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame], number: int = 0) -> None:
    path = f"{folder / THREE[number].stem}_events.tsv"
    change(events()).to_csv(path, sep="\t", index=False, na_rep="n/a")


def write_confounds(
    folder: Path, columns: dict[str, np.ndarray], numbers: tuple[int, ...] = (0, 1, 2)
) -> dict[str, str]:
    """Write scans again as fMRIPrep does, with tables of confounds; the section scans that finds them."""
    place = folder / "derivatives" / "fmriprep"
    for number in range(3):
        stem = place / THREE[number].stem
        stem.parent.mkdir(parents=True, exist_ok=True)
        write_volume(Path(f"{stem}_space-T1w_desc-preproc_bold.nii.gz"), scan_data(number + 1), GRID, tr_s=TR_S)
        Path(f"{stem}_space-T1w_desc-preproc_bold.json").write_text(json.dumps({"RepetitionTime": TR_S}))
        own = {name: values * (1 + number / 100) for name, values in columns.items()}
        pd.DataFrame(own).to_csv(f"{stem}_desc-confounds_timeseries.tsv", sep="\t", index=False, na_rep="n/a")
    (place / "dataset_description.json").write_text('{"Name": "p", "BIDSVersion": "1.10.0"}')
    return {"task": "cue", "tr_s": TR_S, "derivatives": "derivatives/fmriprep"}


def test_a_whole_data_set_passes(folder: Path):
    assert check_study(write_study(folder), data=True) == ()


def test_another_time_step_is_named_in_header_and_study(folder: Path):
    write_volume(bold(folder, 1), scan_data(2), GRID, tr_s=2.5)
    found = faults(write_study(folder))
    assert any(
        f"{bold(folder, 1)}" in fault and "TR is 2.5 s in the header and 2 s in the sidecar" in fault for fault in found
    )


def test_a_grid_that_is_not_the_masks_is_named(folder: Path):
    other = Grid(shape=GRID.shape, affine=np.diag([3.0, 3.0, 4.0, 1.0]))
    write_volume(bold(folder), scan_data(1), other, tr_s=TR_S)
    (fault,) = faults(write_study(folder))
    assert fault.startswith(f"scans: {bold(folder)}: the scan lies on another grid than the mask")


def test_another_number_of_volumes_is_named(folder: Path):
    write_volume(bold(folder, 2), scan_data(3)[..., :70], GRID, tr_s=TR_S)
    found = faults(write_study(folder, scans={"task": "cue", "tr_s": TR_S, "volumes": VOLUMES}))
    assert found == (f"scans: {bold(folder, 2)}: 70 volumes, the study expects 80 (scans.volumes)",)


def test_an_event_after_the_scan_is_named(folder: Path):
    rewrite_events(folder, lambda table: table.assign(onset=table["onset"].replace({134.0: 400.0})))
    (fault,) = faults(write_study(folder))
    assert "_events.tsv" in fault
    assert "event 6 (onset 400 s) begins outside the scan, which lasts from 0 to 160 s" in fault


def test_a_window_that_leaves_the_scan_is_named_with_its_setting(folder: Path):
    found = faults(write_study(folder, maps={"task": BLOCKS | {"window_s": [4, 30]}}))
    assert len(found) == 1
    assert "_events.tsv and 2 other scans: maps.task.window_s: block 6 (drug, onset 134 s)" in found[0]


def test_blocks_that_overlap_are_a_fault_of_blocks_and_not_of_a_model(folder: Path):
    rewrite_events(folder, lambda table: table.assign(onset=table["onset"].replace({38.0: 20.0})))
    assert any("the blocks at 14 and 20 s overlap" in fault for fault in faults(write_study(folder, **WITH_BLOCKS)))
    check_study(write_study(folder))


def test_a_scan_of_blocks_without_a_block_is_named(folder: Path):
    rewrite_events(folder, lambda table: table[table["trial_type"] == "press"])
    assert any("no event of this scan is a cell" in fault for fault in faults(write_study(folder, **WITH_BLOCKS)))
    (fault,) = faults(write_study(folder))
    assert fault == "scans: sub-01: no cell of maps.task has a trial in its scans; exclude it (subjects.exclude)"


def test_columns_of_confounds_that_are_missing_are_said_once_for_all_scans(folder: Path):
    motion = np.random.default_rng(1).normal(0, 0.01, (VOLUMES, 5))
    columns = dict(zip(("trans_x", "trans_y", "trans_z", "rot_x", "rot_y"), motion.T, strict=True))
    scans = write_confounds(folder, columns)
    nuisance = {"motion": 6, "white_matter": True, "columns": ["csf", "trans_x"], "censor_fd_mm": 0.5}
    found = faults(write_study(folder, scans=scans, nuisance=nuisance))
    assert len(found) == 4
    for fault, what in zip(
        found,
        (
            "no column rot_z, but nuisance.motion asks for motion",
            "no column white_matter, which nuisance.white_matter asks for",
            "no column csf, which nuisance.columns asks for",
            "nuisance.censor_fd_mm is set, but nothing tells how the head moved",
        ),
        strict=True,
    ):
        assert "sub-01_task-cue_desc-confounds_timeseries.tsv and 2 other scans: " in fault
        assert what in fault


def test_a_table_of_another_length_than_the_scan_is_named(folder: Path):
    scans = write_confounds(folder, {"csf": np.arange(VOLUMES - 3)})
    found = faults(write_study(folder, scans=scans, nuisance={"columns": "csf"}))
    assert all("77 rows, the scan" in fault and "has 80 volumes" in fault for fault in found)


def test_motion_without_a_file_is_named(folder: Path):
    (fault,) = faults(write_study(folder, nuisance={"motion": 6}))
    assert fault.endswith("_bold.nii.gz and 2 other scans: no file of confounds, but nuisance.motion asks for motion")


def test_a_missing_recording_is_named(folder: Path):
    for scan in THREE[:2]:
        write_physio(folder, scan)
    found = faults(write_study(folder, nuisance={"breathing": "rvt", "motion": 6}))
    assert len(found) == 2
    assert "no file of confounds" in found[0]
    assert found[1].startswith(f"scans: {bold(folder, 2)}: no physio file belongs to it")


MOTION = dict(zip(MOTION_NAMES, np.random.default_rng(2).normal(0, 0.01, (6, VOLUMES)), strict=True))


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        (
            {name: values * 3000 for name, values in MOTION.items() if name.startswith("trans")}
            | {name: values for name, values in MOTION.items() if name.startswith("rot")},
            "mm, more than the radius of the head (50 mm); they are most likely in another unit",
        ),
        (
            {name: values * (57.3 if name.startswith("rot") else 1) for name, values in MOTION.items()},
            "they are most likely in degrees: write them in radians",
        ),
        (dict.fromkeys(MOTION, np.zeros(VOLUMES)), "motion parameters that never change, as of a head that was not"),
    ],
)
def test_motion_that_is_of_no_head_is_named(folder: Path, columns: dict[str, np.ndarray], fault: str):
    scans = write_confounds(folder, columns)
    assert any(fault in one for one in faults(write_study(folder, scans=scans, nuisance={"motion": 6}), data=True))


def test_confounds_and_breathing_of_another_scan_are_named_and_can_be_accepted(folder: Path):
    scans = write_confounds(folder, MOTION)
    tables = [folder / "derivatives" / "fmriprep" / f"{scan.stem}_desc-confounds_timeseries.tsv" for scan in THREE]
    tables[2].write_bytes(tables[0].read_bytes())
    for scan in THREE:
        write_physio(folder, scan)
    with gzip.open(f"{folder / THREE[0].stem}_physio.tsv.gz") as first:
        copied = first.read()
    with gzip.open(f"{folder / THREE[1].stem}_physio.tsv.gz", "w") as second:
        second.write(copied)
    confounds, physio = faults(write_study(folder, scans=scans, nuisance={"motion": 6, "breathing": "rvt"}))
    assert f"{tables[2]}: confounds of sub-03 are those of sub-01; one of them is a copy" in confounds
    assert "physio of sub-02 are those of sub-01; one of them is a copy" in physio
    accept = {f"sub-0{one} double": "made so" for one in (2, 3)}
    check_study(write_study(folder, scans=scans | {"accept": accept}, nuisance={"motion": 6, "breathing": "rvt"}))


def _with(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        image = nib.Nifti1Image(change(scan_data(1)), GRID.affine)
        image.header.set_xyzt_units("mm", "sec")
        image.header["pixdim"][4] = TR_S
        image.set_sform(GRID.affine, 1)
        image.to_filename(bold(folder))

    return plant


def _cut_off(folder: Path) -> None:
    content = bold(folder).read_bytes()
    bold(folder).write_bytes(content[: int(0.7 * len(content))])


def _events(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    return lambda folder: rewrite_events(folder, change)


def _mask(values: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: write_volume(folder / "mask.nii.gz", values, GRID)


COLORS = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


@pytest.mark.parametrize(
    ("plant", "fault"),
    [
        (_with(lambda data: data.astype(np.complex64)), "sub-01_task-cue_bold.nii.gz: holds complex64 values"),
        (_with(lambda data: np.zeros(data.shape, COLORS)), "sub-01_task-cue_bold.nii.gz: holds colors values"),
        (_with(lambda data: data[..., :1]), "one volume, expected a scan of many"),
        (_with(lambda data: data - data.mean(axis=3, keepdims=True)), "have no positive mean signal"),
        (_with(lambda data: -data), "100% of the voxels have no positive mean signal"),
        (_with(lambda data: np.minimum(data, np.float32(505))), "are the largest one, 505, as where a receiver"),
        (_with(lambda data: np.concatenate([data[..., :40]] * 2, axis=3)), "40 volumes equal an earlier one"),
        (_with(lambda _: np.roll(scan_data(2), 3, axis=3)), "sub-02 holds the same values as sub-01, in some volumes"),
        (_with(lambda data: data * np.where(np.arange(VOLUMES) < 30, 1, 1.4)), "the mean of the mask goes from"),
        (_with(lambda data: data * np.linspace(1, 2, VOLUMES)), "the mean of the mask goes from"),
        (_with(lambda data: data * np.where(np.arange(VOLUMES) % 2, 1, 3)), "as where the gain of the receiver was"),
        (_with(lambda data: 500 + 1e-4 * data), "of its signal, as by rounding, over 80 volumes"),
        (_with(lambda data: (66 * data).astype(np.int64).astype(np.int16)), "have no positive mean signal"),
        (_with(lambda data: np.where(np.arange(VOLUMES) == 40, data[::-1] * 2, data)), "1 volumes are no image of"),
        (_with(lambda _: 1.7 * scan_data(2) + 100), "sub-02 holds the same values as sub-01, in some volumes"),
        (_with(lambda data: data[..., :40]), "event 4 (onset 86 s) begins outside the scan"),
        (_cut_off, "the data end early or are damaged"),
        (_events(lambda table: table * [1, 1000, 1, 1]), "lasts 10000 s, the scan 160 s; durations are in seconds"),
        (_events(lambda table: table * [1000, 1, 1, 1]), "event 1 (onset 14000 s) begins outside the scan"),
        (_mask(np.ones(GRID.shape, np.uint8)), "the mask holds every voxel of its grid, air as well"),
        (_mask(np.full(GRID.shape, 0.4, np.float32)), "120 voxels hold parts, from 0.4 to 0.4, as in a map of prob"),
    ],
)
def test_what_is_no_scan_or_no_mask_is_named(folder: Path, plant: Callable[[Path], None], fault: str):
    plant(folder)
    assert any(fault in one for one in faults(write_study(folder), data=True))


def test_rows_of_events_that_do_not_count_are_noted(folder: Path):
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        rows = {
            "onset": [np.nan, 400.0, 150.0],
            "duration": [1.0, 1.0, np.nan],
            "trial_type": ["drug", "press", "press"],
        }
        return pd.concat([table, pd.DataFrame(rows)], ignore_index=True)

    rewrite_events(folder, spoil)
    found = check_study(write_study(folder))
    path = f"{folder / THREE[0].stem}_events.tsv"
    assert found == (
        f"{path}: left out 1 events drug without an onset",
        f"{path}: left out 1 events press that are no cell and begin after the last volume",
        f"{path}: left out 1 events press that are no cell and have no duration",
    )
    trials = {"cells": "picture", "ignored": ["press"]}
    assert check_study(write_study(folder, trials=trials)) == found[:1]


def test_a_header_without_a_time_step_takes_that_of_the_study(folder: Path):
    write_volume(bold(folder), scan_data(1), GRID, tr_s=0.0)
    study = write_study(folder)
    check_study(study)
    run_study(study, folder / "without", stages=["subjects", "trials", "maps"])
    write_volume(bold(folder), scan_data(1), GRID, tr_s=TR_S)
    run_study(study, folder / "with", stages=["subjects", "trials", "maps"])
    name = "sub-01/func/sub-01_task-cue_contrast-drug_stat-effect_statmap.nii.gz"
    assert (folder / "without" / name).read_bytes() == (folder / "with" / name).read_bytes()


def test_a_subject_without_scans_is_named(folder: Path):
    with (folder / "participants.tsv").open("a") as file:
        file.write("sub-04\n")
    assert faults(write_study(folder)) == (
        "scans: sub-04: no scan of task cue; exclude the subject (subjects.exclude), or add the scans",
    )
    check_study(write_study(folder, subjects={"species": "Homo sapiens", "exclude": {"04": "never came"}}))


def test_the_same_scan_twice_is_found_when_data_are_read(tmp_path: Path):
    write_scans(tmp_path, [*THREE[:2], Scan(subject="03", seed=1)])
    study = write_study(tmp_path)
    check_study(study)
    (fault,) = faults(study, data=True)
    assert "sub-03 holds the same values as sub-01" in fault
    assert "scans.accept: {sub-03 double: reason}" in fault


def test_values_that_are_no_scan_are_faults_or_notes_as_the_study_says(tmp_path: Path):
    broken = scan_data(9)
    broken[..., 30] = 40_000
    runs = [Scan(subject=f"0{one}", run=run, seed=10 * one + run) for one in (1, 2, 3) for run in (1, 2)]
    write_scans(tmp_path, [*runs, Scan(subject="01", run=3, data=broken)])
    scans = {"task": "cue", "tr_s": TR_S, "runs": "combine"}
    (fault,) = faults(write_study(tmp_path, scans=scans), data=True)
    assert "1 volumes are no image of the same brain" in fault
    (note,) = check_study(write_study(tmp_path, scans=scans | {"on_fault": "exclude"}), data=True)
    assert "run-3_bold.nii.gz: set aside: 1 volumes are no image" in note
    for run in runs[:2]:
        write_volume(Path(f"{tmp_path / run.stem}_bold.nii.gz"), broken + run.run, GRID, tr_s=TR_S)
    found = faults(write_study(tmp_path, scans=scans | {"on_fault": "exclude"}), data=True)
    assert found == ("scans: sub-01: no scan is left; exclude the subject (subjects.exclude)",)


@pytest.mark.parametrize(
    ("seeds", "why"),
    [(["amygdala"], "seed amygdala is no region of the atlas"), (["edge"], "seed edge has no voxel in the mask")],
)
def test_seeds_are_regions_with_voxels_in_the_mask(folder: Path, seeds: list[str], why: str):
    labels = np.zeros(GRID.shape, np.int16)
    labels[0], labels[1:] = 1, 2
    write_volume(folder / "atlas.nii.gz", labels, GRID)
    (folder / "atlas.tsv").write_text("index\tname\n1\tedge\n2\trest\n")
    maps = {"rest": SEEDS | {"seeds": seeds}}
    question = {"of": "maps.rest", "where": {"seed": seeds}, "formula": "1", "method": "ols", "tests": ["(Intercept)"]}
    found = faults(write_study(folder, maps=maps, space=ATLAS, questions={"seed": question}))
    assert any(why in fault for fault in found)


@pytest.mark.parametrize(
    ("maps", "why"),
    [
        ({"a_b": GLM, "ab": GLM | {"hrf": "spm"}}, "a_b and ab would have the same files"),
        ({"task": GLM | {"hrf": "fir", "fir_s": 20, "window_s": [4, 30]}}, "must rise within the 20 s"),
        ({"task": GLM | {"hrf": "fir", "fir_s": 20, "window_s": [4.5, 5.5]}}, "no step of 2 s begins within"),
        (
            {"task": GLM | {"contrasts": {"drug": "drug - neutral"}}},
            "map drug and contrast drug would have the same files",
        ),
    ],
)
def test_settings_that_would_be_silently_wrong_are_refused(folder: Path, maps: dict[str, object], why: str):
    questions = {name: {"of": f"maps.{name}", "within": "picture"} for name in maps}
    assert any(why in fault for fault in faults(write_study(folder, maps=maps, questions=questions)))


KINDS = st.sampled_from(
    [
        GLM,
        GLM | {"hrf": "fir", "fir_s": 16, "window_s": [4, 12]},
        GLM | {"hrf": "rat", "modulators": "rating", "noise": "ar1"},
        BLOCKS,
        BLOCKS | {"unsmoothed": True, "smoothing_fwhm_mm": 5},
        BLOCKS | {"carry": "rating"},
    ]
)
NUISANCE = st.sampled_from([{}, {"drift_period_s": 100}, {"low_pass_hz": 0.2}, {"censor_dvars_percent": 1.6}])
SHOWN = st.lists(st.sampled_from(["neutral", "drug"]), max_size=6)


@pytest.mark.slow
@given(kinds=st.lists(KINDS, min_size=1, max_size=2), nuisance=NUISANCE, shown=SHOWN, onset=st.floats(-2, 26))
@settings(max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_what_passes_the_check_runs_to_its_end(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[dict[str, object]],
    nuisance: dict[str, object],
    shown: list[str],
    onset: float,
):
    """Whatever is shown to one subject and asked of the maps, the check refuses it or the run finishes."""
    place = tmp_path_factory.mktemp("any")
    write_scans(place, [*THREE, Scan(subject="04", pictures=shown)])
    path = f"{place / 'sub-04/func/sub-04_task-cue'}_events.tsv"
    table = events(shown)
    table.assign(onset=np.where(table["onset"] == 14, onset, table["onset"])).to_csv(
        path, sep="\t", index=False, na_rep="n/a"
    )
    names = [f"set{number}" for number in range(len(kinds))]
    study = write_study(
        place,
        trials={"cells": "picture", "others": ["press"], "measures": ["rating"]},
        nuisance=nuisance,
        maps=dict(zip(names, kinds, strict=True)),
        questions={name: {"of": f"maps.{name}", "within": "picture"} for name in names},
    )
    try:
        check_study(study, data=True)
    except CuecircuitError:
        return
    run_study(study, place / "results", stages=["subjects", "trials", "maps"])
    for name in names:
        assert (place / "results" / "tables" / f"maps.{name}.tsv").is_file()
