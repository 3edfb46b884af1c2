"""What the simulated rats are taken through: the parts of a study file that their generator knows.

Two groups, two cues with an odor each, one drug, phases in the order of the file. The numbers of blocks are those of
`trials.parts`; a part of sessions in which a treatment acts is the `window_min` of the measure that the study asks of
its phase. What no study file says is assumed here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cuecircuit.errors import StudyError
from cuecircuit.generators.planted import Spread
from cuecircuit.generators.sizes import stated_sizes
from cuecircuit.study.about import About
from cuecircuit.study.accounting import levels_of_phases, split_reference
from cuecircuit.study.acquisition import Scans, Space
from cuecircuit.study.experiment import Phase, PhaseKind
from cuecircuit.study.questions import Rows
from cuecircuit.study.schema import Study

ODORS = ("lemon", "vanilla")
BLOCK_S = 30.0
"""Length of a block; not printed in Carmack et al. 2019, 30 s on and 60 s off is usual."""
_BLOCKS, _VOLUMES = 4, 210


@dataclass(frozen=True, slots=True, kw_only=True)
class RatTreatment:
    """A condition of a phase: what is injected, and the number of the cue whose odor is there."""

    name: str
    experiment: str
    drug: str | None
    dose_mg_kg: float
    cue: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatPhase:
    """A row of days; `access_h` by group; `rewarded` where a lever press delivers the drug."""

    name: str
    kind: PhaseKind
    experiment: str
    treatments: tuple[RatTreatment, ...]
    days: int
    access_h: dict[str, float]
    rewarded: bool
    rest_days: int
    window_min: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatDesign:
    """A study file as the generator of rats knows it; groups and cues in their order, the reference first."""

    study: Study
    about: About
    species: str
    group_column: str
    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    cues: tuple[str, ...]
    odor_column: str
    drug: str
    dose_mg_kg: float
    phases: tuple[RatPhase, ...]
    parameters: dict[str, float]
    spread: Spread
    scans: Scans
    space: Space
    blocks: int
    volumes: int

    def first(self, kind: PhaseKind) -> RatPhase:
        """Return the first phase of a kind; `rat_design` has made sure that there is one where it is needed."""
        return next(phase for phase in self.phases if phase.kind == kind)

    @property
    def paired(self) -> str:
        """The treatment whose pairings the responses are planted to follow: the last of the conditioning."""
        return self.first("conditioning").treatments[-1].name


def rat_design(study: Study) -> RatDesign:
    """Read what the generator needs from a study.

    Raises:
        StudyError: sections, phases, levels or sizes that the generator needs, or that it does not know; all at once.
    """
    if faults := list(_faults(study)):
        raise StudyError(
            [f"{fault}; leave `simulation.generator` out to simulate from base and effects" for fault in faults]
        )
    operant, scans, space, trials = study.operant, study.scans, study.space, study.trials
    assert operant is not None
    assert scans is not None
    assert space is not None
    assert trials is not None
    assert study.simulation is not None
    assert isinstance(trials.cells, str)
    groups, cues = study.factors[operant.by].levels, study.factors[trials.cells].levels
    drug = next(name for phase in operant.phases.values() for name in phase.drugs)
    numbered = [number for levels in trials.parts.values() for numbers in levels.values() for number in numbers]
    return RatDesign(
        study=study,
        about=study.about,
        species=study.subjects.species,
        group_column=operant.by,
        groups=groups,
        sizes=tuple(study.simulation.n[group] for group in groups),
        cues=cues,
        odor_column=trials.labels[0] if trials.labels else "odor",
        drug=drug,
        dose_mg_kg=study.drugs[drug].dose_mg_kg or 0.0,
        phases=tuple(_phase(study, name, phase, groups, cues) for name, phase in operant.phases.items()),
        parameters=study.simulation.parameters,
        spread=stated_sizes(Spread(), study.simulation.sizes),
        scans=scans,
        space=space,
        blocks=max(numbered, default=_BLOCKS),
        volumes=scans.volumes or _VOLUMES,
    )


def _phase(study: Study, name: str, phase: Phase, groups: tuple[str, ...], cues: tuple[str, ...]) -> RatPhase:
    treatments = tuple(
        RatTreatment(
            name=each,
            experiment=treatment.experiment or "",
            drug=treatment.drug,
            dose_mg_kg=treatment.dose_mg_kg or 0.0,
            cue=None if treatment.cue is None else cues.index(treatment.cue),
        )
        for each, treatment in phase.treatments.items()
    )
    return RatPhase(
        name=name,
        kind=phase.kind,
        experiment=phase.experiment or "",
        treatments=treatments,
        days=phase.days,
        access_h={group: phase.access_of(group) or 0.0 for group in groups},
        rewarded=bool(phase.drugs),
        rest_days=phase.rest_of(groups[0]),
        window_min=counted_window(study, name),
    )


def counted_window(study: Study, phase: str) -> tuple[float, float] | None:
    """Return the part of a phase's sessions (min) that a question or a derived number counts, where one does."""
    assert study.operant is not None
    for rows in (*study.questions.values(), *study.derived.values()):
        if not isinstance(rows, Rows):
            continue
        table, response = split_reference(rows.of)
        measure = study.operant.measures.get(response)
        if table != "operant" or measure is None or measure.window_min is None:
            continue
        if any(phase_levels is study.operant.phases[phase] for phase_levels in levels_of_phases(study.operant, rows)):
            return measure.window_min
    return None


