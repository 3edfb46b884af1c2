"""Sections of the study file about subjects, drugs, operant sessions and events."""

from datetime import date as Date
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from cuecircuit.study.fields import Label, Labels, Name, Names, Section, Span, Word, optional, required

PhaseKind = Literal[
    "self_administration",
    "conditioning",
    "cue_test",
    "extinction",
    "reinstatement",
    "progressive_ratio",
    "punishment",
]
Counted = Literal["infusion", "active", "inactive", "lick", "shock"]


class Subjects(Section):
    """Who took part, and who is left out and why."""

    participants: str = optional("participants.tsv", "a row per subject (BIDS)")
    tables: tuple[str, ...] = optional((), "more tables by participant_id and, where they have it, session_id")
    species: str = required("Latin name; decides on breathing rates and doses that are possible")
    weight_kg: Name | None = optional(None, "column of body weights, for doses given as an amount")
    exclude: dict[Label, str] = optional({}, "subject to reason")


class Factor(Section):
    """A column of labels: its levels in order, the reference first."""

    levels: Labels = required("levels that count, the reference first; no other level may occur", min_length=1)
    leave_out: dict[Label, str] = optional({}, "levels that occur and are not analyzed, each with its reason")
    names: Literal["session", "run"] | None = optional(
        None, "its levels name those of this key, one to one in a subject"
    )
    label: str = optional("", "in words, for axes")

    @model_validator(mode="after")
    def _levels_differ(self) -> "Factor":
        named = (*self.levels, *self.leave_out)
        if len(set(named)) < len(named):
            raise ValueError(f"a level is named twice in {', '.join(named)}")
        return self


def _levels_alone(value: Any) -> Any:
    return {"levels": value} if isinstance(value, list) else value


Factors = dict[Name, Annotated[Factor, BeforeValidator(_levels_alone, json_schema_input_type=Factor | list[Word])]]


class Drug(Section):
    """What is taken or injected."""

    dose_mg_kg: float | None = optional(None, "of one delivery", gt=0)
    dose_mg: float | None = optional(None, "of one delivery, divided by subjects.weight_kg", gt=0)
    concentration_percent: float | None = optional(None, "weight by volume of what is drunk", gt=0, le=100)
    volume_ml: float | None = optional(None, "of one delivery", gt=0)
    route: str = required("i.v., oral, s.c., vapor ...")
    half_life_min: float | None = optional(None, "one compartment; kinetics of known drugs otherwise", gt=0)

    @property
    def delivered_mg(self) -> float | None:
        """Amount of one delivery, mg, where it is not per kg: given, or concentration times volume (1 % = 10 mg/ml)."""
        if self.dose_mg is not None or self.concentration_percent is None or self.volume_ml is None:
            return self.dose_mg
        return 10 * self.concentration_percent * self.volume_ml


class SessionRule(Section):
    """How sessions are found in the logs; all that is given must fit.

    A text is a shell pattern, or after `re:` a regular expression for the whole of it; the case of letters is ignored.
    """

    experiment: Label | None = optional(None, "header field Experiment (shell pattern, or `re:` regular expression)")
    program: Label | None = optional(None, "name of the program, MSN (likewise)")
    group: Label | None = optional(None, "header field Group of the log (likewise)")
    first: Date | None = optional(None, "date from which sessions are taken, as 2025-03-04")
    last: Date | None = optional(None, "date up to which sessions are taken, included")

    @property
    def given(self) -> dict[str, Any]:
        """What must fit, by key."""
        keys = SessionRule.model_fields
        return {key: value for key in keys if (value := getattr(self, key)) is not None}

    @model_validator(mode="after")
    def _dates_rise(self) -> "SessionRule":
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError(f"last {self.last} is before first {self.first}")
        return self


class Treatment(SessionRule):
    """A condition within subjects: an injection or a cue, and how its sessions are found."""

    also: tuple[SessionRule, ...] = optional((), "further rules that its sessions are found by: one must fit")
    drug: Name | None = optional(None, "of `drugs`, injected before; none for a cue alone")
    dose_mg_kg: float | None = optional(None, "injected", ge=0)
    cue: Label | None = optional(None, "level of the cue factor that is shown or paired")


