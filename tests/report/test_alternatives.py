"""The words about other choices: what holds, and that several analyses are no correction."""

import pandas as pd
import pytest

from cuecircuit.report.alternatives import AlternativeFacts, alternatives_section, grid_caption


def facts(**verdicts: int) -> AlternativeFacts:
    return AlternativeFacts(choices=4, verdicts=verdicts, alpha=0.01, behavior_alpha=0.05)


@pytest.fixture
def verdicts() -> pd.DataFrame:
    rows = [
        ("map", "group:cue", "everywhere", 4, 4, 4, 81.0, 130.0, None),
        ("correlation", "Insula", "depends", 2, 4, 4, -0.61, 0.7, "smooth, fewer"),
        ("test", "escalation, group", "nowhere", 0, 4, 4, 1.2, 1.2, None),
    ]
    names = ["kind", "result", "verdict", "held", "tested", "choices", "smallest", "largest", "deviant"]
    return pd.DataFrame(rows, columns=names)


def section(found: AlternativeFacts, verdicts: pd.DataFrame):
    return alternatives_section(found, (), verdicts=verdicts, choices=pd.DataFrame(columns=["choice"]))


def test_the_section_counts_what_holds_where(verdicts):
    found = facts(everywhere=1, depends=1, nowhere=1, untested=2, untouched=4)
    text = section(found, verdicts).items[0].text
    assert "lists 3 alternatives" in text
    assert "Of 3 results that a choice touches, 1 holds under every such choice, 1 depends on a choice, 1 holds" in text
    assert "No choice touches 4 further results." in text


@pytest.mark.parametrize(("alpha", "said"), [(0.01, "up to 4 % of studies, not in 1 %"), (0.5, "up to 100 %")])
def test_the_section_says_by_how_much_choosing_inflates_the_error(verdicts, alpha, said):
    found = AlternativeFacts(choices=4, verdicts={"everywhere": 3}, alpha=alpha, behavior_alpha=0.05)
    text = section(found, verdicts).items[1].text
    assert "This is no correction" in text
    assert said in text


def test_the_table_shows_what_holds_somewhere_and_the_file_has_every_result(verdicts):
    table = section(facts(everywhere=1, depends=1, nowhere=1), verdicts).items[2]
    assert table.frame is verdicts
    assert table.display["effect"].tolist() == ["group:cue", "Insula"]
    assert table.display["values"].tolist() == ["81 to 130", "−.61 to .70"]
    assert table.display["held"].tolist() == ["4 of 4", "2 of 4"]
    assert table.display["deviant"].tolist() == ["–", "smooth, fewer"]


def test_captions_say_the_levels_and_what_is_not_drawn():
    text = grid_caption(facts(everywhere=1, nowhere=7))
    assert "corrected p ≤ .01" in text
    assert "the level of the question, .05 unless" in text
    assert "Not drawn: 7 results that hold under no choice." in text
    assert "Not drawn" not in grid_caption(facts(everywhere=1))
