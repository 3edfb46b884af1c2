"""One scan to files: series where the study looks for them, events, confounds and breathing beside them."""

import gzip
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array
from cuecircuit.generators.breathing import SAMPLING_HZ, breathe, draw_wander, step_gain
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import ColumnNote, write_json, write_table
from cuecircuit.records.scan import Trace
from cuecircuit.simulation.paths import path_percent, seeded_percent
from cuecircuit.simulation.places import Place
from cuecircuit.simulation.planting import stream
from cuecircuit.simulation.series import confound_table, hrf_of, noisy_series, seed_percent, task_percent
from cuecircuit.simulation.trial_plan import Timing
from cuecircuit.study.acquisition import Blocks, Glm, Seed
from cuecircuit.study.schema import Study

# breaths per minute where no base says so, assumed; wander of the rate is this share of it
_RATES = {"rodent": 80.0, "human": 15.0}
_WANDER = 0.03
_SPACES = {"rodent": "template", "human": "MNI152NLin2009cAsym"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanKey:
    """Which scan: bare labels, None for entities that the study has not."""

    subject: str
    session: str | None
    run: int | None

    @property
    def words(self) -> tuple[str, ...]:
        """The key as the name of a random stream."""
        return (self.subject, self.session or "", str(self.run or ""))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanPlan:
    """What all scans of a study share; `drawn` has the amplitudes of maps, `trials` the measures of every trial."""

    study: Study
    place: Place
    timing: Timing | None
    volumes: int
    seed: int
    drawn: Mapping[str, pd.DataFrame]
    trials: Mapping[tuple[str, ...], pd.DataFrame]

    @property
    def rabies(self) -> bool:
        """Whether preprocessed scans are named as RABIES names them."""
        folder = self.study.scans.derivatives if self.study.scans else None
        return folder is not None and "rabies" in Path(folder).name.lower()


def write_scan(folder: Path, plan: ScanPlan, key: ScanKey) -> dict[str, str]:
    """Write all files of a scan; return its row of `scans.table`, paths relative to the study.

    Raises:
        DataError: the place cannot be written.
    """
    study = plan.study
    assert study.scans is not None
    rng = stream(plan.seed, "scan", *key.words)
    events = plan.trials.get(key.words)
    data, motion = noisy_series(plan.place, _percent(plan, key, events), rng)
    confounds = confound_table(
        plan.place, data, motion, tr_s=study.scans.tr_s, nuisance=study.nuisance, rabies=plan.rabies, rng=rng
    )
    name = _name(study, key)
    place = Path(study.scans.dataset) / _place(key)
    row = {"subject": key.subject, "session": key.session or "n/a", "run": str(key.run or "n/a")}
    row["bold"] = _write_series(folder, plan, data, key, name)
    row["confounds"] = _write_confounds(folder, plan, confounds, key, name)
    if events is not None:
        _write_events(folder / place / f"{name}_events.tsv", study, events)
        row["events"] = str(place / f"{name}_events.tsv")
    if _breathes(study):
        trace = _breathing(plan, events, rng)
        _write_trace(folder / place, f"{name}_recording-respiratory_physio", trace)
        row["physio"] = str(place / f"{name}_recording-respiratory_physio.tsv.gz")
    return row


def _breathes(study: Study) -> bool:
    return study.nuisance.breathing != "none" or bool(study.trials and study.trials.breathing)


def _percent(plan: ScanPlan, key: ScanKey, events: pd.DataFrame | None) -> Array:
    study, place = plan.study, plan.place
    assert study.scans is not None
    percent = np.zeros((int(place.brain.mask.sum()), plan.volumes), np.float32)
    for name, maps in study.maps.items():
        rows = plan.drawn.get(f"maps.{name}")
        if rows is None:
            continue
        rows = rows[rows["subject"] == key.subject]
        if "session" in rows:
            rows = rows[rows["session"] == key.session]
        match maps:
            case Glm() if maps.seed and events is not None:
                numbered = events[events["number"].notna()]
                rng = stream(plan.seed, "seeded", name, *key.words)
                percent += seeded_percent(
                    place, maps, rows, numbered, tr_s=study.scans.tr_s, volumes=plan.volumes, rng=rng
                )
            case Blocks() | Glm() if events is not None:
                cells = list(maps.cells)
                numbered = events[events["number"].notna()]
                table = [(cell, by) for cell, by in rows.groupby(cells, sort=False)]
                numbers = {cell: number for number, (cell, _) in enumerate(table)}
                place_of = numbered[cells].apply(tuple, axis=1).map(numbers)
                counted = place_of.notna()
                percent += task_percent(
                    place,
                    numbered[counted],
                    place_of[counted].to_numpy(int),
                    [dict(zip(by["region"], by["value"], strict=True)) for _, by in table],
                    hrf=hrf_of(maps, place.kind),
                    tr_s=study.scans.tr_s,
                    volumes=plan.volumes,
                )
            case Seed():
                z = {str(seed): dict(zip(by["region"], by["value"], strict=True)) for seed, by in rows.groupby("seed")}
                percent += seed_percent(place, z, plan.volumes, stream(plan.seed, "seed", name, *key.words))
            case _:
                pass
    for name, edges in study.edges.items():
        rows = plan.drawn.get(f"edges.{name}")
        if rows is not None:
            here = rows["subject"] == key.subject
            rows = rows[here & (rows["session"] == key.session)] if "session" in rows else rows[here]
            numbered = None if events is None else events[events["number"].notna()]
            rng = stream(plan.seed, "edges", name, *key.words)
            percent += path_percent(place, edges, rows, numbered, tr_s=study.scans.tr_s, volumes=plan.volumes, rng=rng)
    return percent


def _place(key: ScanKey) -> Path:
    return Path(f"sub-{key.subject}", *([f"ses-{key.session}"] if key.session else []), "func")


def _name(study: Study, key: ScanKey) -> str:
    assert study.scans is not None
    echo = study.scans.echo
    parts = [f"sub-{key.subject}", *([f"ses-{key.session}"] if key.session else []), f"task-{study.scans.task}"]
    parts += [f"run-{key.run}"] if key.run else []
    return "_".join([*parts, *([f"echo-{echo}"] if echo and echo != "combined" else [])])


def _write_series(folder: Path, plan: ScanPlan, data: Array, key: ScanKey, name: str) -> str:
    """Write the series, raw or preprocessed; RABIES's names lead back to raw scans, which are the same images here."""
    study, grid = plan.study, plan.place.brain.grid
    scans = study.scans
    assert scans is not None
    notes = {"TaskName": scans.task, "RepetitionTime": scans.tr_s, "Manufacturer": "none (simulated)"}
    place = Path(scans.dataset) / _place(key)
    raw = place / f"{name}_bold.nii.gz"
    if scans.derivatives is None:
        write_volume(folder / raw, data, grid, tr_s=scans.tr_s)
        write_json(folder / place / f"{name}_bold.json", notes)
        return str(raw)
    if plan.rabies:
        below = Path(scans.derivatives, "bold_datasink", "commonspace_bold", f"{name}_bold")
        bold_file = below / f"{name}_bold_RAS_EPI_commonspace_combined.nii.gz"
        write_volume(folder / bold_file, data, grid, tr_s=scans.tr_s)
        (folder / place).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / bold_file, folder / raw)
        write_json(folder / place / f"{name}_bold.json", notes)
        return str(bold_file)
    stem = f"{name}_space-{scans.space or _SPACES[plan.place.kind]}" + (f"_res-{scans.res}" if scans.res else "")
    below = Path(scans.derivatives) / _place(key)
    bold_file = below / f"{stem}_desc-preproc_bold.nii.gz"
    write_volume(folder / bold_file, data, grid, tr_s=scans.tr_s)
    write_json(folder / below / f"{stem}_desc-preproc_bold.json", notes | {"SkullStripped": False})
    write_volume(folder / below / f"{stem}_desc-brain_mask.nii.gz", plan.place.brain.mask.astype(np.uint8), grid)
    return str(bold_file)


