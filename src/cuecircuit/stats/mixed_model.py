"""Linear mixed models of many responses at once, fitted by REML: y = Xβ + Zb + e, as lme4 and lmerTest do it.

The design is prepared once (`mixed_model`); then each response is reduced to the sums of `mixed_sums` and only its
variance parameters are iterated (`mixed_kernel`). Variances at 0 are kept there (a singular fit) and counted.

Tests are of type III in sum-to-zero coding: a term's columns against 0, with Satterthwaite's or Kenward and Roger's
denominator degrees of freedom, or none (Wald: df infinite).

Sources: Bates, Mächler, Bolker and Walker (2015), J Stat Softw 67(1); Kuznetsova, Brockhoff and Christensen (2017),
J Stat Softw 82(13); Kenward and Roger (1997), Biometrics 53:983; Halekoh and Højsgaard (2014), J Stat Softw 59(9).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.mixed_blocks import MixedBlocks, mixed_blocks
from cuecircuit.stats.mixed_components import VarianceComponent, check_information, components, is_singular, starting_point
from cuecircuit.stats.mixed_design import Column, MixedColumns, mixed_columns
from cuecircuit.stats.mixed_kernel import CONVERGED, NO_ERROR_VARIANCE, fit_responses
from cuecircuit.stats.mixed_sums import conditional_residuals, response_sums
from cuecircuit.stats.mixed_tests import DegreesOfFreedomRule, Hypothesis, MixedTest, tested


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedModel:
    """A mixed model ready for any number of responses.

    `basis` are orthonormal columns with the span of the design's X, `to_coded` turns their coefficients into those of
    the coding.
    """

    design: MixedColumns
    basis: Float[Array, "observation column"]
    to_coded: Float[Array, "column column"]
    blocks: MixedBlocks

    @property
    def n_observations(self) -> int:
        """Rows of the table."""
        return len(self.basis)

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """The type III hypotheses of the fixed terms."""
        one = np.eye(len(self.design.labels))
        return tuple(
            Hypothesis(name=term.name, variables=tuple(each.column for each in term.variables), rows=one[term.columns])
            for term in self.design.terms
        )
