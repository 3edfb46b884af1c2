"""Whether phases, groups, drugs, hours and doses of operant sessions are possible and in an order that can be."""

from collections.abc import Iterator

from cuecircuit.study.accounting import levels_of_phases, split_reference
from cuecircuit.study.experiment import Drug, Operant, Phase
from cuecircuit.study.question_checks import Contradiction, KeyPath, not_among
from cuecircuit.study.questions import Rows
from cuecircuit.study.schema import Study

# mg/kg: beyond these a rat is dead (heroin i.v.) or no solution holds the dose (naloxone s.c.); of any other drug no
# animal takes a thousandth of its weight at once; assumed, as is the heaviest animal, for doses given as an amount
_MOST_MG_KG = {"heroin": 3.0, "naloxone": 100.0}
_MOST_OF_ANY_MG_KG = 1000.0
_HEAVIEST_KG = 1.0
# longer than a rat lives
_MOST_REST_DAYS = 1000
_DAY_H = 24.0
_VEHICLES = ("saline", "vehicle", "water")
_WITHHELD = ("extinction", "reinstatement")
_AFTER_DRUG = (*_WITHHELD, "cue_test")


def operant_contradictions(study: Study) -> Iterator[Contradiction]:
    """Yield what is impossible in the sections `drugs` and `operant`."""
    for name, drug in study.drugs.items():
        yield from _dose(study, name, drug)
    operant = study.operant
    if operant is None:
        return
    groups = study.factors[operant.by].levels if operant.by in study.factors else ()
    for name, phase in operant.phases.items():
        at = ("operant", "phases", name)
        yield from _told_by_group(at, phase, operant, groups)
        yield from _found_by(at, phase, operant)
        yield from _drugs_exist(study, at, phase)
        yield from _hours(at, phase)
        yield from _rests(at, phase)
        yield from _medications(study, at, phase, groups, list(operant.phases))
        for label, treatment in phase.treatments.items():
            cues = {level for factor in study.factors.values() for level in factor.levels}
            if treatment.cue is not None and treatment.cue not in cues:
                yield (*at, "treatments", label, "cue"), not_among(treatment.cue, cues, "level of a factor")
    yield from _order(operant)
    yield from _parts_are_within(study, operant)
    if operant.drawn and operant.drawn.phase not in operant.phases:
        yield ("operant", "drawn", "phase"), not_among(operant.drawn.phase, operant.phases, "phase")


def _dose(study: Study, name: str, drug: Drug) -> Iterator[Contradiction]:
    at = ("drugs", name)
    most = _MOST_MG_KG.get(name, _MOST_OF_ANY_MG_KG)
    for key, unit, limit in (("dose_mg_kg", "mg/kg", most), ("dose_mg", "mg", most * _HEAVIEST_KG)):
        dose = getattr(drug, key)
        if dose is not None and dose > limit:
            yield (*at, key), f"{dose:g} {unit} in one delivery is impossible; at most {limit:g}"
    weighed = study.subjects.weight_kg is not None or (study.operant is not None and study.operant.weights is not None)
    per_kg = any(getattr(one, "of", "") == "operant.intake_mg_kg" for one in (study.questions | study.derived).values())
    if (drug.dose_mg is not None or (per_kg and drug.delivered_mg is not None)) and not weighed:
        ways = "name its column in subjects.weight_kg, or a table by date in operant.weights"
        yield (*at, "dose_mg") if drug.dose_mg else at, f"an amount is divided by body weight; {ways}"


def _found_by(at: KeyPath, phase: Phase, operant: Operant) -> Iterator[Contradiction]:
    for treatment, ways in phase.rules.items():
        if not ways and operant.sessions is None:
            here = (*at, "treatments", treatment) if treatment else at
            keys = "experiment, program, group, first and last"
            yield here, f"nothing says how its sessions are found; give one of {keys}, or list them in operant.sessions"


def _told_by_group(at: KeyPath, phase: Phase, operant: Operant, groups: tuple[str, ...]) -> Iterator[Contradiction]:
    for key in ("access_h", "delivers", "rest_days", "context"):
        by_group = getattr(phase, key)
        if not isinstance(by_group, dict):
            continue
        if not groups:
            yield ("operant", "by"), f"'{operant.by}' is no factor; name the one whose levels {', '.join(by_group)} are"
            return
        for group in by_group:
            if group not in groups:
                yield (*at, key, group), not_among(group, groups, f"level of {operant.by}")
        if missing := [group for group in groups if group not in by_group and phase.access_of(group) != 0]:
            yield (*at, key), f"says nothing of {', '.join(missing)}; give every level of {operant.by}"


