"""Many studies at once: each as if it were alone, intervals as t tests give them, power as the closed form says."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cuecircuit.behavior.anova import mixed_anova
from cuecircuit.errors import DesignError
from cuecircuit.stats.many_studies import adjusted, effect_contrast, study_outcomes
from cuecircuit.stats.power import contrast_power
from cuecircuit.stats.simulated_power import Outcomes
from cuecircuit.stats.strata_design import MixedDesign

GROUPS = ["ShA"] * 6 + ["LgA"] * 5


def design(conditions: int, name: str = "session") -> MixedDesign:
    return MixedDesign(
        subjects=[str(n) for n in range(11)],
        between={"group": GROUPS},
        within={name: [str(n) for n in range(conditions)]},
    )


def test_every_study_is_tested_as_the_pipeline_tests_one():
    y = np.random.default_rng(0).normal(size=(11, 4, 3))
    found = study_outcomes(y, design(4), ["group:session", "session", "group"])

    for study in range(3):
        rows = [
            {"subject": str(s), "group": GROUPS[s], "session": str(c), "dv": y[s, c, study]}
            for s in range(11)
            for c in range(4)
        ]
        alone = mixed_anova(pd.DataFrame(rows), dv="dv", between=["group"], within=["session"]).table.set_index("term")
        for term, column in (("group:session", "p_gg"), ("session", "p_gg"), ("group", "p")):
            assert found[term].p[study] == pytest.approx(alone.loc[term, column], rel=1e-10)


def test_estimates_and_intervals_are_those_of_t_tests():
    y = np.random.default_rng(1).normal(size=(11, 3, 2))
    found = study_outcomes(y, design(3), ["group:session", "group"])

    for study in range(2):
        rise, mean = y[:, 2, study] - y[:, 0, study], y[:, :, study].mean(axis=1)
        for term, scores in (("group:session", rise), ("group", mean)):
            test = stats.ttest_ind(scores[6:], scores[:6])
            interval = test.confidence_interval()
            assert found[term].estimate[study] == pytest.approx(scores[6:].mean() - scores[:6].mean())
            assert found[term].width[study] == pytest.approx(interval.high - interval.low)


def test_one_group_has_the_paired_t_test():
    y = np.random.default_rng(2).normal(size=(8, 2, 1))
    alone = MixedDesign(subjects=list("abcdefgh"), within={"cue": ["saline", "naloxone"]})
    found = study_outcomes(y, alone, ["cue"])["cue"]

    test = stats.ttest_rel(y[:, 1, 0], y[:, 0, 0])
    interval = test.confidence_interval()
    assert found.p[0] == pytest.approx(test.pvalue)
    assert found.width[0] == pytest.approx(interval.high - interval.low)


def test_power_of_an_interaction_is_that_of_the_noncentral_f():
    y = np.random.default_rng(3).standard_normal((11, 2, 6000))
    y[6:, 1] += 2.0
    found = study_outcomes(y, design(2), ["group:session"])["group:session"]
    # the difference of two independent conditions has SD √2
    expected = contrast_power((6, 5), (-1, 1), 2 / np.sqrt(2))
    # 4 standard errors of a share near .6 in 6000
    assert np.mean(found.p <= 0.05) == pytest.approx(expected, abs=0.025)


def test_p_is_uniform_without_an_effect_whatever_the_covariate():
    rng = np.random.default_rng(4)
    breath = rng.normal(size=(11, 4, 3000))
    y = rng.normal(size=breath.shape) - 0.5 * breath
    two = MixedDesign(
        subjects=[str(n) for n in range(11)],
        between={"group": GROUPS},
        within={"cue": ["a", "b"], "block": ["early", "late"]},
    )
    p = study_outcomes(y, two, ["group:cue"], covariate=breath)["group:cue"].p
    # a true null fails this once in a thousand seeds
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_a_covariate_that_carries_the_effect_takes_it_away():
    rng = np.random.default_rng(5)
    breath = rng.normal(size=(11, 2, 400))
    breath[6:, 1] += 10.0
    y = rng.normal(size=breath.shape) + 0.3 * breath
    with_it = study_outcomes(y, design(2), ["group:session"], covariate=breath)["group:session"]
    without = study_outcomes(y, design(2), ["group:session"])["group:session"]
    assert np.mean(without.p <= 0.05) > 0.8
    # 4 standard errors of .05 in 400
    assert np.mean(with_it.p <= 0.05) == pytest.approx(0.05, abs=0.044)


def test_the_contrast_of_an_effect_names_its_cells():
    two = MixedDesign(
        subjects=list("abcd"),
        between={"group": ["s", "s", "l", "l"]},
        within={"cue": ["saline", "naloxone"], "block": ["early", "late"]},
    )
    contrast = effect_contrast("group:cue", two)
    np.testing.assert_allclose(contrast.group, [-1, 1])
    np.testing.assert_allclose(contrast.condition, [-0.5, -0.5, 0.5, 0.5])


def test_holm_is_taken_over_the_tests_of_each_study():
    outcomes = {
        name: Outcomes(p=np.array(p), estimate=np.zeros(2), width=np.ones(2))
        for name, p in (("a", [0.01, 0.9]), ("b", [0.02, 0.01]), ("c", [0.5, np.nan]))
    }
    found = adjusted(outcomes, "holm")
    np.testing.assert_allclose([found[name].p for name in "abc"], [[0.03, 0.9], [0.04, 0.02], [0.5, np.nan]])
    assert adjusted({}, "holm") == {}


def test_an_effect_that_the_design_does_not_have_is_refused():
    with pytest.raises(DesignError, match="term 'dose'"):
        study_outcomes(np.zeros((11, 2, 1)), design(2), ["dose"])
