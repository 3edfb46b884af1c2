"""Raw scans of a rat to scans in the space of a template: a BIDS derivative that `run` takes as its input.

For each scan: slice timing where the sidecar has it, echoes combined and header repaired where the study asks for it,
motion against the mean of the first scan of its session. For each session of a subject: bias field of that mean removed
(N4, Tustison 2010), its distortion by susceptibility corrected where an image of opposite phase encoding belongs to it,
the head brought to the template, the template's brain brought back as the mask, the brain brought to the template; then
each scan is interpolated once through motion, distortion and registration together. Sessions are registered each by
itself, since a head lies differently each time; runs of one session meet in its first scan.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.imaging.echoes import combine_echoes
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
from cuecircuit.imaging.resampling import on_grid, target_grid
from cuecircuit.imaging.slice_timing import correct_slice_timing
from cuecircuit.io.atomic import scratch_beside
from cuecircuit.io.bids import ScanFiles, find_scans, sidecar
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.nifti import orientation_faults, read_series, write_volume
from cuecircuit.io.phase_encoding import ReversedPair, find_reversed_pair
from cuecircuit.io.scan_inventory import COMBINED, DERIVED_ENTITIES, ScanChoice, one_per_run
from cuecircuit.io.tables import column_notes, write_json, write_table
from cuecircuit.pipeline.distortion import NOTE, SessionDistortion, middle_mean, session_distortion
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.pipeline.subject_stages import run_subjects
from cuecircuit.pipeline.template import Template, mask_on, read_template, template_files, write_space
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series
from cuecircuit.study.acquisition import Preprocess

MOTION_COLUMNS = column_notes("motion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """One of the echoes of a run."""

    bold: Path
    echo_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RawStudy:
    """Raw scans and what is done to them.

    `root`: what paths of the settings are relative to; `roots`: further folders by name; `dataset`: where sidecars are
    looked for; `scans`: one for each run, `echoes`: by its name, all that are combined to it; `head_radius_mm`: None
    leaves framewise displacement out of the confounds. `pairs`: images of opposite phase encoding by the name of the
    first scan of their session.
    """

    title: str
    root: Path
    dataset: Path
    task: str
    subjects: tuple[str, ...]
    scans: tuple[ScanFiles, ...]
    settings: Preprocess
    head_radius_mm: float | None
    roots: Mapping[str, Path] = field(default_factory=dict)
    echoes: Mapping[str, tuple[Echo, ...]] = field(default_factory=dict)
    pairs: Mapping[str, ReversedPair] = field(default_factory=dict)


def raw_scans(dataset: Path, task: str, choice: ScanChoice, *, exclude: Collection[str]) -> tuple[ScanFiles, ...]:
    """Find the raw scans of every session: one for each subject, session and run, the first of echoes to combine.

    Raises:
        DataError: no scan, or entities that the choice does not account for.
    """
    scans = find_scans(dataset, task=task, confounds=False)
    values = _raw_echoes(scans, choice)
    entities = {name: value for name, value in choice.entities.items() if name not in DERIVED_ENTITIES}
    entities |= {"echo": values[0]} if values else {}
    return one_per_run(scans, replace(choice, entities=entities, sessions_apart=True), exclude=exclude).scans


def _raw_echoes(scans: Sequence[ScanFiles], choice: ScanChoice) -> list[str]:
    """Return the echoes to combine, in order: where the combined image is asked for and no raw scan is one."""
    values = {scan.value("echo") for scan in scans}
    combined = choice.entities.get("echo") == COMBINED and COMBINED not in values
    return sorted(values, key=lambda value: (len(value), value)) if combined else []


def raw_echoes(
    dataset: Path, task: str, choice: ScanChoice, *, exclude: Collection[str]
) -> dict[str, tuple[Echo, ...]]:
    """Find the echoes of every run that are to be combined, by the name of the run; none where nothing is combined.

    Raises:
        DataError: as `raw_scans`, one echo alone, or a sidecar without EchoTime.
    """
    values = _raw_echoes(find_scans(dataset, task=task, confounds=False), choice)
    echoes_of: dict[str, tuple[Echo, ...]] = {}
    for value in values:
        of_echo = replace(choice, entities={**choice.entities, "echo": value})
        for scan in raw_scans(dataset, task, of_echo, exclude=exclude):
            echoes_of[scan.name] = (
                *echoes_of.get(scan.name, ()),
                Echo(bold=scan.bold, echo_s=_echo_s(scan.bold, dataset)),
            )
    if lone := [name for name, echoes in echoes_of.items() if len(echoes) < 2]:
        raise DataError(f"{lone[0]}: one echo, of which nothing is combined; leave scans.echo out")
    return echoes_of


def _echo_s(bold: Path, dataset: Path) -> float:
    time = sidecar(bold, dataset).get("EchoTime")
    if not isinstance(time, int | float) or not 0 < time < 1:
        stated = "no EchoTime" if time is None else f"EchoTime {time!r}"
        raise DataError(f"{bold}: {stated} in the sidecar; to combine echoes, write seconds, such as 0.015")
    return float(time)


def reversed_pairs(dataset: Path, task: str, scans: Sequence[ScanFiles]) -> dict[str, ReversedPair]:
    """Find the images of opposite phase encoding of every session that has them, by the name of its first scan.

    Raises:
        DataError: images that belong to a session and cannot correct it.
    """
    of_task = find_scans(dataset, task=task, confounds=False)
    pairs, faults = {}, []
    for _, session in groupby(scans, key=lambda scan: (scan.subject, scan.session)):
        session_scans = tuple(session)
        try:
            if pair := find_reversed_pair(session_scans, of_task, dataset):
                pairs[session_scans[0].name] = pair
        except DataError as error:
            faults += error.faults
    DataError.raise_any(faults)
    return pairs


def preprocess_scans(raw: RawStudy, out: Path, *, n_jobs: int = 1, dask: str | None = None) -> Path:
    """Preprocess every subject into `out`; what is up to date is not done again.

    Raises:
        DataError: ANTs is not installed, the template cannot be read, or what was wrong with each subject that
            failed, after the others are done.
    """
    ants_module()
    store = Store(out, raw.root, roots=raw.roots)
    if lost := sorted({scan.subject for scan in raw.scans} - set(raw.subjects)):
        say(f"left out, excluded or not in the participants table: {', '.join(lost)}")
    with store.alone(), one_blas_thread(), engine(dask, n_jobs):
        write_description(out, f"{raw.title}: preprocessed scans")
        template = read_template(raw.root, raw.settings)
        space = _space_stage(raw, template)
        why = store.why_stale(space)
        say(f"{space.name}: {why or 'up to date'}")
        if why:
            store.run(space)
        run_subjects(store, _subject_stages(raw, template), n_jobs=n_jobs, what="preprocess")
    return out


def _space_stage(raw: RawStudy, template: Template) -> Stage:
    return Stage(
        name="space",
        target="space",
        settings={"voxel_mm": raw.settings.voxel_mm, "template": template.digest()},
        inputs=template_files(raw.root, raw.settings),
        make=partial(write_space, template, raw.settings.voxel_mm),
    )


def _subject_stages(raw: RawStudy, template: Template) -> list[Stage]:
    settings = {"preprocess": raw.settings, "template": template.digest(), "head_radius_mm": raw.head_radius_mm}
    scans_of = {subject: tuple(scan for scan in raw.scans if scan.subject == subject) for subject in raw.subjects}
    return [
        Stage(
            name=f"sub-{subject}",
            target=f"sub-{subject}",
            settings=settings | _echo_settings(raw, scans) | _pair_settings(raw, scans),
            inputs=(
                *(bold for scan in scans for bold in _images(raw, scan)),
                *(path for pair in _pairs(raw, scans) for path in (pair.forward, pair.reverse) if path),
                *template_files(raw.root, raw.settings),
            ),
            make=partial(_subject, replace(raw, scans=scans), template, subject),
        )
        for subject, scans in scans_of.items()
    ]


def _images(raw: RawStudy, scan: ScanFiles) -> tuple[Path, ...]:
    return tuple(echo.bold for echo in raw.echoes.get(scan.name, ())) or (scan.bold,)


def _echo_settings(raw: RawStudy, scans: Sequence[ScanFiles]) -> dict[str, object]:
    times = {scan.name: [echo.echo_s for echo in raw.echoes[scan.name]] for scan in scans if scan.name in raw.echoes}
    return {"echo_s": times} if times else {}


def _pairs(raw: RawStudy, scans: Sequence[ScanFiles]) -> list[ReversedPair]:
    return [raw.pairs[scan.name] for scan in scans if scan.name in raw.pairs]


def _pair_settings(raw: RawStudy, scans: Sequence[ScanFiles]) -> dict[str, object]:
    factors = [{"axis": pair.axis, "of": pair.factors, **pair.scan_factors} for pair in _pairs(raw, scans)]
    return {"phase_encoding": factors} if factors else {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Aligned:
    """A session on its way to the template: `places` (mm) of each voxel `inside` the brain of the target grid.

    `reference`, `mask`: without distortion until `measured` makes them what a scan measured; `stretch` multiplies
    values.
    """

    reference: Float[Array, "x y z"]
    mask: Bool[Array, "x y z"]
    grid: Grid
    target: Grid
    inside: Bool[Array, "i j k"]
    places: Float[Array, "voxel 3"]
    notes: Mapping[str, object]
    stretch: Float[Array, "voxel"] | float = 1.0

    def measured(self, distorted: SessionDistortion, scan: str) -> "_Aligned":
        """Bring reference, mask and places to what a scan measured of them."""
        distortion, factor = distorted.distortion, distorted.factors[scan]
        return replace(
            self,
            reference=distortion.distorted(self.reference, factor=factor),
            mask=distortion.distorted(self.mask.astype(np.float32), factor=factor) > 0.5,
            places=distortion.places(self.places, factor=factor),
            stretch=distortion.stretch(self.places, factor=factor),
            notes={**self.notes, NOTE: {**distorted.notes, "factor": factor}},
        )

    def on(self, grid: Grid) -> "_Aligned":
        """Bring reference and mask to the grid of another run; places outside it have no value."""
        if grid.same_as(self.grid):
            return self
        back = np.linalg.inv(grid.affine)
        index = self.places @ back[:3, :3].T + back[:3, 3]
        outside = np.any((index < 0) | (index > np.array(grid.shape) - 1), axis=1)
        return replace(
            self,
            reference=on_grid(self.reference, self.grid, grid, labels=False),
            mask=on_grid(self.mask.astype(np.uint8), self.grid, grid, labels=True) > 0,
            places=np.where(outside[:, None], np.nan, self.places),
            notes={**self.notes, "outside_the_scan": float(outside.mean())},
        )


def _subject(raw: RawStudy, template: Template, subject: str, folder: Path) -> None:
    if not raw.scans:
        raise DataError(f"no scan of task '{raw.task}'; add it or exclude the subject")
    for session, scans in groupby(raw.scans, key=lambda scan: scan.session):
        label = [] if session is None else [f"ses-{session}"]
        func = folder.joinpath(*label, "func")
        func.mkdir(parents=True)
        _session(raw, template, tuple(scans), func / "_".join([f"sub-{subject}", *label, f"task-{raw.task}"]))


def _session(raw: RawStudy, template: Template, scans: Sequence[ScanFiles], stem: Path) -> None:
    series, log = _prepared(raw, scans[0])
    pair = raw.pairs.get(scans[0].name)
    distorted = session_distortion(pair, series, stem, raw.settings) if pair else None
    aligned = _aligned(raw.settings, template, series, distorted, stem)
    for number, scan in enumerate(scans):
        if number:
            series, log = _prepared(raw, scan)
        seen = aligned.measured(distorted, scan.name) if distorted else aligned
        _one_scan(raw, scan, series, seen.on(series.grid), log, stem.parent)


def _aligned(
    wanted: Preprocess, template: Template, series: Series, distorted: SessionDistortion | None, stem: Path
) -> _Aligned:
    """Bring the mean of a session's first scan to the template; write mean, mask and atlas on the grid of the EPI."""
    mean, grid = _mean_epi(series), series.grid
    if distorted:
        mean = distorted.distortion.corrected(mean)
    target = target_grid(template.grid, wanted.voxel_mm)
    inside = mask_on(template, "mask", target)
    with scratch_beside(stem) as scratch:
        alignment = align(
            mean,
            grid,
            template.image,
            template.grid,
            brain=template.mask,
            kind=wanted.registration,
            folder=scratch,
        )
        atlas = to_epi(template.labels, template.grid, alignment.transform, grid)
        places = places_in_epi(target, alignment.transform, grid, inside)
    for name, values in (
        ("desc-mean_boldref", mean.astype(np.float32)),
        ("desc-brain_mask", alignment.mask.astype(np.uint8)),
        ("desc-atlas_dseg", atlas),
    ):
        write_volume(stem.with_name(f"{stem.name}_{name}.nii.gz"), values, grid)
    notes = {
        "dice_headers": alignment.dice_headers,
        "dice_first_round": alignment.dice_first_round,
        "outside_the_scan": float(np.isnan(places).any(axis=1).mean()),
    }
    return _Aligned(
        reference=mean, mask=alignment.mask, grid=grid, target=target, inside=inside, places=places, notes=notes
    )


