"""A study file as the program of a virtual experiment: which session, with which rule, dose and odor, on which day.

The phases follow one another in the order of the file, one session a day; treatments of a phase take turns. A
treatment shows the odor of cue `k` where its name is `k` or begins with `k_`; it is injected unless its drug is `none`.
The odor is there during `window_min`, and all the time where the phase has no window; the injection is given when the
window opens. The scans take the day after the conditioning phase. Where the drug is withheld the pump does not run.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cuecircuit.errors import StudyError
from cuecircuit.simulation.parameters import parameter_faults
from cuecircuit.study.crosscheck import Contradiction, cue_of, one_of
from cuecircuit.study.file import KeyPath, line_of
from cuecircuit.study.study import Phase, Study, Treatment

_INJECTED = ("saline", "naloxone")


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
        StudyError: drugs that the mechanism does not know, groups without hours, impossible sizes and parameters.
    """
    _refuse((*_simulation_faults(study), *_protocol_faults(study)), lines, name)


def check_simulation(study: Study, lines: Mapping[KeyPath, int], name: str) -> None:
    """Refuse a section `simulation` that no animals can be made from; arguments as of `check_protocol`.

    Raises:
        StudyError: impossible sizes of groups, and parameters that are unknown or impossible.
    """
    _refuse(_simulation_faults(study), lines, name)


def _refuse(found: Iterable[Contradiction], lines: Mapping[KeyPath, int], name: str) -> None:
    faults = [f"{name}:{line_of(lines, path)}: {'.'.join(map(str, path))}: {what}" for path, what in found]
    if faults:
        raise StudyError(faults)


def _kind(study: Study, phase: Phase, treatment: Treatment | None) -> Kind:
    window = phase.window_min and (round(60 * phase.window_min[0]), round(60 * phase.window_min[1]))
    return Kind(
        phase=phase,
        treatment=treatment.name if treatment else "",
        experiment=(treatment.experiment if treatment else phase.experiment) or "",
        rewarded=not study.withheld(phase),
        cue=cue_of(study, treatment) if treatment else None,
        injected=treatment is not None and treatment.drug in _INJECTED,
        naloxone_mg_kg=treatment.dose_mg_kg if treatment and treatment.drug == "naloxone" else 0.0,
        window_s=window,
    )


def _simulation_faults(study: Study) -> Iterator[Contradiction]:
    for name, size in study.simulation.animals.items():
        path: KeyPath = ("simulation", "animals", name)
        if name not in study.subjects.groups:
            yield path, one_of(name, study.subjects.groups, "group")
        elif size < 2:
            yield path, f"{size} animals cannot be compared; give 2 or more"
    for name, what in parameter_faults(study.simulation.parameters):
        yield ("simulation", "parameters", name), what


def _protocol_faults(study: Study) -> Iterator[Contradiction]:
    """Yield what the mechanism lacks; what is impossible for any animal was refused when the file was read."""
    if study.drug.name != "heroin":
        yield ("drug", "name"), f"the mechanism knows heroin, not {study.drug.name}"
    for index, phase in enumerate(study.phases):
        path: KeyPath = ("phases", index)
        for group in study.subjects.groups:
            if group not in phase.access_h:
                yield (*path, "access_h"), f"no hours for {group}; give the hours of access of every group"
        for number, treatment in enumerate(phase.treatments):
            if treatment.drug not in ("none", *_INJECTED):
                known = ", ".join(("none", *_INJECTED))
                yield (
                    (*path, "treatments", number, "drug"),
                    f"the mechanism does not know {treatment.drug}; expected one of: {known}",
                )
