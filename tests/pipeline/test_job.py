"""Reading a study file for any command: what its section `simulation` says is looked at whoever reads it."""

from pathlib import Path

import pytest

from cuecircuit.errors import StudyError
from cuecircuit.pipeline.job import read_study
from cuecircuit.pipeline.simulate import designs


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("  parameters:\n    mam_half_life: -12", "parameters.mam_half_life: -12 min is impossible; expected"),
        ("  parameters:\n    appetite: 1", "parameters.appetite: no such parameter of the mechanism"),
        ("  animals:\n    ShA: 1", "animals.ShA: 1 animals cannot be compared; give 2 or more"),
    ],
    ids=["a negative half-life", "no such parameter", "one animal"],
)  # fmt: skip
def test_impossible_numbers_of_a_simulation_are_named_with_their_line(tmp_path: Path, lines: str, said: str):
    text = f"{designs()['carmack2019'].rstrip()}\nsimulation:\n{lines}\n"
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(StudyError) as refused:
        read_study(tmp_path / "study.yaml")
    (fault,) = refused.value.faults
    assert fault.startswith(f"study.yaml:{len(text.splitlines())}: simulation.{said}")
