"""The rows of Prism: R's sums of squares, and sums that add up."""

import numpy as np
import pandas as pd
import pytest

import cuecircuit as cc
from cuecircuit.behavior.anova_layout import LAYOUT_COLUMNS, anova_layout

Y = [8, 10, 9, 12, 11, 15, 7, 9, 8, 10, 14, 19, 9, 15, 22, 12, 13, 25]
TABLE = pd.DataFrame(
    {
        "subject": np.repeat(list("abcdef"), 3),
        "group": np.repeat(["ShA", "LgA"], 9),
        "session": [1, 2, 3] * 6,
        "infusions": Y,
    }
)


def layout_of(table, **design):
    fitted = cc.anova(table, "infusions", subject="subject", **design).fit
    ((cells, _),) = [fitted.responses.read(block) for block in fitted.responses.blocks]
    return anova_layout(fitted.fitted.tests, cells.reshape(table["subject"].nunique(), -1))


def test_a_two_way_design_has_the_rows_and_numbers_of_r():
    layout = layout_of(TABLE, between=["group"], within=["session"])

    assert tuple(layout.columns) == LAYOUT_COLUMNS
    assert layout["source"].tolist() == ["session x group", "session", "group", "Subject", "Residual"]
    assert layout["DF"].tolist() == [2, 2, 1, 4, 8]
    # R 4.2.2: aov(y ~ g * s + Error(id / s)); the Subject row from aov(y ~ g * s + id:g); its printed digits
    np.testing.assert_allclose(layout["SS"], [80.44444444, 137.33333333, 138.88888889, 44.44444444, 24.88888889])
    np.testing.assert_allclose(layout["F"][:4], [12.92857, 22.07143, 12.5, 3.5714], rtol=2e-5)
    np.testing.assert_allclose(layout["P value"][:4], [0.00311716, 0.00055409, 0.02411, 0.0591839], rtol=2e-4)
    assert layout["F (DFn, DFd)"][0] == "F (2, 8) = 12.93"
    assert layout["summary"].tolist() == ["**", "***", "*", "ns", ""]


def test_in_a_balanced_design_the_rows_add_up_to_all_there_is():
    layout = layout_of(TABLE, between=["group"], within=["session"])

    assert layout["SS"].sum() == pytest.approx(np.sum((np.array(Y) - np.mean(Y)) ** 2))
    assert layout["percent of SS"].sum() == pytest.approx(100)
    assert layout["DF"].sum() == len(Y) - 1


def test_without_groups_the_subjects_remain_and_with_two_within_factors_each_has_its_residual():
    only_within = layout_of(TABLE, within=["session"])
    assert only_within["source"].tolist() == ["session", "Subject", "Residual"]
    assert only_within["SS"].sum() == pytest.approx(np.sum((np.array(Y) - np.mean(Y)) ** 2))

    both = pd.concat([TABLE.assign(cue="x"), TABLE.assign(cue="y", infusions=np.roll(Y, 5))])
    layout = layout_of(both, between=["group"], within=["cue", "session"])
    assert layout["source"].tolist()[-4:] == [
        "Subject",
        "Residual: subject:cue",
        "Residual: subject:session",
        "Residual: subject:cue:session",
    ]
    assert layout["DF"].sum() == len(both) - 1
