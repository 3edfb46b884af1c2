"""Means, contrasts and comparisons of a mixed design against emmeans (validation/strata) and simpler tests."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.models.means import compare, contrasts, means
from cuecircuit.stats.contrasts import strata_contrast
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, strata_model
from tests.models.bound import strata_fit

VALIDATION = Path(__file__).resolve().parents[2] / "validation" / "strata"
# R's tables have 15 digits, its quantiles and integrals fewer
RTOL = 1e-6
FAMILIES = {"dose|group": (["dose"], ["group"]), "group|cue": (["group"], ["cue"])}


def validation_case(covariates: tuple[str, ...] = ("age",)) -> tuple[np.ndarray, np.ndarray, MixedDesign]:
    table = pd.read_csv(VALIDATION / "table.tsv", sep="\t")
    y, x = (np.stack([table[f"{name}{v}"].to_numpy().reshape(14, 6) for v in (1, 2, 3)], axis=2) for name in "yx")
    first = table.iloc[::6]
    design = MixedDesign(
        subjects=first.subject.tolist(),
        between={"group": first.group.tolist()},
        within={"cue": ("saline", "naloxone"), "dose": ("low", "mid", "high")},
        covariates={name: first[name].to_numpy() for name in covariates},
        crossed=covariates,
    )
    return y, x, design


def test_means_and_intervals_are_those_of_emmeans():
    y, _, design = validation_case()
    table = pd.read_csv(VALIDATION / "means.tsv", sep="\t").set_index(["response", "group", "dose"])
    for response in (1, 2, 3):
        found = means(strata_fit(y[:, :, response - 1], design), ["group", "dose"])
        rows = table.loc[[(response, *levels) for levels in found.levels]]
        for name, column in (("mean", "mean"), ("se", "se"), ("df", "df"), ("ci_low", "low"), ("ci_high", "high")):
            np.testing.assert_allclose(getattr(found, name)[:, 0], rows[column], rtol=RTOL, err_msg=name)


@pytest.mark.parametrize("families", FAMILIES)
@pytest.mark.parametrize("adjust", ["none", "holm", "bonferroni", "tukey"])
def test_comparisons_and_families_are_those_of_emmeans(families, adjust):
    y, _, design = validation_case()
    factors, by = FAMILIES[families]
    table = pd.read_csv(VALIDATION / "pairs.tsv", sep="\t").query("families == @families and adjust == @adjust")
    for response, rows in table.groupby("response"):
        found = compare(strata_fit(y[:, :, response - 1], design), factors, by=by, adjustment=adjust)
        rows = (rows.by + ": " + rows.contrast).to_frame("name").join(rows).set_index("name").loc[list(found.names)]
        columns = {"estimate": "estimate", "se": "se", "df": "df", "t": "t", "p_adjusted": "p"}
        for name, column in ({**columns, "ci_low": "low", "ci_high": "high"}).items():
            # emmeans' Tukey quantiles are good to about 1e-5
            tolerance = 1e-4 if adjust == "tukey" and name.startswith("ci") else RTOL
            np.testing.assert_allclose(
                getattr(found, name)[:, 0], rows[column], rtol=tolerance, atol=1e-8, err_msg=name
            )


@pytest.mark.parametrize("families", FAMILIES)
def test_dunnetts_p_is_that_of_emmeans_multivariate_t(families):
    y, _, design = validation_case()
    factors, by = FAMILIES[families]
    table = pd.read_csv(VALIDATION / "pairs.tsv", sep="\t").query("families == @families and adjust == 'dunnett'")
    reference = {"dose": "low", "group": "ShA"}[factors[0]]
    rows = table[table.response == 1]
    found = compare(strata_fit(y[:, :, 0], design), factors, by=by, adjustment="dunnett", reference=reference)
    assert list(found.names) == (rows.by + ": " + rows.contrast).tolist()
    np.testing.assert_allclose(found.t[:, 0], rows.t, rtol=RTOL)
    # both are quasi-random where correlations are of no simple form
    np.testing.assert_allclose(found.p_adjusted[:, 0], rows.p, atol=5e-4)


@pytest.mark.parametrize("lacking", ["none", "s03 s09"])
def test_a_covariate_by_voxel_and_missing_maps_are_those_of_aov(lacking):
    y, x, design = validation_case(())
    table = pd.read_csv(VALIDATION / "table.tsv", sep="\t")
    design = MixedDesign(
        subjects=design.subjects,
        between=design.between,
        within=design.within,
        covariates={"age": table.age.to_numpy()[::6]},
    )
    for subject in set(lacking.split()) - {"none"}:
        y[design.subjects.index(subject), 1] = np.nan
    found = strata_fit(y, design, x=x, fewest=2)
    rows = pd.read_csv(VALIDATION / "last_terms.tsv", sep="\t").query("lacking == @lacking")
    order = ["group", "cue", "dose", "x"]
    for row in rows.itertuples():
        name = ":".join(sorted(row.term.split(":"), key=order.index))
        test = found.test(name, "subject" if name == "x" else None)
        assert (test.df1, np.broadcast_to(test.df2, 3)[row.response - 1]) == (row.df1, row.df2)
        # R takes differences of residual sums, which costs it digits
        np.testing.assert_allclose(test.f[row.response - 1], row.F, rtol=1e-8)
        np.testing.assert_allclose(test.p[row.response - 1], row.p, rtol=1e-7)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_a_contrast_that_is_a_whole_effect_is_its_type_iii_test(seed):
    rng = np.random.default_rng(seed)
    design = MixedDesign(
        subjects=list("abcdefghi"),
        between={"group": ["x", "y", "y", "x", "y", "x", "y", "y", "x"]},
        within={"cue": ("p", "q")},
        covariates={"resp": rng.normal(size=(9, 2)), "age": rng.normal(size=9)},
    )
    y = rng.normal(size=(9, 2, 3))
    texts = {"x - y": "group", "p - q": "cue", "x - y: p - q": "group:cue"}
    model = strata_model(design, contrasts=[strata_contrast(text, design) for text in texts])
    found = strata_anova(y, model)
    for text, term in texts.items():
        contrast, effect = found.term(text), found.term(term)
        assert contrast.df2 == effect.df2
        np.testing.assert_allclose(contrast.f, effect.f, rtol=1e-9)
        # sum-to-zero coefficients are half of each difference
        np.testing.assert_allclose(contrast.estimate, effect.estimate * 2 ** len(effect.factors), rtol=1e-9)


def test_a_simple_effect_with_one_group_is_the_paired_t():
    rng = np.random.default_rng(2)
    design = MixedDesign(subjects=list("abcdef"), within={"cue": ("p", "q", "r")})
    y = rng.normal(size=(6, 3))
    (found,) = contrasts(strata_fit(y, design), ["q - p"])
    paired = stats.ttest_rel(y[:, 1], y[:, 0])
    np.testing.assert_allclose(found.t, [paired.statistic], rtol=1e-12)
    interval = paired.confidence_interval()
    np.testing.assert_allclose(np.ravel(found.interval()), [interval.low, interval.high], rtol=1e-10)


def test_what_no_score_of_a_subject_tells_is_refused():
    y, _, design = validation_case()
    with pytest.raises(DesignError, match="differs in factors between and within subjects at once"):
        compare(strata_fit(y[:, :, 0], design), ["group", "cue"])
    with pytest.raises(DesignError, match="factor 'drug': not in the design, which has group, cue, dose"):
        means(strata_fit(y[:, :, 0], design), ["drug"])
    with pytest.raises(DesignError, match="dunnett is for one reference level"):
        compare(strata_fit(y[:, :, 0], design), ["group"], adjustment="dunnett")
    with pytest.raises(DesignError, match="reference 'x': found low, mid, high"):
        compare(strata_fit(y[:, :, 0], design), ["dose"], reference="x")
