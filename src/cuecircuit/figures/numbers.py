"""How numbers and effects are printed, in figures, tables and text (APA style: no zero before the point of p or r)."""

import math
import re
from typing import SupportsFloat

MINUS = "\N{MINUS SIGN}"
MISSING = "–"
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
STAR_RULE = "* p < .05, ** p < .01, *** p < .001"


def number(value: SupportsFloat, digits: int = 2) -> str:
    """Print with a fixed number of decimals and a true minus sign; a dash where there is no value."""
    value = float(value)
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{value:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", MINUS)
    zero = f"{0:.{digits}f}"
    return zero if text == MINUS + zero else text


def short(value: SupportsFloat) -> str:
    """Print with as few digits as tell it: 0.06, 12, 2.5, 10 000."""
    value = float(value)
    if not math.isfinite(value):
        return number(value)
    rounded = float(f"{value:.4g}") if abs(value) < 1e4 else round(value)
    text = f"{rounded:,.10f}".rstrip("0").rstrip(".")
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", MINUS)


def fraction(value: float, digits: int = 2) -> str:
    """Print a number between -1 and 1 without the zero before its point: .43, −.05, 1.00."""
    return number(value, digits).replace("0.", ".", 1) if abs(value) < 1 else number(value, digits)


def p_value(p: float) -> str:
    """Print p alone: .012, < .001, > .999."""
    if math.isnan(p):
        return MISSING
    if p < 0.001:
        return "< .001"
    return "> .999" if p > 0.999 else fraction(p, 3)


def threshold(p: float) -> str:
    """Print a p that somebody chose, with the digits that were chosen: .05, .001."""
    return short(p).removeprefix("0")


def p_equals(p: float, name: str = "p") -> str:
    """Print p with its name: p = .012, p < .001."""
    text = p_value(p)
    return f"{name} {text}" if text[0] in "<>" else f"{name} = {text}"


def stars(p: float) -> str:
    """Stars of a p, none at .05 and above or where nothing was tested; `STAR_RULE` says it in words."""
    return next((mark for limit, mark in _STARS if p < limit), "")


def effect_text(effect: str) -> str:
    """Print an effect with the field's signs: group × cue; contrasts as they are written, with a minus: LgA: a − b."""
    if effect == "(Intercept)":  # of centered factors
        return "mean"
    return re.sub(r":(?! )", " × ", effect).replace(" - ", f" {MINUS} ")
