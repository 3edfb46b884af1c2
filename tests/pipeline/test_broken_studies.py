"""A corpus of broken studies, beside that of test_check.py: a small change of one file each, and what must be said."""

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.pipeline.check import check_study

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
    "nothing": (put(STUDY, ""), "study.yaml:1: expected sections"),
    "a list": (put(STUDY, "- a\n- b\n"), "study.yaml:1: expected sections"),
    "a tab": (edit(STUDY, "  title:", "\ttitle:"), "study.yaml:4: a tab stands where YAML wants spaces"),
    "a bracket left open": (edit(STUDY, "[ShA, LgA]", "[ShA, LgA"), "study.yaml:11: "),
    "a key twice": (edit(STUDY, "cues:\n", "cues:\n  factor: cue\n"), "cues.factor: stands twice"),
    "an unknown section": (edit(STUDY, "nuisance:", "nuisances:"), "nuisances: unknown key"),
    "an unknown key": (edit(STUDY, "white_matter: true", "white_mater: true"), "nuisance.white_mater: unknown key"),
    "an alias": (edit(STUDY, "[ShA, LgA]", "&a [ShA, LgA]\n  exclude: *a"), "study.yaml:11: *a: aliases are not read"),
    "a tag that runs code": (edit(STUDY, "title: ", "title: !!python/object/apply:os.system "), "study.yaml:4: "),
    "an alpha above 1": (edit(STUDY, "alpha: 0.01", "alpha: 5"), "study.yaml:89: correction.alpha: "),
    "a z where p is meant": (edit(STUDY, "voxel_p: 0.01", "voxel_p: 3.1"), "study.yaml:88: correction.voxel_p: "),
    "an alpha that no simulation can tell": (
        edit(STUDY, "alpha: 0.01", "alpha: 0.00001"),
        "correction.alpha: 1e-05 cannot be told from 10000 iterations; set correction.iterations to 100000",
    ),
    "a path out of the study": (edit(STUDY, "dataset: .", "dataset: ../../etc"), "leaves the folder of the study"),
    "an absolute path": (edit(STUDY, "mask: deriv", "mask: /deriv"), "space.mask: '/derivatives"),
    "a group that has access but does not exist": (
        edit(STUDY, "groups: [ShA, LgA]", "groups: [ShA]"),
        "access_h.LgA: 'LgA' is no group",
    ),
    "an effect of an unknown factor": (edit(STUDY, "group:cue", "group:odor"), "group.effect: 'odor' is no factor"),
    "seven neighbors": (edit(STUDY, "alpha: 0.01", "connectivity: 7"), "correction.connectivity: "),
    "a phase twice": (edit(STUDY, "name: extinction", "name: escalation"), "'escalation' stands 2 times"),
    "an unknown phase": (
        edit(STUDY, "  escalation: escalation", "  escalation: escalate"),
        "behavior.escalation: 'escalate' is no phase",
    ),
    "a word where a number is meant": (edit(STUDY, "sessions: 10", "sessions: ten"), "study.yaml:21: "),
    "a negative dose": (edit(STUDY, "dose_mg_kg: 0.06", "dose_mg_kg: -1"), "study.yaml:15: drug.dose_mg_kg"),
    "a window that ends before it begins": (
        edit(STUDY, "response:\n", "response:\n  window_s: [30, 4]\n"),
        "window_s [30, 4] is empty",
    ),
    "a block that does not exist": (edit(STUDY, "late: [3, 4]", "late: [3, 5]"), "block 5 does not exist"),
    "more blocks than the scans have": (edit(STUDY, "blocks: 4", "blocks: 5"), "and 41 other scans: 4 cue blocks"),
    "an unknown cue": (edit(STUDY, "  cue: naloxone", "  cue: heroin"), "correlations.cue: 'heroin' is no cue"),
    "an unknown region": (edit(STUDY, "PVN/VM hypothalamus", "Oz"), "regions.shown: no region Oz"),
    "an assumption about nothing": (
        edit(STUDY, "acquisition.volumes:", "acquisition.volume:"),
        "study.yaml:102: assumed.acquisition.volume: no such setting",
    ),
    "a task without scans": (edit(STUDY, "task: odor", "task: smell"), "no scans of task 'smell'; tasks found: odor"),
}

