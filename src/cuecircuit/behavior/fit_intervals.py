"""Sessions of one animal as intervals between infusions, with the drug level along each.

An interval is live from the end of the time-out after an infusion (or from the start of the session) to the next
infusion, or to the end of the session, which cuts the last one off. What an animal does in it depends on the infusions
before it alone, so the level is known, given the kinetics. Its course is kept at the nodes of a Gauss-Legendre rule of
three points on pieces of at most `PIECE_S`, for integrals over the live time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.behavior.pharmacokinetics import SECONDS_PER_MINUTE, Kinetics, drug_level
from cuecircuit.errors import DataError

PIECE_S = 120.0
# logs count whole seconds: an infusion of second s may have come at any time in it
_HALF_SECOND = 0.5
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)
_EMPTY = np.empty(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitSession:
    """One session to be fitted: times in s from its start; `duration_s` None where nobody knows when it ended."""

    subject: str
    start: str
    infusions_s: Float[Array, "infusion"]
    duration_s: float | None
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnimalIntervals:
    """All intervals of one animal in order, and the points at which a rate must be known.

    `live_min` is the length of each, `observed` false where the end of the session cut it off, `session` the number of
    its session from 0. Of each point: `level` (mg/kg), `minute` of its session, `weight` in the integral (min; 0 marks
    an infusion) and the interval it belongs to. `unit` is the highest level that one infusion brings (mg/kg).
    """

    subject: str
    live_min: Float[Array, "interval"]
    observed: Bool[Array, "interval"]
    session: Int[Array, "interval"]
    level: Float[Array, "point"]
    minute: Float[Array, "point"]
    weight: Float[Array, "point"]
    interval: Int[Array, "point"]
    unit: float

    def chosen(self, keep: Bool[Array, "interval"]) -> "AnimalIntervals":
        """Only some of the intervals; levels stay what they were."""
        points = keep[self.interval]
        return AnimalIntervals(
            subject=self.subject,
            live_min=self.live_min[keep],
            observed=self.observed[keep],
            session=self.session[keep],
            level=self.level[points],
            minute=self.minute[points],
            weight=self.weight[points],
            interval=(np.cumsum(keep) - 1)[self.interval[points]],
            unit=self.unit,
        )


def response_of(kinetics: Kinetics, seconds: int) -> Float[Array, "second"]:
    """Level that a dose of 1 leaves after 0, 1, 2, ... seconds."""
    return drug_level(np.arange(seconds + 1.0), np.zeros(1), dose_mg_kg=1.0, kinetics=kinetics).effect


def animal_intervals(
    sessions: Sequence[FitSession], *, dose_mg_kg: float, response: Float[Array, "second"]
) -> AnimalIntervals:
    """Put the sessions of one animal into intervals; each is taken to start without drug.

    Args:
        sessions: in order of time.
        dose_mg_kg: of an infusion.
        response: `response_of` the drug, at least as long as the longest session.

    Raises:
        DataError: times that do not rise, that lie in a time-out, or outside the session.
    """
    faults = [fault for session in sessions for fault in _faults(session)]
    DataError.raise_any(faults)
    parts = [_session(session, number, dose_mg_kg, response) for number, session in enumerate(sessions)]
    before = np.cumsum([0, *(part.live_min.size for part in parts)])
    return AnimalIntervals(
        subject=sessions[0].subject,
        live_min=np.concatenate([part.live_min for part in parts]),
        observed=np.concatenate([part.observed for part in parts]),
        session=np.concatenate([part.session for part in parts]),
        level=np.concatenate([part.level for part in parts]),
        minute=np.concatenate([part.minute for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
        interval=np.concatenate([part.interval + first for part, first in zip(parts, before[:-1], strict=True)]),
        unit=dose_mg_kg * float(response.max()),
    )


def _faults(session: FitSession) -> list[str]:
    times, who = session.infusions_s, f"subject '{session.subject}', session of {session.start}"
    gaps = np.diff(times)
    if (gaps < 0).any():
        at = int(np.argmax(gaps < 0)) + 1
        return [
            f"{who}: infusion {at + 1} at {times[at]:g} s stands after one at {times[at - 1]:g} s; put times in order"
        ]
    faults = []
    if gaps.size and gaps.min() < session.timeout_s:
        faults.append(
            f"{who}: infusions {gaps.min():g} s apart, within a time-out of {session.timeout_s:g} s; correct --timeout"
        )
    if times.size and times[0] < 0:
        faults.append(f"{who}: an infusion at {times[0]:g} s, before the session")
    if times.size and session.duration_s is not None and times[-1] > session.duration_s:
        faults.append(
            f"{who}: an infusion at {times[-1]:g} s, after the end of the session at {session.duration_s:g} s"
        )
    return faults


def _session(session: FitSession, number: int, dose_mg_kg: float, response: Float[Array, "second"]) -> AnimalIntervals:
    times = session.infusions_s
    starts = np.concatenate([[0.0], times + session.timeout_s])
    stops = times + _HALF_SECOND
    if session.duration_s is not None and starts[-1] < session.duration_s:
        stops = np.append(stops, session.duration_s)
    starts = starts[: stops.size]
    level, when, weight = [_EMPTY], [_EMPTY], [_EMPTY]
    for k, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        at, width = _points(start, stop)
        if k < times.size:
            at, width = np.append(at, times[k]), np.append(width, 0.0)
        lag = at[:, None] - times[None, :k]
        # response is a second apart: linear between, an error of (k s)²/8 with k the fastest rate
        left = np.interp(lag, np.arange(response.size), response)
        level.append(dose_mg_kg * left.sum(axis=1))
        when.append(at)
        weight.append(width)
    return AnimalIntervals(
        subject=session.subject,
        live_min=(stops - starts) / SECONDS_PER_MINUTE,
        observed=np.arange(stops.size) < times.size,
        session=np.full(stops.size, number),
        level=np.concatenate(level),
        minute=np.concatenate(when) / SECONDS_PER_MINUTE,
        weight=np.concatenate(weight) / SECONDS_PER_MINUTE,
        interval=np.repeat(np.arange(stops.size), [part.size for part in level[1:]]),
        unit=dose_mg_kg * float(response.max()),
    )


def _points(start: float, stop: float) -> tuple[Float[Array, "point"], Float[Array, "point"]]:
    """Nodes (s) and weights (s) of the rule on one stretch of time."""
    edges = np.linspace(start, stop, int(np.ceil((stop - start) / PIECE_S)) + 1)
    half = np.diff(edges)[:, None] / 2
    middle = edges[:-1, None] + half
    return (middle + half * _NODES).ravel(), (half * _WEIGHTS).ravel()
