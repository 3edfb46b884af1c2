"""Tables `maps.NAME` and `contrasts.NAME` of maps that are made of scans: as the subjects' stages wrote, or planned."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd

from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.io.tables import ColumnNote, read_table
from cuecircuit.study.acquisition import Blocks, Glm, Seed
from cuecircuit.tables.map_plan import held_conditions, runs_of, wanted_maps
from cuecircuit.tables.scan_sets import map_file, run_label, scan_sets, subject_table
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

Computed = Blocks | Glm | Seed
_FILES = ("map", "variance", "map_unsmoothed")
_UNITS = {
    "blocks": "% of the baseline window",
    "glm": "% of the mean of the voxel",
    "seed": "Fisher's z",
    "series": "Fisher's z",
}
_VARIANCES = {
    "blocks": "of independent volumes",
    "glm": "of the model",
    "seed": "of independent volumes",
    "series": "of independent trials",
}


def gathered_maps(
    files: StudyFiles, name: str, maps: Computed, out: Path, scans: Sequence[ScanFiles], made: Mapping[str, Table]
) -> tuple[Table, ...]:
    """Gather what the stages of the subjects wrote.

    Args:
        files: the study.
        name: of the set of maps.
        maps: the set.
        out: the output folder.
        scans: that maps are made of.
        made: tables subjects and, where the study has trials, trials.
    """
    text, named = ("table", *_keys(files, name)), (*_FILES, "n_trials", "n_runs")
    parts = [
        read_table(out / subject_table(files, name, subject, "maps"), text=text)
        for subject in made["subjects"].rows["subject"]
    ]
    # where nobody has a contrast, no part has its column
    rows = pd.concat(parts, ignore_index=True).reindex(columns=[*text, *named])
    return _tables(files, name, maps, rows, scans, made)


def planned_maps(
    files: StudyFiles, name: str, maps: Computed, scans: Sequence[ScanFiles], made: Mapping[str, Table]
) -> tuple[Table, ...]:
    """Return the rows that the tables will have, without files, as a dry run needs them."""
    estimated = wanted_maps(files.study, name, maps)
    rows: list[dict[str, object]] = []
    for subject in made["subjects"].rows["subject"]:
        for keys, scan_set in scan_sets(files, f"maps.{name}", [scan for scan in scans if scan.subject == subject]):
            held = [held_conditions(trials_of_scan(made, scan), maps) for scan in scan_set]
            who = {"subject": subject, **keys}
            rows += [
                {"table": each.table, **who, **each.keys, **_planned_files(files, name, who, each.label)}
                for each in estimated
                if any(runs_of(each.weights, held))
            ]
    frame = pd.DataFrame(rows, columns=["table", *_keys(files, name), *_FILES]).assign(n_trials=0, n_runs=0)
    return _tables(files, name, maps, frame, scans, made)


def _planned_files(files: StudyFiles, name: str, keys: Mapping[str, str], label: str) -> dict[str, str]:
    kinds = (("effect", True), ("variance", True), ("effect", False))
    named = (map_file(files, name, keys, label, statistic, smoothed=smooth) for statistic, smooth in kinds)
    return dict(zip(_FILES, named, strict=True))


def trials_of_scan(made: Mapping[str, Table], scan: ScanFiles) -> pd.DataFrame:
    """Return the trials of a scan; no row where the study has none."""
    if "trials" not in made:
        return pd.DataFrame({"onset_s": [], "duration_s": [], "trial_type": []})
    rows = made["trials"].rows
    scan_keys = {"subject": scan.subject, "session": scan.session, "run": run_label(scan)}
    places = _places_by_scan(made["trials"]).get(tuple(scan_keys[key] for key in scan_keys if key in rows), [])
    return rows.iloc[places].reset_index(drop=True)


@lru_cache(maxsize=1)
def _places_by_scan(trials: Table) -> Mapping[tuple[str, ...], Sequence[int]]:
    """Return the places of the rows of each subject and, where they are keys, session and run."""
    keys = [key for key in ("subject", "session", "run") if key in trials.rows]
    places: dict[tuple[str, ...], list[int]] = {}
    for place, labels in enumerate(zip(*(trials.rows[key] for key in keys), strict=True)):
        places.setdefault(labels, []).append(place)
    return places


def lacking_maps(
    files: StudyFiles, name: str, maps: Computed, scans: Sequence[ScanFiles], made: Mapping[str, Table]
) -> Iterator[str]:
    """Describe which maps nobody has, and which a subject who was scanned lacks.

    Args:
        files: the study.
        name: of the set of maps.
        maps: the set.
        scans: that maps are made of.
        made: tables subjects, and maps and contrasts of the set.
    """
    estimated = wanted_maps(files.study, name, maps)
    scanned = [
        {"subject": subject, **keys}
        for subject in made["subjects"].rows["subject"]
        for keys, _ in scan_sets(files, f"maps.{name}", [scan for scan in scans if scan.subject == subject])
    ]
    for table in (f"maps.{name}", f"contrasts.{name}"):
        labels = [each.keys for each in estimated if each.table == table and table in made]
        keys = list(made[table].keys) if table in made else []
        there = set(made[table].rows[keys].itertuples(index=False, name=None)) if keys else set()
        lost = [
            [labels_of for labels_of in labels if tuple({**who, **labels_of}[key] for key in keys) not in there]
            for who in scanned
        ]
        nobody = [labels_here for labels_here in labels if all(labels_here in lacks for lacks in lost)]
        if nobody:
            yield f"{table}: nobody has a map of {_labels(nobody)}"
        for who, lacks in zip(scanned, lost, strict=True):
            if some := [labels_here for labels_here in lacks if labels_here not in nobody]:
                lacking = f"{table}: {' '.join(who.values())} has no map of {_labels(some)}"
                yield f"{lacking}: a cell of it has no trial, or a measure no spread"


def _labels(keys: Sequence[Mapping[str, str]]) -> str:
    return "; ".join(" ".join(labels.values()) for labels in keys)


def key_notes(keys: Sequence[str]) -> dict[str, ColumnNote]:
    """Explain the keys of maps."""
    notes: dict[str, ColumnNote] = {
        "subject": "participant label",
        "session": "entity ses",
        "run": "entity run",
        "contrast": "contrast of the set, or CELL.MEASURE for a slope",
        "seed": "region whose mean is correlated",
    }
    return {key: notes.get(key, f"factor {key}") for key in keys}


def map_notes(maps: Computed) -> dict[str, ColumnNote]:
    """Explain the columns that name maps."""
    kind = "series" if isinstance(maps, Glm) and maps.beta_series != "none" else maps.kind
    unit = _UNITS[kind]
    return {
        "map": {"Description": "file, from the output folder", "Units": unit},
        "variance": {"Description": f"its variance, {_VARIANCES[kind]}", "Units": f"({unit})²"},
        "map_unsmoothed": {"Description": "the same without smoothing", "Units": unit},
        "n_trials": "trials in the map; 0 where it is not made of trials",
        "n_runs": "scans in the map",
    }


def _tables(
    files: StudyFiles,
    name: str,
    maps: Computed,
    rows: pd.DataFrame,
    scans: Sequence[ScanFiles],
    made: Mapping[str, Table],
) -> tuple[Table, ...]:
    tables = []
    for table in (f"maps.{name}", f"contrasts.{name}"):
        if table not in files.books.tables:
            continue
        keys = files.books.tables[table].keys
        named = ["map", "variance", *(["map_unsmoothed"] if maps.unsmoothed else [])]
        of_table = rows.loc[rows["table"] == table, [*keys, *named, "n_trials", "n_runs"]].reset_index(drop=True)
        if maps.carry and table.startswith("maps."):
            carried = _carried(keys, maps, scans, made)
            of_table = of_table.merge(carried, on=[key for key in keys if key in carried], how="left", sort=False)
        notes = {**key_notes(keys), **map_notes(maps), **dict.fromkeys(maps.carry, "mean over the trials of the map")}
        tables.append(
            Table(name=table, keys=keys, rows=of_table, notes={str(column): notes[str(column)] for column in of_table})
        )
    return tuple(tables)


def _carried(
    keys: Sequence[str], maps: Computed, scans: Sequence[ScanFiles], made: Mapping[str, Table]
) -> pd.DataFrame:
    """Return the mean of each carried measure over the trials of each map, of the scans that maps are made of."""
    rows = pd.concat([trials_of_scan(made, scan) for scan in scans], ignore_index=True)
    carried = [key for key in keys if key in rows]
    return rows.groupby(carried, sort=False)[list(maps.carry)].mean().reset_index()


def _keys(files: StudyFiles, name: str) -> tuple[str, ...]:
    plans = files.books.tables
    tables = [table for table in (f"maps.{name}", f"contrasts.{name}") if table in plans]
    return tuple(dict.fromkeys(key for table in tables for key in plans[table].keys))
