"""Evidence of a test beside its p: the standardized effect, the Bayes factor, and whether the effect is negligible.

- The standardized effect of one degree of freedom is d = t/√n, in residual standard deviations of the subjects' scores:
  of a difference within subjects d_z, of groups Cohen's d (pooled SD), of a slope none (partial η² serves). Its limits
  are those of the noncentral t (Cumming and Finch 2001, Educ Psychol Meas 61:532); g = J·d, Hedges's J by `df2`.
- Bayes factors are JZS (`stats.bayes_factor`). Default scales are those of R's BayesFactor: √2/2 of one d, ½ of several
  effects, √2/4 of a slope. Of several scores within subjects they assume sphericity and one error, so they differ from
  those of anovaBF, which gives the subjects a prior of their own.
- Equivalence: two one-sided tests of |d| ≥ bound by the noncentral t (Wellek 2010, section 5.3; Lakens 2017, Soc
  Psychol Personal Sci 8:355). p is the larger of the two; it is small where the effect is negligible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.bayes_factor import effect_posterior, log_bayes_factor
from cuecircuit.stats.noncentral_t import noncentral_t_cdf, noncentrality_limits, small_sample_factor
from cuecircuit.stats.responses import of_responses
from cuecircuit.stats.term_test import TermTest

Prior = Literal["d", "several", "slope"]
SCALES: dict[Prior, float] = {"d": 2**-0.5, "several": 0.5, "slope": 2**0.5 / 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSettings:
    """`scale` of the prior, None for the default of each kind of effect; `bound` of |d| for equivalence, if asked.

    Raises:
        DesignError: a number below 0.001 or above 1000.
    """

    scale: int | float | None = None
    bound: int | float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that no effect has."""
        faults = [
            f"{name}: found {value}, expected a number from 0.001 to 1000"
            for name, value in (("scale of the prior", self.scale), ("bound of equivalence", self.bound))
            if value is not None and not 0.001 <= value <= 1000
        ]
        DesignError.raise_any(faults)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Evidence of one test in every response; `d` and what follows from it are None where there is no d.

    `log_bf10` is the natural log of the evidence for the effect against none; `p_equivalence` None without a bound.
    """

    scale: int | float
    log_bf10: Float[Array, "response"]
    d: Float[Array, "response"] | None
    d_low: Float[Array, "response"] | None
    d_high: Float[Array, "response"] | None
    g: Float[Array, "response"] | None
    p_equivalence: Float[Array, "response"] | None


def evidence(test: TermTest, settings: EvidenceSettings, *, confidence: float = 0.95) -> Evidence:
    """Compute the evidence of a test.

    Args:
        test: of error strata or least squares.
        settings: scale of the prior and bound of equivalence.
        confidence: coverage of the limits of d.

    Raises:
        DesignError: the model has no one variance to standardize by.
    """
    check_standardized(test)
    effect = dict.fromkeys(("d", "d_low", "d_high", "g", "p_equivalence"))
    if has_d(test):
        effect |= standardized_effect(test, confidence=confidence)
        effect["p_equivalence"] = None if settings.bound is None else equivalence_p(test, settings.bound)
    return Evidence(scale=_scale(test, settings), log_bf10=log_bf10(test, settings), **effect)


def log_bf10(test: TermTest, settings: EvidenceSettings) -> Float[Array, "response"]:
    """Return the natural log of the evidence for an effect against none; NaN where it has no one standard deviation."""
    return log_bayes_factor(test.f, test.df1, test.df2, test.n, _scale(test, settings))


def _scale(test: TermTest, settings: EvidenceSettings) -> int | float:
    kind: Prior = "slope" if test.is_slope else "d" if test.df1 == 1 else "several"
    return settings.scale or SCALES[kind]


def has_standard(test: TermTest) -> bool:
    """Return whether the model has one variance to standardize effects by; where nothing was fitted it may have."""
    fitted = np.isfinite(test.f)
    return bool(np.isfinite(np.broadcast_to(test.n, test.f.shape))[fitted].any()) or not fitted.any()


def has_d(test: TermTest) -> bool:
    """Return whether the test is of one standardized difference or mean."""
    return has_standard(test) and test.df1 == 1 and not test.is_slope


def check_standardized(test: TermTest) -> None:
    """Refuse a test whose model has no one variance to standardize effects by.

    Raises:
        DesignError: it is of a mixed model, a robust one, or one with unequal variances.
    """
    if not has_standard(test):
        raise DesignError(
            f"evidence of {test.name}: found a model with several variances, weights or a covariate by voxel, expected "
            "error strata or least squares (between and within, or method ols): their effects have one standard "
            "deviation"
        )


def standardized_effect(test: TermTest, *, confidence: float = 0.95) -> dict[str, Float[Array, "response"]]:
    """Return d with its limits and Hedges's g of a test of one degree of freedom that is no slope."""
    assert test.t is not None
    root = np.sqrt(test.n)
    low, high = noncentrality_limits(test.t, test.df2, confidence=confidence)
    d = test.t / root
    return {"d": d, "d_low": low / root, "d_high": high / root, "g": small_sample_factor(test.df2) * d}


