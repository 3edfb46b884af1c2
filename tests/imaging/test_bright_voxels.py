import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.generators.brain import draw_brain
from cuecircuit.imaging.bright_voxels import bright_voxels
from cuecircuit.imaging.registration import dice


@pytest.mark.parametrize("scale", ["tiny", "paper"])
@pytest.mark.parametrize("unit", [1.0, 30.0])
def test_a_head_in_air_is_found_whatever_the_unit(scale, unit):
    brain = draw_brain(scale)
    air = np.random.default_rng(0).rayleigh(0.02, brain.mask.shape)
    mean = unit * np.where(brain.mask, 1 + 0.2 * brain.ventricles, air)

    assert dice(bright_voxels(mean), brain.mask) > 0.97


def test_a_scan_of_nothing_is_refused():
    with pytest.raises(DataError, match="no voxel of the mean image is brighter"):
        bright_voxels(np.zeros((8, 8, 4)))
