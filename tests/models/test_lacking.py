"""Responses that each lack rows of their own, fitted side by side, against the model of the rows that are left."""

import numpy as np
import pandas as pd
import pytest

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


def test_subjects_and_groups_are_counted_by_response(table: pd.DataFrame) -> None:
    y, rat = responses(table, 6), table["rat"].to_numpy()
    y[:, 4:] = y[:, :2]
    y[rat == "r0", 4] = np.nan
    y[np.isin(rat, ["r0", "r2"]), 5] = np.nan
    result = fit(table, y, Model(formula="group*cue + (1 | rat)", fewest=4)).fitted
    assert result.n_units.tolist() == [9, 9, 9, 9, 8, 0]  # group a: five rats, then four, then three