def _faults(study: Study) -> Iterator[str]:
    for name in ("operant", "trials", "scans", "space"):
        if getattr(study, name) is None:
            yield f"{name}: the generator of rats draws logs and scans; this section is missing"
    if study.space is not None:
        needed = ("white_matter", "ventricles", "anatomy", "atlas", "labels")
        yield from (
            f"space.{name}: the generator of rats draws it" for name in needed if getattr(study.space, name) is None
        )
    if study.trials is not None and not isinstance(study.trials.cells, str):
        yield "trials.cells: the generator of rats knows one factor of cues; name it"
    elif study.trials is not None and isinstance(study.trials.cells, str):
        yield from _two_levels(study, study.trials.cells, "cues")
    if study.operant is not None:
        yield from _operant_faults(study)


def _operant_faults(study: Study) -> Iterator[str]:
    operant, simulation = study.operant, study.simulation
    assert operant is not None
    assert simulation is not None
    if operant.by not in study.factors:
        yield f"factors.{operant.by}: the generator of rats knows two groups, and there is no such factor"
        return
    yield from _two_levels(study, operant.by, "groups")
    groups = study.factors[operant.by].levels
    yield from (f"simulation.n.{group}: no number of animals" for group in groups if group not in simulation.n)
    kinds = {phase.kind for phase in operant.phases.values()}
    for kind in ("self_administration", "conditioning"):
        if kind not in kinds:
            yield f"operant.phases: the generator of rats needs a phase of kind {kind}"
    drugs = dict.fromkeys(name for phase in operant.phases.values() for name in phase.drugs)
    if len(drugs) != 1 or not study.drugs[next(iter(drugs))].dose_mg_kg:
        named = ", ".join(drugs) or "none"
        yield f"operant.phases: the generator of rats knows one drug with dose_mg_kg, of all groups; found {named}"
    for name, phase in operant.phases.items():
        if phase.kind == "conditioning" and len(phase.treatments) != 2:
            yield f"operant.phases.{name}.treatments: the generator of rats knows two, found {len(phase.treatments)}"
        if len({phase.rest_of(group) for group in groups}) > 1:
            yield f"operant.phases.{name}.rest_days: the generator of rats knows one number, of all groups"
        yield from (
            f"operant.phases.{name}.access_h: no hours of {group}" for group in groups if not phase.access_of(group)
        )


def _two_levels(study: Study, factor: str, what: str) -> Iterator[str]:
    levels = study.factors[factor].levels
    if len(levels) != 2:
        yield f"factors.{factor}: the generator of rats knows two {what}, found {len(levels)} ({', '.join(levels)})"
