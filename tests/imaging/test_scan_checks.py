import numpy as np
import pytest

from cuecircuit.imaging.scan_checks import event_faults, run_faults, turned_deg
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block
from cuecircuit.study.acquisition import Scans

AFFINE = np.array([[0.5, 0, 0, -16], [0, 0, 1.0, -12], [0, -0.5, 0, 8], [0, 0, 0, 1.0]])
SPACE = Grid(shape=(64, 64, 20), affine=AFFINE)
SCANS = Scans(task="odor", tr_s=2.0, volumes=210)
BLOCKS = tuple(Block(onset_s=onset, duration_s=30.0, cue="saline") for onset in (60.0, 150.0, 240.0, 330.0))


def faults(**changes):
    sound = {"grid": SPACE, "volumes": 210, "tr_header_s": 2.0, "tr_sidecar_s": 2.0}
    return tuple(run_faults(**(sound | changes), scans=SCANS, space_grid=SPACE))


def on(affine, shape=(64, 64, 20)):
    return Grid(shape=shape, affine=np.asarray(affine))


def changed_block(**changes):
    sound = {"onset_s": 60.0, "duration_s": 30.0, "cue": "saline"}
    return (Block(**(sound | changes)), *BLOCKS[1:])


def test_a_scan_as_planned_has_no_fault():
    assert faults() == ()
    assert faults(tr_sidecar_s=None) == ()
    assert faults(tr_header_s=0.0) == ()
    assert faults(grid=on(AFFINE + 1e-5)) == ()


def shifted(by_mm):
    affine = AFFINE.copy()
    affine[0, 3] += by_mm
    return affine


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (on(AFFINE @ np.diag([10, 10, 10, 1])), "the header's voxels are ten times larger than the mask's"),
        (on(AFFINE @ np.diag([0.1, 0.1, 0.1, 1])), "the header's voxels are ten times smaller than the mask's"),
        (on(np.diag([-1.0, 1, 1, 1]) @ AFFINE), "left and right are swapped between scan and mask"),
        (on(np.diag([-1.0, 1, 1, 1]) @ AFFINE), "x axis -i in the scan, +i in the mask"),
        (on(AFFINE, (64, 64, 24)), "another grid than the mask: 64 × 64 × 24 voxels of 0.5 × 0.5 × 1 mm"),
        (on(shifted(2.0)), "origins apart by (2, 0, 0) mm; resample the scan"),
    ],
)
def test_each_fault_of_the_grid_is_named(grid, said):
    found = faults(grid=grid)

    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tr_header_s": 1.0, "tr_sidecar_s": None}, "TR is 1 s in the header and 2 s in the study"),
        ({"tr_header_s": 0.0, "tr_sidecar_s": 2.5}, "TR is 2.5 s in the sidecar and 2 s in the study"),
        ({"tr_header_s": 0.0, "tr_sidecar_s": None}, "neither header nor sidecar states TR"),
        ({"volumes": 211}, "211 volumes, the study expects 210"),
    ],
)
def test_each_fault_of_time_is_named(changes, said):
    found = faults(**changes)

    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"onset_s": 425.0}, "begins outside the scan"),
        ({"onset_s": -1.0}, "begins outside the scan"),
        ({"onset_s": 400.0}, "ends at 430 s, after the scan (420 s)"),
        ({"duration_s": 30_000.0}, "lasts 30000 s, the scan 420 s; durations are in seconds"),
    ],
)
def test_an_event_that_leaves_the_scan_is_named(changes, said):
    found, *overlaps = event_faults(changed_block(**changes), 420.0, apart=True)

    assert said in found
    assert bool(overlaps) == ("duration_s" in changes)


def test_header_and_sidecar_are_also_compared_with_one_another():
    found = faults(tr_header_s=1.0)

    assert len(found) == 2
    assert "TR is 1 s in the header and 2 s in the sidecar; one of them is wrong" in found[0]


def test_all_faults_come_at_once():
    assert len(faults(grid=on(shifted(1.0)), volumes=9, tr_header_s=1.0)) == 4


def turned(degrees):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0, 0], [np.sin(angle), np.cos(angle), 0, 0]])
    return on(np.vstack([turn, np.eye(4)[2:]]) @ AFFINE)


def test_oblique_slices_are_named_with_their_angle():
    (found,) = faults(grid=turned(7.0))

    assert "the slices are oblique: their axes are turned by 7.0° against the mask's" in found
    assert "cuecircuit preprocess" in found


@pytest.mark.parametrize("axes", [[0, 1, 2], [2, 0, 1], [1, 0, 2]])
def test_the_order_and_the_directions_of_axes_are_no_turn(axes):
    swapped = np.eye(4)[[*axes, 3]] @ np.diag([-1, 1, -1, 1])

    assert turned_deg(on(AFFINE @ swapped), SPACE) == pytest.approx(0, abs=1e-6)
    assert turned_deg(turned(12.5), on(AFFINE @ swapped)) == pytest.approx(12.5)
