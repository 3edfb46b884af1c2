"""The columns of a mixed model: coded fixed effects, random effects by grouping, and what is wrong with them.

Fixed terms are coded sum to zero (levels in order of first appearance), a factor inside a term by indicators where
the term without it is not in the model (R's rule). Groupings are nested in one factor, the subject: every level of a
grouping belongs to one subject, so that subjects are independent and the covariance has one block each. Or they are
crossed, as subjects and stimuli are; they then have intercepts alone, and the first that is nested in no other is the
subject.

Sources: Bates, Mächler, Bolker and Walker (2015), section 2; Chambers and Hastie (1992), section 2.4, on coding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.coding import Factor, factor
from cuecircuit.stats.estimable import in_kept, independent_columns
from cuecircuit.stats.fixed_terms import (
    CodedTable,
    FixedTerm,
    check_aliases,
    check_rows,
    coded_term,
    estimable_note,
    estimable_terms,
    in_contrasts,
    unexcused_terms,
)
from cuecircuit.stats.mixed_formula import MixedFormula, RandomBar, parse_formula, term_label

# a column of the table: text makes a factor, numbers a covariate
Column = Sequence[object] | Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomTerm:
    """Coefficients that vary together between the levels of a grouping.

    `labels` name the columns of `z` (1 for the intercept), `levels` give each observation's level of the grouping.
    """

    label: str
    grouping: tuple[str, ...]
    labels: tuple[str, ...]
    z: Float[Array, "observation column"]
    levels: Int[Array, "observation"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedColumns:
    """The coded table: X with its terms, random terms, factors, covariates, the subject of each row.

    `covariates` are as in the table, `centers` what was taken off them (0 where not centered). Of the columns that the
    coding has, X has those in `kept`; all of them are X @ `from_kept`. `note` names what was left out.
    """

    formula: MixedFormula
    x: Float[Array, "observation column"]
    labels: tuple[str, ...]
    terms: tuple[FixedTerm, ...]
    random: tuple[RandomTerm, ...]
    factors: Mapping[str, Factor]
    covariates: Mapping[str, Float[Array, "observation"]]
    centers: Mapping[str, float]
    subject: str
    subjects: Int[Array, "observation"]
    kept: Int[Array, "column"]
    from_kept: Float[Array, "column coded"]
    note: str = ""

    @property
    def crossed(self) -> bool:
        """Whether levels of some grouping belong to several subjects."""
        return not all(nested(term.levels, self.subjects) for term in self.random)


def nested(fine: Int[Array, "observation"], coarse: Int[Array, "observation"]) -> bool:
    """Return whether every level of one grouping belongs to one level of the other."""
    return np.unique(np.stack([fine, coarse]), axis=1).shape[1] == np.unique(fine).size


def mixed_columns(
    formula: str, columns: Mapping[str, Column], *, factors: Sequence[str] | Mapping[str, Sequence[str]] = ()
) -> MixedColumns:
    """Code the columns of a table as the formula says.

    Args:
        formula: text as in `mixed_formula`.
        columns: the table's columns, one entry per observation.
        factors: columns of numbers that name levels (groupings always do), with the order of the levels if they map
            to some.

    Raises:
        DesignError: columns that are not there, of unequal length, or not finite; factors of one level; columns that
            are aliased though every combination of levels was observed; slopes where groupings are crossed. All faults
            of a kind are listed.
    """
    parsed = parse_formula(formula)
    _check(parsed, columns)
    numbers = {name for name in parsed.columns if name not in factors and _is_numeric(columns[name])}
    used = {variable.column for variable in parsed.variables}
    levels = factors if isinstance(factors, Mapping) else {}
    coded = {
        name: factor(name, _labels(columns[name]), levels.get(name, ()))
        for name in parsed.columns
        if name in used - numbers
    }
    covariates = {name: np.asarray(columns[name], np.float64) for name in parsed.columns if name in used & numbers}
    _check_values(parsed, coded, covariates)
    n = len(columns[parsed.columns[0]])
    centered = {variable.column for variable in parsed.variables if variable.centered}
    centers = {name: float(values.mean()) * (name in centered) for name, values in covariates.items()}
    shifted = {name: values - centers[name] for name, values in covariates.items()}
    table = CodedTable(factors=coded, covariates=shifted, n=n)
    blocks = [coded_term(term, parsed.fixed, table) for term in parsed.fixed]
    x = np.hstack([block for block, _ in blocks])
    labels = tuple(label for _, names in blocks for label in names)
    ends = np.cumsum([block.shape[1] for block, _ in blocks])
    terms = tuple(
        FixedTerm(
            name=term_label(term),
            variables=term,
            contrasts=tuple(in_contrasts(variable, term, parsed.fixed) for variable in term),
            columns=np.arange(end - block.shape[1], end),
        )
        for term, (block, _), end in zip(parsed.fixed, blocks, ends, strict=True)
    )
    kept = independent_columns(x)
    if len(kept) < len(labels):
        check_aliases(x, labels, unexcused_terms(terms, table))
    check_rows(n, len(kept))
    short = len(kept) < len(labels)
    estimable = estimable_terms(terms, x, kept, table) if short else terms
    groupings = {bar.grouping: _levels([_labels(columns[name]) for name in bar.grouping]) for bar in parsed.random}
    subject = _subject(groupings)
    design = MixedColumns(
        formula=parsed,
        x=x[:, kept],
        labels=tuple(labels[place] for place in kept),
        terms=estimable,
        random=tuple(term for bar in parsed.random for term in _random_terms(bar, groupings[bar.grouping], table)),
        factors=coded,
        covariates=covariates,
        centers=centers,
        subject=":".join(subject),
        subjects=groupings[subject],
        kept=kept,
        from_kept=in_kept(x, kept),
        note=estimable_note(terms, estimable, table) if short else "",
    )
    _check_crossed(design)
    return design


def _check_crossed(design: MixedColumns) -> None:
    """Refuse slopes where groupings are crossed."""
    faults = [
        f"random part: {term.label} has slopes, and its groupings are crossed, which go with intercepts alone; write "
        f"(1 | {':'.join(term.grouping)}), and (1 | {':'.join(term.grouping)}:factor) where the effect of a factor may "
        "differ between its levels"
        for term in design.random
        if term.labels != ("1",)
    ]
    if faults and design.crossed:
        raise DesignError(faults)


def on_kept(design: MixedColumns, row: Float[Array, "coded"]) -> Float[Array, "column"] | None:
    """Weights of all coded columns as weights of those in X; None where the rows do not tell the weighted sum."""
    kept_row = row[design.kept]
    # weights are of size 1, or of that of a covariate
    return kept_row if np.allclose(kept_row @ design.from_kept, row, rtol=1e-7, atol=1e-7 * np.abs(row).max()) else None


def subject_groups(design: MixedColumns) -> tuple[str, ...]:
    """Return each subject's group: its levels of the factors that do not vary within subjects, joined by ":"."""
    first = np.unique(design.subjects, return_index=True)[1]
    between = [each for each in design.factors.values() if (each.codes == each.codes[first][design.subjects]).all()]
    return tuple(":".join(each.levels[each.codes[row]] for each in between) for row in first)


