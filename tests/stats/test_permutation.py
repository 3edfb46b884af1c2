from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.arrangements import check_resolution
from cuecircuit.stats.permutation import (
    arranged_bases,
    permutation_p,
    plan_permutations,
    unit_residuals,
)
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, strata_model
from tests.stats.permuted import permuted_f


def two_groups(sizes, *, within=None, covariates=None):
    groups = [name for name, size in zip("abc", sizes, strict=False) for _ in range(size)]
    return strata_model(
        MixedDesign(
            subjects=[f"s{k}" for k in range(len(groups))],
            between={"group": groups} if len(sizes) > 1 else {},
            within=within or {"cue": ("x", "y")},
            covariates=covariates or {},
        )
    )


def f_by_least_squares(scores, tested, nuisance):
    """F of the tested columns from two fits of lstsq."""
    full = np.hstack([tested, nuisance])

    def rss(columns):
        if not columns.shape[1]:
            return (scores**2).sum()
        return ((scores - columns @ np.linalg.lstsq(columns, scores, rcond=None)[0]) ** 2).sum()

    df2 = len(scores) - full.shape[1]
    return (rss(nuisance) - rss(full)) / tested.shape[1] / (rss(full) / df2)


def naive_f(y, model, name, rearranged, stratum=None):
    """Freedman and Lane's steps as they are written: fit the nuisance, rearrange what is left, add the fit, refit."""
    where, term = next((s, t) for s in model.strata for t in s.terms if t.name == name and stratum in (None, s.name))
    n = model.n_subjects
    scores = (y @ where.scores).ravel()
    tested = where.design[:, term.columns]
    nuisance = np.delete(where.design, term.columns, axis=1)
    fit = nuisance @ np.linalg.lstsq(nuisance, scores, rcond=None)[0] if nuisance.shape[1] else 0 * scores
    left = (scores - fit).reshape(n, -1)
    return f_by_least_squares(fit + rearranged(left).ravel(), tested, nuisance)


def all_subject_orders(n):
    return [lambda left, order=order: left[list(order)] for order in permutations(range(n))]


def all_sign_flips(n):
    return [lambda left, signs=signs: left * np.array(signs)[:, None] for signs in product((1, -1), repeat=n)]


def response(model, seed=0):
    return np.random.default_rng(seed).normal(size=(model.n_subjects, model.n_conditions))


COVARIATE = {"resp": np.random.default_rng(5).normal(size=(6, 2)) + [0.7, 0.0]}

