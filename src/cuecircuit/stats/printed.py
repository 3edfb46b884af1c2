"""Find statistics in running text, with the rounding they were printed with.

Read are F, t, r, χ² and z, with degrees of freedom in brackets (APA: "F(9, 171) = 4.25, p = .002"), as subscripts or
bare (journals: "F9,171 = 4.25; P = 0.002"), or named ("t = 2.4, df = 19, P < 0.05"; "r = 0.62, n = 21"; "r = .62, p =
.003, N = 21"). Kruskal and Wallis's H(2) and Cochran's Q(28) are χ², Spearman's ρ and r_s are r of ranks. The p may
stand after the statistic, or before all of them ("P < 0.001, F(1,19) = 35.5"); "n.s." is p > .05; "one-tailed" and
"two-sided" beside a test are kept. Effect sizes
(partial η², η², r², d, φ) belong to the test before them. Letters may be italic (Unicode, HTML, Markdown, LaTeX); a
comma between digits of a value is a decimal comma unless a point follows.
"""

import html
import re
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import Literal

from cuecircuit.errors import DataError

MOST_LETTERS = 1_000_000  # a book has fewer
_MOST_DIGITS = 16  # of a number of subjects; so many are out of range in any case
_BLANKS = re.compile(r"\s{8,}")  # patterns look at every part of a run of blanks

Kind = Literal["F", "t", "r", "chi2", "z"]
DeclaredTail = Literal["one-tailed", "two-tailed"]
EffectKind = Literal["partial_eta2", "eta2", "r2", "d", "phi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A printed number: what it says, its relation (=, <, >), and half a unit of its last digit."""

    value: float
    relation: Literal["=", "<", ">"]
    half_unit: float

    @property
    def range(self) -> tuple[float, float]:
        """The values that would be printed so; open ends are infinite."""
        if self.relation == "<":
            return -float("inf"), self.value
        if self.relation == ">":
            return self.value, float("inf")
        return self.value - self.half_unit, self.value + self.half_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedEffect:
    """An effect size as printed."""

    kind: EffectKind
    number: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTest:
    """One test as printed; `df` is empty where the text gives none, `n` the sample size if it stands there.

    `ranks` marks Spearman's correlation; `tail` is the one the text declares.
    """

    text: str
    kind: Kind
    df: tuple[float, ...]
    n: int | None
    statistic: Number
    p: Number | None
    effects: tuple[PrintedEffect, ...] = ()
    ranks: bool = False
    tail: DeclaredTail | None = None


_DF = r"\d+(?:\.\d+)?"
# 1,234.5 and 1,234,567 have thousands, 4,25 a decimal comma; a comma before anything but a digit ends the number
_NUMBER = (
    r"(?:[-+]\s?)?(?:\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:,\d{3}){2,}(?!\d)|\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][-+]?\d{1,3})?"
)
_RELATION = r"(?:<=|>=|=|<|>)"
_STATISTIC = rf"\s*(?P<relation>{_RELATION})\s*(?P<value>{_NUMBER})"
_N = r"(?:[nN]\s*=\s*(?P<n>\d{1,3}(?:,\d{3})+|\d+))"
_OPEN, _CLOSE = r"\s*_?[(\[{]?\s*(?:df\s*=\s*)?", r"\s*[)\]}]?"
_TWO, _ONE = rf"(?P<df1>{_DF})\s*[,;/]\s*(?P<df2>{_DF})", rf"(?P<df1>{_DF})"
_COMMAS = r"(?P<df1>\d+(?:,\d+)?)\s*;\s*(?P<df2>\d+(?:,\d+)?)"
_BRACKET = r"\s*_?[(\[]\s*(?:df\s*=\s*)?"
_AFTER = r"\s*[,;]?\s*\(?\s*(?:d\.?f\.?)\s*=?\s*"
_R = r"(?:(?P<ranks>r_?\{?s\}?(?![A-Za-z])|ρ|rho)|[rR])"

# per kind: degrees of freedom before the value, then named after it, then none
_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("F", rf"F{_OPEN}{_TWO}{_CLOSE}{_STATISTIC}"),
    ("F", rf"F{_OPEN}{_COMMAS}{_CLOSE}{_STATISTIC}"),
    ("F", rf"F{_STATISTIC}{_AFTER}{_TWO}"),
    ("F", rf"F{_STATISTIC}"),
    ("t", rf"t{_OPEN}{_ONE}{_CLOSE}{_STATISTIC}"),
    ("t", rf"t{_STATISTIC}{_AFTER}{_ONE}"),
    ("t", rf"t{_STATISTIC}"),
    ("r", rf"{_R}(?!\s*2\s*[=<>]){_OPEN}{_ONE}{_CLOSE}{_STATISTIC}"),
    ("r", rf"{_R}{_STATISTIC}{_AFTER}{_ONE}"),
    ("r", rf"{_R}{_STATISTIC}(?:\s*[,;]?\s*\(?\s*{_N})?"),
    ("chi2", rf"(?:Q(?:_?[A-Za-z]{{1,7}})?|H){_BRACKET}{_ONE}\s*(?:[,;]\s*{_N})?{_CLOSE}{_STATISTIC}"),
    ("chi2", rf"χ{_OPEN}{_ONE}\s*(?:[,;]\s*{_N})?{_CLOSE}{_STATISTIC}"),
    ("chi2", rf"χ{_STATISTIC}{_AFTER}{_ONE}"),
    ("chi2", rf"χ{_STATISTIC}"),
    ("z", rf"(?<!d_)[zZ]{_STATISTIC}"),
)
_TESTS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rf"(?<![A-Za-z0-9χ]){pattern}")) for kind, pattern in _PATTERNS
)
_P = re.compile(
    rf"(?<![A-Za-z])[pP](?:['’]?s)?\s*(?:-?\s*values?)?\s*(?P<relation>{_RELATION})\s*(?P<value>{_NUMBER})"
    r"|(?<![A-Za-z.])(?P<ns>n\.\s?s\.|n\.?s\.?(?![A-Za-z]))"
)

