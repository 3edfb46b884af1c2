"""Operant logs to the behavioral tests: sessions, escalation, conditioning."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from cuecircuit.behavior.conditioning import ConditioningTest, conditioning_test
from cuecircuit.behavior.doses import Doses
from cuecircuit.behavior.escalation import EscalationTest, escalation_test
from cuecircuit.behavior.measures import rates_table, sessions_table
from cuecircuit.behavior.pharmacokinetics import Kinetics, kinetics_of
from cuecircuit.behavior.phases import PhasedSessions, PhaseRule, assign_phases
from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.tables import ColumnNote, write_table
from cuecircuit.pipeline.behavior_figures import draw_sessions
from cuecircuit.pipeline.behavior_phases import PhaseTests
from cuecircuit.pipeline.cells import subjects_of
from cuecircuit.pipeline.job import Job, StudyFiles
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.sessions import fault_lines, load_sessions, lost_records, session_notes, write_faults
from cuecircuit.pipeline.store import Stage
from cuecircuit.records.operant import OperantFault, OperantLog
from cuecircuit.study.study import Study

ANOVA_COLUMNS: Mapping[str, ColumnNote] = {
    "term": "effect",
    "df1": "numerator degrees of freedom, sphericity assumed",
    "df2": "denominator degrees of freedom, sphericity assumed",
    "F": "test statistic",
    "p": "sphericity assumed",
    "eps_gg": "Greenhouse-Geisser epsilon",
    "p_gg": "with Greenhouse-Geisser epsilon",
    "eps_hf": "Huynh-Feldt epsilon (may exceed 1; p_hf uses at most 1)",
    "p_hf": "with Huynh-Feldt epsilon",
    "pes": "partial eta squared",
    "ges": "generalized eta squared",
    "stratum": "error stratum of the test",
}
POSTHOC_COLUMNS: Mapping[str, ColumnNote] = {
    "group": "group",
    "session": "session compared with session 1",
    "mean": {"Description": "mean of the session", "Units": "infusions"},
    "difference": {"Description": "from session 1", "Units": "infusions"},
    "se": "standard error of the difference",
    "t": "test statistic",
    "df": "degrees of freedom",
    "p": "two-sided",
    "p_adjusted": "adjusted over the sessions of the group (behavior.posthoc_adjustment)",
}
RATE_NOTES: Mapping[str, ColumnNote] = {
    "subject": "participant label",
    "start": {"Description": "start of the session, local time", "Units": "ISO 8601"},
    "event": "kind of event",
    "time_s": {"Description": "start of the bin, from the start of the session", "Units": "s"},
    "per_h": {"Description": "events per hour in the bin", "Units": "1/h"},
}
MEANS_COLUMNS: Mapping[str, ColumnNote] = {
    "subject": "participant label",
    "group": "group",
    "treatment": "treatment of the pairing",
    "infusions": "mean infusions over the pairings of the treatment",
}


def log_files(files: StudyFiles) -> tuple[Path, ...]:
    """Find the operant logs.

    Raises:
        DataError: no file fits the pattern of behavior.logs.
    """
    pattern = files.study.behavior.logs
    try:
        found = tuple(sorted(files.file.parent.glob(pattern)))
    except (ValueError, NotImplementedError) as error:  # such as *** and an absolute path
        raise StudyError(f"behavior.logs: '{pattern}' is no pattern of files below the study ({error})") from error
    if not found:
        raise DataError(f"behavior.logs: no file fits {files.path(pattern)}")
    return found


def phased_sessions(files: StudyFiles) -> PhasedSessions:
    """Read all sessions and give each its phase; subjects that the study excludes are left out.

    Raises:
        DataError: damaged logs, an unknown program, a subject who is in the logs or among the participants only.
    """
    # without drug levels, which only the tables of a run need
    return _phased(files, logged_sessions(files), kinetics=None)


def logged_sessions(files: StudyFiles) -> OperantLog:
    """Read all sessions of the subjects that the study does not exclude.

    Raises:
        DataError: damaged logs, an unknown program, or a record of one of its subjects that cannot be read.
    """
    rule = files.study.behavior
    programs, source, mpc = (_given(files, each) for each in (rule.programs, rule.source, rule.mpc))
    log = load_sessions(log_files(files), programs=programs, source=source, mpc=mpc)
    excluded = files.study.subjects.exclude
    subjects = set(subjects_of(files)["subject"]) - set(excluded)
    if lost := lost_records(log, subjects):
        raise DataError(fault_lines(lost))
    return replace(log, sessions=tuple(session for session in log.sessions if session.subject not in excluded))


def _phased(files: StudyFiles, log: OperantLog, *, kinetics: Kinetics | None) -> PhasedSessions:
    study, sessions = files.study, log.sessions
    group_of = subjects_of(files).set_index("subject")[study.subjects.group]
    _check_subjects(files, {session.subject for session in sessions}, list(group_of.index))
    doses = session_doses(files)
    table = sessions_table(sessions, dose_mg_kg=doses, windows=_windows(study), kinetics=kinetics)
    regrouped = tuple(_other_groups(table, group_of))
    table["group"] = table["subject"].map(group_of)
    # the reference group first, in every table and figure
    rank = table["group"].map(study.subjects.groups.index)
    table = table.assign(rank=rank).sort_values(["rank", "subject", "start"], kind="stable").drop(columns="rank")
    phased = assign_phases(table, phase_rules(study), participants=list(group_of.index))
    # names relative to the study: results do not depend on where it lies
    faults = [_placed(fault, files) for fault in (*log.faults, *regrouped, *phased.faults)]
    named = phased.table.assign(file=[_relative(file, files) for file in phased.table["file"]])
    return PhasedSessions(table=named, faults=tuple(faults))


def session_doses(files: StudyFiles) -> Doses:
    """Dose of an infusion: as the study says, or its amount over each animal's weight (animals without one: no dose).

    Raises:
        DataError: no column of weights, or a weight that is no number above 0.
    """
    drug, column = files.study.drug, files.study.subjects.weight_kg
    if drug.dose_mg is None:
        return drug.dose_mg_kg
    table = subjects_of(files).set_index("subject")
    if column is None or column not in table:
        raise DataError(f"drug.dose_mg needs weights: no column '{column}' in {files.study.subjects.participants}")
    weights = pd.to_numeric(table[column], errors="coerce").dropna()
    if (weights <= 0).any():
        raise DataError(f"{column}: body weights must be above 0, found one that is not")
    return {str(subject): drug.dose_mg / float(weight) for subject, weight in weights.items()}


def session_kinetics(study: Study) -> Kinetics | None:
    """Kinetics of the study's drug; None where nothing is known of it (no level is then estimated)."""
    try:
        return kinetics_of(study.drug.name, half_life_min=study.drug.half_life_min)
    except StudyError:
        return None


