"""What is up to date: each stage's result is keyed by the content of its inputs, its settings and the code.

`OUT/.cuecircuit/<stage>.json` keeps the parts of the key, so that a stage that runs again can say why, and the
hash of every file it wrote, so that a lost or edited output is noticed. A stage with the key of one that another
folder has done already takes over its files, as links where the disk can.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import cuecircuit
from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing, sweep
from cuecircuit.io.tables import read_json, write_json


def file_hash(path: Path) -> str:
    """Give the SHA-256 of a file's content.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


@cache
def code_hash() -> str:
    """Give one hash over the package's own files: a change of code makes results stale."""
    root = Path(cuecircuit.__file__).parent
    files = sorted(path for path in root.rglob("*") if path.suffix in {".py", ".yaml", ".j2", ".css", ".js"})
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"{path.relative_to(root)} {file_hash(path)}\n".encode())
    return whole.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step: what it depends on, the folder or file under OUT it makes, and how.

    `make` writes into the path it is given, which takes its place under OUT when whole.
    """

    name: str
    target: str
    settings: Mapping[str, Any]
    inputs: tuple[Path, ...]
    make: Callable[[Path], None]
    folder: bool = True


@dataclass(frozen=True, slots=True)
class Store:
    """The output folder and what is known of it; inputs outside it are named relative to `sources`.

    `donors` are folders of other runs of the same sources: what they have done alike is not done again.
    """

    root: Path
    sources: Path = Path()
    donors: tuple[Path, ...] = ()

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
        except OSError as error:
            raise DataError(f"{self.root}: cannot be written ({error.strerror}); choose another folder") from error

    @property
    def _records(self) -> Path:
        return self.root / ".cuecircuit"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs out of this folder while this one works; clear away what a killed one left unfinished.

        Raises:
            DataError: another run is at work here.
        """
        with (self._records / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataError(
                    f"{self.root}: another run is writing here; wait for it, or choose another folder"
                ) from None
            sweep(self.root)
            try:
                yield
            finally:  # a worker of this run may have been killed as well
                sweep(self.root)

    def why_stale(self, stage: Stage) -> str | None:
        """Say why `stage` must run; None where what is there is up to date, or was just taken over from a donor."""
        record = self._record(self.root, stage)
        if record is None and not self.donors:
            return "not done yet"
        key = self._key(stage)
        why = self._change(record, key) if record else "not done yet"
        return None if why is not None and self._take_over(stage, key) else why

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
        """Make the stage's result and record it; an interrupted run leaves the stage undone, never half done."""
        record = self._records / f"{stage.name}.json"
        record.unlink(missing_ok=True)
        key = self._key(stage)
        target = self.root / stage.target
        with replacing(target, folder=stage.folder) as new:
            stage.make(new)
        outputs = sorted(path for path in target.rglob("*") if path.is_file()) if stage.folder else [target]
        write_json(record, {**key, "outputs": {str(path.relative_to(self.root)): file_hash(path) for path in outputs}})

    def taken_over(self) -> dict[str, str]:
        """Give the stages whose files are those of another run, each with the name of its folder."""
        return {name: record["from"] for name, record in self.records().items() if "from" in record}

    def drop(self, stale: Iterable[str]) -> None:
        """Remove results of a study that no longer has them, such as an excluded subject's folder."""
        for name in list(stale):
            record = self._records / f"{name}.json"
            for output in read_json(record)["outputs"]:
                (self.root / output).unlink(missing_ok=True)
            record.unlink()
            shutil.rmtree(self.root / name, ignore_errors=True)

    def records(self) -> dict[str, dict[str, Any]]:
        """Give the record of every stage done, by its name."""
        return {path.stem: read_json(path) for path in sorted(self._records.glob("*.json"))}

    @staticmethod
    def _record(root: Path, stage: Stage) -> dict[str, Any] | None:
        path = root / ".cuecircuit" / f"{stage.name}.json"
        return read_json(path) if path.exists() else None

    def _take_over(self, stage: Stage, key: Mapping[str, Any]) -> bool:
        for donor in self.donors:
            record = self._record(donor, stage)
            if record is None or any(record[part] != key[part] for part in key) or _damage(donor, record["outputs"]):
                continue
            with replacing(self.root / stage.target, folder=stage.folder) as new:
                for name in record["outputs"]:
                    _link(donor / name, new / Path(name).relative_to(stage.target))
            whence = record.get("from", donor.name)
            write_json(self._records / f"{stage.name}.json", {**key, "outputs": record["outputs"], "from": whence})
            return True
        return False

    def _key(self, stage: Stage) -> dict[str, Any]:
        settings = dict(_flat(json.loads(json.dumps(stage.settings, default=_plain))))
        inputs = {self._name(path): file_hash(path) for path in sorted(set(stage.inputs))}
        return {"code": code_hash(), "settings": settings, "inputs": inputs}

    def _name(self, path: Path) -> str:
        # the same wherever the command is typed, and wherever study and results lie
        for base in (self.root, self.sources):
            if path.is_relative_to(base):
                return str(path.relative_to(base))
        return str(path.absolute())


def _damage(root: Path, outputs: Mapping[str, str]) -> str | None:
    for name, known in outputs.items():
        path = root / name
        if not path.is_file():
            return f"output {name} is gone"
        if file_hash(path) != known:
            return f"output {name} was edited"
    return None


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
