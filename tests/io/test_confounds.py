"""Confounds of several generations of fMRIPrep; components of masks by the JSON beside the table."""

import json

import numpy as np
import pytest

from cuecircuit.imaging.removed import ScanSignals, removed_signals, signal_faults
from cuecircuit.io.confounds import component_names, read_confounds
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series
from cuecircuit.study.acquisition import Nuisance


def test_components_of_older_tables_get_the_names_of_later_ones():
    columns = [f"a_comp_cor_{number:02d}" for number in range(5)] + ["a_comp_cor_100", "csf"]
    masks = ["combined", "combined", "CSF", "WM", "CSF", "WM"]
    notes = {name: {"Mask": mask} for name, mask in zip(columns, masks, strict=False)} | {"csf": {}}

    assert component_names(columns, notes) == {
        "a_comp_cor_00": "a_comp_cor_00",
        "a_comp_cor_01": "a_comp_cor_01",
        "a_comp_cor_02": "c_comp_cor_00",
        "a_comp_cor_04": "c_comp_cor_01",
        "a_comp_cor_03": "w_comp_cor_00",
        "a_comp_cor_100": "w_comp_cor_01",
    }


def test_without_a_sidecar_the_columns_keep_their_names(tmp_path):
    path = tmp_path / "sub-01_desc-confounds_timeseries.tsv"
    path.write_text("a_comp_cor_00\tcsf\n0.1\tn/a\n0.2\t3\n")

    table = read_confounds(path)

    assert list(table) == ["a_comp_cor_00", "csf"]
    np.testing.assert_array_equal(table["csf"], [np.nan, 3])


def test_more_components_than_a_mask_has_are_a_fault_and_not_those_of_another_mask(tmp_path):
    path = tmp_path / "sub-01_desc-confounds_regressors.tsv"
    columns = [*(f"a_comp_cor_{number:02d}" for number in range(4)), "cosine00"]
    path.write_text("\t".join(columns) + "\n" + "\n".join("\t".join(f"{k + n}" for n in range(5)) for k in range(9)))
    notes = {name: {"Mask": mask} for name, mask in zip(columns, ("combined", "combined", "WM", "CSF"), strict=False)}
    path.with_suffix(".json").write_text(json.dumps(notes))
    wanted = Nuisance(columns=("a_comp_cor_00", "a_comp_cor_01", "a_comp_cor_02", "cosine"))

    (fault,) = signal_faults(ScanSignals(tissues={}, table=read_confounds(path)), wanted)

    assert fault.startswith("no column a_comp_cor_02, which nuisance.columns asks for; it has a_comp_cor_00")


@pytest.mark.parametrize(
    ("name", "components"),
    [
        ("test_desc-confounds_regressors.tsv", 2),
        ("test-v21_desc-confounds_timeseries.tsv", 3),
    ],
)
@pytest.mark.parametrize("mask", ["combined", "separate"])
def test_real_tables_of_two_generations_give_the_components_of_each_mask(real_data, name, components, mask):
    table = read_confounds(real_data / "real" / "fmriprep_confounds" / name)
    starts = ("w", "c") if mask == "separate" else ("a",)
    expected = [f"{start}_comp_cor_{number:02d}" for start in starts for number in range(components)]
    n = len(next(iter(table.values())))
    series = Series(data=np.ones((1, 1, 1, n)), grid=Grid(shape=(1, 1, 1), affine=np.eye(4)), tr_s=2.0)
    signals = ScanSignals(tissues={}, table=table)

    names = removed_signals(series, signals, Nuisance(columns=(*expected, "cosine")), np.ones(n, dtype=bool)).names

    assert [one for one in names if "comp_cor" in one] == expected
    assert any(one.startswith("cosine") for one in names)
