"""Combinations of levels that nobody has: what can be estimated is tested, as lmerTest 3.1.3 (R 4.2.2) tests it.

The numbers are those that `estimable.R` prints.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DesignError
from cuecircuit.models.fit import Fit, fit_table
from cuecircuit.models.means import compare, means
from cuecircuit.models.model import Model
from cuecircuit.stats.coding import factor
from cuecircuit.stats.estimable import indicators, type_three
from cuecircuit.stats.mixed_design import mixed_columns

LEVELS = {"group": ("ShA", "LgA", "IntA"), "sex": ("F", "M"), "cohort": ("a", "b", "c"), "cue": ("saline", "food")}


def wave(i: np.ndarray) -> np.ndarray:
    """Numbers without a pattern that any program can make."""
    return np.sin(12.9898 * i) + np.cos(78.233 * i)


def subjects() -> pd.DataFrame:
    i = np.arange(1, 31)
    table = pd.DataFrame({"i": i, "subject": [f"s{k}" for k in i], "sex": np.tile(np.repeat(["F", "M"], 5), 3)})
    table["group"] = np.repeat(LEVELS["group"], 10)
    table["cohort"] = np.array(["a", "b", "c"])[i * 7 % 3]
    table["age"] = 30 + 5 * wave(2 * i + 1)
    table["y"] = wave(i) + 0.5 * (table["group"] == "LgA") + 0.02 * table["age"]
    return table


def measured(cues: tuple[str, ...] = ("saline", "food", "cocaine")) -> pd.DataFrame:
    parts = [subjects().assign(cue=cue) for cue in cues]
    table = pd.concat(parts, ignore_index=True)
    table["i"] = np.arange(1, len(table) + 1)
    who = np.tile(np.arange(1, 31), len(cues))
    return table.assign(y=wave(table["i"]) + wave(who + 200) + 0.4 * (table["cue"] == "food"))


def fitted(table: pd.DataFrame, formula: str, **more: object) -> Fit:
    levels = {name: own for name, own in {**LEVELS, "cue": ("saline", "food", "cocaine")}.items() if name in formula}
    return fit_table(table, "y", Model(formula=formula, factors=levels, **more))  # pyright: ignore[reportArgumentType]


def without(table: pd.DataFrame, *queries: str) -> pd.DataFrame:
    return table.query(" and ".join(f"not ({query})" for query in queries))


ONE = without(subjects(), "group == 'LgA' and sex == 'M'", "i in (2, 17)")
COHORTS = without(
    subjects(),
    "group == 'LgA' and cohort == 'a'",
    "group == 'IntA' and cohort == 'b'",
    "group == 'IntA' and cohort == 'c'",
)
CORNER = without(subjects(), "group == 'LgA' and cohort == 'a' and sex == 'M'")
PAIRS = without(subjects(), "group == 'LgA' and cohort == 'a'", "sex == 'F' and cohort == 'c'")


@pytest.mark.parametrize(
    ("table", "formula", "df2", "expected"),
    [
        (
            ONE,
            "group*sex + age",
            18,
            {
                "group": (2, 0.9992353303),
                "sex": (1, 1.4639888605),
                "age": (1, 0.1864028594),
                "group:sex": (1, 0.3913002160),
            },
        ),
        (
            ONE,
            "group*sex*age",
            14,
            {
                "group": (2, 1.4914625853),
                "sex": (1, 1.2948305787),
                "age": (1, 0.7360605591),
                "group:sex": (1, 1.5063143908),
                "group:age": (2, 1.6482303454),
                "sex:age": (1, 1.1038799066),
                "group:sex:age": (1, 1.5025157007),
            },
        ),
        (
            COHORTS,
            "group*cohort",
            15,
            {"group": (2, 1.2719250168), "cohort": (2, 0.2266350993), "group:cohort": (1, 0.2378763620)},
        ),
        # not lmerTest, which tests the nested factor at one level of the other: lm on the cells' means
        (COHORTS, "group + group:cohort", 15, {"group": (2, 2.2509212), "group:cohort": (3, 0.2351836)}),
        (
            CORNER,
            "group*cohort*sex",
            12,
            {
                "group": (2, 3.0124710927),
                "cohort": (2, 0.0767744607),
                "sex": (1, 0.2187436587),
                "group:cohort": (4, 0.0353223634),
                "group:sex": (2, 2.2025075616),
                "cohort:sex": (2, 0.4973483580),
                "group:cohort:sex": (3, 0.7736435339),
            },
        ),
        (
            PAIRS,
            "group*cohort*sex",
            9,
            {
                "group": (2, 2.3995826550),
                "cohort": (2, 0.2156498887),
                "sex": (1, 0.3888044347),
                "group:cohort": (3, 0.4085207057),
                "group:sex": (2, 0.6508907007),
                "cohort:sex": (1, 0.7070177418),
                "group:cohort:sex": (1, 0.0041667816),
            },
        ),
    ],
)
def test_a_formula_between_subjects_is_that_of_lmertest(table, formula, df2, expected):
    fit = fitted(table, formula)
    found = {test.name: test for test in fit.tests if test.name != "(Intercept)"}
    assert {name: test.df1 for name, test in found.items()} == {name: df1 for name, (df1, _) in expected.items()}
    for name, (_, f) in expected.items():
        assert np.unique(found[name].df2).tolist() == [df2]
        # lmerTest rounds its rows to seven digits
        np.testing.assert_allclose(found[name].f[0], f, rtol=5e-6, err_msg=name)


MIXED = without(measured(), "group == 'ShA' and cue == 'cocaine'", "i in (5, 40)")
CROSSED = without(MIXED, "group == 'LgA' and sex == 'M'")


@pytest.mark.parametrize(
    ("table", "formula", "df", "expected"),
    [
        (
            MIXED,
            "group*cue + (1 | subject)",
            "satterthwaite",
            {
                "group": (2, 29.28199841, 0.24261717),
                "cue": (2, 45.31289564, 1.68227463),
                "group:cue": (3, 45.47978067, 0.22398177),
            },
        ),
        (
            MIXED,
            "group*cue + (1 | subject)",
            "kenward-roger",
            {
                "group": (2, 28.45251795, 0.24233292),
                "cue": (2, 44.21869493, 1.67905574),
                "group:cue": (3, 44.40923200, 0.22395593),
            },
        ),
        (
            CROSSED,
            "group*cue*sex + age + (1 | subject)",
            "satterthwaite",
            {
                "group": (2, 20.93658988, 0.76901170),
                "cue": (2, 32.07858216, 1.05504433),
                "sex": (1, 20.72666002, 0.77486101),
                "age": (1, 17.29410611, 0.78476587),
                "group:cue": (3, 32.20042119, 0.29170884),
                "group:sex": (1, 24.73241974, 0.94299726),
                "cue:sex": (2, 32.27945311, 0.16238148),
                "group:cue:sex": (1, 32.97345416, 0.12128492),
            },
        ),
    ],
)
def test_a_mixed_model_is_that_of_lmertest(table, formula, df, expected):
    fit = fitted(table, formula, df=df)
    found = {test.name: test for test in fit.tests if test.name != "(Intercept)"}
    assert {name: test.df1 for name, test in found.items()} == {name: row[0] for name, row in expected.items()}
    for name, (_, df2, f) in expected.items():
        # as far as lme4 converged
        np.testing.assert_allclose(found[name].df2[0], df2, rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(found[name].f[0], f, rtol=1e-5, err_msg=name)
    assert "ShA:cocaine" in fit.design.notes[0]
    assert len(fit.design.notes) == 1


CUES = without(measured(("saline", "food")), "group == 'LgA' and sex == 'M'")


def strata(table: pd.DataFrame, **more: object) -> Fit:
    model = Model(subject="subject", between=("group", "sex"), within=("cue",), factors=LEVELS, **more)  # pyright: ignore[reportArgumentType]
    return fit_table(table, "y", model)


def test_error_strata_are_lm_of_means_and_differences_with_the_rows_of_lmertest():
    fit = strata(CUES, covariates=("age",))
    expected = {
        "group": (2, 19, 0.6901099563),
        "sex": (1, 19, 0.8769710232),
        "age": (1, 19, 0.6476612380),
        "group:sex": (1, 19, 0.8443355482),
        "group:cue": (2, 20, 0.0637567431),
        "sex:cue": (1, 20, 0.0000206367),
        "group:sex:cue": (1, 20, 0.0368322778),
    }
    for name, (df1, df2, f) in expected.items():
        test = fit.test(name)
        assert (test.df1, test.df2) == (df1, df2)
        np.testing.assert_allclose(test.f[0], f, rtol=1e-5)
    assert fit.design.notes == (
        "no subject has group:sex LgA:M; what can be estimated without is tested (type III as in lmerTest): group:sex "
        "with 1 of 2 df",
    )


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_error_strata_and_least_squares_agree_whatever_cells_are_missing(seed):
    rng = np.random.default_rng(seed)
    cells = pd.MultiIndex.from_product([LEVELS["group"], LEVELS["cohort"], LEVELS["sex"]]).to_frame(index=False)
    table = pd.concat([cells[rng.random(len(cells)) < 0.7]] * 2, ignore_index=True)
    table.columns = ["group", "cohort", "sex"]
    table = table.assign(subject=[f"s{k}" for k in range(len(table))], y=rng.normal(size=len(table)))
    try:
        one = fit_table(table, "y", Model(subject="subject", between=("group", "cohort", "sex")))
    except DesignError:
        with pytest.raises(DesignError):
            fit_table(table, "y", Model(formula="group*cohort*sex"))
        return
    other = fit_table(table, "y", Model(formula="group*cohort*sex"))
    assert {test.name: test.df1 for test in one.tests} == {test.name: test.df1 for test in other.tests}
    for test in other.tests:
        np.testing.assert_allclose(one.test(test.name).f[0], test.f[0], rtol=1e-6, atol=1e-12)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_with_every_cell_the_hypotheses_are_those_of_sum_to_zero_coding(seed):
    rng = np.random.default_rng(seed)
    labels = {"a": np.tile(["x", "y", "z"], 8), "b": np.tile(np.repeat(["u", "v"], 3), 4)}
    keep = np.append(np.arange(12), 12 + np.flatnonzero(rng.random(12) < 0.8))
    age = rng.normal(30, 5, 24)[keep]
    labels = {name: values[keep] for name, values in labels.items()}
    design = mixed_columns(
        "a*b*age + (1 | s)", {**labels, "age": age, "s": [f"s{k}" for k in range(len(keep))]}, factors=("a", "b")
    )
    a, b = (factor(name, values.tolist()) for name, values in labels.items())
    factors = [[each for each in (a, b) if each.name in term.name.split(":")] for term in design.terms]
    terms = [
        indicators(own, {"age": age} if "age" in term.name else {}, len(age), contrasts=[True] * len(own))
        for own, term in zip(factors, design.terms, strict=True)
    ]
    for term, rows in zip(design.terms, type_three(terms, design.x), strict=True):
        expected = np.eye(design.x.shape[1])[term.columns]
        # the same span: what one has at right angles to the other is rounding
        left = rows - rows @ np.linalg.pinv(expected) @ expected
        assert np.abs(left).max() < 1e-6 * np.abs(rows).max()
        assert np.linalg.matrix_rank(rows, tol=1e-6) == len(expected)


def test_the_order_of_levels_does_not_matter():
    tests = fitted(PAIRS, "group*cohort*sex").frame().set_index("term")
    turned = {"group": ("IntA", "LgA", "ShA"), "cohort": ("c", "a", "b"), "sex": ("M", "F")}
    other = fit_table(PAIRS, "y", Model(formula="group*cohort*sex", factors=turned)).frame().set_index("term")
    np.testing.assert_allclose(other["F"], tests["F"], rtol=1e-7)


@pytest.mark.parametrize("fit", [fitted(CUES, "group*sex*cue + (1 | subject)"), strata(CUES)], ids=["reml", "strata"])
def test_means_and_comparisons_are_of_the_cells_that_exist(fit):
    made = means(fit, ["group", "sex"])
    assert made.levels == (("ShA", "F"), ("ShA", "M"), ("LgA", "F"), ("IntA", "F"), ("IntA", "M"))
    raw = CUES.groupby(["group", "sex"])["y"].mean()
    np.testing.assert_allclose(made.mean[:, 0], [raw[cell] for cell in made.levels], rtol=1e-6)
    # the mean of a group over both sexes needs the cell
    assert means(fit, ["group"]).levels == (("ShA",), ("IntA",))
    assert compare(fit, ["sex"], by=["group"]).names == ("ShA: F - M", "IntA: F - M")
    with pytest.raises(DesignError, match="cannot be estimated"):
        fit.design.family.contrast("F - M")


@pytest.mark.parametrize("method", ["ols", "welch", "huber"])
def test_a_slice_of_a_complete_cell_is_tested_alike_by_every_method(method):
    """Of 2 × 2 cells with one missing, sex is the difference inside the one group that has both."""
    table = without(subjects(), "group == 'IntA'", "group == 'LgA' and sex == 'M'").assign(age=0.0)
    fit = fit_table(table, "y", Model(formula="group*sex", method=method, factors={k: LEVELS[k] for k in ("sex",)}))
    assert [test.name for test in fit.tests] == ["(Intercept)", "group", "sex"]
    assert "group:sex not at all" in fit.design.notes[0]
    inside = fit_table(table, "y", Model(formula="group*sex", method=method, contrasts=("ShA: F - M",)))
    (test, contrast) = (fit.test("sex"), inside.test("ShA: F - M"))
    np.testing.assert_allclose(test.f[0], contrast.f[0], rtol=1e-7)
    np.testing.assert_allclose(test.estimate[0], contrast.estimate[0], rtol=1e-7)


def test_factors_that_say_the_same_are_refused_as_before():
    table = subjects().assign(drug=lambda own: own["group"].map({"ShA": "n", "LgA": "l", "IntA": "i"}))
    with pytest.raises(DesignError, match="aliased"):
        fit_table(table, "y", Model(formula="group*drug"))
    with pytest.raises(DesignError, match="aliased"):
        fit_table(table, "y", Model(subject="subject", between=("group", "drug")))
