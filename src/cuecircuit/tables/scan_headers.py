"""What the header of a scan says against the study."""

from cuecircuit.imaging.scan_checks import run_faults
from cuecircuit.io.bids import sidecar
from cuecircuit.io.nifti import orientation_faults, read_grid
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.pipeline.faults import attempt
from cuecircuit.records.grid import Grid
from cuecircuit.tables.study_files import StudyFiles


def header_faults(files: StudyFiles, scan: ScanFiles, grid: Grid | None, *, events: bool = False) -> tuple[str, ...]:
    """Return what is wrong with the header of a scan, without the name of the file.

    Args:
        files: the study.
        scan: the scan.
        grid: of the mask; None where it is made of the scans.
        events: a scan without the events that the study asks for is at fault as well.
    """
    study = files.study
    assert study.scans is not None
    headers: list[tuple[Grid, int, float]] = []
    faults = [*attempt(lambda: headers.append(read_grid(scan.bold)))]
    faults += orientation_faults(scan.bold) if headers else ()
    if study.scans.table is None:  # scans listed in a table have no sidecars
        tr_s = sidecar(scan.bold, files.path(study.scans.dataset)).get("RepetitionTime")
        if not isinstance(tr_s, int | float | None):
            faults.append(
                f"RepetitionTime {tr_s!r} in the sidecar is no number; write seconds, such as {study.scans.tr_s:g}"
            )
    for header, volumes, tr_header_s in headers:
        faults += run_faults(
            grid=header,
            volumes=volumes,
            tr_header_s=tr_header_s,
            tr_sidecar_s=scan.tr_s,
            scans=study.scans,
            space_grid=grid or header,
        )
    if events and study.trials is not None and scan.events is None:
        faults.append("no events file belongs to it")
    return tuple(fault.removeprefix(f"{scan.bold}:").strip() for fault in faults)