IN_TABLES: dict[str, tuple[Break, str]] = {
    "no participants": (remove("participants.tsv"), "participants.tsv: no such file"),
    "an empty table": (put("participants.tsv", ""), "participants.tsv: the table is empty"),
    "a header alone": (put("participants.tsv", "participant_id\tgroup\n"), "nobody belongs to group 'ShA'"),
    "no column of ids": (edit("participants.tsv", "participant_id", "rat"), "column participant_id is missing"),
    "no column of groups": (edit("participants.tsv", "\tgroup\t", "\tarm\t"), "column group is missing"),
    "a subject twice": (append("participants.tsv", "sub-ShA01" + "\tn/a" * 9 + "\n"), "subject ShA01 stands twice"),
    "a cell too many": (edit("participants.tsv", "Evans\tM", "Evans\tM\tx"), "participants.tsv:2: 11 cells under a"),
    "a subject without group": (edit("participants.tsv", "\tShA\t", "\tn/a\t"), "subject ShA01 has no group"),
    "another encoding": (
        put("participants.tsv", "participant_id\tL\xf6ng\n".encode("latin1")),
        "save it as TSV or CSV in UTF-8",
    ),
    "commas for tabs": (
        edit("participants.tsv", "\t", ",", -1),
        "participants.tsv:1: one column, 'participant_id,species",
    ),
    "an events file without events": (put(EVENTS, "onset\tduration\ttrial_type\n"), "no events"),
    "an empty events file": (put(EVENTS, ""), "events.tsv: the table is empty"),
    "events without durations": (put(EVENTS, "onset\ttrial_type\n60\tsaline\n"), "column duration is missing"),
    "an event whose duration is empty": (edit(EVENTS, "60\t30", "60\tn/a"), "events.tsv:2: duration is empty"),
    "an event twice": (
        append(EVENTS, "330\t30\tsaline\tvanilla\t4\n"),
        "events.tsv:6: saline at 330 s is also on line 5; keep one row for each event",
    ),
    "a button press that nobody spoke of": (
        append(EVENTS, "400\t0\tpress\tvanilla\t4\n"),
        "events.tsv:6: trial_type 'press'",
    ),
    "a column of conditions that is not there": (
        edit(STUDY, "cues:\n", "cues:\n  column: condition\n"),
        " other scans: 1: column condition is missing; name the column of the conditions (cues.column)",
    ),
    "an event before the scan": (edit(EVENTS, "60\t", "-60\t"), "(onset -60 s) begins outside the scan"),
    "a decimal comma": (edit(EVENTS, "60\t", "60,5\t"), "onset holds 2 values in one cell ('60,5')"),
    "blocks that overlap": (edit(EVENTS, "150\t", "70\t"), "the blocks at 60 and 70 s overlap"),
    "a block too few": (edit(EVENTS, "330\t30\tsaline\tvanilla\t4\n", ""), "3 cue blocks, the study expects 4"),
    "two cues in one scan": (edit(EVENTS, "150\t30\tsaline", "150\t30\tnaloxone"), "cell saline early has 2 blocks"),
    "an odor of no study": (
        edit(EVENTS, "vanilla", "peach"),
        "events.tsv:2: odor 'peach' is not among cues.stimuli (",
    ),
    "no column of odors": (edit(EVENTS, "odor", "smell"), "events.tsv:1: column odor is missing (cues.stimulus)"),
    "a cue before its baseline": (
        edit(EVENTS, "60\t30", "10\t30"),
        "response.baseline_s: block 1 (saline, onset 10 s): window -10 to 10 s leaves the scan",
    ),
    "spaces for tabs": (edit(EVENTS, "\t", " ", -1), "column onset is missing; found: onset duration"),
    "a label twice": (append(LABELS, "1\tAgain\n"), "label 1 is listed twice ('"),
    "a label that is a word": (edit(LABELS, "2\tAnt", "two\tAnt"), "index 'two' is no whole number"),
    "no column of names": (edit(LABELS, "index\tname", "index\tcolor"), "no column of labels (index) or of names"),
    "no label table": (remove(LABELS), "dseg.tsv: no such file"),
}

