"""Does a run that was killed end as if it had never been? SIGKILL at random moments, then the same command again.

One undisturbed run of a tiny study gives the bytes to compare with and the time to spread the moments over. Each trial
starts in a new folder, is killed after a random part of that time (with all its processes, or the parent alone, whose
workers then go on for a moment), and is run again; every file of the folder must then equal the undisturbed one.

    python validation/kills.py [--kills 50] [--seed 0] [--n-jobs 2]
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def cuecircuit(*words, **options):
    return subprocess.Popen(
        [sys.executable, "-c", "from cuecircuit.cli import main; main()", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **options,
    )


def hashes(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def killed(words, after_s, whole):
    """Run, kill after a while, and tell whether it was still at work."""
    process = cuecircuit(*words)
    time.sleep(after_s)
    at_work = process.poll() is None
    if whole and at_work:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    return at_work


def trial(study, expected, out, after_s, whole, n_jobs):
    words = ("run", study, out, "--n-jobs", n_jobs)
    at_work = killed(words, after_s, whole)
    done_before = len([path for path in out.rglob("*") if path.is_file()]) if out.exists() else 0
    status = cuecircuit(*words).wait()
    found = hashes(out)
    wrong = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    print(
        f"killed after {after_s:5.1f} s ({'all' if whole else 'parent'}; {'at work' if at_work else 'had ended'}; "
        f"{done_before} files): exit {status}, {len(wrong)} files differ {wrong[:3]}",
        flush=True,
    )
    return status == 0 and not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cuecircuit("simulate", "carmack2019", root / "study", "--scale", "tiny").wait()
        study = root / "study" / "study.yaml"
        started = time.monotonic()
        cuecircuit("run", study, root / "whole", "--n-jobs", options.n_jobs).wait()
        took, expected = time.monotonic() - started, hashes(root / "whole")
        print(f"undisturbed: {took:.1f} s, {len(expected)} files")
        good = sum(
            trial(study, expected, root / f"trial{k}", rng.uniform(0, took), k % 2 == 0, options.n_jobs)
            for k in range(options.kills)
        )
        print(f"{good} of {options.kills} runs ended with the bytes of the undisturbed run")
    sys.exit(good < options.kills)


if __name__ == "__main__":
    main()
