import pytest

from cuecircuit.errors import DesignError
from cuecircuit.stats.mixed_formula import parse_formula, term_label


def fixed(text: str) -> list[str]:
    return [term_label(term) for term in parse_formula(text).fixed]


def bars(text: str) -> list[str]:
    return [bar.label for bar in parse_formula(text).random]


def test_a_product_stands_for_main_effects_and_interaction_in_order_of_degree():
    assert fixed("group*cue + resp + (1|subject)") == ["(Intercept)", "group", "cue", "resp", "group:cue"]


def test_a_response_before_the_tilde_is_ignored():
    assert fixed("y ~ group + (1|subject)") == fixed("group + (1|subject)")


@pytest.mark.parametrize("text", ["0 + group + (1|subject)", "group - 1 + (1|subject)"])
def test_the_intercept_can_be_left_out(text):
    assert fixed(text) == ["group"]


def test_random_parts_are_read_like_lme4s():
    assert bars("(1|subject) + (1 | subject:cue)") == ["(1 | subject)", "(1 | subject:cue)"]
    assert bars("(resp|subject)") == bars("(1 + resp | subject)") == ["(1 + resp | subject)"]
    assert bars("(0 + resp || subject)") == ["(0 + resp || subject)"]
    assert bars("cue + (1|subject/cue)") == ["(1 | subject)", "(1 | subject:cue)"]


def test_a_model_of_random_parts_alone_keeps_the_grand_mean():
    assert fixed("(1|subject)") == ["(Intercept)"]


def test_center_belongs_to_a_covariate_and_keeps_its_column():
    formula = parse_formula("group + center(resp) + (1|subject)")
    assert [(each.column, each.centered) for each in formula.variables] == [("group", False), ("resp", True)]
    assert formula.columns == ("group", "resp", "subject")


def test_names_with_spaces_stand_in_backticks():
    assert fixed("`heart rate`*cue + (1|subject)") == ["(Intercept)", "heart rate", "cue", "heart rate:cue"]
    assert fixed("`a + b` + (1|subject)") == ["(Intercept)", "a + b"]
    formula = parse_formula("cue + (1 | `rat-id`/`day:no`)")
    assert [bar.grouping for bar in formula.random] == [("rat-id",), ("rat-id", "day:no")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("group", "no random part"),
        ("group + (1|subject) +", "ends in a sign"),
        ("group + (1|subject", "do not close"),
        ("log(resp) + (1|subject)", "the function log\\(\\)"),
        ("group - (1|subject)", "to be added"),
        ("group + (1|subject) + (1|subject)", "more than once"),
        ("group + (|subject)", "expected columns | grouping"),
        ("group + (1|a+b)", "expected a grouping"),
        ("group * + (1|subject)", "formula 'group"),
        ("group + 2 + (1|subject)", "found .2. after"),
        ("group + poly(dose, 2) + (1|subject)", "the function poly\\(\\)"),
        ("as.factor(dose) + (1|subject)", "the function as.factor\\(\\).* name labels among the factors"),
        ("dose + dose^2 + (1|subject)", "a power of one term is that term"),
        ("group + (1|rat-id)", "in `backticks`"),
    ],
)
def test_what_is_no_formula_is_said_with_the_text(text, found):
    with pytest.raises(DesignError, match=found):
        parse_formula(text)
