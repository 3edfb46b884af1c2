import nibabel as nib
import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.clustsim import clustsim_table


@pytest.fixture
def mask(tmp_path):
    data = np.zeros((12, 12, 8), np.uint8)
    data[1:11, 1:11, 1:7] = 1
    nib.save(nib.Nifti1Image(data, np.diag([0.4, 0.4, 1.0, 1.0])), tmp_path / "mask.nii.gz")
    return tmp_path / "mask.nii.gz"


def test_the_table_has_a_row_for_each_p_and_alpha(mask):
    table = clustsim_table(mask, acf=(0.5, 0.6, 1.6), iterations=300, pthr=(0.01, 0.001), athr=(0.1, 0.05), sided="bi")

    assert list(table.columns) == ["connectivity", "sided", "pthr", "athr", "cluster_size", "se"]
    assert table[["pthr", "athr"]].to_numpy().tolist() == [[0.01, 0.1], [0.01, 0.05], [0.001, 0.1], [0.001, 0.05]]
    assert (table["connectivity"] == 6).all()
    assert (table["sided"] == "bi").all()
    assert (table["cluster_size"] >= 1).all()


def test_the_same_seed_gives_the_same_table_for_any_number_of_workers(mask):
    one, two = (clustsim_table(mask, fwhm_mm=1.0, iterations=300, athr=(0.1,), n_jobs=jobs, seed=7) for jobs in (1, 2))

    assert one.to_csv() == two.to_csv()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either"),
        ({"acf": (0.5, 1.0, 1.0), "fwhm_mm": 1.0}, "either"),
        ({"acf": (1.5, 1.0, 1.0)}, "ACF a"),
        ({"fwhm_mm": 0.0}, "FWHM"),
        ({"fwhm_mm": 1.0, "iterations": 100}, "run 1000 or more"),
        ({"fwhm_mm": 1.0, "pthr": (2.3,)}, "looks like a z"),
        ({"fwhm_mm": 1.0, "connectivity": 7}, "6, 18 or 26"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(mask, options, message):
    with pytest.raises(DataError, match=message):
        clustsim_table(mask, **options)
