"""Single sessions event by event: which ones the study draws; their raster, cumulative records and drug level."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cuecircuit.behavior.pattern import loading_count
from cuecircuit.behavior.pharmacokinetics import Compound, Kinetics, drug_level, satiety_threshold
from cuecircuit.errors import DataError
from cuecircuit.figures.operant import SessionEvents, cumulative_figure, drug_level_figure, raster_figure
from cuecircuit.io.tables import ColumnNote, read_table, write_table
from cuecircuit.nodes.drawn_figure import DrawnFigure
from cuecircuit.records.operant import OperantSession
from cuecircuit.study.experiment import Drawn, Operant
from cuecircuit.study.schema import Study

SESSIONS, EVENTS = "drawn_sessions.tsv", "drawn_events.tsv"
_GRID_S = 30.0
_KINDS = ("infusion", "active", "inactive")
_NOTES: Mapping[str, ColumnNote] = {
    "subject": "participant label",
    "group": "level of the factor of operant.by",
    "drug": "of a delivery; n/a where none is delivered",
    "dose_mg_kg": {"Description": "of one delivery", "Units": "mg/kg"},
    "duration_s": {"Description": "length of the session, or the time of its last event", "Units": "s"},
    "chosen": "yes: in the cumulative records and drug levels as well",
    "event": "kind of event",
    "time_s": {"Description": "time from the start of the session", "Units": "s"},
    "presses": "active presses so far; inactive ones where the event is one",
    "level_mg_kg": {"Description": "estimated level", "Units": "mg/kg"},
    "satiety_mg_kg": {"Description": "satiety threshold of the session", "Units": "mg/kg"},
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SingleSessions:
    """A row per session that is drawn, and one per event of them."""

    sessions: pd.DataFrame
    events: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write both tables."""
        for name, table in ((SESSIONS, self.sessions), (EVENTS, self.events)):
            write_table(folder / name, table, {str(column): _NOTES[str(column)] for column in table})


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
    own = _of_day(operant.drawn, planned)
    groups = [str(group) for group in own["group"].fillna("everyone")]
    chosen = _chosen(operant.drawn, own.assign(group=groups))
    rows, parts = [], []
    for at, group in zip(own.index, groups, strict=True):
        session, delivers = sessions[at], planned["delivers"][at]
        times = {name: np.sort(session.events.get(name, np.empty(0))) for name in _KINDS}
        length = session.duration_s or max((float(each[-1]) for each in times.values() if each.size), default=0.0)
        drug = delivers if isinstance(delivers, str) else None
        rows.append((session.subject, group, drug, doses[at], length, "yes" if session.subject in chosen else "no"))
        parts += [pd.DataFrame({"time_s": when}).assign(subject=session.subject, event=k) for k, when in times.items()]
    columns = ["subject", "group", "drug", "dose_mg_kg", "duration_s", "chosen"]
    events = pd.concat(parts, ignore_index=True)[["subject", "event", "time_s"]]
    return SingleSessions(sessions=pd.DataFrame(rows, columns=columns), events=events)


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
        own = [each for each in dosed if each.drug == drug]
        courses = [_level(each, kinetics[drug]) for each in own]
        figure = drug_level_figure(
            [each.events for each in own],
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
        f"{drug}: {', '.join(_half_life(each) for each in found.compounds)}" for drug, found in kinetics.items()
    )
    return {
        "event_raster": f"Events of {which} of every animal, one row each: infusions above the line, colored by "
        f"{operant.by}; below it active presses (black) and, lowest, inactive presses (gray).",
        "cumulative_record": f"Cumulative records of {which}: active presses (thick) with a pip at each infusion, "
        f"inactive presses (thin). {chosen}",
        "drug_level": f"Estimated level of the drug, with its active compounds, in {which}, mg/kg equivalents "
        f"(half-lives: {half_lives}); ticks are infusions and, below, active presses; dashed: satiety threshold, the "
        f"median level just before the infusions of the maintenance (Tsibulsky and Norman 1999). {chosen}",
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


def _of_day(drawn: Drawn, planned: pd.DataFrame) -> pd.DataFrame:
    own = planned[planned["phase"] == drawn.phase]
    if drawn.day != "last":
        own = own[own["day"].astype(str) == drawn.day]
    if own.empty:
        raise DataError(f"operant.drawn: no session of phase {drawn.phase}, day {drawn.day}")
    return own.sort_values("day", kind="stable").groupby("subject", sort=False).tail(1)


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


def _events(row: Mapping[str, object], times: pd.DataFrame) -> _Session:
    own = times[times["subject"] == row["subject"]]
    when = {name: own.loc[own["event"] == name, "time_s"].to_numpy(float) for name in _KINDS}
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
    return DrawnFigure(figure=figure, source=source, notes={name: _NOTES[name] for name in map(str, source)})
