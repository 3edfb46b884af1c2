"""Maps with a mean far from 0, and maps that hold nothing."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cuecircuit as cc
from cuecircuit.errors import DataError
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command

SHAPE, N = (5, 4, 3), 12


def saved(folder, mean_over_sd):
    """Double-precision maps of two groups; their mean is so many SDs."""
    y = np.random.default_rng(0).standard_normal((N, *SHAPE)) + mean_over_sd
    rows = []
    for subject, values in enumerate(y):
        nib.Nifti1Image(values, np.eye(4)).to_filename(folder / f"{subject}.nii")
        rows.append((f"s{subject}", "ab"[subject % 2], f"{subject}.nii"))
    pd.DataFrame(rows, columns=["subject", "group", "map"]).to_csv(folder / "maps.tsv", sep="\t", index=False)
    nib.Nifti1Image(np.ones(SHAPE, "u1"), np.eye(4)).to_filename(folder / "mask.nii")
    return y


@pytest.mark.parametrize("mean_over_sd", [1e4, 1e6])
def test_maps_in_double_precision_keep_it(tmp_path, mean_over_sd):
    y = saved(tmp_path, mean_over_sd)
    expected = stats.f_oneway(y[0::2], y[1::2]).statistic
    # rounding of the values, mean/SD × 2⁻⁵², in a sum of squares
    tolerance = 1e-15 * mean_over_sd * N

    model = Model(between=("group",), subject="subject")
    group_command(tmp_path / "maps.tsv", tmp_path / "out", tmp_path / "mask.nii", model=model, correction=None)
    found = nib.load(tmp_path / "out" / "contrast-group_stat-F_statmap.nii.gz").get_fdata()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)  # written in single precision

    table = pd.read_csv(tmp_path / "maps.tsv", sep="\t")
    images = [nib.Nifti1Image(values, np.eye(4)) for values in y]
    fit = cc.fit(table.assign(map=images), between=["group"], subject="subject", mask=tmp_path / "mask.nii")
    near = np.abs(fit.maps["group"]["F"].get_fdata() - expected) / (0.05 + expected)
    assert near.max() < max(1e-6, 100 * tolerance)


def test_maps_of_one_value_are_refused_by_name(tmp_path):
    saved(tmp_path, 0)
    for subject in range(N):
        nib.Nifti1Image(np.full(SHAPE, 7.0), np.eye(4)).to_filename(tmp_path / f"{subject}.nii")
    model = Model(formula="group")
    with pytest.raises(DataError, match="no map is left of 12") as error:
        group_command(tmp_path / "maps.tsv", tmp_path / "out", tmp_path / "mask.nii", model=model, correction=None)
    assert len(error.value.faults) == 1 + N
    assert "0.nii: left out, 7 everywhere in the mask" in error.value.faults
