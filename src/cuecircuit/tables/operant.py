"""Tables `operant` and `bins`: logs to sessions, sessions to phases and days, and the measures of each session."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pandas as pd

from cuecircuit.behavior.course import breakpoint_of
from cuecircuit.behavior.measures import (
    LevelMeasures,
    bin_counts,
    by_start,
    count_events,
    count_in_window,
    measure_level,
    sessions_table,
)
from cuecircuit.behavior.pharmacokinetics import Kinetics, kinetics_of
from cuecircuit.behavior.phases import PhaseRule, assign_phases
from cuecircuit.behavior.session_choices import SessionChoices
from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.tables import ColumnNote, column_notes
from cuecircuit.pipeline.sessions import fault_lines, load_sessions, lost_records, session_notes
from cuecircuit.records.operant import OperantFault, OperantLog, OperantSession
from cuecircuit.study.experiment import Operant
from cuecircuit.study.schema import Study
from cuecircuit.tables.dated_tables import listed_sessions
from cuecircuit.tables.session_doses import study_doses
from cuecircuit.tables.session_plan import accept_faults, plan_faults, session_choices, short_sessions
from cuecircuit.tables.single_sessions import SingleSessions, single_sessions
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.subjects import listed_subjects, refuse_unknown
from cuecircuit.tables.table import Table

KEYS = ("subject", "phase", "treatment", "day")
_KEY_NOTES = column_notes("operant_keys")
_LOST = "a study needs every record: correct it, or leave its file out of operant.logs"
_NO_TREATMENT = "none"
_NO_GROUP = ("", "0")  # MED-PC writes 0 where nothing was entered


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OperantData:
    """Sessions of a study: `table` has those that enter tests, `sessions` every one with its phase, if it has any.

    `single`: those that are drawn event by event.
    """

    table: Table
    bins: Table | None
    sessions: pd.DataFrame
    log: OperantLog
    single: SingleSessions | None
    faults: tuple[OperantFault, ...]


def log_files(files: StudyFiles, operant: Operant) -> tuple[Path, ...]:
    """Find the operant logs.

    Raises:
        DataError: no file fits the pattern of operant.logs.
    """
    fitting = {pattern: _fitting(files, pattern) for pattern in operant.log_patterns}
    if empty := [pattern for pattern, paths in fitting.items() if not paths]:
        raise DataError(f"operant.logs: no file fits {files.path(pattern)}" for pattern in empty)
    return tuple(sorted({path for paths in fitting.values() for path in paths}))


def _fitting(files: StudyFiles, pattern: str) -> list[Path]:
    """Return the files that a pattern fits, which may lead out of the folder of the study."""
    anchor = Path(pattern).anchor
    below = Path(anchor) if anchor else files.file.parent
    if Path(pattern).parts[:2] == (anchor, "**"):
        raise DataError(f"operant.logs: {pattern} goes through the whole disk; name a folder before **")
    try:
        return [path for path in below.glob(pattern.removeprefix(anchor)) if path.is_file()]
    except ValueError as error:
        raise DataError(f"operant.logs: {pattern} is no pattern ({error}); write such as logs/*.txt") from error


def declaration_files(files: StudyFiles, operant: Operant) -> tuple[Path, ...]:
    """Return the files that say what logs mean, which sessions are of which phase, and what the animals weighed."""
    settings = (operant.programs, operant.mpc, operant.source, operant.sessions, operant.weights_table)
    named = [files.path(each) for each in settings if each]
    inside = [sorted(path.iterdir()) if path.is_dir() else [path] for path in named]
    return tuple(path for paths in inside for path in paths if path.is_file())


def operant_data(files: StudyFiles, operant: Operant, subjects: Table, *, levels: bool = True) -> OperantData:
    """Read all logs and measure every session.

    Args:
        files: the study.
        operant: its section about logs.
        subjects: who takes part.
        levels: estimate drug levels; their columns are empty otherwise.

    Raises:
        DataError: damaged logs, an unknown program, a subject who is in the logs or among the participants only, faults
            against the plan that the study does not accept; all at once.
        DesignError: a session of `exclude` or `merge` that is not in the logs, phases whose patterns overlap.
    """
    log = _log(files, operant)
    excluded = files.study.subjects.exclude
    refuse_unknown(files, {*listed_subjects(files), *(one.subject for one in log.sessions)})
    log = replace(log, sessions=tuple(by_start(one for one in log.sessions if one.subject not in excluded)))
    sessions, faults = _phased(files, operant, subjects, log)
    faults += _checked(files, operant, subjects, log, sessions)
    planned = _planned(sessions, operant)
    sessions_planned = [log.sessions[at] for at in planned.pop("place")]
    sessions = sessions.drop(columns="place")
    drugs = [operant.phases[p].drug_of(g) for p, g in zip(planned["phase"], _groups(planned), strict=True)]
    planned = planned.assign(delivers=drugs)
    dose = study_doses(files, operant, subjects).of
    doses = [
        dose(drug, subject=one.subject, phase=phase, day=int(day), session=one)
        for drug, phase, day, one in zip(drugs, planned["phase"], planned["day"], sessions_planned, strict=True)
    ]
    named = sessions.assign(file=[files.shown(file) for file in sessions["file"]])
    return OperantData(
        table=_operant_table(
            files, operant, planned, sessions_planned, doses, known_kinetics(files.study) if levels else {}
        ),
        bins=_bins_table(operant, planned, sessions_planned),
        sessions=named,
        log=log,
        single=single_sessions(operant, planned, sessions_planned, doses),
        faults=tuple(_placed(fault, files) for fault in (*log.faults, *faults)),
    )


def _log(files: StudyFiles, operant: Operant) -> OperantLog:
    paths, settings = log_files(files, operant), (operant.programs, operant.source, operant.mpc)
    states = [(path, path.stat()) for path in (*paths, *declaration_files(files, operant))]
    seen = tuple((path, state.st_mtime_ns, state.st_size) for path, state in states)
    named = (None if each is None else files.path(each) for each in settings)
    return _log_as_seen(paths, *named, session_choices(operant), seen)


@lru_cache(maxsize=1)
def _log_as_seen(
    paths: tuple[Path, ...],
    programs: Path | None,
    source: Path | None,
    mpc: Path | None,
    choices: SessionChoices,
    seen: tuple[tuple[Path, int, int], ...],
) -> OperantLog:
    # check, run and alternatives ask for the same logs; `seen`: how the files were, so that changed ones are read anew
    return load_sessions(paths, programs=programs, source=source, mpc=mpc, choices=choices)


def phase_rules(operant: Operant) -> list[PhaseRule]:
    """Return how the sessions of each phase, and of each treatment in it, are recognized."""
    return [
        PhaseRule(
            phase=name,
            treatment=treatment,
            sessions=phase.days,
            by_name=not way,
            experiment=way.get("experiment", "*"),
            msn=way.get("program", "*"),
            group=way.get("group", "*"),
            first=way.get("first"),
            last=way.get("last"),
        )
        for name, phase in operant.phases.items()
        for treatment, ways in phase.rules.items()
        for way in ways or ({},)
    ]


def known_kinetics(study: Study) -> dict[str, Kinetics]:
    """Return the kinetics of each drug of which something is known; no level is estimated of the others."""
    kinetics = {}
    for name, drug in study.drugs.items():
        with suppress(StudyError):
            kinetics[name] = kinetics_of(name, half_life_min=drug.half_life_min)
    return kinetics


def _checked(
    files: StudyFiles, operant: Operant, subjects: Table, log: OperantLog, sessions: pd.DataFrame
) -> Iterator[OperantFault]:
    """Yield what the ledger has about the plan; raise what the study must decide, all at once."""
    who, factor = list(subjects.rows["subject"]), files.study.factors.get(operant.by)
    logged = [log.sessions[at] for at in sessions["place"]]
    against_plan = list(plan_faults(operant, sessions, logged, groups=factor.levels if factor else ()))
    accepted, refused = accept_faults(against_plan, operant.accept)
    lost = fault_lines([replace(fault, done=_LOST) for fault in lost_records(log, who)])
    DataError.raise_any((*lost, *_lone_subjects(files, {one.subject for one in log.sessions}, subjects.rows), *refused))
    yield from accepted
    yield from short_sessions(operant, sessions, logged)


def _phased(
    files: StudyFiles, operant: Operant, subjects: Table, log: OperantLog
) -> tuple[pd.DataFrame, list[OperantFault]]:
    """Return the sessions with their phase and day, and their place in the log, which is by start."""
    table = sessions_table(log.sessions).rename(columns={"day": "calendar_day"})
    table["place"] = range(len(table))
    who = list(subjects.rows["subject"])
    faults: list[OperantFault] = []
    without: set[tuple[str, str]] = set()
    if operant.by in subjects.rows:
        group_of = subjects.rows.set_index("subject")[operant.by]
        phases = operant.phases.items()
        without = {
            (who, name) for who, group in group_of.items() for name, phase in phases if phase.access_of(group) == 0
        }
        factor = files.study.factors.get(operant.by)
        faults += _other_words(table, factor.levels if factor else (), group_of)
        table = table.assign(log_group=table["group"], group=table["subject"].map(group_of))
    rank = table["subject"].map({subject: k for k, subject in enumerate(who)})
    table = table.assign(_rank=rank).sort_values(["_rank", "start"], kind="stable").drop(columns="_rank")
    phased = assign_phases(
        table.reset_index(drop=True),
        phase_rules(operant),
        participants=who,
        listed=listed_sessions(files, operant),
        numbering=operant.number,
        without=without,
    )
    numbered = phased.table.drop(columns="log_group", errors="ignore").rename(columns={"session": "day"})
    return numbered, [*faults, *phased.faults]


def _planned(sessions: pd.DataFrame, operant: Operant) -> pd.DataFrame:
    """Return the sessions that enter tests: of a phase, and no more days than it has."""
    days = sessions["phase"].map({name: phase.days for name, phase in operant.phases.items()})
    kept = sessions[days.notna() & (sessions["day"] <= days)]
    return kept.assign(treatment=kept["treatment"].fillna(_NO_TREATMENT)).reset_index(drop=True)


def _operant_table(
    files: StudyFiles,
    operant: Operant,
    planned: pd.DataFrame,
    sessions: Sequence[OperantSession],
    doses: Sequence[float | None],
    kinetics: Mapping[str, Kinetics],
) -> Table:
    rows = planned.assign(
        breakpoint=_breakpoints(planned, operant),
        **{
            name: [_counted(one, measure.count, measure.window_min) for one in sessions]
            for name, measure in operant.measures.items()
            if measure.every_min is None
        },
    )
    by_day = {name for phase in operant.phases.values() for name in phase.by_day}
    for name in sorted(by_day):
        logged = rows[name] if name in rows else [None] * len(rows)
        rows[name] = [
            operant.phases[phase].by_day[name][day - 1] if name in operant.phases[phase].by_day else value
            for phase, day, value in zip(rows["phase"], rows["day"], logged, strict=True)
        ]
    rows = rows.assign(**_intake(rows, sessions, doses, kinetics))
    rows["file"] = [files.shown(file) for file in rows["file"]]
    columns = [*KEYS, *(name for name in rows if name not in (*KEYS, "group"))]
    notes: dict[str, ColumnNote] = {
        **session_notes(rows),
        **_KEY_NOTES,
        **dict.fromkeys(by_day, "operant.phases.by_day"),
    }
    notes |= {"delivers": "drug of a delivery", "breakpoint": "presses that the last infusion cost"}
    notes |= {"calendar_day": "calendar day of the subject, 1 on the day of its first session"}
    notes |= {name: {"Description": f"operant.measures.{name}", "Units": "count"} for name in operant.measures}
    return Table(name="operant", keys=KEYS, rows=_as_numbers(rows[columns]), notes=notes)


def _intake(
    rows: pd.DataFrame,
    sessions: Sequence[OperantSession],
    doses: Sequence[float | None],
    kinetics: Mapping[str, Kinetics],
) -> dict[str, list[float | None]]:
    """Return intake and estimated levels of each session by the drug that its group gets in its phase."""
    made: dict[str, list[float | None]] = {name: [] for name in ("intake_mg_kg", *LevelMeasures.__dataclass_fields__)}
    for infusions, delivers, session, dose in zip(rows["infusions"], rows["delivers"], sessions, doses, strict=True):
        made["intake_mg_kg"].append(None if dose is None or pd.isna(infusions) else float(infusions) * dose)
        drug_kinetics = kinetics.get(delivers) if isinstance(delivers, str) else None
        level = measure_level(session, dose_mg_kg=dose, kinetics=drug_kinetics) if drug_kinetics and dose else None
        for field in LevelMeasures.__dataclass_fields__:
            made[field].append(getattr(level, field, None))
    return made


def _bins_table(operant: Operant, planned: pd.DataFrame, sessions: Sequence[OperantSession]) -> Table | None:
    binned = {name: measure for name, measure in operant.measures.items() if measure.every_min is not None}
    if not binned:
        return None
    parts = []
    for name, measure in binned.items():
        rows = []
        for row, session in zip(planned[list(KEYS)].itertuples(index=False), sessions, strict=True):
            width_s = 60 * (measure.every_min or 0)
            counts = bin_counts(session, measure.count, bin_s=width_s)
            rows += [(*row, k + 1, k * width_s / 60, float(count)) for k, count in enumerate(counts)]
        parts.append(pd.DataFrame(rows, columns=[*KEYS, "bin", "start_min", name]))
    table = parts[0]
    for part in parts[1:]:
        table = table.merge(part, on=[*KEYS, "bin", "start_min"], how="outer", sort=False)
    notes: dict[str, ColumnNote] = {
        **_KEY_NOTES,
        "bin": "number of the bin of time, from 1",
        "start_min": {"Description": "start of the bin", "Units": "min"},
        **{name: {"Description": f"operant.measures.{name}", "Units": "count per bin"} for name in binned},
    }
    return Table(name="bins", keys=(*KEYS, "bin"), rows=_as_numbers(table), notes=notes)


def _groups(rows: pd.DataFrame) -> list[str | None]:
    return [None if pd.isna(group) else str(group) for group in rows["group"]]


def _breakpoints(planned: pd.DataFrame, operant: Operant) -> list[float | None]:
    """Return the breakpoint of each session of a progressive ratio; none of other sessions.

    The ratios are those of the phase; else the program's own last ratio counts, else the published sequence.
    """
    kept = planned.get("last_ratio", pd.Series(float("nan"), planned.index)).astype("float64")
    counts = planned[["infusions", "active"]].astype("float64")
    rows = zip(planned["phase"], counts["infusions"], counts["active"], kept, strict=True)
    made: list[float | None] = []
    for phase, infusions, presses, last_ratio in rows:
        rule = operant.phases[phase]
        if rule.kind != "progressive_ratio":
            made.append(None)
        elif pd.isna(last_ratio) or rule.ratios:
            made.append(breakpoint_of(infusions, ratios=rule.ratios or None, presses=presses))
        else:
            # as below: what the presses do not cover was not earned
            made.append(float("nan") if presses < last_ratio else last_ratio if infusions else 0.0)
    return made


def _counted(session: OperantSession, event: str, window_min: tuple[float, float] | None) -> float | None:
    if window_min is None:
        count = count_events(session, event)
    else:
        count = count_in_window(session, event, start_s=60 * window_min[0], stop_s=60 * window_min[1])
    return None if count is None else float(count)


def _as_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return numbers as float64 and labels as text; keys that count stay whole."""
    kinds = {
        name: "int64" if name in ("day", "bin", "line") else "float64"
        for name in rows
        if pd.api.types.is_numeric_dtype(rows[name]) or rows[name].isna().all()
    }
    return rows.astype(kinds)


