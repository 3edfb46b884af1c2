"""The command that fits models of self-administration to animals."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cuecircuit.cli.app import Out, Seed, app, print_table


class FitModelName(StrEnum):
    """Descriptions of how infusions are taken."""

    poisson = "poisson"
    gamma = "gamma"
    drift = "drift"
    satiety = "satiety"
    priming = "priming"
    homeostatic = "homeostatic"
    bouts = "bouts"
    lapses = "lapses"


@app.command()
def fit(
    source: Annotated[Path, typer.Argument(help="Study file, or the folder that `cuecircuit sessions` wrote.")],
    out: Out,
    drug: Annotated[str | None, typer.Option(help="heroin, cocaine, oxycodone, ...; a study file says it.")] = None,
    dose: Annotated[float | None, typer.Option(metavar="MG/KG", help="Of an infusion; a study file says it.")] = None,
    half_life: Annotated[float | None, typer.Option(metavar="MIN", help="Makes the drug a single compartment.")] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Only sessions of this experiment; of a study: of this phase.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="After an infusion; 20 where neither this nor the log says it.")
    ] = None,
    hold_out: Annotated[
        str, typer.Option(help="last:N sessions of each animal, every:N intervals, or none.")
    ] = "last:2",
    model: Annotated[list[FitModelName] | None, typer.Option(help="Only these models (repeat); default all.")] = None,
    elimination: Annotated[
        bool, typer.Option("--elimination", help="Also ask what the intervals say about the half-life.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Fit satiety-threshold and rival models to infusion times, and compare their predictions; TSV on stdout."""
    from cuecircuit.behavior.fit_models import MODELS
    from cuecircuit.fitting.compare_models import FitChoices, fit_sessions
    from cuecircuit.fitting.fit_source import DrugChoice

    choices = FitChoices(
        drug=DrugChoice(drug=drug, dose_mg_kg=dose, half_life_min=half_life),
        experiment=experiment,
        timeout_s=timeout,
        models=tuple(dict.fromkeys(each.value for each in model)) if model else tuple(MODELS),
        hold_out=hold_out,
        elimination=elimination,
        seed=seed,
    )
    print_table(fit_sessions(source, out, choices))
