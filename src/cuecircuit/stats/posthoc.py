"""Comparisons after a mixed AN(O)VA: levels against a reference or all pairs, within groups or between them.

A comparison weighs the cells (group × condition) by a⊗u: estimate = Σ_g a_g · mean over the subjects of g of y·u.
The error of y·u is stated, not guessed:

- "pooled": mean squares of the strata u lies in, from the whole design: MS = Σ_k ‖H_k'u‖² MS_k. With u inside one
  stratum (session 5 − session 1) df is that stratum's; with more (one session between groups) mean squares and df
  are those within cells, df summed. This is what Prism does after a repeated-measures two-way ANOVA.
- "satterthwaite": the same mean square; df = (Σ v_k)² / Σ v_k²/df_k, v_k = ‖H_k'u‖² MS_k, honest where the strata
  differ (Satterthwaite 1946).
- "contrast": the variance of y·u itself over the subjects of the groups compared: a paired t within one group, an
  unpaired t between two; assumes no sphericity.

Adjustment is by family (`comparisons`). Dunnett's and Tukey's need one mean square and one df per family, so not
"contrast".
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.comparisons import Comparisons, FamilyAdjustment, family_comparisons
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import Contrast, MixedDesign, groups_of, strata_model

ErrorTerm = Literal["pooled", "satterthwaite", "contrast"]


def compare(
    y: Float[Array, "subject condition"],
    design: MixedDesign,
    contrasts: Sequence[Contrast],
    *,
    error: ErrorTerm,
    adjustment: FamilyAdjustment = "bonferroni",
    confidence: float | None = 0.95,
) -> Comparisons:
    """Test the contrasts of one response.

    Args:
        y: the measure, any unit; a subject who lacks a cell is left out.
        design: factors only.
        contrasts: weights of groups and of conditions.
        error: the rule for the error term (see the module).
        adjustment: within each family.
        confidence: simultaneous coverage of a family's intervals; none are made where it is None.

    Raises:
        DesignError: the design has covariates (their comparisons need the mixed model), or Dunnett's or Tukey's
            method is asked for comparisons they are not made for.
    """
    if design.covariates:
        raise DesignError(f"comparisons: covariates {list(design.covariates)} cannot be adjusted for; leave them out")
    if error == "contrast" and adjustment in ("dunnett", "tukey"):
        raise DesignError(f"comparisons: {adjustment} needs a pooled error term, found 'contrast'; use holm")
    labels = groups_of(design)
    there = np.asarray(np.isfinite(y).all(axis=1))
    member = np.array([[label == group for label in labels] for group in dict.fromkeys(labels)])[:, there]
    between = {name: list(compress(levels, there)) for name, levels in design.between.items()}
    y, design = y[there], replace(design, subjects=list(compress(design.subjects, there)), between=between)
    estimate = np.array([each.group @ (member @ y / member.sum(1)[:, None]) @ each.condition for each in contrasts])
    if error == "contrast":
        covariance, df = _own_error(y, member, contrasts)
    else:
        covariance, df = _pooled_error(y, design, member, contrasts, error)
    families = [each.family for each in contrasts]
    for family in dict.fromkeys(families) if adjustment in ("dunnett", "tukey") else ():
        of_family = df[np.array(families) == family]
        if np.ptp(of_family) > 1e-6 * of_family[0]:
            low, high = of_family.min(), of_family.max()
            raise DesignError(f"comparisons: {adjustment} needs one df per family, found {low:g} to {high:g}")
    # a difference that is the same in every subject has no error of its own, and no test
    return family_comparisons(
        [each.name for each in contrasts],
        families,
        estimate,
        covariance,
        df,
        adjustment=adjustment,
        confidence=confidence,
    )


def _own_error(
    y: Float[Array, "subject condition"], member: Bool[Array, "group subject"], contrasts: Sequence[Contrast]
) -> tuple[Float[Array, "comparison comparison"], Float[Array, "comparison"]]:
    variance, df = [], []
    for each in contrasts:
        scores = y @ each.condition
        compared = member[each.group != 0]
        left = sum(np.sum((scores[group] - scores[group].mean()) ** 2) for group in compared)
        df.append(float(compared.sum() - len(compared)))
        if df[-1] < 1:
            raise DesignError(
                f"comparison '{each.name}': found one subject per group, expected two or more; take the error term of "
                "the whole design (error: pooled), or leave it out"
            )
        variance.append(left / df[-1] * (each.group**2 @ (1 / member.sum(1))))
    return np.diag(variance), np.array(df)


def _pooled_error(
    y: Float[Array, "subject condition"],
    design: MixedDesign,
    member: Bool[Array, "group subject"],
    contrasts: Sequence[Contrast],
    error: ErrorTerm,
) -> tuple[Float[Array, "comparison comparison"], Float[Array, "comparison"]]:
    model = strata_model(design)
    tests = strata_anova(y[:, :, None], model, epsilons=False).terms
    square = {test.stratum: test.ss_error[0] / test.df2 for test in tests}
    squares = np.array([square[stratum.name] for stratum in model.strata])
    dfs = np.array([stratum.df for stratum in model.strata], float)
    group = np.stack([each.group for each in contrasts])
    condition = np.stack([each.condition for each in contrasts])
    parts = [condition @ stratum.scores for stratum in model.strata]
    covariance = (
        (group / member.sum(1))
        @ group.T
        * sum(mean_square * part @ part.T for mean_square, part in zip(squares, parts, strict=True))
    )
    share = np.stack([np.sum(part**2, axis=1) for part in parts], axis=1)
    # rounding leaves about 1e-32 of a contrast in the strata it has nothing to do with
    share[share < 1e-20 * share.sum(axis=1, keepdims=True)] = 0.0
    if error == "pooled":
        return covariance, (share > 0) @ dfs
    return covariance, (share @ squares) ** 2 / ((share * squares) ** 2 / dfs).sum(1)
