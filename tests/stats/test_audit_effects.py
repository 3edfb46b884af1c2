"""Printed effect sizes are held against their tests: by formulas, by scipy's and by data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.stats.audit import audit
from cuecircuit.stats.printed import printed_effects


def effects(text: str) -> list[tuple[str, bool | None]]:
    return [(each.printed.kind, each.agrees) for test in audit(text) for each in test.effects]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("F(1,19) = 35.5, P < 0.0001, η²p = 0.65", [("partial_eta2", True)]),
        ("F(1, 19) = 35.5, p < .001, ηp2 = .45", [("partial_eta2", False)]),
        ("F(1,19) = 4.2, $\\eta_p^2 = .18$", [("partial_eta2", True)]),
        ("F(1,19) = 4.2, η²ₚ = .18", [("partial_eta2", True)]),
        ("F(9,171) = 4.25, p = .002, partial eta squared = .18, d = 3", [("partial_eta2", True), ("d", None)]),
        ("F(2, 30) = 5.0, p = .013, η² = .25", [("eta2", True)]),
        # other effects take a share of all variance, so η² may be smaller than partial η², never larger
        ("F(2, 30) = 5.0, p = .013, η² = .10", [("eta2", None)]),
        ("F(2, 30) = 5.0, p = .013, η² = .35", [("eta2", False)]),
        ("F(1, 19) = 35.5, P < 0.001, R2 = 0.65", [("r2", True)]),
        ("r(30) = .5, p = .004, r² = .25", [("r2", True)]),
        ("r(30) = .5, p = .004, r² = .52", [("r2", False)]),
        ("χ²(1, N = 90) = 3.9, p = .048, φ = .21", [("phi", True)]),
        ("χ²(3, N = 90) = 3.9, p = .27, φ = .21", [("phi", None)]),
        ("t(20) = 2.5, p = .02, Cohen's d = 1.07", [("d", True)]),
        ("t(20) = -2.5, p = .02, d = -1.07", [("d", True)]),
        ("t(20) = 2.5, p = .02, d_z = 0.55", [("d", True)]),
        ("t(20) = 2.5, p = .02, d = 1.9", [("d", None)]),
        ("t(20) = 2.5, p = .02, d = 0.31", [("d", False)]),
        ("t = 2.4, df = 19, P < 0.05", []),
        ("t(20) = 2.5, p = .02; F(2, 30) = 5.0, p = .013, η² = .25", [("eta2", True)]),
    ],
)
def test_effect_sizes_are_found_beside_their_test_and_judged(text: str, found: list):
    assert effects(text) == found


def test_the_verdict_says_what_the_test_gives():
    (wrong,) = audit("F(1, 19) = 35.5, p < .001, ηp2 = .45")
    assert wrong.verdict == "agrees; partial η² = 0.45 disagrees: the test gives 0.6511 to 0.6517"
    (pairs,) = audit("t(20) = 2.5, p = .02, d = 0.55")
    assert pairs.verdict.endswith("d = 0.55 agrees (pairs, t/√n)")


@given(st.integers(0, 10**6), st.integers(3, 12), st.integers(3, 12))
def test_effect_sizes_computed_from_data_agree_with_the_test_printed_from_the_same_data(seed: int, n: int, m: int):
    rng = np.random.default_rng(seed)
    one, other = rng.normal(0.5, 1, n), rng.normal(0, 1, m)
    f, p = stats.f_oneway(one, other)
    every = np.concatenate([one, other])
    between = sum(len(x) * (x.mean() - every.mean()) ** 2 for x in (one, other))
    eta2 = between / ((every - every.mean()) ** 2).sum()
    pooled = np.sqrt((((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()) / (n + m - 2))
    d = (one.mean() - other.mean()) / pooled

    text = f"F(1, {n + m - 2}) = {f:.3f}, p = {p:.3f}, partial η² = {eta2:.3f}, d = {d:.3f}"

    found = effects(text)
    assert found[0] == ("partial_eta2", True)
    # of unequal groups the test alone cannot tell
    assert found[1][1] is True if n == m else found[1][1] is not False


@given(st.integers(0, 10**6), st.integers(3, 30))
def test_the_d_of_pairs_agrees(seed: int, n: int):
    difference = np.random.default_rng(seed).normal(0.5, 1, n)
    t, p = stats.ttest_1samp(difference, 0)
    d = difference.mean() / difference.std(ddof=1)

    assert effects(f"t({n - 1}) = {t:.3f}, p = {p:.3f}, d = {d:.3f}") == [("d", True)]


@given(st.text(max_size=80))
def test_any_text_is_survived(text: str):
    assert all(np.isfinite(each.number.half_unit) for each in printed_effects(text))
