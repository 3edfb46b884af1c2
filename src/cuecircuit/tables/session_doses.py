"""Dose of a delivery in each session, mg/kg: that of its day or phase, else of the drug, else `dose_mg_kg` of its log.

An amount is divided by the body weight: the last one on or before the date of the session in `operant.weights` (or that
which the log of the session has), else that of the subject.
"""

from dataclasses import dataclass

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.records.operant import OperantSession
from cuecircuit.study.experiment import Operant
from cuecircuit.tables.dated_tables import body_weights
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDoses:
    """Doses of a study; `weights` by subject and date, `weight_kg` by subject."""

    files: StudyFiles
    operant: Operant
    weights: pd.DataFrame | None
    weight_kg: "pd.Series[float] | None"

    def of(
        self, drug: str | None, *, subject: str, phase: str, day: int, session: OperantSession | None = None
    ) -> float | None:
        """Return the dose of one delivery, mg/kg; None where the study does not give it.

        Args:
            drug: that a delivery carries.
            subject: who gets it.
            phase: of the study.
            day: in its phase.
            session: what was logged; None where nothing was, as in a plan.

        Raises:
            DataError: the dose is an amount, and there is no body weight above 0 for that date.
        """
        if drug is None:
            return None
        rule, about = self.operant.phases[phase], self.files.study.drugs[drug]
        by_day = rule.by_day.get("dose_mg_kg")
        dose_mg_kg = by_day[day - 1] if by_day else rule.dose_mg_kg or about.dose_mg_kg
        if dose_mg_kg is None and about.delivered_mg is None and session is not None:
            dose_mg_kg = session.values.get("dose_mg_kg")
        if dose_mg_kg is not None or about.delivered_mg is None:
            return dose_mg_kg
        weight_kg = self._weight_kg(subject, session)
        return None if weight_kg is None else about.delivered_mg / weight_kg

    def _weight_kg(self, subject: str, session: OperantSession | None) -> float | None:
        if session is not None and self.weights is not None:
            dates = self.weights["date"] <= session.start.date().isoformat()
            weights = self.weights["weight_kg"][dates & (self.weights["subject"] == subject)]
            if len(weights):
                return float(weights.iloc[-1])
        if session is not None and self.operant.weights == "logs":
            weight_g = session.values.get("weight_g", 0.0)
            if weight_g > 0:
                return weight_g / 1000
        if self.weight_kg is None:
            if session is None or self.operant.weights is None:
                return None
            what = f"operant.weights: no body weight of {subject} for the session of {session.start.date()}"
            raise DataError(f"{what}; add it, or name a column for all sessions in subjects.weight_kg")
        weight_kg = self.weight_kg[subject]
        if weight_kg <= 0:
            column = self.files.study.subjects.weight_kg
            raise DataError(f"{column} of {subject} is {weight_kg:g}; a body weight in kg is above 0")
        return None if pd.isna(weight_kg) else float(weight_kg)


def study_doses(files: StudyFiles, operant: Operant, subjects: Table) -> StudyDoses:
    """Read the body weights that doses of a study need.

    Raises:
        DataError: a table of weights is at fault, or the column of body weights is missing.
    """
    column, weight_kg = files.study.subjects.weight_kg, None
    if column is not None:
        if column not in subjects.rows:
            raise DataError(f"subjects.weight_kg: no column '{column}' in {files.study.subjects.participants}")
        weight_kg = pd.to_numeric(subjects.rows.set_index("subject")[column], errors="coerce")
    return StudyDoses(files=files, operant=operant, weights=body_weights(files, operant), weight_kg=weight_kg)
