import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress

from cuecircuit import cli
from cuecircuit.errors import DataError, DesignError
from cuecircuit.models.model import Model
from cuecircuit.pipeline.anova import anova_table

COLUMNS = ["term", "df1", "df2", "F", "p", "eps_gg", "p_gg", "eps_hf", "p_hf", "pes", "ges"]


@pytest.fixture
def intake(real_data, tmp_path) -> Path:
    """Rewards of 34 oxycodone rats in 14 long-access sessions; 27 of them have every session."""
    long = pd.read_csv(real_data / "operant/georgelab_oxycodone_lga/SF9_long_derived.csv")
    sessions = [f"LGA{day:02d}" for day in range(1, 15)]
    table = long[(long.measure == "Rewards") & (long.group == "Drug") & long.session.isin(sessions)]
    path = tmp_path / "intake.tsv"
    table.assign(sex=table.rat.str[0]).to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


def escalation(path: Path) -> pd.DataFrame:
    return anova_table(path, dv="value", model=Model(subject="rat", between=("sex",), within=("session",))).table


def test_escalation_of_real_rats_is_that_of_pingouin(intake):
    rows = escalation(intake).set_index("term")
    # printed with three decimals
    assert rows.loc["sex", ["df1", "df2"]].tolist() == [1, 25]
    assert rows.loc["sex", "F"] == pytest.approx(2.556, abs=5e-4)
    assert rows.loc["sex:session", ["df1", "df2"]].tolist() == [13, 325]
    assert rows.loc["sex:session", "F"] == pytest.approx(3.047, abs=5e-4)
    assert rows.loc["sex:session", "eps_gg"] == pytest.approx(0.227, abs=5e-4)
    assert rows.loc["sex:session", "p_gg"] == pytest.approx(0.035, abs=5e-4)


def test_the_session_effect_of_pingouin_weighs_the_sexes_by_their_numbers_where_type_iii_does_not(intake):
    rows = escalation(intake).set_index("term")
    long = pd.read_csv(intake, sep="\t", na_values="n/a")
    y = long.pivot_table(index="rat", columns="session", values="value", dropna=False).dropna()
    male = y.index.str.startswith("M")
    assert (male.sum(), (~male).sum()) == (14, 13)
    by_sex = np.stack([y[male].mean(), y[~male].mean()])
    cells = np.where(male[:, None], by_sex[0], by_sex[1])
    error = ((y - cells).sub((y - cells).mean(axis=1), axis=0) ** 2).to_numpy().sum() / 325
    weighted, unweighted = y.mean().to_numpy(), by_sex.mean(axis=0)
    # pingouin: sums of squares of the sessions' means over all rats (sequential)
    assert 27 * ((weighted - weighted.mean()) ** 2).sum() / 13 / error == pytest.approx(8.339, abs=5e-4)
    # type III: the mean of the two sexes' means, with the harmonic number of rats
    n = 4 / (1 / 14 + 1 / 13)
    assert rows.loc["session", "F"] == pytest.approx(n * ((unweighted - unweighted.mean()) ** 2).sum() / 13 / error)


def test_rats_that_lack_sessions_are_named(intake):
    found = anova_table(intake, dv="value", model=Model(subject="rat", between=("sex",), within=("session",)))
    excluded = list(found.notes)
    assert len(excluded) == 7
    assert "F2532: left out, no value in LGA04" in excluded


def test_the_reference_table_is_reproduced(reference, tmp_path):
    design = pd.read_csv(reference / "w1/design.csv")
    design["bold"] = pd.read_csv(reference / "w1/y.csv")["v1"]
    path = tmp_path / "w1.csv"
    design.to_csv(path, index=False)
    rows = anova_table(
        path, dv="bold", model=Model(subject="Subj", between=("group",), within=("cue", "block"), covariates=("resp",))
    ).table
    assert list(rows.columns) == [*COLUMNS, "stratum", "mauchly_w", "mauchly_p"]
    expected = pd.read_csv(reference / "w1/strata_type3_cov.csv").query("voxel == 'v1' and term != '(Intercept)'")
    both = rows.merge(expected, on=["term", "stratum"], suffixes=("", "_r"))
    assert len(both) == len(rows) == len(expected)
    # R's own differences of residual sums lose digits at small F
    np.testing.assert_allclose(both.F, both.F_r, rtol=1e-8)
    np.testing.assert_allclose(both.p, both.p_r, rtol=1e-8)


def test_epsilons_stand_only_where_they_apply(reference, tmp_path):
    design = pd.read_csv(reference / "w1/design.csv").assign(bold=pd.read_csv(reference / "w1/y.csv")["v2"])
    path = tmp_path / "w1.tsv"
    design.to_csv(path, sep="\t", index=False)
    rows = anova_table(
        path, dv="bold", model=Model(subject="Subj", between=("group",), within=("cue", "block"))
    ).table.set_index("term")
    assert np.isnan(rows.loc["group", "eps_gg"])
    assert rows.loc["cue", ["eps_gg", "eps_hf"]].tolist() == [1, 1]
    assert rows.loc["cue", "p_gg"] == pytest.approx(rows.loc["cue", "p"], rel=1e-12)


