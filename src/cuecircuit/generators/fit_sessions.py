"""Sessions of animals that do what a description of `behavior.fit_models` says, to see whether a fit finds it again."""

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.behavior.fit_intervals import FitSession
from cuecircuit.behavior.fit_kernel import draw_session, in_session
from cuecircuit.behavior.fit_models import IntervalModel


def simulate_sessions(
    model: IntervalModel,
    estimates: Float[Array, "parameter"],
    *,
    subject: str,
    sessions: int,
    duration_s: int,
    timeout_s: int,
    dose_mg_kg: float,
    response: Float[Array, "second"],
    rng: np.random.Generator,
) -> list[FitSession]:
    """Draw the infusions of one animal, to the second.

    Args:
        model: what it follows.
        estimates: its parameters on the scale they are estimated on, with or without its growth.
        subject: its name.
        sessions: how many.
        duration_s: of each.
        timeout_s: after each infusion.
        dose_mg_kg: of an infusion.
        response: level that a dose of 1 leaves after 0, 1, ... seconds; as long as a session at least.
        rng: source of chance.
    """
    values, growth = model.natural(estimates)
    unit = dose_mg_kg * float(response.max())
    lapses = (values[-2], values[-1]) if model.lapses else (0.0, 1.0)
    drawn = []
    for number in range(sessions):
        risen = growth * number
        if model.code is None:
            times = _gamma_times(values[0], values[1], risen, duration_s, timeout_s, rng)
        else:
            uniform, coin = rng.random((2, duration_s))
            times = draw_session(
                model.code,
                in_session(model.code, values, risen),
                response,
                unit,
                dose_mg_kg,
                timeout_s,
                *lapses,
                uniform,
                coin,
            )
        drawn.append(
            FitSession(
                subject=subject,
                start=f"session {number + 1}",
                infusions_s=times,
                duration_s=float(duration_s),
                timeout_s=float(timeout_s),
            )
        )
    return drawn


def _gamma_times(
    rate: float, shape: float, growth: float, duration_s: int, timeout_s: int, rng: np.random.Generator
) -> Float[Array, "infusion"]:
    mean_s = 60 / (rate * np.exp(growth))
    # no session holds more than one infusion per time-out and second
    live = rng.gamma(shape, mean_s / shape, size=duration_s // (timeout_s + 1) + 1)
    # in whole seconds, as logs are: the live time of second s is s to s + 1
    times = np.cumsum(np.floor(live) + timeout_s) - timeout_s
    return times[times < duration_s]
