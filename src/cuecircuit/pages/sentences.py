"""Sentences from questions and their answers: how it was tested, what was found. Each follows a record."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.clusters.unevenness import UNEVEN
from cuecircuit.figures.numbers import effect_text, fraction, number, p_equals, short, threshold
from cuecircuit.questions.answer import deciding_p
from cuecircuit.report.marks import counted, listed, words
from cuecircuit.study.accounting import response_words, split_reference
from cuecircuit.study.acquisition import BetaSeries, EdgeSet, Ppi
from cuecircuit.study.questions import (
    AnyQuestion,
    Correlation,
    Counts,
    Evidence,
    Formula,
    Means,
    Networks,
    Pooling,
    Question,
    Reliability,
    Rows,
    Strata,
)
from cuecircuit.study.schema import Study

_METHODS = {
    "reml": "a linear mixed model (REML; Bates et al. 2015)",
    "ols": "ordinary least squares",
    "huber": "robust regression (Huber)",
    "bisquare": "robust regression (bisquare)",
    "mixed-effects": "a mixed-effects meta-regression with first-level variances (Woolrich et al. 2004)",
    "welch": "Welch's test",
}
_ADJUSTED = {
    "bonferroni": "Bonferroni's method",
    "sidak": "Šidák's method",
    "holm": "Holm's method",
    "fdr": "the false discovery rate (Benjamini and Hochberg 1995)",
    "dunnett": "Dunnett's method",
    "tukey": "Tukey's method",
}


_OF_TABLES = {"maps": "maps of ", "contrasts": "contrast maps of ", "regions": "region means of ", "edges": "edges of "}


def rows_words(rows: Rows, study: Study | None = None) -> str:
    """Describe which rows of which response: infusions of phase escalation, averaged over day."""
    kind, _, named = split_reference(rows.of)[0].partition(".")
    response = f"{_OF_TABLES.get(kind, '')}{words(response_words(study, rows) or named)}"
    response = response.replace(" mg kg", " in mg/kg")
    where = [f"{key} {' or '.join(map(words, levels))}" for key, levels in rows.where.items()]
    text = f"{response} ({', '.join(where)})" if where else response
    if rows.average:
        text += f", averaged over {listed(rows.average)}"
    return f"the change of {text} over {rows.change}" if rows.change else text


def marks_sentence(question: AnyQuestion, answer: Mapping[str, pd.DataFrame]) -> str:
    """Return what the marks of a figure are: bars, thin lines, bands, filled points."""
    match question:
        case Correlation() if question.inside and len(answer["correlation"]) == 1:
            return "Lines: least squares within groups, with their common slope; dashed: pooled."
        case Correlation() if len(answer["correlation"]) == 1:
            return "Line and band: least squares with the 95 % interval of the mean."
        case Strata() | Formula() if question.each and not question.of.startswith("edges."):
            p = "adjusted p" if "p_adjusted" in answer["terms"] else "p"
            return f"Filled: {p} ≤ {threshold(question.alpha)}."
        case Strata() | Formula() | Means() if not question.each:
            return "Mean ± SEM over subjects; points or thin lines: subjects."
        case Means():
            return "Mean ± SEM over subjects."
        case Correlation() if len(answer["correlation"]) > 1:
            p = "q" if "q" in answer["correlation"] else "p"
            pooled = "Pooled r. " if question.inside else ""
            return f"{pooled}Filled: {p} ≤ {threshold(question.alpha)}; intervals are those of single correlations."
        case Reliability() | Pooling():
            return "Filled: the interval excludes 0."
        case Counts():
            return "Filled: the interval excludes 1."
    return ""


def method_sentence(question: AnyQuestion, study: Study | None = None) -> str:
    """Describe how a question of a study was tested."""
    what = rows_words(question, study)
    what = what[:1].upper() + what[1:]
    match question:
        case Strata():
            terms = listed([*(f"{name} (between)" for name in question.between), *question.within])
            text = f"{what}: analysis of variance by {terms}, each effect in its own error stratum"
            if not question.between and not question.within:
                text = f"{what}: mean against zero"
            if question.unit != "subject":
                text += f", {question.unit}s as units"
            if question.covariates:
                text += f", adjusted for {listed(map(words, question.covariates))}"
            if question.within and not split_reference(question.of)[0].startswith(("maps.", "contrasts.")):
                text += ", p within subjects after Greenhouse and Geisser (1959)"
            text += "".join(f"; {_comparison(each)}" for each in question.comparisons) + _evidence(question.evidence)
            text += _network_words(question.networks)
        case Formula():
            text = f"{what}: {_METHODS[question.method]}, {question.formula}{_evidence(question.evidence)}"
            text += _network_words(question.networks)
        case Correlation():
            kind = "Spearman" if question.rank else "Pearson"
            text = f"{what} against {rows_words(question.with_, study)}: {kind} correlation"
            if question.inside:
                text += (
                    f", pooled and with the means of {question.inside} taken out, the latter also by "
                    f"{short(question.draws)} permutations inside {question.inside}"
                )
            if question.controls:
                text += f", {listed(map(words, question.controls))} partialled out"
        case Reliability():
            kind = "ICC(A,1)" if question.agreement == "absolute" else "ICC(C,1)"
            text = f"{what}: {kind} over {question.over} (McGraw and Wong 1996)"
        case Counts():
            effect = f"a log-linear slope over {question.trend}" if question.trend else listed(question.within)
            text = f"{what} as counts: negative-binomial GEE with {effect}"
            text += f" by {listed(question.between)}" if question.between else ""
            text += " (log link, exchangeable correlation, sandwich errors corrected by Mancl and DeRouen 2001)"
        case Pooling():
            noise = "normal" if question.noise == "normal" else "Student's t"
            among = f" by {question.between[0]}" if question.between else ""
            text = f"{what}: one Bayesian multilevel model of all levels of {question.over}{among} with partial pooling"
            text += f", adjusted for {listed(question.covariates)}" if question.covariates else ""
            text += (
                f" (Chen et al. 2019; {noise} noise, half-t priors of standard deviations with scale "
                f"{short(question.scale)} sd of the scores, {short(question.draws)} draws; nothing is adjusted for the "
                f"number of levels)"
            )
        case Means():
            text = f"{what}: mean and SEM by {listed(question.by)}; nothing is tested"
    if question.each and question.adjust != "none":
        text += f"; p adjusted over {listed(question.family or question.each)} by {_ADJUSTED[question.adjust]}"
    return f"{text}."


def _evidence(asked: Evidence | None) -> str:
    """Describe how evidence was weighed; nothing where none was asked for."""
    if asked is None:
        return ""
    scale = "√2/2 of one effect, ½ of several, √2/4 of a slope" if asked.scale is None else short(asked.scale)
    text = f"; JZS Bayes factors, scale of the prior {scale} (Rouder et al. 2009, 2012)"
    if asked.equivalence is not None:
        text += f"; equivalence of effects of one degree of freedom to within |d| < {short(asked.equivalence)}"
        text += " by two one-sided tests (Lakens 2017)"
    return text


def _network_words(asked: Networks | None) -> str:
    """Describe how networks were corrected; nothing where none were asked for."""
    if asked is None:
        return ""
    sides = {"f": "both signs together", "two": "each sign by itself", "one": "positive effects"}[asked.sided]
    return (
        f"; networks of edges with p < {short(asked.edge_p)} ({sides}), corrected by their {asked.statistic} in "
        f"{short(asked.draws)} permutations (network-based statistic, Zalesky et al. 2010)"
    )


def finding_sentence(question: AnyQuestion, answer: Mapping[str, pd.DataFrame]) -> str:
    """Describe what was found, with the effect and its test; what `each` tests is counted."""
    return " ".join(_findings(question, answer))


def effect_names(terms: pd.DataFrame) -> list[str]:
    """Print the effects of a table of tests; one that several error strata test (a covariate) names its stratum."""
    repeated = terms["term"].duplicated(keep=False)
    return [
        effect_text(str(row["term"])) + (f" (in {effect_text(str(row['stratum']))})" if again else "")
        for row, again in zip(terms.to_dict("records"), repeated, strict=True)
    ]


def map_sentence(terms: pd.DataFrame, clusters: pd.DataFrame | None) -> str:
    """Describe which effects on maps survive their correction, with the size of clusters and their smallest p."""
    if "significant_clusters" not in terms:
        return "The maps are not corrected for the number of voxels."
    parts, nothing = [], []
    for name, row in zip(effect_names(terms), terms.to_dict("records"), strict=True):
        # a term that the question does not ask for has no number
        if pd.isna(row["significant_clusters"]):
            continue
        count = int(row["significant_clusters"])
        if not count:
            nothing.append(name)
            continue
        of_row = clusters[clusters["prefix"] == row["prefix"]] if clusters is not None else pd.DataFrame()
        smallest = f", smallest corrected {p_equals(float(of_row['p_fwe'].min()))}" if len(of_row) else ""
        parts.append(
            f"{name}: {counted(count, 'cluster')}, {counted(int(row['significant_voxels']), 'voxel')}{smallest}"
        )
    if nothing:
        parts.append(f"nothing survives of {listed(nothing)}")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "." if nothing and len(parts) == 1 else text + "."


def evidence_sentence(table: pd.DataFrame) -> str:
    """State in how many voxels each effect is supported, or its absence is, and where it is negligible."""
    parts = []
    for row in table.to_dict("records"):
        text = (
            f"{effect_text(str(row['term']))}: BF₁₀ of 3 or more in {counted(int(row['voxels_for']), 'voxel')}, of ⅓ "
            f"or less in {int(row['voxels_against'])}"
        )
        if pd.notna(row.get("voxels_negligible")):
            text += f", negligible in {int(row['voxels_negligible'])} (q ≤ .05)"
        parts.append(text)
    return "; ".join(parts) + f"; of {counted(int(table['voxels'].max()), 'voxel')}."


def product_words(deconvolve: bool) -> str:
    """Describe what the course of a region is multiplied as."""
    return "of the neural activity behind it (Gitelman et al. 2003)" if deconvolve else "without deconvolution"


def edges_sentence(edges: EdgeSet) -> str:
    """Describe how pairs of regions were compared."""
    match edges:
        case BetaSeries():
            how = {"lss": "each trial in a model of its own", "lsa": "all trials in one model"}[edges.trials]
            return (
                f"The response to each trial was estimated in every region ({how}; {edges.hrf} response) and "
                f"correlated over the trials of each {listed(edges.cells)}, runs centered (Fisher's z; beta series, "
                "Rissman et al. 2004)."
            )
        case Ppi():
            return (
                f"The course of a region was modeled by that of another, the {edges.hrf} response to each condition "
                f"({listed(edges.cells)}) and their products, {product_words(edges.deconvolve)}; slopes of products in "
                "standard deviations, both directions averaged (gPPI, McLaren et al. 2012)."
            )
        case _:
            return "The courses of regions were correlated (Fisher's z)."


def _comparison(comparison: object) -> str:
    factor, by = getattr(comparison, "factor", ""), getattr(comparison, "by", ())
    against, adjust = getattr(comparison, "against", "first"), getattr(comparison, "adjust", "none")
    text = f"levels of {factor} " + ("pairwise" if against == "each" else f"against the {against}")
    text += f" within {listed(by)}" if by else ""
    return text + (f" ({_ADJUSTED[adjust]})" if adjust in _ADJUSTED else " (not adjusted)")


def _findings(question: AnyQuestion, answer: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    match question:
        case Strata() | Formula():
            yield from _tests(question, answer)
        case Correlation():
            yield from _correlations(question, answer["correlation"])
        case Reliability():
            table = answer["reliability"]
            if len(table) == 1:
                row = table.iloc[0]
                yield f"ICC = {_interval(row, 'icc', 'ci_low', 'ci_high')}."
            else:
                yield f"Median ICC over {len(table)} fits: {fraction(float(table['icc'].median()))}."
        case Counts():
            for row in answer["ratios"].to_dict("records"):
                yield (
                    f"{words(row['comparison'])}: ratio {number(row['ratio'])} [{number(row['ci_low'])}, "
                    f"{number(row['ci_high'])}], {p_equals(float(row['p']))}."
                )
        case Pooling():
            table = answer["regions"]
            for effect, rows in table.groupby("effect", sort=False):
                sure = rows[(rows["p_positive"] >= 0.975) | (rows["p_positive"] <= 0.025)]
                named = f": {listed(sure['region'].map(words))}" if len(sure) else ""
                yield f"{effect}: P+ ≥ .975 or ≤ .025 in {len(sure)} of {len(rows)} regions{named}."
            missed = answer["checks"].query("p < 0.025 or p > 0.975")["statistic"]
            if len(missed):
                yield f"Data drawn from the model do not have the {listed(missed)} of those found."
            change = float(answer["sensitivity"]["largest change of P+"].max())
            yield f"With priors half and twice as wide P+ changes by {fraction(change)} at most."
        case Means():
            means = answer["means"]
            lost = int(means["mean"].isna().sum())
            without = f"; {lost} have no number" if lost else ""
            yield f"{len(means)} means of {int(means['n'].max())} subjects or fewer each{without}."


def _interval(row: Mapping[str, Any] | pd.Series, value: str, low: str, high: str) -> str:
    """Print a number between -1 and 1 with its interval: .54 [.20, .76]."""
    return f"{fraction(float(row[value]))} [{fraction(float(row[low]))}, {fraction(float(row[high]))}]"


def _tests(question: Strata | Formula, answer: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    terms = answer["terms"]
    if question.each:
        if isinstance(question, Formula):  # other terms are in the model and are not asked about
            terms = pd.concat([terms[terms["term"].isin(question.tests)], answer.get("contrasts", pd.DataFrame())])
        count, adjusted = int((deciding_p(terms) <= question.alpha).sum()), "adjusted " * ("p_adjusted" in terms)
        yield f"{count} of {len(terms)} tests {_reach(count)} {adjusted}p ≤ {threshold(question.alpha)}."
        if question.networks is not None:
            yield from _network_findings(question.networks, answer["networks"], list(dict.fromkeys(terms["term"])))
        return
    for row in terms.to_dict("records"):
        p = row["p_gg"] if pd.notna(row.get("p_gg")) else row.get("p")
        if pd.isna(p):
            yield f"{effect_text(row['term'])}: no test, as no variance is left to test it against."
            continue
        df2 = short(row["df2"])
        size = ""
        if pd.notna(row.get("pes")):
            size = f", partial η² = {_interval(row, 'pes', 'pes_low', 'pes_high')}"
        yield f"{effect_text(row['term'])}: F({row['df1']}, {df2}) = {number(row['F'])}, {p_equals(float(p))}{size}."
    for row in answer["contrasts"].to_dict("records") if "contrasts" in answer else ():
        yield (
            f"{effect_text(str(row['contrast']))}: {number(row['estimate'])} [{number(row['low'])}, "
            f"{number(row['high'])}], {p_equals(float(row['p']))}."
        )
    if "evidence" in answer:
        yield from map(_weighed, answer["evidence"].to_dict("records"))


def _reach(count: int) -> str:
    return "reaches" if count == 1 else "reach"


def _network_findings(asked: Networks, networks: pd.DataFrame, terms: Sequence[str]) -> Iterator[str]:
    """State which networks survive, and of which effects none does."""
    p = f"p_{asked.statistic}"
    surviving = networks[networks[p] <= asked.alpha]
    for row in surviving.to_dict("records"):
        yield (
            f"{effect_text(str(row['term']))}: a network of {counted(int(row['edges']), 'edge')} survives, "
            f"{p_equals(float(row[p]))} ({row['regions']})."
        )
    tested = list(dict.fromkeys([*terms, *networks["term"]]))
    if nothing := [effect_text(name) for name in tested if name not in set(surviving["term"])]:
        yield f"No network survives of {listed(nothing)}."


def _weighed(row: Mapping[str, Any]) -> str:
    """State a Bayes factor the way it points, with the effect and whether it is negligible."""
    log_bf = float(row["log_bf10"])
    name = "BF₁₀" if log_bf >= 0 else "BF₀₁"
    factor = "> 10⁶" if abs(log_bf) > np.log(1e6) else f"= {short(float(f'{np.exp(abs(log_bf)):.3g}'))}"
    text = f"{effect_text(str(row['term']))}: {name} {factor}"
    if pd.notna(row["d"]):
        text += f", d = {number(row['d'])} [{number(row['d_low'])}, {number(row['d_high'])}]"
    if pd.notna(row.get("p_equivalence")):
        text += f", equivalence {p_equals(float(row['p_equivalence']))}"
    return f"{text}."


def _correlations(question: Question, table: pd.DataFrame) -> Iterator[str]:
    if len(table) > 1:
        count, adjusted = int((deciding_p(table) <= question.alpha).sum()), "adjusted " * ("q" in table)
        yield f"{count} of {len(table)} correlations {_reach(count)} {adjusted}p ≤ {threshold(question.alpha)}."
        return
    row = table.iloc[0]
    within = getattr(question, "inside", None)
    if within:
        yield (
            f"Within {within}: r = {fraction(float(row['r_within']))}, {p_equals(float(row['p_within']))} "
            f"({p_equals(float(row['p_permutation']))} by permutation)."
        )
    pooled = "Pooled: " if within else ""
    yield (f"{pooled}r = {_interval(row, 'r', 'ci_low', 'ci_high')}, {p_equals(float(row['p']))}, n = {int(row['n'])}.")


def note_sentence(facts: Mapping[str, Any]) -> str:
    """Describe what the settings of an answer note: cells that nobody has, and what is not tested for that."""
    return " ".join(f"{note[:1].upper()}{note[1:]}." for note in facts.get("notes", ()))


def left_out_sentence(lines: Sequence[str]) -> str:
    """Describe who is not in an answer, those of one reason together."""
    subjects: dict[str, list[str]] = {}
    for line in lines:
        subject, _, reason = line.partition(": ")
        subjects.setdefault(reason.removeprefix("left out, "), []).append(subject)
    named = (f"{listed(who)} ({reason})" if reason else listed(who) for reason, who in subjects.items())
    return f"Left out: {'; '.join(named)}." if lines else ""


def uneven_sentence(unevenness: float) -> str:
    """Warn where simulated fields of one smoothness stand for noise that is not of one smoothness."""
    if not unevenness > UNEVEN:
        return ""
    return (
        f" This noise is smoother in some places than in others (unevenness {number(unevenness)}, 0 for one "
        "smoothness), which such fields do not allow for: its clusters are found somewhat too easily. Permutation does "
        "not assume one smoothness."
    )
