"""One animal through one session or rest, step by step (`docs/mechanism.md` has the equations and their sources).

State, in this order: heroin, 6-MAM and morphine in the body and the agonist in the brain (mg/kg), naloxone at its site
and in the brain (mg/kg); the opponent process b (in units of full effect), its strength D (0 to 1), and the learned
outcomes of the lever (0 to 1) in the two states, felt well and felt ill.
"""

from typing import NamedTuple

import numpy as np

from cuecircuit.compiled import njit

HEROIN, MAM, MORPHINE, BRAIN, DEPOT, NALOXONE, OPPONENT, STRENGTH, OUTCOME, RELIEF = range(10)
STATES = 10
STEP_S, REST_S = 5, 60
"""Seconds of a step in a session and at home; the opponent process takes hours."""

# columns of the record of each minute
RECORD = ("agonist", "effect", "opponent", "withdrawal", "strength", "outcome")
# exponent of the drive: n/m of Keramati et al. 2017
_DRIVE_POWER = 4 / 3
_DAY_S = 86_400
_DARK_S = 43_200


class Body(NamedTuple):
    """Parameters of one animal on one day; rates per second, amounts mg/kg."""

    agonist_half: float
    naloxone_half: float
    opponent_gain: float
    opponent_s: float
    innate: float
    growth_use: float
    growth_withdrawal: float
    loss: float
    felt: float
    set_point: float
    light: float
    aversion: float
    threshold: float
    noise: float
    fastest: float
    learning: float
    ill_half: float
    unlearning: float
    disruption: float
    unit: float


class Rule(NamedTuple):
    """What the box does; times in seconds from the start; a dose at second -1 is never given.

    `odor_value` is what the odor has come to predict. A medicine is there all the time: its concentration over its K,
    and its efficacy relative to heroin's.
    """

    live: int
    rewarded: bool
    infusion_mg_kg: float
    timeout: int
    injection: int
    naloxone_mg_kg: float
    odor_on: int
    odor_off: int
    odor_value: float
    medicine: float
    efficacy: float


@njit(cache=True, nogil=True, error_model="numpy")
def flow(state, transfer):
    """Let all drug amounts move on by the time that the transfer matrix stands for."""
    # the last stage first: what flows in comes from stages that have not yet been moved
    for row in range(NALOXONE, -1, -1):
        moved = 0.0
        for column in range(row + 1):
            moved += transfer[row, column] * state[column]
        state[row] = moved


@njit(cache=True, nogil=True, error_model="numpy")
def effect(state, body, medicine, efficacy):
    """Compute the effect of agonist, naloxone and medicine that compete for one receptor (Gaddum 1937)."""
    agonist = state[BRAIN] / body.agonist_half
    return (agonist + efficacy * medicine) / (1 + agonist + state[NALOXONE] / body.naloxone_half + medicine)


@njit(cache=True, nogil=True, error_model="numpy")
def oppose(state, body, felt_effect, seconds):
    """Let the opponent process follow the effect, its strength grow with use and withdrawal; return withdrawal."""
    withdrawal = max(state[OPPONENT] - felt_effect, 0.0)
    target = body.opponent_gain * (body.innate + state[STRENGTH]) * felt_effect
    grown = body.growth_use * state[OPPONENT] + body.growth_withdrawal * withdrawal
    state[OPPONENT] += seconds / body.opponent_s * (target - state[OPPONENT])
    state[STRENGTH] += seconds * (grown * (1 - state[STRENGTH]) - body.loss * state[STRENGTH])
    return withdrawal


@njit(cache=True, nogil=True, error_model="numpy")
def drive(felt, set_point, aversion):
    """Compute how strongly a felt state below the set point presses for a change; below 0 it counts more."""
    below = max(set_point - felt, 0.0) ** _DRIVE_POWER
    return below + (aversion - 1) * max(-felt, 0.0) ** _DRIVE_POWER


