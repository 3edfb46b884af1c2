"""A design and a seed to a whole simulated study on disk."""

from importlib.resources import files
from pathlib import Path

from cuecircuit.errors import StudyError
from cuecircuit.io.atomic import check_unused, replacing
from cuecircuit.io.lock import writing
from cuecircuit.pipeline.job import read_study
from cuecircuit.pipeline.progress import steps
from cuecircuit.simulation.animals import Learning, Policy
from cuecircuit.simulation.dataset import write_dataset
from cuecircuit.simulation.experiment import Model, plan_experiment
from cuecircuit.simulation.native import native_text
from cuecircuit.simulation.protocol import check_protocol
from cuecircuit.study.file import lines_of, parse_study
from cuecircuit.study.study import Study

_ENDING = ".yaml"
# designs with a generator of their own; the others are simulated by `cuecircuit.simulate`
_PAPERS = ("carmack2019",)


def designs() -> dict[str, str]:
    """Give the text of the study file of each paper's design that comes with the program."""
    folder = files("cuecircuit.study") / "designs"
    return {name: (folder / f"{name}{_ENDING}").read_text(encoding="utf-8") for name in _PAPERS}


@writing
def simulate(
    design: str,
    out: Path,
    *,
    seed: int = 0,
    hypothesis: str = "withdrawal",
    scale: str = "paper",
    n_jobs: int = 1,
    model: Model = "planted",
    protocol: Path | None = None,
    policy: Policy = "satiety",
    learning: Learning = "rescorla-wagner",
    native: bool = False,
) -> Path:
    """Simulate a study and return its study file.

    Args:
        design: name of a design that comes with the program.
        out: folder to make; must not hold anything yet.
        seed: the same seed gives the same bytes whatever `n_jobs`.
        hypothesis: which of the rival explanations is true.
        scale: `paper` for the article's grid, `tiny` for a coarse one.
        n_jobs: scans drawn at a time.
        model: `planted` puts the article's statistics in; in `mechanism` animals live through the protocol.
        protocol: a study file to live through in place of the design's own; for `mechanism`.
        policy: how the mechanism's animals decide to press.
        learning: how they learn about odors.
        native: every rat lies its own way in the scanner, so that its scans need `preprocess`.

    Raises:
        StudyError: unknown design, hypothesis or scale; a protocol that animals cannot be taken through.
        DataError: `out` holds files already or cannot be written; the protocol cannot be read.
    """
    study, text = _protocol(design, protocol, model)
    if seed < 0:
        raise StudyError(f"seed {seed} is negative; give 0 or more")
    check_unused(out)
    experiment = plan_experiment(
        study,
        hypothesis=hypothesis,
        scale=scale,
        seed=seed,
        model=model,
        policy=policy,
        learning=learning,
        native=native,
    )
    if native:
        text = native_text(text, study, voxel_mm=min(experiment.brain.grid.voxel_mm))
    n_scans = len(experiment.rats) * len(experiment.study.cues.levels)
    with replacing(out.resolve(), folder=True) as new, steps(f"simulate {design}", n_scans) as advance:
        write_dataset(new, experiment, text, n_jobs=n_jobs, progress=advance)
    return out / "study.yaml"


def _protocol(design: str, protocol: Path | None, model: Model) -> tuple[Study, str]:
    """The study to live through, checked as far as the model needs it, and its text."""
    known = designs()
    if design not in known:
        raise StudyError(f"design '{design}' is unknown; expected one of: {', '.join(sorted(known))}")
    if protocol is None:
        name, text = f"{design}{_ENDING}", known[design]
        study = parse_study(text, name)
    elif model == "planted":
        raise StudyError("effects are planted for the design's own protocol alone; add --model mechanism")
    else:
        study, name = read_study(protocol).study, protocol.name
        text = protocol.read_text(encoding="utf-8-sig")
    if model == "mechanism":
        check_protocol(study, lines_of(text), name)
    return study, text