def test_mauchlys_w_is_that_of_afex_for_every_effect_with_several_scores(reference, tmp_path):
    design = pd.read_csv(reference / "w2/design.csv").assign(y=pd.read_csv(reference / "w2/y.csv")["v3"])
    subject = next(name for name in design if name.lower().startswith("subj"))
    design.to_csv(tmp_path / "w2.csv", index=False)
    model = Model(subject=subject, between=("group",), within=("facA", "facB"))
    rows = anova_table(tmp_path / "w2.csv", dv="y", model=model).table.set_index("term")
    afex = pd.read_csv(reference / "w2/afex_nocov_type3_gghf.csv").query("voxel == 'v3'").set_index("term")
    tested = afex.index[afex["mauchly_W"].notna()]
    assert len(tested) == 4
    np.testing.assert_allclose(rows.loc[tested, "mauchly_w"], afex.loc[tested, "mauchly_W"], rtol=1e-8)
    np.testing.assert_allclose(rows.loc[tested, "mauchly_p"], afex.loc[tested, "mauchly_p"], rtol=1e-8)
    assert rows["mauchly_w"].drop(tested).isna().all()


def test_what_was_observed_counts_in_generalized_eta_squared(intake):
    # Olejnik and Algina (2003): a measured factor's sum of squares joins the error of every term
    model = Model(subject="rat", between=("sex",), within=("session",))
    manipulated = anova_table(intake, dv="value", model=model).fit.tests
    ss = {test.name: float(test.ss[0]) for test in manipulated}
    error = {test.stratum: float(test.ss_error[0]) for test in manipulated}
    rows = anova_table(intake, dv="value", model=replace(model, observed=("sex",))).table.set_index("term")
    measured = ss["sex"] + ss["sex:session"] + sum(error.values())
    assert rows.loc["sex", "ges"] == pytest.approx(ss["sex"] / measured)
    assert rows.loc["session", "ges"] == pytest.approx(ss["session"] / (ss["session"] + measured))
    with pytest.raises(DesignError, match="observed: found cohort; expected factors of between and within"):
        replace(model, observed=("cohort",))


def test_a_crossed_covariate_has_a_slope_in_each_condition(tmp_path):
    rng = np.random.default_rng(0)
    age, y = rng.normal(40, 8, 20), rng.standard_normal((20, 2))
    rows = [(f"s{k}", cue, age[k], y[k, c]) for k in range(20) for c, cue in enumerate("xy")]
    pd.DataFrame(rows, columns=["s", "cue", "age", "y"]).to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    model = Model(subject="s", within=("cue",), covariates=("age",), crossed=("age",))
    found = anova_table(tmp_path / "t.tsv", dv="y", model=model).table.set_index("term")
    line = linregress(age, y[:, 0] - y[:, 1])
    assert found.loc["age:cue", "p"] == pytest.approx(line.pvalue, rel=1e-8)
    with pytest.raises(DesignError, match="crossed: found weight; expected some of the covariates"):
        replace(model, crossed=("weight",))


def small(tmp_path, rows: str) -> Path:
    path = tmp_path / "small.tsv"
    path.write_text("rat\tcue\ty\n" + rows.replace(" ", "\t"))
    return path


def test_repeated_rows_are_averaged_only_if_asked(tmp_path):
    path = small(tmp_path, "1 a 1\n1 a 3\n1 b 5\n2 a 4\n2 b 4\n3 a 1\n3 b 7\n")
    with pytest.raises(DataError, match=r"several rows in 1 a \(2 rows\)"):
        anova_table(path, dv="y", model=Model(subject="rat", within=("cue",)))
    rows = anova_table(path, dv="y", model=Model(subject="rat", within=("cue",)), average=True).table
    # differences b - a of 3, 0, 6: t = 3 / (3 / sqrt 3)
    assert rows.set_index("term").loc["cue", "F"] == pytest.approx(3.0)


def test_a_fault_names_its_file(tmp_path):
    path = small(tmp_path, "1 a 1\n1 b 5\n")
    with pytest.raises(DesignError, match="no degrees of freedom") as caught:
        anova_table(path, dv="y", model=Model(subject="rat", within=("cue",)))
    assert any("small.tsv" in note for note in caught.value.__notes__)
    with pytest.raises(DataError, match="column 'z' is not in the table"):
        anova_table(path, dv="z", model=Model(subject="rat", within=("cue",)))


@pytest.fixture
def dose_table(tmp_path) -> Path:
    rng = np.random.default_rng(3)
    rows = [
        {
            "rat": f"r{s}",
            "access": "ShA" if s < 5 else "LgA",
            "dose": dose,
            "y": rng.normal() + (s >= 5) * (dose == "high") * 4,
        }
        for s in range(11)
        for dose in ("low", "mid", "high")
    ]
    path = tmp_path / "dose.tsv"
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)
    return path


