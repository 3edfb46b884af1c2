"""What an error-strata AN(C)OVA gives: the test of every term and contrast, and how they are read.

Generalized η² is that of Olejnik and Algina (2003).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.distributions import log_sf_f
from cuecircuit.stats.sphericity import Sphericity
from cuecircuit.stats.strata_design import StrataModel
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StratumTest(TermTest):
    """The test of one term in one stratum.

    `covariate` names the covariate of a slope, `factors` those the slope differs by. `eps_gg` and `eps_hf` belong to
    effects of factors within subjects (1 where there is one score; `eps_hf` may exceed 1), Mauchly's W and its p to
    those with several scores.
    """

    stratum: str
    factors: tuple[str, ...]
    covariate: str | None
    ss: Float[Array, "response"]
    ss_error: Float[Array, "response"]
    eps_gg: Float[Array, "response"] | None
    eps_hf: Float[Array, "response"] | None
    mauchly_w: Float[Array, "response"] | None = None
    mauchly_p: Float[Array, "response"] | None = None

    @property
    def log_p_gg(self) -> Float[Array, "response"] | None:
        """Natural log of p with Greenhouse and Geisser's ε."""
        return None if self.eps_gg is None else log_sf_f(self.f, self.df1 * self.eps_gg, self.df2 * self.eps_gg)

    @property
    def log_p_hf(self) -> Float[Array, "response"] | None:
        """Natural log of p with Huynh and Feldt's ε, at most 1."""
        if self.eps_hf is None:
            return None
        eps = np.minimum(self.eps_hf, 1.0)
        return log_sf_f(self.f, self.df1 * eps, self.df2 * eps)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrataAnova:
    """Every test of the design: factors in factorial order, then covariates; `residuals` in the type of y.

    `contrasts` are the tests of the model's contrasts. `spheres` has the strata within subjects with more than one
    score. `n_subjects` entered the fit of each response (0: none). `n_not_finite` responses lacked a value (a NaN or an
    infinity); `n_no_error` had no variance left for error in some
    stratum (constant voxels); in `n_flat` a covariate given per response did not vary in a stratum where it varies
    elsewhere. All are NaN in the tests concerned.
    """

    model: StrataModel
    terms: tuple[StratumTest, ...]
    contrasts: tuple[StratumTest, ...]
    spheres: Mapping[str, Sphericity]
    residuals: Float[Array, "subject condition response"] | None
    n_subjects: Int[Array, "response"]
    n_not_finite: int
    n_no_error: int
    n_flat: int

    def term(self, name: str, stratum: str | None = None) -> StratumTest:
        """Find a test by its name; a covariate within subjects needs its stratum as well.

        Raises:
            DesignError: there is no such test, or more than one.
        """
        return find_test((*self.terms, *self.contrasts), name, stratum)

    def generalized_eta2(self, term: StratumTest, *, observed: Sequence[str] = ()) -> Float[Array, "response"]:
        """Generalized η² of one of `terms` (see `generalized_eta2`)."""
        return generalized_eta2(self.terms, term, observed=observed)


def generalized_eta2(
    tests: Sequence[StratumTest], term: StratumTest, *, observed: Sequence[str] = ()
) -> Float[Array, "response"]:
    """Generalized η², comparable across designs.

    Args:
        tests: all terms of the design.
        term: one of them.
        observed: factors and covariates that were measured, not manipulated.
    """
    measured = [each for each in tests if {*each.factors, each.covariate} & set(observed)]
    counted = {id(each): each.ss for each in (*measured, term)}
    error = {each.stratum: each.ss_error for each in tests}
    return term.ss / sum((*counted.values(), *error.values()))


def find_test(tests: Sequence[StratumTest], name: str, stratum: str | None = None) -> StratumTest:
    """Find a test by its name; a covariate within subjects needs its stratum as well.

    Raises:
        DesignError: there is no such test, or more than one.
    """
    matching = [test for test in tests if test.name == name and stratum in (None, test.stratum)]
    if len(matching) != 1:
        names = ", ".join(f"{test.name} ({test.stratum})" for test in tests)
        raise DesignError(f"term '{name}': found {len(matching)} tests of that name, expected one of {names}")
    return matching[0]
