"""The simulated human study: who takes part, what is planted, and that an analysis of its runs finds it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import make_first_level_design_matrix

from cuecircuit.errors import StudyError
from cuecircuit.generators import human_plan as plan
from cuecircuit.generators import human_scan as scan
from cuecircuit.generators.human_dataset import HumanStudy, write_human_dataset
from cuecircuit.io.bids import find_derivatives
from cuecircuit.records.grid import Grid

REGIONS, CELLS = list(plan.Sizes().regions), list(plan.CELLS)
TODAY = plan.Sizes()
OF_0_1 = plan.Sizes(
    person_sd=0.25, cell_sd=0.15, less_food=0.0, less_neutral=0.0, before_r=0.0, control_r=0.0, treatment_r=0.0
)


def planned(seed=0, hypothesis="reactivity", sizes=TODAY):
    return plan.plan_people(hypothesis, np.random.default_rng([seed, 0]), sizes=sizes)


def contrast(people, region, plus, minus, session=0):
    own = people.responses[:, session, REGIONS.index(region)]
    return own[:, CELLS.index(plus)] - own[:, CELLS.index(minus)]


def box():
    """A box of 8 mm voxels that holds all regions."""
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    affine[:3, 3] = [-68.0, -20.0, -40.0]
    mask = np.zeros((18, 11, 16), bool)
    mask[1:-1, 1:-1, 1:-1] = True
    return mask, Grid(shape=(18, 11, 16), affine=affine)


def test_people_are_those_of_the_article_and_some_of_both_groups_drop_out():
    people = planned().people
    groups = pd.DataFrame([(each.group, each.sex, each.sessions) for each in people], columns=["group", "sex", "n"])
    assert groups.groupby("group").size().to_dict() == {"iHUD": 32, "HC": 21}
    assert groups[groups["sex"] == "F"].groupby("group").size().to_dict() == {"iHUD": 7, "HC": 8}
    second = groups[groups["n"] == 2].groupby("group").size()
    assert 15 < second["iHUD"] < 32
    assert 8 < second["HC"] < 21


@pytest.mark.parametrize("sizes", [TODAY, OF_0_1], ids=["today", "0.1.0"])
def test_directions_of_the_article_are_planted_and_neither_strategy_differs_between_groups(sizes):
    means = dict(zip(sizes.regions, sizes.means(), strict=True))

    def difference(region, plus, minus):
        return means[region][:, CELLS.index(plus)] - means[region][:, CELLS.index(minus)]

    for region, plus, minus in (
        ("ventral striatum", "look_drug", "look_neutral"),
        ("OFC", "look_drug", "look_neutral"),
        ("IFG", "look_drug", "look_food"),
    ):
        patients, controls = difference(region, plus, minus)
        assert patients > controls >= 0
    for region in sizes.regions:
        for plus, minus in (("reappraise_drug", "look_drug"), ("savor_food", "look_food")):
            patients, controls = difference(region, plus, minus)
            assert patients == pytest.approx(controls)
            if region in ("IFG", "SMA"):
                assert patients > 0
    patients, controls = difference("ventral striatum", "reappraise_drug", "savor_food")
    assert patients > 0 > controls


def test_patients_respond_less_to_food_and_neutral_pictures_where_drug_pictures_engage_them():
    means = dict(zip(REGIONS, TODAY.means(), strict=True))
    for region in ("ventral striatum", "OFC", "IFG"):
        for cell in ("look_food", "look_neutral"):
            patients, controls = means[region][:, CELLS.index(cell)]
            assert patients == pytest.approx(controls - 0.15)


def test_slopes_are_planted_in_patients_alone_and_as_strongly_as_stated():
    sizes = TODAY
    groups = ("iHUD", "HC")
    found = {(slope.region, group): [] for slope in plan.SLOPES for group in groups}
    for seed in range(100):
        study = planned(seed)
        for slope in plan.SLOPES:
            for group in groups:
                rows = [row for row, each in enumerate(study.people) if each.group == group]
                number = [slope.number(study.people[row], 0) for row in rows]
                response = study.responses[rows, 0, REGIONS.index(slope.region), CELLS.index(slope.cell)]
                found[slope.region, group].append(np.corrcoef(number, response)[0, 1] if np.ptp(number) else 0.0)
    for slope in plan.SLOPES:
        # mean of 100 r: standard errors below .016 (32 people) and .023 (21)
        assert np.mean(found[slope.region, "iHUD"]) == pytest.approx(getattr(sizes, slope.size), abs=0.06), slope
        assert np.mean(found[slope.region, "HC"]) == pytest.approx(0, abs=0.09), slope


def test_sex_changes_nothing():
    gaps = []
    for seed in range(60):
        study = planned(seed)
        women = np.array([each.sex == "F" for each in study.people])
        patients = np.array([each.group == "iHUD" for each in study.people])
        own = study.responses[:, 0]
        gaps.append(own[women & patients].mean(axis=0) - own[~women & patients].mean(axis=0))
    # 35 means of 60 differences of 7 and 25 people: SD √(.4² + .35²), 4 standard errors
    assert np.abs(np.mean(gaps, axis=0)).max() < 4 * np.hypot(0.4, 0.35) * np.sqrt((1 / 7 + 1 / 25) / 60)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ({"cell_sd": 0.0}, "cell_sd: 0; expected more than 0"),
        ({"after_r": 1.2}, "after_r: 1.2; expected a correlation"),
    ],
)
def test_sizes_that_cannot_be_planted_are_refused(size, words):
    with pytest.raises(StudyError, match=f"simulation.sizes.{words}"):
        plan.Sizes(**size)


def test_under_the_null_nothing_is_planted():
    studies = [planned(seed, "null") for seed in range(60)]
    assert not any(study.slopes or study.means.any() for study in studies)
    differences = [contrast(study, "IFG", "reappraise_drug", "look_drug").mean() for study in studies]
    spread = np.sqrt(2) * TODAY.cell_sd / np.sqrt(53 * 60)
    assert abs(np.mean(differences)) < 4 * spread


def test_an_unknown_hypothesis_is_refused():
    with pytest.raises(StudyError, match="'withdrawal' is unknown; expected one of: reactivity, null"):
        planned(hypothesis="withdrawal")


def test_least_squares_on_many_runs_give_back_the_planted_amplitudes():
    mask, grid = box()
    sizes = TODAY
    amplitudes = sizes.means()[:, 0]
    labels = scan.region_labels(mask, grid, sizes.regions)
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        events = scan.draw_events(rng, patient=True)
        data, _ = scan.simulate_run(mask, grid, amplitudes, events, rng, regions=sizes.regions)
        table = pd.DataFrame({"onset": events.onset_s, "duration": scan.PICTURE_S, "trial_type": events.cell})
        times = np.arange(scan.VOLUMES) * scan.TR_S
        x = make_first_level_design_matrix(times, table, hrf_model="spm", drift_model="cosine", high_pass=1 / 300)
        beta = np.linalg.lstsq(x.to_numpy(), data[mask].T / scan.MEAN_SIGNAL * 100)[0][: len(CELLS)]
        order = [list(x.columns).index(cell) for cell in CELLS]
        found.append([beta[order][:, labels == number].mean(axis=1) for number in range(1, len(REGIONS) + 1)])
    error = np.mean(found, axis=0) - amplitudes
    spread = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    # 35 numbers: 4.5 standard errors with 11 df, and the grid of onsets (0.1 s)
    assert np.all(np.abs(error) < 4.5 * spread + 0.02), error


def test_files_have_the_same_bytes_for_a_seed_and_are_found_as_preprocessed_scans(tmp_path):
    mask, grid = box()
    whole = planned()
    few = replace(whole, people=whole.people[:2], responses=whole.responses[:2])
    study = HumanStudy(people=few, sizes=TODAY, mask=mask, grid=grid, hypothesis="reactivity", scale="tiny", seed=3)
    for name in ("one", "two"):
        write_human_dataset(tmp_path / name, study, "study: people\n")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) > 20
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    scans = find_derivatives(tmp_path / "one", tmp_path / "one" / "derivatives" / "fmriprep", task="cues")
    assert len(scans) == sum(1 for _ in study.runs())
    assert all(each.events and each.confounds and each.tr_s == scan.TR_S for each in scans)


def test_a_mean_image_changes_no_response_in_percent_and_shows_the_anatomy():
    mask, grid = box()
    percent = np.zeros((int(mask.sum()), 40), np.float32)
    percent[:50, 20:] = 2.0
    mean = np.linspace(700, 1400, len(percent), dtype=np.float32)

    plain, motion = scan.noisy_run(mask, grid, percent, np.random.default_rng(0))
    drawn, same = scan.noisy_run(mask, grid, percent, np.random.default_rng(0), mean=mean)

    np.testing.assert_array_equal(motion, same)
    change = [100 * (data[mask] / level - 1) for data, level in ((plain, 1000.0), (drawn, mean[:, None]))]
    np.testing.assert_allclose(change[0], change[1], atol=0.05 + 100 * 0.5 / 700)  # rounding of both
    assert np.corrcoef(drawn[mask].mean(axis=1), mean)[0, 1] > 0.99
