"""Rows that each table of a study has if nothing is missing, from the study file and a list of subjects alone.

What only files tell is no key here: numbers of runs and trials. Table `trials` therefore has a row for each trial type
that is a cell, which must occur at least once. `treatment` is empty text in phases without treatments.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cuecircuit.errors import StudyError
from cuecircuit.study.accounting import Accounting
from cuecircuit.study.acquisition import Correlated, Given, Seed
from cuecircuit.study.experiment import Operant
from cuecircuit.study.schema import Study
from cuecircuit.study.trial_cells import map_cells, trial_cells


def expected_rows(study: Study, table: str, subjects: pd.DataFrame) -> pd.DataFrame:
    """Return the keys of every row that a table should have.

    Args:
        study: the study.
        table: subjects, visits, operant, bins, trials, maps.NAME, contrasts.NAME or edges.NAME.
        subjects: a row per subject: `subject`, and the factor that `operant.by` names.

    Returns:
        One row per expected row; columns are the keys of the table, and `trial_type` in table trials.

    Raises:
        StudyError: the study makes no such table, or only files tell the levels of one of its keys.
    """
    kind = table.partition(".")[0]
    if table not in Accounting(study).tables or kind in ("regions", "derived"):
        raise StudyError(f"table {table}: the study file alone does not tell its rows")
    match kind:
        case "operant" | "bins":
            return _operant_rows(study, subjects, binned=kind == "bins")
        case "trials":
            cells = trial_cells(study)
            parts = list(study.trials.parts) if study.trials else []
            return _crossed(_visits(study, subjects, table), cells.drop(columns=parts).drop_duplicates())
        case "maps" | "contrasts":
            return _crossed(_visits(study, subjects, table), _map_cells(study, table))
        case "edges":  # without the regions, which an atlas names
            edges = study.edges[table.partition(".")[2]]
            visits = _visits(study, subjects, table)
            return visits if isinstance(edges, Correlated) else _crossed(visits, map_cells(study, edges))
        case _:
            return _visits(study, subjects, table)


def bins_of(operant: Operant, length_h: float) -> int:
    """Return how many bins the longest row of bins of a session has; the last one may be shorter."""
    widths = [measure.every_min for measure in operant.measures.values() if measure.every_min]
    return max((int(np.ceil(60 * length_h / width - 1e-9)) for width in widths), default=0)


def _visits(study: Study, subjects: pd.DataFrame, table: str) -> pd.DataFrame:
    who = subjects[["subject"]].reset_index(drop=True)
    if "session" not in Accounting(study).tables[table].keys:
        return who
    return _crossed(who, pd.DataFrame({"session": list(study.factors["session"].levels)}))


def _map_cells(study: Study, table: str) -> pd.DataFrame:
    accounting = Accounting(study)
    maps = study.maps[table.partition(".")[2]]
    if table.startswith("contrasts"):
        return pd.DataFrame({"contrast": list(accounting.levels(table, "contrast"))})
    match maps:
        case Seed():
            return pd.DataFrame({"seed": list(maps.seeds)})
        case Given():
            return _product(accounting, table, [key for key in maps.keys if key != "session"])
        case _:
            absent = [name for name in maps.cells if name not in trial_cells(study)]
            if absent:
                raise StudyError(f"{table}: no trial type has a level of {', '.join(absent)}; name it in trials.cells")
            return map_cells(study, maps)


def _product(accounting: Accounting, table: str, keys: Sequence[str]) -> pd.DataFrame:
    unknown = [key for key in keys if not accounting.levels(table, key)]
    if unknown:
        raise StudyError(f"{table}: levels of {', '.join(unknown)} are not listed; give factors.{unknown[0]}")
    levels = [list(accounting.levels(table, key)) for key in keys]
    return pd.MultiIndex.from_product(levels, names=keys).to_frame(index=False) if keys else pd.DataFrame(index=[0])


def _operant_rows(study: Study, subjects: pd.DataFrame, *, binned: bool) -> pd.DataFrame:
    operant = study.operant
    assert operant is not None  # the table would not be there
    keys = ["subject", "phase", "treatment", "day", *(["bin"] if binned else [])]
    groups = subjects[operant.by] if operant.by in subjects else pd.Series([None] * len(subjects), dtype=object)
    rows = [
        (subject, *row)
        for subject, group in zip(subjects["subject"], groups, strict=True)
        for row in _sessions_of(operant, group, binned=binned)
    ]
    return pd.DataFrame(rows, columns=keys)


def _sessions_of(operant: Operant, group: str | None, *, binned: bool) -> Iterator[tuple[str | int, ...]]:
    for name, phase in operant.phases.items():
        if phase.access_of(group) == 0:
            continue
        bins = bins_of(operant, phase.access_of(group) or 0.0) if binned else 1
        for treatment in phase.treatments or ("",):
            for day in range(1, phase.days + 1):
                yield from ((name, treatment, day, *((number,) if binned else ())) for number in range(1, bins + 1))


def _crossed(rows: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    return rows.merge(more, how="cross")
