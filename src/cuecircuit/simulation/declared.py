"""`simulate_declared`: a study file, a seed and a hypothesis to a data set on disk."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.atomic import check_unused, replacing
from cuecircuit.io.bids_ignore import write_bidsignore
from cuecircuit.io.lock import writing
from cuecircuit.io.tables import read_table
from cuecircuit.simulation.cohort import Cohort, draw_cohort
from cuecircuit.simulation.columns import WHOLE, Columns, columns_of
from cuecircuit.simulation.faults import effect_faults, study_faults
from cuecircuit.simulation.operant_logs import experiment_words, log_path
from cuecircuit.simulation.places import SCALES, Place, draw_place
from cuecircuit.simulation.planting import Planting, draw_study, effects_of, first_hypothesis, rows_of, stream
from cuecircuit.simulation.scan_files import ScanKey, ScanPlan
from cuecircuit.simulation.trial_plan import RUNS, Timing, draw_events, timing_of
from cuecircuit.simulation.truth import base_notes, group_sizes, write_truth
from cuecircuit.simulation.write import World, write_dataset
from cuecircuit.study.acquisition import Given
from cuecircuit.study.expected import expected_rows
from cuecircuit.study.questions import Base
from cuecircuit.study.schema import Study

# volumes of scans without events where the study states none
_REST_VOLUMES = {"tiny": 100, "paper": 300}
# body weight, kg: mean and SD, assumed
_WEIGHTS = {"rattus": (0.35, 0.03), "mus": (0.025, 0.002), "homo": (75.0, 12.0)}


@writing
def simulate_declared(
    study: Study,
    text: str,
    out: Path,
    *,
    seed: int = 0,
    hypothesis: str | None = None,
    scale: str = "paper",
    n_jobs: int = 1,
    progress: Callable[[int], None] | None = None,
    beside: Path | None = None,
) -> Path:
    """Write a data set with planted effects for a study and return its study file.

    Args:
        study: with a section `simulation`.
        text: the study file, written as it is.
        out: folder to make; must not hold anything yet.
        seed: the same seed gives the same bytes whatever `n_jobs`.
        hypothesis: name of a set of effects; the first where none is named, `null` plants nothing.
        scale: `tiny` for coarse voxels and short scans, `paper` for those of a study.
        n_jobs: scans drawn at a time.
        progress: called with the number of scans just written.
        beside: folder of the study file, where TSVs of effects are looked for.

    Raises:
        StudyError: what the study file lacks or contradicts, all at once; no such hypothesis or scale.
        DataError: `out` holds files already or cannot be written.
    """
    if seed < 0:
        raise StudyError(f"seed {seed} is negative; give 0 or more")
    check_unused(out)
    world = plan_world(study, seed=seed, hypothesis=hypothesis, scale=scale, beside=beside)
    with replacing(out.resolve(), folder=True) as new:
        write_dataset(new, world, text, n_jobs=n_jobs, progress=progress or (lambda done: None))
        write_truth(new / "truth", world.planting, world.drawn, _settings(world))
        write_bidsignore(new)
    return out / "study.yaml"


def plan_world(
    study: Study, *, seed: int, hypothesis: str | None = None, scale: str = "paper", beside: Path | None = None
) -> World:
    """Draw everything of a simulated study but its scans.

    Raises:
        StudyError: as `simulate_declared`.
    """
    if scale not in SCALES:
        raise StudyError(f"scale '{scale}' is unknown; expected one of: {', '.join(SCALES)}")
    study = with_weights(study)
    columns = columns_of(study)
    StudyError.raise_any([*study_faults(study, columns), *_log_faults(study)])
    hypothesis = hypothesis or first_hypothesis(study)
    effects = effects_of(study, hypothesis)
    cohort = draw_cohort(study, columns, stream(seed, "cohort"))
    place = draw_place(study, scale) if study.space is not None else None
    timing = timing_of(study, place.kind, scale) if study.trials is not None and place is not None else None
    keys = scan_keys(study, cohort)
    events = {}
    if timing is not None:
        events = {key.words: draw_events(study, timing, stream(seed, "events", *key.words)) for key in keys}
    planting = Planting(
        study=study,
        cohort=cohort,
        columns=columns,
        effects=effects,
        seed=seed,
        regions=place.regions if place else (),
        trials=trial_rows(keys, events) if timing else None,
        tables=effect_tables(study, beside),
    )
    check_effects(planting)
    drawn = draw_study(planting)
    measures = {of: rows for of, rows in drawn.responses.items() if of.startswith("trials.")}
    events = {words: _measured(table, words, measures) for words, table in events.items()}
    scans = None
    if place is not None and study.scans is not None and makes_scans(study):
        volumes = timing.volumes if timing else study.scans.volumes or _REST_VOLUMES[scale]
        scans = ScanPlan(
            study=study,
            place=place,
            timing=timing,
            volumes=volumes,
            seed=seed,
            drawn=drawn.responses,
            trials=events,
        )
    return World(
        planting=planting, drawn=drawn, place=place, scans=scans, keys=keys, hypothesis=hypothesis, scale=scale
    )


def makes_scans(study: Study) -> bool:
    """Return whether anything is estimated from scans."""
    return bool(study.edges) or any(not isinstance(maps, Given) for maps in study.maps.values())


def with_weights(study: Study) -> Study:
    """Add a base for the column of body weights where the study has one and no base for it."""
    column, simulation = study.subjects.weight_kg, study.simulation
    if column is None or simulation is None or any(base.in_ == f"subjects.{column}" for base in simulation.base):
        return study
    genus = study.subjects.species.split()[0].lower()
    mean, sd = _WEIGHTS.get(genus, _WEIGHTS["rattus"])
    weight = Base.model_validate({"in": f"subjects.{column}", "mean": mean, "between_sd": sd, "within_sd": 0.0})
    return study.model_copy(update={"simulation": simulation.model_copy(update={"base": (*simulation.base, weight)})})


def _log_faults(study: Study) -> tuple[str, ...]:
    if study.operant is None:
        return ()
    try:
        experiment_words(study.operant)
        log_path(study.operant.log_patterns[0], "day")
    except StudyError as error:
        return error.faults
    return ()


def scan_keys(study: Study, cohort: Cohort) -> tuple[ScanKey, ...]:
    """Return every scan of a cohort; who missed a visit has none of it."""
    if study.scans is None:
        return ()
    visits = cohort.visits if cohort.visits is not None else cohort.subjects.assign(session=None)
    runs = (None,) if study.scans.runs == "one" else tuple(range(1, RUNS + 1))
    attended = cohort.present(visits) if cohort.visits is not None else visits
    return tuple(
        ScanKey(subject=subject, session=session, run=run)
        for subject, session in attended[["subject", "session"]].itertuples(index=False, name=None)
        for run in runs
    )


def trial_rows(keys: tuple[ScanKey, ...], events: Mapping[tuple[str, ...], pd.DataFrame]) -> pd.DataFrame:
    """Return the trials of all scans that are cells: subject, session, run, trial (by onset, from 1), factors."""
    tables = []
    for key in keys:
        of_scan = events[key.words]
        of_scan = of_scan[of_scan["number"].notna()].reset_index(drop=True)
        of_scan.insert(0, "subject", key.subject)
        if key.session is not None:
            of_scan.insert(1, "session", key.session)
        if key.run is not None:
            of_scan.insert(2, "run", key.run)
        tables.append(of_scan.assign(trial=range(1, len(of_scan) + 1)))
    return pd.concat(tables, ignore_index=True)


def _measured(events: pd.DataFrame, words: tuple[str, ...], drawn: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Add the drawn measures to the trials of a scan; other events have none."""
    events = events.copy()
    is_cell = events["number"].notna().to_numpy()
    for of, rows in drawn.items():
        of_subject = rows[rows["subject"] == words[0]]
        for name, value in (("session", words[1]), ("run", words[2])):
            if name in of_subject:
                of_subject = of_subject[of_subject[name].astype(str) == value]
        events.loc[is_cell, of.partition(".")[2]] = of_subject["value"].round(4).to_numpy()
    return events


