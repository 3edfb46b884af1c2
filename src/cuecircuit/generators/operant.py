"""Counts to lever presses: what each session's log holds, day by day.

FR1 with a time-out: a press of the active lever gives an infusion unless the last one is less than 20 s away; presses
in the time-out are logged and do nothing. Times are seconds from the start of the session, in whole ticks of 10 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.generators.intake import PARTS_MIN, IntakeModel, PhaseCounts
from cuecircuit.generators.rats import Rat
from cuecircuit.io.medpc_write import MedpcSession

TIMEOUT_S = 20.0
_TICKS_PER_S = 100
START = datetime(2026, 1, 5, 9, 0)
"""First session: any Monday morning."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Presses:
    """Times of one session."""

    active: Float[Array, "active"]
    inactive: Float[Array, "inactive"]
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
    edges_s = [min(60 * start, length_s) for start in PARTS_MIN] + [length_s]
    gap_s = TIMEOUT_S if rewarded else 0.0
    parts = zip(counts, edges_s[:-1], edges_s[1:], strict=True)
    taken = np.concatenate([spread_ticks(int(count), start, stop, gap_s, rng) for count, start, stop in parts])
    inactive = spread_ticks(rng.poisson(model.inactive_per_hour * length_s / 3600), 0.0, length_s, 0.0, rng)
    useless = np.repeat(taken, rng.poisson(model.timeout_presses, len(taken)) if rewarded else 0)
    useless += rng.integers(_TICKS_PER_S, round((TIMEOUT_S - 1) * _TICKS_PER_S), len(useless))
    return Presses(
        active=np.sort(np.concatenate([taken, useless])) / _TICKS_PER_S,
        inactive=inactive / _TICKS_PER_S,
        infusion=(taken if rewarded else taken[:0]) / _TICKS_PER_S,
    )


def spread_ticks(
    count: int, start_s: float, stop_s: float, gap_s: float, rng: np.random.Generator
) -> Int[Array, "event"]:
    """Draw times (ticks) at random, no two, nor the last and the end, closer than the gap."""
    start, stop, gap = (round(edge * _TICKS_PER_S) for edge in (start_s, stop_s, gap_s))
    free = stop - start - gap * count
    assert free >= 0, f"{count} events {gap_s:g} s apart do not fit {stop_s - start_s:g} s"
    # half-open, so that nothing falls on the end of the session
    return start + np.sort(rng.integers(0, max(free, 1), count)) + gap * np.arange(count)


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
        number += treatments[0].phase.rest_days
        for session in range(treatments[0].phase.days * len(treatments)):
            number += 1
            date = START + timedelta(days=number - 1)
            logs = []
            for index, rat in enumerate(rats):
                turn, order = divmod(session, len(treatments))
                item = treatments[(order + rat.order) % len(treatments)]
                logs.append(_log(item, rat, index, turn, date, model, rng))
            days.append(Day(number=number, phase=name, session=session + 1, date=date, logs=tuple(logs)))
        # the scans take the day after the last pairing
        number += treatments[0].phase.kind == "conditioning"
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
    return log_session(presses, rat, item.experiment, index, length_s, date, rng)


def log_session(
    presses: Presses,
    rat: Rat,
    experiment: str,
    index: int,
    length_s: float,
    date: datetime,
    rng: np.random.Generator,
) -> MedpcSession:
    """Write down one session as the box does.

    Args:
        presses: what was done.
        rat: who did it.
        experiment: the header field of the session.
        index: of the box, from 0.
        length_s: of the session.
        date: its start.
        rng: source of when the program is stopped.
    """
    return MedpcSession(
        subject=rat.name,
        experiment=experiment,
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
