"""Logs against the plan of a study stop it until it says why they are right; sessions are left out or joined."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.io.medpc_write import MedpcSession, write_medpc
from cuecircuit.io.tables import read_table
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import run_study
from cuecircuit.tables.operant import operant_data
from cuecircuit.tables.study_files import read_study
from cuecircuit.tables.subjects import subjects_table

HOURS = {"ShA": 1, "LgA": 6}
ANIMALS = {"s1": "ShA", "s2": "ShA", "s3": "ShA", "l1": "LgA", "l2": "LgA", "l3": "LgA"}
STUDY = """
about: {{ title: Access to heroin }}
subjects: {{ species: Rattus norvegicus }}
factors: {{ group: [ShA, LgA] }}
drugs: {{ heroin: {{ dose_mg_kg: 0.06, route: i.v. }} }}
operant:
  logs: logs.txt
  phases:
    escalation:
      {{ kind: self_administration, experiment: FR1, days: 3, access_h: {{ ShA: 1, LgA: 6 }}, delivers: heroin }}
  {more}
questions:
  escalation: {{ of: operant.infusions, where: {{ phase: escalation }}, between: group, within: day }}
"""
Study = Callable[..., Path]


def log(animal: str, day: int, *, hours: float, at_h: float = 9, run_h: float | None = None, **fields) -> MedpcSession:
    start = datetime(2024, 1, day) + timedelta(hours=at_h)
    ran_s = 3600 * (hours if run_h is None else run_h)
    infusions = np.arange(1, 4 + day + list(ANIMALS).index(animal)) * 25.0
    infusions = infusions[infusions < ran_s]
    header = {"experiment": "FR1", "group": ANIMALS[animal], "box": animal, "msn": "CUECIRCUIT FR1"} | fields
    return MedpcSession(
        subject=animal,
        start=start,
        end=start + timedelta(seconds=ran_s),
        scalars={"A": infusions.size, "I": 0, "R": infusions.size, "K": 3600 * hours},
        arrays={"X": infusions, "Y": np.empty(0), "Z": infusions},
        **header,
    )


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Write a study of six rats on three days; lines of the section operant, and the logs of one rat, may be others."""

    def write(more: str = "", **others: list[MedpcSession]) -> Path:
        rows = [f"sub-{animal}\t{group}\n" for animal, group in ANIMALS.items()]
        (tmp_path / "participants.tsv").write_text("participant_id\tgroup\n" + "".join(rows), encoding="utf-8")
        logs = {
            animal: [log(animal, day, hours=HOURS[group]) for day in (1, 2, 3)] for animal, group in ANIMALS.items()
        }
        text = write_medpc([session for own in (logs | others).values() for session in own])
        (tmp_path / "logs.txt").write_text(text, newline="", encoding="utf-8")
        (tmp_path / "study.yaml").write_text(STUDY.format(more=more), encoding="utf-8")
        return tmp_path / "study.yaml"

    return write


def days(path: Path, animal: str) -> list[tuple[int, float]]:
    """Return day and length (s) of each session of a rat that enters tests."""
    files = read_study(path)
    assert files.study.operant is not None
    rows = operant_data(files, files.study.operant, subjects_table(files)).table.rows
    own = rows[rows["subject"] == animal]
    return list(zip(own["day"], own["duration_s"], strict=True))


def test_logs_as_planned_are_no_fault(study: Study):
    assert check_study(study()) == ()


def test_swapped_groups_sessions_beyond_the_plan_and_other_names_are_refused_at_once(study: Study):
    swapped = [log("s1", day, hours=6, group="LgA") for day in (1, 2, 3)]
    path = study(s1=swapped, l2=[log("l2", day, hours=6) for day in (1, 2, 3, 4, 5)])

    with pytest.raises(StudyError) as error:
        check_study(path)

    text = str(error.value)
    assert len(error.value.faults) == 3
    assert "subject 's1': Group is 'LgA' in 3 of 3 logs and 'ShA' in the table of participants" in text
    assert "3 of 3 sessions of escalation last 6 h, access_h says 1 h of ShA and this length of LgA" in text
    assert "subject 'l2': 2 sessions of escalation more than the 3 planned" in text
    for name in ("s1 group", "s1 escalation length", "l2 escalation sessions"):
        assert f"(operant.accept: {{{name}: reason}})" in text


