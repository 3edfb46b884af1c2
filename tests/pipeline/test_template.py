import nibabel as nib
import numpy as np
import pytest
from pydantic import ValidationError

from cuecircuit.errors import DataError
from cuecircuit.generators.brain import draw_brain
from cuecircuit.io.brainglobe import NamedAtlas
from cuecircuit.io.nifti import read_mask, write_volume
from cuecircuit.pipeline import template as template_module
from cuecircuit.pipeline.space import read_named_atlas
from cuecircuit.pipeline.template import read_template, template_files, write_space
from cuecircuit.records.grid import Grid
from cuecircuit.study.acquisition import Preprocess

FINE = Grid(shape=(40, 40, 40), affine=np.diag([0.1, 0.1, 0.1, 1.0]))
PARTS = ("template_mask", "white_matter", "ventricles", "atlas")


def halves():
    labels = np.zeros(FINE.shape, np.int32)
    labels[5:20, 5:35, 5:35], labels[20:35, 5:35, 5:35] = 1, 2
    return labels


def test_the_drawn_brain_is_the_template_where_none_is_named(tmp_path):
    found = read_template(tmp_path, Preprocess())

    brain = draw_brain("paper")
    assert template_files(tmp_path, Preprocess()) == ()
    np.testing.assert_array_equal(found.mask, brain.mask)
    assert found.names == brain.atlas.names


def test_the_space_of_the_drawn_brain_is_an_atlas_with_its_names(tmp_path):
    write_space(read_template(tmp_path, Preprocess()), 1.0, tmp_path)

    mask, grid = read_mask(tmp_path / "mask.nii.gz")
    atlas = read_named_atlas(tmp_path / "atlas.nii.gz", tmp_path / "atlas.tsv")
    np.testing.assert_allclose(grid.voxel_mm, 1.0)
    assert set(atlas.names.values()) <= set(draw_brain("paper").atlas.names.values())
    # the volume of the brain hardly depends on the voxels: smoothing to 1 mm takes a little off a convex surface
    assert mask.sum() == pytest.approx(draw_brain("paper").mask.sum() * 0.25, rel=0.05)


def test_a_template_finer_than_half_a_voxel_is_made_coarser(tmp_path):
    labels = halves()
    for name, values in {"image": labels * 100.0, "template_mask": labels > 0, "atlas": labels}.items():
        write_volume(tmp_path / f"{name}.nii", values.astype(np.float32), FINE)
    for name, label in {"white_matter": 1, "ventricles": 2}.items():
        write_volume(tmp_path / f"{name}.nii", (labels == label).astype(np.float32), FINE)
    wanted = Preprocess(template="image.nii", voxel_mm=0.8, **{name: f"{name}.nii" for name in PARTS})

    found = read_template(tmp_path, wanted)

    np.testing.assert_allclose(found.grid.voxel_mm, 0.4)
    assert found.names is None
    assert set(np.unique(found.labels)) == {0, 1, 2}
    # a box of 1.5 × 3 × 3 mm on voxels of 0.4 mm: each length is rounded by less than a voxel
    lengths = 0.4 * np.array([len(np.unique(where)) for where in np.nonzero(found.white_matter)])
    np.testing.assert_allclose(lengths, [1.5, 3, 3], atol=0.4)
    assert read_template(tmp_path, wanted.model_copy(update={"voxel_mm": 0.2})).grid.same_as(FINE)


def test_an_atlas_by_name_takes_own_files_for_what_it_lacks(tmp_path, monkeypatch):
    labels = halves()
    named = NamedAtlas(
        image=labels.astype(np.float32),
        labels=labels,
        names={1: "left", 2: "right"},
        tissues={"white_matter": (1,), "ventricles": ()},
        grid=FINE,
        version="1",
    )
    monkeypatch.setattr(template_module, "read_brainglobe", {"some_rat": named}.__getitem__)
    with pytest.raises(DataError, match="no voxel of ventricles; name a mask of your own"):
        read_template(tmp_path, Preprocess(template="brainglobe:some_rat", voxel_mm=0.2))
    nib.Nifti1Image((labels == 2).astype(np.uint8), FINE.affine).to_filename(tmp_path / "csf.nii")

    found = read_template(tmp_path, Preprocess(template="brainglobe:some_rat", voxel_mm=0.2, ventricles="csf.nii"))

    np.testing.assert_array_equal(found.white_matter, labels == 1)
    np.testing.assert_array_equal(found.ventricles, labels == 2)


def test_a_template_file_needs_its_brain_tissues_and_atlas():
    with pytest.raises(ValidationError, match="so template_mask, white_matter, ventricles must be named as well"):
        Preprocess(template="t2.nii.gz", atlas="atlas.nii.gz")


def test_the_digest_tells_templates_apart(tmp_path):
    one = read_template(tmp_path, Preprocess())

    assert one.digest() == read_template(tmp_path, Preprocess()).digest()
    assert one.digest() != read_template(tmp_path, Preprocess(voxel_mm=3.0)).digest()
