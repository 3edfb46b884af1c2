import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from cuecircuit.generators.circuit import (
    INPUTS,
    PATHS,
    REFERENCE_INPUTS,
    REGIONS,
    TAU_S,
    Circuit,
    circuit_of,
    settled_response,
)
from cuecircuit.generators.hrf import rat_hrf
from cuecircuit.generators.planted import TABLE_1

CIRCUIT = circuit_of("withdrawal")
STEP_S = 0.1


def neural_course(circuit: Circuit, inputs: np.ndarray, *, block_s: float, length_s: float) -> np.ndarray:
    """Activity of the regions from the onset of a block, without error of integration."""
    size = len(circuit.between)
    flows = (circuit.between - np.eye(size)) / TAU_S
    move = expm(flows * STEP_S)
    push = np.linalg.solve(flows, (move - np.eye(size)) @ circuit.into @ inputs / TAU_S)
    course = np.zeros((size, round(length_s / STEP_S)))
    for step in range(1, course.shape[1]):
        course[:, step] = move @ course[:, step - 1] + (push if step * STEP_S <= block_s else 0)
    return course


def bold_course(neural: np.ndarray) -> np.ndarray:
    """Its BOLD signal, % of the mean signal."""
    kernel = rat_hrf(np.arange(neural.shape[1]) * STEP_S + STEP_S / 2) * STEP_S
    return np.array([np.convolve(row, kernel)[: len(row)] for row in neural])


def test_reference_animals_answer_with_table_1():
    answer = settled_response(CIRCUIT, REFERENCE_INPUTS.T)
    # one linear system of 19 equations
    assert pytest.approx(np.array(list(TABLE_1.values())), abs=1e-10) == answer.T


def test_regions_without_a_path_between_them_do_not_hear_one_another():
    gain = np.linalg.inv(np.eye(len(REGIONS)) - CIRCUIT.between)
    # an inverse is exact to rounding; the smallest chain of paths is .1 × .1
    heard = np.argwhere(np.abs(gain) > 1e-12)
    hears = {(REGIONS[source], REGIONS[target]) for target, source in heard if source != target}
    reached = set(PATHS)
    while True:
        more = reached | {(a, d) for a, b in reached for c, d in reached if b == c and a != d}
        if more == reached:
            break
        reached = more
    assert hears == reached


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4), st.lists(st.floats(-1, 1), min_size=4, max_size=4))
def test_responses_add_up(one, other):
    a, b = np.array(one), np.array(other)
    together = settled_response(CIRCUIT, a + b)
    # inputs of 1 make hundreds of per cent
    assert together == pytest.approx(settled_response(CIRCUIT, a) + settled_response(CIRCUIT, b), abs=1e-9)


def test_a_block_settles_within_it_and_fades_after_it():
    inputs = REFERENCE_INPUTS[:, 3]
    neural = neural_course(CIRCUIT, inputs, block_s=30.0, length_s=70.0)
    bold = bold_course(neural)
    plateau = settled_response(CIRCUIT, inputs)
    # e^-20 of the slowest path is left after 20 s
    assert neural[:, 250] == pytest.approx(plateau, abs=1e-4)
    # the response is 20 s long and has unit area
    assert bold[:, 295] == pytest.approx(plateau, abs=0.01)
    assert np.abs(bold[:, 650]).max() < 0.01
    assert not neural[:, 0].any()


def test_breathing_alone_leaves_the_circuit_without_inputs():
    alone = circuit_of("respiration")
    assert not alone.into.any()
    assert (REFERENCE_INPUTS.T @ alone.breathing).std() > 5
    assert len(INPUTS) == alone.into.shape[1]