_PARTIAL = (
    r"(?:partial[\s-]*(?:η|eta)[\s_-]*(?:p\s*)?(?:\^?\{?2\}?|squared)"
    r"|η[\s_{]*p[\s_}]*\^?\{?2\}?|η\s*\^?\{?2\}?[\s_{]*p\}?)"
)
_EFFECT_NAMES: tuple[tuple[EffectKind, str], ...] = (
    ("partial_eta2", _PARTIAL),
    ("eta2", r"(?<!partial )(?<!partial-)(?:η|eta)[\s_-]*(?:\^?\{?2\}?|squared)"),
    ("r2", r"r\s*(?:\^?\s*\{?2\}?|[\s-]squared)"),
    ("d", r"(?:Cohen(?:['’]?s)?\s+)?(?-i:d)(?:[_\s]?[zs])?"),
    ("phi", r"(?:φ|ϕ|phi|Cram[eé]r(?:['’]?s)?\s+V)"),
)
_EFFECTS: tuple[tuple[EffectKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rf"(?<![A-Za-z]){name}{_STATISTIC}", re.IGNORECASE)) for kind, name in _EFFECT_NAMES
)

_SAME = str.maketrans("−–‒", "---")
# R² is no r of two degrees of freedom
_SQUARE = str.maketrans({"²": "^2"})
_TAGS = re.compile(r"</?(?:i|em|b|strong|sub|sup|span)\b[^<>]{0,200}>", re.IGNORECASE)
_SPELLINGS = (
    (r"(?<![A-Za-z0-9])[*_]{1,2}([FtrRzZpP])[*_]{1,2}(?![A-Za-z])", r"\1"),
    (r"\$|\\(?:text|mathrm|mathit|textit)(?=\{)", ""),
    (r"\{([FtrRzZpP])\}", r"\1"),
    (r"\\chi", "χ"),
    (r"\\rho", "ρ"),
    (r"(?<=F\()\s*[lI](?=\s*[,;])", "1"),
    (r"\\eta", "η"),
    (
        r"(?:χ|Χ|\bchi)\s*(?:[\^_]\{?2\}?|-?\s*squared?|2(?=\s*[_(\[{=<>,0-9]))|\bX\^?2(?=\s*[_(\[{=<>])|\bx2(?=\s*[(\[])",
        "χ",
    ),
    (r"≤|⩽|≦", "<="),
    (r"≥|⩾|≧", ">="),
    (r"(?<=\d)\s*[×x*]\s*10\s*\^?\s*\{?\s*(-?\d+)\}?", r"e\1"),
    (r"(?<=\d)·(?=\d)", "."),
)
_TAIL = re.compile(r"(?<![A-Za-z0-9])(?P<sides>one|two|1|2)[\s-]*(?:tail|side)(?:ed)?", re.IGNORECASE)
_LATER_N = re.compile(rf"(?<![A-Za-z]){_N}")
_BETWEEN = re.compile(r"[\s,;:(\[]*")
# a p further away than this belongs to something else
_REACH = 80
_TAIL_REACH = 25


