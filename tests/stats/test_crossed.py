"""Crossed random intercepts against lme4, lmerTest and pbkrtest, dense algebra, simpler tests, and their own laws."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.crossed_design import crossed_sums
from cuecircuit.stats.crossed_fit import crossed_covariance, fit_crossed
from cuecircuit.stats.crossed_shrinkage import to_psi, to_shrinkage
from cuecircuit.stats.crossed_table import crossed_table
from cuecircuit.stats.mixed_fit import fit_mixed
from cuecircuit.stats.mixed_model import CrossedModel, mixed_model

S_T = "group*cue + (1|subject) + (1|picture)"
S_SC_T = "group*cue + (1|subject) + (1|subject:cue) + (1|picture)"


def people_and_pictures(n: int, k: int, *, drop: float = 0.0, seed: int = 0) -> dict[str, np.ndarray]:
    """Every person sees every picture but for a share; groups of people, cues of pictures."""
    rng = np.random.default_rng(seed)
    person, picture = (each.ravel() for each in np.indices((n, k)))
    kept = rng.random(person.size) >= drop
    person, picture = person[kept], picture[kept]
    return {
        "subject": np.array([f"s{i}" for i in person]),
        "picture": np.array([f"p{i}" for i in picture]),
        "group": np.array(["ab"[i % 2] for i in person]),
        "cue": np.array(["drug", "neutral"])[picture % 2],
    }


def responses(columns: dict[str, np.ndarray], v: int, sd: dict[str, float], seed: int = 1) -> np.ndarray:
    """Noise and effects of levels of some columns, with these standard deviations."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((len(columns["subject"]), v))
    for name, size in sd.items():
        codes = np.unique(columns[name], return_inverse=True)[1]
        y += size * rng.standard_normal((codes.max() + 1, v))[codes]
    return y


def crossed_model(formula: str, columns: dict[str, np.ndarray]) -> CrossedModel:
    model = mixed_model(formula, columns)
    assert isinstance(model, CrossedModel)
    return model


@pytest.fixture(scope="module")
def small(reference: Path) -> tuple[np.ndarray, dict[str, np.ndarray], pd.DataFrame]:
    """14 people, 12 pictures, 5 % missing, 40 responses, of 25 a variance is 0: lme4 1.1-31 (bobyqa, rhoend 1e-9)."""
    table = pd.read_csv(reference / "crossed" / "data_small.tsv", sep="\t")
    columns = {name: table[name].to_numpy() for name in ("s", "t", "group", "cond")}
    columns |= {"s": table.s.map("s{}".format).to_numpy(), "t": table.t.map("t{}".format).to_numpy()}
    columns["side"] = np.where(table.cond > 0, "a", "b")
    y = table[[f"y{k}" for k in range(40)]].to_numpy()
    return y, columns, pd.read_csv(reference / "crossed" / "lme4_small.tsv", sep="\t")


SMALL = "group*cond + (1|s) + (1|s:side) + (1|t)"


@pytest.mark.parametrize(("rule", "f", "df"), [("satterthwaite", "F", "df"), ("kenward-roger", "FKR", "dfKR")])
def test_f_and_degrees_of_freedom_are_those_of_lmertest_and_pbkrtest(small, rule, f, df):
    y, columns, theirs = small
    fit = fit_mixed(y, mixed_model(SMALL, columns), df=rule)
    # lme4's optimum is that far off in its df: the criteria agree to 1e-8
    for place, term in enumerate(("group", "cond", "group:cond"), 1):
        np.testing.assert_allclose(fit.term(term).f, theirs[f"{f}{place}"], rtol=1e-5)
        np.testing.assert_allclose(fit.term(term).df2, theirs[f"{df}{place}"], rtol=1e-4)