def _lone_subjects(files: StudyFiles, logged: set[str], rows: pd.DataFrame) -> Iterator[str]:
    participants, operant = files.path(files.study.subjects.participants), files.study.operant
    assert operant is not None
    for subject in sorted(logged - set(rows["subject"])):
        yield f"subject '{subject}' has operant sessions but is not in {participants}; add or exclude the subject"
    groups = rows[operant.by] if operant.by in rows else pd.Series(None, index=rows.index, dtype=object)
    idle = groups.map(lambda group: all(phase.access_of(group) == 0 for phase in operant.phases.values()))
    for subject in rows.loc[~(idle | rows["subject"].isin(logged)), "subject"]:
        what = f"is in {participants} but has no operant session; add the logs or exclude the subject"
        yield f"subject '{subject}' {what}"


def _other_words(table: pd.DataFrame, levels: Sequence[str], group_of: "pd.Series[str]") -> Iterator[OperantFault]:
    """Yield the logs whose Group is another word; another group of the study is a fault against the plan."""
    for row in table.itertuples():
        planned = group_of.get(row.subject)
        groups = {level.casefold() for level in levels} - {str(planned).casefold()}
        if row.group not in (*_NO_GROUP, planned) and str(row.group).strip().casefold() not in groups:
            yield OperantFault(
                file=str(row.file),
                line=int(row.line),  # pyright: ignore[reportArgumentType]
                subject=str(row.subject),
                what=f"Group is '{row.group}' in the log and '{planned}' in the table of participants",
                done="took the table of participants",
            )


def _placed(fault: OperantFault, files: StudyFiles) -> OperantFault:
    # the ledger names other files in what it did
    done = fault.done.replace(f"({files.file.parent}/", "(").replace(f" {files.file.parent}/", " ")
    return replace(fault, file=fault.file and files.shown(fault.file), done=done)