WORDS = ("--dv", "y", "--subject", "rat", "--between", "access", "--within", "dose", "--levels", "access=ShA,LgA")
WORDS = (*WORDS, "--levels", "dose=low,mid,high")


def call_anova(monkeypatch, capsys, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["cuecircuit", "anova", *map(str, words)])
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = int(stop.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


def test_contrasts_means_and_comparisons_follow_as_tables_after_an_empty_line(monkeypatch, capsys, dose_table):
    plain = call_anova(monkeypatch, capsys, dose_table, *WORDS)[1]
    further = ("--contrast", "LgA: high - low", "--means", "access,dose", "--posthoc", "dose", "--by", "access")
    status, out, err = call_anova(monkeypatch, capsys, dose_table, *WORDS, *further, "--adjust", "tukey")
    assert (status, err) == (0, "")
    tables = out.split("\n\n")
    assert tables[0] + "\n" == plain
    contrast, means, pairs = (pd.read_csv(io.StringIO(text), sep="\t") for text in tables[1:])
    assert contrast.contrast.tolist() == ["LgA: high - low"]
    assert means.columns.tolist() == ["access", "dose", "mean", "se", "df", "ci_low", "ci_high"]
    assert (len(means), len(pairs)) == (6, 6)
    table = pd.read_csv(dose_table, sep="\t")
    cells = table.groupby(["access", "dose"]).y.mean()
    np.testing.assert_allclose(means["mean"], [cells[levels] for levels in zip(means.access, means.dose, strict=True)])
    np.testing.assert_allclose(contrast.estimate, cells["LgA", "high"] - cells["LgA", "low"])
    # the error is that of the rats' differences in both groups
    wide = table.pivot(index="rat", columns="dose", values="y")
    difference = (wide.high - wide.low).to_numpy()
    order = wide.index.map(table.drop_duplicates("rat").set_index("rat").access)
    variance = sum(((difference[order == g] - difference[order == g].mean()) ** 2).sum() for g in ("ShA", "LgA")) / 9
    np.testing.assert_allclose(contrast.t, contrast.estimate / np.sqrt(variance / 6), rtol=1e-9)
    assert pairs.family.tolist() == ["ShA"] * 3 + ["LgA"] * 3
    assert (pairs.set_index("contrast").p_adjusted[["LgA: low - high", "LgA: mid - high"]] < 0.05).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--contrast", "LgA: tall - low"), "expected a level there (access: ShA, LgA; dose: low, mid, high)"),
        (("--means", "drug"), "factor 'drug': not in the design, which has access, dose"),
        (("--posthoc", "dose", "--adjust", "dunnett"), "dunnett is for one reference level"),
        (("--posthoc", "dose", "--reference", "none"), "reference 'none': found low, mid, high"),
        (("--posthoc", "dose", "--adjust", "tukey", "--reference", "low"), "tukey is for all pairs"),
    ],
)
def test_a_followup_that_the_design_does_not_have_is_one_line(monkeypatch, capsys, dose_table, words, said):
    status, out, err = call_anova(monkeypatch, capsys, dose_table, *WORDS, *words)
    assert (status, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_families_need_comparisons(monkeypatch, capsys, dose_table):
    status, _, err = call_anova(monkeypatch, capsys, dose_table, *WORDS, "--by", "access")
    assert status == 2
    assert "--posthoc" in err


@pytest.mark.parametrize(
    ("y", "model", "what"),
    [
        ("inf 1 2 3 4 5 6 7", {"formula": "group"}, "line 2: column 'y' has 'inf', expected a number"),
        ("1e999 1 2 3 4 5 6 7", {"between": ("group",), "subject": "rat"}, "line 2: column 'y' has 'inf'"),
        ("5 5 5 5 5 5 5 5", {"formula": "group"}, "column 'y' is 5 in all 8 rows"),
        ("5 5 5 5 5 5 5 5", {"between": ("group",), "subject": "rat"}, "column 'y' is 5 in all 8 rows"),
        ("0 1 2 3 4 5 6 7", {"formula": "group + y"}, "column 'y' is the response and part of the model"),
        ("0 1 2 3 4 5 6 7", {"between": ("group",), "covariates": ("y",), "subject": "rat"}, "'y' is the response"),
        ("0 1 2 3 4 5 6 7", {"formula": "()"}, r"formula '\(\)'"),
    ],
)
def test_a_response_without_a_test_is_refused(tmp_path, y, model, what):
    path = tmp_path / "t.tsv"
    rows = [f"R{k}\t{'ab'[k % 2]}\t{value}" for k, value in enumerate(y.split())]
    path.write_text("\n".join(["rat\tgroup\ty", *rows]) + "\n")
    with pytest.raises((DataError, DesignError), match=what):
        anova_table(path, dv="y", model=Model(**model))
