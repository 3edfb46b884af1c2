"""One tiny simulated study and its run, made once; tests that use it share a worker (`pytest --dist loadgroup`)."""

from pathlib import Path

import pytest

from cuecircuit.pipeline.run import run_study
from cuecircuit.pipeline.simulate import simulate


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study file of a tiny simulated study."""
    return simulate("carmack2019", tmp_path_factory.mktemp("tiny") / "study", scale="tiny", seed=0)


@pytest.fixture(scope="session")
def tiny_results(tiny_study: Path) -> Path:
    """The output folder of a run of it."""
    out = tiny_study.parents[1] / "results"
    run_study(tiny_study, out)
    return out
