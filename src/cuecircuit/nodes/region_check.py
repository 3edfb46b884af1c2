"""Atlases of a study, the regions that its settings name, and those without a voxel in the mask."""

from collections.abc import Iterator, Sequence

import numpy as np

from cuecircuit.errors import DataError
from cuecircuit.pipeline.faults import attempt
from cuecircuit.study.acquisition import Regions
from cuecircuit.study.questions import Rows
from cuecircuit.tables.regions import named_regions
from cuecircuit.tables.space import regions_asked, study_space
from cuecircuit.tables.study_files import StudyFiles


def check_regions(files: StudyFiles) -> tuple[str, ...]:
    """Check the mask, every atlas and every region that a setting names.

    Returns:
        Notes: regions that have no mean.

    Raises:
        DataError: a file is missing or damaged; a region that its atlas lacks, or that has no voxel in the mask.
    """
    notes: list[str] = []
    faults = [*attempt(lambda: study_space(files))]
    for name, regions in files.study.regions.items():
        faults += attempt(lambda at=f"regions.{name}", of=regions: notes.extend(_without_voxels(files, at, of)))
    for setting, regions, names in _named(files):
        if names:
            faults += attempt(lambda at=setting, of=regions, names=names: _check_names(files, at, of, names))
    DataError.raise_any(dict.fromkeys(faults))
    return tuple(notes)


def _named(files: StudyFiles) -> Iterator[tuple[str, Regions | None, Sequence[str]]]:
    """Yield each setting that names regions, the set that they are of, and their names."""
    study = files.study
    for name, regions in study.regions.items():
        yield f"regions.{name}.names", regions, regions.names
    for name, figure in study.figures.items():
        regions = regions_asked(study, study.questions[figure.question])
        yield f"figures.{name}.only.region", regions, figure.only.get("region", ())
    chosen: dict[str, object] = {f"questions.{name}": question for name, question in study.questions.items()}
    chosen |= {f"derived.{name}": derived for name, derived in study.derived.items()}
    for name, rows in chosen.items():
        for key, part in (("", rows), (".with", getattr(rows, "with_", None)), (".less", getattr(rows, "less", None))):
            if isinstance(part, Rows) and (regions := regions_asked(study, part)) is not None:
                yield f"{name}{key}.where.region", regions, part.where.get("region", ())


def _without_voxels(files: StudyFiles, name: str, regions: Regions | None) -> Iterator[str]:
    """Yield which regions of a set have no voxel in the mask."""
    space = study_space(files, regions)
    if space.atlas is None:
        return
    if space.atlas.absent:
        yield f"{name}: {space.atlas.absent_note}"
    there = set(np.unique(space.atlas.labels[space.mask]).tolist())
    outside = [region for label, region in space.atlas.names.items() if label not in there]
    if len(outside) == len(space.atlas.names):
        raise DataError(f"{name}: no region of the atlas has a voxel in the mask; are both in one space?")
    if outside:
        yield f"{name}: no mean of regions without a voxel in the mask: {', '.join(outside)}"


def _check_names(files: StudyFiles, setting: str, regions: Regions | None, names: Sequence[str]) -> None:
    space = study_space(files, regions)
    if space.atlas is None:
        return
    labels = named_regions(setting, names, space.atlas.names)
    if outside := [name for label, name in labels.items() if not (space.mask & (space.atlas.labels == label)).any()]:
        raise DataError(f"{setting}: no voxel in the mask: {', '.join(outside)}; name other regions, or widen the mask")
