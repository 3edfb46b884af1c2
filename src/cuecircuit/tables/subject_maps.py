"""Maps of one subject, made of its scans: a stage that writes them below `sub-LABEL/` with tables of them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float64
from cuecircuit.errors import DataError
from cuecircuit.imaging.fixed_effects import Estimate
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.io.tables import column_notes, write_table
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.store import Stage
from cuecircuit.records.atlas import Atlas
from cuecircuit.study.acquisition import Blocks, Glm, Seed
from cuecircuit.tables.first_level import (
    ScanAnswer,
    answer_scan,
    averaged_blocks,
    combined_runs,
)
from cuecircuit.tables.map_plan import Estimated, conditions_of, held_conditions, runs_of, wanted_maps
from cuecircuit.tables.map_tables import Computed, key_notes, map_notes, trials_of_scan
from cuecircuit.tables.scan_reading import read_regions, read_scan
from cuecircuit.tables.scan_sets import map_file, scan_sets, subject_table
from cuecircuit.tables.space import space_files
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

_QUALITY_NOTES = column_notes("scan_quality")
_COURSE_NOTES = column_notes("cue_courses")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _SubjectWork:
    """What one subject's stage is made from; `made` has its rows of table trials."""

    files: StudyFiles
    name: str
    maps: Computed
    subject: str
    scans: tuple[ScanFiles, ...]
    made: Mapping[str, Table]


def subject_stages(
    files: StudyFiles, name: str, maps: Computed, scans: Sequence[ScanFiles], made: Mapping[str, Table]
) -> list[Stage]:
    """Return a stage for each subject, which writes its maps of one set.

    Args:
        files: the study.
        name: of the set of maps.
        maps: the set.
        scans: of everybody.
        made: tables subjects and, where the study has trials, trials.
    """
    study = files.study
    space = first_level_space(files)
    settings: dict[str, Any] = {
        "maps": maps,
        "nuisance": study.nuisance,
        "scans": study.scans,
        "space": study.space,
        "events": study.trials,
        "species": study.subjects.species,
        "keys": files.books.tables[f"maps.{name}"].keys,
        # the names of files tell sets apart where the study makes several
        "named": subject_table(files, name, "", "maps"),
    }
    stages = []
    for subject in made["subjects"].rows["subject"]:
        subject_scans = tuple(scan for scan in scans if scan.subject == subject)
        rows = _of_subject(made, subject)
        digest = {table: hashlib.sha256(one.rows.to_csv().encode()).hexdigest() for table, one in rows.items()}
        work = _SubjectWork(files=files, name=name, maps=maps, subject=subject, scans=subject_scans, made=rows)
        stages.append(
            Stage(
                name=stage_name(name, subject),
                target="",
                settings={**settings, **digest},
                inputs=(*scan_paths(subject_scans), *space),
                make=partial(_make, work),
                shared=True,
            )
        )
    return stages


def first_level_space(files: StudyFiles) -> tuple[Path, ...]:
    """Return the files of the space that a first level reads."""
    masks = [getattr(files.study.space, kind) for kind in ("white_matter", "ventricles")]
    return (*space_files(files), *(files.path(path) for path in masks if path))


def scan_paths(scans: Sequence[ScanFiles]) -> tuple[Path, ...]:
    """Return every file of scans that a first level reads."""
    return tuple(path for scan in scans for path in (scan.bold, scan.events, scan.physio, scan.confounds) if path)


def stage_name(name: str, subject: str) -> str:
    """Name the stage of a subject."""
    return f"maps.{name}.sub-{subject}"


def _of_subject(made: Mapping[str, Table], subject: str) -> dict[str, Table]:
    if "trials" not in made:
        return {}
    table = made["trials"]
    rows = table.rows[table.rows["subject"] == subject].reset_index(drop=True)
    return {"trials": Table(name=table.name, keys=table.keys, rows=rows, notes=table.notes)}


def _make(work: _SubjectWork, folder: Path) -> None:
    if not work.scans:
        raise DataError("no scan is left (inputs.tsv says why); exclude the subject (subjects.exclude)")
    files, maps = work.files, work.maps
    atlas = None if isinstance(maps, Glm) and not maps.seed else read_regions(files)
    estimated = wanted_maps(files.study, work.name, maps)
    rows: list[dict[str, object]] = []
    quality: list[dict[str, object]] = []
    courses: list[pd.DataFrame] = []
    for keys, scans in scan_sets(files, f"maps.{work.name}", work.scans):
        # one scan at a time is held; what is kept of it are maps
        answers = [_answer(work, scan, estimated, atlas) for scan in scans]
        quality += [answer.quality for answer in answers]
        rows += _rows(work, folder, {"subject": work.subject, **keys}, estimated, answers)
        if isinstance(maps, Blocks) and atlas is not None:
            courses.append(_courses(maps, answers, atlas).assign(**keys))
    if not rows:
        raise DataError("no cell of the study has a trial in its scans; exclude the subject (subjects.exclude)")
    table = pd.DataFrame(rows)
    keys = [key for key in table if key not in map_notes(maps)]
    notes = {**key_notes(keys), "table": "table of the study that the row belongs to", **map_notes(maps)}
    for name, made, columns in (
        ("maps", table, notes),
        ("quality", pd.DataFrame(quality), _QUALITY_NOTES),
        *([("timecourse", pd.concat(courses, ignore_index=True), {**notes, **_COURSE_NOTES})] if courses else []),
    ):
        path = folder / subject_table(files, work.name, work.subject, name)
        write_table(path, made, {str(column): columns[str(column)] for column in made})


