"""What fitting a mixed model to every response gives."""

from dataclasses import dataclass

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule, Estimates
from cuecircuit.stats.mixed_model import MixedModel
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VarianceComponent:
    """A variance (one label) or covariance (two) of a random term, or the residual variance, in squared units of y."""

    term: str
    labels: tuple[str, ...]
    value: Float[Array, "response"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedFit:
    """Fits of every response; the last axis runs over responses, NaN where there is no fit.

    `coefficients` are in the model's coding, `criterion` is −2 log of the restricted likelihood. `residuals`, in the
    type of y, are what fixed and random effects leave. `n_observations` and `n_subjects` entered the fit (0: none).
    `n_not_finite` responses lacked a value (a NaN or an infinity), `n_no_error` had no variance left for error,
    `n_not_converged` did not converge: all NaN. `n_singular` have a variance of 0 (or random effects perfectly
    correlated); they are valid fits.
    """

    model: MixedModel
    df: DegreesOfFreedomRule
    terms: tuple[TermTest, ...]
    coefficients: Float[Array, "column response"]
    components: tuple[VarianceComponent, ...]
    criterion: Float[Array, "response"]
    singular: Bool[Array, "response"]
    converged: Bool[Array, "response"]
    residuals: Float[Array, "observation response"] | None
    estimates: Estimates
    n_observations: Int[Array, "response"]
    n_subjects: Int[Array, "response"]
    n_not_finite: int
    n_no_error: int

    @property
    def n_singular(self) -> int:
        """Fits at the boundary."""
        return int(self.singular.sum())

    @property
    def n_not_converged(self) -> int:
        """Responses whose iteration ended before a minimum."""
        return self.converged.size - int(self.converged.sum()) - self.n_not_finite - self.n_no_error

    @property
    def log_likelihood(self) -> Float[Array, "response"]:
        """Restricted log likelihood."""
        return -self.criterion / 2

    def term(self, name: str) -> TermTest:
        """Find a test by its name.

        Raises:
            DesignError: there is no such term.
        """
        matching = [term for term in self.terms if term.name == name]
        if not matching:
            raise DesignError(f"term '{name}': expected one of {', '.join(term.name for term in self.terms)}")
        return matching[0]

    def component(self, term: str) -> VarianceComponent:
        """Find the (first) variance of a random term by its label, or "residual".

        Raises:
            DesignError: there is no such term.
        """
        matching = [each for each in self.components if each.term == term]
        if not matching:
            names = ", ".join(dict.fromkeys(each.term for each in self.components))
            raise DesignError(f"variance component '{term}': expected one of {names}")
        return matching[0]