@njit(cache=True, nogil=True, error_model="numpy")
def press_rate(state, body, felt_effect, felt, withdrawal, second):
    """Compute presses per second, and how far the animal feels ill (0 to 1)."""
    ill = max(-felt, 0.0)
    ill /= ill + body.ill_half
    expected = (1 - ill) * state[OUTCOME] + ill * state[RELIEF]
    # the level that has this effect without an antagonist, and what an unblocked infusion adds to it
    level = felt_effect / (1 - felt_effect) + body.unit / body.agonist_half
    gained = expected * (level / (1 + level) - felt_effect)
    set_point = body.set_point if second % _DAY_S < _DARK_S else body.light * body.set_point
    gain = drive(felt, set_point, body.aversion) - drive(felt + gained, set_point, body.aversion)
    gain /= body.set_point**_DRIVE_POWER
    rate = body.fastest / (1 + np.exp(-(gain - body.threshold) / body.noise))
    return rate * np.exp(-((withdrawal / body.disruption) ** 4)), ill


@njit(cache=True, nogil=True, error_model="numpy")
def live_session(state, body, rule, transfer, uniform):
    """Take an animal through a session of one step per random number; the state is changed in place.

    Returns times of active presses and of infusions (seconds), the record of each minute, and of the odor's time: the
    largest fall of the drug's effect from its onset, and the highest withdrawal.
    """
    steps = len(uniform)
    active, infusion = np.empty(steps), np.empty(steps)
    n_active, n_infusion = 0, 0
    each_minute = 60 // STEP_S
    record = np.empty((steps // each_minute, len(RECORD)))
    outcome = np.zeros(2)
    onset = 0.0
    blocked_until = 0
    for step in range(steps):
        second = step * STEP_S
        if rule.injection >= 0 and second <= rule.injection < second + STEP_S:
            state[DEPOT] += rule.naloxone_mg_kg
        flow(state, transfer)
        now = effect(state, body, rule.medicine, rule.efficacy)
        conditioned = rule.odor_value if rule.odor_on <= second < rule.odor_off else 0.0
        felt = now - body.felt * (state[OPPONENT] + conditioned)
        withdrawal = oppose(state, body, now, STEP_S)
        if rule.odor_on <= second < rule.odor_off:
            onset = onset if second - STEP_S >= rule.odor_on else now
            outcome[0] = max(outcome[0], onset - now)
            outcome[1] = max(outcome[1], withdrawal)
        if step % each_minute == 0 and step // each_minute < len(record):
            record[step // each_minute] = (
                state[BRAIN],
                now,
                state[OPPONENT],
                withdrawal,
                state[STRENGTH],
                state[OUTCOME],
            )
        if second >= rule.live:
            continue
        # no rate is above this one, and 1 − exp(−rate) ≤ rate: most steps need not be looked at
        if uniform[step] >= body.fastest * STEP_S:
            continue
        rate, ill = press_rate(state, body, now, felt, withdrawal, second)
        if uniform[step] >= 1 - np.exp(-rate * STEP_S):
            continue
        active[n_active] = second
        n_active += 1
        if second < blocked_until:
            continue
        came = 0.0
        if rule.rewarded:
            infusion[n_infusion] = second
            n_infusion += 1
            blocked_until = second + rule.timeout
            state[HEROIN] += rule.infusion_mg_kg
            came = 1 / (1 + state[NALOXONE] / body.naloxone_half + rule.medicine)
        state[OUTCOME] += body.learning * (1 - ill) * (came - state[OUTCOME])
        step_relief = body.learning * ill * (came - state[RELIEF])
        state[RELIEF] += step_relief * (body.unlearning if step_relief < 0 else 1.0)
    return active[:n_active], infusion[:n_infusion], record, outcome


@njit(cache=True, nogil=True, error_model="numpy")
def rest(state, body, transfer, minutes, medicine, efficacy):
    """Let the hours between sessions pass, minute by minute; the transfer matrix stands for one minute."""
    for _ in range(minutes):
        flow(state, transfer)
        oppose(state, body, effect(state, body, medicine, efficacy), REST_S)
