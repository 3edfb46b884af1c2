"""First levels of scans against nilearn, least squares and numpy; planted courses; runs combined; a null check."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.nifti1 import Nifti1Image
from scipy import stats

from cuecircuit.errors import DataError, DesignError
from cuecircuit.imaging.first_level import design_matrix
from cuecircuit.imaging.fixed_effects import Estimate
from cuecircuit.imaging.removed import ScanSignals
from cuecircuit.imaging.scan_values import ScanValues
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.records.atlas import Atlas
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series
from cuecircuit.study.acquisition import Blocks, Glm, Nuisance, Seed
from cuecircuit.tables.first_level import (
    ScanAnswer,
    answer_blocks,
    answer_glm,
    answer_seed,
    averaged_blocks,
    combined_runs,
    fisher_z,
    model_events,
)
from cuecircuit.tables.map_plan import Estimated, conditions_of
from cuecircuit.tables.scan_reading import ScanAtWork

SHAPE, N, TR_S = (5, 4, 3), 140, 2.0
GRID = Grid(shape=SHAPE, affine=np.eye(4))
MASK = np.ones(SHAPE, bool)
MASK[0] = False
LABELS = np.zeros(SHAPE, np.int32)
LABELS[1:3], LABELS[3:] = 1, 2
ATLAS = Atlas(labels=LABELS, names={1: "dorsal part", 2: "ventral part"}, grid=GRID)
ONSETS = [10.0, 40, 70, 100, 130, 160, 190, 220]
TRIALS = pd.DataFrame(
    {
        "onset_s": ONSETS,
        "duration_s": 12.0,
        "trial_type": ["face", "house"] * 4,
        "picture": ["face", "house"] * 4,
        "rating": [1.0, 3.0, 4.0, 2.0, 2.0, 5.0, 5.0, 3.0],
    }
)
OTHERS = pd.DataFrame({"onset": [25.0, 115.0, 205.0], "duration": [2.0] * 3, "trial_type": "key press"})


def scan(
    data: np.ndarray, *, trials: pd.DataFrame = TRIALS, others: pd.DataFrame = OTHERS, motion: np.ndarray | None = None
) -> ScanAtWork:
    return ScanAtWork(
        files=ScanFiles(
            subject="01",
            session=None,
            run=None,
            bold=Path("bold.nii"),
            events=None,
            physio=None,
            confounds=None,
            tr_s=TR_S,
        ),
        series=Series(data=data, grid=GRID, tr_s=TR_S),
        mask=MASK,
        signals=ScanSignals(tissues={}, motion=motion, head_radius_mm=1.0),
        trials=trials,
        others=others,
        values=ScanValues(faults=(), covered=1.0, volumes=()),
    )


def noise(seed: int, n: int = N) -> np.ndarray:
    return 500 + 5 * np.random.default_rng(seed).standard_normal((*SHAPE, n))


def motion(seed: int = 5) -> np.ndarray:
    return np.cumsum(0.01 * np.random.default_rng(seed).standard_normal((N, 6)), axis=0)


def glm(**changes: object) -> Glm:
    return Glm.model_validate({"kind": "glm", "cells": "picture", "hrf": "glover", "noise": "ols", **changes})


def estimated(label: str, **weights: float) -> Estimated:
    return Estimated(table="contrasts.task", keys={"contrast": label}, label=label, weights=weights, cells=())


def parts(answer: ScanAnswer) -> dict[str, tuple[frozenset[str], Estimate]]:
    assert isinstance(answer.smoothed, dict)
    return answer.smoothed


def events(**more: object) -> pd.DataFrame:
    """Cells and other events as nilearn takes them."""
    cells = pd.DataFrame({"onset": ONSETS, "duration": 12.0, "trial_type": TRIALS["picture"], **more})
    return pd.concat([cells, OTHERS.assign(trial_type="key")], ignore_index=True)


DIFFERENCE = estimated("difference", face=1.0, house=-1.0)


@pytest.mark.parametrize("model", ["ols", "ar1"])
def test_a_scan_with_other_events_and_motion_gives_what_nilearn_gives(model: str):
    from nilearn.glm.first_level import FirstLevelModel
    from nilearn.maskers import NiftiMasker

    data, moved = noise(1), motion()
    nuisance = Nuisance(motion=6, drift_period_s=128)
    found = parts(answer_glm(scan(data, motion=moved), glm(noise=model), nuisance, [DIFFERENCE]))["difference"]

    masker = NiftiMasker(mask_img=Nifti1Image(MASK.astype(np.uint8), np.eye(4))).fit()
    fit = FirstLevelModel(t_r=TR_S, mask_img=masker, high_pass=1 / 128, noise_model=model, hrf_model="glover")
    fit.fit(Nifti1Image(data, np.eye(4)), events=events(), confounds=pd.DataFrame(moved))
    theirs = fit.compute_contrast("face - house", output_type="all")

    assert found[0] == {"face", "house"}
    # nilearn rounds percent signal in float32 on its way
    for key, values in (("effect_size", found[1].effect), ("effect_variance", found[1].variance)):
        np.testing.assert_allclose(values, theirs[key].get_fdata()[MASK], rtol=1e-3, atol=1e-4)


def test_estimates_are_least_squares_of_percent_of_the_mean():
    data = noise(2)
    found = parts(answer_glm(scan(data), glm(), Nuisance(), [DIFFERENCE]))["difference"][1]

    x = design_matrix(events(), n_volumes=N, tr_s=TR_S, hrf="glover", drift_period_s=None)
    y = data[MASK].T
    y = 100 * (y / y.mean(axis=0) - 1)
    weight = np.array([{"face": 1.0, "house": -1.0}.get(name, 0.0) for name in x])
    beta, squares, *_ = np.linalg.lstsq(x.to_numpy(), y, rcond=None)
    inverse = np.linalg.inv(x.to_numpy().T @ x.to_numpy())
    np.testing.assert_allclose(found.effect, weight @ beta, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.variance, weight @ inverse @ weight * squares / (N - x.shape[1]), rtol=1e-9)


def test_other_events_are_modeled_so_that_their_response_does_not_leak():
    x = design_matrix(events(), n_volumes=N, tr_s=TR_S, hrf="glover", drift_period_s=None)
    data = 500 * np.ones((*SHAPE, N)) + 20 * x["key"].to_numpy() + 5 * x["face"].to_numpy()
    found = parts(answer_glm(scan(data), glm(), Nuisance(), [DIFFERENCE]))["difference"][1]
    np.testing.assert_allclose(found.effect, 100 * 5 / data.mean(), rtol=1e-9)


def test_a_slope_is_that_of_the_measure_centered_in_its_cell():
    data = noise(3)
    wanted = [estimated("slope", face__rating=1.0), estimated("face", face=1.0)]
    found = parts(answer_glm(scan(data), glm(modulators="rating"), Nuisance(), wanted))

    cells = events().assign(modulation=np.nan)
    rating = TRIALS["rating"] - TRIALS.groupby("picture")["rating"].transform("mean")
    slopes = cells[: len(TRIALS)].assign(modulation=rating, trial_type=TRIALS["picture"] + "__rating")
    whole = pd.concat([cells, slopes])
    x = design_matrix(whole, n_volumes=N, tr_s=TR_S, hrf="glover", drift_period_s=None)
    y = data[MASK].T
    beta = np.linalg.lstsq(x.to_numpy(), 100 * (y / y.mean(axis=0) - 1), rcond=None)[0]
    for name, column in (("slope", "face__rating"), ("face", "face")):
        np.testing.assert_allclose(found[name][1].effect, beta[list(x).index(column)], rtol=1e-8, atol=1e-10)


def test_a_planted_slope_is_found_per_unit_of_the_measure():
    faces = TRIALS[::2]
    own = pd.DataFrame(
        {"onset": faces["onset_s"], "duration": 12.0, "trial_type": "face", "modulation": faces["rating"]}
    )
    x = design_matrix(own, n_volumes=N, tr_s=TR_S, hrf="glover", drift_period_s=None)
    data = 500 * np.ones((*SHAPE, N)) + 2 * x["face"].to_numpy()
    answer = answer_glm(scan(data), glm(modulators="rating"), Nuisance(), [estimated("slope", face__rating=1.0)])
    np.testing.assert_allclose(parts(answer)["slope"][1].effect, 100 * 2 / data.mean(), rtol=1e-8)


@given(st.lists(st.sampled_from([0.1, 0.7, 2.0]) | st.none(), min_size=8, max_size=8))
def test_slopes_are_centered_and_only_of_measures_that_vary(ratings: list[float | None]):
    trials = TRIALS.assign(rating=np.array(ratings, float))
    found = model_events(scan(noise(0), trials=trials), glm(modulators="rating"))
    slopes = found[found["trial_type"].str.contains("__")]
    vary = {f"{name}__rating" for name, own in trials.groupby("picture") if own["rating"].nunique() > 1}
    assert set(slopes["trial_type"]) == vary
    assert slopes.groupby("trial_type")["modulation"].sum().abs().max() == pytest.approx(0, abs=1e-12) or not vary
    assert (found.loc[~found["trial_type"].str.contains("__"), "modulation"].isna()).all()


COURSE = np.array([0.0, 1.0, 3.0, 4.0, 3.5, 2.0, 1.0, 0.5])


def with_course(height: np.ndarray | None = None) -> np.ndarray:
    """A scan in which each face is followed by the course, at a height of its own."""
    data = np.full((*SHAPE, N), 500.0)
    faces = [round(onset / TR_S) for onset in ONSETS[::2]]
    for volume, factor in zip(faces, np.ones(4) if height is None else height, strict=True):
        data[..., volume : volume + len(COURSE)] += COURSE * factor
    return data


def test_a_finite_impulse_response_finds_the_mean_of_a_planted_course():
    data, maps = with_course(), glm(hrf="fir", fir_s=16, window_s=[4, 10])
    found = parts(answer_glm(scan(data), maps, Nuisance(), [estimated("face", face=1.0), DIFFERENCE]))
    # steps at 4, 6 and 8 s; 10 s is no more inside
    planted = 100 * COURSE[2:5].mean() / data.mean(axis=3)[MASK]
    np.testing.assert_allclose(found["face"][1].effect, planted, rtol=1e-9)
    np.testing.assert_allclose(found["difference"][1].effect, planted, rtol=1e-9)


def test_a_slope_of_a_finite_impulse_response_is_per_unit_of_the_measure():
    data = with_course(2 + 0.5 * TRIALS["rating"].to_numpy()[::2])
    maps = glm(hrf="fir", fir_s=16, window_s=[4, 10], modulators="rating")
    wanted = [estimated("slope", face__rating=1.0), estimated("face", face=1.0)]
    found = parts(answer_glm(scan(data), maps, Nuisance(), wanted))
    base = data.mean(axis=3)[MASK]
    np.testing.assert_allclose(found["slope"][1].effect, 100 * 0.5 * COURSE[2:5].mean() / base, rtol=1e-8)
    at_mean = 2 + 0.5 * TRIALS["rating"][::2].mean()
    np.testing.assert_allclose(found["face"][1].effect, 100 * at_mean * COURSE[2:5].mean() / base, rtol=1e-8)


def test_a_response_that_the_scan_does_not_reach_is_refused_not_zero():
    trials = TRIALS.assign(onset_s=[*ONSETS[:-1], 274.0], picture=["face"] * 7 + ["house"])
    maps = glm(hrf="fir", fir_s=16, window_s=[4, 10])
    with pytest.raises(DesignError, match="contrast house cannot be told from the rest"):
        answer_glm(scan(noise(1), trials=trials), maps, Nuisance(), [estimated("house", house=1.0)])


def test_a_cell_whose_volumes_are_all_left_out_is_refused():
    moved = np.zeros((N, 6))
    moved[104:130:2, 0] = 2.0  # every step from 208 s on
    trials = TRIALS.assign(picture=["face"] * 7 + ["house"], duration_s=2.0, onset_s=[*ONSETS[:-1], 215.0])
    maps = glm(hrf="fir", fir_s=16, window_s=[4, 10])
    nuisance = Nuisance(censor_fd_mm=0.5)
    with pytest.raises(DesignError, match="contrast house cannot be told"):
        answer_glm(scan(noise(1), trials=trials, motion=moved), maps, nuisance, [estimated("house", house=1.0)])


def test_a_scan_without_a_wanted_cell_has_no_part_and_one_without_events_none():
    lone = TRIALS[TRIALS["picture"] == "face"].reset_index(drop=True)
    found = parts(answer_glm(scan(noise(1), trials=lone), glm(), Nuisance(), [DIFFERENCE]))
    assert found["difference"][0] == {"face"}
    for hrf in ("glover", "fir"):
        empty = answer_glm(scan(noise(1), trials=TRIALS[:0], others=OTHERS[:0]), glm(hrf=hrf), Nuisance(), [DIFFERENCE])
        assert parts(empty) == {}


def test_trials_of_no_level_are_modeled_and_enter_no_estimate():
    trials = TRIALS.assign(picture=["face", "house"] * 3 + [None, None])
    found = model_events(scan(noise(1), trials=trials), glm())
    assert set(found["trial_type"]) == {"face", "house", "other_key_press", conditions_of(trials, glm())[7]}
    assert (found["trial_type"] == "face").sum() == 3


SEEDS = Seed.model_validate({"kind": "seed", "seeds": ["dorsal part", "ventral part"]})


def test_seeds_give_fishers_z_of_what_nuisance_leaves():
    data, moved = noise(4), motion()
    data += np.random.default_rng(7).standard_normal(N) * 3  # shared by all voxels
    nuisance = Nuisance(motion=6, drift_period_s=100, censor_fd_mm=0.06)
    answer = answer_seed(scan(data, motion=moved), SEEDS, nuisance, ATLAS)

    steps = np.abs(np.diff(moved, axis=0)).sum(axis=1)
    keep = np.r_[True, steps <= 0.06]
    assert 10 < (~keep).sum() < 100
    time = np.arange(N) + 0.5
    drift = [np.cos(np.pi * k * time / N) for k in range(1, 1 + int(2 * N * TR_S / 100))]
    x = np.column_stack([np.ones(N), moved, *drift])[keep]
    left = data[MASK].T[keep] - x @ np.linalg.lstsq(x, data[MASK].T[keep], rcond=None)[0]
    for number, name in enumerate(SEEDS.seeds, start=1):
        own = left[:, LABELS[MASK] == number].mean(axis=1)
        r = np.array([np.corrcoef(own, voxel)[0, 1] for voxel in left.T])
        np.testing.assert_allclose(parts(answer)[name][1].effect, np.arctanh(r), rtol=1e-7)
        df = keep.sum() - x.shape[1]
        np.testing.assert_allclose(parts(answer)[name][1].variance, 1 / (df - 2), rtol=1e-12)


def test_the_variance_of_a_seeds_z_is_that_over_independent_scans():
    rng, n, draws = np.random.default_rng(11), 40, 4000
    x = np.column_stack([np.ones(n), rng.standard_normal((n, 8))])
    q = np.linalg.qr(x)[0]
    pairs = rng.standard_normal((draws, n, 2))
    pairs -= q @ (q.T @ pairs)
    z = np.array([fisher_z(voxel[:, None], seed[:, None])[0, 0] for voxel, seed in pairs.transpose(0, 2, 1)])
    claimed = 1 / (n - x.shape[1] - 2)
    # the sample variance of normal draws, in units of the truth, is chi-square; 1 in 10,000 at each side
    low, high = stats.chi2.ppf([1e-4, 1 - 1e-4], draws - 1) / (draws - 1)
    # 1 / (n - 3) is itself an approximation: at 29 degrees of freedom 1 % off
    assert low * 0.98 < z.var(ddof=1) / claimed < high * 1.02
    assert abs(z.mean()) < 4 * np.sqrt(claimed / draws)


def test_a_seed_without_a_voxel_in_the_mask_or_the_atlas_is_named():
    labels = np.zeros(SHAPE, np.int32)
    labels[0], labels[1:] = 1, 2
    atlas = Atlas(labels=labels, names={1: "dorsal part", 2: "rest"}, grid=GRID)
    with pytest.raises(DataError) as error:
        answer_seed(scan(noise(1)), SEEDS, Nuisance(), atlas)
    assert error.value.faults == (
        "seed dorsal part has no voxel in the mask; name another region",
        "seed ventral part is no region of the atlas, which has dorsal part, rest",
    )


@given(st.integers(0, 100), st.floats(0.1, 10), st.floats(-100, 100))
@settings(max_examples=25)
def test_fishers_z_does_not_depend_on_units(seed: int, scale: float, shift: float):
    rng = np.random.default_rng(seed)
    data, own = rng.standard_normal((30, 4)), rng.standard_normal((30, 2))
    np.testing.assert_allclose(fisher_z(data * scale + shift, own), fisher_z(data, own), rtol=1e-9, atol=1e-9)


def test_a_voxel_that_does_not_vary_has_no_correlation_and_the_seed_itself_a_finite_one():
    own = np.random.default_rng(1).standard_normal((30, 1))
    z = fisher_z(np.column_stack([np.full(30, 7.0), own]), own)
    assert np.isnan(z[0, 0])
    assert 10 < z[0, 1] < np.inf


def blocks(**changes: object) -> Blocks:
    base = {"kind": "blocks", "cells": "picture", "baseline_s": [-6, 0], "window_s": [4, 12], "course_s": [-4, 12]}
    return Blocks.model_validate(base | changes)


def test_blocks_of_unequal_number_over_scans_are_averaged_block_by_block():
    first = TRIALS.assign(picture=["face", "house", "face", "face", "house", "face", "face", "house"])
    second = TRIALS.iloc[[0, 3, 5]].reset_index(drop=True).assign(duration_s=[8.0, 20.0, 12.0])
    scans = [scan(noise(1), trials=first), scan(noise(2), trials=second)]
    answers = [answer_blocks(each, blocks(), Nuisance(), ATLAS) for each in scans]
    trials = pd.concat([each.trials for each in scans], ignore_index=True)
    chosen = {name: (trials["picture"] == name).to_numpy() for name in ("face", "house")}
    found = averaged_blocks(answers, chosen, smoothed=True)

    for name in ("face", "house"):
        percents, variances = [], []
        for each in scans:
            y = each.series.data[MASK]
            for onset in each.trials.loc[each.trials["picture"] == name, "onset_s"]:
                at = round(onset / TR_S)
                window, base = y[:, at + 2 : at + 6], y[:, at - 3 : at]
                w, b = window.mean(axis=1), base.mean(axis=1)
                percents.append(100 * (w / b - 1))
                of_w, of_b = window.var(axis=1, ddof=1) / 4, base.var(axis=1, ddof=1) / 3
                variances.append((100 / b) ** 2 * (of_w + (w / b) ** 2 * of_b))
        np.testing.assert_allclose(found[name].effect, np.mean(percents, axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found[name].variance, np.mean(variances, axis=0) / len(variances), rtol=1e-9)


def test_the_course_of_a_region_is_percent_of_the_baseline():
    answer = answer_blocks(scan(noise(3)), blocks(), Nuisance(), ATLAS)
    assert answer.course is not None
    region = answer.course.percent[:, :, 0]
    y = noise(3)[LABELS * MASK == 1].mean(axis=0)
    for block, onset in enumerate(ONSETS):
        at = round(onset / TR_S)
        np.testing.assert_allclose(region[block], 100 * (y[at - 2 : at + 7] / y[at - 3 : at].mean() - 1), rtol=1e-8)


def test_a_scan_of_blocks_without_a_block_is_refused():
    with pytest.raises(DataError, match="no event of this scan is a cell"):
        answer_blocks(scan(noise(1), trials=TRIALS[:0]), blocks(), Nuisance(), ATLAS)


def answer(**found: tuple[str, float, float]) -> ScanAnswer:
    """Of one voxel: conditions, effect and variance."""
    made = {
        label: (frozenset(held), Estimate(effect=np.array([effect]), variance=np.array([variance])))
        for label, (held, effect, variance) in found.items()
    }
    return ScanAnswer(trials=TRIALS[:0], smoothed=made, unsmoothed=None, course=None, quality={})


def combined(*answers: ScanAnswer, wanted: Estimated) -> tuple[float, float] | None:
    found = combined_runs(answers, [wanted], smoothed=True).get(wanted.label)
    return None if found is None else (found.effect.item(), found.variance.item())


def test_runs_are_combined_by_precision():
    ab = estimated("d", a=1.0, b=-1.0)
    one, two = answer(d=("ab", 1.0, 1.0)), answer(d=("ab", 4.0, 2.0))
    assert combined(one, two, wanted=ab) == pytest.approx(((1 + 2) / 1.5, 1 / 1.5))


def test_a_run_that_lacks_a_cell_of_the_contrast_does_not_enter_it():
    ab = estimated("d", a=1.0, b=-1.0)
    assert combined(answer(d=("ab", 1.0, 1.0)), answer(d=("a", 9.0, 0.1)), wanted=ab) == pytest.approx((1.0, 1.0))


def test_conditions_in_different_runs_add_up():
    ab = estimated("d", a=1.0, b=-1.0)
    runs = answer(d=("a", 3.0, 1.0)), answer(d=("b", -1.0, 2.0)), answer(d=("a", 5.0, 1.0))
    assert combined(*runs, wanted=ab) == pytest.approx((4.0 - 1.0, 0.5 + 2.0))


def test_a_condition_that_no_run_has_leaves_no_estimate():
    assert combined(answer(d=("a", 3.0, 1.0)), answer(), wanted=estimated("d", a=1.0, b=-1.0)) is None
