"""Events of simulated scans: every trial type that is a cell as often as any other, in an order of its own per scan.

The study file does not say how many trials there are and how long they last; both are assumed here, so that windows
of block responses fit, and so that a scan of `scans.volumes` is filled evenly where the study states its length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.errors import StudyError
from cuecircuit.study.acquisition import Blocks
from cuecircuit.study.schema import Study
from cuecircuit.study.trial_cells import trial_cells

RUNS = 2
"""Runs of a session where `scans.runs` allows several."""
_LABELS = 8
# seconds: length of a trial, shortest and longest gap; trials of a type in a scan
_DESIGNS = {
    ("rodent", "tiny"): (10.0, (8.0, 12.0), 4),
    ("rodent", "paper"): (20.0, (20.0, 30.0), 6),
    ("human", "tiny"): (4.0, (2.0, 5.0), 5),
    ("human", "paper"): (4.0, (2.0, 5.0), 12),
}
_LEAD_S, _TAIL_S = 8.0, 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Trials of a scan, seconds; `volumes` of it."""

    duration_s: float
    gap_s: tuple[float, float]
    repeats: int
    lead_s: float
    tail_s: float
    volumes: int


def timing_of(study: Study, kind: str, scale: str) -> Timing:
    """Return how the trials of a scan follow one another.

    Args:
        study: with scans and trials.
        kind: rodent or human.
        scale: tiny or paper.

    Raises:
        StudyError: `scans.volumes` is too short for the trials.
    """
    assert study.scans is not None
    duration, gap, repeats = _DESIGNS[kind, scale]
    lead, tail = _LEAD_S, _TAIL_S
    blocks = [maps for maps in study.maps.values() if isinstance(maps, Blocks)]
    if blocks:
        duration = max(maps.window_s[1] for maps in blocks)
        before = max(max(-maps.baseline_s[0], -maps.course_s[0], 0.0) for maps in blocks)
        after = max(max(maps.course_s[1], maps.baseline_s[1]) for maps in blocks)
        rest = before + max(after - duration, 10.0)
        gap, lead, tail = (rest, rest + 5.0), before + 5.0, max(after - duration, 10.0) + 5.0
    if study.trials and study.trials.parts:
        repeats = max(number for part in study.trials.parts.values() for numbers in part.values() for number in numbers)
    types = trial_cells(study)["trial_type"].nunique() if study.trials else 0
    n, tr_s = types * repeats, study.scans.tr_s
    if study.scans.volumes is None:
        length = lead + n * (duration + sum(gap) / 2) + tail
        volumes = int(np.ceil(length / tr_s))
    else:
        volumes = study.scans.volumes
        slot = (volumes * tr_s - lead - tail) / max(n, 1)
        if not blocks:
            duration = min(duration, slot / 2)
        if slot < duration + (gap[0] if blocks else 0.0) or slot <= 0:
            raise StudyError(
                f"scans.volumes: {volumes} volumes of {tr_s:g} s are too short for {n} trials of {duration:g} s and "
                f"{gap[0] if blocks else 0:g} s between them; give more volumes, or none"
            )
        gap = (slot - duration, slot - duration)
    return Timing(duration_s=duration, gap_s=gap, repeats=repeats, lead_s=lead, tail_s=tail, volumes=volumes)


def draw_events(study: Study, timing: Timing, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the events of a scan, by onset.

    Returns:
        onset, duration (s), trial_type; for trials of cells `number` (of its type in the scan, from 1), the factors of
        the cell and its part, and the columns of `trials.labels`; others have no number.
    """
    assert study.trials is not None
    cells = trial_cells(study).drop(columns=list(study.trials.parts)).drop_duplicates().reset_index(drop=True)
    order = np.concatenate([rng.permutation(len(cells)) for _ in range(timing.repeats)])
    gaps = rng.uniform(*timing.gap_s, len(order))
    slots = timing.duration_s + gaps
    onset = timing.lead_s + np.cumsum(slots) - slots
    room = timing.volumes * study.scans.tr_s - timing.tail_s if study.scans else np.inf
    over = onset[-1] + slots[-1] - room
    if over > 0:  # jitter that adds up to more than its mean shortens every gap alike
        shorter = gaps * (1 - over / gaps.sum())
        onset = onset - np.concatenate([[0.0], np.cumsum(gaps - shorter)[:-1]])
    events = cells.loc[order].reset_index(drop=True)
    events.insert(0, "onset", np.round(onset, 3))
    events.insert(1, "duration", round(timing.duration_s, 3))
    events.insert(3, "number", events.groupby("trial_type").cumcount() + 1)
    for part, levels in study.trials.parts.items():
        level_of = {number: level for level, numbers in levels.items() for number in numbers}
        events[part] = events["number"].map(level_of)
    for name in study.trials.labels:
        pool = (
            study.factors[name].levels if name in study.factors else [f"{name}{k:02d}" for k in range(1, _LABELS + 1)]
        )
        events[name] = np.array(pool, dtype=object)[rng.permutation(len(events)) % len(pool)]
    return _with_others(events, study.trials.others, gaps)


def _with_others(events: pd.DataFrame, others: Sequence[str], gaps: np.ndarray) -> pd.DataFrame:
    """Put one event of another type into the gap after every third trial, each type in turn."""
    if not others:
        return events
    after = np.arange(0, len(events), 3)
    end = events["onset"].to_numpy()[after] + events["duration"].to_numpy()[after]
    table = pd.DataFrame(
        {
            "onset": np.round(end + 0.25 * gaps[after], 3),
            "duration": np.round(0.25 * gaps[after], 3),
            "trial_type": [others[number % len(others)] for number in range(len(after))],
        }
    )
    return pd.concat([events, table]).sort_values("onset", kind="stable").reset_index(drop=True)
