"""`space.mask: auto`: the voxels that the brain masks of scans share, who takes voxels away, and what is refused."""

import random
import re
from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.brain_masks import find_brain_mask
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.starting.draft_parts import Answers
from cuecircuit.starting.start import Started, find_study, start_study
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.shared_mask import share_masks, shared_mask_sentence
from cuecircuit.tables.study_files import StudyFiles
from tests.starting.folders import SHAPE, data_set, write_scan

SPACE = "_space-MNI152NLin2009cAsym"


def write_mask(path: Path, voxels: np.ndarray, *, mm: float = 3.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(voxels.astype(np.uint8), np.diag([mm, mm, mm, 1.0])).to_filename(path)


def scans_of(folder: Path, masks: Mapping[str, np.ndarray | None]) -> list[ScanFiles]:
    """Return scans whose brain masks are given by subject, or by subject and run as `a.2`."""
    scans = []
    for name, voxels in masks.items():
        subject, _, run = name.partition(".")
        stem = f"sub-{subject}_task-cues" + (f"_run-{run}" if run else "")
        bold = folder / f"{stem}{SPACE}_desc-preproc_bold.nii.gz"
        if voxels is not None:
            write_mask(folder / f"{stem}{SPACE}_desc-brain_mask.nii.gz", voxels)
        beside = {"events": None, "physio": None, "confounds": None, "tr_s": None}
        scans.append(ScanFiles(subject=subject, session=None, run=int(run) if run else None, bold=bold, **beside))
    return scans


def first(n: int) -> np.ndarray:
    """Return a mask of the first n voxels."""
    return (np.arange(np.prod(SHAPE)) < n).reshape(SHAPE)


def test_the_intersection_has_what_every_scan_has_and_counts_who_takes_it_away(tmp_path: Path) -> None:
    scans = scans_of(tmp_path, {"a.1": first(30), "a.2": first(20), "b": first(25), "c": first(40)})

    shared = share_masks(scans, share=1.0)

    assert np.array_equal(shared.mask, first(20))
    rows = shared.subjects.set_index("subject")
    assert rows["scans"].to_dict() == {"a": 2, "b": 1, "c": 1}
    assert rows["voxels"].to_dict() == {"a": 20, "b": 25, "c": 40}
    assert rows["outside"].to_dict() == {"a": 0, "b": 5, "c": 20}
    # of voxels 20 to 24 only `a` lacks each; beyond 25 two lack them
    assert rows["lost"].to_dict() == {"a": 5, "b": 0, "c": 0}
    assert "20 voxels" in shared_mask_sentence(shared.subjects)
    assert "sub-a alone: 5" in shared_mask_sentence(shared.subjects)


def test_a_share_of_one_half_counts_subjects_and_not_scans(tmp_path: Path) -> None:
    scans = scans_of(tmp_path, {"a.1": first(30), "a.2": first(30), "a.3": first(30), "b": first(10), "c": first(20)})

    assert np.array_equal(share_masks(scans, share=0.5).mask, first(20))
    assert np.array_equal(share_masks(scans, share=1 / 3).mask, first(30))


@settings(max_examples=10)  # each writes and reads files
@given(
    voxels=st.lists(st.lists(st.booleans(), min_size=12, max_size=12), min_size=2, max_size=4),
    shares=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
    order=st.randoms(),
)
def test_a_larger_share_has_fewer_voxels_and_the_order_of_subjects_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    voxels: list[list[bool]],
    shares: tuple[float, float],
    order: random.Random,
) -> None:
    folder = tmp_path_factory.mktemp("masks")
    masks = {f"s{k}": np.array([True, *own]).reshape(13, 1, 1) for k, own in enumerate(voxels)}
    scans = scans_of(folder, masks)
    low, high = (share_masks(scans, share=share) for share in sorted(shares))

    assert not (high.mask & ~low.mask).any()
    shuffled = scans.copy()
    order.shuffle(shuffled)
    assert np.array_equal(share_masks(shuffled, share=min(shares)).mask, low.mask)
    everywhere = share_masks(scans, share=1.0)
    assert np.array_equal(everywhere.mask, np.logical_and.reduce(list(masks.values())))


