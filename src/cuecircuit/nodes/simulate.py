"""A design, or the study file of a laboratory, to a simulated data set with known answers."""

from pathlib import Path

from cuecircuit.errors import StudyError
from cuecircuit.io.atomic import check_unused
from cuecircuit.nodes.designs import design_text, is_of_papers
from cuecircuit.nodes.simulate_people import simulate_people
from cuecircuit.nodes.study_files import read_text
from cuecircuit.pipeline.progress import steps
from cuecircuit.simulate.declared import simulate_declared
from cuecircuit.study.reading import parse_study


def simulate_design(
    design: str, out: Path, *, seed: int = 0, hypothesis: str | None = None, scale: str = "paper", n_jobs: int = 1
) -> Path:
    """Simulate a study.

    Args:
        design: name of a design that comes with the program, or the path of a study file.
        out: folder to make; must not hold anything yet.
        seed: the same seed gives the same bytes.
        hypothesis: a name under `simulation.hypotheses`, or `null`; the first where none is named.
        scale: `tiny` for coarse voxels, `paper` otherwise.
        n_jobs: processes at work.

    Returns:
        The study file of the simulated data set.

    Raises:
        StudyError: no such design, or nothing is said of what to plant.
        DataError: `out` cannot be written or is not empty.
    """
    path = Path(design)
    is_file = path.is_file() or path.suffix in (".yaml", ".yml")
    text = read_text(path) if is_file else design_text(design)
    if is_of_papers(text):
        raise StudyError(f"{design}: a study of the two articles; simulate it by name, carmack2019 or huang2023")
    study = parse_study(text, path.name if is_file else f"{design}.yaml")
    check_unused(out)
    if study.simulation is not None and study.simulation.generator == "huang2023":
        return simulate_people(out, text, seed=seed, hypothesis=hypothesis or "reactivity", scale=scale)
    with steps(f"simulate {path.stem}", 1) as advance:
        made = simulate_declared(
            study,
            text,
            out,
            seed=seed,
            hypothesis=hypothesis,
            scale=scale,
            n_jobs=n_jobs,
            beside=path.parent if is_file else None,
        )
        advance(1)
    return made
