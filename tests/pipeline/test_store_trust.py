"""A folder of results that somebody else wrote, moved, linked or damaged: no file outside it is lost."""

import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.io.atomic import scratch_beside
from cuecircuit.pipeline.stage_record import read_record
from cuecircuit.pipeline.store import Store, file_hash
from tests.pipeline.test_store import a_stage

CASE = Path(__file__).parents[3] / "shared" / "cases" / "trust" / "store_record_deletes" / "sub_EVIL.json"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text("data")
    return path


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "victim" / "keep.txt"
    path.parent.mkdir()
    path.write_text("irreplaceable")
    return path


def forge(store, outputs, name="sub-EVIL"):
    record = {"code": "x", "settings": {}, "inputs": {}, "outputs": outputs}
    (store.root / ".cuecircuit" / f"{name}.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    "climb",
    [
        "../victim/keep.txt",
        "sub-EVIL/../../victim/keep.txt",
        "..\\victim\\keep.txt",
        "./../victim/keep.txt",
        "link/keep.txt",
        "sub-EVIL/link/keep.txt",
        "parent/victim/keep.txt",
        "file_link",
        "C:\\victim\\keep.txt",
        "\\\\host\\victim\\keep.txt",
        "",
        ".",
        "nul\0byte",
        "n" * 300,
        "\ud800",
    ],
)
def test_a_record_cannot_have_files_elsewhere_deleted(tmp_path, source, victim, climb):
    store = Store(tmp_path / "out")
    (store.root / "sub-EVIL").mkdir()
    (store.root / "link").symlink_to(victim.parent)
    (store.root / "sub-EVIL" / "link").symlink_to("../../victim")
    (store.root / "parent").symlink_to("..")
    (store.root / "file_link").symlink_to(victim)
    forge(store, {climb: file_hash(victim), str(victim): file_hash(victim)})
    store.run(a_stage(source))
    store.records()
    store.drop(store.names())
    assert victim.read_text() == "irreplaceable"
    forge(store, {climb: file_hash(victim)})
    store.drop(store.names())
    assert victim.read_text() == "irreplaceable"


@pytest.mark.skipif(not CASE.exists(), reason="cases are not beside the checkout")
def test_the_record_that_once_deleted_files_is_no_record(tmp_path, victim):
    store = Store(tmp_path / "out")
    (store.root / ".cuecircuit" / "sub-EVIL.json").write_bytes(CASE.read_bytes())
    assert store.records() == {}
    store.drop(store.names())
    assert store.names() == []
    assert victim.read_text() == "irreplaceable"


@pytest.mark.parametrize("name", ["...json", "..json", ".json"])
def test_the_name_of_a_record_cannot_have_the_folder_or_its_parent_deleted(tmp_path, source, victim, name):
    store = Store(tmp_path / "out")
    store.run(a_stage(source))
    (store.root / ".cuecircuit" / name).write_text("{}")
    assert store.names() == ["group"]
    store.drop([each for each in store.names() if each != "group"])
    assert victim.read_text() == "irreplaceable"
    assert store.why_stale(a_stage(source)) is None


def test_what_a_command_further_down_is_at_is_not_swept(tmp_path):
    store = Store(tmp_path / "out")
    with scratch_beside(store.root / "group" / "maps") as scratch:
        with store.alone():
            pass
        assert scratch.is_dir()
    with store.alone():
        pass
    assert list((store.root / "group").iterdir()) == []


def test_what_a_record_names_but_no_stage_made_stays(tmp_path):
    store = Store(tmp_path / "out")
    (store.root / "notes.txt").write_text("written by hand")
    forge(store, {"notes.txt": "0"})
    store.drop(["sub-EVIL"])
    assert (store.root / "notes.txt").read_text() == "written by hand"


DAMAGED = {
    "empty": b"",
    "cut": b'{"code": "x", "settings": {',
    "list": b"[]",
    "null": b"null",
    "number": b"1e999",
    "text": b'"record"',
    "foreign": b'{"name": "something else"}',
    "extra": b'{"code": "x", "settings": {}, "inputs": {}, "outputs": {}, "more": 1}',
    "types": b'{"code": 1, "settings": [], "inputs": {}, "outputs": {"a": 3}}',
    "bytes": bytes(range(256)),
    "deep": b"[" * 1_000_000,
    "deep settings": b'{"code": "x", "inputs": {}, "outputs": {}, "settings": ' + b'{"a":' * 100_000,
    "digits": b'{"code": "x", "settings": {"a": ' + b"9" * 100_000 + b'}, "inputs": {}, "outputs": {}}',
    "huge": b" " * (2**25 + 1),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_is_stale_and_the_stage_is_done_again(tmp_path, source, content):
    store = Store(tmp_path / "out")
    record = store.root / ".cuecircuit" / "group.json"
    record.write_bytes(content)
    assert store.why_stale(a_stage(source)) is not None
    store.run(a_stage(source))
    assert store.why_stale(a_stage(source)) is None


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "link to a file", "link to a device", "link to nothing"])
def test_a_record_that_is_no_file_is_stale_and_its_place_is_taken(tmp_path, source, victim, kind):
    store = Store(tmp_path / "out")
    record = store.root / ".cuecircuit" / "group.json"
    if kind == "folder":
        record.mkdir()
    elif kind == "pipe":
        os.mkfifo(record)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as end:
            os.chdir(record.parent)
            end.bind(record.name)
    else:
        record.symlink_to({"file": victim, "device": "/dev/zero", "nothing": "nowhere"}[kind.split()[-1]])
    assert store.why_stale(a_stage(source)) == "its record is damaged"
    store.run(a_stage(source))
    assert store.why_stale(a_stage(source)) is None
    assert record.is_file()
    assert not record.is_symlink()
    assert victim.read_text() == "irreplaceable"


