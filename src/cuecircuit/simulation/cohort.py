"""Who takes part in a simulated study: groups, other factors in balance, visits, and who misses what."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import pandas as pd

from cuecircuit.io.derivatives import subject_prefixes
from cuecircuit.simulation.columns import Columns
from cuecircuit.study.schema import Study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """`subjects`: subject, factors and labels of each; `visits`: subject, session and what was given at it.

    `missing` has, for each key and level, the subjects who have no row of it.
    """

    subjects: pd.DataFrame
    visits: pd.DataFrame | None
    missing: Mapping[tuple[str, str], frozenset[str]]

    def present(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Leave out the rows that a subject misses."""
        keep = np.ones(len(rows), bool)
        for (key, level), subjects in self.missing.items():
            if key in rows:
                keep &= ~((rows[key].astype(str) == level) & rows["subject"].isin(subjects)).to_numpy()
        return rows[keep].reset_index(drop=True)

    def resolved(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add what is known of the subject, and of the visit where rows have a session."""
        rows = rows.merge(self.subjects, on="subject", how="left", validate="many_to_one")
        if self.visits is None or "session" not in rows:
            return rows
        return rows.merge(self.visits, on=["subject", "session"], how="left", validate="many_to_one")


def draw_cohort(study: Study, columns: Columns, rng: np.random.Generator) -> Cohort:
    """Draw the subjects of all groups.

    Factors other than the group are crossed in balance inside each group, in the order of the file; what was given at a
    visit takes turns, and follows a factor whose levels begin with its levels (`placebo_first`).

    Args:
        study: with `simulation.n`.
        columns: of the study.
        rng: chooses who misses what.
    """
    assert study.simulation is not None
    others = [name for name in columns.factors if name != columns.group]
    rows = []
    prefixes = subject_prefixes(study.simulation.n) if columns.group is not None else {}
    for group, size in study.simulation.n.items():
        for number in range(size):
            row = {"subject": f"{prefixes.get(group, '')}{number + 1:02d}"}
            row |= {columns.group: group} if columns.group else {}
            row |= _crossed(study, others, number)
            rows.append(row | {name: f"{name}{number + 1:02d}" for name in columns.labels})
    subjects = pd.DataFrame(rows)
    missing = {}
    for rule, share in study.simulation.missing.items():
        key, _, level = rule.partition("=")
        # a share that is not 0 is one subject at least, so that small studies have the case as well
        count = min(max(round(share * len(subjects)), 1), len(subjects) - 1) if share else 0
        missing[key, level] = frozenset(rng.choice(subjects["subject"].to_numpy(str), count, replace=False).tolist())
    return Cohort(subjects=subjects, visits=_visits(study, columns, subjects), missing=missing)


def _crossed(study: Study, names: list[str], number: int) -> dict[str, str]:
    levels = [study.factors[name].levels for name in names]
    steps = [prod(len(each) for each in levels[:at]) for at in range(len(levels))]
    return {
        name: labels[number // step % len(labels)] for name, labels, step in zip(names, levels, steps, strict=True)
    }  # one digit of the number for each factor


def _visits(study: Study, columns: Columns, subjects: pd.DataFrame) -> pd.DataFrame | None:
    if "session" not in study.factors:
        return None
    sessions = study.factors["session"].levels
    visits = subjects[["subject"]].merge(pd.DataFrame({"session": list(sessions)}), how="cross")
    place = visits["session"].map({level: at for at, level in enumerate(sessions)}).to_numpy()
    for name in columns.visit_factors:
        levels = study.factors[name].levels
        first = _first_level(study, columns, subjects, levels)
        turn = visits["subject"].map(dict(zip(subjects["subject"], first, strict=True))).to_numpy()
        visits[name] = np.array(levels, dtype=object)[(turn + place) % len(levels)]
    return visits


def _first_level(study: Study, columns: Columns, subjects: pd.DataFrame, levels: tuple[str, ...]) -> list[int]:
    for name in columns.factors:
        order = study.factors[name].levels
        if len(order) == len(levels) and all(
            label.startswith(level) for label, level in zip(order, levels, strict=True)
        ):
            return [order.index(word) for word in subjects[name]]
    return [number % len(levels) for number in range(len(subjects))]
