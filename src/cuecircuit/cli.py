"""One command for each file of the pipeline; an error becomes clear lines on stderr.

Exit status: 0 done, 1 the data or the study is at fault, 2 the command line is at fault.
Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cuecircuit.errors import CuecircuitError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    name="cuecircuit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Drug-cue fMRI studies from raw files to tables, figures and one page.",
)


class Design(StrEnum):
    """Studies that can be simulated."""

    carmack2019 = "carmack2019"


class Hypothesis(StrEnum):
    """What is true in the simulated study."""

    withdrawal = "withdrawal"
    antagonism = "antagonism"
    respiration = "respiration"
    null = "null"


class Scale(StrEnum):
    """How large the simulated scans are."""

    tiny = "tiny"
    paper = "paper"


class StageName(StrEnum):
    """Stages of a run, in their order."""

    behavior = "behavior"
    firstlevel = "firstlevel"
    group = "group"
    regions = "regions"
    figures = "figures"
    report = "report"


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

Jobs = Annotated[int, typer.Option("--n-jobs", min=1, help="Processes at work; results do not depend on it.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")]
Mask = Annotated[Path, typer.Option(help="NIfTI mask: every voxel that is not 0.")]
Columns = Annotated[str, typer.Option(metavar="C,..", help="Columns of the table, parted by commas.")]
Connectivity = Annotated[Neighbors, typer.Option(help="Neighbours of a voxel: 6 faces, 18 and edges, 26 and corners.")]


@app.callback()
def _main(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks.")] = False,
) -> None:
    """Drug-cue fMRI studies from raw files to tables, figures and one page."""


@app.command()
def demo(out: Annotated[Path, typer.Argument()] = Path("demo"), n_jobs: Jobs = 2, seed: Seed = 0) -> None:
    """Simulate the rat study, run everything, and print where report.html is."""
    from cuecircuit.pipeline.demo import run_demo

    print(run_demo(out, n_jobs=n_jobs, seed=seed))


@app.command()
def simulate(
    design: Design,
    out: Path,
    seed: Seed = 0,
    hypothesis: Hypothesis = Hypothesis.withdrawal,
    scale: Scale = Scale.paper,
    n_jobs: Jobs = 2,
) -> None:
    """Write a whole study with known answers: a BIDS data set, operant files, study.yaml and truth/."""
    from cuecircuit.pipeline.simulate import simulate as simulate_study

    print(simulate_study(design.value, out, seed=seed, hypothesis=hypothesis.value, scale=scale.value, n_jobs=n_jobs))


@app.command()
def check(study: Path) -> None:
    """Name every fault of the study and its files at once."""
    from cuecircuit.pipeline.check import check_study

    check_study(study)
    print(f"{study}: no faults found")


@app.command()
def run(
    study: Path,
    out: Path,
    stage: Annotated[list[StageName] | None, typer.Option(help="Only these stages (repeat); default all.")] = None,
    n_jobs: Jobs = 2,
) -> None:
    """Take a study from raw files to tables, figures and a page; what is up to date is not done again."""
    from cuecircuit.pipeline.run import run_study

    print(run_study(study, out, stages=tuple(name.value for name in stage or ()), n_jobs=n_jobs))


@app.command()
def report(out: Path) -> None:
    """Write OUT/report.html again from what is there."""
    from cuecircuit.pipeline.report import rewrite_report

    print(rewrite_report(out))


@app.command()
def sessions(
    files: list[Path],
    out: Annotated[Path, typer.Option(help="Folder for sessions.tsv, events.tsv, faults.tsv.")],
    programs: Annotated[Path | None, typer.Option(help="Folder of own MED-PC program declarations.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Faults in the logs are errors.")] = False,
) -> None:
    """Read operant (MED-PC) files: one row per session, one row per event, and a ledger of faults."""
    from cuecircuit.pipeline.sessions import write_sessions

    done = write_sessions(files, out, programs=programs, strict=strict)
    for fault in done.faults:
        print(f"cuecircuit: {fault.file}:{fault.line}: {fault.subject}: {fault.what} ({fault.done})", file=sys.stderr)
    print(
        f"{out}: {done.n_sessions} sessions of {done.n_subjects} subjects with {done.n_events} events "
        f"from {done.n_files} files; {len(done.faults)} faults"
    )


@app.command()
def anova(
    table: Path,
    dv: Annotated[str, typer.Option(help="Column that was measured.")],
    subject: Annotated[str, typer.Option(help="Column that names the subject.")],
    between: Columns = "",
    within: Columns = "",
    covariate: Columns = "",
    average: Annotated[bool, typer.Option("--average", help="Average several rows of one cell.")] = False,
) -> None:
    """Mixed-design AN(C)OVA of a long table, every effect in its own error stratum; TSV on stdout."""
    from cuecircuit.pipeline.anova import anova_table

    tests = anova_table(
        table,
        dv=dv,
        subject=subject,
        between=_names(between),
        within=_names(within),
        covariates=_names(covariate),
        average=average,
    )
    for line in tests.excluded:
        print("cuecircuit:", line, file=sys.stderr)
    _print_table(tests.table)


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
            factors=_names(factor),
            n_jobs=n_jobs,
        )
    elif contrast or factor:
        raise typer.BadParameter("contrasts and factors go with --formula", param_hint="--contrast")
    else:
        columns = {"between": _names(between), "within": _names(within), "covariates": _names(covariate)}
        design = StrataDesign(subject=subject, **columns)
    group_command(maps, out, mask, design=design, correction=correction)
    print(out)


@app.command()
def smoothness(residuals: Path, mask: Mask) -> None:
    """Estimate the smoothness of residual maps: mixed autocorrelation model and classic FWHM; TSV on stdout."""
    from cuecircuit.pipeline.smoothness import smoothness_table

    _print_table(smoothness_table(residuals, mask))


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
    _print_table(
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


@app.command()
def audit(
    statistics: Annotated[str, typer.Argument(help='Printed statistics, such as "F(9,171)=4.25, P=0.002".')],
) -> None:
    """Recompute the p of printed statistics and say whether they agree; TSV on stdout."""
    from cuecircuit.pipeline.audit import audit_table

    _print_table(audit_table(statistics))


def _names(columns: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in columns.split(",") if name.strip())


def _print_table(table: "pd.DataFrame") -> None:
    table.to_csv(sys.stdout, sep="\t", index=False, na_rep="n/a", float_format="%.10g", lineterminator="\n")


def main() -> None:
    """Run the command line; `--verbose` may stand anywhere."""
    verbose = "--verbose" in sys.argv
    arguments = [word for word in sys.argv[1:] if word != "--verbose"]
    try:
        app(arguments, prog_name="cuecircuit")
    except CuecircuitError as error:
        if verbose:
            raise
        notes = getattr(error, "__notes__", [])
        for fault in error.faults:
            print("cuecircuit:", fault, *notes, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("cuecircuit: stopped; what was finished is kept and will not be done again", file=sys.stderr)
        sys.exit(130)
