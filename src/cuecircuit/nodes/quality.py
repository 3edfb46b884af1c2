"""Pages of quality of any study with scans: raw or preprocessed, with whatever was recorded beside them.

A page shows what there is: what a scan lacks, or what would stop a run, is listed in the column `faults`. Preprocessed
scans are measured in the mask of the study. Raw ones that are not on its grid are measured where they are bright.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.figures.quality import DirectionsView, QualityPage
from cuecircuit.imaging.bright_voxels import bright_voxels
from cuecircuit.imaging.first_level import design_matrix
from cuecircuit.imaging.nuisance import Regressors
from cuecircuit.imaging.quality import scan_quality
from cuecircuit.imaging.removed import ScanSignals, counted_volumes, displacement, model_columns, removed_signals
from cuecircuit.imaging.respiration import find_breaths, plausible_rates
from cuecircuit.imaging.scan_values import check_values
from cuecircuit.io.nifti import read_series, read_volume
from cuecircuit.io.physio import read_respiration
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.io.tables import read_table
from cuecircuit.pages.origin import banner, subtitle
from cuecircuit.pipeline.distortion import susceptibility_notes
from cuecircuit.pipeline.preprocess import raw_scans
from cuecircuit.pipeline.quality import QualityWork, write_pages
from cuecircuit.pipeline.store import Store
from cuecircuit.records.scan import Series
from cuecircuit.study.acquisition import Blocks, Glm, Nuisance
from cuecircuit.tables.first_level import model_events, quality_row
from cuecircuit.tables.scan_reading import (
    ScanAtWork,
    head_radius_mm,
    other_events,
    read_breaths,
    read_signals,
    read_tissues,
    scan_events,
)
from cuecircuit.tables.scans import scan_choice
from cuecircuit.tables.study_files import StudyFiles, read_study
from cuecircuit.tables.subjects import subjects_table
from cuecircuit.tables.trials import blocks_of_trials, scan_trials, trial_cells

_NO_EVENTS = pd.DataFrame({"onset_s": [], "duration_s": [], "trial_type": []})
_EXCLUDED = "excluded"
_T = TypeVar("_T")


def write_quality(study: Path, out: Path, *, n_jobs: int = 1, dask: str | None = None, raw: bool = False) -> Path:
    """Write the pages of all subjects and the group's into `out`/quality; what is up to date is not done again.

    Args:
        study: the study file.
        out: output folder, such as that of `run`.
        n_jobs: subjects at a time.
        dask: `local` or a scheduler's address.
        raw: show the raw scans of a study that takes preprocessed ones.

    Returns:
        The page of the group.

    Raises:
        StudyError: the study file is at fault.
        DataError: scans that the study does not account for, or what was wrong with each subject that could not be
            drawn, after all others are done.
    """
    if dask is not None:  # workers are started in folders of their own
        study, out = study.absolute(), out.absolute()
    files = read_study(study)
    groups, order = _groups(files)
    sections = ("scans", "trials", "maps", "nuisance", "space", "factors")
    work = QualityWork(
        title=files.study.about.title,
        subtitle=subtitle(files.study.about.reference, files.simulated),
        banner=banner(files.simulated),
        scans=_scans(files, raw=raw),
        groups=groups,
        order=order,
        excluded=files.study.subjects.exclude,
        settings={name: getattr(files.study, name) for name in sections}
        | {"raw": raw, "species": files.study.subjects.species, "simulated": files.simulated},
        space_files=_space_files(files, raw=raw),
        look=partial(_look, files, raw),
        limits=files.study.quality,
        head_radius_mm=head_radius_mm(files),
    )
    return write_pages(work, Store(out, study.parent, roots=files.roots), n_jobs=n_jobs, dask=dask)


def _scans(files: StudyFiles, *, raw: bool) -> tuple[ScanFiles, ...]:
    scans = files.study.scans
    if scans is None or not raw:
        return files.scans.scans
    dataset = files.path(scans.dataset)
    return raw_scans(dataset, scans.task, scan_choice(files, scans), exclude=files.study.subjects.exclude)


def _groups(files: StudyFiles) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the group of each subject, that of the first factor, excluded ones as well; and the groups in order."""
    study, rows = files.study, subjects_table(files).rows
    first = next((name for name in study.factors if name in rows), None)
    levels = study.factors[first].levels if first else ("everyone",)
    groups = dict(zip(rows["subject"], rows[first] if first else ["everyone"] * len(rows), strict=True))
    everyone = read_table(files.path(study.subjects.participants), text=("participant_id", *study.factors))
    for row in everyone.to_dict("records"):
        subject = str(row["participant_id"]).removeprefix("sub-")
        if subject in study.subjects.exclude:
            level = row.get(first, None) if first else levels[0]
            groups[subject] = str(level) if level in levels else _EXCLUDED
    return groups, (*levels, _EXCLUDED)


