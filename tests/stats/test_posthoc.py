import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.posthoc import compare
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, groups_of
from tests.stats.contrast_sets import conditions_against, groups_against


def study(sizes=(11, 10), sessions=10, seed=0) -> tuple[np.ndarray, MixedDesign]:
    groups = [name for name, size in zip(("ShA", "LgA", "Naive"), sizes, strict=False) for _ in range(size)]
    design = MixedDesign(
        subjects=[f"rat{i}" for i in range(len(groups))],
        between={"access": groups} if len(sizes) > 1 else {},
        within={"session": tuple(str(i + 1) for i in range(sessions))} if sessions > 1 else {},
    )
    rng = np.random.default_rng(seed)
    return rng.standard_normal((len(groups), sessions)) + rng.standard_normal((len(groups), 1)), design


def test_own_error_inside_a_group_is_the_paired_t():
    y, design = study()
    found = compare(y, design, conditions_against(design, "1"), error="contrast", adjustment="none")
    assert found.names[:2] == ("ShA: 2 - 1", "ShA: 3 - 1")
    assert found.names[9] == "LgA: 2 - 1"
    paired = [stats.ttest_rel(rats[:, k], rats[:, 0]) for rats in (y[:11], y[11:]) for k in range(1, 10)]
    np.testing.assert_allclose(found.t, [each.statistic for each in paired], rtol=1e-10)
    np.testing.assert_allclose(found.p, [each.pvalue for each in paired], rtol=1e-10)
    intervals = [each.confidence_interval(0.95) for each in paired]
    np.testing.assert_allclose(found.ci_low, [each.low for each in intervals], rtol=1e-9)
    np.testing.assert_allclose(found.ci_high, [each.high for each in intervals], rtol=1e-9)


def test_own_error_between_groups_is_the_unpaired_t():
    y, design = study()
    found = compare(y, design, groups_against(design, "ShA"), error="contrast", adjustment="none")
    assert found.names[0] == "1: LgA - ShA"
    unpaired = stats.ttest_ind(y[11:], y[:11])
    np.testing.assert_allclose(found.t, unpaired.statistic, rtol=1e-10)
    np.testing.assert_allclose(found.p, unpaired.pvalue, rtol=1e-10)


def test_pooled_error_inside_a_group_is_the_residual_mean_square_of_the_anova():
    y, design = study()
    found = compare(y, design, conditions_against(design, "1"), error="pooled")
    # the row of a two-way repeated-measures table: MSresidual with (n - groups)(sessions - 1) df
    cells = np.where(np.arange(21)[:, None] < 11, y[:11].mean(0), y[11:].mean(0))
    residual = (y - cells) - (y - cells).mean(axis=1, keepdims=True)
    mean_square = (residual**2).sum() / 171
    np.testing.assert_allclose(found.se[:9], np.sqrt(mean_square * 2 / 11), rtol=1e-10)
    np.testing.assert_allclose(found.se[9:], np.sqrt(mean_square * 2 / 10), rtol=1e-10)
    assert set(found.df) == {171}
    np.testing.assert_allclose(found.p_adjusted, np.minimum(9 * found.p, 1))


def test_pooled_error_between_groups_is_the_mean_square_within_cells():
    y, design = study()
    found = compare(y, design, groups_against(design, "ShA"), error="pooled")
    cells = np.where(np.arange(21)[:, None] < 11, y[:11].mean(0), y[11:].mean(0))
    # (SSsubject + SSresidual) / (DFsubject + DFresidual), as Prism documents it
    mean_square = ((y - cells) ** 2).sum() / (19 + 171)
    np.testing.assert_allclose(found.se, np.sqrt(mean_square * (1 / 11 + 1 / 10)), rtol=1e-10)
    np.testing.assert_allclose(found.df, 190)


def test_satterthwaite_df_lie_between_the_smallest_and_the_sum_of_the_strata():
    y, design = study()
    pooled = compare(y, design, groups_against(design, "ShA"), error="pooled")
    honest = compare(y, design, groups_against(design, "ShA"), error="satterthwaite")
    np.testing.assert_allclose(honest.se, pooled.se)
    assert np.all((honest.df > 19) & (honest.df < 190))
    test = strata_anova(y[:, :, None], design)
    between, within = (test.term(name).ss_error[0] / test.term(name).df2 for name in ("access", "session"))
    parts = np.array([between / 10, within * 9 / 10])
    np.testing.assert_allclose(honest.df, parts.sum() ** 2 / (parts**2 / [19, 171]).sum(), rtol=1e-10)
    inside = compare(y, design, conditions_against(design, "1"), error="satterthwaite")
    np.testing.assert_allclose(inside.df, 171)


def test_dunnett_between_groups_is_scipys():
    y, design = study((6, 9, 5), sessions=1, seed=1)
    found = compare(y, design, groups_against(design, "ShA"), error="pooled", adjustment="dunnett")
    theirs = stats.dunnett(y[6:15, 0], y[15:, 0], control=y[:6, 0], rng=np.random.default_rng(0))
    np.testing.assert_allclose(found.t, theirs.statistic, rtol=1e-10)
    # theirs is quasi-random, good to about 1e-4
    np.testing.assert_allclose(found.p_adjusted, theirs.pvalue, atol=3e-4)
    interval = theirs.confidence_interval(0.95)
    np.testing.assert_allclose(found.ci_low, interval.low, atol=3e-3)


