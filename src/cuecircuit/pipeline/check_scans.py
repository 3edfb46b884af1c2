"""What a scan and its events hold against the study, beyond headers: sidecars, stimuli, windows, and the values."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import StudyError
from cuecircuit.imaging.block_response import window_members
from cuecircuit.imaging.scan_checks import data_faults
from cuecircuit.io.bids import ScanFiles, sidecar
from cuecircuit.io.events import read_events
from cuecircuit.io.nifti import read_mask, read_series
from cuecircuit.io.tables import read_json
from cuecircuit.pipeline.cells import scans_of
from cuecircuit.pipeline.faults import attempt
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.records.scan import Block
from cuecircuit.study.study import Study


def sidecar_faults(files: StudyFiles, scan: ScanFiles) -> Iterator[str]:
    """Yield what is wrong with the JSON beside a scan and beside its events."""
    if scan.events is not None and (notes := scan.events.with_suffix(".json")).is_file():
        yield from attempt(lambda: read_json(notes))
    acquisition = files.study.acquisition
    if acquisition.scans is None:  # scans listed in a table have no sidecars
        tr_s = sidecar(scan.bold, files.path(acquisition.dataset)).get("RepetitionTime")
        if not isinstance(tr_s, int | float | None):
            yield f"RepetitionTime {tr_s!r} in the sidecar is no number; write seconds, such as {acquisition.tr_s:g}"


def block_faults(study: Study, scan: ScanFiles, blocks: Sequence[Block], volumes: int) -> Iterator[str]:
    """Yield stimuli that the study does not know, and blocks whose windows leave the scan; blocks are as planned."""
    yield from attempt(lambda: _check_stimuli(study, scan))
    # a general linear model has no windows
    for name in ("baseline_s", "window_s") if study.response.method == "block" else ():
        window = getattr(study.response, name)
        look = partial(window_members, blocks, window, tr_s=study.acquisition.tr_s, n_volumes=volumes)
        yield from (f"response.{name}: {fault}" for fault in attempt(look))


def value_faults(files: StudyFiles) -> Iterator[str]:
    """Read every scan whole; yield values that are no numbers, and slices that hold nothing."""
    mask, _ = read_mask(files.path(files.study.space.mask))
    for scan in scans_of(files):
        yield from attempt(partial(_check_values, scan.bold, mask))


def _check_stimuli(study: Study, scan: ScanFiles) -> None:
    name, known = study.cues.stimulus, study.cues.stimuli
    if name is None or scan.events is None:
        return
    table = read_events(scan.events)
    if name not in table:
        found = ", ".join(map(str, table.columns))
        raise StudyError(f"{scan.events}:1: column {name} is missing (cues.stimulus); found: {found}")
    unknown = [(line, each) for line, each in enumerate(table[name], start=2) if known and each not in known]
    if unknown:
        raise StudyError(
            f"{scan.events}:{line}: {name} '{each}' is not among cues.stimuli ({', '.join(known)}); correct one of them"
            for line, each in unknown
        )


def _check_values(bold: Path, mask: Bool[Array, "x y z"]) -> None:
    faults = tuple(data_faults(read_series(bold).data, mask))
    if faults:
        raise StudyError(f"{bold}: {fault}" for fault in faults)
