"""Commands for maps: smoothness, simulated cluster sizes; and the words that commands for maps share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cuecircuit.cli.app import MOST_DRAWS, Jobs, Seed, app, print_table

Sided = Literal["1", "2", "bi"]  # one-sided; two-sided, signs together; two-sided, clusters of one sign

Inference = Literal["simulation", "permutation"]  # how the number of voxels is corrected for

Statistic = Literal["size", "mass", "tfce", "voxel"]  # maximum over the map that permutation keeps

Neighbors = Literal["6", "18", "26"]  # neighbors of a voxel: those that share a face, also an edge, also a corner


CONNECTIVITY: dict[str, Literal[6, 18, 26]] = {"6": 6, "18": 18, "26": 26}

Mask = Annotated[Path, typer.Option(help="NIfTI mask: every voxel that is not 0.")]
Connectivity = Annotated[Neighbors, typer.Option(help="Neighbours of a voxel: 6 faces, 18 and edges, 26 and corners.")]


@app.command()
def smoothness(
    residuals: Annotated[Path, typer.Argument(metavar="RESIDUALS", help="4D image of a fit's residuals.")], mask: Mask
) -> None:
    """Estimate the smoothness of residual maps: mixed autocorrelation model and classic FWHM; TSV on stdout."""
    from cuecircuit.pipeline.smoothness import smoothness_table

    print_table(smoothness_table(residuals, mask))


@app.command()
def clustsim(
    mask: Mask,
    acf: Annotated[
        tuple[float, float, float] | None,
        typer.Option(metavar="A B C", help="Mixed model of the noise, as `smoothness` gives it."),
    ] = None,
    fwhm: Annotated[float | None, typer.Option(help="Gaussian smoothness, mm.")] = None,
    iterations: Annotated[int, typer.Option(min=1, max=MOST_DRAWS, help="Simulated null fields.")] = 10_000,
    pthr: Annotated[list[float] | None, typer.Option(help="Voxel p (repeat).")] = None,
    athr: Annotated[list[float] | None, typer.Option(help="Corrected p (repeat).")] = None,
    connectivity: Connectivity = "6",
    sided: Annotated[Sided, typer.Option(help="1 only positive, 2 both signs, bi clusters of one sign.")] = "2",
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
            connectivity=CONNECTIVITY[connectivity],
            sided=sided,
            seed=seed,
            n_jobs=n_jobs,
        )
    )
