"""Figures of single sessions, drawn while the events are at hand: the last session of escalation."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cuecircuit.behavior.measures import Doses
from cuecircuit.behavior.pattern import loading_count
from cuecircuit.behavior.pharmacokinetics import Kinetics, drug_level, satiety_threshold
from cuecircuit.errors import StudyError
from cuecircuit.io.atomic import replacing
from cuecircuit.records.operant import OperantSession
from cuecircuit.study.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cuecircuit.figures.operant import SessionEvents

_GRID_S = 30.0
_NONE = np.empty(0)


def draw_sessions(
    study: Study,
    table: pd.DataFrame,
    sessions: Sequence[OperantSession],
    folder: Path,
    *,
    doses: Doses,
    kinetics: Kinetics | None,
) -> None:
    """Write cumulative_record, event_raster and (where kinetics are known) drug_level as SVG and PNG, with captions.

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
    from cuecircuit.figures.operant import cumulative_figure, raster_figure
    from cuecircuit.figures.saving import save
    from cuecircuit.report.operant_captions import cumulative_caption, drug_level_caption, raster_caption

    last = _last_sessions(study, table)
    logged = {(session.subject, session.start.isoformat()): session for session in sessions}
    every = [_events(logged[row.subject, row.start], str(row.group)) for row in last.itertuples()]
    every = [each for each in every if each.duration_s > 0]
    chosen = [each for each in every if each.label in _chosen(study, last)]
    levels, captions = study.subjects.groups, {}
    if not every:
        return
    save(raster_figure(every, levels), folder / "event_raster")
    save(cumulative_figure(chosen, levels), folder / "cumulative_record")
    captions |= {"event_raster": raster_caption(study), "cumulative_record": cumulative_caption(study)}
    dosed = [each for each in chosen if not isinstance(doses, Mapping) or each.label in doses]
    if kinetics is not None and dosed:
        save(_level_figure(study, dosed, doses, kinetics), folder / "drug_level")
        captions["drug_level"] = drug_level_caption(study, kinetics)
    with replacing(folder / "figures.json") as new:
        new.write_text(json.dumps(captions, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


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


def _level_figure(study: Study, chosen: "Sequence[SessionEvents]", doses: Doses, kinetics: Kinetics) -> "Figure":
    from cuecircuit.figures.operant import drug_level_figure

    times, courses, thresholds = [], [], []
    for each in chosen:
        dose = doses[each.label] if isinstance(doses, Mapping) else doses
        when = np.arange(0.0, each.duration_s + 1.0, _GRID_S)
        times.append(when)
        courses.append(drug_level(when, each.infusions_s, dose_mg_kg=dose, kinetics=kinetics).effect)
        loading = loading_count(each.infusions_s) or 1
        thresholds.append(satiety_threshold(each.infusions_s, dose_mg_kg=dose, kinetics=kinetics, loading=loading))
    return drug_level_figure(
        chosen, study.subjects.groups, times, courses, thresholds_mg_kg=thresholds, drug=study.drug.name.capitalize()
    )
