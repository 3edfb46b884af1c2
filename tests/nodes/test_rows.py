"""Rows as a question asks for them."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.questions import Counts, Means, Reliability, Rows
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.derived import derived_table
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

DRINKING = {"phase": ("drinking",)}


def test_rows_come_in_the_order_of_levels_whatever_that_of_the_table(tables: Tables) -> None:
    chosen = tables.choose(Rows(of="operant.infusions", where=DRINKING), ["day"], ["group"]).rows
    assert list(chosen["day"]) == [1] * 4 + [2] * 3 + [3] * 4
    assert list(chosen["subject"][:4]) == ["w1", "w2", "e1", "e2"]
    assert list(chosen["group"][:4]) == ["water", "water", "ethanol", "ethanol"]


def test_who_lacks_a_planned_level_has_no_mean_and_is_named(tables: Tables) -> None:
    chosen = tables.choose(Rows(of="operant.infusions", where=DRINKING, average=("day",)), [])
    assert list(chosen.rows["subject"]) == ["w1", "w2", "e1"]
    assert list(chosen.rows[VALUE]) == [2.0, 12.0, 22.0]
    assert len(chosen.left_out) == 1
    assert chosen.left_out[0].startswith("e2: no value at some level of day")


def test_change_is_the_last_level_less_the_first_of_complete_pairs(tables: Tables) -> None:
    chosen = tables.choose(Rows(of="operant.infusions", where={"phase": ("test",)}, change="treatment"), ["treatment"])
    assert dict(zip(chosen.rows["subject"], chosen.rows[VALUE], strict=True)) == {"w1": 1, "w2": 2, "e1": 3, "e2": 4}


def test_first_and_last_name_levels_of_a_numbered_key(tables: Tables) -> None:
    chosen = tables.choose(Rows(of="operant.infusions", where={**DRINKING, "day": ("last",)}), [])
    assert list(chosen.rows[VALUE]) == [3.0, 13.0, 23.0, 33.0]


def test_a_derived_number_is_of_what_there_is_where_it_need_not_be_complete(tables: Tables) -> None:
    rise = derived_table(tables, "rise")
    assert rise.keys == ("subject",)
    assert rise.rows[VALUE].to_list() == pytest.approx([1.0, 1.0, 1.0, 1.0])


def test_a_factor_of_subjects_goes_before_a_column_of_logs_of_its_name(tables: Tables) -> None:
    subjects, operant = tables.made["subjects"], tables.made["operant"]
    study = tables.files.study.model_copy(update={"factors": {"line": tables.files.study.factors["group"]}})
    made = {
        **tables.made,
        "subjects": replace(subjects, rows=subjects.rows.rename(columns={"group": "line"})),
        "operant": replace(operant, rows=operant.rows.assign(line=range(len(operant.rows)))),
    }
    lines = Tables(files=replace(tables.files, study=study), made=made)
    chosen = lines.choose(Rows(of="operant.infusions", where={**DRINKING, "line": ("water",)}), ["day"], ["line"]).rows
    assert set(chosen["subject"]) == {"w1", "w2"}
    assert set(chosen["line"]) == {"water"}


def test_a_column_that_nothing_has_is_named_with_those_there_are(tables: Tables) -> None:
    with pytest.raises(DataError, match=r"no column 'age'.*group"):
        tables.choose(Rows(of="operant.infusions", where=DRINKING), ["day"], ["age"])


def test_rows_that_nobody_has_are_an_error(tables: Tables) -> None:
    empty = tables.made["operant"].rows.iloc[:0]
    none = Table(name="operant", keys=tables.made["operant"].keys, rows=empty, notes=tables.made["operant"].notes)
    with pytest.raises(DataError, match="no row is left of phase drinking"):
        Tables(files=tables.files, made={**tables.made, "operant": none}).choose(
            Rows(of="operant.infusions", where=DRINKING), ["day"]
        )


def test_a_table_refuses_rows_with_the_same_keys() -> None:
    rows = pd.DataFrame({"subject": ["a", "a"], "day": [1, 1], "x": [1.0, 2.0]})
    with pytest.raises(DataError, match="several rows for subject a, day 1"):
        Table(name="t", keys=("subject", "day"), rows=rows, notes={})


def test_phases_of_different_length_are_each_averaged_over_their_own_days(tables: Tables) -> None:
    phases = Rows(of="operant.infusions", where={"phase": ("drinking", "test")}, average=("day", "treatment"))
    means = tables.choose(phases, ["phase"]).rows.set_index(["phase", "subject"])[VALUE]
    assert means["drinking"].to_dict() == {"w1": 2, "w2": 12, "e1": 22}
    assert means["test"].to_dict() == {"w1": 0.5, "w2": 6, "e1": 11.5, "e2": 17}
    both = tables.choose(phases.model_copy(update={"average": ("day", "treatment", "phase")}), [])
    assert both.rows[VALUE].to_list() == pytest.approx([7 / 5, 48 / 5, 89 / 5])
    assert [line.split(":")[0] for line in both.left_out] == ["e2"]


def test_a_subject_excluded_from_one_question_is_not_in_it(tables: Tables) -> None:
    asked = Means(of="operant.infusions", where={"phase": ("test",)}, by=("group", "treatment"), exclude={"w1": "ill"})
    found = answer(tables, asked)
    assert found.tables["means"]["n"].to_list() == [1, 1, 2, 2]
    assert found.left_out == ("w1: left out, ill",)
    with pytest.raises(DataError, match="exclude: w9 is no subject"):
        answer(tables, asked.model_copy(update={"exclude": {"w9": "ill"}}))


def test_planned_levels_without_a_row_are_named(tables: Tables) -> None:
    asked = Rows(of="operant.infusions", where=DRINKING)
    chosen = tables.choose(asked, ["day"], ["group"]).rows
    assert tables.of_nobody(asked, ["group", "day"], chosen) == ()
    water = chosen[(chosen["group"] == "water") & (chosen["day"] > 1)]
    assert tables.of_nobody(asked, ["group", "day"], water) == (
        "group ethanol: nobody has a row",
        "day 1: nobody has a row",
    )


def test_a_response_without_a_number_is_refused(tables: Tables) -> None:
    rows = tables.made["operant"].rows.assign(infusions=float("nan"))
    made = {**tables.made, "operant": Table(name="operant", keys=tables.made["operant"].keys, rows=rows, notes={})}
    with pytest.raises(DataError, match="no row of phase drinking has a number"):
        Tables(files=tables.files, made=made).choose(Rows(of="operant.infusions", where=DRINKING), ["day"])


RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


@pytest.mark.parametrize(("agreement", "icc"), [("absolute", 0.290), ("consistency", 0.715)])
def test_days_are_sessions_of_an_intraclass_correlation(agreement: str, icc: float) -> None:
    """Shrout and Fleiss (1979), table 2: ICC(2,1) and ICC(3,1) of four judges, here four days."""
    phases = (
        "{ a: { kind: self_administration, experiment: A, days: 4 }, b: { kind: extinction, experiment: B, days: 4 } }"
    )
    text = f"""
