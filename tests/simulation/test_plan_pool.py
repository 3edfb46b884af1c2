"""Studies dealt from animals that lived through the protocol."""

import numpy as np
import pytest

from cuecircuit.pipeline.simulate import designs
from cuecircuit.simulation.plan_pool import Pool, draw_from_pool, joined, live_pool
from cuecircuit.study.file import parse_study

STUDY = parse_study(designs()["carmack2019"])


def lived(seed: int, animals: int = 3) -> Pool:
    return live_pool(STUDY, animals, np.random.SeedSequence(seed), hypothesis="withdrawal")


@pytest.fixture(scope="module")
def pool() -> Pool:
    return joined([lived(0), lived(1, 2)])


def test_a_pool_is_joined_group_by_group(pool):
    parts = [lived(0), lived(1, 2)]
    for name, values in pool.measures.items():
        short = np.concatenate([parts[0].measures[name][:3], parts[1].measures[name][:2]])
        long = np.concatenate([parts[0].measures[name][3:], parts[1].measures[name][2:]])
        np.testing.assert_array_equal(values, np.concatenate([short, long]))
    assert pool.lived.inputs.shape == (10, 2, 4)


def test_animals_of_a_study_come_from_the_pool_of_their_group(pool):
    drawn = draw_from_pool(STUDY, (4, 3), 6, np.random.default_rng(0), pool=pool)
    for subject in range(7):
        own = pool.measures["escalation"][:5] if subject < 4 else pool.measures["escalation"][5:]
        for study in range(6):
            assert (own == drawn.measures["escalation"][study, subject]).all(axis=1).any()
    assert drawn.behavior is not None
    np.testing.assert_array_equal(drawn.behavior, drawn.measures["conditioning"][:, :, 1])


def test_long_access_escalates_and_short_does_not(pool):
    sessions = pool.measures["escalation"]
    rise = sessions[:, -3:].mean(axis=1) / sessions[:, 0]
    assert np.median(rise[5:]) > 1.2 > np.median(rise[:5])


def test_regions_of_a_drawn_animal_differ_from_study_to_study(pool):
    drawn = draw_from_pool(STUDY, (3, 3), 2, np.random.default_rng(1), pool=pool)
    assert drawn.responses is not None
    assert drawn.responses.shape == (2, 6, 4, 19)
    assert not np.array_equal(drawn.responses[0], drawn.responses[1])