def _space_files(files: StudyFiles, *, raw: bool) -> tuple[Path, ...]:
    space = files.study.space
    shared = files.shared_mask.files if space and space.is_shared and not raw else ()
    named = [getattr(space, name) for name in ("mask", "white_matter", "ventricles")] if space else []
    return (*shared, *(path for name in named if name and (path := files.path(name)).is_file()))


def _unless_faulty(read: Callable[[], _T], otherwise: _T, faults: list[str]) -> _T:
    """Return what is read, or `otherwise` where that is at fault, which is added to the faults."""
    try:
        return read()
    except CuecircuitError as error:
        faults += error.faults
        return otherwise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Removed:
    """What is removed from a scan: columns of a model, and the volumes that count."""

    keep: Bool[Array, "volume"]
    columns: Regressors


def _look(files: StudyFiles, raw: bool, scan: ScanFiles) -> tuple[dict[str, object], QualityPage]:
    assert files.study.scans is not None
    nuisance, series = files.study.nuisance, read_series(scan.bold, tr_s=files.study.scans.tr_s)
    volumes = series.n_volumes
    mask, tissues, voxels = _voxels(files, scan, series, raw=raw)
    values = check_values(series.within(mask), mask)
    faults = [fault.text for fault in values.faults]
    bare = ScanSignals(tissues=tissues)
    radius = head_radius_mm(files)
    signals = _unless_faulty(lambda: read_signals(scan, tissues, volumes, head_radius_mm=radius), bare, faults)
    breathed = _unless_faulty(lambda: read_breaths(files, scan, volumes), None, faults)
    signals = replace(signals, breaths=breathed)
    trials, others = _unless_faulty(lambda: _events(files, scan, series), (_NO_EVENTS, _NO_EVENTS), faults)
    work = ScanAtWork(
        files=scan, series=series, mask=mask, signals=signals, trials=trials, others=others, values=values
    )
    nothing = _Removed(keep=np.ones(volumes, dtype=bool), columns=Regressors(values=np.empty((volumes, 0)), names=()))
    removed = _unless_faulty(lambda: _removed(work, nuisance), nothing, faults)
    unknown = dict.fromkeys(("censored", "residual_df", "regressors"), np.nan) if removed is nothing else {}
    breaths = _unless_faulty(lambda: _breathing(files, scan), (np.empty(0), np.empty(0)), faults)
    row = quality_row(work, nuisance, removed.keep, removed.columns) | unknown
    pair = _unless_faulty(lambda: directions_view(scan), None, faults)
    if pair:
        before, after = pair.agreement
        row |= {"agreement_before": before, "agreement_after": after, "displacement_mm": pair.largest_mm}
    listed = "; ".join(dict.fromkeys(fault.removeprefix(f"{scan.bold}: ") for fault in faults))
    page = replace(_page(files, work, removed.columns, breaths), directions=pair)
    return row | {"voxels": voxels, "faults": listed or None}, page


