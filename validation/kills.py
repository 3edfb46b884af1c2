"""Does a command that was killed end as if it had never been? Killed at random moments, then given again.

One undisturbed run of a tiny study gives the bytes to compare with and the time to spread the moments over. Each trial
starts in a new folder, is killed after a random part of that time, and is run again; every file and folder must then
equal the undisturbed one, and nothing may be left beside it, in the folder of temporary files or in shared memory.
Kills take turns: SIGKILL of all processes, SIGKILL of the parent alone, SIGTERM of the parent; with `dask`, SIGKILL of
a worker, which the command must survive, and of the scheduler, which must end it within a minute. After other kills all
processes must be gone within 3 s. No command may print a traceback.

    python validation/kills.py [--command run] [--kills 20] [--seed 0] [--n-jobs 2]

Commands: run, people (`run` of smokers_two_sessions), alternatives, dask (a cluster of its own), dask-local,
preprocess, quality, simulate, plan, fit, group, behavior, sessions.
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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

HOW = ("all", "parent", "SIGTERM")
# a command that is killed before it heeds signals ends by the signal itself
STATUS = {"all": (-9,), "parent": (-9,), "SIGTERM": (143, -15), "worker": (0,), "scheduler": (1,)}
END_S = {"scheduler": 60.0}  # Dask tries to reach it again for 30 s
MOST_END_S = 3.0
SHARED_MEMORY = Path("/dev/shm")
# of a folder that Dask keeps among temporary files, in which every run sweeps what dead workers left
DASK_LOCKS = ("dask-scratch-space", "global.lock", "purge.lock")
DESIGN = """
about: {title: Cues in two groups}
subjects: {species: Rattus norvegicus}
factors: {group: [water, cocaine], cue: [neutral, paired]}
trials: {cells: cue}
scans:
  task: cues
  tr_s: 2.0
space: {mask: space/mask.nii.gz, atlas: space/atlas.nii.gz, labels: space/atlas.tsv, origin: bregma}
nuisance: {motion: 0, drift_period_s: 128}
maps: {task: {kind: glm, cells: cue, hrf: rat}}
regions: {whole: {of: maps.task}}
correction: {method: simulation, voxel_p: 0.01, alpha: 0.05, draws: 200}
questions:
  cues: {of: maps.task, between: group, within: cue}
  regions: {of: regions.whole, each: region, between: group, within: cue}
alternatives:
  smoother: {why: what is usual, settings: {maps.task.smoothing_fwhm_mm: 1.0}}
  corners: {why: corners touching, settings: {correction.connectivity: 26}}
simulation:
  n: {water: 2, cocaine: 2}
  base: [{in: maps.task, mean: 0, between_sd: 1.0, within_sd: 1.0}]
