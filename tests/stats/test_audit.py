import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.stats.audit import audit


def one(text, **more):
    (found,) = audit(text, **more)
    return found


def test_the_escalation_test_needs_a_sphericity_correction():
    found = one("two-way mixed ANOVA access x session F(9,171) = 4.25, P = 0.002", n=21, groups=2)
    assert found.p == pytest.approx(5.5e-5, rel=0.01)
    assert found.agrees is False
    assert found.epsilon == pytest.approx(0.524, abs=5e-4)
    assert found.epsilon_range == pytest.approx((0.495, 0.561), abs=5e-4)
    assert (found.effect, round(found.effect_size or 0, 3)) == ("partial_eta2", 0.183)
    assert found.fits_n is True
    assert found.verdict == "agrees only with a sphericity correction, epsilon 0.495 to 0.561"


def test_the_access_test_is_rounded_down_to_significance():
    found = one("F(1,19) = 4.215, P = 0.05")
    assert found.p == pytest.approx(0.0541, abs=5e-5)
    assert found.agrees is True
    assert found.epsilon_range is None
    assert found.effect_size == pytest.approx(0.182, abs=5e-4)
    assert found.verdict == "agrees; p = 0.0541 is not below .05"


def test_the_treatment_test_is_consistent():
    found = one("F(1,19) = 35.5, P < 0.0001", n=21, groups=2)
    assert found.p == pytest.approx(9.8e-6, rel=0.01)
    assert found.effect_size == pytest.approx(0.651, abs=5e-4)
    assert (found.verdict, found.fits_n) == ("agrees", True)


def test_df_imply_the_number_of_animals():
    assert 19 in one("F(9,171)=4.25, P=0.002").error_df_per_score
    found = one("F(9,171)=4.25, P=5.5e-5", n=20, groups=2)
    assert found.fits_n is False
    assert "degrees of freedom do not fit" in found.verdict
    assert one("r(19) = .45, p = .04", n=21, groups=2).fits_n is True


def test_epsilon_gives_the_printed_p_back():
    found = one("F(4,80) = 3.10, p = .034")
    assert found.epsilon is not None
    assert stats.f.sf(3.10, 4 * found.epsilon, 80 * found.epsilon) == pytest.approx(0.034, rel=1e-8)


def test_no_epsilon_is_offered_where_none_can_help():
    # smaller than the uncorrected p, and larger than the most severe correction gives
    assert one("F(4,80) = 3.10, p = .001").verdict == "disagrees"
    assert one("F(4,80) = 3.10, p = .2").verdict.startswith("disagrees")
    # one numerator df has no sphericity
    assert one("F(1,80) = 9.0, p = .02").verdict == "disagrees"


def test_tails_are_told_apart():
    assert one("t(19) = 2.10, p = .049").tail == "two-tailed"
    assert one("t(19) = 2.10, p = .025").verdict == "agrees only if one-tailed"
    assert one("z = 1.70, p = .045").tail == "one-tailed"
    assert one("t(19) = 2.10, p = .099").verdict == "agrees only if doubled; p = 0.0493 is below .05"


def test_a_printed_p_on_the_wrong_side_of_05_is_said():
    assert one("t(19) = 1.50, p < .05").verdict == "disagrees; p = 0.1500 is not below .05"
    assert one("F(1, 40) = 8.0, n.s.").verdict == "disagrees; p = 0.0073 is below .05"
    assert one("F(2, 30) < 1, n.s.").verdict == "agrees"


