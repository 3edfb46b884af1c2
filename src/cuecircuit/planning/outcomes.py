"""Every test of a question in every drawn study: the p that decides, the estimate, the width of its 95 % interval.

The p is the one that the page of a study goes by: adjusted over `each` where a question has it, Greenhouse-Geisser's
where a term has several scores, otherwise as it is; of comparisons the adjusted one; of correlations q. Where a
question states a bound of equivalence, two one-sided tests of |d| at the bound are tests of their own, unadjusted. Of
edges those are kept that effects name, and the smallest p of all, `anywhere`; where a question has networks, the p of
the network that an edge is in is a test of its own (kind `network`).

Studies that differ in their response alone are fitted at once, as levels of one more key in `each`; where predictors
are drawn too, or values are missing, studies are fitted one by one. Both ways give the same numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import CuecircuitError
from cuecircuit.group.network_tables import EDGE_KEYS
from cuecircuit.models.evidence import EvidenceSettings, equivalence_p, has_d, has_standard, log_bf10
from cuecircuit.models.fit import Fit
from cuecircuit.questions.answer import deciding_p
from cuecircuit.questions.model_questions import (
    OF_COMPARISONS,
    FittedQuestion,
    comparison_table,
    fit_question,
    network_answer,
)
from cuecircuit.questions.table_questions import answer
from cuecircuit.simulation.columns import columns_of
from cuecircuit.simulation.planting import edges_named
from cuecircuit.stats.multiple_testing import adjust_p
from cuecircuit.stats.strata_result import StratumTest
from cuecircuit.stats.term_test import TermTest
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.question_checks import formula_of
from cuecircuit.study.questions import AnyQuestion, Correlation, Counts, Formula, Question, Reliability, Strata
from cuecircuit.study.schema import Study
from cuecircuit.tables.rows import Tables

CLUSTER, EQUIVALENCE, NETWORK = "cluster", "equivalence", "network"
ANYWHERE = "anywhere"
"""Level of the smallest p of all edges or voxels: its power is the error rate where nothing is planted."""
TESTS = ("kind", "level", "term")
"""What identifies a test of a question."""
_NUMBERS = ("p", "estimate", "width", "log_bf10")
_DRAW = "_draw"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """Columns draw, kind, level, term, p, estimate, width, log_bf10.

    `log_bf10` is NaN where it was not asked for or the model has none; `fault` says why a study could not be tested, if
    one was not.
    """

    rows: pd.DataFrame
    fault: str | None = None


def outcomes(question: AnyQuestion, studies: Sequence[Tables], *, bayes: bool = False) -> Outcomes:
    """Answer a question in every study.

    Args:
        question: one that tests something.
        studies: the tables of each.
        bayes: also compute Bayes factors of terms and contrasts.

    Returns:
        No rows of studies that could not be tested.
    """
    if isinstance(question, Strata | Formula) and len(studies) > 1 and _stacks(question, studies[0]):
        try:
            asked = fit_question(_stacked(question, studies), _of_all(question))
        except CuecircuitError:
            asked = None
        if asked is not None and np.isfinite(asked.wide.values).all():
            return Outcomes(rows=_model_rows(question, asked, studies[0].files.study, bayes=bayes))
    return one_by_one(lambda tables: _one_study(question, tables, bayes=bayes), studies)


def one_by_one(ask: Callable[[Tables], pd.DataFrame], studies: Sequence[Tables]) -> Outcomes:
    """Return the outcomes of studies that are asked one after another."""
    parts, fault = [], None
    for number, tables in enumerate(studies):
        try:
            parts.append(ask(tables).assign(**{_DRAW: number}))
        except CuecircuitError as error:
            fault = fault or error.faults[0]
    columns = [_DRAW, *TESTS, *_NUMBERS]
    return Outcomes(rows=pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns), fault=fault)


def _stacks(question: Strata | Formula, tables: Tables) -> bool:
    """Return whether nothing but the response differs between studies: predictors are keys, factors or labels."""
    study = tables.files.study
    if getattr(question, "covariates", ()) or question.networks or (study.simulation and study.simulation.missing):
        return False
    if isinstance(question, Strata):
        named = [*question.between, *question.within]
    else:
        named = [name for name in formula_of(question.formula).columns if name != "subject"]
    same = {*tables.files.books.tables[split_reference(question.of)[0]].keys, *study.factors, *columns_of(study).labels}
    same |= {*study.trials.labels, *study.trials.parts} if study.trials else set()
    return {*named, *question.where} <= same - set(study.derived)


def _stacked(question: Question, studies: Sequence[Tables]) -> Tables:
    """Return the tables of the first study with the rows of all in the table that is asked about."""
    name, first = split_reference(question.of)[0], studies[0]
    first_table = first.made[name]
    rows = pd.concat([one.made[name].rows.assign(**{_DRAW: k}) for k, one in enumerate(studies)], ignore_index=True)
    return replace(first, made={**first.made, name: replace(first_table, keys=(_DRAW, *first_table.keys), rows=rows)})


def _of_all(question: Any) -> Any:
    """Ask a question of every study, each of which is a family, or several, of its own."""
    return question.model_copy(update={"each": (_DRAW, *question.each), "family": question.family or question.each})


def _one_study(question: AnyQuestion, tables: Tables, *, bayes: bool) -> pd.DataFrame:
    if isinstance(question, Strata | Formula):
        return _model_rows(question, fit_question(tables, question), tables.files.study, bayes=bayes)
    if isinstance(question, Correlation):  # no p of permutations is used
        question = question.model_copy(update={"draws": 1})
    rows = list(_other_rows(question, answer(tables, question).tables))
    return pd.DataFrame(rows, columns=[*TESTS, "p", "estimate", "width"]).assign(log_bf10=np.nan)


def _other_rows(question: AnyQuestion, tables: Any) -> Iterator[tuple[Any, ...]]:
    match question:
        case Correlation():
            for row in tables["correlation"].assign(p=deciding_p).to_dict("records"):
                level = _level(question, row)
                yield "correlation", level, "r", row["p"], row["r"], row["ci_high"] - row["ci_low"]
                if question.inside:
                    within = row.get("q_within", row["p_within"])
                    yield "correlation", level, f"r within {question.inside}", within, row["r_within"], np.nan
        case Reliability():
            for row in tables["reliability"].to_dict("records"):
                level, width = _level(question, row), row["ci_high"] - row["ci_low"]
                yield "agreement", level, f"ICC over {question.over}", row["p"], row["icc"], width
        case Counts():
            for row in tables["ratios"].to_dict("records"):
                yield "ratio", "", row["comparison"], row["p"], row["ratio"], row["ci_high"] - row["ci_low"]


def _level(question: Question, row: Any) -> str:
    return ", ".join(str(row[key]) for key in question.each)


def _model_rows(question: Strata | Formula, asked: FittedQuestion, study: Study, *, bayes: bool) -> pd.DataFrame:
    """Return the tests of all levels of `each` and of all studies that were fitted at once."""
    stated = question.evidence
    settings = EvidenceSettings(scale=stated.scale, bound=stated.equivalence) if stated else EvidenceSettings()
    labels = asked.wide.labels.reset_index(drop=True)
    level = [_level(question, row) for row in labels.to_dict("records")]
    draw = labels.get(_DRAW, 0)
    parts = []
    for name, test in named_tests(question, asked.fit):
        low, high = test.interval()
        nothing = np.full(len(labels), np.nan)
        part = pd.DataFrame(
            {
                _DRAW: draw,
                "kind": "contrast" if test.name in asked.fit.design.model.contrasts else "term",
                "level": level,
                "term": name,
                "p": _deciding(question, test, labels),
                "estimate": nothing if test.estimate is None else test.estimate,
                "width": nothing if low is None or high is None else high - low,
                "log_bf10": log_bf10(test, settings) if bayes and has_standard(test) else nothing,
            },
            index=labels.index,
        )
        parts.append(part)
        if settings.bound is not None and has_d(test):
            parts.append(part.assign(kind=EQUIVALENCE, p=equivalence_p(test, settings.bound), log_bf10=np.nan))
    if question.comparisons:
        parts.append(_compared(question, asked))
    if question.networks:
        parts.append(_networks(question, asked, study.seed))
    rows = pd.concat(parts, ignore_index=True)
    return _of_edges(question, rows, labels, study) if set(EDGE_KEYS) <= set(question.each) else rows


def _networks(question: Strata | Formula, asked: FittedQuestion, seed: int) -> pd.DataFrame:
    """Return for every test and edge the p of its network, 1 where it is in none."""
    assert question.networks is not None
    few = {"draws": fewest_arrangements(question.networks.draws, question.networks.alpha)}
    fewer = question.model_copy(update={"networks": question.networks.model_copy(update=few)})
    made = network_answer(fewer, asked, seed=seed, notes=[])
    p = made["networks"].set_index(["term", "network"])[f"p_{question.networks.statistic}"]
    strong = made["network_edges"].join(p.rename("p_network"), on=["term", "network"])
    parts = []
    for name, test in named_tests(question, asked.fit):
        of_term = strong[strong["term"] == test.name].set_index(list(EDGE_KEYS))["p_network"]
        edges = asked.wide.labels.join(of_term, on=list(EDGE_KEYS))
        level = [_level(question, row) for row in edges.to_dict("records")]
        parts.append(pd.DataFrame({"level": level, "term": name, "p": edges["p_network"].fillna(1.0).to_numpy()}))
    return pd.concat(parts).assign(
        kind=NETWORK, **{_DRAW: 0}, **dict.fromkeys(("estimate", "width", "log_bf10"), np.nan)
    )


def fewest_arrangements(stated: int, alpha: float) -> int:
    """Return the permutations of a drawn study: a test is exact with any number, and more add little to its power."""
    return min(stated, ceil(25 / alpha))


def _of_edges(question: Question, rows: pd.DataFrame, labels: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Keep the edges that effects name, and add the smallest p of all edges as the level `anywhere`."""
    named = {frozenset(pair) for effect in edges_named(study, question.of) for pair in effect}
    kept, where = set[str](), dict[str, str]()
    for row in labels[list(question.each)].drop_duplicates().to_dict("records"):
        level = _level(question, row)
        where[level] = _level(question, {**row, "region": ANYWHERE, "region2": ""}).removesuffix(", ")
        kept |= {level} if frozenset((row["region"], row["region2"])) in named else set()
    tested = rows[rows["kind"] != EQUIVALENCE].assign(level=rows["level"].map(where))
    smallest = tested.groupby([_DRAW, *TESTS], sort=False)["p"].min().reset_index()
    return pd.concat([rows[rows["level"].isin(kept)], smallest], ignore_index=True)


