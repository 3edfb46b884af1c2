import numpy as np
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.generators.brain import SCALES, Brain, draw_brain
from cuecircuit.generators.planted import TABLE_1


@pytest.fixture(scope="module", params=SCALES)
def brain(request: pytest.FixtureRequest) -> Brain:
    return draw_brain(request.param)


def test_every_region_of_table_1_has_voxels_on_both_sides(brain: Brain):
    fewest = 6 if brain.grid.shape[0] == 64 else 2
    for label, name in brain.atlas.names.items():
        voxels = brain.atlas.labels == label
        x = brain.grid.mm(np.argwhere(voxels).astype(float))[:, 0]
        assert voxels.sum() >= fewest, name
        assert (x > 0).sum() == (x < 0).sum(), name
    assert list(brain.atlas.names.values()) == list(TABLE_1)


def test_left_mirrors_right(brain: Brain):
    for volume in (brain.mask, brain.white_matter, brain.ventricles, brain.atlas.labels, brain.mean_signal):
        assert np.array_equal(volume, volume[::-1])


def test_regions_tissues_and_the_outside_do_not_overlap(brain: Brain):
    regions = brain.atlas.labels > 0
    assert not (regions & brain.white_matter).any()
    assert not (regions & brain.ventricles).any()
    assert not (brain.white_matter & brain.ventricles).any()
    assert brain.mask[regions | brain.white_matter | brain.ventricles].all()
    assert not brain.mean_signal[~brain.mask].any()
    assert not brain.anatomy[~brain.mask].any()


def test_the_brain_lies_below_bregma_and_has_a_rats_size(brain: Brain):
    mm = brain.grid.mm(np.argwhere(brain.mask).astype(float))
    voxel = np.abs(brain.grid.affine[:3, :3]).sum(axis=1)
    width, length, height = mm.max(axis=0) - mm.min(axis=0) + voxel
    assert mm[:, 2].max() < 0
    # an adult rat's brain is about 15 mm wide and 10 mm high; a coarse voxel may add one to each side
    assert 14 <= width <= 16
    assert 9 <= height <= 11
    assert length == pytest.approx(20)
    # 1.7 to 2.2 ml with the cerebellum, of which the field of view cuts the ends
    assert 1500 < brain.mask.sum() * brain.grid.voxel_mm3 < 2200


def test_voxel_axes_are_right_up_and_anterior(brain: Brain):
    i, j, k = brain.grid.affine[:3, :3].T
    assert i[0] > 0
    assert j[2] > 0
    assert k[1] > 0


def test_both_scales_cover_the_same_field_of_view():
    corners = []
    for scale in SCALES:
        grid = draw_brain(scale).grid
        edges = np.array([[-0.5, -0.5, -0.5], np.array(grid.shape) - 0.5])
        corners.append(grid.mm(edges))
    assert np.allclose(corners[0], corners[1])


@pytest.mark.parametrize(
    ("name", "x", "y", "z"),
    [
        ("Amygdala nuclei", (4, 5), (-3.5, -1.5), (-9, -8)),
        ("PVN/VM hypothalamus", (0, 1.2), (-3, -1.8), (-9.5, -8)),
        ("Habenula", (0, 1), (-4, -3), (-5.5, -4.3)),
        ("S1/S2", (3, 6.5), (-3, 1), (-4.5, -1.5)),
        ("PAG and PVG", (0, 1.2), (-8.5, -5.5), (-6.5, -4.5)),
    ],
)
def test_regions_lie_where_an_atlas_has_them(name, x, y, z):
    brain = draw_brain("paper")
    label = list(TABLE_1).index(name) + 1
    mm = brain.grid.mm(np.argwhere(brain.atlas.labels == label).astype(float))
    center = mm[mm[:, 0] > 0].mean(axis=0)
    for value, (low, high) in zip(center, (x, y, z), strict=True):
        assert low <= value <= high


def test_the_coil_sees_the_cortex_twice_as_well_as_the_deepest_structures(brain: Brain):
    # 25 to 40 in the cortex and half of it deep: public tables of rat scans
    tsnr = brain.tsnr[brain.mask]
    assert tsnr.max() == pytest.approx(40)
    assert tsnr.max() / tsnr.min() == pytest.approx(2, rel=0.1)


def test_an_unknown_scale_is_named_with_those_known():
    with pytest.raises(StudyError, match="'huge' is unknown; expected one of: paper, tiny"):
        draw_brain("huge")
