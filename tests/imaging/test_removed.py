"""What is removed from a scan: columns by mask or by name, expanded motion, censoring, and every fault at once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.imaging.nuisance import MOTION_NAMES, Regressors, motion_columns, regress
from cuecircuit.imaging.removed import ScanSignals, counted_volumes, model_columns, removed_signals, signal_faults
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series
from cuecircuit.study.acquisition import Nuisance

SHAPE, N, TR_S = (8, 7, 5), 90, 2.0
WHITE, VENTRICLES, MASK = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
WHITE[1:4, 1:6, 1:4] = True
VENTRICLES[5:7, 1:6, 1:4] = True
TISSUES = {"white_matter": WHITE, "ventricles": VENTRICLES}
ALL = np.ones(N, bool)


def scan(seed=1):
    data = 1000 + 10 * np.random.default_rng(seed).standard_normal((*SHAPE, N))
    return Series(data=data, grid=Grid(shape=SHAPE, affine=np.eye(4)), tr_s=TR_S)


def motion(seed=9):
    return 0.01 * np.random.default_rng(seed).standard_normal((N, 6))


def table(seed=0, **more):
    """Columns as fMRIPrep has them."""
    rng = np.random.default_rng(seed)
    parts = {f"{mask}_comp_cor_{k:02d}": rng.normal(size=N) for mask in "awc" for k in range(3)}
    return {
        **dict(zip(MOTION_NAMES, motion(seed).T, strict=True)),
        **{name: 1000 + rng.normal(size=N) for name in ("csf", "white_matter", "global_signal")},
        **parts,
        "cosine00": np.cos(np.pi * (np.arange(N) + 0.5) / N),
        "non_steady_state_outlier00": np.eye(N)[0],
        "framewise_displacement": np.r_[np.nan, np.full(N - 1, 0.1)],
        **more,
    }


def signals(columns=None, tissues=None):
    columns = table() if columns is None else columns
    known = all(name in columns for name in MOTION_NAMES)
    moved = np.column_stack([columns[name] for name in MOTION_NAMES]) if known else None
    return ScanSignals(tissues=tissues or {}, motion=moved, table=columns)


def left_by(columns, y):
    x = np.column_stack([np.ones(len(y)), columns])
    return y - x @ np.linalg.lstsq(x, y, rcond=None)[0]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ()),
        ({"motion": 6}, MOTION_NAMES),
        ({"white_matter": True, "ventricles": True}, ("white_matter", "csf")),
        ({"columns": "global_signal"}, ("global_signal",)),
        ({"columns": ["w_comp_cor_", "csf"]}, ("w_comp_cor_00", "w_comp_cor_01", "w_comp_cor_02", "csf")),
        ({"columns": ["cosine", "non_steady_state_outlier"]}, ("cosine00", "non_steady_state_outlier00")),
        # a table without such volumes has no such column
        ({"columns": "motion_outlier"}, ()),
    ],
)
def test_columns_of_a_table_of_fmriprep_enter_by_name(settings, names):
    own = table()
    found = removed_signals(scan(), signals(own), Nuisance(**settings), ALL)
    assert found.names == names
    for name, column in zip(found.names, found.values.T, strict=True):
        assert np.array_equal(column, own[name]), name


def test_tissues_of_rabies_enter_by_its_names():
    own = {"WM_signal": np.arange(N, dtype=float), "CSF_signal": np.ones(N) * 3}
    found = removed_signals(scan(), signals(own), Nuisance(white_matter=True, ventricles=True), ALL)
    assert found.names == ("WM_signal", "CSF_signal")
    assert np.array_equal(found.values, np.column_stack([*own.values()]))


def test_masks_of_the_study_go_before_the_table():
    series = scan()
    found = removed_signals(series, signals(tissues=TISSUES), Nuisance(white_matter=True, ventricles=True), ALL)
    means = [series.data[tissue].mean(axis=0) for tissue in (WHITE, VENTRICLES)]
    assert found.names == ("white_matter", "ventricles")
    np.testing.assert_allclose(found.values, np.column_stack(means), rtol=1e-12)


@pytest.mark.parametrize("n", [6, 12, 24])
def test_motion_is_expanded(n):
    moved = motion()
    found = removed_signals(scan(), ScanSignals(tissues={}, motion=moved), Nuisance(motion=n), ALL)
    first = np.vstack([np.zeros(6), np.diff(moved, axis=0)])
    expected = np.hstack([moved, first, moved**2, first**2])[:, :n]
    np.testing.assert_allclose(found.values, expected, rtol=1e-12, atol=1e-18)


def test_components_of_the_masks_span_the_leading_part_of_each_tissue():
    series, keep = scan(), np.arange(N) % 11 != 5
    found = removed_signals(series, ScanSignals(tissues=TISSUES), Nuisance(acompcor=2), keep)
    assert found.names == tuple(f"{name}_acompcor{number}" for name in TISSUES for number in range(2))
    for place, tissue in enumerate(TISSUES.values()):
        own = series.data[tissue].T[keep]
        own = (own - own.mean(axis=0)) / own.std(axis=0)
        leading = np.linalg.svd(own, full_matrices=False)[0][:, :2]
        columns = found.values[keep, 2 * place : 2 * place + 2]
        np.testing.assert_allclose(leading @ (leading.T @ columns), columns, atol=1e-8 * np.abs(columns).max())


def test_a_low_pass_takes_a_fast_wave_and_leaves_a_slow_one():
    time_s = (np.arange(N) + 0.5) * TR_S
    slow, fast = (np.cos(2 * np.pi * k / (2 * N * TR_S) * time_s) for k in (10, 80))  # whole half-waves
    columns = removed_signals(scan(), ScanSignals(tissues={}), Nuisance(low_pass_hz=0.1), ALL)

    cleaned = regress(np.column_stack([slow, fast]), columns)

    np.testing.assert_allclose(cleaned.data, np.column_stack([slow, 0 * fast]), atol=1e-12)
    # 0.1 Hz is cosine 36 of 90; 53 faster ones and the mean are gone
    assert cleaned.residual_df == N - 1 - 53


def test_drift_slower_than_the_period_goes_and_a_model_with_its_own_gets_none():
    wave = np.cos(np.pi * 3 * (np.arange(N) + 0.5) / N)[:, None]  # period 120 s
    settings = Nuisance(drift_period_s=100)
    columns = removed_signals(scan(), ScanSignals(tissues={}), settings, ALL)
    np.testing.assert_allclose(regress(wave, columns).data, 0, atol=1e-12)
    assert not removed_signals(scan(), ScanSignals(tissues={}), settings, ALL, drift=False).names


def test_everything_at_once_is_one_least_squares_fit_with_one_column_per_censored_volume():
    settings = Nuisance(
        white_matter=True,
        ventricles=True,
        motion=24,
        acompcor=3,
        columns=("global_signal",),
        drift_period_s=60,
        low_pass_hz=0.2,
        censor_fd_mm=0.32,
    )
    own = {name: column for name, column in table().items() if name != "framewise_displacement"}
    series, known = scan(), replace(signals(own, TISSUES), head_radius_mm=5.0)
    keep = counted_volumes(series, known, settings, MASK)
    assert 0 < (~keep).sum() < 80
    columns = removed_signals(series, known, settings, keep)
    assert len(set(columns.names)) == len(columns.names) == columns.values.shape[1]

    y = series.data[MASK].T
    cleaned = regress(y, columns, keep=keep)

    design = np.column_stack([np.ones(N), columns.values, np.eye(N)[:, ~keep]])
    scaled = design / np.linalg.norm(design, axis=0)
    residual = y - scaled @ np.linalg.lstsq(scaled, y, rcond=None)[0]
    np.testing.assert_allclose((cleaned.data - y[keep].mean(axis=0))[keep], residual[keep], atol=1e-7)


def test_a_volume_displaced_too_far_is_left_out_and_the_first_counts():
    moved = np.full(N, 0.1)
    moved[[0, 7, 30]] = np.nan, 0.9, 0.6
    known = signals(table(framewise_displacement=moved))
    keep = counted_volumes(scan(), known, Nuisance(censor_fd_mm=0.5), MASK)
    assert np.flatnonzero(~keep).tolist() == [7, 30]


@given(st.integers(0, 1000), st.floats(0.05, 0.4))
def test_displacement_of_the_motion_is_that_of_power(seed, limit_mm):
    moved = motion(seed)
    keep = counted_volumes(
        scan(), ScanSignals(tissues={}, motion=moved, head_radius_mm=5.0), Nuisance(censor_fd_mm=limit_mm), MASK
    )
    steps = np.abs(np.diff(moved, axis=0))
    far = steps[:, :3].sum(axis=1) + 5 * steps[:, 3:].sum(axis=1) > limit_mm
    assert np.array_equal(keep, np.r_[True, ~far])


def test_the_volume_after_a_jump_of_the_image_is_left_out():
    series = scan()
    series.data[..., 40] += 200
    keep = counted_volumes(series, ScanSignals(tissues={}), Nuisance(censor_dvars_percent=5), MASK)
    # into the bad volume and out of it
    assert np.flatnonzero(~keep).tolist() == [40, 41]


def test_censoring_by_displacement_needs_to_know_of_motion():
    with pytest.raises(DataError, match="nothing tells how the head moved"):
        counted_volumes(scan(), ScanSignals(tissues={}), Nuisance(censor_fd_mm=0.1), MASK)


def test_a_displacement_that_is_no_number_after_the_first_volume_is_a_fault():
    moved = np.full(N, 0.1)
    moved[[0, 7]] = np.nan
    known = signals(table(framewise_displacement=moved))
    assert list(signal_faults(known, Nuisance(motion=6))) == []
    assert any("framewise_displacement" in fault for fault in signal_faults(known, Nuisance(censor_fd_mm=0.5)))


@given(st.integers(0, 10_000), st.sampled_from([6, 12, 24]), st.floats(1e-8, 1e3))
def test_columns_of_a_model_leave_what_the_signals_leave_whatever_their_unit(seed, n, unit):
    plain = motion_columns(motion(seed), n)
    y = np.random.default_rng(seed + 1).normal(size=N)
    found = model_columns(Regressors(values=plain * unit, names=tuple(map(str, range(n)))), ALL)
    assert found.values.shape == (N, n)
    np.testing.assert_allclose(left_by(found.values, y), left_by(plain / plain.std(axis=0), y), atol=1e-8)


def test_a_tiny_column_keeps_its_effect_beside_large_ones():
    rng = np.random.default_rng(3)
    large, tiny = 1e4 + rng.normal(size=N), 1e-8 * rng.normal(size=N)
    y = 3e8 * tiny + rng.normal(0, 0.01, N)
    found = model_columns(Regressors(values=np.column_stack([large, tiny]), names=("large", "tiny")), ALL)
    assert found.names == ("large", "tiny")
    assert left_by(found.values, y).std() < 0.02


def test_volumes_left_out_have_columns_of_their_own_and_constant_columns_none():
    keep = np.ones(N, bool)
    keep[[4, 60]] = False
    own = Regressors(values=np.column_stack([np.full(N, 812.3), np.arange(N)]), names=("constant", "trend"))
    found = model_columns(own, keep)
    assert found.names == ("trend", "censored4", "censored60")
    assert np.array_equal(found.values[:, 1:], np.eye(N)[:, [4, 60]])


def test_all_that_is_missing_is_named_at_once():
    own = {name: column for name, column in table().items() if name not in ("rot_z", "csf", "white_matter")}
    settings = Nuisance(motion=12, white_matter=True, ventricles=True, acompcor=3, columns=("a_comp", "breaths", "x"))
    with pytest.raises(DataError) as error:
        removed_signals(scan(), signals(own), settings, ALL)
    said = "\n".join(error.value.faults)
    for part in (
        "no column rot_z, but nuisance.motion",
        "no column white_matter, which nuisance.white_matter",
        "no column csf, which nuisance.ventricles",
        "no column breaths, which nuisance.columns",
        "no column x, which nuisance.columns",
        "nuisance.acompcor makes components of the masks",
    ):
        assert part in said
    assert len(error.value.faults) == 6


def test_without_a_file_of_confounds_motion_is_missing():
    assert list(signal_faults(ScanSignals(tissues={}), Nuisance(motion=6))) == [
        "no file of confounds, but nuisance.motion asks for motion"
    ]


@pytest.mark.parametrize(("name", "settings"), [("csf", {"ventricles": True}), ("global_signal", {"columns": "glob"})])
def test_values_that_are_no_numbers_are_named(name, settings):
    own = table()
    own[name][3] = np.nan
    with pytest.raises(DataError, match=f"no number in some rows of {name}"):
        removed_signals(scan(), signals(own), Nuisance(**settings), ALL)


def test_motion_that_is_no_number_is_named():
    own = table()
    own["trans_x"][3] = np.inf
    with pytest.raises(DataError, match="motion parameters that are no number"):
        removed_signals(scan(), signals(own), Nuisance(motion=6), ALL)


def test_masks_without_a_voxel_or_on_another_grid_are_named():
    with pytest.raises(DataError, match=r"space.white_matter holds no voxel"):
        removed_signals(scan(), signals(tissues={"white_matter": WHITE & False}), Nuisance(white_matter=True), ALL)
    with pytest.raises(DataError, match=r"space.ventricles has shape"):
        removed_signals(scan(), signals(tissues={"ventricles": WHITE[1:]}), Nuisance(), ALL)
