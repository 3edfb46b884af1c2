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


@pytest.fixture(scope="session")
def six_animals(tiny_study: Path) -> Path:
    """A study file beside it with three animals of each group, corrected by few null fields and nothing else."""
    others = [f"ShA{k:02d}" for k in range(4, 12)] + [f"LgA{k:02d}" for k in range(4, 11)]
    left_out = "".join(f"    {name}: not needed here\n" for name in others)
    text = tiny_study.read_text(encoding="utf-8")
    for old, new in (
        ("\nsubjects:\n", f"\nsubjects:\n  exclude:\n{left_out}"),
        ("\ncorrection:\n", "\ncorrection:\n  iterations: 1000\n  compare: []\n"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    found = tiny_study.with_name("six.yaml")
    found.write_text(text, encoding="utf-8")
    return found
