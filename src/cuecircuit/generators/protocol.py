"""A study file as what each of its animals lives through: sessions with their rule, doses, odor and place, and pumps.

The odor of a treatment's cue is there during the window that is counted, and all the time where the phase has none; its
drug is injected when the window opens. Medications are injected hours before the session, or pumped from the phase's
first session to the day of its last. Where nothing is delivered the pump of the lever does not run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cuecircuit.behavior.course import ratio_costs
from cuecircuit.errors import StudyError
from cuecircuit.generators.parameters import parameter_faults
from cuecircuit.generators.pharmacology import VEHICLES, substances
from cuecircuit.generators.rat_design import counted_window
from cuecircuit.study.experiment import Operant, Phase
from cuecircuit.study.schema import Study
from cuecircuit.study.session_days import PlannedDay, planned_days

# deliveries that no session of a progressive ratio gets to: the last costs more than a press a second for a day
_MOST_DELIVERIES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A dose (mg/kg); `second` counts from the start of the session, below 0 before it."""

    second: int
    drug: str
    dose_mg_kg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pump:
    """A drug that flows from the start of one day of the experiment to the end of another."""

    first: int
    last: int
    drug: str
    mg_kg_day: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSession:
    """A session of one animal; `date` is the day of the experiment, `day` that of the phase and treatment, from 1.

    `shortest_s` is the length in the group with the shortest access; `drug` that of a delivery, None where it is
    withheld; `cue` None where no odor is shown; window in seconds.
    """

    date: int
    phase: str
    treatment: str
    day: int
    seconds: int
    shortest_s: int
    drug: str | None
    dose_mg_kg: float
    ratios: tuple[int, ...]
    shock_ma: float
    cue: int | None
    window_s: tuple[int, int] | None
    context: str
    injections: tuple[Injection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What one animal lives through; `scan_date` is the day of its scans, 0 for none."""

    sessions: tuple[PlannedSession, ...]
    pumps: tuple[Pump, ...]
    cues: tuple[str, ...]
    drugs: tuple[str, ...]
    half_lives_min: Mapping[str, float]
    scan_date: int


def program_of(study: Study, group: str | None, box: int) -> Program:
    """Lay a study out for one animal; `check_protocol` has made sure that this can be done.

    Args:
        study: with a section `operant`.
        group: the animal's level of `operant.by`.
        box: from 0; which treatment comes first.
    """
    operant = study.operant
    assert operant is not None
    scanned = [name for name, phase in operant.phases.items() if phase.kind == "conditioning" and study.scans]
    windows = {name: counted_window(study, name) for name in operant.phases}
    days = list(planned_days(operant, group, box, off_after=scanned))
    cues = cues_of(operant)
    sessions = tuple(_session(study, one, group, cues, windows[one.phase]) for one in days)
    pumps = tuple(
        Pump(first=min(dates), last=max(dates), drug=medication.drug, mg_kg_day=medication.pump_mg_kg_day)
        for name, phase in operant.phases.items()
        for medication in phase.medications.values()
        if medication.pump_mg_kg_day and (not medication.groups or group in medication.groups)
        if (dates := [one.date for one in days if one.phase in (name, medication.through)])
    )
    return Program(
        sessions=sessions,
        pumps=pumps,
        cues=cues,
        drugs=drugs_of(study),
        half_lives_min={name: drug.half_life_min for name, drug in study.drugs.items() if drug.half_life_min},
        scan_date=max((one.date + 1 for one in days if one.phase in scanned), default=0),
    )


def cues_of(operant: Operant) -> tuple[str, ...]:
    """Return the cues that treatments show, in the order in which the file has them."""
    treatments = [treatment for phase in operant.phases.values() for treatment in phase.treatments.values()]
    return tuple(dict.fromkeys(treatment.cue for treatment in treatments if treatment.cue is not None))


def drugs_of(study: Study) -> tuple[str, ...]:
    """Return the drugs that anybody of a study is given, in the order of its section `drugs`, without vehicles."""
    given = {name for _, name in _given(study)}
    return tuple(name for name in study.drugs if name in given and name not in VEHICLES)


def check_protocol(study: Study, *, shocks: bool = True) -> None:
    """Refuse a study that the mechanism's animals cannot be taken through.

    Args:
        study: with sections `operant` and `simulation`.
        shocks: the logs that are written keep shocks.

    Raises:
        StudyError: drugs that the mechanism does not know, what it needs to live a phase, impossible parameters.
    """
    if faults := list(dict.fromkeys(_protocol_faults(study, shocks=shocks))):
        raise StudyError(faults)


def _session(
    study: Study, due: PlannedDay, group: str | None, cues: tuple[str, ...], window: tuple[float, float] | None
) -> PlannedSession:
    assert study.operant is not None
    phase, label, day = study.operant.phases[due.phase], due.treatment, due.day
    treatment, drug = phase.treatments.get(label), phase.drug_of(group)
    window_s = None if window is None else (round(60 * window[0]), round(60 * window[1]))
    injections = [
        Injection(second=-round(3600 * one.hours_before), drug=one.drug, dose_mg_kg=one.dose_mg_kg)
        for one in phase.medications.values()
        if one.dose_mg_kg
        and (not one.groups or group in one.groups)
        and (not one.treatments or label in one.treatments)
        and (not one.days or day in one.days)
    ]
    if treatment is not None and treatment.drug is not None and treatment.dose_mg_kg:
        at = window_s[0] if window_s else 0
        injections.append(Injection(second=at, drug=treatment.drug, dose_mg_kg=treatment.dose_mg_kg))
    return PlannedSession(
        date=due.date,
        phase=due.phase,
        treatment=label,
        day=day,
        seconds=round(3600 * (phase.access_of(group) or 0.0)),
        shortest_s=round(3600 * min(hours for hours in _hours(phase) if hours)),
        drug=drug,
        dose_mg_kg=_dose_of(study, phase, drug, day) or 0.0,
        ratios=ratios_of(phase),
        shock_ma=phase.by_day["shock_ma"][day - 1] if phase.kind == "punishment" else 0.0,
        cue=cues.index(treatment.cue) if treatment is not None and treatment.cue is not None else None,
        window_s=window_s,
        context=phase.context_of(group) or "",
        injections=tuple(sorted((one for one in injections if one.drug not in VEHICLES), key=lambda one: one.second)),
    )


def ratios_of(phase: Phase) -> tuple[int, ...]:
    """Return the presses that each delivery of a phase costs, the last one from then on."""
    if phase.kind != "progressive_ratio":
        return (1,)
    return phase.ratios or tuple(np.maximum(ratio_costs(_MOST_DELIVERIES), 1).tolist())


def _hours(phase: Phase) -> tuple[float, ...]:
    return tuple(phase.access_h.values()) if isinstance(phase.access_h, dict) else (phase.access_h or 0.0,)


def _dose_of(study: Study, phase: Phase, drug: str | None, day: int) -> float | None:
    if drug is None:
        return None
    by_day = phase.by_day.get("dose_mg_kg")
    return by_day[day - 1] if by_day else phase.dose_mg_kg or study.drugs[drug].dose_mg_kg


def _given(study: Study) -> Iterator[tuple[str, str]]:
    """Yield the path of each drug that somebody is given, and its name."""
    phases = study.operant.phases if study.operant else {}
    for name, phase in phases.items():
        yield from ((f"drugs.{drug}", drug) for drug in phase.drugs)
        at = f"operant.phases.{name}"
        yield from (
            (f"{at}.treatments.{n}.drug", treatment.drug) for n, treatment in phase.treatments.items() if treatment.drug
        )
        yield from ((f"{at}.medications.{n}.drug", medication.drug) for n, medication in phase.medications.items())


def _protocol_faults(study: Study, *, shocks: bool) -> Iterator[str]:
    """Yield what the mechanism lacks; what is impossible for any animal was refused when the file was read."""
    assert study.simulation is not None
    assert study.operant is not None
    for name, what in parameter_faults(study.simulation.parameters):
        yield f"simulation.parameters.{name}: {what}"
    for path, drug in _given(study):
        if drug not in substances() and drug not in VEHICLES:
            names = ", ".join((*substances(), *VEHICLES))
            yield f"{path}: the mechanism does not know {drug}; expected one of: {names}"
    if study.drugs.get("heroin") and study.drugs["heroin"].half_life_min:
        yield "drugs.heroin.half_life_min: heroin has three compounds; set theirs in simulation.parameters instead"
    longest = max((hours for phase in study.operant.phases.values() for hours in _hours(phase)), default=0.0)
    for name, phase in study.operant.phases.items():
        at = f"operant.phases.{name}"
        for each, medication in phase.medications.items():
            if medication.hours_before > 24 - longest:
                what = f"{medication.hours_before:g} h before a session an animal may be in its last one"
                yield f"{at}.medications.{each}.hours_before: {what}; at most {24 - longest:g}"
        for drug in phase.drugs:
            if drug not in VEHICLES and _dose_of(study, phase, drug, 1) is None:
                yield f"drugs.{drug}.dose_mg_kg: the mechanism needs the dose of a delivery in mg/kg"
        if phase.access_h is None:
            yield f"{at}.access_h: the mechanism needs the hours of a session"
        if phase.kind == "punishment" and not shocks:
            yield f"{at}.kind: the logs of this generator keep no shocks; use simulation.generator: mechanism"
        elif phase.kind == "punishment" and "shock_ma" not in phase.by_day:
            yield f"{at}.by_day.shock_ma: a punished delivery needs the shock of each day"
