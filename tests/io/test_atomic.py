import os
import subprocess
import sys
from pathlib import Path

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing, scratch_beside, sweep, sweep_left


def test_a_file_is_on_the_disk_before_it_takes_its_name_and_the_name_before_it_is_done(tmp_path, monkeypatch):
    events = []
    real_fsync, real_replace = os.fsync, type(tmp_path).replace

    def fsync(number):
        events.append(str(Path(f"/proc/self/fd/{number}").readlink()).replace(str(tmp_path), ""))
        real_fsync(number)

    def replace(new, path):
        events.append(f"{new.name} -> {path.name}")
        return real_replace(new, path)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(type(tmp_path), "replace", replace)
    with replacing(tmp_path / "folder", folder=True) as new:
        (new / "below").mkdir()
        with replacing(new / "below" / "map.tsv") as part:
            part.write_text("data")
    named = events.index("folder -> folder")
    before = [event.split("/", 2)[-1] for event in events[:named]]
    assert {"folder", "folder/below", "folder/below/map.tsv"} <= set(before)
    assert before.count("folder/below/map.tsv") == 1  # flushed once, with the whole
    assert events[named + 1 :] == [""]


def test_what_stood_there_as_a_link_is_replaced_and_what_it_led_to_stays(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "keep.txt").write_text("keep")
    (tmp_path / "out").symlink_to("other")
    with replacing(tmp_path / "out", folder=True) as new:
        (new / "a").write_text("")
    assert not (tmp_path / "out").is_symlink()
    assert (tmp_path / "other" / "keep.txt").read_text() == "keep"


def test_scratch_of_a_killed_process_is_swept_and_that_of_a_living_one_stays(tmp_path):
    code = (
        "import os, sys, pathlib; from cuecircuit.io.atomic import scratch_beside\n"
        "with scratch_beside(pathlib.Path(sys.argv[1])) as scratch: os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "out"], check=False)
    (left,) = tmp_path.glob(".unfinished-*")
    with scratch_beside(tmp_path / "other") as alive:
        (alive / "part").write_text("")
        sweep_left(tmp_path / "out")
        assert list(tmp_path.iterdir()) == [alive]
        assert (alive / "part").exists()
    assert not left.exists()


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path):
    (tmp_path / "maps.zip").mkdir()
    (tmp_path / "maps.zip" / "keep.txt").write_text("keep")
    with pytest.raises(DataError, match=r"maps\.zip: a folder, expected a file"), replacing(tmp_path / "maps.zip"):
        pass
    assert (tmp_path / "maps.zip" / "keep.txt").read_text() == "keep"


@pytest.mark.parametrize("name", [".unfinished-thesis", ".unfinished-chapter1.d", ".unfinished-"])
def test_a_folder_of_somebody_else_is_not_taken_for_scratch(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / ".unfinished-abcdefg0").symlink_to(tmp_path / name)
    (tmp_path / ".unfinished-abcdefg1").write_text("a file")
    sweep(tmp_path)
    sweep_left(tmp_path / "out")
    assert len(list(tmp_path.iterdir())) == 3
