"""Do printed statistics agree with their own p? What would reconcile them, and what do they imply?

From the statistic and its degrees of freedom p is computed again, over the range that rounding leaves open; it agrees
if it meets the range the printed p leaves open (as Nuijten et al. 2016 do). Where it does not, two things are tried
that a text often omits: a sphericity correction (both df of F times ε between 1/df1 and 1), and a one-tailed p. Where
the text declares its tail, that tail is what p is held against. p of ranks is that of t, which their distribution
follows from about ten pairs on (checked in the tests).

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
_FEWEST_RANKS = 10  # pairs from which t gives a p of .05 of a rank correlation to within .01
_MOST_SCORES = 1e6  # contrast scores of an effect, all of which are tried


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedTest:
    """A printed test and what its numbers say; None where a question does not arise.

    `p` is computed from the statistic as printed (two-tailed for t, r and z), `p_range` over its rounding. `agrees`
    tells whether p with the tail that the text declares (two, if none) agrees; `epsilon` would give exactly the printed
    p and `epsilon_range` allows for its rounding (F as printed); `tail` is how the printed p agrees. `effects` are the
    effect sizes printed beside it.
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
    tail = _tail(test, p_range) if p_range and test.p else None
    agrees = tail == _declared(test, df) if df is not None and test.p else None
    if _impossible(test):
        agrees = False
    epsilon_range = _epsilon_range(test, df) if agrees is False and df is not None else None
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
    """Return the degrees of freedom of a test; None where they are not given or a number cannot be what it says."""
    if not _in_range(test) or _impossible(test):
        return None
    if test.kind == "z":
        return ()
    df = test.df or ((test.n - 2.0,) if test.kind == "r" and test.n else ())
    if test.ranks and df and df[0] < _FEWEST_RANKS - 2:
        return None
    return df if df and min(df) > 0 else None


def _impossible(test: PrintedTest) -> str | None:
    """Describe which number of a test cannot be."""
    if not _in_range(test):
        return None
    value = test.statistic
    if test.kind == "r" and abs(value.value) - value.half_unit > 1:
        return f"a correlation of {value.value:g}"
    if test.kind in ("F", "chi2") and value.value < 0:
        return f"a negative {'F' if test.kind == 'F' else 'χ²'}"
    if test.p and not 0 <= test.p.value <= 1:
        return f"p = {test.p.value:g}"
    return None


def _in_range(test: PrintedTest) -> bool:
    """Return whether every number of a test is one that can be computed with."""
    printed = [test.statistic, *([test.p] if test.p else [])]
    sizes = [*test.df, *(abs(number.value) for number in printed), *(number.half_unit for number in printed)]
    return max(*sizes, test.n or 0) <= _LARGEST


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
    """Return how the printed p comes about, the tail that is declared first; "n.s." and p > .05 are no doubling."""
    printed = _printed_range(test)
    times: dict[Tail, float] = {_declared(test, test.df): 1.0, "two-tailed": 1.0}
    if _is_directed(test, test.df):
        times |= {"one-tailed": 0.5}
        if test.p and test.p.relation == "=":
            times |= {"doubled": 2.0}
    return next(
        (tail for tail, k in times.items() if _meet((p_range[0] * k, p_range[1] * k), printed)),
        None,
    )


def _declared(test: PrintedTest, df: tuple[float, ...]) -> Tail:
    """Return the tail that p is held against: a test without direction has one."""
    return test.tail if test.tail and _is_directed(test, df) else "two-tailed"


def _is_directed(test: PrintedTest, df: tuple[float, ...]) -> bool:
    return test.kind in ("t", "r", "z") or df[0] == 1


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
    if p is not None and test.p is not None and (crossing := _crossing(test, p, tail)):
        parts.append(crossing)
    if fits is False:
        parts.append("degrees of freedom do not fit the number of subjects and groups")
    return "; ".join(parts)


def _agreement(test: PrintedTest, p: float | None, tail: Tail | None, epsilon: tuple[float, float] | None) -> str:
    if p is None and not _in_range(test):
        return "cannot be checked: a number is out of range"
    if impossible := _impossible(test):
        return f"impossible: {impossible}"
    if p is None and test.ranks and (test.df or test.n):
        return f"cannot be checked: ranks of fewer than {_FEWEST_RANKS} pairs have no t"
    if p is None:
        return "cannot be checked: no degrees of freedom"
    if test.p is None:
        return "no p printed"
    if tail == _declared(test, test.df):
        return "agrees" if tail == "two-tailed" else "agrees, one-tailed as declared"
    if tail is not None:
        return f"agrees only if {tail}"
    if epsilon is not None:
        return f"agrees only with a sphericity correction, epsilon {epsilon[0]:.3f} to {epsilon[1]:.3f}"
    return "disagrees"


def _crossing(test: PrintedTest, p: float, tail: Tail | None) -> str | None:
    """Describe where the printed and the computed p fall on different sides of .05, or the printed p hides the side."""
    assert test.p is not None
    if tail == "one-tailed" == test.tail:
        p = p / 2
    claimed = test.p.value <= _ALPHA and test.p.relation != ">"
    if claimed == (p <= _ALPHA):
        return None
    shown = f"p = {p:.4f}" if p >= 0.001 else f"p = {p:.2g}"
    return f"{shown} is {'not ' if claimed else ''}below .05"
