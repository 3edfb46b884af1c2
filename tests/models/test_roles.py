"""What a column is to a formula, and what is refused rather than guessed."""

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, DesignError
from cuecircuit.models.fit import fit
from cuecircuit.models.model import Model
from cuecircuit.models.roles import read_columns


def people(**columns) -> pd.DataFrame:
    table = pd.DataFrame(
        {"id": [f"s{k:02d}" for k in range(20)], "group": ["a", "b"] * 10, "age": np.arange(20) + 20.5}
    )
    return table.assign(**columns)


@pytest.mark.parametrize("slip", [".", "22,0", "unknown"])
def test_text_among_numbers_is_refused_with_its_row(slip):
    ages = [str(age) for age in people().age]
    ages[3] = slip
    with pytest.raises(DataError, match=rf"row 4 \(line 5\): column 'age' has '{slip}', expected a number"):
        read_columns(people(age=ages), ["group", "age"])


@pytest.mark.parametrize("nothing", [None, np.nan, "", "n/a", "NA", "NaN"])
def test_a_row_without_a_value_is_left_out_by_name(nothing):
    ages = people().age.astype("str" if isinstance(nothing, str) else object)
    ages[3] = nothing
    columns = read_columns(people(age=ages), ["group", "age"], subject="id")
    assert columns.left_out == ("s03: left out, no age",)
    assert np.flatnonzero(~columns.complete).tolist() == [3]
    assert columns.roles == {"id": "factor s00, s01, s02, … (19 levels)", "group": "factor a, b", "age": "number"}


@pytest.mark.parametrize(("one", "other"), [("F", "f"), ("Alc Str", "alc  str")])
def test_levels_that_differ_in_case_or_spaces_are_named(one, other):
    with pytest.raises(DataError, match=f"found the levels '{one}' and '{other}'"):
        read_columns(people(sex=[one, other, "M", "M"] * 5), ["sex"])


def test_codes_of_groups_are_asked_about_until_they_are_declared():
    table = people(arm=[1, 2, 3, 1] * 5)
    with pytest.raises(DataError, match="are 1, 2, 3 labels of groups or a number"):
        read_columns(table, ["arm"], subject="id")
    assert read_columns(table, ["arm"], factors={"arm": ()}).roles["arm"] == "factor 1, 2, 3"
    assert read_columns(table, ["arm"], numbers=("arm",)).roles["arm"] == "number"
    assert read_columns(table, ["arm"], centered=("arm",)).roles["arm"] == "number"


def test_text_that_reads_as_numbers_is_asked_about_until_it_is_declared():
    table = people(dose=["10", "20", "40", "10"] * 5)
    with pytest.raises(DataError, match="is the text '10' a label of groups or a number"):
        read_columns(table, ["dose"])
    assert read_columns(table, ["dose"], factors={"dose": ()}).roles["dose"] == "factor 10, 20, 40"
    assert read_columns(table, ["dose"], numbers=("dose",)).roles["dose"] == "number"


@pytest.mark.parametrize("dates", [pd.date_range("2026-01-01", periods=20), pd.timedelta_range("1D", periods=20)])
def test_dates_are_no_numbers(dates):
    with pytest.raises(DataError, match=r"column 'day': found a (datetime|timedelta)64, expected a number or labels"):
        read_columns(people(day=dates), ["day"])
    assert read_columns(people(day=dates), ["day"], factors={"day": ()}).roles["day"].startswith("factor ")


def test_the_word_of_r_for_no_label_is_no_level():
    columns = read_columns(people(group=["a", "b", "NA", "b"] * 5), ["group"], subject="id")
    assert columns.levels["group"] == ("a", "b")
    assert columns.left_out[0] == "s02: left out, no group"
    noradrenaline = read_columns(people(group=["b", "b", "NA", "b"] * 5), ["group"], factors={"group": ("b", "NA")})
    assert noradrenaline.levels["group"] == ("b", "NA")
    assert noradrenaline.left_out == ()


def test_a_subject_may_be_called_like_no_value():
    table = people()
    table.loc[3, "id"] = "NA"
    assert read_columns(table, ["age"], subject="id").complete.all()


def test_two_codes_are_asked_about_in_an_interaction_where_a_slope_is_another_test():
    table = people(arm=[1, 2, 2, 1] * 5)
    y = np.random.default_rng(5).normal(size=(20, 2))
    for formula in ("arm*age", "arm*group"):
        with pytest.raises(DataError, match=r"are 1, 2 labels .* are tested where arm is 0"):
            fit(table, y, Model(formula=formula))
    factor, number = (fit(table, y, Model(formula="arm + age", **own)) for own in ({"factors": {"arm": ()}}, {}))
    np.testing.assert_allclose(factor.test("arm").f, number.test("arm").f)
    np.testing.assert_allclose(factor.test("age").f, number.test("age").f)
    fit(table, y, Model(formula="arm*age", numbers=("arm",)))


@pytest.mark.parametrize(
    "formula", ["", "group+", "group*", "group:", "group*(age", "center(res;bject)", "(a+b)^20", "group**99999999"]
)
def test_a_formula_that_cannot_be_read_is_refused_in_the_words_of_its_writer(formula):
    with pytest.raises(DesignError) as caught:
        fit(people(a=1.0, b=2.0), np.zeros((20, 1)), Model(formula=formula))
    assert f"formula '{formula}'" in str(caught.value)
    assert "row_of_table" not in str(caught.value)


def test_declared_levels_give_the_sign():
    y = np.where(people().group == "b", 1.0, 0.0)[:, None] + np.random.default_rng(0).normal(size=(20, 3)) / 9
    first, second = (
        fit(people(), y, Model(formula="group", factors={"group": levels})).test("group").estimate
        for levels in (("a", "b"), ("b", "a"))
    )
    np.testing.assert_allclose(first, -second, rtol=1e-12)
    assert (first < 0).all()
    with pytest.raises(DataError, match="expected one of"):
        fit(people(), y, Model(formula="group", factors={"grup": ()}))
