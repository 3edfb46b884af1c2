"""The strata AN(C)OVA against R (see validation/ and the shared reference), simpler tests, and its own laws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.sphericity import sphericity
from cuecircuit.stats.strata import StrataAnova, strata_anova
from cuecircuit.stats.strata_design import MixedDesign, strata_model

WITHIN = {"w1": ("cue", "block"), "w2": ("facA", "facB")}
# R takes differences of residual sums, which costs it digits where F is small
R_RTOL = 1e-8


def reference_case(folder, *, covariate: bool) -> tuple[np.ndarray, MixedDesign]:
    design, y = pd.read_csv(folder / "design.csv"), pd.read_csv(folder / "y.csv").to_numpy(float)
    subjects = list(dict.fromkeys(design.Subj))
    shape = (len(subjects), len(design) // len(subjects))
    assert (design.Subj.to_numpy().reshape(shape) == np.array(subjects)[:, None]).all()
    return y.reshape(*shape, -1), MixedDesign(
        subjects=subjects,
        between={"group": design.group.to_numpy().reshape(shape)[:, 0].tolist()},
        within={name: tuple(dict.fromkeys(design[name])) for name in WITHIN[folder.name]},
        covariates={"resp": design.resp.to_numpy().reshape(shape)} if covariate else {},
        unit="Subj",
    )


def by_voxel(table: pd.DataFrame, column: str) -> np.ndarray:
    order = table.voxel.str.removeprefix("v").astype(int).to_numpy() - 1
    values = np.empty(len(table))
    values[order] = table[column]
    return values


@pytest.mark.parametrize("case", ["w1", "w2"])
def test_type_iii_tests_with_a_covariate_are_those_of_lm_on_contrast_scores(reference, case):
    y, design = reference_case(reference / case, covariate=True)
    anova = strata_anova(y, design)
    table = pd.read_csv(reference / case / "strata_type3_cov.csv")
    for (term, stratum), rows in table.groupby(["term", "stratum"]):
        test = anova.term(term, stratum)
        assert (test.df1, test.df2) == (rows.df1.iloc[0], rows.df2.iloc[0])
        np.testing.assert_allclose(test.f, by_voxel(rows, "F"), rtol=R_RTOL)
        np.testing.assert_allclose(test.p, by_voxel(rows, "p"), rtol=R_RTOL)
    assert len(anova.terms) == table.groupby(["term", "stratum"]).ngroups


def test_without_a_covariate_tests_are_those_of_afex(reference):
    y, design = reference_case(reference / "w1", covariate=False)
    anova = strata_anova(y, design)
    for term, rows in pd.read_csv(reference / "w1" / "afex_nocov_type3.csv").groupby("term"):
        test = anova.term(term)
        np.testing.assert_allclose(test.f, by_voxel(rows, "F"), rtol=R_RTOL)
        np.testing.assert_allclose(test.ss, by_voxel(rows, "SS"), rtol=R_RTOL)
        np.testing.assert_allclose(test.ss_error, by_voxel(rows, "SSerr"), rtol=R_RTOL)


def test_epsilons_and_mauchly_are_those_of_afex(reference):
    y, design = reference_case(reference / "w2", covariate=False)
    anova = strata_anova(y, design)
    table = pd.read_csv(reference / "w2" / "afex_nocov_type3_gghf.csv")
    for term, rows in table[table.GG_eps.notna()].groupby("term"):
        test = anova.term(term)
        sphere = anova.spheres[test.stratum]
        ours = (test.eps_gg, np.exp(test.log_p_gg), test.eps_hf, np.exp(test.log_p_hf))
        for column, values in zip(("GG_eps", "p_GG", "HF_eps", "p_HF"), ours, strict=True):
            np.testing.assert_allclose(values, by_voxel(rows, column), rtol=R_RTOL)
        np.testing.assert_allclose(sphere.mauchly_w, by_voxel(rows, "mauchly_W"), rtol=R_RTOL)
        np.testing.assert_allclose(sphere.mauchly_p, by_voxel(rows, "mauchly_p"), rtol=R_RTOL)
    assert (table.HF_eps > 1).any(), "the reference has epsilons above 1, so their treatment is tested"


@pytest.mark.parametrize(("scores", "df"), [(2, 1), (3, 1), (3, 2), (5, 2)])
def test_too_few_subjects_for_mauchly_have_no_p(scores, df):
    residual = np.random.default_rng(1).standard_normal((df + 1, scores, 4))
    assert np.isnan(sphericity(residual, float(df)).mauchly_p).all()


@pytest.mark.parametrize("case", ["w1", "w2"])
def test_aov_with_error_strata_agrees_where_its_sequential_sums_are_type_iii(reference, case):
    y, design = reference_case(reference / case, covariate=True)
    anova = strata_anova(y, design)
    table = pd.read_csv(reference / case / "aov_cov_strata.csv")
    last = table[table.term.str.startswith("group:")]
    for (term, stratum), rows in last.groupby(["term", "stratum"]):
        np.testing.assert_allclose(anova.term(term, stratum).f, by_voxel(rows, "F"), rtol=R_RTOL)
    if case == "w1":
        plain = pd.read_csv(reference / case / "aov_nocov_strata.csv")
        y, design = reference_case(reference / case, covariate=False)
        group = plain[plain.term == "group"]
        np.testing.assert_allclose(strata_anova(y, design).term("group").f, by_voxel(group, "F"), rtol=R_RTOL)


# --- a second way to the same numbers: least squares in the space of the observations, by pseudo-inverse


def least_squares_f(y, within, groups, covariate, effect, term):
    """F of one term in one stratum: project everything on the stratum, drop the term's columns, compare residuals."""
    n, c = y.shape[:2]
    sizes = [len(levels) for levels in within.values()]
    averages = [np.full((k, k), 1 / k) for k in sizes]
    part = np.ones((1, 1))
    for name, k, average in zip(within, sizes, averages, strict=True):
        part = np.kron(part, np.eye(k) - average if name in effect else average)
    stratum = np.kron(np.eye(n), part)
    dummies = (np.array(groups)[:, None] == np.unique(groups)).astype(float)
    # effect coding: each level against the last
    coded = dummies[:, :-1] - dummies[:, -1:]
    cells = np.eye(c)
    columns = {"mean": np.kron(np.ones((n, 1)), cells), "group": np.kron(coded, cells)}
    if covariate is not None:
        columns["covariate"] = covariate.reshape(-1, 1)
    left = {}
    for drop in (None, term):
        kept = [stratum @ block for name, block in columns.items() if name != drop]
        x = np.hstack(kept) if kept else np.zeros((n * c, 1))
        projected = stratum @ y.reshape(n * c, -1)
        # 1e-9: columns of the other strata are rounding here
        residual = projected - x @ (np.linalg.pinv(x, rcond=1e-9) @ projected)
        left[drop] = (np.sum(residual**2, axis=0), np.linalg.matrix_rank(x, tol=1e-9))
    rank = round(np.trace(stratum))
    df1, df2 = left[None][1] - left[term][1], rank - left[None][1]
    return (left[term][0] - left[None][0]) / df1 / (left[None][0] / df2), df1, df2


