"""What a set of maps estimates: conditions of the model, and their weights in each cell, contrast and slope."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import pandas as pd

from cuecircuit.errors import DesignError
from cuecircuit.io.derivatives import bids_label
from cuecircuit.stats.contrasts import parse_contrast
from cuecircuit.study.acquisition import BetaSeries, Blocks, Glm, Ppi, Seed
from cuecircuit.study.schema import Study
from cuecircuit.study.trial_cells import map_cells

UNUSED = "__none__"  # no level of a factor is called so


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """One map of a subject: its table and keys there, its name in files, the weight of each column of the model.

    `cells`: the conditions whose trials it is made of.
    """

    table: str
    keys: Mapping[str, str]
    label: str
    weights: Mapping[str, float]
    cells: tuple[str, ...]


def condition(levels: Sequence[str]) -> str:
    """Name a cell as a condition that design matrices can have as a column: `saline_early`."""
    return word_of("_".join(levels))


def word_of(label: str) -> str:
    """Write a label as a word: `look-drug` is `look_drug`."""
    word = "".join(letter if letter.isalnum() else "_" for letter in label)
    return word if word[0].isalpha() else f"c{word}"


def slope(name: str, measure: str) -> str:
    """Name the column of a measure's slope within a condition."""
    return f"{name}__{measure}"


def wanted_maps(study: Study, name: str, maps: Blocks | Glm | Seed) -> tuple[Estimated, ...]:
    """Return every map that a set has of a subject and session: seeds; or cells, then contrasts, then slopes.

    Raises:
        DesignError: a contrast that names no level; labels that would have the same files or columns of the model.
    """
    if isinstance(maps, Seed):
        made = [
            Estimated(table=f"maps.{name}", keys={"seed": seed}, label=seed, weights={seed: 1.0}, cells=())
            for seed in maps.seeds
        ]
    else:
        made = _of_trials(study, name, maps)
    others = study.trials.others if study.trials and isinstance(maps, Glm) else ()
    if faults := [*_namesakes(made, others)]:
        raise DesignError(f"maps.{name}: {fault}" for fault in faults)
    return tuple(made)


def other_condition(kind: str) -> str:
    """Name the column of a trial type that is no cell."""
    return f"other_{word_of(kind)}"


def _namesakes(made: Sequence[Estimated], others: Sequence[str]) -> Iterator[str]:
    """Yield what would share a file, or a column of the model, though it is not the same."""
    shown = {id(each): f"{'contrast' if 'contrast' in each.keys else 'map'} {each.label}" for each in made}
    files = [(bids_label(each.label), shown[id(each)]) for each in made]
    cells = [(each.cells[0], shown[id(each)]) for each in made if each.cells and "contrast" not in each.keys]
    columns = [*cells, *((other_condition(kind), f"trial type {kind}") for kind in others)]
    for what, named in (("files", files), ("columns of the model", columns)):
        first: dict[str, str] = {}
        for name, who in named:
            if (other := first.setdefault(name, who)) != who:
                yield f"{other} and {who} would have the same {what} ({name}); rename one"


def _of_trials(study: Study, name: str, maps: Blocks | Glm) -> list[Estimated]:
    """Return the maps of cells, then of contrasts, then of slopes."""
    cells = cells_of(study, maps)
    made = [
        Estimated(
            table=f"maps.{name}",
            keys=dict(zip(maps.cells, levels, strict=True)),
            label=":".join(levels),
            weights={condition(levels): 1.0},
            cells=(condition(levels),),
        )
        for levels in cells
    ]
    if isinstance(maps, Glm):
        weighed = {one: _contrast(study, maps, cells, text) for one, text in maps.contrasts.items()}
        made += [
            Estimated(
                table=f"contrasts.{name}", keys={"contrast": one}, label=one, weights=weights, cells=tuple(weights)
            )
            for one, weights in weighed.items()
        ]
        made += [
            Estimated(
                table=f"contrasts.{name}",
                keys={"contrast": f"{'_'.join(levels)}.{measure}"},
                label=f"{'_'.join(levels)} {measure}",
                weights={slope(condition(levels), measure): 1.0},
                cells=(condition(levels),),
            )
            for levels in cells
            for measure in maps.modulators
        ]
    return made


def cells_of(study: Study, maps: Blocks | Glm | BetaSeries | Ppi) -> tuple[tuple[str, ...], ...]:
    """Return the combinations of levels that maps are made of, in the order of the file."""
    return tuple(tuple(map(str, row)) for row in map_cells(study, maps).itertuples(index=False, name=None))


def runs_of(conditions: Collection[str], held: Sequence[Collection[str]]) -> tuple[bool, ...]:
    """Return which scans of a session an estimate is made of.

    Those that hold all of its conditions; where there is none, those whose parts add up to it. None where parts
    overlap, which would count a condition twice, or where a condition is in no scan.

    Args:
        conditions: of the estimate.
        held: those that each scan holds.
    """
    whole = tuple(set(conditions) <= set(conditions_held) for conditions_held in held)
    if any(whole):
        return whole
    parts = [frozenset(conditions) & frozenset(held_here) for held_here in held]
    counted = [one for part in set(parts) for one in part]
    adds_up = sorted(counted) == sorted(conditions)
    return tuple(bool(part) and adds_up for part in parts)


def conditions_of(rows: pd.DataFrame, maps: Blocks | Glm | BetaSeries | Ppi) -> pd.Series:
    """Return the condition of each trial; trials of no level of some factor are modeled as one of their own."""
    cells = zip(*(rows[factor] for factor in maps.cells), strict=True)
    names = [condition([UNUSED if pd.isna(one) else str(one) for one in cell]) for cell in cells]
    return pd.Series(names, index=rows.index, dtype=object)


def held_conditions(rows: pd.DataFrame, maps: Blocks | Glm | Seed) -> frozenset[str]:
    """Return the conditions that a scan with these trials can say something of."""
    if isinstance(maps, Seed):
        return frozenset(maps.seeds)
    names = conditions_of(rows, maps)
    slopes = (
        slope(str(name), measure)
        for measure in getattr(maps, "modulators", ())
        for name, trials in rows.groupby(names, sort=False)
        if trials[measure].nunique() > 1
    )
    return frozenset([*names, *slopes])


def _contrast(study: Study, maps: Glm, cells: Sequence[tuple[str, ...]], text: str) -> Mapping[str, float]:
    """Weigh cells: levels that a contrast names, the cells that share them averaged with equal weights."""
    levels = {
        factor: [level for level in _levels(study, factor) if any(cell[k] == level for cell in cells)]
        for k, factor in enumerate(maps.cells)
    }
    alone = {factor: np.eye(len(names))[names.index(text)] for factor, names in levels.items() if text in names}
    parsed = alone if len(alone) == 1 else parse_contrast(text, levels).weights
    weights: dict[str, float] = {}
    for named in product(*(levels[factor] for factor in parsed)):
        weight = prod(float(parsed[f][levels[f].index(level)]) for f, level in zip(parsed, named, strict=True))
        where = [maps.cells.index(factor) for factor in parsed]
        matching = [cell for cell in cells if tuple(cell[k] for k in where) == named]
        if weight and not matching:
            raise DesignError(f"contrast '{text}': no trial is {' and '.join(named)}; compare what occurs")
        weights |= {condition(cell): weight / len(matching) for cell in matching if weight}
    return weights


def _levels(study: Study, factor: str) -> tuple[str, ...]:
    parts = study.trials.parts if study.trials else {}
    return study.factors[factor].levels if factor in study.factors else tuple(parts[factor])
