"""The figure of a question on a table, by its kind: a course, cells, a scatter, or a forest of estimates."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.cells import cells_figure
from cuecircuit.figures.escalation import escalation_figure
from cuecircuit.figures.forest import forest_figure
from cuecircuit.figures.means_by_line import means_figure
from cuecircuit.figures.scatter import CorrelationNote, scatter_figure
from cuecircuit.nodes.rows import VALUE, Tables
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.questions import AnyQuestion, Correlation, Counts, Formula, Means, Question, Reliability, Strata

_ALL = "all"
_WIDEST_COURSE = 40


def picture(
    tables: Tables, question: AnyQuestion, answer: Mapping[str, pd.DataFrame], *, title: str = ""
) -> Figure | None:
    """Draw what a question found; None where there is nothing to draw.

    Args:
        tables: of the study, for levels and labels.
        question: what was asked.
        answer: its tables by name.
        title: above the figure, such as the one region that is drawn.
    """
    match question:
        case Correlation():
            return _correlation(tables, question, answer, title)
        case Reliability():
            return _forest(question, answer["reliability"], "icc", "ci_low", "ci_high", "Intraclass correlation")
        case Counts():
            table = answer["ratios"]
            numbers = (table[name].to_numpy(float) for name in ("ratio", "ci_low", "ci_high"))
            return forest_figure(list(table["comparison"]), *numbers, measure="Ratio of counts", none=1.0, log=True)
        case Strata() | Formula() | Means():
            return _means(tables, question, answer, title)


def measure_label(tables: Tables, question: Question) -> str:
    """Return the response of a question in words, with its unit."""
    table, response = split_reference(question.of)
    made = tables.made[table]
    note = made.notes.get(response or VALUE)
    unit = note.get("Units") if isinstance(note, Mapping) else None
    named = table.partition(".")[2]
    if table.startswith("regions."):  # a mean over voxels is called as its maps are
        named = split_reference(tables.files.study.regions[named].of)[0].partition(".")[2]
    words = {"active": "active presses", "inactive": "inactive presses"}.get(response, response or named)
    words = words.replace("_", " ")
    words = words[:1].upper() + words[1:]
    return f"{words} ({unit})" if unit and unit not in ("count", "n/a") else words


def _between(
    tables: Tables, question: Question, rows: pd.DataFrame, within: Sequence[str] = ()
) -> tuple[list[str], tuple[str, ...]]:
    """Return the group of each row, as a combination of the factors between subjects, and the groups in order."""
    names = [name for name in (getattr(question, "between", ()) or getattr(question, "by", ())) if name in rows]
    if isinstance(question, Means):
        names = [name for name in names if name not in within]
    if not names:
        return [_ALL] * len(rows), (_ALL,)
    labels = rows[names].astype(str).agg(" ".join, axis=1)
    factors = tables.files.books.factors
    order = [factors.get(name, tuple(dict.fromkeys(rows[name]))) for name in names]
    ranked = {" ".join(cell): None for cell in _product(order)}
    return list(labels), tuple(level for level in ranked if level in set(labels))


def _product(levels: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    cells: list[tuple[str, ...]] = [()]
    for names in levels:
        cells = [(*cell, name) for cell in cells for name in names]
    return cells


def _means(
    tables: Tables, question: Strata | Formula | Means, answer: Mapping[str, pd.DataFrame], title: str
) -> Figure | None:
    rows = answer["rows"]
    if question.each:
        if isinstance(question, Means):
            return _means_of_each(tables, question, answer["means"])
        return _each(question, answer)
    if not rows[VALUE].notna().any():
        return None
    asked = getattr(question, "within", ()) or getattr(question, "by", ())
    within = [name for name in asked if name in rows and rows.groupby("subject")[name].nunique().gt(1).any()]
    within = [] if isinstance(question, Formula) else within
    numbered = [name for name in within if tables.files.books.numbered(name)]
    if numbered and len(within) == 1 and rows[numbered[0]].nunique() <= _WIDEST_COURSE:
        return _course(tables, question, rows, numbered[0], answer)
    values, groups, columns = _grid(tables, question, rows, within)
    labels, levels = groups
    return cells_figure(values, labels, levels, cues=columns, title=title, measure=measure_label(tables, question))


def _grid(
    tables: Tables, question: Question, rows: pd.DataFrame, within: Sequence[str]
) -> tuple[Float[Array, "subject cell"], tuple[list[str], tuple[str, ...]], list[str]]:
    """Lay rows out as subject × cell, the cells in the order of their levels."""
    table = split_reference(question.of)[0]
    cells = rows[list(within)].astype(str).agg(" ".join, axis=1) if within else pd.Series(_ALL, index=rows.index)
    planned = [tables.levels(table, question, name) or tuple(dict.fromkeys(rows[name].astype(str))) for name in within]
    columns = [" ".join(cell) for cell in _product(planned)] if within else [_ALL]
    columns = [column for column in columns if column in set(cells)]
    wide = rows.assign(_cell=cells).pivot_table(index="subject", columns="_cell", values=VALUE, sort=False)
    subjects = rows.drop_duplicates("subject")
    values = wide.reindex(index=subjects["subject"], columns=columns).to_numpy(float)
    names = columns if columns != [_ALL] else [""]
    return values, _between(tables, question, subjects, within), names


def _course(
    tables: Tables, question: Question, rows: pd.DataFrame, key: str, answer: Mapping[str, pd.DataFrame]
) -> Figure:
    last = int(rows[key].astype(int).max())
    wide = rows.assign(_step=rows[key].astype(int)).pivot(index="subject", columns="_step", values=VALUE)
    subjects = rows.drop_duplicates("subject")
    values = wide.reindex(index=subjects["subject"], columns=range(1, last + 1)).to_numpy(float)
    labels, levels = _between(tables, question, subjects)
    comparison = next(
        (c for c in getattr(question, "comparisons", ()) if c.factor == key and c.against == "first"), None
    )
    adjusted = None
    if comparison is not None and "comparisons" in answer:
        adjusted = _stars(answer["comparisons"], comparison.by, key, levels, last)
    return escalation_figure(
        values,
        labels,
        levels,
        adjusted_p=adjusted,
        adjustment=comparison.adjust.capitalize() if comparison else "",
        measure=measure_label(tables, question),
        step=key.capitalize(),
    )


def _stars(
    comparisons: pd.DataFrame, by: Sequence[str], key: str, levels: Sequence[str], last: int
) -> Float[Array, "group step"]:
    own = comparisons[comparisons["comparison"] == key]
    p = np.full((len(levels), last), np.nan)
    for row in own.to_dict("records"):
        level = " ".join(str(row[name]) for name in by)
        for place in [levels.index(level)] if level in levels else range(len(levels)) if not by else []:
            p[place, int(row["level"]) - 1] = row["p_adjusted"]
    return p


def _each(question: Question, answer: Mapping[str, pd.DataFrame]) -> Figure | None:
    """Draw one line for each level of `each`: the contrast, or the slope, that is shown."""
    for name in ("contrasts", "terms"):
        table = answer.get(name)
        if table is not None and "estimate" in table and table["estimate"].notna().any():
            shown = [effect for effect in question.shown if effect in set(table.get("term", table.get("contrast")))]
            column = "contrast" if name == "contrasts" and "term" not in table else "term"
            label = shown[0] if shown else str(table[column].iloc[-1])
            return _forest(question, table[table[column] == label], "estimate", "low", "high", label)
    return None


def _means_of_each(tables: Tables, question: Means, table: pd.DataFrame) -> Figure | None:
    """Draw the means of every level of `each`, by the first factor in color and by the others in filling."""
    if not table["mean"].notna().any():
        return None
    lines = table[list(question.each)].astype(str).agg(" · ".join, axis=1)
    first = table[question.by[0]].astype(str)
    others = table[list(question.by[1:])].astype(str).agg(" ".join, axis=1) if question.by[1:] else ""
    laid = table.assign(_line=lines, _group=first, _condition=others)
    cells = list(dict.fromkeys(zip(laid["_group"], laid["_condition"], strict=True)))
    names = list(dict.fromkeys(lines))
    wide = laid.set_index(["_line", "_group", "_condition"])[["mean", "sem"]].unstack(["_group", "_condition"])
    mean, sem = (wide[name].reindex(index=names, columns=cells).to_numpy(float) for name in ("mean", "sem"))
    return means_figure(mean, sem, names, cells, measure=measure_label(tables, question))


def _forest(question: Question, table: pd.DataFrame, value: str, low: str, high: str, measure: str) -> Figure:
    names = table[list(question.each)].astype(str).agg(" · ".join, axis=1) if question.each else ["all"] * len(table)
    numbers = (table[name].to_numpy(float) for name in (value, low, high))
    return forest_figure(list(names), *numbers, measure=measure)


def _correlation(
    tables: Tables, question: Correlation, answer: Mapping[str, pd.DataFrame], title: str
) -> Figure | None:
    table = answer["correlation"]
    if not table["r"].notna().any():
        return None
    if len(table) > 1:
        return _forest(question, table, "r", "ci_low", "ci_high", "Correlation r")
    pairs, row = answer["pairs"].dropna(), table.iloc[0]
    subjects = tables.made["subjects"].rows.set_index("subject")
    levels, labels = (_ALL,), [_ALL] * len(pairs)
    if question.inside:
        levels = tables.files.books.factors[question.inside]
        labels = list(subjects.loc[pairs["subject"], question.inside])
    numbers = {name: float(row[name]) for name in ("r", "p", "q", "r_within", "p_within")}
    return scatter_figure(
        pairs["x"].to_numpy(float),
        pairs["y"].to_numpy(float),
        labels,
        levels,
        title=title,
        note=CorrelationNote(n=int(row["n"]), **numbers),
        behavior_label=_side_label(tables, question.with_.of),
        response_label=_side_label(tables, question.of),
    )


def _side_label(tables: Tables, of: str) -> str:
    return measure_label(tables, Means(of=of, by=("subject",)))
