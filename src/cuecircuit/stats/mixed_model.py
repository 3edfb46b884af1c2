"""The design of a linear mixed model y = Xβ + Zb + e, prepared once for any number of responses.

b has mean 0 and covariance σ²Ψ(ψ) in each level of a grouping, e is independent with variance σ². X is turned to an
orthonormal basis. Where groupings are nested in subjects, observations are turned to scores with (block) diagonal
covariance (`mixed_blocks`); where they are crossed, the design is reduced as in `crossed_design`. Random terms that the
data could not tell apart, from each other, the residual or the fixed part, are found by the expected information of
their variances.

Source: Bates, Mächler, Bolker and Walker (2015), J Stat Softw 67(1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.coding import sum_to_zero
from cuecircuit.stats.crossed_design import CrossedDesign, crossed_design
from cuecircuit.stats.crossed_fit import crossed_covariance
from cuecircuit.stats.mixed_blocks import MixedBlocks, mixed_blocks
from cuecircuit.stats.mixed_design import Column, FixedTerm, MixedColumns, mixed_columns
from cuecircuit.stats.mixed_df import FixedCovariance, fixed_covariance
from cuecircuit.stats.mixed_inference import Hypothesis
from cuecircuit.stats.mixed_sums import design_forms

# information of a variance parameter, per observation and relative to the others', that is none but rounding
_NO_INFORMATION = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedModel:
    """A mixed model ready for any number of responses: a `NestedModel` or a `CrossedModel`.

    `basis` are orthonormal columns with the span of the design's X, `to_coded` turns their coefficients into those of
    the coding.
    """

    design: MixedColumns
    basis: Float[Array, "observation column"]
    to_coded: Float[Array, "column column"]

    @property
    def scale(self) -> tuple[Float[Array, "_"], ...]:
        """What the columns of each random term are divided by."""
        return tuple(np.ones(len(term.labels)) for term in self.design.random)

    @property
    def columns(self) -> Int[Array, "term"]:
        """Number of columns of each random term."""
        return np.array([len(term.labels) for term in self.design.random])

    @property
    def n_observations(self) -> int:
        """Rows of the table."""
        return len(self.basis)

    @property
    def n_left(self) -> int:
        """Observations less fixed columns."""
        return self.basis.shape[0] - self.basis.shape[1]

    @property
    def n_subjects(self) -> int:
        """Levels of the grouping that is the subject."""
        return int(self.design.subjects.max()) + 1

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """The type III hypotheses of the fixed terms."""
        terms = self.design.terms
        return tuple(_hypothesis(term, self.design) for term in terms if term.estimable is None or len(term.estimable))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NestedModel(MixedModel):
    """Independent subjects; `forms` are the basis's sums of squares in every element of the covariance (`mixed_sums`).

    The covariance of β̂ comes from the blocks.
    """

    blocks: MixedBlocks
    forms: Float[Array, "element pair"]

    @property
    def scale(self) -> tuple[Float[Array, "_"], ...]:
        """What the columns of each random term are divided by."""
        return self.blocks.scale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossedModel(MixedModel):
    """Random intercepts of crossed groupings."""

    reduced: CrossedDesign


def fixed_covariance_of(model: MixedModel, psi: Float[Array, "response parameter"]) -> FixedCovariance:
    """Evaluate the covariance of β̂ at each response's ψ."""
    if isinstance(model, CrossedModel):
        return crossed_covariance(psi, model.reduced)
    assert isinstance(model, NestedModel)
    return fixed_covariance(psi, model.blocks, model.forms)


def mixed_model(
    formula: str, columns: Mapping[str, Column], *, factors: Sequence[str] | Mapping[str, Sequence[str]] = ()
) -> MixedModel:
    """Prepare a mixed model.

    Args:
        formula: lme4's notation, for example "group*cue + resp + (1 | subject) + (1 | subject:cue)".
        columns: the table, one entry per observation in each; text makes a factor, numbers a covariate.
        factors: columns of numbers that name levels all the same, with the order of the levels if they map to some.

    Raises:
        DesignError: the formula cannot be read, the columns do not carry it, or random terms cannot be told apart.
    """
    return prepared_model(mixed_columns(formula, columns, factors=factors))


