"""The design of an error-strata AN(C)OVA: for each stratum the scores, the coded columns and the tests' directions.

A subject measured in c conditions gives c orthonormal scores H'y; the scores of each within effect are one error
stratum (the mean over conditions is the stratum between subjects). In a stratum with r scores and n subjects the
n·r scores are regressed on [between terms ⊗ r scores, covariates' own scores]: each covariate has one slope per
stratum, taken from its part there, and the tests of the stratum are adjusted for it. A covariate between subjects
has a part only in the stratum between subjects, unless it is named in `crossed`: then its slope may differ from
condition to condition (its products with the within effects join the model, as in afex and 3dMVM).

A contrast Σ_g a_g μ_g·u of the cells is a stratum of its own: the scores y·u of the subjects are regressed on the
groups' means and the covariates' own scores x·u, and the error is what that leaves over all groups. It assumes no
sphericity, and a simple effect that lies in several strata has one error all the same (the multivariate model of
afex and emmeans).

Type III: each term's sum of squares is the squared length of the scores along the term's columns after removal of
all other columns of the stratum. Columns are scaled so that coefficients of one-column terms are those of
sum-to-zero coding in the units of the response.

Sources: Winer, Brown and Michels (1991), chs. 7 and 10; R's aov(Error()) and lm() on contrast scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.coding import (
    BetweenTerm,
    WithinEffect,
    between_terms,
    conditions,
    factor,
    term_name,
    within_effects,
)
from cuecircuit.stats.estimable import ALIAS_TOLERANCE, estimable_between


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedDesign:
    """Who was measured in which conditions.

    `subjects` names the rows; `between` gives each subject's level per factor; `within` the levels per factor, the
    conditions being all their combinations with the last factor changing fastest; `covariates` a number per subject
    or per subject and condition; `crossed` the covariates between subjects whose slope may differ between
    conditions; `unit` the word for the unit of error strata.
    """

    subjects: Sequence[str]
    between: Mapping[str, Sequence[str]] = field(default_factory=dict)
    within: Mapping[str, Sequence[str]] = field(default_factory=dict)
    covariates: Mapping[str, Float[Array, "subject"] | Float[Array, "subject condition"]] = field(default_factory=dict)
    crossed: Sequence[str] = ()
    unit: str = "subject"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrast:
    """Weights of groups (see `groups_of`) and of conditions; comparisons of one `family` are adjusted together."""

    name: str
    family: str
    group: Float[Array, "group"]
    condition: Float[Array, "condition"]


def subjects_behind(
    basis: Float[Array, "row column"], groups: Int[Array, "subject"], *, levels: int, slope: bool = False
) -> float:
    """Return how many subjects a standardized effect rests on: t = effect × √n.

    One direction compares means of groups whose weights add up to 1 on either side, or is one such mean: N of one
    group, n₁n₂/(n₁+n₂) of two. Of several it is the number per cell (Rouder et al. 2012), of a slope that of the rows.

    Args:
        basis: orthonormal directions of the effect.
        groups: the group of each subject, counted from 0.
        levels: combinations of groups that the effect tells apart, 1 within subjects.
        slope: whether it is of a covariate.
    """
    if slope:
        return float(len(basis)) if basis.shape[1] == 1 else np.nan
    if basis.shape[1] == 1:
        sums = np.bincount(groups, basis[:, 0])
        return float(max(sums[sums > 0].sum(), -sums[sums < 0].sum()) ** 2)
    counts = np.unique(groups, return_counts=True)[1]
    return float(len(counts) ** 2 / (1 / counts).sum() / levels)


def groups_of(design: MixedDesign) -> tuple[str, ...]:
    """Name each subject's group: its levels of all factors between subjects, joined by ":"."""
    return tuple(":".join(labels) for labels in zip(*design.between.values(), strict=True)) or ("all",) * len(
        design.subjects
    )


