"""Which settings of a machine change the results, and by how much?

Commands over tiny inputs are run once as a base, and again with other numbers of processes and threads, another hash
seed, locale and home, without newer instructions of the processor in NumPy, and with other kernels of OpenBLAS. Every
file below OUT is compared. TSV on stdout: command, setting, files, files that differ, largest difference of a number
relative to the largest number of its column or image, and the file that has it.

    python validation/same_bytes.py [--command NAME ...] > same_bytes.tsv
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from broken.folders import MAPS, PLANNED, SCANS, everything

from cuecircuit.io.columns import read_columns

BASE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
SETTINGS: dict[str, dict[str, str]] = {
    "again": {},
    "2 processes": {"N_JOBS": "2"},
    "2 threads": {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"},
    "PYTHONHASHSEED=7": {"PYTHONHASHSEED": "7"},
    "LC_ALL=C, LANG=tr_TR": {"LC_ALL": "C", "LANG": "tr_TR.UTF-8"},
    "another HOME": {"HOME": "/nonexistent"},
    # names of NumPy 2.4; those that the processor lacks are passed over
    "NumPy without AVX-512": {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"},
    "NumPy without AVX2": {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"},
    "OPENBLAS_CORETYPE=Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "OPENBLAS_CORETYPE=Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
}
COMMANDS = {
    "run": ("run", "study.yaml", "out"),
    "group": (*MAPS, "--inference", "permutation", "--statistic", "tfce", "--n-permutations", "50"),
    "plan": ("plan", "plan.yaml", "out", "--studies", "20", "--n", "6"),
}


def results(words: tuple[str, ...], folder: Path, setting: dict[str, str]) -> dict[str, bytes]:
    """Run a command in a new folder and return the content of its files."""
    folder.mkdir()
    everything(folder)
    if words[0] == "run":
        SCANS["as it should be"](folder)
    (folder / "plan.yaml").write_text(PLANNED)
    program = (sys.executable, "-c", "from cuecircuit.cli import main; main()")
    env = {**os.environ, **BASE, **setting}
    jobs = ("--n-jobs", env.pop("N_JOBS", "1"))
    done = subprocess.run([*program, *words, *jobs], cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    out = folder / "out"
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def numbers(path: Path) -> list[np.ndarray]:
    """Return the columns of a table, or the image; nothing of other files."""
    if path.name.endswith((".nii.gz", ".nii")):
        return [np.asanyarray(nib.load(path).dataobj, dtype=float).ravel()]  # type: ignore[attr-defined]
    if path.suffix in (".tsv", ".npz"):
        table = pd.read_csv(path, sep="\t") if path.suffix == ".tsv" else read_columns(path)
        return [column.to_numpy(float) for _, column in table.select_dtypes("number").items()]
    return []


def difference(one: Path, other: Path) -> float:
    """Return the largest difference relative to the largest number beside it; NaN where no numbers can be compared."""
    pairs = list(zip(numbers(one), numbers(other), strict=False))
    parts = [
        np.nanmax(np.abs(a - b), initial=0) / max(np.nanmax(np.abs(a), initial=0), 1e-300)
        for a, b in pairs
        if a.shape == b.shape
    ]
    return max(parts, default=np.nan)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", action="append", choices=list(COMMANDS))
    asked = parser.parse_args().command or list(COMMANDS)
    print("command", "setting", "files", "differ", "largest", "where", sep="\t")
    with tempfile.TemporaryDirectory() as name:
        for command in asked:
            root = Path(name) / command
            root.mkdir()
            base = results(COMMANDS[command], root / "base", {})
            for number, (setting, changes) in enumerate(SETTINGS.items()):
                own = results(COMMANDS[command], root / str(number), changes)
                changed = [file for file in {**base, **own} if base.get(file) != own.get(file)]
                there = [file for file in changed if file in base and file in own]
                sizes = {
                    file: difference(root / "base" / "out" / file, root / str(number) / "out" / file) for file in there
                }
                known = {file: size for file, size in sizes.items() if size == size}
                worst = max(known, key=lambda file: known[file], default=next(iter(changed), "n/a"))
                largest = f"{known.get(worst, np.nan):.1e}" if changed else "0"
                print(command, setting, len(base), len(changed), largest, worst, sep="\t", flush=True)
                if changed:
                    print(command, setting, *changed[:20], file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
