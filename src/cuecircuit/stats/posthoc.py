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

Adjustment is by family. Dunnett (1955) integrates the multivariate t of comparisons that share a reference; Tukey
and Kramer use the studentized range. Both need one mean square and one df per family, so not "contrast". Intervals are
simultaneous: Bonferroni's for "bonferroni" and "holm" (Holm has none of its own), own quantiles for the other two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import optimize, stats

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.coding import conditions
from cuecircuit.stats.distributions import log_p_t
from cuecircuit.stats.dunnett import dunnett_p
from cuecircuit.stats.multiple_testing import adjust_p
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, strata_model

ErrorTerm = Literal["pooled", "satterthwaite", "contrast"]
FamilyAdjustment = Literal["none", "bonferroni", "holm", "dunnett", "tukey"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrast:
    """Weights of groups and of conditions; comparisons of one `family` are adjusted together."""

    name: str
    family: str
    group: Float[Array, "group"]
    condition: Float[Array, "condition"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparisons:
    """Estimates in units of the response, with the tests; p two-sided, `p_adjusted` within each family."""

    names: tuple[str, ...]
    families: tuple[str, ...]
    estimate: Float[Array, "comparison"]
    se: Float[Array, "comparison"]
    df: Float[Array, "comparison"]
    t: Float[Array, "comparison"]
    p: Float[Array, "comparison"]
    p_adjusted: Float[Array, "comparison"]
    ci_low: Float[Array, "comparison"]
    ci_high: Float[Array, "comparison"]


def groups_of(design: MixedDesign) -> tuple[str, ...]:
    """Name each subject's group: its levels of all factors between subjects, joined by ":"."""
    return tuple(":".join(labels) for labels in zip(*design.between.values(), strict=True)) or ("all",) * len(
        design.subjects
    )


def conditions_against(
    design: MixedDesign, reference: str | None = None, *, one_family: bool = False
) -> tuple[Contrast, ...]:
    """Compare conditions inside each group: each with `reference`, or all pairs where it is None.

    Args:
        design: its conditions are named by their levels joined by ":".
        reference: a condition ("1", or "naloxone:early").
        one_family: adjust over all groups together, not group by group.

    Raises:
        DesignError: no condition is called `reference`.
    """
    groups = tuple(dict.fromkeys(groups_of(design)))
    cells = [":".join(cell) for cell in conditions(design.within)]
    return tuple(
        Contrast(
            name=f"{group}: {pair}" if len(groups) > 1 else pair,
            family="all" if one_family else group,
            group=np.eye(len(groups))[g],
            condition=weights,
        )
        for g, group in enumerate(groups)
        for pair, weights in _pairs(cells, reference, "condition")
    )


def groups_against(
    design: MixedDesign, reference: str | None = None, *, one_family: bool = False
) -> tuple[Contrast, ...]:
    """Compare groups in each condition: each with the group `reference`, or all pairs where it is None.

    Raises:
        DesignError: no group is called `reference`.
    """
    groups = tuple(dict.fromkeys(groups_of(design)))
    cells = [":".join(cell) or "all" for cell in conditions(design.within)]
    return tuple(
        Contrast(
            name=f"{cell}: {pair}" if len(cells) > 1 else pair,
            family="all" if one_family else cell,
            group=weights,
            condition=np.eye(len(cells))[c],
        )
        for c, cell in enumerate(cells)
        for pair, weights in _pairs(groups, reference, "group")
    )


def _pairs(names: Sequence[str], reference: str | None, what: str) -> list[tuple[str, Float[Array, "name"]]]:
    if reference is not None and reference not in names:
        raise DesignError(f"reference {what} '{reference}': found {', '.join(names)}; name one of them")
    unit = np.eye(len(names))
    if reference is None:
        return [(f"{names[i]} - {names[j]}", unit[i] - unit[j]) for i, j in combinations(range(len(names)), 2)]
    r = names.index(reference)
    return [(f"{name} - {reference}", unit[i] - unit[r]) for i, name in enumerate(names) if i != r]


def compare(
    y: Float[Array, "subject condition"],
    design: MixedDesign,
    contrasts: Sequence[Contrast],
    *,
    error: ErrorTerm,
    adjustment: FamilyAdjustment = "bonferroni",
    confidence: float = 0.95,
) -> Comparisons:
    """Test the contrasts of one response.

    Args:
        y: the measure, any unit, no missing cell.
        design: factors only.
        contrasts: from `conditions_against`, `groups_against`, or own weights.
        error: the rule for the error term (see the module).
        adjustment: within each family.
        confidence: simultaneous coverage of a family's intervals.

    Raises:
        DesignError: the design has covariates (their comparisons need the mixed model), or Dunnett's or Tukey's
            method is asked for comparisons they are not made for.
    """
    if design.covariates:
        raise DesignError(f"comparisons: covariates {list(design.covariates)} cannot be adjusted for; leave them out")
    if error == "contrast" and adjustment in ("dunnett", "tukey"):
        raise DesignError(f"comparisons: {adjustment} needs a pooled error term, found 'contrast'; use holm")
    labels = groups_of(design)
    member = np.array([[label == group for label in labels] for group in dict.fromkeys(labels)])
    estimate = np.array([each.group @ (member @ y / member.sum(1)[:, None]) @ each.condition for each in contrasts])
    if error == "contrast":
        covariance, df = _own_error(y, member, contrasts)
    else:
        covariance, df = _pooled_error(y, design, member, contrasts, error)
    se = np.sqrt(np.diag(covariance))
    # a difference that is the same in every subject has no error of its own, and no test
    t = np.divide(estimate, se, out=np.full_like(se, np.nan), where=se > 0)
    p = np.exp(log_p_t(t, df))
    adjusted, critical = np.empty_like(p), np.empty_like(p)
    families = np.array([each.family for each in contrasts])
    for family in dict.fromkeys(families):
        here = np.flatnonzero(families == family)
        length = np.where(se[here] > 0, se[here], 1.0)
        correlation = covariance[np.ix_(here, here)] / np.outer(length, length)
        adjusted[here], critical[here] = _adjusted(t[here], p[here], df[here], correlation, adjustment, confidence)
    return Comparisons(
        names=tuple(each.name for each in contrasts),
        families=tuple(each.family for each in contrasts),
        estimate=estimate,
        se=se,
        df=df,
        t=t,
        p=p,
        p_adjusted=adjusted,
        ci_low=estimate - critical * se,
        ci_high=estimate + critical * se,
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
            raise DesignError(f"comparison '{each.name}': found one subject per group, expected two or more")
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


def _adjusted(
    t: Float[Array, "test"],
    p: Float[Array, "test"],
    df: Float[Array, "test"],
    correlation: Float[Array, "test test"],
    method: FamilyAdjustment,
    confidence: float,
) -> tuple[Float[Array, "test"], Float[Array, "test"]]:
    """Adjusted p and the critical |t| of simultaneous intervals for one family."""
    m, alpha = len(t), 1 - confidence
    if method in ("none", "bonferroni", "holm"):
        return adjust_p(p, method), np.asarray(stats.t.isf(alpha / 2 / (1 if method == "none" else m), df))
    if np.ptp(df) > 1e-6 * df[0]:
        raise DesignError(f"comparisons: {method} needs one df per family, found {df.min():g} to {df.max():g}")
    tail = (
        partial(dunnett_p, correlation=correlation, df=df[0])
        if method == "dunnett"
        else partial(_tukey_p, m=m, df=df[0])
    )
    critical = optimize.brentq(lambda value: tail(value) - alpha, 0.0, 1e3)
    # between p and m p by Boole's inequality: matters where the integral is down at rounding
    return np.clip([tail(value) for value in np.abs(t)], p, np.minimum(m * p, 1.0)), np.full(m, critical)


def _tukey_p(q: float, *, m: int, df: float) -> float:
    n_means = (1 + np.sqrt(1 + 8 * m)) / 2
    if n_means != round(n_means):
        raise DesignError(f"comparisons: Tukey needs all pairs of a family, found {m} comparisons")
    return float(stats.studentized_range.sf(np.sqrt(2) * q, n_means, df))
