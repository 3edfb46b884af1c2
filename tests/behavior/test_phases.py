"""Sessions find their phase and number; what does not fit the plan is told."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.behavior.phases import PhaseRule, assign_phases
from cuecircuit.errors import DesignError

RULES = [
    PhaseRule(phase="escalation", experiment="ESCALATION", sessions=2),
    PhaseRule(phase="conditioning", treatment="saline", experiment="COND-SALINE", sessions=1),
    PhaseRule(phase="conditioning", treatment="naloxone", experiment="COND-NAL*", sessions=1),
]


def table(*rows: tuple[str | None, str, int]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "subject": who,
                "experiment": what,
                "msn": "P",
                "start": f"2024-01-{day:02d}T09:00:00",
                "file": "a",
                "line": day,
            }
            for who, what, day in rows
        ]
    )


def whole(who: str) -> list[tuple[str | None, str, int]]:
    return [(who, "ESCALATION", 1), (who, "escalation", 2), (who, "COND-SALINE", 3), (who, "COND-NALOXONE", 4)]


def test_sessions_are_numbered_by_date_within_subject_phase_and_treatment():
    rows = [*whole("R2"), *whole("R1")]

    phased = assign_phases(table(*reversed(rows)), RULES)

    assert phased.faults == ()
    found = phased.table.sort_values(["subject", "start"])
    assert found["session"].tolist() == [1, 2, 1, 1] * 2
    assert found["phase"].tolist() == ["escalation", "escalation", "conditioning", "conditioning"] * 2
    assert found["treatment"].tolist()[2:4] == ["saline", "naloxone"]


@settings(deadline=None)
@given(st.permutations([*whole("R1"), *whole("R2")]))
def test_the_order_of_the_rows_does_not_matter(rows: list[tuple[str | None, str, int]]):
    def numbers(frame: pd.DataFrame) -> list[tuple[object, ...]]:
        phased = assign_phases(frame, RULES).table
        return sorted(zip(phased["subject"], phased["start"], phased["phase"], phased["session"], strict=True))

    assert numbers(table(*rows)) == numbers(table(*whole("R1"), *whole("R2")))


@pytest.mark.parametrize(
    ("rows", "subject", "what"),
    [
        (whole("R1")[:-1], "R1", "0 of 1 sessions of conditioning naloxone"),
        ([*whole("R1"), ("R1", "ESCALATION", 9)], "R1", "session 3 of escalation, 2 were planned"),
        ([*whole("R1"), ("R1", "TRAINING", 9)], "R1", "experiment 'TRAINING' (program 'P') belongs to no phase"),
        ([*whole("R1"), ("R9", "ESCALATION", 9)], "R9", "subject 'R9' is not among the participants"),
        ([*whole("R1"), (None, "ESCALATION", 9)], "", "subject '' is not among the participants"),
    ],
)
def test_what_does_not_fit_the_plan_is_told(rows: list[tuple[str | None, str, int]], subject: str, what: str):
    phased = assign_phases(table(*rows), RULES, participants=["R1"])

    assert [(fault.subject, fault.what) for fault in phased.faults] == [(subject, what)]
    assert len(phased.table) == len(rows)


def test_a_participant_without_any_session_is_told_for_each_phase():
    phased = assign_phases(table(*whole("R1")), RULES, participants=["R1", "R2"])

    assert [fault.subject for fault in phased.faults] == ["R2", "R2", "R2"]


def test_a_session_of_two_phases_is_a_fault_of_the_plan():
    rules = [*RULES, PhaseRule(phase="other", experiment="COND-*")]

    with pytest.raises(DesignError, match=r"'COND-SALINE' .* fits the phases conditioning saline and other"):
        assign_phases(table(*whole("R1")), rules)


def test_a_phase_may_be_known_by_its_program():
    frame = table(("R1", "", 1), ("R1", "", 2)).assign(msn=["SHA FR1", "LGA FR1"])
    rules = [PhaseRule(phase="short", msn="sha*"), PhaseRule(phase="long", msn="lga*")]

    assert assign_phases(frame, rules).table["phase"].tolist() == ["short", "long"]
