"""The command that tests maps, by its two names `group` and `compare`."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cuecircuit.cli.app import MOST_DRAWS, MOST_VOXELS, Columns, Dask, Jobs, Out, Seed, app, names
from cuecircuit.cli.designs import (
    Crossed,
    DegreesOfFreedom,
    Equivalence,
    FitMethod,
    Formula,
    Labels,
    Levels,
    Numbers,
    PriorScale,
    Weigh,
    asked_evidence,
    check_design,
    model_options,
)
from cuecircuit.cli.voxels import CONNECTIVITY, Connectivity, Inference, Mask, Sided, Statistic

if TYPE_CHECKING:
    from cuecircuit.group.correction import CorrectionSettings
    from cuecircuit.group.permutation import PermutationSettings
    from cuecircuit.group.planned_permutation import Exchanged
    from cuecircuit.models.model import Model
    from cuecircuit.pipeline.map_tests.corrections import Comparison
    from cuecircuit.pipeline.map_tests.design import Correction
Exchange = Literal["auto", "permute", "flip"]  # what subjects of a mixed model exchange
EXCHANGES: "dict[Exchange, Exchanged]" = {"auto": "auto", "permute": "permutations", "flip": "sign flips"}
VARIANCES: tuple[Literal["auto", "equal", "groups"], ...] = ("auto", "equal", "groups")
VarianceTest = Literal["knapp-hartung", "flame", "z"]  # how coefficients of mixed effects are tested


@app.command("group")
@app.command("compare")
def maps_command(
    context: typer.Context,
    maps: Annotated[
        Path, typer.Argument(metavar="MAPS", help="Table with a row for each map: column `map`, columns of the model.")
    ],
    out: Out,
    mask: Mask,
    subject: Annotated[str, typer.Option(metavar="C", help="Column that names the subject.")] = "",
    between: Columns = "",
    within: Columns = "",
    covariate: Columns = "",
    crossed: Crossed = "",
    voxel_covariate: Annotated[
        str, typer.Option(metavar="C", help="Column of maps: a covariate with a value in every voxel.")
    ] = "",
    formula: Formula = "",
    method: Annotated[
        FitMethod | None, typer.Option(help="One map per subject: least squares, robust (Huber), bisquare, …")
    ] = None,
    variance_map: Annotated[
        str, typer.Option(metavar="C", help="Column of variance maps, for mixed-effects (compare: also --variance C).")
    ] = "",
    test: Annotated[
        VarianceTest, typer.Option(help="How mixed effects are tested; all have n - p df but z.")
    ] = "knapp-hartung",
    contrast: Annotated[
        list[str] | None, typer.Option(help='Levels or slopes to compare: "LgA: naloxone - saline" (repeat).')
    ] = None,
    factor: Labels = "",
    number: Numbers = "",
    levels: Levels = None,
    fewest: Annotated[
        int, typer.Option(min=2, help="Subjects of a group that must have maps in a voxel for it to be tested.")
    ] = 3,
    zero_is_missing: Annotated[
        bool, typer.Option("--zero-is-missing", help="Exact zeros of maps were not measured.")
    ] = False,
    voxel_block: Annotated[
        int | None, typer.Option(min=1, max=MOST_VOXELS, help="Voxels worked on at a time: bounds memory.")
    ] = None,
    df: Annotated[DegreesOfFreedom, typer.Option(help="Denominators of the mixed model.")] = "satterthwaite",
    inference: Annotated[Inference | None, typer.Option(help="How maps are corrected; not at all if left out.")] = None,
    statistic: Annotated[Statistic, typer.Option(help="Maximum that permutation corrects by.")] = "size",
    n_permutations: Annotated[int, typer.Option(min=1, max=MOST_DRAWS, help="Random arrangements.")] = 10_000,
    cluster_p: Annotated[float, typer.Option(help="Voxel p that forms clusters.")] = 0.001,
    alpha: Annotated[float, typer.Option(help="Corrected p of a cluster or voxel.")] = 0.05,
    connectivity: Connectivity = "6",
    sided: Annotated[
        Sided, typer.Option(help="Terms with one column: 1 only positive t, 2 both signs, bi clusters of one sign.")
    ] = "2",
    exchange: Annotated[
        Exchange, typer.Option(help="Subjects of a mixed model: change places, flip signs, or as the contrast allows.")
    ] = "auto",
    variance: Annotated[
        str,
        typer.Option(
            metavar="|".join(VARIANCES),
            help="Permutation takes all variances as equal, rotates subjects within groups, or asks the data.",
        ),
    ] = "auto",
    stop_early: Annotated[
        float | None,
        typer.Option(metavar="ERROR", help="End permutations once nothing can survive, wrongly so at most this often."),
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, max=MOST_DRAWS, help="Simulated null fields.")] = 10_000,
    compare: Annotated[
        str, typer.Option(metavar="TERM", help='Set all corrections of one term side by side: "group:cue".')
    ] = "",
    evidence: Weigh = False,
    prior_scale: PriorScale = None,
    equivalence: Equivalence = None,
    atlas: Annotated[Path | None, typer.Option(help="NIfTI atlas on the mask's grid: names the clusters.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Its label table (TSV: index, name).")] = None,
    seed: Seed = 0,
    n_jobs: Jobs = 2,
    dask: Dask = None,
) -> None:
    """Test every effect of a model in every voxel; MAPS has one row per map, column `map`.

    The model is an error-strata design (--between, --within, --covariate) or a --formula: with random parts a mixed
    model, without one map per subject, fitted by --method. `group` and `compare` are one command.
    """
    from cuecircuit.pipeline.map_tests.command import group_command

    asked = _by_its_name(SimpleNamespace(**locals()))
    _check(asked)
    group_command(
        maps,
        out,
        mask,
        model=_model(asked),
        correction=_correction(asked),
        comparison=_comparison(asked),
        evidence=asked_evidence(evidence, prior_scale, equivalence),
        atlas=(atlas, labels) if atlas is not None and labels is not None else None,
        zero_is_missing=zero_is_missing,
        n_jobs=n_jobs,
        dask=dask,
    )
    print(out)


def _by_its_name(asked: SimpleNamespace) -> SimpleNamespace:
    """Return the options, with what `compare` takes otherwise."""
    changed = {}
    if asked.context.info_name == "compare":
        if not (asked.formula or asked.between or asked.within or asked.covariate):
            changed["formula"] = "1"
        if asked.variance not in VARIANCES and not asked.variance_map:
            changed |= {"variance": "auto", "variance_map": asked.variance}  # `compare --variance C` names the column
    return SimpleNamespace(**vars(asked) | changed)


def _check(asked: SimpleNamespace) -> None:
    """Refuse options that contradict one another.

    Raises:
        BadParameter: the first contradiction.
    """
    if asked.formula and asked.voxel_covariate:
        raise typer.BadParameter(
            "a covariate by voxel goes with --between and --within; a formula has one design for all voxels",
            param_hint="--voxel-covariate",
        )
    strata = (asked.between, asked.within, asked.covariate, asked.voxel_covariate)
    check_design(any(map(names, strata)), asked.formula, asked.subject)
    for fault, option in (*_variance_faults(asked), *_correction_faults(asked)):
        raise typer.BadParameter(fault, param_hint=option)
    if (asked.atlas is None) != (asked.labels is None):
        raise typer.BadParameter("an atlas and its label table go together", param_hint="--atlas, --labels")


def _model(asked: SimpleNamespace) -> "Model":
    from cuecircuit.models.model import Model

    return Model(
        **model_options(asked),
        contrasts=tuple(asked.contrast or ()),
        variance_test=asked.test,
        covariate=asked.voxel_covariate,
        variance=asked.variance_map,
        fewest=asked.fewest,
        block=asked.voxel_block,
    )


def _correction(asked: SimpleNamespace) -> "Correction":
    from cuecircuit.pipeline.map_tests.permuted import Permutation

    if asked.inference is None:
        return None
    if asked.inference == "simulation":
        return _simulation(asked)
    return Permutation(statistic=asked.statistic, settings=_permutation(asked), exchange=EXCHANGES[asked.exchange])


def _comparison(asked: SimpleNamespace) -> "Comparison | None":
    from cuecircuit.pipeline.map_tests.corrections import Comparison

    if not asked.compare:
        return None
    return Comparison(term=asked.compare, simulation=_simulation(asked), permutation=_permutation(asked))


def _simulation(asked: SimpleNamespace) -> "CorrectionSettings":
    from cuecircuit.group.correction import CorrectionSettings

    return CorrectionSettings(**_of_clusters(asked), iterations=asked.iterations)


def _permutation(asked: SimpleNamespace) -> "PermutationSettings":
    from cuecircuit.group.permutation import PermutationSettings

    # compared corrections are of one map, that of subjects who change places
    variance = "equal" if asked.compare else asked.variance
    permuted = {"n_permutations": asked.n_permutations, "stop_error": asked.stop_early, "variance": variance}
    return PermutationSettings(**_of_clusters(asked), **permuted)


def _of_clusters(asked: SimpleNamespace) -> dict[str, Any]:
    clusters = {
        "voxel_p": asked.cluster_p,
        "alpha": asked.alpha,
        "connectivity": CONNECTIVITY[asked.connectivity],
    }
    return clusters | {"sided": asked.sided, "seed": asked.seed, "n_jobs": asked.n_jobs}


def _variance_faults(asked: SimpleNamespace) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with `--variance`: no word of `VARIANCES`, or rotations where there are none."""
    if asked.variance not in VARIANCES:
        words = ", ".join(VARIANCES)
        yield f"found {asked.variance}, expected {words}; columns of variance maps go with --variance-map", "--variance"
    if asked.variance == "groups" and "|" in asked.formula:
        yield "a mixed model's scores are not rotated within groups; use --between and --within", "--variance"
    if asked.variance == "groups" and asked.inference != "permutation" and not asked.compare:
        yield "only permutation rotates subjects within groups; add --inference permutation", "--variance"
    if asked.variance == "groups" and asked.compare:
        fault = "rotations within groups test another map than the simulation; leave one of the two out"
        yield fault, "--compare, --variance groups"


def _correction_faults(asked: SimpleNamespace) -> Iterator[tuple[str, str]]:
    """Yield which options belong to a correction that was not asked for."""
    if asked.compare and (asked.formula or asked.sided != "2" or asked.inference is None):
        fault = "corrections are compared of a term of --between and --within, two-sided, with --inference"
        yield fault, "--compare"
    if asked.inference != "permutation" and (asked.stop_early is not None or asked.exchange != "auto"):
        yield "only permutations stop early or exchange", "--stop-early, --exchange"
    if asked.exchange != "auto" and "|" not in asked.formula:
        yield "the error-strata model says itself what is exchanged", "--exchange"