def behavior_stage(job: Job) -> Stage:
    """Make the stage of the behavioral tests."""
    study = job.study
    names = ("subjects", "drug", "phases", "behavior")
    inputs = [*log_files(job.files), job.path(study.subjects.participants)]
    rule = study.behavior
    inputs += [file for each in (rule.programs, rule.source, rule.mpc) for file in _declarations(job.files, each)]
    settings = {name: getattr(study, name) for name in names if name != "phases"}
    settings["phases"] = {phase.name: phase for phase in study.phases}
    return Stage(name="behavior", target="behavior", settings=settings, inputs=tuple(inputs), make=partial(_make, job))


def _make(job: Job, folder: Path) -> None:
    study, log = job.study, logged_sessions(job.files)
    phased = _phased(job.files, log, kinetics=session_kinetics(study))
    windows = {
        f"infusions_{name}": {"Description": f"infusions in the window of phase {name}"} for name in _windows(study)
    }
    phase_notes = {"phase": "phase of the study", "treatment": "treatment of the session", "session": "number, from 1"}
    write_table(folder / "sessions.tsv", phased.table, {**session_notes(phased.table), **phase_notes, **windows})
    rates = rates_table(log.sessions, bin_s=60 * study.behavior.rate_bin_min)
    write_table(folder / "rates.tsv", rates, RATE_NOTES)
    write_faults(folder / "faults.tsv", phased.faults)
    _report_faults(phased.faults)
    escalation = _escalation(study, phased.table)
    write_table(folder / "escalation_anova.tsv", escalation.anova, ANOVA_COLUMNS)
    write_table(folder / "escalation_posthoc.tsv", escalation.posthoc, POSTHOC_COLUMNS)
    conditioning = _conditioning(study, phased.table)
    write_table(folder / "conditioning_anova.tsv", conditioning.anova, ANOVA_COLUMNS)
    if conditioning.pairings is not None:
        write_table(folder / "pairings_anova.tsv", conditioning.pairings, ANOVA_COLUMNS)
    write_table(folder / "conditioning.tsv", conditioning.means.rename(columns={"value": "infusions"}), MEANS_COLUMNS)
    tests = PhaseTests(study=study, table=phased.table, folder=folder)
    tests.escalation(study.phase(study.behavior.escalation), escalation, _escalated(study))
    tests.conditioning(study.phase(study.behavior.conditioning), conditioning, _conditioned(study))
    if session_kinetics(study) is None:
        tests.untested.append(("level in sessions.tsv", f"kinetics of {study.drug.name}: give drug.half_life_min"))
    tests.others()
    draw_sessions(
        study,
        phased.table,
        log.sessions,
        folder,
        doses=session_doses(job.files),
        kinetics=session_kinetics(study),
    )
    for line in (*escalation.left_out, *conditioning.left_out):
        say(f"behavior: {line}")
    for file, reason in tests.untested:
        say(f"behavior: no {file}: {reason}")