def test_what_cannot_be_recomputed_is_said():
    assert one("r = .72, P < .001").verdict == "cannot be checked: no degrees of freedom"
    assert one("F(0, 12) = 3, p = .1").verdict == "cannot be checked: no degrees of freedom"
    assert one("t(12) = 3.1").verdict == "no p printed"
    assert audit("nothing to see") == ()


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        # sentences of published papers and of guides to reporting; p of each by R's pf, pt, pchisq
        (
            "Dose [F(4,16)=43.17, p<0.01], Interaction [F(36,144)=11.49, p<0.01]; Dose [F(4,16)=1.98, p=0.15], "
            "Interaction [F(36,144)=5.94, p<0.01]; main effect of test day [F(4,16)=1.44, p=0.27]",
            ["agrees"] * 5,
        ),
        ("showed a significant main effect of treatment [F (2, 22) = 4.13, p = 0.030] on the test day", ["agrees"]),
        ("presses (F(3,16)=0.23), inactive lever presses (F(3,14)=0.53; 2 outliers excluded)", ["no p printed"] * 2),
        ("group [F(1,823)=11.0, p<0.01], session [F(23, 823)=8.4, p<0.001]", ["agrees"] * 2),
        (
            "F(2,34) = 2.51, p = .003, η2 = .04",
            [
                "disagrees; p = 0.0962 is not below .05; η² = 0.04 is possible: partial η² is 0.1284 to 0.1289, "
                "and η² at most that"
            ],
        ),
        (
            "t(6)= 0.54, p = .547, d = .05",
            [
                "disagrees; d = 0.05 disagrees: the test gives 0.3783 to 0.3854 (two groups of one size), 0.4368 to "
                "0.445 (2t/√df), 0.2022 to 0.206 (pairs, t/√n)"
            ],
        ),
        ("The two groups were significantly different, t(4) = -4.21, p = .041.", ["disagrees"]),
        (
            "than the control group, t(98) = 2.74, p = .007, d = 0.55.",
            ["agrees; d = 0.55 agrees (two groups of one size)"],
        ),
        (
            "F(2, 47) = 18.34, p = .001, R² = .439",
            ["disagrees; r² = 0.439 disagrees: the test gives 0.4383 to 0.4384"],
        ),
    ],
)
def test_sentences_that_others_wrote_are_judged(text, verdicts):
    assert [found.verdict for found in audit(text)] == verdicts


@given(
    st.sampled_from(["F", "t", "r", "χ²", "z"]),
    st.integers(1, 20),
    st.integers(3, 200),
    st.floats(0.01, 6),
)
def test_correctly_rounded_tests_agree(kind, df1, df2, size):
    text, p = {
        "F": (f"F({df1},{df2}) = {size:.2f}", stats.f.sf(size, df1, df2)),
        "t": (f"t({df2}) = {size:.2f}", 2 * stats.t.sf(size, df2)),
        "r": (f"r({df2}) = {size / 10:.2f}", stats.beta.sf((size / 10) ** 2, 0.5, df2 / 2)),
        "χ²": (f"χ²({df1}) = {size:.2f}", stats.chi2.sf(size, df1)),
        "z": (f"z = {size:.2f}", 2 * stats.norm.sf(size)),
    }[kind]
    found = one(f"{text}, p = {p:.3f}")
    assert found.agrees is True
    assert found.tail == "two-tailed"
    assert found.p is not None
    assert found.p_range is not None
    assert found.p_range[0] <= found.p <= found.p_range[1]


@given(st.integers(2, 12), st.integers(5, 30), st.floats(2, 9), st.floats(0.05, 0.95))
def test_a_corrected_p_is_reconciled_by_its_epsilon(k, n, f, where):
    epsilon = 1 / k + where * (1 - 1 / k)
    p = stats.f.sf(f, k * epsilon, k * n * epsilon)
    found = one(f"F({k},{k * n}) = {f:.6f}, p = {p:.6g}" if p > 1e-4 else f"F({k},{k * n}) = {f:.6f}, p = {p:.5e}")
    if found.agrees:
        return
    assert found.epsilon_range is not None
    low, high = found.epsilon_range
    assert low - 1e-3 <= epsilon <= high + 1e-3
    assert np.isclose(found.effect_size or 0, f / (f + n), atol=1e-5)


@pytest.mark.parametrize("claim", ["ns", "n.s.", "p > .05", "p > .07", "p >= .06"])
def test_a_p_that_is_only_bounded_from_below_is_no_doubling(claim):
    found = one(f"t(28) = 2.20, {claim}")
    assert (found.agrees, found.tail) == (False, None)
    assert found.verdict == "disagrees; p = 0.0362 is below .05"


