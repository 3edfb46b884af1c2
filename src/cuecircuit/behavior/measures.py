"""One operant session to numbers.

Events: `active` and `inactive` presses, `infusion`. The first hour lets sessions of different length be compared at
equal time. A press in the time-out has no consequence; under a fixed ratio of 1 every other active press earns an
infusion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.records.operant import OperantSession

FIRST_HOUR_S = 3600.0
_TOLERANCE_S = 1e-6  # two times of one press in two arrays differ by rounding alone

_TEXTS = ("subject", "box", "experiment", "group", "msn", "start", "end", "file")
_FLOATS = ("duration_s", "latency_s", "mean_interval_s", "intake_mg_kg")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMeasures:
    """Numbers of one session; None where the program does not record what is needed.

    `infusions`, `active`, `inactive` are the program's own counts where it keeps them (its arrays may be full).
    `latency_s` is the time of the first infusion, `mean_interval_s` the mean time between infusions.
    """

    active: int | None
    inactive: int | None
    infusions: int | None
    timeout_presses: int | None
    first_hour_infusions: int | None
    latency_s: float | None
    mean_interval_s: float | None
    intake_mg_kg: float | None


def measure_session(session: OperantSession, *, dose_mg_kg: float | None = None) -> SessionMeasures:
    """Reduce a session to its measures.

    Args:
        session: what was logged.
        dose_mg_kg: drug per infusion and kg of body weight; None leaves the intake out.
    """
    infusions, times = _count(session, "infusion"), session.events.get("infusion")
    some = times is not None and times.size > 0
    return SessionMeasures(
        active=_count(session, "active"),
        inactive=_count(session, "inactive"),
        infusions=infusions,
        timeout_presses=_timeout_presses(session),
        first_hour_infusions=None if times is None else count_between(times, start_s=0.0, stop_s=FIRST_HOUR_S),
        latency_s=float(times[0]) if times is not None and some else None,
        mean_interval_s=float(np.diff(times).mean()) if times is not None and times.size > 1 else None,
        intake_mg_kg=None if dose_mg_kg is None or infusions is None else infusions * dose_mg_kg,
    )


def count_between(times: Float[Array, "event"], *, start_s: float, stop_s: float) -> int:
    """Count the events from `start_s` on and before `stop_s`."""
    return int(((times >= start_s) & (times < stop_s)).sum())


def sessions_table(
    sessions: Sequence[OperantSession],
    *,
    dose_mg_kg: float | None = None,
    windows: Mapping[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """One row per session, by start: who, where, when, and the measures.

    Args:
        sessions: what was logged.
        dose_mg_kg: drug per infusion and kg of body weight.
        windows: for each name a start and stop in s; adds a column `infusions_<name>`, empty where the session was
            over before the window.
    """
    rows: list[dict[str, object]] = []
    for session in sorted(sessions, key=lambda s: (s.start, s.subject, s.box)):
        row: dict[str, object] = {
            "subject": session.subject or None,
            "box": session.box,
            "experiment": session.experiment,
            "group": session.group,
            "msn": session.program,
            "start": session.start.isoformat(),
            "end": None if session.end is None else session.end.isoformat(),
            "duration_s": session.duration_s,
            **asdict(measure_session(session, dose_mg_kg=dose_mg_kg)),
        }
        row |= {f"infusions_{name}": _in_window(session, *window) for name, window in (windows or {}).items()}
        rows.append(row | {"events": sum(t.size for t in session.events.values())})
        rows[-1] |= {"file": session.file, "line": session.line}
    measures = SessionMeasures.__dataclass_fields__
    columns = [*_TEXTS[:-1], "duration_s", *measures, *(f"infusions_{name}" for name in windows or {})]
    return _typed(pd.DataFrame(rows, columns=[*columns, "events", "file", "line"]))


def events_table(sessions: Sequence[OperantSession]) -> pd.DataFrame:
    """One row per event: subject, start of the session, kind, time in s from the start, file."""
    parts = [
        pd.DataFrame(
            {
                "subject": session.subject or None,
                "start": session.start.isoformat(),
                "event": np.repeat(
                    np.array(list(session.events), dtype=object), [t.size for t in session.events.values()]
                ),
                "time_s": np.concatenate([np.empty(0), *session.events.values()]),
                "file": session.file,
            }
        )
        for session in sorted(sessions, key=lambda s: (s.start, s.subject, s.box))
        if any(times.size for times in session.events.values())
    ]
    if not parts:
        return pd.DataFrame(columns=["subject", "start", "event", "time_s", "file"])
    # events of one session in the order they happened
    return pd.concat([part.sort_values("time_s", kind="stable") for part in parts], ignore_index=True)


def _count(session: OperantSession, event: str) -> int | None:
    """The larger of the program's count and the times there are: arrays may be full, counters may have been reset."""
    times = session.events.get(event)
    if times is None:
        return session.counts.get(event)
    return max(session.counts.get(event, 0), int(times.size))


def _timeout_presses(session: OperantSession) -> int | None:
    """Active presses within the time-out after an infusion, the earning press not counted."""
    active, infusions = session.events.get("active"), session.events.get("infusion")
    if session.timeout_s is None or active is None or infusions is None:
        return None
    first = np.searchsorted(active, infusions - _TOLERANCE_S)
    after = np.searchsorted(active, infusions + session.timeout_s - _TOLERANCE_S)
    return int(np.maximum(after - first - 1, 0).sum())


def _in_window(session: OperantSession, start_s: float, stop_s: float) -> int | None:
    times = session.events.get("infusion")
    if times is None or (session.duration_s is not None and session.duration_s < stop_s):
        return None
    return count_between(times, start_s=start_s, stop_s=stop_s)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Counts as integers that may be missing, times and doses as floats."""
    kinds = {name: "float64" if name in _FLOATS else "Int64" for name in table.columns if name not in _TEXTS}
    return table.astype(kinds)
