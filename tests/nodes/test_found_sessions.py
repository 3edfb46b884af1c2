"""Sessions find their phase by any field, date or a table; doses are of phase, day and weight; ratios of any kind."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuecircuit.behavior.course import ratio_costs
from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.medpc_write import MedpcSession, write_medpc
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import run_study
from cuecircuit.tables.operant import OperantData, operant_data
from cuecircuit.tables.study_files import read_study
from cuecircuit.tables.subjects import subjects_table

STUDY = """
about: {{ title: Two phases }}
subjects: {{ species: Rattus norvegicus{subjects} }}
factors: {{ group: [ShA, LgA] }}
drugs: {{ heroin: {{ {drug}, route: i.v. }} }}
operant:
  logs: logs.txt
  programs: programs
  {more}
  phases:
    early: {{ {early}, kind: {kind}, delivers: heroin }}
    late: {{ {late}, kind: self_administration, delivers: heroin }}
questions:
  early: {{ of: operant.infusions, where: {{ phase: early }}, between: group, {within} }}
  late: {{ of: operant.infusions, where: {{ phase: late }}, between: group, average: day }}
"""
PROGRAM = """
msn: ["P*", "Q*"]
title: t
source: s
counts: {infusion: A, active: I}
values: {last_ratio: R, weight_g: K}
letters: {}
unknown: XYZ
"""
GROUPS = {"r1": "ShA", "r2": "ShA", "r3": "LgA", "r4": "LgA"}
Logs = Callable[..., Path]


def log(animal: str, day: int, **fields: Any) -> MedpcSession:
    start = datetime(2024, 1, day, 9)
    numbers = {
        letter: float(fields.pop(letter, default)) for letter, default in zip("AIRK", (9, 200, 0, 0), strict=True)
    }
    header = {"experiment": "E", "group": GROUPS[animal], "box": animal, "msn": "P"} | fields
    return MedpcSession(
        subject=animal,
        start=start,
        end=start + timedelta(hours=1),
        scalars=numbers,
        arrays={letter: np.empty(0) for letter in "XYZ"},
        **header,
    )


@pytest.fixture
def study(tmp_path: Path) -> Logs:
    """Write a study of four rats with their logs; the settings of its two phases are given."""

    def write(logs: Sequence[MedpcSession], early: str, late: str = "program: Q*, days: 1", **texts: str) -> Path:
        rows = [f"sub-{animal}\t{group}\t0.3\n" for animal, group in GROUPS.items()]
        (tmp_path / "participants.tsv").write_text("participant_id\tgroup\tkg\n" + "".join(rows), encoding="utf-8")
        (tmp_path / "programs").mkdir(exist_ok=True)
        (tmp_path / "programs" / "p.yaml").write_text(PROGRAM, encoding="utf-8")
        other = PROGRAM.replace('"P*", "Q*"', "NO RATIO").replace("last_ratio: R, ", "").replace("XYZ", "RXYZ")
        (tmp_path / "programs" / "n.yaml").write_text(other, encoding="utf-8")
        (tmp_path / "logs.txt").write_text(write_medpc(logs), newline="", encoding="utf-8")
        words = {"more": "", "kind": "self_administration", "drug": "dose_mg_kg: 0.06", "subjects": ""} | texts
        words = {"within": "within: day" if "days: 1" not in early else "why: one day"} | words
        path = tmp_path / "study.yaml"
        path.write_text(STUDY.format(early=early, late=late, **words), encoding="utf-8")
        return path

    return write


def data(path: Path) -> OperantData:
    files = read_study(path)
    assert files.study.operant is not None
    return operant_data(files, files.study.operant, subjects_table(files))


def rows_of(path: Path, phase: str, animal: str = "r1") -> pd.DataFrame:
    rows = data(path).table.rows
    return rows[(rows["phase"] == phase) & (rows["subject"] == animal)]


def of_all(days: Sequence[int], **fields: object) -> list[MedpcSession]:
    return [log(animal, day, **fields) for animal in GROUPS for day in days]


@pytest.mark.parametrize(
    ("early", "late", "changed"),
    [
        (
            "experiment: 're:FR-?1-10', days: 2",
            "experiment: FR20, days: 1",
            {"experiment": ["FR1-10", "FR-1-10", "FR20"]},
        ),
        ("program: P*, days: 2", "program: Q*, days: 1", {"msn": ["P1", "P2", "Q"]}),
        ("group: A, days: 2", "group: 're:[bc]', days: 1", {"group": ["A", "a", "C"]}),
        ("last: 2024-01-02, days: 2", "first: 2024-01-03, days: 1", {}),
        (
            "experiment: X, also: [{ program: P2, last: 2024-01-02 }], days: 2",
            "first: 2024-01-03, days: 1",
            {"experiment": ["X", "E", "E"], "msn": ["P", "P2", "P2"]},
        ),
    ],
)
def test_phases_are_found_by_fields_dates_and_several_rules(
    study: Logs, early: str, late: str, changed: dict[str, list[str]]
):
    logs = [
        one for day in (1, 2, 3) for one in of_all([day], **{name: values[day - 1] for name, values in changed.items()})
    ]

    path = study(logs, early, late)

    assert rows_of(path, "early")["start"].str[:10].tolist() == ["2024-01-01", "2024-01-02"]
    assert rows_of(path, "late")["start"].str[:10].tolist() == ["2024-01-03"]


def test_a_phase_whose_rules_fit_nothing_is_named_with_all_it_was_looked_for_by(study: Logs):
    early = "program: P7, first: 2024-01-01, also: [{ group: Z }], days: 2"
    path = study([*of_all([1, 2]), *of_all([3], msn="Q")], early)

    with pytest.raises(StudyError) as error:
        check_study(path)

    assert (
        "phase early: no session has the program (MSN) 'P7' and a date from 2024-01-01 or the Group 'Z'; "
        "found: 'P', 'Q'" in str(error.value)
    )


def test_sessions_listed_by_name_go_before_the_rules(study: Logs, tmp_path: Path):
    lines = [f"sub-{animal}\t2024-01-0{day}\tearly\n" for animal in GROUPS for day in (1, 3)]
    (tmp_path / "s.tsv").write_text("participant_id\tdate\tphase\n" + "".join(lines), encoding="utf-8")

    path = study(of_all([1, 2, 3]), "days: 2", "program: P, days: 1", more="sessions: s.tsv")

    assert rows_of(path, "early")["start"].str[:10].tolist() == ["2024-01-01", "2024-01-03"]
    assert rows_of(path, "late")["start"].str[:10].tolist() == ["2024-01-02"]


def test_a_table_of_sessions_is_checked_line_by_line(study: Logs, tmp_path: Path):
    (tmp_path / "s.tsv").write_text("subject\tdate\tphase\nr1\t2024-01-01\tmiddle\n", encoding="utf-8")
    path = study(of_all([1, 2, 3]), "days: 2", "program: P, days: 1", more="sessions: s.tsv")
    with pytest.raises(DataError, match=r"s\.tsv:2: phase 'middle' is none of the study; expected one of: early, late"):
        data(path)
    (tmp_path / "s.tsv").write_text("subject\tdate\tphase\nr1\t1.2.24\tearly\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"s\.tsv:2: date is '1\.2\.24', expected a date such as 2025-03-04"):
        data(path)


def test_a_phase_that_nothing_finds_is_refused(study: Logs):
    with pytest.raises(StudyError, match=r"operant\.phases\.early.*nothing says how its sessions are found"):
        check_study(study(of_all([1, 2, 3]), "days: 2"))
    with pytest.raises(StudyError, match="last 2024-01-01 is before first 2024-01-02"):
        check_study(study(of_all([1, 2, 3]), "first: 2024-01-02, last: 2024-01-01, days: 2"))


def test_a_group_of_0_in_a_log_is_no_other_group(study: Logs):
    path = study([*of_all([1, 2], group="0"), *of_all([3], msn="Q", group="cohort 2")], "program: P, days: 2")

    found = [fault.what for fault in data(path).faults]

    assert [what for what in found if "Group is '0'" in what] == []
    assert len([what for what in found if "Group is 'cohort 2'" in what]) == 4


def test_the_dose_is_that_of_the_day_or_phase_before_that_of_the_drug(study: Logs):
    logs = [*of_all([1, 2]), *of_all([3], msn="Q")]

    by_day = study(logs, "program: P, days: 2, by_day: { dose_mg_kg: [0.1, 0.2] }", "program: Q, days: 1")
    assert rows_of(by_day, "early")["intake_mg_kg"].to_numpy() == pytest.approx([0.9, 1.8])
    assert rows_of(by_day, "late")["intake_mg_kg"].to_numpy() == pytest.approx([9 * 0.06])
    by_phase = study(logs, "program: P, days: 2", "program: Q, days: 1, dose_mg_kg: 0.03")
    assert rows_of(by_phase, "early")["intake_mg_kg"].to_numpy() == pytest.approx([0.54, 0.54])
    assert rows_of(by_phase, "late")["intake_mg_kg"].to_numpy() == pytest.approx([0.27])
    with pytest.raises(StudyError, match=r"5 mg/kg of heroin in one delivery is impossible; at most 3"):
        check_study(study(logs, "program: P, days: 2, dose_mg_kg: 5"))


def test_an_amount_is_divided_by_the_last_weight_up_to_the_day_of_the_session(study: Logs, tmp_path: Path):
    lines = ["r1\t2024-01-01\t250\n", "r1\t2024-01-03\t500\n", "r2\t2024-01-02\t400\n"]
    (tmp_path / "w.tsv").write_text("subject\tdate\tweight_g\n" + "".join(lines), encoding="utf-8")
    logs = [*of_all([1, 2], K=600), *of_all([3], msn="Q")]
    texts = {"drug": "dose_mg: 0.03", "subjects": ", weight_kg: kg"}

    weighed = study(logs, "program: P, days: 2", more="weights: w.tsv", **texts)
    assert rows_of(weighed, "early")["intake_mg_kg"].to_numpy() == pytest.approx([9 * 0.12] * 2)
    assert rows_of(weighed, "late")["intake_mg_kg"].to_numpy() == pytest.approx([9 * 0.06])
    # before the first weighing, and without any: the weight of the subject
    assert rows_of(weighed, "early", "r2")["intake_mg_kg"].to_numpy() == pytest.approx([9 * 0.1, 9 * 0.075])
    assert rows_of(weighed, "early", "r3")["intake_mg_kg"].to_numpy() == pytest.approx([9 * 0.1] * 2)

    in_logs = study(logs, "program: P, days: 2", more="weights: logs", **texts)
    assert rows_of(in_logs, "early")["intake_mg_kg"].to_numpy() == pytest.approx([9 * 0.05] * 2)

    with pytest.raises(DataError, match="no body weight of r2 for the session of 2024-01-01"):
        data(study(logs, "program: P, days: 2", more="weights: w.tsv", drug="dose_mg: 0.03"))
    (tmp_path / "w.tsv").write_text("subject\tdate\tweight_g\nr1\t2024-01-01\t0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"w\.tsv:2: weight_g is 0, expected a number above 0"):
        data(weighed)


@pytest.mark.parametrize(
    ("ratios", "numbers", "expected"),
    [
        ("", {"A": 5, "I": 22}, 9),
        ("", {"A": 5, "I": 21}, np.nan),
        ("", {"A": 126, "I": 5000}, np.nan),
        (", ratios: [3, 6, 9]", {"A": 2, "I": 9, "R": 77}, 6),
        (", ratios: [3, 6, 9]", {"A": 4, "I": 900}, np.nan),
        ("", {"A": 126, "I": 5000, "R": 40}, 40),
        ("", {"A": 126, "I": 39, "R": 40}, np.nan),
        ("", {"A": 0, "I": 3}, 0),
    ],
)
def test_a_breakpoint_is_of_the_ratios_that_were_run(
    study: Logs, ratios: str, numbers: dict[str, int], expected: float
):
    logs = [*of_all([1], msn="P" if "R" in numbers else "NO RATIO", **numbers), *of_all([2], msn="Q")]

    (found,) = rows_of(study(logs, f"last: 2024-01-01, days: 1{ratios}", kind="progressive_ratio"), "early")[
        "breakpoint"
    ]

    assert found == pytest.approx(expected, nan_ok=True)
    assert int(ratio_costs(5)[-1]) == 9


def test_another_list_of_groups_has_the_logs_looked_at_again(
    study: Logs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = study([*of_all([1, 2]), *of_all([3], msn="Q")], "program: P, days: 2")
    run_study(path, tmp_path / "out", stages=["subjects", "operant"])
    path.write_text(path.read_text(encoding="utf-8").replace("[ShA, LgA]", "[ShA, LgA, mid]"), encoding="utf-8")

    run_study(path, tmp_path / "out", stages=["subjects", "operant"])
    run_study(path, tmp_path / "out", stages=["subjects", "operant"])

    first, second, third = (line for line in capsys.readouterr().err.splitlines() if line.startswith("operant: "))
    assert (first, third) == ("operant: not done yet", "operant: up to date")
    assert "factors" in second