def _prepared(raw: RawStudy, scan: ScanFiles) -> tuple[Series, tuple[str, ...]]:
    """Read a scan, its echoes combined; these were measured within one volume, so before motion is estimated."""
    settings = raw.settings
    first, *further = [_read(raw, bold, tr_s=scan.tr_s or 0.0) for bold in _images(raw, scan)]
    if further:
        with faults_named(scan.bold):
            times = [echo.echo_s for echo in raw.echoes[scan.name]]
            first = replace(first, data=combine_echoes([one.data for one in (first, *further)], times))
    repaired = repair_grid(first.grid, voxel_scale=settings.scan_scale, origin=settings.scan_origin)
    for line in repaired.log:
        say(f"{scan.bold}: {line}")
    return replace(first, grid=repaired.grid), repaired.log


def _read(raw: RawStudy, bold: Path, *, tr_s: float) -> Series:
    """Read a scan as it was measured, its slices shifted to the start of their volume."""
    DataError.raise_any(orientation_faults(bold))
    series = read_series(bold, tr_s=tr_s)
    times = sidecar(bold, raw.dataset).get("SliceTiming")
    if raw.settings.slice_timing and isinstance(times, list):
        return correct_slice_timing(series, [float(time) for time in times])
    return series


def _mean_epi(series: Series) -> Array:
    ants = ants_module()
    with reproducible(1):
        image = to_ants(middle_mean(series.data), series.grid)
        return ants.n4_bias_field_correction(image, shrink_factor=2).numpy()


