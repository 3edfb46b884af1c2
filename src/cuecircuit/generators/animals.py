"""Animals that live through a program: every session of every animal, press by press.

Each animal has its own random streams, so that it lives the same life whoever else is simulated, on however many cores.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import expm

from cuecircuit.arrays import Array, Float
from cuecircuit.generators import animal_kernel as kernel
from cuecircuit.generators.animal_kernel import Body, Rule
from cuecircuit.generators.cue_learning import pearce_hall, rescorla_wagner
from cuecircuit.generators.operant import TIMEOUT_S
from cuecircuit.generators.protocol import Kind, Program
from cuecircuit.generators.rats import Rat

Policy = Literal["satiety", "homeostatic"]
Learning = Literal["rescorla-wagner", "pearce-hall"]
POLICIES: tuple[Policy, ...] = ("satiety", "homeostatic")

OUTCOMES = ("withdrawal", "missing", "relief")
"""What odors come to predict: withdrawal, missing drug effect in any animal, and relief from withdrawal."""

# stimuli of a trial: the odor of each cue, then the injection
_INJECTION = 2
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a hypothesis leaves out: growth of dependence, learning, naloxone's block, different hours of access."""

    dependence: bool = True
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
    """An animal's sessions, its cue values after each day, and what it brings to its scans.

    `values` are V of each outcome and odor at the end of each day; `scan_values` those on the day of the scans;
    `scan_dependence` is dependence on that day.
    """

    sessions: tuple[LivedSession, ...]
    values: Float[Array, "day outcome=3 odor=2"]
    scan_values: Float[Array, "outcome=3 odor=2"]
    scan_dependence: float


