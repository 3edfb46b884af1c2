"""Do printed statistics agree with their own p? What would reconcile them, and what do they imply?

From the statistic and its degrees of freedom p is computed again, over the range that rounding leaves open; it agrees
if it meets the range the printed p leaves open (as Nuijten et al. 2016 do). Where it does not, two things are tried
that a text often omits: a sphericity correction (both df of F times ε between 1/df1 and 1), and a one-tailed p.

Effect sizes implied: partial η² = F df1/(F df1 + df2), t²/(t² + df); r²; φ = √(χ²/N); those printed are held against
them (`audit_effects`). Subjects implied: an effect
within subjects has df2 = k·(n − groups) with k contrast scores, so n − groups is df2 divided by a divisor k of df1.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from cuecircuit.stats.audit_effects import AuditedEffect, audit_effect
from cuecircuit.stats.distributions import log_sf_f
from cuecircuit.stats.printed import PrintedTest, printed_tests

Tail = Literal["two-tailed", "one-tailed", "doubled"]
_ALPHA = 0.05
_LARGEST = 1e15  # of a statistic, its degrees of freedom, its p and their last digits; squares of it are numbers
_MOST_SCORES = 1e6  # contrast scores of an effect, all of which are tried


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedTest:
    """A printed test and what its numbers say; None where a question does not arise.

    `p` is computed from the statistic as printed (two-tailed for t, r and z), `p_range` over its rounding. `agrees`
    tells whether p as such agrees; `epsilon` would give exactly the printed p and `epsilon_range` allows for its
    rounding (F as printed); `tail` is how the printed p agrees. `effects` are the effect sizes printed beside it.
    `error_df_per_score` lists what n less the number of groups may be; `fits_n` compares it with the n given.
    """

    printed: PrintedTest
    p: float | None
    p_range: tuple[float, float] | None
    agrees: bool | None
    epsilon: float | None
    epsilon_range: tuple[float, float] | None
    tail: Tail | None
    effect: str | None
    effect_size: float | None
    effects: tuple[AuditedEffect, ...]
    error_df_per_score: tuple[int, ...]
    fits_n: bool | None
    verdict: str


def audit(text: str, *, n: int | None = None, groups: int = 1) -> tuple[AuditedTest, ...]:
    """Audit every test found in `text`.

    Args:
        text: any prose with printed statistics.
        n: subjects of the study, to compare degrees of freedom with.
        groups: of subjects, for the same purpose.
    """
    return tuple(_audited(test, n, groups) for test in printed_tests(text))


def _audited(test: PrintedTest, n: int | None, groups: int) -> AuditedTest:
    df = _degrees(test)
    effect, effect_size = _effect(test, df)
    per_score = _error_df_per_score(test, df)
    estimated = 1 if test.kind == "r" else groups
    fits = None if n is None or not per_score else n - estimated in per_score
    p = _p(test, df, abs(test.statistic.value)) if df is not None else None
    p_range = _p_range(test, df) if df is not None else None
    agrees = _meet(p_range, _printed_range(test)) if p_range and test.p else None
    epsilon_range = _epsilon_range(test, df) if agrees is False and df is not None else None
    tail = _tail(test, p_range) if p_range and test.p else None
    effects = tuple(audit_effect(each, test, df, _statistic_range(test)) for each in test.effects)
    return AuditedTest(
        printed=test,
        p=p,
        p_range=p_range,
        agrees=agrees,
        epsilon=_epsilon(test, df) if epsilon_range and df is not None else None,
        epsilon_range=epsilon_range,
        tail=tail,
        effect=effect,
        effect_size=effect_size,
        effects=effects,
        error_df_per_score=per_score,
        fits_n=fits,
        verdict="; ".join([_verdict(test, p, tail, epsilon_range, fits), *(each.verdict for each in effects)]),
    )


def _degrees(test: PrintedTest) -> tuple[float, ...] | None:
    """Degrees of freedom of the test; None where they are not given or not positive, or no such test can be."""
    if _impossible(test):
        return None
    if test.kind == "z":
        return ()
    df = test.df or ((test.n - 2.0,) if test.kind == "r" and test.n else ())
    return df if df and min(df) > 0 else None


def _impossible(test: PrintedTest) -> str:
    """Why nothing can be computed from the numbers of a test; empty where it can."""
    value = test.statistic
    printed = [value, *([test.p] if test.p else [])]
    sizes = [*test.df, *(abs(number.value) for number in printed), *(number.half_unit for number in printed)]
    if max(*sizes, test.n or 0) > _LARGEST:
        return "a number is out of range"
    if test.kind in ("F", "chi2") and value.value < 0:
        return "F and χ² are never negative"
    if test.kind == "r" and abs(value.value) - value.half_unit > 1:
        return "r lies between -1 and 1"
    return ""


def _p(test: PrintedTest, df: tuple[float, ...], value: float, epsilon: float = 1.0) -> float:
    if test.kind == "F":
        return float(np.exp(log_sf_f(np.array(value), df[0] * epsilon, df[1] * epsilon)))
    if test.kind == "chi2":
        return float(special.chdtrc(df[0], value))
    if test.kind == "z":
        return float(2 * special.ndtr(-value))
    f = value**2 if test.kind == "t" else df[0] * value**2 / max(1 - value**2, 0.0) if value < 1 else np.inf
    return float(np.exp(log_sf_f(np.array(f), 1.0, df[0])))


def _statistic_range(test: PrintedTest) -> tuple[float, float]:
    """Range of the size of the statistic."""
    printed = test.statistic
    size = abs(printed.value)
    if printed.relation == "=":
        return max(size - printed.half_unit, 0.0), size + printed.half_unit
    return (0.0, size) if printed.relation == "<" else (size, np.inf)


def _p_range(test: PrintedTest, df: tuple[float, ...]) -> tuple[float, float]:
    low, high = _statistic_range(test)
    return _p(test, df, high), _p(test, df, low)


def _printed_range(test: PrintedTest) -> tuple[float, float]:
    assert test.p is not None
    low, high = test.p.range
    return max(low, 0.0), min(high, 1.0)


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    # half a unit of a decimal number is not exact in binary
    return max(one[0], other[0]) <= min(one[1], other[1]) * (1 + 1e-9)


def _tail(test: PrintedTest, p_range: tuple[float, float]) -> Tail | None:
    """How the printed p comes about; a test without direction cannot be one-tailed."""
    printed = _printed_range(test)
    directed = test.kind in ("t", "r", "z") or test.df[0] == 1
    tails: tuple[tuple[Tail, float], ...] = (("two-tailed", 1.0), ("one-tailed", 0.5), ("doubled", 2.0))
    tails = tails if directed else tails[:1]
    return next((tail for tail, times in tails if _meet((p_range[0] * times, p_range[1] * times), printed)), None)


def _epsilon(test: PrintedTest, df: tuple[float, ...]) -> float | None:
    if test.p is None or test.p.relation != "=" or test.statistic.relation != "=":
        return None
    return _solve_epsilon(test, df, test.statistic.value, test.p.value)


def _epsilon_range(test: PrintedTest, df: tuple[float, ...]) -> tuple[float, float] | None:
    """Epsilons that give the printed p, from its lowest to its highest rounding; p falls as ε grows."""
    if test.kind != "F" or df[0] <= 1 or test.p is None or test.statistic.relation != "=":
        return None
    f, lowest = test.statistic.value, 1 / df[0]
    p_low, p_high = _printed_range(test)
    if not _meet((_p(test, df, f), _p(test, df, f, lowest)), (p_low, p_high)):
        return None
    low, high = _solve_epsilon(test, df, f, p_high), _solve_epsilon(test, df, f, p_low)
    return low if low is not None else lowest, high if high is not None else 1.0


def _solve_epsilon(test: PrintedTest, df: tuple[float, ...], f: float, p: float) -> float | None:
    def excess(epsilon: float) -> float:
        return _p(test, df, f, epsilon) - p

    lowest = 1 / df[0]
    if excess(lowest) < 0 or excess(1.0) > 0:
        return None
    return optimize.root_scalar(excess, bracket=(lowest, 1.0)).root


def _effect(test: PrintedTest, df: tuple[float, ...] | None) -> tuple[str | None, float | None]:
    value = test.statistic.value
    if test.statistic.relation != "=" or df is None:
        return None, None
    if test.kind == "F":
        return "partial_eta2", value * df[0] / (value * df[0] + df[1])
    if test.kind == "t":
        return "partial_eta2", value**2 / (value**2 + df[0])
    if test.kind == "r":
        return "r2", value**2
    if test.kind == "chi2" and test.n:
        return "phi", float(np.sqrt(value / test.n))
    return None, None


def _error_df_per_score(test: PrintedTest, df: tuple[float, ...] | None) -> tuple[int, ...]:
    if df is None or test.kind in ("chi2", "z") or df[0] > _MOST_SCORES or any(each != round(each) for each in df):
        return ()
    if test.kind == "r":
        # two means are estimated where a correlation has n - 2
        return (int(df[0]) + 1,)
    within, error = (int(df[0]), int(df[1])) if test.kind == "F" else (1, int(df[0]))
    return tuple(error // k for k in range(1, within + 1) if within % k == 0 and error % k == 0)


def _verdict(
    test: PrintedTest,
    p: float | None,
    tail: Tail | None,
    epsilon: tuple[float, float] | None,
    fits: bool | None,
) -> str:
    parts = [_agreement(test, p, tail, epsilon)]
    if p is not None and test.p is not None and (crossing := _crossing(test, p)):
        parts.append(crossing)
    if fits is False:
        parts.append("degrees of freedom do not fit the number of subjects and groups")
    return "; ".join(parts)


def _agreement(test: PrintedTest, p: float | None, tail: Tail | None, epsilon: tuple[float, float] | None) -> str:
    if p is None:
        return f"cannot be checked: {_impossible(test) or 'no degrees of freedom'}"
    if test.p is None:
        return "no p printed"
    if tail == "two-tailed":
        return "agrees"
    if tail is not None:
        return f"agrees only if {tail}"
    if epsilon is not None:
        return f"agrees only with a sphericity correction, epsilon {epsilon[0]:.3f} to {epsilon[1]:.3f}"
    return "disagrees"


def _crossing(test: PrintedTest, p: float) -> str | None:
    """Say where the printed and the computed p fall on different sides of .05, or the printed p hides the side."""
    assert test.p is not None
    claimed = test.p.value <= _ALPHA and test.p.relation != ">"
    if claimed == (p <= _ALPHA):
        return None
    found = f"p = {p:.4f}" if p >= 0.001 else f"p = {p:.2g}"
    return f"{found} is {'not ' if claimed else ''}below .05"
