"""Rows of a table, numbers derived from them, and the questions asked of them.

What kind a question is follows from one key: `formula`, `with`, `agreement`, `trend`, `pooling` or `by`; error strata
otherwise.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from cuecircuit.study.acquisition import Correction
from cuecircuit.study.fields import Color, Label, Labels, Name, Names, Section, Where, as_text, optional, required

Adjustment = Literal["none", "bonferroni", "sidak", "holm", "fdr"]


class Rows(Section):
    """Rows of a table: chosen, averaged, or as the change between two levels."""

    of: str = required("table.response; of maps and contrasts the table alone")
    where: Where = optional({}, "rows: key or factor to level or levels")
    average: Names = optional((), "keys averaged away; a subject who lacks a planned level of one has no row")
    change: Name | None = optional(None, "key: last level less the first of those in `where`")


class Reduce(Rows):
    """One number of several rows."""

    how: Literal["mean", "sum", "first", "last", "slope", "index", "breakpoint"] = required("over the levels of `over`")
    over: Name = required("key that is reduced")
    complete: bool = optional(True, "who lacks a planned level of `over` has no number; false: of those there are")
    less: Rows | None = optional(None, "subtracted: the same reduced from other rows")
    relative: Literal["difference", "share", "log_ratio"] = optional("difference", "`less`: x-y, x/(x+y), ln x/y")

    @model_validator(mode="after")
    def _relative_to_less(self) -> "Reduce":
        if self.relative != "difference" and self.less is None:
            raise ValueError(f"relative: {self.relative} of what? name the other rows in `less`")
        return self


class Split(Section):
    """Labels that a number splits subjects into."""

    split: Name = required("derived number, or number of subjects, that they are split by")
    at: Literal["median", "tertiles"] | float = required("where; a number is a fixed bound")
    labels: Labels = required("of the parts, the lowest first", min_length=2)
    among: Where = optional({}, "subjects that are split; the others keep their level of that factor as a label")


class Composite(Section):
    """A sum of standardized numbers."""

    sum_of_z: Names = required("derived numbers, each standardized", min_length=2)
    inside: Names = optional((), "standardized within these factors")
    mean: bool = optional(False, "mean in place of sum")


class Stack(Section):
    """Columns that become rows."""

    stack: dict[Label, Name] = required(
        "level to column: columns of the table become rows, such as active and inactive", min_length=2
    )
    key: Name = required("name of the key that the levels make, such as time or lever")
    of: Literal["subjects", "visits", "operant"] = required("table whose columns they are")


# tags in brackets are never taken for keys of the file
DERIVED = {"<split>": Split, "<composite>": Composite, "<stack>": Stack, "<reduce>": Reduce}
_DERIVED_TELLS = (("<split>", "split"), ("<composite>", "sum_of_z"), ("<stack>", "stack"))


def _keys_of(value: Any) -> set[str]:
    return set(value) if isinstance(value, Mapping) else {name.rstrip("_") for name in getattr(value, "__dict__", {})}


def derived_tag(value: Any) -> str:
    """Return the kind of a derived number from the one key that tells it."""
    return next((tag for tag, key in _DERIVED_TELLS if key in _keys_of(value)), "<reduce>")


Derived = Annotated[
    Annotated[Split, Tag("<split>")]
    | Annotated[Composite, Tag("<composite>")]
    | Annotated[Stack, Tag("<stack>")]
    | Annotated[Reduce, Tag("<reduce>")],
    Discriminator(derived_tag),
]


class Comparison(Section):
    """Comparisons of means."""

    factor: Name = required("whose levels are compared")
    by: Names = optional((), "within each level of these")
    against: Label | Literal["first", "each"] = optional("first", "the reference level, or every pair")
    error: Literal["pooled", "own"] = optional("own", "error term: of the whole design, or of each comparison")
    adjust: Literal["none", "bonferroni", "sidak", "holm", "dunnett", "tukey"] = optional("holm", "over a family")
    family: Names = optional((), "a family for each level of these; one family where none is named")


class Question(Rows):
    """What every question has."""

    title: str = optional("", "heading of the page; the name where none is given")
    each: Names = optional((), "keys whose levels get a fit of their own")
    adjust: Adjustment = optional("none", "over the fits of `each`")
    family: Names = optional((), "keys of `each` that make a family; all where none is named")
    correction: Correction | None = optional(None, "of maps, in place of the study's")
    alpha: float = optional(0.05, "of a test that is no map, for verdicts and stars", gt=0, lt=1)
    shown: Labels = optional((), "effects drawn; the highest interaction where none is named")
    exclude: dict[Label, str] = optional({}, "subject to reason, for this question alone")
    why: str = optional("", "what it asks, for the page")


class Evidence(Section):
    """Evidence for and against effects, beside their p."""

    scale: float | None = optional(
        None,
        "of the Cauchy prior of standardized effects; 0.71 (one), 0.5 (several), 0.35 (slopes) by default",
        ge=0.001,
        le=1000,
    )
    equivalence: float | None = optional(None, "bound of |d| below which an effect is negligible", ge=0.001, le=1000)


class Networks(Section):
    """Connected sets of strong edges, corrected by permutation (network-based statistic, Zalesky 2010)."""

    edge_p: float = optional(0.001, "uncorrected p that an edge needs to join a network", "assumed", gt=0, lt=0.5)
    statistic: Literal["extent", "intensity"] = optional(
        "extent", "of a network: its edges, or the sum of what they exceed the height by"
    )
    sided: Literal["two", "one", "f"] = optional("f", "f: both signs together; two: networks of one sign at both sides")
    draws: int = optional(5_000, "arrangements", ge=100, le=1_000_000)
    variance: Literal["auto", "equal", "groups"] = optional(
        "equal", "subjects change places; `groups` rotates them within groups, `auto` where variances differ"
    )
    alpha: float = optional(0.05, "corrected level", gt=0, lt=1)


class Strata(Question):
    """Exact tests in error strata."""

    between: Names = optional((), "factors between units")
    within: Names = optional((), "keys crossed within units; who lacks a cell is left out and named")
    unit: Name = optional("subject", "who is exchangeable: subject, or the pair of a yoked design")
    covariates: Names = optional((), "numbers of the rows or of the subject")
    comparisons: tuple[Comparison, ...] = optional((), "of means")
    contrasts: Labels = optional((), "of levels: `LgA: naloxone - saline`")
    evidence: Evidence | None = optional(None, "Bayes factors, posteriors of effect sizes, equivalence; `{}` for all")
    networks: Networks | None = optional(None, "of edges: networks that survive; each: [region, region2]")


class Formula(Question):
    """A model by formula."""

    formula: str = required("fixed terms, center(x), random parts (1 | subject)", min_length=1, max_length=1000)
    tests: Labels = required("terms and contrasts that are corrected and shown", min_length=1)
    method: Literal["reml", "ols", "huber", "bisquare", "mixed-effects", "welch"] = required("how it is fitted")
    df: Literal["satterthwaite", "kenward-roger", "knapp-hartung"] | None = optional(None, "the method's usual")
    factors: Names = optional((), "columns of numbers that are labels")
    repeats: Names = optional((), "keys that tell repeated rows apart and are no term")
    comparisons: tuple[Comparison, ...] = optional((), "of marginal means")
    evidence: Evidence | None = optional(None, "Bayes factors, posteriors of effect sizes, equivalence; method ols")
    networks: Networks | None = optional(None, "of edges: networks that survive; each: [region, region2]")

    @model_validator(mode="after")
    def _df_of_method(self) -> "Formula":
        rules = {"reml": ("satterthwaite", "kenward-roger"), "mixed-effects": ("knapp-hartung",)}.get(self.method, ())
        if self.df is not None and self.df not in rules:
            raise ValueError(
                f"df: {self.df} is no rule of method: {self.method}; {' or '.join(rules) or 'leave df out'}"
            )
        return self


class Correlation(Question):
    """A correlation with other rows."""

    with_: Rows = required("the other side; joined by subject and every key both keep", alias="with")
    inside: Name | None = optional(None, "factor whose means are taken out, beside the pooled r")
    rank: bool = optional(False, "Spearman's in place of Pearson's")
    draws: int = optional(10_000, "permutations inside the factor", ge=100, le=1_000_000)
    controls: Names = optional((), "numbers partialled out of both sides")


class Reliability(Question):
    """An intraclass correlation."""

    agreement: Literal["absolute", "consistency"] = required("ICC(A,1) or ICC(C,1)")
    over: Name = required("key of the repetitions")


class Counts(Question):
    """A model of counts."""

    trend: Name | None = required("key whose number is a log-linear slope in a negative-binomial GEE; null for none")
    between: Names = optional((), "a factor between subjects", max_length=1)
    within: Names = optional((), "a factor within subjects, without a trend", max_length=1)
    repeats: Names = optional((), "keys that tell repeated rows apart and are no term")

    @model_validator(mode="after")
    def _one_course(self) -> "Counts":
        if (self.trend is None) != bool(self.within):
            raise ValueError("counts have a trend (trend: day), or a factor within subjects (trend: null, within: cue)")
        return self


class Pooling(Question):
    """Regions by partial pooling."""

    pooling: Literal["partial"] = required("one Bayesian multilevel model of all levels of `over` (Chen 2019)")
    over: Name = optional("region", "key whose levels inform one another")
    between: Names = optional((), "a factor between subjects; its levels less the first are effects", max_length=1)
    covariates: Names = optional((), "numbers of the rows or of the subject")
    noise: Literal["normal", "student"] = optional("normal", "student where single scores may be far off")
    scale: float = optional(2.5, "of the half-t priors of sds, in sds of the scores", "assumed", gt=0)
    draws: int = optional(4000, "from the posterior", ge=500, le=100_000)


class Means(Question):
    """Means, SEM and n, without a test."""

    by: Names = required("factors and keys: mean, SEM and n of each combination; nothing is tested")


QUESTIONS = {
    "<formula>": Formula,
    "<correlation>": Correlation,
    "<reliability>": Reliability,
    "<counts>": Counts,
    "<pooling>": Pooling,
    "<means>": Means,
    "<strata>": Strata,
}
_QUESTION_TELLS = (
    ("<formula>", "formula"),
    ("<correlation>", "with"),
    ("<reliability>", "agreement"),
    ("<counts>", "trend"),
    ("<pooling>", "pooling"),
    ("<means>", "by"),
)


def question_tag(value: Any) -> str:
    """Return the kind of a question from the one key that tells it."""
    return next((tag for tag, key in _QUESTION_TELLS if key in _keys_of(value)), "<strata>")


AnyQuestion = Annotated[
    Annotated[Formula, Tag("<formula>")]
    | Annotated[Correlation, Tag("<correlation>")]
    | Annotated[Reliability, Tag("<reliability>")]
    | Annotated[Counts, Tag("<counts>")]
    | Annotated[Pooling, Tag("<pooling>")]
    | Annotated[Means, Tag("<means>")]
    | Annotated[Strata, Tag("<strata>")],
    Discriminator(question_tag),
]


class Figure(Section):
    """A further name of a figure."""

    question: Name = required("whose figure it is")
    kind: Literal["course", "cells", "map", "region_map", "scatter", "forest", "corrections"] | None = optional(
        None, "by the kind of question and table where none is given"
    )
    only: Where = optional({}, "levels of `each` drawn, such as a region")


class Style(Section):
    """The look of figures."""

    font: str | None = optional(None, "sans-serif font of this machine; DejaVu Sans, which comes along, without it")
    font_pt: float = optional(6.5, "size of the letters, points", ge=4, le=14)
    width_mm: float = optional(178.0, "of a figure across two columns of the journal", ge=100, le=300)
    colors: dict[Label, Color] = optional({}, "level of a factor to its color, #RRGGBB")


class Base(Section):
    """What a simulated response is without effects."""

    in_: str = required("table.response", alias="in")
    mean: float = required("where no effect is planted")
    between_sd: float = required("between subjects", ge=0)
    within_sd: float = required("between the rows of a subject", ge=0)
    counts: bool = optional(False, "rows are whole numbers, effects multiply")
    shared_r: float = optional(0.0, "of edges: correlation of two that share a region", ge=0, le=0.5)

    @model_validator(mode="after")
    def _edges_share_regions(self) -> "Base":
        if self.shared_r and not self.in_.startswith("edges."):
            raise ValueError(f"shared_r is of edges, and {self.in_} has none; leave it out")
        return self


def _with_labels(tree: Any) -> Any:
    """Return a tree by levels, numbers among them as text."""
    return {as_text(key): _with_labels(part) for key, part in tree.items()} if isinstance(tree, Mapping) else tree


class Effect(Section):
    """What is planted in a response."""

    in_: str = required("table.response", alias="in")
    where: Where = optional({}, "rows that it changes; regions too, of maps")
    by: Names = optional((), "keys of `add`, outermost first")
    add: Annotated[float | dict[str, Any] | str, BeforeValidator(_with_labels)] = required(
        "to the mean: a number, a tree by levels, or a TSV with keys and `add`"
    )
    slope_on: str | None = optional(None, "table.column: `add` is then the correlation with it, within groups")


MOST_SUBJECTS = 10_000  # of a group; larger ones than any study of brains, and drawn within the memory of a laptop


class Simulation(Section):
    """Subjects of a simulated study, and what is planted in them."""

    n: dict[Label, Annotated[int, Field(le=MOST_SUBJECTS)]] = required(
        "subjects by group; `all` where there are no groups", min_length=1
    )
    base: tuple[Base, ...] = optional((), "what is there without effects")
    effects: dict[Name, Effect] = optional({}, "what may be planted")
    hypotheses: dict[Name, Names] = optional(
        {}, "sets of effects, the first is simulated; all, as `stated`, where none is named; `null` is always there"
    )
    missing: dict[str, Annotated[float, Field(ge=0, lt=1)]] = optional(
        {}, "`session=2`: share of subjects without them"
    )
    generator: Literal["declared", "mechanism", "carmack2019", "huang2023"] = optional(
        "declared", "from base and effects, by animals that live through it, or as the study of one of the two articles"
    )
    parameters: dict[str, float] = optional({}, "medians of the mechanism's parameters; none differs")
    sizes: dict[str, float] = optional({}, "sizes that the generator of an article plants; its own for those left out")

    @property
    def lived(self) -> bool:
        """Whether nothing is planted: animals of the mechanism live through the study."""
        return self.generator == "mechanism"

    @model_validator(mode="before")
    @classmethod
    def _effects_are_a_hypothesis(cls, data: Any) -> Any:
        """Plant effects that no hypothesis names, rather than none of them."""
        effects = data.get("effects") if isinstance(data, dict) else None
        if not isinstance(effects, dict) or not effects or "hypotheses" in data:
            return data
        return {**data, "hypotheses": {"stated": list(effects)}}


class Alternative(Section):
    """One other choice: settings that differ from the rest of the file, and why one could have chosen so."""

    why: str = required("why one could have chosen so", min_length=1)
    settings: dict[str, Any] = required("dotted path to value", min_length=1)
