"""Figures of single sessions, drawn while the events are at hand: the last session of escalation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from markupsafe import Markup

from cuecircuit.behavior.doses import Doses
from cuecircuit.behavior.pattern import loading_count
from cuecircuit.behavior.pharmacokinetics import Kinetics, drug_level, satiety_threshold
from cuecircuit.errors import StudyError
from cuecircuit.io.tables import ColumnNote, write_json, write_table
from cuecircuit.records.operant import OperantSession
from cuecircuit.report.operant_captions import cumulative_caption, drug_level_caption, raster_caption
from cuecircuit.study.study import Study

if TYPE_CHECKING:
    from cuecircuit.figures.operant import SessionEvents

_GRID_S = 30.0
_NONE = np.empty(0)
_NOTES: Mapping[str, ColumnNote] = {
    "subject": "participant label",
    "group": "group",
    "event": "kind of event",
    "time_s": {"Description": "time from the start of the session", "Units": "s"},
    "presses": "active presses so far; inactive ones where the event is one",
    "level_mg_kg": {"Description": "estimated level", "Units": "mg/kg"},
    "satiety_mg_kg": {"Description": "satiety threshold of the session", "Units": "mg/kg"},
}


def draw_sessions(
    study: Study,
    table: pd.DataFrame,
    sessions: Sequence[OperantSession],
    folder: Path,
    *,
    doses: Doses,
    kinetics: Kinetics | None,
) -> None:
    """Draw event_raster, cumulative_record and (where kinetics are known) drug_level of the last sessions.

    Each is written as SVG and PNG with the TSV it is drawn from; figures.json has the caption of each that there is.

    Args:
        study: names the phase and the animals shown.
        table: sessions with phase and number, file and line.
        sessions: their events.
        folder: where to.
        doses: mg/kg of an infusion.
        kinetics: of the drug; None leaves out the level.

    Raises:
        StudyError: behavior.shown names an animal without such a session.
    """
    from cuecircuit.figures.operant import cumulative_figure, drug_level_figure, raster_figure
    from cuecircuit.figures.saving import save

    last = _last_sessions(study, table)
    logged = {(session.subject, session.start.isoformat()): session for session in sessions}
    every = [_events(logged[row.subject, row.start], str(row.group)) for row in last.itertuples()]
    every = [each for each in every if each.duration_s > 0]
    shown = _chosen(study, last)
    chosen = [each for each in every if each.label in shown]
    dosed = [each for each in chosen if not isinstance(doses, Mapping) or each.label in doses]
    levels, drawn = study.subjects.groups, {}
    if every:
        drawn["event_raster"] = (raster_figure(every, levels), _event_table(every))
        drawn["cumulative_record"] = (cumulative_figure(chosen, levels), _event_table(chosen))
    if kinetics is not None and dosed:
        level = [_level(each, doses, kinetics) for each in dosed]
        figure = drug_level_figure(
            dosed,
            levels,
            [each["time_s"].to_numpy() for each in level],
            [each["level_mg_kg"].to_numpy() for each in level],
            thresholds_mg_kg=[float(each["satiety_mg_kg"].iloc[0]) for each in level],
            drug=study.drug.name.capitalize(),
        )
        drawn["drug_level"] = (figure, pd.concat(level, ignore_index=True))
    for name, (figure, shown_table) in drawn.items():
        save(figure, folder / name)
        write_table(folder / f"{name}.tsv", shown_table, _NOTES)
    captions = session_captions(study, kinetics)
    write_json(folder / "figures.json", {name: captions[name] for name in drawn})


def session_captions(study: Study, kinetics: Kinetics | None) -> dict[str, Markup]:
    """The captions of the figures of single sessions by name, in the order of the page."""
    captions = {"event_raster": raster_caption(study), "cumulative_record": cumulative_caption(study)}
    return captions if kinetics is None else captions | {"drug_level": drug_level_caption(study, kinetics)}


def _last_sessions(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    phase = study.phase(study.behavior.escalation)
    own = table[(table["phase"] == phase.name) & (table["session"] <= phase.sessions)]
    last = own.sort_values("session", kind="stable").groupby("subject", sort=False).tail(1)
    # the reference group first
    rank = last["group"].map(study.subjects.groups.index)
    return last.assign(rank=rank).sort_values(["rank", "subject"]).drop(columns="rank")


def _chosen(study: Study, last: pd.DataFrame) -> set[str]:
    if study.behavior.shown:
        unknown = [name for name in study.behavior.shown if name not in set(last["subject"])]
        if unknown:
            raise StudyError(
                f"behavior.shown: {', '.join(unknown)} has no session of {study.behavior.escalation}; "
                f"name some of {', '.join(last['subject'])}"
            )
        return set(study.behavior.shown)
    counts = last.assign(infusions=last["infusions"].to_numpy(float, na_value=np.nan)).dropna(subset="infusions")
    away = (counts["infusions"] - counts.groupby("group")["infusions"].transform("median")).abs()
    return set(counts.loc[away.groupby(counts["group"]).idxmin(), "subject"])


def _events(session: OperantSession, group: str) -> "SessionEvents":
    from cuecircuit.figures.operant import SessionEvents

    times = {name: np.sort(session.events.get(name, _NONE)) for name in ("active", "inactive", "infusion")}
    longest = max((float(each[-1]) for each in times.values() if each.size), default=0.0)
    return SessionEvents(
        label=session.subject,
        group=group,
        active_s=times["active"],
        inactive_s=times["inactive"],
        infusions_s=times["infusion"],
        duration_s=session.duration_s or longest,
    )


def _event_table(sessions: "Sequence[SessionEvents]") -> pd.DataFrame:
    """What the rasters and the cumulative records show: a row per event."""
    parts = [
        pd.DataFrame({"time_s": times}).assign(
            subject=each.label,
            group=each.group,
            event=event,
            presses=np.searchsorted(each.inactive_s if event == "inactive" else each.active_s, times, side="right"),
        )
        for each in sessions
        for event, times in (("infusion", each.infusions_s), ("active", each.active_s), ("inactive", each.inactive_s))
    ]
    return pd.concat(parts, ignore_index=True)[["subject", "group", "event", "time_s", "presses"]]


def _level(session: "SessionEvents", doses: Doses, kinetics: Kinetics) -> pd.DataFrame:
    """The estimated level of a session over time, with its satiety threshold (NaN for none)."""
    dose = doses[session.label] if isinstance(doses, Mapping) else doses
    infusions = session.infusions_s
    when = np.arange(0.0, session.duration_s + 1.0, _GRID_S)
    loading = loading_count(infusions) or 1
    return pd.DataFrame(
        {
            "subject": session.label,
            "group": session.group,
            "time_s": when,
            "level_mg_kg": drug_level(when, infusions, dose_mg_kg=dose, kinetics=kinetics).effect,
            "satiety_mg_kg": satiety_threshold(infusions, dose_mg_kg=dose, kinetics=kinetics, loading=loading),
        }
    )
