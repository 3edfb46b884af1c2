"""The test of one term or contrast in every response, the same shape whichever model made it.

A test of one row has an estimate with its standard error: a coefficient of sum-to-zero coding (half the first of two
levels less the second; `models.fit` makes it the difference), a slope, or a contrast of means.

Partial η² is F·df1/(F·df1 + df2), for a sum of squares its share in itself and its error (Cohen 1988, section 9.2;
Lakens 2013, Front Psychol 4:863, eq. 12). Partial ε² is the same without its bias: 1 − (1 − η²)(df1 + df2)/df2, whose
mean is 0 where there is no effect (Mordkoff 2019, Adv Methods Pract Psychol Sci 2:228).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.distributions import log_sf_f, z_from_log_p


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TermTest:
    """The test of one hypothesis in every response; NaN where a response could not be fitted.

    `variables` are the factors and covariates of the tested term; `estimate`, `se`, `t`, `low` and `high` belong to
    hypotheses of one row, in units of the response. `df2` is one number per response where they differ, infinite for
    Wald's test. `n` is the number of subjects behind the standardized effect, which is t/√n (`models.evidence`); NaN
    where the model has no one variance to standardize by. `is_slope` tells slopes of covariates from means.
    """

    name: str
    variables: tuple[str, ...]
    df1: int
    df2: int | Float[Array, "response"]
    f: Float[Array, "response"]
    estimate: Float[Array, "response"] | None
    se: Float[Array, "response"] | None
    n: float | Float[Array, "response"] = float("nan")
    is_slope: bool = False

    @property
    def t(self) -> Float[Array, "response"] | None:
        """Signed root of F; the estimate by its standard error."""
        return None if self.estimate is None else np.copysign(np.sqrt(self.f), self.estimate)

    @property
    def log_p(self) -> Float[Array, "response"]:
        """Natural log of p, sphericity assumed."""
        wald = np.broadcast_to(np.isinf(self.df2), self.f.shape)
        log_p = log_sf_f(self.f, float(self.df1), np.where(wald, 1.0, self.df2))
        if wald.any():
            log_p[wald] = stats.chi2.logsf(self.df1 * self.f[wald], self.df1)
        return log_p

    @property
    def p(self) -> Float[Array, "response"]:
        """Probability of a larger F (of a larger |t|, two-sided), sphericity assumed."""
        return np.exp(self.log_p)

    @property
    def z(self) -> Float[Array, "response"]:
        """Normal deviate with the same tail: signed, from t, for hypotheses of one row; else one-sided from F."""
        if self.estimate is None:
            return z_from_log_p(self.log_p)
        return np.copysign(z_from_log_p(self.log_p - np.log(2.0)), self.estimate)

    @property
    def partial_eta2(self) -> Float[Array, "response"]:
        """Share of the term in the term and its error; NaN for Wald's test."""
        share = self.f * self.df1
        return np.where(np.isinf(self.df2), np.nan, share / (share + self.df2))

    @property
    def partial_epsilon2(self) -> Float[Array, "response"]:
        """Share of the term without its bias, negative as often as noise makes it; NaN for Wald's test."""
        df2 = np.where(np.isinf(self.df2), np.nan, self.df2)
        return 1 - (1 - self.partial_eta2) * (self.df1 + df2) / df2

    def interval(
        self, confidence: float = 0.95
    ) -> tuple[Float[Array, "response"], Float[Array, "response"]] | tuple[None, None]:
        """Limits of the estimate, by t with `df2`; None where there is no estimate."""
        if self.estimate is None or self.se is None:
            return None, None
        half = stats.t.isf((1 - confidence) / 2, self.df2) * self.se
        return self.estimate - half, self.estimate + half
