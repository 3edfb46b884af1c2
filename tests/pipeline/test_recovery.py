"""What was planted is found from the raw files, and where nothing was planted nothing is found.

Whole studies at paper scale; `validation/recovery.py` measures the same on many seeds.
"""

import importlib.util
from pathlib import Path

import pytest

VALIDATION = Path(__file__).parents[2] / "validation" / "recovery.py"


@pytest.fixture(scope="module")
def recovery():
    spec = importlib.util.spec_from_file_location("recovery", VALIDATION)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_effects_are_found(recovery, tmp_path, seed):
    found = recovery.run_one(tmp_path, seed, "withdrawal")
    # 0.72 on average of 20 seeds, 0.33 at the lowest: the noise of the animals decides which weaker regions are lost
    assert found["dice"] > 0.6
    assert found["outside"] < 0.05
    # 95 % of means lie within 2 SEM by chance; animals' own means shift whole regions together
    assert found["within_2_sem"] > 0.8
    assert {"PVN/VM hypothalamus", "Amygdala nuclei"} <= set(found["survivors"].split(", "))
    assert "group:cue" in found["clusters"]
    assert "block" not in found["clusters"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_found_where_nothing_was_planted(recovery, tmp_path, seed):
    found = recovery.run_one(tmp_path, seed, "null")
    # α = .01 for each of 7 effects: a cluster in one of two studies would be a 1 in 8 chance
    assert found["clusters"] == "none"
    assert found["survivors"] == "none"
