"""Commands for tables: operant sessions, mixed-design AN(C)OVA, audit of printed statistics."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cuecircuit.cli.app import Columns, Table, app, names, print_table
from cuecircuit.cli.designs import (
    Crossed,
    DegreesOfFreedom,
    Equivalence,
    Formula,
    Labels,
    Levels,
    Numbers,
    PriorScale,
    TableMethod,
    Weigh,
    asked_evidence,
    check_design,
    model_options,
)

if TYPE_CHECKING:
    from cuecircuit.pipeline.anova import Followup
# adjustment of p within a family of comparisons
Adjust = Literal["none", "holm", "bonferroni", "sidak", "tukey", "dunnett"]


@app.command()
def sessions(
    files: Annotated[list[Path], typer.Argument(metavar="LOG...", help="Operant logs of any kind.")],
    out: Annotated[Path | None, typer.Option(help="Folder for sessions.tsv, events.tsv, faults.tsv.")] = None,
    programs: Annotated[Path | None, typer.Option(help="Folder of own MED-PC program declarations.")] = None,
    source: Annotated[Path | None, typer.Option(help="YAML: event names and columns of other logs.")] = None,
    mpc: Annotated[Path | None, typer.Option(help="MED-PC program (.MPC) or a folder of them.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Faults in the logs are errors.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet too (extra `query`).")] = False,
    declare: Annotated[bool, typer.Option("--declare", help="Print a first declaration of unknown programs.")] = False,
    nwb: Annotated[
        bool, typer.Option("--nwb", help="Write NWB for DANDI too (extra `nwb`): a file per session in OUT/nwb.")
    ] = False,
    participants: Annotated[
        Path | None, typer.Option(help="For --nwb: table by participant_id with species, sex, age or date_of_birth.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="For --nwb: of the logs' clock, such as America/Los_Angeles.")] = "",
    lab: Annotated[str, typer.Option(help="For --nwb: the laboratory.")] = "",
    institution: Annotated[str, typer.Option(help="For --nwb: where it is.")] = "",
    experimenter: Annotated[
        list[str] | None, typer.Option(help='For --nwb: who ran the sessions, "Last, First" (repeat).')
    ] = None,
) -> None:
    """Read operant logs (MED-PC, GEToperant, FED3, BIDS, NWB, tables): sessions, events, and a ledger of faults."""
    from cuecircuit.pipeline.nwb import NwbSettings
    from cuecircuit.pipeline.sessions import declare_programs, write_sessions

    if declare:
        print(declare_programs(files, programs=programs, mpc=mpc), end="")
        return
    if out is None:
        raise typer.BadParameter("give a folder for the tables (or --declare)", param_hint="--out")
    settings = None
    if nwb:
        if participants is None or not timezone:
            raise typer.BadParameter("needs --participants and --timezone: logs state neither", param_hint="--nwb")
        settings = NwbSettings(
            participants=participants,
            timezone=timezone,
            lab=lab,
            institution=institution,
            experimenters=tuple(experimenter or ()),
        )
    elif participants or timezone or lab or institution or experimenter:
        raise typer.BadParameter("participants, time zone and laboratory are those of --nwb", param_hint="--nwb")
    done = write_sessions(
        files, out, programs=programs, source=source, mpc=mpc, strict=strict, parquet=parquet, nwb=settings
    )
    for line in done.fault_lines:
        print("cuecircuit:", line, file=sys.stderr)
    print(
        f"{out}: {done.n_sessions} sessions of {done.n_subjects} subjects with {done.n_events} events "
        f"from {done.n_files} files; {len(done.faults)} faults"
    )


@app.command()
def anova(
    table: Table,
    dv: Annotated[str, typer.Option(help="Column that was measured.")],
    subject: Annotated[str, typer.Option(metavar="C", help="Column that names the subject.")] = "",
    between: Columns = "",
    within: Columns = "",
    covariate: Columns = "",
    crossed: Crossed = "",
    observed: Annotated[
        str, typer.Option(metavar="C,..", help="Factors that were measured, not manipulated: for generalized η².")
    ] = "",
    formula: Formula = "",
    method: Annotated[
        TableMethod | None, typer.Option(help="One row per subject: least squares, robust (Huber), bisquare, Welch's.")
    ] = None,
    df: Annotated[DegreesOfFreedom, typer.Option(help="Denominators of the mixed model.")] = "satterthwaite",
    factor: Labels = "",
    number: Numbers = "",
    levels: Levels = None,
    average: Annotated[bool, typer.Option("--average", help="Average several rows of one cell.")] = False,
    contrast: Annotated[
        list[str] | None, typer.Option(help='Levels to compare: "LgA: naloxone - saline" (repeat).')
    ] = None,
    means: Annotated[str, typer.Option(metavar="F,..", help="Means of the levels of these factors.")] = "",
    posthoc: Annotated[str, typer.Option(metavar="F,..", help="Compare the levels of these factors.")] = "",
    by: Annotated[str, typer.Option(metavar="F,..", help="In each level of these: one family each.")] = "",
    adjust: Annotated[Adjust, typer.Option(help="Within each family of comparisons.")] = "holm",
    reference: Annotated[str | None, typer.Option(help="Level to compare with; all pairs if left out.")] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Coverage of intervals.")] = 0.95,
    evidence: Weigh = False,
    prior_scale: PriorScale = None,
    equivalence: Equivalence = None,
) -> None:
    """Mixed-design AN(C)OVA of a long table, every effect in its own error stratum, or a formula; TSV on stdout.

    Variance components of a mixed model, contrasts, means, comparisons and evidence follow as further tables, each
    after an empty line.
    """
    from cuecircuit.models.model import Model
    from cuecircuit.pipeline.anova import anova_table, components_table, followup_tables

    asked = SimpleNamespace(**locals())
    check_design(any(map(names, (between, within, covariate))), formula, subject)
    followup = _followup(asked)
    model = Model(**model_options(asked), observed=names(observed))
    tests = anova_table(table, dv=dv, model=model, average=average)
    for line in tests.notes:
        print("cuecircuit:", line, file=sys.stderr)
    components = components_table(tests.fit)
    further = [*([] if components is None else [components]), *followup_tables(tests.fit, followup)]
    print_table(tests.table)
    for table_of in further:
        print()
        print_table(table_of)


def _followup(asked: SimpleNamespace) -> "Followup":
    from cuecircuit.pipeline.anova import Followup

    if (asked.by or asked.reference) and not asked.posthoc:
        raise typer.BadParameter("families and references are those of comparisons", param_hint="--posthoc")
    return Followup(
        contrasts=tuple(asked.contrast or ()),
        means=names(asked.means),
        posthoc=names(asked.posthoc),
        by=names(asked.by),
        adjust=asked.adjust,
        reference=asked.reference,
        confidence=asked.confidence,
        evidence=asked_evidence(asked.evidence, asked.prior_scale, asked.equivalence),
    )


@app.command()
def severity(
    table: Table,
    strata: Annotated[str, typer.Option(metavar="C,..", help="Standardize inside each sex, cohort, ...")] = "",
) -> None:
    """Addiction index and severity score of every animal of a table; TSV on stdout.

    Columns: subject, group, and any of escalation, motivation, resistance, intake, extinction, relapse, seeking,
    association, recall; larger is more severe.
    """
    from cuecircuit.pipeline.severity import severity_of

    print_table(severity_of(table, strata=names(strata)))


@app.command()
def audit(
    statistics: Annotated[
        str, typer.Argument(help='Printed statistics ("F(9,171)=4.25, P=0.002"), a file of them, or - for stdin.')
    ],
    n: Annotated[int | None, typer.Option("--n", min=1, help="Subjects, to compare degrees of freedom with.")] = None,
    groups: Annotated[int, typer.Option(min=1, help="Groups of subjects, for the same purpose.")] = 1,
) -> None:
    """Recompute the p of printed statistics and say whether they agree; TSV on stdout."""
    from cuecircuit.pipeline.audit import audit_file, audit_table

    if statistics == "-":
        print_table(audit_table(sys.stdin.read(), n=n, groups=groups))
    elif _is_file(statistics):
        print_table(audit_file(Path(statistics), n=n, groups=groups))
    else:
        print_table(audit_table(statistics, n=n, groups=groups))


def _is_file(word: str) -> bool:
    """Return whether a word names a file; a name with a file's ending is one, so that a missing file is reported."""
    try:
        return Path(word).is_file() or word.lower().endswith((".tsv", ".csv", ".xlsx", ".txt"))
    except (OSError, ValueError):  # too long, or a zero byte: no name
        return False
