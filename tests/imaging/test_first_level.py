import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nibabel.nifti1 import Nifti1Image
from scipy.signal import lfilter

from cuecircuit.errors import DesignError
from cuecircuit.imaging import first_level
from cuecircuit.imaging.first_level import design_matrix, fit_first_level
from cuecircuit.imaging.hrf import rat_response
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series

EVENTS = pd.DataFrame(
    {
        "onset": [20.0, 60, 100, 140, 180, 220],
        "duration": [15.0] * 6,
        "trial_type": ["face", "house"] * 3,
    }
)
MASK = np.ones((5, 4, 3), bool)
MASK[0] = False


def scan(seed, effect_percent=0.0, n_volumes=140, tr_s=2.0, hrf="glover"):
    rng = np.random.default_rng(seed)
    design = design_matrix(EVENTS, n_volumes=n_volumes, tr_s=tr_s, hrf=hrf, drift_period_s=128.0)
    data = 500 * (
        1 + 0.01 * rng.standard_normal((5, 4, 3, n_volumes)) + effect_percent / 100 * design["face"].to_numpy()
    )
    return Series(data=data.astype(np.float32), grid=Grid(shape=(5, 4, 3), affine=np.eye(4)), tr_s=tr_s)


def fit(series, contrasts, **changes):
    return fit_first_level(series, EVENTS, contrasts, **({"mask": MASK, "hrf": "glover"} | changes))


