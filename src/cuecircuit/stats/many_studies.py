"""The tests of one design in many simulated studies at once: studies stand where maps have voxels.

p is that of `strata_anova` (with Greenhouse and Geisser's ε where an effect has several scores). The estimate of an
effect is a contrast of its cells: in each factor of the effect the last level less the first, in every other factor the
mean; its interval has the contrast's own error (`strata_design`).
"""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.multiple_testing import Adjustment, adjust_p
from cuecircuit.stats.simulated_power import Outcomes
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_covariate import ResponseCovariate
from cuecircuit.stats.strata_design import Contrast, MixedDesign, strata_model


def study_outcomes(
    y: Float[Array, "subject condition study"],
    design: MixedDesign,
    terms: Sequence[str],
    *,
    covariate: Float[Array, "subject condition study"] | None = None,
) -> dict[str, Outcomes]:
    """Test some effects of a design in every study.

    Args:
        y: the measure, any unit.
        design: one factor between subjects or none, any within; studies share it.
        terms: effects, such as `group:session`.
        covariate: of every study.

    Raises:
        DesignError: the design cannot carry the tests, or has no such effect.
    """
    model = strata_model(design, contrasts=[effect_contrast(term, design) for term in terms])
    own = None if covariate is None else ResponseCovariate(name="covariate", values=covariate)
    result = strata_anova(y, model, covariate=own)
    found = {}
    for term, contrast in zip(terms, result.contrasts, strict=True):
        test = result.term(term)
        p = test.p if test.df1 == 1 or test.log_p_gg is None else np.exp(test.log_p_gg)
        assert contrast.estimate is not None, "a contrast has one column"
        assert contrast.t is not None, "a contrast has one column"
        with np.errstate(invalid="ignore", divide="ignore"):  # NaN where a study could not be tested
            se = np.abs(contrast.estimate / contrast.t)
        width = 2 * stats.t.ppf(0.975, contrast.df2) * se
        found[term] = Outcomes(p=p, estimate=contrast.estimate, width=width)
    return found


def effect_contrast(term: str, design: MixedDesign) -> Contrast:
    """Give the contrast that stands for an effect: last level less first in its factors, the mean in all others."""
    factors = term.split(":")
    between = [(name, tuple(dict.fromkeys(labels))) for name, labels in design.between.items()]
    return Contrast(
        name=f"{term} contrast",
        family=term,
        group=_weights(between, factors),
        condition=_weights(list(design.within.items()), factors),
    )


def _weights(levels: Sequence[tuple[str, Sequence[str]]], factors: Sequence[str]) -> Float[Array, "cell"]:
    def one(name: str, k: int) -> Float[Array, "level"]:
        if name not in factors:
            return np.full(k, 1 / k)
        weights = np.zeros(k)
        weights[0], weights[-1] = -1.0, 1.0
        return weights

    return reduce(np.kron, [one(name, len(labels)) for name, labels in levels], np.ones(1))


def adjusted(outcomes: Mapping[str, Outcomes], method: Adjustment) -> dict[str, Outcomes]:
    """Adjust the p of several tests of a study over these tests, study by study."""
    if not outcomes:
        return {}
    p = np.array([each.p for each in outcomes.values()])
    p = np.apply_along_axis(adjust_p, 0, p, method)
    return {
        name: Outcomes(p=row, estimate=each.estimate, width=each.width)
        for (name, each), row in zip(outcomes.items(), p, strict=True)
    }
