import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.stats.printed import printed_tests


@pytest.mark.parametrize(
    ("text", "kind", "df", "value", "p"),
    [
        ("F(9,171)=4.25, P=0.002", "F", (9, 171), 4.25, ("=", 0.002)),
        ("F(9, 171) = 4.25, p < .001", "F", (9, 171), 4.25, ("<", 0.001)),
        ("F9,171 = 4.25; P = 0.002", "F", (9, 171), 4.25, ("=", 0.002)),
        ("F₉,₁₇₁ = 4.25, P ≤ 0.002", "F", (9, 171), 4.25, ("<", 0.002)),
        ("F_{9,171} = 4.25, P = 0.002", "F", (9, 171), 4.25, ("=", 0.002)),
        ("F[4.72, 89.6] = 4.25, P = 0.002", "F", (4.72, 89.6), 4.25, ("=", 0.002)),
        ("F = 4.25, df = 9, 171, P = 0.002", "F", (9, 171), 4.25, ("=", 0.002)),
        ("F(1,19) = 4.2, ηp² = .18, P = 0.05", "F", (1, 19), 4.2, ("=", 0.05)),
        ("t(19) = −2.10, p = .049", "t", (19,), -2.1, ("=", 0.049)),
        ("t19=2.10 (p=0.049)", "t", (19,), 2.1, ("=", 0.049)),
        ("t = 2.10, df = 19, P-value = 0.049", "t", (19,), 2.1, ("=", 0.049)),
        ("r(19) = .45, p = .04", "r", (19,), 0.45, ("=", 0.04)),
        ("R = 0.72, P < 0.001", "r", (), 0.72, ("<", 0.001)),
        ("χ²(2) = 6.1, p = .047", "chi2", (2,), 6.1, ("=", 0.047)),
        ("X2(1, N = 90) = 3.9, p < .05", "chi2", (1,), 3.9, ("<", 0.05)),
        ("chi-square = 4.1, df=1, p=.04", "chi2", (1,), 4.1, ("=", 0.04)),
        ("Z = 1.96, P = 5 × 10−2", "z", (), 1.96, ("=", 0.05)),
        ("z = 1.96, p > 0.04", "z", (), 1.96, (">", 0.04)),
        ("F(2, 30) < 1, n.s.", "F", (2, 30), 1, (">", 0.05)),
        ("t(8) = 0.4, ns", "t", (8,), 0.4, (">", 0.05)),
        ("F(1,19) = 35·5, P < 0·0001", "F", (1, 19), 35.5, ("<", 0.0001)),
        ("F(1, 19) = 4,215; p = 0,05", "F", (1, 19), 4.215, ("=", 0.05)),
        ("F(4,72; 89,6) = 4,25, p = 0,002", "F", (4.72, 89.6), 4.25, ("=", 0.002)),
        ("F(1,19) = 4,P = 0.06", "F", (1, 19), 4, ("=", 0.06)),
        ("χ²(2) = 1,234.5, p < .001", "chi2", (2,), 1234.5, ("<", 0.001)),
        ("𝐹(1, 19) = 4.215, 𝑝 = .05", "F", (1, 19), 4.215, ("=", 0.05)),
        ("<i>F</i><sub>1,19</sub> = 4.2, <i>P</i> &lt; 0.05", "F", (1, 19), 4.2, ("<", 0.05)),
        ("*t*(19) = 2.1, *p* = .049", "t", (19,), 2.1, ("=", 0.049)),
        (r"$\chi^{2}(2, N = 90) = 5.1$, $p = .078$", "chi2", (2,), 5.1, ("=", 0.078)),
        ("r(18) = .45, p ≤ .05", "r", (18,), 0.45, ("<", 0.05)),
        ("(ps < .05, F(1,19) = 5.0)", "F", (1, 19), 5.0, ("<", 0.05)),
        ("(t₁₉=2.1; P=0.049)", "t", (19,), 2.1, ("=", 0.049)),
    ],
)
def test_apa_and_journal_styles_are_read(text, kind, df, value, p):
    (test,) = printed_tests(text)
    assert (test.kind, test.df, test.statistic.value) == (kind, df, value)
    assert test.p is not None
    assert (test.p.relation, test.p.value) == p


def test_sample_sizes_are_read_where_they_stand():
    assert printed_tests("r = -0.62, n = 21, P=0.003")[0].n == 21
    assert printed_tests("χ²(1, N = 90) = 3.9, p < .05")[0].n == 90


def test_several_tests_keep_their_own_p():
    text = "Access, F(1,19) = 4.215, P = 0.05; treatment, F(1,19) = 35.5, P < 0.0001; odor, t(9) = 1.1."
    assert [test.p.value if test.p else None for test in printed_tests(text)] == [0.05, 0.0001, None]


def test_a_p_may_stand_before_its_statistic():
    tests = printed_tests("(P < 0.001, F(1,19) = 35.5; P = 0.6, t(19) = 0.5)")
    assert [test.p.value if test.p else None for test in tests] == [0.001, 0.6]


def test_rounding_is_half_a_unit_of_the_last_digit_printed():
    (test,) = printed_tests("F(1,19) = 4.20, P = 5.5e-5")
    assert test.statistic.range == pytest.approx((4.195, 4.205))
    assert test.p is not None
    assert test.p.range == pytest.approx((5.45e-5, 5.55e-5))


@given(st.text(max_size=60))
def test_any_text_is_survived(text):
    assert isinstance(printed_tests(text + " F(1,2)" + text), tuple)


@given(st.integers(1, 60), st.integers(1, 900), st.decimals(0, 99, places=2), st.decimals("0.001", 1, places=3))
def test_what_is_printed_is_what_is_read(df1, df2, f, p):
    (test,) = printed_tests(f"a main effect (F({df1},{df2}) = {f}, p = {p})")
    assert test.p is not None
    assert (*test.df, test.statistic.value, test.p.value) == (df1, df2, float(f), float(p))


@pytest.mark.parametrize("text", ["R² = .439", "R2 = .439", "R^2 = 0.44, p < .05", "all Fs < 1, ns", "SF(1) = 2"])
def test_what_is_no_test_is_not_read_as_one(text):
    assert printed_tests(text) == ()


def test_a_sample_size_may_have_thousands():
    assert printed_tests("χ²(1, N = 1,024) = 12.3, p < .001")[0].n == 1024
