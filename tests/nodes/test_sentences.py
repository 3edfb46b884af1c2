"""Sentences of the page say what was done, to whom, and how numbers came about."""

import pandas as pd
import pytest

from cuecircuit.nodes.designs import design_text
from cuecircuit.pages.methods import design_texts
from cuecircuit.pages.operant_methods import derived_texts
from cuecircuit.pages.sentences import finding_sentence, left_out_sentence, marks_sentence
from cuecircuit.questions.answer import together
from cuecircuit.report.references import references_of
from cuecircuit.study.reading import parse_study

RATS = parse_study(design_text("carmack2019"))


def test_who_is_left_out_for_one_reason_is_named_together() -> None:
    lines = ["s1: left out, no row for after", "s3: left out, no row for after", "s2: no value at before or after"]
    assert left_out_sentence(lines) == "Left out: s1 and s3 (no row for after); s2 (no value at before or after)."
    assert left_out_sentence(()) == ""


def test_a_figure_of_many_correlations_is_not_called_lines() -> None:
    asked = RATS.questions["withdrawal_severity"]
    one, many = ({"correlation": pd.DataFrame({"r": [0.1] * n, "q": [0.5] * n})} for n in (1, 19))
    assert marks_sentence(asked, one).startswith("Lines: least squares")
    assert marks_sentence(asked, many) == "Pooled r. Filled: q ≤ .05; intervals are those of single correlations."


def test_of_a_formula_only_the_tests_that_it_asks_for_are_counted() -> None:
    asked = parse_study(design_text("huang2023")).questions["sex_by_group"]
    test = asked.tests[0]
    terms = pd.DataFrame({"term": ["(Intercept)", test] * 2, "p": [0.001, 0.2] * 2, "p_adjusted": [0.001, 0.4] * 2})
    assert finding_sentence(asked, {"terms": terms}) == "0 of 2 tests reach adjusted p ≤ .05."


def test_derived_numbers_are_described() -> None:
    texts = list(derived_texts(RATS))
    assert "Intake: mean over day of infusions (phase escalation), of those there are." in texts
    assert (
        "Withdrawal index: mean over day of paired infusions (phase conditioning, treatment naloxone), "
        "less that of paired infusions (phase conditioning, treatment saline)."
    ) in texts
    assert "Severity: sum of z of intake, rise, extinguished and relapse." in texts
    mice = parse_study(design_text("alcohol_mice"))
    assert (
        "Reinstated: last value over day of active presses (phase reinstatement), "
        "less that of active presses (phase extinction)."
    ) in list(derived_texts(mice))


@pytest.mark.parametrize(("design", "how"), [("smokers_two_sessions", "Modeled beside the conditions: "),
                                             ("carmack2019", "Removed by one multiple regression: ")])  # fmt: skip
def test_nuisance_is_in_the_model_of_a_glm_and_removed_before_blocks(design: str, how: str) -> None:
    assert any(how in text for text in design_texts(parse_study(design_text(design))))


def test_what_a_breakpoint_is_and_how_counts_were_tested_is_cited() -> None:
    text = design_text("alcohol_mice").replace("kind: self_administration", "kind: progressive_ratio", 1)
    study = parse_study(text)
    assert any("round(5 · exp(0.2 n) − 5)" in text for text in design_texts(study))
    assert "richardson1996" in {reference.key for reference in references_of(study)}
    assert "mancl2001" in {reference.key for reference in references_of(RATS)}  # its questions with a trend


def test_one_line_says_what_is_said_of_several() -> None:
    lines = ["s1: no value at 1 or 2", "s2: no row", "s3: no value at 1 or 2", "q > .05 of all"]
    assert [*together(lines)] == ["s1, s3: no value at 1 or 2", "s2: no row", "q > .05 of all"]
