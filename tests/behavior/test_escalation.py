"""Escalation: a real cohort against other programs, laws of the post hoc tests, and a planted effect."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.anova import AnovaRM

from cuecircuit.behavior.anova import mixed_anova
from cuecircuit.behavior.escalation import escalation_test
from cuecircuit.errors import DesignError


def table(values: np.ndarray, groups: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"subject": f"S{who:02d}", "group": group, "phase": "esc", "session": k + 1, "infusions": values[who, k]}
            for who, group in enumerate(groups)
            for k in range(values.shape[1])
        ]
    )


def counts(seed: int, *, groups: list[str], slope: float = 0.0, sessions: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    level = rng.gamma(4, 5, size=(len(groups), 1))
    rise = np.array([[slope * k if group == "LgA" else 0.0 for k in range(sessions)] for group in groups])
    return table(rng.poisson(level + rise).astype(float), groups)


GROUPS = ["ShA"] * 11 + ["LgA"] * 10


def test_the_oxycodone_cohort_gives_the_numbers_of_another_program(real_data: Path):
    rats = pd.read_csv(real_data / "operant/georgelab_oxycodone_lga/SF9_long_derived.csv")
    rats = rats[(rats["measure"] == "Rewards") & (rats["group"] == "Drug") & rats["session"].str.startswith("LGA")]
    rats = rats.assign(
        subject=rats["rat"],
        sex=rats["rat"].str[0],
        phase="lga",
        session=rats["session"].str[3:].astype(int),
        infusions=rats["value"],
    )

    test = escalation_test(rats, phase="lga", sessions=14, between="sex")

    # pingouin's mixed_anova on the 27 complete rats; its printed digits
    rows = test.anova.set_index("term")
    assert rows[["df1", "df2"]].to_numpy().tolist() == [[1, 25], [13, 325], [13, 325]]
    assert rows["F"]["sex"] == pytest.approx(2.556, abs=5e-4)
    assert rows["F"]["sex:session"] == pytest.approx(3.047, abs=5e-4)
    assert rows["eps_gg"]["session"] == pytest.approx(0.227, abs=5e-4)
    assert rows["p_gg"]["sex:session"] == pytest.approx(0.035, abs=5e-4)
    assert len(test.left_out) == 7
    # there the session means weigh every rat alike (F = 8.339); here each sex alike (type III, as in afex and Prism)
    left_out = [line.split(":")[0] for line in test.left_out]
    cells = rats[~rats["subject"].isin(left_out) & (rats["session"] <= 14)].pivot(
        index="subject", columns="session", values="infusions"
    )
    anova = mixed_anova(
        cells.stack().rename("y").reset_index().assign(sex=lambda t: t["subject"].str[0]),
        dv="y",
        between=["sex"],
        within=["session"],
    )
    weighted = cells.shape[0] * cells.mean().var(ddof=1) / (anova.result.term("session").ss_error[0] / 325)
    assert weighted == pytest.approx(8.339, abs=5e-4)


def test_with_its_own_error_a_comparison_is_the_paired_t_test_of_the_group():
    frame = counts(1, groups=GROUPS, slope=3)

    posthoc = escalation_test(frame, phase="esc", sessions=5, error="contrast", adjustment="none").posthoc

    for _, found in posthoc.iterrows():
        mine = frame[frame["group"] == found["group"]].pivot(index="subject", columns="session", values="infusions")
        t = stats.ttest_rel(mine[found["session"]], mine[1])
        np.testing.assert_allclose([found["t"], found["p"]], [t.statistic, t.pvalue], rtol=1e-9)
        assert found["df"] == len(mine) - 1


def test_with_two_sessions_pooled_t_squared_of_equal_groups_adds_up_to_the_anova():
    groups = ["ShA"] * 8 + ["LgA"] * 8
    frame = counts(2, groups=groups, slope=5, sessions=2)

    test = escalation_test(frame, phase="esc", sessions=2)

    # both terms on one df of the same stratum: their sums of squares split the two groups' changes
    rows = test.anova.set_index("term")
    assert (test.posthoc["t"] ** 2).sum() == pytest.approx(rows["F"]["session"] + rows["F"]["group:session"], rel=1e-9)
    assert test.posthoc["df"].tolist() == [14, 14]


def test_animals_of_one_group_give_the_repeated_measures_anova_of_statsmodels():
    frame = counts(9, groups=["LgA"] * 10, slope=2.0)

    test = escalation_test(frame, phase="esc", sessions=5)

    other = AnovaRM(frame, "infusions", "subject", within=["session"]).fit().anova_table.loc["session"]
    row = test.anova.set_index("term").loc["session"]
    assert test.anova["term"].tolist() == ["session"]
    assert [row["df1"], row["df2"]] == [other["Num DF"], other["Den DF"]]
    assert row["F"] == pytest.approx(other["F Value"])
    assert row["p"] == pytest.approx(other["Pr > F"])
    assert set(test.posthoc["group"]) == {"LgA"}
    assert test.groups.empty


def test_bonferroni_counts_the_comparisons_of_one_group():
    posthoc = escalation_test(counts(3, groups=GROUPS, slope=1), phase="esc", sessions=5).posthoc

    np.testing.assert_allclose(posthoc["p_adjusted"], np.minimum(posthoc["p"] * 4, 1), rtol=1e-12)
    assert posthoc["session"].tolist() == [2, 3, 4, 5] * 2


@settings(deadline=None, max_examples=30)  # a reordering either matters or does not
@given(st.permutations(range(105)))
def test_the_order_of_the_rows_does_not_matter(order: list[int]):
    frame = counts(4, groups=GROUPS, slope=2)

    first, second = (
        escalation_test(t, phase="esc", sessions=5).posthoc.sort_values(["group", "session"])
        for t in (frame, frame.iloc[order])
    )

    np.testing.assert_allclose(first["t"], second["t"], rtol=1e-9)


def test_a_planted_escalation_is_found_in_its_group_and_not_in_the_other():
    test = escalation_test(counts(5, groups=GROUPS, slope=8), phase="esc", sessions=5)

    last = test.posthoc[test.posthoc["session"] == 5].set_index("group")["p_adjusted"]
    assert test.anova.set_index("term")["p"]["group:session"] < 1e-6
    assert last["LgA"] < 0.001
    assert last["ShA"] > 0.05


def test_without_escalation_the_interaction_is_as_often_significant_as_alpha_says():
    rng = np.random.default_rng(6)
    p = [
        escalation_test(table(rng.normal(size=(21, 4)), GROUPS), phase="esc", sessions=4).anova.set_index("term")["p"][
            "group:session"
        ]
        for _ in range(200)
    ]

    # 200 draws of a uniform p; a true null fails this once in a thousand seeds, and the seed is fixed
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_subjects_that_lack_a_session_or_a_value_are_left_out_by_name():
    frame = counts(7, groups=GROUPS)
    frame = frame[(frame["subject"] != "S00") | (frame["session"] != 3)]
    frame = frame.assign(infusions=frame["infusions"].where((frame["subject"] != "S20") | (frame["session"] != 5)))

    test = escalation_test(frame, phase="esc", sessions=5)

    assert test.left_out == (
        "S00: left out, no row for 3",
        "S20: left out, no infusions in 5",
    )
    assert test.anova["df2"].tolist() == [17, 68, 68]


def test_sessions_after_the_planned_ones_enter_no_test():
    frame = counts(8, groups=GROUPS, sessions=6)

    longer = escalation_test(frame, phase="esc", sessions=5).anova

    pd.testing.assert_frame_equal(longer, escalation_test(frame[frame["session"] < 6], phase="esc", sessions=5).anova)


def test_a_phase_without_sessions_is_refused():
    with pytest.raises(DesignError, match="phase 'other': nobody has session 1, 2, 3, 4, 5 of the 5 planned"):
        escalation_test(counts(9, groups=GROUPS), phase="other", sessions=5)


def test_a_session_without_error_of_its_own_has_no_t():
    values = np.random.default_rng(10).normal(size=(8, 3))
    values[:4, 2] = values[:4, 0] + 1.0
    values = values.round(3)
    values[:4, 2] = values[:4, 0]

    posthoc = escalation_test(table(values, ["a"] * 4 + ["b"] * 4), phase="esc", sessions=3, error="contrast").posthoc

    assert posthoc["t"].isna().tolist() == [False, True, False, False]
    assert posthoc["p_adjusted"].isna().tolist() == [False, True, False, False]
