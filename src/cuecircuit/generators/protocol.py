"""A study as the program of a virtual experiment: which session, with which rule, dose and odor, on which day.

The phases follow one another in the order of the file, one session a day; treatments of a phase take turns. The odor
of a treatment's cue is there during the window that is counted, and all the time where the phase has none; its drug is
injected when the window opens. The scans take the day after the conditioning. Where nothing is delivered the pump does
not run.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cuecircuit.errors import StudyError
from cuecircuit.generators.parameters import parameter_faults
from cuecircuit.generators.rat_design import RatDesign, RatPhase, RatTreatment

_INJECTED = ("saline", "naloxone")
_NOT_LIVED = ("progressive_ratio", "punishment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Sessions of one phase under one of its treatments; `cue` None where no odor is shown; window in seconds."""

    phase: RatPhase
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
        """Return the kind of the animals that begin with treatment `order`."""
        return self.kinds[(self.shift + order) % len(self.kinds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """All kinds of sessions, and the days in their order; `scan_day` is the number of the day of the scans."""

    kinds: tuple[Kind, ...]
    days: tuple[ProgramDay, ...]
    scan_day: int


def program_of(design: RatDesign) -> Program:
    """Lay a design out as a program; `check_protocol` has made sure that this can be done."""
    kinds: list[Kind] = []
    days: list[ProgramDay] = []
    number = scan_day = 0
    for phase in design.phases:
        first = len(kinds)
        kinds += [_kind(phase, treatment) for treatment in phase.treatments or (None,)]
        mine = tuple(range(first, len(kinds)))
        for session in range(phase.days * len(mine)):
            number += 1
            turn, shift = divmod(session, len(mine))
            days.append(ProgramDay(number=number, kinds=mine, turn=turn, shift=shift))
        if phase.kind == "conditioning":
            number += 1
            scan_day = number
    return Program(kinds=tuple(kinds), days=tuple(days), scan_day=scan_day)


def check_protocol(design: RatDesign) -> None:
    """Refuse a design that the mechanism's animals cannot be taken through.

    Raises:
        StudyError: drugs that the mechanism does not know, phases that it does not live, impossible parameters.
    """
    if faults := list(_protocol_faults(design)):
        raise StudyError(faults)


def _kind(phase: RatPhase, treatment: RatTreatment | None) -> Kind:
    window = phase.window_min and (round(60 * phase.window_min[0]), round(60 * phase.window_min[1]))
    return Kind(
        phase=phase,
        treatment=treatment.name if treatment else "",
        experiment=treatment.experiment if treatment else phase.experiment,
        rewarded=phase.rewarded,
        cue=treatment.cue if treatment else None,
        injected=treatment is not None and treatment.drug in _INJECTED,
        naloxone_mg_kg=treatment.dose_mg_kg if treatment and treatment.drug == "naloxone" else 0.0,
        window_s=window,
    )


def _protocol_faults(design: RatDesign) -> Iterator[str]:
    """Yield what the mechanism lacks; what is impossible for any animal was refused when the file was read."""
    for name, what in parameter_faults(design.parameters):
        yield f"simulation.parameters.{name}: {what}"
    if design.drug != "heroin":
        yield f"drugs.{design.drug}: the mechanism knows heroin, not {design.drug}"
    for phase in design.phases:
        if phase.kind in _NOT_LIVED:
            yield f"operant.phases.{phase.name}.kind: the mechanism lives fixed ratio 1 alone, not {phase.kind}"
        for treatment in phase.treatments:
            if treatment.drug not in (None, *_INJECTED):
                yield (
                    f"operant.phases.{phase.name}.treatments.{treatment.name}.drug: the mechanism does not know "
                    f"{treatment.drug}; expected one of: {', '.join(_INJECTED)}, or none for a cue alone"
                )
