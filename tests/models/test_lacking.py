"""Responses that each lack rows of their own, fitted side by side, against the model of the rows that are left."""

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.models import family
from cuecircuit.models.fit import Fit, fit
from cuecircuit.models.model import Model
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule

FORMULAS = (
    "group*cue + age + (1 | rat)",
    "group*cue + age + (1 | rat) + (1 | rat:cue)",
    "group*cue + age + (1 + cue | rat)",
    "group*cue + age + (1 + age | rat)",
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    cells = [(f"r{k}", "ab"[k % 2], cue, block) for k in range(9) for cue in "xyz" for block in "12"]
    return pd.DataFrame(cells, columns=["rat", "group", "cue", "block"]).assign(age=rng.normal(size=54))


def responses(table: pd.DataFrame, n: int = 20) -> np.ndarray:
    """Responses with effects of rats and of rats by cue; most lack one to three values, in places of their own."""
    rng = np.random.default_rng(5)
    rat, cue = (pd.factorize(table[name])[0] for name in ("rat", "cue"))
    y = 3 * rng.normal(size=(9, n))[rat] + rng.normal(size=(9, 3, n))[rat, cue] + rng.normal(size=(54, n)) + 50
    for response in range(4, n):
        y[rng.choice(54, 1 + response % 3, replace=False), response] = np.nan
    return y


def one_by_one(monkeypatch: pytest.MonkeyPatch, table: pd.DataFrame, y: np.ndarray, model: Model) -> Fit:
    with monkeypatch.context() as patch:
        patch.setattr(family, "_RARE", 0)
        return fit(table, y, model, residuals=True)


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_fits_side_by_side_are_those_of_the_rows_that_are_left(
    monkeypatch: pytest.MonkeyPatch, table: pd.DataFrame, formula: str, df: DegreesOfFreedomRule
) -> None:
    y, model = responses(table), Model(formula=formula, df=df, contrasts=("x - y",))
    fast, slow = fit(table, y, model, residuals=True), one_by_one(monkeypatch, table, y, model)
    for one, other in zip(fast.fitted.tests, slow.fitted.tests, strict=True):
        np.testing.assert_allclose(one.f, other.f, rtol=1e-6)
        np.testing.assert_allclose(one.df2, other.df2, rtol=1e-4)
        if other.estimate is not None:
            assert one.estimate is not None
            np.testing.assert_allclose(one.estimate, other.estimate, rtol=1e-6, atol=1e-9)
            assert one.se is not None
            assert other.se is not None
            np.testing.assert_allclose(one.se, other.se, rtol=1e-6)
    for name, values in slow.fitted.maps.items():
        np.testing.assert_allclose(fast.fitted.maps[name], values, rtol=1e-4, atol=1e-6, err_msg=name)
    assert fast.fitted.residuals is not None
    assert slow.fitted.residuals is not None
    np.testing.assert_allclose(fast.fitted.residuals, slow.fitted.residuals, rtol=1e-5, atol=1e-5)
    assert np.isfinite(fast.fitted.tests[0].f).all()
    np.testing.assert_array_equal(fast.fitted.n_rows, slow.fitted.n_rows)
    assert fast.fitted.counts == slow.fitted.counts


@pytest.mark.parametrize(
    ("n", "df"),
    [(8, "satterthwaite"), (8, "kenward-roger"), (36, "satterthwaite")],
    ids=["exact", "exact, Kenward-Roger", "read from the table"],
)
def test_crossed_fits_side_by_side_are_those_of_the_rows_that_are_left(
    monkeypatch: pytest.MonkeyPatch, table: pd.DataFrame, df: DegreesOfFreedomRule, n: int
) -> None:
    table, rng = table.assign(picture=table["cue"] + table["block"]), np.random.default_rng(7)
    rat, picture = (pd.factorize(table[name])[0] for name in ("rat", "picture"))
    y = 3 * rng.normal(size=(9, n))[rat] + rng.normal(size=(6, n))[picture] + rng.normal(size=(54, n)) + 50
    for response in range(1, n):
        y[rng.choice(54, 2, replace=False), response] = np.nan
    model = Model(formula="group*cue + age + (1 | rat) + (1 | picture)", df=df, contrasts=("a: x - y",))
    fast, slow = fit(table, y, model, residuals=True), one_by_one(monkeypatch, table, y, model)
    for one, other in zip(fast.fitted.tests, slow.fitted.tests, strict=True):
        assert np.isfinite(one.f).all()
        for name in ("f", "df2", "estimate", "se"):
            found, expected = getattr(one, name), getattr(other, name)
            if expected is not None:
                # as far as the table of the design goes
                np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-8, err_msg=name)
    for name, values in slow.fitted.maps.items():
        np.testing.assert_allclose(fast.fitted.maps[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(fast.fitted.residuals, slow.fitted.residuals, atol=1e-4)
    np.testing.assert_array_equal(fast.fitted.n_rows, slow.fitted.n_rows)
    assert fast.fitted.counts == slow.fitted.counts


def test_rows_that_cannot_carry_the_model_leave_a_response_out(table: pd.DataFrame) -> None:
    y, model = responses(table, 8), Model(formula="cue + block + (1 | rat) + (1 | rat:cue)", fewest=1)
    y[:, 4:] = y[:, :4]
    y[np.flatnonzero((table["cue"] == "x") & (table["block"] == "1"))[:1], 4] = np.nan
    pair = pd.factorize(table["rat"] + table["cue"])[0]
    first = ~pd.Series(pair).duplicated().to_numpy()
    few = table["rat"].isin(["r0", "r1", "r2", "r3"]).to_numpy()
    small = table[few].reset_index(drop=True)
    values = y[few]
    # one observation of each rat and cue: their variance cannot be told from the residual's
    values[first[few], 5] = np.nan
    # one cue lost in every rat
    values[(small["cue"] == "z").to_numpy(), 6] = np.nan
    result = fit(small, values, model).fitted
    assert np.isfinite(result.tests[0].f).tolist() == [True] * 5 + [False, False, True]
    assert result.n_rows.tolist() == [24] * 4 + [23, 0, 0, 24]
    assert result.counts["n_not_finite"] == 2


def test_crossed_rows_that_cannot_carry_the_model_leave_a_response_out(table: pd.DataFrame) -> None:
    small = table[table["rat"].isin(["r0", "r1"])].assign(picture=lambda rows: rows["cue"] + rows["block"])
    small = small.reset_index(drop=True)
    y = np.random.default_rng(1).normal(size=(12, 2))
    y[(small["cue"] == "z").to_numpy(), 0] = np.nan
    result = fit(small, y, Model(formula="cue + (1 | rat) + (1 | picture)", fewest=1)).fitted
    assert np.isfinite(result.tests[-1].f).tolist() == [False, True]
    assert result.n_rows.tolist() == [0, 12]


def test_subjects_and_groups_are_counted_by_response(table: pd.DataFrame) -> None:
    y, rat = responses(table, 6), table["rat"].to_numpy()
    y[:, 4:] = y[:, :2]
    y[rat == "r0", 4] = np.nan
    y[np.isin(rat, ["r0", "r2"]), 5] = np.nan
    result = fit(table, y, Model(formula="group*cue + (1 | rat)", fewest=4)).fitted
    assert result.n_units.tolist() == [9, 9, 9, 9, 8, 0]  # group a: five rats, then four, then three


STRATA = Model(subject="rat", between=("group",), within=("cue", "block"), covariates=("age",), contrasts=("a: x - y",))


@pytest.mark.parametrize(
    ("model", "share"),
    [
        (STRATA, 0.02),
        (Model(subject="rat", formula="1"), 0.2),
        (Model(subject="rat", formula="group*age", contrasts=("a - b: age",)), 0.2),
        (Model(subject="rat", formula="group*sex", contrasts=("a - b",)), 0.2),
    ],
    ids=["strata", "one sample", "slopes", "two factors"],
)
def test_subjects_left_out_side_by_side_are_left_out_of_the_design(
    monkeypatch: pytest.MonkeyPatch, model: Model, share: float
) -> None:
    rng = np.random.default_rng(6)
    people = pd.DataFrame(
        {"rat": [f"r{k:02d}" for k in range(18)], "group": list("aab") * 6, "sex": list("mmff") * 4 + ["m", "f"]}
    )
    rows = people.assign(age=rng.normal(size=18))
    if model is STRATA:
        cells = pd.DataFrame([(cue, block) for cue in "xyz" for block in "12"], columns=["cue", "block"])
        rows = rows.merge(cells, how="cross").assign(age=rng.normal(size=108))
    y = rng.normal(size=(len(rows), 60)) + 3
    y[rng.random(y.shape) < share] = np.nan
    y[:, -1] = np.where(rows["group"] == "b", np.nan, y[:, -1])  # a group that nobody is left of
    y[:-1, -2], y[-1, -2] = 4.0, np.nan  # nothing is left for error
    fast, slow = fit(rows, y, model, residuals=True), one_by_one(monkeypatch, rows, y, model)
    assert np.isfinite(fast.fitted.tests[0].f).mean() > 0.7
    for one, other in zip(fast.fitted.tests, slow.fitted.tests, strict=True):
        fitted = np.isfinite(other.f)
        for name in ("f", "df2", "estimate", "se", "n", "eps_gg", "eps_hf", "mauchly_w"):
            found, expected = getattr(one, name, None), getattr(other, name, None)
            assert (found is None) == (expected is None)
            if expected is not None:
                found, expected = (np.broadcast_to(values, fitted.shape) for values in (found, expected))
                np.testing.assert_allclose(found[fitted], expected[fitted], rtol=1e-8, atol=1e-12, err_msg=name)
        np.testing.assert_array_equal(np.isfinite(one.f), fitted)
    np.testing.assert_allclose(fast.fitted.residuals, slow.fitted.residuals, atol=1e-9)
    np.testing.assert_array_equal(fast.fitted.n_rows, slow.fitted.n_rows)
    assert fast.fitted.counts == slow.fitted.counts


def test_whoever_lacks_a_cell_is_left_out_of_every_test_as_by_afex() -> None:
    """R 4.2.2, afex 1.2-1: aov_ez("subject", "y", t, between = "group", within = "cue"), which removes s3 and s6."""
    y = [11.1, 11.34, 11.46, 9.04, 9.81, 13.12, 9.79, 10.73, 12.38, 10.85, np.nan, 14.63, 9.17, 14.06, 13.79, 11.03]
    y += [14.24, 14.32, 12.49, 12.91, np.nan, 13.16, 12.59, 14.29, 12.74, 13.19, 12.12, 14.73, 11.93, 13.42]
    cells = [(f"s{k}", ("HC", "iHUD")[k % 2], cue) for k in range(10) for cue in ("drug", "food", "neutral")]
    table = pd.DataFrame(cells, columns=["subject", "group", "cue"])
    expected = {"group": (1, 6, 1.102275386826), "cue": (2, 12, 2.937118394869), "group:cue": (2, 12, 0.713019231071)}
    model = Model(subject="subject", between=("group",), within=("cue",))
    there = np.isfinite(y)
    # a value that is missing, and a row that is: the same
    by_value = fit(table, np.array(y)[:, None], model)
    by_row = fit(table[there].reset_index(drop=True), np.array(y)[there][:, None], model)
    assert by_row.design.left_out == ("s3: left out, no row for food", "s6: left out, no row for neutral")
    assert by_value.fitted.n_units[0] == by_row.fitted.n_units[0] == 8
    for found in (by_value, by_row):
        for term, (df1, df2, f) in expected.items():
            test = found.test(term)
            assert (test.df1, int(np.broadcast_to(test.df2, 1)[0])) == (df1, df2)
            assert test.f[0] == pytest.approx(f, rel=1e-10)


def test_a_group_of_which_nobody_is_complete_is_named(table: pd.DataFrame) -> None:
    model = Model(subject="rat", between=("group",), within=("cue", "block"))
    incomplete = table[(table["group"] != "b") | (table["cue"] != "x")].reset_index(drop=True)
    with pytest.raises(DataError, match="no subject of b has every cell, and one level is left"):
        fit(incomplete, np.zeros((len(incomplete), 1)), model)
    third = incomplete.assign(group=np.where(incomplete["rat"] == "r2", "c", incomplete["group"]))
    found = fit(third, np.random.default_rng(0).normal(size=(len(third), 1)), model)
    assert found.design.left_out[-1] == "group b: left out, none of its subjects has every cell"
