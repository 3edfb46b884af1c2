"""Does a folder of data become a page without an edit? Six folders: init, check, run, as a newcomer gives them.

    python validation/own_data.py OUT [--folder NAME]... [--scale tiny] [--docs docs/own_data.md]

Each folder is built in OUT/NAME, its study file taken away, and given to `init --yes`, `check` and `run` (logs alone to
`behavior`), with no other edit. The transcript goes to stdout and OUT/NAME.log: commands, their lines, seconds of wall
and processor time. A command that fails ends the folder; the exit status is the number of folders without a page.
--docs replaces the transcripts at the end of a page of the docs by those of all logs in OUT, without lines of progress.

- rats: three cues, two scan sessions, controls that did not press for the drug, MED-PC logs (design cocaine_sessions)
- logs: MED-PC logs and a table of participants, no scanner (design alcohol_mice)
- people: 40 people, fMRIPrep's names on another disk, brain masks that differ, no mask of the study, a phenotype table
- rabies: 20 rats scanned with two odors, the outputs of RABIES beside the raw data set, no mask of the study
- pet: maps that another program made (design pet_displacement)
- sessions: two sessions of two runs, one missing (design smokers_two_sessions)
"""

import argparse
import json
import os
import re
import shlex
import shutil
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from cuecircuit.cli import app
from cuecircuit.errors import CuecircuitError
from cuecircuit.nodes.simulate import simulate_design

DESIGNS = {
    "rats": "cocaine_sessions",
    "logs": "alcohol_mice",
    "pet": "pet_displacement",
    "sessions": "smokers_two_sessions",
}
FOLDERS = {
    "rats": "three cues, two scan sessions, yoked controls, MED-PC logs",
    "logs": "MED-PC logs and a table of participants",
    "people": "40 people, fMRIPrep's names on another disk, a phenotype table",
    "rabies": "20 rats, raw scans and what RABIES made of them",
    "pet": "maps of another program",
    "sessions": "people, two sessions of two runs, one missing",
}
HEADING = "## Transcripts"
ABOUT = (
    "Made by `validation/own_data.py`: simulated folders without their study file, each taken to its page with no edit "
    "but what\n`init --yes` took. Lines of progress are left out, long ones cut."
)
# what says only how far a command is
PROGRESS = re.compile(r": \d+ of \d+$|: not done yet$|subjects to do|^check$")
SHAPE, VOXEL_MM, TR_S, VOLUMES = (12, 14, 12), 12.0, 2.0, 90
PEOPLE = 40
RATS, RAT_SHAPE = 20, (12, 12, 12)
SPACE = "space-MNI152NLin2009cAsym_res-2"


def simulated(design, folder, scale):
    """Build a folder from a design, without its study file and its truth."""
    study = simulate_design(design, folder, scale=scale)
    study.unlink()
    shutil.rmtree(folder / "truth")


def people(folder, disk):
    """Build a raw data set of events in `folder`, and preprocessed scans on another disk."""
    rng = np.random.default_rng(7)
    names = [f"{number:02d}" for number in range(1, PEOPLE + 1)]
    group = np.array(["control", "cocaine"])[np.arange(PEOPLE) % 2]
    craving = np.where(group == "cocaine", 6.0, 2.0) + rng.normal(0, 1, PEOPLE).round(1)
    middle = (np.reshape(SHAPE, (3, 1, 1, 1)) - 1) / 2
    inside = np.linalg.norm((np.indices(SHAPE) - middle) / (0.9 * middle), axis=0) < 1
    (folder / "phenotype").mkdir(parents=True)
    rows = {"participant_id": [f"sub-{name}" for name in names], "group": group, "age": rng.integers(25, 55, PEOPLE)}
    pd.DataFrame(rows).to_csv(folder / "participants.tsv", sep="\t", index=False)
    scores = {"participant_id": rows["participant_id"], "craving": craving}
    pd.DataFrame(scores).to_csv(folder / "phenotype" / "craving.tsv", sep="\t", index=False)
    description = {"Name": "Cues, 40 people", "BIDSVersion": "1.10.0"}
    (folder / "dataset_description.json").write_text(json.dumps(description))
    disk.mkdir(parents=True)
    derivative = {**description, "DatasetType": "derivative", "GeneratedBy": [{"Name": "fMRIPrep"}]}
    (disk / "dataset_description.json").write_text(json.dumps(derivative))
    for name, kind in zip(names, group, strict=True):
        scan(folder, disk, name, reacts=kind == "cocaine", inside=inside, rng=rng)


