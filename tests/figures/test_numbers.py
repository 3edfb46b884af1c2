import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.figures.numbers import effect_text, fraction, number, p_equals, p_value, short, stars, threshold


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0004, "< .001"), (0.001, ".001"), (0.0123, ".012"), (0.5, ".500"), (1.0, "> .999"), (math.nan, "–")],
)
def test_p_is_printed_in_apa_style(p: float, text: str) -> None:
    assert p_value(p) == text


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        ("group:cue", "group × cue"),
        ("LgA - ShA: naloxone - saline", "LgA − ShA: naloxone − saline"),
        ("CS+ - CS-", "CS+ − CS-"),  # a sign in the name of a level stays
    ],
)
def test_effects_have_the_signs_of_the_field_and_contrasts_stay_as_declared(effect: str, text: str) -> None:
    assert effect_text(effect) == text


def test_p_with_its_name_has_one_sign_of_relation() -> None:
    assert p_equals(0.0001) == "p < .001"
    assert p_equals(0.04, "q") == "q = .040"


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.05, ""), (0.0499, "*"), (0.01, "*"), (0.0099, "**"), (0.001, "**"), (0.00099, "***"), (math.nan, "")],
)
def test_stars_begin_below_their_limits(p: float, text: str) -> None:
    assert stars(p) == text


@pytest.mark.parametrize(
    ("x", "text"), [(-0.054, "−.05"), (1.0, "1.00"), (-0.001, ".00"), (0.999, "1.00"), (0.43, ".43")]
)
def test_fractions_have_no_zero_before_the_point(x: float, text: str) -> None:
    assert fraction(x) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.06, "0.06"),
        (12.0, "12"),
        (10_000.0, "10\N{NARROW NO-BREAK SPACE}000"),
        (-2.5, "−2.5"),
        (27950, "27\N{NARROW NO-BREAK SPACE}950"),
    ],
)
def test_short_numbers_have_no_idle_digits(x: float, text: str) -> None:
    assert short(x) == text


def test_thresholds_keep_the_digits_that_were_chosen() -> None:
    assert [threshold(p) for p in (0.05, 0.01, 0.001)] == [".05", ".01", ".001"]


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_a_printed_number_is_the_number_to_its_last_digit(x: float, digits: int) -> None:
    back = float(number(x, digits).replace("\N{MINUS SIGN}", "-").replace("\N{NARROW NO-BREAK SPACE}", ""))

    assert abs(back - x) <= 0.5 * 10**-digits * (1 + 1e-9)
    assert not number(x, digits).startswith("-")
