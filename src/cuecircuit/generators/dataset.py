"""An experiment to files: a BIDS data set with MED-PC logs, template, motion, and the truth.

The names of the files are BIDS's; the template's are those the study file gives in `space`.
"""

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from cuecircuit.generators.breathing import Breathing
from cuecircuit.generators.experiment import Experiment
from cuecircuit.generators.participants import write_participants
from cuecircuit.generators.planted import HYPOTHESES
from cuecircuit.generators.rat_design import BLOCK_S
from cuecircuit.generators.truth import write_truth
from cuecircuit.io.bids_ignore import write_bidsignore
from cuecircuit.io.medpc_write import write_medpc
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import write_json, write_table
from cuecircuit.records.scan import Trace

_BIDS_VERSION = "1.10.0"
_MOTION = {
    **{f"trans_{axis}": {"Description": f"Translation along {axis}", "Units": "mm"} for axis in "xyz"},
    **{f"rot_{axis}": {"Description": f"Rotation about {axis}", "Units": "rad"} for axis in "xyz"},
}


def write_dataset(
    folder: Path,
    experiment: Experiment,
    study_text: str,
    *,
    n_jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write all files of an experiment into an empty folder.

    Args:
        folder: where to; exists.
        experiment: what to write.
        study_text: content of the study file.
        n_jobs: scans drawn at a time; the bytes are the same for any number.
        progress: called with the number of scans just written, of two for each rat.

    Raises:
        DataError: the place cannot be written.
    """
    (folder / "study.yaml").write_text(study_text, encoding="utf-8")
    _write_description(folder, experiment)
    write_participants(folder, experiment)
    _write_logs(folder, experiment)
    _write_template(folder, experiment)
    if not experiment.native:  # whoever preprocesses the scans estimates their motion
        _describe(folder / "derivatives" / "confounds", "Motion of the simulated scans", "derivative")
    scans = [(subject, cue) for subject in range(len(experiment.rats)) for cue in (0, 1)]
    # threads: drawing, filtering and zipping leave the interpreter free, and nothing is copied
    work = joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    rates = []
    for breathing in work(joblib.delayed(_write_scan)(folder, experiment, subject, cue) for subject, cue in scans):
        assert breathing is not None, "a scan was not written"
        rates.append(breathing.block_rates)
        if progress is not None:
            progress(1)
    write_truth(folder / "truth", experiment, np.array(rates).reshape(len(experiment.rats), 2, -1))
    write_bidsignore(folder)


def _describe(folder: Path, name: str, kind: str, more: Mapping[str, Any] | None = None) -> None:
    origin = {"GeneratedBy": [{"Name": "cuecircuit simulate"}]} if kind == "derivative" else {}
    content = {"Name": name, "BIDSVersion": _BIDS_VERSION, "DatasetType": kind, "License": "CC0", **origin}
    write_json(folder / "dataset_description.json", {**content, **(more or {})})


def _write_description(folder: Path, experiment: Experiment) -> None:
    about = experiment.design.about
    names = ("seed", "hypothesis", "scale", "model")
    more = {
        "Authors": ["cuecircuit simulate"],
        "ReferencesAndLinks": [about.reference],
        "Simulated": {name: getattr(experiment, name) for name in names},
    }
    _describe(folder, f"Simulated study: {about.title}", "raw", more)
    confounds = "" if experiment.native else "derivatives/confounds/  motion of each scan\n"
    text = (
        f"No animal was used: `cuecircuit simulate` drew every file (seed {experiment.seed},\n"
        f"scale {experiment.scale}, model {experiment.model},\n"
        f"hypothesis {experiment.hypothesis}: {HYPOTHESES[experiment.hypothesis]}).\n\n"
        f"The design follows {about.reference}.\n\n"
        "study.yaml              what was planned, and how it is analyzed: cuecircuit run study.yaml OUT\n"
        "sub-*/func/             two scans of each rat, one per cue, with events and breathing\n"
        "sourcedata/medpc/       operant logs, one file per day\n"
        "phenotype/              body weights\n"
        "derivatives/template/   the drawn brain: mask, tissues, anatomy, regions\n"
        f"{confounds}"
        "truth/                  what was planted; for checking an analysis, never for use in one\n"
    )
    (folder / "README").write_text(text, encoding="utf-8")


def _write_logs(folder: Path, experiment: Experiment) -> None:
    logs = folder / "sourcedata" / "medpc"
    logs.mkdir(parents=True)
    for day in experiment.days:
        name = f"{day.date:%Y-%m-%d}_{day.phase}-{day.session:02d}.txt"
        # as bytes: the line ends are MED-PC's own
        (logs / name).write_bytes(write_medpc(day.logs, file=f"C:\\MED-PC\\Data\\{name}").encode("ascii"))


def _write_template(folder: Path, experiment: Experiment) -> None:
    space, brain = experiment.design.space, experiment.brain
    assert space.white_matter
    assert space.ventricles
    assert space.anatomy
    assert space.atlas
    assert space.labels
    volumes = {
        space.mask: brain.mask.astype(np.uint8),
        space.white_matter: brain.white_matter.astype(np.uint8),
        space.ventricles: brain.ventricles.astype(np.uint8),
        space.anatomy: brain.anatomy,
        space.atlas: brain.atlas.labels.astype(np.int16),
    }
    for path, data in volumes.items():
        write_volume(folder / path, data, brain.grid)
    labels = pd.DataFrame(brain.atlas.names.items(), columns=["index", "name"])
    notes = {"index": "Label in the volume; one for both hemispheres", "name": "Region, as Table 1 names it"}
    write_table(folder / space.labels, labels, notes)
    _describe((folder / space.mask).parent, "A rat-like brain drawn by code, mm from bregma", "derivative")


def _write_scan(folder: Path, experiment: Experiment, subject: int, cue: int) -> Breathing:
    design, rat = experiment.design, experiment.rats[subject]
    task, tr_s = design.scans.task, design.scans.tr_s
    name = f"{rat.participant}_task-{task}_run-{rat.run_of(cue)}"
    place = folder / rat.participant / "func"
    breathing = experiment.breathing_of(subject, cue)
    scan = experiment.scan_of(subject, cue, breathing)
    write_volume(place / f"{name}_bold.nii.gz", scan.data, experiment.grid_of(subject), tr_s=tr_s)
    write_json(
        place / f"{name}_bold.json",
        {
            "TaskName": task,
            "TaskDescription": "Odors alone, in blocks, under light anesthesia",
            "RepetitionTime": tr_s,
            "Manufacturer": "none (simulated)",
        },
    )
    _write_trace(place, f"{name}_recording-respiratory_physio", breathing.trace)
    blocks = range(1, design.blocks + 1)
    events = pd.DataFrame({"onset": experiment.onsets_s, "duration": BLOCK_S})
    events = events.assign(trial_type=design.cues[cue], odor=rat.odors[cue], block=list(blocks))
    write_table(
        place / f"{name}_events.tsv",
        events.rename(columns={"odor": design.odor_column}),
        {
            "onset": {"Description": "Start of the block after the first volume", "Units": "s"},
            "duration": {"Description": "Length of the block", "Units": "s"},
            "trial_type": "Cue: the treatment the odor was paired with",
            design.odor_column: "Odor of the block",
            "block": "Number of the block in the scan, from 1",
        },
    )
    if experiment.native:
        return breathing
    motion = pd.DataFrame(scan.motion, columns=list(_MOTION))
    confounds = folder / "derivatives" / "confounds" / rat.participant / "func"
    write_table(confounds / f"{name}_desc-confounds_timeseries.tsv", motion, _MOTION)
    return breathing


def _write_trace(place: Path, name: str, trace: Trace) -> None:
    lines = "".join(f"{value:.3f}\n" for value in trace.values.tolist())
    # without a time stamp, so that the same trace gives the same bytes
    (place / f"{name}.tsv.gz").write_bytes(gzip.compress(lines.encode("ascii"), 6, mtime=0))
    write_json(
        place / f"{name}.json",
        {
            "SamplingFrequency": trace.sampling_hz,
            "StartTime": trace.start_s,
            "Columns": ["respiratory"],
            "respiratory": {"Description": "Pressure of the pillow under the chest", "Units": "arbitrary"},
        },
    )