about: {{ title: days }}
subjects: {{ species: Mus musculus }}
operant: {{ logs: "*", phases: {phases} }}
questions:
  q: {{ of: operant.active, agreement: {agreement}, over: day, each: phase }}
"""
    files = StudyFiles(parse_study(text), Path("study.yaml"))
    subjects = pd.DataFrame({"subject": list("abcdef")})
    rows = [
        (subject, phase, day + 1, float("nan") if (subject, phase, day) == ("a", "b", 0) else rating)
        for subject, ratings in zip(subjects["subject"], RATINGS, strict=True)
        for phase in ("a", "b")
        for day, rating in enumerate(ratings)
    ]
    operant = pd.DataFrame(rows, columns=["subject", "phase", "day", "active"]).assign(treatment="")
    keys = ("subject", "phase", "treatment", "day")
    made = {
        "subjects": Table(name="subjects", keys=("subject",), rows=subjects, notes={}),
        "operant": Table(name="operant", keys=keys, rows=operant, notes={}),
    }
    question = files.study.questions["q"]
    assert isinstance(question, Reliability)
    table = answer(Tables(files=files, made=made), question).tables["reliability"]
    assert table["n"].to_list() == [6, 5]  # who lacks a number in one phase is not out of the other
    assert table["icc"][0] == pytest.approx(icc, abs=5e-4)
    assert table["icc"].notna().all()


def test_counts_by_day_take_each_day_as_a_level(tables: Tables) -> None:
    asked = Counts(of="operant.infusions", where={**DRINKING, "day": ("1", "3")}, trend=None, within=("day",))
    table = answer(tables, asked).tables["ratios"]
    assert table["comparison"][0] == "3 / 1"
    assert table["ratio"][0] == pytest.approx((3 + 13 + 23 + 33) / (1 + 11 + 21 + 31))


def test_who_lacks_a_session_has_no_mean_over_trials_and_sessions() -> None:
    text = """
about: { title: ratings }
subjects: { species: Homo sapiens }
factors: { session: [sated, abstinent], picture: [neutral, smoking] }
trials: { cells: picture, measures: [craving] }
questions:
  q: { of: trials.craving, where: { picture: smoking }, average: [trial, session] }
"""
    files = StudyFiles(parse_study(text), Path("study.yaml"))
    rows = [
        ("a", "sated", 1, 2.0),
        ("a", "sated", 2, 4.0),
        ("a", "abstinent", 1, 6.0),
        ("b", "sated", 1, 9.0),
        ("b", "sated", 2, 9.0),
    ]
    trials = pd.DataFrame(rows, columns=["subject", "session", "trial", "craving"]).assign(picture="smoking")
    made = {
        "subjects": Table(name="subjects", keys=("subject",), rows=pd.DataFrame({"subject": ["a", "b"]}), notes={}),
        "trials": Table(name="trials", keys=("subject", "session", "trial"), rows=trials, notes={}),
    }
    chosen = Tables(files=files, made=made).choose(files.study.questions["q"], [])
    assert chosen.rows[["subject", VALUE]].to_numpy().tolist() == [["a", 4.0]]
    assert [line.split(":")[0] for line in chosen.left_out] == ["b"]
