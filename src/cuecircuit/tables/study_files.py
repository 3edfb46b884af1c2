"""A study and the file it was read from, which its paths are relative to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from glob import has_magic
from pathlib import Path

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import DataError
from cuecircuit.io.bounded import read_text
from cuecircuit.io.named_files import is_named, named_file
from cuecircuit.io.nifti import read_mask
from cuecircuit.io.scan_inventory import ScanSelection
from cuecircuit.io.tables import read_json
from cuecircuit.pipeline.store import named_path
from cuecircuit.records.grid import Grid
from cuecircuit.study.accounting import Accounting
from cuecircuit.study.acquisition import Given
from cuecircuit.study.reading import alternative_studies, parse_study
from cuecircuit.study.schema import Study
from cuecircuit.study.yaml_lines import parse_yaml
from cuecircuit.study.yaml_settings import with_settings
from cuecircuit.tables.shared_mask import SharedMask, share_masks

_ESCAPED = re.compile(r"\[([*?[])\]")  # as glob.escape writes a letter that would be part of a pattern


@dataclass(frozen=True)
class StudyFiles:
    """A study and the file it was read from."""

    study: Study
    file: Path

    @cached_property
    def books(self) -> Accounting:
        """The tables of the study and their keys."""
        return Accounting(self.study)

    @property
    def simulated(self) -> object:
        """What the data set says of its simulation; None of measured data."""
        description = self.path(self.study.scans.dataset if self.study.scans else ".") / "dataset_description.json"
        facts = read_json(description) if description.is_file() else {}
        return facts.get("Simulated") or str(facts.get("Name", "")).startswith("Simulated study") or None

    @property
    def makes_maps(self) -> bool:
        """Whether the study makes maps or edges of scans."""
        return bool(self.study.edges) or any(not isinstance(maps, Given) for maps in self.study.maps.values())

    def path(self, relative: str) -> Path:
        """Return the place of a path of the study file on this machine, or of a file that a package keeps.

        Raises:
            DataError: the package has no such file on this machine.
        """
        return named_file(relative, self.file.parent)

    @cached_property
    def shared_mask(self) -> SharedMask:
        """The mask that is made of the brain masks of the scans, with how often each voxel is in one.

        Raises:
            DataError: as `study_scans`, a scan has no brain mask, or nothing is shared.
        """
        from cuecircuit.tables.subjects import subjects_table  # which takes a StudyFiles

        assert self.study.space is not None
        subjects = set(subjects_table(self).rows["subject"])
        scans = [scan for scan in self.scans.scans if scan.subject in subjects]
        return share_masks(scans, share=self.study.space.mask_share)

    @cached_property
    def scans(self) -> ScanSelection:
        """One scan for each subject, session and run.

        Raises:
            DataError: as `study_scans`.
        """
        from cuecircuit.tables.scans import study_scans  # which takes a StudyFiles

        return study_scans(self)

    @property
    def mask(self) -> tuple[Bool[Array, "x y z"], Grid]:
        """The voxels that maps have, and their grid.

        Raises:
            DataError: the study has no space, its mask is missing or damaged, or as `shared_mask`.
        """
        if self.study.space is None:
            raise DataError("maps need a space: give space.mask and space.origin")
        if self.study.space.is_shared:
            return self.shared_mask.mask, self.shared_mask.grid
        return read_mask(self.path(self.study.space.mask))

    @cached_property
    def roots(self) -> Mapping[str, Path]:
        """Folders elsewhere on this machine, by the setting that names each: results name files relative to them."""
        return {name: folder for name, folder in self._named_folders() if folder.is_absolute()}

    def shown(self, path: Path | str) -> str:
        """Return a path as results name it: relative to the study, else to the setting that leads to it."""
        return named_path(Path(path), (self.file.parent,), self.roots)

    def _named_folders(self) -> Iterator[tuple[str, Path]]:
        study = self.study
        yield "subjects.participants", Path(study.subjects.participants).parent
        yield from (("subjects.tables", Path(table).parent) for table in study.subjects.tables[::-1])
        if study.operant:
            named = {name: getattr(study.operant, name) for name in ("programs", "mpc", "source")}
            yield from ((f"operant.{name}", Path(path)) for name, path in named.items() if path)
            tables = {"sessions": study.operant.sessions, "weights": study.operant.weights_table}
            yield from ((f"operant.{name}", Path(path).parent) for name, path in tables.items() if path)
            yield from (("operant.logs", _without_pattern(one)) for one in study.operant.log_patterns[::-1])
        if study.scans:
            named = {name: getattr(study.scans, name) for name in ("derivatives", "dataset")}
            yield from ((f"scans.{name}", Path(path)) for name, path in named.items() if path)
            yield from (("scans.table", Path(table).parent) for table in (study.scans.table,) if table)
        named = {
            f"regions.{name}": regions.model_dump(include={"atlas", "labels"})
            for name, regions in study.regions.items()
        }
        if study.space:
            named["space"] = study.space.model_dump(exclude={"origin", "mask_share"})
        for section, files in named.items():
            places = {name: self.path(file) if is_named(file) else Path(file) for name, file in files.items() if file}
            yield from ((f"{section}.{name}", place.parent) for name, place in places.items())
        for name, maps in study.maps.items():
            if isinstance(maps, Given):
                yield f"maps.{name}.table", Path(maps.table).parent


def _without_pattern(pattern: str) -> Path:
    """Return the folder that a pattern of files begins with."""
    parts = Path(pattern).parts
    plain = next((k for k, part in enumerate(parts) if has_magic(_ESCAPED.sub("", part))), len(parts) - 1)
    return Path(*(_ESCAPED.sub(r"\1", part) for part in parts[:plain]))


def read_study(path: Path, *, dataset: Path | None = None, derivatives: Path | None = None) -> StudyFiles:
    """Read a study file.

    Args:
        path: the file.
        dataset: takes the place of `scans.dataset`, as where a data set is elsewhere on this machine.
        derivatives: takes the place of `scans.derivatives`.

    Raises:
        DataError: no such file, or not text.
        StudyError: what is in it is at fault, every fault with its line.
    """
    return StudyFiles(study=parse_study(placed_text(path, dataset, derivatives), path.name), file=path)


def placed_text(path: Path, dataset: Path | None = None, derivatives: Path | None = None) -> str:
    """Read the text of a study file with the places of its scans on this machine in it.

    Raises:
        DataError: no such file, not text, or a place that is no folder.
        StudyError: it cannot be read, or has no scans to place.
    """
    text, places = read_text(path), {"dataset": dataset, "derivatives": derivatives}
    places = {name: place.absolute() for name, place in places.items() if place is not None}
    DataError.raise_any([f"--{name} {place}: no such folder" for name, place in places.items() if not place.is_dir()])
    if places:
        parse_yaml(text, path.name)
    return with_settings(text, "scans", {name: str(place) for name, place in places.items()})


def alternative_files(files: StudyFiles) -> dict[str, StudyFiles]:
    """Return each alternative of a study as a study of its own; paths stay relative to the study's file."""
    studies = alternative_studies(read_text(files.file))
    return {name: replace(files, study=study) for name, study in studies.items()}
