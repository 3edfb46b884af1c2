"""Tables `edges.NAME`: how each pair of regions goes together, by subject, session and cell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.imaging.connectivity import FEWEST_TRIALS
from cuecircuit.imaging.scan_edges import (
    WHOLE,
    EdgeSettings,
    ScanEdges,
    edge_rows,
    join_scans,
    region_courses,
    scan_edges,
)
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.io.tables import ColumnNote
from cuecircuit.pipeline.faults import attempt, faults_named
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.pipeline.workers import ends_with_parent, tied
from cuecircuit.records.atlas import Atlas
from cuecircuit.study.acquisition import BetaSeries, Correlated, EdgeSet, Nuisance, Ppi
from cuecircuit.tables.first_level import model_events, removed_of
from cuecircuit.tables.map_plan import cells_of, condition, conditions_of
from cuecircuit.tables.map_tables import key_notes, trials_of_scan
from cuecircuit.tables.regions import named_regions
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.scan_reading import ScanAtWork, read_regions, read_scan
from cuecircuit.tables.scan_sets import scan_sets
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

_VALUES: Mapping[str, ColumnNote] = {
    "correlation": {"Description": "correlation of the courses", "Units": "Fisher's z"},
    "beta_series": {"Description": "correlation of the responses over trials", "Units": "Fisher's z"},
    "ppi": {"Description": "change of the slope of one course on the other in the cell", "Units": "SD/SD"},
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _SubjectScans:
    """What the edges of one subject are made from; `conditions` maps each cell's condition to its levels."""

    files: StudyFiles
    name: str
    subject: str
    scans: tuple[ScanFiles, ...]
    trials: Mapping[str, Table]
    regions: Mapping[int, str]
    conditions: Mapping[str, Mapping[str, str]]


def edges_table(tables: Tables, name: str, scans: Sequence[ScanFiles], *, n_jobs: int = 1) -> Table:
    """Estimate the edges of everybody.

    Args:
        tables: subjects and, where the study has trials, trials.
        name: of the set of edges.
        scans: of everybody.
        n_jobs: processes at work.

    Raises:
        DataError: everything that is wrong with the scans, by subject.
    """
    from joblib import Parallel, delayed

    work = list(_subjects(tables, name, scans))
    done: Any = Parallel(n_jobs=n_jobs, **ends_with_parent())(delayed(tied(_attempt))(each) for each in work)
    DataError.raise_any([fault for _, failed in done for fault in failed])
    return _table(tables.files, name, pd.concat([rows for rows, _ in done], ignore_index=True))


def drawn_edges(tables: Tables, name: str) -> Table:
    """Make the table of a set of edges with drawn numbers, as a dry run needs it.

    Raises:
        DataError: a region that the atlas does not have; too few trials of a cell for a correlation.
    """
    edges, rng = tables.files.study.edges[name], np.random.default_rng(0)
    parts, faults = [], []
    for work in _subjects(tables, name, tables.files.scans.scans):
        for keys, scans in scan_sets(tables.files, f"edges.{name}", work.scans):
            counts = _counts(work, scans)
            for label, levels in work.conditions.items():
                if label and not counts.get(label):
                    continue
                fewest = FEWEST_TRIALS + len(scans) - 1
                if isinstance(edges, BetaSeries) and counts[label] < fewest:
                    where = " ".join((f"sub-{work.subject}", *keys.values(), *levels.values()))
                    faults.append(f"{where} has {counts[label]} trials; a correlation over trials needs {fewest}")
                n = len(work.regions)
                rows = edge_rows(rng.normal(0.3, 0.2, (n, n)), list(work.regions.values()))
                parts.append(rows.assign(subject=work.subject, **keys, **levels))
    DataError.raise_any(faults)
    return _table(tables.files, name, pd.concat(parts, ignore_index=True))


def rehearse_edges(scan: ScanAtWork, edges: EdgeSet, nuisance: Nuisance) -> Iterator[str]:
    """Yield why a scan gives no edges, as it would end a run.

    Args:
        scan: of `rehearsal.rehearsed_scan`; its first two voxels take the place of two regions.
        edges: the set.
        nuisance: of the study.
    """
    labels = np.zeros(scan.mask.shape, np.int32)
    labels[scan.mask] = np.arange(1, int(scan.mask.sum()) + 1)
    seen = nuisance.model_copy(update={"censor_dvars_percent": None})
    yield from attempt(lambda: _scan(scan, edges, seen, labels, np.array([1, 2])))