def rats(folder, made):
    """Build a raw data set of rats in `folder`, and the outputs of RABIES in `made`."""
    rng = np.random.default_rng(8)
    names = [f"{number:02d}" for number in range(1, RATS + 1)]
    group = np.array(["ShA", "LgA"])[np.arange(RATS) % 2]
    folder.mkdir(parents=True)
    rows = {"participant_id": [f"sub-{name}" for name in names], "species": "Rattus norvegicus", "group": group}
    pd.DataFrame(rows).to_csv(folder / "participants.tsv", sep="\t", index=False)
    description = {"Name": "Odors, 20 rats", "BIDSVersion": "1.10.0"}
    (folder / "dataset_description.json").write_text(json.dumps(description))
    affine = np.diag([0.5, 0.5, 1.0, 1.0])
    inside = np.linalg.norm((np.indices(RAT_SHAPE).T - 5.5) / 6.0, axis=-1).T < 1
    onsets = np.arange(10.0, VOLUMES * TR_S - 25, 30.0)
    odors = np.resize(["saline", "naloxone"], len(onsets))
    for name, kind in zip(names, group, strict=True):
        raw = folder / f"sub-{name}" / "func"
        raw.mkdir(parents=True)
        stem = f"sub-{name}_task-odor"
        events = pd.DataFrame({"onset": onsets, "duration": 10.0, "trial_type": odors})
        events.to_csv(raw / f"{stem}_events.tsv", sep="\t", index=False)
        (raw / f"{stem}_bold.json").write_text(json.dumps({"RepetitionTime": TR_S, "TaskName": "odor"}))
        data = 1000 + rng.normal(0, 8, (*RAT_SHAPE, VOLUMES))
        save(raw / f"{stem}_bold.nii.gz", data, affine)
        times = np.arange(VOLUMES) * TR_S
        shown = sum(((times >= on + 3) & (times < on + 13)) for on in onsets[odors == "naloxone"])
        data[3:7, 3:7, 3:7] += (20.0 if kind == "LgA" else 4.0) * shown
        inner = f"_scan_info_subject_id{name}_split_name_{stem}_bold/_run_None"
        common, masks, motion = (
            made / part / inner
            for part in (
                "bold_datasink/commonspace_bold",
                "bold_datasink/commonspace_mask",
                "motion_datasink/motion_params_csv",
            )
        )
        for part in (common, masks, motion):
            part.mkdir(parents=True)
        save(common / f"{stem}_bold_RAS_combined.nii.gz", data * inside[..., None], affine)
        save(masks / f"{stem}_bold_RAS_brain_mask.nii.gz", inside, affine)
        columns = ("mov1", "mov2", "mov3", "rot1", "rot2", "rot3")
        table = pd.DataFrame({column: rng.normal(0, 1e-3, VOLUMES) for column in columns})
        table.to_csv(motion / f"{stem}_bold_motion.csv", index=False)