def test_tukey_between_groups_is_scipys():
    y, design = study((6, 9, 5), sessions=1, seed=2)
    found = compare(y, design, groups_against(design), error="pooled", adjustment="tukey")
    theirs = stats.tukey_hsd(y[:6, 0], y[6:15, 0], y[15:, 0])
    assert found.names == ("ShA - LgA", "ShA - Naive", "LgA - Naive")
    np.testing.assert_allclose(found.p_adjusted, theirs.pvalue[np.triu_indices(3, 1)], rtol=1e-6)
    low = theirs.confidence_interval(0.95).low[np.triu_indices(3, 1)]
    np.testing.assert_allclose(found.ci_low, low, rtol=1e-4, atol=1e-5)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_stricter_adjustments_give_larger_p_and_wider_intervals(seed):
    y, design = study(sessions=4, seed=seed)
    contrasts = conditions_against(design, "1")
    plain, dunnett, holm, bonferroni = (
        compare(y, design, contrasts, error="pooled", adjustment=method)
        for method in ("none", "dunnett", "holm", "bonferroni")
    )
    slack = 1 + 1e-9
    assert np.all(plain.p_adjusted <= dunnett.p_adjusted * slack)
    assert np.all(dunnett.p_adjusted <= bonferroni.p_adjusted * slack)
    assert np.all(holm.p_adjusted <= bonferroni.p_adjusted * slack)
    assert np.all(plain.ci_high <= dunnett.ci_high + 1e-9)
    assert np.all(dunnett.ci_high <= bonferroni.ci_high + 1e-9)
    for each in (dunnett, bonferroni):
        # an interval leaves out 0 where its adjusted p is below .05
        np.testing.assert_array_equal((each.ci_low > 0) | (each.ci_high < 0), each.p_adjusted < 0.05)


def test_one_family_adjusts_over_all_groups():
    y, design = study(sessions=3)
    apart = compare(y, design, conditions_against(design, "1"), error="pooled")
    together = compare(y, design, conditions_against(design, "1", one_family=True), error="pooled")
    np.testing.assert_allclose(together.p_adjusted, np.minimum(2 * apart.p_adjusted, 1), rtol=1e-12)
    assert set(together.families) == {"all"}


def test_dunnett_holds_the_family_wise_level_for_sessions_against_the_first():
    y, design = study((8,), sessions=5)
    found = compare(y, design, conditions_against(design, "1"), error="pooled", adjustment="dunnett")
    critical = ((found.ci_high - found.estimate) / found.se)[0]
    null = np.random.default_rng(4).standard_normal((20_000, 8, 5))
    centered = null - null.mean(axis=2, keepdims=True)
    residual = centered - centered.mean(axis=1, keepdims=True)
    se = np.sqrt((residual**2).sum(axis=(1, 2)) / 28 * 2 / 8)
    t = (null[:, :, 1:] - null[:, :, :1]).mean(axis=1) / se[:, None]
    # three standard errors of 20 000 studies at .05
    assert abs((np.abs(t).max(axis=1) > critical).mean() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 20_000)


def test_an_escalation_is_found_in_the_group_that_escalates():
    y, design = study(seed=3)
    y[11:] += 0.5 * np.arange(10)
    found = compare(y, design, conditions_against(design, "1"), error="contrast", adjustment="holm")
    late = [name.split(": ")[1] in ("9 - 1", "10 - 1") for name in found.names]
    lga = [name.startswith("LgA") for name in found.names]
    assert np.all(found.p_adjusted[np.array(late) & np.array(lga)] < 0.01)
    assert np.all(found.p_adjusted[~np.array(lga)] > 0.05)


def test_two_factors_between_subjects_make_groups_of_their_combinations():
    design = MixedDesign(subjects=["1", "2"], between={"access": ["ShA", "LgA"], "sex": ["f", "m"]})
    assert groups_of(design) == ("ShA:f", "LgA:m")


def test_what_a_method_is_not_made_for_is_refused():
    y, design = study(sessions=3)
    inside = conditions_against(design, "1")
    with pytest.raises(DesignError, match="reference '0': found 1, 2, 3"):
        conditions_against(design, "0")
    with pytest.raises(DesignError, match="dunnett needs a pooled error term"):
        compare(y, design, inside, error="contrast", adjustment="dunnett")
    with pytest.raises(DesignError, match="Tukey needs all pairs of a family, found 2"):
        compare(y, design, inside, error="pooled", adjustment="tukey")
    with pytest.raises(DesignError, match="Dunnett needs comparisons with one shared reference"):
        compare(y, design, conditions_against(design), error="pooled", adjustment="dunnett")
    covariate = MixedDesign(
        subjects=design.subjects, between=design.between, within=design.within, covariates={"age": np.arange(21.0)}
    )
    with pytest.raises(DesignError, match=r"covariates \['age'\] cannot be adjusted for"):
        compare(y, covariate, inside, error="pooled")


def test_one_animal_in_a_group_has_no_own_error():
    y, design = study((5, 1), sessions=2)
    with pytest.raises(DesignError, match="comparison 'LgA: 2 - 1': found one subject per group"):
        compare(y, design, conditions_against(design, "1"), error="contrast")
