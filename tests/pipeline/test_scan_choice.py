"""Sessions, echoes and other entities that a study does not account for: `check` and `run` refuse them."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.pipeline.cells import scans_of
from cuecircuit.pipeline.check import check_study
from cuecircuit.pipeline.job import Job, StudyFiles, read_study
from cuecircuit.pipeline.run import run_study
from cuecircuit.pipeline.simulate import designs
from cuecircuit.pipeline.store import Store
from cuecircuit.pipeline.subject_stages import account
from cuecircuit.study.file import parse_study

pytestmark = pytest.mark.xdist_group("tiny")


@pytest.fixture
def study(tiny_study: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_study.parent, tmp_path / "study", copy_function=os.link)
    return tmp_path / "study" / tiny_study.name


def rewrite(path: Path, text: str) -> None:
    path.unlink()  # it may be a link to the whole study
    path.write_text(text)


def write_setting(study: Path, setting: str) -> None:
    rewrite(study, study.read_text().replace("  task: odor\n", f"  task: odor\n  {setting}\n", 1))


def swap_cues_in_a_second_session(study: Path) -> None:
    """Scan every rat again in a session in which the cues have each other's labels: the mean difference is 0."""
    for file in list(study.parent.glob("sub-*/func/*")):
        for session in ("1", "2"):
            name = file.name.replace("_task-", f"_ses-{session}_task-")
            target = file.parents[1] / f"ses-{session}" / "func" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(file)
        file.unlink()
    for events in study.parent.glob("sub-*/ses-2/func/*_events.tsv"):
        table = pd.read_csv(events, sep="\t")
        swapped = table["trial_type"].map({"saline": "naloxone", "naloxone": "saline"})
        rewrite(events, table.assign(trial_type=swapped).to_csv(sep="\t", index=False))


def make_three_echoes(study: Path, of: str) -> None:
    for bold in list(study.parent.glob(f"{of}/func/*_bold.*")):
        for echo in (1, 2, 3):
            bold.with_name(bold.name.replace("_bold", f"_echo-{echo}_bold")).hardlink_to(bold)
        bold.unlink()


def test_a_swap_of_the_cues_in_a_second_session_is_refused_by_check_and_run(study: Path, tmp_path: Path):
    swap_cues_in_a_second_session(study)

    with pytest.raises(StudyError) as checked:
        check_study(study)
    with pytest.raises(StudyError) as ran:
        run_study(study, tmp_path / "out")

    (fault,) = checked.value.faults
    assert ran.value.faults == (fault,)
    assert not (tmp_path / "out").exists()
    assert "sub-LgA01 and 20 others: has scans in sessions 1, 2, which nothing in the study accounts for" in fault
    assert "acquisition.session" in fault
    assert "run each session as a study of its own" in fault


@pytest.mark.parametrize("setting", ["session: '2'", "session: 2"])
def test_one_session_can_be_taken_and_the_other_is_accounted_for(study: Path, tmp_path: Path, capsys, setting: str):
    swap_cues_in_a_second_session(study)
    write_setting(study, setting)
    job = Job(files=read_study(study), store=Store(tmp_path / "out", study.parent))

    scans = account(job)

    assert len(scans) == 42
    assert {scan.session for scan in scans} == {"2"}
    inputs = pd.read_csv(tmp_path / "out" / "inputs.tsv", sep="\t")
    assert inputs["used"].value_counts().to_dict() == {"yes": 42, "no": 42}
    assert set(inputs.loc[inputs["used"] == "no", "reason"]) == {"session 1; acquisition.session takes 2"}
    log = capsys.readouterr().err
    assert "scans: 84 found, 42 used, 42 left out (inputs.tsv)" in log
    assert "scans: 2 runs of one session are combined into one map per cell (21 subjects × sessions)" in log


def test_three_echoes_of_one_rat_are_refused(study: Path):
    make_three_echoes(study, "sub-LgA08")

    with pytest.raises(StudyError) as error:
        check_study(study)

    (fault,) = error.value.faults
    assert "sub-LgA08 run-1 and 1 others: 3 images of one run, echo 1, 2, 3; they are no further runs" in fault


def test_one_echo_of_all_rats_can_be_taken(study: Path):
    make_three_echoes(study, "sub-*")
    write_setting(study, "echo: 2")

    scans = scans_of(read_study(study))

    assert len(scans) == 42
    assert all("_echo-2_" in scan.bold.name and scan.events is not None for scan in scans)


def test_a_setting_for_what_is_chosen_elsewhere_is_refused(study: Path):
    write_setting(study, "entities: {ses: 1, echo: 2}")

    with pytest.raises(StudyError) as error:
        read_study(study)

    assert "ses is chosen elsewhere (the sessions of acquisition); echo is chosen elsewhere" in error.value.faults[0]


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_denoised_image_is_chosen_by_its_description(tmp_path: Path):
    text = designs()["carmack2019"]
    setting = "  task: odor\n  derivatives: derivatives/xcp_d\n  entities: {desc: denoised, cohort: 1}\n"
    done = tmp_path / "derivatives" / "xcp_d" / "sub-01" / "func"
    for cohort in (1, 2):
        for desc in ("denoised", "denoisedSmoothed"):
            touch(done, f"sub-01_task-odor_space-MNIInfant_cohort-{cohort}_desc-{desc}_bold.nii.gz")
    touch(tmp_path, "sub-01/func/sub-01_task-odor_events.tsv", "sub-01/func/sub-01_task-odor_bold.nii.gz")
    study = parse_study(text.replace("  task: odor\n", setting, 1))

    (scan,) = scans_of(StudyFiles(study=study, file=tmp_path / "study.yaml"))

    assert scan.bold.name == "sub-01_task-odor_space-MNIInfant_cohort-1_desc-denoised_bold.nii.gz"
    assert scan.events == tmp_path / "sub-01" / "func" / "sub-01_task-odor_events.tsv"