def _write_confounds(folder: Path, plan: ScanPlan, table: pd.DataFrame, key: ScanKey, name: str) -> str:
    assert plan.study.scans is not None
    derivatives = plan.study.scans.derivatives
    if plan.rabies and derivatives:
        path = Path(derivatives, "motion_datasink", "motion_params_csv", f"{name}_bold_motion_params.csv")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        text = table.to_csv(index=False, float_format="%.10g", lineterminator="\n")
        (folder / path).write_text(text, encoding="utf-8")
        return str(path)
    root = Path(derivatives) if derivatives else Path(plan.study.scans.dataset, "derivatives", "confounds")
    path = root / _place(key) / f"{name.partition('_echo-')[0]}_desc-confounds_timeseries.tsv"
    write_table(folder / path, table, {str(column): _confound_note(str(column)) for column in table})
    return str(path)


def _confound_note(name: str) -> ColumnNote:
    if name.startswith("trans_") or name == "framewise_displacement":
        return {"Description": "head motion", "Units": "mm"}
    if name.startswith("rot_"):
        return {"Description": "head motion", "Units": "rad"}
    return "as fMRIPrep names it"


def _write_events(path: Path, study: Study, events: pd.DataFrame) -> None:
    trials = study.trials
    assert trials is not None
    columns = ["onset", "duration", "trial_type", *trials.labels, *trials.measures]
    notes: dict[str, ColumnNote] = {
        "onset": {"Description": "start after the first volume", "Units": "s"},
        "duration": {"Description": "length", "Units": "s"},
        "trial_type": "what was presented",
    }
    notes |= dict.fromkeys(trials.labels, "label of the trial") | dict.fromkeys(trials.measures, "measure of the trial")
    write_table(path, events[columns], notes)


def _breathing(plan: ScanPlan, events: pd.DataFrame | None, rng: np.random.Generator) -> Trace:
    """Breathe at the mean of the trials' rates, with a step to the rate of each trial."""
    study = plan.study
    assert study.scans is not None
    length_s = plan.volumes * study.scans.tr_s
    column = study.trials.breathing if study.trials else None
    level, onsets, steps, duration = _RATES[plan.place.kind], np.empty(0), np.empty(0), 1.0
    if events is not None and column in events:
        numbered = events[events["number"].notna()]
        rates = numbered[column].to_numpy(float)
        level, onsets, duration = (
            float(rates.mean()),
            numbered["onset"].to_numpy(float),
            float(numbered["duration"].iloc[0]),
        )
        steps = (rates - level) / step_gain(duration)
    return breathe(level, _WANDER * level * draw_wander(length_s, rng), steps, onsets, duration, rng).trace


def _write_trace(place: Path, name: str, trace: Trace) -> None:
    lines = "".join(f"{value:.3f}\n" for value in trace.values.tolist())
    place.mkdir(parents=True, exist_ok=True)
    # without a time stamp, so that the same trace gives the same bytes
    (place / f"{name}.tsv.gz").write_bytes(gzip.compress(lines.encode("ascii"), 6, mtime=0))
    notes = {"SamplingFrequency": SAMPLING_HZ, "StartTime": trace.start_s, "Columns": ["respiratory"]}
    write_json(place / f"{name}.json", notes)
