"""The section `operant` of a draft, and questions of its phases."""

from collections.abc import Iterator
from glob import escape
from typing import Any

import pandas as pd

from cuecircuit.starting.cast import Cast
from cuecircuit.starting.draft_parts import Answers, Choice, Note, Part
from cuecircuit.starting.operant_files import Logs, patterns_of
from cuecircuit.starting.phases import Phase, find_phases, kind_choices
from cuecircuit.starting.words import slug
from cuecircuit.study.experiment import PhaseKind

# of a session, the first that a phase has is asked about; of a withheld drug, presses
_COUNTS = ("infusions", "active", "licks", "inactive")
_WITHHELD = ("extinction", "reinstatement", "cue_test")


def operant_part(logs: Logs, people: Cast, answers: Answers) -> Part:
    """Draft `operant` and `drugs`, and ask of each phase whether groups, treatments and days differ."""
    sessions = logs.sessions[logs.sessions["subject"].isin(people.group_of)]
    phases, lines = find_phases(sessions)
    kinds, choices = kind_choices(phases, answers)
    drug, drug_choices = _drug(answers)
    sections = {phase.name: _phase(phase, kinds[phase.name], people, drug) for phase in phases}
    operant = {
        "logs": _patterns(logs, people),
        **({"programs": people.place.written(logs.programs)} if logs.programs else {}),
        **({"by": people.factor} if people.factor not in (None, "group") else {}),
        "phases": sections,
    }
    questions: dict[str, Any] = {}
    for phase in phases:
        questions |= _questions(phase, kinds[phase.name], people, answers)
    return Part(
        settings={**({"drugs": drug} if drug else {}), "operant": operant, "questions": questions},
        choices=(*choices, *drug_choices),
        notes=(*_notes(logs, lines, drug), *(note for phase in phases for note in _phase_notes(phase))),
    )


def _notes(logs: Logs, lines: tuple[str, ...], drug: dict[str, Any]) -> Iterator[Note]:
    yield from (Note(path="operant", text=line) for line in lines)
    yield from (Note(path="operant", text=line, is_open=True) for line in logs.faults)
    if logs.undeclared:
        names = ", ".join(logs.undeclared)
        text = f"programs that nobody declared: {names}; fill in programs/, then add `programs: programs`"
        yield Note(path="operant", text=text, is_open=True)
    if not drug:
        text = "which drug does a delivery carry, at which dose? add drugs:, and `delivers:` to phases"
        yield Note(path="operant", text=text, is_open=True)


def _patterns(logs: Logs, people: Cast) -> str | list[str]:
    places = ((people.place.written(folder), pattern) for folder, pattern in patterns_of(logs.files))
    patterns = [pattern if folder == "." else f"{escape(folder)}/{pattern}" for folder, pattern in places]
    return patterns[0] if len(patterns) == 1 else patterns


def _drug(answers: Answers) -> tuple[dict[str, Any], tuple[Choice, ...]]:
    """Return the section of the drug that a person named; nothing is assumed of it."""
    why = "no file states it"
    name = Choice(path="drugs", question="drug of a delivery, nothing if unknown", likeliest="", why=why)
    if not (named := answers.of(name)):
        return {}, (name,)
    section = slug(named, "drug")
    dose = Choice(
        path=f"drugs.{section}.dose_mg_kg", question="its dose, mg/kg, nothing if unknown", likeliest="", why=why
    )
    route = Choice(path=f"drugs.{section}.route", question="its route", likeliest="i.v.", why=why)
    settings = {"dose_mg_kg": answers.number(dose)} if answers.of(dose) else {}
    return {section: {**settings, "route": answers.of(route)}}, (name, dose, route)


def _phase(phase: Phase, kind: PhaseKind, people: Cast, drug: dict[str, Any]) -> dict[str, Any]:
    access = _access_h(phase, people)
    treatments = {name: {"experiment": pattern} for name, pattern in phase.treatments.items()}
    return {
        "kind": kind,
        **({} if treatments else {phase.found_by: phase.pattern}),
        "days": phase.planned,
        **({"access_h": access} if access else {}),
        **({"delivers": next(iter(drug))} if drug and kind not in ("extinction", "reinstatement") else {}),
        **({"treatments": treatments} if treatments else {}),
    }


