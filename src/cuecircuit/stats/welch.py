"""Groups with unequal variances: every cell of the factors has a mean and a variance of its own.

A hypothesis on the coefficients is one on the cells' means, C m, with covariance C D C', D = diag(s²/n). Johansen's
(1980, Biometrika 67:85) statistic for q rows, with B = C'(C D C')⁻¹C D:

    T = (Cm)'(C D C')⁻¹(Cm),   F = T/c,   c = q + 2A − 6A/(q + 2),   df1 = q,   df2 = q(q + 2)/(3A),

where A = Σ b_gg²/(n_g − 1) over the cells. With one row this is Welch's t with Satterthwaite's degrees of
freedom; for the groups of one factor it is Welch's (1951, Biometrika 38:330) test.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.between_model import BetweenModel
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WelchFit:
    """Tests, coefficients in the model's coding, residuals, and these by the standard deviation of their cell."""

    tests: tuple[TermTest, ...]
    coefficients: Float[Array, "column response"]
    residuals: Float[Array, "subject response"]
    noise: Float[Array, "subject response"]
    no_error: Bool[Array, "response"]


def welch_tests(y: Float[Array, "subject response"], model: BetweenModel) -> WelchFit:
    """Test every hypothesis of a model of groups.

    Raises:
        DesignError: covariates, cells left out of the model (an interaction), or a cell with one subject.
    """
    cells, which, sizes = np.unique(model.design.x, axis=0, return_inverse=True, return_counts=True)
    which = which.ravel()
    if model.design.covariates or len(cells) != model.design.x.shape[1] or sizes.min() < 2:
        raise DesignError(
            f"welch '{model.formula}': found {len(cells)} different rows for {model.design.x.shape[1]} columns and "
            f"{sizes.min()} subjects in the smallest cell; expected groups only, all their interactions, and two "
            "subjects or more in each; use robust or ols for covariates"
        )
    means = np.stack([y[which == cell].mean(axis=0) for cell in range(len(cells))])
    left = y - means[which]
    sums = np.stack([(left[which == cell] ** 2).sum(axis=0) for cell in range(len(cells))])
    variances = sums / (sizes - 1)[:, None]
    # what rounding leaves of a cell without noise is about 1e-16 of its size
    no_error = (np.sqrt(variances) <= 1e-13 * np.abs(y).max(axis=0, initial=0.0)).any(axis=0)
    to_coded = np.linalg.inv(cells)
    spread = np.where(no_error, 1.0, variances) / sizes[:, None]
    tests = tuple(
        _test(each.name, each.variables, each.rows @ to_coded, means, spread, sizes) for each in model.hypotheses
    )
    return WelchFit(
        tests=tests,
        coefficients=to_coded @ means,
        residuals=left,
        noise=left / np.sqrt(np.where(no_error, 1.0, variances))[which],
        no_error=no_error,
    )


def _test(
    name: str,
    variables: tuple[str, ...],
    rows: Float[Array, "row cell"],
    means: Float[Array, "cell response"],
    spread: Float[Array, "cell response"],
    sizes: Array,
) -> TermTest:
    q = len(rows)
    estimate = rows @ means
    covariance = np.einsum("qc,cr,pc->rqp", rows, spread, rows)
    inverse = np.linalg.inv(covariance)
    statistic = np.einsum("qr,rqp,pr->r", estimate, inverse, estimate)
    share = np.einsum("qc,rqp,pc->cr", rows, inverse, rows) * spread
    a = (share**2 / (sizes - 1)[:, None]).sum(axis=0)
    return TermTest(
        name=name,
        variables=variables,
        df1=q,
        df2=q * (q + 2) / (3 * a),
        f=statistic / (q + 2 * a - 6 * a / (q + 2)),
        estimate=estimate[0] if q == 1 else None,
        se=np.sqrt(covariance[:, 0, 0]) if q == 1 else None,
    )
