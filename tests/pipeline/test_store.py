import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.store import Stage, Store


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text("data")
    return path


def a_stage(source, settings=None, text="result"):
    return Stage(
        name="group",
        target="group",
        settings=settings or {"correction": {"alpha": 0.05, "voxel_p": 0.01}},
        inputs=(source,),
        make=lambda new: (new / "map.tsv").write_text(text) and None,
    )


def test_what_was_done_is_up_to_date(tmp_path, source):
    store = Store(tmp_path / "out")
    assert store.why_stale(a_stage(source)) == "not done yet"
    store.run(a_stage(source))
    assert store.why_stale(a_stage(source)) is None
    assert Store(tmp_path / "out").why_stale(a_stage(source)) is None


def test_a_change_is_named(tmp_path, source):
    store = Store(tmp_path / "out")
    store.run(a_stage(source))
    changed = a_stage(source, {"correction": {"alpha": 0.01, "voxel_p": 0.01}})
    assert store.why_stale(changed) == "setting correction.alpha changed"
    source.write_text("other data")
    assert "input.txt changed" in (store.why_stale(a_stage(source)) or "")


def test_a_lost_or_edited_output_is_noticed(tmp_path, source):
    store = Store(tmp_path / "out")
    store.run(a_stage(source))
    output = tmp_path / "out" / "group" / "map.tsv"
    output.write_text("edited")
    assert store.why_stale(a_stage(source)) == "output group/map.tsv was edited"
    output.unlink()
    assert store.why_stale(a_stage(source)) == "output group/map.tsv is gone"


def test_a_stage_that_fails_keeps_the_old_result_but_is_undone(tmp_path, source):
    store = Store(tmp_path / "out")
    store.run(a_stage(source))

    def fail(new):
        (new / "half").write_text("half")
        raise DataError("scan 3 is damaged")

    broken = Stage(name="group", target="group", settings={}, inputs=(source,), make=fail)
    with pytest.raises(DataError, match="scan 3"):
        store.run(broken)
    assert [path.name for path in (tmp_path / "out" / "group").iterdir()] == ["map.tsv"]
    assert store.why_stale(a_stage(source)) == "not done yet"


def test_two_runs_never_share_a_folder(tmp_path):
    first, second = Store(tmp_path / "out"), Store(tmp_path / "out")
    with first.alone(), pytest.raises(DataError, match="is writing here"), second.alone():
        pass
    with second.alone():
        pass


def test_workers_of_a_killed_run_keep_the_folder_until_they_end(tmp_path, monkeypatch):
    monkeypatch.setattr("cuecircuit.pipeline.store._WAIT_S", 1)
    store = Store(tmp_path / "out")
    with store._at_work(), pytest.raises(DataError, match="workers of a run that was killed"), store.alone():
        pass
    with store.alone():
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        Store(tmp_path / "file" / "out")


def test_a_folder_of_files_that_no_run_made_is_left_as_it_is(tmp_path):
    scan = tmp_path / "rats" / "sub-1" / "bold.nii.gz"
    scan.parent.mkdir(parents=True)
    scan.write_text("raw")

    for _ in range(2):
        with pytest.raises(DataError, match=r"rats: holds files that no run made.*such as .*results"):
            Store(tmp_path / "rats")

    assert [path.name for path in (tmp_path / "rats").iterdir()] == ["sub-1"]
    Store(tmp_path / "rats" / "results")


def test_what_another_folder_has_done_alike_is_taken_over_and_not_made_again(tmp_path, source):
    Store(tmp_path / "first", tmp_path).run(a_stage(source))
    second = Store(tmp_path / "second", tmp_path, donors=(tmp_path / "first",))
    assert second.why_stale(a_stage(source, text="made again")) is None
    assert (tmp_path / "second" / "group" / "map.tsv").read_text() == "result"
    assert second.taken_over() == {"group": "first"}
    # it stands by itself: the donor may go
    (tmp_path / "first" / "group" / "map.tsv").unlink()
    assert Store(tmp_path / "second", tmp_path).why_stale(a_stage(source)) is None


def test_files_taken_over_take_no_further_room(tmp_path, source):
    Store(tmp_path / "first").run(a_stage(source))
    Store(tmp_path / "second", donors=(tmp_path / "first",)).why_stale(a_stage(source))
    first, second = (tmp_path / name / "group" / "map.tsv" for name in ("first", "second"))
    assert first.samefile(second)


def test_on_a_disk_without_links_files_are_copied(tmp_path, source, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr("cuecircuit.pipeline.store.os.link", refuse)
    Store(tmp_path / "first").run(a_stage(source))
    Store(tmp_path / "second", donors=(tmp_path / "first",)).why_stale(a_stage(source))
    first, second = (tmp_path / name / "group" / "map.tsv" for name in ("first", "second"))
    assert second.read_bytes() == first.read_bytes()
    assert not first.samefile(second)


@pytest.mark.parametrize("difference", ["setting", "input", "damage"])
def test_what_differs_is_not_taken_over(tmp_path, source, difference):
    Store(tmp_path / "first").run(a_stage(source))
    settings = {"correction": {"alpha": 0.01}} if difference == "setting" else None
    if difference == "input":
        source.write_text("other data")
    if difference == "damage":
        (tmp_path / "first" / "group" / "map.tsv").write_text("edited by hand")
    second = Store(tmp_path / "second", donors=(tmp_path / "first",))
    assert second.why_stale(a_stage(source, settings)) == "not done yet"
    second.run(a_stage(source, settings, text="own result"))
    assert (tmp_path / "second" / "group" / "map.tsv").read_text() == "own result"
    assert second.taken_over() == {}


def test_a_new_run_of_a_stage_leaves_the_files_it_was_shared_with_alone(tmp_path, source):
    Store(tmp_path / "first").run(a_stage(source))
    second = Store(tmp_path / "second", donors=(tmp_path / "first",))
    second.why_stale(a_stage(source))
    second.run(a_stage(source, {"correction": {"alpha": 0.01}}, text="own result"))
    assert (tmp_path / "first" / "group" / "map.tsv").read_text() == "result"
