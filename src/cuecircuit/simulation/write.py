"""A simulated study to files: what a laboratory would have, and `truth/` beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

import cuecircuit
from cuecircuit.arrays import Array
from cuecircuit.generators.protocol import ratios_of
from cuecircuit.io.derivatives import BIDS_VERSION
from cuecircuit.io.medpc_write import write_medpc
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import ColumnNote, write_json, write_table
from cuecircuit.simulation.columns import WHOLE
from cuecircuit.simulation.given_maps import write_given
from cuecircuit.simulation.operant_counts import session_rows
from cuecircuit.simulation.operant_logs import (
    SessionKey,
    Times,
    calendar,
    experiment_words,
    log_day,
    log_path,
    session_times,
    sorted_by_box,
    spread_events,
)
from cuecircuit.simulation.places import Place
from cuecircuit.simulation.planting import Drawn, Planting, gap_of
from cuecircuit.simulation.scan_files import ScanKey, ScanPlan, write_scan
from cuecircuit.study.acquisition import Given
from cuecircuit.study.expected import expected_rows
from cuecircuit.study.experiment import Counted, Operant

_KINDS: Mapping[str, Counted] = {response: kind for kind, response in WHOLE.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """Everything that is known before a file is written; `place` is None for a study without maps."""

    planting: Planting
    drawn: Drawn
    place: Place | None
    scans: ScanPlan | None
    keys: Sequence[ScanKey]
    hypothesis: str
    scale: str


def write_dataset(folder: Path, world: World, text: str, *, n_jobs: int, progress: Callable[[int], None]) -> None:
    """Write all files but the truth into an empty folder.

    Args:
        folder: where to; exists.
        world: what to write.
        text: of the study file.
        n_jobs: scans drawn at a time; the bytes are the same for any number.
        progress: called with the number of scans just written.

    Raises:
        DataError: the place cannot be written.
    """
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    for name, table in world.planting.tables.items():
        write_table(folder / name, table, {str(column): "of an effect" for column in table})
    _write_description(folder, world)
    _write_subjects(folder, world)
    if world.planting.study.operant is not None:
        _write_logs(folder, world)
    if world.place is not None:
        _write_space(folder, world, world.place)
        for name, maps in world.planting.study.maps.items():
            rows = world.drawn.responses.get(f"maps.{name}")
            if isinstance(maps, Given) and rows is not None:
                sd = next(base.within_sd for base in _bases(world) if base.in_ == f"maps.{name}")
                write_given(folder, name, maps, rows, world.place, sd, world.planting.seed)
    if world.scans is not None:
        _write_scans(folder, world, world.scans, n_jobs, progress)


def _bases(world: World) -> tuple:
    assert world.planting.study.simulation is not None
    return world.planting.study.simulation.base


def write_raw_description(folder: Path, title: str, marks: Mapping[str, object]) -> None:
    """Write the description of a simulated raw data set, with the marks by which results know it."""
    write_json(
        folder / "dataset_description.json",
        {
            "Name": title,
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "License": "CC0",
            "Authors": ["cuecircuit simulate"],
            "GeneratedBy": [{"Name": "cuecircuit simulate", "Version": cuecircuit.__version__}],
            "Simulated": dict(marks),
        },
    )


def _write_description(folder: Path, world: World) -> None:
    study, seed = world.planting.study, world.planting.seed
    title = f"Simulated study: {study.about.title}"
    made = {"Name": "cuecircuit simulate", "Version": cuecircuit.__version__}
    write_raw_description(folder, title, {"seed": seed, "hypothesis": world.hypothesis, "scale": world.scale})
    if study.scans is not None and study.scans.derivatives is not None:
        write_json(
            folder / study.scans.derivatives / "dataset_description.json",
            {"Name": title, "BIDSVersion": BIDS_VERSION, "DatasetType": "derivative", "GeneratedBy": [made]},
        )
    elif study.scans is not None:
        write_json(
            folder / study.scans.dataset / "derivatives" / "confounds" / "dataset_description.json",
            {
                "Name": title,
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "derivative",
                "GeneratedBy": [made],
            },
        )
    planted = ", ".join(world.planting.effects) or "none"
    (folder / "README").write_text(
        f"{title}\n\nEvery file was drawn by `cuecircuit simulate`; no subject took part.\n"
        f"Seed {seed}, hypothesis {world.hypothesis}, scale {world.scale}; effects planted: {planted}.\n\n"
        "study.yaml   what was planned, and how it is analyzed: cuecircuit run study.yaml OUT\n"
        "truth/       what was planted; for checking an analysis, never for use in one\n"
        "             cells/: expected values of every cell; drawn/: values of every row\n\n"
        "Numbers of trials and of runs, their lengths, noise and motion are assumed; regions without a known place\n"
        "are balls where there is room.\n",
        encoding="utf-8",
    )


def _write_subjects(folder: Path, world: World) -> None:
    """Write participants.tsv and the tables of `subjects.tables`; visits without a table have *_sessions.tsv."""
    planting, responses = world.planting, world.drawn.responses
    study, cohort, columns = planting.study, planting.cohort, planting.columns
    numbers = {name: responses[f"subjects.{name}"] for name in columns.subject_numbers}
    people = cohort.subjects.copy()
    tables = [Path(name) for name in study.subjects.tables]
    visits = _visits(world)
    elsewhere = [name for name in numbers if name not in ("age", study.subjects.weight_kg)] if tables else []
    if visits is not None and len(visits.columns) > 2:
        if tables:
            write_people(folder / tables.pop(0), visits, study.subjects.species)
            elsewhere = elsewhere if tables else []
        else:
            for subject, of_subject in visits.groupby("subject", sort=False):
                path = folder / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
                write_people(path, of_subject.drop(columns="subject"), study.subjects.species)
    for name, table in numbers.items():
        if name not in elsewhere:
            people[name] = people["subject"].map(dict(zip(table["subject"], table["value"].round(4), strict=True)))
    write_people(folder / study.subjects.participants, people, study.subjects.species)
    for number, path in enumerate(tables):
        of_subject = cohort.subjects[["subject"]].copy()
        for name in elsewhere[number :: len(tables)]:
            table = numbers[name]
            of_subject[name] = of_subject["subject"].map(
                dict(zip(table["subject"], table["value"].round(4), strict=True))
            )
        write_people(folder / path, of_subject, study.subjects.species)


def _visits(world: World) -> pd.DataFrame | None:
    """Return a row for each visit that took place, with what was given and what was measured at it."""
    planting = world.planting
    if planting.cohort.visits is None:
        return None
    visits = planting.cohort.present(planting.cohort.visits)
    for name in planting.columns.visit_numbers:
        table = world.drawn.responses[f"visits.{name}"][["subject", "session", "value"]]
        visits = visits.merge(table.rename(columns={"value": name}).round({name: 4}), on=["subject", "session"])
    return visits


def write_people(path: Path, table: pd.DataFrame, species: str, notes: Mapping[str, ColumnNote] | None = None) -> None:
    """Write a table of subjects or visits.

    Args:
        path: of the file.
        table: with `subject`, and `session` for visits.
        species: Latin name.
        notes: on columns that do not speak for themselves.

    Raises:
        DataError: the place cannot be written.
    """
    table = table.copy()
    notes = {str(name): str(name) for name in table if name not in ("subject", "session")} | dict(notes or {})
    if "session" in table:
        table["session"] = "ses-" + table["session"].astype(str)
        notes["session_id"] = "session"
    if "subject" in table:
        table["subject"] = "sub-" + table["subject"].astype(str)
        notes["participant_id"] = "label of the subject"
        if "session" not in table and path.name == "participants.tsv" and "species" not in table:
            table["species"] = species.lower()
            notes["species"] = "binomial name"
    write_table(path, table.rename(columns={"subject": "participant_id", "session": "session_id"}), notes)


def _write_logs(folder: Path, world: World) -> None:
    assert world.planting.study.operant is not None
    rows, times = _sessions(world)
    write_logs(folder, world.planting.study.operant, rows, times, world.planting.stream("logs"))


def write_logs(
    folder: Path, operant: Operant, rows: pd.DataFrame, times: Mapping[SessionKey, Times], rng: np.random.Generator
) -> None:
    """Write a MED-PC file for each day of sessions.

    Args:
        folder: of the data set.
        operant: section of the study.
        rows: sessions that took place, with `box`, `length_min` and `delivers`.
        times: of the events of each.
        rng: source of when programs are stopped.
    """
    words = experiment_words(operant)
    for day in calendar(operant, rows):
        log = log_day(operant, words, day, times, rng)
        path = folder / log_path(operant.log_patterns[0], log.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        # as bytes: the line ends are MED-PC's own
        path.write_bytes(write_medpc(log.logs, file=f"C:\\MED-PC\\Data\\{path.name}").encode("ascii", "replace"))


def _sessions(world: World) -> tuple[pd.DataFrame, dict[SessionKey, Times]]:
    """Return every session that took place, and the times of its events."""
    planting, drawn = world.planting, world.drawn
    operant = planting.study.operant
    assert operant is not None
    deliveries = "operant.infusions" in drawn.parts
    times: dict[SessionKey, dict[str, Array]] = {}
    for of, parts in drawn.parts.items():
        response = of.partition(".")[2]
        rng, rows = planting.stream(of, "times"), drawn.responses[of]
        gap_s = gap_of(response, deliveries=deliveries)
        for profile, counts in parts:
            spread = spread_events(profile, counts, gap_s, rng)
            keys = rows.loc[profile.rows, ["subject", "phase", "treatment", "day"]].itertuples(index=False, name=None)
            for key, times_of in zip(keys, spread, strict=True):
                times.setdefault(key, {})[_KINDS[response]] = times_of
    rows = planting.cohort.resolved(expected_rows(planting.study, "operant", planting.cohort.subjects))
    rows = session_rows(operant, planting.cohort.present(rows), "any", deliveries=deliveries)
    rows = sorted_by_box(rows, planting.cohort.subjects["subject"].tolist())
    rng = planting.stream("presses")
    complete: dict[SessionKey, Times] = {}
    for row in rows.to_dict("records"):
        key = (row["subject"], row["phase"], row["treatment"], row["day"])
        times_of = times.get(key, {})
        ratios = ratios_of(operant.phases[row["phase"]]) if row["delivers"] else ()
        complete[key] = session_times(times_of, 60 * row["length_min"], ratios=ratios, rng=rng)
    return rows, complete


def _write_space(folder: Path, world: World, place: Place) -> None:
    space, brain = world.planting.study.space, place.brain
    assert space is not None
    places = (space, *world.planting.study.regions.values())
    volumes = {
        space.mask: brain.mask.astype(np.uint8),
        space.white_matter: brain.white_matter.astype(np.uint8),
        space.ventricles: brain.ventricles.astype(np.uint8),
        space.anatomy: brain.anatomy,
        **{section.atlas: brain.atlas.labels.astype(np.int16) for section in places},
    }
    for path, data in volumes.items():
        if path is not None:
            write_volume(folder / path, data, brain.grid)
    labels = pd.DataFrame(brain.atlas.names.items(), columns=["index", "name"])
    for path in sorted({section.labels for section in places if section.labels}):
        write_table(folder / path, labels, {"index": "label in the volume", "name": "region"})


def _write_scans(folder: Path, world: World, plan: ScanPlan, n_jobs: int, progress: Callable[[int], None]) -> None:
    # threads: drawing, filtering and zipping leave the interpreter free, and nothing is copied
    work = joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    rows = []
    for row in work(joblib.delayed(write_scan)(folder, plan, key) for key in world.keys):
        rows.append(row)
        progress(1)
    table = world.planting.study.scans and world.planting.study.scans.table
    if table:
        frame = pd.DataFrame(rows).fillna("n/a")
        above = "/".join([".."] * len(Path(table).parent.parts))
        for name in ("bold", "events", "physio", "confounds"):
            if name in frame and above:
                frame[name] = [f"{above}/{path}" if path != "n/a" else path for path in frame[name]]
        write_table(folder / table, frame, {str(name): f"{name} of the scan" for name in frame})