def live(
    rat: Rat,
    own: Mapping[str, float],
    program: Program,
    rng: np.random.Generator,
    *,
    dose_mg_kg: float,
    world: World = World(),
    policy: Policy = "satiety",
    learning: Learning = "rescorla-wagner",
) -> Life:
    """Take one animal through all days of a program.

    Args:
        rat: its group and the treatment it begins with.
        own: its parameters.
        program: the experiment.
        rng: its source of chance.
        dose_mg_kg: of one infusion.
        world: what is true.
        policy: how it decides to press.
        learning: how it learns about odors.
    """
    second, minute = (expm(drug_flows(own) * seconds) for seconds in (1.0, 60.0))
    wander = _wander(own, len(program.days), rng)
    state = np.zeros(kernel.STATES)
    state[kernel.LEVER] = 1.0
    memory = _Memory(values=np.zeros((3, 3)), associability=np.ones((3, 3)))
    sessions, values, scan = [], [], (np.zeros((3, 2)), 0.0)
    now = 1
    for day, log_wander in zip(program.days, wander.tolist(), strict=True):
        body = _body(own, dose_mg_kg, float(np.exp(log_wander)), world, second)
        for number in range(now, day.number):
            kernel.rest(state, body, minute, _DAY_S // 60)
            if number == program.scan_day:
                scan = memory.values[:, :2].copy(), float(state[kernel.DEPENDENCE])
        kind = program.kinds[day.kind_of(rat.order)]
        rule = _rule(rat, kind, program, memory, dose_mg_kg, world, policy)
        seconds = round(3600 * kind.phase.access_h[rat.group])
        active, infusion, record, outcome = kernel.live_session(state, body, rule, second, rng.random(seconds))
        inactive = np.flatnonzero(rng.random(seconds) < own["inactive"] / 3600).astype(float)
        kernel.rest(state, body, minute, (_DAY_S - seconds) // 60)
        if kind.cue is not None and world.learning:
            memory = _learn(memory, kind, outcome, own, learning)
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
        values.append(memory.values[:, :2].copy())
        now = day.number + 1
    if program.scan_day >= now:
        scan = memory.values[:, :2].copy(), float(state[kernel.DEPENDENCE])
    return Life(sessions=tuple(sessions), values=np.array(values), scan_values=scan[0], scan_dependence=scan[1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Memory:
    """V and associability of each outcome and stimulus: two odors and the injection."""

    values: Float[Array, "outcome=3 stimulus=3"]
    associability: Float[Array, "outcome=3 stimulus=3"]


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


def _wander(own: Mapping[str, float], days: int, rng: np.random.Generator) -> Float[Array, "day"]:
    """Logarithm of the day's threshold over the animal's own: AR(1)."""
    memory, drive = own["threshold_memory"], rng.standard_normal(days)
    path = np.empty(days)
    for day in range(days):
        path[day] = drive[day] if day == 0 else memory * path[day - 1] + np.sqrt(1 - memory**2) * drive[day]
    return own["threshold_day"] * path


def _body(own: Mapping[str, float], dose_mg_kg: float, today: float, world: World, second: Float[Array, "6 6"]) -> Body:
    threshold = own["threshold"] * today
    return Body(
        occupancy_half=own["occupancy_half"],
        naloxone_half=own["naloxone_half"],
        growth=own["growth"] / 3600 if world.dependence else 0.0,
        recovery=own["recovery"] / 3600,
        threshold=threshold,
        priming=own["priming_share"] * threshold,
        width=own["width"],
        dependence_gain=own["dependence_gain"],
        withdrawal_gain=own["withdrawal_gain"],
        cue_gain=own["cue_gain"],
        relief_gain=own["relief_gain"],
        fastest=own["fastest"] / 60,
        arousal_s=60 * own["arousal"],
        lever_rate=own["lever_rate"],
        timeout_share=own["timeout_share"],
        unit=dose_mg_kg * _peak(second),
        cost=own["cost"],
        temperature=own["temperature"],
    )


def _peak(second: Float[Array, "6 6"]) -> float:
    """Highest level in the brain after a bolus of 1, looked for within an hour, half a minute at a time."""
    level, step = np.zeros(6), np.linalg.matrix_power(second, 30)
    level[kernel.HEROIN] = 1
    highest = 0.0
    for _ in range(120):
        level = step @ level
        highest = max(highest, float(level[kernel.BRAIN]))
    return highest


def _rule(
    rat: Rat, kind: Kind, program: Program, memory: _Memory, dose_mg_kg: float, world: World, policy: Policy
) -> Rule:
    access = kind.phase.access_h
    seconds = round(3600 * access[rat.group])
    # where hours of access must not differ, levers answer for the shortest of them only
    live_s = seconds if world.hours else round(3600 * min(access.values()))
    on, off = kind.window_s or (0, seconds)
    shown = [] if kind.cue is None else [kind.cue, _INJECTION] if kind.injected else [kind.cue]
    withdrawal, _, relief = memory.values[:, shown].sum(axis=1)
    return Rule(
        live=live_s,
        rewarded=kind.rewarded,
        infusion_mg_kg=dose_mg_kg,
        timeout=round(TIMEOUT_S),
        injection=on if kind.injected else -1,
        naloxone_mg_kg=kind.naloxone_mg_kg if world.naloxone else 0.0,
        odor_on=on if shown else seconds,
        odor_off=off if shown else seconds,
        cue_withdrawal=max(float(withdrawal), 0.0),
        cue_relief=max(float(relief), 0.0),
        policy=POLICIES.index(policy),
    )


def _learn(
    memory: _Memory, kind: Kind, outcomes: Float[Array, "outcome=3"], own: Mapping[str, float], learning: Learning
) -> _Memory:
    salience = np.zeros(3)
    salience[kind.cue] = own["salience"]
    if kind.injected:
        salience[_INJECTION] = own["context_salience"]
    values, associability = memory.values.copy(), memory.associability.copy()
    for number, outcome in enumerate(outcomes.tolist()):
        if learning == "rescorla-wagner":
            values[number] = rescorla_wagner(values[number], salience, outcome)
        else:
            values[number], associability[number] = pearce_hall(
                values[number], associability[number], salience, outcome, memory=own["associability_memory"]
            )
    return _Memory(values=values, associability=associability)
