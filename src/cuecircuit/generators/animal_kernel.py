"""One animal through one session or rest, step by step (`docs/mechanism.md` has the equations and their sources).

Its amounts of drugs (mg/kg) are a vector whose first element is 1, so that a pump is a flow out of it; `pharmacology`
says which drug is where. Its mind is, in this order: the opponent process b (in units of full effect), its strength D
(0 to 1), the learned outcomes of the lever (0 to 1) in the two states, felt well and felt ill, and the shock that a
delivery has come to predict (mA).
"""

from typing import NamedTuple

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.compiled import njit

OPPONENT, STRENGTH, OUTCOME, RELIEF, SHOCK = range(5)
MIND = 5
STEP_S, REST_S = 5, 60
"""Seconds of a step in a session and at home; the opponent process takes hours."""

# columns of the record of each minute
RECORD = ("effect", "opponent", "withdrawal", "strength", "outcome", "felt", "ventilation")
# exponent of the drive: n/m of Keramati et al. 2017
_DRIVE_POWER = 4 / 3
_DAY_S = 86_400
_DARK_S = 43_200
# exponents of the chemoreflexes' and of the wakefulness drive, naive; chronic users have 1.47 times both, and so has
# an animal whose opponent process is at full strength (Mann et al. 2022)
_CHEMOREFLEX, _WAKEFULNESS, _CHRONIC = 2.875, 0.9, 0.47

# columns of the ligands
_SITE, _HALF, _EFFICACY, _STRESS = range(4)


class Body(NamedTuple):
    """Parameters of one animal on one day; rates per second.

    `ligands` has a row for each drug: its place among the amounts, its K there (mg/kg), its efficacy relative to
    heroin's, and the share of κ that it takes where it blocks CRF1 (it then leaves the opioid receptor alone).
    """

    ligands: Float[Array, "ligand 4"]
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
    patience: float
    pain: float
    learning: float
    ill_half: float
    unlearning: float
    disruption: float
    awake_share: float
    breath_half: float
    context_tolerance: float


class Rule(NamedTuple):
    """What the box does; times in seconds from the start.

    `delivers` is False where the drug is withheld; `taken` is the number of the ligand in a delivery (-1: none),
    `entry` the place where it enters, `unit` what a delivery adds to its level at its peak, over its K; `ratios` the
    presses that each delivery costs, the last one from then on. `doses` are injections: second, place, mg/kg, by time.
    `odor_value` and `context_value` are what odor and place have come to predict; `craving` is what the lever brings
    after days without the drug, felt as withdrawal is.
    """

    live: int
    delivers: bool
    taken: int
    entry: int
    dose_mg_kg: float
    unit: float
    timeout: int
    ratios: Float[Array, "delivery"]
    shock_ma: float
    doses: Float[Array, "dose 3"]
    odor_on: int
    odor_off: int
    odor_value: float
    context_value: float
    craving: float


@njit(cache=True, nogil=True, error_model="numpy")
def flow(amounts, transfer):
    """Let all drug amounts move on by the time that the transfer matrix stands for."""
    # the last stage first: what flows in comes from stages that have not yet been moved
    for row in range(len(amounts) - 1, 0, -1):
        moved = 0.0
        for column in range(row + 1):
            moved += transfer[row, column] * amounts[column]
        amounts[row] = moved


@njit(cache=True, nogil=True, error_model="numpy")
def occupy(amounts, ligands):
    """Compute what is bound of all ligands that compete for one receptor (Gaddum 1937), times efficacy; Σ c; κ's rest.

    Returns the sum of efficacy × concentration, the sum of concentrations (both over K), and the share of κ that
    antagonists of CRF1 leave.
    """
    active, bound, left = 0.0, 0.0, 1.0
    for ligand in range(len(ligands)):
        level = amounts[int(ligands[ligand, _SITE])] / ligands[ligand, _HALF]
        if ligands[ligand, _STRESS] > 0:
            left *= 1 - ligands[ligand, _STRESS] * level / (1 + level)
        else:
            active += ligands[ligand, _EFFICACY] * level
            bound += level
    return active, bound, left


@njit(cache=True, nogil=True, error_model="numpy")
def oppose(mind, body, effect, seconds):
    """Let the opponent process follow the effect, its strength grow with use and withdrawal; return withdrawal."""
    withdrawal = max(mind[OPPONENT] - effect, 0.0)
    target = body.opponent_gain * (body.innate + mind[STRENGTH]) * effect
    grown = body.growth_use * mind[OPPONENT] + body.growth_withdrawal * withdrawal
    mind[OPPONENT] += seconds / body.opponent_s * (target - mind[OPPONENT])
    mind[STRENGTH] += seconds * (grown * (1 - mind[STRENGTH]) - body.loss * mind[STRENGTH])
    return withdrawal


@njit(cache=True, nogil=True, error_model="numpy")
def drive(felt, set_point, aversion):
    """Compute how strongly a felt state below the set point presses for a change; below 0 it counts more."""
    below = max(set_point - felt, 0.0) ** _DRIVE_POWER
    return below + (aversion - 1) * max(-felt, 0.0) ** _DRIVE_POWER


