"""Does a group analysis of thousands of maps keep to its memory? Synthetic maps in 2 mm MNI space, written to disk.

Each person has maps of several sessions: smooth noise of the person and of the map, int16, gzip-compressed, as a first
level leaves them. `cuecircuit group` is then run in a process of its own; its wall time, processor time and largest
resident set (those of its workers added up) are printed, with the size of what it read.

    python validation/cohort.py FOLDER [--people 1000] [--sessions 2] [--voxel-mm 2] [-- OPTIONS OF cuecircuit group]

FOLDER keeps the maps for further runs; remove it at the end.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn.datasets import load_mni152_brain_mask
from scipy.ndimage import gaussian_filter

FORMULA = "group*session + (1|subject)"
POOL = 64  # smooth fields that maps are mixed from


def mixed_field(pool, rng):
    """Noise of unit variance from eight fields of the pool."""
    weights = rng.standard_normal(8).astype(np.float32)
    return (weights / np.linalg.norm(weights)) @ pool[rng.choice(POOL, 8, replace=False)]


def write_cohort(folder, people, sessions, voxel_mm):
    """Write the maps that are not there yet, the mask and the table."""
    folder.mkdir(parents=True, exist_ok=True)
    image = load_mni152_brain_mask(resolution=voxel_mm)
    mask = np.asarray(image.dataobj) != 0
    nib.Nifti1Image(mask.astype(np.uint8), image.affine).to_filename(folder / "mask.nii.gz")
    rng = np.random.default_rng(0)
    pool = np.empty((POOL, int(mask.sum())), np.float32)
    for field in pool:
        smooth = gaussian_filter(rng.standard_normal(mask.shape, dtype=np.float32), 6 / 2.355 / voxel_mm)[mask]
        field[:] = (smooth - smooth.mean()) / smooth.std()
    rows = []
    for person in range(people):
        rng = np.random.default_rng([1, person])
        own = mixed_field(pool, rng)
        for session in range(sessions):
            name = f"sub-{person:05d}_ses-{session}.nii.gz"
            rows.append({"subject": f"p{person:05d}", "group": "ab"[person % 2], "session": f"s{session}", "map": name})
            if (folder / name).exists():
                continue
            values = np.zeros(mask.shape, np.int16)
            values[mask] = 1000 * (own + mixed_field(pool, rng))
            nib.Nifti1Image(values, image.affine).to_filename(folder / name)
    pd.DataFrame(rows).to_csv(folder / "maps.tsv", sep="\t", index=False)
    return int(mask.sum())


def resident_mb(pid):
    """Resident memory of a process and all below it now; shared pages are counted as often as they are mapped."""
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            fields = dict(
                line.split(":", 1) for line in Path(f"/proc/{one}/status").read_text().splitlines() if ":" in line
            )
            waiting += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields.get("VmRSS", "0 kB").split()[0]) / 1024
    return total


def measured(words):
    """Run a command; give its exit status, wall and processor seconds, and the largest resident memory (MB)."""
    start, before = time.monotonic(), os.times()
    process = subprocess.Popen(list(map(str, words)))
    largest, ended = 0.0, threading.Event()

    def watch():
        nonlocal largest
        while not ended.wait(0.2):
            largest = max(largest, resident_mb(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    ended.set()
    watcher.join()
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return status, time.monotonic() - start, used, largest


def main():
    own, _, options = " ".join(sys.argv[1:]).partition(" -- ")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--voxel-mm", type=int, default=2)
    arguments = parser.parse_args(own.split())
    folder = arguments.folder
    start = time.monotonic()
    n_voxels = write_cohort(folder, arguments.people, arguments.sessions, arguments.voxel_mm)
    print(f"maps written or found in {time.monotonic() - start:.0f} s", flush=True)
    n_maps = arguments.people * arguments.sessions
    program = [sys.executable, "-c", "from cuecircuit.cli import main; main()", "group"]
    words = [folder / "maps.tsv", folder / "out", "--mask", folder / "mask.nii.gz", "--subject", "subject"]
    status, wall, used, largest = measured([*program, *words, "--formula", FORMULA, *options.split()])
    print(
        f"{n_maps} maps x {n_voxels} voxels ({4e-9 * n_maps * n_voxels:.2f} GB as float32), {options}: exit {status}, "
        f"{wall:.0f} s, processor {used:.0f} s, at most {largest:.0f} MB resident"
    )
    sys.exit(status)


if __name__ == "__main__":
    main()
