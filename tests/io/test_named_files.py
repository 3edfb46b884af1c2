"""Files that packages keep are found by name, never fetched; caches are made by hand in their shape."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.named_files import is_named, named_file
from cuecircuit.tables.space import study_atlas
from cuecircuit.tables.study_files import read_study

TEMPLATE = "tpl-MNI152NLin2009cAsym"
SCHAEFER = "atlas-Schaefer2018_desc-100Parcels7Networks_dseg"


def image(path: Path, values: np.ndarray, mm: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(values, np.diag([mm, mm, mm, 1.0])).to_filename(path)


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "tf"))
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path / "nl"))
    labels = np.zeros((6, 6, 6), np.int32)
    labels[:3], labels[3:], labels[0, 0, 0] = 1, 2, 3
    image(tmp_path / "tf" / TEMPLATE / f"{TEMPLATE}_res-01_{SCHAEFER}.nii.gz", labels, 1.0)
    (tmp_path / "tf" / TEMPLATE / f"{TEMPLATE}_{SCHAEFER}.tsv").write_text(
        "index\tname\n1\tleft\n2\tright\n3\tcorner\n"
    )
    (tmp_path / "tf" / TEMPLATE / f"{TEMPLATE}_res-02_desc-brain_mask.nii.gz").touch()  # not fetched
    for resolution in ("1mm", "2mm"):
        image(tmp_path / "nl" / "schaefer_2018" / resolution / "Schaefer.nii.gz", labels, 1.0)
    return tmp_path


def test_a_name_leads_to_the_file_with_or_without_its_folder_and_ending(caches: Path) -> None:
    name = f"{TEMPLATE}_res-01_{SCHAEFER}"
    expected = caches / "tf" / TEMPLATE / f"{name}.nii.gz"

    found = {named_file(f"templateflow:{one}", Path()) for one in (name, f"{name}.nii.gz", f"{TEMPLATE}/{name}")}

    assert found == {expected}
    assert named_file("nilearn:schaefer_2018/2mm/Schaefer", Path()).parent.name == "2mm"
    assert named_file("masks/brain.nii.gz", Path("study")) == Path("study/masks/brain.nii.gz")
    assert not is_named("auto")


def test_the_template_that_nilearn_ships_is_found(caches: Path) -> None:
    path = named_file("nilearn:mni_icbm152_t1_tal_nlin_sym_09a_converted", Path())

    assert nib.load(path).shape == (197, 233, 189)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (f"templateflow:{TEMPLATE}_res-02_desc-brain_mask", f"no such file.*{SCHAEFER}.*api.get"),
        ("templateflow:nonsense", "found: .*correct the name, or fetch"),
        ("nilearn:Schaefer", "2 files are called so: schaefer_2018/1mm/.*name one with its folder"),
        ("brainglobe:whs_sd_rat_39um", "named in preprocess.template"),
    ],
)
def test_what_is_not_there_lists_what_is_and_says_how_to_get_it(caches: Path, setting: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        named_file(setting, Path())


def test_an_atlas_by_name_is_read_at_the_voxels_of_the_mask(caches: Path) -> None:
    image(caches / "study" / "mask.nii.gz", np.ones((3, 3, 3), np.uint8), 2.0)
    (caches / "study" / "study.yaml").write_text(
        f"""\
about: {{title: t}}
subjects: {{species: Homo sapiens}}
factors: {{group: [a, b]}}
space:
  mask: mask.nii.gz
  origin: the origin of MNI space
  atlas: templateflow:{TEMPLATE}_res-01_{SCHAEFER}
  labels: templateflow:{TEMPLATE}_{SCHAEFER}.tsv
maps: {{pet: {{kind: given, table: maps.tsv, unit: SUVR}}}}
regions: {{parts: {{of: maps.pet}}}}
questions: {{pet: {{of: regions.parts, each: region, between: group}}}}
"""
    )
    files = read_study(caches / "study" / "study.yaml")

    atlas = study_atlas(files)

    assert atlas is not None
    assert atlas.labels[:, 2, 2].tolist() == [1, 1, 2]  # voxels at 0, 2 and 4 mm
    assert dict(atlas.names) == {1: "left", 2: "right", 3: "corner"}
    assert files.shown(caches / "tf" / TEMPLATE / "x.tsv") == "space.atlas/x.tsv"