@pytest.mark.parametrize("noise", ["ar1", "ols"])
def test_maps_are_those_of_nilearns_first_level_model(noise):
    from nilearn.glm.first_level import FirstLevelModel
    from nilearn.maskers import NiftiMasker

    series = scan(1, 1.0)
    masker = NiftiMasker(mask_img=Nifti1Image(MASK.astype(np.uint8), np.eye(4))).fit()
    model = FirstLevelModel(t_r=2.0, mask_img=masker, high_pass=1 / 128, noise_model=noise)
    model.fit(Nifti1Image(series.data, np.eye(4)), events=EVENTS)
    theirs = model.compute_contrast("face - house", output_type="all")

    ours = fit(series, {"d": "face - house"}, noise=noise)["d"]

    for key, values in (("effect_size", ours.effect), ("effect_variance", ours.variance), ("stat", ours.t)):
        # float32 scans, scaled to percent in two ways
        np.testing.assert_allclose(values, theirs[key].get_fdata()[MASK], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(ours.z, theirs["z_score"].get_fdata()[MASK], rtol=1e-3, atol=1e-4)


def test_every_autocorrelation_is_whitened_as_nilearn_whitens_it():
    from nilearn.glm import compute_contrast
    from nilearn.glm.first_level import run_glm

    rng = np.random.default_rng(7)
    # 48 voxels from -0.6 to 0.8
    noise = np.stack([lfilter([1.0], [1.0, -rho], rng.normal(size=140)) for rho in np.linspace(-0.6, 0.8, 48)])
    data = np.ones((5, 4, 3, 140), np.float32)
    data[MASK] += 0.01 * noise
    series = Series(data=data, grid=Grid(shape=(5, 4, 3), affine=np.eye(4)), tr_s=2.0)
    percent = 100 * (data[MASK].T / data[MASK].T.mean(axis=0, dtype=float) - 1)
    design = design_matrix(EVENTS, n_volumes=140, tr_s=2.0, hrf="glover", drift_period_s=128.0)
    labels, results = run_glm(percent, design.to_numpy(), noise_model="ar1")
    assert len(results) > 30

    found = fit(series, {"d": "face - house", "face": "face"})

    for name, weights in (("d", [1.0, -1.0]), ("face", [1.0, 0.0])):
        theirs = compute_contrast(labels, results, np.pad(weights, (0, design.shape[1] - 2)), stat_type="t")
        # the order of additions
        np.testing.assert_allclose(found[name].effect, theirs.effect_size(), rtol=1e-10)
        np.testing.assert_allclose(found[name].variance, theirs.effect_variance(), rtol=1e-10)
        np.testing.assert_allclose(found[name].z, theirs.z_score(), rtol=1e-10)
        assert found[name].df == theirs.dof


def test_a_run_that_is_asked_for_nothing_gives_nothing():
    assert fit(scan(6), {}) == {}


def test_least_squares_gives_the_textbook_t():
    series = scan(2, 0.5)
    design = design_matrix(EVENTS, n_volumes=140, tr_s=2.0, hrf="glover", drift_period_s=128.0).to_numpy()
    data = series.data[MASK].T.astype(float)
    percent = 100 * (data / data.mean(axis=0) - 1)
    beta, rss, rank, _ = np.linalg.lstsq(design, percent, rcond=None)
    weights = np.array([1.0, -1.0] + [0] * (design.shape[1] - 2))
    variance = rss / (140 - rank) * (weights @ np.linalg.inv(design.T @ design) @ weights)

    found = fit(series, {"d": "face - house"}, noise="ols")["d"]

    assert found.df == 140 - rank
    np.testing.assert_allclose(found.effect, weights @ beta, rtol=1e-3, atol=1e-4)  # float32 scans
    np.testing.assert_allclose(found.t, weights @ beta / np.sqrt(variance), rtol=1e-3, atol=1e-3)


def test_a_planted_effect_is_found_in_percent():
    found = fit(scan(3, effect_percent=2.0), {"face": "face", "house": "house"})

    # noise 1 %, about 22 volumes on: 0.3 % per voxel, 48 voxels: 0.05 %; four of them
    assert found["face"].effect.mean() == pytest.approx(2.0, abs=0.2)
    assert found["house"].effect.mean() == pytest.approx(0.0, abs=0.2)


def test_t_is_standard_under_the_null():
    t = np.concatenate([fit(scan(seed), {"d": "face - house"}, noise="ols")["d"].t for seed in range(40, 80)])

    # 1920 independent t with 133 df (variance 1.015): standard errors 0.023 and 0.033; four of them
    assert t.mean() == pytest.approx(0, abs=0.09)
    assert t.var() == pytest.approx(1.015, abs=0.13)


def test_the_rat_has_columns_of_its_own_response_under_plain_names():
    design = design_matrix(EVENTS, n_volumes=140, tr_s=0.5, hrf="rat", drift_period_s=128.0)

    assert list(design.columns[:2]) == ["face", "house"]
    # the response to a long block is the running integral of the response to a moment: it overshoots, then stays at 1
    step = np.cumsum(rat_response(np.arange(0, 15, 0.01))) * 0.01
    assert design["face"].max() == pytest.approx(step.max(), abs=0.02)
    assert design["face"].to_numpy()[int(34.5 / 0.5)] == pytest.approx(step[-1], abs=0.02)


def test_voxels_without_signal_are_nan():
    series = scan(4)
    series.data[2, 2, 2] = 0

    found = fit(series, {"face": "face"})["face"]

    np.testing.assert_array_equal(np.argwhere(MASK)[np.isnan(found.t)], [[2, 2, 2]])


def test_contrasts_that_cannot_be_read_are_named_at_once():
    with pytest.raises(DesignError) as caught:
        fit(scan(5), {"a": "face - hause", "b": "face -", "c": "face - face"})

    assert len(caught.value.faults) == 3
    assert caught.value.faults[0].startswith(
        "contrast a: 'face - hause' cannot be read; write sums and differences of: face, house, drift_1"
    )
    assert caught.value.faults[1].startswith("contrast b: 'face -' cannot be read")
    assert caught.value.faults[2] == "contrast c: 'face - face' is zero for every column of the design"


def test_the_localizer_example_finds_the_visual_cortex(real_data):
    script = Path(__file__).parents[2] / "examples" / "localizer.py"
    folder = real_data / "human" / "studyforrest_localizer"

    done = subprocess.run([sys.executable, "-W", "error", script, folder], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    rows = {tuple(line.split("\t")[:2]): line.split("\t") for line in done.stdout.splitlines() if "\t" in line}
    # least squares gives about 22 in the 6 mm copy, nilearn's own default (AR(1), automatic mask) 17.04
    assert float(rows["pictures against rest", "ols"][2]) == pytest.approx(22, abs=1)
    assert float(rows["pictures against rest", "ar1"][2]) == pytest.approx(17.04, abs=0.02)


def test_voxels_fitted_in_blocks_give_what_they_give_together(monkeypatch):
    rng = np.random.default_rng(3)
    data = rng.normal(100, 2, (5, 4, 3, 80)).astype(np.float32)
    data[0, 0] = 0.0
    series = Series(data=data, grid=Grid(shape=(5, 4, 3), affine=np.eye(4)), tr_s=2.0)
    events = pd.DataFrame({"onset": [10.0, 50, 90], "duration": 10.0, "trial_type": "cue"})

    def fitted():
        maps = fit_first_level(series, events, {"cue": "cue"}, mask=np.ones((5, 4, 3), bool), hrf="glover")["cue"]
        return np.stack([maps.effect, maps.variance, maps.t, maps.z]), maps.df

    together, df = fitted()
    monkeypatch.setattr(first_level, "_BLOCK", 3)
    apart, df_apart = fitted()

    assert np.isnan(together[:, :3]).all()
    # the order of additions in products of matrices of other sizes
    np.testing.assert_allclose(apart, together, rtol=1e-9)
    assert df_apart == df
