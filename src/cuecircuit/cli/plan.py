"""The command that plans a study: plan."""

from pathlib import Path
from typing import Annotated

import typer

from cuecircuit.cli.app import MOST_DRAWS, Dask, Jobs, Out, Seed, StudyFile, app


@app.command()
def plan(
    study: StudyFile,
    out: Out,
    animals: Annotated[
        list[str] | None,
        typer.Option(
            "--n",
            "--animals",
            metavar="N",
            help="Subjects of every group, or of each: 11,10 (repeat); default half to twice those of the study.",
        ),
    ] = None,
    studies: Annotated[
        int | None,
        typer.Option(
            min=20,
            max=MOST_DRAWS,
            help="Simulated studies of each size and hypothesis.",
            show_default="200; 50 of maps, and of animals that live through the study",
        ),
    ] = None,
    power: Annotated[float, typer.Option(help="Power wanted, between 0 and 1.")] = 0.8,
    hypothesis: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What is true: a name under simulation.hypotheses, or null (repeat); power is wanted for the first. "
            "Animals that live through the study: withdrawal, antagonism or null.",
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only these questions (repeat)."),
    ] = None,
    effects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML like the section simulation (base, effects, n; or generator, parameters), in place of it.",
        ),
    ] = None,
    multiple: Annotated[
        list[float] | None,
        typer.Option(
            metavar="M",
            help="True effects of the first hypothesis, times those stated (repeat).",
            show_default="0.25 0.5 0.75 1",
        ),
    ] = None,
    stop: Annotated[
        float | None,
        typer.Option(
            metavar="BF",
            help="Bayes factor at which a study stops that looks after each size, such as 6: how often, and when.",
        ),
    ] = None,
    smoothness: Annotated[
        str | None,
        typer.Option(
            metavar="MM|FILE",
            help="FWHM of the noise of subjects' maps, mm, or a smoothness.tsv: questions on maps are asked of maps.",
        ),
    ] = None,
    seed: Seed = 0,
    n_jobs: Jobs = 2,
    dask: Dask = None,
) -> None:
    """Power and precision of the study's questions by simulation over numbers of subjects: tables, curves, a page."""
    from cuecircuit.planning.multiples import MULTIPLES
    from cuecircuit.planning.plan import plan_study
    from cuecircuit.planning.power import PlanSettings

    settings = PlanSettings(
        sizes=tuple(animals or ()),
        draws=studies or 0,
        power=power,
        hypotheses=tuple(hypothesis or ()),
        questions=tuple(test or ()),
        effects=effects,
        multiples=tuple(multiple) if multiple else MULTIPLES,
        stop=stop,
        smoothness=smoothness or "",
        seed=seed,
    )
    print(plan_study(study, out, settings=settings, n_jobs=n_jobs, dask=dask))
