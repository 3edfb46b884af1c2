"""The command that plans a study: plan."""

from pathlib import Path
from typing import Annotated

import typer

from cuecircuit.cli.app import MOST_DRAWS, Jobs, Seed, app
from cuecircuit.cli.studies import LearningName, Model, PolicyName


@app.command()
def plan(
    study: Path,
    out: Path,
    animals: Annotated[
        list[str] | None,
        typer.Option(metavar="N", help="Animals of every group, or of each: 11,10 (repeat); default 6 to 24."),
    ] = None,
    studies: Annotated[
        int, typer.Option(min=20, max=MOST_DRAWS, help="Simulated studies of each size and hypothesis.")
    ] = 1000,
    power: Annotated[float, typer.Option(help="Power wanted, between 0 and 1.")] = 0.8,
    hypothesis: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What is true (repeat); power is wanted for the first. Default all."),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help='Only these tests, phases or kinds, such as "any region" (repeat).'),
    ] = None,
    model: Annotated[
        Model, typer.Option(help="Effects of the article's statistics, or of animals that live through the protocol.")
    ] = Model.planted,
    effects: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="TSV with effects of your own, in place of a model.")
    ] = None,
    permutations: Annotated[int, typer.Option(min=19, max=MOST_DRAWS, help="Of within-group correlations.")] = 199,
    pool: Annotated[
        int, typer.Option(min=20, max=MOST_DRAWS, help="Mechanism: animals of each group to deal studies from.")
    ] = 200,
    policy: Annotated[PolicyName, typer.Option(help="How the mechanism's animals press.")] = PolicyName.satiety,
    learning: Annotated[
        LearningName, typer.Option(help="How the mechanism's animals learn about odors.")
    ] = LearningName.rescorla_wagner,
    seed: Seed = 0,
    n_jobs: Jobs = 2,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Work on a Dask cluster: local, or tcp://host:8786.")
    ] = None,
) -> None:
    """Power and precision of the study's tests by simulation, over numbers of animals: tables, curves and a page."""
    from cuecircuit.pipeline.plan.command import plan_study
    from cuecircuit.pipeline.plan.tables import ANIMALS, PlanSettings

    if effects is not None and model is not Model.planted:
        raise typer.BadParameter("a table takes the place of a model; give one of the two", param_hint="--effects")
    settings = PlanSettings(
        animals=tuple(animals or ANIMALS),
        studies=studies,
        power=power,
        model=model.value,
        hypotheses=tuple(hypothesis or ()),
        tests=tuple(test or ()),
        effects=effects,
        permutations=permutations,
        pool=pool,
        policy=policy.value,
        learning=learning.value,
        seed=seed,
    )
    print(plan_study(study, out, settings=settings, n_jobs=n_jobs, dask=dask))
