"""A corpus of broken studies: a small change of one file each, and what must be said."""

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.nodes.check import check_study

pytestmark = pytest.mark.xdist_group("broken")

Break = Callable[[Path], object]
STUDY = "study.yaml"
SCAN = "sub-ShA02/func/sub-ShA02_task-odor_run-1_"
BOLD, SIDECAR, EVENTS = SCAN + "bold.nii.gz", SCAN + "bold.json", SCAN + "events.tsv"
PHYSIO, PHYSIO_JSON = SCAN + "recording-respiratory_physio.tsv.gz", SCAN + "recording-respiratory_physio.json"
TEMPLATE = "derivatives/template/tpl-drawn_"
MASK, TISSUE = TEMPLATE + "desc-brain_mask.nii.gz", TEMPLATE + "label-WM_mask.nii.gz"
ATLAS, LABELS = TEMPLATE + "atlas-carmack2019_dseg.nii.gz", TEMPLATE + "atlas-carmack2019_dseg.tsv"
LOG = "sourcedata/medpc/2026-01-05_escalation-01.txt"


def put(name: str, content: bytes | str) -> Break:
    def change(study: Path) -> None:
        (study / name).unlink(missing_ok=True)  # it may be a link to the whole study
        (study / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return change


def edit(name: str, old: str, new: str, times: int = 1) -> Break:
    def change(study: Path) -> None:
        text = (study / name).read_text()
        assert old in text
        (study / name).write_text(text.replace(old, new, times))

    return change


def append(name: str, line: str) -> Break:
    return lambda study: (study / name).write_text((study / name).read_text() + line)


def remove(name: str) -> Break:
    return lambda study: (study / name).unlink()


def keys(name: str, **changed: Any) -> Break:
    def change(study: Path) -> None:
        content = json.loads((study / name).read_text()) | changed
        kept = {key: value for key, value in content.items() if value is not None}
        (study / name).write_text(json.dumps(kept))

    return change


def data(name: str, new: Callable[[np.ndarray], np.ndarray]) -> Break:
    def change(study: Path) -> None:
        image = nib.load(study / name)
        made = nib.Nifti1Image(new(np.asarray(image.dataobj)), image.affine)
        (study / name).unlink()
        made.to_filename(study / name)

    return change


def affine(name: str, first: list[list[float]]) -> Break:
    def change(study: Path) -> None:
        image = nib.load(study / name)
        made = nib.Nifti1Image(np.asarray(image.dataobj), np.array(first) @ image.affine, image.header)
        (study / name).unlink()
        made.to_filename(study / name)

    return change


def first_bytes(name: str, count: int) -> Break:
    return lambda study: put(name, (study / name).read_bytes()[:count])(study)


def header_of_a_giant(study: Path) -> None:
    whole = gzip.decompress((study / BOLD).read_bytes())
    header = nib.load(study / BOLD).header
    header.set_data_shape((30_000, 30_000, 30_000, 210))
    put(BOLD, gzip.compress(header.binaryblock + whole[header.sizeof_hdr :]))(study)


def log_of_a_giant(study: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="NWB needs the extra nwb")
    (study / LOG).unlink()
    with h5py.File(study / LOG, "w") as file:
        file.create_dataset("timestamps", shape=(10**12,), chunks=(1024,), compression="gzip", dtype="f8")


def white_noise() -> bytes:
    return gzip.compress("".join(f"{value:.4f}\n" for value in np.random.default_rng(0).normal(size=21000)).encode())


IN_THE_STUDY_FILE: dict[str, tuple[Break, str]] = {
    "an alpha that no simulation can tell": (
        edit(STUDY, "  alpha: 0.01", "  alpha: 0.001"),
        "alpha 0.001 cannot be told from 1000 draws; set draws to 10000 or more",
    ),
    "a block that does not exist": (
        edit(STUDY, "late: [3, 4]", "late: [3, 5]"),
        "column 'block' has no label in 12 rows",
    ),
    "a task without scans": (edit(STUDY, "task: odor", "task: smell"), "no scans of task 'smell'; tasks found: odor"),
    "another time step": (edit(STUDY, "tr_s: 2.0", "tr_s: 1.5"), "TR is 2 s in the header and 1.5 s in the study"),
    "an excluded subject who does not exist": (
        edit(STUDY, "species: Rattus", "exclude: { ShA77: typo }\n  species: Rattus"),
        "no participant ShA77",
    ),
    "an unknown region": (
        edit(STUDY, "of: maps.responses, unsmoothed", "names: [Oz], of: maps.responses, unsmoothed"),
        "regions.whole.names: the atlas has no Oz",
    ),
}

IN_TABLES: dict[str, tuple[Break, str]] = {
    "no participants": (remove("participants.tsv"), "participants.tsv: no such file"),
    "no column of groups": (
        edit("participants.tsv", "\tgroup\t", "\tarm\t"),
        "has no column 'group', nor has the table of subjects",
    ),
    "a cell too many": (edit("participants.tsv", "Evans\tM", "Evans\tM\tx"), "participants.tsv:2: 11 cells under a"),
    "commas for tabs": (
        edit("participants.tsv", "\t", ",", -1),
        "participants.tsv:1: one column, 'participant_id,species",
    ),
    "an event twice": (
        append(EVENTS, "330\t30\tsaline\tvanilla\t4\n"),
        "events.tsv:6: saline at 330 s is also on line 5; keep one row for each event",
    ),
    "a button press that nobody spoke of": (
        append(EVENTS, "400\t0\tpress\tvanilla\t4\n"),
        "trial_type press is neither a cell of the study (saline, naloxone) nor in trials.others",
    ),
    "blocks that overlap": (edit(EVENTS, "150\t", "70\t"), "the blocks at 60 and 70 s overlap"),
    "a cue before its baseline": (
        edit(EVENTS, "60\t30", "10\t30"),
        "block 1 (saline, onset 10 s): window -10 to 10 s leaves the scan",
    ),
    "no label table": (remove(LABELS), "dseg.tsv: no such file"),
}

IN_LOGS: dict[str, tuple[Break, str]] = {
    "an unknown program": (edit(LOG, "CUECIRCUIT ShA FR1", "MINE"), "program (MSN) 'MINE' is not declared; letters"),
    "an unknown subject": (edit(LOG, "Subject: ShA01", "Subject: X9"), "subject 'X9' has operant sessions"),
    "a file cut inside a header": (first_bytes(LOG, 900), "the file is cut off"),
    "a phase that is nowhere": (
        edit(STUDY, "experiment: EXTINCTION", "experiment: EXTINKTION"),
        "phase extinction: no session has the Experiment 'EXTINKTION'; found: 'COND-NALOXONE'",
    ),
    "a session fewer than planned in every animal": (
        remove(LOG),
        "phase escalation: every subject has 2 sessions, the study plans 3",
    ),
    "more sessions than planned in every animal": (
        edit(STUDY, "days: 3", "days: 2"),
        "1 sessions of escalation more than the 2 planned",
    ),
}

IN_SCANS: dict[str, tuple[Break, str]] = {
    "a header cut off": (first_bytes(BOLD, 200), "not a readable NIfTI file"),
    "a header of a giant": (header_of_a_giant, "bold.nii.gz: the header states (30000, 30000, 30000, 210) voxels"),
    "one volume": (data(BOLD, lambda scan: scan[..., 0]), "one volume, expected a scan of many (four dimensions)"),
    "a time step in milliseconds": (keys(SIDECAR, RepetitionTime=2000), "2 s in the header and 2000 s in the sidecar"),
    "two scans of one name": (
        lambda study: shutil.copy(study / BOLD, study / BOLD.replace("run-1", "run-01")),
        "sub-ShA02 run-1: several scans are called so (",
    ),
    "an atlas between whole numbers": (
        data(ATLAS, lambda atlas: (atlas + 0.3 * (atlas > 0)).astype(np.float32)),
        "an atlas holds whole-number labels",
    ),
}

IN_BREATHING: dict[str, tuple[Break, str]] = {
    "no sidecar": (remove(PHYSIO_JSON), "no JSON sidecar gives SamplingFrequency"),
    "nobody breathes": (
        put(PHYSIO, gzip.compress(b"0.5\n" * 21000)),
        "the trace is flat or not recorded; correct StartT",
    ),
    "a trace of another time": (
        keys(PHYSIO_JSON, StartTime=500.0),
        "the recording covers 500 to 920 s, the scan 0 to 420",
    ),
    "a rate that is twice the true one": (
        keys(PHYSIO_JSON, SamplingFrequency=100),
        "covers 0 to 210 s, the scan 0 to 420 s: 0.5 times as long; SamplingFrequency 100 Hz was most likely 50 Hz",
    ),
}

BROKEN = {
    f"{noun}: {name}": case
    for noun, cases in (
        ("study file", IN_THE_STUDY_FILE),
        ("table", IN_TABLES),
        ("log", IN_LOGS),
        ("scan", IN_SCANS),
        ("breathing", IN_BREATHING),
    )
    for name, case in cases.items()
}


KEPT = ("conditioning", "breathing", "access_by_cue", "table1", "table1_region", "withdrawal_severity")


@pytest.fixture(scope="module")
def asked_little(few_rats: Path) -> str:
    """The study file with few questions, which are soon tried."""
    text = few_rats.read_text(encoding="utf-8")
    parts = {part.split(":")[0]: part for part in re.split(r"^(?=\S)", text, flags=re.M)}
    head, *questions = re.split(r"^(?=  \w)", parts["questions"], flags=re.M)
    parts["questions"] = head + "".join(own for own in questions if own.split(":")[0].strip() in KEPT)
    about = parts["about"]
    parts["about"] = about[: about.index("  follows:")] + "\n"
    return "".join(part for name, part in parts.items() if name not in ("figures", "copies", "assumed"))


def _link_large(source: str, target: str) -> None:
    (os.link if source.endswith(".gz") else shutil.copy2)(source, target)


@pytest.fixture
def study(few_rats: Path, asked_little: str, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(few_rats.parent, tmp_path / "study", copy_function=_link_large))
    (folder / STUDY).write_text(asked_little, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_said(study: Path, name: str):
    breaking, said = BROKEN[name]
    breaking(study)
    with pytest.raises(CuecircuitError) as error:
        check_study(study / STUDY)
    assert any(said in fault for fault in error.value.faults), error.value.faults
    assert len(error.value.faults) < 10  # one cause, few lines


def test_what_is_odd_in_the_logs_and_no_fault_is_noted_once_a_kind(study: Path):
    shutil.copy(study / LOG, study / LOG.replace("01.txt", "01b.txt"))
    edit(LOG.replace("05_escalation-01", "06_escalation-02"), "Experiment: ESCALATION", "Experiment: PILOT")(study)

    notes = check_study(study / STUDY)

    assert len(notes) == 3
    saves, pilot, fewer = notes
    assert "escalation-01.txt: line 4: subject 'ShA01': saved 2 times" in saves
    # a place in the study, wherever that lies
    assert "kept the latest (sourcedata/medpc/2026-01-05_escalation-01b.txt line 4, " in saves
    assert saves.endswith("5 more like it")
    assert "escalation-02.txt:" in pilot
    assert "experiment 'PILOT' (program 'CUECIRCUIT ShA FR1') belongs to no phase" in pilot
    assert "2 of 3 sessions of escalation" in fewer


def test_values_of_scans_are_looked_at_when_asked(study: Path):
    def damage(name: str, where: tuple[int | slice, ...], value: float) -> None:
        image = nib.load(study / name)
        scan = np.asarray(image.dataobj, dtype=np.float32)
        scan[where] = value
        image.header.set_data_dtype(np.float32)
        (study / name).unlink()
        nib.Nifti1Image(scan, image.affine, image.header).to_filename(study / name)

    damage(BOLD, (slice(None), slice(None), 4, slice(7, 9)), 0)
    damage(BOLD.replace("run-1", "run-2"), (5, 5, 5, 7), np.nan)
    check_study(study / STUDY)

    with pytest.raises(StudyError) as error:
        check_study(study / STUDY, data=True)

    first, second = error.value.faults
    assert "run-1_bold.nii.gz: 2 slices hold one value throughout (first slice 4 of volume 7, from 0; 2 vol" in first
    assert "run-2_bold.nii.gz: 1 values are NaN or infinite" in second
