"""A study file as the program of a virtual experiment: which session, with which rule, dose and odor, on which day.

The phases follow one another in the order of the file, one session a day; treatments of a phase take turns. A
treatment shows the odor of cue `k` where its name is `k` or begins with `k_`; it is injected unless its drug is `none`.
The odor is there during `window_min`, and all the time where the phase has no window; the injection is given when the
window opens. The scans take the day after the conditioning phase. Where the drug is withheld the pump does not run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cuecircuit.errors import StudyError
from cuecircuit.simulation.intake import WITHHELD
from cuecircuit.simulation.parameters import parameter_faults
from cuecircuit.study.file import KeyPath, line_of
from cuecircuit.study.study import Phase, Study, Treatment

_INJECTED = ("saline", "naloxone")
# mg/kg: beyond these a rat is dead (heroin i.v.) or no solution holds the dose (naloxone s.c.); assumed
_MOST_HEROIN, _MOST_NALOXONE = 3.0, 100.0
_DAY_H = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Sessions of one phase under one of its treatments; `cue` None where no odor is shown; window in seconds."""

    phase: Phase
    treatment: str
    experiment: str
    rewarded: bool
    cue: int | None
    injected: bool
    naloxone_mg_kg: float
    window_s: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramDay:
    """One day: kinds that take turns among the animals, and their how-manieth session each; no kind: the scans."""

    number: int
    kinds: tuple[int, ...]
    turn: int
    shift: int

    def kind_of(self, order: int) -> int:
        """Give the kind of the animals that begin with treatment `order`."""
        return self.kinds[(self.shift + order) % len(self.kinds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """All kinds of sessions, and the days in their order; `scan_day` is the number of the day of the scans."""

    kinds: tuple[Kind, ...]
    days: tuple[ProgramDay, ...]
    scan_day: int


def program_of(study: Study) -> Program:
    """Lay a study out as a program; `check_protocol` has made sure that this can be done."""
    kinds: list[Kind] = []
    days: list[ProgramDay] = []
    number = scan_day = 0
    for phase in study.phases:
        first = len(kinds)
        kinds += [_kind(study, phase, treatment) for treatment in phase.treatments or (None,)]
        mine = tuple(range(first, len(kinds)))
        for session in range(phase.sessions * len(mine)):
            number += 1
            turn, shift = divmod(session, len(mine))
            days.append(ProgramDay(number=number, kinds=mine, turn=turn, shift=shift))
        if phase.name == study.behavior.conditioning:
            number += 1
            scan_day = number
    return Program(kinds=tuple(kinds), days=tuple(days), scan_day=scan_day)


def check_protocol(study: Study, lines: Mapping[KeyPath, int], name: str) -> None:
    """Refuse a study that animals cannot be taken through.

    Args:
        study: the plan.
        lines: of each key of the study file.
        name: of the study file.

    Raises:
        StudyError: impossible doses, hours, windows, sizes and parameters, and phases before their prerequisite.
    """
    faults = [
        f"{name}:{line_of(lines, path)}: {'.'.join(map(str, path))}: {what}" for path, what in _protocol_faults(study)
    ]
    if faults:
        raise StudyError(faults)


def _kind(study: Study, phase: Phase, treatment: Treatment | None) -> Kind:
    window = phase.window_min and (round(60 * phase.window_min[0]), round(60 * phase.window_min[1]))
    return Kind(
        phase=phase,
        treatment=treatment.name if treatment else "",
        experiment=(treatment.experiment if treatment else phase.experiment) or "",
        rewarded=phase.name not in WITHHELD,
        cue=_cue(study, treatment) if treatment else None,
        injected=treatment is not None and treatment.drug in _INJECTED,
        naloxone_mg_kg=treatment.dose_mg_kg if treatment and treatment.drug == "naloxone" else 0.0,
        window_s=window,
    )


def _cue(study: Study, treatment: Treatment) -> int | None:
    for number, cue in enumerate(study.cues.levels):
        if treatment.name == cue or treatment.name.startswith(f"{cue}_"):
            return number
    return None


Fault = tuple[KeyPath, str]


def _protocol_faults(study: Study) -> Iterator[Fault]:
    if study.drug.name != "heroin":
        yield ("drug", "name"), f"the mechanism knows heroin, not {study.drug.name}"
    if study.drug.dose_mg_kg > _MOST_HEROIN:
        dose = study.drug.dose_mg_kg
        yield ("drug", "dose_mg_kg"), f"{dose:g} mg/kg in one infusion is impossible; at most {_MOST_HEROIN:g}"
    for name, size in study.simulation.animals.items():
        path: KeyPath = ("simulation", "animals", name)
        if name not in study.subjects.groups:
            yield path, f"'{name}' is no group of this study; expected one of: {', '.join(study.subjects.groups)}"
        elif size < 2:
            yield path, f"{size} animals cannot be compared; give 2 or more"
    for name, what in parameter_faults(study.simulation.parameters):
        yield ("simulation", "parameters", name), what
    for index, phase in enumerate(study.phases):
        yield from _phase_faults(study, phase, ("phases", index))
        for number, treatment in enumerate(phase.treatments):
            yield from _treatment_faults(study, treatment, ("phases", index, "treatments", number))
    yield from _order_faults(study)


def _phase_faults(study: Study, phase: Phase, path: KeyPath) -> Iterator[Fault]:
    for group in study.subjects.groups:
        hours = phase.access_h.get(group)
        if hours is None:
            yield (*path, "access_h"), f"no hours for {group}; give the hours of access of every group"
        elif not 0 < hours <= _DAY_H:
            yield (*path, "access_h", group), f"{hours:g} h of access are impossible; expected more than 0, at most 24"
        elif phase.window_min is not None and phase.window_min[1] > 60 * hours:
            end = phase.window_min[1]
            yield (*path, "window_min"), f"ends at minute {end:g}; {group} has access for {60 * hours:g} minutes"


def _treatment_faults(study: Study, treatment: Treatment, path: KeyPath) -> Iterator[Fault]:
    if treatment.drug not in ("none", *_INJECTED):
        known = ", ".join(("none", *_INJECTED))
        yield (*path, "drug"), f"the mechanism does not know {treatment.drug}; expected one of: {known}"
    elif treatment.drug == "naloxone" and treatment.dose_mg_kg > _MOST_NALOXONE:
        dose = treatment.dose_mg_kg
        yield (*path, "dose_mg_kg"), f"{dose:g} mg/kg of naloxone is impossible; at most {_MOST_NALOXONE:g}"
    elif treatment.drug != "naloxone" and treatment.dose_mg_kg > 0:
        yield (*path, "dose_mg_kg"), f"{treatment.drug} has no dose; give 0"


def _order_faults(study: Study) -> Iterator[Fault]:
    rewarded, paired = False, set[int | None]()
    for index, phase in enumerate(study.phases):
        path: KeyPath = ("phases", index)
        if phase.name in WITHHELD and not rewarded:
            yield path, f"{phase.name} withholds a drug that no earlier phase gave; put self-administration before it"
        kinds = [_kind(study, phase, treatment) for treatment in phase.treatments]
        for number, kind in enumerate(kinds):
            if not kind.injected and kind.cue is not None and kind.cue not in paired:
                cue = study.cues.levels[kind.cue]
                yield (
                    (*path, "treatments", number),
                    f"{phase.name} shows the odor of {cue} before any phase pairs it with an injection; "
                    "put conditioning before it",
                )
        paired |= {kind.cue for kind in kinds if kind.injected}
        rewarded |= phase.name not in WITHHELD
