"""Commands for studies with one map per person: comparisons between subjects."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from cuecircuit.cli.app import MOST_DRAWS, Jobs, Seed, app, names
from cuecircuit.cli.voxels import CONNECTIVITY, Connectivity, Inference, Mask, Neighbors, Statistic


class FitMethod(StrEnum):
    """How subjects are weighed."""

    ols = "ols"
    robust = "robust"
    bisquare = "bisquare"
    mixed_effects = "mixed-effects"
    welch = "welch"


class VarianceTest(StrEnum):
    """How coefficients of mixed effects are tested."""

    knapp_hartung = "knapp-hartung"
    flame = "flame"
    z = "z"


@app.command()
def compare(
    maps: Path,
    out: Path,
    mask: Mask,
    formula: Annotated[str, typer.Option(help='"1" for one sample, "group", "group*center(craving) + age".')] = "1",
    method: Annotated[
        FitMethod, typer.Option(help="Least squares, robust (Huber) or bisquare, mixed-effects, or Welch's test.")
    ] = FitMethod.ols,
    variance_maps: Annotated[
        str, typer.Option(metavar="C", help="Column of variance maps, for mixed-effects (also --variance C).")
    ] = "",
    variance: Annotated[
        str,
        typer.Option(
            metavar="auto|equal|groups",
            help="Permutation takes all variances as equal, rotates subjects within groups, or asks the data.",
        ),
    ] = "auto",
    test: Annotated[
        VarianceTest, typer.Option(help="How mixed effects are tested; all have n - p df but z.")
    ] = VarianceTest.knapp_hartung,
    subject: Annotated[str, typer.Option(metavar="C", help="Column that names the subject.")] = "",
    contrast: Annotated[
        list[str] | None, typer.Option(help='Levels or slopes to compare: "iHUD - HC: craving" (repeat).')
    ] = None,
    factor: Annotated[str, typer.Option(metavar="C,..", help="Columns of numbers that are labels.")] = "",
    inference: Annotated[Inference | None, typer.Option(help="How maps are corrected; not at all if left out.")] = None,
    statistic: Annotated[Statistic, typer.Option(help="Maximum that permutation corrects by.")] = Statistic.size,
    n_permutations: Annotated[int, typer.Option(min=1, max=MOST_DRAWS, help="Random arrangements.")] = 10_000,
    cluster_p: Annotated[float, typer.Option(help="Voxel p (two-sided) that forms clusters.")] = 0.001,
    alpha: Annotated[float, typer.Option(help="Corrected p of a cluster or voxel.")] = 0.05,
    connectivity: Connectivity = Neighbors.faces,
    iterations: Annotated[int, typer.Option(min=1, max=MOST_DRAWS, help="Simulated null fields.")] = 10_000,
    seed: Seed = 0,
    n_jobs: Jobs = 2,
) -> None:
    """Test a model between subjects in every voxel; MAPS has one row per subject, column `map`."""
    from cuecircuit.group.correction import CorrectionSettings
    from cuecircuit.group.permutation import PermutationSettings
    from cuecircuit.pipeline.group.command import Permutation
    from cuecircuit.pipeline.group.compare import BetweenDesign, compare_command

    rule = CONNECTIVITY[connectivity.value]
    scheme: Literal["auto", "equal", "groups"] = "auto"
    if variance in ("auto", "equal", "groups"):
        scheme = variance
    elif variance_maps:
        raise typer.BadParameter(
            f"found {variance}, expected auto, equal or groups; columns go with --variance-maps",
            param_hint="--variance",
        )
    else:
        variance_maps = variance
    correction = None
    if inference is Inference.permutation:
        settings = PermutationSettings(
            voxel_p=cluster_p,
            alpha=alpha,
            n_permutations=n_permutations,
            connectivity=rule,
            variance=scheme,
            seed=seed,
            n_jobs=n_jobs,
        )
        correction = Permutation(statistic=statistic.value, settings=settings)
    elif inference is Inference.simulation:
        correction = CorrectionSettings(
            voxel_p=cluster_p, alpha=alpha, connectivity=rule, iterations=iterations, seed=seed, n_jobs=n_jobs
        )
    design = BetweenDesign(
        formula=formula,
        method="huber" if method is FitMethod.robust else method.value,
        variance=variance_maps or None,
        factors=names(factor),
        contrasts=tuple(contrast or ()),
        test=test.value,
    )
    compare_command(maps, out, mask, design=design, correction=correction, subject=subject or None)
    print(out)
