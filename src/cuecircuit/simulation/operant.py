"""Counts to lever presses: what each session's log holds, day by day.

FR1 with a time-out: a press of the active lever gives an infusion unless the last one is less than 20 s away; presses
in the time-out are logged and do nothing. Times are seconds from the start of the session, to 10 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.io.medpc_write import MedpcSession
from cuecircuit.simulation.intake import PARTS_MIN, IntakeModel, PhaseCounts
from cuecircuit.simulation.rats import Rat

TIMEOUT_S = 20.0
_TICK_S = 0.01
# any Monday morning
_START = datetime(2026, 1, 5, 9, 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Presses:
    """Times of one session."""

    active: Float[Array, "press"]
    inactive: Float[Array, "press"]
    infusion: Float[Array, "infusion"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Day:
    """All boxes of one day of one phase; `number` counts days from 1, `session` days within the phase."""

    number: int
    phase: str
    session: int
    date: datetime
    logs: tuple[MedpcSession, ...]


def draw_presses(
    counts: Int[Array, "part=3"], length_s: float, *, rewarded: bool, model: IntakeModel, rng: np.random.Generator
) -> Presses:
    """Lay the counts of a session's parts out in time.

    Args:
        counts: infusions in each part, or active presses where the drug is withheld.
        length_s: hours of access in seconds.
        rewarded: the pump runs.
        model: rates of the presses that do nothing.
        rng: source of the times.
    """
    edges = [min(60 * start, length_s) for start in PARTS_MIN] + [length_s]
    gap = TIMEOUT_S if rewarded else 0.0
    parts = [
        _spaced(int(count), start, stop, gap, rng)
        for count, start, stop in zip(counts, edges[:-1], edges[1:], strict=True)
    ]
    taken = _ticks(np.concatenate(parts))
    inactive = rng.uniform(0, length_s, rng.poisson(model.inactive_per_hour * length_s / 3600))
    if not rewarded:
        return Presses(active=taken, inactive=_ticks(inactive), infusion=np.empty(0))
    useless = np.repeat(taken, rng.poisson(model.timeout_presses, len(taken)))
    useless = useless + rng.uniform(0.5, TIMEOUT_S - 1, len(useless))
    return Presses(active=_ticks(np.concatenate([taken, useless])), inactive=_ticks(inactive), infusion=taken)


def _spaced(count: int, start: float, stop: float, gap: float, rng: np.random.Generator) -> Float[Array, "event"]:
    """Draw times at random, no two (nor the last and the end) closer than `gap`."""
    free = stop - start - gap * count
    assert free >= 0, f"{count} events {gap:g} s apart do not fit {stop - start:g} s"
    return start + np.sort(rng.uniform(0, free, count)) + gap * np.arange(count)


def _ticks(times: Float[Array, "event"]) -> Float[Array, "event"]:
    return np.floor(np.sort(times) / _TICK_S).astype(float) * _TICK_S


def lay_out_days(
    drawn: Sequence[PhaseCounts], rats: Sequence[Rat], model: IntakeModel, rng: np.random.Generator
) -> list[Day]:
    """Put all sessions on the calendar: phase after phase, treatments of a phase taking turns day by day."""
    days: list[Day] = []
    phases: dict[str, list[PhaseCounts]] = {}
    for item in drawn:
        phases.setdefault(item.phase.name, []).append(item)
    number = 0
    for name, treatments in phases.items():
        for session in range(treatments[0].phase.sessions * len(treatments)):
            number += 1
            date = _START + timedelta(days=number - 1)
            logs = []
            for index, rat in enumerate(rats):
                turn, order = divmod(session, len(treatments))
                item = treatments[(order + rat.order) % len(treatments)]
                logs.append(_log(item, rat, index, turn, date, model, rng))
            days.append(Day(number=number, phase=name, session=session + 1, date=date, logs=tuple(logs)))
        # the scans take the day after the last pairing
        number += name == "conditioning"
    return days


def _log(
    item: PhaseCounts,
    rat: Rat,
    index: int,
    turn: int,
    date: datetime,
    model: IntakeModel,
    rng: np.random.Generator,
) -> MedpcSession:
    length_s = 3600 * item.phase.access_h[rat.group]
    presses = draw_presses(item.counts[index, turn], length_s, rewarded=item.rewarded, model=model, rng=rng)
    return MedpcSession(
        subject=rat.name,
        experiment=item.experiment,
        group=rat.group,
        box=str(index + 1),
        msn=f"CUECIRCUIT {rat.group} FR1",
        start=date,
        # the program is stopped by hand a little after the levers go in
        end=date + timedelta(seconds=length_s + int(rng.integers(20, 300))),
        scalars={
            "A": len(presses.active),
            "I": len(presses.inactive),
            "R": len(presses.infusion),
            "K": length_s,
        },
        arrays={"X": presses.active, "Y": presses.inactive, "Z": presses.infusion},
    )
