"""First level: one run of a person against nilearn alone, and one rat with all that is done beside its registration.

Person: 91 × 109 × 91 voxels of 2 mm, 300 volumes, nuisance (24 motion terms, two tissues, cosines) and GLM with AR(1)
noise, from file to contrast maps; each program in a process of its own, which gives its peak of memory. Rat: two scans
of 64 × 64 × 20 voxels, 300 volumes: motion, one interpolation, nuisance, block responses, without files. Seconds
are of the processor, one thread of BLAS.
"""

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import ratio
from cuecircuit.generators.brain import draw_brain
from cuecircuit.imaging.first_level import fit_first_level
from cuecircuit.imaging.motion import estimate_motion, resample
from cuecircuit.imaging.removed import ScanSignals, removed_signals
from cuecircuit.imaging.responses import block_responses
from cuecircuit.imaging.scan_values import check_values
from cuecircuit.io.nifti import read_mask, read_masked_series, write_volume
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block, Series
from cuecircuit.study.acquisition import Nuisance

SHAPE, VOLUMES, TR_S = (91, 109, 91), 300, 2.0
CONTRASTS = {"drug": "drug", "drug_neutral": "drug - neutral"}
EVENTS = pd.DataFrame({"onset": np.arange(20, 560, 30.0), "duration": 12.0, "trial_type": ["drug", "neutral"] * 9})


def write_run(folder: Path) -> None:
    """A head of 230 000 voxels with noise, tissues and motion."""
    rng = np.random.default_rng(0)
    grid = Grid(shape=SHAPE, affine=np.diag([2.0, 2.0, 2.0, 1.0]))
    away = (np.indices(SHAPE).reshape(3, -1).T - np.array(SHAPE) / 2) / [36.0, 45.0, 34.0]
    radius = np.linalg.norm(away, axis=1).reshape(SHAPE)
    masks = {"mask": radius < 1, "white_matter": radius < 0.4, "ventricles": radius < 0.15}
    for name, mask in masks.items():
        write_volume(folder / f"{name}.nii", mask.astype(np.uint8), grid)
    data = np.zeros((*SHAPE, VOLUMES), np.int16)
    data[masks["mask"]] = rng.normal(1000, 20, (int(masks["mask"].sum()), VOLUMES)).astype(np.int16)
    write_volume(folder / "bold.nii", data, grid, tr_s=TR_S)
    np.save(folder / "motion.npy", rng.normal(size=(VOLUMES, 6)).cumsum(axis=0) * 0.01)


def ours(folder: Path) -> None:
    masks = {name: read_mask(folder / f"{name}.nii")[0] for name in ("mask", "white_matter", "ventricles")}
    series = read_masked_series(folder / "bold.nii", masks["mask"], read_mask(folder / "mask.nii")[1])
    check_values(series.within(masks["mask"]), masks["mask"])
    tissues = {name: masks[name] for name in ("white_matter", "ventricles")}
    signals = ScanSignals(tissues=tissues, motion=np.load(folder / "motion.npy"))
    nuisance = Nuisance(white_matter=True, ventricles=True, motion=24)
    regressors = removed_signals(series, signals, nuisance, np.ones(VOLUMES, dtype=bool))
    fit_first_level(
        series, EVENTS, CONTRASTS, mask=masks["mask"], hrf="glover", drift_period_s=128.0, nuisance=regressors
    )


def gate_seconds(folder: Path) -> float:
    """Seconds of one processor of the gate before the first level, compiled before."""
    mask, grid = read_mask(folder / "mask.nii")
    series = read_masked_series(folder / "bold.nii", mask, grid)
    check_values(series.within(mask), mask)
    start = time.process_time()
    check_values(series.within(mask), mask)
    return time.process_time() - start


def nilearn_alone(folder: Path) -> None:
    from nilearn.glm.first_level import FirstLevelModel
    from nilearn.maskers import NiftiMasker

    from cuecircuit.imaging.nuisance import motion_columns

    columns = motion_columns(np.load(folder / "motion.npy"), 24)
    tissues = [
        NiftiMasker(mask_img=folder / f"{name}.nii", standardize=None).fit_transform(folder / "bold.nii").mean(axis=1)
        for name in ("white_matter", "ventricles")
    ]
    confounds = pd.DataFrame(np.column_stack([columns, *tissues]), columns=[f"c{number}" for number in range(26)])
    model = FirstLevelModel(
        t_r=TR_S, hrf_model="glover", high_pass=1 / 128, mask_img=folder / "mask.nii", noise_model="ar1", verbose=0
    )
    model.fit(folder / "bold.nii", events=EVENTS, confounds=confounds)
    for text in CONTRASTS.values():
        model.compute_contrast(text, output_type="all")


def apart(work: Callable[[Path], None], folder: Path) -> tuple[float, float]:
    """Do the work in a process of its own: seconds, and the peak of its memory in GB."""
    given, sent = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_measured, args=(work, folder, sent))
    process.start()
    found = given.recv()
    process.join()
    return found


def _measured(work, folder, sent) -> None:
    start = time.process_time()
    with one_blas_thread():  # as in a run; threads that wait for others would count as work
        work(folder)
    sent.send((time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


def rat_seconds() -> dict[str, float]:
    """One rat: seconds of one processor for each part, both scans together."""
    brain, rng = draw_brain("paper"), np.random.default_rng(0)
    blocks = tuple(Block(onset_s=onset, duration_s=30.0, cue="odor") for onset in (60.0, 195.0, 330.0, 465.0))
    spent = dict.fromkeys(("motion", "interpolation", "nuisance and responses"), 0.0)
    places = brain.grid.mm(np.argwhere(brain.mask).astype(float))
    for _ in range(2):
        noise = rng.normal(size=(*brain.grid.shape, VOLUMES)).astype(np.float32) / 40
        series = Series(data=brain.mean_signal[..., None] * (1 + noise), grid=brain.grid, tr_s=TR_S)
        start = time.process_time()
        motion = estimate_motion(series, brain.mask)
        spent["motion"] += time.process_time() - start
        start = time.process_time()
        data = np.zeros_like(series.data)
        data[brain.mask] = resample(series, places, motion).T
        spent["interpolation"] += time.process_time() - start
        start = time.process_time()
        series = Series(data=data, grid=brain.grid, tr_s=TR_S)
        tissues = {"white_matter": brain.white_matter, "ventricles": brain.ventricles}
        signals = ScanSignals(tissues=tissues, motion=motion.parameters)
        nuisance = Nuisance(white_matter=True, ventricles=True, motion=6)
        block_responses(
            series,
            blocks,
            mask=brain.mask,
            regressors=removed_signals(series, signals, nuisance, np.ones(VOLUMES, dtype=bool)),
            baseline_s=(-20.0, 0.0),
            window_s=(4.0, 30.0),
            fwhm_mm=0.8,
            with_variance=True,
        )
        spent["nuisance and responses"] += time.process_time() - start
    return spent


def main() -> None:
    spent = rat_seconds()
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent.items())
    print(f"rat, two scans of 64 x 64 x 20 x 300: {sum(spent.values()):.1f} s of one processor ({parts})")
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder))
        theirs, memory = apart(nilearn_alone, Path(folder))
        print(f"person, nilearn alone: {theirs:.1f} s, {memory:.2f} GB")
        own, memory = apart(ours, Path(folder))
        times = ratio("first level of a person, nilearn", theirs / own)
        print(f"person, this program: {own:.1f} s, {memory:.2f} GB, nilearn {times} ours")
        print(f"gate before the first level: {gate_seconds(Path(folder)):.2f} s")


if __name__ == "__main__":
    main()
