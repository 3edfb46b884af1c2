"""Reporting lists say what the study holds, and name what it does not."""

import pandas as pd

from cuecircuit.nodes.designs import design_text
from cuecircuit.pages.reporting import UNKNOWN, reporting_section
from cuecircuit.report.content import TableItem
from cuecircuit.study.reading import parse_study


def listed(design: str, groups: dict[str, int], scans: int | None) -> pd.DataFrame:
    (item,) = reporting_section(parse_study(design_text(design)), groups, scans).items
    assert isinstance(item, TableItem)
    return item.frame


def test_animals_are_reported_by_arrive() -> None:
    frame = listed("carmack2019", {"ShA": 11, "LgA": 10}, 21).set_index("item")["answer"]

    assert frame["2a"] == "21 subjects: 11 ShA, 10 LgA"
    assert frame["1a"].startswith("group: ShA, LgA")
    assert "escalation (self administration, 10 days)" in frame["9a"]
    assert frame["8a"].startswith("species Rattus norvegicus")
    assert (frame[["2b", "4a", "5", "14"]] == UNKNOWN).all()
    # the essential ten, and eleven recommended
    assert {str(number) for number in range(11, 22)} <= set(frame.index)
    assert {item.rstrip("abcd") for item in frame.index} == {str(number) for number in range(1, 22)}


def test_human_participants_are_reported_by_cobidas() -> None:
    frame = listed("smokers_two_sessions", {"": 24}, 48).set_index("asked")["answer"]

    assert frame["Number of subjects, by group"] == "24 subjects"
    assert frame["Scans that entered"] == "48"
    assert frame["Task and repetition time"] == "pictures, 2.0 s"
    assert "picture*session + (1 + session | subject)" in frame["Group models"]
    assert frame["Scanner, field strength, coil, sequence, echo time, flip angle, field of view"] == UNKNOWN


def test_who_was_left_out_is_named_with_the_reason() -> None:
    text = design_text("carmack2019").replace(
        "subjects:\n", "subjects:\n  exclude: { LgA03: catheter not patent }\n", 1
    )
    (item,) = reporting_section(parse_study(text), {"": 20}, None).items
    assert isinstance(item, TableItem)

    assert "LgA03 (catheter not patent)" in set(item.frame["answer"])
