"""Any text ends in a result or an error of ours: formulas, contrasts, printed statistics."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cuecircuit.errors import CuecircuitError, DataError, DesignError
from cuecircuit.stats.audit import audit
from cuecircuit.stats.between_model import between_subject_model
from cuecircuit.stats.contrasts import parse_contrast
from cuecircuit.stats.mixed_formula import parse_formula
from cuecircuit.stats.printed import MOST_LETTERS

CASES = Path(__file__).parents[3] / "shared" / "cases" / "trust"
without_deadline = settings(deadline=None)
PIECES = [*"a2+-*:/^()01|~ ", "group", "`x y`", "center(", "**", "20", "||", "%in%", "(1 | s)"]
LEVELS = {"cue": ("CS+", "CS-"), "group": ("LgA", "ShA", "1", "-", "a b")}


@without_deadline
@given(text=st.text() | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@example(text="(a+b)^20 + (1|s)")
@example(text="group**99999999 + (1|s)")
@example(text="(" * 5000 + "a" + ")" * 5000 + " + (1|s)")
@example(text="(" * 900 + "a" + ")" * 900 + " + (1|s)")
@example(text="*".join("abcdefghijklmnopqrstuvwxyz") + " + (1|s)")
@example(text="a^" + "9" * 1900 + " + (1|s)")
@example(text="(1|" + "/".join("s" * 900) + ")")
def test_any_formula(text):
    with contextlib.suppress(DesignError):
        parse_formula(text)


@pytest.mark.skipif(not CASES.exists(), reason="cases are not beside the checkout")
def test_formulas_that_once_broke_the_parser_are_refused():
    for _, text in json.loads((CASES / "formula_fuzz" / "inputs.json").read_text()):
        with pytest.raises(DesignError, match="formula"):
            parse_formula(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(a+b)^20 + (1|s)", "stands for more than 1000 terms"),
        ("group**99999999 + (1|s)", "found '99999999' after '.*', expected a whole number from 1 to 999"),
        ("center(res;bject) + (1|s)", "found ';bject\\)', expected columns"),
        ("a + (b*c + (1|s)", "parentheses or backticks do not close"),
        ("2nd + (1|s)", "found '2nd', expected columns.*backticks"),
        ("a b + (1|s)", "found 'b' after '.* a', expected a sign"),
        ("if + (1|s)", "found 'if'.*expected a column"),
        ("log(a) + (1|s)", r"found the function log\(\), expected columns and center\(column\)"),
        ("(" * 30 + "a" + ")" * 30 + " + (1|s)", "more than 20 deep"),
        ("a" * 3000, "3000 letters, expected at most 2000"),
    ],
)
def test_what_is_wrong_with_a_formula_is_one_clear_line(text, said):
    with pytest.raises(DesignError, match=said) as caught:
        parse_formula(text)
    assert len(caught.value.faults) == 1


@without_deadline
@given(text=st.text() | st.text("CS+-LgAh: *.5/01=\n"))
@example(text="1/0*LgA - ShA")
@example(text="9" * 400 + "*LgA - ShA")
@example(text="LgA" + " " * 100_000 + "- ShA")
@example(text="LgA - " * 100_000)
def test_any_contrast(text):
    with contextlib.suppress(DesignError):
        parsed = parse_contrast(text, LEVELS, ["resp"])
        assert all(abs(weights).max() < 1e9 for weights in parsed.weights.values())


@without_deadline
@given(text=st.text() | st.text("Ftrzχp(,)=<>. 0123456789eE-+ηd²\n"))
@example(text="t(10)=1e400, p=0")
@example(text="z=2.1, p=.01e999")
@example(text="F(" + "9" * 400 + ",171)=4.25, P=0.002")
@example(text="F(1e9,5)=3, p=1")
@example(text="r=.5, n=" + "9" * 5000)
@example(text="F=1" + " " * 20_000 + "df")
@example(text="F(720720720720,720720720720)=1")
@example(text="F(1,2)=1" + ",111" * 5000)
def test_any_printed_statistics(text):
    with contextlib.suppress(CuecircuitError):
        audit(text, n=21, groups=2)


@pytest.mark.parametrize("text", ["t(10)=1e400, p=0", "z=2.1, p=.01e999", "F(" + "9" * 300 + ",171)=4.25, P=0.002"])
def test_a_number_out_of_range_is_judged_by_nobody(text):
    (test,) = audit(text)
    assert (test.p, test.agrees, test.verdict) == (None, None, "cannot be checked: a number is out of range")


def test_p_printed_to_many_places_is_still_a_number():
    (test,) = audit("z=2.1, p=.35e-1")
    assert test.printed.p is not None
    assert test.printed.p.range == pytest.approx((0.0345, 0.0355))


def test_a_text_longer_than_a_book_is_refused():
    with pytest.raises(DataError, match="expected at most 1000000; give it in parts"):
        audit("x" * (MOST_LETTERS + 1))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("F(1,5)=-3, p=.1", "impossible: a negative F"),
        ("χ²(2)=-5.1, p=.08", "impossible: a negative χ²"),
        ("r(20)=1.5, p=.1", "impossible: a correlation of 1.5"),
        ("r = -1.02, n = 22, p < .001", "impossible: a correlation of -1.02"),
        ("r=.5, n=" + "9" * 3000, "cannot be checked: a number is out of range"),
    ],
)
def test_a_statistic_that_cannot_be_is_named(text, why):
    (test,) = audit(text)
    assert (test.p, test.effect_size, test.verdict) == (None, None, why)


def test_a_correlation_that_rounds_to_one_is_judged():
    (test,) = audit("r(20) = 1.00, p < .001")
    assert test.agrees is True


def test_commas_of_thousands_are_no_decimals():
    (test,) = audit("F(1,20) = 1,234,567, p < .001")
    assert test.printed.statistic.value == 1_234_567


@pytest.mark.parametrize("text", ["group+", "~", "group -", "y ~ "])
def test_a_sum_between_subjects_that_ends_in_a_sign_is_refused(text):
    with pytest.raises(DesignError, match=r"(ends in '.'|is empty), expected a column"):
        between_subject_model(text, {"group": np.array(["a", "a", "a", "b", "b", "b"])})