IN_LOGS: dict[str, tuple[Break, str]] = {
    "an unknown program": (edit(LOG, "CUECIRCUIT ShA FR1", "MINE"), "program (MSN) 'MINE' is not declared; letters"),
    "no subject": (edit(LOG, "Subject: ShA01", "Subject: "), "subject '' has operant sessions"),
    "an unknown subject": (edit(LOG, "Subject: ShA01", "Subject: X9"), "subject 'X9' has operant sessions"),
    "an impossible date": (edit(LOG, "Start Date: 01/05/26", "Start Date: 31/31/26"), "start '31/31/26'"),
    "a file cut inside a header": (first_bytes(LOG, 900), "the file ends inside the header of a session"),
    "a letter among digits": (
        edit(LOG, "2050.920", "20x0.920"),
        "line 18: subject 'ShA01': value 3 of letter X is '20x0.920'",
    ),
    "a lost row": (edit(LOG, "     5:     2466", "     7:     2466"), "row index 7 where 5 was expected"),
    "bytes that are no text": (put(LOG, bytes(range(256)) * 10), "a zero byte: this is not text"),
    "an NWB file of a giant": (log_of_a_giant, "/timestamps states (1000000000000,) values (8e+12 bytes)"),
    "no session": (put(LOG, "A: 1\n"), "'Start Date:'"),
    "a phase that is nowhere": (
        edit(STUDY, "experiment: EXTINCTION", "experiment: EXTINKTION"),
        "phases: extinction: no session has the Experiment 'EXTINKTION'; found: 'COND-NALOXONE'",
    ),
    "a session fewer than planned in every animal": (
        remove(LOG),
        "phases: escalation: every subject has 9 sessions, the study plans 10",
    ),
    "more sessions than planned in every animal": (
        edit(STUDY, "sessions: 10", "sessions: 8"),
        "phases: escalation: every subject has 10 sessions, the study plans 8",
    ),
}