def _one_scan(
    raw: RawStudy, scan: ScanFiles, series: Series, aligned: _Aligned, log: Sequence[str], folder: Path
) -> None:
    around = binary_dilation(aligned.mask)
    led = estimate_motion(_led_by(aligned.reference, series, around), around, reference=0)
    motion = Motion(parameters=led.parameters[1:], center_mm=led.center_mm)
    data = np.zeros((*aligned.target.shape, series.n_volumes), np.float32)
    data[aligned.inside] = (resample(series, aligned.places, motion) * aligned.stretch).T
    ending = scan.bold.name.removesuffix(".gz").removesuffix(".nii").removesuffix("_bold")
    if echoes := raw.echoes.get(scan.name, ()):
        ending = ending.replace(f"_echo-{scan.entities['echo']}", "")
    stem = folder / f"{ending}_space-{raw.settings.name}_desc-preproc_bold"
    write_volume(stem.with_suffix(".nii.gz"), data, aligned.target, tr_s=series.tr_s)
    notes = {"RepetitionTime": series.tr_s, "SkullStripped": True, **aligned.notes, "header": list(log)}
    notes |= {"CombinedEchoTimes": [echo.echo_s for echo in echoes]} if echoes else {}
    write_json(stem.with_suffix(".json"), notes)
    table = pd.DataFrame(motion.parameters, columns=[name for name in MOTION_COLUMNS if name[:3] in ("tra", "rot")])
    if (radius := raw.head_radius_mm) is not None:
        moved = framewise_displacement(motion.parameters, head_radius_mm=radius)
        table["framewise_displacement"] = np.r_[np.nan, moved]
    table["dvars"] = np.r_[np.nan, scan_quality(series.within(aligned.mask)).dvars_percent]
    notes_of = {name: MOTION_COLUMNS[name] for name in table}
    write_table(folder / f"{ending}_desc-confounds_timeseries.tsv", table, notes_of)


def _led_by(reference: Array, series: Series, around: Array) -> Series:
    """Put the subject's mean EPI before the volumes of a scan, as bright as they are, so that all runs meet in it."""
    scale = series.data[around].mean() / max(float(reference[around].mean()), 1e-6)
    first = (reference * scale).astype(series.data.dtype)[..., None]
    return replace(series, data=np.concatenate([first, series.data], axis=3))