def design_rows(
    design: MixedColumns, levels: Mapping[str, Int[Array, "row"]], covariates: Mapping[str, Float[Array, "row"]]
) -> Float[Array, "row column"]:
    """Code further rows as the table was coded, all columns: levels by position, covariates in the table's units."""
    factors = {
        name: Factor(name=name, levels=item.levels, codes=levels[name])
        for name, item in design.factors.items()
        if name in levels
    }
    values = {name: covariates[name] - center for name, center in design.centers.items() if name in covariates}
    n = len(next(iter((*levels.values(), *covariates.values())), np.zeros(1)))
    table = CodedTable(factors=factors, covariates=values, n=n)
    return np.hstack([coded_term(term, design.formula.fixed, table)[0] for term in design.formula.fixed])


def of_rows(design: MixedColumns, rows: Int[Array, "kept"]) -> MixedColumns:
    """Keep some rows of a table, coded and centered as the whole table was.

    Raises:
        DesignError: columns that are aliased in these rows, or one subject.
    """
    x = design.x[rows]
    check_rows(*x.shape)
    check_aliases(x, design.labels, design.terms)
    if len(set(design.subjects[rows].tolist())) < 2:
        raise DesignError(f"random part: found one level of {design.subject}, expected several")
    random = [replace(term, z=term.z[rows], levels=_renumbered(term.levels[rows])) for term in design.random]
    return replace(
        design,
        x=x,
        random=tuple(random),
        factors={name: replace(item, codes=item.codes[rows]) for name, item in design.factors.items()},
        covariates={name: values[rows] for name, values in design.covariates.items()},
        subjects=_renumbered(design.subjects[rows]),
    )


