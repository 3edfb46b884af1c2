import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import StudyError
from cuecircuit.generators.brain import draw_brain
from cuecircuit.generators.native import FOLDER, draw_head, lying, native_text
from cuecircuit.study.reading import parse_study

GRID = draw_brain("tiny").grid


@given(st.integers(0, 1000))
def test_a_head_that_lies_otherwise_keeps_its_size_and_shape(seed):
    head = draw_head(np.random.default_rng(seed))

    found = lying(GRID, head)

    np.testing.assert_allclose(found.voxel_mm, GRID.voxel_mm)
    assert found.voxel_mm3 == pytest.approx(GRID.voxel_mm3)
    assert np.linalg.det(found.affine[:3, :3]) * np.linalg.det(GRID.affine[:3, :3]) > 0
    # bregma is what heads turn about
    bregma = np.linalg.solve(GRID.affine, [0, 0, 0, 1])
    np.testing.assert_allclose((found.affine @ bregma)[:3], head[:3], atol=1e-12)


def test_a_head_that_lies_straight_has_the_grid_of_the_brain():
    assert lying(GRID, np.zeros(6)).same_as(GRID)


def test_the_study_file_of_raw_scans_names_the_template_and_what_preprocess_will_make(rats_text):
    found = parse_study(native_text(rats_text, parse_study(rats_text), voxel_mm=0.5))

    assert found.preprocess is not None
    assert found.preprocess.by_name
    assert found.preprocess.voxel_mm == 0.5
    assert found.scans.derivatives == FOLDER
    assert found.space.mask == f"{FOLDER}/space/mask.nii.gz"
    assert found.space.labels == f"{FOLDER}/space/atlas.tsv"
    with pytest.raises(StudyError, match="without `preprocess`"):
        native_text(rats_text, found, voxel_mm=0.5)
