"""Commands for tables: operant sessions, mixed-design AN(C)OVA, audit of printed statistics."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cuecircuit.cli.app import Columns, app, names, print_table


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
        between=names(between),
        within=names(within),
        covariates=names(covariate),
        average=average,
    )
    for line in tests.excluded:
        print("cuecircuit:", line, file=sys.stderr)
    print_table(tests.table)


@app.command()
def audit(
    statistics: Annotated[str, typer.Argument(help='Printed statistics, such as "F(9,171)=4.25, P=0.002".')],
) -> None:
    """Recompute the p of printed statistics and say whether they agree; TSV on stdout."""
    from cuecircuit.pipeline.audit import audit_table

    print_table(audit_table(statistics))
