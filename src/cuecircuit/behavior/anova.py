"""A long table to a mixed ANOVA: the design is read from its columns, the statistics are those of `stats.strata`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.strata_result import StratumTest, generalized_eta2


def strata_rows(tests: Sequence[StratumTest], observed: Sequence[str]) -> pd.DataFrame:
    """Return one response's tests in their strata, a row each but for the grand mean.

    Args:
        tests: all of the design.
        observed: factors and covariates that were measured, not manipulated.
    """
    rows = [_row(test, tests, observed) for test in tests if test.name != "(Intercept)"]
    return pd.DataFrame(rows)


def _row(test: StratumTest, tests: Sequence[StratumTest], observed: Sequence[str]) -> dict[str, object]:
    return {
        "term": test.name,
        "df1": test.df1,
        "df2": test.df2,
        "F": test.f[0],
        "p": test.p[0],
        "eps_gg": _only(test.eps_gg),
        "p_gg": np.exp(_only(test.log_p_gg)),
        "eps_hf": _only(test.eps_hf),
        "p_hf": np.exp(_only(test.log_p_hf)),
        "pes": test.partial_eta2[0],
        "ges": generalized_eta2(tests, test, observed=observed)[0],
        "stratum": test.stratum,
        "mauchly_w": _only(test.mauchly_w),
        "mauchly_p": _only(test.mauchly_p),
    }


def _only(values: Float[Array, "1"] | None) -> float:
    return np.nan if values is None else float(values[0])
