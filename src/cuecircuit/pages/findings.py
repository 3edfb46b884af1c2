"""The findings of a study in a few sentences, each with its effect and interval: what a reader wants first."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.figures.numbers import MINUS, effect_text, fraction, number, p_equals
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.pages.map_pictures import level_text, map_folders, map_unit, named_effects, shown_effect
from cuecircuit.questions.answer import deciding_p
from cuecircuit.questions.model_questions import OF_COMPARISONS
from cuecircuit.regions.overlap import OUTSIDE
from cuecircuit.report.marks import counted, words
from cuecircuit.study.questions import AnyQuestion
from cuecircuit.study.schema import Study

_MOST = 5
_LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    place: int
    name: str
    text: str
    p: float
    alpha: float
    of_maps: bool


def findings(study: Study, out: Path) -> Iterator[str]:
    """Yield the strongest finding of each question that reaches its level, at most five.

    Where there are more, questions that the study gives a figure of its own come first, then maps, then smaller p.

    Args:
        study: whose questions were asked.
        out: the results.
    """
    asked = [one for place, name in enumerate(study.questions) for one in _of_question(study, out, name, place)]
    held = [finding for finding in asked if finding.p <= finding.alpha]
    if not asked:
        return
    drawn = {named.question for named in study.figures.values()}
    order = {finding.place: (finding.name not in drawn, not finding.of_maps, finding.p) for finding in held}
    kept = sorted(held, key=lambda found: order[found.place])[:_MOST]
    yield (
        f"Of {counted(len(asked), 'question')} with a test, {len(held)} reach{'es' * (len(held) == 1)} the level set "
        f"for {'it' if len(held) == 1 else 'them'}; p is not adjusted across questions, nor across effects of one."
        f"{f' {len(kept)} of them:' if len(held) > len(kept) else ''}"
    )
    yield from (found.text for found in sorted(kept, key=lambda found: found.place))


def _of_question(study: Study, out: Path, name: str, place: int) -> Iterator[_Finding]:
    question, folder = study.questions[name], out / "questions" / name
    title = question.title or words(name).capitalize()
    correction = question.correction or study.correction
    if any((part / "terms.tsv").is_file() and (part / "clusters.tsv").is_file() for _, part in map_folders(folder)):
        alpha, of_maps = correction.alpha if correction else _LEVEL, True
        best = min((_map(question, part, alpha) for _, part in map_folders(folder)), key=lambda each: each[1])
    else:
        said = _network(question, folder) or _table(question, folder)
        if said is None:
            return
        best, alpha, of_maps = said, question.alpha, False
    text = f"{title}{'' if title.endswith('?') else ':'} {best[0]}"
    yield _Finding(place=place, name=name, text=text, p=best[1], alpha=alpha, of_maps=of_maps)


def _decisive(question: AnyQuestion, terms: pd.DataFrame, p: pd.Series, alpha: float) -> pd.Series:
    """Return the effect that a question is decided by: of those that it names, else of its factors.

    The first named that reaches the level, else the highest interaction that does, of several the one with the smallest
    p; where none does, what is drawn.
    """
    named = terms["term"].isin(named_effects(question))
    covariates = getattr(question, "covariates", ())
    of_factors = ~terms["term"].str.split(":").map(lambda parts: bool({*parts} & {"(Intercept)", *covariates}))
    held = terms.loc[p[(p <= alpha) & (named if named.any() else of_factors)].sort_values(ascending=False).index]
    return shown_effect(question, held if len(held) else terms)


def _map(question: AnyQuestion, folder: Path, alpha: float) -> tuple[str, float]:
    """Describe where the effect that decides survives; p of its best cluster."""
    terms = read_table(folder / "terms.tsv", text=("term", "prefix", "stratum"))
    clusters = read_table(folder / "clusters.tsv", text=("term", "prefix", "regions"))
    smallest = clusters.groupby("prefix")["p_fwe"].min() if len(clusters) else {}
    effect = _decisive(question, terms, terms["prefix"].map(smallest).astype(float), alpha)
    clusters_of_term = clusters[clusters["prefix"] == effect["prefix"]].sort_values("p_fwe", kind="stable")
    if clusters_of_term.empty:
        return "nothing survives.", np.inf
    best, count = clusters_of_term.iloc[0], effect.get("significant_clusters", 0)
    region = re.sub(r" \d+( \(.*\))?$", "", str(best.get("regions", "")).split(";")[0])  # vmPFC 17 (100 %)
    where = f"{' in' * (region != OUTSIDE)} {region}" if isinstance(best.get("regions"), str) else ""
    what = effect_text(str(effect["term"]))
    level, unit = level_text(folder), map_unit(folder)
    text = f"{what}{f' of {level}' if level else ''} survives in {counted(int(count), 'cluster')} "
    text += f"({counted(int(effect['significant_voxels']), 'voxel')})"
    text += f", {'the strongest' if count > 1 else ''}{where}".rstrip(", ")
    if pd.notna(best.get("peak_effect")):
        direction = str(read_json(folder / "settings.json").get("directions", {}).get(str(effect["prefix"]), ""))
        means = words(effect_text(direction))
        size = _with_limits(best, "peak_effect", "peak_effect_low", "peak_effect_high")
        text += f"; {means}{' =' if MINUS in means else ':'} {size}{f' {unit}' if unit else ''} at its peak"
    return f"{text}, corrected {p_equals(float(best['p_fwe']))}.", float(best["p_fwe"])


def _table(question: AnyQuestion, folder: Path) -> tuple[str, float] | None:
    """Describe the strongest that decides a question: contrasts, comparisons, a correlation, ratios, else its term."""
    for stem in ("contrasts", "comparisons", "correlation", "ratios", "reliability", "terms"):
        path = folder / f"{stem}.tsv"
        table = read_table(path) if path.is_file() else pd.DataFrame()
        if stem == "terms" and len(table):
            p = deciding_p(table).astype(float) if "p" in table else pd.Series(np.nan, table.index)
            table = table[table["term"] == _decisive(question, table, p, question.alpha)["term"]]
        if getattr(question, "inside", None) is None:  # no groups are pooled
            table = table.drop(columns="r_within", errors="ignore")
        if "p" not in table or not table["p"].notna().any():  # nothing that could be tested: too few subjects
            continue
        p = deciding_p(table).astype(float)
        row, least = table.loc[p.idxmin()], float(p.min())
        where = ", ".join(str(row[key]) for key in question.each if key in row)
        row = row.drop(list(question.each), errors="ignore")
        return f"{where}{': ' * bool(where)}{_SAID[stem](row)}, {p_equals(least, 'q' if 'q' in table else 'p')}.", least
    return None


def _network(question: AnyQuestion, folder: Path) -> tuple[str, float] | None:
    """Describe the best network of edges; None of questions without networks."""
    asked = getattr(question, "networks", None)
    if asked is None:
        return None
    networks, p = read_table(folder / "networks.tsv", text=("term", "regions")), f"p_{asked.statistic}"
    if networks.empty:
        return "no edge is strong enough for a network.", np.inf
    row = networks.loc[networks[p].astype(float).idxmin()]
    edges = counted(int(row["edges"]), "edge")
    text = f"{effect_text(str(row['term']))}, a network of {edges} ({row['regions']}), {p_equals(float(row[p]))}."
    return text, float(row[p])


def _comparison(row: pd.Series) -> str:
    named = [name for name in row.index if name not in OF_COMPARISONS and pd.notna(row[name])]
    inside = [f"{name} {float(row[name]):g}" if _is_number(row[name]) else str(row[name]) for name in named]
    where = f" ({words(', '.join(inside))})" if inside else ""
    pair = effect_text(str(row["comparison"]))  # of a formula, "a - b"
    if "level" in row:
        step = f"{pair} " if _is_number(row["level"]) else ""
        pair = f"{step}{words(str(row['level']))} {MINUS} {words(str(row['against']))}"
    return f"{pair} = {_with_limits(row, 'difference')}{where}"


def _is_number(value: object) -> bool:
    return str(value).replace(".", "", 1).isdigit()


def _term(row: pd.Series) -> str:
    size = ""
    if pd.notna(row.get("pes_low")):
        eta2, low, high = (fraction(float(row[name])) for name in ("pes", "pes_low", "pes_high"))
        size = f", partial η² = {eta2} [{low}, {high}]"
    return f"{effect_text(str(row['term']))}, F({row['df1']:g}, {row['df2']:.4g}) = {number(row['F'])}{size}"


def _with_limits(row: pd.Series, value: str, low: str = "low", high: str = "high") -> str:
    """Print an estimate with its interval, to two digits of the interval's width and to 0.01 at least."""
    width = float(row[high]) - float(row[low])
    digits = max(2, 1 - math.floor(math.log10(width))) if 0 < width < np.inf else 2
    return f"{number(row[value], digits)} [{number(row[low], digits)}, {number(row[high], digits)}]"


def _correlation(row: pd.Series) -> str:
    within = ""
    if pd.notna(row.get("r_within")):
        p = ("q", row["q_within"]) if "q_within" in row else ("p", row["p_within"])
        within = f" (within groups {fraction(float(row['r_within']))}, {p_equals(float(p[1]), p[0])})"
    return (
        f"r = {fraction(float(row['r']))} [{fraction(float(row['ci_low']))}, {fraction(float(row['ci_high']))}]{within}"
    )


_SAID: Mapping[str, Callable[[pd.Series], str]] = {
    "contrasts": lambda row: f"{effect_text(str(row['contrast']))} = {_with_limits(row, 'estimate')}",
    "comparisons": _comparison,
    "correlation": _correlation,
    "ratios": lambda row: f"{words(str(row['comparison']))}: ratio {_with_limits(row, 'ratio', 'ci_low', 'ci_high')}",
    "reliability": lambda row: "ICC = {} [{}, {}]".format(*(fraction(row[x]) for x in ("icc", "ci_low", "ci_high"))),
    "terms": _term,
}
