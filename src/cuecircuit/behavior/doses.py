"""Dose of one infusion, alike for all, by subject, or session by session."""

from collections.abc import Callable, Mapping

from cuecircuit.records.operant import OperantSession

Doses = float | Mapping[str, float]
"""mg/kg of one infusion, alike for all, or by subject where a fixed amount meets different body weights."""

SessionDoses = Doses | Callable[[OperantSession], float | None]
"""`Doses`, or a function of the session: a dose may change with phase or weight."""


def dose_of(doses: SessionDoses | None, session: OperantSession) -> float | None:
    """Return mg/kg of one infusion of a session; None where it is not known."""
    if isinstance(doses, Mapping):
        return doses.get(session.subject)
    return doses(session) if callable(doses) else doses
