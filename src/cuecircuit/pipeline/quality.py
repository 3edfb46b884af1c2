"""A page of quality for every scan, and the scans that stand out from the others.

A scan stands out where a number lies further than 3 scaled median absolute deviations from the median of all scans
(Leys et al. 2013, J Exp Soc Psychol 49:764), on the bad side: low tSNR, high DVARS or displacement. Nobody is left out
by this: `subjects.exclude` of the study file does that, with a reason.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.figures.quality import QualityPage, quality_page
from cuecircuit.figures.saving import rendered
from cuecircuit.imaging.first_level import design_matrix
from cuecircuit.imaging.quality import scan_quality
from cuecircuit.imaging.respiration import find_breaths, plausible_rates
from cuecircuit.io.atomic import replacing
from cuecircuit.io.tables import write_table
from cuecircuit.pipeline.cells import scans_of, subjects_of
from cuecircuit.pipeline.job import Job, read_study
from cuecircuit.pipeline.progress import steps
from cuecircuit.pipeline.scan import Scan, glm_events, quality_row, read_scan, regressors_of, respiration_of
from cuecircuit.pipeline.store import Store
from cuecircuit.study.study import Study

_DEVIATIONS = 3.0
_MAD_TO_SD = 1.4826  # of a normal distribution
_WORSE = {"tsnr": -1, "dvars": 1, "framewise_displacement": 1}
COLUMNS = {
    "subject": "participant label",
    "run": "scan",
    "tsnr": "temporal signal-to-noise ratio, median over the mask",
    "dvars": {"Description": "root mean square change from volume to volume, median", "Units": "%"},
    "framewise_displacement": {"Description": "mean over volumes", "Units": "mm"},
    "nuisance_df": "degrees of freedom left after nuisance regression",
    "censored": "volumes left out",
    "stands_out": "measures further than 3 scaled median absolute deviations from the median, on the bad side",
    "excluded": "reason of the study file (subjects.exclude); n/a where none",
}


def write_quality(study: Path, out: Path) -> Path:
    """Draw the pages of all scans and write the table of the group into `out`/quality.

    Raises:
        DataError: what was wrong with each scan that could not be drawn, after all others are done.
    """
    files = read_study(study)
    job = Job(files=files, store=Store(out))
    excluded = files.study.subjects.exclude
    known = {*subjects_of(files)["subject"], *excluded}
    scans = [scan for scan in scans_of(files) if scan.subject in known]
    rows, faults = [], []
    with steps("quality", len(scans)) as advance:
        for each in scans:
            try:
                scan = read_scan(job, each)
                row = quality_row(scan, files.study, None)
                rows.append({"subject": each.subject, "excluded": excluded.get(each.subject), **row})
                png = rendered(quality_page(_page(job, scan))).png
                with replacing(out / "quality" / f"{each.name.replace(' ', '_')}_quality.png") as new:
                    new.write_bytes(png)
            except CuecircuitError as error:
                faults += [fault if str(each.bold) in fault else f"{each.bold}: {fault}" for fault in error.faults]
            advance(1)
    if rows:
        table = pd.DataFrame(rows)
        table["stands_out"] = outliers(table)
        write_table(out / "quality" / "scans.tsv", table[list(COLUMNS)], COLUMNS)
    if faults:
        raise DataError(faults)
    return out / "quality"


def outliers(table: pd.DataFrame) -> list[str]:
    """Name for each scan the measures in which it stands out."""
    found: list[list[str]] = [[] for _ in range(len(table))]
    for name, sign in _WORSE.items():
        values = table[name].to_numpy(dtype=float)
        if np.isfinite(values).sum() < 3:
            continue
        middle = np.nanmedian(values)
        limit = _DEVIATIONS * _MAD_TO_SD * np.nanmedian(np.abs(values - middle))
        for row in np.flatnonzero(sign * (values - middle) > max(limit, 1e-9 * abs(middle))):
            found[row].append(name)
    return [", ".join(names) or "none" for names in found]


def _page(job: Job, scan: Scan) -> QualityPage:
    study, series = job.study, scan.series
    quality = scan_quality(series.data[scan.mask].T, motion=scan.motion, head_radius_mm=study.nuisance.head_radius_mm)
    tsnr = np.full(scan.mask.shape, np.nan, np.float32)
    tsnr[scan.mask] = quality.tsnr
    breath_s, per_min = _breathing(job, scan)
    design = _design(scan, study)
    return QualityPage(
        title=scan.files.name,
        tr_s=series.tr_s,
        mean=series.data.mean(axis=3),
        tsnr=tsnr,
        mask=scan.mask,
        series=series.data[scan.mask].T,
        framewise_mm=quality.framewise_mm,
        dvars_percent=quality.dvars_percent,
        design=design.to_numpy(),
        design_names=[str(name) for name in design.columns],
        blocks_s=[(block.onset_s, block.onset_s + block.duration_s) for block in scan.blocks],
        breath_s=breath_s,
        breaths_per_min=per_min,
    )


def _design(scan: Scan, study: Study) -> pd.DataFrame:
    plain = study.nuisance.model_copy(update={"drift_period_s": None})
    return design_matrix(
        glm_events(scan, study),
        n_volumes=scan.series.data.shape[3],
        tr_s=scan.series.tr_s,
        hrf=study.response.hrf,
        drift_period_s=study.nuisance.drift_period_s,
        fir_s=study.response.peri_cue_s[1],
        nuisance=regressors_of(scan, plain)[0],
    )


def _breathing(job: Job, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    trace = respiration_of(job, scan.files)
    if trace is None:
        return np.empty(0), np.empty(0)
    breathing = find_breaths(trace, plausible_rates(job.study.subjects.species))
    rate = np.where(breathing.valid, 60 / np.diff(breathing.peak_s), np.nan)
    return breathing.peak_s[1:], rate
