import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from cuecircuit.clusters.extent_kernel import largest_clusters
from cuecircuit.clusters.neighbors import neighbor_table, structure

fields = arrays(np.float32, (5, 4, 3), elements=st.floats(-3, 3, width=16))
masks = arrays(bool, (5, 4, 3), elements=st.booleans()).filter(np.any)
levels = st.lists(st.floats(0, 3), min_size=1, max_size=4)


def _largest_by_labeling(part, connectivity):
    labels, _ = ndimage.label(part, structure=structure(connectivity))
    return int(np.bincount(labels.ravel())[1:].max(initial=0))


@settings(deadline=None)
@given(field=fields, mask=masks, connectivity=st.sampled_from([6, 18, 26]), thresholds=levels)
def test_one_sweep_finds_what_labeling_finds_at_every_threshold(field, mask, connectivity, thresholds):
    falling = np.sort(thresholds)[::-1].copy()
    table = neighbor_table(mask, connectivity)
    one, two, bi = (
        largest_clusters(field[mask], table, falling, absolute, one_sign)
        for absolute, one_sign in ((False, False), (True, False), (True, True))
    )

    for k, threshold in enumerate(falling):
        up = _largest_by_labeling(mask & (field > threshold), connectivity)
        down = _largest_by_labeling(mask & (-field > threshold), connectivity)
        assert one[k] == up
        assert two[k] == _largest_by_labeling(mask & (np.abs(field) > threshold), connectivity)
        assert bi[k] == max(up, down)
