"""Counts of sessions to logs: when each event was, on which day, and the MED-PC file of each day.

A time-out of 20 s follows each delivery, which costs one active press, or those of its place in a progressive ratio.
Active presses of a session without deliveries are drawn; in one with deliveries they are those that earn, and some in
the time-out. A subject has one session a day; phases follow one another, treatments of a phase take turns.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import StudyError
from cuecircuit.generators.operant import START, TIMEOUT_S, spread_ticks
from cuecircuit.io.medpc_write import MedpcSession
from cuecircuit.simulation.operant_counts import Profile, delivery_costs
from cuecircuit.study.experiment import Operant
from cuecircuit.study.session_days import planned_days

INACTIVE_PER_HOUR = 3.0
"""Rate of inactive presses without a base, assumed."""
TIMEOUT_PRESSES = 0.3
"""Presses in the time-out per delivery, assumed."""
_TICKS_PER_S = 100
_LETTERS = {
    "active": ("A", "X"),
    "inactive": ("I", "Y"),
    "infusion": ("R", "Z"),
    "lick": ("L", "U"),
    "shock": ("S", "V"),
}
SessionKey = tuple[str, str, str, int]
Times = Mapping[str, Float[Array, "event"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Day:
    """All boxes of one day of a phase; `name` is that of the file."""

    name: str
    logs: tuple[MedpcSession, ...]


def spread_events(
    profile: Profile, counts: Array, gap_s: float, rng: np.random.Generator
) -> list[Float[Array, "event"]]:
    """Draw the times (s) of the events of each row of a profile."""
    edges = 60 * profile.edges_min
    times = []
    for n_events in counts:
        parts = zip(n_events, edges[:-1], edges[1:], strict=True)
        ticks = [spread_ticks(int(count), start, stop, gap_s, rng) for count, start, stop in parts]
        times.append(np.concatenate(ticks) / _TICKS_PER_S)
    return times


def session_times(
    drawn: Mapping[str, Float[Array, "event"]], length_s: float, *, ratios: Sequence[int], rng: np.random.Generator
) -> dict[str, Float[Array, "event"]]:
    """Complete the events of a session: presses that earn, presses in the time-out, inactive presses.

    Args:
        drawn: times of the kinds that are drawn.
        length_s: of the session.
        ratios: presses that each delivery costs, the last one from then on; empty where nothing is delivered.
        rng: source of the times.
    """
    times = dict(drawn)
    if ratios and "infusion" in times:
        earned = times["infusion"]
        unpaid = delivery_costs(ratios, len(earned)) - 1
        since = np.repeat(np.concatenate([[0.0], earned[:-1] + TIMEOUT_S])[: len(earned)], unpaid)
        toward = since + (np.repeat(earned, unpaid) - since) * rng.random(len(since))
        idle = np.repeat(earned, rng.poisson(TIMEOUT_PRESSES, len(earned)))
        idle = idle + rng.integers(_TICKS_PER_S, round((TIMEOUT_S - 1) * _TICKS_PER_S), len(idle)) / _TICKS_PER_S
        times["active"] = np.sort(np.concatenate([earned, toward.round(2), idle[idle < length_s]]))
    elif ratios:
        presses = times.get("active", np.empty(0))
        paying = np.cumsum(delivery_costs(ratios, len(presses))) - 1
        times["infusion"] = presses[paying[paying < len(presses)]]
    if "inactive" not in times:
        count = rng.poisson(INACTIVE_PER_HOUR * length_s / 3600)
        times["inactive"] = spread_ticks(int(count), 0.0, length_s, 0.0, rng) / _TICKS_PER_S
    return times


def experiment_words(operant: Operant) -> dict[tuple[str, str], str]:
    """Return a header entry for each phase and treatment that its pattern fits and no other's does.

    Raises:
        StudyError: patterns that no word tells apart.
    """
    patterns = {
        (name, treatment): (phase.treatments[treatment].experiment if treatment else phase.experiment) or ""
        for name, phase in operant.phases.items()
        for treatment in phase.treatments or ("",)
    }
    faults = [
        f"operant.phases.{name}: simulated logs have an Experiment alone; find the phase by `experiment`"
        for name, phase in operant.phases.items()
        if any(set(way) - {"experiment"} for ways in phase.rules.values() for way in ways)
    ]
    StudyError.raise_any(faults)
    words = {}
    for key, pattern in patterns.items():
        candidates = [_word(pattern, filling) for filling in ("", "".join(key).upper(), "1")]
        alone = [word for word in candidates if word and _fitting(word, patterns) == [key]]
        if alone:
            words[key] = alone[0]
        else:
            others = [" ".join(other).strip() for other in _fitting(candidates[0] or candidates[1], patterns)]
            faults.append(
                f"operant.phases.{key[0]}: pattern '{pattern}' fits sessions of {' and '.join(others) or 'no phase'}; "
                "make the patterns exclude one another"
            )
    StudyError.raise_any(faults)
    return words


def _word(pattern: str, filling: str) -> str:
    return re.sub(r"\[([^]])[^]]*\]", r"\1", pattern).replace("*", filling).replace("?", "1")


def _fitting(word: str, patterns: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    return [key for key, pattern in patterns.items() if fnmatchcase(word.upper(), pattern.upper())]


def calendar(operant: Operant, rows: pd.DataFrame) -> list[tuple[datetime, str, int, pd.DataFrame]]:
    """Put the sessions on days: date, phase, the how-many-th day of it, and its sessions.

    Args:
        operant: section of the study.
        rows: sessions with `box` (from 0) and `length_min`.
    """
    groups = rows[operant.by].tolist() if operant.by in rows else [None] * len(rows)
    planned = {
        (group, box, one.phase, one.treatment, one.day): one
        for group, box in dict.fromkeys(zip(groups, rows["box"], strict=True))
        for one in planned_days(operant, group, box)
    }
    keys = zip(groups, *(rows[name] for name in ("box", "phase", "treatment", "day")), strict=True)
    due = [planned[key] for key in keys]
    by_day: dict[tuple[int, int, int], list[int]] = {}
    phases = list(operant.phases)
    for row, one in enumerate(due):
        by_day.setdefault((phases.index(one.phase), one.date, one.number), []).append(row)
    return [
        (START + timedelta(days=date - 1), phases[phase], number, rows.iloc[by_day[phase, date, number]])
        for phase, date, number in sorted(by_day)
    ]


def log_day(
    operant: Operant,
    words: Mapping[tuple[str, str], str],
    day: tuple[datetime, str, int, pd.DataFrame],
    times: Mapping[SessionKey, Times],
    rng: np.random.Generator,
) -> Day:
    """Write down the sessions of one day as their boxes do."""
    date, phase, number, rows = day
    logs = []
    for row in rows.to_dict("records"):
        key = (row["subject"], phase, row["treatment"], row["day"])
        logs.append(_log(operant, row, words[phase, row["treatment"]], date, times[key], rng))
    return Day(name=f"{date:%Y-%m-%d}_{phase}-{number:02d}", logs=tuple(logs))


def _log(
    operant: Operant, row: Mapping[str, object], word: str, date: datetime, times: Times, rng: np.random.Generator
) -> MedpcSession:
    length_s = 60 * float(str(row["length_min"]))
    schedule = "PR" if operant.phases[str(row["phase"])].kind == "progressive_ratio" else "FR1"
    arrays = {kind: times.get(kind, np.empty(0)) for kind in _LETTERS}
    return MedpcSession(
        subject=str(row["subject"]),
        experiment=word,
        group=str(row.get(operant.by, "")),
        box=str(int(str(row["box"])) + 1),
        msn=f"SIMULATED {str(row['delivers'] or 'no delivery').upper()} {schedule}",
        start=date,
        # the program is stopped by hand a little after the levers go in
        end=date + timedelta(seconds=length_s + int(rng.integers(20, 300))),
        scalars={_LETTERS[kind][0]: len(times_s) for kind, times_s in arrays.items()} | {"K": length_s},
        arrays={_LETTERS[kind][1]: stamps for kind, stamps in arrays.items()},
    )


def log_path(pattern: str, name: str) -> str:
    """Return a path that fits the pattern of `operant.logs`.

    Raises:
        StudyError: wildcards that no file of a day can be named by.
    """
    plain = pattern.replace("**/", "")
    folder, _, last = plain.rpartition("/")
    if "*" not in last or re.search(r"[][?*]", folder) or re.search(r"[][?]", last) or last.count("*") > 1:
        raise StudyError(
            f"operant.logs: no file of a day fits '{pattern}'; name one folder and one *, as in logs/*.txt"
        )
    file = last.replace("*", name) if not last.endswith("*") else last.replace("*", f"{name}.txt")
    return f"{folder}/{file}" if folder else file


def sorted_by_box(rows: pd.DataFrame, subjects: Sequence[str]) -> pd.DataFrame:
    """Assign every subject its box, in the order of the subjects."""
    box = {subject: number for number, subject in enumerate(subjects)}
    return rows.assign(box=rows["subject"].map(box))