def named_tests(question: Strata | Formula, fit: Fit) -> list[tuple[str, TermTest]]:
    """Return the tests that a question asks for; of one that several strata have, the name says which."""
    tests = [test for test in fit.tests if _wanted(question, test)]
    names = [test.name for test in tests]
    strata = ["" if names.count(test.name) == 1 else f" ({getattr(test, 'stratum', '')})" for test in tests]
    return [(test.name + stratum, test) for test, stratum in zip(tests, strata, strict=True)]


def _wanted(question: Strata | Formula, test: TermTest) -> bool:
    if isinstance(question, Strata):
        return test.name != "(Intercept)"
    return any(set(test.name.split(":")) == set(name.split(":")) for name in question.tests)


def _deciding(question: Question, test: TermTest, labels: pd.DataFrame) -> Float[Array, "response"]:
    if not question.each:
        log_p = test.log_p_gg if isinstance(test, StratumTest) else None
        return test.p if log_p is None else np.exp(log_p)
    p = np.array(test.p, float)
    apart = [key for key in question.each if question.family and key not in question.family]
    keys = [*([_DRAW] if _DRAW in labels else []), *apart]
    families = labels.groupby(keys, sort=False).indices.values() if keys else [np.arange(len(labels))]
    for family in families:
        p[family] = adjust_p(p[family], question.adjust)
    return p


def _compared(question: Strata | Formula, asked: FittedQuestion) -> pd.DataFrame:
    table = comparison_table(question, asked, intervals=False)
    records = table.to_dict("records")
    return pd.DataFrame(
        {
            _DRAW: table.get(_DRAW, 0),
            "kind": "comparison",
            "level": [_level(question, row) for row in records],
            "term": [_comparison(question, row) for row in records],
            "p": deciding_p(table),
            "estimate": table["difference"],
            "width": table["high"] - table["low"] if "high" in table else np.nan,
            "log_bf10": np.nan,
        }
    )


def _comparison(question: Question, row: Any) -> str:
    """Name a comparison: inside which levels, and which two are compared."""
    if "against" not in row:
        return str(row["comparison"])
    others = {*OF_COMPARISONS, _DRAW, *question.each}
    inside = [str(value) for name, value in row.items() if name not in others and not pd.isna(value)]
    return ": ".join([*inside, f"{row['level']} - {row['against']}"])
