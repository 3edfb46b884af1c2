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
        typer.Option(
            "--n",
            "--animals",
            metavar="N",
            help="Subjects of every group, or of each: 11,10 (repeat); default half to twice those of the study.",
        ),
    ] = None,
    studies: Annotated[
        int | None,
        typer.Option(min=20, max=MOST_DRAWS, help="Simulated studies of each size and hypothesis.", show_default="200"),
    ] = None,
    power: Annotated[float, typer.Option(help="Power wanted, between 0 and 1.")] = 0.8,
    hypothesis: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What is true: a name under simulation.hypotheses, or null (repeat); power is wanted for the first.",
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only these questions (repeat)."),
    ] = None,
    model: Annotated[
        Model, typer.Option(help="Effects of the article's statistics, or of animals that live through the protocol.")
    ] = Model.planted,
    effects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML like the section simulation (base, effects, n), in place of it."),
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
    """Power and precision of the study's questions by simulation, over numbers of subjects: tables, curves and a page.

    A study file with the sections of 0.1.0 takes what they had: tests by name, phase or kind, a TSV of effects, models.
    """
    from cuecircuit.nodes.designs import has_sections_of_papers

    if not has_sections_of_papers(study):
        from cuecircuit.planning.plan import plan_study as plan_questions
        from cuecircuit.planning.power import DRAWS
        from cuecircuit.planning.power import PlanSettings as QuestionSettings

        of_papers = (model, permutations, pool, policy, learning)
        if of_papers != (Model.planted, 199, 200, PolicyName.satiety, LearningName.rescorla_wagner):
            raise typer.BadParameter(
                "go with the sections of 0.1.0 alone",
                param_hint="--model, --permutations, --pool, --policy, --learning",
            )
        asked = QuestionSettings(
            sizes=tuple(animals or ()),
            draws=studies or DRAWS,
            power=power,
            hypotheses=tuple(hypothesis or ()),
            questions=tuple(test or ()),
            effects=effects,
            seed=seed,
        )
        print(plan_questions(study, out, settings=asked, n_jobs=n_jobs, dask=dask))
        return
    from cuecircuit.pipeline.plan.command import plan_study
    from cuecircuit.pipeline.plan.tables import ANIMALS, PlanSettings

    if effects is not None and model is not Model.planted:
        raise typer.BadParameter("a table takes the place of a model; give one of the two", param_hint="--effects")
    settings = PlanSettings(
        animals=tuple(animals or ANIMALS),
        studies=studies or 1000,
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