def _answer(work: _SubjectWork, scan: ScanFiles, wanted: Sequence[Estimated], atlas: Atlas | None) -> ScanAnswer:
    nuisance, maps = work.files.study.nuisance, work.maps
    with faults_named(scan.bold, unless=scan.bold.parent):
        at_work = read_scan(work.files, scan, trials_of_scan(work.made, scan))
        return answer_scan(at_work, maps, nuisance, wanted, atlas)


def _rows(
    work: _SubjectWork,
    folder: Path,
    keys: Mapping[str, str],
    wanted: Sequence[Estimated],
    answers: Sequence[ScanAnswer],
) -> Iterator[dict[str, object]]:
    """Write the maps of a session; yield a row for each."""
    files, maps = work.files, work.maps
    trials = pd.concat([answer.trials for answer in answers], ignore_index=True)
    held = [held_conditions(answer.trials, maps) for answer in answers]
    runs = {each.label: np.array(runs_of(each.weights, held)) for each in wanted}
    wanted = [each for each in wanted if runs[each.label].any()]
    conditions = pd.Series(dtype=object) if isinstance(maps, Seed) else conditions_of(trials, maps)
    run_of_trial = np.repeat(np.arange(len(answers)), [len(answer.trials) for answer in answers])
    smoothed = _estimates(maps, wanted, answers, conditions, smoothed=True)
    plain = _estimates(maps, wanted, answers, conditions, smoothed=False) if maps.unsmoothed else {}
    mask, grid = files.mask

    def write(label: str, statistic: str, values: Float64[Array, "voxel"], *, smooth: bool = True) -> str:
        name = map_file(files, work.name, keys, label, statistic, smoothed=smooth)
        volume = np.full(grid.shape, np.nan, np.float32)
        volume[mask] = values
        write_volume(folder / name, volume, grid)
        return name

    for each in wanted:
        estimate, label = smoothed[each.label], each.label
        unsmoothed = {"map_unsmoothed": write(label, "effect", plain[label].effect, smooth=False)} if plain else {}
        yield {
            "table": each.table,
            **keys,
            **each.keys,
            "map": write(label, "effect", estimate.effect),
            "variance": write(label, "variance", estimate.variance),
            **unsmoothed,
            "n_trials": int((conditions.isin(each.cells).to_numpy() & runs[label][run_of_trial]).sum())
            if each.cells
            else 0,
            "n_runs": int(runs[label].sum()),
        }


def _estimates(
    maps: Computed, wanted: Sequence[Estimated], answers: Sequence[ScanAnswer], conditions: pd.Series, *, smoothed: bool
) -> dict[str, Estimate]:
    if isinstance(maps, Blocks):
        chosen = {each.label: conditions.isin(list(each.weights)).to_numpy() for each in wanted}
        return averaged_blocks(answers, chosen, smoothed=smoothed)
    return combined_runs(answers, wanted, smoothed=smoothed)


def _courses(maps: Blocks, answers: Sequence[ScanAnswer], atlas: Atlas) -> pd.DataFrame:
    """Return mean and SEM over the blocks of each cell, region by region and second by second."""
    courses = [answer.course for answer in answers if answer.course is not None]
    trials = pd.concat([answer.trials for answer in answers], ignore_index=True)
    percent, seconds = np.concatenate([course.percent for course in courses]), courses[0].seconds
    regions = list(atlas.names.values())
    rows = []
    for levels, chosen in trials.groupby(list(maps.cells), sort=False):
        series = percent[chosen.index.to_numpy()]
        count = np.isfinite(series).sum(axis=0)
        mean = np.where(count > 0, np.nansum(series, axis=0) / np.maximum(count, 1), np.nan)
        squares = np.nansum((series - mean) ** 2, axis=0)
        sem = np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1) / np.maximum(count, 1)), np.nan)
        columns = {
            "region": np.repeat(regions, len(seconds)),
            **dict(zip(maps.cells, levels, strict=True)),
            "seconds": np.tile(seconds, len(regions)),
            "mean": mean.T.ravel(),
            "sem": sem.T.ravel(),
            "blocks": count.T.ravel(),
        }
        rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)
