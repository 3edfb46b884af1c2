"""Conditioning: means over the pairings, treatment × access, and the course over pairings."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cuecircuit.behavior.conditioning import conditioning_test
from cuecircuit.errors import DesignError

GROUPS = ["ShA"] * 11 + ["LgA"] * 10


def table(seed: int, *, effect: float = 0.0, pairings: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for who, group in enumerate(GROUPS):
        level = rng.gamma(4, 2)
        for k in range(pairings):
            for treatment in ("naloxone", "saline"):
                mean = level + (effect if treatment == "naloxone" else 0.0)
                rows.append(
                    {
                        "subject": f"S{who:02d}",
                        "group": group,
                        "phase": "conditioning",
                        "treatment": treatment,
                        "session": k + 1,
                        "infusions_pairing": rng.poisson(mean),
                    }
                )
    return pd.DataFrame(rows).astype({"infusions_pairing": "Int64"})


def run(frame: pd.DataFrame, sessions: int = 4):
    return conditioning_test(
        frame, phase="conditioning", treatments=["saline", "naloxone"], sessions=sessions, dv="infusions_pairing"
    )


def test_means_are_over_the_pairings_with_the_reference_treatment_first():
    frame = table(1)

    means = run(frame).means

    assert means["treatment"].drop_duplicates().tolist() == ["saline", "naloxone"]
    assert len(means) == 42
    expected = frame[(frame["subject"] == "S03") & (frame["treatment"] == "naloxone")]["infusions_pairing"].sum() / 4
    assert means[(means["subject"] == "S03") & (means["treatment"] == "naloxone")]["value"].item() == expected


def test_the_interaction_is_the_t_test_of_the_differences_between_groups():
    test = run(table(2, effect=3))

    wide = test.means.pivot(index=["subject", "group"], columns="treatment", values="value").reset_index()
    change = wide["naloxone"] - wide["saline"]
    t = stats.ttest_ind(*(change[wide["group"] == group] for group in ("ShA", "LgA")))
    rows = test.anova.set_index("term")
    assert rows["df2"].tolist() == [19, 19, 19]
    # two ways to the same number: rounding only
    assert rows["p"]["group:treatment"] == pytest.approx(t.pvalue, rel=1e-9)


def test_the_course_over_pairings_has_every_term_and_shares_the_effects_of_the_means():
    test = run(table(3, effect=3))

    assert test.pairings is not None
    rows = test.pairings.set_index("term")
    assert rows.index.tolist() == [
        "group",
        "treatment",
        "pairing",
        "group:treatment",
        "group:pairing",
        "treatment:pairing",
        "group:treatment:pairing",
    ]
    # an effect without the pairing is the effect of the means over pairings
    shared = ["group", "treatment", "group:treatment"]
    np.testing.assert_allclose(rows["F"][shared], test.anova.set_index("term")["F"][shared], rtol=1e-9)


def test_a_planted_effect_of_the_treatment_is_found():
    p = run(table(4, effect=5)).anova.set_index("term")["p"]

    assert p["treatment"] < 1e-6
    assert p["group:treatment"] > 0.05


def test_animals_of_one_group_are_tested_within_animals_alone():
    test = run(table(8, effect=3).query("group == 'LgA'"))

    means = test.means.pivot(index="subject", columns="treatment", values="value")
    paired = stats.ttest_rel(means["naloxone"], means["saline"])
    assert test.anova["term"].tolist() == ["treatment"]
    assert test.anova["F"].item() == pytest.approx(paired.statistic**2)
    assert test.anova["p"].item() == pytest.approx(paired.pvalue)
    assert set(test.means["group"]) == set(test.posthoc["group"]) == {"LgA"}
    assert test.posthoc["t"].item() == pytest.approx(paired.statistic)


def test_one_pairing_has_no_course():
    assert run(table(5, pairings=1), sessions=1).pairings is None


def test_a_subject_that_lacks_a_pairing_is_left_out_by_name():
    frame = table(6)
    frame.loc[
        (frame["subject"] == "S05") & (frame["treatment"] == "saline") & (frame["session"] == 2), "infusions_pairing"
    ] = pd.NA

    test = run(frame)

    assert test.left_out == ("S05: left out, no infusions_pairing in saline 2",)
    assert test.anova["df2"].tolist() == [18, 18, 18]


def test_a_pairing_that_nobody_has_is_named():
    with pytest.raises(DesignError, match="phase 'conditioning saline': nobody has session 5 of the 5 planned"):
        run(table(7), sessions=5)
