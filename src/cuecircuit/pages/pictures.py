"""The figure of a question on a table, by its kind: a course, cells, a scatter, or a forest of estimates."""

import re
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.cells import cells_figure
from cuecircuit.figures.escalation import escalation_figure
from cuecircuit.figures.forest import forest_figure
from cuecircuit.figures.means_by_line import means_figure
from cuecircuit.figures.numbers import effect_text
from cuecircuit.figures.scatter import CorrelationNote, scatter_figure
from cuecircuit.figures.style import Mark, cell_mark, marks
from cuecircuit.pages.edge_pictures import edge_matrix, is_about_edges
from cuecircuit.questions.answer import deciding_p
from cuecircuit.report.marks import words
from cuecircuit.study.accounting import names_in, response_words, split_reference
from cuecircuit.study.questions import (
    AnyQuestion,
    Correlation,
    Counts,
    Formula,
    Means,
    Pooling,
    Question,
    Reliability,
    Rows,
    Strata,
)
from cuecircuit.tables.rows import VALUE, Tables

_ALL = "all"
_WIDEST_COURSE = 40
_ADJUSTED = {"none": "not adjusted", "sidak": "Šidák"}


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
    if is_about_edges(question):
        return edge_matrix(tables, question, answer)
    match question:
        case Correlation():
            return _correlation(tables, question, answer, title)
        case Reliability():
            return _forest(question, answer["reliability"], "icc", "ci_low", "ci_high", "Intraclass correlation")
        case Counts():
            table = answer["ratios"]
            numbers = (table[name].to_numpy(float) for name in ("ratio", "ci_low", "ci_high"))
            return forest_figure(
                list(map(words, table["comparison"])), *numbers, measure="Ratio of counts", none=1.0, log=True
            )
        case Pooling():
            return _pooled(question, answer["regions"])
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
    text = words(response_words(tables.files.study, question) or named)
    text = text.removesuffix(f" {words(str(unit).replace('/', '_'))}")  # intake mg kg (mg/kg)
    text = text[:1].upper() + text[1:]
    return f"{text} ({unit})" if unit and unit not in ("count", "n/a", "1") else text


