"""A preprocessed run of a person as a page of quality."""

import numpy as np

from cuecircuit.figures.quality import QualityPage
from cuecircuit.imaging.first_level import design_matrix
from cuecircuit.imaging.quality import scan_quality
from cuecircuit.io.bids import ScanFiles
from cuecircuit.pipeline.job import PeopleJob
from cuecircuit.pipeline.people.scan import quality_row, read_run


def run_quality(job: PeopleJob, files: ScanFiles) -> tuple[dict[str, object], QualityPage]:
    """Give the numbers of a run and what its page shows; displacement is that of the confounds.

    Raises:
        DataError: a file is missing or at fault.
    """
    run, study = read_run(job.files, files), job.study
    series, inside = run.series, run.series.data[run.mask].T
    quality = scan_quality(inside)
    tsnr = np.full(run.mask.shape, np.nan, np.float32)
    tsnr[run.mask] = quality.tsnr
    moved = run.confounds.displacement_mm[1:]
    design = design_matrix(
        run.events,
        n_volumes=len(inside),
        tr_s=series.tr_s,
        hrf=study.response.hrf,
        drift_period_s=study.nuisance.drift_period_s,
        nuisance=run.confounds.regressors,
    )
    page = QualityPage(
        title=files.name,
        tr_s=series.tr_s,
        mean=series.data.mean(axis=3),
        tsnr=tsnr,
        mask=run.mask,
        series=inside,
        framewise_mm=moved if np.isfinite(moved).any() else None,
        dvars_percent=quality.dvars_percent,
        design=design.to_numpy(),
        design_names=[str(name) for name in design.columns],
        blocks_s=[(start, start + length) for start, length in run.events[["onset", "duration"]].to_numpy()],
        breath_s=np.empty(0),
        breaths_per_min=np.empty(0),
    )
    return quality_row(run), page
