"""Figures of the single sessions that a study draws: raster, cumulative records, drug level; and their captions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cuecircuit.behavior.pattern import loading_count
from cuecircuit.behavior.pharmacokinetics import Compound, Kinetics, drug_level, satiety_threshold
from cuecircuit.figures.operant import SessionEvents, cumulative_figure, drug_level_figure, raster_figure
from cuecircuit.io.tables import read_table
from cuecircuit.pages.drawn_figure import DrawnFigure
from cuecircuit.study.accounting import deliveries_word
from cuecircuit.study.schema import Study
from cuecircuit.tables.single_sessions import COLUMN_NOTES, EVENTS, KINDS, SESSIONS

_GRID_S = 30.0


def session_figures(study: Study, folder: Path, kinetics: Mapping[str, Kinetics]) -> Iterator[tuple[str, DrawnFigure]]:
    """Draw event_raster, cumulative_record and, where kinetics are known, drug_level of the sessions written.

    Args:
        study: orders the groups.
        folder: where the operant node has written.
        kinetics: of each drug of which something is known.
    """
    path = folder / SESSIONS
    if study.operant is None or not path.is_file():
        return
    table = read_table(path, text=("subject", "group", "drug", "chosen"))
    times = read_table(folder / EVENTS, text=("subject", "event"))
    every = [_events(row, times) for row in table[table["duration_s"] > 0].to_dict("records")]
    if not every:
        return
    factor = study.factors.get(study.operant.by)
    levels = factor.levels if factor else ("everyone",)
    every.sort(key=lambda each: levels.index(each.group))
    shown = [each for each in every if each.chosen]
    yield "event_raster", _drawn(raster_figure([each.events for each in every], levels), _event_table(every))
    yield "cumulative_record", _drawn(cumulative_figure([each.events for each in shown], levels), _event_table(shown))
    dosed = [each for each in shown if each.drug in kinetics and each.dose_mg_kg]
    for drug in dict.fromkeys(each.drug for each in dosed):
        of_drug = [each for each in dosed if each.drug == drug]
        courses = [_level(each, kinetics[drug]) for each in of_drug]
        figure = drug_level_figure(
            [each.events for each in of_drug],
            levels,
            [course["time_s"].to_numpy() for course in courses],
            [course["level_mg_kg"].to_numpy() for course in courses],
            thresholds_mg_kg=[float(course["satiety_mg_kg"].iloc[0]) for course in courses],
            drug=drug.capitalize(),
        )
        several = len({each.drug for each in dosed}) > 1
        yield f"drug_level_{drug}" if several else "drug_level", _drawn(figure, pd.concat(courses, ignore_index=True))


def session_captions(study: Study, kinetics: Mapping[str, Kinetics]) -> dict[str, str]:
    """Return the caption of each figure of single sessions by its name or the beginning of it."""
    drawn, operant = study.operant and study.operant.drawn, study.operant
    if operant is None or not drawn:
        return {}
    which = f"the last session of {drawn.phase}" if drawn.day == "last" else f"day {drawn.day} of {drawn.phase}"
    chosen = "Animals named by the study." if drawn.subjects else "Of each group, the animal nearest the median."
    half_lives = "; ".join(
        f"{drug}: {', '.join(_half_life(each) for each in drug_kinetics.compounds)}"
        for drug, drug_kinetics in kinetics.items()
    )
    delivered = deliveries_word(study, [operant.phases[drawn.phase]])
    one = {"infusions": "infusion", "deliveries": "delivery"}[delivered]
    return {
        "event_raster": f"Events of {which} of every animal, one row each: {delivered} above the line, colored by "
        f"{operant.by}; below it active presses (black) and, lowest, inactive presses (gray).",
        "cumulative_record": f"Cumulative records of {which}: active presses (thick) with a pip at each {one}, "
        f"inactive presses (thin). {chosen}",
        "drug_level": f"Estimated level of the drug, with its active compounds, in {which}, mg/kg equivalents "
        f"(half-lives: {half_lives}); ticks are {delivered} and, below, active presses; dashed: satiety threshold, the "
        f"median level just before the {delivered} of the maintenance (Tsibulsky and Norman 1999). {chosen}",
    }


def _half_life(compound: Compound) -> str:
    return f"{compound.name} {compound.half_life_min:g} min{' (assumed)' if compound.assumed else ''}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Session:
    events: SessionEvents
    group: str
    drug: str
    dose_mg_kg: float
    chosen: bool


def _events(row: Mapping[str, object], times: pd.DataFrame) -> _Session:
    of_subject = times[times["subject"] == row["subject"]]
    when = {name: of_subject.loc[of_subject["event"] == name, "time_s"].to_numpy(float) for name in KINDS}
    dose = row["dose_mg_kg"]
    return _Session(
        events=SessionEvents(
            label=str(row["subject"]),
            group=str(row["group"]),
            active_s=when["active"],
            inactive_s=when["inactive"],
            infusions_s=when["infusion"],
            duration_s=float(str(row["duration_s"])),
        ),
        group=str(row["group"]),
        drug=str(row["drug"]),
        dose_mg_kg=float(str(dose)) if pd.notna(dose) else 0.0,
        chosen=row["chosen"] == "yes",
    )


def _event_table(sessions: Sequence[_Session]) -> pd.DataFrame:
    """Return what the rasters and the cumulative records show: a row per event."""
    parts = []
    for session in sessions:
        each = session.events
        times = {"infusion": each.infusions_s, "active": each.active_s, "inactive": each.inactive_s}
        for event, when in times.items():
            counted = each.inactive_s if event == "inactive" else each.active_s
            part = pd.DataFrame({"time_s": when}).assign(subject=each.label, group=each.group, event=event)
            parts.append(part.assign(presses=np.searchsorted(counted, when, side="right")))
    return pd.concat(parts, ignore_index=True)[["subject", "group", "event", "time_s", "presses"]]


def _level(session: _Session, kinetics: Kinetics) -> pd.DataFrame:
    """Return the estimated level of a session over time, with its satiety threshold (NaN for none)."""
    each, dose = session.events, session.dose_mg_kg
    when = np.arange(0.0, each.duration_s + 1.0, _GRID_S)
    loading = loading_count(each.infusions_s) or 1
    return pd.DataFrame(
        {
            "subject": each.label,
            "group": each.group,
            "time_s": when,
            "level_mg_kg": drug_level(when, each.infusions_s, dose_mg_kg=dose, kinetics=kinetics).effect,
            "satiety_mg_kg": satiety_threshold(each.infusions_s, dose_mg_kg=dose, kinetics=kinetics, loading=loading),
        }
    )


def _drawn(figure: Figure, source: pd.DataFrame) -> DrawnFigure:
    return DrawnFigure(figure=figure, source=source, notes={name: COLUMN_NOTES[name] for name in map(str, source)})
