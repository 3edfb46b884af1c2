import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.group_variances import GroupVariances, stratum_variances
from cuecircuit.stats.permutation import find_term, permutation_p, plan_permutations
from cuecircuit.stats.rotation import plan_rotations, rotated_bases, rotates, rotation_residuals, variance_labels
from cuecircuit.stats.strata_design import MixedDesign, groups_of, strata_model
from tests.stats.permuted import permuted_f


def study(sizes, sds, *, voxels=6, seed=0, slope=False, cues=("x", "y", "z"), jitter=False):
    """Null scores of groups with `sds`, subjects differing stably, and their model."""
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    scale = np.repeat(sds, sizes)[:, None, None]
    y = (rng.standard_normal((n, 1, voxels)) + rng.standard_normal((n, len(cues), voxels))) * scale
    covariates = {"slope": rng.standard_normal((n, len(cues)) if jitter else n)} if slope or jitter else {}
    design = MixedDesign(
        subjects=[f"s{k}" for k in range(n)],
        between={"group": [name for name, size in zip("abc", sizes, strict=False) for _ in range(size)]},
        within={"cue": cues},
        covariates=covariates,
    )
    return y, strata_model(design)


def planned(y, model, term, *, blocks=None, **options):
    stratum = find_term(model, term, None)[0]
    variances = stratum_variances([y], stratum, variance_labels(groups_of(model.design), blocks), n_permutations=9)
    assert variances is not None
    return plan_rotations(model, term, variances, blocks=blocks, stratum=stratum.name, **options)


def f_of(residuals, bases, tested, df2):
    products = bases @ residuals
    explained = (products[:, :tested] ** 2).sum(axis=1)
    return df2 / tested * explained / (1 - (products**2).sum(axis=1))


def rotated_f(y, plan):
    """F of the weighted model, then of every rotation."""
    rotated, found, fitted = rotation_residuals(y, plan)
    assert fitted.all()
    first = f_of(found.astype(float), plan.basis.T[None], plan.tested, plan.df2)
    others = f_of(rotated.astype(float), rotated_bases(plan, slice(1, None)), plan.tested, plan.df2)
    return np.vstack([first, others])


def scores_of(y, plan):
    return np.einsum("scv,ck->skv", y, plan.stratum.scores).reshape(len(plan.basis), -1)


@pytest.mark.parametrize("term", ["group", "cue", "group:cue", "slope"])
def test_the_map_found_is_the_f_of_weighted_least_squares(term):
    y, model = study((4, 7), (2.0, 1.0), slope=True)
    plan = planned(y, model, term)
    scores, design, weight = scores_of(y, plan), plan.stratum.design, 1 / plan.sd[:, None]
    nuisance = np.delete(design, plan.term.columns, axis=1)

    def left(columns):
        return scores * weight - columns * weight @ np.linalg.lstsq(columns * weight, scores * weight, rcond=None)[0]

    full, reduced = (np.sum(left(columns) ** 2, axis=0) for columns in (design, nuisance))
    expected = (reduced - full) / plan.tested / (full / plan.df2)
    # single precision of the residuals
    np.testing.assert_allclose(rotated_f(y, plan)[0], expected, rtol=1e-4)


@pytest.mark.parametrize("term", ["group", "cue", "group:cue", "slope"])
@pytest.mark.parametrize("jitter", [False, True], ids=["between", "within"])
def test_leverage_is_taken_off_as_by_dense_matrices(term, jitter):
    y, model = study((4, 7), (2.0, 1.0), slope=True, jitter=jitter)
    if jitter and term == "slope":
        pytest.skip("the slope is then one of each stratum")
    plan = planned(y, model, term)
    scores, nuisance = scores_of(y, plan), np.delete(plan.stratum.design, plan.term.columns, axis=1)
    hat = plan.stratum.basis @ plan.stratum.basis.T
    ols = scores - hat @ scores
    expected = np.empty_like(scores)
    for voxel in range(scores.shape[1]):
        own = np.empty(len(scores))
        for group in plan.groups:
            block = np.ix_(group.rows, group.rows)
            own[group.rows] = (
                ols[group.rows, voxel] @ ols[group.rows, voxel] / np.trace((np.eye(len(hat)) - hat)[block])
            )
        normal = nuisance.T @ (nuisance / own[:, None])
        left = scores[:, voxel] - nuisance @ np.linalg.solve(normal, nuisance.T @ (scores[:, voxel] / own))
        for group in plan.groups:
            z = nuisance[group.rows]
            remaining = np.eye(len(z)) - z @ np.linalg.solve(normal, z.T) / own[group.rows[0]]
            values, vectors = np.linalg.eigh(remaining)
            power = np.where(values > 1e-7, np.abs(values) ** -0.5, 0)
            expected[group.rows, voxel] = vectors @ (power * (vectors.T @ left[group.rows]))
    expected /= plan.sd[:, None]
    expected /= np.linalg.norm(expected, axis=0)
    np.testing.assert_allclose(rotation_residuals(y, plan)[0], expected, atol=1e-5)