def _events(files: StudyFiles, scan: ScanFiles, series: Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials of a scan and its events that are no cell; no row where the study has no trials."""
    if files.study.trials is None:
        return _NO_EVENTS, _NO_EVENTS
    events = scan_events(files, scan, series.n_volumes * series.tr_s)
    return scan_trials(files, files.study.trials, scan), other_events(files, events)


def _voxels(
    files: StudyFiles, scan: ScanFiles, series: Series, *, raw: bool
) -> tuple[Bool[Array, "x y z"], Mapping[str, Bool[Array, "x y z"]], str]:
    """Return the voxels to measure, the tissue masks on their grid, and which voxels they are.

    Raises:
        DataError: a mask is damaged, a preprocessed scan is on another grid, a raw one has no head.
    """
    space, scans = files.study.space, files.study.scans
    assert scans is not None
    raw = raw or (scans.derivatives is None and scans.table is None)
    if space is not None and not (raw and (space.is_shared or not files.path(space.mask).is_file())):
        mask, grid = files.mask
        if series.grid.same_as(grid):
            return mask, read_tissues(files), "mask of the study"
        if not raw:
            raise DataError(f"{scan.bold}: {series.grid}, but the mask has {grid} (or another origin)")
    return bright_voxels(series.data.mean(axis=3)), {}, "bright voxels of the mean image"


def _removed(work: ScanAtWork, nuisance: Nuisance) -> _Removed:
    keep = counted_volumes(work.series, work.signals, nuisance, work.mask)
    signals = removed_signals(work.series, work.signals, nuisance, keep)
    return _Removed(keep=keep, columns=model_columns(signals, keep))


def directions_view(scan: ScanFiles) -> DirectionsView | None:
    """Read the images by which `preprocess` corrected a scan; None where it did not.

    Raises:
        DataError: files are missing or damaged.
    """
    notes = susceptibility_notes(scan.bold)
    if notes is None:
        return None
    one, other, *corrected = np.moveaxis(read_series(scan.bold.with_name(str(notes["directions"]))).data, 3, 0)
    return DirectionsView(
        measured=(one, other),
        corrected=(corrected[0], corrected[1]),
        displacement_mm=read_volume(scan.bold.with_name(str(notes["displacement"])))[0],
        agreement=(float(notes["agreement_before"]), float(notes["agreement_after"])),
        largest_mm=float(notes["largest_displacement_mm"]),
    )


def _breathing(files: StudyFiles, scan: ScanFiles) -> tuple[np.ndarray, np.ndarray]:
    scans = files.study.scans
    if scan.physio is None or scans is None:
        return np.empty(0), np.empty(0)
    trace = read_respiration(scan.physio, files.path(scans.dataset))
    breathing = find_breaths(trace, plausible_rates(files.study.subjects.species))
    return breathing.peak_s[1:], np.where(breathing.valid, 60 / np.diff(breathing.peak_s), np.nan)


def _page(
    files: StudyFiles, work: ScanAtWork, columns: Regressors, breaths: tuple[np.ndarray, np.ndarray]
) -> QualityPage:
    series, inside = work.series, work.series.within(work.mask)
    assert isinstance(series, Series)  # read whole, for what lies outside of the mask
    quality = scan_quality(inside)
    tsnr = np.full(work.mask.shape, np.nan, np.float32)
    tsnr[work.mask] = quality.tsnr
    moved = displacement(work.signals)
    moved = None if moved is None or not np.isfinite(moved).any() else moved[1:]
    design = _design(files, work, columns)
    return QualityPage(
        title=work.files.name,
        tr_s=series.tr_s,
        mean=series.data.mean(axis=3),
        tsnr=tsnr,
        mask=work.mask,
        series=inside,
        framewise_mm=moved,
        dvars_percent=quality.dvars_percent,
        design=design.to_numpy(),
        design_names=[str(name) for name in design.columns],
        blocks_s=[(block.onset_s, block.onset_s + block.duration_s) for block in blocks_of_trials(work.trials)],
        breath_s=breaths[0],
        breaths_per_min=breaths[1],
        tissues=work.signals.tissues,
    )


def _design(files: StudyFiles, work: ScanAtWork, columns: Regressors) -> pd.DataFrame:
    """Return the columns of the model of the study beside what is removed; those of its cells where it has none."""
    n_volumes = work.series.n_volumes
    if work.trials.empty:
        return pd.DataFrame(np.column_stack([columns.values, np.ones(n_volumes)]), columns=[*columns.names, "constant"])
    model = _model(files)
    return design_matrix(
        model_events(work, model),
        n_volumes=n_volumes,
        tr_s=work.series.tr_s,
        hrf=model.hrf,
        drift_period_s=None,  # among the columns that are removed
        fir_s=model.fir_s,
        nuisance=columns,
    )


def _model(files: StudyFiles) -> Glm:
    """Return the first model of the study; one of the cells of its blocks or trials where it has none."""
    study = files.study
    for maps in study.maps.values():
        if isinstance(maps, Glm):
            return maps
    blocks = next((maps.cells for maps in study.maps.values() if isinstance(maps, Blocks)), None)
    trials = study.trials
    named = [name for cell in trial_cells(files, trials).values() for name in cell] if trials else []
    hrf = "spm" if study.subjects.species.lower() == "homo sapiens" else "rat"
    return Glm(kind="glm", cells=blocks or tuple(dict.fromkeys(named)), hrf=hrf)
