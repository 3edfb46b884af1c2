"""What is up to date: each stage's result is keyed by the content of its inputs, its settings and the code.

`OUT/.cuecircuit/<stage>.json` keeps the parts of the key, so that a stage that runs again can say why, and the
hash of every file it wrote, so that a lost or edited output is noticed. A stage with the key of one that another
folder has done already takes over its files, as links where the disk can.

Nothing in the folder is trusted: records are validated (`stage_record`), and no file outside the folder is deleted or
overwritten. Where a result is a link, such as to another disk, the link is followed and kept, but only to a place that
is free or holds what the stage made last.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from pydantic import BaseModel

import cuecircuit
from cuecircuit.errors import DataError
from cuecircuit.io.atomic import flush, remove, replacing, scratch_beside, sweep, sweep_left, take_names
from cuecircuit.io.lock import only_writer
from cuecircuit.io.tables import write_json
from cuecircuit.pipeline.stage_record import FOLDER, read_hashes, read_record

_WAIT_S = 5  # for workers of a killed run, which end with it


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        DataError: the file cannot be read, or is a device or a pipe, which might never end.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: expected a file, found a folder, device or pipe")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


_CODE = {".py", ".yaml", ".json", ".j2", ".css", ".js", ".mplstyle"}


@cache
def code_hash() -> str:
    """Return one hash over the package's own files: a change of code makes results stale."""
    root = Path(cuecircuit.__file__).parent
    files = sorted(
        path for path in root.rglob("*") if path.suffix in {".py", ".yaml", ".json", ".j2", ".css", ".js", ".mplstyle"}
    )
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"{path.relative_to(root)} {file_hash(path)}\n".encode())
    return whole.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step: what it depends on, the folder or file under OUT it makes, and how.

    `make` writes into the path it is given, which takes its place under OUT when whole. A `shared` folder holds files
    of other stages as well: each file of this one is replaced by itself.
    """

    name: str
    target: str
    settings: Mapping[str, Any]
    inputs: tuple[Path, ...]
    make: Callable[[Path], None]
    folder: bool = True
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """The output folder and what is known of it; inputs outside it are named relative to `sources` or one of `roots`.

    `donors` are folders of other runs of the same sources: what they have done alike is not done again.
    """

    root: Path
    sources: Path = Path()
    donors: tuple[Path, ...] = ()
    roots: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the folder, with the place of its records; stages replace what stands under their names.

        Raises:
            DataError: it cannot be written, or holds files that no run made (such as the data set).
        """
        if self.root.is_dir() and not self._records.is_dir() and any(self.root.iterdir()):
            raise DataError(
                f"{self.root}: holds files that no run made, and would lose those whose names results take; choose a "
                f"folder for results alone, such as {self.root / 'results'}"
            )
        try:
            self._records.mkdir(parents=True, exist_ok=True)
            if self._records.is_symlink():
                raise DataError(f"{self._records}: is a link, expected a folder of records; remove it, then run again")
        except OSError as error:
            raise DataError(f"{self.root}: cannot be written ({error.strerror}); choose another folder") from error

    @property
    def _records(self) -> Path:
        return self.root / FOLDER

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands out of this folder while this one works; clear away what a killed one left unfinished.

        Raises:
            DataError: another command is at work here, or workers of one that was killed.
        """
        with only_writer(self.root):
            self._wait_for_workers()
            sweep(self.root)
            try:
                yield
            finally:  # a worker of this run may have been killed as well
                sweep(self.root)

    def _wait_for_workers(self) -> None:
        """Wait until workers of a killed run, which may be on other machines, are gone too."""
        with _opened(self._records) as folder:
            for _ in range(10 * _WAIT_S):
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    time.sleep(0.1)
                except OSError:  # a file system that cannot tell
                    return
        raise DataError(f"{self.root}: workers of a run that was killed are still writing here; end them first")

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with _opened(self._records) as folder:
            with suppress(OSError):  # a file system without locks on folders
                fcntl.flock(folder, fcntl.LOCK_SH)
            yield

    def why_stale(self, stage: Stage) -> str | None:
        """Describe why `stage` must run; None where its result is up to date, or was just taken over from a donor."""
        record = read_record(self._file(stage.name))
        if record is None and not self.donors:
            return self._undone(stage)
        key = self._key(stage)
        why = self._change(record, key) if record else self._undone(stage)
        return None if why is not None and self._take_over(stage, key) else why

    def _undone(self, stage: Stage) -> str:
        return "its record is damaged" if os.path.lexists(self._file(stage.name)) else "not done yet"

    def _change(self, record: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
        if record["code"] != now["code"]:
            return "the code changed"
        for part, noun in (("settings", "setting"), ("inputs", "input")):
            old, new = record[part], now[part]
            changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            if changed:
                more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
                return f"{noun} {changed[0]}{more} changed"
        return _damage(self.root, record["outputs"])

    def run(self, stage: Stage) -> None:
        """Make the stage's result and record it; an interrupted run leaves the stage undone, never half done.

        Raises:
            DataError: the result cannot be written, or is a link to files that the stage did not make.
        """
        if stage.shared:
            self._share(stage, self._key(stage), stage.make)
            return
        target, earlier = self._place(stage)
        key = self._key(stage)
        with self._at_work(), replacing(target, folder=stage.folder) as new:
            stage.make(new)
            outputs = _hashes(stage, new)
            self._claim(stage, {*earlier, *outputs.values()})
        self._finish(stage, {**key, "outputs": outputs})

    def _share(self, stage: Stage, key: Mapping[str, Any], make: Callable[[Path], None]) -> None:
        """Make files among those of other stages; files of an earlier result that are not made again are removed."""
        earlier = (read_record(self._file(stage.name)) or {"outputs": {}})["outputs"]
        remove(self._file(stage.name))
        with self._at_work(), scratch_beside(self.root / FOLDER / "files") as scratch:
            make(scratch)
            outputs = _hashes(stage, scratch)
            for name in outputs:
                self.check_inside((self.root / name).parent)
            flush(scratch)
            take_names({self.root / name: scratch / PurePath(name).relative_to(stage.target) for name in outputs})
        self._remove({name: recorded for name, recorded in earlier.items() if name not in outputs})
        self._finish(stage, {**key, "outputs": outputs})

    def check_inside(self, folder: Path) -> None:
        """Refuse a folder that a link leads out of this one.

        Raises:
            DataError: it does.
        """
        if not self._is_inside(folder):
            raise DataError(
                f"{folder}: a link leads out of {self.root}; remove the link (only a stage's own folder or file may be "
                "one)"
            )

    def _is_inside(self, path: Path) -> bool:
        try:
            return path.resolve().is_relative_to(self.root.resolve())
        except (RuntimeError, OSError):  # a circle of links, until Python 3.12 and from 3.13 on
            return False

    def _place(self, stage: Stage) -> tuple[Path, set[str]]:
        """Mark a stage undone, and find where its result goes and the hashes of what may be replaced there.

        Raises:
            DataError: a link on the way leads out of the folder, or the result is a link to files of somebody else.
        """
        target, record = self.root / stage.target, self._file(stage.name)
        self.check_inside(target.parent)
        if not target.is_symlink():
            remove(record)
            return target, set()
        place = _followed(target)
        sweep_left(place)
        earlier = read_hashes(self._claims(stage.name)) | {
            *(read_record(record) or {"outputs": {}})["outputs"].values()
        }
        if foreign := [path for path in _files(place) if not path.is_file() or file_hash(path) not in earlier]:
            raise DataError(
                f"{target}: a link to {place}, where {foreign[0]} was not made by this stage, or was edited; move what "
                f"is to be kept ({len(foreign)} files), or remove the link"
            )
        self._claim(stage, earlier)
        remove(record)
        return place, earlier

    def _claim(self, stage: Stage, hashes: Iterable[str]) -> None:
        """Note which files may be replaced behind a linked result, also after a kill halfway."""
        if (self.root / stage.target).is_symlink():
            with replacing(self._claims(stage.name)) as new:
                new.write_text(json.dumps(sorted(hashes)), encoding="utf-8")

    def _finish(self, stage: Stage, record: Mapping[str, Any]) -> None:
        self._claim(stage, record["outputs"].values())
        write_json(self._file(stage.name), record)

    def taken_over(self) -> dict[str, str]:
        """Return the stages whose files are those of another run, each with the name of its folder."""
        return {name: record["from"] for name, record in self.records().items() if "from" in record}

    def drop(self, stale: Iterable[str]) -> None:
        """Remove results of a study that no longer has them, such as an excluded subject's folder.

        Links are removed, not what they lead to; a file that is not as recorded stays.
        """
        for name in list(stale):
            self._remove((read_record(self._file(name)) or {"outputs": {}})["outputs"])
            for left in (self._file(name), self._claims(name), self.root / name):
                remove(left)

    def _remove(self, outputs: Mapping[str, str]) -> None:
        for output, recorded in outputs.items():
            path = self.root / output
            if self._is_inside(path) and path.is_file() and file_hash(path) == recorded:
                path.unlink()
                with suppress(OSError):  # the first folder that is not empty, or a link
                    for folder in path.parents[: len(PurePath(output).parents) - 1]:
                        folder.rmdir()

    def names(self) -> list[str]:
        """List the stages that have a record, which may be damaged."""
        return [path.stem for path in sorted(self._records.glob("[!.]*.json"))]

    def records(self) -> dict[str, dict[str, Any]]:
        """Read the record of every stage done, by its name."""
        records = {name: read_record(self._file(name)) for name in self.names()}
        return {name: record for name, record in records.items() if record is not None}

    def _file(self, name: str) -> Path:
        return self._records / f"{name}.json"

    def _claims(self, name: str) -> Path:
        return self._records / f"{name}.linked"

    def _take_over(self, stage: Stage, key: Mapping[str, Any]) -> bool:
        for donor in self.donors:
            record = read_record(donor / FOLDER / f"{stage.name}.json")
            if record is None or any(record[part] != key[part] for part in key) or _damage(donor, record["outputs"]):
                continue
            if not all(PurePath(name).is_relative_to(stage.target) for name in record["outputs"]):
                continue

            def link(place: Path, donor: Path = donor, names: Iterable[str] = record["outputs"]) -> None:
                for name in names:
                    _link(donor / name, place / PurePath(name).relative_to(stage.target))

            whence = {"from": record.get("from", donor.name)}
            if stage.shared:
                self._share(stage, {**key, **whence}, link)
                return True
            target, earlier = self._place(stage)
            with replacing(target, folder=stage.folder) as new:
                link(new)
                self._claim(stage, {*earlier, *record["outputs"].values()})
            self._finish(stage, {**key, "outputs": record["outputs"], **whence})
            return True
        return False

    def _key(self, stage: Stage) -> dict[str, Any]:
        settings = dict(_flat(json.loads(json.dumps(stage.settings, default=_plain))))
        inputs = {self._name(path): file_hash(path) for path in sorted(set(stage.inputs))}
        return {"code": code_hash(), "settings": settings, "inputs": inputs}

    def _name(self, path: Path) -> str:
        # the same wherever the command is typed, and wherever study and results lie
        return named_path(path, (self.root, self.sources), self.roots)


def named_path(path: Path, bases: Sequence[Path], roots: Mapping[str, Path]) -> str:
    """Name a file as results do, without the folders of this machine where they are known.

    Args:
        path: the file.
        bases: folders that go without a name.
        roots: further folders by the name that stands for them.

    Returns:
        The path below a base; else below the deepest root, after its name; else the whole path.
    """
    for base in bases:
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    above = {name: root for name, root in roots.items() if path.is_relative_to(root)}
    if not above:
        return str(path.absolute())
    name = max(above, key=lambda name: len(above[name].parts))
    return str(PurePath(name) / path.relative_to(above[name]))


def _hashes(stage: Stage, made: Path) -> dict[str, str]:
    """Return the hash of every file made, by its name under OUT."""
    files = (path for path in _files(made) if path.is_file())
    return {str(PurePath(stage.target) / path.relative_to(made)): file_hash(path) for path in files}


def _damage(root: Path, outputs: Mapping[str, str]) -> str | None:
    for name, recorded in outputs.items():
        path = root / name
        if not path.is_file():
            return f"output {name} is gone"
        if file_hash(path) != recorded:
            return f"output {name} was edited"
    return None


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    number = os.open(folder, os.O_RDONLY)
    try:
        yield number
    finally:
        os.close(number)


def _files(place: Path) -> list[Path]:
    """List a file, or everything below a folder but folders."""
    if place.is_dir():
        return sorted(path for path in place.rglob("*") if path.is_symlink() or not path.is_dir())
    return [place] if place.exists() else []


def _followed(link: Path) -> Path:
    """Follow a link to where it leads.

    Raises:
        DataError: it leads in circles, or to a folder that is not there, such as a disk that is not mounted.
    """
    try:
        place = link.resolve()
    except (RuntimeError, OSError):  # a circle, until Python 3.12 and from 3.13 on
        place = link
    if place.is_symlink() or not place.parent.is_dir():
        raise DataError(
            f"{link}: a link to {link.readlink()}, which cannot be reached; mount its disk or remove the link"
        )
    return place


def _link(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(old, new)
    except OSError:  # a disk without links
        shutil.copyfile(old, new)


def _plain(section: BaseModel) -> Any:
    return section.model_dump(mode="json")


def _flat(settings: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(settings, dict):
        yield path, settings
        return
    for name, value in settings.items():
        yield from _flat(value, f"{path}.{name}" if path else name)
