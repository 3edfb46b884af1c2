"""One operant session to numbers.

Events: `active` and `inactive` presses, `infusion`. The first hour lets sessions of different length be compared at
equal time. A press in the time-out has no consequence; under a fixed ratio of 1 every other active press earns an
infusion. Discrimination is active/(active + inactive): 0.5 presses either lever alike. What has no value (an animal
without an infusion has no interval) is missing, never 0.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.behavior.doses import SessionDoses, dose_of
from cuecircuit.behavior.pattern import InfusionPattern, infusion_pattern, loading_count
from cuecircuit.behavior.pharmacokinetics import Kinetics, drug_level
from cuecircuit.errors import DesignError
from cuecircuit.records.operant import OperantSession

FIRST_HOUR_S = 3600.0
_TOLERANCE_S = 1e-6  # two times of one press in two arrays differ by rounding alone

_TEXTS = ("subject", "box", "experiment", "group", "msn", "start", "end", "file")
_COUNTS = (
    ("session", "day", "active", "inactive", "infusions", "timeout_presses", "first_hour_infusions")
    + ("loading_infusions", "bursts", "burst_infusions", "longest_burst", "events", "line")
)  # fmt: skip
# every minute is far below any half-life of a drug that is self-administered for hours
_GRID_S = 60.0

BIN_COLUMNS = ("subject", "start", "event", "from_s", "to_s", "count")
_STANDARD_EVENTS = ("active", "inactive", "infusion")


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
    discrimination: float | None
    first_hour_infusions: int | None
    first_hour_share: float | None
    latency_s: float | None
    mean_interval_s: float | None
    intake_mg_kg: float | None
    pattern: InfusionPattern | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelMeasures:
    """Estimated drug level of one session, mg/kg equivalents of the drug; None where infusion times are missing.

    `satiety_mg_kg` is the median level just before each infusion of the maintenance, `satiety_cv` their SD over mean.
    """

    mean_level_mg_kg: float | None
    peak_level_mg_kg: float | None
    satiety_mg_kg: float | None
    satiety_cv: float | None


def measure_session(session: OperantSession, *, dose_mg_kg: float | None = None) -> SessionMeasures:
    """Reduce a session to its measures.

    Args:
        session: what was logged.
        dose_mg_kg: drug per infusion and kg of body weight; None leaves the intake out.
    """
    infusions, times = count_events(session, "infusion"), session.events.get("infusion")
    active, inactive = count_events(session, "active"), count_events(session, "inactive")
    first_hour = _first_hour(session)
    times_s = np.empty(0) if times is None else times
    # counts above the times there are: the array was full before the session was over
    whole = times is not None and infusions == times.size
    return SessionMeasures(
        active=active,
        inactive=inactive,
        infusions=infusions,
        timeout_presses=_timeout_presses(session),
        discrimination=_share(active, None if active is None or inactive is None else active + inactive),
        first_hour_infusions=first_hour,
        first_hour_share=_share(first_hour, infusions),
        latency_s=float(times_s.min()) if times_s.size else None,
        mean_interval_s=float(np.ptp(times_s)) / (times_s.size - 1) if times_s.size > 1 else None,
        intake_mg_kg=None if dose_mg_kg is None or infusions is None else infusions * dose_mg_kg,
        pattern=None if times is None else infusion_pattern(times_s, duration_s=session.duration_s if whole else None),
    )


def measure_level(session: OperantSession, *, dose_mg_kg: float, kinetics: Kinetics) -> LevelMeasures:
    """Estimate the drug level of a session, whose animal is taken to start without drug.

    Args:
        session: what was logged; its length, or its last infusion, ends the estimate.
        dose_mg_kg: drug per infusion and kg of body weight.
        kinetics: of the drug.
    """
    infusions = session.events.get("infusion")
    if infusions is None:
        return LevelMeasures(mean_level_mg_kg=None, peak_level_mg_kg=None, satiety_mg_kg=None, satiety_cv=None)
    times = np.sort(infusions)
    end = session.duration_s or (float(times[-1]) if times.size else None)
    grid = np.arange(0.0, (end or 0.0) + 1.0, _GRID_S)
    course = drug_level(grid, times, dose_mg_kg=dose_mg_kg, kinetics=kinetics).effect
    loading = loading_count(times)
    # just before each infusion after the loading, as in `satiety_threshold`
    later = times[loading or 1 :]
    before = drug_level(later, times, dose_mg_kg=dose_mg_kg, kinetics=kinetics, before=True).effect
    return LevelMeasures(
        mean_level_mg_kg=None if end is None else float(course.mean()),
        peak_level_mg_kg=None if end is None else float(course.max()),
        satiety_mg_kg=float(np.median(before)) if later.size > 1 else None,
        satiety_cv=float(before.std(ddof=1) / before.mean()) if later.size > 1 else None,
    )


def count_between(times: Float[Array, "event"], *, start_s: float, stop_s: float) -> int:
    """Count the events from `start_s` on and before `stop_s`."""
    return int(((times >= start_s) & (times < stop_s)).sum())


def count_events(session: OperantSession, event: str) -> int | None:
    """Return the larger of the program's count and the times there are: an array may be full, a counter reset."""
    times = session.events.get(event)
    if times is None:
        bins = session.bins.get(event)
        return session.counts.get(event, None if bins is None else int(bins.counts.sum()))
    return max(session.counts.get(event, 0), int(times.size))