IN_SCANS: dict[str, tuple[Break, str]] = {
    "a header cut off": (first_bytes(BOLD, 200), "not a readable NIfTI file"),
    "a header of a giant": (header_of_a_giant, "bold.nii.gz: the header states (30000, 30000, 30000, 210) voxels"),
    "one volume": (data(BOLD, lambda scan: scan[..., 0]), "1 volumes, the study expects 210"),
    "an oblique scan": (
        affine(BOLD, [[0.9, -0.44, 0, 0], [0.44, 0.9, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        "the slices are oblique: their axes are turned by 26.",
    ),
    "another origin": (
        affine(BOLD, [[1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        "origins apart by (3, 0, 0) mm",
    ),
    "an empty file": (put(BOLD, b""), "not a readable NIfTI file (Empty file"),
    "a pointer for a scan": (put(BOLD, "../../.git/annex/objects/xx"), "not a readable NIfTI file"),
    "a damaged sidecar": (put(SIDECAR, "{"), "bold.json: cannot be read as JSON"),
    "a time step that is a text": (
        keys(SIDECAR, RepetitionTime="2 s"),
        "RepetitionTime '2 s' in the sidecar is no number; write seconds, such as 2",
    ),
    "a damaged sidecar of events": (put(EVENTS.replace(".tsv", ".json"), "{"), "events.json: cannot be read as JSON"),
    "a time step in milliseconds": (keys(SIDECAR, RepetitionTime=2000), "2 s in the header and 2000 s in the sidecar"),
    "two scans of one name": (
        lambda study: shutil.copy(study / BOLD, study / BOLD.replace("run-1", "run-01")),
        "sub-ShA02 run-1: several scans are called so (",
    ),
    "an empty mask": (data(MASK, lambda mask: mask * 0), "space.mask: "),
    "a mask of two volumes": (data(MASK, lambda mask: np.stack([mask, mask], -1)), "expected one volume"),
    "an empty tissue": (data(TISSUE, lambda mask: mask * 0), "space.white_matter: "),
    "a tissue on another grid": (data(TISSUE, lambda mask: mask[1:]), "but the mask has 32 × 32 × 10"),
    "an atlas between whole numbers": (
        data(ATLAS, lambda atlas: (atlas + 0.3 * (atlas > 0)).astype(np.float32)),
        "an atlas holds whole-number labels",
    ),
    "an atlas on another grid": (data(ATLAS, lambda atlas: atlas[:-1]), "space.atlas: "),
}

IN_BREATHING: dict[str, tuple[Break, str]] = {
    "no sidecar": (remove(PHYSIO_JSON), "no JSON sidecar gives SamplingFrequency"),
    "no start": (keys(PHYSIO_JSON, StartTime=None), "no JSON sidecar gives StartTime"),
    "no rate": (keys(PHYSIO_JSON, SamplingFrequency=None), "no JSON sidecar gives SamplingFrequency"),
    "a rate of 0": (keys(PHYSIO_JSON, SamplingFrequency=0), "SamplingFrequency 0 in the sidecar is no rate"),
    "a heart alone": (keys(PHYSIO_JSON, Columns=["cardiac"]), "expected one column of respiration"),
    "a column too many": (keys(PHYSIO_JSON, Columns=["respiratory", "cardiac"]), "1 columns, the sidecar names 2"),
    "two seconds": (put(PHYSIO, gzip.compress(b"0.5\n" * 100)), "the trace lasts 2 s"),
    "nobody breathes": (
        put(PHYSIO, gzip.compress(b"0.5\n" * 21000)),
        "the trace is flat or not recorded; correct StartT",
    ),
    "a trace of another time": (
        keys(PHYSIO_JSON, StartTime=500.0),
        "the recording covers 500 to 920 s, the scan 0 to 420",
    ),
    "a trace that begins after the first block": (
        keys(PHYSIO_JSON, StartTime=120.0),
        "block 1 (onset 60 s): breaths in 0% of the block, the recording covers 120 to 540 s, the scan 0 to 420 s",
    ),
    "a rate that is twice the true one": (
        keys(PHYSIO_JSON, SamplingFrequency=100),
        "covers 0 to 210 s, the scan 0 to 420 s: 0.5 times as long; SamplingFrequency 100 Hz was most likely 50 Hz",
    ),
    "noise for breaths": (put(PHYSIO, white_noise()), "the trace has no rhythm of breaths ("),
    "text that is not compressed": (put(PHYSIO, "0.5\n0.4\n"), "damaged or cut off"),
    "half a file": (first_bytes(PHYSIO, 500), "damaged or cut off"),
    "an empty trace": (put(PHYSIO, gzip.compress(b"")), "not a table of numbers"),
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


def _link_large(source: str, target: str) -> None:
    (os.link if source.endswith(".gz") else shutil.copy2)(source, target)


@pytest.fixture
def study(tiny_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_study.parent, tmp_path / "study", copy_function=_link_large))


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_said(study: Path, name: str):
    breaking, said = BROKEN[name]
    breaking(study)
    with pytest.raises(StudyError) as error:
        check_study(study / STUDY)
    assert any(said in fault for fault in error.value.faults), error.value.faults
    assert len(error.value.faults) < 10  # one cause, few lines


def test_what_is_odd_in_the_logs_and_no_fault_is_noted_once_a_kind(study: Path):
    shutil.copy(study / LOG, study / LOG.replace("01.txt", "01b.txt"))
    edit(LOG.replace("05_escalation-01", "06_escalation-02"), "Experiment: ESCALATION", "Experiment: PILOT")(study)

    notes = check_study(study / STUDY)

    assert len(notes) == 3
    saves, pilot, fewer = notes
    assert "escalation-01.txt:4: subject 'ShA01': saved 2 times" in saves
    # a place in the study, wherever that lies
    assert "kept the latest (sourcedata/medpc/2026-01-05_escalation-01b.txt line 4, " in saves
    assert saves.endswith("20 more like it")
    assert "escalation-02.txt:" in pilot
    assert "experiment 'PILOT' (program 'CUECIRCUIT ShA FR1') belongs to no phase" in pilot
    assert "9 of 10 sessions of escalation" in fewer


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


def test_windows_are_not_held_against_a_general_linear_model(study: Path):
    edit(EVENTS, "60\t30", "10\t30")(study)
    edit(STUDY, "response:\n", "response:\n  method: glm\n")(study)

    check_study(study / STUDY)


def test_what_is_left_out_of_events_and_what_a_trace_does_not_cover_is_noted(study: Path):
    append(EVENTS, "400\t0\tpress\tvanilla\t4\nn/a\t0\tpress\tvanilla\t4\n430\tn/a\tend\tvanilla\t4\n")(study)
    edit(STUDY, "cues:\n", "cues:\n  others: ignore\n")(study)
    keys(PHYSIO_JSON, StartTime=20.0)(study)

    notes = check_study(study / STUDY)

    others, without_onset, covers = notes
    assert without_onset.endswith("run-1_events.tsv: 1 rows without an onset are left out (press 1)")
    assert others.endswith("2 rows that are no cell of the study (cues.others) are left out (end 1, press 1)")
    assert covers.endswith("physio.tsv.gz: the recording covers 20 to 440 s, the scan 0 to 420 s")
