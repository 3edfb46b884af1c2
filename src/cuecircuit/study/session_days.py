"""On which day of the experiment each planned session of a subject falls.

Phases follow one another in the order of the file, after their days of rest; treatments of a phase take turns, and the
subject of the next box begins with the next treatment. A session of nearly a day is followed by a day off, so that no
two overlap. Who has 0 h of access in a phase has no session, and the days pass.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cuecircuit.study.experiment import Operant, Phase

_LONGEST_DAILY_H = 23.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDay:
    """A session: day of the experiment, treatment ("" for none), its how-manieth day, day of the phase; all from 1."""

    date: int
    phase: str
    treatment: str
    day: int
    number: int


def planned_days(
    operant: Operant, group: str | None, box: int, *, off_after: Collection[str] = ()
) -> Iterator[PlannedDay]:
    """Yield the sessions of a subject by date.

    Args:
        operant: section of the study.
        group: the subject's level of `operant.by`.
        box: from 0.
        off_after: phases that are followed by a day without a session, as one of scans.
    """
    date = 1
    for name, phase in operant.phases.items():
        date += phase.rest_of(group)
        treatments = list(phase.treatments) or [""]
        for number in range(phase.days * len(treatments)):
            turn, order = divmod(number, len(treatments))
            treatment = treatments[(order + box) % len(treatments)]
            if phase.access_of(group) != 0:
                yield PlannedDay(date=date, phase=name, treatment=treatment, day=turn + 1, number=number + 1)
            date += _step(phase)
        date += name in off_after


def _step(phase: Phase) -> int:
    hours = phase.access_h.values() if isinstance(phase.access_h, dict) else (phase.access_h or 0.0,)
    return 1 if max(hours) <= _LONGEST_DAILY_H else 2
