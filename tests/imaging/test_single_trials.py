"""Responses to single trials: models of nilearn trial by trial, a planted response, and pictures as a random factor."""

import numpy as np
import pandas as pd
import pytest
from nibabel.nifti1 import Nifti1Image

import cuecircuit as cc
from cuecircuit.errors import DataError, DesignError
from cuecircuit.imaging.first_level import design_matrix, fit_first_level
from cuecircuit.imaging.nuisance import Regressors
from cuecircuit.imaging.single_trials import trial_responses
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series

MASK = np.ones((3, 2, 2), bool)
MASK[0, 0, 0] = False
EVENTS = pd.DataFrame(
    {"onset": 6.0 + 7.0 * np.arange(12), "duration": 2.0, "trial_type": ["drug", "neutral", "neutral"] * 4}
)
MOTION = Regressors(values=np.random.default_rng(2).normal(size=(60, 2)), names=("x", "y"))


def scan(heights: np.ndarray, noise: float = 1.0, seed: int = 1) -> Series:
    """Trials of these heights in percent, in every voxel."""
    alone = EVENTS.assign(trial_type=[f"t{k:02d}" for k in range(12)])
    columns = design_matrix(alone, n_volumes=60, tr_s=2.0, hrf="spm", drift_period_s=None).to_numpy()[:, :12]
    data = np.random.default_rng(seed).normal(0, noise, (3, 2, 2, 60)) + columns @ heights
    return Series(
        data=(500 * (1 + data / 100)).astype(np.float32), grid=Grid(shape=(3, 2, 2), affine=np.eye(4)), tr_s=2.0
    )


@pytest.mark.parametrize("method", ["lss", "lsa"])
def test_each_trial_is_that_of_a_model_fitted_by_nilearn(method):
    series = scan(np.linspace(0, 2, 12))
    options = {"mask": MASK, "hrf": "spm", "drift_period_s": 60.0, "nuisance": MOTION}
    found = trial_responses(series, EVENTS, method=method, **options)
    for trial in (0, 5, 11):
        kinds = EVENTS["trial_type"].tolist() if method == "lss" else [f"t{k:02d}" for k in range(12)]
        kinds[trial] = "this"
        theirs = fit_first_level(series, EVENTS.assign(trial_type=kinds), {"this": "this"}, noise="ols", **options)
        np.testing.assert_allclose(found[trial], theirs["this"].effect, rtol=1e-6, atol=1e-8)


def test_planted_heights_are_found_and_separate_models_vary_less_where_responses_overlap():
    heights = np.random.default_rng(3).normal(1, 0.5, 12)
    series = scan(heights, noise=0.0)
    exact = trial_responses(series, EVENTS, mask=MASK, hrf="spm", method="lsa", drift_period_s=None)
    # percent of the mean, which has the responses in it; the scan is in single precision
    expected = np.repeat(heights[:, None], 11, axis=1) * 500 / series.data.mean(dtype=np.float64)
    np.testing.assert_allclose(exact, expected, atol=1e-4)
    close = EVENTS.assign(onset=6.0 + 3.0 * np.arange(12))
    empty = scan(np.zeros(12))
    spread = {
        method: trial_responses(empty, close, mask=MASK, hrf="spm", method=method).std() for method in ("lss", "lsa")
    }
    assert spread["lss"] < 0.8 * spread["lsa"]


def test_trials_after_the_end_and_doubled_trials_are_named():
    late = EVENTS.assign(onset=EVENTS["onset"] + 50)
    with pytest.raises(DesignError, match=r"trials 10, 11, 12: the scan tells nothing of them \(3 of 12\)"):
        trial_responses(scan(np.zeros(12)), late, mask=MASK, hrf="spm")
    with pytest.raises(DesignError, match=r"\(12 of 12\); they are after its end"):
        trial_responses(scan(np.zeros(12)), late.assign(onset=900.0), mask=MASK, hrf="spm")
    doubled = EVENTS.assign(onset=EVENTS["onset"].where(EVENTS.index != 1, EVENTS["onset"][0]))
    with pytest.raises(DesignError, match="trials 1, 2: the scan"):
        trial_responses(scan(np.zeros(12)), doubled, mask=MASK, hrf="spm", method="lsa")


def test_maps_of_trials_go_into_a_model_with_pictures():
    rng = np.random.default_rng(5)
    pictures = rng.normal(0, 0.5, 12)
    rows = []
    for person in range(6):
        heights = 1.5 * (EVENTS["trial_type"] == "drug").to_numpy() + pictures + rng.normal(0, 0.3, 12)
        series = scan(heights, noise=0.3, seed=person)
        image, mask = Nifti1Image(series.data, np.eye(4)), Nifti1Image(MASK.astype(np.uint8), np.eye(4))
        events = EVENTS.assign(picture=[f"p{k}" for k in range(12)], subject=f"s{person}")
        rows.append(cc.trial_maps(image, events, mask, tr_s=2.0))
    fit = cc.fit(pd.concat(rows), "trial_type + (1 | subject) + (1 | picture)", mask=mask, subject="subject")
    test = fit.tests.set_index("term").loc["trial_type"]
    assert test["smallest p"] < 0.01
    assert test["df2"] == pytest.approx(10, abs=1)


def test_the_time_step_that_is_given_counts_and_that_of_the_header_has_its_unit(tmp_path):
    image, mask = Nifti1Image(scan(np.ones(12)).data, np.eye(4)), Nifti1Image(MASK.astype(np.uint8), np.eye(4))
    image.to_filename(tmp_path / "scan.nii")  # nibabel's header has a time step of 1
    given, file = (cc.trial_maps(each, EVENTS, mask, tr_s=2.0) for each in (image, tmp_path / "scan.nii"))
    image.header.set_zooms((1, 1, 1, 2000))
    with pytest.raises(DataError, match="found a time step of 2000 s"):
        cc.trial_maps(image, EVENTS, mask)
    image.header.set_xyzt_units("mm", "msec")
    for other in (file, cc.trial_maps(image, EVENTS, mask)):
        np.testing.assert_array_equal(given["map"][0].get_fdata(), other["map"][0].get_fdata())


def test_faults_of_a_scan_and_its_events_are_named_at_once():
    image = Nifti1Image(scan(np.zeros(12)).data, np.eye(4))
    mask = Nifti1Image(np.ones((3, 2, 3), np.uint8), np.eye(4))
    with pytest.raises(DataError) as caught:
        cc.trial_maps(image, EVENTS.assign(onset=np.nan), mask, tr_s=2.0)
    assert "row 1 lacks an onset" in str(caught.value)
    assert "another grid" in str(caught.value)
    with pytest.raises(DataError, match="four dimensions"):
        cc.trial_maps(mask, EVENTS, mask)
