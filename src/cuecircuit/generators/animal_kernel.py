"""One animal through one session, second by second (`docs/mechanism.md` has the equations).

State, in this order: heroin, 6-MAM and morphine in the body and the agonist in the brain (mg/kg), naloxone at its site
and in the brain (mg/kg), dependence (0 to 1), and the efficacy of the lever (1: each press gives a whole infusion).
"""

from typing import NamedTuple

import numpy as np

from cuecircuit.compiled import njit

HEROIN, MAM, MORPHINE, BRAIN, DEPOT, NALOXONE, DEPENDENCE, LEVER = range(8)
STATES = 8
SATIETY, HOMEOSTATIC = 0, 1
# columns of the record of each minute
RECORD = ("agonist", "block", "set_point", "withdrawal", "dependence", "lever")
# more presses than a session of 12 h can hold at one per time-out are not logged
_MOST_PRESSES = 4096
# exponent of the drive (Keramati et al. 2017: n/m = 4/3)
_DRIVE_POWER = 4 / 3


class Body(NamedTuple):
    """Parameters of one animal on one day; rates per second, amounts mg/kg."""

    occupancy_half: float
    naloxone_half: float
    growth: float
    recovery: float
    threshold: float
    priming: float
    width: float
    dependence_gain: float
    withdrawal_gain: float
    cue_gain: float
    relief_gain: float
    fastest: float
    arousal_s: float
    lever_rate: float
    timeout_share: float
    unit: float
    cost: float
    temperature: float


class Rule(NamedTuple):
    """What the box does; times in seconds from the start; a dose at second -1 is never given."""

    live: int
    rewarded: bool
    infusion_mg_kg: float
    timeout: int
    injection: int
    naloxone_mg_kg: float
    odor_on: int
    odor_off: int
    cue_withdrawal: float
    cue_relief: float
    policy: int


class Felt(NamedTuple):
    """What the animal feels at one moment."""

    agonist: float
    block: float
    occupancy: float
    missing: float
    withdrawal: float


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
def feel(state, body):
    """Competitive antagonism, the drug's effect, the part missing of what the animal is adapted to, and withdrawal."""
    block = 1 + state[NALOXONE] / body.naloxone_half
    agonist = state[BRAIN] / block
    occupancy = agonist / (agonist + body.occupancy_half)
    needed = body.threshold * (1 + body.dependence_gain * state[DEPENDENCE])
    adapted = needed / (needed + body.occupancy_half)
    missing = max(1 - occupancy / adapted, 0.0)
    return Felt(agonist, block, occupancy, missing, state[DEPENDENCE] * missing)


@njit(cache=True, nogil=True, error_model="numpy")
def adapt(state, body, occupancy, seconds):
    """Let dependence grow with the drug's effect and recover at a constant rate."""
    change = body.growth * occupancy * (1 - state[DEPENDENCE]) - body.recovery
    state[DEPENDENCE] = max(state[DEPENDENCE] + change * seconds, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def press_rate(felt, set_point, lever, second, cue_relief, policy, body):
    """Presses per second outside the time-out, by the animal's policy."""
    below = 1 / (1 + np.exp((felt.agonist - set_point) / (body.width * set_point)))
    if policy == SATIETY:
        drive = lever * below
    else:
        deficit = set_point - felt.agonist
        gain = abs(deficit) ** _DRIVE_POWER - abs(deficit - body.unit * lever) ** _DRIVE_POWER
        reward = gain / set_point**_DRIVE_POWER - body.cost
        drive = 1 / (1 + np.exp(-reward / body.temperature))
    primed = 1 / (1 + np.exp((body.priming - felt.agonist) / (body.width * body.priming)))
    return body.fastest * (
        drive * max(np.exp(-second / body.arousal_s), primed) + below * body.relief_gain * cue_relief
    )


@njit(cache=True, nogil=True, error_model="numpy")
def live_session(state, body, rule, transfer, uniform):
    """Take an animal through a session of one second per random number; the state is changed in place.

    Returns times of active presses and of infusions (seconds), the record of each minute, and of the odor's time: the
    rise of withdrawal from its onset to its peak, the same of the missing part of the drug's effect, and relief from
    the withdrawal that rose.
    """
    seconds = len(uniform)
    active, infusion = np.empty(_MOST_PRESSES), np.empty(_MOST_PRESSES)
    n_active, n_infusion = 0, 0
    record = np.empty((seconds // 60, len(RECORD)))
    outcome = np.zeros(3)
    blocked_until = 0
    onset = before = feel(state, body)
    for second in range(seconds):
        if second == rule.injection:
            state[DEPOT] += rule.naloxone_mg_kg
        flow(state, transfer)
        felt = feel(state, body)
        adapt(state, body, felt.occupancy, 1)
        odor = rule.odor_on <= second < rule.odor_off
        cue = rule.cue_withdrawal if odor else 0.0
        set_point = body.threshold * (
            1 + body.dependence_gain * state[DEPENDENCE] + body.withdrawal_gain * felt.withdrawal + body.cue_gain * cue
        )
        if odor:
            if second == rule.odor_on:
                onset = felt
            outcome[0] = max(outcome[0], felt.withdrawal - onset.withdrawal)
            outcome[1] = max(outcome[1], felt.missing - onset.missing)
            # relief from what has risen in the presence of the odor, not from what was there before
            outcome[2] = min(outcome[2] + max(before.withdrawal - felt.withdrawal, 0.0), outcome[0])
        before = felt
        if second % 60 == 0 and second // 60 < len(record):
            record[second // 60] = (
                felt.agonist,
                felt.block,
                set_point,
                felt.withdrawal,
                state[DEPENDENCE],
                state[LEVER],
            )
        if second >= rule.live or n_active == _MOST_PRESSES:
            continue
        waiting = second < blocked_until
        relief = rule.cue_relief if odor else 0.0
        # no rate is above this one, and 1 − exp(−rate) ≤ rate: most seconds need not be looked at
        if uniform[second] >= body.fastest * (1 + body.relief_gain * relief):
            continue
        rate = press_rate(felt, set_point, state[LEVER], second, relief, rule.policy, body)
        if waiting:
            rate *= body.timeout_share
        if uniform[second] >= 1 - np.exp(-rate):
            continue
        active[n_active] = second
        n_active += 1
        if waiting:
            continue
        efficacy = 0.0
        if rule.rewarded:
            infusion[n_infusion] = second
            n_infusion += 1
            blocked_until = second + rule.timeout
            state[HEROIN] += rule.infusion_mg_kg
            efficacy = 1 / felt.block
        state[LEVER] += body.lever_rate * (efficacy - state[LEVER])
    return active[:n_active], infusion[:n_infusion], record, outcome


@njit(cache=True, nogil=True, error_model="numpy")
def rest(state, body, transfer, minutes):
    """Let the hours between sessions pass, minute by minute; the transfer matrix stands for one minute."""
    for _ in range(minutes):
        flow(state, transfer)
        adapt(state, body, feel(state, body).occupancy, 60)