def faults_of(scans: list[ScanFiles], share: float = 1.0) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        share_masks(scans, share=share)
    return caught.value.faults


def test_scans_without_a_brain_mask_are_one_fault(tmp_path: Path) -> None:
    (fault,) = faults_of(scans_of(tmp_path, {"a": first(9), "b": None, "c": None}))

    assert "sub-b" in fault
    assert "and 1 other scan: no brain mask beside it" in fault


def test_masks_on_two_grids_are_refused(tmp_path: Path) -> None:
    scans = scans_of(tmp_path, {"a": first(9), "b": first(9)})
    write_mask(find_brain_mask(scans[1].bold) or Path(), first(9), mm=2.0)

    assert "of 2 × 2 × 2 mm, but" in faults_of(scans)[0]


def test_masks_that_share_nothing_are_refused_with_what_they_have_in_common(tmp_path: Path) -> None:
    scans = scans_of(tmp_path, {"a": first(9), "b": first(20) & ~first(9), "c": first(9)})

    assert "they have at most 2 in common" in faults_of(scans)[0]
    assert share_masks(scans, share=0.6).mask.sum() == 9


def test_a_brain_mask_of_rabies_is_that_of_the_same_raw_scan(tmp_path: Path) -> None:
    for subject in ("r1", "r12"):
        raw = f"sub-{subject}_task-cues_bold"
        write_mask(tmp_path / "bold_datasink" / "commonspace_mask" / raw / f"{raw}_RAS_EPI_brain_mask.nii.gz", first(5))
    bold = tmp_path / "bold_datasink" / "commonspace_bold" / "x" / "sub-r1_task-cues_bold_RAS_combined.nii.gz"

    found = find_brain_mask(bold)

    assert found is not None
    assert found.name == "sub-r1_task-cues_bold_RAS_EPI_brain_mask.nii.gz"


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Started, Path]:
    """The draft of a raw data set without a mask and of a derivative with brain masks on another disk, and its file."""
    folder = tmp_path_factory.mktemp("prepared")
    raw, prep = data_set(folder / "raw"), folder / "disk" / "fmriprep"
    (raw / "masks" / "brain_mask.nii.gz").unlink()
    for k, subject in enumerate(("a1", "a2", "b1", "b2")):
        bold = write_scan(prep, subject, entities=f"{SPACE}_desc-preproc", is_event=False)
        write_mask(bold.with_name(bold.name.replace("preproc_bold", "brain_mask")), first(36 - k))
    out = folder / "study.yaml"
    started = start_study(find_study([folder], out), out, answers=Answers(), assume=True)
    out.write_text(started.text)
    return started, out


def test_a_derivative_with_brain_masks_needs_no_other_mask(drafted: tuple[Started, Path]) -> None:
    started, out = drafted

    assert started.faults == ()
    assert not [line for line in started.left_open if "mask" in line]
    assert "mask: auto" in started.text
    assert any("made of the brain masks of 4 scans of 4 subjects: 33 voxels" in note for note in check_study(out))


def test_auto_without_a_derivative_is_refused(drafted: tuple[Started, Path]) -> None:
    text = re.sub(r"derivatives: [^,}\s]+,?", "", drafted[0].text)

    with pytest.raises(StudyError, match=r"space\.mask: auto is made of the brain masks of scans\.derivatives"):
        parse_study(text)


def test_a_simulation_has_no_scans_to_make_a_mask_of(drafted: tuple[Started, Path], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="name the file of the simulated mask"):
        simulate_design(str(drafted[1]), tmp_path / "simulated")


def test_an_excluded_subject_takes_nothing_away(drafted: tuple[Started, Path]) -> None:
    started, out = drafted
    study = parse_study(started.text)
    people = study.subjects.model_copy(update={"exclude": {"b2": "moved"}})
    shared = StudyFiles(study.model_copy(update={"subjects": people}), out).shared_mask

    assert np.array_equal(shared.mask, first(34))
    assert list(shared.subjects["subject"]) == ["a1", "a2", "b1"]
