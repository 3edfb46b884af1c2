"""What holds under which choice: verdicts from small grids, and laws that hold of any grid."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.records.choices import ChoiceGrid

NAN = float("nan")


def grid(value: list[list[float]], holds: list[list[int]], *, signed: bool = True) -> ChoiceGrid:
    results, choices = np.asarray(value, float).shape
    return ChoiceGrid(
        kinds=("correlation",) * results,
        results=tuple(f"region {number}" for number in range(results)),
        choices=tuple(f"choice {number}" for number in range(choices)),
        value=np.asarray(value, float),
        holds=np.asarray(holds, bool),
        signed=np.full(results, signed),
        touched=np.ones((results, choices), bool),
    )


CELL = st.sampled_from([NAN, -0.8, -0.1, 0.1, 0.8])
VALUES = st.tuples(st.integers(1, 5), st.integers(1, 6)).flatmap(
    lambda shape: st.lists(st.lists(CELL, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0])
)


def large_ones_hold(value: list[list[float]], *, signed: bool) -> ChoiceGrid:
    return grid(value, [[abs(r) > 0.5 for r in row] for row in value], signed=signed)


@pytest.mark.parametrize(
    ("value", "holds", "verdict"),
    [
        ([0.8, 0.7, 0.9], [1, 1, 1], "everywhere"),
        ([0.8, 0.2, 0.9], [1, 0, 1], "depends"),
        ([0.8, NAN, 0.9], [1, 0, 1], "depends"),
        ([0.8, -0.7, 0.9], [1, 1, 1], "depends"),
        ([0.2, -0.1, NAN], [0, 0, 0], "nowhere"),
        ([NAN, NAN, NAN], [0, 0, 0], "untested"),
    ],
)
def test_a_result_gets_its_verdict(value, holds, verdict):
    assert grid([value], [holds]).verdict(0) == verdict


def test_a_choice_that_cannot_touch_a_result_is_not_counted():
    found = replace(
        grid([[0.8, 0.8, 0.1], [0.8, 0.8, 0.8]], [[1, 1, 0], [1, 1, 1]]), touched=np.array([[1, 0, 1], [1, 0, 0]]) > 0
    )

    assert [found.verdict(0), found.held(0), found.choices_of(0)] == ["depends", 1, 2]
    assert [found.verdict(1), found.held(1), found.choices_of(1)] == ["untouched", 1, 1]
    assert found.somewhere().results == ("region 0",)


def test_a_value_without_direction_cannot_turn():
    assert grid([[0.8, -0.7]], [[1, 1]], signed=False).verdict(0) == "everywhere"


def test_deviant_choices_are_those_that_say_otherwise_than_the_first():
    found = grid([[0.8, 0.1, -0.8, 0.9], [0.1, 0.8, NAN, 0.2]], [[1, 0, 1, 1], [0, 1, 0, 0]])
    assert found.deviant(0) == ("choice 1", "choice 2")
    assert found.deviant(1) == ("choice 1",)


def test_results_that_hold_somewhere_are_kept_in_order_and_all_where_none_does():
    some = grid([[0.1, 0.2], [0.8, 0.1], [0.1, 0.9]], [[0, 0], [1, 0], [0, 1]])
    assert some.somewhere().results == ("region 1", "region 2")
    none = grid([[0.1], [0.2]], [[0], [0]])
    assert none.somewhere().results == none.results


@given(VALUES, st.booleans())
def test_every_result_has_one_verdict_and_it_agrees_with_the_count(value, signed):
    found = large_ones_hold(value, signed=signed)
    assert sum(found.verdicts().values()) == len(found.results)
    for index in range(len(found.results)):
        verdict, held = found.verdict(index), found.held(index)
        assert (verdict in ("nowhere", "untested")) == (held == 0)
        assert verdict != "everywhere" or held == len(found.choices)


@given(VALUES, st.booleans(), st.randoms(use_true_random=False))
def test_verdicts_do_not_depend_on_the_order_of_the_choices(value, signed, random):
    order = list(range(len(value[0])))
    random.shuffle(order)
    other = large_ones_hold([[row[place] for place in order] for row in value], signed=signed)
    assert other.verdicts() == large_ones_hold(value, signed=signed).verdicts()


@given(VALUES, st.booleans())
def test_a_result_depends_on_a_choice_exactly_where_a_choice_deviates_from_the_study(value, signed):
    found = large_ones_hold(value, signed=signed)
    for index in range(len(found.results)):
        assert bool(found.deviant(index)) == (found.verdict(index) == "depends")
