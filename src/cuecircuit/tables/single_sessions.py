"""Single sessions event by event: which ones the study draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.tables import column_notes, write_table
from cuecircuit.records.operant import OperantSession
from cuecircuit.study.experiment import Drawn, Operant

SESSIONS, EVENTS = "drawn_sessions.tsv", "drawn_events.tsv"
KINDS = ("infusion", "active", "inactive")
COLUMN_NOTES = column_notes("single_sessions")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SingleSessions:
    """A row per session that is drawn, and one per event of them."""

    sessions: pd.DataFrame
    events: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write both tables."""
        for name, table in ((SESSIONS, self.sessions), (EVENTS, self.events)):
            write_table(folder / name, table, {str(column): COLUMN_NOTES[str(column)] for column in table})


def single_sessions(
    operant: Operant, planned: pd.DataFrame, sessions: Sequence[OperantSession], doses: Sequence[float | None]
) -> SingleSessions | None:
    """Choose the sessions that `operant.drawn` names; None where it is not there.

    Args:
        operant: section of the study.
        planned: subject, group, phase, treatment, day, delivers and infusions of each session.
        sessions: their events.
        doses: mg/kg of one delivery.

    Raises:
        DataError: there is no such session, or none of an animal that is named.
    """
    if operant.drawn is None:
        return None
    days = _of_day(operant.drawn, planned)
    groups = [str(group) for group in days["group"].fillna("everyone")]
    chosen = _chosen(operant.drawn, days.assign(group=groups))
    rows, parts = [], []
    for at, group in zip(days.index, groups, strict=True):
        session, delivers = sessions[at], planned["delivers"][at]
        times = {name: np.sort(session.events.get(name, np.empty(0))) for name in KINDS}
        length = session.duration_s or max((float(each[-1]) for each in times.values() if each.size), default=0.0)
        drug = delivers if isinstance(delivers, str) else None
        rows.append((session.subject, group, drug, doses[at], length, "yes" if session.subject in chosen else "no"))
        parts += [pd.DataFrame({"time_s": when}).assign(subject=session.subject, event=k) for k, when in times.items()]
    columns = ["subject", "group", "drug", "dose_mg_kg", "duration_s", "chosen"]
    events = pd.concat(parts, ignore_index=True)[["subject", "event", "time_s"]]
    return SingleSessions(sessions=pd.DataFrame(rows, columns=columns), events=events)


def _of_day(drawn: Drawn, planned: pd.DataFrame) -> pd.DataFrame:
    of_phase = planned[planned["phase"] == drawn.phase]
    if drawn.day != "last":
        of_phase = of_phase[of_phase["day"].astype(str) == drawn.day]
    if of_phase.empty:
        raise DataError(f"operant.drawn: no session of phase {drawn.phase}, day {drawn.day}")
    return of_phase.sort_values("day", kind="stable").groupby("subject", sort=False).tail(1)


def _chosen(drawn: Drawn, own: pd.DataFrame) -> set[str]:
    if lost := [name for name in drawn.subjects if name not in set(own["subject"])]:
        raise DataError(
            f"operant.drawn.subjects: {', '.join(lost)} has no session of {drawn.phase}; name some of "
            f"{', '.join(own['subject'])}"
        )
    if drawn.subjects:
        return set(drawn.subjects)
    counts = own.assign(infusions=own["infusions"].astype("float64")).dropna(subset="infusions")
    away = (counts["infusions"] - counts.groupby("group")["infusions"].transform("median")).abs()
    return set(counts.loc[away.groupby(counts["group"]).idxmin(), "subject"])
