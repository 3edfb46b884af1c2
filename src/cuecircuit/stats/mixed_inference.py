"""Linear hypotheses Lβ = 0 of a fitted mixed model: F, degrees of freedom, p in log space, z.

The rule for the denominator's degrees of freedom: "satterthwaite" (Fai and Cornelius 1996, as lmerTest),
"kenward-roger" (1997, as pbkrtest; the covariance of β̂ is adjusted too) or "none" (infinite: Wald's χ²/df1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.mixed_df import (
    FixedCovariance,
    kenward_roger_covariance,
    kenward_roger_test,
    satterthwaite_covariance,
    satterthwaite_test,
)
from cuecircuit.stats.term_test import TermTest

DegreesOfFreedomRule = Literal["satterthwaite", "kenward-roger", "none"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hypothesis:
    """Rows L of Lβ = 0 in the coding of the design; `variables` are those the tested term is made of."""

    name: str
    rows: Float[Array, "row column"]
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """What fitting leaves of the responses; NaN where there is no fit.

    `psi` are relative variances and covariances (of scaled random columns), `beta` coefficients in the model's basis,
    `covariance` that of (ψ, log σ).
    """

    psi: Float[Array, "response parameter"]
    sigma2: Float[Array, "response"]
    beta: Float[Array, "response column"]
    covariance: Float[Array, "response varied varied"]


def check_hypotheses(hypotheses: Sequence[Hypothesis], n_columns: int) -> Float[Array, "row column"]:
    """Return rows of all hypotheses below one another, checked.

    Raises:
        DesignError: rows of another length than the model has columns, or that say the same.
    """
    faults = []
    for each in hypotheses:
        if each.rows.shape[1] != n_columns:
            faults.append(f"hypothesis '{each.name}': found {each.rows.shape[1]} weights, expected {n_columns}")
        elif np.linalg.matrix_rank(each.rows) < len(each.rows):
            faults.append(f"hypothesis '{each.name}': found rows that are 0 or follow from others; leave them out")
    if faults:
        raise DesignError(faults)
    return np.vstack([each.rows for each in hypotheses])


def tested(
    hypotheses: Sequence[Hypothesis],
    estimates: Estimates,
    to_coded: Float[Array, "column column"],
    covariance: Callable[[Float[Array, "response parameter"]], FixedCovariance],
    n_left: int,
    *,
    df: DegreesOfFreedomRule,
) -> tuple[TermTest, ...]:
    """Test hypotheses in every response of `estimates`.

    Args:
        hypotheses: in the coding.
        estimates: in the basis.
        to_coded: turns coefficients of the basis into those of the coding.
        covariance: gives that of β̂ at ψ.
        n_left: observations less fixed columns.
        df: the rule.
    """
    stacked = check_hypotheses(hypotheses, len(to_coded)) @ to_coded
    starts = np.cumsum([len(each.rows) for each in hypotheses])[:-1]
    fitted = np.isfinite(estimates.sigma2)
    beta, psi = estimates.beta[fitted], estimates.psi[fitted]
    fixed = covariance(psi)
    if df == "kenward-roger":
        adjusted = kenward_roger_covariance(fixed, psi, n_left)
    else:
        adjusted = satterthwaite_covariance(fixed, estimates.covariance[fitted])
    tests = []
    for each, rows in zip(hypotheses, np.split(stacked, starts), strict=True):
        f, df2 = (kenward_roger_test if df == "kenward-roger" else satterthwaite_test)(rows, beta, adjusted)
        test = {"f": f / estimates.sigma2[fitted], "df2": np.full_like(df2, np.inf) if df == "none" else df2}
        if len(rows) == 1:
            test["estimate"] = beta @ rows[0]
            test["se"] = np.sqrt(estimates.sigma2[fitted] * (adjusted.adjusted @ rows[0] @ rows[0]))
        spread = {name: np.full(len(fitted), np.nan) for name in ("f", "df2", "estimate", "se")}
        for name, values in test.items():
            spread[name][fitted] = values
        one = len(rows) == 1
        tests.append(
            TermTest(
                name=each.name,
                variables=each.variables,
                df1=len(rows),
                df2=spread["df2"],
                f=spread["f"],
                estimate=spread["estimate"] if one else None,
                se=spread["se"] if one else None,
            )
        )
    return tuple(tests)
