"""The whole of it on a simulated study: simulate the rats, run everything, say where the page is."""

from pathlib import Path

from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.run import run_study
from cuecircuit.pipeline.simulate import simulate


def run_demo(out: Path, *, n_jobs: int = 1, seed: int = 0) -> Path:
    """Simulate the rat study into `out`/study, run it into `out`/results, and give the path of the page.

    A study simulated there before is used again.

    Raises:
        DataError: `out` cannot be written.
    """
    study = out / "study" / "study.yaml"
    if not study.exists():
        say("simulate carmack2019 at paper scale")
        simulate("carmack2019", out / "study", seed=seed, n_jobs=n_jobs)
    return run_study(study, out / "results", n_jobs=n_jobs)
