"""The sessions that are to be fitted: from a study file and its logs, or from the tables of `cuecircuit sessions`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.behavior.fit_intervals import FitSession
from cuecircuit.behavior.pharmacokinetics import Kinetics, kinetics_of
from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.tables import read_table
from cuecircuit.study.experiment import Operant, Phase
from cuecircuit.tables.operant import operant_data
from cuecircuit.tables.session_doses import study_doses
from cuecircuit.tables.study_files import read_study
from cuecircuit.tables.subjects import subjects_table

# what MED-PC programs of self-administration commonly use; sessions.tsv does not tell it
TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugChoice:
    """What was infused, where it is not, or not only, the study file that says so."""

    drug: str | None = None
    dose_mg_kg: float | None = None
    half_life_min: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitSource:
    """Sessions of each animal in order of time; dose (mg/kg) and group of each; kinetics of the drug.

    `simulated`: what the data say of their simulation; None of measured ones.
    """

    title: str
    simulated: object

    sessions: Mapping[str, list[FitSession]]
    doses: Mapping[str, float]
    groups: Mapping[str, str]
    kinetics: Kinetics


def read_source(
    source: Path, choice: DrugChoice, *, experiment: str | None = None, timeout_s: float | None = None
) -> FitSource:
    """Read what is to be fitted.

    Args:
        source: a study file (.yaml), a folder with sessions.tsv and events.tsv, or either of the two.
        choice: drug, dose and half-life; what is left out is the study file's.
        experiment: of tables: only its sessions; of a study: the phase, that of escalation if left out.
        timeout_s: after an infusion; the log's own, or `TIMEOUT_S`, if left out.

    Raises:
        DataError: files at fault, no session, or no dose.
        StudyError: a study file at fault, or a drug of which nothing is known.
    """
    if choice.dose_mg_kg is not None and not choice.dose_mg_kg > 0:
        raise DataError(f"dose {choice.dose_mg_kg:g} mg/kg; expected a number above 0 (--dose)")
    if timeout_s is not None and not timeout_s >= 0:
        raise DataError(f"time-out {timeout_s:g} s; expected 0 or more (--timeout)")
    if not source.exists():
        raise DataError(f"{source}: no such file or folder; expected a study file, or what `cuecircuit sessions` wrote")
    if source.suffix in (".yaml", ".yml"):
        return _of_study(source, choice, experiment, timeout_s)
    if choice.drug is None or choice.dose_mg_kg is None:
        raise DataError(f"{source}: tables do not say what was infused; give --drug and --dose, or a study file")
    return _of_tables(source, choice, experiment, TIMEOUT_S if timeout_s is None else timeout_s)


def _of_study(path: Path, choice: DrugChoice, phase: str | None, timeout_s: float | None) -> FitSource:
    files = read_study(path)
    operant = files.study.operant
    if operant is None:
        raise StudyError(f"{path.name}: no section `operant`; models of self-administration are fitted to its logs")
    name = phase or _first_phase(path, operant)
    if name not in operant.phases:
        raise StudyError(f"{path.name}: no phase '{name}'; expected one of: {', '.join(operant.phases)}")
    drug = _delivered(path, name, operant.phases[name], choice.drug)
    subjects = subjects_table(files)
    data = operant_data(files, operant, subjects)
    table = data.table.rows
    table = table[(table["phase"] == name) & (table["delivers"] == drug)]
    if "dose_mg_kg" in operant.phases[name].by_day and choice.dose_mg_kg is None:
        raise StudyError(f"{path.name}: the dose changes by day in {name}; name another phase, or give --dose")
    logged = {(one.subject, one.start.isoformat()): one for one in data.log.sessions}
    doses = study_doses(files, operant, subjects)
    sessions_of: dict[str, list[FitSession]] = {}
    doses_of: dict[str, list[float]] = {}
    for subject, start, day in zip(table["subject"], table["start"], table["day"], strict=True):
        session = logged[subject, start]
        dose = doses.of(drug, subject=subject, phase=name, day=int(day), session=session)
        doses_of.setdefault(subject, []).extend([] if dose is None else [dose])
        timeout = session.timeout_s if timeout_s is None else timeout_s
        sessions_of.setdefault(subject, []).append(
            FitSession(
                subject=subject,
                start=start,
                infusions_s=np.sort(session.events.get("infusion", np.empty(0))),
                duration_s=session.duration_s,
                timeout_s=TIMEOUT_S if timeout is None else timeout,
            )
        )
    there, delivered = _there(sessions_of, path), files.study.drugs[drug]
    # the weight of an animal changes little within a phase
    means = {subject: float(np.mean(of_animal)) for subject, of_animal in doses_of.items() if of_animal}
    own_drug = choice.drug in (None, drug)
    group_of = subjects.rows.set_index("subject")[operant.by] if operant.by in subjects.rows else None
    return FitSource(
        title=files.study.about.title,
        simulated=files.simulated,
        sessions=there,
        doses=_doses(means if choice.dose_mg_kg is None else choice.dose_mg_kg, sessions_of),
        groups={subject: "" if group_of is None else str(group_of[subject]) for subject in sessions_of},
        kinetics=kinetics_of(
            choice.drug or drug, half_life_min=choice.half_life_min or (delivered.half_life_min if own_drug else None)
        ),
    )


def _first_phase(path: Path, operant: Operant) -> str:
    for name, phase in operant.phases.items():
        if phase.kind == "self_administration":
            return name
    raise StudyError(f"{path.name}: no phase of kind self_administration; name one of: {', '.join(operant.phases)}")


def _delivered(path: Path, name: str, phase: Phase, wanted: str | None) -> str:
    """Return the drug whose animals are fitted: the only one of the phase, or the one asked for."""
    if len(phase.drugs) == 1:
        return phase.drugs[0]
    if not phase.drugs:
        raise StudyError(f"{path.name}: operant.phases.{name} delivers nothing; name another phase (--experiment)")
    if wanted not in phase.drugs:
        raise StudyError(f"{path.name}: operant.phases.{name} delivers {', '.join(phase.drugs)}; name one with --drug")
    return wanted


def _of_tables(source: Path, choice: DrugChoice, experiment: str | None, timeout_s: float) -> FitSource:
    folder = source if source.is_dir() else source.parent
    sessions = _table(folder / "sessions.tsv", ("subject", "start", "duration_s"))
    events = _table(folder / "events.tsv", ("subject", "start", "event", "time_s"))
    if experiment is not None:
        experiments = sessions["experiment"].fillna("") if "experiment" in sessions else pd.Series("", sessions.index)
        if experiment not in set(experiments):
            raise DataError(
                f"{folder / 'sessions.tsv'}: no session of experiment '{experiment}'; found: {_few(experiments)}"
            )
        sessions = sessions[experiments == experiment]
    infusions = events[events["event"] == "infusion"]
    if infusions.empty:
        raise DataError(f"{folder / 'events.tsv'}: no event 'infusion'; found: {_few(events['event'])}")
    times = {
        key: in_session.to_numpy(float)
        for key, in_session in infusions.groupby(["subject", "start"], sort=False)["time_s"]
    }
    sessions_of: dict[str, list[FitSession]] = {}
    for row in sessions.sort_values("start", kind="stable").itertuples():
        subject, start, length = str(row.subject), str(row.start), float(row.duration_s)  # pyright: ignore
        sessions_of.setdefault(subject, []).append(
            FitSession(
                subject=subject,
                start=start,
                infusions_s=times.get((subject, start), np.empty(0)),
                duration_s=length if np.isfinite(length) else None,
                timeout_s=timeout_s,
            )
        )
    groups = sessions["group"].fillna("") if "group" in sessions else [""] * len(sessions)
    programs = sessions["msn"].astype(str) if "msn" in sessions else pd.Series([""])
    return FitSource(
        title=folder.name,
        simulated=programs.str.match("SIMULATED |CUECIRCUIT ").any() or None,
        sessions=_there(sessions_of, folder),
        doses=_doses(choice.dose_mg_kg or 0.0, sessions_of),
        groups=dict(zip(sessions["subject"], groups, strict=True)),
        kinetics=kinetics_of(choice.drug or "", half_life_min=choice.half_life_min),
    )


def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    table = read_table(path, text=("subject", "start", "event", "experiment", "group"))
    absent = [name for name in columns if name not in table]
    if absent:
        raise DataError(
            f"{path}:1: no column {', '.join(absent)}; expected a table that `cuecircuit sessions` wrote, "
            f"found: {', '.join(map(str, table.columns))}"
        )
    faults = [f"{path}:{line}: no {name}" for name in columns[:2] for line in _lines(table[name].isna())]
    for name in columns[2:]:
        if name in ("time_s", "duration_s"):
            numbers = pd.to_numeric(table[name], errors="coerce")
            wrong = ~np.isfinite(numbers) & (table[name].notna() | (name == "time_s"))
            faults += [f"{path}:{line}: {name} is no number of seconds" for line in _lines(wrong)]
            table[name] = numbers
    DataError.raise_any(faults)
    return table


def _lines(wrong: "pd.Series[bool]") -> list[int]:
    return [int(at) + 2 for at in np.flatnonzero(wrong)]


def _few(names: "pd.Series[str]") -> str:
    return ", ".join(sorted({str(name) or "(none)" for name in names})[:8])


def _there(found: dict[str, list[FitSession]], where: Path) -> dict[str, list[FitSession]]:
    if not any(session.infusions_s.size for of_subject in found.values() for session in of_subject):
        raise DataError(f"{where}: none of the sessions to be fitted has an infusion")
    return found


def _doses(doses: float | Mapping[str, float], subjects: Mapping[str, object]) -> dict[str, float]:
    if not isinstance(doses, Mapping):
        return dict.fromkeys(subjects, doses)
    missing = [subject for subject in subjects if subject not in doses]
    if missing:
        raise DataError(f"no body weight, so no dose per kg, of {', '.join(missing)}; give --dose, or the weights")
    return {subject: doses[subject] for subject in subjects}
