"""Contrasts as text over the levels of factors, checked against the design.

"naloxone - saline" compares two levels, all other factors averaged with equal weights. Parts joined by ":" belong to
different factors and multiply: "LgA: naloxone - saline" is the comparison inside one group (a simple effect),
"LgA - ShA: naloxone - saline" the difference between groups of it. Coefficients are written "0.5*low + 0.5*high -
saline". Levels may hold signs and spaces ("CS+ - CS-"); a level that two factors share is written "factor=level".
For the mixed model a part may also be the name of a covariate: its slope ("LgA - ShA: resp").
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.coding import conditions
from cuecircuit.stats.mixed_design import MixedColumns, design_rows, on_kept
from cuecircuit.stats.mixed_inference import Hypothesis
from cuecircuit.stats.strata_design import Contrast, MixedDesign, groups_of

_LONGEST = 2000  # letters; longer texts take ever longer to read
_LARGEST = 1e6  # weights are shares of 1, or small whole numbers
_COEFFICIENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:\s*/\s*(\d+))?\s*\*\s*")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParsedContrast:
    """Weights of the levels of each factor named, and covariates whose slope is meant."""

    text: str
    weights: Mapping[str, Float[Array, "level"]]
    slopes: tuple[str, ...]


def parse_contrast(text: str, levels: Mapping[str, Sequence[str]], covariates: Sequence[str] = ()) -> ParsedContrast:
    """Read the text of a contrast.

    Args:
        text: see the module.
        levels: of every factor that may be named.
        covariates: whose slopes may be named.

    Raises:
        DesignError: levels that no factor has, that several have, or of several factors in one part; weights that
            compare nothing.
    """
    if len(text) > _LONGEST:
        raise DesignError(f"contrast '{text[:60]}...': {len(text)} letters, expected at most {_LONGEST}")
    weights: dict[str, Array] = {}
    slopes = []
    for part in _parts(text, levels, covariates):
        owners = set.intersection(*(set(owned) for _, _, owned in part))
        if len(owners) != 1:
            read = ", ".join(f"{name} ({' or '.join(owned)})" for _, name, owned in part)
            raise DesignError(
                f"contrast '{text}': found {read}, expected levels of one factor between colons; write factor=level "
                "where factors share a level"
            )
        owner = owners.pop()
        if owner in weights or owner in slopes:
            raise DesignError(f"contrast '{text}': '{owner}' stands in two parts, expected one")
        if owner in covariates:
            slopes.append(owner)
            continue
        weights[owner] = np.zeros(len(levels[owner]))
        for weight, name, _ in part:
            weights[owner][list(levels[owner]).index(name)] += weight
    # weights are short decimals: 1e-9 is far above rounding
    if not slopes and not any(abs(weight_of.sum()) < 1e-9 and np.any(weight_of) for weight_of in weights.values()):
        raise DesignError(f"contrast '{text}': found no comparison, expected weights of some factor that sum to 0")
    return ParsedContrast(text=text, weights=weights, slopes=tuple(slopes))


def _parts(
    text: str, levels: Mapping[str, Sequence[str]], covariates: Sequence[str]
) -> list[list[tuple[float, str, tuple[str, ...]]]]:
    """(weight, level, factors that have it) of each part; longest names first, so that "CS+" is not "CS" and "+"."""
    owners: dict[str, tuple[str, tuple[str, ...]]] = {name: (name, (name,)) for name in covariates}
    for factor, names in levels.items():
        for name in names:
            owners[f"{factor}={name}"] = (name, (factor,))
            owners[name] = (name, (*owners.get(name, (name, ()))[1], factor))
    written = sorted(owners, key=len, reverse=True)
    parts: list[list[tuple[float, str, tuple[str, ...]]]] = [[]]
    at, sign, open_ended = 0, 1.0, True
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        if not open_ended:
            if at == len(text):
                return parts
            if text[at] not in "+-:":
                raise DesignError(f"contrast '{text}': found '{text[at:]}', expected +, - or : there")
            if text[at] == ":":
                parts.append([])
            sign, at, open_ended = (-1.0 if text[at] == "-" else 1.0), at + 1, True
            continue
        if text[at : at + 1] == "-" and not parts[-1] and sign > 0 and not _name_at(text, at, written):
            sign, at = -1.0, at + 1
            continue
        coefficient = _COEFFICIENT.match(text, at)
        if coefficient:
            sign *= _number(coefficient, text)
            at = coefficient.end()
        name = _name_at(text, at, written)
        if not name:
            listed = "; ".join(f"{factor}: {', '.join(names)}" for factor, names in levels.items())
            raise DesignError(f"contrast '{text}': found '{text[at:]}', expected a level there ({listed})")
        parts[-1].append((sign, *owners[name]))
        at, open_ended = at + len(name), False


def _number(coefficient: re.Match[str], text: str) -> float:
    above, below = float(coefficient[1]), float(coefficient[2] or 1)
    if not 0 < below <= _LARGEST or above > _LARGEST:
        raise DesignError(f"contrast '{text}': found '{coefficient[0].strip()}', expected a weight such as 0.5 or 1/3")
    return above / below


def _name_at(text: str, at: int, written: Sequence[str]) -> str | None:
    def fits(name: str) -> bool:
        end = at + len(name)
        return text.startswith(name, at) and not (re.match(r"\w", name[-1]) and re.match(r"\w", text[end : end + 1]))

    return next((name for name in written if fits(name)), None)


def level_cells(
    factors: Sequence[str], levels: Mapping[str, Sequence[str]]
) -> dict[tuple[str, ...], dict[str, Float[Array, "level"]]]:
    """Weights that pick each combination of the factors' levels, the last factor changing fastest."""
    return {
        cell: {
            name: np.eye(len(levels[name]))[list(levels[name]).index(level)]
            for name, level in zip(factors, cell, strict=True)
        }
        for cell in product(*(levels[name] for name in factors))
    }


