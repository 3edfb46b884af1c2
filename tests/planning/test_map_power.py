"""Power on maps: t of simulated studies against the noncentral t, the error rate without an effect, what is planted."""

import nibabel as nib
import numpy as np
import pytest
from scipy import stats

import cuecircuit as cc
from cuecircuit.clusters.autocorrelation import gaussian_autocorrelation
from cuecircuit.clusters.null_field import null_field
from cuecircuit.errors import DataError, DesignError
from cuecircuit.planning.map_power import _t_maps

SHAPE = (10, 10, 8)
MASK = nib.Nifti1Image(np.ones(SHAPE, np.uint8), np.diag([2.0, 2, 2, 1]))
FAST = {"voxel_p": 0.005, "iterations": 400}


@pytest.mark.parametrize("groups", [1, 2])
def test_t_of_a_drawn_study_is_noncentral_t(groups):
    field = null_field(np.ones(SHAPE, bool), np.full(3, 2.0), gaussian_autocorrelation(0.5))
    drawn = _t_maps(field, np.full(800, 0.7), [5, 9], groups, np.random.default_rng(1))
    for n, (t, df) in zip((5, 9), drawn, strict=True):
        assert df == groups * (n - 1)
        expected = stats.nct(df, 0.7 * np.sqrt(n / groups))
        assert stats.kstest(t, expected.cdf).pvalue > 0.001


def test_without_an_effect_a_cluster_survives_as_often_as_alpha():
    everywhere = nib.Nifti1Image(np.ones(SHAPE, np.int16), MASK.affine)
    found = cc.map_power(MASK, [16], 0.0, region=everywhere, fwhm_mm=5, studies=120, **FAST)
    # standard error .02
    assert found["power"].iloc[0] < 0.13
    assert found["found_elsewhere"].iloc[0] == 0


def test_an_effect_is_found_more_often_by_more_subjects():
    found = cc.map_power(MASK, [24, 8], 1.2, center_mm=(10, 10, 8), radius_mm=4, fwhm_mm=4, studies=40, **FAST)
    assert found["n"].tolist() == [8, 24]
    assert found["power"].iloc[0] < 0.7
    assert found["power"].iloc[1] > 0.95
    assert found["share_of_region"].iloc[1] > 0.6
    again = cc.map_power(MASK, [24], 1.2, center_mm=(10, 10, 8), radius_mm=4, fwhm_mm=4, studies=40, **FAST)
    assert again["power"].iloc[0] == found["power"].iloc[1]


def test_what_cannot_be_planned_is_refused():
    with pytest.raises(DataError, match="expected one place"):
        cc.map_power(MASK, 10, 0.5, fwhm_mm=4)
    with pytest.raises(DesignError, match="found 0 voxels of the region in the mask"):
        cc.map_power(MASK, 10, 0.5, center_mm=(900, 0, 0), fwhm_mm=4)
