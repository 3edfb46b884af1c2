"""Commands for whole studies: simulate, check, run, report, demo."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cuecircuit.cli.app import MOST_JOBS, Dask, Jobs, Out, Seed, StudyFile, app, collect_seldom, print_table

Scale = Literal["tiny", "paper"]  # how large the simulated scans are

Model = Literal["planted", "mechanism"]  # how effects come into the simulated study


Dataset = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Where scans.dataset is on this machine, if not as the study says."),
]
Derivatives = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where scans.derivatives is on this machine, likewise.")
]


@app.command()
def demo(out: Out = Path("demo"), n_jobs: Jobs = 2, seed: Seed = 0) -> None:
    """Simulate the rat study into OUT/study unless it is there, run it into OUT/results, print where report.html is."""
    from cuecircuit.api import studies
    from cuecircuit.pipeline.progress import say

    study = out / "study" / "study.yaml"
    if not study.exists():
        say("simulate carmack2019 at paper scale")
        studies.simulate("carmack2019", out / "study", seed=seed, n_jobs=n_jobs)
    print(studies.run(study, out / "results", n_jobs=n_jobs))


@app.command()
def simulate(
    design: Annotated[str, typer.Argument(metavar="DESIGN", help="Name of a design (see `designs`), or a study file.")],
    out: Out,
    seed: Seed = 0,
    hypothesis: Annotated[
        str | None,
        typer.Option(
            help="What is true: a name under simulation.hypotheses of the study file, or null; the first by default. "
            "Generator carmack2019: withdrawal, antagonism, respiration, null; huang2023: reactivity, null."
        ),
    ] = None,
    scale: Annotated[Scale, typer.Option(help="Size of the scans.")] = "paper",
    n_jobs: Jobs = 2,
    model: Annotated[
        Model,
        typer.Option(help="Rats (generator carmack2019): statistics planted, or lived through."),
    ] = "planted",
    native: Annotated[
        bool, typer.Option("--native", help="Head positions differ between rats: raw scans for `preprocess`.")
    ] = False,
) -> None:
    """Write a whole study with known answers: a BIDS data set, operant files, study.yaml and truth/."""
    from cuecircuit.nodes.simulate import RatChoices, simulate_design

    rats = RatChoices(model=model, native=native)
    print(simulate_design(design, out, seed=seed, hypothesis=hypothesis, scale=scale, n_jobs=n_jobs, rats=rats))


@app.command()
def designs() -> None:
    """List the designs that can be simulated and run: name, title, what they have."""
    from cuecircuit.nodes.designs import designs_table

    print_table(designs_table())


@app.command()
def check(
    study: StudyFile,
    data: Annotated[bool, typer.Option("--data", help="Read the values of every scan too; takes longer.")] = False,
    alternatives: Annotated[
        bool, typer.Option("--alternatives", help="Check the study's `alternatives:` too.")
    ] = False,
    dataset: Dataset = None,
    derivatives: Derivatives = None,
) -> None:
    """Name every fault of the study and its files at once, then what is odd in the logs and no fault."""
    collect_seldom()
    from cuecircuit.api import studies

    notes = studies.check(study, data=data, alternatives=alternatives, dataset=dataset, derivatives=derivatives)
    for note in notes:
        print(f"note: {note}")
    print(f"{study}: no faults found")


@app.command()
def run(
    study: StudyFile,
    out: Out,
    stage: Annotated[
        list[str] | None, typer.Option(help="Only these stages, such as questions.escalation (repeat); default all.")
    ] = None,
    alternatives: Annotated[
        bool, typer.Option("--alternatives", help="Run the study's `alternatives:` too, side by side.")
    ] = False,
    n_jobs: Jobs = 2,
    dask: Dask = None,
    dataset: Dataset = None,
    derivatives: Derivatives = None,
) -> None:
    """Take a study from raw files to tables, figures and a page; what is up to date is not done again."""
    from cuecircuit.api import studies

    if alternatives and stage:
        raise typer.BadParameter("alternatives go through all stages; leave out --stage", param_hint="--alternatives")
    stages = tuple(stage or ())
    places = {"dataset": dataset, "derivatives": derivatives}
    print(studies.run(study, out, stages=stages, alternatives=alternatives, n_jobs=n_jobs, dask=dask, **places))


Level = Literal["participant", "group"]  # how far a BIDS App goes


@app.command("bids-app", hidden=True)  # `cli.main` puts the name before the three words that BIDS Apps are called with
def bids_app(
    bids: Annotated[Path, typer.Argument(help="The data set with the scans; takes the place of scans.dataset.")],
    out: Out,
    level: Annotated[Level, typer.Argument(help="How far to go.")],
    study: Annotated[Path, typer.Option(help="The study file.")],
    derivatives: Derivatives = None,
    n_cpus: Annotated[int, typer.Option("--n_cpus", "--n-jobs", min=1, max=MOST_JOBS, help="Processes.")] = 2,
) -> None:
    """Run as a BIDS App, `cuecircuit BIDS OUT participant|group --study FILE`; participant ends with subject maps."""
    from cuecircuit.api import studies
    from cuecircuit.nodes.graph import participant_nodes

    read = studies.read_study(study).study
    stages = participant_nodes(read) if level == "participant" else ()
    if level == "participant" and not stages:
        raise typer.BadParameter(f"{study} has no maps of subjects; the level group runs all of it", param_hint="level")
    dataset = bids if read.scans else None
    print(studies.run(study, out, stages=stages, n_jobs=n_cpus, dataset=dataset, derivatives=derivatives))


@app.command()
def report(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of a run.")],
) -> None:
    """Write OUT/report.html again from what is there."""
    from cuecircuit.api import studies

    print(studies.report(out))
