"""What is asked of a group analysis: the columns or the formula of its design, and the correction."""

from dataclasses import dataclass

from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.pipeline.group.permuted import Permutation
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule

Correction = CorrectionSettings | Permutation | None


# assumed: with two, one odd animal decides what its group's variance is
FEWEST_SUBJECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StrataDesign:
    """Columns of the table of maps that make an error-strata design, and contrasts of its levels to test.

    `voxel_covariate` is a column of maps: a covariate with values of its own in every voxel. A voxel that lacks maps is
    tested on the subjects who have every map there, if `fewest` of each group (or all of a smaller one) do. `block` is
    the number of voxels worked on at a time.
    """

    subject: str
    between: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    voxel_covariate: str = ""
    contrasts: tuple[str, ...] = ()
    fewest: int = FEWEST_SUBJECTS
    block: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedDesignText:
    """A linear mixed model as text, the rule for its denominators, and contrasts of its levels to test.

    `factors` names columns of numbers that are labels, such as a session. A voxel that lacks maps is fitted to those
    it has, if `fewest` subjects (or all of fewer) have a map in each level of each factor. `block` is the number of
    voxels worked on at a time.
    """

    subject: str
    formula: str
    df: DegreesOfFreedomRule = "satterthwaite"
    contrasts: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    fewest: int = FEWEST_SUBJECTS
    block: int = 512