def factor_faults(factors: Sequence[str], levels: Mapping[str, Sequence[str]], where: str) -> list[str]:
    """Describe which factors are not among those of `levels`, or are named twice."""
    faults = [
        f"factor '{name}': not in the {where}, which has {', '.join(levels)}" for name in factors if name not in levels
    ]
    return faults + [f"factor '{name}': named twice" for name in dict.fromkeys(factors) if factors.count(name) > 1]


def fixed_levels(design: MixedColumns) -> dict[str, tuple[str, ...]]:
    """Return the levels of the factors in the fixed part."""
    used = dict.fromkeys(variable.column for term in design.formula.fixed for variable in term)
    return {name: design.factors[name].levels for name in used if name in design.factors}


def grid_row(
    design: MixedColumns,
    weights: Mapping[str, Float[Array, "level"]],
    *,
    at: Mapping[str, float] | None = None,
    slopes: Sequence[str] = (),
) -> Float[Array, "column"] | None:
    """Coefficients' weights of a weighted mean of the predicted cells; None where it needs a cell that no row has.

    Args:
        design: of the model.
        weights: of the levels of some factors; the others are averaged with equal weights.
        at: value of covariates, in the table's units; their mean over the rows otherwise.
        slopes: covariates whose effect per unit is meant instead.
    """
    levels = fixed_levels(design)
    each = [weights.get(name, np.full(len(names), 1 / len(names))) for name, names in levels.items()]
    cells = np.array(list(product(*(range(len(names)) for names in levels.values()))), int).reshape(-1, len(levels))
    weight = np.array(
        [np.prod([of_factor[code] for of_factor, code in zip(each, cell, strict=True)]) for cell in cells]
    )
    codes = {name: cells[:, column] for column, name in enumerate(levels)}
    middle = {name: float(values.mean()) for name, values in design.covariates.items()} | dict(at or {})

    def row(shift: Mapping[str, float]) -> Float[Array, "column"]:
        covariates = {name: np.full(len(cells), value + shift.get(name, 0.0)) for name, value in middle.items()}
        return weight @ design_rows(design, codes, covariates)

    # the model is linear in each covariate: a difference over one unit of each is the (mixed) slope
    total = np.zeros(design.from_kept.shape[1])
    for signs in product((0, 1), repeat=len(slopes)):
        total += (-1) ** (len(slopes) - sum(signs)) * row(dict(zip(slopes, map(float, signs), strict=True)))
    return on_kept(design, total)


