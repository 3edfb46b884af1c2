"""The command for group tests of maps."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cuecircuit.cli.app import MOST_DRAWS, MOST_VOXELS, Columns, Dask, Jobs, Seed, app, names
from cuecircuit.cli.voxels import CONNECTIVITY, Connectivity, Inference, Mask, Neighbors, Sided, Statistic


class Exchange(StrEnum):
    """What subjects of a mixed model exchange."""

    auto = "auto"
    permute = "permute"
    flip = "flip"


EXCHANGES: dict[str, Literal["auto", "permutations", "sign flips"]] = {
    "auto": "auto",
    "permute": "permutations",
    "flip": "sign flips",
}


class Variance(StrEnum):
    """Whose variance permutation takes to be one."""

    auto = "auto"
    equal = "equal"
    groups = "groups"


class DegreesOfFreedom(StrEnum):
    """Rules for the denominators of a mixed model."""

    fast = "satterthwaite"
    small = "kenward-roger"


@app.command()
def group(
    maps: Path,
    out: Path,
    mask: Mask,
    subject: Annotated[str, typer.Option(help="Column that names the subject.")],
    between: Columns = "",
    within: Columns = "",
    covariate: Columns = "",
    voxel_covariate: Annotated[
        str, typer.Option(metavar="C", help="Column of maps: a covariate with a value in every voxel.")
    ] = "",
    formula: Annotated[
        str, typer.Option(help='Mixed model instead: "group*cue + center(resp) + (1|subject) + (1|subject:cue)".')
    ] = "",
    contrast: Annotated[
        list[str] | None, typer.Option(help='Levels to compare: "LgA: naloxone - saline" (repeat).')
    ] = None,
    factor: Annotated[str, typer.Option(metavar="C,..", help="Columns of numbers that are labels.")] = "",
    fewest: Annotated[
        int, typer.Option(min=2, help="Subjects of a group that must have maps in a voxel for it to be tested.")
    ] = 3,
    voxel_block: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_VOXELS, help="Voxels worked on at a time: bounds memory (1024 strata, 512 mixed)."
        ),
    ] = None,
    df: Annotated[DegreesOfFreedom, typer.Option(help="Denominators of the mixed model.")] = DegreesOfFreedom.fast,
    inference: Annotated[Inference | None, typer.Option(help="How maps are corrected; not at all if left out.")] = None,
    statistic: Annotated[Statistic, typer.Option(help="Maximum that permutation corrects by.")] = Statistic.size,
    n_permutations: Annotated[int, typer.Option(min=1, max=MOST_DRAWS, help="Random arrangements.")] = 10_000,
    cluster_p: Annotated[float, typer.Option(help="Voxel p that forms clusters.")] = 0.01,
    alpha: Annotated[float, typer.Option(help="Corrected p of a cluster or voxel.")] = 0.05,
    connectivity: Connectivity = Neighbors.faces,
    sided: Annotated[
        Sided, typer.Option(help="Terms with one column: 1 only positive t, 2 both signs, bi clusters of one sign.")
    ] = Sided.two,
    exchange: Annotated[
        Exchange, typer.Option(help="Subjects of a mixed model: change places, flip signs, or as the contrast allows.")
    ] = Exchange.auto,
    variance: Annotated[
        Variance,
        typer.Option(
            help="Permutation takes all variances as equal, rotates subjects within groups, or asks the data."
        ),
    ] = Variance.auto,
    stop_early: Annotated[
        float | None,
        typer.Option(metavar="ERROR", help="End permutations once nothing can survive, wrongly so at most this often."),
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, max=MOST_DRAWS, help="Simulated null fields.")] = 10_000,
    compare: Annotated[
        str, typer.Option(metavar="TERM", help='Set all corrections of one term side by side: "group:cue".')
    ] = "",
    atlas: Annotated[Path | None, typer.Option(help="NIfTI atlas on the mask's grid: names the clusters.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Its label table (TSV: index, name).")] = None,
    seed: Seed = 0,
    n_jobs: Jobs = 2,
    dask: Dask = None,
) -> None:
    """Test every effect of a mixed design in every voxel; MAPS has one row per subject and cell, column `map`."""
    from cuecircuit.group.correction import CorrectionSettings
    from cuecircuit.group.permutation import PermutationSettings
    from cuecircuit.group.side_by_side import METHODS
    from cuecircuit.pipeline.group.command import MixedDesignText, Permutation, StrataDesign, group_command
    from cuecircuit.pipeline.group.corrections import Comparison

    strata: dict[str, Any] = {"between": names(between), "within": names(within), "covariates": names(covariate)}
    strata |= {"voxel_covariate": voxel_covariate} if voxel_covariate else {}
    mixed: dict[str, Any] = {"formula": formula, "factors": names(factor), "df": df.value}
    _check_model(strata, mixed)
    _check_correction(inference, mixed=bool(formula), compare=compare, sided=sided, exchange=exchange, stop=stop_early)
    if formula and variance is Variance.groups:
        raise typer.BadParameter(
            "a mixed model's scores are not rotated within groups; use --between and --within", param_hint="--variance"
        )
    if (atlas is None) != (labels is None):
        raise typer.BadParameter("an atlas and its label table go together", param_hint="--atlas, --labels")
    asked: dict[str, Any] = {"subject": subject, "contrasts": tuple(contrast or ()), "fewest": fewest}
    asked |= {"block": voxel_block} if voxel_block else {}
    design = MixedDesignText(**asked, **mixed) if formula else StrataDesign(**asked, **strata)
    shared: dict[str, Any] = {"voxel_p": cluster_p, "alpha": alpha, "connectivity": CONNECTIVITY[connectivity.value]}
    shared |= {"sided": sided.value, "seed": seed, "n_jobs": n_jobs}
    permutation = PermutationSettings(
        **shared, n_permutations=n_permutations, stop_error=stop_early, variance=variance.value
    )
    simulation = CorrectionSettings(**shared, iterations=iterations)
    corrections = {
        None: None,
        Inference.simulation: simulation,
        Inference.permutation: Permutation(
            statistic=statistic.value, settings=permutation, exchange=EXCHANGES[exchange.value]
        ),
    }
    comparison = None
    if compare:
        comparison = Comparison(term=compare, methods=tuple(METHODS), simulation=simulation, permutation=permutation)
    group_command(
        maps,
        out,
        mask,
        design=design,
        correction=corrections[inference],
        comparison=comparison,
        atlas=(atlas, labels) if atlas is not None and labels is not None else None,
        n_jobs=n_jobs,
        dask=dask,
    )
    print(out)


def _check_model(strata: Mapping[str, Any], mixed: Mapping[str, Any]) -> None:
    """Refuse options of both models, or of neither."""
    formula = bool(mixed["formula"])
    if formula and "voxel_covariate" in strata:
        raise typer.BadParameter(
            "a covariate by voxel goes with --between and --within; the mixed model has one design for all voxels",
            param_hint="--voxel-covariate",
        )
    if formula == any(strata.values()):
        raise typer.BadParameter("give either --formula, or --between, --within, --covariate", param_hint="--formula")
    if mixed["factors"] and not formula:
        raise typer.BadParameter("columns of labels go with --formula", param_hint="--factor")


def _check_correction(
    inference: Inference | None, *, mixed: bool, compare: str, sided: Sided, exchange: Exchange, stop: float | None
) -> None:
    """Refuse options of a correction that was not asked for."""
    if compare and (mixed or sided is not Sided.two or inference is None):
        raise typer.BadParameter(
            "corrections are compared of a term of --between and --within, two-sided, with --inference",
            param_hint="--compare",
        )
    if inference is not Inference.permutation and (stop is not None or exchange is not Exchange.auto):
        raise typer.BadParameter("only permutations stop early or exchange", param_hint="--stop-early, --exchange")
    if exchange is not Exchange.auto and not mixed:
        raise typer.BadParameter("the error-strata model says itself what is exchanged", param_hint="--exchange")
