"""A planted field moves and stacks signal in opposite ways; the pair gives it back. Then a real pair of a rat."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cuecircuit.generators.brain import draw_brain
from cuecircuit.imaging.header_repair import repair_grid
from cuecircuit.imaging.resampling import on_grid
from cuecircuit.imaging.susceptibility import estimate_displacement
from cuecircuit.imaging.unwarping import Distortion, match_directions
from cuecircuit.io.nifti import read_volume
from cuecircuit.records.grid import Grid

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "rat" / "epi_sigma"
BRAIN = draw_brain("paper")
GRID, MASK, AXIS = BRAIN.grid, BRAIN.mask, 1
CENTER = GRID.mm(np.argwhere(MASK).astype(float)).mean(axis=0)


def planted() -> Distortion:
    """Bumps above both ears and the nose: up to 1.2 mm, stacking signal by up to a third."""
    away = GRID.mm(np.indices(GRID.shape).reshape(3, -1).T.astype(float)) - CENTER
    bumps = [(1.2, [4, 1, -3], [3, 3, 2.4]), (1.0, [-4, 1, -3], [3, 3, 2.4]), (-0.6, [0, -6, 1], [4, 4, 3])]
    mm = sum(peak * np.exp(-(((away - place) / width) ** 2).sum(axis=1) / 2) for peak, place, width in bumps)
    return Distortion(displacement_mm=mm.reshape(GRID.shape), grid=GRID, axis=AXIS)


def noisy(image: np.ndarray, seed: int) -> np.ndarray:
    """Add noise of 2 % of the brain's signal."""
    sd = 0.02 * image[MASK].mean()
    return np.abs(image + np.random.default_rng(seed).normal(0, sd, image.shape)).astype(np.float32)


def correlation(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    return float(np.corrcoef(one[where], other[where])[0, 1])


def test_distortion_and_correction_are_inverse_and_keep_the_signal():
    field = planted()
    seen = field.distorted(BRAIN.mean_signal)

    assert seen.sum() == pytest.approx(BRAIN.mean_signal.sum(), rel=0.01)
    # a brain with hard edges, interpolated twice
    assert correlation(field.corrected(seen), BRAIN.mean_signal, MASK) > 0.95
    assert correlation(seen, BRAIN.mean_signal, MASK) < 0.8


def test_a_place_outside_the_scan_has_no_signal_to_spread():
    places = np.array([CENTER, [np.nan, np.nan, np.nan]])

    assert np.isnan(planted().places(places)[1]).all()
    assert planted().stretch(places)[1] == 1


@pytest.mark.parametrize(("factors", "rms_mm"), [((1.0, -1.0), 0.02), ((1.0, -0.5), 0.03), ((-1.0, 1.0), 0.02)])
def test_a_planted_field_is_found_to_a_twentieth_of_a_voxel(factors, rms_mm):
    field = planted()
    pair = [noisy(field.distorted(BRAIN.mean_signal, factor=factor), seed) for seed, factor in enumerate(factors)]

    found = estimate_displacement(*pair, GRID.voxel_mm, axis=AXIS, factors=factors)

    error = (found - field.displacement_mm)[MASK]
    assert np.sqrt((field.displacement_mm[MASK] ** 2).mean()) > 0.35
    assert np.sqrt((error**2).mean()) < rms_mm
    assert np.abs(error).max() < 0.15


def test_without_distortion_nothing_moves():
    found = estimate_displacement(noisy(BRAIN.mean_signal, 1), noisy(BRAIN.mean_signal, 2), GRID.voxel_mm, axis=AXIS)

    assert np.abs(found[MASK]).max() < 0.05  # a tenth of a voxel


def test_a_head_that_moved_between_the_images_costs_a_quarter_of_a_voxel():
    field, moved = planted(), np.eye(4)
    turn = Rotation.from_rotvec([0.02, -0.015, 0.02])
    moved[:3, :3], moved[:3, 3] = turn.as_matrix(), CENTER + [0.3, 0, 0.3] - turn.apply(CENTER)
    one = noisy(field.distorted(BRAIN.mean_signal), 1)
    other = noisy(field.distorted(BRAIN.mean_signal, factor=-1.0), 2)
    elsewhere = noisy(on_grid(other, GRID, Grid(shape=GRID.shape, affine=moved @ GRID.affine), labels=False), 3)

    found = match_directions(one, GRID, elsewhere, GRID, axis=AXIS)

    # a shift along the axis of phase encoding is a field that is the same everywhere; a turn is nearly a smooth one
    assert (found.distortion.displacement_mm - field.displacement_mm)[MASK].std() < 0.13
    assert found.agreement[0] < 0.7
    assert found.agreement[1] > 0.8


def test_a_map_is_carried_to_a_grid_that_is_stored_another_way_around():
    field = planted()
    flipped = GRID.affine @ np.diag([1.0, -1.0, 1.0, 1.0])
    flipped[:3, 3] = GRID.mm(np.array([[0.0, GRID.shape[1] - 1, 0.0]]))[0]

    there = field.carried(Grid(shape=GRID.shape, affine=flipped), AXIS, np.eye(4))

    np.testing.assert_allclose(there.displacement_mm, -field.displacement_mm[:, ::-1], atol=1e-9)
    places = GRID.mm(np.argwhere(MASK).astype(float))
    np.testing.assert_allclose(there.places(places), field.places(places), atol=1e-9)


@pytest.mark.skipif(not REAL.is_dir(), reason="no shared data beside the project (rat/epi_sigma)")
def test_slices_that_the_fit_never_saw_agree_better_in_a_real_rat():
    (one, grid), (other, other_grid) = (read_volume(REAL / f"EPI_{name}0.nii.gz") for name in ("forward", "reverse"))
    brain = read_volume(REAL / "EPI_n4_mask.nii.gz")[0] > 0
    grid, other_grid = (repair_grid(each, voxel_scale=0.1).grid for each in (grid, other_grid))
    other = on_grid(other, other_grid, grid, labels=False) * (one.sum() / other.sum())
    fitted = np.zeros(grid.shape, bool)
    fitted[:, :, ::2] = True

    displacement = estimate_displacement(one, other, grid.voxel_mm, axis=1, measured=fitted)

    field = Distortion(displacement_mm=displacement, grid=grid, axis=1)
    unseen = brain & ~fitted
    before, after = (
        correlation(one, other, unseen),
        correlation(field.corrected(one), field.corrected(other, factor=-1.0), unseen),
    )
    assert before == pytest.approx(0.795, abs=0.005)
    assert after > 0.85
    assert 1 < np.abs(displacement[brain]).max() < 4  # mm
