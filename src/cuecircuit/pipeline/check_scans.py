"""What a scan and its events hold against the study, beyond headers: sidecars, stimuli, windows, and the values."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from cuecircuit.errors import StudyError
from cuecircuit.imaging.block_response import window_members
from cuecircuit.imaging.respiration import plausible_rates
from cuecircuit.imaging.trace_checks import TraceReport, check_trace
from cuecircuit.io.bids import ScanFiles, sidecar
from cuecircuit.io.nifti import read_grid, read_mask
from cuecircuit.io.physio import read_respiration
from cuecircuit.io.tables import read_json
from cuecircuit.pipeline.cells import blocks_of, run_events, scans_of
from cuecircuit.pipeline.faults import attempt, faults_named
from cuecircuit.pipeline.gate import double_faults, scan_values
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.records.scan import Block


def sidecar_faults(files: StudyFiles, scan: ScanFiles) -> Iterator[str]:
    """Yield what is wrong with the JSON beside a scan and beside its events."""
    if scan.events is not None and (notes := scan.events.with_suffix(".json")).is_file():
        yield from attempt(lambda: read_json(notes))
    acquisition = files.study.acquisition
    if acquisition.scans is None:  # scans listed in a table have no sidecars
        tr_s = sidecar(scan.bold, files.path(acquisition.dataset)).get("RepetitionTime")
        if not isinstance(tr_s, int | float | None):
            yield f"RepetitionTime {tr_s!r} in the sidecar is no number; write seconds, such as {acquisition.tr_s:g}"


def block_faults(files: StudyFiles, scan: ScanFiles, blocks: Sequence[Block], volumes: int) -> Iterator[str]:
    """Yield stimuli that the study does not know, and blocks whose windows leave the scan; blocks are as planned."""
    study = files.study
    yield from attempt(lambda: _check_stimuli(files, scan))
    # a general linear model has no windows
    for name in ("baseline_s", "window_s") if study.response.method == "block" else ():
        window = getattr(study.response, name)
        look = partial(window_members, blocks, window, tr_s=study.acquisition.tr_s, n_volumes=volumes)
        yield from (f"response.{name}: {fault}" for fault in attempt(look))


def breathing_report(files: StudyFiles, scan: ScanFiles, blocks: Sequence[Block], volumes: int) -> TraceReport:
    """Check the respiration trace of a scan where the study uses it.

    Raises:
        DataError: the trace cannot be read.
    """
    used = "respiration" in files.study.group.covariates or files.study.nuisance.respiration != "none"
    if scan.physio is None or not used:
        return TraceReport(faults=(), notes=())
    acquisition = files.study.acquisition
    with faults_named(scan.physio):
        trace = read_respiration(scan.physio, files.path(acquisition.dataset))
        rates = plausible_rates(files.study.subjects.species)
        return check_trace(trace, rates, blocks, scan_s=volumes * acquisition.tr_s)


def breathing_faults(files: StudyFiles, scan: ScanFiles, blocks: Sequence[Block], volumes: int) -> Iterator[str]:
    """Yield what keeps the breathing of a scan from being used."""
    reports: list[TraceReport] = []
    yield from attempt(lambda: reports.append(breathing_report(files, scan, blocks, volumes)))
    yield from (fault for report in reports for fault in report.faults)


def breathing_notes(files: StudyFiles, scans: Iterable[ScanFiles]) -> Iterator[str]:
    """Yield what should be known of the traces of a study without faults, once for all scans."""
    where: dict[str, list[Path]] = {}
    for scan in scans:
        _, volumes, _ = read_grid(scan.bold)
        for note in breathing_report(files, scan, blocks_of(files, scan), volumes).notes:
            where.setdefault(note, []).append(scan.physio or scan.bold)
    for note, paths in where.items():
        others = f" and {len(paths) - 1} other files" if len(paths) > 1 else ""
        yield f"{paths[0]}{others}: {note}"


def value_faults(files: StudyFiles) -> Iterator[str]:
    """Read every scan whole; yield what the gate would stop in `run`, and scans that hold the same values."""
    mask, _ = read_mask(files.path(files.study.space.mask))
    digests: dict[str, str] = {}
    accept = files.study.acquisition.accept
    for scan in scans_of(files):
        if scan.subject not in files.study.subjects.exclude:
            yield from attempt(lambda scan=scan: digests.update({scan.name: scan_values(scan, mask, accept).digest}))
    yield from double_faults(digests, accept)


def _check_stimuli(files: StudyFiles, scan: ScanFiles) -> None:
    name, known = files.study.cues.stimulus, files.study.cues.stimuli
    if name is None or scan.events is None:
        return
    table = run_events(files, scan).table
    table = table[table["trial_type"].isin(files.study.cues.levels)]
    if name not in table:
        found = ", ".join(map(str, table.columns))
        raise StudyError(f"{scan.events}:1: column {name} is missing (cues.stimulus); found: {found}")
    unknown = [(row + 2, each) for row, each in table[name].items() if known and each not in known]
    if unknown:
        raise StudyError(
            f"{scan.events}:{line}: {name} '{each}' is not among cues.stimuli ({', '.join(known)}); correct one of them"
            for line, each in unknown
        )