@settings(max_examples=30)
@given(
    st.lists(st.integers(2, 4), min_size=2, max_size=3),
    st.lists(st.integers(2, 4), min_size=1, max_size=2),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_any_design_gives_the_f_of_least_squares_in_the_space_of_the_observations(sizes, levels, with_covariate, seed):
    rng = np.random.default_rng(seed)
    sizes = [size + 2 for size in sizes]
    groups = np.repeat([f"g{i}" for i in range(len(sizes))], sizes).tolist()
    within = {f"w{i}": tuple(f"{i}{level}" for level in range(k)) for i, k in enumerate(levels)}
    n, c = len(groups), int(np.prod(levels))
    y = rng.standard_normal((n, c, 2))
    covariate = rng.standard_normal((n, c)) if with_covariate else None
    anova = strata_anova(y, mixed(groups, within, {} if covariate is None else {"x": covariate}))
    for stratum in anova.model.strata:
        names = {"mean": ":".join(stratum.within) or None, "group": ":".join(("group", *stratum.within))}
        names |= {"covariate": "x"} if with_covariate else {}
        for term, name in names.items():
            if name is None:
                continue
            test = anova.term(name, stratum.name)
            f, df1, df2 = least_squares_f(y, within, groups, covariate, stratum.within, term)
            assert (test.df1, test.df2) == (df1, df2)
            # differences of residual sums lose digits where F is small
            np.testing.assert_allclose(test.f, f, rtol=1e-7, atol=1e-9)


def mixed(groups, within, covariates=None, **more) -> MixedDesign:
    return MixedDesign(
        subjects=[f"s{i}" for i in range(len(groups))],
        between={"group": list(groups)} if len(set(groups)) > 1 else {},
        within=within,
        covariates=covariates or {},
        **more,
    )


# --- reduction to simpler known tests


def test_two_conditions_of_one_group_are_a_paired_t():
    y = np.random.default_rng(1).standard_normal((12, 2, 5))
    test = strata_anova(y, mixed(["a"] * 12, {"cue": ("plus", "minus")})).term("cue")
    paired = stats.ttest_rel(y[:, 0], y[:, 1])
    np.testing.assert_allclose(test.t, paired.statistic, rtol=1e-10)
    np.testing.assert_allclose(test.p, paired.pvalue, rtol=1e-10)
    np.testing.assert_allclose(test.estimate, (y[:, 0] - y[:, 1]).mean(0) / 2, rtol=1e-10)


def test_two_groups_are_an_unpaired_t():
    y = np.random.default_rng(2).standard_normal((13, 1, 5))
    groups = ["a"] * 5 + ["b"] * 8
    test = strata_anova(y, mixed(groups, {})).term("group")
    unpaired = stats.ttest_ind(y[:5, 0], y[5:, 0])
    np.testing.assert_allclose(test.t, unpaired.statistic, rtol=1e-10)
    np.testing.assert_allclose(test.estimate, (y[:5, 0].mean(0) - y[5:, 0].mean(0)) / 2, rtol=1e-10)


def test_several_groups_are_a_one_way_anova():
    y = np.random.default_rng(3).standard_normal((15, 1, 5))
    test = strata_anova(y, mixed(["a"] * 4 + ["b"] * 5 + ["c"] * 6, {})).term("group")
    np.testing.assert_allclose(test.f, stats.f_oneway(y[:4, 0], y[4:9, 0], y[9:, 0]).statistic, rtol=1e-10)


def test_a_covariate_alone_is_a_regression():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal(20), rng.standard_normal((20, 1, 1))
    test = strata_anova(y, mixed(["a"] * 20, {}, {"dose": x})).term("dose")
    line = stats.linregress(x, y[:, 0, 0])
    np.testing.assert_allclose([test.estimate[0], test.p[0]], [line.slope, line.pvalue], rtol=1e-10)


def test_one_group_and_one_condition_is_a_one_sample_t():
    y = np.random.default_rng(5).standard_normal((9, 1, 4)) + 1
    test = strata_anova(y, mixed(["a"] * 9, {})).term("(Intercept)")
    np.testing.assert_allclose(test.t, stats.ttest_1samp(y[:, 0], 0).statistic, rtol=1e-10)
    np.testing.assert_allclose(test.estimate, y[:, 0].mean(0), rtol=1e-10)


def test_estimates_are_coefficients_of_sum_to_zero_coding():
    rng = np.random.default_rng(6)
    groups = ["a"] * 5 + ["b"] * 7
    y, g = rng.standard_normal((12, 6, 1)), np.repeat([1.0, -1.0], [5, 7])
    within = {"cue": ("plus", "minus"), "time": ("1", "2", "3")}
    anova = strata_anova(y, mixed(groups, within))
    cell = np.stack([y[g == sign, :, 0].mean(0).reshape(2, 3) for sign in (1, -1)])
    cue = cell.mean(axis=2) @ [0.5, -0.5]
    np.testing.assert_allclose(anova.term("cue").estimate, [cue.mean()], rtol=1e-10)
    np.testing.assert_allclose(anova.term("group:cue").estimate, [cue @ [0.5, -0.5]], rtol=1e-10)
    np.testing.assert_allclose(anova.term("(Intercept)").estimate, [cell.mean()], rtol=1e-10)
    assert anova.term("time").estimate is None


def test_a_crossed_covariate_has_its_own_slope_in_each_condition():
    rng = np.random.default_rng(7)
    age, y = rng.standard_normal(20), rng.standard_normal((20, 2, 1))
    design = mixed(["a"] * 20, {"cue": ("plus", "minus")}, {"age": age}, crossed=("age",))
    test = strata_anova(y, design).term("age:cue")
    line = stats.linregress(age, y[:, 0, 0] - y[:, 1, 0])
    np.testing.assert_allclose([test.estimate[0], test.p[0]], [line.slope / 2, line.pvalue], rtol=1e-10)
    assert "age:cue" not in {
        term.name for term in strata_anova(y, mixed(["a"] * 20, design.within, {"age": age})).terms
    }


# --- laws


studies = st.tuples(
    st.lists(st.integers(3, 6), min_size=1, max_size=3),
    st.lists(st.integers(2, 3), min_size=0, max_size=2),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)


def study_of(sizes, levels, with_covariate, seed) -> tuple[np.ndarray, MixedDesign]:
    groups = [f"g{i}" for i, size in enumerate(sizes) for _ in range(size)]
    within = {f"w{i}": tuple(f"{i}{level}" for level in range(k)) for i, k in enumerate(levels)}
    rng = np.random.default_rng(seed)
    shape = (len(groups), int(np.prod(levels)))
    covariates = {"x": rng.standard_normal(shape)} if with_covariate else {}
    return rng.standard_normal((*shape, 3)), mixed(groups, within, covariates)


def fs(anova: StrataAnova, *, skip: tuple[str, ...] = ()) -> dict[tuple[str, str], np.ndarray]:
    return {(test.name, test.stratum): test.f for test in anova.terms if test.name not in skip}


def assert_same_tests(one, other, rtol=1e-7):
    assert one.keys() == other.keys()
    for key, values in one.items():
        np.testing.assert_allclose(values, other[key], rtol=rtol, atol=1e-10, err_msg=str(key))


law = settings(max_examples=25)


@law
@given(studies, st.floats(1e-6, 1e6), st.sampled_from([1, -1]))
def test_units_of_the_response_do_not_matter(study, scale, sign):
    y, design = study_of(*study)
    one, other = strata_anova(y, design, residuals=True), strata_anova(sign * scale * y, design, residuals=True)
    assert_same_tests(fs(one), fs(other))
    np.testing.assert_allclose(other.residuals, sign * scale * one.residuals, atol=1e-9 * scale)


@law
@given(studies, st.floats(-100, 100))
def test_a_constant_changes_only_the_grand_mean(study, shift):
    y, design = study_of(*study)
    skip = ("(Intercept)",)
    assert_same_tests(fs(strata_anova(y, design), skip=skip), fs(strata_anova(y + shift, design), skip=skip))


@law
@given(studies, st.integers(0, 2**32 - 1))
def test_what_a_subject_adds_to_all_its_conditions_stays_between_subjects(study, seed):
    y, design = study_of(*study)
    level = np.random.default_rng(seed).standard_normal((len(y), 1, 1))
    one, other = fs(strata_anova(y, design)), fs(strata_anova(y + 10 * level, design))
    inside = [key for key in one if key[1] != "subject"]
    assert_same_tests({key: one[key] for key in inside}, {key: other[key] for key in inside})


@law
@given(studies, st.floats(-50, 50), st.floats(0.01, 100))
def test_shift_and_unit_of_a_covariate_change_only_the_grand_mean_and_the_unit_of_the_slope(study, shift, scale):
    y, design = study_of(*study)
    moved = {name: shift + scale * values for name, values in design.covariates.items()}
    one = strata_anova(y, design)
    other = strata_anova(y, mixed(design.between.get("group", ["a"] * len(y)), design.within, moved))
    skip = ("(Intercept)",)
    assert_same_tests(fs(one, skip=skip), fs(other, skip=skip))
    for test, twin in zip(one.terms, other.terms, strict=True):
        if test.covariate:
            np.testing.assert_allclose(test.estimate, twin.estimate * scale, rtol=1e-6, atol=1e-9)


@law
@given(studies, st.integers(0, 2**32 - 1))
def test_order_of_subjects_and_of_conditions_does_not_matter(study, seed):
    y, design = study_of(*study)
    rng = np.random.default_rng(seed)
    people = rng.permutation(len(y))
    # the first factor's levels in another order
    names = list(design.within)
    sizes = [len(levels) for levels in design.within.values()]
    turned = rng.permutation(sizes[0]) if names else np.zeros(1, int)
    cells = np.arange(y.shape[1]).reshape(*(sizes or [1]))[turned].ravel()
    within = dict(design.within)
    if names:
        within[names[0]] = tuple(design.within[names[0]][place] for place in turned)
    groups = design.between.get("group", ["a"] * len(y))
    other = mixed(
        [groups[i] for i in people],
        within,
        {name: values[people][:, cells] for name, values in design.covariates.items()},
    )
    one = strata_anova(y, design, residuals=True)
    two = strata_anova(y[people][:, cells], other, residuals=True)
    assert_same_tests(fs(one), fs(two))
    np.testing.assert_allclose(two.residuals, one.residuals[people][:, cells], atol=1e-10)


@law
@given(studies)
def test_f_is_the_square_of_t_for_terms_of_one_column(study):
    y, design = study_of(*study)
    for test in strata_anova(y, design).terms:
        assert (test.t is None) == (test.df1 > 1)
        if test.t is not None:
            np.testing.assert_allclose(test.t**2, test.f, rtol=1e-10)
            np.testing.assert_allclose(stats.norm.sf(abs(test.z)) * 2, test.p, rtol=1e-6)


@law
@given(studies)
def test_residuals_are_unexplained_by_groups_conditions_and_covariates(study):
    y, design = study_of(*study)
    anova = strata_anova(y, design, residuals=True)
    groups = np.array(design.between.get("group", ["a"] * len(y)))
    for group in np.unique(groups):
        np.testing.assert_allclose(anova.residuals[groups == group].mean(axis=0), 0, atol=1e-10)
        if not design.covariates:
            expected = y[groups == group] - y[groups == group].mean(axis=0)
            np.testing.assert_allclose(anova.residuals[groups == group], expected, atol=1e-10)
    errors = {test.stratum: test.ss_error for test in anova.terms}
    np.testing.assert_allclose((anova.residuals**2).sum(axis=(0, 1)), sum(errors.values()), rtol=1e-9)


@law
@given(studies)
def test_epsilons_stay_in_their_bounds_and_raise_p_of_a_large_f(study):
    y, design = study_of(*study)
    for test in strata_anova(y, design).terms:
        if test.eps_gg is None or test.df1 == 1:
            continue
        scores = next(s for s in strata_model(design).strata if s.name == test.stratum).scores.shape[1]
        assert np.all(test.eps_gg >= 1 / scores - 1e-12)
        assert np.all(test.eps_gg <= 1 + 1e-12)
        # Lecoutre's corrected estimate never falls below Greenhouse and Geisser's
        assert np.all(test.eps_hf >= test.eps_gg - 1e-9)
        assert np.all((test.log_p_gg >= test.log_p - 1e-12) | (test.f < 1.5))


@law
@given(studies, st.integers(1, 4))
def test_blocks_and_float32_give_the_same_answer(study, block):
    y, design = study_of(*study)
    y = y.astype(np.float32)
    whole = strata_anova(y.astype(np.float64), design, residuals=True)
    parts = strata_anova(y, design, residuals=True, block=block)
    assert_same_tests(fs(whole), fs(parts), rtol=1e-9)
    assert parts.residuals.dtype == np.float32
    # one rounding to float32 at the end
    np.testing.assert_allclose(parts.residuals, whole.residuals, atol=1e-6)


def test_partial_and_generalized_eta_squared_are_shares_of_sums_of_squares():
    y = np.random.default_rng(8).standard_normal((10, 2, 1))
    anova = strata_anova(y, mixed(["a"] * 4 + ["b"] * 6, {"cue": ("plus", "minus")}))
    cue, group = anova.term("cue"), anova.term("group")
    error = cue.ss_error + group.ss_error
    np.testing.assert_allclose(cue.partial_eta2, cue.f / (cue.f + cue.df2), rtol=1e-12)
    np.testing.assert_allclose(anova.generalized_eta2(cue), cue.ss / (cue.ss + error), rtol=1e-12)
    both = anova.term("group:cue").ss + group.ss
    np.testing.assert_allclose(
        anova.generalized_eta2(cue, observed=("group",)), cue.ss / (cue.ss + both + error), rtol=1e-12
    )
    np.testing.assert_allclose(
        anova.generalized_eta2(group, observed=("group",)), group.ss / (both + error), rtol=1e-12
    )


# --- null, planted effect, bad voxels


def test_p_is_uniform_under_the_null_with_a_covariate_that_follows_the_factors():
    rng = np.random.default_rng(9)
    groups, within = ["ShA"] * 11 + ["LgA"] * 10, {"cue": ("plus", "minus"), "block": ("early", "late")}
    sign, cue = np.repeat([1.0, -1.0], [11, 10])[:, None], np.array([1.0, 1, -1, -1])
    resp = rng.standard_normal((21, 4)) + sign + cue + 0.5 * sign * cue
    subject = rng.standard_normal((21, 1, 3000))
    by_cue = rng.standard_normal((21, 2, 3000)).repeat(2, axis=1)
    y = 2 * subject + by_cue + rng.standard_normal((21, 4, 3000)) + 0.7 * resp[:, :, None]
    anova = strata_anova(y, mixed(groups, within, {"resp": resp}))
    for test in anova.terms:
        if test.covariate is None and test.name != "(Intercept)":
            # 7 tests at a fixed seed: 1e-3 would be a rare fit, while a wrong error term gives below 1e-20
            assert stats.kstest(test.p, "uniform").pvalue > 1e-3, test.name


def test_a_planted_interaction_is_found_where_it_is_and_nowhere_else():
    rng = np.random.default_rng(10)
    y = rng.standard_normal((20, 2, 200)) + 3 * rng.standard_normal((20, 1, 200))
    y[:10, 0, :50] += 2
    y[:10, 1, :50] -= 2
    anova = strata_anova(y, mixed(["a"] * 10 + ["b"] * 10, {"cue": ("plus", "minus")}))
    found = anova.term("group:cue").p < 0.001
    assert found[:50].mean() > 0.95
    assert found[50:].mean() < 0.02
    assert (anova.term("group").p < 0.001).mean() < 0.02
    assert np.all(anova.term("group:cue").t[:50] > 0)


def test_responses_that_cannot_be_fitted_are_nan_and_counted():
    rng = np.random.default_rng(11)
    y = rng.standard_normal((8, 2, 6))
    y[3, 1, 1], y[0, 0, 2], y[:, :, 3], y[:, :, 4] = np.nan, np.inf, 7.1, 0.0
    before = y.copy()
    design = mixed(["a"] * 4 + ["b"] * 4, {"cue": ("plus", "minus")})
    anova = strata_anova(y, design, residuals=True)
    np.testing.assert_array_equal(y, before)
    assert (anova.n_not_finite, anova.n_no_error) == (2, 2)
    for test in anova.terms:
        assert np.isnan(test.f).tolist() == [False, True, True, True, True, False]
        assert np.isnan(test.p).tolist() == [False, True, True, True, True, False]
    assert np.isnan(anova.residuals[:, :, 1:3]).all()
    alone = strata_anova(y[:, :, [0, 5]], design)
    np.testing.assert_allclose(anova.term("cue").f[[0, 5]], alone.term("cue").f, rtol=1e-12)


def test_no_response_gives_empty_tests():
    anova = strata_anova(np.empty((6, 2, 0)), mixed(["a"] * 6, {"cue": ("plus", "minus")}))
    assert anova.term("cue").p.shape == (0,)


def test_axes_that_do_not_fit_the_design_are_named():
    with pytest.raises(DesignError, match=r"y: found \(6, 3\) subjects and conditions, expected \(6, 2\)"):
        strata_anova(np.ones((6, 3, 1)), mixed(["a"] * 6, {"cue": ("plus", "minus")}))


def test_a_term_that_stands_in_several_strata_must_be_told_apart():
    rng = np.random.default_rng(12)
    design = mixed(["a"] * 6, {"cue": ("plus", "minus")}, {"x": rng.standard_normal((6, 2))})
    anova = strata_anova(rng.standard_normal((6, 2, 1)), design)
    with pytest.raises(DesignError, match=r"term 'x': found 2 tests .* x \(subject\), x \(subject:cue\)"):
        anova.term("x")
    assert anova.term("x", "subject:cue").covariate == "x"
