"""The text of a mixed model, as in lme4: `group*cue + center(resp) + (1 | subject) + (1 + resp | subject:cue)`.

The fixed part is Wilkinson and Rogers' (1973) algebra (`+`, `*`, `:`, `/`, `^`, `-`), read by formulaic; variables are
columns, or `center(column)` for a covariate less its mean over the rows. A random part is a bar in parentheses:
columns left of it (1 for the intercept, `0 +` for none), a grouping right of it. `||` leaves the columns
uncorrelated. `(… | a/b)` is short for `(… | a) + (… | a:b)`. A response (`y ~`) is allowed and checked in `models.fit`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from cuecircuit.errors import DesignError
from cuecircuit.stats.formula_text import LONGEST, check_formula

_CENTER = re.compile(r"center\(\s*(?:`(?P<quoted>[^`]+)`|(?P<plain>[\w.]+))\s*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A column of the table as the formula uses it."""

    column: str
    centered: bool = False

    @property
    def label(self) -> str:
        """The variable as written."""
        return f"center({self.column})" if self.centered else self.column


Term = tuple[Variable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomBar:
    """Terms whose coefficients vary between the levels of the grouping; the empty term is the intercept."""

    terms: tuple[Term, ...]
    grouping: tuple[str, ...]
    correlated: bool

    @property
    def label(self) -> str:
        """The bar as lme4 writes it."""
        names = ["1" if () in self.terms else "0", *(term_label(term) for term in self.terms if term)]
        return f"({' + '.join(names)} {'|' if self.correlated else '||'} {':'.join(self.grouping)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedFormula:
    """Fixed terms (the empty one is the intercept) and random parts, in the order of writing."""

    text: str
    fixed: tuple[Term, ...]
    random: tuple[RandomBar, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column the formula names."""
        named = [variable.column for variable in self.variables]
        return tuple(dict.fromkeys([*named, *(name for bar in self.random for name in bar.grouping)]))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every variable of the fixed and random terms."""
        terms = [*self.fixed, *(term for bar in self.random for term in bar.terms)]
        return tuple(dict.fromkeys(variable for term in terms for variable in term))


def term_label(term: Term) -> str:
    """Join the variables of a term by ":"; the empty term is R's (Intercept)."""
    return ":".join(variable.label for variable in term) or "(Intercept)"


def parse_formula(text: str) -> MixedFormula:
    """Read the text of a mixed model.

    Raises:
        DesignError: the text is not a formula, or has no random part.
    """
    if len(text) > LONGEST:
        raise DesignError(f"formula '{text[:60]}...': {len(text)} letters, expected at most {LONGEST}")
    right = text.split("~", 1)[-1]
    fixed, random = [], []
    for sign, part in _summands(right, text):
        inner = part[1:-1] if part.startswith("(") and part.endswith(")") else ""
        if "|" in inner:
            if sign == "-":
                raise DesignError(f"formula '{text}': found '- {part}', expected random parts to be added")
            random += _bars(inner, text)
        else:
            fixed.append(f"{sign} {part}")
    if not random:
        raise DesignError(f"formula '{text}': found no random part, expected for example '(1 | subject)'")
    repeated = [bar.label for bar in random if random.count(bar) > 1]
    if repeated:
        raise DesignError(f"formula '{text}': {bar} stands more than once" for bar in dict.fromkeys(repeated))
    return MixedFormula(text=text, fixed=_terms(" ".join(fixed) or "1", text), random=tuple(random))


def _summands(right: str, text: str) -> Iterator[tuple[str, str]]:
    """Split at the plus and minus signs outside parentheses and backticks."""
    depth, quoted, start, sign = 0, False, 0, "+"
    for place, letter in enumerate(right):
        quoted ^= letter == "`"
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if depth < 0:
            break
        if letter in "+-" and depth == 0 and not quoted:
            if right[start:place].strip():
                yield sign, right[start:place].strip()
            sign, start = letter, place + 1
    if depth or quoted or not right[start:].strip():
        raise DesignError(f"formula '{text}': parentheses or backticks do not close, or it ends in a sign")
    yield sign, right[start:].strip()


def _bars(inner: str, text: str) -> list[RandomBar]:
    correlated = "||" not in inner
    left, _, right = inner.partition("|" if correlated else "||")
    if not left.strip() or not right.strip() or "|" in right:
        raise DesignError(f"formula '{text}': found '({inner})', expected columns | grouping")
    nested = [_names(part, inner, text) for part in _split(right, "/")]
    terms = _terms(left, text)
    return [
        RandomBar(terms=terms, grouping=sum(nested[: depth + 1], ()), correlated=correlated)
        for depth in range(len(nested))
    ]


def _names(part: str, inner: str, text: str) -> tuple[str, ...]:
    names = [name.strip() for name in _split(part, ":")]
    if not all(re.fullmatch(r"`[^`]+`|[^\W\d][\w. ]*", name) for name in names):
        raise DesignError(
            f"formula '{text}': found '({inner})', expected a grouping such as subject or subject:cue; a column with "
            "other letters in its name goes in `backticks`"
        )
    return tuple(name.strip("`") for name in names)


def _split(text: str, sign: str) -> list[str]:
    """Split at a sign outside backticks."""
    return re.split(f"{sign}(?=(?:[^`]*`[^`]*`)*[^`]*$)", text)


def _terms(part: str, text: str) -> tuple[Term, ...]:
    # 0.8 s to import: only when a formula is read
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    check_formula(part, text)
    try:
        parsed = cast(SimpleFormula, Formula.from_spec(part))
    except FormulaicError as error:
        plain = re.sub(r"\x1b\[[\d;]*m|[⧛⧚]", "", str(error)).split("\n")[0]
        raise DesignError(f"formula '{text}': {plain}") from error
    terms = [tuple(_variable(factor.expr) for factor in term.factors if factor.expr != "1") for term in parsed]
    if not terms:
        raise DesignError(f"formula '{text}': found no term in '{part}', expected at least the intercept 1")
    return tuple(terms)


def _variable(expression: str) -> Variable:
    centered = _CENTER.fullmatch(expression)
    if centered:
        return Variable(column=centered["quoted"] or centered["plain"], centered=True)
    return Variable(column=expression)
