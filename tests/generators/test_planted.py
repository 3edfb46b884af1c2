import numpy as np
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.generators.planted import (
    HYPOTHESES,
    SLOPE_REGIONS,
    TABLE_1,
    Spread,
    cell_amplitudes,
    check_hypothesis,
    plant_responses,
    table_interactions,
)

GROUP = np.repeat([0, 1], [11, 10])
PLANTED = [list(TABLE_1).index(name) for name in SLOPE_REGIONS]
OF_0_1 = Spread(cue_sd=0.6, cue_ratio=0.0, slope_r=0.85)


def test_table_1_has_the_interactions_the_article_implies():
    cells = cell_amplitudes("withdrawal")
    interaction = (cells[:, 1, 1] - cells[:, 1, 0]) - (cells[:, 0, 1] - cells[:, 0, 0])
    names = list(TABLE_1)
    # 18 of 19 positive, habenula −0.9, the peduncle's 5.5 the largest
    assert (interaction > 0).sum() == 18
    assert interaction[names.index("Habenula")] == pytest.approx(-0.9)
    assert names[interaction.argmax()] == "Peduncle"
    assert interaction.max() == pytest.approx(5.5)


@pytest.mark.parametrize("hypothesis", sorted(set(HYPOTHESES) - {"withdrawal"}))
def test_rival_hypotheses_plant_no_cell_mean_and_no_slope(hypothesis: str):
    planted = plant_responses(hypothesis, GROUP, np.arange(21.0), np.random.default_rng(0))
    assert not planted.cells.any()
    assert not planted.slopes.any()


def test_means_of_many_rats_are_those_of_table_1():
    group = np.repeat([0, 1], 5000)
    rng = np.random.default_rng(1)
    planted = plant_responses("withdrawal", group, rng.standard_normal(len(group)), rng)
    means = np.stack([planted.subjects[group == level].mean(axis=0) for level in (0, 1)], axis=1)
    sd = np.hypot(Spread().common_sd, Spread().cue_sds())
    # 5 standard errors: 76 means and one seed
    assert (np.abs(means - planted.cells).max(axis=(1, 2)) < 5 * sd / np.sqrt(5000)).all()


@pytest.mark.parametrize("spread", [Spread(), OF_0_1], ids=["today", "0.1.0"])
def test_only_the_two_regions_follow_behavior_and_as_strongly_as_stated(spread: Spread):
    group = np.zeros(20_000, int)
    rng = np.random.default_rng(2)
    behavior = rng.gamma(4, 1.5, len(group))
    planted = plant_responses("withdrawal", group, behavior, rng, spread=spread)
    r = np.array([np.corrcoef(region, behavior)[0, 1] for region in planted.subjects[:, :, 1].T])
    # 5 standard errors of r are at most 5 / √20000
    assert r[PLANTED] == pytest.approx(spread.slope_r, abs=0.035)
    assert np.abs(np.delete(r, PLANTED)).max() < 0.035


@pytest.mark.parametrize("hypothesis", ["withdrawal", "null"])
def test_spread_between_rats_is_as_stated_in_every_region_under_every_hypothesis(hypothesis: str):
    group = np.zeros(20_000, int)
    rng = np.random.default_rng(3)
    subjects = plant_responses(hypothesis, group, rng.standard_normal(len(group)), rng).subjects
    between_cues = (subjects[:, :, 1] - subjects[:, :, 0]).std(axis=0)
    expected = 0.55 * np.abs(table_interactions())
    # an SD from 20 000 rats is good to half a percent
    assert between_cues == pytest.approx(np.sqrt(2) * expected, rel=0.03)
    assert subjects[:, :, 1].std(axis=0) == pytest.approx(np.hypot(2.0, expected), rel=0.03)


def test_the_interaction_has_one_size_in_all_regions_between_1_and_1_5():
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1], 4000)
    subjects = plant_responses("withdrawal", group, rng.standard_normal(len(group)), rng).subjects
    change = subjects[:, :, 1] - subjects[:, :, 0]
    pooled = np.sqrt((change[group == 0].var(axis=0) + change[group == 1].var(axis=0)) / 2)
    d = (change[group == 1].mean(axis=0) - change[group == 0].mean(axis=0)) / pooled
    # the standard error of d is about √(2/4000 + d²/16000) = .025; 4 of them in 19 regions
    assert np.abs(d) == pytest.approx(1.29, abs=0.1)
    assert (np.sign(d) == np.sign(table_interactions())).all()


@pytest.mark.parametrize(
    ("spread", "words"),
    [
        (Spread(slope_r=0.8), r"slope_r: 0\.8 is more .* expected at most 0\.69"),
        (Spread(cue_ratio=-0.1), "cue_sd and cue_ratio 0 or more"),
        (Spread(common_sd=0.0), "common_sd must be more than 0"),
    ],
)
def test_sizes_that_cannot_be_planted_are_refused(spread: Spread, words: str):
    with pytest.raises(StudyError, match=words):
        plant_responses("withdrawal", GROUP, np.arange(21.0), np.random.default_rng(0), spread=spread)


def test_an_unknown_hypothesis_is_named_with_those_known():
    with pytest.raises(StudyError, match="'magic' is unknown; expected one of: withdrawal, antagonism"):
        check_hypothesis("magic")
