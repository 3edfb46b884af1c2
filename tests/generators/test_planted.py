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
)

GROUP = np.repeat([0, 1], [11, 10])
PLANTED = [list(TABLE_1).index(name) for name in SLOPE_REGIONS]


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
    sd = np.hypot(Spread().common, Spread().specific)
    # 5 standard errors: 76 means and one seed
    assert np.abs(means - planted.cells).max() < 5 * sd / np.sqrt(5000)


def test_only_the_two_regions_follow_behavior_and_as_strongly_as_stated():
    group = np.zeros(20_000, int)
    rng = np.random.default_rng(2)
    behavior = rng.gamma(4, 1.5, len(group))
    planted = plant_responses("withdrawal", group, behavior, rng)
    r = np.array([np.corrcoef(region, behavior)[0, 1] for region in planted.subjects[:, :, 1].T])
    # 5 standard errors of r are at most 5 / √20000
    assert r[PLANTED] == pytest.approx(Spread().slope_r, abs=0.035)
    assert np.abs(np.delete(r, PLANTED)).max() < 0.035


def test_spread_between_rats_is_as_stated_in_every_region():
    group = np.zeros(20_000, int)
    rng = np.random.default_rng(3)
    subjects = plant_responses("withdrawal", group, rng.standard_normal(len(group)), rng).subjects
    between_cues = (subjects[:, :, 1] - subjects[:, :, 0]).std(axis=0)
    # an SD from 20 000 rats is good to half a percent
    assert between_cues == pytest.approx(np.sqrt(2) * Spread().specific, rel=0.03)
    total = subjects[:, :, 1].std(axis=0)
    assert total == pytest.approx(np.hypot(Spread().common, Spread().specific), rel=0.03)


def test_an_unknown_hypothesis_is_named_with_those_known():
    with pytest.raises(StudyError, match="'magic' is unknown; expected one of: withdrawal, antagonism"):
        check_hypothesis("magic")
