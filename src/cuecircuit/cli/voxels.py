"""Commands for maps: group tests, smoothness, simulated cluster sizes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from cuecircuit.cli.app import Columns, Jobs, Seed, app, names, print_table


class Sided(StrEnum):
    """One-sided; two-sided, signs together; two-sided, clusters of one sign."""

    one = "1"
    two = "2"
    bi = "bi"


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


class Inference(StrEnum):
    """How the number of voxels is corrected for."""

    simulation = "simulation"
    permutation = "permutation"


class Statistic(StrEnum):
    """Maximum over the map that permutation keeps."""

    size = "size"
    mass = "mass"
    tfce = "tfce"
    voxel = "voxel"


class DegreesOfFreedom(StrEnum):
    """Rules for the denominators of a mixed model."""

    fast = "satterthwaite"
    small = "kenward-roger"


class Neighbors(StrEnum):
    """Neighbors of a voxel: those that share a face, also an edge, also a corner."""

    faces = "6"
    edges = "18"
    corners = "26"


CONNECTIVITY: dict[str, Literal[6, 18, 26]] = {"6": 6, "18": 18, "26": 26}

Mask = Annotated[Path, typer.Option(help="NIfTI mask: every voxel that is not 0.")]
Connectivity = Annotated[Neighbors, typer.Option(help="Neighbours of a voxel: 6 faces, 18 and edges, 26 and corners.")]


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
        int | None, typer.Option(min=1, help="Voxels worked on at a time: bounds memory (1024 strata, 512 mixed).")
    ] = None,
    df: Annotated[DegreesOfFreedom, typer.Option(help="Denominators of the mixed model.")] = DegreesOfFreedom.fast,
    inference: Annotated[Inference | None, typer.Option(help="How maps are corrected; not at all if left out.")] = None,
    statistic: Annotated[Statistic, typer.Option(help="Maximum that permutation corrects by.")] = Statistic.size,
    n_permutations: Annotated[int, typer.Option(min=1, help="Random arrangements.")] = 10_000,
    cluster_p: Annotated[float, typer.Option(help="Voxel p that forms clusters.")] = 0.01,
    alpha: Annotated[float, typer.Option(help="Corrected p of a cluster or voxel.")] = 0.05,
    connectivity: Connectivity = Neighbors.faces,
    sided: Annotated[
        Sided, typer.Option(help="Terms with one column: 1 only positive t, 2 both signs, bi clusters of one sign.")
    ] = Sided.two,
    exchange: Annotated[
        Exchange, typer.Option(help="Subjects of a mixed model: change places, flip signs, or as the contrast allows.")
    ] = Exchange.auto,
    stop_early: Annotated[
        float | None,
        typer.Option(metavar="ERROR", help="End permutations once nothing can survive, wrongly so at most this often."),
    ] = None,
    iterations: Annotated[int, typer.Option(help="Simulated null fields.")] = 10_000,
    compare: Annotated[
        str, typer.Option(metavar="TERM", help='Set all corrections of one term side by side: "group:cue".')
    ] = "",
    atlas: Annotated[Path | None, typer.Option(help="NIfTI atlas on the mask's grid: names the clusters.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Its label table (TSV: index, name).")] = None,
    seed: Seed = 0,
    n_jobs: Jobs = 2,
) -> None:
    """Test every effect of a mixed design in every voxel; MAPS has one row per subject and cell, column `map`."""
    from cuecircuit.group.correction import CorrectionSettings
    from cuecircuit.group.permutation import PermutationSettings
    from cuecircuit.group.side_by_side import METHODS
    from cuecircuit.pipeline.corrections import Comparison
    from cuecircuit.pipeline.group import MixedDesignText, Permutation, StrataDesign, group_command

    if formula and voxel_covariate:
        raise typer.BadParameter(
            "a covariate by voxel goes with --between and --within; the mixed model has one design for all voxels",
            param_hint="--voxel-covariate",
        )
    if bool(formula) == bool(between or within or covariate or voxel_covariate):
        raise typer.BadParameter("give either --formula, or --between, --within, --covariate", param_hint="--formula")
    if (atlas is None) != (labels is None):
        raise typer.BadParameter("an atlas and its label table go together", param_hint="--atlas, --labels")
    if compare and (formula or sided is not Sided.two or inference is None):
        raise typer.BadParameter(
            "corrections are compared of a term of --between and --within, two-sided, with --inference",
            param_hint="--compare",
        )
    if inference is not Inference.permutation and (stop_early is not None or exchange is not Exchange.auto):
        raise typer.BadParameter("only permutations stop early or exchange", param_hint="--stop-early, --exchange")
    if exchange is not Exchange.auto and not formula:
        raise typer.BadParameter("the error-strata model says itself what is exchanged", param_hint="--exchange")
    rule = CONNECTIVITY[connectivity.value]
    permutation = PermutationSettings(
        voxel_p=cluster_p,
        alpha=alpha,
        n_permutations=n_permutations,
        connectivity=rule,
        seed=seed,
        n_jobs=n_jobs,
        sided=sided.value,
        stop_error=stop_early,
    )
    simulation = CorrectionSettings(
        voxel_p=cluster_p,
        alpha=alpha,
        connectivity=rule,
        sided=sided.value,
        iterations=iterations,
        seed=seed,
        n_jobs=n_jobs,
    )
    if inference is Inference.permutation:
        correction = Permutation(statistic=statistic.value, settings=permutation, exchange=EXCHANGES[exchange.value])
    else:
        correction = simulation if inference is Inference.simulation else None
    if formula:
        design = MixedDesignText(
            subject=subject,
            formula=formula,
            df=df.value,
            contrasts=tuple(contrast or ()),
            factors=names(factor),
            fewest=fewest,
            block=voxel_block or 512,
            n_jobs=n_jobs,
        )
    elif factor:
        raise typer.BadParameter("columns of labels go with --formula", param_hint="--factor")
    else:
        columns = {"between": names(between), "within": names(within), "covariates": names(covariate)}
        design = StrataDesign(
            subject=subject,
            **columns,
            voxel_covariate=voxel_covariate,
            contrasts=tuple(contrast or ()),
            fewest=fewest,
            block=voxel_block or 1024,
        )
    comparison = None
    if compare:
        comparison = Comparison(term=compare, methods=tuple(METHODS), simulation=simulation, permutation=permutation)
    names_of = (atlas, labels) if atlas is not None and labels is not None else None
    group_command(maps, out, mask, design=design, correction=correction, comparison=comparison, atlas=names_of)
    print(out)


@app.command()
def smoothness(residuals: Path, mask: Mask) -> None:
    """Estimate the smoothness of residual maps: mixed autocorrelation model and classic FWHM; TSV on stdout."""
    from cuecircuit.pipeline.smoothness import smoothness_table

    print_table(smoothness_table(residuals, mask))


@app.command()
def clustsim(
    mask: Mask,
    acf: Annotated[tuple[float, float, float] | None, typer.Option(metavar="A B C")] = None,
    fwhm: Annotated[float | None, typer.Option(help="Gaussian smoothness, mm.")] = None,
    iterations: Annotated[int, typer.Option(help="Simulated null fields.")] = 10_000,
    pthr: Annotated[list[float] | None, typer.Option(help="Voxel p (repeat).")] = None,
    athr: Annotated[list[float] | None, typer.Option(help="Corrected p (repeat).")] = None,
    connectivity: Connectivity = Neighbors.faces,
    sided: Sided = Sided.two,
    seed: Seed = 0,
    n_jobs: Jobs = 2,
) -> None:
    """Cluster sizes that noise reaches with a given probability, from simulated null fields; TSV on stdout."""
    from cuecircuit.pipeline.clustsim import clustsim_table

    if (acf is None) == (fwhm is None):
        raise typer.BadParameter("give either --acf A B C or --fwhm F", param_hint="--acf")
    print_table(
        clustsim_table(
            mask,
            acf=acf,
            fwhm_mm=fwhm,
            iterations=iterations,
            pthr=tuple(pthr or (0.01, 0.005, 0.001)),
            athr=tuple(athr or (0.1, 0.05, 0.01)),
            connectivity=CONNECTIVITY[connectivity.value],
            sided=sided.value,
            seed=seed,
            n_jobs=n_jobs,
        )
    )
