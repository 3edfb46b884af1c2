import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import StudyError
from cuecircuit.pipeline.preprocess import on_grid, preprocess_study, target_grid
from cuecircuit.records.grid import Grid

GRID = Grid(shape=(20, 30, 10), affine=np.array([[0.3, 0, 0, -4], [0, -0.3, 0, 5], [0, 0, 0.6, 1], [0, 0, 0, 1.0]]))


def corner(grid):
    return grid.mm(np.array([[-0.5, -0.5, -0.5]]))[0]


@given(st.sampled_from([0.2, 0.3, 0.5, 1.0]))
def test_the_grid_of_the_results_has_cubes_and_covers_the_template(voxel_mm):
    found = target_grid(GRID, voxel_mm)

    np.testing.assert_allclose(found.voxel_mm, voxel_mm)
    np.testing.assert_allclose(corner(found), corner(GRID), atol=1e-9)
    edges = np.array(found.shape) * voxel_mm - np.array(GRID.shape) * GRID.voxel_mm
    assert ((edges > -1e-9) & (edges < voxel_mm + 1e-9)).all()


def test_a_ramp_in_space_keeps_its_values_on_another_grid():
    index = np.argwhere(np.ones(GRID.shape, bool)).astype(float)
    ramp = (GRID.mm(index) @ [1.0, 2.0, -1.0]).reshape(GRID.shape)
    target = target_grid(GRID, 0.5)

    found = on_grid(ramp, GRID, target, labels=False)

    expected = (target.mm(np.argwhere(np.ones(target.shape, bool)).astype(float)) @ [1.0, 2.0, -1.0]).reshape(
        target.shape
    )
    inner = (slice(1, -1),) * 3
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-9)


@pytest.mark.xdist_group("tiny")
def test_a_study_without_the_section_is_refused(tiny_study, tmp_path):
    with pytest.raises(StudyError, match="no section `preprocess`"):
        preprocess_study(tiny_study, tmp_path / "out")