def test_criterion_and_variances_are_lme4s(small):
    y, columns, theirs = small
    fit = fit_mixed(y, mixed_model(SMALL, columns))
    assert (fit.criterion - theirs.reml).abs().max() < 1e-7
    assert fit.n_singular == int(theirs.sing.sum())
    np.testing.assert_allclose(fit.component("residual").value, theirs.sigma**2, rtol=1e-4)
    for name, ours in (("s:cf", "(1 | s:side)"), ("s", "(1 | s)"), ("t", "(1 | t)")):
        sd = np.sqrt(fit.component(ours).value)
        # where a variance is 0, lme4 stops at a sd of some 1e-4
        np.testing.assert_allclose(sd, theirs[f"{name}.(Intercept)"] * theirs.sigma, atol=1e-3)


def test_the_table_gives_what_exact_evaluations_give(small):
    y, columns, _ = small
    model = crossed_model(SMALL, columns)
    residuals = y - model.basis @ (model.basis.T @ y)
    u, s0 = crossed_sums(residuals, model.reduced)
    assert crossed_table(model.reduced) is not None
    together = fit_crossed(u, s0, model.reduced)
    # fewer than 30 at a time take no table
    parts = [fit_crossed(u[:, k : k + 20], s0[k : k + 20], model.reduced) for k in (0, 20)]
    exact = np.concatenate([part.psi for part in parts])
    np.testing.assert_allclose(together.psi, exact, atol=1e-6)
    np.testing.assert_allclose(together.shift, np.concatenate([part.shift for part in parts]), atol=1e-6)
    read = crossed_covariance(exact, model.reduced)
    for name in ("c", "dc", "d2g"):
        own = np.concatenate([getattr(crossed_covariance(exact[k : k + 20], model.reduced), name) for k in (0, 20)])
        np.testing.assert_allclose(getattr(read, name), own, atol=1e-6 * np.abs(own).max())


def test_criterion_coefficients_and_residuals_are_those_of_dense_algebra():
    columns = people_and_pictures(6, 8, drop=0.15)
    y = responses(columns, 3, {"subject": 0.7, "picture": 0.5})
    model = crossed_model(S_SC_T, columns)
    fit = fit_mixed(y, model, residuals=True)
    x = model.design.x
    for v in range(3):
        w = np.eye(len(x))
        for term, psi in zip(model.design.random, fit.estimates.psi[v], strict=True):
            w += psi * (term.levels[:, None] == term.levels)
        inverse = np.linalg.inv(w)
        beta = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ y[:, v])
        left = y[:, v] - x @ beta
        n_left = len(x) - x.shape[1]
        sigma2 = left @ inverse @ left / n_left
        log_det = np.linalg.slogdet(w)[1] + np.linalg.slogdet(x.T @ inverse @ x)[1]
        np.testing.assert_allclose(fit.coefficients[:, v], beta, atol=1e-9)
        np.testing.assert_allclose(fit.criterion[v], log_det + n_left * (np.log(2 * np.pi * sigma2) + 1), rtol=1e-10)
        np.testing.assert_allclose(fit.residuals[:, v], inverse @ left, atol=1e-9)


def test_in_a_balanced_design_groups_are_tested_on_means_of_people_and_cues_on_means_of_pictures():
    columns = people_and_pictures(10, 8)
    y = responses(columns, 40, {"subject": 1.0, "picture": 1.0})
    fit = fit_mixed(y, mixed_model(S_T, columns))
    good = ~fit.singular
    assert good.sum() > 30
    table = y.reshape(10, 8, 40)
    people, pictures = table.mean(axis=1), table.mean(axis=0)
    for term, means in (("group", people), ("cue", pictures)):
        t = stats.ttest_ind(means[::2], means[1::2]).statistic
        np.testing.assert_allclose(fit.term(term).f[good], t[good] ** 2, rtol=1e-6)
        np.testing.assert_allclose(fit.term(term).df2[good], len(means) - 2, rtol=1e-5)


