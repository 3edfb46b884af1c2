"""Drafts from scans and tables: what is odd in a folder is named with the choice to make, and one is taken."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cuecircuit.cli import app
from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.nodes.check import check_study
from cuecircuit.starting.draft_parts import Answers
from cuecircuit.starting.start import Started, find_study, start_study
from cuecircuit.study.acquisition import Scans
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study
from tests.starting.folders import data_set, write_image, write_people, write_scan, write_tsv


def start(*folders: Path, answers: Mapping[str, str] | None = None) -> Started:
    out = folders[0] / "study.yaml"
    return start_study(find_study(folders, out), out, answers=Answers(given=answers or {}), assume=True)


def study_of(started: Started) -> Study:
    return parse_study(started.text)


def scans_of(study: Study) -> Scans:
    assert study.scans is not None
    return study.scans


def test_a_good_data_set_is_stated_as_it_is_and_passes(tmp_path: Path) -> None:
    data_set(tmp_path)

    started = start(tmp_path)
    study = study_of(started)

    assert started.faults == ()
    assert (scans_of(study).task, scans_of(study).tr_s, scans_of(study).volumes) == ("cues", 2.0, 60)
    assert study.factors["cue"].levels == ("neutral", "drug")
    assert study.trials is not None
    assert study.trials.others == ("rest",)
    assert study.factors["group"].levels == ("controls", "users")
    assert study.questions["task_maps"].contrasts == (
        "cue=drug - cue=neutral",
        "group=users - group=controls: cue=drug - cue=neutral",
    )


def test_answers_take_another_reference_and_every_event_as_a_cue(tmp_path: Path) -> None:
    data_set(tmp_path)

    study = study_of(start(tmp_path, answers={"trials.others": "no", "factors.cue.levels": "rest"}))

    assert study.factors["cue"].levels == ("rest", "neutral", "drug")
    assert study.trials is not None
    assert study.trials.others == ()


@pytest.mark.parametrize("folder", ["empty", "absent"])
def test_a_folder_without_data_gives_one_clear_line(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    out = tmp_path / "study.yaml"

    done = CliRunner().invoke(app, ["init", str(tmp_path / folder), "--out", str(out), "--yes"])

    assert isinstance(done.exception, DataError)
    assert len(done.exception.faults) == 1
    assert not out.exists()


def test_an_existing_study_file_is_not_written_over(tmp_path: Path) -> None:
    data_set(tmp_path)
    (tmp_path / "study.yaml").write_text("mine")

    done = CliRunner().invoke(app, ["init", str(tmp_path), "--out", str(tmp_path / "study.yaml"), "--yes"])

    assert "is there already" in str(done.exception)
    assert (tmp_path / "study.yaml").read_text() == "mine"


def test_a_shipped_design_is_written(tmp_path: Path) -> None:
    out = tmp_path / "study.yaml"

    done = CliRunner().invoke(app, ["init", "--design", "alcohol_mice", "--out", str(out)])

    assert done.exit_code == 0
    assert "solution" in out.read_text()
    parse_study(out.read_text())


def test_a_damaged_table_of_participants_is_named_with_its_line(tmp_path: Path) -> None:
    data_set(tmp_path)
    (tmp_path / "participants.tsv").write_text("participant_id\tgroup\nsub-a1\n")

    with pytest.raises(DataError, match=r"participants\.tsv:2: 1 cells under a header of 2"):
        start(tmp_path)


def check_faults(folder: Path) -> tuple[str, ...]:
    with pytest.raises(CuecircuitError) as caught:
        check_study(folder / "study.yaml")
    return tuple(caught.value.faults)


def test_check_names_what_a_folder_has_come_to_mix(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(start(data_set(tmp_path)).text)
    people, groups = ["a1", "a2", "b1", "b2"], ["controls", "controls", "users", "users"]
    write_scan(tmp_path, "b9")
    strangers = check_study(tmp_path / "study.yaml")
    write_people(tmp_path, people, group=groups, species=["rat", "rat", "rat", "mouse"])
    species = check_faults(tmp_path)
    write_people(tmp_path, people, group=groups)
    for subject in people:
        (tmp_path / f"sub-{subject}" / "func" / f"sub-{subject}_task-cues_events.tsv").unlink()
    events = check_faults(tmp_path)

    assert any(note.startswith("sub-b9: scanned, but not in participants.tsv") for note in strangers)
    assert "several species: rat (3), mouse (1); a study has one: exclude the others" in species[0]
    assert "3 other scans: no events file belongs to it in the raw data set, scans.dataset (.)" in events[0]


def test_several_tasks_are_a_choice(tmp_path: Path) -> None:
    data_set(tmp_path, ("a1", "a2", "b1", "b2", "b3"))
    for subject in ("a1", "a2", "b1", "b2"):
        write_scan(tmp_path, subject, "stroop")

    started = start(tmp_path)
    other = study_of(start(tmp_path, answers={"scans.task": "stroop"}))

    assert scans_of(study_of(started)).task == "cues"
    assert study_of(started).assumed["scans.task"] == ("found cues (5 scans), stroop (4 scans); a study is of one task")
    assert scans_of(other).task == "stroop"
    assert other.subjects.exclude == {"b3": "no scan of task stroop"}


def test_several_spaces_and_resolutions_are_choices(tmp_path: Path) -> None:
    data_set(tmp_path)
    prep = tmp_path / "derivatives" / "fmriprep"
    for subject in ("a1", "a2", "b1", "b2"):
        for res in ("1", "2"):
            entities = f"_space-MNI152NLin2009cAsym_res-{res}_desc-preproc"
            write_scan(prep, subject, entities=entities, mm=float(res), is_event=False)
        write_scan(prep, subject, entities="_space-T1w_desc-preproc", is_event=False)
    write_image(tmp_path / "masks" / "two_mask.nii.gz", mm=2.0)

    started = start(tmp_path)
    study = study_of(started)

    assert started.faults == ()
    assert (scans_of(study).space, scans_of(study).res) == ("MNI152NLin2009cAsym", "2")
    assert {"scans.space", "scans.res"} <= set(study.assumed)
    assert study.space is not None
    assert study.space.mask == "masks/two_mask.nii.gz"


def test_two_data_sets_are_a_choice_and_the_other_is_named(tmp_path: Path) -> None:
    data_set(tmp_path / "one")
    data_set(tmp_path / "two", ("a1", "a2", "a3", "b1", "b2", "b3"))

    started = start(tmp_path)
    study = study_of(started)

    assert scans_of(study).dataset == "two"
    assert study.subjects.participants == "two/participants.tsv"
    assert "one study takes one data set" in study.assumed["scans.dataset"]
    assert any("lists other participants" in line for line in started.left_open)


def test_mixed_species_are_a_choice_and_the_others_are_left_out(tmp_path: Path) -> None:
    data_set(tmp_path, ("a1", "a2", "b1", "b2", "b3"))
    groups = ["controls", "controls", "users", "users", "users"]
    species = ["rattus norvegicus", "rattus norvegicus", "rattus norvegicus", "rattus norvegicus", "mus musculus"]
    write_people(tmp_path, ["a1", "a2", "b1", "b2", "b3"], group=groups, species=species)

    study = study_of(start(tmp_path))

    assert study.subjects.species == "Rattus norvegicus"
    assert study.subjects.exclude == {"b3": "not Rattus norvegicus"}
    assert "Mus musculus (1)" in study.assumed["subjects.species"]


def test_participants_without_scans_are_left_out_and_scans_without_participants_named(tmp_path: Path) -> None:
    data_set(tmp_path, ("a1", "a2", "b1", "b2", "b3"))
    people = ["a1", "a2", "a3", "b1", "b2"]
    write_people(tmp_path, people, group=["controls", "controls", "controls", "users", "users"])

    started = start(tmp_path)

    assert study_of(started).subjects.exclude == {"a3": "no scan of task cues"}
    assert any("scanned and not in participants.tsv, so left out: b3" in line for line in started.left_open)


def test_a_group_of_one_is_left_out_and_one_group_that_is_left_is_no_factor(tmp_path: Path) -> None:
    data_set(tmp_path, ("a1", "a2", "b1", "b2", "c1"))
    write_people(tmp_path, ["a1", "a2", "b1", "b2", "c1"], group=["a", "a", "b", "b", "c"])
    three = study_of(start(tmp_path))
    write_people(
        tmp_path, ["a1", "a2", "b1", "b2", "c1"], group=["a", "a", "a", "a", "c"], sex=["F", "M", "F", "M", "M"]
    )
    alone = start(tmp_path, answers={"factors": "group"})

    assert three.factors["group"].leave_out == {"c": "one subject"}
    assert "group" not in study_of(alone).factors
    assert any("group (a: 4, c: 1) has too few subjects to compare" in line for line in alone.left_open)


def test_a_derivative_without_its_raw_data_set_says_what_is_missing(tmp_path: Path) -> None:
    data_set(tmp_path / "elsewhere")
    prep = tmp_path / "fmriprep"
    for subject in ("a1", "a2", "b1", "b2"):
        write_scan(prep, subject, entities="_space-MNI_desc-preproc", is_event=False)
    write_people(prep, ["a1", "a2", "b1", "b2"], group=["a", "a", "b", "b"])

    with pytest.raises(DataError, match=r"no raw data set of .* was found"):
        start(prep)
    both = study_of(start(prep, tmp_path / "elsewhere"))
    assert scans_of(both).dataset == str(tmp_path / "elsewhere")


def test_a_missing_mask_is_left_for_the_reader_and_check_says_so(tmp_path: Path) -> None:
    data_set(tmp_path)
    (tmp_path / "masks" / "brain_mask.nii.gz").unlink()
    write_image(tmp_path / "masks" / "coarse_mask.nii.gz", mm=8.0)

    started = start(tmp_path)

    assert any("no mask on the grid of the maps" in line and "coarse_mask" in line for line in started.left_open)
    assert any("mask.nii.gz: no such file" in fault for fault in started.faults)


def test_different_repetition_times_are_named(tmp_path: Path) -> None:
    data_set(tmp_path)
    write_scan(tmp_path, "b2", tr_s=1.5)

    started = start(tmp_path)

    assert any("TR differs: 2 s (3 scans), 1.5 s (1 scans)" in line for line in started.left_open)
    assert started.faults


def test_runs_are_combined_and_sessions_are_a_factor_in_time(tmp_path: Path) -> None:
    for subject in ("a1", "a2", "b1", "b2"):
        for session in ("post", "pre"):
            for run in (1, 2):
                write_scan(tmp_path, subject, session=session, entities=f"_run-{run}", is_event=False)
            events = {"onset": [5, 25, 45, 65], "duration": [10] * 4, "trial_type": ["neutral", "drug"] * 2}
            folder = tmp_path / f"sub-{subject}" / f"ses-{session}" / "func"
            write_tsv(folder / f"sub-{subject}_ses-{session}_task-cues_events.tsv", events)
    write_people(tmp_path, ["a1", "a2", "b1", "b2"], group=["a", "a", "b", "b"])
    write_image(tmp_path / "brain_mask.nii.gz")

    started = start(tmp_path)
    study = study_of(started)

    assert started.faults == ()
    assert scans_of(study).runs == "combine"
    assert study.factors["session"].levels == ("pre", "post")


def test_events_without_conditions_leave_maps_out_by_name(tmp_path: Path) -> None:
    data_set(tmp_path)
    for path in tmp_path.glob("sub-*/func/*_events.tsv"):
        write_tsv(path, {"onset": [1, 2], "duration": [1, 1]})

    with pytest.raises(DataError, match=r"no column of the events names conditions \(found: onset, duration\)"):
        start(tmp_path)


def test_given_maps_go_with_a_number_of_subjects(tmp_path: Path) -> None:
    people = [f"p{number}" for number in range(6)]
    write_people(tmp_path, people, group=["placebo"] * 3 + ["drug"] * 3, craving=[1.5, 2, 3.5, 4, 5, 7], age=[30.0] * 6)
    rows: dict[str, list[str]] = {"subject": [], "scan": [], "map": []}
    for place, subject in enumerate(people):
        for scan in ("before", "after"):
            write_image(tmp_path / "pet" / f"{subject}_{scan}.nii.gz", volumes=1)
            rows["subject"].append(subject)
            rows["scan"].append(scan)
            rows["map"].append(f"{subject}_{scan}.nii.gz")
        assert place < 6
    write_tsv(tmp_path / "pet" / "maps.tsv", rows)
    write_image(tmp_path / "masks" / "brain.nii.gz")
    write_image(tmp_path / "masks" / "parts.nii.gz")
    write_tsv(tmp_path / "masks" / "parts.tsv", {"index": [1], "name": ["striatum"]})

    started = start(tmp_path)
    study = study_of(started)

    assert started.faults == ()
    assert study.factors["scan"].levels == ("before", "after")
    assert study.questions["pet_and_craving"].with_.of == "subjects.craving"
    assert "maps.pet.unit" in study.assumed


def test_two_places_on_other_disks_are_read_and_never_written(tmp_path: Path) -> None:
    data_set(tmp_path / "disk" / "raw")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "disk").rglob("*")}
    out = tmp_path / "mine" / "study.yaml"
    out.parent.mkdir()

    done = CliRunner().invoke(app, ["init", str(tmp_path / "disk"), "--out", str(out), "--yes"])

    assert done.exit_code == 0, done.exception
    check_study(out)
    assert scans_of(parse_study(out.read_text())).dataset == str(tmp_path / "disk" / "raw")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "disk").rglob("*")} == before


def test_places_on_the_command_line_are_folders_of_init_and_stand_in_for_settings_of_check(tmp_path: Path) -> None:
    data_set(tmp_path / "raw")
    for subject in ("a1", "a2", "b1", "b2"):
        write_scan(tmp_path / "prep", subject, entities="_space-X_desc-preproc", is_event=False)
    out = tmp_path / "study.yaml"
    places = ["--dataset", str(tmp_path / "raw"), "--derivatives", str(tmp_path / "prep")]

    drafted = CliRunner().invoke(app, ["init", *places, "--out", str(out), "--yes"])
    assert drafted.exit_code == 0, drafted.exception
    (tmp_path / "disk").mkdir()
    moved = {name: (tmp_path / name).rename(tmp_path / "disk" / name) for name in ("raw", "prep")}
    text = out.read_text().replace("raw/participants.tsv", "disk/raw/participants.tsv")
    out.write_text(text.replace("raw/masks", "disk/raw/masks"))
    lost = CliRunner().invoke(app, ["check", str(out)])
    there = CliRunner().invoke(
        app, ["check", str(out), "--dataset", str(moved["raw"]), "--derivatives", str(moved["prep"])]
    )
    wrong = CliRunner().invoke(app, ["check", str(out), "--dataset", str(tmp_path / "nowhere")])

    assert lost.exit_code == 1
    assert there.exit_code == 0, there.exception
    assert "nowhere: no such folder" in str(wrong.exception)
