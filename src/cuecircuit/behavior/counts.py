"""A model for counts beside the ANOVA: infusions are whole, bounded by 0 and overdispersed.

Generalized estimating equations (Liang and Zeger 1986) with log link and negative-binomial variance μ + αμ², one
cluster per animal, exchangeable working correlation (`stats.counts`). Covariance of the coefficients: the sandwich with
Mancl and DeRouen's (2001) correction for few animals; t has animals − groups degrees of freedom, as the error between
animals of the ANOVA, or animals − 1 for a comparison inside one group.

Assumed: the mean is right (sessions enter as one log-linear slope per group: with about twenty animals a sandwich
cannot carry a coefficient for every session), animals are independent, sessions that are missing are missing
completely at random. Correlation and variance may be wrong: the sandwich stands for them. A ratio compares means of
the population, not one animal with itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.counts import fit_counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CountModel:
    """`table` has a row per comparison; `alpha` is the dispersion, `correlation` that between sessions of an animal.

    Columns of `table`: comparison, ratio (of mean counts, or of such ratios), ci_low, ci_high (95 %), t, df, p.
    """

    table: pd.DataFrame
    alpha: float
    correlation: float
    n_animals: int
    n_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Comparison:
    """A contrast of coefficients; `group` where all of it is inside one group."""

    name: str
    weights: Float[Array, "column"]
    group: object = None


def escalation_counts(
    table: pd.DataFrame, *, phase: str, sessions: int, dv: str = "infusions", between: str = "group"
) -> CountModel:
    """Test the rise of counts per session: in each group, and each group against the first.

    Args:
        table: sessions with phase and number, as `assign_phases` makes it; missing sessions are allowed.
        phase: the phase to test.
        sessions: how many sessions of the phase enter, at least two.
        dv: column of the counts.
        between: column of the group, the reference group first in the table.

    Raises:
        DesignError: no counts, fewer than two animals in a group, or a group without a single count.
    """
    chosen = _counted(table[(table["phase"] == phase) & (table["session"] <= sessions)], dv, between)
    groups = list(dict.fromkeys(chosen[between]))
    member = np.array([chosen[between] == group for group in groups], float).T
    centred = chosen["session"].to_numpy(float) - (sessions + 1) / 2
    n = len(groups)
    compared = [
        _Comparison(name=f"{group}: per session", weights=_at(2 * n, n + g), group=group)
        for g, group in enumerate(groups)
    ]
    compared += [
        _Comparison(name=f"{groups[g]} / {groups[0]}: per session", weights=_at(2 * n, n + g, n)) for g in range(1, n)
    ]
    compared += [
        _Comparison(name=f"{groups[g]} / {groups[0]}: mid-phase", weights=_at(2 * n, g, 0)) for g in range(1, n)
    ]
    return _fitted(chosen, dv, np.hstack([member, member * centred[:, None]]), compared, between)


def conditioning_counts(
    table: pd.DataFrame, *, phase: str, treatments: Sequence[str], sessions: int, dv: str, between: str = "group"
) -> CountModel:
    """Test treatments against the first: in each group, and each group's ratio against the first group's.

    Args:
        table: sessions with phase, treatment and number.
        phase: the phase to test.
        treatments: its treatments, reference first.
        sessions: sessions per treatment that enter.
        dv: column of the counts.
        between: column of the group, the reference group first in the table.

    Raises:
        DesignError: no counts, fewer than two animals in a group, or a cell without a single count.
    """
    mine = (table["phase"] == phase) & table["treatment"].isin(treatments) & (table["session"] <= sessions)
    chosen = _counted(table[mine], dv, between)
    groups, n = list(dict.fromkeys(chosen[between])), len(treatments)
    cells = [(group, treatment) for group in groups for treatment in treatments]
    member = np.array([(chosen[between] == g) & (chosen["treatment"] == t) for g, t in cells], float).T
    empty = [f"{g} {t}" for (g, t), column in zip(cells, member.T, strict=True) if not column @ chosen[dv].to_numpy()]
    if empty:
        raise DesignError(f"counts of {dv}: none in {', '.join(empty)}; a ratio needs some, use the ANOVA alone")
    compared: list[_Comparison] = []
    for k in range(1, n):
        against = [_at(len(cells), g * n + k, g * n) for g in range(len(groups))]
        name = f"{treatments[k]} / {treatments[0]}"
        compared.append(_Comparison(name=name, weights=np.mean(against, axis=0)))
        compared += [
            _Comparison(name=f"{group}: {name}", weights=row, group=group)
            for group, row in zip(groups, against, strict=True)
        ]
        compared += [
            _Comparison(name=f"{groups[g]} / {groups[0]}: {name}", weights=against[g] - against[0])
            for g in range(1, len(groups))
        ]
    level = [np.repeat(np.eye(len(groups))[g], n) / n for g in range(len(groups))]
    compared += [
        _Comparison(name=f"{groups[g]} / {groups[0]}", weights=level[g] - level[0]) for g in range(1, len(groups))
    ]
    return _fitted(chosen, dv, member, compared, between)


def _counted(chosen: pd.DataFrame, dv: str, between: str) -> pd.DataFrame:
    rows = chosen[chosen[dv].notna() & chosen[between].notna()].astype({dv: float})
    faults = []
    if rows.empty:
        faults.append(f"counts of {dv}: none found; add the logs or correct the phase")
    for group, members in rows.groupby(between, sort=False):
        if members["subject"].nunique() < 2:
            faults.append(f"counts of {dv}: one animal in group {group}, expected two or more")
        if not members[dv].sum():
            faults.append(f"counts of {dv}: none in group {group}; a ratio needs some, use the ANOVA alone")
    DesignError.raise_any(faults)
    return rows


def _at(n: int, plus: int, minus: int | None = None) -> Float[Array, "column"]:
    row = np.zeros(n)
    row[plus] = 1.0
    if minus is not None:
        row[minus] = -1.0
    return row


def _fitted(
    rows: pd.DataFrame,
    dv: str,
    x: Float[Array, "row column"],
    compared: Sequence[_Comparison],
    between: str,
) -> CountModel:
    animals = np.unique(rows["subject"].to_numpy(str), return_inverse=True)[1]
    try:
        fit = fit_counts(rows[dv].to_numpy(), x, animals)
    except DesignError as error:
        raise DesignError(f"counts of {dv}: {error}; use the ANOVA alone") from None
    contrast = np.stack([comparison.weights for comparison in compared])
    estimate = contrast @ fit.coefficients
    se = np.sqrt(np.einsum("ij,jk,ik->i", contrast, fit.covariance, contrast))
    n_animals = int(animals.max()) + 1
    sizes = rows.groupby(between, sort=False)["subject"].nunique()
    df = [n_animals - len(sizes) if c.group is None else sizes[c.group] - 1 for c in compared]
    df = np.array(df, dtype=np.float64)
    half = stats.t.isf(0.025, df) * se
    table = pd.DataFrame(
        {
            "comparison": [comparison.name for comparison in compared],
            "ratio": np.exp(estimate),
            "ci_low": np.exp(estimate - half),
            "ci_high": np.exp(estimate + half),
            "t": estimate / se,
            "df": df,
            "p": 2 * stats.t.sf(np.abs(estimate / se), df),
        }
    )
    return CountModel(
        table=table, alpha=fit.alpha, correlation=fit.correlation, n_animals=n_animals, n_sessions=len(rows)
    )
