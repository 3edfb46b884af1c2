"""Counts of operant sessions, and how they are spread over a session.

A base counts a kind of event over the whole session (`operant.infusions`); it is even over time unless an effect on a
measure changes the rate inside its window (`operant.paired_infusions`) or its bins (`bins.presses`). The whole count is
then the sum: E[N] = μ Σ_p w_p k_p / L, with w_p the width of part p, k_p what its effects multiply, L the length.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.generators.protocol import ratios_of
from cuecircuit.simulation.columns import WHOLE
from cuecircuit.simulation.effects import Tables, planted
from cuecircuit.study.experiment import Measure, Operant
from cuecircuit.study.questions import Effect


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """Rows of sessions of one length, its parts (edges in min), and what the rate of each part is multiplied by."""

    rows: Int[Array, "row"]
    edges_min: Float[Array, "edge"]
    rates: Float[Array, "row part"]

    @property
    def shares(self) -> Float[Array, "row part"]:
        """Expected count of each part for one event expected at an even rate."""
        widths = np.diff(self.edges_min)
        return self.rates * widths / widths.sum()


def session_rows(operant: Operant, rows: pd.DataFrame, response: str, *, deliveries: bool) -> pd.DataFrame:
    """Keep the sessions in which a response is drawn, with `length_min` and `delivers`.

    Args:
        operant: section of the study.
        rows: sessions, with the factor of `operant.by` where there is one.
        response: count over the session.
        deliveries: infusions have a base, so that active presses of sessions with deliveries follow from them.
    """
    groups = rows[operant.by] if operant.by in rows else pd.Series([None] * len(rows), dtype=object)
    phases = [operant.phases[name] for name in rows["phase"]]
    rows = rows.assign(
        length_min=[60 * (phase.access_of(group) or 1.0) for phase, group in zip(phases, groups, strict=True)],
        delivers=[phase.drug_of(group) or "" for phase, group in zip(phases, groups, strict=True)],
    )
    keep = np.ones(len(rows), bool)
    if response == "infusions":
        keep = (rows["delivers"] != "").to_numpy()
    elif response == "active" and deliveries:
        keep = (rows["delivers"] == "").to_numpy()
    elif response == "shocks":
        keep = np.array([phase.kind == "punishment" for phase in phases])
    return rows[keep].reset_index(drop=True)


def delivery_costs(ratios: Sequence[int], deliveries: int) -> Int[Array, "delivery"]:
    """Return the presses that each delivery costs, the last ratio from then on."""
    return np.asarray(ratios)[np.minimum(np.arange(deliveries), len(ratios) - 1)]


def most_deliveries(operant: Operant, rows: pd.DataFrame) -> Float[Array, "row"]:
    """Return how many deliveries a press per second (assumed) pays for on a progressive ratio; other sessions inf."""
    most = np.full(len(rows), np.inf)
    for row, (phase, minutes) in enumerate(zip(rows["phase"], rows["length_min"], strict=True)):
        if operant.phases[phase].kind == "progressive_ratio":
            costs = np.cumsum(ratios_of(operant.phases[phase]))
            most[row] = np.searchsorted(costs, 60 * minutes, side="right")
    return most


def profiles(
    operant: Operant, rows: pd.DataFrame, response: str, effects: Sequence[Effect], tables: Tables
) -> tuple[Profile, ...]:
    """Return how each session's events are spread over its parts.

    Args:
        operant: section of the study.
        rows: sessions with `length_min`.
        response: count over the session, such as active.
        effects: on any response; those on measures of the same events count.
        tables: tables of `add`.
    """
    measures = {
        name: of_response for name, of_response in operant.measures.items() if WHOLE[of_response.count] == response
    }
    shaping = [(measures[name], effect) for effect in effects if (name := effect.in_.partition(".")[2]) in measures]
    profiles_made = []
    for length, of_length in rows.groupby("length_min", sort=True):
        edges = _edges(measures, float(str(length)))
        rates = np.ones((len(of_length), len(edges) - 1))
        for measure, effect in shaping:
            rates *= _rate(of_length, measure, effect, edges, tables)
        profiles_made.append(Profile(rows=of_length.index.to_numpy(int), edges_min=edges, rates=rates))
    return tuple(profiles_made)


def _edges(measures: Mapping[str, Measure], length_min: float) -> Float[Array, "edge"]:
    edges = {0.0, length_min}
    for measure in measures.values():
        edges |= set(measure.window_min or ())
        edges |= set(np.arange(0.0, length_min, measure.every_min).tolist()) if measure.every_min else set()
    return np.array(sorted(edge for edge in edges if edge <= length_min))


def _rate(
    rows: pd.DataFrame, measure: Measure, effect: Effect, edges: Float[Array, "edge"], tables: Tables
) -> Float[Array, "row part"]:
    middle = (edges[:-1] + edges[1:]) / 2
    if measure.every_min is None:
        start, stop = measure.window_min or (0.0, np.inf)
        return np.where((middle > start) & (middle < stop), planted(rows, effect, tables, counts=True)[:, None], 1.0)
    number = (middle // measure.every_min).astype(int)
    bins = rows.loc[rows.index.repeat(number[-1] + 1)].reset_index(drop=True)
    bins["bin"] = np.tile(np.arange(1, number[-1] + 2), len(rows))
    return planted(bins, effect, tables, counts=True).reshape(len(rows), -1)[:, number]


def part_counts(
    counts: Float[Array, "session"], profile: Profile, gap_s: float, rng: np.random.Generator
) -> Int[Array, "row part"]:
    """Deal the counts of sessions to their parts; events closer than the gap do not fit and are left out.

    Args:
        counts: of all rows of the table that the profile belongs to.
        profile: which rows, and their parts.
        gap_s: shortest time between two events, 0 for none.
        rng: source of the draws.
    """
    shares = profile.shares / profile.shares.sum(axis=1, keepdims=True)
    dealt = rng.multinomial(counts[profile.rows].astype(int), shares)
    if not gap_s:
        return dealt
    # one event less than the gaps fill, so that rounding to ticks leaves room
    most = np.maximum((60 * np.diff(profile.edges_min) / gap_s).astype(int) - 1, 0)
    return np.minimum(dealt, most)


def measure_table(
    rows: pd.DataFrame,
    found: Sequence[tuple[Profile, Array]],
    measure: Measure,
    column: str,
) -> pd.DataFrame:
    """Return a measure of parts of sessions, one row per session or bin, with its value and expected value.

    Args:
        rows: sessions with the expected value of an even rate in `column`.
        found: profiles with their counts.
        measure: window or bins.
        column: name of that column.
    """
    tables = []
    for profile, counts in found:
        of_profile = rows.loc[profile.rows]
        middle = (profile.edges_min[:-1] + profile.edges_min[1:]) / 2
        expected = of_profile[column].to_numpy()[:, None] * profile.shares
        if measure.every_min is None:
            start, stop = measure.window_min or (0.0, np.inf)
            if profile.edges_min[-1] < stop < np.inf:  # over before the window is
                continue
            inside = (middle > start) & (middle < stop)
            tables.append(
                of_profile.assign(expected=expected[:, inside].sum(axis=1), value=counts[:, inside].sum(axis=1))
            )
            continue
        number = (middle // measure.every_min).astype(int)
        for bin_number in range(number[-1] + 1):
            inside = number == bin_number
            part = of_profile.assign(expected=expected[:, inside].sum(axis=1), value=counts[:, inside].sum(axis=1))
            tables.append(part.assign(bin=bin_number + 1))
    if not tables:
        return rows.iloc[:0].assign(expected=0.0, value=0.0)
    return pd.concat(tables).sort_index(kind="stable").reset_index(drop=True)
