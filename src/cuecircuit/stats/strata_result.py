"""What an error-strata AN(C)OVA gives: the test of every term and contrast, and how they are read.

Effect sizes: partial η² = SS_T/(SS_T + SS_error); generalized η² after Olejnik and Algina (2003).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.distributions import log_sf_f, z_from_log_p, z_from_t
from cuecircuit.stats.sphericity import Sphericity
from cuecircuit.stats.strata_design import StrataModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TermTest:
    """The test of one term in one stratum; NaN where a response could not be fitted.

    `covariate` names the covariate of a slope, `factors` those the slope differs by. `estimate` and `t` belong to
    terms of one column: the coefficient in sum-to-zero coding (half the difference of two levels, positive where
    the first is larger) or a covariate's slope. `eps_gg` and `eps_hf` belong to effects of factors within subjects
    (1 where there is one score; `eps_hf` may exceed 1). `df2` is one number per response where they differ.
    """

    name: str
    stratum: str
    factors: tuple[str, ...]
    covariate: str | None
    df1: int
    df2: int | Float[Array, "response"]
    ss: Float[Array, "response"]
    ss_error: Float[Array, "response"]
    f: Float[Array, "response"]
    estimate: Float[Array, "response"] | None
    t: Float[Array, "response"] | None
    eps_gg: Float[Array, "response"] | None
    eps_hf: Float[Array, "response"] | None

    @property
    def log_p(self) -> Float[Array, "response"]:
        """Natural log of p, sphericity assumed."""
        return log_sf_f(self.f, self.df1, self.df2)

    @property
    def p(self) -> Float[Array, "response"]:
        """Probability of a larger F, sphericity assumed."""
        return np.exp(self.log_p)

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

    @property
    def z(self) -> Float[Array, "response"]:
        """Normal deviate with the same tail: signed, from t, for terms of one column; else one-sided from F."""
        return z_from_log_p(self.log_p) if self.t is None else z_from_t(self.t, self.df2)

    @property
    def partial_eta2(self) -> Float[Array, "response"]:
        """Share of the term in the term and its error."""
        return self.ss / (self.ss + self.ss_error)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrataAnova:
    """Every test of the design: factors in factorial order, then covariates; `residuals` in the type of y.

    `contrasts` are the tests of the model's contrasts. `spheres` has the strata within subjects with more than one
    score. `n_subjects` entered the fit of each response (0: none). `n_not_finite` responses lacked a value (a NaN or an
    infinity), and more than may be missing; `n_no_error` had no variance left for error in some
    stratum (constant voxels); in `n_flat` a covariate given per response did not vary in a stratum where it varies
    elsewhere. All are NaN in the tests concerned.
    """

    model: StrataModel
    terms: tuple[TermTest, ...]
    contrasts: tuple[TermTest, ...]
    spheres: Mapping[str, Sphericity]
    residuals: Float[Array, "subject condition response"] | None
    n_subjects: Int[Array, "response"]
    n_not_finite: int
    n_no_error: int
    n_flat: int

    def term(self, name: str, stratum: str | None = None) -> TermTest:
        """Find a test by its name; a covariate within subjects needs its stratum as well.

        Raises:
            DesignError: there is no such test, or more than one.
        """
        return find_test((*self.terms, *self.contrasts), name, stratum)

    def generalized_eta2(self, term: TermTest, *, observed: Sequence[str] = ()) -> Float[Array, "response"]:
        """Generalized η², comparable across designs.

        Args:
            term: one of `terms`.
            observed: factors and covariates that were measured, not manipulated.
        """
        measured = [each for each in self.terms if {*each.factors, each.covariate} & set(observed)]
        counted = {id(each): each.ss for each in (*measured, term)}
        error = {each.stratum: each.ss_error for each in self.terms}
        return term.ss / sum((*counted.values(), *error.values()))


def find_test(tests: Sequence[TermTest], name: str, stratum: str | None = None) -> TermTest:
    """Find a test by its name; a covariate within subjects needs its stratum as well.

    Raises:
        DesignError: there is no such test, or more than one.
    """
    found = [test for test in tests if test.name == name and stratum in (None, test.stratum)]
    if len(found) != 1:
        known = ", ".join(f"{test.name} ({test.stratum})" for test in tests)
        raise DesignError(f"term '{name}': found {len(found)} tests of that name, expected one of {known}")
    return found[0]
