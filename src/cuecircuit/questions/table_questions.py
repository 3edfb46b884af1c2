"""Questions on responses that are columns of tables: strata, formulas, correlations, agreement, counts, means."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.behavior.counts import conditioning_counts, escalation_counts
from cuecircuit.errors import DataError
from cuecircuit.questions.answer import Answer
from cuecircuit.questions.model_questions import model_answer
from cuecircuit.regions.brain_behavior import brain_behavior
from cuecircuit.regions.pooled import pool_table
from cuecircuit.stats.multiple_testing import adjust_p
from cuecircuit.stats.reliability import intraclass_correlation
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.questions import (
    AnyQuestion,
    Correlation,
    Counts,
    Formula,
    Means,
    Pooling,
    Question,
    Reliability,
    Strata,
)
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.table import Table
from cuecircuit.tables.wide import Wide, widen

_ICC = {"absolute": "agreement", "consistency": "consistency"}


def answer(tables: Tables, question: AnyQuestion) -> Answer:
    """Answer a question on columns of a table.

    Args:
        tables: those that are made so far, the question's among them.
        question: of any kind.

    Raises:
        DataError: columns or rows that are missing.
        DesignError: what is left cannot carry the test.
    """
    match question:
        case Strata() | Formula():
            return model_answer(tables, question)
        case Correlation():
            return _correlation(tables, question)
        case Reliability():
            return _reliability(tables, question)
        case Counts():
            return _counts(tables, question)
        case Pooling():
            return _pooling(tables, question)
        case Means():
            return _means(tables, question)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sides:
    """Both sides of a correlation for the same subjects: x one number, or one for each level of the keys both keep."""

    subjects: list[str]
    y: Wide
    x: Float[Array, "subject *response"]
    codes: Int[Array, "subject"]
    controls: Float[Array, "subject control"]
    left_out: tuple[str, ...]


def _correlation(tables: Tables, question: Correlation) -> Answer:
    sides = _sides(tables, question)
    labels = sides.y.labels
    families = labels.groupby(_families(question), sort=False).indices if _families(question) else {"": None}
    parts = []
    for at in families.values():
        columns = np.arange(len(labels)) if at is None else np.asarray(at)
        x = sides.x if sides.x.ndim == 1 else sides.x[:, columns]
        parts.append(_correlated(question, x, sides, columns, tables.files.study.seed))
    table = pd.concat([labels.reset_index(drop=True), pd.concat(parts).sort_index()], axis=1)
    if not question.each or question.adjust == "none":
        table = table.drop(columns=["q", "q_within"])
    facts = {"of": question.of, "with": question.with_.of, "n_subjects": len(sides.subjects), "draws": question.draws}
    return Answer(
        tables={"correlation": table, "pairs": _pairs(sides)},
        facts=facts,
        left_out=sides.left_out,
        notes={"x": question.with_.of, "y": question.of},
    )


def _pairs(sides: _Sides) -> pd.DataFrame:
    """Return both numbers of every subject, response by response."""
    x = sides.x if sides.x.ndim == 2 else np.repeat(sides.x[:, None], len(sides.y.labels), axis=1)
    who = pd.DataFrame({"subject": sides.subjects})
    return who.merge(sides.y.labels, how="cross").assign(x=x.ravel(), y=sides.y.values.ravel())


def _correlated(
    question: Correlation, x: Float[Array, "subject *response"], sides: _Sides, columns: Int[Array, "part"], seed: int
) -> pd.DataFrame:
    """Correlate a family of responses; one number per subject on the other side goes in one batch."""
    y = sides.y.values[:, columns]
    batches = [(x, slice(None))] if x.ndim == 1 else [(x[:, k], slice(k, k + 1)) for k in range(x.shape[1])]
    controls = sides.controls if sides.controls.shape[1] else None
    rows = []
    for batch, place in batches:
        correlations = brain_behavior(
            batch,
            y[:, place],
            sides.codes,
            permutations=question.draws,
            seed=seed,
            ranks=question.rank,
            covariates=controls,
            adjust=question.adjust,
        )
        numbers = {
            "n": np.where(np.isfinite(correlations.pooled.r), correlations.pooled.n, 0),
            "r": correlations.pooled.r,
            "ci_low": correlations.pooled.ci_low,
            "ci_high": correlations.pooled.ci_high,
            "p": correlations.pooled.p,
            "q": correlations.q,
            "r_within": correlations.within.r,
            "p_within": correlations.within.p,
            "q_within": correlations.q_within,
            "p_permutation": correlations.p_permutation,
        }
        rows.append(pd.DataFrame(numbers, index=columns[place]))
    table = pd.concat(rows)
    if len(batches) > 1:
        for name, p in (("q", "p"), ("q_within", "p_within")):
            table[name] = adjust_p(table[p].to_numpy(float), question.adjust)
    return table


def _families(question: Question) -> list[str]:
    """Return the keys of `each` that tell families apart; none where all fits are of one."""
    return [key for key in question.each if key not in question.family] if question.family else []


def _sides(tables: Tables, question: Correlation) -> _Sides:
    keys = tables.files.books.tables
    shared = [key for key in question.each if key in keys[split_reference(question.with_.of)[0]].keys]
    left = tables.choose(question, question.each, [*question.controls, *([question.inside] if question.inside else [])])
    right = tables.choose(question.with_, shared)
    y = widen(left, question.each, tables, question)
    x = widen(right, shared, tables, question.with_)
    who = [subject for subject in y.rows["subject"] if subject in set(x.rows["subject"])]
    at_y, at_x = (wide.rows.reset_index().set_index("subject")["index"] for wide in (y, x))
    columns = y.labels[shared].merge(x.labels.reset_index(), on=shared, how="left")["index"] if shared else None
    values = x.values[at_x[who]]
    values = values[:, columns] if columns is not None else values[:, 0]
    there = np.asarray(np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    measured = np.isfinite(y.values[at_y[who]])
    if measured.any() or not question.each:  # regions of which no voxel survives have rows without a number
        there = there & np.asarray(measured.any(axis=1))
    kept = [subject for subject, inside in zip(who, there.tolist(), strict=True) if inside]
    if not kept:
        raise DataError(f"nobody has both {question.of} and {question.with_.of}")
    rows = y.rows.loc[at_y[kept]]
    lost = [f"{subject}: has no {question.with_.of}" for subject in y.rows["subject"] if subject not in kept]
    return _Sides(
        subjects=kept,
        y=Wide(rows=rows, values=y.values[at_y[kept]], labels=y.labels),
        x=values[there],
        codes=_codes(tables, question, rows),
        controls=_controls(tables, question, rows),
        left_out=tuple(dict.fromkeys([*left.left_out, *right.left_out, *lost])),
    )


def _codes(tables: Tables, question: Correlation, rows: pd.DataFrame) -> Int[Array, "subject"]:
    if question.inside is None:
        return np.zeros(len(rows), int)
    levels = tables.files.books.factors[question.inside]
    return rows[question.inside].map({level: code for code, level in enumerate(levels)}).to_numpy(int)


def _controls(tables: Tables, question: Correlation, rows: pd.DataFrame) -> Float[Array, "subject control"]:
    columns = []
    for name in question.controls:
        levels = tables.files.books.factors.get(name)
        if levels is None:
            columns.append(pd.to_numeric(rows[name]).to_numpy(float))
        else:
            columns += [(rows[name] == level).to_numpy(float) for level in levels[1:]]
    return np.array(columns, float).reshape(len(columns), len(rows)).T


def _reliability(tables: Tables, question: Reliability) -> Answer:
    chosen = tables.choose(question, [question.over, *question.each])
    wide = widen(chosen, question.each, tables, question)
    table = split_reference(question.of)[0]
    levels = tables.levels(table, question, question.over) or tuple(wide.rows[question.over].astype(str).unique())
    numbered = wide.rows.assign(**{question.over: wide.rows[question.over].astype(str)}, row=np.arange(len(wide.rows)))
    grid = numbered.pivot(index="subject", columns=question.over, values="row").reindex(columns=list(levels))
    order = list(dict.fromkeys(wide.rows["subject"]))
    complete = grid.loc[order].dropna()
    y = wide.values[complete.to_numpy(int)]
    numbers = pd.DataFrame([_icc(y[:, :, [k]], question) for k in range(y.shape[2])])
    lost = [
        f"{subject}: no value at some level of {question.over}" for subject in order if subject not in complete.index
    ]
    return Answer(
        tables={"reliability": pd.concat([wide.labels, numbers], axis=1)},
        facts={"of": question.of, "agreement": question.agreement, "over": question.over, "n_subjects": len(complete)},
        left_out=(*chosen.left_out, *lost),
    )


def _icc(y: Float[Array, "subject level 1"], question: Reliability) -> dict[str, float | int]:
    """Return the agreement of one response among the subjects who have a number at every level; NaN of fewer than 3."""
    there = np.isfinite(y).all(axis=(1, 2))
    kind = _ICC[question.agreement]
    made = intraclass_correlation(y[there] if there.sum() > 2 else y, kind=kind)  # pyright: ignore[reportArgumentType]
    limits = {"icc": made.icc[0], "ci_low": made.ci_low[0], "ci_high": made.ci_high[0]}
    return {"n": int(there.sum()), **limits, "F": made.f[0], "df1": made.df1, "df2": made.df2, "p": made.p[0]}


def _pooling(tables: Tables, question: Pooling) -> Answer:
    between = next(iter(question.between), "")
    chosen = tables.choose(question, [question.over], [*question.between, *question.covariates])
    pooled = pool_table(
        chosen.rows,
        VALUE,
        region=question.over,
        subject="subject",
        between=between,
        levels=tables.files.books.factors.get(between, ()),
        covariates=question.covariates,
        scale=question.scale,
        noise=question.noise,
        draws=question.draws,
        seed=tables.files.study.seed,
    )
    facts = {"of": question.of, "over": question.over, "noise": question.noise, "scale": question.scale}
    return Answer(
        tables={name: getattr(pooled, name) for name in ("regions", "spread", "checks", "sensitivity")},
        facts={**facts, "draws": question.draws, "n_subjects": pooled.n_subjects},
        left_out=(*chosen.left_out, *pooled.notes),
        notes={"mean": "posterior mean, in units of the response", "sd": "of the posterior; of the model's part"},
    )


def _counts(tables: Tables, question: Counts) -> Answer:
    between = question.between[0] if question.between else ""
    keep = [*question.within, *([question.trend] if question.trend else []), *question.repeats]
    chosen = tables.choose(question, keep, question.between)
    rows = chosen.rows.assign(**({} if between else {"all": "all"}), phase="here")
    table = split_reference(question.of)[0]
    if question.trend is not None:
        days = len(tables.levels(table, question, question.trend)) or int(rows[question.trend].max())
        numbered = rows.assign(session=rows[question.trend].astype(int))
        model = escalation_counts(numbered, phase="here", sessions=days, dv=VALUE, between=between or "all")
    else:
        factor = question.within[0]
        levels = tables.levels(table, question, factor)
        numbered = rows.assign(treatment=rows[factor].astype(str), session=1)
        model = conditioning_counts(
            numbered, phase="here", treatments=levels, sessions=1, dv=VALUE, between=between or "all"
        )
    facts = {
        "of": question.of,
        "n_subjects": model.n_animals,
        "n_rows": model.n_sessions,
        "dispersion": model.alpha,
        "working_correlation": model.correlation,
    }
    return Answer(tables={"ratios": model.table, "rows": chosen.rows}, facts=facts, left_out=chosen.left_out)


def _means(tables: Tables, question: Means) -> Answer:
    chosen = tables.choose(question, [*_keys_of(tables, question), *question.each], question.by)
    by = [*question.each, *question.by]
    grouped = chosen.rows.groupby(by, sort=False)[VALUE]
    table = grouped.agg(n="count", mean="mean", sd="std").reset_index()
    table["sem"] = table["sd"] / np.sqrt(table["n"])
    table = _by_levels(tables, question, table, by)
    source = tables.made[split_reference(question.of)[0]]
    return Answer(
        tables={"means": table, "wide": _side_by_side(table, question, source), "rows": chosen.rows},
        facts={"of": question.of, "by": list(question.by), "n_subjects": int(chosen.rows["subject"].nunique())},
        left_out=chosen.left_out,
        notes={VALUE: question.of},
    )


def _side_by_side(means: pd.DataFrame, question: Means, source: Table) -> pd.DataFrame:
    """Return a row for each fit of `each`, with mean and SEM of each cell; of regions with their voxels."""
    each = list(question.each) or ["response"]
    rows = means if question.each else means.assign(response=question.of)
    made = rows[each].drop_duplicates().reset_index(drop=True)
    if "voxels" in source.rows and each == ["region"]:
        counts = source.rows.drop_duplicates("region").set_index("region")
        made["voxels"] = made["region"].map(counts["voxels"])
        made["region_voxels"] = made["region"].map(counts["voxels_of_region"])
    for levels, part in rows.groupby(list(question.by), sort=False):
        name = "_".join(map(str, levels))
        made = made.merge(
            part[[*each, "mean", "sem"]].rename(columns={"mean": f"{name}_mean", "sem": f"{name}_sem"}),
            on=each,
            how="left",
        )
    return made


def _keys_of(tables: Tables, question: Means) -> Sequence[str]:
    keys = tables.files.books.tables[split_reference(question.of)[0]].keys
    return [name for name in question.by if name in keys]


def _by_levels(tables: Tables, question: Means, table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    ranks = {}
    for name in by:
        levels = tables.levels(split_reference(question.of)[0], question, name) or tuple(dict.fromkeys(table[name]))
        ranks[f"_{name}"] = table[name].astype(str).map({str(level): k for k, level in enumerate(levels)})
    order = table.assign(**ranks).sort_values(list(ranks), kind="stable").index
    return table.loc[order].reset_index(drop=True)
