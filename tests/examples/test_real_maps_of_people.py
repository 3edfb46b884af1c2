"""The examples on real maps of people give what an independent computation gives."""

import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import stats

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, folder, out, *options):
    command = [sys.executable, "-W", "error", EXAMPLES / name, folder, out, *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_ordinary_tests_of_the_reappraisal_maps_are_those_of_scipy_and_robust_ones_agree_in_the_strongest_voxel(
    real_data, tmp_path
):
    folder = real_data / "human" / "wager2008_reappraisal"
    said = run("reappraisal.py", folder, tmp_path, "--iterations", "200")
    assert said.startswith("30 people, 75919 voxels")
    mask = nib.load(tmp_path / "mask.nii.gz").get_fdata() > 0
    rows = pd.read_csv(tmp_path / "maps.tsv", sep="\t")
    y = np.stack([nib.load(name).get_fdata().squeeze()[mask] for name in rows["map"]])

    def written(method, term):
        return nib.load(tmp_path / method / f"contrast-{term}_stat-t_statmap.nii.gz").get_fdata()[mask]

    t = written("ols", "intercept")
    slope = written("ols", "centersuccess")
    strongest = int(t.argmax())
    for voxel in (0, strongest, int(np.abs(slope).argmax())):
        found = stats.linregress(rows["success"], y[:, voxel])
        # maps of t are written in single precision
        np.testing.assert_allclose(slope[voxel], found.slope / found.stderr, rtol=1e-6)
    x = np.column_stack([np.ones(30), rows["success"] - rows["success"].mean()])
    left = y[:, strongest] - x @ np.linalg.lstsq(x, y[:, strongest])[0]
    expected = y[:, strongest].mean() / np.sqrt(left @ left / 28 / 30)
    np.testing.assert_allclose(t[strongest], expected, rtol=1e-6)
    assert written("huber", "intercept")[strongest] > 5


def test_permutation_of_the_2x2_maps_finds_the_known_peaks(real_data, tmp_path):
    said = run(
        "pain_and_rejection_permutation.py", real_data / "human" / "woo2014_2x2", tmp_path, "--permutations", "100"
    )
    rows = {line.split("\t")[0]: line.split("\t") for line in said.splitlines()}
    # as the F of the same maps without permutation
    assert [rows[term][1] for term in ("kind", "level", "kind:level")] == ["317.84", "62.37", "37.53"]
    assert all(int(rows[term][6]) > 0 for term in ("kind", "level", "kind:level"))