def test_of_a_common_mean_the_groups_means_are_blown_up_by_what_the_mean_takes_of_them():
    y, model = study((5, 12), (2.5, 1.0), cues=("x", "y"))
    plan = planned(y, model, "group")
    scores = scores_of(y, plan)
    parts = [scores[:5], scores[5:]]
    share = np.array([len(each) / each.var(axis=0, ddof=1) for each in parts])
    share /= share.sum(axis=0)
    mean = sum(own * each.mean(axis=0) for own, each in zip(share, parts, strict=True))
    expected = np.concatenate(
        [
            each - each.mean(axis=0) + (each.mean(axis=0) - mean) / np.sqrt(1 - own)
            for own, each in zip(share, parts, strict=True)
        ]
    )
    expected /= plan.sd[:, None]
    np.testing.assert_allclose(rotation_residuals(y, plan)[0], expected / np.linalg.norm(expected, axis=0), atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), term=st.sampled_from(["group", "cue", "group:cue", "slope"]))
def test_a_rotation_turns_whole_subjects_within_their_group(seed, term):
    y, model = study((4, 6), (2.0, 1.0), seed=seed, slope=True)
    plan = planned(y, model, term, n_permutations=3, seed=seed)
    c = plan.stratum.scores.shape[1]
    for rotated in np.swapaxes(rotated_bases(plan, slice(1, None)), 1, 2):
        for group in plan.groups:
            free = group.span @ group.span.T
            before = plan.basis[group.rows].reshape(len(free), -1)
            after = rotated[group.rows].reshape(len(free), -1)
            # every product of two columns over subjects, of the same score or of two
            np.testing.assert_allclose(after.T @ after, before.T @ free @ before, atol=1e-10)
            np.testing.assert_allclose(free @ after, after, atol=1e-10)
            assert len(group.rows) == c * len(free)


def test_directions_are_uniform():
    y, model = study((5, 6), (1.0, 1.0), cues=("x", "y"))
    plan = planned(y, model, "group", n_permutations=4000)
    column = rotated_bases(plan, slice(1, None))[:, 0, :5]
    unit = column / np.linalg.norm(column, axis=1, keepdims=True)
    # a coordinate of a uniform direction in 5 dimensions squared is Beta(1/2, 2)
    for coordinate in unit.T:
        assert stats.kstest(coordinate**2, stats.beta(0.5, 2).cdf).pvalue > 1e-3
        assert abs(np.sign(coordinate).mean()) < 4 / np.sqrt(4000)


def test_a_group_keeps_its_own_mean_out_of_rotations_of_a_common_slope():
    y, model = study((5, 12), (2.5, 1.0), slope=True, cues=("x", "y"))
    plan = planned(y, model, "slope", n_permutations=2)
    assert [group.span.shape for group in plan.groups] == [(5, 4), (12, 11)]
    bases = rotated_bases(plan, slice(1, None))
    for group in plan.groups:
        np.testing.assert_allclose(bases[:, :, group.rows].sum(axis=2), 0, atol=1e-10)


def test_any_part_of_the_rotations_is_that_part_of_all():
    y, model = study((4, 6), (2.0, 1.0))
    plan = planned(y, model, "group:cue", n_permutations=20, seed=4)
    whole = rotated_bases(plan, slice(None))
    np.testing.assert_array_equal(whole[7:15], rotated_bases(plan, slice(7, 15)))
    np.testing.assert_allclose(whole[0], plan.basis.T)


# exact where groups have means of their own; of a common mean single responses err by .03 where five subjects decide
CASES = [
    ("slope", (5, 12), (1.0, 2.5), True, 0.05),
    ("slope", (5, 12), (2.5, 1.0), True, 0.05),
    ("group", (30, 30), (2.5, 1.0), False, 0.05),
    ("group", (5, 12), (2.5, 1.0), False, 0.08),
    ("cue", (5, 12), (2.5, 1.0), False, 0.08),
    ("group:cue", (5, 12), (1.0, 2.5), False, 0.05),
    ("group:cue", (5, 7, 12), (2.5, 1.5, 1.0), False, 0.06),
]


