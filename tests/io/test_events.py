import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.events import read_blocks, read_events
from cuecircuit.records.scan import Block


def written(folder, text):
    path = folder / "sub-01_task-odor_events.tsv"
    path.write_text(text)
    return path


def faults(path, **options):
    with pytest.raises(DataError) as caught:
        read_events(path, **options)
    return caught.value.faults


def test_events_keep_their_other_columns_and_their_order(tmp_path):
    path = written(
        tmp_path, "onset\tduration\ttrial_type\todor\tblock\n150\t30\tsaline\tlemon\t2\n60.5\t30\t01\tlemon\t1\n"
    )

    events = read_events(path, scan_s=420.0)

    assert events["onset"].tolist() == [150.0, 60.5]
    assert events["duration"].tolist() == [30.0, 30.0]
    assert events["trial_type"].tolist() == ["saline", "01"]
    assert events["odor"].tolist() == ["lemon", "lemon"]
    assert events["block"].tolist() == [2, 1]


def test_blocks_come_in_order_of_time(tmp_path):
    path = written(tmp_path, "onset\tduration\ttrial_type\n150\t30\tb\n60\t29.5\ta\n")

    assert read_blocks(path) == (
        Block(onset_s=60.0, duration_s=29.5, cue="a"),
        Block(onset_s=150.0, duration_s=30.0, cue="b"),
    )


def test_every_fault_has_its_line(tmp_path):
    rows = (
        "60, 140, 220\t20\ta",
        "60\tn/a\ta",
        "late\t30\ta",
        "90\t-1\tb",
        "420\t30\tb",
        "10\t30\tn/a",
        "inf\t30\ta",
    )
    path = written(tmp_path, "\n".join(["onset\tduration\ttrial_type", *rows]))

    assert faults(path, scan_s=420.0) == (
        f"{path}:2: onset holds 3 values in one cell ('60, 140, 220'); write one row per event",
        f"{path}:3: duration is empty; give seconds",
        f"{path}:4: onset 'late' is no number of seconds",
        f"{path}:5: duration -1 s is below 0",
        f"{path}:6: onset 420 s lies past the end of the scan (420 s)",
        f"{path}:7: trial_type is empty; name the event",
        f"{path}:8: onset 'inf' is no number of seconds",
    )


def test_missing_columns_are_named_with_what_was_found(tmp_path):
    path = written(tmp_path, "onset\tcondition\n1\ta\n")

    assert faults(path) == (
        f"{path}:1: column duration is missing; found: onset, condition",
        f"{path}:1: column trial_type is missing; found: onset, condition",
    )


def test_a_file_without_events_is_a_fault(tmp_path):
    path = written(tmp_path, "onset\tduration\ttrial_type\n")

    assert faults(path) == (f"{path}:1: no events; expected one row per event",)


def test_a_missing_file_is_named(tmp_path):
    assert faults(tmp_path / "events.tsv") == (f"{tmp_path / 'events.tsv'}: no such file",)


def test_the_three_onsets_in_one_cell_of_a_real_rat_are_refused(real_data):
    folder = real_data / "rat" / "bids_ds005534" / "sub-0200100" / "ses-1" / "func"
    path = folder / "sub-0200100_ses-1_task-sensorystim_run-1_events.tsv"

    found = faults(path)

    assert f"{path}:2: onset holds 3 values in one cell ('60, 140, 220'); write one row per event" in found
    assert f"{path}:2: duration holds 3 values in one cell ('20, 20, 20'); write one row per event" in found
    assert f"{path}:1: column trial_type is missing; found: onset, duration" in found


def test_real_picture_events_are_read(real_data):
    events = read_events(real_data / "human" / "studyforrest_localizer" / "events.tsv", scan_s=312.0)

    assert len(events) == 192
    assert events["trial_type"].value_counts().tolist() == [32] * 6
    assert events["onset"].iloc[0] == 12.028
