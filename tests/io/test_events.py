import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.io.events import EventRules, clean_events, read_events, read_run_events


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
        f"{path}:1: column trial_type is missing; name the column of the conditions (trials.column); found: onset, "
        "condition",
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
    assert any(fault.startswith(f"{path}:1: column trial_type is missing; name the column") for fault in found)


def test_real_picture_events_are_read(real_data):
    events = read_events(real_data / "human" / "studyforrest_localizer" / "events.tsv", scan_s=312.0)

    assert len(events) == 192
    assert events["trial_type"].value_counts().tolist() == [32] * 6
    assert events["onset"].iloc[0] == 12.028


def clean(text, cells=("look_drug", "look_food"), scan_s=100.0, **rules):
    return clean_events(as_text(text), EventRules(cells=cells, **rules), scan_s=scan_s)


def as_text(text):
    header, *rows = (line.split() for line in text.strip().splitlines())
    return pd.DataFrame(rows, columns=header).replace("n/a", np.nan)


def clean_faults(text, **options):
    with pytest.raises(DataError) as caught:
        clean(text, **options)
    return caught.value.faults


@pytest.mark.parametrize("ignored", [(), ("button",)])
def test_what_bids_allows_and_is_no_cell_is_left_out_and_counted(ignored):
    events = clean(
        """
        onset duration trial_type
        0 4 look_drug
        10 4 look_food
        14 n/a button
        20 4 n/a
        n/a 1 button
        """,
        ignored=ignored,
    )

    assert events.table["trial_type"].tolist() == ["look_drug", "look_food"]
    assert events.table["onset"].tolist() == [0.0, 10.0]
    assert sum(events.left_out.values()) == 3
    assert events.left_out["without an onset", "button"] == 1
    assert events.left_out["without a condition", "n/a"] == 1


def test_a_cell_that_was_not_presented_is_left_out_and_counted():
    events = clean("onset duration trial_type\n0 4 look_drug\nn/a 4 look_food\n")

    assert events.table["trial_type"].tolist() == ["look_drug"]
    assert events.left_out == {("without an onset", "look_food"): 1}


def test_a_cell_without_duration_is_a_fault():
    assert clean_faults("onset duration trial_type\n0 n/a look_drug\n") == ("2: duration is empty; give seconds",)


def test_a_row_that_cannot_be_read_is_a_fault_though_it_is_no_cell():
    faults = clean_faults("onset duration trial_type\n0 4 look_drug\nlate 4 button\n9 -1 button\n")

    assert faults == ("3: onset 'late' is no number of seconds", "4: duration -1 s is below 0")


def test_an_end_screen_after_the_scan_is_left_out_and_a_cell_after_it_is_a_fault():
    text = "onset duration trial_type\n0 4 look_drug\n100 2 {}\n"

    assert clean(text.format("end")).left_out == {("that are no cell and begin after the last volume", "end"): 1}
    assert clean_faults(text.format("look_food")) == ("3: onset 100 s lies past the end of the scan (100 s)",)


def test_further_conditions_are_modeled_or_ignored():
    text = "onset duration trial_type\n0 4 look_drug\n9 1 rating\n"

    assert clean(text).table["trial_type"].tolist() == ["look_drug", "rating"]
    without = clean(text, ignored=("rating",))
    assert without.table["trial_type"].tolist() == ["look_drug"]
    assert without.left_out == {("of an ignored condition", "rating"): 1}


def test_ignored_rows_may_hold_what_no_event_may():
    text = "onset duration trial_type\n0 4 look_drug\n400 1 rating\nlate -2 rating\n"

    assert clean(text, ignored=("rating",)).table["trial_type"].tolist() == ["look_drug"]


def test_blanks_around_a_condition_are_no_part_of_its_name():
    table = pd.DataFrame({"onset": ["0"], "duration": ["4"], "trial_type": ["look_drug "]})

    assert clean_events(table, EventRules(cells=("look_drug",))).table["trial_type"].tolist() == ["look_drug"]


def test_a_decimal_comma_is_named():
    assert clean_faults("onset duration trial_type\n1,5 4 look_drug\n") == (
        "2: onset '1,5' has a decimal comma; write a point",
    )


def test_a_doubled_row_is_refused_with_both_lines():
    faults = clean_faults("onset duration trial_type\n0 4 look_drug\n9 1 rating\n0 4 look_drug\n9 2 rating\n")

    assert faults == (
        "4: look_drug at 0 s is also on line 2; keep one row for each event",
        "5: rating at 9 s is also on line 3; keep one row for each event",
    )


def test_conditions_may_have_a_column_of_another_name_and_be_numbers():
    events = clean("onset duration trial condition\n5.3 4.8 1 1\n15.1 4.8 2 2\n", cells=("1", "2"), column="condition")

    assert events.table["trial_type"].tolist() == ["1", "2"]
    assert events.table["onset"].tolist() == [5.3, 15.1]


def test_rows_keep_the_place_they_have_in_the_file():
    events = clean("onset duration trial_type\n1 1 n/a\n10 4 look_food\n0 4 look_drug\n")

    assert events.table.index.tolist() == [1, 2]


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 99), st.booleans(), st.sampled_from(["look_drug", "look_food", "button", None])),
        min_size=1,
        unique_by=lambda row: row[0],
    )
)
def test_every_row_counts_or_is_counted(rows):
    table = pd.DataFrame(
        [(np.nan if lost else str(onset), "1", np.nan if kind is None else kind) for onset, lost, kind in rows],
        columns=["onset", "duration", "trial_type"],
    )

    events = clean_events(table, EventRules(cells=("look_drug", "look_food")), scan_s=100.0)

    assert len(events.table) + sum(events.left_out.values()) == len(rows)
    assert np.isfinite(events.table["onset"]).all()


@pytest.mark.parametrize(("case", "left_out"), [("events_bids_na", 3), ("events_after_end", 1)])
def test_cases_of_events_as_they_come_are_read(cases, case, left_out):
    rules = EventRules(cells=("look_drug", "look_food"))

    events = read_run_events(cases / "maps" / case / "task-cue_events.tsv", rules, scan_s=100.0)

    assert set(events.table["trial_type"]) <= {"look_drug", "look_food"}
    assert sum(events.left_out.values()) == left_out


def test_real_gambling_cues_have_their_conditions_in_another_column(real_data):
    paths = sorted((real_data / "real" / "cue_events" / "ds002513").rglob("*_events.tsv"))

    for path in paths:
        events = read_run_events(path, EventRules(column="condition", cells=("1", "2")))
        assert set(events.table["trial_type"]) == {"1", "2"}
    assert len(paths) > 10


def test_ratings_between_real_food_cues_are_left_out_when_asked(real_data):
    for path in sorted((real_data / "real" / "cue_events" / "ds003242").rglob("*_events.tsv")):
        raw = pd.read_csv(path, sep="\t")
        cells = tuple(sorted(set(raw["trial_type"]) - {"Rating"}))

        events = read_run_events(path, EventRules(cells=cells, ignored=("Rating",)))

        assert events.left_out == {("of an ignored condition", "Rating"): sum(raw["trial_type"] == "Rating")}
        assert len(events.table) + sum(events.left_out.values()) == len(raw)
