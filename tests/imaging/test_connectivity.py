"""Correlations, beta series and gPPI between regions: independent computations, laws, nothing found in noise."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DesignError
from cuecircuit.imaging.connectivity import (
    psychophysiological_slopes,
    region_correlations,
    trial_correlations,
)
from cuecircuit.imaging.first_level import design_matrix
from cuecircuit.imaging.nuisance import Regressors
from cuecircuit.imaging.scan_edges import EdgeSettings, ScanEdges, edge_rows, join_scans, scan_edges
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series

N, TR_S = 240, 2.0
EVENTS = pd.DataFrame(
    {"onset": np.arange(20.0, 460.0, 40.0), "duration": 20.0, "trial_type": (["drug", "neutral"] * 6)[:11]}
)
BOXES = design_matrix(EVENTS, n_volumes=N, tr_s=TR_S, hrf="spm", drift_period_s=None)[["drug", "neutral"]].to_numpy()
ALL = np.ones(N, bool)
NONE = Regressors(values=np.empty((N, 0)), names=())


def noise(seed, regions=4):
    return np.random.default_rng(seed).standard_normal((N, regions))


def opened(seed, slope=0.8):
    """Four courses; during the drug cue the second follows the first."""
    courses = noise(seed)
    courses[:, 1] += slope * BOXES[:, 0] * courses[:, 0]
    return 500 + courses


def test_gppi_is_the_least_squares_of_the_whole_model_written_out():
    courses, extra = opened(1), np.random.default_rng(2).standard_normal((N, 3))
    found = psychophysiological_slopes(courses, BOXES, Regressors(values=extra, names=("a", "b", "c")), keep=ALL)
    base = np.column_stack([np.ones(N), extra])
    y = courses - base @ np.linalg.lstsq(base, courses, rcond=None)[0]
    y /= y.std(axis=0)
    for one, other in ((0, 1), (2, 3), (1, 3)):
        slopes = []
        for seed, target in ((one, other), (other, one)):
            model = np.column_stack([BOXES * y[:, [seed]], y[:, seed], BOXES, base])
            slopes.append(np.linalg.inv(model.T @ model) @ model.T @ y[:, target])
        np.testing.assert_allclose(found[:, one, other], np.mean(slopes, axis=0)[:2], rtol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 1000), st.floats(-100, 100))
def test_units_of_courses_do_not_matter_and_edges_have_no_direction(seed, scale, shift):
    courses = noise(seed)
    moved = courses * [scale, 1, 1, 1] + [shift, 0, 0, 0]
    plain, other = (psychophysiological_slopes(each, BOXES, NONE, keep=ALL) for each in (courses, moved))
    np.testing.assert_allclose(plain, other, atol=1e-7)
    np.testing.assert_array_equal(plain, plain.transpose(0, 2, 1))
    np.testing.assert_allclose(region_correlations(courses), region_correlations(moved), atol=1e-7)


def test_a_path_that_a_cue_opens_is_found_at_its_cue_alone():
    slopes = np.array([psychophysiological_slopes(opened(k), BOXES, NONE, keep=ALL) for k in range(40)])
    error = slopes.std(axis=0) / np.sqrt(40)
    mean = slopes.mean(axis=0)
    # the slope of standardized courses, both directions averaged, is below the planted .8
    assert mean[0, 0, 1] > 10 * error[0, 0, 1]
    null = np.abs(mean / error)
    for condition, one, other in [(1, 0, 1), (0, 0, 2), (0, 2, 3), (1, 2, 3)]:
        assert null[condition, one, other] < 4


def test_responses_alone_open_no_path():
    """Regions that both answer the cue, independently: what gPPI is for and a plain correlation is not."""
    found = []
    for seed in range(40):
        courses = noise(seed) + 2 * BOXES[:, [0]]
        found.append(psychophysiological_slopes(courses, BOXES, NONE, keep=ALL)[0, 0, 1])
        assert region_correlations(courses)[0, 1] > 0.2
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(40)


def test_volumes_that_do_not_count_change_nothing():
    keep = ALL.copy()
    keep[50:55] = False
    courses = opened(3)
    spoiled = courses.copy()
    spoiled[50:55] += 1000
    one, other = (psychophysiological_slopes(each, BOXES, NONE, keep=keep) for each in (courses, spoiled))
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_correlation_is_numpys_and_needs_degrees_of_freedom():
    data = noise(5)
    expected = np.arctanh(np.corrcoef(data.T)[np.triu_indices(4, 1)])
    np.testing.assert_allclose(region_correlations(data)[np.triu_indices(4, 1)], expected, rtol=1e-10)
    with pytest.raises(DesignError, match="5 samples less 2 degrees of freedom: a correlation needs 4 or more"):
        region_correlations(data[:5], lost=2)


def test_runs_are_centered_by_themselves():
    rng = np.random.default_rng(6)
    responses, runs = rng.standard_normal((12, 3)), np.repeat([0, 1], 6)
    shifted = responses + np.where(runs, 50.0, 0.0)[:, None]
    np.testing.assert_allclose(trial_correlations(responses, runs), trial_correlations(shifted, runs), atol=1e-9)


def scan(courses):
    grid = Grid(shape=(courses.shape[1], 1, 1), affine=np.eye(4))
    return Series(data=courses.T[:, None, None, :].astype(np.float32), grid=grid, tr_s=TR_S)


def test_beta_series_recover_trials_that_vary_together():
    rng = np.random.default_rng(7)
    z = []
    for _ in range(10):
        sizes = rng.multivariate_normal([2, 2, 2], [[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]], len(EVENTS))
        named = EVENTS.assign(trial_type=[f"t{k}" for k in range(len(EVENTS))])
        trials = design_matrix(named, n_volumes=N, tr_s=TR_S, hrf="spm", drift_period_s=None)
        courses = 500 + 5 * trials[list(named["trial_type"])].to_numpy() @ sizes + 0.3 * rng.standard_normal((N, 3))
        part = scan_edges(
            scan(courses), EVENTS, EdgeSettings(kind="beta_series", trials="lsa"), regressors=NONE, keep=ALL
        )
        z.append(join_scans([part])["drug"])
    mean = np.mean(z, axis=0)
    # arctanh(.9) = 1.47; six trials a scan, ten scans: standard error about .18
    assert mean[0, 1] == pytest.approx(np.arctanh(0.9), abs=0.6)
    assert abs(mean[0, 2]) < 0.6


def test_too_few_trials_are_named():
    part = ScanEdges(responses=noise(8)[:5], conditions=("drug", "drug", "drug", "drug", "food"))
    with pytest.raises(DesignError, match="condition food: 1 samples"):
        join_scans([part])


def test_a_region_without_voxels_has_no_edge_and_takes_none_from_others():
    courses = np.column_stack([opened(9), np.zeros(N)])
    found = join_scans([scan_edges(scan(courses), EVENTS, EdgeSettings(kind="ppi"), regressors=NONE, keep=ALL)])
    rows = edge_rows(found["drug"], ["a", "b", "c", "d", "empty"])
    assert len(rows) == 10
    assert rows.loc[rows["region2"] == "empty", "value"].isna().all()
    assert rows.loc[rows["region2"] != "empty", "value"].notna().all()


def test_what_is_on_throughout_cannot_be_told_from_the_course():
    with pytest.raises(DesignError, match="cannot be told from the other columns"):
        psychophysiological_slopes(noise(10), np.ones((N, 1)), NONE, keep=ALL)