def save(path, data, affine):
    """Write an image of four or three dimensions, in mm and seconds."""
    image = nib.Nifti1Image(data.astype(np.float32 if data.ndim == 4 else np.uint8), affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((*image.header.get_zooms()[:3], *([TR_S] if data.ndim == 4 else [])))
    image.to_filename(path)


def scan(folder, disk, name, *, reacts, inside, rng):
    """Write the events of one person, and the scan, mask and confounds that fMRIPrep would make of it."""
    onsets = np.arange(8.0, VOLUMES * TR_S - 20, 20.0)
    kinds = np.resize(["neutral", "drug"], len(onsets))
    raw, prep = folder / f"sub-{name}" / "func", disk / f"sub-{name}" / "func"
    raw.mkdir(parents=True)
    prep.mkdir(parents=True)
    stem = f"sub-{name}_task-cues"
    events = pd.DataFrame({"onset": onsets, "duration": 10.0, "trial_type": kinds})
    events.to_csv(raw / f"{stem}_events.tsv", sep="\t", index=False)
    times = np.arange(VOLUMES) * TR_S
    shown = sum(((times >= on + 5) & (times < on + 15)) for on in onsets[kinds == "drug"])
    data = 1000 + rng.normal(0, 8, (*SHAPE, VOLUMES))
    data[4:7, 6:9, 5:8] += (20.0 if reacts else 4.0) * shown
    mask = inside & (rng.random(SHAPE) > 0.001)  # a few voxels are lost in each
    affine = np.diag([VOXEL_MM] * 3 + [1.0])
    affine[:3, 3] = [-VOXEL_MM * (n - 1) / 2 for n in SHAPE]
    image = nib.Nifti1Image((data * mask[..., None]).astype(np.float32), affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((VOXEL_MM,) * 3 + (TR_S,))
    image.set_sform(affine, 4)
    image.to_filename(prep / f"{stem}_{SPACE}_desc-preproc_bold.nii.gz")
    sidecar = {"RepetitionTime": TR_S, "TaskName": "cues"}
    (prep / f"{stem}_{SPACE}_desc-preproc_bold.json").write_text(json.dumps(sidecar))
    brain = nib.Nifti1Image(mask.astype(np.uint8), affine)
    brain.set_sform(affine, 4)
    brain.to_filename(prep / f"{stem}_{SPACE}_desc-brain_mask.nii.gz")
    motion = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
    table = pd.DataFrame({column: rng.normal(0, 1e-3, VOLUMES) for column in motion})
    table.to_csv(prep / f"{stem}_desc-confounds_timeseries.tsv", sep="\t", index=False)


def give(*words):
    """Give a command; return whether it was done."""
    print(f"\n$ cuecircuit {shlex.join(map(str, words))}", flush=True)
    wall, processor = time.perf_counter(), time.process_time()
    try:
        app([*map(str, words)], standalone_mode=False)
    except CuecircuitError as error:
        print("\n".join(error.faults))
        return False
    print(
        f"({time.perf_counter() - wall:.0f} s, {time.process_time() - processor:.0f} s of processor time)", flush=True
    )
    return True


def folders_to_page(name, out, scale):
    """Build a folder in the working directory and take it to its page; return whether there is one."""
    print(f"\n## {name}")
    here, results = Path(name), Path(f"{name}_results")
    if name in ("people", "rabies"):
        disk = out / "disk" / ("fmriprep" if name == "people" else "rabies")
        (people if name == "people" else rats)(here, disk)
        drafted = give("init", here, "--derivatives", disk, "--out", here / "study.yaml", "--yes")
    else:
        simulated(DESIGNS[name], here, scale)
        if name == "logs":
            logs, participants = here / "sourcedata" / "medpc", here / "participants.tsv"
            done = give("behavior", logs, "--participants", participants, "--out", results, "--n-jobs", 1)
            return done and (results / "report.html").is_file()
        drafted = give("init", here, "--out", here / "study.yaml", "--yes")
    study = here / "study.yaml"
    done = drafted and give("check", study) and give("run", study, results, "--n-jobs", 1)
    return done and (results / "report.html").is_file()


class Transcript:
    """A stream that writes to two."""

    def __init__(self, *streams):
        self.streams = streams

    def write(self, text):
        for stream in self.streams:
            stream.write(text)
        return len(text)

    def isatty(self):
        return False  # a log is no terminal: nothing is asked

    def flush(self):
        for stream in self.streams:
            stream.flush()


def recorded(name, out, scale):
    """Take a folder to its page, with its transcript in OUT/NAME.log."""
    with (out / f"{name}.log").open("w", encoding="utf-8") as log:
        both = Transcript(sys.__stdout__, log)
        with redirect_stdout(both), redirect_stderr(both):
            return folders_to_page(name, out, scale)


def write_transcripts(page, out):
    """Replace the end of a page of the docs by the transcripts of all folders."""
    parts = [page.read_text(encoding="utf-8").partition(HEADING)[0].rstrip(), "", HEADING, "", ABOUT]
    for name in FOLDERS:
        log = out / f"{name}.log"
        if log.is_file():
            text = re.sub(r"\(\d+ s, (.*processor time)\)", r"(\1)", log.read_text(encoding="utf-8"))
            lines = text.replace(str(out), "OUT").splitlines()
            kept = [line[:160] for line in lines if line and not line.startswith("## ") and not PROGRESS.search(line)]
            parts += ["", f"### {name}: {FOLDERS[name]}", "", "```", *kept, "```"]
    page.write_text("\n".join(parts) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--folder", choices=FOLDERS, action="append")
    parser.add_argument("--docs", type=Path, help="page whose transcripts are replaced")
    parser.add_argument("--scale", choices=("tiny", "paper"), default="tiny")
    asked = parser.parse_args()
    out, page = asked.out.resolve(), asked.docs and asked.docs.resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(out)
    pages = {name: recorded(name, out, asked.scale) for name in asked.folder or FOLDERS}
    if page is not None:
        write_transcripts(page, out)
    print("\n" + "\n".join(f"{name}: {'page' if done else 'NO PAGE'}" for name, done in pages.items()))
    sys.exit(sum(not done for done in pages.values()))


if __name__ == "__main__":
    main()
