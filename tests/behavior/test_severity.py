"""Addiction index and severity score: their formulas, and what missing members do."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.behavior.severity import severity_table, z_scores
from cuecircuit.errors import DesignError

ANIMALS = pd.DataFrame(
    {
        "subject": list("abcde"),
        "group": ["ShA"] * 2 + ["LgA"] * 3,
        "intake": [10.0, 12, 30, 25, 40],
        "escalation": [0.1, -0.2, 2.0, 1.5, 3.0],
        "motivation": [4.0, 9, 40, 32, 62],
        "relapse": [5.0, np.nan, 20, 12, 30],
    }
)


def test_the_index_is_the_mean_and_the_severity_the_sum_of_z_scores():
    table = severity_table(ANIMALS)

    z = {name: stats.zscore(ANIMALS[name], ddof=1, nan_policy="omit") for name in ANIMALS.columns[2:]}
    np.testing.assert_allclose(table["addiction_index"], (z["escalation"] + z["motivation"]) / 2)
    # the member b lacks is left out of its sum, as nansum does there
    expected = z["intake"] + z["escalation"] + np.nan_to_num(z["relapse"])
    np.testing.assert_allclose(table["severity"], expected)
    assert table["severity_class"].tolist() == ["low", "low", "mid", "mid", "high"]


def test_an_animal_without_a_member_has_no_addiction_index():
    table = severity_table(ANIMALS.assign(motivation=[4.0, np.nan, 40, 32, 62]))

    assert table["addiction_index"].isna().tolist() == [False, True, False, False, False]


@given(st.lists(st.integers(-1000, 1000), min_size=3, max_size=20, unique=True), st.floats(0.01, 100), st.floats(-9, 9))
def test_units_do_not_matter(values: list[int], unit: float, shift: float):
    x = np.array(values, float)

    z = z_scores(x)

    np.testing.assert_allclose(z_scores(unit * x + shift), z, atol=1e-6)
    assert z.std(ddof=1) == pytest.approx(1)


def test_inside_a_stratum_animals_are_compared_with_their_own_kind():
    z = z_scores(np.array([1.0, 3, 100, 300, 7]), ["f", "f", "m", "m", "x"])

    np.testing.assert_allclose(z[:4], [-np.sqrt(0.5), np.sqrt(0.5)] * 2)
    assert np.isnan(z[4])


def test_no_member_at_all_is_refused():
    with pytest.raises(DesignError, match="addiction_index: no member found among subject, group, intake"):
        severity_table(ANIMALS[["subject", "group", "intake"]])
