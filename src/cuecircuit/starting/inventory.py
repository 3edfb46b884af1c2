"""What lies in folders: tables about subjects, operant logs, scans, volumes, tables of given maps. Nothing is written.

Of images only headers are read. Folders that are skipped: hidden ones, those of a run (`.cuecircuit` in them), and the
`truth` of a simulation.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.bids import list_images
from cuecircuit.io.rabies import is_rabies
from cuecircuit.pipeline.stage_record import FOLDER
from cuecircuit.starting.operant_files import Logs, is_log, read_logs
from cuecircuit.starting.subject_columns import SubjectTable, is_subject_table, read_subject_table
from cuecircuit.starting.volumes import MapTable, Volume, is_map_table, read_map_table, read_volumes

_MOST_FILES = 200_000  # more is no study's folder but a disk


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageFolder:
    """A BIDS data set or derivative with functional scans: a row of `images` for each, by its entities."""

    path: Path
    images: pd.DataFrame
    is_rabies: bool = False

    @property
    def subjects(self) -> frozenset[str]:
        """Everyone scanned."""
        return frozenset(self.images["sub"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inventory:
    """What was found; of `raw`, `derived` and `participants` the first is the one to take."""

    participants: tuple[SubjectTable, ...] = ()
    tables: tuple[SubjectTable, ...] = ()
    logs: Logs | None = None
    raw: tuple[ImageFolder, ...] = ()
    derived: tuple[ImageFolder, ...] = ()
    volumes: tuple[Volume, ...] = ()
    map_tables: tuple[MapTable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Files outside folders of subjects, and folders that hold folders of subjects."""

    files: tuple[Path, ...]
    data_sets: tuple[Path, ...]


def look_at(folders: Sequence[Path], *, programs: Path | None = None) -> Inventory:
    """Look through folders, read only.

    Args:
        folders: of a study: data sets, derivatives, logs, tables.
        programs: folder of further declarations of MED-PC programs.

    Raises:
        DataError: a folder that is not there, one that is too large to look through, tables or logs that are damaged.
    """
    if absent := [folder for folder in folders if not folder.is_dir()]:
        raise DataError(f"{folder}: no such folder; name the folders of your data" for folder in absent)
    places = _look([folder.resolve() if ".." in folder.parts else folder.absolute() for folder in folders])
    files = places.files
    tables = [read_subject_table(path) for path in files if path.suffix == ".tsv" and is_subject_table(path)]
    maps = [read_map_table(path) for path in files if path.suffix == ".tsv" and is_map_table(path)]
    taken = {table.path for table in (*tables, *maps)}
    logs = [path for path in files if path not in taken and is_log(path)]
    scanned = [_image_folder(path) for path in places.data_sets]
    derived = [one for one in scanned if _is_derived(one)]
    return Inventory(
        participants=tuple(table for table in tables if table.path.name == "participants.tsv"),
        tables=tuple(table for table in tables if table.path.name != "participants.tsv"),
        logs=read_logs(logs, programs) if logs else None,
        raw=tuple(one for one in scanned if one not in derived and (len(one.images) or _has_events(one.path))),
        derived=tuple(one for one in derived if len(one.images)),
        volumes=read_volumes(files),
        map_tables=tuple(maps),
    )


def _look(folders: Sequence[Path]) -> _Places:
    files: list[Path] = []
    data_sets: list[Path] = []
    for top, inside, names in (step for folder in folders for step in os.walk(folder)):
        place = Path(top)
        if (place / FOLDER).is_dir() or place.name == "truth":
            inside.clear()
            continue
        if is_rabies(place):
            data_sets.append(place)
            inside.clear()
            continue
        if any(name.startswith("sub-") for name in inside):
            data_sets.append(place)
        inside[:] = sorted(name for name in inside if not name.startswith(("sub-", ".", "__")))
        files += [place / name for name in sorted(names) if not name.startswith(".")]
        if len(files) > _MOST_FILES:
            raise DataError(f"{folders[0]}: more than {_MOST_FILES} files; name the folders of the study's data alone")
    return _Places(files=tuple(dict.fromkeys(files)), data_sets=tuple(dict.fromkeys(data_sets)))


def _image_folder(path: Path) -> ImageFolder:
    if is_rabies(path):
        names = sorted(path.glob("bold_datasink/commonspace_bold/**/*.nii.gz"))
        rows = [{**dict(_entities(name.name)), "path": name} for name in names]
        return ImageFolder(path=path, images=pd.DataFrame(rows, columns=["sub", "ses", "task", "path"]), is_rabies=True)
    return ImageFolder(path=path, images=list_images(path))


def _entities(name: str) -> Iterator[tuple[str, str]]:
    for part in name.split("_"):
        key, dash, value = part.partition("-")
        if dash and key in ("sub", "ses", "task"):
            yield key, value


def _has_events(path: Path) -> bool:
    """Recognize a data set whose raw scans are elsewhere, as those of a derivative often are."""
    return next(path.glob("sub-*/**/*_events.tsv"), None) is not None


def _is_derived(folder: ImageFolder) -> bool:
    return folder.is_rabies or bool(folder.images["desc"].notna().any()) or "derivatives" in folder.path.parts
