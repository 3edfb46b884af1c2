"""Linear hypotheses Lβ = 0 of a fitted mixed model: F, degrees of freedom, p in log space, z.

The rule for the denominator's degrees of freedom: "satterthwaite" (Fai and Cornelius 1996, as lmerTest),
"kenward-roger" (1997, as pbkrtest; the covariance of β̂ is adjusted too) or "none" (infinite: Wald's χ²/df1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.distributions import log_sf_f, z_from_log_p
from cuecircuit.stats.mixed_blocks import MixedBlocks
from cuecircuit.stats.mixed_df_kernel import KENWARD_ROGER, SATTERTHWAITE, WALD, test_responses

DegreesOfFreedomRule = Literal["satterthwaite", "kenward-roger", "none"]
_METHODS = {"satterthwaite": SATTERTHWAITE, "kenward-roger": KENWARD_ROGER, "none": WALD}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hypothesis:
    """Rows L of Lβ = 0 in the coding of the design; `variables` are those the tested term is made of."""

    name: str
    rows: Float[Array, "row column"]
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """What fitting leaves of the responses, last axis of each; NaN where there is no fit.

    `psi` are relative variances and covariances (of scaled random columns), `beta` coefficients in the model's basis,
    `covariance` that of (ψ, log σ).
    """

    psi: Float[Array, "parameter response"]
    sigma2: Float[Array, "response"]
    beta: Float[Array, "column response"]
    covariance: Float[Array, "varied varied response"]

    def part(self, of: slice) -> "Estimates":
        """A copy for some of the responses; contiguous, so that the loops are compiled for one layout only."""
        return Estimates(
            psi=np.ascontiguousarray(self.psi[:, of]),
            sigma2=np.ascontiguousarray(self.sigma2[of]),
            beta=np.ascontiguousarray(self.beta[:, of]),
            covariance=np.ascontiguousarray(self.covariance[:, :, of]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedTest:
    """The test of one hypothesis in every response; NaN where a response could not be fitted.

    `estimate`, `se` and `t` belong to hypotheses of one row: of a factor's term, half the difference of two levels in
    sum-to-zero coding; of a covariate, the slope.
    """

    name: str
    variables: tuple[str, ...]
    df1: int
    df2: Float[Array, "response"]
    f: Float[Array, "response"]
    estimate: Float[Array, "response"] | None
    se: Float[Array, "response"] | None

    @property
    def t(self) -> Float[Array, "response"] | None:
        """Estimate by its standard error."""
        return None if self.estimate is None or self.se is None else self.estimate / self.se

    @property
    def log_p(self) -> Float[Array, "response"]:
        """Natural log of p."""
        wald = np.isinf(self.df2)
        log_p = log_sf_f(self.f, float(self.df1), np.where(wald, 1.0, self.df2))
        log_p[wald] = stats.chi2.logsf(self.df1 * self.f[wald], self.df1)
        return log_p

    @property
    def p(self) -> Float[Array, "response"]:
        """Probability of a larger F (of a larger |t|, two-sided)."""
        return np.exp(self.log_p)

    @property
    def z(self) -> Float[Array, "response"]:
        """Normal deviate with the same tail: signed, from t, for hypotheses of one row; else one-sided from F."""
        if self.estimate is None:
            return z_from_log_p(self.log_p)
        return np.copysign(z_from_log_p(self.log_p - np.log(2.0)), self.estimate)


def stacked(hypotheses: Sequence[Hypothesis], n_columns: int) -> Float[Array, "row column"]:
    """Rows of all hypotheses below one another.

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
    blocks: MixedBlocks,
    forms: Float[Array, "design element pair"],
    *,
    df: DegreesOfFreedomRule,
) -> tuple[MixedTest, ...]:
    """Test hypotheses in every response of `estimates`.

    Args:
        hypotheses: in the coding.
        estimates: in the basis.
        to_coded: turns coefficients of the basis into those of the coding.
        blocks: of the design.
        forms: A_e of the design (see `mixed_sums`).
        df: the rule.
    """
    rows = stacked(hypotheses, len(to_coded)) @ to_coded
    starts = np.cumsum([0, *(len(each.rows) for each in hypotheses)])
    n_responses = estimates.sigma2.size
    f, df2 = np.empty((len(hypotheses), n_responses)), np.empty((len(hypotheses), n_responses))
    se = np.empty((len(rows), n_responses))
    n = blocks.rotation.shape[0]
    test_responses(
        _METHODS[df],
        np.ascontiguousarray(rows),
        starts,
        blocks.kernel,
        np.ascontiguousarray(forms),
        n,
        estimates.psi,
        estimates.sigma2,
        estimates.beta,
        estimates.covariance,
        f,
        df2,
        se,
    )
    return tuple(
        MixedTest(
            name=each.name,
            variables=each.variables,
            df1=len(each.rows),
            df2=df2[h],
            f=f[h],
            estimate=rows[start] @ estimates.beta if len(each.rows) == 1 else None,
            se=se[start] if len(each.rows) == 1 else None,
        )
        for h, (each, start) in enumerate(zip(hypotheses, starts, strict=False))
    )
