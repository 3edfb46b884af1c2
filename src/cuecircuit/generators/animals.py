"""Animals that live through a program: every session of every animal, press by press.

Each animal has its own random streams, so that it lives the same life whoever else is simulated, on however many cores.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

from cuecircuit.arrays import Array, Float
from cuecircuit.generators import animal_kernel as kernel
from cuecircuit.generators.animal_kernel import REST_S, STEP_S, Body, Rule
from cuecircuit.generators.operant import TIMEOUT_S
from cuecircuit.generators.protocol import Kind, Program
from cuecircuit.generators.rats import Rat

OUTCOMES = ("missing", "withdrawal")
"""What odors come to predict: a fall of the drug's effect, and withdrawal."""

_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a hypothesis leaves out: the opponent process, learning, naloxone's block, different hours of access."""

    opponent: bool = True
    learning: bool = True
    naloxone: bool = True
    hours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LivedSession:
    """One session; times in seconds; `record` has the columns of `animal_kernel.RECORD`, a row each minute."""

    day: int
    kind: int
    turn: int
    active: Float[Array, "active"]
    inactive: Float[Array, "inactive"]
    infusion: Float[Array, "infusion"]
    record: Float[Array, "minute 6"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Life:
    """An animal's sessions, the values of each odor after each day, and what it brings to its scans.

    `scan_values` and `scan_strength` are the odors' values and the opponent process's strength on the day of the scans.
    """

    sessions: tuple[LivedSession, ...]
    values: Float[Array, "day outcome=2 odor=2"]
    scan_values: Float[Array, "outcome=2 odor=2"]
    scan_strength: float


def live(
    rat: Rat,
    own: Mapping[str, float],
    program: Program,
    rng: np.random.Generator,
    *,
    dose_mg_kg: float,
    world: World = World(),
) -> Life:
    """Take one animal through all days of a program.

    Args:
        rat: its group and the treatment it begins with.
        own: its parameters.
        program: the experiment.
        rng: its source of chance.
        dose_mg_kg: of one infusion.
        world: what is true.
    """
    flows = drug_flows(own)
    step, minute = expm(flows * STEP_S), expm(flows * REST_S)
    unit = dose_mg_kg * peak_level(step)
    wander = set_point_course(own, len(program.days), rng)
    state = np.zeros(kernel.STATES)
    state[kernel.OUTCOME] = 1.0
    odors = np.zeros((2, 2))
    sessions, values, scan = [], [], (odors.copy(), 0.0)
    now = 1
    for day, log_wander in zip(program.days, wander.tolist(), strict=True):
        body = body_of(own, unit, float(np.exp(log_wander)), world)
        for number in range(now, day.number):
            kernel.rest(state, body, minute, _DAY_S // REST_S, 0.0, 0.0)
            if number == program.scan_day:
                scan = odors.copy(), float(state[kernel.STRENGTH])
        kind = program.kinds[day.kind_of(rat.order)]
        rule = _rule(rat, kind, odors, dose_mg_kg, world)
        seconds = round(3600 * kind.phase.access_h[rat.group])
        active, infusion, record, outcome = kernel.live_session(state, body, rule, step, rng.random(seconds // STEP_S))
        inactive = np.flatnonzero(rng.random(seconds) < own["inactive"] / 3600).astype(float)
        kernel.rest(state, body, minute, (_DAY_S - seconds) // REST_S, 0.0, 0.0)
        if kind.cue is not None and world.learning:
            odors[:, kind.cue] += own["salience"] * (outcome - odors[:, kind.cue])
        sessions.append(
            LivedSession(
                day=day.number,
                kind=day.kind_of(rat.order),
                turn=day.turn,
                active=active,
                inactive=inactive,
                infusion=infusion,
                record=record,
            )
        )
        values.append(odors.copy())
        now = day.number + 1
    if program.scan_day >= now:
        scan = odors.copy(), float(state[kernel.STRENGTH])
    return Life(sessions=tuple(sessions), values=np.array(values), scan_values=scan[0], scan_strength=scan[1])


def drug_flows(own: Mapping[str, float]) -> Float[Array, "6 6"]:
    """Rates of the chain of heroin and of naloxone, 1/s (`behavior.pharmacokinetics` has the closed form)."""
    names = ("heroin", "mam", "morphine")
    heroin, mam, morphine = (np.log(2) / (60 * own[f"{name}_half_life"]) for name in names)
    brain, uptake, loss = (np.log(2) / (60 * own[n]) for n in ("brain_delay", "naloxone_uptake", "naloxone_half_life"))
    flows = np.diag([-heroin, -mam, -morphine, -brain, -uptake, -loss])
    flows[kernel.MAM, kernel.HEROIN] = heroin
    flows[kernel.MORPHINE, kernel.MAM] = own["morphine_share"] * mam
    flows[kernel.BRAIN, kernel.MAM] = flows[kernel.BRAIN, kernel.MORPHINE] = brain
    flows[kernel.NALOXONE, kernel.DEPOT] = uptake
    return flows


def peak_level(step: Float[Array, "6 6"]) -> float:
    """Compute the highest level in the brain within an hour after a bolus of 1."""
    level = np.zeros(kernel.NALOXONE + 1)
    level[kernel.HEROIN] = 1
    highest = 0.0
    for _ in range(3600 // STEP_S):
        level = step @ level
        highest = max(highest, float(level[kernel.BRAIN]))
    return highest


def body_of(own: Mapping[str, float], unit: float, today: float = 1.0, world: World = World()) -> Body:
    """Return an animal's parameters on a day, in the units of the kernel.

    Args:
        own: its parameters, in the units of their table.
        unit: level in the brain that one infusion adds at its peak, mg/kg.
        today: set point of the day over the animal's own.
        world: what is true.
    """
    hour, day = 3600.0, float(_DAY_S)
    return Body(
        agonist_half=own["agonist_half"],
        naloxone_half=own["naloxone_half"],
        opponent_gain=own["opponent_gain"] * world.opponent,
        opponent_s=own["opponent_hours"] * hour,
        innate=own["innate"],
        growth_use=own["growth_use"] / day,
        growth_withdrawal=own["growth_withdrawal"] / day,
        loss=np.log(2) / (own["strength_half_life"] * day),
        felt=own["felt"],
        set_point=own["set_point"] * today,
        light=own["light"],
        aversion=own["aversion"],
        threshold=own["threshold"],
        noise=own["noise"],
        fastest=own["fastest"] / 60,
        learning=own["learning"],
        ill_half=own["ill_half"],
        unlearning=own["unlearning"],
        disruption=own["disruption"],
        unit=unit,
    )


def set_point_course(own: Mapping[str, float], days: int, rng: np.random.Generator) -> Float[Array, "day"]:
    """Logarithm of the day's set point over the animal's own: AR(1)."""
    memory, fresh = own["set_point_memory"], rng.standard_normal(days)
    path = np.empty(days)
    for day in range(days):
        path[day] = fresh[day] if day == 0 else memory * path[day - 1] + np.sqrt(1 - memory**2) * fresh[day]
    return own["set_point_day"] * path


def _rule(rat: Rat, kind: Kind, odors: Float[Array, "outcome=2 odor=2"], dose_mg_kg: float, world: World) -> Rule:
    access = kind.phase.access_h
    seconds = round(3600 * access[rat.group])
    on, off = kind.window_s or (0, seconds)
    return Rule(
        # where hours of access must not differ, levers answer for the shortest of them only
        live=seconds if world.hours else round(3600 * min(access.values())),
        rewarded=kind.rewarded,
        infusion_mg_kg=dose_mg_kg,
        timeout=round(TIMEOUT_S),
        injection=on if kind.injected else -1,
        naloxone_mg_kg=kind.naloxone_mg_kg if world.naloxone else 0.0,
        odor_on=seconds if kind.cue is None else on,
        odor_off=seconds if kind.cue is None else off,
        odor_value=0.0 if kind.cue is None else float(odors[OUTCOMES.index("withdrawal"), kind.cue]),
        medicine=0.0,
        efficacy=0.0,
    )
