"""Do printed effect sizes follow from the statistic they stand beside?

With F and df1, df2 (t² is F with df1 = 1), r with df, χ² with N:

    partial η² = F df1/(F df1 + df2)            (Cohen 1973, Educ Psychol Meas 33:107)
    r², R²     = the same; the square of a correlation
    η²         at most partial η², and that in a design of one factor
    d          = 2t/√(df + 2) of two groups of one size, t/√(df + 1) of pairs (d_z)   (Lakens 2013, Front Psychol 4:863)
               or 2t/√df                        (Rosenthal and Rosnow 1991, Essentials of Behavioral Research)
    φ          = √(χ²/N), with one degree of freedom Cramér's V as well

Two groups of unequal size have a larger d than two of one size, so a larger d is not refuted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cuecircuit.stats.printed import PrintedEffect, PrintedTest

Range = tuple[float, float]
_SIGNS = {"partial_eta2": "partial η²", "eta2": "η²", "r2": "r²", "d": "d", "phi": "φ"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedEffect:
    """A printed effect size and whether it agrees with its test; None where the test cannot tell."""

    printed: PrintedEffect
    agrees: bool | None
    verdict: str


def audit_effect(effect: PrintedEffect, test: PrintedTest, df: tuple[float, ...] | None, sizes: Range) -> AuditedEffect:
    """Judge one effect size.

    Args:
        effect: as printed.
        test: beside which it stands.
        df: degrees of freedom of the test; None where they are not known.
        sizes: range of the size of the statistic that its rounding leaves open.
    """
    name = f"{_SIGNS[effect.kind]} = {effect.number.value:g}"
    implied = _implied(effect, test, df, sizes)
    if not implied:
        return AuditedEffect(printed=effect, agrees=None, verdict=f"{name} cannot be checked")
    low, high = effect.number.range
    if effect.kind == "d":
        low, high = _sizes(low, high)
    for how, (least, most) in implied.items():
        # half a unit of a decimal number is not exact in binary
        if max(low, least) <= min(high, most) * (1 + 1e-9):
            return AuditedEffect(printed=effect, agrees=True, verdict=f"{name} agrees{how}")
    return _refused(effect, name, (low, high), implied)


def _refused(effect: PrintedEffect, name: str, printed: Range, implied: Mapping[str, Range]) -> AuditedEffect:
    """Return where no formula gives the printed number: still possible, or not."""
    least, most = next(iter(implied.values()))
    span = ", ".join(f"{low:.4g} to {high:.4g}{how}" for how, (low, high) in implied.items())
    if effect.kind == "eta2" and printed[0] <= most:
        verdict = f"{name} is possible: partial η² is {span}, and η² at most that"
        return AuditedEffect(printed=effect, agrees=None, verdict=verdict)
    if effect.kind == "d" and printed[1] >= least:
        verdict = f"{name} is possible in groups of unequal size: {least:.3g} or more"
        return AuditedEffect(printed=effect, agrees=None, verdict=verdict)
    return AuditedEffect(printed=effect, agrees=False, verdict=f"{name} disagrees: the test gives {span}")


def _implied(effect: PrintedEffect, test: PrintedTest, df: tuple[float, ...] | None, sizes: Range) -> dict[str, Range]:
    """Ranges of the effect size by the formula that gives it (in words, empty for the plain one)."""
    share = effect.kind in ("partial_eta2", "eta2", "r2")
    n = test.n
    if test.kind == "chi2" and effect.kind == "phi" and n and df == (1.0,):
        return {"": _over(sizes, lambda x: np.sqrt(x / n))}
    if df is None or test.kind in ("chi2", "z"):
        return {}
    if test.kind == "r":
        return {"": _over(sizes, np.square)} if share else {}
    df1, df2 = df if test.kind == "F" else (1.0, df[0])
    if share:
        power = 1 if test.kind == "F" else 2
        return {"": _over(sizes, lambda x: 1.0 - df2 / (df1 * x**power + df2))}
    if effect.kind != "d" or df1 != 1:
        return {}
    t = _over(sizes, np.sqrt) if test.kind == "F" else sizes
    per_t = {
        " (two groups of one size)": 2 / np.sqrt(df2 + 2),
        " (2t/√df)": 2 / np.sqrt(df2),
        " (pairs, t/√n)": 1 / np.sqrt(df2 + 1),
    }
    return {how: (float(t[0] * d), float(t[1] * d)) for how, d in per_t.items()}


def _over(sizes: Range, rising: Callable[[np.float64], float]) -> Range:
    with np.errstate(over="ignore"):
        return float(rising(np.float64(sizes[0]))), float(rising(np.float64(sizes[1])))


def _sizes(low: float, high: float) -> Range:
    """Return a range of numbers of either sign to the range of their sizes."""
    return (0.0 if low < 0 < high else min(abs(low), abs(high))), max(abs(low), abs(high))