@given(
    content=st.binary() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps)
)
def test_any_content_is_a_record_or_none(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "record.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    assert read_record(path) is None


def test_a_record_of_a_donor_cannot_place_files_outside_its_target(tmp_path, source):
    first = Store(tmp_path / "first", tmp_path)
    first.run(a_stage(source))
    path = first.root / ".cuecircuit" / "group.json"
    (first.root / "other.tsv").write_text("other")
    record = json.loads(path.read_text())
    record["outputs"]["other.tsv"] = file_hash(first.root / "other.tsv")
    path.write_text(json.dumps(record))
    assert Store(tmp_path / "second", tmp_path, donors=(first.root,)).why_stale(a_stage(source)) == "not done yet"


def test_records_behind_a_link_are_refused(tmp_path, victim):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".cuecircuit").symlink_to(victim.parent)
    with pytest.raises(DataError, match="is a link, expected a folder of records"):
        Store(tmp_path / "out")


def linked(store, disk):
    """Move the result of the stage to another disk and leave a link."""
    (store.root / "group").rename(disk)
    (store.root / "group").symlink_to(disk)


def test_a_result_moved_to_another_disk_is_kept_there(tmp_path, source):
    store = Store(tmp_path / "out")
    store.run(a_stage(source))
    linked(store, tmp_path / "disk")
    assert store.why_stale(a_stage(source)) is None
    for alpha in (0.01, 0.02):
        changed = a_stage(source, {"alpha": alpha}, text=f"{alpha}")
        assert store.why_stale(changed) is not None
        store.run(changed)
        assert (store.root / "group").is_symlink()
        assert (tmp_path / "disk" / "map.tsv").read_text() == f"{alpha}"
        assert store.why_stale(changed) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "input.txt", "out"]


def test_a_link_to_an_empty_or_absent_folder_is_filled(tmp_path, source):
    store = Store(tmp_path / "out")
    (store.root / "group").symlink_to(tmp_path / "disk")
    store.run(a_stage(source))
    assert (tmp_path / "disk" / "map.tsv").read_text() == "result"
    assert (store.root / "group").is_symlink()


@pytest.mark.parametrize("moment", ["while it is made", "before the swap", "before the record"])
def test_a_kill_leaves_a_linked_result_replaceable(tmp_path, source, moment, monkeypatch):
    store = Store(tmp_path / "out")
    store.run(a_stage(source))
    linked(store, tmp_path / "disk")
    changed = a_stage(source, {"alpha": 0.01}, text="second")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "while it is made":
            changed = a_stage(source, {"alpha": 0.01})
            object.__setattr__(changed, "make", killed)
        elif moment == "before the swap":
            real = Path.replace
            patch.setattr(Path, "replace", lambda new, path: killed() if path == tmp_path / "disk" else real(new, path))
        else:
            patch.setattr("cuecircuit.pipeline.store.write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            store.run(changed)
    last = a_stage(source, {"alpha": 0.02}, text="third")
    assert store.why_stale(last) == "not done yet"
    store.run(last)
    assert (tmp_path / "disk" / "map.tsv").read_text() == "third"


@pytest.mark.parametrize("what", ["a folder", "a file", "a later file", "an edited file"])
def test_a_link_to_files_of_somebody_else_is_refused(tmp_path, source, victim, what):
    store = Store(tmp_path / "out")
    kept = victim
    if what == "a folder":
        (store.root / "group").symlink_to(victim.parent)
    elif what == "a file":
        (store.root / "group").symlink_to(victim)
    else:
        store.run(a_stage(source))
        linked(store, tmp_path / "disk")
        kept = tmp_path / "disk" / ("notes.txt" if what == "a later file" else "map.tsv")
        kept.write_text("by hand")
    content = kept.read_text()
    changed = a_stage(source, {"alpha": 0.01})
    with pytest.raises(DataError, match=rf"group: a link to .*{kept.name} was not made by this stage, or was edited"):
        store.run(changed)
    assert kept.read_text() == content


def test_a_link_to_a_disk_that_is_away_is_named(tmp_path, source):
    store = Store(tmp_path / "out")
    (store.root / "group").symlink_to(tmp_path / "away" / "group")
    with pytest.raises(DataError, match=r"away/group, which cannot be reached; mount its disk"):
        store.run(a_stage(source))
    (store.root / "group").unlink()
    (store.root / "group").symlink_to("group")
    with pytest.raises(DataError, match="cannot be reached"):
        store.run(a_stage(source))


def test_a_folder_above_a_result_may_not_lead_out(tmp_path, source, victim):
    store = Store(tmp_path / "out")
    (store.root / "quality").symlink_to(victim.parent)
    stage = a_stage(source)
    object.__setattr__(stage, "target", "quality/sub-1")
    with pytest.raises(DataError, match="quality: a link leads out of"):
        store.run(stage)
    assert [path.name for path in victim.parent.iterdir()] == ["keep.txt"]


def test_a_subject_left_out_takes_its_link_along_and_not_what_it_leads_to(tmp_path, source):
    store = Store(tmp_path / "out")
    store.run(a_stage(source))
    linked(store, tmp_path / "disk")
    store.drop(["group"])
    assert not (store.root / "group").is_symlink()
    assert (tmp_path / "disk" / "map.tsv").exists()