def test_a_kind_of_fault_is_named_once_with_who_has_it_and_accepted_at_once(study: Study):
    others = {
        name: [log(name, day, hours=2) for day in range(1, 3 + k % 2)] for k, name in enumerate(("s1", "s2", "s3"))
    }
    others["l1"] = [log("l1", day, hours=2) for day in (1, 2)]

    with pytest.raises(StudyError) as error:
        check_study(study(**others))

    rats, other = sorted(error.value.faults, key=lambda fault: "'l1'" in fault)
    assert "subject 's1' and 2 others ('s2', 's3'): 2 of 2 sessions of escalation last 2 h, access_h says 1 h" in rats
    assert "subject 'l1': 2 of 2 sessions of escalation last 2 h, access_h says 6 h" in other
    assert "accept them with a reason (operant.accept: {'* escalation length': reason})" in rats
    check_study(study("accept: { '* escalation length': the timer was new }", **others))


def test_accepted_faults_are_in_the_ledger_with_their_reason(study: Study, tmp_path: Path):
    accept = "accept: { 's1 escalation length': the box had no clock, 'l? * sessions': two days more }"
    path = study(
        accept,
        s1=[log("s1", day, hours=6) for day in (1, 2, 3)],
        l2=[log("l2", day, hours=6) for day in (1, 2, 3, 4, 5)],
    )

    run_study(path, tmp_path / "out", stages=["subjects", "operant"])

    faults = read_table(tmp_path / "out" / "operant" / "faults.tsv", text=("subject", "accepted"))
    accepted = faults.dropna(subset="accepted")
    assert list(zip(accepted["subject"], accepted["accepted"], strict=True)) == [
        ("s1", "the box had no clock"),
        ("l2", "two days more"),
    ]
    assert [day for day, _ in days(path, "l2")] == [1, 2, 3]


def test_an_accepted_fault_is_one_line(study: Study):
    others = [log("s2", day, hours=1, group="LgA") for day in (1, 2, 3)]

    (note,) = check_study(study("accept: { s2 group: a slip of the keyboard }", s2=others))

    assert "Group is 'LgA' in 3 of 3 logs" in note


def test_a_reason_for_a_fault_that_is_not_there_is_refused(study: Study):
    with pytest.raises(StudyError, match="no fault of the logs is called 's1 group'; take it out"):
        check_study(study("accept: { s1 group: nothing }"))


def test_a_session_stopped_early_is_no_fault_of_the_plan(study: Study):
    stopped = [log("l1", day, hours=6, run_h=1 if day == 2 else 6) for day in (1, 2, 3)]

    (note,) = check_study(path := study(l1=stopped))

    assert "l1': stopped 18000 s before its declared length of 21600 s" in note
    assert days(path, "l1") == [(1, 21600), (2, 3600), (3, 21600)]


