import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.lock import only_writer, writing

HOLD = """
import sys, time
from pathlib import Path
from cuecircuit.io.lock import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that writes to `out`."""
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "out"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_writer_is_told_who_the_first_is(tmp_path, holder):
    said = rf"out: another command \(-c .*; process {holder.pid} on {os.uname().nodename}, since 20.*\) is writing here"
    with pytest.raises(DataError, match=said), only_writer(tmp_path / "out"):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with pytest.raises(DataError, match="is writing here"), only_writer(tmp_path / "link"):
        pass
    with only_writer(tmp_path / "other"):
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_is_taken_over(tmp_path, holder, number):
    holder.send_signal(number)
    holder.wait()
    with only_writer(tmp_path / "out"):
        assert json.loads((tmp_path / ".out.lock").read_text())["pid"] == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_free_after_a_failure(tmp_path):
    @writing
    def command(table: str, out: Path) -> None:
        raise DataError(f"{table} is at fault")

    for _ in range(2):
        with pytest.raises(DataError, match="is at fault"):
            command("table", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"[" * 5000, b"null", b'{"pid": []}', b"\xff", b"{}" * 10_000])
def test_a_damaged_lock_is_taken_over(tmp_path, content):
    (tmp_path / ".out.lock").write_bytes(content)
    with only_writer(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder"])
def test_a_lock_that_leads_elsewhere_is_refused_and_nothing_is_lost(tmp_path, kind):
    victim, lock = tmp_path / "keep.txt", tmp_path / ".out.lock"
    victim.write_text("irreplaceable")
    if kind == "link":
        lock.symlink_to(victim)
    elif kind == "hard link":
        lock.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(lock)
    else:
        lock.mkdir()
    with pytest.raises(DataError, match=r"\.out\.lock|out: cannot be written"), only_writer(tmp_path / "out"):
        pass
    assert victim.read_text() == "irreplaceable"


def test_where_the_disk_has_no_locks_a_living_holder_is_believed_and_a_dead_one_is_not(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    dead = subprocess.Popen(["true"])
    dead.wait()
    lock = tmp_path / ".out.lock"
    host = os.uname().nodename
    for pid, where, free in ((os.getpid(), host, False), (dead.pid, host, True), (dead.pid, "elsewhere", False)):
        lock.write_text(json.dumps({"command": "run", "pid": str(pid), "host": where, "since": "2026"}))
        if free:
            with only_writer(tmp_path / "out"):
                pass
        else:
            with pytest.raises(DataError, match=f"run; process {pid} on {where}"), only_writer(tmp_path / "out"):
                pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_whose_parent_is_read_only_is_locked_in_itself(tmp_path):
    (tmp_path / "disk" / "out").mkdir(parents=True)
    (tmp_path / "disk").chmod(0o555)
    with only_writer(tmp_path / "disk" / "out"):
        assert (tmp_path / "disk" / "out" / ".lock").exists()
    assert list((tmp_path / "disk" / "out").iterdir()) == []


def test_many_writers_take_turns_and_never_meet(tmp_path):
    code = """
import sys, time
from pathlib import Path
from cuecircuit.errors import DataError
from cuecircuit.io.lock import only_writer
out, met = Path(sys.argv[1]), 0
for _ in range(200):
    try:
        with only_writer(out):
            (out.parent / "inside").mkdir()
            (out.parent / "inside").rmdir()
    except DataError:
        pass
"""
    crowd = [subprocess.Popen([sys.executable, "-c", code, tmp_path / "out"]) for _ in range(4)]
    assert [process.wait() for process in crowd] == [0, 0, 0, 0]
    assert list(tmp_path.iterdir()) == []


def test_scratch_of_a_killed_command_is_gone_after_the_next(tmp_path):
    code = HOLD.replace(
        'print("held"', '__import__("tempfile").mkdtemp(prefix=".unfinished-", dir=sys.argv[2]); print("held"'
    )
    for folder in (tmp_path, tmp_path / "out", tmp_path / "out" / "figures"):
        folder.mkdir(exist_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "out", folder], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()
    with only_writer(tmp_path / "out"):
        assert not list(tmp_path.rglob(".unfinished-*"))
