"""Sessions find their phase and number; what does not fit the plan is told."""

from datetime import date

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


def escalation(**days: list[int]) -> list[tuple[str | None, str, int]]:
    return [(who, "ESCALATION", day) for who, own in days.items() for day in own]


def numbers_of(rows: list[tuple[str | None, str, int]], sessions: int | None, **fields: object) -> dict[str, list[int]]:
    rule = PhaseRule(phase="escalation", experiment="ESCALATION", sessions=sessions)
    phased = assign_phases(table(*rows).assign(duration_s=3600.0), [rule], **fields)  # pyright: ignore[reportArgumentType]
    return {str(who): own["session"].tolist() for who, own in phased.table.groupby("subject", sort=False)}


WEEKDAYS = [1, 2, 3, 4, 5, 8, 9, 10, 11, 12]


def test_a_missing_day_is_missing_and_the_others_keep_their_number():
    rows = escalation(R1=WEEKDAYS, R2=[day for day in WEEKDAYS if day != 3], R3=WEEKDAYS, R4=WEEKDAYS[1:])

    found = numbers_of(rows, 10)

    assert found["R1"] == found["R3"] == list(range(1, 11))
    assert found["R2"] == [1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert found["R4"] == list(range(2, 11))
    assert numbers_of(rows, 10, numbering="order")["R2"] == list(range(1, 10))
    rule = PhaseRule(phase="escalation", experiment="ESCALATION", sessions=10)
    told = assign_phases(table(*rows), [rule]).faults
    assert [(fault.subject, fault.what) for fault in told] == [
        ("R2", "9 of 10 sessions of escalation (without 3)"),
        ("R4", "9 of 10 sessions of escalation (without 1)"),
    ]


def test_cohorts_that_began_on_other_dates_have_calendars_of_their_own():
    late = [day + 4 for day in range(1, 7)]
    rows = escalation(R1=list(range(1, 7)), R2=list(range(1, 7)), R3=late, R4=late, R5=[5, 6, 8, 9, 10])

    found = numbers_of(rows, 6)

    assert found["R3"] == found["R1"] == [1, 2, 3, 4, 5, 6]
    assert found["R5"] == [1, 2, 4, 5, 6]


def test_a_subject_alone_on_its_dates_is_compared_with_those_in_the_phase_at_the_time():
    found = numbers_of(escalation(R1=[1, 2, 3, 4, 5, 6], R2=[1, 2, 3, 4, 5, 6], R3=[2, 3, 5, 7]), 6)

    assert found["R3"] == [1, 2, 4, 6]


def test_counterbalanced_treatments_are_numbered_in_order():
    # half of the animals have saline on days 1 and 3, half on days 2 and 4
    found = numbers_of(escalation(R1=[1, 3], R2=[2, 4], R3=[1, 3], R4=[2, 4]), 2)

    assert all(numbers == [1, 2] for numbers in found.values())


def test_of_two_sessions_of_a_date_the_longer_counts_unless_most_dates_have_two():
    rows = escalation(R1=[1, 2, 2, 3])
    frame = table(*rows).assign(duration_s=[3600.0, 600.0, 3600.0, 3600.0])
    rule = PhaseRule(phase="escalation", experiment="ESCALATION", sessions=3)

    phased = assign_phases(frame, [rule])

    assert phased.table["session"].fillna(0).tolist() == [1, 0, 2, 3]
    assert phased.faults[0].what == "another session of escalation on 2024-01-02 ran as long or longer"
    twice = assign_phases(table(*escalation(R1=[1, 1, 2, 2])).assign(line=[1, 2, 3, 4]), [rule]).table
    assert twice["session"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("starts", "numbers"),
    [
        (["01T23:54", "03T00:06", "03T23:50", "05T00:10"], [1, 2, 3, 4]),  # nights, each begun around midnight
        (["01T06:30", "02T06:30", "02T23:30", "04T06:30"], [1, 2, 0, 3]),  # a second session of a day
    ],
)
def test_sessions_after_midnight_are_of_the_evening_before_where_all_are_of_nights(
    starts: list[str], numbers: list[int]
):
    rows = escalation(R1=[1, 2, 3, 4])
    frame = table(*rows).assign(
        start=[f"2024-01-{start}:00" for start in starts], duration_s=[7200.0, 7200, 3600, 7200]
    )

    phased = assign_phases(frame, [PhaseRule(phase="escalation", experiment="ESCALATION")])

    assert phased.table["session"].fillna(0).tolist() == numbers


def test_several_sessions_of_one_record_all_count():
    frame = table(*escalation(R1=[1, 1, 1, 1, 1]))

    assert assign_phases(frame, [PhaseRule(phase="extinction")]).table["session"].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("rule", "fitting"),
    [
        ({"experiment": "re:FR-?1-10"}, ["FR1-10", "FR-1-10"]),
        ({"experiment": "FR-?1-10"}, ["FR-11-10"]),
        ({"group": "lg*"}, ["FR1-10", "fr20"]),
        ({"first": date(2024, 1, 2), "last": date(2024, 1, 3)}, ["FR-1-10", "FR-11-10"]),
        ({"msn": "re:p|q"}, ["FR1-10", "FR-1-10", "FR-11-10", "fr20"]),
    ],
)
def test_a_phase_is_recognized_by_pattern_group_and_dates(rule: dict[str, object], fitting: list[str]):
    names = ["FR1-10", "FR-1-10", "FR-11-10", "fr20"]
    frame = table(*[("R1", name, day) for day, name in enumerate(names, 1)]).assign(group=["LgA", "ShA", "", "LgA"])

    phased = assign_phases(frame, [PhaseRule(phase="it", **rule)]).table  # pyright: ignore[reportArgumentType]

    assert phased[phased["phase"] == "it"]["experiment"].tolist() == fitting


def test_several_rules_may_name_one_phase():
    frame = table(("R1", "FR1", 1), ("R1", "FIXED", 2))
    rules = [
        PhaseRule(phase="escalation", experiment="FR*", sessions=2),
        PhaseRule(phase="escalation", experiment="FIX*"),
    ]

    phased = assign_phases(frame, rules)

    assert phased.table["session"].tolist() == [1, 2]
    assert phased.faults == ()


def test_sessions_listed_by_name_go_before_the_rules():
    listed = pd.DataFrame(
        {"subject": ["R1", "R1"], "date": ["2024-01-02", "2024-01-09"], "phase": ["relapse", "relapse"]}
    )

    phased = assign_phases(table(*whole("R1")), RULES, listed=listed)

    assert phased.table["phase"].tolist()[:2] == ["escalation", "relapse"]
    assert phased.faults[0].what == "listed session of 2024-01-09 is not in the logs"
    with pytest.raises(DesignError, match="subject 'R1' on 2024-01-02 is listed twice"):
        assign_phases(table(*whole("R1")), RULES, listed=pd.concat([listed, listed]))


def test_a_pattern_that_is_no_regular_expression_is_refused():
    with pytest.raises(DesignError, match=r"pattern 're:\(' is no regular expression"):
        assign_phases(table(*whole("R1")), [PhaseRule(phase="it", experiment="re:(")])