def _access_h(phase: Phase, people: Cast) -> dict[str, float] | float | None:
    """Return hours of access from the lengths of sessions, by group where these differ."""
    lengths = phase.rows["duration_s"].astype("float64").groupby(phase.rows["subject"].map(people.group_of)).median()
    hours = {str(group): _hours(length) for group, length in lengths.items() if pd.notna(length)}
    if not hours or max(hours.values()) > 24:
        return None
    if len(set(hours.values())) == 1 or set(hours) < set(people.levels):
        return float(pd.Series(hours).median()) if len(set(hours.values())) == 1 else None
    return hours


def _hours(seconds: float) -> float:
    quarters = round(seconds / 900) / 4
    return (
        quarters
        if quarters and abs(quarters * 3600 - seconds) < 0.05 * seconds
        else max(round(seconds / 3600, 2), 0.01)
    )


def _phase_notes(phase: Phase) -> Iterator[Note]:
    at = f"operant.phases.{phase.name}"
    days = ", ".join(f"{number} days: {n}" for number, n in sorted(phase.days.items(), reverse=True))
    unit = "subjects and treatments" if phase.treatments else "subjects"
    first, last = phase.rows["start"].min()[:10], phase.rows["start"].max()[:10]
    yield Note(path=at, text=f"{len(phase.rows)} sessions from {first} to {last}; {unit} with {days}")
    if phase.treatments:
        yield Note(path=f"{at}.treatments", text="drug, dose_mg_kg and cue of each, if any", is_open=True)


def _questions(phase: Phase, kind: PhaseKind, people: Cast, answers: Answers) -> dict[str, Any]:
    """Ask of the counts of a phase, exactly and as counts; means alone where nothing can be tested."""
    response = _response(phase, kind)
    if response is None:
        return {}
    rows = phase.rows.dropna(subset=[response])
    groups = rows.drop_duplicates("subject")["subject"].map(people.group_of).value_counts()
    levels = [level for level in people.levels if groups.get(level, 0) > 1]
    where: dict[str, Any] = {"phase": phase.name}
    if people.factor and len(levels) > 1 and len(levels) < len(people.levels):
        where[people.factor] = levels
    between = people.factor if len(levels) > 1 else None
    within = [*(["treatment"] if phase.treatments else []), *(["day"] if phase.planned > 1 else [])]
    asked = {"of": f"operant.{response}", "where": where}
    name = f"{response}_{phase.name}"
    if name in answers.dropped or not (between or within) or rows[response].nunique() == 1:
        return {name: {**asked, "by": [*within, *([between] if between else [])] or "phase"}}
    strata = {**asked, **({"between": between} if between else {}), **({"within": _one(within)} if within else {})}
    if within:
        beside = {"by": between} if between else {}
        strata["comparisons"] = [{"factor": within[0] if phase.treatments else "day", **beside}]
    counts = {**asked, **({"between": between} if between else {})}
    counts |= {"within": "treatment"} if phase.treatments else {}
    counts["trend"] = "day" if phase.planned > 1 and not phase.treatments else None
    counts |= {"repeats": "day"} if phase.planned > 1 and phase.treatments else {}
    is_modeled = counts["trend"] or "within" in counts
    return {name: strata} | (
        {f"{name}_counts": counts} if is_modeled and f"{name}_counts" not in answers.dropped else {}
    )


def _response(phase: Phase, kind: PhaseKind) -> str | None:
    names = _COUNTS[1:] + _COUNTS[:1] if kind in _WITHHELD else _COUNTS
    there = [name for name in names if name in phase.rows and phase.rows[name].notna().any()]
    varied = [name for name in there if phase.rows[name].nunique() > 1]
    return next(iter(varied or there), None)


def _one(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names
