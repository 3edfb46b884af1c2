"""Questions on tables that fit a model: exact error strata, or a formula, one fit for all levels of `each`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.behavior.anova_layout import anova_layout
from cuecircuit.behavior.effect_sizes import comparison_d, generalized_eta2_limits, partial_eta2
from cuecircuit.errors import CuecircuitError, DesignError
from cuecircuit.group.network_tables import network_tables
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.design import zero_notes
from cuecircuit.models.evidence import EvidenceSettings, evidence_frame, has_d, standardized_effect
from cuecircuit.models.fit import Fit, fit, tidy_row
from cuecircuit.models.means import compare, means
from cuecircuit.models.model import Model
from cuecircuit.questions.answer import Answer
from cuecircuit.records.cells import row_numbers
from cuecircuit.stats.contrasts import cells_of_nobody, level_cells, strata_levels, weighted_cells
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule
from cuecircuit.stats.multiple_testing import adjust_p
from cuecircuit.stats.posthoc import compare as compare_cells
from cuecircuit.stats.responses import of_responses
from cuecircuit.stats.strata_design import Contrast, MixedDesign, groups_of
from cuecircuit.stats.strata_result import StratumTest, generalized_eta2
from cuecircuit.stats.term_test import TermTest
from cuecircuit.study.accounting import names_in, split_reference
from cuecircuit.study.question_checks import formula_of
from cuecircuit.study.questions import Comparison, Evidence, Formula, Question, Strata
from cuecircuit.tables.rows import Chosen, Tables
from cuecircuit.tables.wide import Wide, widen

NETWORKS_OF = "networks of "
"""How notes on networks begin, which are of the numbers that were measured."""
# columns of a comparison beside the levels inside which it was made
OF_COMPARISONS = {
    "comparison", "level", "against", "family", "difference", "se", "low", "high", "t", "df", "p", "p_adjusted",
    "d_av", "d_av_low", "d_av_high",
}  # fmt: skip
_ALWAYS = ("term", "df1", "df2", "F", "p", "p_adjusted")  # in terms although no fit has a number: no voxel survives


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedQuestion:
    """A question's model fitted to every level of `each`; `chosen` are the rows that it was asked of."""

    fit: Fit
    wide: Wide
    chosen: Chosen


def fit_question(tables: Tables, question: Strata | Formula) -> FittedQuestion:
    """Fit the model of a question to a column of a table.

    Raises:
        DataError: columns or rows that are missing.
        DesignError: the columns do not carry the model.
    """
    if isinstance(question, Strata):
        unit = [] if question.unit == "subject" else [question.unit]
        keep = names_in(question.within, question.each, unit)
        columns = [*question.between, *question.covariates]
    else:
        keys = tables.files.books.tables[split_reference(question.of)[0]].keys
        named = formula_of(question.formula).columns
        telling = [name for name in named if {name, tables.files.books.named_key(name)} & {*keys} and name != "subject"]
        keep = names_in(telling, question.repeats, question.each)
        columns = [name for name in named if name not in keep and name != "subject"]
    chosen = tables.choose(question, keep, columns)
    wide = widen(chosen, question.each, tables, question)
    model = _model(tables, question, wide.rows)
    chosen = replace(chosen, left_out=(*chosen.left_out, *tables.of_nobody(question, list(model.factors), wide.rows)))
    fitted = fit(_as_labels(wide.rows, list(model.factors)), wide.values, model)
    return FittedQuestion(fit=fitted, wide=wide, chosen=chosen)


def _model(tables: Tables, question: Strata | Formula, rows: pd.DataFrame) -> Model:
    if isinstance(question, Strata):
        return Model(
            subject=question.unit,
            between=question.between,
            within=question.within,
            covariates=question.covariates,
            contrasts=question.contrasts,
            factors=_factor_levels(tables, question, [*question.between, *question.within], rows),
        )
    columns = formula_of(question.formula).columns
    factors = [name for name in columns if name in tables.files.books.factors or name in question.factors]
    return Model(
        subject="subject" if "|" in question.formula else "",
        formula=question.formula,
        method=question.method,  # pyright: ignore[reportArgumentType]
        contrasts=tuple(test for test in question.tests if " - " in test),
        factors=_factor_levels(tables, question, factors, rows),
        df=mixed_df(question),
    )


