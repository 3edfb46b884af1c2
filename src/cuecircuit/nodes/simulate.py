"""A design, or the study file of a laboratory, to a simulated data set with known answers."""

from dataclasses import dataclass
from pathlib import Path

from cuecircuit.errors import StudyError
from cuecircuit.generators.dataset import write_dataset
from cuecircuit.generators.experiment import Model, plan_experiment
from cuecircuit.generators.human_plan import Sizes
from cuecircuit.generators.native import native_text
from cuecircuit.generators.protocol import check_protocol
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.generators.sizes import stated_sizes
from cuecircuit.io.atomic import check_unused, replacing
from cuecircuit.io.bounded import read_text
from cuecircuit.io.lock import writing
from cuecircuit.nodes.designs import design_text
from cuecircuit.nodes.simulate_people import simulate_people
from cuecircuit.pipeline.progress import steps
from cuecircuit.simulation.declared import simulate_declared
from cuecircuit.simulation.lived import simulate_lived
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study
from cuecircuit.study.yaml_lines import with_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class RatChoices:
    """How the generator `carmack2019` makes its rats.

    `planted` puts the article's statistics in; in `mechanism` animals live through the protocol. `native`: head
    positions differ between rats, so that its scans need `preprocess`.
    """

    model: Model = "planted"
    native: bool = False


def simulate_design(
    design: str,
    out: Path,
    *,
    seed: int = 0,
    hypothesis: str | None = None,
    scale: str = "paper",
    n_jobs: int = 1,
    rats: RatChoices = RatChoices(),
) -> Path:
    """Simulate a study.

    Args:
        design: name of a design that comes with the program, or the path of a study file.
        out: folder to make; must not hold anything yet.
        seed: the same seed gives the same bytes.
        hypothesis: a name under `simulation.hypotheses`, or `null`; the first where none is named. The generators of
            the two articles have their own.
        scale: `tiny` for coarse voxels, `paper` otherwise.
        n_jobs: processes at work; the bytes do not depend on it.
        rats: of the generator `carmack2019`.

    Returns:
        The study file of the simulated data set.

    Raises:
        StudyError: no such design, nothing is said of what to plant, or what the generator does not know; with lines.
        DataError: `out` cannot be written or is not empty.
    """
    path = Path(design)
    is_file = path.is_file() or path.suffix in (".yaml", ".yml")
    text = read_text(path) if is_file else design_text(design)
    name = path.name if is_file else f"{design}.yaml"
    study = parse_study(text, name)
    if seed < 0:
        raise StudyError(f"seed {seed} is negative; give 0 or more")
    if study.space is not None and study.space.is_shared:
        raise StudyError(f"{name}: space.mask: auto is made of recorded scans; name the file of the simulated mask")
    check_unused(out)
    generator = study.simulation.generator if study.simulation else "declared"
    lives = generator == "mechanism" and not rats.native  # whatever `model` says
    if generator != "carmack2019" and rats != RatChoices() and not lives:
        raise StudyError(
            f"{name}: a model of animals and native scans go with `simulation.generator: carmack2019` alone"
        )
    if (generator == "declared" or rats.model == "mechanism") and study.simulation and study.simulation.sizes:
        raise StudyError(
            f"{name}: simulation.sizes are planted by the generators carmack2019 (model planted) and huang2023 alone; "
            "state effects, or the parameters of the mechanism"
        )
    try:
        if generator == "huang2023":
            _check_people(study)
            assert study.simulation is not None
            sizes = stated_sizes(Sizes(), study.simulation.sizes)
            chosen = hypothesis or "reactivity"
            return simulate_people(out, text, seed=seed, hypothesis=chosen, scale=scale, sizes=sizes)
        if generator == "mechanism":
            return simulate_lived(study, text, out, seed=seed, hypothesis=hypothesis)
        if generator == "carmack2019":
            return _simulate_rats(study, text, out, hypothesis or "withdrawal", scale, seed, n_jobs, rats)
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
    except StudyError as error:
        raise StudyError(with_lines(error.faults, text, name)) from error
    return made


def _check_people(study: Study) -> None:
    """Refuse a study of other people than those of the article, which the generator draws whatever the file says."""
    shipped = parse_study(design_text("huang2023"))
    differs = [
        name for name in ("factors", "trials", "scans", "space") if getattr(study, name) != getattr(shipped, name)
    ]
    assert study.simulation is not None
    assert shipped.simulation is not None
    if study.simulation.n != shipped.simulation.n:
        differs.append("simulation.n")
    if differs:
        raise StudyError(
            [
                f"{name}: the generator of people draws the design huang2023, and this differs from it; leave "
                "`simulation.generator` out to simulate from base and effects"
                for name in differs
            ]
        )


@writing
def _simulate_rats(
    study: Study, text: str, out: Path, hypothesis: str, scale: str, seed: int, n_jobs: int, choices: RatChoices
) -> Path:
    design = rat_design(study)
    if choices.model == "mechanism":
        check_protocol(study, shocks=False)
    experiment = plan_experiment(
        design,
        hypothesis=hypothesis,
        scale=scale,
        seed=seed,
        model=choices.model,
        native=choices.native,
    )
    if choices.native:
        text = native_text(text, study, voxel_mm=min(experiment.brain.grid.voxel_mm))
    n_scans = len(experiment.rats) * len(design.cues)
    with replacing(out.resolve(), folder=True) as new, steps("simulate rats", n_scans) as advance:
        write_dataset(new, experiment, text, n_jobs=n_jobs, progress=advance)
    return out / "study.yaml"
