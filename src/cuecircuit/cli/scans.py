"""Commands for scans: preprocess, quality."""

from typing import Annotated

import typer

from cuecircuit.cli.app import Dask, Jobs, Out, StudyFile, app


@app.command()
def preprocess(study: StudyFile, out: Out, n_jobs: Jobs = 1, dask: Dask = None) -> None:
    """Bring raw rat scans to the space of a template: motion, registration, one interpolation (needs ANTs)."""
    from cuecircuit.nodes.preprocess import preprocess_study

    print(preprocess_study(study, out, n_jobs=n_jobs, dask=dask))


@app.command()
def quality(
    study: StudyFile,
    out: Out,
    n_jobs: Jobs = 1,
    dask: Dask = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Show the raw scans of a study that takes preprocessed ones.")
    ] = False,
) -> None:
    """Write a page of quality for every subject and one for the group, which flags scans and says why."""
    from cuecircuit.nodes.quality import write_quality

    print(write_quality(study, out, n_jobs=n_jobs, dask=dask, raw=raw))