def effect_size(test: TermTest) -> tuple[Literal["g", "epsilon2"], Float[Array, "response"]]:
    """Return Hedges's g of one standardized difference, of any other effect partial ε², and which of the two.

    Raises:
        DesignError: the model has no one variance to standardize by.
    """
    check_standardized(test)
    return ("g", standardized_effect(test)["g"]) if has_d(test) else ("epsilon2", test.partial_epsilon2)


def equivalence_p(test: TermTest, bound: int | float) -> Float[Array, "response"]:
    """Return p of |d| ≥ bound, by two one-sided tests."""
    assert test.t is not None
    m = bound * np.sqrt(test.n)
    above = noncentral_t_cdf(-test.t, test.df2, m)  # P(T ≥ t) at −m, by symmetry
    return np.maximum(above, noncentral_t_cdf(test.t, test.df2, m))


def evidence_frame(tests: Sequence[TermTest], settings: EvidenceSettings, response: int = 0) -> pd.DataFrame:
    """Return the evidence of one response, a row for each test that can be standardized.

    Raises:
        DesignError: no test can be.
    """
    able = [test for test in tests if has_standard(test)]
    if not able:
        check_standardized(tests[0])
    rows = [evidence_row(of_responses(test, np.arange(len(test.f)) == response), settings) for test in able]
    return pd.DataFrame(rows, columns=list(rows[0]))


def evidence_row(test: TermTest, settings: EvidenceSettings) -> dict[str, object]:
    """Return the evidence of a test of one response, with the posterior of d, as a row of a table."""
    row_evidence = evidence(test, settings)
    posterior = np.full(3, np.nan)
    if row_evidence.d is not None and test.t is not None:
        posterior = effect_posterior(test.t, test.df2, float(np.max(test.n)), row_evidence.scale)[:, 0]
    log_bf10 = float(row_evidence.log_bf10[0])
    numbers = {"d": row_evidence.d, "d_low": row_evidence.d_low, "d_high": row_evidence.d_high, "g": row_evidence.g}
    with np.errstate(over="ignore"):
        return {
            "term": test.name,
            "stratum": getattr(test, "stratum", None),
            **{name: np.nan if values is None else float(values[0]) for name, values in numbers.items()},
            "bf10": float(np.exp(log_bf10)),
            "log_bf10": log_bf10,
            "scale": row_evidence.scale,
            **dict(zip(("posterior_low", "posterior_median", "posterior_high"), posterior.tolist(), strict=True)),
            "p_equivalence": np.nan if row_evidence.p_equivalence is None else float(row_evidence.p_equivalence[0]),
        }
