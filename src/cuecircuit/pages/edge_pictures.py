"""Figures of questions on edges: a matrix of one effect, and the edges that survive on the outline of the brain."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.figures.edges import connectogram_figure, matrix_figure
from cuecircuit.figures.numbers import effect_text
from cuecircuit.questions.answer import deciding_p
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.questions import Formula, Question, Strata
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.space import study_space


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _EdgeEffect:
    """One effect on every edge; `marked` are those that survive."""

    label: str
    names: tuple[str, ...]
    pairs: Int[Array, "edge 2"]
    values: Float[Array, "edge"]
    measure: str
    marked: Bool[Array, "edge"]


def is_about_edges(question: Question) -> bool:
    """Return whether a question tests every edge of a table of edges."""
    return isinstance(question, Strata | Formula) and set(question.each) == {"region", "region2"}


def edge_matrix(tables: Tables, question: Question, answer: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw one effect on every edge, those that survive marked."""
    effect = _effect(tables, question, answer)
    return matrix_figure(
        effect.values, effect.pairs, effect.names, measure=f"{effect.label}: {effect.measure}", outlined=effect.marked
    )


def connectogram(tables: Tables, question: Question, answer: Mapping[str, pd.DataFrame]) -> Figure | None:
    """Draw the edges of one effect that survive on the outline of the brain; None where none does."""
    effect = _effect(tables, question, answer)
    space = study_space(tables.files)
    if not effect.marked.any() or space.atlas is None:
        return None
    labels = {name: label for label, name in space.atlas.names.items()}
    voxels = [np.argwhere((space.atlas.labels == labels[name]) & space.mask) for name in effect.names]
    return connectogram_figure(
        effect.values[effect.marked],
        effect.pairs[effect.marked],
        effect.names,
        title=effect.label,
        places_mm=space.grid.mm(np.array([region_voxels.mean(axis=0) for region_voxels in voxels])),
        brain=(space.mask, space.grid),
    )


def _effect(tables: Tables, question: Question, answer: Mapping[str, pd.DataFrame]) -> _EdgeEffect:
    tests = answer["terms"]
    if "contrasts" in answer:
        tests = pd.concat([tests, answer["contrasts"].rename(columns={"contrast": "term"})], ignore_index=True)
    shown = [name for name in question.shown if name in set(tests["term"])]
    term = shown[0] if shown else str(tests["term"].iloc[-1])
    rows = tests[tests["term"] == term].reset_index(drop=True)
    source = tables.made[split_reference(question.of)[0]].rows  # in the order of the atlas
    there = {*rows["region"], *rows["region2"]}
    names = tuple(name for name in dict.fromkeys([*source["region"], *source["region2"]]) if name in there)
    pairs = np.column_stack([rows[key].map({name: k for k, name in enumerate(names)}) for key in ("region", "region2")])
    estimated = "estimate" in rows and rows["estimate"].notna().any()
    networks = getattr(question, "networks", None)
    if networks is None:
        marked = (deciding_p(rows) <= question.alpha).to_numpy()
    else:
        parts = answer["networks"]
        kept = parts.loc[(parts["term"] == term) & (parts[f"p_{networks.statistic}"] <= networks.alpha), "network"]
        edges = answer["network_edges"]
        strong = edges[(edges["term"] == term) & edges["network"].isin(kept)]
        joined = set(zip(strong["region"], strong["region2"], strict=True))
        marked = np.array([pair in joined for pair in zip(rows["region"], rows["region2"], strict=True)])
    return _EdgeEffect(
        label=effect_text(term),
        names=names,
        pairs=pairs,
        values=rows["estimate" if estimated else "F"].to_numpy(float),
        measure="estimate" if estimated else "F",
        marked=marked,
    )
