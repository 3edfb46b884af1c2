import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cuecircuit.imaging.motion import Motion, estimate_motion, move, resample
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series

SHAPE = (32, 32, 16)
GRID = Grid(shape=SHAPE, affine=np.diag([0.5, 0.5, 1.0, 1.0]))
INDEX = np.argwhere(np.ones(SHAPE, bool)).astype(float)
CENTER = GRID.mm(np.array([[15.5, 15.5, 7.5]]))[0]


def brain():
    """A smooth ellipsoid with structure inside, and its mask."""
    rng = np.random.default_rng(1)
    inside = (((INDEX - [15.5, 15.5, 7.5]) / [11, 11, 5.5]) ** 2).sum(axis=1).reshape(SHAPE) < 1
    texture = gaussian_filter(rng.standard_normal(SHAPE), 2.0)
    return gaussian_filter(np.where(inside, 1000 + 3000 * texture, 0), 0.8), inside


def moved_scan(parameters):
    """A scan whose volume k shows the brain after the k-th motion."""
    volume, mask = brain()
    still = Series(data=np.repeat(volume[..., None], 2, axis=3).astype(np.float32), grid=GRID, tr_s=2.0)
    volumes = []
    for each in parameters:
        # the tissue of x lies at T(x); what is seen at y is the tissue of T⁻¹(y)
        from scipy.spatial.transform import Rotation

        mm = GRID.mm(INDEX)
        back = Rotation.from_rotvec(each[3:]).inv().apply(mm - CENTER - each[:3]) + CENTER
        volumes.append(resample(still, back)[0].reshape(SHAPE))
    return Series(data=np.stack(volumes, axis=3).astype(np.float32), grid=GRID, tr_s=2.0), mask


PLANTED = np.array(
    [[0, 0, 0, 0, 0, 0], [0.3, 0, 0, 0, 0, 0], [-0.1, 0.2, 0.15, 0, 0, 0], [0, 0, 0, 0.02, -0.03, 0.05]], float
)


def test_planted_shifts_and_turns_are_found():
    series, mask = moved_scan(PLANTED)

    found = estimate_motion(series, mask, reference=0)

    points = GRID.mm(np.argwhere(mask).astype(float))
    for planted, estimated in zip(PLANTED, found.parameters, strict=True):
        apart = move(points, planted, CENTER) - move(points, estimated, found.center_mm)
        # a fiftieth of a voxel: interpolated twice
        assert np.sqrt((apart**2).sum(axis=1)).max() < 0.02


def test_a_scan_read_through_its_motion_stands_still():
    series, mask = moved_scan(PLANTED)
    motion = estimate_motion(series, mask, reference=0)

    values = resample(series, GRID.mm(np.argwhere(mask).astype(float)), motion)

    before = series.data[mask].T.std(axis=0).mean()
    # what is left is interpolation, an order of magnitude less
    assert values.std(axis=0).mean() < 0.1 * before


def test_noise_without_motion_gives_next_to_none():
    volume, mask = brain()
    noise = 20 * np.random.default_rng(2).standard_normal((*SHAPE, 5))
    series = Series(data=(volume[..., None] + noise).astype(np.float32), grid=GRID, tr_s=2.0)

    found = estimate_motion(series, mask)

    # noise 2 %: shifts a fiftieth of a voxel; a turn of 0.01 rad moves the edge of this near-sphere by a tenth of one
    assert np.abs(found.parameters[:, :3]).max() < 0.01
    assert np.abs(found.parameters[:, 3:]).max() < 0.01


def test_a_volume_that_is_brighter_did_not_move():
    volume, mask = brain()
    series = Series(data=np.stack([volume, 1.05 * volume], axis=3).astype(np.float32), grid=GRID, tr_s=2.0)

    assert np.abs(estimate_motion(series, mask, reference=0).parameters[1]).max() < 0.01


def test_places_outside_of_the_reference_are_zero():
    volume, _ = brain()
    series = Series(data=np.repeat(volume[..., None], 3, axis=3).astype(np.float32), grid=GRID, tr_s=2.0)
    still = Motion(parameters=np.zeros((3, 6)), center_mm=CENTER)

    values = resample(series, np.array([[np.nan] * 3, CENTER]), still)

    assert values[:, 0].tolist() == [0, 0, 0]
    assert values[:, 1] == pytest.approx(values[0, 1])