def printed_tests(text: str) -> tuple[PrintedTest, ...]:
    """Find every test in `text`, in order."""
    if len(text) > MOST_LETTERS:
        raise DataError(f"a text of {len(text)} letters, expected at most {MOST_LETTERS}; give it in parts")
    text = _plain(text)
    matches = _matches(text)
    ps = list(_P.finditer(text))
    starts, ends = [p.start() for p in ps], [p.end() for p in ps]

    def leading(match: re.Match[str]) -> re.Match[str] | None:
        """Find the p before a test with nothing but signs between them."""
        nearest = bisect_right(ends, match.start()) - 1
        between = nearest >= 0 and _BETWEEN.fullmatch(text, ends[nearest], match.start())
        return ps[nearest] if between else None

    p_first = bool(matches) and leading(matches[0][1]) is not None
    tests = []
    for place, (kind, match) in enumerate(matches):
        if p_first:
            p = leading(match)
        else:
            end = matches[place + 1][1].start() if place + 1 < len(matches) else len(text)
            after = bisect_left(starts, match.end())
            p = ps[after] if after < len(ps) and starts[after] < min(end, match.end() + _REACH) else None
        until = matches[place + 1][1].start() if place + 1 < len(matches) else len(text)
        beside = text[match.end() : min(until, match.end() + 2 * _REACH)]
        before = text[max(match.start() - _TAIL_REACH, matches[place - 1][1].end() if place else 0) : match.start()]
        tail = _tail(before, beside, len(p.group()) + p.start() - match.end() if p and not p_first else 0)
        test = replace(_test(text, kind, match, p), effects=printed_effects(beside), tail=tail)
        if kind == "r" and not test.df and test.n is None and (later := _LATER_N.search(beside)):
            test = replace(test, n=_count(later))
        tests.append(test)
    return tuple(tests)


def printed_effects(text: str) -> tuple[PrintedEffect, ...]:
    """Find the effect sizes in `text`, in order."""
    text = _plain(text)
    matches: list[tuple[int, EffectKind, re.Match[str]]] = [
        (match.start(), kind, match) for kind, pattern in _EFFECTS for match in pattern.finditer(text)
    ]
    return tuple(
        PrintedEffect(kind=kind, number=_number(match["relation"], match["value"]))
        for _, kind, match in sorted(matches, key=lambda each: each[0])
    )


def _plain(text: str) -> str:
    # superscripts, subscripts, italic letters and odd blanks become plain ones
    text = _BLANKS.sub(" ", text)
    text = unicodedata.normalize("NFKC", _TAGS.sub("", html.unescape(text)).translate(_SQUARE)).translate(_SAME)
    for spelling, plain in _SPELLINGS:
        text = re.sub(spelling, plain, text)
    return text


def _matches(text: str) -> list[tuple[Kind, re.Match[str]]]:
    matches: list[tuple[Kind, re.Match[str]]] = []
    taken = bytearray(len(text))
    for kind, pattern in _TESTS:
        for match in pattern.finditer(text):
            if not any(taken[match.start() : match.end()]):
                taken[match.start() : match.end()] = b"\1" * (match.end() - match.start())
                matches.append((kind, match))
    return sorted(matches, key=lambda each: each[1].start())


def _test(text: str, kind: Kind, match: re.Match[str], p: re.Match[str] | None) -> PrintedTest:
    parts = match.groupdict()
    df = tuple(float(parts[name].replace(",", ".")) for name in ("df1", "df2") if parts.get(name))
    ends = [match.span(), p.span()] if p else [match.span()]
    return PrintedTest(
        text=text[min(start for start, _ in ends) : max(end for _, end in ends)].replace("χ", "χ²"),
        kind=kind,
        df=df,
        n=_count(match) if parts.get("n") else None,
        statistic=_number(parts["relation"], parts["value"]),
        p=_p_value(p) if p else None,
        ranks=bool(parts.get("ranks")),
    )


def _count(match: re.Match[str]) -> int:
    return int(match["n"].replace(",", "")[:_MOST_DIGITS])


def _tail(before: str, beside: str, p_end: int) -> DeclaredTail | None:
    """Find the tail that is declared before or beside a test, on its side of a semicolon.

    Args:
        before: text that leads to the test.
        beside: text after its statistic.
        p_end: where in it the p ends.
    """
    sentence = beside[:p_end] + beside[p_end:].partition(";")[0]
    match = _TAIL.search(sentence) or _TAIL.search(before.rpartition(";")[2])
    if match is None:
        return None
    return "one-tailed" if match["sides"].lower() in ("one", "1") else "two-tailed"


def _p_value(match: re.Match[str]) -> Number:
    if match["ns"]:
        return Number(value=0.05, relation=">", half_unit=0.0)
    return _number(match["relation"], match["value"])


def _number(relation: str, text: str) -> Number:
    text = re.sub(r"\s", "", text)
    text = text.replace(",", "") if "." in text or text.count(",") > 1 else text.replace(",", ".")
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    kinds: dict[str, Literal["=", "<", ">"]] = {"<": "<", "<=": "<", ">": ">", ">=": ">"}
    # as text, for a power of ten beyond what a number holds is infinite then, and refused by the audit
    return Number(value=float(text), relation=kinds.get(relation, "="), half_unit=float(f"0.5e{-decimals}"))
