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


class TestSides(StrEnum):
    """One-sided or two-sided tests of terms with one column."""

    one = "1"
    two = "2"


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
    formula: Annotated[
        str, typer.Option(help='Mixed model instead: "group*cue + center(resp) + (1|subject) + (1|subject:cue)".')
    ] = "",
    contrast: Annotated[
        list[str] | None, typer.Option(help='Levels to compare in the mixed model: "LgA: naloxone - saline" (repeat).')
    ] = None,
    factor: Annotated[str, typer.Option(metavar="C,..", help="Columns of numbers that are labels.")] = "",
    df: Annotated[DegreesOfFreedom, typer.Option(help="Denominators of the mixed model.")] = DegreesOfFreedom.fast,
    inference: Annotated[Inference | None, typer.Option(help="How maps are corrected; not at all if left out.")] = None,
    statistic: Annotated[Statistic, typer.Option(help="Maximum that permutation corrects by.")] = Statistic.size,
    n_permutations: Annotated[int, typer.Option(min=1, help="Random arrangements.")] = 10_000,
    cluster_p: Annotated[float, typer.Option(help="Voxel p that forms clusters.")] = 0.01,
    alpha: Annotated[float, typer.Option(help="Corrected p of a cluster or voxel.")] = 0.05,
    connectivity: Connectivity = Neighbors.faces,
    sided: Annotated[TestSides, typer.Option(help="1: only positive t of terms with one column.")] = TestSides.two,
    iterations: Annotated[int, typer.Option(help="Simulated null fields.")] = 10_000,
    seed: Seed = 0,
    n_jobs: Jobs = 2,
) -> None:
    """Test every effect of a mixed design in every voxel; MAPS has one row per subject and cell, column `map`."""
    from cuecircuit.group.correction import CorrectionSettings
    from cuecircuit.group.permutation import PermutationSettings
    from cuecircuit.pipeline.group import MixedDesignText, Permutation, StrataDesign, group_command

    if bool(formula) == bool(between or within or covariate):
        raise typer.BadParameter("give either --formula, or --between, --within, --covariate", param_hint="--formula")
    rule = CONNECTIVITY[connectivity.value]
    if inference is Inference.permutation:
        if sided is TestSides.one:
            raise typer.BadParameter("permutation is two-sided; --sided 1 goes with simulation", param_hint="--sided")
        settings = PermutationSettings(
            voxel_p=cluster_p, alpha=alpha, n_permutations=n_permutations, connectivity=rule, seed=seed, n_jobs=n_jobs
        )
        correction = Permutation(statistic=statistic.value, settings=settings)
    elif inference is Inference.simulation:
        correction = CorrectionSettings(
            voxel_p=cluster_p,
            alpha=alpha,
            connectivity=rule,
            sided="1" if sided is TestSides.one else "2",
            iterations=iterations,
            seed=seed,
            n_jobs=n_jobs,
        )
    else:
        correction = None
    if formula:
        design = MixedDesignText(
            subject=subject,
            formula=formula,
            df=df.value,
            contrasts=tuple(contrast or ()),
            factors=names(factor),
            n_jobs=n_jobs,
        )
    elif contrast or factor:
        raise typer.BadParameter("contrasts and factors go with --formula", param_hint="--contrast")
    else:
        columns = {"between": names(between), "within": names(within), "covariates": names(covariate)}
        design = StrataDesign(subject=subject, **columns)
    group_command(maps, out, mask, design=design, correction=correction)
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
