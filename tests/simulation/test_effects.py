import numpy as np
import pandas as pd
import pytest

from cuecircuit.simulation.effects import chosen, planted
from cuecircuit.study.questions import Effect

ROWS = pd.DataFrame(
    {
        "subject": ["a", "a", "a", "b", "b", "b"],
        "phase": ["train"] * 2 + ["test"] + ["train"] * 2 + ["test"],
        "treatment": "",
        "group": ["x"] * 3 + ["y"] * 3,
        "day": [1, 2, 1, 1, 2, 1],
    }
)


def effect(**settings) -> Effect:
    return Effect.model_validate({"in": "operant.active", **settings})


def test_last_is_the_last_day_of_each_phase():
    assert chosen(ROWS, {"day": ("last",)}).tolist() == [False, True, True, False, True, True]
    assert chosen(ROWS, {"day": ("first",), "group": ("y",)}).tolist() == [False, False, False, True, False, True]


@pytest.mark.parametrize(("counts", "neutral"), [(False, 0.0), (True, 1.0)])
def test_a_tree_is_followed_and_levels_it_lacks_stay_as_they_are(counts, neutral):
    tree = effect(where={"phase": "train"}, by=["group", "day"], add={"x": {"1": 2.0, "2": 3.0}, "y": {2: 5.0}})
    found = planted(ROWS, tree, {}, counts=counts)
    assert found.tolist() == [2.0, 3.0, neutral, neutral, 5.0, neutral]


def test_a_table_and_a_number_plant_what_a_tree_does():
    table = pd.DataFrame({"group": ["x", "y"], "day": [1, 2], "add": [2.0, 5.0]})
    by_table = planted(ROWS, effect(add="effects.tsv"), {"effects.tsv": table}, counts=False)
    by_tree = planted(ROWS, effect(by=["group", "day"], add={"x": {"1": 2.0}, "y": {"2": 5.0}}), {}, counts=False)
    np.testing.assert_array_equal(by_table, by_tree)
    assert planted(ROWS, effect(where={"group": "x"}, add=4), {}, counts=False).tolist() == [4, 4, 4, 0, 0, 0]
