"""Raw scans of a rat to scans in the space of a template: a BIDS derivative that `run` takes as its input.

For each scan: header repaired where the study asks for it, slice timing where the sidecar has it, motion against the
mean of the first scan. For each subject: bias field of that mean removed (N4, Tustison 2010), the head brought to the
template, the template's brain brought back as the mask, the brain brought to the template; then each scan is
interpolated once through motion and registration together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError, StudyError
from cuecircuit.imaging.header_repair import repair_grid
from cuecircuit.imaging.motion import Motion, estimate_motion, resample
from cuecircuit.imaging.quality import framewise_displacement, scan_quality
from cuecircuit.imaging.registration import (
    align,
    ants_module,
    places_in_epi,
    reproducible,
    to_ants,
    to_epi,
)
from cuecircuit.imaging.resampling import target_grid
from cuecircuit.imaging.slice_timing import correct_slice_timing
from cuecircuit.io.bids import ScanFiles, find_scans, sidecar
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.nifti import orientation_faults, read_series, write_volume
from cuecircuit.io.scan_inventory import DERIVED_ENTITIES, one_per_run
from cuecircuit.io.tables import write_json, write_table
from cuecircuit.pipeline.cells import scan_choice, subjects_of
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.job import Job, bring_up_to_date, read_study
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.pipeline.subject_stages import run_subjects
from cuecircuit.pipeline.template import Template, mask_on, read_template, template_files, write_space
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series
from cuecircuit.study.study import Preprocess

MOTION_COLUMNS = {
    **{f"trans_{axis}": {"Description": "translation", "Units": "mm"} for axis in "xyz"},
    **{f"rot_{axis}": {"Description": "rotation around the middle of the brain", "Units": "rad"} for axis in "xyz"},
    "framewise_displacement": {"Description": "sum of absolute changes (Power 2012)", "Units": "mm"},
    "dvars": {"Description": "root mean square change of the raw scan in the brain", "Units": "%"},
}


def preprocess_study(study: Path, out: Path, *, n_jobs: int = 1, dask: str | None = None) -> Path:
    """Preprocess every subject of a study into `out`; what is up to date is not done again.

    Args:
        study: the study file.
        out: the derivative to make.
        n_jobs: subjects at a time.
        dask: `local` or a scheduler's address: subjects go to its workers.

    Raises:
        StudyError: the study has no section `preprocess`.
        DataError: ANTs is not installed, or what was wrong with each subject that failed, after the others are done.
    """
    if dask is not None:  # workers stand in folders of their own
        study, out = study.absolute(), out.absolute()
    files = read_study(study)
    wanted = files.study.preprocess
    if wanted is None:
        raise StudyError(f"{study}: no section `preprocess`; it names the template (docs/scans.md)")
    ants_module()
    job = Job(files=files, store=Store(out, study.parent), n_jobs=n_jobs)
    with job.store.alone(), one_blas_thread(), engine(dask, n_jobs):
        write_description(out, f"{files.study.about.title}: preprocessed scans")
        template = read_template(files, wanted)
        bring_up_to_date(job, _space_stage(job, wanted, template))
        run_subjects(job.store, _subject_stages(job, wanted, template), n_jobs=job.n_jobs, what="preprocess")
    return out


def _space_stage(job: Job, wanted: Preprocess, template: Template) -> Stage:
    return Stage(
        name="space",
        target="space",
        settings={"voxel_mm": wanted.voxel_mm, "template": template.digest()},
        inputs=template_files(job.files, wanted),
        make=partial(write_space, template, wanted.voxel_mm),
    )


def _subject_stages(job: Job, wanted: Preprocess, template: Template) -> list[Stage]:
    scan = job.study.acquisition
    choice = scan_choice(job.files)
    raw = {name: value for name, value in choice.entities.items() if name not in DERIVED_ENTITIES}
    found = one_per_run(
        find_scans(job.path(scan.dataset), task=scan.task),
        replace(choice, entities=raw, sessions_apart=True),
        exclude=job.study.subjects.exclude,
    ).scans
    subjects = tuple(subjects_of(job.files)["subject"])
    if lost := sorted({one.subject for one in found} - set(subjects)):
        say(f"left out, excluded or not in the participants table: {', '.join(lost)}")
    settings = {
        "preprocess": wanted,
        "template": template.digest(),
        "head_radius_mm": job.study.nuisance.head_radius_mm,
    }
    own = {subject: tuple(one for one in found if one.subject == subject) for subject in subjects}
    return [
        Stage(
            name=f"sub-{subject}",
            target=f"sub-{subject}",
            settings=settings,
            inputs=(*(one.bold for one in scans), *template_files(job.files, wanted)),
            make=partial(_subject, job, wanted, template, subject, scans),
        )
        for subject, scans in own.items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Aligned:
    """A subject on its way to the template: `places` (mm) of each voxel `inside` the brain of the target grid."""

    reference: Float[Array, "x y z"]
    mask: Bool[Array, "x y z"]
    target: Grid
    inside: Bool[Array, "i j k"]
    places: Float[Array, "voxel 3"]
    notes: Mapping[str, float]


def _subject(
    job: Job, wanted: Preprocess, template: Template, subject: str, scans: tuple[ScanFiles, ...], folder: Path
) -> None:
    if not scans:
        raise DataError(f"no scan of task '{job.study.acquisition.task}'; add it or exclude the subject")
    series, log = _prepared(job, wanted, scans[0])
    (folder / "func").mkdir()
    stem = folder / "func" / f"sub-{subject}_task-{job.study.acquisition.task}"
    aligned = _aligned(wanted, template, series, stem)
    for number, scan in enumerate(scans):
        if number:
            series, log = _prepared(job, wanted, scan)
        _one_scan(job, wanted, scan, series, aligned, {**aligned.notes, "header": list(log)}, folder / "func")


def _aligned(wanted: Preprocess, template: Template, series: Series, stem: Path) -> _Aligned:
    """Bring the subject's mean to the template; write mean, mask and atlas on the grid of the EPI."""
    mean, grid = _mean_epi(series), series.grid
    target = target_grid(template.grid, wanted.voxel_mm)
    inside = mask_on(template, "mask", target)
    with TemporaryDirectory() as scratch:
        found = align(
            mean,
            grid,
            template.image,
            template.grid,
            brain=template.mask,
            kind=wanted.registration,
            folder=Path(scratch),
        )
        atlas = to_epi(template.labels, template.grid, found.transform, grid)
        places = places_in_epi(target, found.transform, grid, inside)
    for name, values in (
        ("desc-mean_boldref", mean.astype(np.float32)),
        ("desc-brain_mask", found.mask.astype(np.uint8)),
        ("desc-atlas_dseg", atlas),
    ):
        write_volume(stem.with_name(f"{stem.name}_{name}.nii.gz"), values, grid)
    notes = {
        "dice_headers": found.dice_headers,
        "dice_first_round": found.dice_first_round,
        "outside_the_scan": float(np.isnan(places).any(axis=1).mean()),
    }
    return _Aligned(reference=mean, mask=found.mask, target=target, inside=inside, places=places, notes=notes)