def group_codes(design: MixedDesign) -> Int[Array, "subject"]:
    """Count each subject's group from 0."""
    return np.unique(np.asarray(groups_of(design)), return_inverse=True)[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StratumTerm:
    """One test of a stratum.

    `columns` are the term's columns of the stratum's design; `basis` spans them after removal of all other
    columns; `per_length` turns the length along the one basis column into the coefficient (None for more columns).
    `covariate` names the covariate of a slope; `factors` are then those the slope differs by (none where the
    stratum has one common slope). `n` is the number of subjects behind the standardized effect (`subjects_behind`),
    `levels` the combinations of groups that it tells apart, `is_slope` whether it is of a covariate.
    """

    name: str
    factors: tuple[str, ...]
    covariate: str | None
    columns: Int[Array, "term_column"]
    basis: Float[Array, "row term_column"]
    per_length: float | None
    n: float
    is_slope: bool
    levels: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stratum:
    """One error stratum; rows of `design` and `basis` run over subjects, and within a subject over scores.

    `within` names the factors of the effect (none: the stratum between subjects); `basis` is an orthonormal basis
    of the columns of `design`; `df` what is left for error.
    """

    name: str
    within: tuple[str, ...]
    scores: Float[Array, "condition score"]
    design: Float[Array, "row column"]
    labels: tuple[str, ...]
    terms: tuple[StratumTerm, ...]
    basis: Float[Array, "row column"]
    df: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrataModel:
    """The strata of a design, ready for any number of responses; each contrast is a stratum of one term.

    `note` names combinations of levels between subjects that nobody has, and what is not tested for that.
    """

    design: MixedDesign
    strata: tuple[Stratum, ...]
    contrasts: tuple[Contrast, ...]
    contrast_strata: tuple[Stratum, ...]
    n_subjects: int
    n_conditions: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """Columns of one term in one stratum before they are checked against each other; nameless ones are not tested."""

    name: str
    factors: tuple[str, ...]
    covariate: str | None
    columns: Float[Array, "row column"]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Covariate:
    """Values of the subjects kept, and the mean over all subjects of the design."""

    name: str
    values: Float[Array, "subject condition"]
    center: float

    def column(self, effect: WithinEffect, *, crossed: bool) -> Float[Array, "row _"] | None:
        """Its own scores in a stratum (for `crossed` its products with them); None where it does not vary."""
        n_cells, r = effect.scores.shape
        centered = self.values - self.center
        if crossed:
            return np.sqrt(n_cells) * np.kron(centered[:, :1], np.eye(r))
        column = (centered @ effect.scores).reshape(-1, 1)
        varies = column - column.mean() if not effect.factors else column
        return column if np.linalg.norm(varies) > ALIAS_TOLERANCE * np.linalg.norm(centered) else None


def strata_model(
    design: MixedDesign, *, contrasts: Sequence[Contrast] = (), subjects: Int[Array, "kept"] | None = None
) -> StrataModel:
    """Prepare every stratum of a design.

    Args:
        contrasts: to be tested as well.
        subjects: positions of those to keep; coding and centers of covariates stay those of the whole design.

    Raises:
        DesignError: factors of one level, labels that do not match the subjects, covariates that are constant, not
            finite, or a combination of the groups, combinations of levels without a subject, no degrees of freedom
            for error. All faults are listed.
    """
    kept = np.arange(len(design.subjects)) if subjects is None else subjects
    covariates = [
        _Covariate(name=name, values=values[kept], center=float(values.mean()))
        for name, values in _checked_covariates(design).items()
    ]
    factors = [factor(name, labels) for name, labels in design.between.items()]
    coded, note = estimable_between(between_terms(factors, len(design.subjects)), factors, design.unit)
    between = [replace(term, columns=term.columns[kept]) for term in coded]
    effects = [
        (effect, _stratum_parts(between, effect, covariates, design)) for effect in within_effects(design.within)
    ]
    n_effects = len(effects)
    effects += [_contrast_parts(each, covariates, design, kept) for each in contrasts]
    faults: list[str] = []
    strata = []
    for effect, parts in effects:
        stratum_faults = _alias_faults(parts, design, len(kept))
        faults += stratum_faults
        if not stratum_faults:
            stratum, error_fault = _stratum(parts, effect, covariates, design, kept)
            faults += error_fault
            strata.append(stratum)
    if faults:
        raise DesignError(dict.fromkeys(faults))
    return StrataModel(
        design=design,
        strata=tuple(strata[:n_effects]),
        contrasts=tuple(contrasts),
        contrast_strata=tuple(
            replace(stratum, name=each.name, terms=stratum.terms[:1])
            for each, stratum in zip(contrasts, strata[n_effects:], strict=True)
        ),
        n_subjects=len(kept),
        n_conditions=len(conditions(design.within)),
        note=note,
    )


def _checked_covariates(design: MixedDesign) -> dict[str, Float[Array, "subject condition"]]:
    n, cells = len(design.subjects), conditions(design.within)
    faults = [
        f"factor '{name}': found {len(labels)} labels, expected one for each of {n} subjects"
        for name, labels in design.between.items()
        if len(labels) != n
    ]
    names = [*design.between, *design.within, *design.covariates]
    faults += [f"'{name}' is named twice in the design" for name in dict.fromkeys(names) if names.count(name) > 1]
    faults += [
        f"within factor '{name}': found the levels {list(levels)}, expected two or more different ones"
        for name, levels in design.within.items()
        if len(set(levels)) < max(2, len(levels))
    ]
    checked = {}
    for name, values in design.covariates.items():
        values = np.asarray(values, np.float64)
        if values.shape not in ((n,), (n, len(cells))):
            faults.append(f"covariate '{name}': found shape {values.shape}, expected ({n},) or ({n}, {len(cells)})")
            continue
        checked[name] = np.broadcast_to(values[:, None], (n, len(cells))) if values.ndim == 1 else values
        faults += _covariate_faults(name, checked[name], design)
    if faults:
        raise DesignError(faults)
    return checked


def _covariate_faults(name: str, values: Float[Array, "subject condition"], design: MixedDesign) -> list[str]:
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        subject, cell = bad[0]
        where = " ".join(conditions(design.within)[cell])
        value = f"{values[subject, cell]} for {design.unit} {design.subjects[subject]} {where}".rstrip()
        return [f"covariate '{name}': found {value} ({len(bad)} such), expected a number; fill in or exclude"]
    # an average of equal numbers may be off by rounding, 1e-16 of its size
    if np.ptp(values) <= 1e-14 * np.abs(values).max():
        return [f"covariate '{name}': found {values.flat[0]:g} everywhere, expected it to vary; leave it out"]
    if name in design.crossed and np.any(values != values[:, :1]):
        return [f"covariate '{name}': varies within {design.unit}s, so it cannot be crossed with the conditions"]
    return []


def _stratum_parts(
    between: Sequence[BetweenTerm],
    effect: WithinEffect,
    covariates: Sequence[_Covariate],
    design: MixedDesign,
) -> list[_Part]:
    n_cells, r = effect.scores.shape
    parts: list[_Part] = []
    for term in between:
        names = (*term.factors, *effect.factors)
        # sqrt(cells): a coefficient of one column is then that of sum-to-zero coding
        columns = np.sqrt(n_cells) * np.kron(term.columns, np.eye(r))
        labels = tuple(
            ":".join((*([label] if term.factors else []), *effect.factors)) or "(Intercept)"
            for label in term.labels
            for _ in range(r)
        )
        name = term_name(names) if "" not in names else ""
        parts.append(_Part(name=name, factors=names, covariate=None, columns=columns, labels=labels))
    return parts + _covariate_parts(covariates, effect, design)


def _covariate_parts(covariates: Sequence[_Covariate], effect: WithinEffect, design: MixedDesign) -> list[_Part]:
    parts = []
    for each in covariates:
        crossed = each.name in design.crossed
        columns = each.column(effect, crossed=crossed)
        if columns is not None:
            factors = effect.factors if crossed else ()
            label = term_name((each.name, *factors))
            labels = (label,) * columns.shape[1]
            parts.append(_Part(name=label, factors=factors, covariate=each.name, columns=columns, labels=labels))
    return parts


def _contrast_parts(
    contrast: Contrast, covariates: Sequence[_Covariate], design: MixedDesign, kept: Int[Array, "kept"]
) -> tuple[WithinEffect, list[_Part]]:
    labels = groups_of(design)
    codes = factor("group", labels).codes if len(set(labels)) > 1 else np.zeros(len(labels), int)
    # the first coefficient is a'μ, the others are directions across it
    across = np.linalg.svd(contrast.group[None])[2][1:]
    columns = np.linalg.inv(np.vstack([contrast.group, across]))[codes[kept]]
    # weights are short decimals: 1e-9 is far above rounding
    compares = [abs(weights.sum()) < 1e-9 for weights in (contrast.group, contrast.condition)]
    names = [
        tuple(part) if compares_here else ()
        for compares_here, part in zip(compares, (design.between, design.within), strict=True)
    ]
    effect = WithinEffect(factors=names[1], scores=contrast.condition[:, None])
    rest = ("groups",) * (columns.shape[1] - 1)
    interaction = _Part(
        name=contrast.name,
        factors=(*names[0], *names[1]),
        covariate=None,
        columns=columns[:, :1],
        labels=(contrast.name,),
    )
    others = [_Part(name="groups", factors=(), covariate=None, columns=columns[:, 1:], labels=rest)] if rest else []
    return effect, [interaction, *others, *_covariate_parts(covariates, effect, design)]


def _alias_faults(parts: Sequence[_Part], design: MixedDesign, n_subjects: int) -> list[str]:
    columns = np.hstack([part.columns for part in parts])
    n_rows, n_columns = columns.shape
    if n_rows < n_columns:
        return [_no_error_fault(parts, n_rows, n_columns, design, n_subjects)]
    left = np.abs(np.diag(np.linalg.qr(columns, mode="r")))
    aliased = left <= ALIAS_TOLERANCE * np.linalg.norm(columns, axis=0)
    owners = [(part, label) for part in parts for label in part.labels]
    return [
        _alias_fault(part, label, design)
        for (part, label), is_aliased in zip(owners, aliased, strict=True)
        if is_aliased
    ]


def _alias_fault(part: _Part, label: str, design: MixedDesign) -> str:
    if part.covariate is not None:
        groups = " × ".join(design.between) or "the grand mean"
        return (
            f"covariate '{part.covariate}': a group in disguise, for it is a combination of {groups} and the other "
            f"columns ({design.unit}s of a group do not differ in it); leave out the covariate or the factor"
        )
    return (
        f"column {label} is aliased: it is a combination of the other columns, because a combination of the levels "
        f"of {' × '.join(design.between)} has no {design.unit} or two factors say the same; merge levels or "
        "leave out a factor"
    )


def _no_error_fault(parts: Sequence[_Part], n_rows: int, n_columns: int, design: MixedDesign, n_subjects: int) -> str:
    groups = " × ".join(design.between) or "one group"
    return (
        f"stratum of {parts[0].name}: found {n_rows} scores for {n_columns} columns, so no degrees of freedom are "
        f"left for error ({n_subjects} {design.unit}s, {groups}); expected more than one {design.unit} "
        "per group: add some or leave out a factor or covariate"
    )


def _stratum(
    parts: Sequence[_Part],
    effect: WithinEffect,
    covariates: Sequence[_Covariate],
    design: MixedDesign,
    kept: Int[Array, "kept"],
) -> tuple[Stratum, list[str]]:
    columns = np.hstack([part.columns for part in parts])
    n_rows, n_columns = columns.shape
    faults = [_no_error_fault(parts, n_rows, n_columns, design, len(kept))] if n_rows == n_columns else []
    groups = group_codes(design)[kept]
    ends = np.cumsum([part.columns.shape[1] for part in parts])
    terms = []
    for part, end in zip(parts, ends, strict=True):
        if not part.name:
            continue
        places = np.arange(end - part.columns.shape[1], end)
        others = np.delete(columns, places, axis=1)
        if part.name == "(Intercept)":
            others = _uncentered(parts, covariates)
        basis, triangle = np.linalg.qr(part.columns - _projection(others, part.columns))
        # QR leaves the sign open: point along the column
        basis = basis * np.where(np.diag(triangle) < 0, -1.0, 1.0)
        combined = zip(*(design.between[name] for name in part.factors if name in design.between), strict=True)
        levels = len(set(combined)) or 1
        terms.append(
            StratumTerm(
                name=part.name,
                factors=part.factors,
                covariate=part.covariate,
                columns=places,
                basis=basis,
                per_length=float(1 / abs(triangle[0, 0])) if len(places) == 1 else None,
                n=subjects_behind(basis, groups, levels=levels, slope=part.covariate is not None),
                is_slope=part.covariate is not None,
                levels=levels,
            )
        )
    stratum = Stratum(
        name=":".join((design.unit, *effect.factors)),
        within=effect.factors,
        scores=effect.scores,
        design=columns,
        labels=tuple(label for part in parts for label in part.labels),
        terms=tuple(terms),
        basis=np.linalg.qr(columns)[0],
        df=n_rows - n_columns,
    )
    return stratum, faults


def _uncentered(parts: Sequence[_Part], covariates: Sequence[_Covariate]) -> Float[Array, "row column"]:
    # the grand mean is tested where every covariate is 0, as R tests it; no other test knows the shift
    centers = {each.name: np.sqrt(each.values.shape[1]) * each.center for each in covariates}
    shifted = [
        part.columns + (0.0 if part.covariate is None else centers[part.covariate])
        for part in parts
        if part.name != "(Intercept)"
    ]
    return np.hstack([np.empty((len(parts[0].columns), 0)), *shifted])


def _projection(onto: Float[Array, "row known"], columns: Float[Array, "row column"]) -> Float[Array, "row column"]:
    basis = np.linalg.qr(onto)[0]
    return basis @ (basis.T @ columns)
