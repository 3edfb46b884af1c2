"""Raw scans of a study to the derivative that its `scans.derivatives` names."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from cuecircuit.errors import StudyError
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.pipeline.preprocess import RawStudy, preprocess_scans, raw_echoes, raw_scans, reversed_pairs
from cuecircuit.pipeline.progress import say
from cuecircuit.tables.scan_reading import head_radius_mm
from cuecircuit.tables.scans import scan_choice
from cuecircuit.tables.study_files import StudyFiles, read_study
from cuecircuit.tables.subjects import subjects_table


def preprocess_study(study: Path, out: Path, *, n_jobs: int = 1, dask: str | None = None) -> Path:
    """Preprocess every subject of a study into `out`; what is up to date is not done again.

    Args:
        study: the study file.
        out: the derivative to make.
        n_jobs: subjects at a time.
        dask: `local` or a scheduler's address: subjects go to its workers.

    Returns:
        `out`.

    Raises:
        StudyError: the study file is at fault, or has no section `preprocess` or `scans`.
        DataError: ANTs is not installed, scans that the study does not account for, or what was wrong with each
            subject that failed, after the others are done.
    """
    if dask is not None:  # workers are started in folders of their own
        study, out = study.absolute(), out.absolute()
    files = read_study(study)
    raw = _raw_study(files)
    preprocess_scans(raw, out, n_jobs=n_jobs, dask=dask)
    _point_to(files, out)
    return out


def _raw_study(files: StudyFiles) -> RawStudy:
    study, scans, settings = files.study, files.study.scans, files.study.preprocess
    if settings is None or scans is None:
        lacking = [name for name, section in (("preprocess", settings), ("scans", scans)) if section is None]
        raise StudyError(f"{files.file}: no section {' and '.join(f'`{name}`' for name in lacking)} (docs/scans.md)")
    dataset, choice = files.path(scans.dataset), scan_choice(files, scans)
    all_scans = raw_scans(dataset, scans.task, choice, exclude=study.subjects.exclude)
    kept = [scan for scan in all_scans if scan.subject not in study.subjects.exclude]
    pairs = reversed_pairs(dataset, scans.task, kept) if settings.susceptibility == "auto" else {}
    _report_uncorrected(kept, pairs, dataset)
    return RawStudy(
        title=study.about.title,
        root=files.file.parent,
        roots=files.roots,
        dataset=dataset,
        task=scans.task,
        subjects=tuple(subjects_table(files).rows["subject"]),
        scans=all_scans,
        pairs=pairs,
        echoes=raw_echoes(dataset, scans.task, choice, exclude=study.subjects.exclude),
        settings=settings,
        head_radius_mm=head_radius_mm(files),
    )


def _report_uncorrected(scans: Sequence[ScanFiles], pairs: Collection[str], dataset: Path) -> None:
    """Report sessions whose distortion stays as it is, and field maps that they have."""
    sessions = {(scan.subject, scan.session): scan for scan in reversed(scans)}
    lacking = [scan for scan in sessions.values() if scan.name not in pairs]
    if lacking:
        folders = sum(any((scan.bold.parent.parent / "fmap").glob("*.nii*")) for scan in lacking)
        maps = f"; {folders} of them have a folder fmap that is not used (docs/scans.md)" if folders else ""
        say(
            f"{dataset}: distortion by susceptibility is left as it is in {len(lacking)} of {len(sessions)} "
            f"sessions{maps}"
        )


def _point_to(files: StudyFiles, out: Path) -> None:
    """Report where the study takes its scans from, where that is not `out`."""
    scans, place = files.study.scans, os.path.relpath(out, files.file.parent)
    taken = scans.derivatives if scans else None
    if taken is None or files.path(taken).resolve() != out.resolve():
        say(
            f"the study takes its scans from {taken or 'the raw data set'}; set scans.derivatives: {place} to use these"
        )
