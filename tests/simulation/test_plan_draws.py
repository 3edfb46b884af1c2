"""Studies dealt from planted animals: they have the article's statistics, and small ones are parts of large ones."""

import numpy as np
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.pipeline.simulate import designs
from cuecircuit.simulation.breathing import rate_changes
from cuecircuit.simulation.intake import intake_model
from cuecircuit.simulation.plan_draws import Measurement, check_planted, draw_planted, measure
from cuecircuit.simulation.planted import SLOPE_REGIONS, TABLE_1, Spread
from cuecircuit.study.file import lines_of, parse_study

TEXT = designs()["carmack2019"]
STUDY = parse_study(TEXT)


def draw(hypothesis: str, seed: int = 0, studies: int = 300):
    return draw_planted(STUDY, (8, 6), studies, np.random.default_rng(seed), hypothesis=hypothesis)


def test_means_of_regions_are_those_of_table_1_and_nothing_where_no_cue_works():
    table = np.array(list(TABLE_1.values()))
    drawn = draw("withdrawal")
    assert drawn.responses is not None
    by_cue = drawn.responses.reshape(300, 14, 2, 2, 19).mean(axis=3)
    cells = np.concatenate([by_cue[:, :8].mean(axis=(0, 1)), by_cue[:, 8:].mean(axis=(0, 1))]).T
    # breathing adds its part; 5 standard errors of 1800 animals with an SD of 2.2
    breath = Measurement().percent_per_breath * rate_changes("withdrawal").ravel()
    np.testing.assert_allclose(cells, table + breath, atol=0.26)

    nothing = draw("null").responses
    assert nothing is not None
    np.testing.assert_allclose(nothing.mean(axis=(0, 1, 2)), 0, atol=0.2)


def test_counts_are_those_of_the_intake_model():
    drawn, model = draw("withdrawal"), intake_model("withdrawal")
    pairs = drawn.measures["conditioning"]
    for group, animals in enumerate((slice(0, 8), slice(8, 14))):
        saline, naloxone = pairs[:, animals].mean(axis=(0, 1))
        # 5 standard errors of 1800 animals with an SD near half the mean
        assert saline == pytest.approx(model.paired_saline[group], rel=0.07)
        assert naloxone / saline == pytest.approx(model.naloxone_ratio[group], rel=0.05)
    rise = drawn.measures["escalation"][:, 8:].mean(axis=(0, 1))
    assert rise[-1] / rise[0] == pytest.approx(model.escalation[1], rel=0.07)
    np.testing.assert_array_equal(drawn.behavior, pairs[:, :, 1])


def test_within_a_group_two_regions_alone_follow_intake():
    drawn = draw("withdrawal", studies=400)
    assert drawn.responses is not None
    assert drawn.behavior is not None
    naloxone = drawn.responses[:, :8, 2:].mean(axis=2).reshape(-1, 19)
    r = np.array([np.corrcoef(drawn.behavior[:, :8].ravel(), naloxone[:, k])[0, 1] for k in range(19)])
    planted = np.isin(list(TABLE_1), SLOPE_REGIONS)
    # what is planted, less the noise of scans and breathing; 5 standard errors of 3200 animals beside it
    noise = np.hypot(Measurement().region_sd, Measurement().shared_sd) / np.sqrt(2)
    own = np.hypot(Spread().common, Spread().specific)
    np.testing.assert_allclose(r[planted], Spread().slope_r * own / np.hypot(own, noise), atol=0.02)
    np.testing.assert_allclose(r[~planted], 0, atol=0.09)


def test_breathing_changes_the_rate_and_a_part_of_the_signal_with_it():
    changes = np.tile([0.0, 10.0], (4000, 1))
    y, rates = measure(np.zeros((4000, 3, 2)), changes, np.random.default_rng(0))
    by = Measurement()
    difference = rates.reshape(-1, 2, 2).mean(axis=2) @ [-1, 1]
    response = y.reshape(-1, 2, 2, 3).mean(axis=(2, 3)) @ [-1, 1]
    # 5 standard errors of 4000 rats
    assert difference.mean() == pytest.approx(10 * by.rate_shown, abs=0.2)
    assert response.mean() == pytest.approx(10 * by.percent_per_breath, abs=0.04)
    # a cue that leaves breathing alone has noise of the halves only
    assert rates[:, :2].mean(axis=1).std() == pytest.approx(
        np.hypot(by.rate_level_sd, by.rate_half_sd / np.sqrt(2)), rel=0.06
    )


def test_a_smaller_study_is_the_first_animals_of_each_group():
    large = draw("withdrawal", studies=4)
    small = large.first((3, 2))
    assert small.sizes == (3, 2)
    for name, values in small.measures.items():
        np.testing.assert_array_equal(values, large.measures[name][:, [0, 1, 2, 8, 9]])
    assert small.responses is not None
    assert small.responses.shape == (4, 5, 4, 19)
    assert small.respiration is not None
    assert small.respiration.shape == (4, 5, 4)


def test_the_same_seed_gives_the_same_studies_and_another_gives_others():
    first, again, other = draw("null", 1, 3), draw("null", 1, 3), draw("null", 2, 3)
    assert first.responses is not None
    assert again.responses is not None
    np.testing.assert_array_equal(first.responses, again.responses)
    assert not np.array_equal(first.measures["escalation"], other.measures["escalation"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("extinction", "punishment"), "phases.3: nothing is planted for phase punishment"),
        (("access_h: { ShA: 1, LgA: 12 }", "access_h: { ShA: 1, LgA: 30 }"), "30 h of access are impossible"),
        (("dose_mg_kg: 0.12", "dose_mg_kg: 900"), "900 mg/kg of naloxone is impossible"),
        (("window_min: [30, 60]", "window_min: [20, 60]"), "window_min: what is planted counts minutes"),
        (("access_h: { ShA: 1, LgA: 12 }\n    window", "access_h: { LgA: 12 }\n    window"), "no hours for ShA"),
        (("blocks: { early: [1, 2], late: [3, 4] }", "blocks: { all: [1, 2, 3, 4] }"), "response.blocks: found 1"),
    ],
    ids=["phase", "day", "dose", "window", "hours", "halves"],
)
def test_what_nothing_is_planted_for_is_refused_with_its_line(change, said):
    text = TEXT.replace(*change)
    text = text.replace("within: [cue, block]", "within: [cue]") if "all:" in change[1] else text
    with pytest.raises(StudyError, match=said) as caught:
        check_planted(parse_study(text), lines_of(text), "study.yaml")
    line = int(str(caught.value.faults[0]).split(":")[1])
    assert 1 < line <= len(text.splitlines())


def test_the_articles_study_can_be_planned():
    check_planted(STUDY, lines_of(TEXT), "study.yaml")
