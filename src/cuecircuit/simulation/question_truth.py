"""What each question would find without noise: the terms and contrasts of the expected values of its cells.

Expected values are averaged over subjects in each cell of the factors of a question. A term's deviations are what is
left of the cell means when the means over other factors, and all smaller terms, are taken out; it is planted where one
of them is not 0. A question on maps is answered for each region. Correlations are those that slopes plant within
groups. What no rule here covers is `unknown`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError, StudyError
from cuecircuit.simulation.columns import drawn_source, fixed_part, words_of
from cuecircuit.simulation.effects import as_text, chosen
from cuecircuit.simulation.planting import REST, Planting
from cuecircuit.simulation.predictors import Drawn, sources, subject_numbers
from cuecircuit.stats.coding import factorial_terms, term_name
from cuecircuit.stats.contrasts import parse_contrast
from cuecircuit.study.accounting import Accounting, split_reference
from cuecircuit.study.acquisition import Glm
from cuecircuit.study.questions import Correlation, Counts, Formula, Question, Reduce, Rows, Strata
from cuecircuit.study.schema import Study

# expected values are sums of numbers with a few digits; rounding is far below this
_ZERO = 1e-9
Answer = tuple[str, str, str, float, float]
"""Level, effect, planted, size, value."""
COLUMNS = ("question", "level", "effect", "planted", "size", "value")


def question_truth(planting: Planting, drawn: Drawn) -> pd.DataFrame:
    """Return a row for each effect of each question that has a test.

    Args:
        planting: study, cohort and effects.
        drawn: responses with `expected`.

    Returns:
        Columns question, level (of `each`, and region), effect, planted (yes, no, unknown), size (largest deviation of
        a term) and value (of a contrast, mean or correlation).
    """
    rows = []
    for name, question in planting.study.questions.items():
        try:
            derived = planting.study.derived.get(question.of.removeprefix("derived."))
            same_units = not getattr(derived, "of", question.of).endswith("intake_mg_kg")
            truth_rows = [_measured(answer, same_units) for answer in _answers(planting, question, drawn)]
        except (StudyError, DesignError, KeyError):  # a rule that does not reach this question
            truth_rows = [("", effect, "unknown", np.nan, np.nan) for effect in _effects(question)]
        rows += [(name, *answer) for answer in truth_rows]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _measured(answer: Answer, same_units: bool) -> Answer:
    """Leave out the size of numbers that are computed from a response: it is in other units."""
    level, effect, yes, size, value = answer
    return (level, effect, yes, 0.0 if yes == "no" and np.isfinite(size) else size if same_units else np.nan, value)


def _effects(question: Question) -> tuple[str, ...]:
    match question:
        case Formula():
            return question.tests
        case Correlation():
            return ("correlation",)
        case Strata():
            return tuple(term_name(term) for term in factorial_terms((*question.between, *question.within))[1:])
        case _:
            return ()


def _answers(planting: Planting, question: Question, drawn: Drawn) -> Iterator[Answer]:
    if not isinstance(question, Strata | Formula | Correlation | Counts):
        return
    rows = expected_of(planting.study, question, drawn)
    rows = rows[chosen(rows, question.where)]
    each = [*question.each, *(["region"] if "region" in rows and "region" not in question.each else [])]
    parts = rows.groupby(each, sort=False) if each else [("", rows)]
    for level, part in parts:
        text = ", ".join(map(str, level)) if isinstance(level, tuple) else str(level)
        if isinstance(question, Correlation):
            yield text, "correlation", *_correlation(planting, question, part)
        else:
            yield from ((text, *answer) for answer in _cell_answers(planting.study, question, part))


def expected_of(study: Study, rows: Rows, drawn: Drawn) -> pd.DataFrame:
    """Return the expected values of the rows of a table: keys, factors and `expected`.

    Raises:
        StudyError: a table whose values do not follow from what is drawn by sums.
    """
    table, _ = split_reference(rows.of)
    kind, _, name = table.partition(".")
    if kind == "derived":
        return _derived(study, name, drawn)
    if kind == "regions":
        expected = expected_of(study, Rows(of=study.regions[name].of), drawn)
        return expected[expected["region"] != REST]
    if kind == "contrasts":
        return _contrasts(study, name, drawn)
    of = rows.of if rows.of in drawn else drawn_source(study, rows.of)
    if of not in drawn or (kind == "operant" and rows.of not in drawn and not rows.of.endswith("intake_mg_kg")):
        raise StudyError(f"{rows.of} does not follow from {of} by sums")
    return drawn[of]


def _derived(study: Study, name: str, drawn: Drawn) -> pd.DataFrame:
    derived = study.derived[name]
    sources(study, f"derived.{name}")  # refuses what cannot be reduced
    assert isinstance(derived, Reduce)
    if derived.relative != "difference":
        raise StudyError(f"derived.{name}: the expected value of a ratio is no ratio of expected values")
    keys = [key for key in Accounting(study).tables[f"derived.{name}"].keys if key != "subject"]
    source = expected_of(study, derived, drawn)
    source = source[chosen(source, derived.where)]
    tables = []
    for level, group in source.groupby(keys, sort=False) if keys else [((), source)]:
        # the rows of one level of the other keys are all that the number is reduced from
        levels = dict(zip(keys, map(str, level), strict=True))
        part = derived.model_copy(
            update={"where": {**derived.where, **{key: (text,) for key, text in levels.items()}}, "less": None}
        )
        number = _number(study, part, {**drawn, drawn_source(study, derived.of): group})
        if derived.less is not None:
            less = part.model_copy(update={"of": derived.less.of, "where": derived.less.where})
            number = number - _number(study, less, drawn)
        subjects = group.drop_duplicates("subject").drop(columns="expected")
        tables.append(subjects.assign(expected=subjects["subject"].map(number)))
    return pd.concat(tables).dropna(subset="expected")


def _number(study: Study, derived: Reduce, drawn: Drawn) -> "pd.Series[float]":
    alone = study.model_copy(update={"derived": {"number": derived}})
    weight = f"subjects.{study.subjects.weight_kg}"
    if weight in drawn:  # those drawn differ by chance between groups, which plants nothing
        drawn = {**drawn, weight: drawn[weight].assign(value=drawn[weight]["value"].mean())}
    return subject_numbers(alone, "derived.number", drawn, "expected")


def _contrasts(study: Study, name: str, drawn: Drawn) -> pd.DataFrame:
    maps, rows = study.maps[name], drawn[f"maps.{name}"]
    assert isinstance(maps, Glm)
    cells = list(maps.cells)
    levels = {cell: list(dict.fromkeys(as_text(rows[cell]))) for cell in cells}
    others = [str(column) for column in rows if column not in (*cells, "value", "base", "expected")]
    others = [column for column in others if not column.startswith("effect_")]
    tables = []
    for contrast, text in maps.contrasts.items():
        weights = parse_contrast(text, levels).weights
        weight = np.ones(len(rows))
        for cell in cells:
            cell_weight = weights.get(cell, np.full(len(levels[cell]), 1 / len(levels[cell])))
            weight = weight * as_text(rows[cell]).map(dict(zip(levels[cell], cell_weight, strict=True))).to_numpy(float)
        summed = rows.assign(expected=rows["expected"] * weight).groupby(others, sort=False, dropna=False)["expected"]
        tables.append(summed.sum().reset_index().assign(contrast=contrast))
    return pd.concat(tables, ignore_index=True)


def _cell_answers(study: Study, question: Strata | Formula | Counts, rows: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    factors = _factors(study, question, rows)
    means, levels = cell_means(rows, factors)
    terms = dict(zip(map(term_name, factorial_terms(factors)), factorial_terms(factors), strict=True))
    if isinstance(question, Formula):
        for test in question.tests:
            term = terms.get(":".join(sorted(test.split(":"), key=lambda word: [*factors, word].index(word))))
            yield (test, *_test_answer(means, levels, factors, test, term))
        return
    for name, term in terms.items():
        if term:
            yield (name, *_term_answer(means, factors, term))
    for text in question.contrasts if isinstance(question, Strata) else ():
        yield (text, *_contrast_answer(means, levels, text))


def _factors(study: Study, question: Strata | Formula | Counts, rows: pd.DataFrame) -> tuple[str, ...]:
    if isinstance(question, Formula):
        words = words_of(fixed_part(question.formula))
        return tuple(str(name) for name in rows if str(name) in Accounting(study).factors and str(name) in words)
    trend = question.trend if isinstance(question, Counts) else None
    return tuple(dict.fromkeys([*question.between, *question.within, *([trend] if trend else [])]))


def cell_means(rows: pd.DataFrame, factors: Sequence[str]) -> tuple[Float[Array, "..."], dict[str, list[str]]]:
    """Average the expected values over subjects in each cell; one axis for each factor.

    Raises:
        StudyError: a cell without rows.
    """
    levels = {name: list(dict.fromkeys(as_text(rows[name]))) for name in factors}
    if not factors:
        return np.array(rows["expected"].mean()), levels
    text = rows.assign(**{name: as_text(rows[name]) for name in factors})
    cells = text.groupby(list(factors), sort=False)["expected"].mean()
    full = pd.MultiIndex.from_product(list(levels.values()), names=list(factors)) if len(factors) > 1 else None
    values = cells.reindex(full if full is not None else levels[factors[0]]).to_numpy(float)
    if np.isnan(values).any():
        raise StudyError("a cell has no rows")
    return values.reshape([len(labels) for labels in levels.values()]), levels


def term_deviations(means: Float[Array, "..."], axes: Sequence[int]) -> Float[Array, "..."]:
    """Return the deviations of a term: inclusion and exclusion over the means of its smaller terms."""
    total = np.zeros([size if axis in axes else 1 for axis, size in enumerate(means.shape)])
    for size in range(len(axes) + 1):
        for kept in combinations(axes, size):
            away = tuple(axis for axis in range(means.ndim) if axis not in kept)
            total = total + (-1) ** (len(axes) - size) * means.mean(axis=away, keepdims=True)
    return total


def _term_answer(means: Array, factors: Sequence[str], term: Sequence[str]) -> tuple[str, float, float]:
    size = float(np.abs(term_deviations(means, [list(factors).index(name) for name in term])).max())
    return ("yes" if size > _ZERO else "no"), size, np.nan


def _contrast_answer(means: Array, levels: Mapping[str, list[str]], text: str) -> tuple[str, float, float]:
    weights = parse_contrast(text, levels).weights
    value = means
    for name, labels in reversed(list(levels.items())):  # the last axis first
        value = value @ weights.get(name, np.full(len(labels), 1 / len(labels)))
    return ("yes" if abs(value) > _ZERO else "no"), np.nan, float(value)


def _test_answer(
    means: Array, levels: Mapping[str, list[str]], factors: Sequence[str], test: str, term: Sequence[str] | None
) -> tuple[str, float, float]:
    if test == "(Intercept)":
        return ("yes" if abs(means.mean()) > _ZERO else "no"), np.nan, float(means.mean())
    if term:
        return _term_answer(means, factors, term)
    try:
        return _contrast_answer(means, levels, test)
    except DesignError:  # the slope of a number
        return "unknown", np.nan, np.nan


def _correlation(planting: Planting, question: Correlation, rows: pd.DataFrame) -> tuple[str, float, float]:
    """Return the correlation that slopes plant in some of these rows: that of one row, before any change of rows."""
    study = planting.study
    other = set(sources(study, question.with_.of))
    slopes = [
        effect.add
        for effect in planting.effects.values()
        if effect.slope_on is not None
        and effect.in_ in sources(study, question.of)
        and other & set(sources(study, effect.slope_on))
        and chosen(rows, {key: label for key, label in effect.where.items() if key in rows}).any()
    ]
    if not slopes:
        return "no", np.nan, 0.0
    return "yes", np.nan, float(str(slopes[0]))