def _factors(tables: Tables, question: Question, rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the factors of a question that separate subjects, and those that vary within one."""
    if isinstance(question, Formula):
        books = tables.files.books
        fixed = re.sub(r"\([^()]*\|[^()]*\)", "", question.formula)  # without (1 | subject)
        labels = {str(name) for name in rows if not pd.api.types.is_numeric_dtype(rows[name])} | {
            *question.factors,
            *books.factors,
        }
        asked = [
            name
            for name in dict.fromkeys(re.findall(r"\w+", fixed))
            if name != "subject" and (name in labels or books.numbered(name))
        ]
    else:
        asked = [*getattr(question, "between", ()), *getattr(question, "within", ()), *getattr(question, "by", ())]
    asked = [name for name in asked if name in rows]
    within = [name for name in asked if rows.groupby("subject")[name].nunique().gt(1).any()]
    return [name for name in asked if name not in within], within


def _labels(
    tables: Tables, question: Question, rows: pd.DataFrame, names: Sequence[str]
) -> tuple[list[str], dict[str, Mark]]:
    """Return the combination of some factors in each row, and the marks of combinations in the order of levels."""
    if not names:
        return [_ALL] * len(rows), {_ALL: _mark_of_all(tables, question)}
    table = split_reference(question.of)[0]
    labels = rows[list(names)].astype(str).agg(" ".join, axis=1)
    order = [tables.levels(table, question, name) or _in_order(rows[name].astype(str)) for name in names]
    there = set(labels)
    cells = [cell for cell in product(*order) if " ".join(cell) in there]
    shown = {" ".join(cell): " ".join(map(words, cell)) for cell in cells}
    if len(set(shown.values())) < len(shown):  # names that differ in a hyphen alone
        shown = {label: label for label in shown}
    everywhere = Rows(of=question.of)
    factors = [names_in(tables.levels(table, everywhere, name), here) for name, here in zip(names, order, strict=True)]
    return [shown[label] for label in labels], {shown[" ".join(cell)]: cell_mark(cell, factors) for cell in cells}


def _mark_of_all(tables: Tables, question: Question) -> Mark:
    """Return the mark of the only level of a factor that a question asks about, so that it looks as beside others."""
    factors = tables.files.books.factors
    for name, levels in question.where.items():
        if len(levels) == 1 and levels[0] in factors.get(name, ()):
            return cell_mark(levels, [factors[name]])
    return marks([_ALL])[_ALL]


def _in_order(labels: pd.Series) -> tuple[str, ...]:
    """Return labels by number where they are numbers, else as they come."""
    levels = tuple(dict.fromkeys(labels))
    return tuple(sorted(levels, key=float)) if all(level.isdecimal() for level in levels) else levels


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
    between, within = _factors(tables, question, rows)
    numbered = [name for name in within if tables.files.books.numbered(name)]
    if len(numbered) == 1 and rows[numbered[0]].nunique() <= _WIDEST_COURSE:
        return _course(tables, question, rows, (between, within), numbered[0], answer)
    cells, columns = _labels(tables, question, rows, within)
    wide = rows.assign(_cell=cells).pivot_table(index="subject", columns="_cell", values=VALUE, sort=False)
    subjects = rows.drop_duplicates("subject")
    values = wide.reindex(index=subjects["subject"], columns=list(columns)).to_numpy(float)
    labels, levels = _labels(tables, question, subjects, between)
    names = columns if within else ("",)
    return cells_figure(values, labels, levels, cues=list(names), title=title, measure=measure_label(tables, question))


def _course(
    tables: Tables,
    question: Question,
    rows: pd.DataFrame,
    factors: tuple[Sequence[str], Sequence[str]],
    key: str,
    answer: Mapping[str, pd.DataFrame],
) -> Figure:
    """Draw a course over a numbered key, a line for each combination of the other factors."""
    between, within = factors
    names = [*between, *(name for name in within if name != key)]
    last = int(rows[key].astype(int).max())
    labels, levels = _labels(tables, question, rows, names)
    lines = rows.assign(_step=rows[key].astype(int), _line=labels)
    wide = lines.pivot_table(index=["_line", "subject"], columns="_step", values=VALUE, sort=False)
    values = wide.reindex(columns=range(1, last + 1)).to_numpy(float)
    comparison = next(
        (c for c in getattr(question, "comparisons", ()) if c.factor == key and c.against == "first"), None
    )
    adjusted, adjust = None, comparison.adjust if comparison else "none"
    if comparison is not None and "comparisons" in answer:
        adjusted = _stars(answer["comparisons"], comparison.by, key, list(levels), last)
    return escalation_figure(
        values,
        list(wide.index.get_level_values("_line")),
        levels,
        adjusted_p=adjusted,
        adjustment=_ADJUSTED.get(adjust, adjust.capitalize()),
        measure=measure_label(tables, question),
        step=key.capitalize(),
    )


def _stars(
    comparisons: pd.DataFrame, by: Sequence[str], key: str, levels: Sequence[str], last: int
) -> Float[Array, "group step"] | None:
    """Return the deciding p of each step of each line; None where comparisons are not of these lines."""
    compared = comparisons[comparisons["comparison"] == key].assign(p=deciding_p)
    p = np.full((len(levels), last), np.nan)
    for row in compared.to_dict("records"):
        level = " ".join(words(str(row[name])) for name in by)
        for place in [levels.index(level)] if level in levels else range(len(levels)) if not by else []:
            p[place, int(row["level"]) - 1] = row["p"]
    return p if np.isfinite(p).any() else None


def _each(question: Question, answer: Mapping[str, pd.DataFrame]) -> Figure | None:
    """Draw one line for each level of `each`: the contrast or slope that is shown, or partial η² of several df."""
    for name in ("contrasts", "terms"):
        table = answer.get(name)
        if table is None:
            continue
        column = "contrast" if name == "contrasts" and "term" not in table else "term"
        shown = [effect for effect in question.shown if effect in set(table[column])]
        label = shown[0] if shown else str(table[column].iloc[-1])
        rows, effect = table[table[column] == label], effect_text(label)
        for numbers, measure in (
            (("estimate", "low", "high"), effect),
            (("pes", "pes_low", "pes_high"), f"{effect}: partial η², 90 % interval"),
        ):
            if numbers[0] in rows and rows[numbers[0]].notna().any():
                return _forest(question, rows, *numbers, measure)
    return None


def _means_of_each(tables: Tables, question: Means, table: pd.DataFrame) -> Figure | None:
    """Draw the means of every level of `each`, by the first factor in color and by the others in filling."""
    if not table["mean"].notna().any():
        return None
    lines = _lines(question, table)
    first, levels = _labels(tables, question, table, question.by[:1])
    others = table[list(question.by[1:])].astype(str).agg(" ".join, axis=1).map(words) if question.by[1:] else ""
    laid = table.assign(_line=lines, _group=first, _condition=others)
    cells = list(dict.fromkeys(zip(laid["_group"], laid["_condition"], strict=True)))
    names = list(dict.fromkeys(lines[table["mean"].notna()]))
    wide = laid.set_index(["_line", "_group", "_condition"])[["mean", "sem"]].unstack(["_group", "_condition"])
    mean, sem = (wide[name].reindex(index=names, columns=cells).to_numpy(float) for name in ("mean", "sem"))
    return means_figure(mean, sem, names, cells, measure=measure_label(tables, question), levels=levels)


def _lines(question: Question, table: pd.DataFrame) -> pd.Series:
    """Return the levels of `each` in every row as the name of a line."""
    return table[list(question.each)].astype(str).agg(" · ".join, axis=1).map(words)


def _pooled(question: Pooling, table: pd.DataFrame) -> Figure:
    """Draw one effect in every region: the first of `shown`, else the first between subjects, else the mean."""
    effects = table["effect"].unique().tolist()
    effect = next((name for name in question.shown if name in effects), effects[min(1, len(effects) - 1)])
    rows = table[table["effect"] == effect].sort_values("mean", ascending=False)
    names = [f"{words(name)}  P+ {p:.3f}" for name, p in zip(rows["region"], rows["p_positive"], strict=True)]
    numbers = (rows[name].to_numpy(float) for name in ("mean", "low", "high"))
    return forest_figure(names, *numbers, measure=f"{effect}, 95 % posterior interval")


def _forest(question: Question, table: pd.DataFrame, value: str, low: str, high: str, measure: str) -> Figure:
    names = _lines(question, table) if question.each else ["all"] * len(table)
    numbers = (table[name].to_numpy(float) for name in (value, low, high))
    holds = (deciding_p(table) <= question.alpha).to_numpy() if "p" in table else None
    return forest_figure(list(names), *numbers, measure=measure, holds=holds)


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
    names = [question.inside] if question.inside else []
    labels, levels = _labels(tables, question, subjects.loc[pairs["subject"]], names)
    numbers = {name: float(row.get(name, np.nan)) for name in ("r", "p", "q", "r_within", "p_within")}
    return scatter_figure(
        pairs["x"].to_numpy(float),
        pairs["y"].to_numpy(float),
        labels,
        levels,
        title=title,
        note=CorrelationNote(n=int(row["n"]), **numbers),
        behavior_label=_side_label(tables, question.with_),
        response_label=_side_label(tables, question),
    )


def _side_label(tables: Tables, side: Rows) -> str:
    return measure_label(tables, Means(of=side.of, where=side.where, by=("subject",)))
