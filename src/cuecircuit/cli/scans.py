"""Commands for scans: preprocess, quality."""

from pathlib import Path

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
def quality(study: Path, out: Path, n_jobs: Jobs = 1, dask: Dask = None) -> None:
    """Write a page of quality for every subject and one for the group, which names the scans that stand out."""
    from cuecircuit.pipeline.quality import write_quality

    print(write_quality(study, out, n_jobs=n_jobs, dask=dask))