def model_answer(tables: Tables, question: Strata | Formula) -> Answer:
    """Test every term of a design in its own error stratum, or fit a formula.

    Raises:
        DataError: columns or rows that are missing.
        DesignError: what is left cannot carry the tests.
    """
    asked = fit_question(tables, question)
    fitted, wide = asked.fit, asked.wide
    extra: dict[str, pd.DataFrame] = {}
    if question.evidence is not None:
        extra["evidence"] = _evidence(question.evidence, fitted, wide)
    notes: list[str] = []
    if question.networks is not None:
        extra |= network_answer(question, asked, seed=tables.files.study.seed, notes=notes)
    if question.comparisons:
        extra["comparisons"] = comparison_table(question, asked)
    if isinstance(question, Strata) and len(wide.labels) == 1 and not question.covariates:
        names = set(question.contrasts)
        terms = [test for test in fitted.tests if isinstance(test, StratumTest) and test.name not in names]
        extra["layout"] = anova_layout(
            terms, wide.values[fitted.design.rows, 0].reshape(len(set(fitted.design.family.units)), -1)
        )
    return _model_answer(question, fitted, wide, asked.chosen.left_out, {**extra, "rows": asked.chosen.rows}, notes)


def network_answer(
    question: Strata | Formula, asked: FittedQuestion, *, seed: int, notes: list[str]
) -> dict[str, pd.DataFrame]:
    """Return the networks of every test and their edges; what is to be said of them is added to the notes."""
    asked_networks = question.networks
    assert asked_networks is not None
    settings = PermutationSettings(
        voxel_p=asked_networks.edge_p,
        alpha=asked_networks.alpha,
        n_permutations=asked_networks.draws,
        sided={"two": "bi", "one": "1", "f": "2"}[asked_networks.sided],  # pyright: ignore[reportArgumentType]
        variance=asked_networks.variance,
        seed=seed,
    )
    names = getattr(question, "tests", ())
    tests = [each for each in asked.fit.tests if each.name in names or (not names and each.name != "(Intercept)")]
    networks, edges = [], []
    noted: dict[str, list[str]] = {}
    for test in tests or asked.fit.tests:
        tables_made = network_tables(asked.fit, test, asked.wide.labels, settings)
        strong = tables_made.edges[tables_made.edges["network"] > 0]
        networks.append(
            tables_made.networks.assign(term=test.name, height=tables_made.height, exchanged=tables_made.exchanged)
        )
        edges.append(strong.assign(term=test.name).sort_values("network", kind="stable"))
        for note in tables_made.notes:
            noted.setdefault(note.replace("correction.variance", "networks.variance"), []).append(test.name)
    notes += [f"{NETWORKS_OF}{', '.join(names)}: {note}" for note, names in noted.items()]
    order = ["term", "network", "edges", "intensity", "p_extent", "p_intensity", "height", "exchanged", "regions"]
    strong = pd.concat(edges, ignore_index=True)
    return {
        "networks": pd.concat(networks, ignore_index=True)[order],
        "network_edges": strong[["term", "network", "region", "region2", "statistic", "p", "q"]],
    }


def evidence_settings(asked: Evidence) -> EvidenceSettings:
    """Return the settings of the evidence that a question asks for."""
    return EvidenceSettings(scale=asked.scale, bound=asked.equivalence)


