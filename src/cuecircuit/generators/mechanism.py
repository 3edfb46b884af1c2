"""A study lived by animals: their logs, what their odors came to mean, and the responses of their circuits.

What a hypothesis leaves out is in `WORLDS`; everything else, the two access groups included, has the same parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.generators.animals import Life, LivedSession, World, live
from cuecircuit.generators.circuit import REGIONS, Circuit, circuit_of, settled_response
from cuecircuit.generators.intake import PARTS_MIN, PhaseCounts
from cuecircuit.generators.operant import START, Day, Presses, log_session
from cuecircuit.generators.parameters import draw_parameters
from cuecircuit.generators.planted import HYPOTHESES, SLOPE_REGIONS, Responses
from cuecircuit.generators.protocol import program_of
from cuecircuit.generators.rat_design import RatDesign
from cuecircuit.generators.rats import Rat

WORLDS: Mapping[str, World] = {
    "withdrawal": World(),
    "antagonism": World(opponent=False, learning=False),
    "respiration": World(),
    "null": World(opponent=False, learning=False, naloxone=False, hours=False),
}
assert WORLDS.keys() == HYPOTHESES.keys(), "a world for every hypothesis"

Streams = Callable[[int], np.random.Generator]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lived:
    """What the animals of a study did and became; `inputs` are those of their circuits, `rates` breaths per minute."""

    cues: tuple[str, ...]
    scan_date: int
    parameters: Mapping[str, Float[Array, "subject"]]
    lives: tuple[Life, ...]
    inputs: Float[Array, "subject cue=2 input=4"]
    rates: Float[Array, "subject cue=2"]


def live_study(
    design: RatDesign,
    rats: Sequence[Rat],
    *,
    hypothesis: str,
    rng: np.random.Generator,
    streams: Streams,
) -> Lived:
    """Let every animal live through the study.

    Args:
        design: the protocol, checked by `protocol.check_protocol`.
        rats: the animals.
        hypothesis: what is true, a key of `WORLDS`.
        rng: source of the differences between animals.
        streams: gives each animal, by its number, its own source of chance.
    """
    drawn = draw_parameters(len(rats), design.parameters, rng)
    programs = [program_of(design.study, rat.group, rat.order) for rat in rats]
    lives = tuple(
        live(
            {name: float(values[number]) for name, values in drawn.items()},
            program,
            streams(number),
            world=WORLDS[hypothesis],
        )
        for number, program in enumerate(programs)
    )
    inputs = np.stack([cue_inputs(life) for life in lives])
    return Lived(
        cues=programs[0].cues,
        scan_date=programs[0].scan_date,
        parameters=drawn,
        lives=lives,
        inputs=inputs,
        rates=inputs @ circuit_of(hypothesis).breathing if hypothesis != "null" else np.zeros(inputs.shape[:2]),
    )


def cue_inputs(life: Life) -> Float[Array, "cue=2 input=4"]:
    """Return what drives an animal's circuit while it smells the odor of each cue, in the order of `circuit.INPUTS`."""
    return np.stack([np.ones(2), np.full(2, life.scan_strength), *life.scan_values], axis=1)


def draw_responses(
    lived: Lived,
    circuit: Circuit,
    group: Int[Array, "subject"],
    behavior: Float[Array, "subject"],
    rng: np.random.Generator,
) -> Responses:
    """Assign each animal's regions their responses: those of the circuit, and what differs between animals and scans.

    Args:
        lived: the animals.
        circuit: paths, the same in all.
        group: 0 for short, 1 for long access.
        behavior: mean infusions in the naloxone pairings.
        rng: source of the differences.
    """
    settled = settled_response(circuit.gain, circuit.drives, lived.inputs).transpose(0, 2, 1)
    stress, other, within = (lived.parameters[f"{name}_sd"] for name in ("stress_region", "region", "scan"))
    between = np.where(np.isin(REGIONS, SLOPE_REGIONS), stress[:, None], other[:, None])[..., None]
    common = between * rng.standard_normal((*settled.shape[:2], 1))
    subjects = settled + common + within[:, None, None] * rng.standard_normal(settled.shape)
    cells = np.stack([settled[group == level].mean(axis=0) for level in (0, 1)], axis=1)
    return Responses(cells=cells, subjects=subjects, slopes=_slopes(settled[:, :, 1], group, behavior))


def _slopes(
    response: Float[Array, "subject region"], group: Int[Array, "subject"], behavior: Float[Array, "subject"]
) -> Float[Array, "region"]:
    """Change of the circuit's response for one SD of behavior, both about their group's mean."""
    numeric, answer = behavior.astype(float), response.copy()
    for level in np.unique(group):
        numeric[group == level] -= numeric[group == level].mean()
        answer[group == level] -= answer[group == level].mean(axis=0)
    spread = float(numeric @ numeric)
    if spread == 0:
        return np.zeros(response.shape[1])
    return numeric @ answer / spread * np.sqrt(spread / (len(numeric) - len(np.unique(group))))


def counts_of(lived: Lived, design: RatDesign) -> list[PhaseCounts]:
    """Count infusions (or presses, where the drug is withheld) in each part of each session, phase by phase."""
    edges_s = [60 * start for start in PARTS_MIN] + [np.inf]
    counted = []
    for phase in design.phases:
        named = [(way.name, way.experiment) for way in phase.treatments] or [("", phase.experiment)]
        for treatment, experiment in named:
            mine = [[one for one in life.sessions if _is_of(one, phase.name, treatment)] for life in lived.lives]
            tables = [
                [_histogram(s.infusion if phase.rewarded else s.active, edges_s) for s in sessions] for sessions in mine
            ]
            counted.append(
                PhaseCounts(
                    phase=phase,
                    treatment=treatment,
                    experiment=experiment,
                    rewarded=phase.rewarded,
                    counts=np.array(tables, dtype=int),
                )
            )
    return counted


def days_of(lived: Lived, design: RatDesign, rats: Sequence[Rat], rng: np.random.Generator) -> list[Day]:
    """Put what the animals did on the calendar; every group has the same days."""
    words = {
        (phase.name, treatment.name if treatment else ""): treatment.experiment if treatment else phase.experiment
        for phase in design.phases
        for treatment in phase.treatments or (None,)
    }
    days: list[Day] = []
    for place, first in enumerate(lived.lives[0].sessions):
        date = START + timedelta(days=first.plan.date - 1)
        logs = []
        for index, (rat, life) in enumerate(zip(rats, lived.lives, strict=True)):
            done = life.sessions[place]
            presses = Presses(active=done.active, inactive=done.inactive, infusion=done.infusion)
            word = words[done.plan.phase, done.plan.treatment]
            logs.append(log_session(presses, rat, word, index, float(done.plan.seconds), date, rng))
        session = 1 + sum(day.phase == first.plan.phase for day in days)
        days.append(Day(number=first.plan.date, phase=first.plan.phase, session=session, date=date, logs=tuple(logs)))
    return days


def _is_of(session: LivedSession, phase: str, treatment: str) -> bool:
    return (session.plan.phase, session.plan.treatment) == (phase, treatment)


def _histogram(times: Float[Array, "event"], edges_s: Sequence[float]) -> list[int]:
    return np.histogram(times, edges_s)[0].tolist()
