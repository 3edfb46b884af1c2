"""A model fitted to some voxels of the maps, and the blocks of voxels joined to whole maps.

Voxels know nothing of one another until clusters are formed, so a group analysis of any size is blocks of voxels:
each is fitted alone, what the model leaves goes where the caller keeps it, and tests of a few maps remain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Generic, TypeVar

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.group.correction import Tested
from cuecircuit.stats.mixed_fit import fit_mixed, hypothesis_tests
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule, Hypothesis, MixedTest
from cuecircuit.stats.mixed_model import MixedModel
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_covariate import ResponseCovariate
from cuecircuit.stats.strata_design import StrataModel
from cuecircuit.stats.strata_result import TermTest

AnyTest = TypeVar("AnyTest", bound=Tested)
# numbers in a block of voxels, in single precision 64 MB: fits need a few times that
_BLOCK_NUMBERS = 2**24
_MOST_INNER = 8  # blocks of the fit in a block of voxels: enough blocks stay to share among workers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedMaps(Generic[AnyTest]):
    """Tests of all terms and contrasts at some voxels, and how many could not be tested, by the name of the reason.

    `fitted` tells by error stratum where there is a fit. `n_subjects` and `n_observations` entered at each voxel.
    """

    tests: tuple[AnyTest, ...]
    fitted: Mapping[str, Bool[Array, "voxel"]]
    n_subjects: Int[Array, "voxel"]
    n_observations: Int[Array, "voxel"]
    counts: Mapping[str, int]


def voxels_at_a_time(n_maps: int, block: int) -> int:
    """How many voxels are fitted as one task: some blocks of the fit, fewer of them the more maps there are."""
    most = max(1, _BLOCK_NUMBERS // n_maps)
    return min(most, block) if most < 2 * block else block * min(most // block, _MOST_INNER)


def fit_strata_maps(
    y: Float[Array, "map voxel"],
    model: StrataModel,
    *,
    fewest: int,
    block: int,
    covariate: tuple[str, Float[Array, "map voxel"]] | None = None,
) -> tuple[FittedMaps[TermTest], Float[Array, "map voxel"]]:
    """Test every effect in its own error stratum; give the tests and what the model leaves.

    Args:
        y: maps subject by subject, condition by condition.
        covariate: name and values of a covariate with maps of its own.
    """
    shape = (model.n_subjects, model.n_conditions, -1)
    own = None
    if covariate is not None:
        own = ResponseCovariate(name=covariate[0], values=covariate[1].reshape(shape))
    result = strata_anova(y.reshape(shape), model, residuals=True, covariate=own, fewest=fewest, block=block)
    assert result.residuals is not None
    tests = (*result.terms, *result.contrasts)
    found = FittedMaps(
        tests=tests,
        fitted={test.stratum: np.isfinite(test.f) for test in tests},
        n_subjects=result.n_subjects,
        n_observations=result.n_subjects * model.n_conditions,
        counts={name: getattr(result, name) for name in ("n_not_finite", "n_no_error", "n_flat")},
    )
    return found, result.residuals.reshape(y.shape)


def fit_mixed_maps(
    y: Float[Array, "map voxel"],
    model: MixedModel,
    contrasts: Sequence[Hypothesis] = (),
    *,
    df: DegreesOfFreedomRule,
    fewest: int,
    block: int,
) -> tuple[FittedMaps[MixedTest], Float[Array, "map voxel"]]:
    """Test every term of a mixed model and the contrasts; give the tests and what the model leaves."""
    fit = fit_mixed(y, model, df=df, residuals=True, fewest=fewest, block=block)
    assert fit.residuals is not None
    names = ("n_singular", "n_not_converged", "n_not_finite", "n_no_error")
    found = FittedMaps(
        tests=(*fit.terms, *hypothesis_tests(fit, contrasts)),
        fitted={"residual": np.isfinite(fit.criterion)},
        n_subjects=fit.n_subjects,
        n_observations=fit.n_observations,
        counts={name: getattr(fit, name) for name in names},
    )
    return found, fit.residuals


def joined(blocks: Sequence[FittedMaps[AnyTest]]) -> FittedMaps[AnyTest]:
    """Join blocks of voxels, in their order."""
    first = blocks[0]
    return FittedMaps(
        tests=tuple(_joined_test([each.tests[k] for each in blocks]) for k in range(len(first.tests))),
        fitted={name: np.concatenate([each.fitted[name] for each in blocks]) for name in first.fitted},
        n_subjects=np.concatenate([each.n_subjects for each in blocks]),
        n_observations=np.concatenate([each.n_observations for each in blocks]),
        counts={name: sum(each.counts[name] for each in blocks) for name in first.counts},
    )


def _joined_test(tests: Sequence[AnyTest]) -> AnyTest:
    """What differs between voxels is joined; degrees of freedom are a map where they are one in some block."""
    maps = {}
    for name in (each.name for each in fields(tests[0])):
        values = [getattr(test, name) for test in tests]
        if any(isinstance(value, np.ndarray) for value in values):
            spread = [np.broadcast_to(value, test.f.shape) for value, test in zip(values, tests, strict=True)]
            maps[name] = np.concatenate(spread)
    return replace(tests[0], **maps)