"""
RAW = "\npreprocess: {voxel_mm: 1.0, registration: rigid}\n"


def cuecircuit(*words, mark="", stderr=subprocess.DEVNULL, env=None):
    return subprocess.Popen(
        [sys.executable, "-c", "from cuecircuit.cli import main; main()", *map(str, words)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env={**os.environ, "CUECIRCUIT_KILLS": mark, **(env or {})},
    )


def commands(root, n_jobs):
    """The words of each command before its OUT, and those after."""
    study, rats, jobs = root / "study" / "study.yaml", root / "rats" / "study.yaml", ("--n-jobs", n_jobs)
    table = root / "rats" / "participants.tsv"
    template = root / "study" / "space" / "mask.nii.gz"
    options = ("--mask", template, "--subject", "subject", "--between", "group", "--within", "cue")
    logs = sorted((root / "rats" / "sourcedata" / "medpc").glob("*.txt"))
    return {
        "run": (("run", study), jobs),
        "people": (("run", root / "people" / "study.yaml"), jobs),
        "alternatives": (("run", study), ("--alternatives", *jobs)),
        "dask": (("run", study), jobs),
        "dask-local": (("run", study), ("--dask", "local", *jobs)),
        "preprocess": (("preprocess", study), jobs),
        "quality": (("quality", study), jobs),
        "simulate": (("simulate", root / "design.yaml"), ("--scale", "tiny", *jobs)),
        "plan": (("plan", rats), ("--studies", 20, "--n", 6, "--test", "escalation", *jobs)),
        "fit": (("fit", rats), ("--model", "poisson", "--model", "gamma")),
        "group": (("group", root / "maps.tsv"), (*options, *jobs)),
        "behavior": (("behavior", *logs, "--participants", table, "--out"), ()),
        "sessions": (("sessions", *logs, "--out"), ()),
    }


def prepare(root, command, n_jobs):
    (root / "design.yaml").write_text(DESIGN)
    if command in ("plan", "fit", "behavior", "sessions"):
        cuecircuit("simulate", "carmack2019", root / "rats", "--scale", "tiny").wait()
    elif command == "people":
        cuecircuit("simulate", "smokers_two_sessions", root / "people", "--scale", "tiny").wait()
    elif command != "simulate":
        cuecircuit("simulate", root / "design.yaml", root / "study", "--scale", "tiny").wait()
    if command == "preprocess":
        study, place = root / "study" / "study.yaml", "derivatives/preprocessed"
        text = study.read_text().replace("task: cues\n", f"task: cues\n  derivatives: {place}\n")
        study.write_text(text.replace("space/", f"{place}/space/") + RAW)
    if command == "group":
        out = root / "maps"
        nodes = ("subjects", "trials", "maps", "questions.cues")
        stages = [word for node in nodes for word in ("--stage", node)]
        cuecircuit("run", root / "study" / "study.yaml", out, *stages, "--n-jobs", n_jobs).wait()
        table = out / "questions" / "cues" / "maps.tsv"
        (root / "maps.tsv").write_text(table.read_text().replace("../../", f"{out}/"))


def hashes(folder):
    """Return what is in a folder: hashes of files, and the names of folders, which may be empty."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
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


