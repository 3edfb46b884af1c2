"""Variables and analysis of a study as a preregistration states them, in Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from cuecircuit.figures.numbers import short
from cuecircuit.pages.operant_methods import derived_words
from cuecircuit.pages.reporting import correction_words, criteria, left_out
from cuecircuit.pages.sentences import method_sentence
from cuecircuit.report.marks import words
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.questions import (
    AnyQuestion,
    Correlation,
    Counts,
    Formula,
    Means,
    Pooling,
    Reliability,
    Strata,
)
from cuecircuit.study.schema import Study

OPEN = "\n*To be filled in: {}.*"
Lines = Iterator[str]


def one_line(text: str) -> str:
    """Put a text in one line."""
    return " ".join(text.split())


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """Yield a Markdown table."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(one_line(cell).replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def tested(study: Study) -> dict[str, AnyQuestion]:
    """Return the questions that test something, by name."""
    return {name: one for name, one in study.questions.items() if not isinstance(one, Means)}


def named(name: str, question: AnyQuestion) -> str:
    """Return the title of a question with its name in the study file."""
    return f"{one_line(question.title or words(name).capitalize())} (`{name}`)"


def of_maps(question: AnyQuestion) -> bool:
    """Return whether a question is asked of maps."""
    return split_reference(question.of)[0].startswith(("maps.", "contrasts."))


def alpha_of(study: Study, question: AnyQuestion) -> float:
    """Return the level of a question, of maps the corrected one."""
    correction = question.correction or study.correction
    return correction.alpha if of_maps(question) and correction else question.alpha


def factors(study: Study) -> Lines:
    """Yield the factors and drugs; which of them are manipulated is left to the authors."""
    for name, factor in study.factors.items():
        yield f"- {words(name)}{f' ({factor.label})' if factor.label else ''}: {', '.join(factor.levels)}"
    for name, drug in study.drugs.items():
        yield f"- {words(name)}, {drug.route}"
    yield OPEN.format("which of these are manipulated")


def measured(study: Study) -> Lines:
    """Yield every response that a question is asked of, and covariates."""
    rows = [one for question in study.questions.values() for one in (question, getattr(question, "with_", None)) if one]
    for of in dict.fromkeys(one.of for one in rows):
        yield f"- `{of}`"
    for name in dict.fromkeys(
        name for question in study.questions.values() for name in getattr(question, "covariates", ())
    ):
        yield f"- `{name}` (covariate)"
    yield OPEN.format("how each is measured")


def indices(study: Study) -> Lines:
    """Yield how derived numbers and means of regions are made."""
    for name, one in study.derived.items():
        yield f"- `{name}`: {derived_words(one, study)}"
    for name, regions in study.regions.items():
        yield f"- `regions.{name}`: mean of {regions.of} over the voxels of each region"
    if not study.derived and not study.regions:
        yield "None."


def models(study: Study) -> Lines:
    """Yield the model of every question."""
    for name, question in tested(study).items():
        yield f"- **{named(name, question)}.** {one_line(method_sentence(question, study))}"


def transformations(study: Study) -> Lines:
    """Yield the coding of factors, and what is centered."""
    yield "Factors are coded to sum to zero; the reference is the first level. Counts are modeled on a log scale."
    centered = [
        one.formula for one in study.questions.values() if isinstance(one, Formula) and "center(" in one.formula
    ]
    if centered:
        yield "Numbers inside `center()` have their mean over subjects taken out."
    yield OPEN.format("other transformations, or none")


def inference(study: Study) -> Lines:
    """Yield alpha and the p that decides, question by question."""
    yield "A test finds something where the p that decides is at most alpha. Intervals are of 95 %."
    yield ""
    rows = []
    for name, question in tested(study).items():
        rows.append((f"`{name}`", short(alpha_of(study, question)), _deciding(study, question)))
    yield from markdown_table(["Question", "Alpha", "The p that decides"], rows)


def _deciding(study: Study, question: AnyQuestion) -> str:
    if of_maps(question):
        correction = question.correction or study.correction
        side = ", one side" if correction and correction.sided == "one" else ""
        return f"corrected for the number of voxels: {correction_words(correction)}{side}"
    adjusted = f"adjusted over {', '.join(question.family or question.each)} ({question.adjust})"
    over = adjusted if question.each and question.adjust != "none" else "not adjusted"
    match question:
        case Strata():
            rule = f"F in its own error stratum, Greenhouse-Geisser's where an effect has several scores; {over}"
        case Formula():
            rule = f"of the tests {', '.join(question.tests)}; {over}"
        case Correlation():
            rule = f"of r; {over}" + (f"; within {question.inside} also by permutation" if question.inside else "")
        case Reliability():
            rule = f"of the F of the ICC; {over}"
        case Counts():
            rule = "of each ratio, not adjusted"
        case Pooling():
            rule = "none; an effect of a region is named where P+ is at least .975 or at most .025"
        case Means():
            rule = "nothing is tested"
    compared = getattr(question, "comparisons", ())
    return rule + "".join(f"; comparisons of {one.factor} adjusted by {one.adjust}" for one in compared)


def exclusion(study: Study) -> Lines:
    """Yield the rules by which data are left out."""
    yield f"Left out: {left_out(study)}."
    rules = criteria(study)
    yield f"Rules: {rules}." if rules else "The study file has no rule by which data are left out."
    robust = [name for name, one in study.questions.items() if getattr(one, "method", "") in ("huber", "bisquare")]
    if robust:
        yield f"Outliers are down-weighted in {', '.join(f'`{name}`' for name in robust)}."
    yield OPEN.format("further rules for subjects, sessions, scans and outliers, or none")


def missing(study: Study) -> Lines:
    """Yield what becomes of missing data."""
    yield (
        "Who lacks a planned level of what is averaged has no row. In error strata who lacks a cell is left out of "
        "that question and named; mixed models take the rows that are there."
    )
    if study.simulation and study.simulation.missing:
        shares = "; ".join(f"{level}: {short(100 * share)} %" for level, share in study.simulation.missing.items())
        yield f"Expected to be missing, and drawn so in the plan: {shares}."


def exploratory(study: Study) -> Lines:
    """Yield what is described alone, and the other choices that the study lists."""
    described = [named(name, one) for name, one in study.questions.items() if isinstance(one, Means)]
    if described:
        yield f"Described and not tested: {'; '.join(described)}."
    for name, other in study.alternatives.items():
        yield f"- {words(name)}: the same questions by another choice ({one_line(other.why)})"
    yield OPEN.format("further exploratory analyses, or none")
