"""Write the simulated human study: events and people as BIDS, runs as fMRIPrep names them, study.yaml and truth/."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.generators import human_plan as plan
from cuecircuit.generators import human_scan as scan
from cuecircuit.io.bids_ignore import write_bidsignore
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import write_json, write_table
from cuecircuit.records.grid import Grid

SPACE = "MNI152NLin2009cAsym"
_BIDS_VERSION = "1.9.0"
_DERIVATIVE = Path("derivatives") / "fmriprep"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HumanStudy:
    """People with their planted responses, the brain they share, and the seed."""

    people: plan.People
    sizes: plan.Sizes
    mask: Bool[Array, "x y z"]
    grid: Grid
    hypothesis: str
    scale: str
    seed: int

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Person, session and run, from 0."""
        for row, person in enumerate(self.people.people):
            for session in range(person.sessions):
                for run in range(scan.RUNS):
                    yield row, session, run


def write_human_dataset(
    folder: Path, study: HumanStudy, study_text: str, *, progress: Callable[[int], None] | None = None
) -> None:
    """Write everything below `folder`, `study_text` as study.yaml; every run has a random stream of its own."""
    _describe(folder, study)
    (folder / "study.yaml").write_text(study_text, encoding="utf-8")
    _write_space(folder / "derivatives" / "template", study)
    _write_participants(folder, study)
    for row, session, run in study.runs():
        _write_run(folder, study, row, session, run)
        if progress is not None:
            progress(1)
    _write_truth(folder / "truth", study)
    write_bidsignore(folder)


def _describe(folder: Path, study: HumanStudy) -> None:
    about = {"BIDSVersion": _BIDS_VERSION, "License": "CC0", "Authors": ["cuecircuit simulate"]}
    name = "Simulated study: cue reactivity, reappraisal and savoring in heroin use disorder"
    marks = {"seed": study.seed, "hypothesis": study.hypothesis, "scale": study.scale}
    write_json(folder / "dataset_description.json", {"Name": name, "DatasetType": "raw", **about, "Simulated": marks})
    origin = {"GeneratedBy": [{"Name": "cuecircuit simulate"}], "DatasetType": "derivative"}
    write_json(folder / _DERIVATIVE / "dataset_description.json", {"Name": f"{name}, runs", **about, **origin})
    text = (
        f"Nobody was scanned: `cuecircuit simulate` drew every file (seed {study.seed}, scale {study.scale}, "
        f"hypothesis\n{study.hypothesis}: {plan.HYPOTHESES[study.hypothesis]}).\n\n"
        "sub-*/ses-*/func/      events with ratings and reaction times; there are no raw scans\n"
        f"{_DERIVATIVE}/  preprocessed runs in {SPACE}, brain masks, confounds\n"
        "derivatives/template/  mask and atlas of that space\n"
        "study.yaml             what `cuecircuit run` reads\n"
        "participants.tsv       group, sex, age, BDI, days abstinent; phenotype/craving.tsv: craving by session\n"
        "truth/                 what was planted; for checking an analysis, never for use in one\n"
    )
    (folder / "README").write_text(text, encoding="utf-8")


def _write_participants(folder: Path, study: HumanStudy) -> None:
    people = study.people.people
    rows = [
        (each.participant, each.group, each.sex, each.age_years, each.bdi, each.days_abstinent, *each.craving[0])
        for each in people
    ]
    craving = {"Description": "craving, 0 none to 9 (scale assumed)", "Units": "points"}
    notes = {
        "participant_id": "name of the person",
        "group": {"Description": "group", "Levels": {"iHUD": "heroin use disorder, inpatients", "HC": "controls"}},
        "sex": {"Description": "sex", "Levels": {"F": "female", "M": "male"}},
        "age": {"Description": "age", "Units": "year"},
        "bdi": "Beck Depression Inventory",
        "days_abstinent": {"Description": "days since last use; n/a in controls", "Units": "day"},
        "craving_before": {**craving, "Description": "craving before the task of session 1"},
        "craving_after": {**craving, "Description": "craving after the task of session 1"},
    }
    table = pd.DataFrame(rows, columns=list(notes)).astype({"days_abstinent": "Int64"})
    write_table(folder / "participants.tsv", table, notes)
    sessions = [
        (each.participant, f"ses-{session + 1}", session * plan.WEEKS, before, after)
        for each in people
        for session, (before, after) in enumerate(each.craving)
    ]
    notes = {
        "participant_id": "name of the person",
        "session_id": "session; people with session 1 alone dropped out",
        "weeks": {"Description": "time since session 1", "Units": "week"},
        "craving_before": craving,
        "craving_after": craving,
    }
    write_table(folder / "phenotype" / "craving.tsv", pd.DataFrame(sessions, columns=list(notes)), notes)