@contextmanager
def cluster(folder: Path, n_jobs: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Yield a scheduler, whose file is in `folder`, and a process with workers, which are gone after the block."""
    folder.mkdir()
    options = {"start_new_session": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    parts = {
        "scheduler": ("--port", 0, "--host", "127.0.0.1"),
        "worker": ("--nworkers", n_jobs, "--nthreads", 1, "--local-directory", folder),
    }
    where = ("--no-dashboard", "--scheduler-file", folder / "scheduler.json")
    processes = {
        part: subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{part}", *map(str, (*where, *words))], **options
        )
        for part, words in parts.items()
    }
    try:
        yield processes
    finally:
        for process in processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def address(folder: Path, n_jobs: int) -> str:
    """Wait for the scheduler and its workers; return its address."""
    from distributed import Client

    with Client(scheduler_file=str(folder / "scheduler.json"), timeout=60) as client:
        client.wait_for_workers(n_jobs, timeout=60)
        return client.scheduler.address


def kill(process, how, processes):
    """Send the signal of a trial."""
    if how == "all":
        os.killpg(process.pid, signal.SIGKILL)
    elif how == "scheduler":
        processes["scheduler"].kill()
    elif how == "worker":
        nanny = processes["worker"].pid
        while True:  # until one has started
            threads = Path(f"/proc/{nanny}/task").glob("*/children")
            children = [int(pid) for thread in threads for pid in thread.read_text().split()]
            if workers := [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]:
                break
        os.kill(workers[0], signal.SIGKILL)
    else:
        process.send_signal(signal.SIGTERM if how == "SIGTERM" else signal.SIGKILL)


def killed(words, after_s, how, processes, env):
    """Run, kill after a while.

    Returns:
        Its id, whether it was at work, seconds that processes of it lived on, its exit status and its stderr.
    """
    mark = uuid.uuid4().hex
    with tempfile.TemporaryFile("w+") as printed:
        process = cuecircuit(*words, mark=mark, stderr=printed, env=env)
        time.sleep(after_s)
        at_work, start = process.poll() is None, time.monotonic()
        if at_work:
            kill(process, how, processes)
        if how == "worker":  # the command goes on
            process.wait()
            start = time.monotonic()
        process.wait()
        while alive(mark) and time.monotonic() < start + 60:
            time.sleep(0.02)
        lived_s = time.monotonic() - start
        printed.seek(0)
        at_work &= how == "worker" or process.returncode != 0  # it may have ended just before the signal
        return process.pid, at_work, lived_s, process.returncode, printed.read()


class Trials:
    """Kills of one command, compared with its undisturbed run."""

    def __init__(self, root: Path, command: str, n_jobs: int) -> None:
        """Make the study, and run the command undisturbed."""
        prepare(root, command, n_jobs)
        self.root, self.command, self.n_jobs = root, command, n_jobs
        self.words = commands(root, n_jobs)[command]
        self.how = ("worker", "scheduler") if command == "dask" else HOW
        folder = root / "whole"
        folder.mkdir()
        with self.helped(folder) as (words, _):
            started = time.monotonic()
            status = self.run(folder, words)
            self.took_s = time.monotonic() - started
        self.expected = hashes(folder / "out")
        assert status == 0, f"{command} failed undisturbed with exit {status}"

    def run(self, folder: Path, words: tuple) -> int:
        before, after = self.words
        return cuecircuit(*before, folder / "out", *after, *words, env=environment(folder)).wait()

    @contextmanager
    def helped(self, folder: Path):
        """Yield further words and, where the command works on a cluster, the processes of one."""
        if self.command != "dask":
            yield (), {}
            return
        with cluster(place := self.root / f"cluster{uuid.uuid4().hex}", self.n_jobs) as processes:
            yield ("--dask", address(place, self.n_jobs)), processes

    def trial(self, number: int, after_s: float) -> tuple[bool, bool, float]:
        """Return whether the command was at work, whether all was as it should be, and seconds to its end."""
        how = self.how[number % len(self.how)]
        folder = Path(tempfile.mkdtemp(dir=self.root))
        out, (before, after) = folder / "out", self.words
        with self.helped(folder) as (words, processes):
            pid, at_work, lived_s, first, printed = killed(
                (*before, out, *after, *words), after_s, how, processes, environment(folder)
            )
        there = hashes(out) if out.exists() else {}
        with self.helped(folder) as (words, _):
            status = self.run(folder, words)
        found = hashes(out) if out.exists() else {}
        wrong = sorted(name for name in {*found, *self.expected} if found.get(name) != self.expected.get(name))
        left = [path.name for path in folder.iterdir() if path.name not in ("out", "tmp")]
        left += [str(path.relative_to(folder)) for path in (folder / "tmp").rglob("*") if path.name not in DASK_LOCKS]
        if how != "all":  # joblib's tracker of shared memory is killed with all others
            left += [str(path) for path in SHARED_MEMORY.glob(f"*[_-]{pid}[_-]*")]
        done = there == self.expected  # some commands refuse a folder that holds files
        right = first in (STATUS[how] if at_work else (0,)) and "Traceback" not in printed
        right = right and lived_s <= END_S.get(how, MOST_END_S)
        print(
            f"killed after {after_s:5.1f} s ({how}; {'at work' if at_work else 'had ended'}; {len(there)} paths), exit "
            f"{first}, gone {lived_s:.2f} s later: again: exit {status}, {len(wrong)} differ {wrong[:3]}, left {left}"
            + ("" if right else f"\n{printed}"),
            flush=True,
        )
        return at_work, right and (status == 0 or done) and not wrong and not left, lived_s


def environment(folder: Path) -> dict[str, str]:
    """Temporary files of a trial beside its OUT, where they are seen."""
    (folder / "tmp").mkdir(exist_ok=True)
    return {"TMPDIR": str(folder / "tmp")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", default="run", choices=list(commands(Path(), 1)))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        trials = Trials(Path(name), options.command, options.n_jobs)
        print(f"{options.command}, undisturbed: {trials.took_s:.1f} s, {len(trials.expected)} paths", flush=True)
        ends = []
        while len(ends) < options.kills:
            after_s = rng.uniform(0, trials.took_s)
            at_work, right, lived_s = trials.trial(len(ends), after_s)
            if at_work:
                ends.append((right, lived_s))
            else:  # the machine was busier before
                trials.took_s = after_s
    good, slowest = sum(right for right, _ in ends), max(lived_s for _, lived_s in ends)
    print(f"{options.command}: {good} of {options.kills} ended with the bytes of the undisturbed run and nothing left")
    print(f"{options.command}: the slowest kill had all processes gone after {slowest:.2f} s")
    sys.exit(good < options.kills)


if __name__ == "__main__":
    main()
