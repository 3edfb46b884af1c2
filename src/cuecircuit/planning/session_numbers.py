"""Tables `operant` and `bins` of a drawn study: counts of sessions, and what follows from them by sums."""

import pandas as pd

from cuecircuit.behavior.course import breakpoint_of
from cuecircuit.nodes.operant import KEYS, dose_of
from cuecircuit.nodes.study_files import StudyFiles
from cuecircuit.nodes.table import Table
from cuecircuit.simulate.planting import Drawn, Planting
from cuecircuit.study.expected import expected_rows

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
    for of, own in drawn.responses.items():
        if of.startswith("operant."):
            column = own[[*KEYS, "value"]].rename(columns={"value": of.partition(".")[2]})
            rows = rows.merge(column, on=list(KEYS), how="left")
    if "infusions" in rows:
        doses = _doses(files, subjects, rows)
        rows["intake_mg_kg"] = rows["infusions"] * doses
        ratio = rows["phase"].map({name: phase.kind == "progressive_ratio" for name, phase in operant.phases.items()})
        rows["breakpoint"] = rows["infusions"].where(ratio).map(breakpoint_of)
    for name in sorted({name for phase in operant.phases.values() for name in phase.by_day}):
        values = {phase: own.by_day[name] for phase, own in operant.phases.items() if name in own.by_day}
        rows[name] = [
            values[phase][day - 1] if phase in values else None
            for phase, day in zip(rows["phase"], rows["day"], strict=True)
        ]
    return _as_logged("operant", KEYS, rows)


def _doses(files: StudyFiles, subjects: Table, rows: pd.DataFrame) -> list[float | None]:
    """Return the dose of a delivery of each session, mg/kg."""
    drugs, known = files.study.drugs, dict[tuple[str, str], float | None]()
    doses = []
    for subject, name in zip(rows["subject"], rows["delivers"], strict=True):
        if (subject, name) not in known:
            known[subject, name] = dose_of(files, subjects, drugs[name], subject) if name in drugs else None
        doses.append(known[subject, name])
    return pd.Series(doses, dtype=float).to_list()


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
