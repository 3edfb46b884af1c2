"""Raw scans of a rat to scans in the space of a template: a BIDS derivative that `run` takes as its input.

For each scan: header repaired where the study asks for it, slice timing where the sidecar has it, motion against the
middle volume. For each subject: bias field of the mean of the first scan removed (N4, Tustison 2010), the head brought
to the template, the template's brain brought back as the mask, the brain brought to the template; then each scan is
interpolated once through motion and registration together.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation

from cuecircuit.arrays import Array
from cuecircuit.errors import CuecircuitError, DataError, StudyError
from cuecircuit.imaging.header_repair import repair_grid
from cuecircuit.imaging.motion import Motion, estimate_motion, resample
from cuecircuit.imaging.quality import framewise_displacement, scan_quality
from cuecircuit.imaging.registration import (
    Transform,
    ants_module,
    dice,
    places_in_epi,
    register,
    reproducible,
    to_ants,
    to_epi,
)
from cuecircuit.imaging.slice_timing import correct_slice_timing
from cuecircuit.io.bids import ScanFiles, find_scans, sidecar
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.nifti import read_series, read_volume, write_volume
from cuecircuit.io.tables import write_json, write_table
from cuecircuit.pipeline.cells import subjects_of
from cuecircuit.pipeline.job import Job, read_study
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.pipeline.store import Stage, Store
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


def preprocess_study(study: Path, out: Path, *, n_jobs: int = 1) -> Path:
    """Preprocess every subject of a study into `out`; what is up to date is not done again.

    Raises:
        StudyError: the study has no section `preprocess`.
        DataError: ANTs is not installed, or what was wrong with each subject that failed, after the others are done.
    """
    from joblib import Parallel, delayed

    files = read_study(study)
    wanted = files.study.preprocess
    if wanted is None:
        raise StudyError(f"{study}: no section `preprocess`; it names the template (docs/scans.md)")
    ants_module()
    scan = files.study.acquisition
    found = find_scans(files.path(scan.dataset), task=scan.task)
    job = Job(files=files, store=Store(out), n_jobs=n_jobs)
    with job.store.alone(), one_blas_thread():
        write_description(out, f"{files.study.about.title}: preprocessed scans")
        stages = [_space_stage(job, wanted)]
        for subject in subjects_of(files)["subject"]:
            own = tuple(one for one in found if one.subject == subject)
            if own:
                stages.append(_stage(job, wanted, subject, own))
        stale = [stage for stage in stages if job.store.why_stale(stage)]
        say(f"preprocess: {len(stale)} of {len(stages)} parts to do")
        work: Any = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(_attempt)(job, stage) for stage in stale)
        faults: list[str] = []
        with steps("preprocess", max(len(stale), 1)) as advance:
            for failed in work:
                faults += failed
                advance(1)
    if faults:
        raise DataError(faults)
    return out


def _attempt(job: Job, stage: Stage) -> tuple[str, ...]:
    try:
        with one_blas_thread():
            job.store.run(stage)
    except CuecircuitError as error:
        return tuple(f"{stage.name}: {fault}" for fault in error.faults)
    except (MemoryError, ArithmeticError, ValueError, RuntimeError) as error:
        return (f"{stage.name}: {type(error).__name__}: {error}",)
    return ()


def _stage(job: Job, wanted: Preprocess, subject: str, scans: tuple[ScanFiles, ...]) -> Stage:
    inputs = [scan.bold for scan in scans] + [job.path(path) for path in _template_files(wanted)]
    return Stage(
        name=f"sub-{subject}",
        target=f"sub-{subject}",
        settings={"preprocess": wanted, "nuisance": job.study.nuisance},
        inputs=tuple(inputs),
        make=partial(_subject, job, wanted, scans),
    )


def _space_stage(job: Job, wanted: Preprocess) -> Stage:
    return Stage(
        name="space",
        target="space",
        settings={"preprocess": wanted},
        inputs=tuple(job.path(path) for path in _template_files(wanted)),
        make=partial(_write_space, job, wanted),
    )


def _template_files(wanted: Preprocess) -> tuple[str, ...]:
    return wanted.template, wanted.template_mask, wanted.white_matter, wanted.ventricles, wanted.atlas


def target_grid(grid: Grid, voxel_mm: float) -> Grid:
    """Give a grid with the box and axes of another, and cubes of `voxel_mm` as voxels."""
    edges = np.array(grid.shape) * grid.voxel_mm
    shape = np.maximum(np.ceil(edges / voxel_mm - 1e-6), 1).astype(int)
    axes = grid.affine[:3, :3] / grid.voxel_mm
    affine = np.eye(4)
    affine[:3, :3] = axes * voxel_mm
    corner = grid.affine[:3, 3] - axes @ (grid.voxel_mm / 2)
    affine[:3, 3] = corner + axes @ np.full(3, voxel_mm / 2)
    return Grid(shape=(int(shape[0]), int(shape[1]), int(shape[2])), affine=affine)


def _read(job: Job, wanted: Preprocess, path: str) -> tuple[Array, Grid]:
    data, grid = read_volume(job.path(path))
    return np.nan_to_num(data), repair_grid(grid, voxel_scale=wanted.template_scale).grid


def on_grid(data: Array, grid: Grid, target: Grid, *, labels: bool) -> Array:
    """Read a volume at the voxels of another grid; outside it is 0."""
    from scipy.ndimage import map_coordinates

    index = np.argwhere(np.ones(target.shape, bool)).astype(float)
    back = np.linalg.inv(grid.affine)
    at = target.mm(index) @ back[:3, :3].T + back[:3, 3]
    return map_coordinates(data, at.T, order=0 if labels else 1, mode="constant").reshape(target.shape)


def _write_space(job: Job, wanted: Preprocess, folder: Path) -> None:
    target = target_grid(_read(job, wanted, wanted.template)[1], wanted.voxel_mm)
    for name, path in (
        ("anatomy", wanted.template),
        ("mask", wanted.template_mask),
        ("white_matter", wanted.white_matter),
        ("ventricles", wanted.ventricles),
        ("atlas", wanted.atlas),
    ):
        data, grid = _read(job, wanted, path)
        values = on_grid(data, grid, target, labels=name == "atlas")
        if name == "anatomy":
            values = values.astype(np.float32)
        else:
            values = values.astype(np.int16) if name == "atlas" else (values > 0.5).astype(np.uint8)
        write_volume(folder / f"{name}.nii.gz", values, target)


def _subject(job: Job, wanted: Preprocess, scans: tuple[ScanFiles, ...], folder: Path) -> None:
    template, template_grid = _read(job, wanted, wanted.template)
    parts = {name: _onto(job, wanted, getattr(wanted, name), template_grid) for name in ("template_mask", "atlas")}
    brain = parts["template_mask"] > 0.5
    target = target_grid(template_grid, wanted.voxel_mm)
    inside = on_grid(brain.astype(np.float32), template_grid, target, labels=False) > 0.5
    series, log = _prepared(job, wanted, scans[0])
    middle = _mean_epi(series)
    scratch = folder / "transforms"
    scratch.mkdir()
    transform, mask, notes = align(
        middle, series.grid, np.clip(template, 0, None), template_grid, brain, wanted.registration, scratch
    )
    stem = f"sub-{scans[0].subject}_task-{job.study.acquisition.task}"
    atlas = to_epi(np.rint(parts["atlas"]).astype(np.int32), template_grid, transform, series.grid)
    (folder / "func").mkdir()
    write_volume(folder / "func" / f"{stem}_desc-mean_boldref.nii.gz", middle.astype(np.float32), series.grid)
    write_volume(folder / "func" / f"{stem}_desc-brain_mask.nii.gz", mask.astype(np.uint8), series.grid)
    write_volume(folder / "func" / f"{stem}_desc-atlas_dseg.nii.gz", atlas.astype(np.int16), series.grid)
    places = places_in_epi(target, transform, series.grid, inside)
    notes["outside_the_scan"] = float(np.isnan(places).any(axis=1).mean())
    for number, scan in enumerate(scans):
        if number:
            series, log = _prepared(job, wanted, scan)
        _one_scan(
            job, wanted, scan, series, mask, places, inside, target, folder, {**notes, "header": list(log)}, middle
        )
    for file in scratch.iterdir():
        file.unlink()
    scratch.rmdir()


def align(
    epi: Array, grid: Grid, template: Array, template_grid: Grid, brain: Array, kind: Any, folder: Path
) -> tuple[Transform, Array, dict[str, Any]]:
    """Bring a mean EPI to a template in two rounds: the whole head, then the brain found by the first round.

    Returns:
        The transform, the brain mask on the grid of the EPI, and the overlap (Dice) of this mask with the template's
        brain where the headers put it and with that of the first round.
    """
    before = on_grid(brain.astype(np.float32), template_grid, grid, labels=False) > 0.5
    everywhere = np.ones(grid.shape, bool), np.ones(template_grid.shape, bool)
    (folder / "head").mkdir()
    head = register(
        epi,
        grid,
        template,
        template_grid,
        epi_mask=everywhere[0],
        template_mask=everywhere[1],
        folder=folder / "head",
        kind="affine",
    )
    first = to_epi(brain, template_grid, head, grid) > 0
    transform = register(
        epi,
        grid,
        template,
        template_grid,
        epi_mask=binary_dilation(first),
        template_mask=brain,
        folder=folder,
        kind=kind,
    )
    mask = to_epi(brain, template_grid, transform, grid) > 0
    for file in (folder / "head").iterdir():
        file.unlink()
    (folder / "head").rmdir()
    if not mask.any():
        raise DataError("the template's brain lies outside of the scan after registration; look at the headers")
    return transform, mask, {"dice_headers": dice(before, mask), "dice_first_round": dice(first, mask)}


def _onto(job: Job, wanted: Preprocess, path: str, grid: Grid) -> Array:
    data, own = _read(job, wanted, path)
    return data if own.same_as(grid) else on_grid(data, own, grid, labels=True)


def _prepared(job: Job, wanted: Preprocess, scan: ScanFiles) -> tuple[Series, tuple[str, ...]]:
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
    mask: Array,
    places: Array,
    inside: Array,
    target: Grid,
    folder: Path,
    notes: dict[str, Any],
    reference: Array,
) -> None:
    around = binary_dilation(mask)
    motion = estimate_motion(_led_by(reference, series, around), around, reference=0)
    motion = Motion(parameters=motion.parameters[1:], center_mm=motion.center_mm)
    values = resample(series, places, motion)
    data = np.zeros((*target.shape, len(values)), np.float32)
    data[inside] = values.T
    ending = scan.bold.name.removesuffix(".gz").removesuffix(".nii").removesuffix("_bold")
    stem = folder / "func" / f"{ending}_space-{wanted.name}_desc-preproc_bold"
    write_volume(stem.with_suffix(".nii.gz"), data, target, tr_s=series.tr_s)
    write_json(stem.with_suffix(".json"), {"RepetitionTime": series.tr_s, "SkullStripped": True, **notes})
    table = pd.DataFrame(motion.parameters, columns=[name for name in MOTION_COLUMNS if name[:3] in ("tra", "rot")])
    radius = job.study.nuisance.head_radius_mm
    table["framewise_displacement"] = np.r_[np.nan, framewise_displacement(motion.parameters, head_radius_mm=radius)]
    table["dvars"] = np.r_[np.nan, scan_quality(series.data[mask].T).dvars_percent]
    write_table(folder / "func" / f"{ending}_desc-confounds_timeseries.tsv", table, MOTION_COLUMNS)


def _led_by(reference: Array, series: Series, around: Array) -> Series:
    """Put the subject's mean EPI before the volumes of a scan, as bright as they are, so that all runs meet in it."""
    scale = series.data[around].mean() / max(float(reference[around].mean()), 1e-6)
    first = (reference * scale).astype(series.data.dtype)[..., None]
    return replace(series, data=np.concatenate([first, series.data], axis=3))