def _write_run(folder: Path, study: HumanStudy, row: int, session: int, run: int) -> None:
    person = study.people.people[row]
    # a stream for each run: (what, person, session, run)
    rng = np.random.default_rng([study.seed, 1, row, session, run])
    events = scan.draw_events(rng, patient=person.group == "iHUD")
    amplitudes = study.people.responses[row, session]
    data, motion = scan.simulate_run(study.mask, study.grid, amplitudes, events, rng, regions=study.people.regions)
    place = Path(person.participant) / f"ses-{session + 1}" / "func"
    name = f"{person.participant}_ses-{session + 1}_task-cues_run-{run + 1}"
    table = pd.DataFrame({"onset": events.onset_s, "duration": scan.PICTURE_S, "trial_type": events.cell})
    table = table.assign(rating=events.rating, response_time=events.reaction_s)
    write_table(
        folder / place / f"{name}_events.tsv",
        table,
        {
            "onset": {"Description": "start of the picture after the first volume", "Units": "s"},
            "duration": {"Description": "time the picture is shown", "Units": "s"},
            "trial_type": "what is done, and with which picture",
            "rating": "how pleasant, 1 to 5",
            "response_time": {"Description": "time from picture to rating", "Units": "s"},
        },
    )
    derived = folder / _DERIVATIVE / place
    stem = f"{name}_space-{SPACE}"
    write_volume(derived / f"{stem}_desc-preproc_bold.nii.gz", data, study.grid, tr_s=scan.TR_S)
    about = {"RepetitionTime": scan.TR_S, "TaskName": "cues", "SkullStripped": False}
    write_json(derived / f"{stem}_desc-preproc_bold.json", about)
    write_volume(derived / f"{stem}_desc-brain_mask.nii.gz", study.mask.astype(np.uint8), study.grid)
    axes = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    notes = {name: {"Description": "head motion", "Units": "mm" if name[0] == "t" else "rad"} for name in axes}
    confounds = pd.DataFrame(motion, columns=axes)
    step = np.abs(np.diff(motion, axis=0)) * ([1.0] * 3 + [50.0] * 3)  # a head of radius 50 mm (Power et al. 2012)
    confounds["framewise_displacement"] = np.concatenate([[np.nan], step.sum(axis=1)])
    notes["framewise_displacement"] = {"Description": "framewise displacement", "Units": "mm"}
    write_table(derived / f"{name}_desc-confounds_timeseries.tsv", confounds, notes)


def _write_space(folder: Path, study: HumanStudy) -> None:
    """Write the mask and an atlas: the spheres in which effects are planted."""
    stem = folder / f"tpl-{SPACE}"
    write_volume(Path(f"{stem}_desc-brain_mask.nii.gz"), study.mask.astype(np.uint8), study.grid)
    labels = np.zeros(study.grid.shape, np.uint8)
    labels[study.mask] = scan.region_labels(study.mask, study.grid, study.people.regions)
    write_volume(Path(f"{stem}_atlas-spheres_dseg.nii.gz"), labels, study.grid)
    table = pd.DataFrame(enumerate(study.people.regions, 1), columns=["index", "name"])
    notes = {"index": "label in the volume", "name": "region: spheres on both sides where x is not 0"}
    write_table(Path(f"{stem}_atlas-spheres_dseg.tsv"), table, notes)


def _write_truth(folder: Path, study: HumanStudy) -> None:
    _write_places(folder, study)
    _write_responses(folder, study)
    settings = {
        "hypothesis": study.hypothesis,
        "scale": study.scale,
        "seed": study.seed,
        "slopes": [
            {
                "region": slope.region,
                "cell": slope.cell,
                "group": "iHUD",
                "with": slope.what,
                "percent_per_unit": percent,
                "expected_r": getattr(study.sizes, slope.size),
            }
            for slope, percent in study.people.slopes
        ],
        "group_difference_in_either_strategy": "none",
        "sex": "changes nothing",
        "spread_percent": {"common": study.sizes.person_sd, "cell": study.sizes.cell_sd},
        "noise": {"percent": scan.NOISE_PERCENT, "fwhm_mm": scan.NOISE_FWHM_MM, "ar1": scan.NOISE_AR},
        "second_session_share_of_drug_response": plan.SECOND_SESSION_SHARE,
        "drop_out": plan.DROP_OUT,
        "source": "assumed",
    }
    write_json(folder / "settings.json", settings)


def _write_places(folder: Path, study: HumanStudy) -> None:
    labels = scan.region_labels(study.mask, study.grid, study.people.regions)
    regions = [
        (name, *place, int((labels == number).sum()), "assumed")
        for number, (name, place) in enumerate(study.people.regions.items(), 1)
    ]
    notes = {
        "region": "name; a sphere on each side where x is not 0",
        **{f"{axis}_mm": {"Description": "center in MNI space", "Units": "mm"} for axis in "xyz"},
        "radius_mm": {"Description": "radius", "Units": "mm"},
        "voxels": "voxels of the mask in it",
        "source": "assumed: general knowledge of the regions' places",
    }
    write_table(folder / "regions.tsv", pd.DataFrame(regions, columns=list(notes)), notes)


def _write_responses(folder: Path, study: HumanStudy) -> None:
    responses = [
        (person.participant, person.group, f"ses-{session + 1}", region, cell, percent)
        for row, person in enumerate(study.people.people)
        for session in range(person.sessions)
        for region, amplitudes in zip(study.people.regions, study.people.responses[row, session], strict=True)
        for cell, percent in zip(plan.CELLS, amplitudes, strict=True)
    ]
    notes = {
        "participant_id": "name of the person",
        "group": "group",
        "session_id": "session",
        "region": "region",
        "cell": "trial_type",
        "percent": {"Description": "planted in this person", "Units": "%"},
    }
    write_table(folder / "responses.tsv", pd.DataFrame(responses, columns=list(notes)), notes)
    cells = [
        (region, group, cell, percent, "assumed")
        for region, both in zip(study.people.regions, study.people.means.tolist(), strict=True)
        for group, of_group in zip(plan.GROUPS, both, strict=True)
        for cell, percent in zip(plan.CELLS, of_group, strict=True)
    ]
    notes = {
        "region": "region",
        "group": "group",
        "cell": "trial_type",
        "percent": {"Description": "planted mean in session 1", "Units": "%"},
        "source": "sizes are assumed; the directions are those of Huang et al. 2023",
    }
    write_table(folder / "cells.tsv", pd.DataFrame(cells, columns=list(notes)), notes)
