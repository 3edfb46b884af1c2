"""Effects of a formula that are tested at 0 of a number are named."""

import pandas as pd

from cuecircuit.models.design import design, zero_notes
from cuecircuit.models.model import Model

ROWS = pd.DataFrame(
    {
        "subject": [f"s{k}" for k in range(12)],
        "group": ["a", "b"] * 6,
        "sex": ["f", "f", "m", "m"] * 3,
        "day": [float(k % 5) for k in range(12)],
    }
)


def notes_of(formula: str) -> list[str]:
    model = Model(formula=formula, method="ols", subject="subject")
    return list(zero_notes(design(ROWS, model)))


def test_main_effects_beside_an_interaction_are_those_at_0_of_a_number():
    assert notes_of("group*day + sex") == [
        "day is not centered: tests of the mean, group are those at day 0; write center(day)"
    ]


def test_a_centered_number_and_one_without_interaction_need_no_note():
    assert notes_of("group*center(day)") == []
    assert notes_of("group*sex + day") == []