@pytest.mark.parametrize(
    ("hours", "refused"),
    [
        ((1, 0.5, 1), ""),
        ((0.95, 1, 1.05), ""),
        ((0.5, 0.5, 0.5), "3 of 3 sessions of escalation last 0.5 h, access_h says 1 h; correct access_h"),
        ((1, 2, 1), "1 of 3 sessions of escalation last 2 h, access_h says 1 h; correct access_h"),
        ((1, 6, 1), "1 of 3 sessions of escalation last 6 h, access_h says 1 h of ShA and this length of LgA; correct"),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_length_may_fall_short_now_and_then_and_not_be_that_of_another_group(
    study: Study, tmp_path: Path, hours: tuple[float, ...], refused: str, declared: bool
):
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "p.yaml").write_text(
        "msn: [PLAIN]\ntitle: t\nsource: s\nletters:\n  Z: {kind: timestamps, event: infusion, unit_s: 1, count: R}\n"
        "  R: {kind: scalar, name: infusions}\n"
        + "session_length: {at: K, unit_s: 1}\n" * declared
        + "unknown: AIKXY\n",
        encoding="utf-8",
    )
    logs = [log("s1", day, hours=length, msn="PLAIN") for day, length in enumerate(hours, 1)]
    path = study("programs: programs", s1=logs)

    if refused:
        with pytest.raises(StudyError, match=refused):
            check_study(path)
    else:
        assert ["1800 s" in note and "more like it" not in note for note in check_study(path)] == [True] * (
            min(hours) == 0.5
        )


def test_a_group_of_the_log_that_the_study_does_not_know_is_a_line_of_the_ledger(study: Study):
    (note,) = check_study(study(s1=[log("s1", day, hours=1, group="batch 7") for day in (1, 2, 3)]))

    assert "Group is 'batch 7' in the log and 'ShA' in the table" in note
    assert note.endswith("2 more like it")


def test_the_case_of_letters_makes_no_other_group(study: Study):
    (note,) = check_study(study(s1=[log("s1", day, hours=1, group="SHA") for day in (1, 2, 3)]))
    assert "Group is 'SHA' in the log" in note
    assert note.endswith("2 more like it")
    with pytest.raises(StudyError, match="Group is 'LgA' in 3 of 3 logs"):
        check_study(study(s1=[log("s1", day, hours=1, group="lga ") for day in (1, 2, 3)]))


def test_sessions_are_left_out_and_joined_by_subject_and_date(study: Study):
    more = """exclude: [{ subject: s2, date: 2024-01-02, reason: leak }]
  merge: [{ subject: l1, date: 2024-01-02, reason: crash }]"""
    crash = [log("l1", 2, hours=6, run_h=2), log("l1", 2, hours=6, at_h=12, run_h=4)]
    path = study(more, l1=[log("l1", 1, hours=6), *crash, log("l1", 3, hours=6)])

    assert [day for day, _ in days(path, "s2")] == [1, 3]
    assert days(path, "l1") == [(1, 21600), (2, 21600), (3, 21600)]


def test_a_session_of_no_subject_or_reason_is_refused(study: Study):
    with pytest.raises(StudyError, match=r"exclude: no session of subject 's2' on 2024-02-02"):
        check_study(study("exclude: [{ subject: s2, date: 2024-02-02, reason: leak }]"))
    with pytest.raises(StudyError, match=r"exclude.0.reason"):
        check_study(study("exclude: [{ subject: s2, date: 2024-01-02 }]"))


def test_short_sessions_are_left_out_and_days_numbered_by_order_where_the_study_says_so(study: Study):
    short = [log("s1", 1, hours=1), log("s1", 2, hours=1, run_h=0.1), log("s1", 3, hours=1), log("s1", 4, hours=1)]

    by_date = days(study("shortest_min: 10", s1=short[:3]), "s1")
    by_order = days(study("shortest_min: 10\n  number: order", s1=short[:3]), "s1")
    made_up = days(study("shortest_min: 10", s1=short), "s1")

    assert [day for day, _ in by_date] == [1, 3]
    assert [day for day, _ in by_order] == [1, 2]
    assert [day for day, _ in made_up] == [1, 2, 3]


def test_sessions_of_one_record_keep_their_own_counts(study: Study, tmp_path: Path):
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "p.yaml").write_text(
        "msn: [PARTS]\ntitle: t\nsource: s\nletters:\n"
        + "".join(f"  {letter}: {{kind: scalar, name: n {letter}}}\n" for letter in "AIR")
        + "parts:\n"
        + "".join(f"  - {{experiment: FR1, counts: {{infusion: {letter}}}, duration_s: 3600}}\n" for letter in "AIR")
        + "unknown: KXYZ\n",
        encoding="utf-8",
    )
    record = log("s1", 1, hours=1, msn="PARTS", run_h=3)
    record.scalars.update(A=7, I=8, R=9)  # pyright: ignore[reportAttributeAccessIssue]
    more = "programs: programs\n  measures: { given: { count: infusion } }"

    files = read_study(study(more, s1=[record]))
    assert files.study.operant is not None
    rows = operant_data(files, files.study.operant, subjects_table(files)).table.rows

    own = rows[rows["subject"] == "s1"]
    assert own["given"].tolist() == own["infusions"].tolist() == [7, 8, 9]
