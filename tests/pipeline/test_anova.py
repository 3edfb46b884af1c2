from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, DesignError
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
    return anova_table(path, dv="value", subject="rat", between=("sex",), within=("session",)).table


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
    found = anova_table(intake, dv="value", subject="rat", between=("sex",), within=("session",))
    excluded = [str(each) for each in found.excluded]
    assert len(excluded) == 7
    assert "F2532: left out, no value in LGA04" in excluded


def test_the_reference_table_is_reproduced(reference, tmp_path):
    design = pd.read_csv(reference / "w1/design.csv")
    design["bold"] = pd.read_csv(reference / "w1/y.csv")["v1"]
    path = tmp_path / "w1.csv"
    design.to_csv(path, index=False)
    rows = anova_table(
        path, dv="bold", subject="Subj", between=("group",), within=("cue", "block"), covariates=("resp",)
    ).table
    assert list(rows.columns) == [*COLUMNS, "stratum"]
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
    rows = anova_table(path, dv="bold", subject="Subj", between=("group",), within=("cue", "block")).table.set_index(
        "term"
    )
    assert np.isnan(rows.loc["group", "eps_gg"])
    assert rows.loc["cue", ["eps_gg", "eps_hf"]].tolist() == [1, 1]
    assert rows.loc["cue", "p_gg"] == pytest.approx(rows.loc["cue", "p"], rel=1e-12)


def small(tmp_path, rows: str) -> Path:
    path = tmp_path / "small.tsv"
    path.write_text("rat\tcue\ty\n" + rows.replace(" ", "\t"))
    return path


def test_repeated_rows_are_averaged_only_if_asked(tmp_path):
    path = small(tmp_path, "1 a 1\n1 a 3\n1 b 5\n2 a 4\n2 b 4\n3 a 1\n3 b 7\n")
    with pytest.raises(DataError, match="1 a: found 2 rows"):
        anova_table(path, dv="y", subject="rat", within=("cue",))
    rows = anova_table(path, dv="y", subject="rat", within=("cue",), average=True).table
    # differences b - a of 3, 0, 6: t = 3 / (3 / sqrt 3)
    assert rows.set_index("term").loc["cue", "F"] == pytest.approx(3.0)


def test_a_fault_names_its_file(tmp_path):
    path = small(tmp_path, "1 a 1\n1 b 5\n")
    with pytest.raises(DesignError, match="no degrees of freedom") as caught:
        anova_table(path, dv="y", subject="rat", within=("cue",))
    assert any("small.tsv" in note for note in caught.value.__notes__)
    with pytest.raises(DataError, match="column 'z' is not in the table"):
        anova_table(path, dv="z", subject="rat", within=("cue",))
