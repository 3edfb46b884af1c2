"""Commands for scans: preprocess, quality."""

from pathlib import Path

from cuecircuit.cli.app import Jobs, app


@app.command()
def preprocess(study: Path, out: Path, n_jobs: Jobs = 1) -> None:
    """Bring raw rat scans to the space of a template: motion, registration, one interpolation (needs ANTs)."""
    from cuecircuit.pipeline.preprocess import preprocess_study

    print(preprocess_study(study, out, n_jobs=n_jobs))


@app.command()
def quality(study: Path, out: Path) -> None:
    """Draw a page of quality for every scan and name the scans that stand out."""
    from cuecircuit.pipeline.quality import write_quality

    print(write_quality(study, out))
