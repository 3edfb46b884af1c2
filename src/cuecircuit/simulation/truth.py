"""What was planted, beside the data: for checking an analysis, never for use in one.

`cells/RESPONSE.tsv`: for every cell of a response what it is without effects, what each effect adds (counts:
multiplies; slopes: correlation within groups) and the expected value. `drawn/RESPONSE.tsv`: the value of every row.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cuecircuit.io.tables import ColumnNote, column_notes, write_json, write_table
from cuecircuit.simulation.cohort import Cohort
from cuecircuit.simulation.planting import Drawn, Planting
from cuecircuit.simulation.question_truth import question_truth
from cuecircuit.study.questions import Base, Effect
from cuecircuit.study.schema import Study

# columns of a row that are no key of a cell
_OWN = ("subject", "trial", "onset", "duration", "number", "length_min", "delivers", "box", "base", "expected", "value")


def write_truth(folder: Path, planting: Planting, drawn: Drawn, settings: Mapping[str, Any]) -> None:
    """Write cells, drawn values, effects and settings.

    Raises:
        DataError: the place cannot be written.
    """
    for of, rows in drawn.responses.items():
        cells, notes = cell_table(planting, of, rows)
        write_table(folder / "cells" / f"{of}.tsv", cells, notes)
        kept = [str(name) for name in rows if not str(name).startswith("effect_") and name != "base"]
        write_table(folder / "drawn" / f"{of}.tsv", rows[kept], {name: _NOTES.get(name, name) for name in kept})
    _write_effects(folder / "effects.tsv", planting.effects)
    write_table(folder / "questions.tsv", question_truth(planting, drawn.responses), _QUESTION_NOTES)
    missing = {f"{key}={level}": sorted(subjects) for (key, level), subjects in planting.cohort.missing.items()}
    write_json(folder / "settings.json", {**settings, "missing": missing, "events_that_did_not_fit": drawn.left_out})


_NOTES = column_notes("truth")


_QUESTION_NOTES = column_notes("truth_questions")


def cell_table(planting: Planting, of: str, rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, ColumnNote]]:
    """Return the cells of a response: keys and factors that tell expected values apart, effects, expected value.

    Args:
        planting: what was drawn.
        of: reference of the response.
        rows: drawn rows.
    """
    effects = [str(name) for name in rows if str(name).startswith("effect_")]
    used = {key for effect in planting.effects.values() for key in (*effect.where, *effect.by)}
    trials = planting.study.trials
    spare = {*planting.cohort.subjects, "run", "trial_type", *(trials.labels if trials else ())}
    spare -= {planting.columns.group, *used}
    keys = [str(name) for name in rows if name not in {*_OWN, *effects, *spare}]
    columns = [*(["base"] if "base" in rows else []), *effects, "expected"]
    cells = (
        rows.groupby(keys, sort=False, dropna=False)[columns].mean().reset_index() if keys else rows[columns].head(1)
    )
    cells["rows"] = rows.groupby(keys, sort=False, dropna=False).size().to_numpy() if keys else len(rows)
    notes: dict[str, ColumnNote] = {key: f"level of {key}" for key in keys}
    notes |= {name: _effect_note(planting.study, planting.effects[name.removeprefix("effect_")]) for name in effects}
    return cells, notes | {name: _NOTES[name] for name in ("base", "expected")} | {"rows": "rows drawn"}


def _effect_note(study: Study, effect: Effect) -> ColumnNote:
    if effect.slope_on is not None:
        return f"planted correlation with {effect.slope_on} within groups, 0 where none"
    assert study.simulation is not None
    counts = any(base.in_ == effect.in_ and base.counts for base in study.simulation.base)
    return "what the effect multiplies by" if counts else "what the effect adds"


def _write_effects(path: Path, effects: Mapping[str, Effect]) -> None:
    rows = [
        {
            "effect": name,
            "in": effect.in_,
            "where": "; ".join(f"{key}={', '.join(levels)}" for key, levels in effect.where.items()) or None,
            "by": ", ".join(effect.by) or None,
            "slope_on": effect.slope_on,
            "add": str(effect.add),
        }
        for name, effect in effects.items()
    ]
    notes = column_notes("truth_effects")
    write_table(path, pd.DataFrame(rows, columns=list(notes)), notes)


def base_notes(bases: tuple[Base, ...]) -> list[dict[str, Any]]:
    """Return the bases as plain records."""
    return [base.model_dump(by_alias=True) for base in bases]


def group_sizes(cohort: Cohort, group: str | None) -> dict[str, int]:
    """Return how many subjects each group has."""
    if group is None:
        return {"all": len(cohort.subjects)}
    return {str(level): int(count) for level, count in cohort.subjects[group].value_counts(sort=False).items()}