class Medication(Section):
    """A medicine or a challenge dose of a phase: injected before its sessions, or continuously by a pump."""

    drug: Name = required("of `drugs`")
    dose_mg_kg: float | None = optional(None, "of one injection", gt=0)
    hours_before: float = optional(0.0, "from the injection to the start of the session", ge=0, le=24)
    pump_mg_kg_day: float | None = optional(None, "of a pump, from the phase's first session to its last", gt=0)
    through: Name | None = optional(None, "a later phase: the pump runs to the end of it")
    days: tuple[int, ...] = optional((), "days of the phase that have the injection, from 1; every day if left out")
    groups: Labels = optional((), "levels of `operant.by` that get it; all if left out")
    treatments: Names = optional((), "treatments of the phase that have the injection; all if left out")

    @model_validator(mode="after")
    def _is_injected_or_pumped(self) -> "Medication":
        if (self.dose_mg_kg is None) == (self.pump_mg_kg_day is None):
            raise ValueError("give either dose_mg_kg (injected) or pump_mg_kg_day (a pump)")
        if self.pump_mg_kg_day is not None and (self.hours_before or self.days or self.treatments):
            raise ValueError("a pump runs all the time; leave out hours_before, days and treatments")
        if self.through is not None and self.pump_mg_kg_day is None:
            raise ValueError("through is of a pump; name the medication in each phase that has the injection")
        return self