def _drugs_exist(study: Study, at: KeyPath, phase: Phase) -> Iterator[Contradiction]:
    if phase.kind in _WITHHELD and phase.drugs:
        yield (*at, "delivers"), f"a phase of kind {phase.kind} delivers nothing; leave `delivers` out"
    doses = {"dose_mg_kg": phase.dose_mg_kg or 0, "by_day": max(phase.by_day.get("dose_mg_kg", (0.0,)))}
    for key, dose in doses.items():
        if dose and not phase.drugs:
            yield (*at, key), "a dose of what? name the drug of a delivery in `delivers`"
    for name in phase.drugs:
        if name not in study.drugs:
            yield (*at, "delivers"), not_among(name, study.drugs, "drug of drugs:")
        for key, dose in doses.items():
            if dose > (most := _MOST_MG_KG.get(name, _MOST_OF_ANY_MG_KG)):
                yield (*at, key), f"{dose:g} mg/kg of {name} in one delivery is impossible; at most {most:g}"
    for label, treatment in phase.treatments.items():
        here = (*at, "treatments", label)
        if treatment.drug is None:
            if treatment.dose_mg_kg:
                yield (*here, "dose_mg_kg"), "a dose of which drug? name it in `drug`"
            continue
        if treatment.drug not in study.drugs:
            yield (*here, "drug"), not_among(treatment.drug, study.drugs, "drug of drugs:")
        most = _MOST_MG_KG.get(treatment.drug, _MOST_OF_ANY_MG_KG)
        if treatment.drug in _VEHICLES and treatment.dose_mg_kg:
            yield (*here, "dose_mg_kg"), f"{treatment.drug} has no dose; give 0"
        elif (treatment.dose_mg_kg or 0) > most:
            reason = f"{treatment.dose_mg_kg:g} mg/kg of {treatment.drug} is impossible; at most {most:g}"
            yield (*here, "dose_mg_kg"), reason


def _hours(at: KeyPath, phase: Phase) -> Iterator[Contradiction]:
    hours = phase.access_h if isinstance(phase.access_h, dict) else {"": phase.access_h}
    for group, length in hours.items():
        here = (*at, "access_h", group) if group else (*at, "access_h")
        if length is not None and not 0 <= length <= _DAY_H:
            yield here, f"{length:g} h of access are impossible; expected 0 (no sessions) to {_DAY_H:g}"
    if any(length == 0 for length in hours.values()) and not any(hours.values()):
        yield (*at, "access_h"), "0 h of access in every group: nobody has a session; leave the phase out"


def _parts_are_within(study: Study, operant: Operant) -> Iterator[Contradiction]:
    """Yield questions about a part of a session that is over before it in every phase they are about."""
    asked = {("questions", name): question for name, question in study.questions.items()}
    asked |= {("derived", name): one for name, one in study.derived.items() if isinstance(one, Rows)}
    for at, rows in asked.items():
        measure = operant.measures.get(split_reference(rows.of)[1])
        if measure is None or not rows.of.startswith(("operant.", "bins.")):
            continue
        key, end = (
            ("window_min", measure.window_min[1]) if measure.window_min else ("every_min", measure.every_min or 0)
        )
        lengths = [_longest_min(phase) for phase in levels_of_phases(operant, rows)]
        if lengths and max(lengths) < end:
            reason = f"{key} reaches minute {end:g}, and these sessions last {max(lengths):g} min"
            yield (*at, "of"), f"{reason}; name another phase in `where`, or a shorter part"


def _longest_min(phase: Phase) -> float:
    hours = phase.access_h.values() if isinstance(phase.access_h, dict) else (phase.access_h,)
    return max((60 * length for length in hours if length is not None), default=float("inf"))


def _rests(at: KeyPath, phase: Phase) -> Iterator[Contradiction]:
    rests = phase.rest_days if isinstance(phase.rest_days, dict) else {"": phase.rest_days}
    for group, days in rests.items():
        if not 0 <= days <= _MOST_REST_DAYS:
            here = (*at, "rest_days", group) if group else (*at, "rest_days")
            yield here, f"{days} days of rest are impossible; expected 0 to {_MOST_REST_DAYS}"


def _medications(
    study: Study, at: KeyPath, phase: Phase, groups: tuple[str, ...], phases: list[str]
) -> Iterator[Contradiction]:
    later = phases[phases.index(str(at[-1])) + 1 :]
    for name, medication in phase.medications.items():
        here = (*at, "medications", name)
        if medication.drug not in study.drugs:
            yield (*here, "drug"), not_among(medication.drug, study.drugs, "drug of drugs:")
        for key in ("dose_mg_kg", "pump_mg_kg_day"):
            if (dose := getattr(medication, key) or 0) > _MOST_OF_ANY_MG_KG:
                yield (*here, key), f"{dose:g} mg/kg of {medication.drug} is impossible; at most {_MOST_OF_ANY_MG_KG:g}"
        if medication.through is not None and medication.through not in later:
            yield (*here, "through"), not_among(medication.through, later, "later phase")
        for group in medication.groups:
            if group not in groups:
                yield (*here, "groups"), not_among(group, groups, "level of operant.by")
        for treatment in medication.treatments:
            if treatment not in phase.treatments:
                yield (*here, "treatments"), not_among(treatment, phase.treatments, "treatment of the phase")
        for day in medication.days:
            if not 1 <= day <= phase.days:
                yield (*here, "days"), f"day {day} is none of the phase; expected 1 to {phase.days}"


def _order(operant: Operant) -> Iterator[Contradiction]:
    """Yield phases, which follow one another in the order of the file, before what they look back to."""
    taken, paired = False, set[str]()
    for name, phase in operant.phases.items():
        after_drug = phase.kind in _AFTER_DRUG
        if after_drug and not taken:
            reason = "comes before any phase in which the drug is taken; put self-administration before it"
            yield ("operant", "phases", name), f"{name} {reason}"
        for label, treatment in phase.treatments.items():
            if treatment.cue and phase.kind in ("cue_test", "reinstatement") and paired and treatment.cue not in paired:
                reason = f"{name} shows the cue {treatment.cue} before any phase pairs it; put conditioning before it"
                yield ("operant", "phases", name, "treatments", label), reason
        if phase.kind == "conditioning":
            paired |= {treatment.cue for treatment in phase.treatments.values() if treatment.cue}
        taken |= not after_drug