def _subjects(tables: Tables, name: str, scans: Sequence[ScanFiles]) -> Iterator[_SubjectScans]:
    files = tables.files
    edges, atlas = files.study.edges[name], _atlas(files)
    regions = named_regions(f"edges.{name}.regions", edges.regions, atlas.names)
    conditions: dict[str, Mapping[str, str]] = {WHOLE: {}}
    if not isinstance(edges, Correlated):
        cells = cells_of(files.study, edges)
        conditions = {condition(levels): dict(zip(edges.cells, levels, strict=True)) for levels in cells}
    trials = {} if "trials" not in tables.made else {"trials": tables.made["trials"]}
    for subject in tables.made["subjects"].rows["subject"]:
        scans_of = tuple(scan for scan in scans if scan.subject == subject)
        yield _SubjectScans(
            files=files,
            name=name,
            subject=subject,
            scans=scans_of,
            trials=trials,
            regions=regions,
            conditions=conditions,
        )


def _atlas(files: StudyFiles) -> Atlas:
    """Return the atlas with the regions that have a voxel in the mask."""
    atlas, (mask, _) = read_regions(files), files.mask
    there = set(np.unique(atlas.labels[mask]).tolist())
    return replace(atlas, names={label: name for label, name in atlas.names.items() if label in there})


def _attempt(work: _SubjectScans) -> tuple[pd.DataFrame, tuple[str, ...]]:
    try:
        with one_blas_thread():  # a worker process starts with its own number of threads
            return pd.concat(_rows(work), ignore_index=True), ()
    except CuecircuitError as error:
        return pd.DataFrame(), tuple(f"edges.{work.name}: sub-{work.subject}: {fault}" for fault in error.faults)


def _rows(work: _SubjectScans) -> list[pd.DataFrame]:
    files, edges = work.files, work.files.study.edges[work.name]
    if not work.scans:
        raise DataError("no scan is left (inputs.tsv says why); exclude the subject (subjects.exclude)")
    labels = np.where(files.mask[0], _atlas(files).labels, 0)
    parts = []
    for keys, scans in scan_sets(files, f"edges.{work.name}", work.scans):
        answers = []
        for scan in scans:
            with faults_named(scan.bold, unless=scan.bold.parent):
                at_work = read_scan(files, scan, trials_of_scan(work.trials, scan))
                answers.append(_scan(at_work, edges, files.study.nuisance, labels, np.array(list(work.regions))))
        for label, matrix in join_scans(answers, list(work.conditions)).items():
            rows = edge_rows(matrix, list(work.regions.values()))
            parts.append(rows.assign(subject=work.subject, **keys, **work.conditions[label]))
    if not parts:
        raise DataError("no cell of the study has a trial in its scans; exclude the subject (subjects.exclude)")
    return parts


def _scan(scan: ScanAtWork, edges: EdgeSet, nuisance: Nuisance, labels: Any, regions: Any) -> ScanEdges:
    keep, regressors = removed_of(scan, nuisance)
    settings = EdgeSettings(kind=edges.kind, min_df=nuisance.min_residual_df)
    events = pd.DataFrame()
    if not isinstance(edges, Correlated):
        events = model_events(scan, edges)
        settings = replace(settings, hrf=edges.hrf)
    if isinstance(edges, Ppi):
        settings = replace(settings, deconvolve=edges.deconvolve)
    if isinstance(edges, BetaSeries):
        settings = replace(settings, trials=edges.trials)
    courses = region_courses(scan.series, labels, regions)
    return scan_edges(courses, events, settings, regressors=regressors, keep=keep)


def _counts(work: _SubjectScans, scans: Sequence[ScanFiles]) -> Mapping[str, int]:
    edges = work.files.study.edges[work.name]
    if not isinstance(edges, BetaSeries | Ppi):
        return {}
    rows = pd.concat([trials_of_scan(work.trials, scan) for scan in scans], ignore_index=True)
    return conditions_of(rows, edges).value_counts().to_dict()


def _table(files: StudyFiles, name: str, rows: pd.DataFrame) -> Table:
    keys = files.books.tables[f"edges.{name}"].keys
    notes = {**key_notes(keys), "region": "region of the atlas", "region2": "the other region"}
    notes[VALUE] = _VALUES[files.study.edges[name].kind]
    return Table(name=f"edges.{name}", keys=keys, rows=rows[[*keys, VALUE]], notes=notes)
