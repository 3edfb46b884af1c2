"""Tables `operant` and `bins` of a drawn study: counts of sessions, and what follows from them by sums."""

import pandas as pd

from cuecircuit.behavior.course import breakpoint_of
from cuecircuit.simulation.planting import Drawn, Planting
from cuecircuit.study.expected import expected_rows
from cuecircuit.tables.operant import KEYS
from cuecircuit.tables.session_doses import study_doses
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

# as the logs of a phase without treatments have it
_NO_TREATMENT = "none"


def operant_table(files: StudyFiles, planting: Planting, drawn: Drawn, subjects: Table) -> Table:
    """Return the drawn counts of every session that took place, with intake, breakpoints and columns by day."""
    study, cohort = planting.study, planting.cohort
    operant = study.operant
    assert operant is not None
    rows = cohort.present(cohort.resolved(expected_rows(study, "operant", cohort.subjects)))
    groups = rows[operant.by] if operant.by in rows else pd.Series([None] * len(rows), dtype=object)
    phases = [operant.phases[name] for name in rows["phase"]]
    rows = rows[list(KEYS)].assign(delivers=[p.drug_of(g) for p, g in zip(phases, groups, strict=True)])
    for of, response in drawn.responses.items():
        if of.startswith("operant."):
            column = response[[*KEYS, "value"]].rename(columns={"value": of.partition(".")[2]})
            rows = rows.merge(column, on=list(KEYS), how="left")
    if "infusions" in rows:
        doses = study_doses(files, operant, subjects)
        named = zip(rows["delivers"], rows["subject"], rows["phase"], rows["day"], strict=True)
        each = [
            doses.of(None if pd.isna(drug) else drug, subject=subject, phase=phase, day=int(day))
            for drug, subject, phase, day in named
        ]
        rows["intake_mg_kg"] = rows["infusions"] * pd.Series(each, rows.index, dtype=float)
        rows["breakpoint"] = [
            breakpoint_of(infusions, ratios=phase.ratios or None) if phase.kind == "progressive_ratio" else None
            for infusions, phase in zip(rows["infusions"], phases, strict=True)
        ]
    for name in sorted({name for phase in operant.phases.values() for name in phase.by_day}):
        values = {
            phase: phase_numbers.by_day[name]
            for phase, phase_numbers in operant.phases.items()
            if name in phase_numbers.by_day
        }
        rows[name] = [
            values[phase][day - 1] if phase in values else None
            for phase, day in zip(rows["phase"], rows["day"], strict=True)
        ]
    return _as_logged("operant", KEYS, rows)


def bins_table(drawn: Drawn) -> Table | None:
    """Return the drawn counts of bins; None where the study has none."""
    keys = [*KEYS, "bin"]
    parts = [
        rows[[*keys, "value"]].rename(columns={"value": of.partition(".")[2]})
        for of, rows in drawn.responses.items()
        if of.startswith("bins.")
    ]
    if not parts:
        return None
    table = parts[0]
    for part in parts[1:]:
        table = table.merge(part, on=keys, how="outer", sort=False)
    return _as_logged("bins", keys, table)


def _as_logged(name: str, keys: tuple[str, ...] | list[str], rows: pd.DataFrame) -> Table:
    rows = rows.assign(treatment=rows["treatment"].replace("", _NO_TREATMENT))
    return Table(name=name, keys=tuple(keys), rows=rows, notes=dict.fromkeys(map(str, rows), "drawn"))