@pytest.mark.parametrize(
    "text",
    [
        "t(20) = 1.9, p = .036, one-tailed",
        "t(20) = 1.9, p = .036 (1-tailed)",
        "t(20) = 1.9; one-sided p = .036",
        "a one-tailed test, t(20) = 1.9, p = .036",
        "r(18) = .44, p = .026 (one-tailed)",
    ],
)
def test_a_declared_tail_is_what_p_is_held_against(text):
    found = one(text)
    assert (found.agrees, found.verdict) == (True, "agrees, one-tailed as declared")
    assert found.p > 0.05  # two-tailed


def test_a_declared_tail_belongs_to_its_own_test_and_to_tests_with_a_direction():
    first, second = audit("t(20) = 1.9, p = .036, one-tailed; t(20) = 1.9, p = .036")
    assert (first.agrees, second.agrees) == (True, False)
    assert one("t(20) = 1.9, p = .072, one-tailed").verdict.startswith("agrees only if two-tailed")
    assert one("t(20) = 1.9, p = .036, two-tailed").verdict.startswith("agrees only if one-tailed")
    assert one("F(2, 20) = 3.49, p = .050, one-tailed").verdict.startswith("agrees")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("r(16) = 26.05, p = .10", "a correlation of 26.05"),
        ("r(28) = −59, p = .0008", "a correlation of -59"),
        ("t(28) = 2.20, p = 1.03", "p = 1.03"),
        ("F(1, 20) = -4.1, p = .05", "a negative F"),
        ("χ²(2) = -3.0, p = .2", "a negative χ²"),
        ("ρ(20) = 1.2, p = .01", "a correlation of 1.2"),
    ],
)
def test_values_that_cannot_be_are_impossible(text, what):
    found = one(text)
    assert (found.agrees, found.p, found.verdict) == (False, None, f"impossible: {what}")
    assert one("r(16) = 1.00, p < .001").agrees is True


@pytest.mark.parametrize("name", ["H", "Q", "Qw", "Q_within", "QM"])
def test_kruskals_h_and_cochrans_q_are_chi_squared(name):
    found = one(f"{name}(2) = 7.1, p = .029")
    assert found.p == pytest.approx(stats.chi2.sf(7.1, 2))
    assert found.agrees is True


def test_a_letter_h_or_q_without_degrees_of_freedom_is_no_test():
    assert audit("a mean of Q = 7.1, p = .029, and H2 = 4") == ()


@pytest.mark.parametrize("name", ["rs", "r_s", "ρ", "rho", "r<sub>s</sub>", "$r_{s}$", r"$\rho$"])
def test_spearmans_correlation_is_tested_as_t(name):
    assert one(f"{name}(26) = .35, p = .068").agrees is True
    assert one(f"{name} = .35, p = .068, N = 28").agrees is True
    assert one(f"{name}(5) = .8, p = .03").verdict == "cannot be checked: ranks of fewer than 10 pairs have no t"
    assert one(f"{name} = 0.62, P = 0.003").verdict == "cannot be checked: no degrees of freedom"


def test_t_gives_the_p_of_ten_ranks():
    rng = np.random.default_rng(0)
    ranks = np.arange(10.0)
    null = np.array([np.corrcoef(ranks, rng.permutation(ranks))[0, 1] for _ in range(20_000)])
    for r in (0.6, 0.65, 0.7):
        exact = np.mean(np.abs(null) >= r - 1e-9)
        p = one(f"rs(8) = {r}, p = .05").p
        assert p == pytest.approx(exact, abs=0.01)  # Monte Carlo SE .0015, ranks are discrete


def test_n_behind_p_counts_the_pairs_of_its_own_correlation():
    first, second = audit("r = .35, p = .07, N = 28; r = .35, p = .07")
    assert first.p == pytest.approx(one("r(26) = .35, p = .07").p)
    assert second.p is None


def test_a_blank_behind_a_sign_and_a_letter_for_one_are_read():
    assert one("t(553) = − 4.46, p < .0001").printed.statistic.value == -4.46
    assert one("F(l, 76) = 23.95, p < .001").printed.df == (1, 76)
