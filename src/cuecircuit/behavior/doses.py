"""Dose of one infusion, alike for all, by subject, or session by session."""

from collections.abc import Callable, Mapping

import pandas as pd

from cuecircuit.errors import DesignError
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


def dose_by_weight(amount_mg: float, weights: pd.DataFrame) -> Callable[[OperantSession], float | None]:
    """Return the dose of a fixed amount: over the last weight of the animal on or before the date of the session.

    Args:
        amount_mg: drug of one infusion.
        weights: columns subject, date and weight_kg.

    Raises:
        DesignError: a weight that is no number above 0, or two of one animal and date.
    """
    kg = pd.to_numeric(weights["weight_kg"], errors="coerce")
    days = pd.to_datetime(weights["date"]).dt.date
    table = pd.DataFrame({"subject": weights["subject"].astype(str), "day": days, "kg": kg}).sort_values("day")
    bad = table[~(table["kg"] > 0)]
    twice = table[table.duplicated(["subject", "day"])]
    faults = [f"weight of subject {row.subject!r} on {row.day}: expected a number above 0" for row in bad.itertuples()]
    faults += [f"weight of subject {row.subject!r} on {row.day} stands twice; keep one" for row in twice.itertuples()]
    if faults:
        raise DesignError(faults)
    by_subject = {str(subject): own for subject, own in table.groupby("subject")}

    def dose(session: OperantSession) -> float | None:
        own = by_subject.get(session.subject)
        known = None if own is None else own[own["day"] <= session.start.date()]
        return None if known is None or known.empty else amount_mg / float(known["kg"].iloc[-1])

    return dose
