"""Whether rows, derived numbers and questions ask for what the tables of a study have."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property, lru_cache

from cuecircuit.errors import DesignError
from cuecircuit.stats.contrasts import parse_contrast
from cuecircuit.stats.mixed_formula import MixedFormula, parse_formula, term_label
from cuecircuit.study.accounting import RESULT_COLUMNS, Accounting, levels_of_phases, names_in, split_reference
from cuecircuit.study.questions import (
    Composite,
    Correlation,
    Counts,
    Formula,
    Means,
    Pooling,
    Question,
    Reduce,
    Rows,
    Split,
    Strata,
)
from cuecircuit.study.schema import Study

KeyPath = tuple[str | int, ...]
Contradiction = tuple[KeyPath, str]

_MADE_BY = {
    "operant": "operant:",
    "bins": "operant.measures with every_min",
    "trials": "trials:",
    "visits": "factors.session",
}
# what a permutation cannot arrange: each map has a weight of its own
_NOT_PERMUTED = ("huber", "bisquare", "mixed-effects")


def not_among(word: str, names: Iterable[str], what: str) -> str:
    """State that a name is unknown, with the nearest one or all there are."""
    options = sorted(names)
    close = () if word.isdigit() else get_close_matches(word, options, n=1)
    if not options:
        return f"'{word}' is no {what}; there is none"
    hint = f"did you mean {close[0]}?" if close else f"expected one of: {', '.join(options)}"
    return f"'{word}' is no {what}; {hint}"


@lru_cache(maxsize=256)
def formula_of(text: str) -> MixedFormula:
    """Parse a model formula, with or without a random part.

    Raises:
        DesignError: it is no formula.
    """
    return parse_formula(text if "|" in text else f"{text} + (1 | subject)")


def contrast_faults(
    at: KeyPath, text: str, levels: Mapping[str, tuple[str, ...]], numbers: Sequence[str] = ()
) -> Iterator[Contradiction]:
    """Yield what is wrong with the text of a contrast of levels, or of slopes of numbers between levels."""
    try:
        parse_contrast(text, levels, numbers)
    except DesignError as error:
        yield from ((at, fault) for fault in error.faults)


@dataclass(frozen=True)
class QuestionChecks:
    """Checks of rows, derived numbers and questions; `used` collects the names that they use."""

    study: Study
    books: Accounting
    used: set[str] = field(default_factory=lambda: {"session"})

    @cached_property
    def labels(self) -> frozenset[str]:
        """Columns whose values are labels."""
        trials = self.study.trials
        return frozenset({*self.books.factors, *(trials.labels if trials else ())})

    def rows(self, at: KeyPath, rows: Rows, modeled: Iterable[str]) -> Iterator[Contradiction]:
        """Yield what is wrong with the choice of rows of a table."""
        table, response = split_reference(rows.of)
        modeled = tuple(modeled)
        plan = self.books.tables.get(table)
        if plan is None:
            made = not_among(table, self.books.tables, "table of this study")
            way = f"give {_MADE_BY[table]}" if table in _MADE_BY else made
            yield (*at, "of"), f"nothing makes table {table}; {way}"
            return
        self.used.update((table, response, table.partition(".")[2], *rows.where, *modeled, *rows.average))
        self.used.update(map(self.books.named_key, modeled))
        if plan.responses is not None and response not in plan.responses:
            if plan.responses == {""}:
                yield (*at, "of"), f"table {table} has one response; leave out '.{response}'"
            else:
                yield (*at, "of"), not_among(response, plan.responses, f"response of table {table}")
        if plan.responses is None and not response:
            yield (*at, "of"), f"name a column of {table}, such as {table}.age"
        yield from self._choice(at, table, rows)
        if left := self.books.unaccounted(rows, *modeled):
            yield (
                at,
                f"table {table} has a row for each {', '.join(plan.keys)}; nothing accounts for {', '.join(left)}: "
                "name one level in `where`, model it, ask `each`, or `average` it",
            )

    def _choice(self, at: KeyPath, table: str, rows: Rows) -> Iterator[Contradiction]:
        keys = self.books.tables[table].keys
        columns = {*keys, *self.labels}
        for name, asked in rows.where.items():
            levels = self.levels_here(table, rows, name)
            if name not in columns:
                yield (*at, "where", name), not_among(name, columns, f"key of {table} or factor")
            for level in asked if levels else ():
                if level not in levels and level not in ("first", "last"):
                    yield (*at, "where", name), not_among(level, levels, f"level of {name}")
        for name in rows.average:
            if name not in keys:
                yield (*at, "average"), not_among(name, keys, f"key of {table}")
        if rows.change:
            planned = self.levels_here(table, rows, rows.change)
            levels = rows.where.get(rows.change) or planned
            if levels and len(levels) != 2:
                number = f"{rows.change} has {len(levels)} level{'s' * (len(levels) != 1)} here"
                yield (*at, "change"), f"{number}; name the two in `where`, the earlier first"
            elif rows.change not in columns:
                yield (*at, "change"), not_among(rows.change, keys, f"key of {table}")
            elif (
                levels == ("last", "first") or [level for level in planned if level in levels] == [*levels][::-1] != []
            ):
                turned = f"is the later level less the earlier; write {rows.change}: [{levels[1]}, {levels[0]}]"
                yield (*at, "where", rows.change), turned

    def levels_here(self, table: str, rows: Rows, key: str) -> tuple[str, ...]:
        """Return the levels that a key has among the chosen rows; empty where only files have them."""
        phases = levels_of_phases(self.study.operant, rows) if self.books.of_sessions(table) else ()
        if key == "treatment":
            return names_in(*(phase.treatments for phase in phases))
        if key == "day" and phases:
            return tuple(str(day) for day in range(1, max(phase.days for phase in phases) + 1))
        return self.books.levels(table, key)

    def derived(self) -> Iterator[Contradiction]:
        """Yield faults of derived numbers and labels."""
        study = self.study
        for name, derived in study.derived.items():
            at = ("derived", name)
            if name in study.factors:
                yield at, f"'{name}' is also a factor; name one of them otherwise"
            match derived:
                case Reduce():
                    plan = self.books.tables.get(f"derived.{name}")
                    keys = plan.keys if plan else ()
                    yield from self.rows(at, derived, (*keys, derived.over))
                    if derived.less:
                        yield from self.rows((*at, "less"), derived.less, (*keys, derived.over))
                case Composite():
                    for part in derived.sum_of_z:
                        if part not in study.derived:
                            yield (*at, "sum_of_z"), not_among(part, study.derived, "derived number")
                    yield from self._are_factors((*at, "inside"), derived.inside)
                    self.used.update(derived.sum_of_z)
                case Split():
                    self.used.update((derived.split, *derived.among))
                    parts = {"median": 2, "tertiles": 3}.get(str(derived.at), 2)
                    if len(derived.labels) != parts:
                        yield (
                            (*at, "labels"),
                            f"at: {derived.at} makes {parts} parts, labels names {len(derived.labels)}",
                        )
                    for factor, levels in derived.among.items():
                        yield from self._are_factors((*at, "among"), (factor,))
                        for level in levels:
                            if factor in study.factors and level not in study.factors[factor].levels:
                                here = not_among(level, study.factors[factor].levels, f"level of {factor}")
                                yield (*at, "among", factor), here
                case _:
                    self.used.add(derived.of)
                    if derived.of not in self.books.tables:
                        yield (*at, "of"), f"nothing makes table {derived.of}; give {_MADE_BY[derived.of]}"
            if f"derived.{name}" not in self.books.tables and isinstance(derived, Reduce):
                source = split_reference(derived.of)[0]
                if source.startswith("derived.") and source.partition(".")[2] in study.derived:
                    yield (*at, "of"), f"goes back to itself by way of {source}"

    def _are_factors(self, at: KeyPath, names: Iterable[str]) -> Iterator[Contradiction]:
        for name in names:
            self.used.add(name)
            if name not in self.books.factors:
                yield at, not_among(name, self.books.factors, "factor of the study")

    def questions(self) -> Iterator[Contradiction]:
        """Yield faults of questions."""
        for name, question in self.study.questions.items():
            yield from self._question(("questions", name), question)
        yield from self._compared()

    def _compared(self) -> Iterator[Contradiction]:
        """Yield corrections to compare where no question says at which effect."""
        way = "compares at the effect that a question by between and within shows; name it in `shown` there"
        maps = {n: q for n, q in self.study.questions.items() if q.of.startswith(("maps.", "contrasts."))}
        shown = {name for name, question in maps.items() if isinstance(question, Strata) and question.shown}
        for name, question in maps.items():
            if question.correction and question.correction.compare and name not in shown:
                yield ("questions", name, "correction", "compare"), way
        uncorrected = [name for name, question in maps.items() if question.correction is None]
        if self.study.correction and self.study.correction.compare and uncorrected and not shown & {*uncorrected}:
            yield ("correction", "compare"), way

    def _question(self, at: KeyPath, question: Question) -> Iterator[Contradiction]:
        table = split_reference(question.of)[0]
        modeled = [*question.each]
        modeled += [getattr(question, key, "") or "" for key in ("unit", "over", "trend")]
        keys = self.books.tables[table].keys if table in self.books.tables else ()
        names = {*self.labels, *keys, *self._by_day()}
        for key in ("between", "within", "by", "each", "repeats"):
            for name in getattr(question, key, ()):
                modeled.append(name)
                if name not in names:
                    hint = not_among(name, names, f"key of {table} or factor")
                    yield (*at, key), f"{hint}; a column of labels is listed under factors:"
                elif key == "between" and {name, self.books.named_key(name)} & {*keys}:
                    yield (*at, key), f"{name} tells rows of a subject apart; name it in `within`"
                elif key in ("between", "within") and len(self._levels_left(question, table, name)) == 1:
                    yield (*at, key), f"{name} has one level here; a factor of a model has two or more"
        for name in sorted({*modeled, *getattr(question, "covariates", ()), *getattr(question, "controls", ())}):
            if name in RESULT_COLUMNS:
                yield at, f"{name} is also a column of results; call the factor or number otherwise"
        for name in question.family:
            if name not in question.each:
                yield (*at, "family"), not_among(name, question.each, "key of each")
        if isinstance(question, Formula):
            yield from self._formula(at, question, modeled)
        if isinstance(question, Pooling | Counts):
            yield from self._one_model(at, question, keys)
        for key in ("covariates", "controls"):
            self.used.update(getattr(question, key, ()))
        self.used.update(modeled)
        yield from self.rows(at, question, modeled)
        if isinstance(question, Correlation):
            yield from self._partner(at, question, keys)
        if isinstance(question, Strata):
            yield from self._strata(at, question, table)
        if getattr(question, "networks", None) is not None:
            yield from self._networks(at, question, keys)
        yield from self._correction(at, question, table)

    def _networks(self, at: KeyPath, question: Question, keys: tuple[str, ...]) -> Iterator[Contradiction]:
        if "region2" not in keys:
            yield (*at, "networks"), "networks are made of edges; ask it of a table edges.NAME"
        elif set(question.each) != {"region", "region2"}:
            yield (*at, "networks"), "networks are made of all edges of one fit; set each to [region, region2]"
        if (method := getattr(question, "method", "ols")) in _NOT_PERMUTED:
            yield (*at, "method"), f"networks are corrected by permutation, which {method} has none of; use ols or reml"

    def _one_model(self, at: KeyPath, question: Pooling | Counts, keys: tuple[str, ...]) -> Iterator[Contradiction]:
        if isinstance(question, Pooling) and question.over not in keys:
            yield (*at, "over"), not_among(question.over, keys, "key of the table; ask it of regions")
        numbers = [key for key in keys if self.books.numbered(key)]
        if isinstance(question, Counts) and question.trend and question.trend not in numbers:
            yield (*at, "trend"), not_among(question.trend, numbers, "numbered key of the table")
        if question.each:
            yield (*at, "each"), "it is one model of all rows; choose levels in `where`, or average over the key"

    def _without_side(self, test: str) -> bool:
        """Return whether a test is the term of factors alone, whose sign has no meaning of its own."""
        return " - " not in test and all(part in self.labels for part in _ordered(test))

    def _by_day(self) -> set[str]:
        operant = self.study.operant
        return {name for phase in (operant.phases.values() if operant else ()) for name in phase.by_day}

    def _levels_left(self, question: Rows, table: str, name: str) -> tuple[str, ...]:
        return question.where.get(name) or self.levels_here(table, question, name)

    def _partner(self, at: KeyPath, question: Correlation, keys: tuple[str, ...]) -> Iterator[Contradiction]:
        shared = [key for key in question.each if key in keys]
        yield from self.rows((*at, "with"), question.with_, shared)
        if question.inside:
            yield from self._are_factors((*at, "inside"), (question.inside,))

    def _strata(self, at: KeyPath, question: Strata, table: str) -> Iterator[Contradiction]:
        terms = (*question.between, *question.within)
        for effect in question.shown:
            for part in effect.split(":"):
                if part not in (*terms, *question.covariates):
                    yield (*at, "shown"), not_among(part, terms, "factor of the question")
        levels = {name: self._levels_left(question, table, name) for name in terms}
        for text in question.contrasts if all(levels.values()) else ():
            yield from contrast_faults((*at, "contrasts"), text, levels)
        for place, comparison in enumerate(question.comparisons):
            for name in (comparison.factor, *comparison.by, *comparison.family):
                if name not in terms:
                    yield (*at, "comparisons", place), not_among(name, terms, "factor of the question")
            if comparison.adjust in ("dunnett", "tukey") and comparison.error == "own":
                reason = f"adjust {comparison.adjust} needs error: pooled; use holm for own error terms"
                yield (*at, "comparisons", place), reason

    def _formula(self, at: KeyPath, question: Formula, modeled: list[str]) -> Iterator[Contradiction]:
        try:
            formula = formula_of(question.formula)
        except DesignError as error:
            yield from (((*at, "formula"), fault) for fault in error.faults)
            return
        modeled += formula.columns
        terms = {_ordered(term_label(term)) for term in formula.fixed}
        for test in question.tests:
            if " - " not in test and _ordered(test) not in terms and test != "(Intercept)":
                yield (*at, "tests"), not_among(test, [term_label(t) for t in formula.fixed], "term of the formula")
        yield from self._formula_contrasts(at, question, formula)
        if "|" in question.formula and question.method != "reml":
            yield (
                (*at, "method"),
                f"{question.method} has no random parts; use reml, or leave ({'|'}) out of the formula",
            )
        if question.evidence is not None and question.method != "ols":
            yield (
                (*at, "evidence"),
                f"{question.method} has no one standard deviation to measure effects by; use method: ols, or between "
                "and within",
            )
        if "|" not in question.formula and question.method == "reml":
            yield (*at, "method"), "reml needs a random part such as (1 | subject); use ols for none"

    def _formula_contrasts(self, at: KeyPath, question: Formula, formula: MixedFormula) -> Iterator[Contradiction]:
        """Yield contrasts of levels that no factor of a formula has, where the study file has all of its levels."""
        table = split_reference(question.of)[0]
        fixed = dict.fromkeys(one for term in formula.fixed for one in term)
        numbers = [one.column for one in fixed if one.centered]
        levels = {one.column: self._levels_left(question, table, one.column) for one in fixed if not one.centered}
        if not all(name in self.books.factors and levels[name] for name in levels):  # labels or not: files tell
            return
        for test in question.tests:
            if " - " in test:
                yield from contrast_faults((*at, "tests"), test, levels, numbers)

    @staticmethod
    def _of_maps(at: KeyPath, question: Question) -> Iterator[Contradiction]:
        for key, way in _OF_NUMBERS.items():
            given = key in question.model_fields_set and getattr(question, key) not in ((), "none", None, False)
            if given and not (key == "change" and isinstance(question, Correlation)):
                yield (*at, key), f"is of numbers, not of maps; {way}"
        if isinstance(question, Correlation) and question.change != question.with_.change:
            yield (*at, "with", "change"), f"the map is of a change; set it to {question.change}, as for the maps"

    def _correction(self, at: KeyPath, question: Question, table: str) -> Iterator[Contradiction]:
        maps = table.startswith(("maps.", "contrasts."))
        yield from self._of_maps(at, question) if maps else ()
        if question.correction and not maps:
            yield (*at, "correction"), f"corrects maps; {table} is no table of maps (use `adjust`)"
        if not maps or isinstance(question, Means):
            return
        correction = question.correction or self.study.correction
        if correction is None and isinstance(question, Strata | Formula):
            yield at, "tests maps, and nothing says how they are corrected; give `correction:` here or for the study"
        method = getattr(question, "method", "")
        sideless = isinstance(question, Formula) and all(self._without_side(test) for test in question.tests)
        if correction is not None and correction.sided == "one" and sideless:
            yield (
                (*at, "tests"),
                "one side of a factor's term hangs on the order of its levels; ask for a contrast such as A - B, or "
                "set correction.sided to two",
            )
        if correction is not None and correction.method == "permutation" and method in _NOT_PERMUTED:
            yield (
                (*at, "method"),
                f"permutation tests least squares; set method to ols, or correct {method} by simulation",
            )


# settings of a question that are of numbers; of maps they would be passed over
_OF_NUMBERS = {
    "average": "put the key in `within`, or give a contrast of the set of maps",
    "change": "put the key in `within`, with a contrast such as late - early",
    "comparisons": "give `contrasts`, or `tests` such as late - early",
    "adjust": "voxels are corrected by `correction`",
    "alpha": "that of maps is correction.alpha",
    **dict.fromkeys(("inside", "controls", "rank"), "ask it of regions"),
}


def _ordered(term: str) -> tuple[str, ...]:
    return tuple(sorted(part.strip() for part in term.split(":")))
