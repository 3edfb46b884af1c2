"""A long table becomes the ANOVA of its columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.anova import AnovaRM

import cuecircuit as cc
from cuecircuit.api.result import Result
from cuecircuit.errors import DataError
from cuecircuit.stats.strata_result import generalized_eta2

COLUMNS = [
    "term",
    "df1",
    "df2",
    "F",
    "p",
    "eps_gg",
    "p_gg",
    "eps_hf",
    "p_hf",
    "pes",
    "ges",
    "stratum",
    "mauchly_w",
    "mauchly_p",
    "effect",
    "se",
    "low",
    "high",
]


def table(seed: int = 1, *, n: int = 9, levels: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        {"subject": f"S{who:02d}", "group": "ab"[who % 2], "session": k + 1, "y": rng.normal(), "age": 0.1 * who * who}
        for who in range(n)
        for k in range(levels)
    ]
    return pd.DataFrame(rows)


def mixed_anova(frame: pd.DataFrame, **design: object) -> Result:
    return cc.anova(frame, "y", subject="subject", **design)


def row(result: pd.DataFrame, term: str) -> pd.Series:
    return result.set_index("term").loc[term]


def test_one_row_per_term_with_the_columns_of_the_interface():
    result = mixed_anova(table(), between=["group"], within=["session"]).tests

    assert result.columns.tolist() == COLUMNS
    assert result["term"].tolist() == ["group", "session", "group:session"]
    assert result[["df1", "df2"]].to_numpy().tolist() == [[1, 7], [2, 14], [2, 14]]


def test_two_groups_and_one_cell_are_the_t_test():
    frame = table(levels=1)

    found = row(mixed_anova(frame, between=["group"]).tests, "group")

    t = stats.ttest_ind(*(frame[frame["group"] == g]["y"] for g in "ab"))
    # two ways to the same number: rounding only
    np.testing.assert_allclose([found["F"], found["p"]], [t.statistic**2, t.pvalue], rtol=1e-10)


def test_two_cells_without_groups_are_the_paired_t_test():
    frame = table(levels=2)

    found = row(mixed_anova(frame, within=["session"]).tests, "session")

    t = stats.ttest_rel(*(frame[frame["session"] == k]["y"] for k in (1, 2)))
    np.testing.assert_allclose(
        [found["F"], found["p"], found["p_gg"]], [t.statistic**2, t.pvalue, t.pvalue], rtol=1e-10
    )


def test_a_covariate_of_the_subjects_is_the_slope_of_a_regression():
    frame = table(levels=1)

    found = row(mixed_anova(frame, covariates=["age"]).tests, "age")

    np.testing.assert_allclose(found["p"], stats.linregress(frame["age"], frame["y"]).pvalue, rtol=1e-9)


def test_covariates_count_as_observed_in_the_generalized_effect_size():
    anova = mixed_anova(table(), between=["group"], within=["session"], covariates=["age"])

    terms = anova.fit.fitted.tests
    session = anova.fit.test("session")
    found = row(anova.tests, "session")["ges"]
    assert found == generalized_eta2(terms, session, observed=["age"])[0]
    assert found < generalized_eta2(terms, session, observed=[])[0]


def test_a_covariate_within_subjects_is_tested_in_each_stratum():
    frame = table().assign(breath=np.random.default_rng(3).normal(size=27))

    tests = mixed_anova(frame, between=["group"], within=["session"], covariates=["breath"]).tests

    own = tests[tests["term"] == "breath"]
    assert own["stratum"].tolist() == ["subject", "subject:session"]


@settings(max_examples=30)  # a reordering either matters or does not
@given(st.permutations(range(27)), st.floats(0.1, 1e3), st.floats(-1e3, 1e3))
def test_order_of_rows_unit_and_origin_do_not_matter(order: list[int], unit: float, origin: float):
    frame = table()
    changed = frame.iloc[order].assign(y=lambda t: t["y"] * unit + origin)

    first, second = (mixed_anova(t, between=["group"], within=["session"]).tests for t in (frame, changed))

    # an origin 10^3 times the spread costs a part of the digits
    np.testing.assert_allclose(first["F"], second["F"], rtol=1e-6)
    np.testing.assert_allclose(first["ges"], second["ges"], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda t: t.drop(columns="y"), "column 'y' is not in the table; it has subject, group, session, age"),
        (lambda t: pd.concat([t, t.iloc[:1]]), r"several rows in S00 1 \(2 rows\)"),
        (lambda t: t.assign(y="x"), "line 2: column 'y' has 'x', expected a number"),
        (lambda t: t.assign(group=["c", *t["group"][1:]]), "S00: is in c and a of 'group'"),
        (lambda t: t.iloc[:0], "the table has no row"),
    ],
)
def test_a_table_that_holds_no_such_design_is_refused_by_name(change: object, fault: str):
    with pytest.raises(DataError, match=fault):
        mixed_anova(change(table()), between=["group"], within=["session"])  # pyright: ignore


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.iloc[1:], "no row for 1"),
        (lambda t: t.assign(y=t["y"].where(t.index > 0)), "no y in 1"),
    ],
)
def test_a_subject_who_lacks_a_cell_is_left_out_by_name(change: object, reason: str):
    with pytest.warns(UserWarning, match="S00: left out"):
        found = mixed_anova(change(table()), between=["group"], within=["session"])  # pyright: ignore
    assert found.notes == (f"S00: left out, {reason}",)
    assert row(found.tests, "session")["df2"] == 2 * 6


def test_the_oxycodone_cohort_gives_the_numbers_of_another_program(real_data: Path):
    rats = pd.read_csv(real_data / "operant/georgelab_oxycodone_lga/SF9_long_derived.csv")
    rats = rats[(rats["measure"] == "Rewards") & (rats["group"] == "Drug") & rats["session"].str.startswith("LGA")]
    rats = rats.assign(
        subject=rats["rat"], sex=rats["rat"].str[0], day=rats["session"].str[3:].astype(int), y=rats["value"]
    )
    rats = rats[rats["day"] <= 14]

    with pytest.warns(UserWarning, match="left out"):
        found = mixed_anova(rats, between="sex", within="day")

    # pingouin's mixed_anova on the 27 complete rats; its printed digits
    rows = found.tests.set_index("term")
    assert rows[["df1", "df2"]].to_numpy().tolist() == [[1, 25], [13, 325], [13, 325]]
    assert rows["F"]["sex"] == pytest.approx(2.556, abs=5e-4)
    assert rows["F"]["sex:day"] == pytest.approx(3.047, abs=5e-4)
    assert rows["eps_gg"]["day"] == pytest.approx(0.227, abs=5e-4)
    assert rows["p_gg"]["sex:day"] == pytest.approx(0.035, abs=5e-4)
    # there the means of days weigh every rat alike (F = 8.339); here each sex alike (type III, as in afex and Prism)
    left_out = [line.split(":")[0] for line in found.notes]
    assert len(left_out) == 7
    cells = rats[~rats["subject"].isin(left_out)].pivot(index="subject", columns="day", values="y")
    weighted = cells.shape[0] * cells.mean().var(ddof=1) / (found.fit.test("day").ss_error[0] / 325)
    assert weighted == pytest.approx(8.339, abs=5e-4)


def test_animals_of_one_group_give_the_repeated_measures_anova_of_statsmodels():
    frame = table(9, n=10, levels=5)

    found = row(mixed_anova(frame, within="session").tests, "session")

    other = AnovaRM(frame, "y", "subject", within=["session"]).fit().anova_table.loc["session"]
    assert [found["df1"], found["df2"]] == [other["Num DF"], other["Den DF"]]
    assert found["F"] == pytest.approx(other["F Value"])
    assert found["p"] == pytest.approx(other["Pr > F"])
