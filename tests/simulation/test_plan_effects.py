"""Studies from a user's table: they have its means, SDs and correlations; what cannot be is refused line by line."""

import io

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.simulate import designs
from cuecircuit.simulation.plan_effects import draw_effects, parse_effects
from cuecircuit.study.file import parse_study

STUDY = parse_study(designs()["carmack2019"])
REGIONS = ("Insula", "Habenula")
TABLE = """measure group condition mean sd r r_behavior
conditioning ShA saline 4 1 0.5 n/a
conditioning ShA naloxone 6 2 0.5 n/a
conditioning LgA saline 5 1 0.5 n/a
conditioning LgA naloxone 9 2 0.5 n/a
Insula ShA saline 0.1 1 0.3 n/a
Insula ShA naloxone -1 1 0.3 0.6
Insula LgA saline -0.5 1 0.3 n/a
Insula LgA naloxone 0.1 2 0.3 -0.4
"""


def table(text: str = TABLE) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), sep=" ", na_values=["n/a"], keep_default_na=False)


def test_measures_have_the_means_sds_and_correlations_of_the_table():
    effects = parse_effects(table(), STUDY, REGIONS)["effects"]
    drawn = draw_effects(STUDY, (5, 4), 4000, np.random.default_rng(0), effects=effects)

    pairs = drawn.measures["conditioning"][:, 5:].reshape(-1, 2)
    # 5 standard errors of 16 000 animals, here and below
    np.testing.assert_allclose(pairs.mean(axis=0), [5, 9], atol=0.08)
    np.testing.assert_allclose(pairs.std(axis=0), [1, 2], rtol=0.03)
    assert np.corrcoef(pairs.T)[0, 1] == pytest.approx(0.5, abs=0.04)
    assert drawn.responses is not None
    assert drawn.behavior is not None
    for animals, means, sds, rho in (
        (slice(0, 5), [0.1, -1], [1, 1], 0.6),
        (slice(5, 9), [-0.5, 0.1], [1, 2], -0.4),
    ):
        cues = drawn.responses[:, animals, :, 0].reshape(-1, 2, 2).mean(axis=2)
        np.testing.assert_allclose(cues.mean(axis=0), means, atol=0.08)
        np.testing.assert_allclose(cues.std(axis=0), sds, rtol=0.03)
        assert np.corrcoef(cues.T)[0, 1] == pytest.approx(0.3, abs=0.04)
        behavior = drawn.behavior[:, animals].ravel()
        assert np.corrcoef(behavior, cues[:, 1])[0, 1] == pytest.approx(rho, abs=0.04)


def test_null_stands_beside_the_table_with_the_same_spread_and_no_difference():
    found = parse_effects(table(), STUDY, REGIONS)
    assert list(found) == ["effects", "null"]
    pairs = found["null"].phases[0]
    np.testing.assert_array_equal(pairs.mean, np.full((2, 2), 6.0))
    np.testing.assert_array_equal(pairs.sd, [[1, 2], [1, 2]])
    assert not found["null"].regions[0].r_behavior.any()


def test_rival_hypotheses_stand_in_one_table():
    both = pd.concat([table().assign(hypothesis="strong"), table().assign(hypothesis="null", mean=0.0)])
    found = parse_effects(both.reset_index(drop=True), STUDY, REGIONS)
    assert list(found) == ["strong", "null"]
    assert found["null"].phases[0].mean.max() == 0


def test_without_behavior_regions_are_drawn_and_nothing_is_correlated():
    effects = parse_effects(table().iloc[4:], STUDY, REGIONS)["effects"]
    drawn = draw_effects(STUDY, (3, 3), 2, np.random.default_rng(0), effects=effects)
    assert drawn.behavior is None
    assert drawn.regions == ("Insula",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Insula ShA saline", "Insulla ShA saline", "line 6: 'Insulla' is no phase or region of the study"),
        ("conditioning ShA saline", "conditioning ShA heroin", "line 2: conditioning has no condition 'heroin'"),
        ("Insula LgA naloxone", "Insula MgA naloxone", "line 9: 'MgA' is no group"),
        ("ShA saline 4 1 0.5", "ShA saline 4 0 0.5", "line 2: sd 0 is impossible"),
        ("ShA saline 4 1 0.5", "ShA saline 4 -2 0.5", "line 2: sd -2 is impossible"),
        ("ShA saline 4 1 0.5", "ShA saline 4 1 1.5", "line 2: r 1.5 is impossible"),
        ("1 0.3 0.6", "1 0.3 1", "line 7: r_behavior 1 is impossible"),
        ("ShA saline 4 1 0.5", "ShA saline n/a 1 0.5", "line 2: no mean"),
        ("ShA saline 4 1 0.5", "ShA saline many 1 0.5", "line 2: column 'mean' has 'many'"),
        ("ShA saline 4 1 0.5", "ShA saline 4 1 0.4", "conditioning: found r 0.4, 0.5; expected one number"),
        ("Insula LgA naloxone 0.1 2 0.3 -0.4\n", "", "Insula: no row for LgA naloxone"),
        ("Insula LgA saline", "Insula ShA saline", "line 8: Insula ShA saline stands twice"),
        ("sd r ", "sigma r ", "no column sd"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(old, new, said):
    with pytest.raises(DataError) as caught:
        parse_effects(table(TABLE.replace(old, new, 1)), STUDY, REGIONS)
    assert said in "\n".join(caught.value.faults)


def test_a_correlation_that_many_conditions_cannot_have_is_refused():
    rows = [
        {"measure": "escalation", "group": group, "condition": str(n), "mean": 9, "sd": 2, "r": -0.5}
        for group in ("ShA", "LgA")
        for n in range(1, 11)
    ]
    with pytest.raises(DataError, match=r"above -0.111"):
        parse_effects(pd.DataFrame(rows), STUDY, REGIONS)


def test_an_empty_table_is_refused():
    with pytest.raises(DataError, match="no rows"):
        parse_effects(table().iloc[:0], STUDY, REGIONS)
