"""Values set in the text of a study file: they are read back, and nothing else changes."""

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import StudyError
from cuecircuit.study.yaml_settings import with_settings

BLOCK = """# mine
about: { title: A }
scans:
  # ? the task
  task: cues  # of two
  tr_s: 2
trials: { cells: cue }
"""
FLOW = "about: { title: A }\nscans: { task: cues, tr_s: 2 }  # mine\n"
PLACED = BLOCK.replace("  tr_s: 2\n", '  derivatives: "../prep é"  # moved\n  tr_s: 2\n')
EMPTY = BLOCK.replace("  tr_s: 2\n", "  derivatives:\n  tr_s: 2\n")


@pytest.mark.parametrize("text", [BLOCK, FLOW, PLACED, EMPTY])
@settings(max_examples=15, deadline=None)
@given(place=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="#"), min_size=1))
def test_a_value_is_read_back_and_nothing_else_changes(text: str, place: str) -> None:
    changed = with_settings(text, "scans", {"derivatives": place})

    expected = yaml.safe_load(text)
    expected["scans"]["derivatives"] = place
    assert yaml.safe_load(changed) == expected
    assert re.findall("#.*", changed) == re.findall("#.*", text)
    assert with_settings(changed, "scans", {"derivatives": place}) == changed


def test_several_values_are_set_and_none_leaves_the_text_as_it_is() -> None:
    both = yaml.safe_load(with_settings(BLOCK, "scans", {"dataset": "/a", "derivatives": "/b"}))

    assert (both["scans"]["dataset"], both["scans"]["derivatives"]) == ("/a", "/b")
    assert with_settings(BLOCK, "scans", {}) == BLOCK


@pytest.mark.parametrize("text", ["about: { title: A }\n", "scans:\n", "scans: []\n"])
def test_a_study_without_the_section_is_refused(text: str) -> None:
    with pytest.raises(StudyError, match="no section scans in the study file, whose dataset was given"):
        with_settings(text, "scans", {"dataset": "/a"})
