"""The model between subjects as one stratum: contrasts and terms under permutation, against plain Freedman and Lane."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import null_space

from cuecircuit.stats.between_fit import fit_between
from cuecircuit.stats.between_model import BetweenModel, as_strata, between_subject_model
from cuecircuit.stats.mixed_inference import Hypothesis
from cuecircuit.stats.permutation import permutation_p, plan_permutations
from cuecircuit.stats.strata import strata_anova
from tests.stats.permuted import permuted_f

GROUPS = ["a", "b", "c"] * 7
AGE = np.random.default_rng(1).normal(40, 9, 21)
SEX = np.random.default_rng(2).permutation(["F"] * 8 + ["M"] * 13).tolist()
COLUMNS = {"group": GROUPS, "age": AGE, "sex": SEX}
CONTRASTS = ("a - b", "0.5*a + 0.5*b - c", "a - c: age", "a: age", "F - M")


def adjusted(contrasts: tuple[str, ...] = CONTRASTS) -> BetweenModel:
    return between_subject_model("group*age + sex", COLUMNS, contrasts=contrasts)


def with_group_mean() -> BetweenModel:
    """The mean of group a alone, which text of contrasts does not ask for."""
    model = between_subject_model("group + center(age)", COLUMNS)
    first = model.design.x[GROUPS.index("a")] * [1, 1, 1, 0]
    return replace(model, hypotheses=(Hypothesis(name="mean of a", rows=first[None]),))


def freedman_lane(y, x, row, arrangement, *, flips):
    """Squared t of Lβ = 0 after the residuals of the model that obeys it have been rearranged."""
    reduced = x @ null_space(row[None])
    fitted = reduced @ np.linalg.lstsq(reduced, y, rcond=None)[0]
    moved = np.empty_like(y)
    if flips:
        moved[:] = arrangement * (y - fitted)
    else:
        moved[arrangement] = y - fitted
    beta, (ss,), *_ = np.linalg.lstsq(x, fitted + moved, rcond=None)
    return (row @ beta) ** 2 / (ss / (len(y) - x.shape[1]) * row @ np.linalg.inv(x.T @ x) @ row)


@pytest.mark.parametrize(
    ("model", "name"),
    [*((adjusted(), name) for name in (*CONTRASTS, "age", "(Intercept)")), (with_group_mean(), "mean of a")],
    ids=[*CONTRASTS, "term age", "intercept", "mean of a"],
)
def test_each_arrangement_gives_the_f_of_freedman_and_lane_written_out(model, name):
    y = np.random.default_rng(3).standard_normal((21, 1)) + 0.05 * AGE[:, None]
    plan = plan_permutations(as_strata(model), name, n_permutations=20)
    assert plan.kind == ("sign flips" if name in ("(Intercept)", "mean of a") else "permutations")
    (row,) = next(each.rows for each in model.hypotheses if each.name == name)
    expected = [
        freedman_lane(y[:, 0], model.design.x, row, each, flips=plan.kind == "sign flips") for each in plan.arrangements
    ]
    # residuals of drawn arrangements are kept in single precision
    np.testing.assert_allclose(permuted_f(y[:, None, :], plan)[:, 0], expected, rtol=1e-4, atol=1e-6)


def test_t_and_estimate_of_every_term_and_contrast_are_those_of_the_fit_with_their_sign():
    y = np.random.default_rng(4).standard_normal((21, 8))
    model = adjusted()
    anova = strata_anova(y[:, None, :], as_strata(model), epsilons=False)
    for test in fit_between(y, model).tests:
        same = anova.term(test.name)
        np.testing.assert_allclose(same.f, test.f, rtol=1e-9)
        if test.estimate is not None:
            np.testing.assert_allclose(same.t, test.t, rtol=1e-9)
            np.testing.assert_allclose(same.estimate, test.estimate, rtol=1e-9)


def test_of_two_groups_the_contrast_has_the_p_of_the_term_and_its_reverse_the_other_sign():
    y = np.random.default_rng(5).standard_normal((20, 1, 6))
    group = ["HC"] * 9 + ["iHUD"] * 11
    model = as_strata(between_subject_model("group", {"group": group}, contrasts=("iHUD - HC", "HC - iHUD")))
    anova = strata_anova(y, model, epsilons=False)
    names = ("group", "iHUD - HC", "HC - iHUD")
    f = [permuted_f(y, plan_permutations(model, name, n_permutations=200, seed=1)) for name in names]
    np.testing.assert_allclose(f[1], f[0], rtol=1e-5)
    np.testing.assert_allclose(f[2], f[0], rtol=1e-5)
    assert (anova.term("iHUD - HC").t == -anova.term("HC - iHUD").t).all()
    difference = y[9:, 0].mean(axis=0) - y[:9, 0].mean(axis=0)
    np.testing.assert_array_equal(np.sign(anova.term("iHUD - HC").t), np.sign(difference))


def test_a_model_without_intercept_tests_means_by_flipping_signs():
    model = as_strata(between_subject_model("0 + group", {"group": GROUPS}, contrasts=("a - b",)))
    assert plan_permutations(model, "group").kind == "sign flips"
    assert plan_permutations(model, "a - b").kind == "permutations"


def test_contrasts_reject_five_percent_of_null_responses_with_heavy_tails_and_find_what_is_planted():
    rng = np.random.default_rng(6)
    null = rng.standard_t(4, (21, 1, 3000)) + 0.3 * AGE[:, None, None] + np.equal(SEX, "F")[:, None, None]
    model = as_strata(between_subject_model("group + age + sex", COLUMNS, contrasts=("a - b", "F - M")))
    plan = plan_permutations(model, "a - b", n_permutations=199)
    planted = null + 2.5 * np.equal(GROUPS, "a")[:, None, None]
    rates = {}
    for name, y in (("null", null), ("planted", planted)):
        f = permuted_f(y, plan)
        p = np.array([permutation_p(own, own[:1])[0] for own in f.T])
        rates[name] = (p <= 0.05).mean()
    # 4 standard errors of a share of 0.05 of 3000 draws: 0.016, and
    # permutation beside covariates is exact in large samples alone
    assert abs(rates["null"] - 0.05) < 0.016, rates
    assert rates["planted"] > 0.6, rates
