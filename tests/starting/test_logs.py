"""Drafts from operant logs: phases, days, hours, kinds; programs that nobody declared; the command behavior."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cuecircuit.cli import app
from cuecircuit.errors import DataError
from cuecircuit.nodes.check import check_study
from cuecircuit.starting.draft_parts import Answers
from cuecircuit.starting.operant_files import is_log, patterns_of, read_logs
from cuecircuit.starting.start import find_study, start_study
from cuecircuit.study.experiment import Operant
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study
from tests.starting.folders import write_log, write_people

RATS = ("r1", "r2", "r3", "r4", "r5", "r6")
GROUPS = ("saline",) * 3 + ("cocaine",) * 3


def draft(folder: Path, answers: Mapping[str, str] | None = None) -> Study:
    out = folder / "study.yaml"
    started = start_study(find_study([folder], out), out, answers=Answers(given=answers or {}), assume=True)
    assert started.faults == ()
    return parse_study(started.text)


def operant(study: Study) -> Operant:
    assert study.operant is not None
    return study.operant


def test_numbers_of_days_in_the_header_are_one_phase(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=GROUPS)
    for day in range(1, 5):
        write_log(tmp_path / "logs", RATS, f"LgA{day:02d}", day, hours=6)
    write_log(tmp_path / "logs", RATS, "EXT", 5, infusions=0)

    phases = operant(draft(tmp_path)).phases

    assert {name: (one.kind, one.days, one.access_h) for name, one in phases.items()} == {
        "lga": ("self_administration", 4, 6.0),
        "ext": ("extinction", 1, 1.0),
    }


def test_schedules_with_numbers_stay_phases_of_their_own(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=GROUPS)
    for day in range(9):
        write_log(tmp_path / "logs", RATS, ("FR1", "FR3", "FR5")[day // 3], day)

    phases = operant(draft(tmp_path)).phases

    assert [(phase.experiment, phase.days) for phase in phases.values()] == [("FR1", 3), ("FR3", 3), ("FR5", 3)]


def test_phases_are_told_apart_by_program_where_headers_are_blank(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=GROUPS)
    for day in range(4):
        write_log(tmp_path / "logs", RATS, "0", day, msn="SIMULATED COCAINE FR1" if day < 3 else "SIMULATED PR")

    phases = operant(draft(tmp_path)).phases

    assert [(one.program, one.days, one.kind) for one in phases.values()] == [
        ("SIMULATED COCAINE FR1", 3, "self_administration"),
        ("SIMULATED PR", 1, "progressive_ratio"),
    ]
    check = tmp_path / "study.yaml"
    CliRunner().invoke(app, ["init", str(tmp_path), "--out", str(check), "--yes"])
    check_study(check)


def test_hours_differ_by_group_where_sessions_do(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=["ShA"] * 3 + ["LgA"] * 3)
    for day in range(3):
        write_log(tmp_path / "logs", RATS[:3], "ESC", day, hours=1, name=f"s{day}.txt")
        write_log(tmp_path / "logs", RATS[3:], "ESC", day, hours=6, name=f"l{day}.txt")

    study = draft(tmp_path)

    assert study.factors["group"].levels == ("ShA", "LgA")
    assert operant(study).phases["esc"].access_h == {"ShA": 1.0, "LgA": 6.0}


def test_an_animal_that_lacks_days_does_not_shorten_the_phase(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=GROUPS)
    for day in range(5):
        write_log(tmp_path / "logs", RATS if day < 3 else RATS[1:], "SA", day)
    out = tmp_path / "study.yaml"

    started = start_study(find_study([tmp_path], out), out, answers=Answers(), assume=True)

    assert operant(parse_study(started.text)).phases["sa"].days == 5
    assert "5 days: 5, 3 days: 1" in started.text


def test_extinction_without_a_phase_before_it_is_a_choice_that_is_named(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=GROUPS)
    for day in range(2):
        write_log(tmp_path / "logs", RATS, "EXT", day, infusions=0)

    study = draft(tmp_path)

    assert "reads like extinction" in study.assumed["operant.phases.ext.kind"]


def test_answers_are_no_assumptions_and_change_the_draft(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=GROUPS, sex=["F", "M"] * 3)
    for day in range(3):
        write_log(tmp_path / "logs", RATS, "SA", day)
    given = {"factors": "sex", "factors.sex.levels": "M", "drugs": "cocaine", "drugs.cocaine.dose_mg_kg": "0.5"}

    study = draft(tmp_path, given)

    assert study.factors["sex"].levels == ("M", "F")
    assert study.drugs["cocaine"].dose_mg_kg == 0.5
    assert operant(study).phases["sa"].delivers == "cocaine"
    assert operant(study).by == "sex"
    assert not set(given) & set(study.assumed)


def test_a_dose_that_is_no_number_is_refused_by_name(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=GROUPS)
    write_log(tmp_path / "logs", RATS, "SA", 1)

    with pytest.raises(DataError, match=r"drugs\.cocaine\.dose_mg_kg: found 'much', expected a number"):
        draft(tmp_path, {"drugs": "cocaine", "drugs.cocaine.dose_mg_kg": "much"})


def test_subjects_of_one_side_are_left_out_by_name(tmp_path: Path) -> None:
    write_people(tmp_path, (*RATS, "r7"), group=(*GROUPS, "cocaine"))
    for day in range(3):
        write_log(tmp_path / "logs", (*RATS, "x9"), "SA", day)

    study = draft(tmp_path)

    assert study.subjects.exclude == {"r7": "no operant session", "x9": "not in participants.tsv"}
    assert "subjects.exclude" in study.assumed


def test_names_that_agree_nowhere_are_one_clear_fault(tmp_path: Path) -> None:
    write_people(tmp_path, ["rat01", "rat02"], group=["a", "b"])
    write_log(tmp_path / "logs", RATS, "SA", 1)

    with pytest.raises(DataError, match=r"lists rat01, rat02, but 'operant session' is of r1, r2, r3") as error:
        draft(tmp_path)
    assert len(error.value.faults) == 1


def test_participants_are_drafted_from_logs_that_state_groups(tmp_path: Path) -> None:
    for day in range(3):
        write_log(tmp_path / "logs", RATS[:3], "SA", day, group="saline", name=f"a{day}.txt")
        write_log(tmp_path / "logs", RATS[3:], "SA", day, group="cocaine", name=f"b{day}.txt")

    study = draft(tmp_path)

    assert study.factors["group"].levels == ("saline", "cocaine")
    assert (tmp_path / "participants.tsv").read_text().splitlines()[1] == "sub-r1\tsaline"


def test_an_unknown_program_gets_a_declaration_beside_the_study_file(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=GROUPS)
    for day in range(2):
        write_log(tmp_path / "logs", RATS, "SA", day, msn="OURS 1")

    done = CliRunner().invoke(app, ["init", str(tmp_path), "--out", str(tmp_path / "study.yaml"), "--yes"])

    declared = tmp_path / "programs" / "ours_1.yaml"
    assert isinstance(done.exception, DataError)
    assert str(declared) in str(done.exception)
    assert "unknown: AIKLRSUVXYZ" in declared.read_text()
    assert not (tmp_path / "study.yaml").exists()


def test_what_else_lies_beside_logs_is_in_no_pattern(tmp_path: Path) -> None:
    logs = [write_log(tmp_path / "logs", RATS, "SA", day) for day in range(3)]
    (tmp_path / "logs" / "notes.md").write_text("day 2: pump replaced")
    (tmp_path / "logs" / ".DS_Store").write_bytes(b"\0\1")

    assert not is_log(tmp_path / "logs" / "notes.md")
    assert patterns_of(logs) == ((tmp_path / "logs", "*.txt"),)


def test_patterns_fit_the_files_and_nothing_else(tmp_path: Path) -> None:
    logs = [write_log(tmp_path / rat, [rat], "SA", 1) for rat in RATS]
    assert patterns_of(logs) == ((tmp_path, "**/*"),)

    other = tmp_path / "r1" / "readme.txt"
    other.write_text("not a log")
    found = {path for folder, pattern in patterns_of(logs) for path in folder.glob(pattern)}
    assert found == set(logs)


def test_brackets_in_names_of_folders_are_no_patterns(tmp_path: Path) -> None:
    folder = tmp_path / "lab [2026]"
    write_people(folder, RATS, group=GROUPS)
    for day in range(3):
        write_log(folder / "logs [raw]", RATS, "SA", day)
    out = tmp_path / "study.yaml"

    done = CliRunner().invoke(app, ["init", str(folder), "--out", str(out), "--yes"])

    assert done.exit_code == 0
    check_study(out)


def test_damaged_records_are_named_in_the_draft(tmp_path: Path) -> None:
    write_people(tmp_path, RATS, group=GROUPS)
    paths = [write_log(tmp_path / "logs", RATS, "SA", day) for day in range(3)]
    text = paths[1].read_text()
    paths[1].write_text(text.replace("Start Time: 09:00:00", "Start Time: soon", 1))

    logs = read_logs(paths, None)

    assert len(logs.faults) == 1
    assert str(paths[1]) in logs.faults[0]


def test_behavior_takes_logs_to_a_page_and_again(tmp_path: Path) -> None:
    people = write_people(tmp_path, RATS, group=GROUPS)
    for day in range(4):
        write_log(tmp_path / "logs", RATS, "SA" if day < 3 else "EXT", day, infusions=5 if day < 3 else 0)
    out = tmp_path / "results"
    command = ["behavior", str(tmp_path / "logs"), "--participants", str(people), "--out", str(out), "--n-jobs", "1"]

    done = CliRunner().invoke(app, command)

    assert done.exit_code == 0, done.exception
    assert done.stdout.strip().endswith(str(out / "report.html"))
    assert (out / "questions" / "infusions_sa" / "terms.tsv").is_file()
    assert list((out / "figures").glob("infusions_sa.svg"))
    assert parse_study((out / "study.yaml").read_text()).assumed
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 0
    assert "not done yet" not in again.stderr


def test_behavior_writes_first_declarations_and_says_what_to_do(tmp_path: Path) -> None:
    people = write_people(tmp_path, RATS, group=GROUPS)
    log = write_log(tmp_path / "logs", RATS, "SA", 1, msn="OURS 1")

    done = CliRunner().invoke(
        app, ["behavior", str(log), "--participants", str(people), "--out", str(tmp_path / "results")]
    )

    assert isinstance(done.exception, DataError)
    assert f"run again with --programs {tmp_path / 'programs'}" in str(done.exception)
    assert (tmp_path / "programs" / "ours_1.yaml").is_file()
    assert not (tmp_path / "results").exists()


def test_one_animal_in_a_group_gets_means_alone(tmp_path: Path) -> None:
    people = write_people(tmp_path, ["r1"], group=["cocaine"])
    logs = [write_log(tmp_path / "logs", ["r1"], "SA", day) for day in range(3)]
    out = tmp_path / "results"

    done = CliRunner().invoke(
        app, ["behavior", *map(str, logs), "--participants", str(people), "--out", str(out), "--n-jobs", "1"]
    )

    assert done.exit_code == 0, done.exception
    assert (out / "questions" / "infusions_sa" / "means.tsv").is_file()


def test_logs_of_another_laboratory_go_to_a_page(tmp_path: Path, real_data: Path) -> None:
    log = real_data / "operant" / "georgelab_oxycodone_lga" / "SF1_MedPC_example_txt"
    rats = [f"M{number}" for number in range(2169, 2181)]
    people = write_people(tmp_path, rats, group=["high", "low"] * 6)
    out = tmp_path / "results"

    done = CliRunner().invoke(
        app, ["behavior", str(log), "--participants", str(people), "--out", str(out), "--n-jobs", "1"]
    )

    assert done.exit_code == 0, done.exception
    phase = operant(parse_study((out / "study.yaml").read_text())).phases["oxygwas_12h"]
    assert (phase.program, phase.days, phase.access_h) == ("OXYGWAS 12h", 1, 12.0)
    assert (out / "report.html").is_file()
