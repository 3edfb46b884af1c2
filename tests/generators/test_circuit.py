import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.generators.circuit import (
    CLASSES,
    GAINS,
    INPUTS,
    LARGEST,
    PATHS,
    REFERENCE_INPUTS,
    REGIONS,
    circuit_of,
    fit_drives,
    paths,
    settled_response,
)
from cuecircuit.generators.planted import TABLE_1

CIRCUIT = circuit_of("withdrawal")
TABLE = np.array(list(TABLE_1.values()))


def test_every_region_has_one_class_and_every_path_two_regions():
    assert sorted(region for members in CLASSES.values() for region in members) == sorted(REGIONS)
    assert {region for path in PATHS for region in path} <= set(REGIONS)


def test_fewer_numbers_than_cells():
    assert 1 + CIRCUIT.drives.size < TABLE.size / 4


def test_no_gain_lets_activity_run_away():
    assert max(np.abs(np.linalg.eigvals(GAINS.max() * paths()))) < 1


def test_numbers_that_made_a_table_are_found_again():
    drives = np.random.default_rng(0).uniform(-1, 1, CIRCUIT.drives.shape) / REFERENCE_INPUTS.max(axis=1)
    table = settled_response(0.1, drives, REFERENCE_INPUTS.T).T
    gain, fitted = fit_drives(table, REFERENCE_INPUTS, np.ones(table.shape, dtype=bool))
    assert gain == pytest.approx(0.1)
    assert pytest.approx(table, abs=1e-6) == settled_response(gain, fitted, REFERENCE_INPUTS.T).T


def test_a_cell_that_is_left_out_has_no_say():
    kept = np.ones(TABLE.shape, dtype=bool)
    kept[3, 2] = False
    changed = TABLE.copy()
    changed[3, 2] = 3.9
    (one, drives), (other, same) = (fit_drives(table, REFERENCE_INPUTS, kept) for table in (TABLE, changed))
    assert one == other
    assert (drives == same).all()


@given(st.lists(st.floats(-100, 100), min_size=len(INPUTS), max_size=len(INPUTS)))
def test_no_response_leaves_the_earth(inputs):
    assert np.abs(settled_response(CIRCUIT.gain, CIRCUIT.drives, np.array(inputs))).max() <= LARGEST


def test_regions_without_a_path_from_one_another_do_not_hear_one_another():
    spread = np.linalg.inv(np.eye(len(REGIONS)) - 0.1 * paths())
    reached = set(PATHS)
    while more := {(a, d) for a, b in reached for c, d in reached if b == c and a != d} - reached:
        reached |= more
    heard = {(REGIONS[source], REGIONS[target]) for target, source in np.argwhere(np.abs(spread) > 1e-12)}
    assert {pair for pair in heard if pair[0] != pair[1]} == reached


def test_breathing_alone_leaves_the_circuit_without_inputs():
    alone = circuit_of("respiration")
    assert not alone.drives.any()
    assert (REFERENCE_INPUTS.T @ alone.breathing).std() > 5
