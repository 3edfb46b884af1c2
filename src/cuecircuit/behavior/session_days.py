"""Numbers of the sessions of a phase by date: a date that a subject lacks stays missing, and the others keep theirs.

A subject with all planned sessions is numbered in order. One that lacks some is compared with its cohort, the subjects
that began or ended the phase on the same date (or, where it is alone, those who were in the phase at the time): the
dates on which more than half of them had a session are its calendar. Weekends are then no gaps, and cohorts may be
staggered. Where the sessions of a phase begin within six hours of one another (assumed) and midnight is among them,
those after midnight are of the date on which the night began.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from cuecircuit.records.operant import OperantSession

_IDLE = timedelta(hours=18)  # the part of a day in which no session of a night begins


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectDay:
    """One session of a phase; `row` is its place in the table."""

    subject: str
    date: date
    row: int


def session_dates(starts: Sequence[datetime]) -> list[date]:
    """Return the date of each session of a phase; after midnight, where sessions are of one night, that of the evening.

    Args:
        starts: when the sessions began.
    """
    clocks = sorted({start - datetime.combine(start, time()) for start in starts})
    evening = next((later for earlier, later in pairwise(clocks) if later - earlier >= _IDLE), timedelta(0))
    return [(start - evening).date() for start in starts]


def dates_by_program(sessions: Sequence[OperantSession]) -> list[date]:
    """Return the date of each session, as `session_dates` of its program and experiment."""
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for k, session in enumerate(sessions):
        alike[session.program, session.experiment].append(k)
    dates = [date.min] * len(sessions)
    for places in alike.values():
        for k, day in zip(places, session_dates([sessions[k].start for k in places]), strict=True):
            dates[k] = day
    return dates


def day_numbers(days: Sequence[SubjectDay], *, planned: int | None, by_order: bool) -> dict[int, int]:
    """Return the number of each session, from 1, by its row.

    Args:
        days: sessions of one phase and treatment, by start.
        planned: sessions that each subject should have; None takes the most that any of its cohort has.
        by_order: number one after the other, whatever the dates.
    """
    days_of: dict[str, list[SubjectDay]] = defaultdict(list)
    for day in days:
        days_of[day.subject].append(day)
    dates = {subject: sorted({day.date for day in mine}) for subject, mine in days_of.items()}
    numbers: dict[int, int] = {}
    for subject, mine in days_of.items():
        calendar = dates[subject]
        if not by_order and len(mine) == len(calendar):
            calendar = _calendar(subject, dates, planned)
            numbers |= {day.row: calendar.index(day.date) + 1 for day in mine}
        else:
            numbers |= {day.row: number for number, day in enumerate(mine, 1)}
    return numbers


def _calendar(subject: str, dates: Mapping[str, Sequence[date]], planned: int | None) -> list[date]:
    """The dates of a subject, and those it lacks; its own alone where it has all or too many would be missing."""
    calendar = list(dates[subject])
    cohort = [name for name, theirs in dates.items() if theirs[0] == calendar[0] or theirs[-1] == calendar[-1]]
    expected = planned or max(len(dates[name]) for name in cohort)
    if len(calendar) >= expected:
        return calendar
    if len(cohort) > 1:
        common = [day for day, n in Counter(d for name in cohort for d in dates[name]).items() if 2 * n > len(cohort)]
    else:
        common = [
            day for day in _all_dates(dates) if calendar[0] < day < calendar[-1] and _is_common(day, dates, subject)
        ]
    filled = sorted({*calendar, *common})
    return filled if filled.index(calendar[-1]) < expected else calendar


def _is_common(day: date, dates: Mapping[str, Sequence[date]], subject: str) -> bool:
    """Return whether more than half of the other subjects in the phase at the time had a session on a date."""
    others = [theirs for name, theirs in dates.items() if name != subject and theirs[0] <= day <= theirs[-1]]
    return 2 * sum(day in theirs for theirs in others) > len(others)


def _all_dates(dates: Mapping[str, Sequence[date]]) -> set[date]:
    return {day for theirs in dates.values() for day in theirs}