def _renumbered(levels: Int[Array, "row"]) -> Int[Array, "row"]:
    return np.unique(levels, return_inverse=True)[1]


def _check(parsed: MixedFormula, columns: Mapping[str, Column]) -> None:
    faults = [
        f"formula '{parsed.text}': found no column '{name}', expected one of {', '.join(columns)}"
        for name in parsed.columns
        if name not in columns
    ]
    if faults:
        raise DesignError(faults)
    lengths = {name: len(columns[name]) for name in parsed.columns}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        raise DesignError(f"columns: found lengths {lengths}, expected one entry per observation in each")
    missing = {
        name: [row + 1 for row, value in enumerate(columns[name]) if value is None or str(value) in ("", "nan")]
        for name in parsed.columns
        if not _is_numeric(columns[name])
    }
    faults = [
        f"column '{name}': found no label in {len(rows)} rows (row {', '.join(map(str, rows[:10]))}); name the level "
        "or leave the rows out"
        for name, rows in missing.items()
        if rows
    ]
    if faults:
        raise DesignError(faults)


def _is_numeric(values: Column) -> bool:
    return np.asarray(values).dtype.kind in "iuf"


def _labels(values: Column) -> list[str]:
    labels = [str(value).strip() for value in np.asarray(values).tolist()]
    return [label.removesuffix(".0") for label in labels] if _is_numeric(values) else labels


def _check_values(
    parsed: MixedFormula, coded: Mapping[str, Factor], covariates: Mapping[str, Float[Array, "observation"]]
) -> None:
    faults = []
    for name, values in covariates.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            faults.append(
                f"covariate '{name}': found {values[bad[0]]} in row {bad[0] + 1} ({bad.size} such), expected a number; "
                "fill in or leave the rows out"
            )
        elif np.ptp(values) <= 1e-14 * np.abs(values).max():
            faults.append(f"covariate '{name}': found {values[0]:g} everywhere, expected it to vary; leave it out")
    faults += [
        f"formula '{parsed.text}': found {variable.label}, but '{variable.column}' is a factor; leave out center()"
        for variable in parsed.variables
        if variable.centered and variable.column in coded
    ]
    used = [variable.column for variable in parsed.variables]
    faults += [
        f"formula '{parsed.text}': found '{name}' both centered and not; use one"
        for name in dict.fromkeys(used)
        if used.count(name) > 1
    ]
    if faults:
        raise DesignError(faults)


def _levels(labels: Sequence[Sequence[str]]) -> Int[Array, "observation"]:
    position: dict[tuple[str, ...], int] = {}
    return np.array([position.setdefault(level, len(position)) for level in zip(*labels, strict=True)])


def _subject(groupings: Mapping[tuple[str, ...], Int[Array, "observation"]]) -> tuple[str, ...]:
    """Return the grouping that all others are nested in, or the first that is nested in no other."""
    coarsest = min(groupings, key=lambda name: groupings[name].max())
    if not all(nested(levels, groupings[coarsest]) for levels in groupings.values()):
        coarsest = next(
            name
            for name, levels in groupings.items()
            if not any(nested(levels, other) for key, other in groupings.items() if other.max() < levels.max())
        )
    faults = [
        f"random part: found one level of {':'.join(name)}, expected several"
        for name, levels in groupings.items()
        if levels.max() < 1
    ]
    if faults:
        raise DesignError(faults)
    return coarsest


def _random_terms(bar: RandomBar, levels: Int[Array, "observation"], table: CodedTable) -> list[RandomTerm]:
    blocks = [coded_term(term, bar.terms, table) for term in bar.terms]
    if not bar.correlated:
        wide = [names for block, names in blocks if block.shape[1] > 1 or names[0].find("[") > 0]
        if wide:
            raise DesignError(f"{bar.label}: '||' is for covariates, found the factor column {wide[0][0]}; write '|'")
        return [_random_term(bar, levels, *block) for block in blocks]
    return [
        _random_term(bar, levels, np.hstack([block for block, _ in blocks]), [n for _, names in blocks for n in names])
    ]


def _random_term(
    bar: RandomBar, levels: Int[Array, "observation"], z: Float[Array, "observation column"], labels: list[str]
) -> RandomTerm:
    names = tuple(label.replace("(Intercept)", "1") for label in labels)
    effects = names if names[0] == "1" else ("0", *names)
    return RandomTerm(
        label=f"({' + '.join(effects)} | {':'.join(bar.grouping)})",
        grouping=bar.grouping,
        labels=names,
        z=z,
        levels=levels,
    )