def effect_tables(study: Study, beside: Path | None) -> dict[str, pd.DataFrame]:
    """Read the TSVs that effects name, from the folder of the study file.

    Raises:
        DataError: a table without a column `add`.
    """
    names = [effect.add for effect in study.simulation.effects.values()] if study.simulation else []
    tables = {}
    for name in names:
        if isinstance(name, str) and beside is not None and (beside / name).is_file():
            table = read_table(beside / name)
            if "add" not in table:
                raise DataError(f"{beside / name}:1: column add is missing; expected keys and add")
            tables[name] = table
    return tables


def check_effects(planting: Planting) -> None:
    """Check the effects against the rows that they are to change.

    Raises:
        StudyError: every fault of every effect.
    """
    study = planting.study
    assert study.simulation is not None
    rows = {base.in_: rows_of(planting, base) for base in study.simulation.base}
    for name, measure in (study.operant.measures if study.operant else {}).items():
        whole = f"operant.{WHOLE[measure.count]}"
        if whole in rows:
            sessions = rows[whole]
            if measure.every_min:
                bins = expected_rows(study, "bins", planting.cohort.subjects)
                rows[f"bins.{name}"] = bins.merge(sessions, on=["subject", "phase", "treatment", "day"])
            else:
                rows[f"operant.{name}"] = sessions
    StudyError.raise_any(effect_faults(study, rows, planting.tables))


def _settings(world: World) -> dict[str, object]:
    study, planting = world.planting.study, world.planting
    assert study.simulation is not None
    timing: Timing | None = world.scans.timing if world.scans else None
    place: Place | None = world.place
    columns: Columns = planting.columns
    return {
        "seed": planting.seed,
        "hypothesis": world.hypothesis,
        "scale": world.scale,
        "effects": list(planting.effects),
        "subjects": group_sizes(planting.cohort, columns.group),
        "base": base_notes(study.simulation.base),
        "scans": len(world.keys) if world.scans else 0,
        "timing": {name: getattr(timing, name) for name in Timing.__dataclass_fields__} if timing else None,
        "regions": list(place.regions) if place else [],
        "source": "bases and effects: study file; timing, noise and places: assumed",
    }
