"""The application all commands hang on, and the words they share.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    name="cuecircuit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Drug-cue fMRI studies from raw files to tables, figures and one page.",
)

# more than any machine has, or any result needs: the Monte Carlo error at p = .05 is .0002 with a million draws
MOST_JOBS, MOST_DRAWS, MOST_VOXELS = 512, 1_000_000, 10_000_000
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file.")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the results.")]
Table = Annotated[Path, typer.Argument(metavar="TABLE", help="Table with a header: .csv, or another with tabs.")]
Jobs = Annotated[int, typer.Option("--n-jobs", min=1, max=MOST_JOBS, help="Processes; results do not depend on it.")]
Dask = Annotated[
    str | None, typer.Option("--dask", metavar="ADDRESS", help="Work on a Dask cluster: local, or tcp://host:8786.")
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")]
Columns = Annotated[str, typer.Option(metavar="C,..", help="Columns of the table, separated by commas.")]


def _print_version(asked: bool) -> None:
    if asked:
        from cuecircuit import __version__

        print(f"cuecircuit {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks.")] = False,
) -> None:
    """Drug-cue fMRI studies from raw files to tables, figures and one page."""


def collect_seldom() -> None:
    """Look for cyclic garbage seldom: a tenth of a short command's time goes into looking through imported modules."""
    gc.set_threshold(50_000)


def names(columns: str) -> tuple[str, ...]:
    """Return the names of columns from one word, separated by commas."""
    return tuple(name.strip() for name in columns.split(",") if name.strip())


def print_table(table: "pd.DataFrame") -> None:
    """Print a table as TSV with ten digits."""
    table.to_csv(sys.stdout, sep="\t", index=False, na_rep="n/a", float_format="%.10g", lineterminator="\n")
