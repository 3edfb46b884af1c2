"""A study lived by animals: their logs, what their odors came to mean, and the responses of their circuits.

What a hypothesis leaves out is in `WORLDS`; everything else, the two access groups included, has the same parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.generators.animals import Life, World, live
from cuecircuit.generators.circuit import REGIONS, Circuit, circuit_of, settled_response
from cuecircuit.generators.intake import PARTS_MIN, PhaseCounts
from cuecircuit.generators.operant import START, Day, Presses, log_session
from cuecircuit.generators.parameters import draw_parameters
from cuecircuit.generators.planted import HYPOTHESES, SLOPE_REGIONS, Responses
from cuecircuit.generators.protocol import Program, program_of
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

    program: Program
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
    program = program_of(design)
    drawn = draw_parameters(len(rats), design.parameters, rng)
    lives = tuple(
        live(
            rat,
            {name: float(values[number]) for name, values in drawn.items()},
            program,
            streams(number),
            dose_mg_kg=design.dose_mg_kg,
            world=WORLDS[hypothesis],
        )
        for number, rat in enumerate(rats)
    )
    inputs = np.stack([cue_inputs(life) for life in lives])
    return Lived(
        program=program,
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
    own, answer = behavior.astype(float), response.copy()
    for level in np.unique(group):
        own[group == level] -= own[group == level].mean()
        answer[group == level] -= answer[group == level].mean(axis=0)
    spread = float(own @ own)
    if spread == 0:
        return np.zeros(response.shape[1])
    return own @ answer / spread * np.sqrt(spread / (len(own) - len(np.unique(group))))


def counts_of(lived: Lived) -> list[PhaseCounts]:
    """Count infusions (or presses, where the drug is withheld) in each part of each session, kind by kind."""
    edges_s = [60 * start for start in PARTS_MIN] + [np.inf]
    counted = []
    for number, kind in enumerate(lived.program.kinds):
        mine = [[session for session in life.sessions if session.kind == number] for life in lived.lives]
        tables = [[_histogram(s.infusion if kind.rewarded else s.active, edges_s) for s in own] for own in mine]
        counted.append(
            PhaseCounts(
                phase=kind.phase,
                treatment=kind.treatment,
                experiment=kind.experiment,
                rewarded=kind.rewarded,
                counts=np.array(tables, dtype=int),
            )
        )
    return counted


def days_of(lived: Lived, rats: Sequence[Rat], rng: np.random.Generator) -> list[Day]:
    """Put what the animals did on the calendar."""
    days: list[Day] = []
    for place, planned in enumerate(lived.program.days):
        kinds = [lived.program.kinds[planned.kind_of(rat.order)] for rat in rats]
        date = START + timedelta(days=planned.number - 1)
        logs = []
        for index, (rat, kind, life) in enumerate(zip(rats, kinds, lived.lives, strict=True)):
            done = life.sessions[place]
            presses = Presses(active=done.active, inactive=done.inactive, infusion=done.infusion)
            hours = kind.phase.access_h[rat.group]
            logs.append(log_session(presses, rat, kind.experiment, index, 3600 * hours, date, rng))
        session = 1 + sum(day.phase == kinds[0].phase.name for day in days)
        days.append(Day(number=planned.number, phase=kinds[0].phase.name, session=session, date=date, logs=tuple(logs)))
    return days


def _histogram(times: Float[Array, "event"], edges_s: Sequence[float]) -> list[int]:
    return np.histogram(times, edges_s)[0].tolist()
