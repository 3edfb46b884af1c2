"""Scans of a subject as maps are made of them: which belong together, and the names of their files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cuecircuit.io.derivatives import map_name
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.study.acquisition import Given
from cuecircuit.tables.study_files import StudyFiles


def scan_sets(
    files: StudyFiles, table: str, scans: Sequence[ScanFiles]
) -> Iterator[tuple[Mapping[str, str], tuple[ScanFiles, ...]]]:
    """Yield the scans that one set of maps or edges is made of, with its keys: those of a session, or of a run.

    Args:
        files: the study.
        table: maps.NAME or edges.NAME.
        scans: of one subject.
    """
    keys = [key for key in ("session", "run") if key in files.books.tables[table].keys]
    groups: dict[tuple[str, ...], list[ScanFiles]] = {}
    for scan in scans:
        key_of = {"session": scan.session or "", "run": run_label(scan)}
        groups.setdefault(tuple(key_of[key] for key in keys), []).append(scan)
    yield from ((dict(zip(keys, labels, strict=True)), tuple(members)) for labels, members in groups.items())


def run_label(scan: ScanFiles) -> str:
    """Return the run of a scan as tables name it: 1 where its name has none."""
    return "1" if scan.run is None else str(scan.run)


def map_file(
    files: StudyFiles, name: str, keys: Mapping[str, str], label: str, statistic: str, *, smoothed: bool = True
) -> str:
    """Name a map of a subject, from the output folder.

    Args:
        files: the study.
        name: of the set of maps; in the file name only where the study makes several.
        keys: subject and, where they are keys of the set, session and run.
        label: of the cell or contrast.
        statistic: effect or variance.
        smoothed: whether it is.
    """
    assert files.study.scans is not None
    session = [f"ses-{keys['session']}"] if "session" in keys else []
    run = [f"run-{keys['run']}"] if "run" in keys else []
    several = _among_several(files, name)
    desc = several + ("" if smoothed else "Unsmoothed" if several else "unsmoothed")
    entities = [f"sub-{keys['subject']}", *session, f"task-{files.study.scans.task}", *run]
    entities += [f"desc-{desc}"] if desc else []
    place = Path(f"sub-{keys['subject']}", *session, "func")
    return str(place / map_name(label, statistic, prefix="_".join([*entities, ""])))


def subject_table(files: StudyFiles, name: str, subject: str, suffix: str) -> str:
    """Name a table of a subject, from the output folder."""
    assert files.study.scans is not None
    several = _among_several(files, name)
    desc = f"_desc-{several}" if several else ""
    return f"sub-{subject}/func/sub-{subject}_task-{files.study.scans.task}{desc}_{suffix}.tsv"


def _among_several(files: StudyFiles, name: str) -> str:
    made = [one for one, maps in files.study.maps.items() if not isinstance(maps, Given)]
    return name.replace("_", "") if len(made) > 1 else ""
