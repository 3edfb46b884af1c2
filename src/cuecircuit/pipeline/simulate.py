"""A design and a seed to a whole simulated study on disk."""

from importlib.resources import files
from pathlib import Path

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.atomic import replacing
from cuecircuit.pipeline.progress import steps
from cuecircuit.simulation.dataset import write_dataset
from cuecircuit.simulation.experiment import plan_experiment
from cuecircuit.study.file import parse_study

_ENDING = ".yaml"


def designs() -> dict[str, str]:
    """Give the text of the study file of each design that comes with the program."""
    folder = files("cuecircuit.study") / "designs"
    found = (item for item in folder.iterdir() if item.name.endswith(_ENDING))
    return {item.name.removesuffix(_ENDING): item.read_text(encoding="utf-8") for item in found}


def simulate(
    design: str,
    out: Path,
    *,
    seed: int = 0,
    hypothesis: str = "withdrawal",
    scale: str = "paper",
    n_jobs: int = 1,
) -> Path:
    """Simulate a study and return its study file.

    Args:
        design: name of a design that comes with the program.
        out: folder to make; must not hold anything yet.
        seed: the same seed gives the same bytes whatever `n_jobs`.
        hypothesis: which of the rival explanations is true.
        scale: `paper` for the article's grid, `tiny` for a coarse one.
        n_jobs: scans drawn at a time.

    Raises:
        StudyError: unknown design, hypothesis or scale.
        DataError: `out` holds files already or cannot be written.
    """
    known = designs()
    if design not in known:
        raise StudyError(f"design '{design}' is unknown; expected one of: {', '.join(sorted(known))}")
    if seed < 0:
        raise StudyError(f"seed {seed} is negative; give 0 or more")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not an empty folder; choose another name or remove it first")
    experiment = plan_experiment(
        parse_study(known[design], f"{design}{_ENDING}"), hypothesis=hypothesis, scale=scale, seed=seed
    )
    n_scans = len(experiment.rats) * len(experiment.study.cues.levels)
    with replacing(out, folder=True) as new, steps(f"simulate {design}", n_scans) as advance:
        write_dataset(new, experiment, known[design], n_jobs=n_jobs, progress=advance)
    return out / "study.yaml"
