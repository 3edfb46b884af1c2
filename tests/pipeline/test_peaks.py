"""Local maxima: as far apart as is asked, the highest first, none of a voxel beside a higher one."""

import numpy as np
from scipy.ndimage import gaussian_filter

from cuecircuit.pipeline.map_tests.peaks import local_peaks, peak_distance_mm
from cuecircuit.records.grid import Grid


def grid_of(edge: float, n: int) -> Grid:
    return Grid(shape=(n, n, n), affine=np.diag([edge, edge, edge, 1.0]))


def test_two_bumps_of_a_cluster_are_two_peaks_unless_they_are_too_near():
    bumps = np.zeros((20, 20, 20))
    bumps[5, 10, 10], bumps[12, 10, 10] = 3.0, 2.0
    smooth = gaussian_filter(bumps, 2.0)
    labels = (smooth > 0.2 * smooth.max()).astype(int)
    grid = grid_of(3.0, 20)
    found = [
        (cluster, number, voxel.tolist()) for cluster, number, voxel in local_peaks(smooth, labels, grid, apart_mm=8.0)
    ]
    assert found == [(1, 1, [5, 10, 10]), (1, 2, [12, 10, 10])]
    assert len(list(local_peaks(smooth, labels, grid, apart_mm=22.0))) == 1


def test_peaks_of_noise_are_apart_and_higher_than_their_neighbors():
    rng = np.random.default_rng(4)
    noise, labels = rng.normal(size=(15, 15, 15)), np.ones((15, 15, 15), int)
    labels[:, :, 7] = 0
    labels[:, :, 8:] = 2
    noise[0, 0, 0] = np.nan
    for grid, apart in ((grid_of(3.0, 15), 8.0), (grid_of(0.5, 15), 1.0)):
        assert peak_distance_mm(grid) == apart
        peaks = list(local_peaks(noise, labels, grid, apart_mm=apart))
        for label in (1, 2):
            own = np.array([voxel for cluster, _, voxel in peaks if cluster == label])
            heights = noise[tuple(own.T)]
            assert (np.diff(heights) <= 0).all()
            assert heights[0] == np.nanmax(noise[labels == label])
            between = np.linalg.norm((own[:, None] - own[None]) * grid.voxel_mm, axis=2)
            assert between[np.triu_indices(len(own), 1)].min() >= apart
