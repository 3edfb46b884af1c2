import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cuecircuit.simulation.question_truth import question_truth, term_deviations


def answers(world) -> pd.DataFrame:
    return question_truth(world.planting, world.drawn.responses).set_index(["question", "level", "effect"])


@given(arrays(float, (2, 3, 4), elements=st.floats(-5, 5)))
def test_deviations_of_all_terms_add_up_to_the_cells_and_sum_to_zero(means):
    terms = [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    parts = [term_deviations(means, axes) for axes in terms]
    np.testing.assert_allclose(sum(np.broadcast_to(part, means.shape) for part in parts), means, atol=1e-12)
    for axes, part in zip(terms, parts, strict=True):
        for axis in axes:
            np.testing.assert_allclose(part.sum(axis=axis), 0, atol=1e-12)


def test_terms_contrasts_and_correlations_of_the_designs_are_known(worlds):
    mice = answers(worlds("alcohol_mice"))
    assert mice.loc[("reinstatement", "", "group:treatment"), "planted"] == "yes"
    # water 30 and 30, sucrose 30 and 54, ethanol 30 and 75: the mean rise is 23, ethanol's 22 more, half on each side
    assert mice.loc[("reinstatement", "", "group:treatment"), "size"] == pytest.approx((23 - 0) / 2)
    assert mice.loc[("extinction", "", "group:day"), "planted"] == "no"
    assert mice.loc[("drinkers", "", "correlation"), "value"] == 0.85
    rats = answers(worlds("cocaine_sessions"))
    contrast = "group=cocaine - yoked: cue=cocaine - neutral: late - early"
    assert rats.loc[("incubation", "Insula", contrast), "value"] == pytest.approx(2.0)
    assert rats.loc[("incubation", "Habenula", contrast), "planted"] == "no"
    assert rats.loc[("drug_by_history", "drug, Insula", "group:session"), "planted"] == "yes"
    assert rats.loc[("intake_and_response", "Habenula", "correlation"), "planted"] == "no"
    smokers = answers(worlds("smokers_two_sessions"))
    assert smokers.loc[("reactivity", "smoking_food, vmPFC", "abstinent - sated"), "value"] == pytest.approx(0.8)
    assert smokers.loc[("reactivity", "smoking_food, SMA", "(Intercept)"), "planted"] == "no"


def test_weights_that_differ_by_chance_plant_nothing(design):
    from cuecircuit.simulation.declared import plan_world

    question = {"of": "derived.drunk", "between": "sex"}
    study = design("alcohol_mice", {"questions.drunk_by_sex": question})
    drunk = answers(plan_world(study, seed=1, scale="tiny")).loc[("drunk_by_sex", "", "sex")]
    assert drunk["planted"] == "no"


def test_nothing_but_means_that_are_there_anyway_is_planted_under_the_null(design):
    from cuecircuit.simulation.declared import plan_world

    for name in ("alcohol_mice", "cocaine_sessions", "smokers_two_sessions"):
        found = answers(plan_world(design(name), seed=1, hypothesis="null", scale="tiny"))
        assert set(found["planted"]) == {"no"}
