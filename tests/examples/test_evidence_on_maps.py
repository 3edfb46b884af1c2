"""Evidence on real maps: numbers that follow from t of the pairs alone, and the effect held out is the smaller one."""

import runpy
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import integrate, stats

EXAMPLE = Path(__file__).parents[2] / "examples" / "evidence_on_maps.py"


def bayes_factor(t: float, n: int) -> float:
    """Integrate the noncentral t over the Cauchy prior of d with scale √2/2 (Rouder et al. 2009)."""

    def weighed(d: float) -> float:
        return float(stats.nct.pdf(t, n - 1, d * np.sqrt(n)) * stats.cauchy.pdf(d, scale=2**-0.5))

    return integrate.quad(weighed, -3, 3, limit=200, points=[0])[0] / float(stats.t.pdf(t, n - 1))


def test_evidence_of_real_maps_is_that_of_t_and_held_out_people_show_less(real_data, tmp_path, capsys):
    folder = real_data / "human" / "woo2014_2x2"
    runpy.run_path(str(EXAMPLE))["main"](folder, tmp_path)
    said = capsys.readouterr().out
    mask = nib.load(tmp_path / "mask.nii.gz").get_fdata() > 0
    heat, warmth = (
        nib.load(folder / f"contrast_{name}_59subjects_4mm.nii.gz").get_fdata()[mask].T for name in ("heat", "warmth")
    )
    t = stats.ttest_rel(heat, warmth).statistic

    def voxels(name: str) -> np.ndarray:
        path = tmp_path / "results" / f"contrast-stimulus_stat-{name}_statmap.nii.gz"
        return nib.load(path).get_fdata()[mask]

    np.testing.assert_allclose(np.abs(voxels("d")), np.abs(t) / np.sqrt(59), rtol=1e-4)
    for at in (100, 9000, int(np.abs(t).argmax())):
        assert abs(voxels("logBF10")[at] - np.log(bayes_factor(t[at], 59))) < 2e-3
        low, high = (stats.nct.cdf(t[at], 58, bound * np.sqrt(59)) for bound in (-0.3, 0.3))
        assert abs(voxels("pequivalence")[at] - max(1 - low, high)) < 1e-4
    best = pd.read_csv(tmp_path / "results" / "clusters.tsv", sep="\t", na_values="n/a").query("term == 'stimulus'")
    assert abs(best["peak_g"].iloc[0]) > abs(best["held_out_g"].iloc[0]) > 0.4
    assert "in held-out people" in said


def test_without_the_maps_the_example_says_so(tmp_path, capsys):
    runpy.run_path(str(EXAMPLE))["main"](tmp_path / "absent", tmp_path / "out")
    assert "skipped" in capsys.readouterr().out
