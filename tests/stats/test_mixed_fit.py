"""Mixed models against lme4, lmerTest and pbkrtest, simpler tests, and their own laws."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.mixed_fit import MixedFit, fit_mixed
from cuecircuit.stats.mixed_model import MixedModel, mixed_model
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign

VALIDATION = Path(__file__).resolve().parents[2] / "validation" / "mixed"
RULES = {"satterthwaite": "Satterthwaite", "kenward-roger": "Kenward-Roger"}

# --- the shared reference: lme4 at its default tolerance

W1 = "group*cue*block + resp_c + (1|Subj) + (1|Subj:cue) + (1|Subj:block)"
W2 = "group*facA*facB + resp_c + (1|Subj) + (1|Subj:facA) + (1|Subj:facB)"
CASES = {
    "full": ("w1", W1, "y.csv"),
    "unbal": ("w1", W1, "y.csv"),
    "hard0": ("w1", W1, "y_hard0.csv"),
    "ri": ("w1", "group*cue*block + resp_c + (1|Subj)", "y.csv"),
    "full/w2": ("w2", W2, "y.csv"),
    "full_kr20/w2": ("w2", W2, "y.csv"),
}


def by_voxel(table: pd.DataFrame, column: str) -> np.ndarray:
    order = np.argsort(table.voxel.str.removeprefix("v").astype(int).to_numpy())
    return table[column].to_numpy()[order]


def reference_case(reference: Path, name: str) -> tuple[np.ndarray, MixedModel, Path]:
    folder, formula, file = CASES[name]
    design, y = pd.read_csv(reference / folder / "design.csv"), pd.read_csv(reference / folder / file).to_numpy(float)
    stem = reference / folder / f"lmer_{name.split('/')[0]}"
    # centered over all rows, also where one is left out
    design["resp_c"] = design.resp - design.resp.mean()
    kept = np.ones(len(design), bool)
    if name == "unbal":
        kept = ~((design.Subj == "rat05") & (design.cue == "CSminus") & (design.block == "late")).to_numpy()
    n = len(pd.read_csv(f"{stem}_meta.csv"))
    model = mixed_model(formula, {column: design[column].to_numpy()[kept] for column in design})
    return y[kept, :n], model, stem


@pytest.mark.parametrize("name", CASES)
def test_the_criterion_is_never_above_lme4s(reference, name):
    y, model, stem = reference_case(reference, name)
    fit = fit_mixed(y, model, df="none")
    theirs = by_voxel(pd.read_csv(f"{stem}_meta.csv"), "reml_crit")
    assert fit.n_not_converged == 0
    assert (fit.criterion - theirs).max() < 1e-8
    # lme4 stops up to 9e-7 short
    assert (fit.criterion - theirs).min() > -1e-6


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rule", RULES)
def test_f_and_degrees_of_freedom_are_lmertests_as_far_as_lme4_converged(reference, name, rule):
    y, model, stem = reference_case(reference, name)
    fit = fit_mixed(y, model, df=rule)
    table = pd.read_csv(f"{stem}_anova.csv")
    for term, rows in table[table.method == RULES[rule]].groupby("term"):
        ours, f = fit.term(term), by_voxel(rows, "F")
        assert ours.df1 == rows.df1.iloc[0]
        assert np.max(np.abs(ours.f - f) / (0.05 + f)) < 1e-3
        # at a boundary lme4's θ is not quite 0, to which Satterthwaite's df is sensitive: in 3 of 472 fits > 1e-3
        error = np.abs(ours.df2 / by_voxel(rows, "df2") - 1)
        assert error.max() < (2e-3 if rule == "satterthwaite" else 1e-4)
        assert np.mean(error > 1e-3) <= 0.01


@pytest.mark.parametrize("name", CASES)
def test_variances_and_coefficients_are_lme4s(reference, name):
    y, model, stem = reference_case(reference, name)
    fit = fit_mixed(y, model)
    for group, rows in pd.read_csv(f"{stem}_varcomp.csv").groupby("grp"):
        ours = fit.component("residual" if group == "Residual" else f"(1 | {group})")
        # lme4 is up to 9e-7 above the minimum: its parameters up to the root of that off, in standard errors
        np.testing.assert_allclose(ours.value, by_voxel(rows, "var"), atol=2e-3)
    table = pd.read_csv(f"{stem}_fixef.csv")
    for place, coefficient in enumerate(dict.fromkeys(table.coef)):
        rows = table[table.coef == coefficient]
        np.testing.assert_allclose(fit.coefficients[place], by_voxel(rows, "est"), atol=1e-4)
        ours = fit.terms[0]
        if coefficient == "(Intercept)":
            np.testing.assert_allclose(ours.se, by_voxel(rows, "se"), rtol=1e-3)
            np.testing.assert_allclose(ours.df2, by_voxel(rows, "df_satt"), rtol=2e-3)


# --- tables beside validation/mixed: slopes, missing and repeated cells; lme4 at a tight tolerance

MODELS = {
    "crossed": "group*cue*dose + center(breath) + (1|subject) + (1|subject:cue) + (1|subject:dose)",
    "cue": "group*cue + dose + (1 + cue|subject)",
    "slope": "group + cue*center(breath) + (1 + center(breath)|subject)",
    "apart": "group*cue + center(breath) + (1 + center(breath) || subject) + (1|subject:cue)",
    "three": "group + dose + (0 + dose|subject)",
    "nested": "group*cue + breath + (1|subject/cue)",
}
# lme4's optimizer stopped on the way to these singular fits; the criterion tells
STOPPED = {("three", 2), ("three", 4)}


@pytest.fixture(scope="module")
def validation() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    table = pd.read_csv(VALIDATION / "table.tsv", sep="\t")
    y = table[[f"y{k}" for k in range(1, 7)]].to_numpy(float)
    return y, {name: table[name].to_numpy() for name in ("subject", "group", "cue", "dose", "breath")}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rule", RULES)
def test_slopes_and_missing_cells_are_fitted_as_by_lme4(validation, name, rule):
    y, columns = validation
    fit = fit_mixed(y, mixed_model(MODELS[name], columns), df=rule)
    fits = pd.read_csv(VALIDATION / "fits.tsv", sep="\t").query("model == @name")
    best = np.minimum(fits.criterion, fits.criterion_tight).to_numpy()
    assert (fit.criterion - best).max() < 1e-8
    assert fit.singular.tolist() == fits.singular.tolist()
    tests = pd.read_csv(VALIDATION / "tests.tsv", sep="\t").query("model == @name and rule == @RULES[@rule]")
    stopped = np.array([(name, place) in STOPPED for place in range(6)])
    assert (best - fit.criterion)[stopped].min(initial=1.0) > 1e-8
    for term, rows in tests.groupby("term"):
        ours = fit.term(term.replace("breath_c", "center(breath)"))
        # criteria agree to 1e-12, so parameters to 1e-6 of their standard error, where lme4 converged
        tolerance = np.where(stopped, 2e-4, 2e-6)
        assert np.all(np.abs(ours.f - rows.F) / (0.05 + rows.F) < tolerance)
        assert np.all(np.abs(ours.df2 / rows.df2 - 1) < tolerance)
        np.testing.assert_allclose(ours.p, rows.p, rtol=1e-3)


@pytest.mark.parametrize("rule", RULES)
def test_coefficients_have_lmertests_errors_and_degrees_of_freedom(validation, rule):
    y, columns = validation
    fit = fit_mixed(y, mixed_model(MODELS["crossed"], columns), df=rule)
    table = pd.read_csv(VALIDATION / "coefficients.tsv", sep="\t").query("model == 'crossed' and rule == @RULES[@rule]")
    names = {"(Intercept)": "(Intercept)", "group1": "group", "cue1": "cue", "breath_c": "center(breath)"}
    for theirs, name in names.items():
        rows, ours = table[table.coefficient == theirs], fit.term(name)
        for values, column in ((ours.estimate, "estimate"), (ours.se, "se"), (ours.df2, "df"), (ours.t, "t")):
            np.testing.assert_allclose(values, rows[column], rtol=2e-6)
        np.testing.assert_allclose(ours.p, rows.p, rtol=1e-5)


def test_variances_and_covariances_of_slopes_are_in_the_units_of_the_columns(validation):
    y, columns = validation
    fit = fit_mixed(y, mixed_model(MODELS["slope"], columns))
    table = pd.read_csv(VALIDATION / "variances.tsv", sep="\t", keep_default_na=False).query("model == 'slope'")
    expected = table.pivot_table(index=["group", "var1", "var2"], columns="response", values="value", sort=False)
    np.testing.assert_allclose([each.value for each in fit.components], expected.to_numpy(), rtol=1e-4, atol=1e-4)


# --- simpler tests and laws


def rats(n: int = 14, *, spread: float = 1.0, n_responses: int = 4, seed: int = 0, unequal: bool = False):
    """Two groups, two cues × three doses, a covariate; the long table and its responses."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n), 6)
    group = np.where(subject < (n + unequal * 4) // 2, "a", "b")
    y = rng.normal(size=(6 * n, n_responses)) + spread * rng.normal(size=(n, n_responses))[subject]
    y += 0.8 * spread * rng.normal(size=(2 * n, n_responses))[2 * subject + np.tile([0, 0, 0, 1, 1, 1], n)]
    y += 0.8 * spread * rng.normal(size=(3 * n, n_responses))[3 * subject + np.tile([0, 1, 2], 2 * n)]
    columns = {
        "subject": [f"s{k}" for k in subject],
        "group": group,
        "cue": np.tile(["x", "x", "x", "y", "y", "y"], n),
        "dose": np.tile(["0", "1", "9"], 2 * n),
        "breath": rng.normal(15, 2, 6 * n),
    }
    return y, columns


FULL = "group*cue*dose + (1|subject) + (1|subject:cue) + (1|subject:dose)"


@pytest.mark.parametrize("rule", RULES)
def test_balanced_interior_fits_give_the_f_and_df_of_the_error_strata(rule):
    y, columns = rats(n_responses=60, unequal=True)
    fit = fit_mixed(y, mixed_model(FULL, columns), df=rule)
    interior = ~fit.singular
    assert interior.sum() > 20
    strata = strata_anova(
        y.reshape(14, 6, -1),
        MixedDesign(
            subjects=[f"s{k}" for k in range(14)],
            between={"group": columns["group"][::6].tolist()},
            within={"cue": ("x", "y"), "dose": ("0", "1", "9")},
        ),
    )
    for test in fit.terms[1:]:
        theirs = strata.term(test.name)
        np.testing.assert_allclose(test.f[interior], theirs.f[interior], rtol=1e-7)
        np.testing.assert_allclose(test.df2[interior], theirs.df2, rtol=1e-6)


def test_a_singular_fit_without_any_variance_is_ordinary_least_squares():
    y, columns = rats(spread=0.0, n_responses=200, seed=2)
    fit = fit_mixed(y, mixed_model("group*cue + breath + (1|subject)", columns))
    zero = fit.component("(1 | subject)").value == 0
    assert zero.sum() > 50
    x = fit.model.design.x
    beta, rss, *_ = np.linalg.lstsq(x, y[:, zero], rcond=None)
    np.testing.assert_allclose(fit.coefficients[:, zero], beta, atol=1e-10)
    np.testing.assert_allclose(fit.component("residual").value[zero], rss / (84 - 5), rtol=1e-10)
    variance = np.diag(np.linalg.inv(x.T @ x))[3]
    np.testing.assert_allclose(fit.term("breath").f[zero], beta[3] ** 2 / variance / (rss / 79), rtol=1e-8)
    np.testing.assert_allclose(fit.term("breath").df2[zero], 79, rtol=1e-8)


@pytest.mark.parametrize("rule", RULES)
def test_a_random_intercept_over_two_measurements_is_the_paired_t_test(rule):
    rng = np.random.default_rng(3)
    pairs = rng.normal(size=(11, 2, 30)) + 2 * rng.normal(size=(11, 1, 30))
    columns = {"subject": np.repeat([f"s{k}" for k in range(11)], 2), "drug": np.tile(["no", "yes"], 11)}
    fit = fit_mixed(pairs.reshape(22, 30), mixed_model("drug + (1|subject)", columns), df=rule)
    paired = stats.ttest_rel(pairs[:, 0], pairs[:, 1])
    interior = ~fit.singular
    np.testing.assert_allclose(fit.term("drug").t[interior], paired.statistic[interior], rtol=1e-7)
    np.testing.assert_allclose(fit.term("drug").df2[interior], 10, rtol=1e-6)


@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
    rule=st.sampled_from([*RULES, "none"]),
    drop=st.integers(0, 20),
)
@settings(max_examples=20)
def test_unit_and_offset_of_the_measure_change_no_test(seed, scale, shift, rule, drop):
    y, columns = rats(seed=seed)
    kept = np.sort(np.random.default_rng(seed).permutation(84)[: 84 - drop])
    model = mixed_model(
        "group*cue + breath + (1|subject) + (1|subject:dose)",
        {name: np.asarray(v)[kept] for name, v in columns.items()},
    )
    before, after = fit_mixed(y[kept], model, df=rule), fit_mixed(scale * (y[kept] + shift), model, df=rule)
    for one, other in zip(before.terms[1:], after.terms[1:], strict=True):
        # the offset costs digits: three for 1e3
        np.testing.assert_allclose(other.f, one.f, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(other.df2, one.df2, rtol=1e-5)
        np.testing.assert_allclose(other.z, one.z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        after.component("residual").value, scale**2 * before.component("residual").value, rtol=1e-6
    )
    np.testing.assert_allclose(
        after.criterion, before.criterion + 2 * model.n_left * np.log(scale), rtol=1e-8, atol=1e-6
    )


@given(seed=st.integers(0, 10_000), formula=st.sampled_from([FULL, "group*cue + dose + (1 + cue|subject)"]))
@settings(max_examples=15)
def test_names_and_order_of_rows_change_no_test(seed, formula):
    y, columns = rats(seed=seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(84)
    # levels get new names, and by the new order new first appearances: signs and coding change, tests do not
    renamed = {
        name: [f"{name} {ord(str(v)[-1])}{len(str(v))}{v}" for v in np.asarray(values)[order]]
        for name, values in columns.items()
        if name != "breath"
    }
    before = fit_mixed(y, mixed_model(formula, columns), df="kenward-roger")
    after = fit_mixed(y[order], mixed_model(formula, renamed), df="kenward-roger")
    np.testing.assert_allclose(after.criterion, before.criterion, atol=_coding_shift(before, after))
    for test in before.terms[1:]:
        np.testing.assert_allclose(after.term(test.name).f, test.f, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(after.term(test.name).df2, test.df2, rtol=1e-5)


def _coding_shift(*fits: MixedFit) -> float:
    # sum-to-zero columns of other orders differ by rotations of determinant ±1: the criterion stays but for rounding
    return 1e-8 * len(fits)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("formula", [FULL, "group*cue + breath + (1 + cue|subject)"])
def test_p_is_uniform_under_the_null(rule, formula):
    # a covariate that goes with the cue, missing rows
    y, columns = rats(n_responses=3000, seed=4)
    columns["breath"] = columns["breath"] + 2.0 * (columns["cue"] == "x")
    kept = np.sort(np.random.default_rng(5).permutation(84)[:78])
    if "1 + cue" in formula:
        y, columns = _with_cue_slopes(columns, 3000)
    model = mixed_model(formula, {name: np.asarray(values)[kept] for name, values in columns.items()})
    fit = fit_mixed(y[kept], model, df=rule)
    for name in ("group", "cue", "group:cue"):
        share = np.mean(fit.term(name).p < 0.05)
        # 3000 voxels: standard error 0.004; variances at 0 make the rules a little conservative
        assert 0.036 < share < 0.062, (name, share)


def _with_cue_slopes(columns, n_responses):
    rng = np.random.default_rng(6)
    subject = np.repeat(np.arange(14), 6)
    sign = np.where(columns["cue"] == "x", 1.0, -1.0)[:, None]
    y = rng.normal(size=(84, n_responses)) + rng.normal(size=(14, n_responses))[subject]
    return y + 0.8 * sign * rng.normal(size=(14, n_responses))[subject], columns


def test_a_planted_interaction_is_found_and_nothing_else():
    y, columns = rats(n_responses=400, seed=7)
    y += 1.6 * ((columns["group"] == "b") & (columns["cue"] == "x"))[:, None]
    y -= 0.8 * (columns["group"] == "b")[:, None] + 0.8 * (columns["cue"] == "x")[:, None]
    fit = fit_mixed(y, mixed_model(FULL, columns))
    assert np.mean(fit.term("group:cue").p < 0.05) > 0.35
    for name in ("group", "cue", "dose", "group:dose"):
        assert np.mean(fit.term(name).p < 0.05) < 0.1


def test_threads_and_blocks_change_nothing():
    y, columns = rats(n_responses=50)
    model = mixed_model(FULL, columns)
    one = fit_mixed(y, model, block=16, residuals=True)
    two = fit_mixed(y, model, block=16, residuals=True, n_jobs=2)
    np.testing.assert_array_equal(one.criterion, two.criterion)
    np.testing.assert_array_equal(one.residuals, two.residuals)
    whole = fit_mixed(y, model, block=1000)
    for test, other in zip(one.terms, whole.terms, strict=True):
        np.testing.assert_allclose(test.f, other.f, rtol=1e-8)


def test_single_precision_comes_back_as_residuals_in_single_precision():
    y, columns = rats()
    fit = fit_mixed(y.astype(np.float32), mixed_model(FULL, columns), residuals=True)
    assert fit.residuals is not None
    assert fit.residuals.dtype == np.float32


@pytest.mark.parametrize("formula", [FULL, "cue + breath + (1 + breath|subject)"])
def test_residuals_are_what_fixed_and_predicted_random_effects_leave(formula):
    y, columns = rats(n_responses=3, seed=9)
    fit = fit_mixed(y, mixed_model(formula, columns), residuals=True)
    design = fit.model.design
    for v in range(3):
        values = iter(each.value[v] for each in fit.components)
        covariance = np.zeros((84, 84))
        for term in design.random:
            k = term.z.shape[1]
            inner = np.zeros((k, k))
            for b in range(k):
                for a in range(b, k):
                    inner[a, b] = inner[b, a] = next(values)
            covariance += (term.levels[:, None] == term.levels) * (term.z @ inner @ term.z.T)
        left = y[:, v] - design.x @ fit.coefficients[:, v]
        predicted = covariance @ np.linalg.solve(covariance + next(values) * np.eye(84), left)
        np.testing.assert_allclose(fit.residuals[:, v], left - predicted, atol=1e-7)


def test_responses_that_cannot_be_fitted_are_nan_and_counted():
    y, columns = rats(n_responses=6)
    y[3, 0], y[5, 1], y[:, 2], y[:, 3] = np.nan, np.inf, 7.0, np.where(columns["cue"] == "x", 2.0, -1.0)
    fit = fit_mixed(y, mixed_model(FULL, columns), residuals=True)
    assert (fit.n_not_finite, fit.n_no_error, fit.n_not_converged) == (2, 2, 0)
    for test in fit.terms:
        assert np.isnan(test.f[:4]).all()
        assert np.isfinite([test.f[4:], test.df2[4:], test.z[4:]]).all()
    assert np.isnan(fit.residuals[:, :4]).all()
    assert np.isfinite(fit.residuals[:, 4:]).all()


def test_tiny_p_do_not_become_zero():
    y, columns = rats(40, n_responses=1)
    y += 1e8 * (columns["cue"] == "x")[:, None]
    test = fit_mixed(y, mixed_model(FULL, columns)).term("cue")
    assert test.log_p[0] < -500
    assert np.isfinite(test.z[0])


def test_without_a_rule_for_df_tests_are_walds():
    y, columns = rats()
    wald, satterthwaite = (fit_mixed(y, mixed_model(FULL, columns), df=rule) for rule in ("none", "satterthwaite"))
    np.testing.assert_allclose(wald.term("dose").f, satterthwaite.term("dose").f)
    np.testing.assert_allclose(wald.term("dose").p, stats.chi2.sf(2 * wald.term("dose").f, 2))


def test_no_response_is_no_fault():
    y, columns = rats(n_responses=1)
    fit = fit_mixed(y[:, :0], mixed_model(FULL, columns))
    assert fit.term("dose").f.shape == fit.criterion.shape == (0,)


def test_other_rows_than_the_models_are_refused():
    y, columns = rats()
    with pytest.raises(DesignError, match="found 83 rows, expected 84"):
        fit_mixed(y[:-1], mixed_model(FULL, columns))
