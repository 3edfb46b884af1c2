"""Signals, lost parents and whatever nobody foresaw: one line, the right status, nobody left at work."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# a command whose workers say who they are and never end, and one that fails in an unforeseen way
SCRIPT = """
import os, sys, time, warnings
from pathlib import Path
import cuecircuit.cli
from cuecircuit.cli.app import app
from cuecircuit.io.atomic import replacing
from cuecircuit.io.lock import only_writer
from cuecircuit.pipeline.progress import say

def forever(folder, number):
    with replacing(Path(folder) / f"part{number}") as new:
        new.write_text("half")
        (Path(folder) / f"pid{number}").write_text(str(os.getpid()))
        while True:
            time.sleep(1)

@app.command()
def work(out: Path):
    from joblib import Parallel, delayed
    from cuecircuit.pipeline.workers import tied
    with only_writer(out):
        out.mkdir()
        for _ in Parallel(n_jobs=2, return_as="generator")(delayed(tied(forever))(str(out), k) for k in range(4)):
            pass

@app.command()
def compiled(out: Path):
    import numpy as np
    from cuecircuit.compiled import njit
    @njit(nogil=True)
    def spin(n):
        total = 0
        while total >= 0:
            total += n & 1
            n += 2
            total -= n & 1
        return total
    (out.parent / "started").write_text("")
    spin(2)

@app.command()
def finalizing(out: Path):
    class Slow:
        def __del__(self):
            (out.parent / "started").write_text("")
            time.sleep(60)
    Slow()
    time.sleep(60)

@app.command()
def idle(out: Path):
    # the workers are there, and their parent ends before they have a task
    from joblib.externals.loky import get_reusable_executor
    from cuecircuit.pipeline.workers import ends_with_parent
    executor = get_reusable_executor(max_workers=2, **ends_with_parent())
    executor._ensure_executor_running()
    out.mkdir()
    for number, pid in enumerate(executor._processes):
        (out / f"pid{number}").write_text(str(pid))
    time.sleep(60)

@app.command()
def surprise(word: str):
    warnings.warn("a library\\nhas doubts", RuntimeWarning)
    raise KeyError(word)

@app.command()
def hungry():
    raise MemoryError

@app.command()
def bereft():
    from joblib import Parallel, delayed
    Parallel(n_jobs=2)(delayed(os._exit)(9) for _ in range(2))

cuecircuit.cli.main()
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def start(script, *words, **options):
    # what starts the tests in the background may have set interrupts to be ignored, which would be inherited
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options}
    return subprocess.Popen(
        [sys.executable, script, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **heard
    )


def until(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def workers(out):
    until(lambda: len([path for path in out.glob("pid*") if path.read_text()]) == 2)
    return [int(path.read_text()) for path in out.glob("pid*")]


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@linux
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_command_with_its_workers_and_leaves_nothing_half_written(script, tmp_path, number, status):
    out = tmp_path / "out"
    process = start(script, "work", out)
    pids = workers(out)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status
    assert said.splitlines() == [
        f"cuecircuit: stopped ({number.name}); what was finished is kept and will not be done again"
    ]
    until(lambda: not any(map(lives, pids)))
    assert not list(out.glob("part*"))
    assert not (tmp_path / ".out.lock").exists()


@linux
@pytest.mark.parametrize("command", ["work", "idle"])
def test_workers_end_when_their_parent_is_killed(script, tmp_path, command):
    process = start(script, command, tmp_path / "out")
    pids = workers(tmp_path / "out")
    process.kill()
    process.communicate(timeout=60)
    until(lambda: not any(map(lives, pids)))


def test_a_signal_ends_compiled_code_too(script, tmp_path):
    process = start(script, "compiled", tmp_path / "out")
    until((tmp_path / "started").exists)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped (SIGTERM)" in said


def test_a_signal_in_a_finalizer_ends_the_command_with_one_line(script, tmp_path):
    process = start(script, "finalizing", tmp_path / "out")
    until((tmp_path / "started").exists)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert said.splitlines() == ["cuecircuit: stopped (SIGTERM); what was finished is kept and will not be done again"]


def test_a_signal_that_the_caller_ignores_stays_ignored(script, tmp_path):
    process = start(script, "work", tmp_path / "out", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    workers(tmp_path / "out")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    process.terminate()
    process.communicate(timeout=60)


def test_what_nobody_foresaw_is_one_line_and_a_report_without_data(script, tmp_path):
    done = subprocess.run(
        [sys.executable, script, "surprise", "word"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 70
    note, line = done.stderr.splitlines()
    assert note == "cuecircuit: note: a library has doubts (script: RuntimeWarning)"
    (report,) = tmp_path.glob("cuecircuit-fault-*.txt")
    assert line == (
        f"cuecircuit: KeyError: 'word'; a fault of the program: please report it with {report}, which holds no data"
    )
    text = report.read_text()
    assert text.startswith("command: cuecircuit surprise word\n")
    assert "numpy 2" in text
    assert "builtins.KeyError, raised at:" in text
    assert "in surprise" in text
    assert "KeyError: 'word'" not in text


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("hungry", "not enough memory; use fewer --n-jobs"),
        ("bereft", "a worker process was killed, most often for"),
    ],
)
def test_memory_that_ran_out_is_one_line(script, tmp_path, word, line):
    done = subprocess.run([sys.executable, script, word], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"cuecircuit: {line}")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("cuecircuit-fault-*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_that_cannot_be_written_is_one_line_or_none(stream):
    words = ["audit", "F(9,171)=4.25, P=0.002"]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        done = subprocess.run(
            [sys.executable, "-c", "from cuecircuit.cli import main; main()", *words],
            **streams,
            text=True,
            check=False,
        )
    if stream == "stdout":
        assert done.returncode == 1
        assert done.stderr == "cuecircuit: output cannot be written (No space left on device)\n"
    else:
        assert done.returncode == 0


@pytest.mark.parametrize(
    ("closed", "words", "line"),
    [
        (0, ("audit", "-"), "found no F, t, r"),
        (1, ("designs",), "output cannot be written (Bad file descriptor)"),
        (None, ("init", "--yes"), "the working folder was removed; change to one that is there"),
    ],
)
def test_a_stream_closed_or_a_working_folder_removed_by_the_caller_is_one_line(closed, words, line, tmp_path):
    def before():
        tmp_path.rmdir() if closed is None else os.close(closed)

    done = subprocess.run(
        [sys.executable, "-c", "from cuecircuit.cli import main; main()", *words],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=before,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"cuecircuit: {line}")
    assert len(done.stderr.splitlines()) == 1


def test_loops_are_compiled_where_no_cache_can_be_written(tmp_path):
    code = """
import numba.core.caching as caching
caching.CacheImpl._locator_classes = []
from cuecircuit.compiled import njit
@njit(cache=True, nogil=True)
def double(x):
    return 2 * x
print(double(21))
"""
    path = tmp_path / "script.py"
    path.write_text(code)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("42\n", "")