# term, group sizes, within, covariates, brute force, arrangements that are distinct
SCHEMES = {
    "groups": ("group", (3, 3), None, None, all_subject_orders, 20),
    "three groups": ("group", (2, 2, 2), None, None, all_subject_orders, 90),
    "groups beside a covariate": ("group", (3, 3), None, COVARIATE, all_subject_orders, 720),
    "group by cue": ("group:cue", (2, 4), None, None, all_subject_orders, 15),
    "group by cue of three levels": ("group:cue", (3, 3), {"cue": "xyz"}, None, all_subject_orders, 20),
    "cue": ("cue", (3, 3), None, None, all_sign_flips, 32),
    "cue beside a covariate": ("cue", (3, 3), None, COVARIATE, all_sign_flips, 32),
    "cue of three levels": ("cue", (2, 4), {"cue": "xyz"}, None, all_sign_flips, 32),
    "the grand mean": ("(Intercept)", (3, 3), None, None, all_sign_flips, 32),
    "cue of one group": ("cue", (6,), None, None, all_sign_flips, 32),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_enumeration_gives_the_p_of_freedman_and_lanes_steps_over_every_rearrangement(scheme):
    name, sizes, within, covariates, brute_force, n_distinct = SCHEMES[scheme]
    model = two_groups(sizes, within=within, covariates=covariates)
    y = response(model)
    plan = plan_permutations(model, name)

    f = permuted_f(y[:, :, None], plan)[:, 0]

    everything = np.array([naive_f(y, model, name, each) for each in brute_force(6)])
    assert plan.enumerated
    assert plan.n_distinct == len(f) == n_distinct
    # each distinct arrangement stands for equally many rearrangements
    np.testing.assert_allclose(
        np.sort(np.repeat(f, len(everything) // n_distinct)), np.sort(everything), rtol=1e-7, atol=1e-9
    )
    assert permutation_p(f, f[:1])[0] == pytest.approx(np.mean(everything >= f[0] * (1 - 1e-9)))


def test_the_slope_within_subjects_is_permuted_in_its_stratum():
    model = two_groups((3, 3), covariates=COVARIATE)
    y = response(model)
    f = permuted_f(y[:, :, None], plan_permutations(model, "resp", stratum="subject:cue"))[:, 0]

    everything = [naive_f(y, model, "resp", each, "subject:cue") for each in all_subject_orders(6)]
    np.testing.assert_allclose(np.sort(f), np.sort(everything), rtol=1e-7, atol=1e-9)


def test_the_arrangement_found_has_the_f_of_the_analysis_of_variance():
    within = {"cue": ("x", "y"), "block": ("1", "2", "3")}
    model = two_groups((6, 7), within=within, covariates={"resp": np.random.default_rng(1).normal(size=(13, 6))})
    y = np.random.default_rng(2).normal(size=(13, 6, 7))
    for test in strata_anova(y, model).terms:
        plan = plan_permutations(model, test.name, stratum=test.stratum, n_permutations=20)
        # products of unit vectors in single precision: 39 rows × 2⁻²⁴, relative to small F
        np.testing.assert_allclose(permuted_f(y, plan)[0], test.f, rtol=1e-4, atol=1e-5)


def test_random_arrangements_rearrange_as_the_steps_say():
    model = two_groups((7, 8), covariates={"resp": np.random.default_rng(1).normal(size=(15, 2))})
    y = response(model)
    for name in ("group:cue", "cue"):
        plan = plan_permutations(model, name, n_permutations=5)
        f = permuted_f(y[:, :, None], plan)[:, 0]
        for row, found in zip(plan.arrangements, f, strict=True):
            if plan.kind == "sign flips":
                expected = naive_f(y, model, name, lambda left, row=row: left * row[:, None])
            else:
                # subject k takes the design row of subject row[k]: what is left of k goes there
                expected = naive_f(y, model, name, lambda left, row=row: left[np.argsort(row)])
            assert not plan.enumerated
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)  # single precision, as above


def test_blocks_keep_their_subjects():
    model = two_groups((4, 4), covariates={"age": np.arange(8.0) ** 2})
    blocks = ["p", "q"] * 4
    every = plan_permutations(model, "group", blocks=blocks)
    drawn = plan_permutations(model, "group", blocks=blocks, n_permutations=100)

    assert every.n_distinct == len(every.arrangements) == 24 * 24
    assert not drawn.enumerated
    for plan in (every, drawn):
        assert (plan.arrangements % 2 == np.arange(8) % 2).all()
    np.testing.assert_array_equal(every.arrangements[0], np.arange(8))


def null_p(model, name, *, stratum=None, n_studies=2000, beta=2.0, n_permutations=199):
    """P of each of many null studies that share their design, with a covariate's slope in the data."""
    rng = np.random.default_rng(7)
    noise = rng.standard_t(4, size=(model.n_subjects, model.n_conditions, n_studies))
    y = noise + rng.normal(size=(model.n_subjects, 1, n_studies))
    if model.design.covariates:
        y += beta * np.asarray(model.design.covariates["resp"])[:, :, None]
    plan = plan_permutations(model, name, stratum=stratum, n_permutations=n_permutations)
    f = permuted_f(y, plan)
    return np.array([permutation_p(column, column[:1])[0] for column in f.T])


@pytest.mark.parametrize("name", ["group", "cue", "group:cue"])
def test_p_is_uniform_under_the_null_beside_a_covariate_that_goes_with_cue_and_group(name):
    resp = np.random.default_rng(3).normal(size=(21, 2)) + [1.0, 0.0]
    resp[:11] += [0.5, -0.3]
    p = null_p(two_groups((11, 10), covariates={"resp": resp}), name)

    assert stats.kstest(p - np.random.default_rng(0).uniform(0, 1 / 200, p.size), "uniform").pvalue > 0.01
    # 2000 studies: the share at .05 has a standard error of .0049
    assert abs(np.mean(p <= 0.05) - 0.05) < 0.015


def test_a_difference_is_found_and_only_in_its_term():
    model = two_groups((10, 11))
    y = np.random.default_rng(0).normal(size=(21, 2, 1))
    y[:10, 0] += 3.0
    y[:10, 1] -= 3.0
    p = {}
    for name in ("group", "group:cue"):
        f = permuted_f(y, plan_permutations(model, name, n_permutations=999))[:, 0]
        p[name] = permutation_p(f, f[:1])[0]
    assert p["group:cue"] == pytest.approx(1 / 1000)
    assert p["group"] > 0.05


@settings(max_examples=25)
@given(gain=st.floats(0.1, 10), negative=st.booleans(), shift=st.floats(-5, 5), order=st.permutations(list(range(7))))
def test_p_knows_neither_unit_nor_shift_nor_the_order_of_subjects(gain, negative, shift, order):
    sizes = (3, 4)
    model = two_groups(sizes)
    y = response(model)
    order = list(order)
    labels = np.array(["a"] * 3 + ["b"] * 4)[order]
    other = strata_model(
        MixedDesign(subjects=[f"s{k}" for k in order], between={"group": labels.tolist()}, within={"cue": ("x", "y")})
    )
    changed = (shift + (-gain if negative else gain) * y)[order]
    for name in ("group", "cue", "group:cue"):
        f = permuted_f(y[:, :, None], plan_permutations(model, name))[:, 0]
        g = permuted_f(changed[:, :, None], plan_permutations(other, name))[:, 0]
        assert permutation_p(f, f[:1]) == permutation_p(g, g[:1])
        np.testing.assert_allclose(np.sort(f), np.sort(g), rtol=1e-6, atol=1e-9)


def test_the_smallest_p_counts_exchanged_groups_of_equal_size():
    assert plan_permutations(two_groups((3, 3)), "group").smallest_p == pytest.approx(2 / 20)
    assert plan_permutations(two_groups((2, 4)), "group").smallest_p == pytest.approx(1 / 15)
    assert plan_permutations(two_groups((3, 3)), "cue").smallest_p == pytest.approx(1 / 32)


def test_the_smallest_p_is_reached_by_a_large_effect():
    model = two_groups((4, 4))
    y = response(model)
    y[:4] += 50
    plan = plan_permutations(model, "group")
    f = permuted_f(y[:, :, None], plan)[:, 0]
    assert permutation_p(f, f[:1])[0] == pytest.approx(plan.smallest_p)


def test_too_few_subjects_are_an_error_that_names_the_smallest_p():
    with pytest.raises(DesignError, match=r"6 subjects allow 20 distinct permutations, so the smallest p is 0\.1"):
        check_resolution(plan_permutations(two_groups((3, 3)), "group:cue"), 0.05)
    with pytest.raises(DesignError, match="run 1000 or more"):
        check_resolution(plan_permutations(two_groups((9, 9)), "group", n_permutations=50), 0.01)
    check_resolution(plan_permutations(two_groups((4, 4)), "group"), 0.05)  # 2 of 70


def test_blocks_that_are_the_groups_leave_nothing_to_exchange():
    with pytest.raises(DesignError, match="cannot be rearranged within their blocks"):
        plan_permutations(two_groups((4, 4)), "group", blocks=["p"] * 4 + ["q"] * 4)
    with pytest.raises(DesignError, match="found 3 labels, expected one for each of 8 subjects"):
        plan_permutations(two_groups((4, 4)), "group", blocks=["p", "q", "r"])


def test_a_term_that_is_not_there_is_an_error_with_the_ones_that_are():
    model = two_groups((4, 4), covariates={"resp": np.random.default_rng(0).normal(size=(8, 2))})
    with pytest.raises(DesignError, match=r"found 0 tests of that name.*group:cue \(subject:cue\)"):
        plan_permutations(model, "cue:group")
    with pytest.raises(DesignError, match="found 2 tests of that name"):
        plan_permutations(model, "resp")
    with pytest.raises(DesignError, match="n_permutations = 0"):
        plan_permutations(model, "group", n_permutations=0)


def test_residuals_are_of_unit_length_and_empty_where_nothing_can_be_tested():
    model = two_groups((4, 4))
    y = np.random.default_rng(0).normal(size=(8, 2, 4))
    y[0, 0, 1] = np.nan
    y[:, :, 2] = 0.0
    plan = plan_permutations(model, "group")
    residuals = unit_residuals(y, plan, testable=np.array([True, True, True, False]))

    np.testing.assert_allclose(np.linalg.norm(residuals, axis=0), [1, 0, 0, 0])
    np.testing.assert_allclose(plan.basis[:, plan.tested :].T @ residuals, 0, atol=1e-12)


def test_arranged_bases_stay_orthonormal():
    plan = plan_permutations(two_groups((4, 4), within={"cue": "xyz"}), "group:cue", n_permutations=10)
    bases = arranged_bases(plan, slice(None))
    expected = np.broadcast_to(np.eye(bases.shape[1]), (len(bases), bases.shape[1], bases.shape[1]))
    np.testing.assert_allclose(bases @ bases.swapaxes(1, 2), expected, atol=1e-12)


def test_a_one_sided_p_counts_both_signs_apart():
    model = two_groups((4, 4))
    # four against four: exchanging the groups gives -t, a twin of t for two sides and none for one
    assert plan_permutations(model, "group").smallest_p == 2 / 70
    assert plan_permutations(model, "group", one_sided=True).smallest_p == 1 / 70
    # flipping all signs gives -t as well
    assert plan_permutations(model, "cue").n_distinct == 2**7
    assert plan_permutations(model, "cue", one_sided=True).n_distinct == 2**8
    # an F has one side
    three = two_groups((2, 2, 2))
    assert plan_permutations(three, "group", one_sided=True).n_distinct == plan_permutations(three, "group").n_distinct