def prepared_model(design: MixedColumns) -> MixedModel:
    """Turn coded columns into a model.

    Raises:
        DesignError: random terms cannot be told apart.
    """
    # columns of unit length first: covariates of any unit then weigh alike in the rounding
    length = np.linalg.norm(design.x, axis=0)
    basis, triangle = np.linalg.qr(design.x / length)
    to_coded = np.linalg.inv(triangle) / length[:, None]
    _check_levels(design)
    if design.crossed:
        model = CrossedModel(design=design, basis=basis, to_coded=to_coded, reduced=crossed_design(design, basis))
    else:
        blocks = mixed_blocks(design, basis)
        model = NestedModel(design=design, basis=basis, to_coded=to_coded, blocks=blocks, forms=design_forms(blocks))
    _check_information(model)
    return model


def starting_point(columns: Int[Array, "term"]) -> Float[Array, "parameter"]:
    """Relative variances 1, no covariances: the Cholesky factor is the identity."""
    return np.concatenate([[float(a == b) for b in range(k) for a in range(b, k)] for k in columns])


def _hypothesis(term: FixedTerm, design: MixedColumns) -> Hypothesis:
    variables = tuple(each.column for each in term.variables)
    if term.estimable is not None:
        return Hypothesis(name=term.name, variables=variables, rows=term.estimable)
    rows = np.zeros((len(term.columns), len(design.labels)))
    rows[:, term.columns] = np.eye(len(term.columns))
    if len(term.columns) > 1:
        # levels less the first, as lmerTest writes the rows: Satterthwaite's df depends a little on that
        weights = np.ones((1, 1))
        for variable, contrasts in zip(term.variables, term.contrasts, strict=True):
            if variable.column in design.factors:
                n = len(design.factors[variable.column].levels)
                coded = sum_to_zero(n)
                weights = np.kron(weights, coded[1:] - coded[0] if contrasts else np.eye(n))
        rows[:, term.columns] = weights
    return Hypothesis(name=term.name, variables=variables, rows=rows)


def _check_levels(design: MixedColumns) -> None:
    faults = [
        f"random term {term.label}: cannot be told from the residual, found one observation in each level; leave it out"
        for term in design.random
        if term.labels == ("1",) and len(np.unique(term.levels)) == len(design.x)
    ]
    if faults:
        raise DesignError(faults)


def _check_information(model: MixedModel) -> None:
    """Refuse random terms about which no response has information (REML's, expected, with σ² profiled out)."""
    random, columns = model.design.random, model.columns.tolist()
    at = fixed_covariance_of(model, starting_point(model.columns)[None])
    names = [term.label for term, k in zip(random, columns, strict=True) for _ in range(k * (k + 1) // 2)]
    none, direction = (each[0] for each in no_information(at, model.n_left))
    faults = [
        f"random term {name}: cannot be told from the residual or the fixed part (is there one observation per level, "
        "or do fixed terms take up all differences between its levels?); leave it out"
        for name in dict.fromkeys(np.array(names)[none])
    ]
    if not faults and direction.any():
        mixed = dict.fromkeys(np.array(names)[np.abs(direction) > 0.1])
        faults = [f"random terms {', '.join(mixed)}: cannot be told apart in this design; leave one out"]
    if faults:
        raise DesignError(faults)


def no_information(
    at: FixedCovariance, n_left: int
) -> tuple[Bool[Array, "response parameter"], Float[Array, "response parameter"]]:
    """Find variances that REML has no expected information about, with σ² profiled out.

    Args:
        at: of every response.
        n_left: observations less fixed columns.

    Returns:
        The parameters without any, and where each has some the direction among them that has none, 0 if all have.
    """
    information = -at.d2g - at.dg[:, :, None] * at.dg[:, None, :] / n_left
    diagonal = np.diagonal(information, axis1=1, axis2=2)
    none = diagonal < _NO_INFORMATION * n_left
    size = np.sqrt(np.where(none, 1.0, diagonal))
    values, vectors = np.linalg.eigh(information / (size[:, :, None] * size[:, None, :]))
    apart = (values[:, :1] >= _NO_INFORMATION) | none.any(axis=1, keepdims=True)
    return none, np.where(apart, 0.0, vectors[:, :, 0])