class Phase(SessionRule):
    """A row of sessions under one rule, or several; with `treatments` each has its own, and what is here fits all."""

    also: tuple[SessionRule, ...] = optional((), "further rules that its sessions are found by: one must fit")
    kind: PhaseKind = required("what happens in it")
    treatments: dict[Name, Treatment] = optional({}, "conditions within subjects, the reference first")
    days: int = required("sessions per subject (and treatment)", gt=0, le=10_000)
    access_h: dict[Label, float] | float | None = optional(
        None, "hours, of all or by group; 0: the group has no sessions in this phase"
    )
    rest_days: dict[Label, int] | int = optional(0, "days without sessions before the phase, of all or by group")
    context: dict[Label, Label] | Label | None = optional(
        None, "place of the sessions, of all or by group, where places differ"
    )
    medications: dict[Name, Medication] = optional({}, "medicines and challenge doses beside what is earned")
    by_day: dict[Name, tuple[float, ...]] = optional(
        {}, "columns of operant that change from day to day, as shock_ma; dose_mg_kg is the dose of a delivery"
    )
    delivers: Name | dict[Label, Name] | None = optional(
        None, "drug of a delivery, of all or by group; none if withheld"
    )
    dose_mg_kg: float | None = optional(None, "of one delivery in this phase, in place of that of the drug", gt=0)
    ratios: tuple[int, ...] = optional(
        (), "progressive ratio: presses that each delivery costs; else what the program kept, or 1, 2, 4, 6, 9 ..."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> "Phase":
        for name, values in self.by_day.items():
            if len(values) != self.days:
                raise ValueError(f"by_day.{name} has {len(values)} values, the phase {self.days} days")
        if "dose_mg_kg" in self.by_day and (self.dose_mg_kg is not None or min(self.by_day["dose_mg_kg"]) <= 0):
            raise ValueError("by_day.dose_mg_kg are doses above 0, in place of dose_mg_kg of the phase")
        if self.treatments and (self.experiment is not None or self.also):
            raise ValueError("give either `experiment` and `also`, or `treatments`, each with rules of its own")
        if self.ratios and self.kind != "progressive_ratio":
            raise ValueError(f"ratios are of a progressive ratio; the kind is {self.kind}")
        if self.ratios and min(self.ratios) < 1:
            raise ValueError("ratios are numbers of presses, 1 or more")
        return self

    @property
    def rules(self) -> dict[str, list[dict[str, Any]]]:
        """What the sessions of each treatment must fit ("" without treatments), one of several each."""
        if not self.treatments:
            return {"": [way.given for way in (self, *self.also) if way.given]}
        ways = {
            name: [way.given for way in (treatment, *treatment.also) if way.given]
            for name, treatment in self.treatments.items()
        }
        return {name: [self.given | way for way in ways_of] for name, ways_of in ways.items()}

    def access_of(self, group: str | None) -> float | None:
        """Hours of access of a group; None where the file gives none."""
        return self.access_h.get(group or "") if isinstance(self.access_h, dict) else self.access_h

    def rest_of(self, group: str | None) -> int:
        """Days without sessions before the phase in a group."""
        return self.rest_days.get(group or "", 0) if isinstance(self.rest_days, dict) else self.rest_days

    def context_of(self, group: str | None) -> str | None:
        """Place of the sessions of a group; None where the file names none."""
        return self.context.get(group or "") if isinstance(self.context, dict) else self.context

    @property
    def drugs(self) -> tuple[str, ...]:
        """Names of the drugs that a delivery carries in any group."""
        named = self.delivers.values() if isinstance(self.delivers, dict) else (self.delivers,)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    def drug_of(self, group: str | None) -> str | None:
        """Name of the drug that a delivery carries in a group; None where it is withheld."""
        return self.delivers.get(group or "") if isinstance(self.delivers, dict) else self.delivers


class Measure(Section):
    """A count of one kind of event in a part of a session, or in bins of it."""

    count: Counted = required("which events are counted")
    window_min: Span | None = optional(None, "part of the session; the whole where none is given")
    every_min: float | None = optional(None, "bins: the measure is in table `bins`, with key bin", gt=0)

    @model_validator(mode="after")
    def _window_rises(self) -> "Measure":
        if self.window_min is not None and not 0 <= self.window_min[0] < self.window_min[1]:
            raise ValueError(f"window_min {list(self.window_min)} must rise from 0 or later")
        if self.window_min is not None and self.every_min is not None:
            raise ValueError("give window_min or every_min, not both")
        return self


class Drawn(Section):
    """Single sessions that are drawn event by event."""

    phase: Name = required("whose sessions are drawn")
    day: Label = optional("last", "number of the day, or last")
    subjects: Labels = optional((), "subjects drawn; the one nearest its group's median where none is named")


class LoggedSession(Section):
    """The sessions of a subject on a date, or the one that began at a time."""

    subject: Label = required("label of the participant")
    date: Date = required("day of the start, as 2025-03-04")
    start: datetime | None = optional(None, "2025-03-04T09:25:00, where the day has several sessions and one is meant")
    reason: str = required("why; it is in operant/faults.tsv", min_length=1)


class Operant(Section):
    """Operant logs: tables `operant` and `bins`."""

    logs: str | tuple[str, ...] = required("pattern of the files, or several")
    programs: str | None = optional(None, "folder of MED-PC program declarations")
    mpc: str | None = optional(None, "MED-PC program file or folder of them (array sizes)")
    source: str | None = optional(None, "event names and columns of logs that are not MED-PC")
    sessions: str | None = optional(
        None, "table of sessions by name: subject, date or start, phase, treatment; goes before the rules of phases"
    )
    weights: str | None = optional(
        None,
        "body weights, for doses given as an amount: table of subject, date, weight_g; `logs`: the weight_g of each",
    )
    by: Name = optional("group", "factor that access_h and delivers are given by")
    phases: dict[Name, Phase] = required("in their order in time", min_length=1)
    measures: dict[Name, Measure] = optional(
        {}, "counts of parts of sessions; those of whole sessions are always there"
    )
    drawn: Drawn | None = optional(None, "single sessions drawn event by event")
    exclude: tuple[LoggedSession, ...] = optional((), "sessions that are left out")
    merge: tuple[LoggedSession, ...] = optional((), "sessions of one day that are joined, such as after a crash")
    shortest_min: float = optional(0.0, "sessions that ran shorter are left out", ge=0)
    number: Literal["date", "order"] = optional(
        "date", "days by date (a day that a subject lacks keeps its number), or sessions one after the other"
    )
    accept: dict[str, Annotated[str, Field(min_length=1)]] = optional(
        {}, "faults against the plan that are taken as they are: `R1 escalation length` (or a shell pattern) to reason"
    )

    @property
    def weights_table(self) -> str | None:
        """Path of the table of body weights; None where the logs have them, or none is named."""
        return None if self.weights == "logs" else self.weights

    @property
    def log_patterns(self) -> tuple[str, ...]:
        """Patterns of the files."""
        return (self.logs,) if isinstance(self.logs, str) else self.logs


class Trials(Section):
    """Events of scans: table `trials`."""

    cells: Name | dict[Label, dict[Name, Label]] = required(
        "factor that trial_type is, or trial_type to levels of factors"
    )
    column: str = optional("trial_type", "column of the events files with the trial types")
    others: Labels = optional((), "trial types that are no cell: modeled, in no estimate; any other type is a fault")
    ignored: Labels = optional((), "trial types that are left out, as ratings or rests that are part of the baseline")
    parts: dict[Name, dict[Label, tuple[int, ...]]] = optional({}, "factor of which of its cell in a scan a trial is")
    measures: Names = optional((), "columns of the events that are numbers, such as rating")
    labels: Names = optional((), "columns of the events that are labels, such as picture")
    breathing: Name | None = optional(None, "name of the measure: mean rate during the event, from the physio file")
