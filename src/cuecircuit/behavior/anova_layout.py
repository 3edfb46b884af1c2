"""A mixed ANOVA in the rows a Prism user knows: sources of variation with SS, DF, MS, F (DFn, DFd) and P value.

Order: interactions before main effects within subjects, then the effects between subjects, then the error terms:
"Subject" is the error between subjects (with its own test against the residual, where there is one) and "Residual"
the error within. Designs with more than one factor within subjects have a residual for each.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.distributions import log_sf_f
from cuecircuit.stats.strata_result import StratumTest


def anova_layout(tests: Sequence[StratumTest], cells: Float[Array, "subject condition"]) -> pd.DataFrame:
    """Return columns: source, SS, DF, MS, F, F (DFn, DFd), P value, summary, percent of SS, epsilon, P value (GG).

    Args:
        tests: of every term of the design, in one response; the grand mean has no row.
        cells: the measure.
    """
    terms = [term for term in tests if term.name != "(Intercept)"]
    between = [term for term in terms if term.eps_gg is None]
    within = [term for term in terms if term.eps_gg is not None]
    rows = [_effect(term) for term in sorted(within, key=lambda term: -len(term.factors))]
    rows += [_effect(term) for term in sorted(between, key=lambda term: -len(term.factors))]
    strata = list(dict.fromkeys(term.stratum for term in within))
    residuals = {name: next(term for term in within if term.stratum == name) for name in strata}
    if between or strata:
        rows.append(_subject(between, list(residuals.values()), cells))
    for name, term in residuals.items():
        source = "Residual" if len(residuals) == 1 else f"Residual: {name}"
        rows.append(_row(source, float(term.ss_error[0]), _df2(term)))
    table = pd.DataFrame(rows)
    return table.assign(**{"percent of SS": 100 * table["SS"] / table["SS"].sum()})[list(LAYOUT_COLUMNS)]


LAYOUT_COLUMNS = (
    "source", "SS", "DF", "MS", "F", "F (DFn, DFd)", "P value", "summary", "percent of SS", "epsilon", "P value (GG)",
)  # fmt: skip


def _effect(term: StratumTest) -> dict[str, object]:
    row = _row(" x ".join(reversed(term.factors)), float(term.ss[0]), term.df1)
    row |= _test(float(term.f[0]), term.df1, _df2(term))
    if term.eps_gg is not None and term.df1 > 1 and term.log_p_gg is not None:
        row |= {"epsilon": float(term.eps_gg[0]), "P value (GG)": float(np.exp(term.log_p_gg[0]))}
    return row


def _subject(
    between: list[StratumTest], within: list[StratumTest], cells: Float[Array, "subject condition"]
) -> dict[str, object]:
    if between:
        ss, df = float(between[0].ss_error[0]), _df2(between[0])
    else:
        centred = cells.mean(axis=1) - cells.mean()
        ss, df = float(cells.shape[1] * (centred**2).sum()), len(centred) - 1
    row = _row("Subject", ss, df)
    if len(within) == 1:
        error = float(within[0].ss_error[0]) / _df2(within[0])
        row |= _test(float(ss / df / error) if error > 0 else np.nan, df, _df2(within[0]))
    return row


def _df2(term: StratumTest) -> int:
    # a table has one response; maps may have degrees of freedom of their own in every voxel
    return int(np.asarray(term.df2).flat[0])


def _row(source: str, ss: float, df: int) -> dict[str, object]:
    blank: dict[str, object] = dict.fromkeys(("F", "P value", "epsilon", "P value (GG)"), np.nan)
    return {"source": source, "SS": ss, "DF": df, "MS": ss / df, **blank, "F (DFn, DFd)": "", "summary": ""}


def _test(f: float, df1: int, df2: int) -> dict[str, object]:
    p = float(np.exp(log_sf_f(np.array([f]), df1, df2))[0])
    said = f"F ({df1}, {df2}) = {f:.4g}" if np.isfinite(f) else ""
    return {"F": f, "F (DFn, DFd)": said, "P value": p, "summary": _stars(p)}


def _stars(p: float) -> str:
    """Prism's summary: ns above .05, up to **** at .0001."""
    if not np.isfinite(p):
        return ""
    return next(
        (mark for limit, mark in ((1e-4, "****"), (1e-3, "***"), (1e-2, "**"), (0.05, "*")) if p <= limit), "ns"
    )
