"""Broken studies: each is a small change of the tiny study, and each must give its own message."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.pipeline.check import check_study

pytestmark = pytest.mark.xdist_group("tiny")
BOLD = "sub-ShA02/func/sub-ShA02_task-odor_run-1_bold.nii.gz"
EVENTS = "sub-ShA02/func/sub-ShA02_task-odor_run-1_events.tsv"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def rewrite(path: Path, change: Callable[[nib.Nifti1Image], nib.Nifti1Image]) -> None:
    image = nib.load(path)
    changed = change(nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header))
    path.unlink()
    changed.to_filename(path)


def cut_off(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def scaled(image: nib.Nifti1Image, factor: float) -> nib.Nifti1Image:
    return nib.Nifti1Image(image.dataobj, np.diag([factor] * 3 + [1]) @ image.affine)


def header_tr(image: nib.Nifti1Image, tr: float) -> nib.Nifti1Image:
    image.header.set_zooms((*image.header.get_zooms()[:3], tr))
    return image


def with_nan(image: nib.Nifti1Image) -> nib.Nifti1Image:
    data = image.get_fdata(dtype=np.float32)
    data[5, 5, 5, 7] = np.nan
    image.header.set_data_dtype(np.float32)
    return nib.Nifti1Image(data, image.affine, image.header)


def add_column(path: Path, name: str, value: Callable[[str], str]) -> None:
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{header}\t{name}", *(f"{row}\t{value(row)}" for row in rows)]) + "\n")


def drop_line(path: Path, start: str) -> None:
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith(start)))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a scan is missing its events": (lambda s: (s / EVENTS).unlink(), "sub-ShA02 run-1: no events file"),
    "a subject has no scans": (lambda s: shutil.rmtree(s / "sub-ShA02"), "ShA02"),
    "a participant is missing": (
        lambda s: drop_line(s / "participants.tsv", "sub-ShA02"),
        "'ShA02' has operant sessions",
    ),
    "a participant was never logged": (
        lambda s: edit(s / "participants.tsv", "sub-ShA02\t", "sub-ShA99\t"),
        "'ShA99' stands in",
    ),
    "a group is unknown": (lambda s: edit(s / "participants.tsv", "\tShA\t", "\tShB\t"), "ShB"),
    "the TR differs": (lambda s: edit(s / "study.yaml", "tr_s: 2.0", "tr_s: 1.5"), "study.yaml:61: "),
    "the header's TR differs": (lambda s: rewrite(s / BOLD, lambda image: header_tr(image, 1.0)), "sidecar"),
    "volumes are missing": (
        lambda s: rewrite(s / BOLD, lambda image: image.slicer[..., :200]),
        "200 volumes",
    ),
    "an event is past the end": (lambda s: edit(s / EVENTS, "330", "530"), "530"),
    "a block has another length": (lambda s: edit(s / EVENTS, "60\t30", "60\t20"), "20"),
    "a cue is unknown": (
        lambda s: (
            edit(s / EVENTS, "saline", "salt")
            if "saline" in (s / EVENTS).read_text()
            else edit(s / EVENTS, "naloxone", "salt")
        ),
        "salt",
    ),
    "several onsets stand in one cell": (lambda s: edit(s / EVENTS, "60\t", "60, 150\t"), "60, 150"),
    "the voxel size is ten times too large": (lambda s: rewrite(s / BOLD, lambda image: scaled(image, 10)), "10"),
    "left and right are swapped": (
        lambda s: rewrite(s / BOLD, lambda i: nib.Nifti1Image(i.dataobj, np.diag([-1, 1, 1, 1]) @ i.affine)),
        "left",
    ),
    "the scan lies on another grid": (
        lambda s: rewrite(s / BOLD, lambda i: nib.Nifti1Image(np.asarray(i.dataobj)[:-2], i.affine)),
        "grid",
    ),
    "a scan is no NIfTI file": (lambda s: (s / BOLD).write_bytes(b"nonsense"), "not a readable NIfTI"),
    "a log is empty": (lambda s: next(s.glob("sourcedata/medpc/*.txt")).write_text(""), "empty"),
    "there are no logs": (lambda s: shutil.rmtree(s / "sourcedata"), "behavior.logs: no file fits"),
    "the mask is missing": (
        lambda s: (s / "derivatives/template/tpl-drawn_desc-brain_mask.nii.gz").unlink(),
        "space.mask",
    ),
    "a region has no name": (
        lambda s: drop_line(s / "derivatives/template/tpl-drawn_atlas-carmack2019_dseg.tsv", "3\t"),
        "label 3 has no name",
    ),
    "the excluded subject does not exist": (
        lambda s: edit(s / "study.yaml", "subjects:\n", "subjects:\n  exclude: {ShA77: typo}\n"),
        "no participant ShA77",
    ),
    "a rat smelled one cue in both scans": (
        lambda s: (s / EVENTS.replace("run-1", "run-2")).write_text((s / EVENTS).read_text()),
        "sub-ShA02: cell ",
    ),
    "a respiratory trace is damaged": (
        lambda s: next((s / "sub-LgA01/func").glob("*run-2*physio.tsv.gz")).write_bytes(gzip.compress(b"0.1\nno\n")),
        "not a table of numbers",
    ),
    "a covariate does not exist": (
        lambda s: edit(s / "study.yaml", "covariates: [respiration]", "covariates: [breathing]"),
        "group.covariates: 'breathing' is neither respiration nor a column",
    ),
    "a covariate is a group in disguise": (
        lambda s: (
            edit(s / "study.yaml", "covariates: [respiration]", "covariates: [arm]"),
            add_column(s / "participants.tsv", "arm", lambda row: "1" if "ShA" in row else "2"),
        ),
        "covariate 'arm': a group in disguise",
    ),
    "a covariate is constant": (
        lambda s: (
            edit(s / "study.yaml", "covariates: [respiration]", "covariates: [room]"),
            add_column(s / "participants.tsv", "room", lambda row: "4"),
        ),
        "covariate 'room': found 4 everywhere",
    ),
    "a physio file is missing": (
        lambda s: next((s / "sub-ShA02/func").glob("*run-1*physio.tsv.gz")).unlink(),
        "no physio file",
    ),
}


@pytest.fixture
def study(tiny_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_study.parent, tmp_path / "study"))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_study_is_named(study: Path, name: str):
    breaking, said = BROKEN[name]
    breaking(study)
    with pytest.raises(StudyError) as error:
        check_study(study / "study.yaml")
    assert any(said in fault for fault in error.value.faults), error.value.faults
    assert len(error.value.faults) < 10  # one cause, few lines


def test_a_whole_study_has_no_fault(tiny_study: Path):
    check_study(tiny_study)


def test_all_faults_come_at_once(study: Path):
    (study / EVENTS).unlink()
    edit(study / "participants.tsv", "sub-LgA01\t", "sub-LgA99\t")
    rewrite(study / BOLD.replace("ShA02", "ShA03"), lambda image: scaled(image, 10))
    with pytest.raises(StudyError) as error:
        check_study(study / "study.yaml")
    said = "\n".join(error.value.faults)
    assert all(word in said for word in ("ShA02", "LgA99", "LgA01", "ShA03"))


def test_damage_inside_a_scan_is_named_when_it_is_read(study: Path, tmp_path: Path, capsys):
    from cuecircuit.errors import DataError
    from cuecircuit.pipeline.run import run_study

    cut_off(study / BOLD)
    rewrite(study / BOLD.replace("ShA02", "LgA02"), with_nan)
    with pytest.raises(DataError) as error:
        run_study(study / "study.yaml", tmp_path / "out", stages=("firstlevel",))
    said = "\n".join(error.value.faults)
    assert "ShA02" in said
    assert "damaged" in said
    assert "LgA02" in said
    assert "NaN" in said
    # the other subjects are done and will not be done again
    assert (tmp_path / "out" / "sub-ShA01").is_dir()
    assert not (tmp_path / "out" / "sub-ShA02").exists()