def fixed_contrast(text: str, design: MixedColumns) -> Hypothesis:
    """Return a contrast of the fixed part of a formula.

    Raises:
        DesignError: the text cannot be read (see `parse_contrast`), the model has no term that it concerns, or it needs
            cells that no row has.
    """
    covariates = [name for name in design.covariates if _is_fixed(name, design)]
    parsed = parse_contrast(text, fixed_levels(design), covariates)
    row = grid_row(design, parsed.weights, slopes=parsed.slopes)
    if row is None:
        raise DesignError(
            f"contrast '{text}': cannot be estimated, {design.note or 'columns were left out'}; compare inside levels "
            "whose cells all exist"
        )
    # rounding of weights of size 1
    row[np.abs(row) < 1e-12 * max(np.abs(row).max(), 1.0)] = 0.0
    if not row.any():
        raise DesignError(f"contrast '{text}': the model has no term for it, so it is 0; add the interaction")
    return Hypothesis(name=text, rows=row[None], variables=(*parsed.weights, *parsed.slopes))


def _is_fixed(name: str, design: MixedColumns) -> bool:
    return any(variable.column == name for term in design.formula.fixed for variable in term)


def strata_contrast(text: str, design: MixedDesign, *, family: str = "all") -> Contrast:
    """Return a contrast of a complete design, for `strata_model` or `posthoc.compare`.

    Groups that are combinations of several factors between subjects are averaged with equal weights.

    Raises:
        DesignError: the text cannot be read (see `parse_contrast`).
    """
    parsed = parse_contrast(text, strata_levels(design))
    return weighted_cells(text, parsed.weights, design, family=family)


def strata_levels(design: MixedDesign) -> dict[str, Sequence[str]]:
    """Return the levels of every factor, those between subjects in order of first appearance."""
    return {**{name: tuple(dict.fromkeys(labels)) for name, labels in design.between.items()}, **design.within}


def weighted_cells(
    name: str, weights: Mapping[str, Float[Array, "level"]], design: MixedDesign, *, family: str = "all"
) -> Contrast:
    """Weights of groups and conditions from those of levels; factors not named are averaged with equal weights.

    Raises:
        DesignError: a combination of levels between subjects that nobody has would count.
    """
    levels = strata_levels(design)
    if lost := cells_of_nobody(weights, design):
        raise DesignError(
            f"'{name}': cannot be estimated, no {design.unit} is {' or '.join(lost)}; compare inside levels whose "
            "combinations all exist"
        )
    groups = tuple(dict.fromkeys(zip(*design.between.values(), strict=True))) or ((),)
    assert len(groups) == len(set(groups_of(design)))
    return Contrast(
        name=name,
        family=family,
        group=_cell_weights(weights, {factor: levels[factor] for factor in design.between}, groups),
        condition=_cell_weights(weights, design.within, conditions(design.within)),
    )


def cells_of_nobody(weights: Mapping[str, Float[Array, "level"]], design: MixedDesign) -> list[str]:
    """Name the combinations of levels between subjects that have a weight and no subject."""
    levels = {factor: strata_levels(design)[factor] for factor in design.between}
    every = tuple(product(*levels.values()))
    observed = set(zip(*design.between.values(), strict=True)) or {()}
    counted = _cell_weights(weights, levels, every)
    return [":".join(cell) for cell, weight in zip(every, counted, strict=True) if weight and cell not in observed]


def _cell_weights(
    weights: Mapping[str, Float[Array, "level"]], levels: Mapping[str, Sequence[str]], cells: Sequence[tuple[str, ...]]
) -> Float[Array, "cell"]:
    each = [weights.get(name, np.full(len(names), 1 / len(names))) for name, names in levels.items()]
    places = [list(names) for names in levels.values()]
    return np.array(
        [
            np.prod([of_factor[place.index(level)] for of_factor, place, level in zip(each, places, cell, strict=True)])
            for cell in cells
        ]
    )
