"""Does a command that was killed end as if it had never been? Killed at random moments, then given again.

One undisturbed run of a tiny study gives the bytes to compare with and the time to spread the moments over. Each trial
starts in a new folder, is killed after a random part of that time, and is run again; every file of the folder must then
equal the undisturbed one, and nothing may be left beside it. Kills take turns: SIGKILL of all processes, SIGKILL of the
parent alone, SIGTERM of the parent. After a kill of the parent its workers must be gone within 3 s.

    python validation/kills.py [--command run|plan|fit|group|sessions] [--kills 20] [--seed 0] [--n-jobs 2]
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

HOW = ("all", "parent", "SIGTERM")
WORKERS_END_S = 3.0


def cuecircuit(*words, mark="", **options):
    return subprocess.Popen(
        [sys.executable, "-c", "from cuecircuit.cli import main; main()", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "CUECIRCUIT_KILLS": mark},
        **options,
    )


def commands(root, n_jobs):
    """The words of each command before its OUT, and those after."""
    study, jobs = root / "study" / "study.yaml", ("--n-jobs", n_jobs)
    template = root / "study" / "derivatives" / "template" / "tpl-drawn_desc-brain_mask.nii.gz"
    options = ("--mask", template, "--subject", "subject", "--between", "group", "--within", "cue,block")
    return {
        "run": (("run", study), jobs),
        "plan": (("plan", study), ("--studies", 20, "--n", 6, "--test", "escalation", *jobs)),
        "fit": (("fit", study), ("--model", "poisson", "--model", "gamma")),
        "group": (("group", root / "maps.tsv"), (*options, *jobs)),
        "sessions": (("sessions", *sorted((root / "study" / "sourcedata" / "medpc").glob("*.txt")), "--out"), ()),
    }


def prepare(root, command, n_jobs):
    cuecircuit("simulate", "carmack2019", root / "study", "--scale", "tiny").wait()
    if command == "group":
        out = root / "maps"
        nodes = ("subjects", "operant", "trials", "maps", "questions.access_by_cue")
        stages = [word for node in nodes for word in ("--stage", node)]
        cuecircuit("run", root / "study" / "study.yaml", out, *stages, "--n-jobs", n_jobs).wait()
        table = out / "questions" / "access_by_cue" / "maps.tsv"
        (root / "maps.tsv").write_text(table.read_text().replace("../../", f"{out}/"))


def hashes(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def alive(mark):
    """Processes of a trial that live, of which the ids are in /proc; trackers of shared memory do no work."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"CUECIRCUIT_KILLS={mark}".encode() in (process / "environ").read_bytes()
            works = b"resource_tracker" not in (process / "cmdline").read_bytes()
            found += ours and works and (process / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            continue
    return found


def killed(words, after_s, how):
    """Run, kill after a while; return whether it was at work, and how long processes of it lived on."""
    mark = uuid.uuid4().hex
    process = cuecircuit(*words, mark=mark)
    time.sleep(after_s)
    at_work, start = process.poll() is None, time.monotonic()
    if how == "all" and at_work:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.send_signal(signal.SIGTERM if how == "SIGTERM" else signal.SIGKILL)
    process.wait()
    while alive(mark) and time.monotonic() < start + 60:
        time.sleep(0.02)
    return at_work, time.monotonic() - start


def trial(words, expected, folder, after_s, how):
    folder.mkdir()
    out = folder / "out"
    before, after = words
    at_work, lived_s = killed((*before, out, *after), after_s, how)
    there = len([path for path in out.rglob("*") if path.is_file()]) if out.exists() else 0
    status = cuecircuit(*before, out, *after).wait()
    found = hashes(out) if out.exists() else {}
    wrong = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    left = [path.name for path in folder.iterdir() if path != out]
    print(
        f"killed after {after_s:5.1f} s ({how}; {'at work' if at_work else 'had ended'}; {there} files), gone "
        f"{lived_s:.2f} s later: exit {status}, {len(wrong)} files differ {wrong[:3]}, left over {left}",
        flush=True,
    )
    return status == 0 and not wrong and not left, lived_s


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", default="run", choices=["run", "plan", "fit", "group", "sessions"])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        prepare(root, options.command, options.n_jobs)
        words = commands(root, options.n_jobs)[options.command]
        started = time.monotonic()
        cuecircuit(*words[0], root / "whole" / "out", *words[1]).wait()
        took, expected = time.monotonic() - started, hashes(root / "whole" / "out")
        print(f"{options.command}, undisturbed: {took:.1f} s, {len(expected)} files", flush=True)
        trials = [
            trial(words, expected, root / f"trial{k}", rng.uniform(0, took), HOW[k % 3]) for k in range(options.kills)
        ]
    good, slowest = sum(right for right, _ in trials), max(lived_s for _, lived_s in trials)
    print(f"{options.command}: {good} of {options.kills} ended with the bytes of the undisturbed run and nothing left")
    print(f"{options.command}: the slowest kill had all processes gone after {slowest:.2f} s")
    sys.exit(good < options.kills or slowest > WORKERS_END_S)


if __name__ == "__main__":
    main()
