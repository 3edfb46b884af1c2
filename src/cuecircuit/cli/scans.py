"""Commands for scans: preprocess, quality."""

from pathlib import Path
from typing import Annotated

import typer

from cuecircuit.cli.app import Dask, Jobs, app


@app.command()
def preprocess(study: Path, out: Path, n_jobs: Jobs = 1, dask: Dask = None) -> None:
    """Bring raw rat scans to the space of a template: motion, registration, one interpolation (needs ANTs)."""
    from cuecircuit.nodes.designs import has_sections_of_papers
    from cuecircuit.nodes.preprocess import preprocess_study
    from cuecircuit.pipeline.preprocess import preprocess_study as preprocess_paper

    act = preprocess_paper if has_sections_of_papers(study) else preprocess_study
    print(act(study, out, n_jobs=n_jobs, dask=dask))


@app.command()
def quality(
    study: Path,
    out: Path,
    n_jobs: Jobs = 1,
    dask: Dask = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Show the raw scans of a study that takes preprocessed ones.")
    ] = False,
) -> None:
    """Write a page of quality for every subject and one for the group, which flags scans and says why."""
    from cuecircuit.nodes.designs import has_sections_of_papers

    if has_sections_of_papers(study):
        from cuecircuit.pipeline.quality import write_quality as write_paper

        if raw:
            raise typer.BadParameter("goes with studies of tables and questions", param_hint="--raw")
        print(write_paper(study, out, n_jobs=n_jobs, dask=dask))
        return
    from cuecircuit.nodes.quality import write_quality

    print(write_quality(study, out, n_jobs=n_jobs, dask=dask, raw=raw))
