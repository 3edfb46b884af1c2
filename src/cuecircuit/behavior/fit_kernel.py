"""How often an animal takes an infusion at one moment, and the likelihood of all its intervals (`fit_models`)."""

import numpy as np

from cuecircuit.compiled import njit

CONSTANT, DRIFT, SATIETY, PRIMING, HOMEOSTATIC = range(5)
# a rate that no search should leave for a smaller one; its log is still a number
_LEAST = 1e-300


@njit(cache=True, nogil=True, error_model="numpy")
def _drive(deficit):
    """|x|^(4/3), the exponent of Keramati et al. 2017."""
    return abs(deficit) * np.cbrt(abs(deficit))


@njit(cache=True, nogil=True, error_model="numpy")
def infusion_rate(model, values, level, minute, unit):
    """Infusions per minute outside the time-out.

    Args:
        model: one of the names above.
        values: the model's parameters in natural units, as they are in this session.
        level: drug level (mg/kg).
        minute: from the start of the session.
        unit: by how much an infusion raises the level at most (mg/kg).
    """
    if model == CONSTANT:
        return values[0]
    if model == DRIFT:
        return values[0] * np.exp(values[1] * minute / 60)
    threshold = values[1]
    if model == HOMEOSTATIC:
        gain = _drive(threshold - level) - _drive(threshold - level - unit)
        return values[0] / (1 + np.exp(-gain / (values[2] * _drive(threshold))))
    over = np.log(level / threshold) / values[2]
    rate = values[0] / (1 + np.exp(over))
    if model == PRIMING:
        aroused = np.exp(-minute / values[4])
        primed = 1 / (1 + np.exp(np.log(values[3]) / values[2] - over))
        rate *= aroused + primed - aroused * primed
    return rate


@njit(cache=True, nogil=True, error_model="numpy")
def in_session(model, values, growth):
    """The parameters with what grows risen by `growth` (a logarithm): the rate, or the threshold where there is one."""
    scaled = values.copy()
    scaled[0 if model <= DRIFT else 1] *= np.exp(growth)
    return scaled


@njit(cache=True, nogil=True, error_model="numpy")
def interval_terms(model, values, growth, level, minute, weight, interval, session, unit, log_rate, total):
    """Add the log of the rate at each infusion, and the integral of the rate over the live time, of every interval.

    Args:
        model: as above.
        values: parameters in the first session.
        growth: log of the growth from one session to the next.
        level: at each point.
        minute: of each point.
        weight: of each point in the integral (min); 0 marks an infusion.
        interval: which interval a point belongs to.
        session: number of each interval's session, from 0.
        unit: as above.
        log_rate: one per interval, changed in place.
        total: likewise.
    """
    opened, current = 0, values
    for point in range(len(level)):
        at = interval[point]
        if session[at] != opened or point == 0:
            opened = session[at]
            current = in_session(model, values, growth * opened)
        rate = infusion_rate(model, current, level[point], minute[point], unit)
        if weight[point] > 0:
            total[at] += weight[point] * rate
        else:
            log_rate[at] += np.log(max(rate, _LEAST))


@njit(cache=True, nogil=True, error_model="numpy")
def draw_session(model, values, response, unit, dose, timeout, lapse_share, lapse_rate, uniform, coin):
    """Draw the infusions of a session, second by second (s).

    Args:
        model: as above.
        values: parameters in this session.
        response: level that a dose of 1 leaves after 0, 1, 2, … seconds; as long as the session at least.
        unit: as above.
        dose: of an infusion (mg/kg).
        timeout: seconds without consequence after an infusion.
        lapse_share: probability that an interval goes its own way.
        lapse_rate: infusions per live minute in such an interval.
        uniform: one random number per second.
        coin: likewise.
    """
    seconds = len(uniform)
    level = np.zeros(seconds)
    infusions = np.empty(seconds)
    n, blocked = 0, 0
    lapse = coin[0] < lapse_share
    for second in range(seconds):
        if second < blocked:
            continue
        rate = lapse_rate if lapse else infusion_rate(model, values, level[second], second / 60, unit)
        if uniform[second] < 1 - np.exp(-rate / 60):
            infusions[n] = second
            n += 1
            blocked = second + timeout
            lapse = coin[second] < lapse_share
            for later in range(second + 1, seconds):
                level[later] += dose * response[later - second]
    return infusions[:n]
