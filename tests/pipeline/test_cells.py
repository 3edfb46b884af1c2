import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.cells import cell_members, cells_of, raw_scans_without_result, scans_of
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.pipeline.simulate import designs
from cuecircuit.study.file import parse_study

STUDY = parse_study(designs()["carmack2019"])


def blocks(cues: str, levels: str, rates: list[float]) -> pd.DataFrame:
    names = {"s": "saline", "n": "naloxone", "e": "early", "l": "late"}
    return pd.DataFrame({"cue": [names[c] for c in cues], "level": [names[c] for c in levels], "respiration": rates})


def test_a_cell_is_the_mean_of_its_blocks_wherever_they_stand():
    table = blocks("snsnsnsn", "eeeellll", [80, 90, 82, 94, 70, 60, 74, 62])
    cells = cells_of(STUDY, "ShA01", table)
    assert cells[["cue", "block"]].to_numpy().tolist() == [
        ["saline", "early"],
        ["saline", "late"],
        ["naloxone", "early"],
        ["naloxone", "late"],
    ]
    assert cells["respiration"].tolist() == [81, 72, 92, 61]
    members = cell_members(STUDY, table)
    assert members["naloxone", "late"].to_numpy().nonzero()[0].tolist() == [5, 7]


def test_cells_of_unequal_blocks_are_named():
    with pytest.raises(DataError) as error:
        cells_of(STUDY, "ShA01", blocks("ssnnss", "elelll", [80.0] * 6))
    assert len(error.value.faults) == 3
    assert "cell naloxone late has 1 blocks, others have 3" in error.value.faults[2]
    assert "exclude the subject" in error.value.faults[2]


def test_a_raw_scan_without_a_preprocessed_one_is_accounted_for(tmp_path):
    text = designs()["carmack2019"].replace("  task: odor\n", "  task: odor\n  derivatives: derivatives/done\n", 1)
    for run in (1, 2):
        raw = tmp_path / "sub-01" / "func" / f"sub-01_task-odor_run-{run}_bold.nii.gz"
        raw.parent.mkdir(parents=True, exist_ok=True)
        raw.touch()
    done = tmp_path / "derivatives" / "done" / "sub-01" / "func" / "sub-01_task-odor_run-1_desc-preproc_bold.nii.gz"
    done.parent.mkdir(parents=True)
    done.touch()
    files = StudyFiles(study=parse_study(text), file=tmp_path / "study.yaml")

    scans = scans_of(files)
    (lost,) = raw_scans_without_result(files, scans)

    assert [scan.bold for scan in scans] == [done]
    assert (lost.subject, lost.run) == ("01", 2)
    raw_study = StudyFiles(study=parse_study(designs()["carmack2019"]), file=tmp_path / "study.yaml")
    assert raw_scans_without_result(raw_study, scans_of(raw_study)) == ()