def _escalation(study: Study, table: pd.DataFrame) -> EscalationTest:
    phase, rule = study.phase(study.behavior.escalation), study.behavior
    return escalation_test(
        table,
        phase=phase.name,
        sessions=phase.sessions,
        dv=_escalated(study),
        error=rule.posthoc_error,
        adjustment=rule.posthoc_adjustment,
    )


def _conditioning(study: Study, table: pd.DataFrame) -> ConditioningTest:
    phase = study.phase(study.behavior.conditioning)
    return conditioning_test(
        table,
        phase=phase.name,
        treatments=[treatment.name for treatment in phase.treatments],
        sessions=phase.sessions,
        dv=_conditioned(study),
        error=study.behavior.posthoc_error,
        adjustment=study.behavior.posthoc_adjustment,
    )


def _escalated(study: Study) -> str:
    return "infusions" if study.behavior.count == "session" else "first_hour_infusions"


def _conditioned(study: Study) -> str:
    phase = study.phase(study.behavior.conditioning)
    return "infusions" if phase.window_min is None else f"infusions_{phase.name}"


def _given(files: StudyFiles, relative: str | None) -> Path | None:
    return None if relative is None else files.path(relative)


def _declarations(files: StudyFiles, relative: str | None) -> list[Path]:
    """A file that says what logs mean, or all those of a folder."""
    path = _given(files, relative)
    if path is None or not path.is_dir():
        return [path] if path else []
    return sorted(file for file in path.iterdir() if file.is_file())


def _windows(study: Study) -> dict[str, tuple[float, float]]:
    return {
        phase.name: (60 * phase.window_min[0], 60 * phase.window_min[1])
        for phase in study.phases
        if phase.window_min is not None
    }


def phase_rules(study: Study) -> list[PhaseRule]:
    """How the sessions of each phase, and of each treatment in it, are recognised."""
    return [rule for phase in study.phases for rule in _phase_rules(study, phase.name)]


def _phase_rules(study: Study, name: str) -> Iterator[PhaseRule]:
    phase = study.phase(name)
    if phase.experiment is not None:
        yield PhaseRule(phase=name, experiment=phase.experiment, sessions=phase.sessions)
    for treatment in phase.treatments:
        yield PhaseRule(phase=name, treatment=treatment.name, experiment=treatment.experiment, sessions=phase.sessions)


def _check_subjects(files: StudyFiles, logged: set[str], subjects: list[str]) -> None:
    participants = files.path(files.study.subjects.participants)
    faults = [
        f"subject '{subject}' has operant sessions but does not stand in {participants}; add or exclude the subject"
        for subject in sorted(logged - set(subjects))
    ]
    faults += [
        f"subject '{subject}' stands in {participants} but has no operant session; add the logs or exclude the subject"
        for subject in subjects
        if subject not in logged
    ]
    if faults:
        raise DataError(faults)


def _other_groups(table: pd.DataFrame, group_of: "pd.Series[str]") -> Iterator[OperantFault]:
    for row in table.itertuples():
        planned = group_of[row.subject]
        if row.group not in ("", planned):
            yield OperantFault(
                file=str(row.file),
                line=int(row.line),
                subject=str(row.subject),
                what=f"Group is '{row.group}' in the log and '{planned}' in the table of participants",
                done="took the table of participants",
            )


def _placed(fault: OperantFault, files: StudyFiles) -> OperantFault:
    # the ledger names other files in what it did
    done = fault.done.replace(f"({files.file.parent}/", "(").replace(f" {files.file.parent}/", " ")
    return replace(fault, file=_relative(fault.file, files), done=done)


def _relative(file: str, files: StudyFiles) -> str:
    path, folder = Path(file), files.file.parent
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file


def _report_faults(faults: tuple[OperantFault, ...]) -> None:
    if faults:
        say(f"behavior: {len(faults)} faults in the logs, listed in behavior/faults.tsv")