@settings(max_examples=5)
@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_order_of_rows_unit_and_offset_change_no_test(seed, unit, offset):
    columns = people_and_pictures(5, 6, drop=0.1)
    y = responses(columns, 2, {"subject": 0.5, "picture": 0.5}, seed=seed)
    order = np.random.default_rng(seed).permutation(len(y))
    one = fit_mixed(y, mixed_model(S_T, columns))
    other = fit_mixed(unit * y[order] + offset, mixed_model(S_T, {name: each[order] for name, each in columns.items()}))
    for term in ("cue", "group:cue"):
        np.testing.assert_allclose(one.term(term).f, other.term(term).f, rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(one.term(term).df2, other.term(term).df2, rtol=1e-4)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 50), min_size=3, max_size=3))
def test_shrinkage_goes_back_to_variances(psi):
    reduced = crossed_model(S_SC_T, people_and_pictures(5, 6)).reduced
    values = np.array([psi])
    np.testing.assert_allclose(to_psi(to_shrinkage(values, reduced), reduced), values, rtol=1e-9, atol=1e-12)


def test_pictures_as_fixed_effects_inflate_and_crossed_effects_keep_the_level():
    columns = people_and_pictures(16, 12)
    y = responses(columns, 1000, {"subject": 0.5, "picture": 0.5})
    crossed = fit_mixed(y, mixed_model(S_T, columns)).term("cue").p
    without = fit_mixed(y, mixed_model("group*cue + (1|subject)", columns)).term("cue").p
    # Monte Carlo standard error .007
    assert abs(np.mean(crossed < 0.05) - 0.05) < 0.028
    assert np.mean(without < 0.05) > 0.3


def test_a_planted_effect_of_pictures_is_found():
    columns = people_and_pictures(16, 12)
    y = responses(columns, 40, {"subject": 0.5, "picture": 0.3})
    y += 1.2 * (columns["cue"] == "drug")[:, None]
    test = fit_mixed(y, mixed_model(S_T, columns)).term("cue")
    assert np.mean(test.p < 0.01) > 0.9
    # half the difference of the levels
    np.testing.assert_allclose(test.estimate.mean(), 0.6, atol=0.1)


def test_a_list_that_terms_of_both_groupings_hold_has_no_table_and_is_fitted_exactly():
    rng = np.random.default_rng(0)
    person, picture = (each.ravel() for each in np.indices((8, 6)))
    cue = (person + picture) % 2
    columns = {
        "subject": np.array([f"s{i}" for i in person]),
        "picture": np.array([f"p{i}" for i in picture]),
        "cue": np.array(["drug", "neutral"])[cue],
    }
    columns["both"] = np.array([f"{a}{b}" for a, b in zip(columns["picture"], columns["cue"], strict=True)])
    twice = {name: np.tile(each, 2) for name, each in columns.items()}
    model = crossed_model("cue + (1|subject) + (1|subject:cue) + (1|picture) + (1|both)", twice)
    y = rng.standard_normal((96, 40)) + rng.standard_normal((8, 40))[np.tile(person, 2)]
    fit = fit_mixed(y, model)
    assert fit.converged.all()
    np.testing.assert_allclose(fit.term("cue").f[:5], fit_mixed(y[:, :5], model).term("cue").f, rtol=1e-4)


def test_missing_values_and_constant_responses_are_counted():
    columns = people_and_pictures(6, 6)
    y = responses(columns, 35, {"subject": 0.5})
    y[0, 3], y[:, 7] = np.nan, 2.0
    fit = fit_mixed(y, mixed_model(S_T, columns))
    assert (fit.n_not_finite, fit.n_no_error, fit.n_not_converged) == (1, 1, 0)
    assert np.flatnonzero(np.isnan(fit.term("cue").f)).tolist() == [3, 7]


def test_terms_that_cannot_be_told_apart_are_named():
    columns = people_and_pictures(6, 6)
    with pytest.raises(DesignError, match="one observation in each level"):
        mixed_model("cue + (1|subject) + (1|picture) + (1|subject:picture)", columns)
    with pytest.raises(DesignError, match=r"\(1 \| cue\).*cannot be told"):
        mixed_model("cue + (1|subject) + (1|picture) + (1|cue)", columns)