@njit(cache=True, nogil=True, error_model="numpy")
def ventilate(active, bound, strength, context_value, body):
    """Compute minute ventilation as a share of that without drugs: two drives that bound receptors take away."""
    taken = active / (body.breath_half + bound)
    tolerance = 1 + _CHRONIC * strength + body.context_tolerance * context_value
    awake = taken ** (_WAKEFULNESS * tolerance)
    return 1 - body.awake_share * awake - (1 - body.awake_share) * taken ** (_CHEMOREFLEX * tolerance)


@njit(cache=True, nogil=True, error_model="numpy")
def press_rate(mind, body, rule, effect, felt, withdrawal, missing, second):
    """Compute presses per second, and how far the animal feels ill (0 to 1); `missing` presses are left to pay."""
    ill = max(-felt, 0.0)
    ill /= ill + body.ill_half
    expected = (1 - ill) * mind[OUTCOME] + ill * mind[RELIEF]
    # the level that has this effect without an antagonist, and what an unblocked infusion adds to it
    level = effect / (1 - effect) + rule.unit
    gained = expected * (level / (1 + level) - effect)
    set_point = body.set_point if second % _DAY_S < _DARK_S else body.light * body.set_point
    gain = drive(felt, set_point, body.aversion) - drive(felt + gained, set_point, body.aversion)
    gain *= body.patience ** (missing - 1) / set_point**_DRIVE_POWER
    cost = body.threshold + body.pain * mind[SHOCK]
    rate = body.fastest / (1 + np.exp(-(gain - cost) / body.noise))
    return rate * np.exp(-((withdrawal / body.disruption) ** 4)), ill


@njit(cache=True, nogil=True, error_model="numpy")
def learn(mind, body, ill, came, shock_ma):
    """Move the learned outcome of the lever towards what came of it; relief is unlearned more slowly."""
    mind[OUTCOME] += body.learning * (1 - ill) * (came - mind[OUTCOME])
    relief = body.learning * ill * (came - mind[RELIEF])
    mind[RELIEF] += relief * (body.unlearning if relief < 0 else 1.0)
    mind[SHOCK] += body.learning * (shock_ma - mind[SHOCK])


@njit(cache=True, nogil=True, error_model="numpy")
def live_session(amounts, mind, body, rule, transfer, uniform):
    """Take an animal through a session of one step per random number; amounts and mind are changed in place.

    Returns times of active presses and of infusions (seconds), the record of each minute, and of the odor's time the
    largest fall of the drug's effect from its onset and the highest withdrawal.
    """
    steps = len(uniform)
    active, infusion = np.empty(steps), np.empty(steps)
    n_active, n_infusion, n_dose, paid = 0, 0, 0, 0
    each_minute = 60 // STEP_S
    record = np.empty((steps // each_minute, len(RECORD)))
    outcome = np.zeros(2)
    onset, blocked_until = 0.0, 0
    for step in range(steps):
        second = step * STEP_S
        while n_dose < len(rule.doses) and rule.doses[n_dose, 0] < second + STEP_S:
            amounts[int(rule.doses[n_dose, 1])] += rule.doses[n_dose, 2]
            n_dose += 1
        flow(amounts, transfer)
        agonist, bound, left = occupy(amounts, body.ligands)
        now = agonist / (1 + bound)
        conditioned = rule.craving * mind[OUTCOME] + (
            rule.odor_value if rule.odor_on <= second < rule.odor_off else 0.0
        )
        felt = now - body.felt * left * (mind[OPPONENT] + conditioned)
        withdrawal = oppose(mind, body, now, STEP_S)
        if rule.odor_on <= second < rule.odor_off:
            onset = onset if second - STEP_S >= rule.odor_on else now
            outcome[0] = max(outcome[0], onset - now)
            outcome[1] = max(outcome[1], withdrawal)
        if step % each_minute == 0 and step // each_minute < len(record):
            breath = ventilate(agonist, bound, mind[STRENGTH], rule.context_value, body)
            record[step // each_minute] = (now, mind[0], withdrawal, mind[1], mind[2], felt, breath)
        # no rate is above this one, and 1 − exp(−rate) ≤ rate: most steps need not be looked at
        if second >= rule.live or uniform[step] >= body.fastest * STEP_S:
            continue
        costs = rule.ratios[min(n_infusion, len(rule.ratios) - 1)]
        rate, ill = press_rate(mind, body, rule, now, felt, withdrawal, costs - paid, second)
        if uniform[step] >= 1 - np.exp(-rate * STEP_S):
            continue
        active[n_active] = second
        n_active += 1
        if second < blocked_until:
            continue
        paid += 1
        if paid < costs:
            continue
        paid = 0
        came = 0.0
        if rule.delivers:
            infusion[n_infusion] = second
            n_infusion += 1
            blocked_until = second + rule.timeout
        if rule.taken >= 0:
            taken = body.ligands[rule.taken]
            came = 1 / (1 + bound - amounts[int(taken[_SITE])] / taken[_HALF])
            amounts[rule.entry] += rule.dose_mg_kg
        learn(mind, body, ill, came, rule.shock_ma)
    return active[:n_active], infusion[:n_infusion], record, outcome


@njit(cache=True, nogil=True, error_model="numpy")
def rest(amounts, mind, body, transfer, minutes):
    """Let the hours between sessions pass, minute by minute; the transfer matrix stands for one minute."""
    for _ in range(minutes):
        flow(amounts, transfer)
        agonist, bound, _ = occupy(amounts, body.ligands)
        oppose(mind, body, agonist / (1 + bound), REST_S)