def _prepared(job: Job, wanted: Preprocess, scan: ScanFiles) -> tuple[Series, tuple[str, ...]]:
    if faults := orientation_faults(scan.bold):
        raise DataError(faults)
    series = read_series(scan.bold)
    repaired = repair_grid(series.grid, voxel_scale=wanted.scan_scale, origin=wanted.scan_origin)
    for line in repaired.log:
        say(f"{scan.bold}: {line}")
    series = replace(series, grid=repaired.grid)
    times = sidecar(scan.bold, job.path(job.study.acquisition.dataset)).get("SliceTiming")
    if wanted.slice_timing and isinstance(times, list):
        series = correct_slice_timing(series, [float(time) for time in times])
    return series, repaired.log


def _mean_epi(series: Series) -> Array:
    volumes = series.data.shape[3]
    span = slice(max(volumes // 2 - 5, 0), volumes // 2 + 5)
    ants = ants_module()
    with reproducible(1):
        image = to_ants(series.data[..., span].mean(axis=3), series.grid)
        return ants.n4_bias_field_correction(image, shrink_factor=2).numpy()


def _one_scan(
    job: Job,
    wanted: Preprocess,
    scan: ScanFiles,
    series: Series,
    aligned: _Aligned,
    notes: Mapping[str, Any],
    folder: Path,
) -> None:
    around = binary_dilation(aligned.mask)
    led = estimate_motion(_led_by(aligned.reference, series, around), around, reference=0)
    motion = Motion(parameters=led.parameters[1:], center_mm=led.center_mm)
    data = np.zeros((*aligned.target.shape, series.data.shape[3]), np.float32)
    data[aligned.inside] = resample(series, aligned.places, motion).T
    ending = scan.bold.name.removesuffix(".gz").removesuffix(".nii").removesuffix("_bold")
    stem = folder / f"{ending}_space-{wanted.name}_desc-preproc_bold"
    write_volume(stem.with_suffix(".nii.gz"), data, aligned.target, tr_s=series.tr_s)
    write_json(stem.with_suffix(".json"), {"RepetitionTime": series.tr_s, "SkullStripped": True, **notes})
    table = pd.DataFrame(motion.parameters, columns=[name for name in MOTION_COLUMNS if name[:3] in ("tra", "rot")])
    radius = job.study.nuisance.head_radius_mm
    table["framewise_displacement"] = np.r_[np.nan, framewise_displacement(motion.parameters, head_radius_mm=radius)]
    table["dvars"] = np.r_[np.nan, scan_quality(series.data[aligned.mask].T).dvars_percent]
    write_table(folder / f"{ending}_desc-confounds_timeseries.tsv", table, MOTION_COLUMNS)


def _led_by(reference: Array, series: Series, around: Array) -> Series:
    """Put the subject's mean EPI before the volumes of a scan, as bright as they are, so that all runs meet in it."""
    scale = series.data[around].mean() / max(float(reference[around].mean()), 1e-6)
    first = (reference * scale).astype(series.data.dtype)[..., None]
    return replace(series, data=np.concatenate([first, series.data], axis=3))