def _evidence(asked: Evidence, fitted: Fit, wide: Wide) -> pd.DataFrame:
    """Return the evidence of every test in each response but the grand mean, which has no null of interest."""
    tests = [test for test in fitted.tests if test.name != "(Intercept)"] or fitted.tests
    parts = [
        evidence_frame(tests, evidence_settings(asked), k).assign(**wide.labels.iloc[k].to_dict())
        for k in range(len(wide.labels))
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[[*wide.labels, *(name for name in parts[0] if name not in wide.labels)]]


def comparison_table(question: Strata | Formula, asked: FittedQuestion, *, intervals: bool = True) -> pd.DataFrame:
    """Compare means as the question asks, a row for each comparison and level of `each`.

    Args:
        question: with comparisons.
        asked: its fit.
        intervals: also where they take a numerical search, as Dunnett's and Tukey's do.
    """
    compare_means = _comparisons if isinstance(question, Strata) else _formula_comparisons
    return compare_means(question, asked.fit, asked.wide, intervals)  # pyright: ignore[reportArgumentType]


def _coverage(comparison: Comparison, intervals: bool) -> float | None:
    return 0.95 if intervals or comparison.adjust not in ("dunnett", "tukey") else None


def mixed_df(question: Formula) -> DegreesOfFreedomRule:
    """Return the rule for the denominators of a mixed model."""
    return "kenward-roger" if question.df == "kenward-roger" else "satterthwaite"


def _factor_levels(
    tables: Tables, question: Question, names: Sequence[str], rows: pd.DataFrame
) -> Mapping[str, tuple[str, ...]]:
    """Return the levels of factors in their order, those that are there."""
    made = {}
    for name in names:
        planned = tables.levels(split_reference(question.of)[0], question, name)
        there = set(rows[name].astype(str))
        made[name] = tuple(level for level in planned if level in there) or tuple(dict.fromkeys(rows[name].astype(str)))
    return made


def _as_labels(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    return rows.assign(**{name: rows[name].astype(str) for name in names})


def _model_answer(
    question: Strata | Formula,
    fitted: Fit,
    wide: Wide,
    left_out: Sequence[str],
    extra: Mapping[str, pd.DataFrame],
    notes: Sequence[str] = (),
) -> Answer:
    contrasts = set(fitted.design.model.contrasts)
    rows = [{**wide.labels.iloc[k].to_dict(), **row} for k in range(len(wide.labels)) for row in _test_rows(fitted, k)]
    tests = pd.DataFrame(rows)
    if question.each and question.adjust != "none":
        tests["p_adjusted"] = _adjusted(question, tests)
    is_contrast = tests["term"].isin(contrasts)
    terms = tests[~is_contrast].reset_index(drop=True)
    unused = [name for name in terms if name not in _ALWAYS and terms[name].isna().all()]
    tables = {"terms": terms.drop(columns=unused)}
    if is_contrast.any():
        columns = [*wide.labels, "term", "estimate", "se", "low", "high", "df2", "F", "p"]
        further = ("p_adjusted", "d", "d_low", "d_high", "g")
        columns += [name for name in further if name in tests and tests.loc[is_contrast, name].notna().any()]
        tables["contrasts"] = tests.loc[is_contrast, columns].rename(columns={"term": "contrast", "df2": "df"})
    tables |= _mean_tables(question, fitted, wide) | dict(extra)
    facts: dict[str, Any] = {
        "of": question.of,
        "model": _model_words(question),
        "roles": dict(fitted.design.roles),
        "n_units": int(np.max(fitted.fitted.n_units)),
        "n_rows": int(np.max(fitted.fitted.n_rows)),
        **({"notes": noted} if (noted := [*fitted.design.notes, *zero_notes(fitted.design), *notes]) else {}),
    }
    lacking = map(partial(_by_subject, wide.rows), fitted.design.left_out)
    return Answer(tables=tables, facts=facts, left_out=tuple(dict.fromkeys((*left_out, *lacking))))


def _by_subject(rows: pd.DataFrame, line: str) -> str:
    """Name the subject of a row that was left out, in place of the number of the row."""
    name, _, reason = line.partition(": ")
    numbers = [f"row {number}" for number in row_numbers(rows.index)]
    return f"{rows['subject'].iloc[numbers.index(name)]}: {reason}" if name in numbers else line


def _model_words(question: Strata | Formula) -> dict[str, Any]:
    names = ("between", "within", "covariates", "unit", "formula", "method", "tests", "contrasts", "adjust", "family")
    return {name: value for name in names if (value := getattr(question, name, None))}


def _test_rows(fitted: Fit, response: int) -> Iterator[dict[str, Any]]:
    """Yield one response's tests with sphericity and the interval of partial eta squared."""
    contrasts = fitted.design.model.contrasts
    strata = [test for test in fitted.tests if isinstance(test, StratumTest) and test.name not in contrasts]
    for test in fitted.tests:
        if test.name == "(Intercept)" and fitted.design.model.formula is None:
            continue
        row = tidy_row(test, response)
        for name in ("eps_gg", "eps_hf"):
            values = getattr(test, name, None)
            row[name] = np.nan if values is None else float(values[response])
            log_p = getattr(test, f"log_p_{name[4:]}", None)
            row[f"p_{name[4:]}"] = np.nan if log_p is None else float(np.exp(log_p[response]))
        if isinstance(test, StratumTest) and test.name not in contrasts:
            row["ges"] = float(generalized_eta2(strata, test, observed=fitted.design.model.covariates)[response])
            limits = generalized_eta2_limits(row["ges"], test.df1, float(row["df2"]))  # pyright: ignore
            row |= dict(zip(("ges_low", "ges_high"), limits, strict=True))
        size = partial_eta2(float(row["F"]), test.df1, float(row["df2"]))  # pyright: ignore[reportArgumentType]
        yield {**row, "pes_low": size.ci_low, "pes_high": size.ci_high, **_standardized(test, response)}


def _standardized(test: TermTest, response: int) -> dict[str, float]:
    """Return d with its limits and g of one response; NaN where the test has none."""
    if not has_d(test):
        return dict.fromkeys(("d", "d_low", "d_high", "g"), np.nan)
    sizes = standardized_effect(of_responses(test, np.arange(len(test.f)) == response))
    return {name: float(values[0]) for name, values in sizes.items()}


def _adjusted(question: Question, tests: pd.DataFrame) -> pd.Series:
    """Adjust p over the fits of `each`, term by term and family by family."""
    adjusted = tests["p"].astype(float).copy()
    keys = [key for key in question.each if key not in question.family] if question.family else []
    for at in tests.groupby(["term", "stratum", *keys], sort=False, dropna=False).indices.values():
        adjusted.iloc[at] = adjust_p(tests["p"].to_numpy(float)[at], question.adjust)
    return adjusted


def _mean_tables(question: Strata | Formula, fitted: Fit, wide: Wide) -> dict[str, pd.DataFrame]:
    """Return the means of every combination of the factors, with the error of the model."""
    if isinstance(question, Strata):
        factors = [*question.between, *question.within]
    else:
        factors = list(fitted.design.family.levels)
    if not factors:
        return {}
    try:
        made = means(fitted, factors)
    except CuecircuitError:  # a model that has no mean of its cells, such as one of slopes alone
        return {}
    parts = []
    for k in range(len(wide.labels)):
        numbers = {"mean": made.mean, "se": made.se, "df": made.df, "low": made.ci_low, "high": made.ci_high}
        part = pd.DataFrame(list(made.levels), columns=factors).assign(**{n: v[:, k] for n, v in numbers.items()})
        parts.append(part.assign(**wide.labels.iloc[k].to_dict())[[*wide.labels, *part]])
    return {"means": pd.concat(parts, ignore_index=True)}


def _comparisons(question: Strata, fitted: Fit, wide: Wide, intervals: bool) -> pd.DataFrame:
    design: MixedDesign = fitted.design.family.model.design  # pyright: ignore[reportAttributeAccessIssue]
    tested, parts = np.flatnonzero(np.isfinite(fitted.fitted.tests[0].f)), []
    if not tested.size:
        raise DesignError(f"comparisons: no level of {', '.join(question.each)} has enough subjects to be tested")
    for comparison in question.comparisons:
        contrasts, labels = _contrasts(comparison, design)
        for k in tested:
            y = wide.values[fitted.design.rows, k].reshape(len(design.subjects), -1)
            error = "pooled" if comparison.error == "pooled" else "contrast"
            made = compare_cells(
                y,
                design,
                contrasts,
                error=error,
                adjustment=comparison.adjust,
                confidence=_coverage(comparison, intervals),
            )
            part = labels.assign(**wide.labels.iloc[k].to_dict(), **_compared(made, comparison))
            if comparison.factor in question.within:
                sizes = [comparison_d(y, groups_of(design), each) for each in contrasts]
                part["d_av"] = [size.value for size in sizes]
                part["d_av_low"], part["d_av_high"] = np.transpose([(size.ci_low, size.ci_high) for size in sizes])
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _compared(made: Any, comparison: Comparison) -> dict[str, Any]:
    low = {} if made.ci_low is None else {"low": made.ci_low, "high": made.ci_high}
    return {
        "difference": made.estimate,
        "se": made.se,
        **low,
        "t": made.t,
        "df": made.df,
        "p": made.p,
        **({} if comparison.adjust == "none" else {"p_adjusted": made.p_adjusted}),
    }


def _contrasts(comparison: Comparison, design: MixedDesign) -> tuple[list[Contrast], pd.DataFrame]:
    """Return the pairs of levels inside each combination of `by`, and how each is called."""
    levels = strata_levels(design)
    names = list(levels[comparison.factor])
    if comparison.against not in ("first", "each", *names):
        raise DesignError(
            f"comparisons of {comparison.factor}: against: found '{comparison.against}', expected first (the "
            f"reference), each, or one of {', '.join(names)}"
        )
    reference = names[0] if comparison.against == "first" else comparison.against
    pairs = [(one, reference) for one in names if one != reference]
    if comparison.against == "each":
        pairs = [(one, other) for k, other in enumerate(names) for one in names[k + 1 :]]
    contrasts, rows = [], []
    for cell in product(*(levels[name] for name in comparison.by)):
        inside = dict(zip(comparison.by, cell, strict=True))
        fixed = {name: row[name] for name, row in ((n, _unit(levels, n, level)) for n, level in inside.items())}
        family = ":".join(inside[name] for name in comparison.family if name in inside) or "all"
        for one, other in pairs:
            weights = _unit(levels, comparison.factor, one)[comparison.factor]
            weights = {**fixed, comparison.factor: weights - _unit(levels, comparison.factor, other)[comparison.factor]}
            if cells_of_nobody(weights, design):
                continue
            name = ": ".join([*cell, f"{one} - {other}"])
            contrasts.append(weighted_cells(name, weights, design, family=family))
            rows.append({"comparison": comparison.factor, **inside, "level": one, "against": other, "family": family})
    if not contrasts:
        raise DesignError(f"comparisons of {comparison.factor}: none can be estimated, nobody has some of their cells")
    return contrasts, pd.DataFrame(rows)


def _unit(levels: Mapping[str, Sequence[str]], name: str, level: str) -> Mapping[str, Any]:
    return level_cells([name], levels)[(level,)]


def _formula_comparisons(question: Formula, fitted: Fit, wide: Wide, intervals: bool) -> pd.DataFrame:
    parts = []
    for comparison in question.comparisons:
        levels = fitted.design.family.levels[comparison.factor]
        reference = levels[0] if comparison.against == "first" else comparison.against
        made = compare(
            fitted,
            [comparison.factor],
            by=comparison.by,
            reference=None if comparison.against == "each" else reference,
            adjustment=comparison.adjust,
            confidence=_coverage(comparison, intervals),
        )
        for k in range(len(wide.labels)):
            numbers = {name: np.asarray(values)[:, k] for name, values in _compared(made, comparison).items()}
            named = {"comparison": made.names, "family": made.families}
            parts.append(pd.DataFrame({**named, **numbers}).assign(**wide.labels.iloc[k].to_dict()))
    return pd.concat(parts, ignore_index=True)
