"""Figures that a study names further: whether their question has such a figure, and the levels that they draw."""

import re
from collections.abc import Iterator

from cuecircuit.study.accounting import split_reference
from cuecircuit.study.question_checks import Contradiction, QuestionChecks, not_among
from cuecircuit.study.questions import (
    AnyQuestion,
    Correlation,
    Counts,
    Figure,
    Formula,
    Means,
    Pooling,
    Reliability,
)


def figure_faults(asked: QuestionChecks) -> Iterator[Contradiction]:
    """Yield what is wrong with further figures."""
    for name, figure in asked.study.figures.items():
        at = ("figures", name)
        question = asked.study.questions.get(figure.question)
        if question is None:
            yield (*at, "question"), not_among(figure.question, asked.study.questions, "question")
            continue
        for key, named in figure.only.items():
            levels = asked.levels_here(split_reference(question.of)[0], question, key)
            if key not in question.each and figure.kind != "region_map":
                yield (*at, "only", key), not_among(key, question.each, f"key in `each` of {figure.question}")
            elif len(named) > 1:
                yield (*at, "only", key), "draws one level; give each its own figure"
            elif levels and (unknown := sorted({*named} - {*levels})):
                yield (*at, "only", key), not_among(unknown[0], levels, f"level of {key}")
        about_maps = question.of.startswith(("maps.", "contrasts."))
        if about_maps and figure.kind != "region_map" and (lacking := sorted({*question.each} - {*figure.only})):
            yield (
                (*at, "only"),
                f"{figure.question} has a map for each {', '.join(lacking)}; name the level that is drawn",
            )
        kinds = _kinds(asked, question, figure)
        if figure.kind is not None and kinds and figure.kind not in kinds:
            expected = f"expected {' or '.join(kinds)}, or no kind at all"
            yield (*at, "kind"), f"{figure.question} has no figure of kind {figure.kind}; {expected}"


def _kinds(asked: QuestionChecks, question: AnyQuestion, figure: Figure) -> tuple[str, ...]:
    """Return the kinds of figures of a question; none where any will do."""
    if question.of.startswith("edges."):
        return ()
    region = ("region_map",) * ("region" in figure.only)
    if question.of.startswith(("maps.", "contrasts.")):
        correction = question.correction or asked.study.correction
        return (*region, "map", *(("corrections",) if correction and correction.compare else ()))
    free_keys = [key for key in question.each if key not in figure.only and len(question.where.get(key, ())) != 1]
    if isinstance(question, Means) and free_keys:
        return (*region, "cells", "forest")
    if free_keys or isinstance(question, Reliability | Counts | Pooling):
        return (*region, "forest")
    if isinstance(question, Correlation):
        return (*region, "scatter")
    if isinstance(question, Formula):
        names = set(re.findall(r"\w+", re.sub(r"\([^()]*\|[^()]*\)", "", question.formula)))
    else:
        names = {*getattr(question, "within", ()), *getattr(question, "by", ())}
    numbered = [name for name in names if asked.books.numbered(name)]
    return (*region, "course" if len(numbered) == 1 else "cells")