@pytest.mark.parametrize(("term", "sizes", "sds", "slope", "expected"), CASES)
def test_single_responses_keep_their_level_where_groups_differ_in_variance(term, sizes, sds, slope, expected):
    y, model = study(sizes, sds, voxels=3000, seed=11, slope=slope, cues=("x", "y"))
    f = rotated_f(y, planned(y, model, term, n_permutations=499, seed=1))
    p = np.array([permutation_p(f[:, v], f[:1, v])[0] for v in range(f.shape[1])])
    # the standard error is .004 to .005
    assert abs((p <= 0.05).mean() - expected) < 0.015


def test_permutation_errs_where_rotation_does_not():
    y, model = study((5, 12), (2.5, 1.0), voxels=3000, seed=11, cues=("x", "y"))
    f = permuted_f(y, plan_permutations(model, "group", n_permutations=499, seed=1))
    p = np.array([permutation_p(f[:, v], f[:1, v])[0] for v in range(f.shape[1])])
    assert (p <= 0.05).mean() > 0.15


def test_a_planted_effect_is_found_and_one_side_asks_for_its_sign():
    y, model = study((5, 12), (2.5, 1.0), voxels=200, seed=2, cues=("x", "y"))
    y[:5] += 12.0
    plan = planned(y, model, "group", n_permutations=199, one_sided=True)
    f = rotated_f(y, plan)
    assert (f[0] > f[1:].max(axis=0)).mean() > 0.9
    assert plan.one_sided
    found = rotation_residuals(y, plan)[1]
    assert (plan.basis[:, 0] @ found > 0).all()
    assert (plan.basis[:, 0] @ rotation_residuals(-y, plan)[1] < 0).all()


def test_blocks_are_rotated_apart_and_their_means_are_no_evidence():
    y, model = study((6, 12), (2.0, 1.0), voxels=1500, seed=5, cues=("x", "y"))
    blocks = ["one", "two"] * 9
    shift = np.array([0.0, 50.0] * 9)[:, None, None]
    plan = planned(y, model, "group", blocks=blocks, n_permutations=199)
    assert len(plan.groups) == 4
    assert plan.df2 == 18 - 3
    np.testing.assert_allclose(rotated_f(y + shift, plan), rotated_f(y, plan), rtol=2e-3, atol=2e-3)
    f = rotated_f(y, plan)
    p = np.array([permutation_p(f[:, v], f[:1, v])[0] for v in range(f.shape[1])])
    # three subjects decide what the variance of their block and group is
    assert (p <= 0.05).mean() < 0.1


def test_what_cannot_be_rotated_is_refused_by_name():
    y, model = study((1, 5, 12), (1.0, 1.0, 1.0))
    with pytest.raises(DesignError, match=r"group a: found one subject .*--variance equal"):
        planned(y, model, "group")
    y, model = study((4, 6), (1.0, 1.0))
    with pytest.raises(DesignError, match="does not vary within blocks"):
        planned(y, model, "group", blocks=["one"] * 4 + ["two"] * 6)
    variances = stratum_variances([y], model.strata[0], groups_of(model.design))
    assert variances is not None
    with pytest.raises(DesignError, match="expected one for each of 10"):
        plan_rotations(model, "group", variances, blocks=["one"])


def test_constant_and_missing_responses_are_not_tested():
    y, model = study((4, 6), (1.0, 2.0), voxels=4)
    plan = planned(y, model, "group")
    y[:, :, 1] = 3.0
    y[2, 0, 2] = np.nan
    rotated, found, fitted = rotation_residuals(y, plan, testable=np.array([True, True, True, False]))
    assert fitted.tolist() == [True, False, False, False]
    assert not rotated[:, 1:].any()
    assert not found[:, 1:].any()


@pytest.mark.parametrize(
    ("variance", "p", "rotated"),
    [("equal", 0.001, False), ("groups", 0.9, True), ("auto", 0.2, True), ("auto", 0.21, False)],
)
def test_the_data_decide_only_where_they_are_asked(variance, p, rotated):
    found = GroupVariances(labels=("a", "b"), groups=("a", "b"), n=(1, 1), sd=(1.0, 1.0), p=p)
    assert rotates(variance, found) is rotated