def count_in_window(session: OperantSession, event: str, *, start_s: float, stop_s: float) -> int | None:
    """Count the events of a part of a session; None where they are not logged or the session was over before."""
    times = session.events.get(event)
    if times is None or (session.duration_s is not None and session.duration_s < stop_s):
        return None
    return count_between(times, start_s=start_s, stop_s=stop_s)


def bin_counts(session: OperantSession, event: str, *, bin_s: float) -> Int[Array, "bin"]:
    """Count events in each bin that the session filled; empty where events or length are not known."""
    times = session.events.get(event)
    if times is None or session.duration_s is None:
        return np.zeros(0, int)
    n = int((session.duration_s + _TOLERANCE_S) // bin_s)
    return np.bincount((times[(times >= 0) & (times < n * bin_s)] // bin_s).astype(int), minlength=n)


def by_start(sessions: Iterable[OperantSession]) -> list[OperantSession]:
    """Return sessions in the order of the rows of `sessions_table`: by start, subject and box."""
    return sorted(sessions, key=lambda s: (s.start, s.subject, s.box))


def sessions_table(
    sessions: Sequence[OperantSession],
    *,
    dose_mg_kg: SessionDoses | None = None,
    windows: Mapping[str, tuple[float, float]] | None = None,
    kinetics: Kinetics | None = None,
) -> pd.DataFrame:
    """Return one row per session, by start: who, where, when, and the measures.

    Args:
        sessions: what was logged.
        dose_mg_kg: drug per infusion and kg of body weight, by subject or session where it differs.
        windows: for each name a start and stop in s; adds a column `infusions_<name>`, empty where the session was
            over before the window.
        kinetics: of the drug; with a dose, adds the columns of `LevelMeasures`.

    Raises:
        DesignError: a number that a program declares is called like a column.
    """
    ordered = by_start(sessions)
    others = _other_columns(ordered)
    rows: list[dict[str, object]] = []
    for session, number, day in zip(ordered, *session_numbers(ordered), strict=True):
        dose = dose_of(dose_mg_kg, session)
        row: dict[str, object] = {
            "subject": session.subject or None,
            "session": number,
            "day": day,
            "box": session.box,
            "experiment": session.experiment,
            "group": session.group,
            "msn": session.program,
            "start": session.start.isoformat(),
            "end": None if session.end is None else session.end.isoformat(),
            "duration_s": session.duration_s,
        }
        measured = asdict(measure_session(session, dose_mg_kg=dose))
        row |= (measured.pop("pattern") or {}) | measured
        if kinetics is not None and dose is not None:
            row |= asdict(measure_level(session, dose_mg_kg=dose, kinetics=kinetics))
        row |= {
            f"infusions_{name}": count_in_window(session, "infusion", start_s=window[0], stop_s=window[1])
            for name, window in (windows or {}).items()
        }
        row |= {f"n_{event}": count for event, count in session.counts.items()}
        row |= session.values
        rows.append(row | {"events": sum(t.size for t in session.events.values())})
        rows[-1] |= {"file": session.file, "line": session.line}
    measures = [name for name in SessionMeasures.__dataclass_fields__ if name != "pattern"]
    measures += InfusionPattern.__dataclass_fields__
    measures += LevelMeasures.__dataclass_fields__ if kinetics is not None else ()
    columns = ["subject", "session", "day", *_TEXTS[1:-1], "duration_s", *measures, *others]
    columns += [f"infusions_{name}" for name in windows or {}]
    if twice := [name for name, n in Counter(columns + ["events", "file", "line"]).items() if n > 1]:
        raise DesignError(f"values: {', '.join(twice)} is a column of every table of sessions; choose another name")
    return _typed(pd.DataFrame(rows, columns=[*columns, "events", "file", "line"]))


def session_numbers(sessions: Sequence[OperantSession]) -> tuple[list[int], list[int]]:
    """Return the number of each session of its subject, and its calendar day, both 1 for the subject's first.

    Args:
        sessions: in the order of their starts.
    """
    first: dict[str, date] = {}
    seen: Counter[str] = Counter()
    numbers, days = [], []
    for session in sessions:
        seen[session.subject] += 1
        numbers.append(seen[session.subject])
        today = session.start.date()
        days.append((today - first.setdefault(session.subject, today)).days + 1)
    return numbers, days


def _other_columns(sessions: Sequence[OperantSession]) -> list[str]:
    """Return the columns for what only some programs count or keep."""
    counted = sorted({event for session in sessions for event in session.counts} - set(_STANDARD_EVENTS))
    kept = sorted({name for session in sessions for name in session.values})
    return [*(f"n_{event}" for event in counted), *kept]


def bins_table(sessions: Sequence[OperantSession]) -> pd.DataFrame:
    """Return the counts per stretch of time that programs keep: subject, start, event, from_s, to_s, count."""
    rows = [
        (
            session.subject or None,
            session.start.isoformat(),
            event,
            k * bins.width_s,
            (k + 1) * bins.width_s,
            int(count),
        )
        for session in sorted(sessions, key=lambda s: (s.start, s.subject, s.box))
        for event, bins in session.bins.items()
        for k, count in enumerate(bins.counts)
    ]
    return pd.DataFrame(rows, columns=list(BIN_COLUMNS))


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _timeout_presses(session: OperantSession) -> int | None:
    """Active presses within the time-out after an infusion; the press that earned it, within a tick of it, is none."""
    active, infusions = session.events.get("active"), session.events.get("infusion")
    if session.timeout_s is None or active is None or infusions is None:
        return None
    if not active.size:
        return 0
    later = np.searchsorted(active, infusions - _TOLERANCE_S)
    # of equal presses the first earned the infusion
    before = np.searchsorted(active, active[np.maximum(later - 1, 0)])
    after = np.minimum(later, active.size - 1)
    is_before = np.abs(active[before] - infusions) < np.abs(active[after] - infusions)
    nearest = np.where(is_before, before, after)
    # an infusion may be stamped a tick later than the press that earned it
    is_earned = np.abs(active[nearest] - infusions) <= session.tick_s + _TOLERANCE_S
    first = np.where(is_earned, nearest + 1, later)
    stop = np.searchsorted(active, infusions + session.timeout_s - _TOLERANCE_S)
    return int(np.maximum(stop - first, 0).sum())


def _first_hour(session: OperantSession) -> int | None:
    """Infusions of the first hour, by their times or by bins that end with it."""
    times, bins = session.events.get("infusion"), session.bins.get("infusion")
    if times is not None:
        return count_between(times, start_s=0.0, stop_s=FIRST_HOUR_S)
    if bins is None or FIRST_HOUR_S % bins.width_s:
        return None
    return int(bins.counts[: int(FIRST_HOUR_S // bins.width_s)].sum())


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Counts as integers that may be missing, times and doses as floats."""
    counted = {name for name in table.columns if name in _COUNTS or name.startswith(("infusions_", "n_"))}
    kinds = {name: "Int64" if name in counted else "float64" for name in table.columns if name not in _TEXTS}
    return table.astype(kinds)
