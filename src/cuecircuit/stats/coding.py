"""Numbers for factors: sum-to-zero columns between subjects, orthonormal scores within subjects.

Levels stand in order of first appearance. Terms stand in factorial order: single factors first, then pairs,
and so on, each in the order the factors were named; the name of a term joins its factors by ":".

Sum-to-zero coding of k levels has k − 1 columns: level j is 1 in column j, the last level −1 everywhere, so that
each coefficient is a level's difference from the unweighted mean of the levels (R's contr.sum). Orthonormal
contrasts compare each level with the mean of those after it (reversed Helmert, each column of unit length). With
two levels both codings are positive where the first level is the larger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factor:
    """A factor and the level of each unit; `codes` count from 0 in the order of `levels`."""

    name: str
    levels: tuple[str, ...]
    codes: Int[Array, "unit"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BetweenTerm:
    """A term between subjects: its coded columns and what each column stands for."""

    factors: tuple[str, ...]
    columns: Float[Array, "subject column"]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WithinEffect:
    """An effect within subjects: orthonormal columns that turn the conditions of a subject into its scores."""

    factors: tuple[str, ...]
    scores: Float[Array, "condition score"]


def factor(name: str, labels: Sequence[object], levels: Sequence[str] = ()) -> Factor:
    """Code the labels of a factor.

    Args:
        name: of the factor.
        labels: of every unit.
        levels: their order, those that no unit has left out; the order of first appearance where it is empty.

    Raises:
        DesignError: the factor has one level only, or a label that is not among the levels.
    """
    present = dict.fromkeys(str(label) for label in labels)
    unknown = [label for label in present if label not in levels] if levels else []
    if unknown:
        raise DesignError(
            f"factor '{name}': found the level {', '.join(map(repr, unknown))}, expected one of {', '.join(levels)}"
        )
    levels = tuple(level for level in levels if level in present) or tuple(present)
    if len(levels) < 2:
        present = f"only the level '{levels[0]}'" if levels else "no level"
        raise DesignError(f"factor '{name}': found {present}, expected two or more; leave the factor out")
    position = {level: code for code, level in enumerate(levels)}
    return Factor(name=name, levels=levels, codes=np.array([position[str(label)] for label in labels]))


def sum_to_zero(n_levels: int) -> Float[Array, "level column"]:
    """Code `n_levels` levels in `n_levels` − 1 columns that each sum to zero."""
    return np.vstack([np.eye(n_levels - 1), -np.ones((1, n_levels - 1))])


def orthonormal_contrasts(n_levels: int) -> Float[Array, "level contrast"]:
    """Compare each level with the mean of those after it; columns orthogonal, of unit length, summing to zero."""
    contrasts = np.tril(-np.ones((n_levels, n_levels - 1)), -1)
    np.fill_diagonal(contrasts, np.arange(n_levels - 1, 0, -1))
    return contrasts / np.linalg.norm(contrasts, axis=0)


def factorial_terms(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """List every combination of factors in factorial order, the empty one (the grand mean) first."""
    return tuple(term for size in range(len(names) + 1) for term in combinations(names, size))


def term_name(factors: Sequence[str]) -> str:
    """Join the factors of a term; the empty term is R's (Intercept)."""
    return ":".join(factors) or "(Intercept)"


def between_terms(factors: Sequence[Factor], n_subjects: int) -> tuple[BetweenTerm, ...]:
    """Code the full factorial of the factors between subjects, intercept first."""
    by_name = {item.name: item for item in factors}
    return tuple(
        _between_term([by_name[name] for name in names], n_subjects) for names in factorial_terms(tuple(by_name))
    )


def _between_term(factors: Sequence[Factor], n_subjects: int) -> BetweenTerm:
    columns = np.ones((n_subjects, 1))
    for item in factors:
        coded = sum_to_zero(len(item.levels))[item.codes]
        columns = (columns[:, :, None] * coded[:, None, :]).reshape(n_subjects, -1)
    named = ([f"{item.name}[{level}]" for level in item.levels[:-1]] for item in factors)
    labels = tuple(term_name(combination) for combination in product(*named))
    return BetweenTerm(factors=tuple(item.name for item in factors), columns=columns, labels=labels)


def within_effects(factors: Mapping[str, Sequence[str]]) -> tuple[WithinEffect, ...]:
    """Return the orthonormal scores of every effect of the factors within subjects, the mean over conditions first.

    Conditions are all combinations of levels, the last factor changing fastest (as in `conditions`).
    Together the scores of all effects are an orthonormal basis of the conditions.
    """
    return tuple(
        WithinEffect(factors=names, scores=_scores(names, {name: len(levels) for name, levels in factors.items()}))
        for names in factorial_terms(tuple(factors))
    )


def _scores(names: tuple[str, ...], n_levels: Mapping[str, int]) -> Float[Array, "condition score"]:
    scores = np.ones((1, 1))
    for name, n in n_levels.items():
        part = orthonormal_contrasts(n) if name in names else np.full((n, 1), n**-0.5)
        scores = np.kron(scores, part)
    return scores


def conditions(factors: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """List the cells of one subject in order: all combinations of levels, the last factor changing fastest."""
    return tuple(product(*factors.values()))
