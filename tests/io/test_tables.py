import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.tables import read_json, read_table, write_table


def test_a_table_comes_back_as_it_was_written(tmp_path):
    frame = pd.DataFrame({"subject": ["01", "02"], "rate": [1.25, float("nan")]})
    write_table(tmp_path / "a.tsv", frame, {"subject": "who", "rate": {"Description": "how fast", "Units": "1/min"}})
    back = read_table(tmp_path / "a.tsv", text=("subject",))
    pd.testing.assert_frame_equal(back, frame, check_dtype=False)
    assert (tmp_path / "a.tsv").read_bytes() == b"subject\trate\n01\t1.25\n02\tn/a\n"
    assert read_json(tmp_path / "a.json")["rate"]["Units"] == "1/min"


def test_a_column_without_description_is_our_own_bug(tmp_path):
    with pytest.raises(AssertionError, match="rate"):
        write_table(tmp_path / "a.tsv", pd.DataFrame({"rate": [1]}), {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"a\ta\n1\t2\n", "1: column 'a' is duplicated"),
        (b"a\tb\n1\t2\t3\n", "2: 3 cells under a header of 2"),
        (b"\xff\xfe", "cannot be read as text .* save it as TSV or CSV in UTF-8"),
        (b"PK\x03\x04\xab", "cannot be read as text .* save it as TSV or CSV in UTF-8"),
        (b"rat;intake\nr1;2,5\nr2;3,5\n", "1: one column, 'rat;intake', which holds semicolons; .* by tabs"),
        (b"rat,intake\nr1,2.5\n", "1: one column, 'rat,intake', which holds commas; .* by tabs"),
    ],
)
def test_a_broken_table_is_named(tmp_path, content, said):
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        read_table(path)
    assert str(path) in str(error.value)


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(DataError, match="is a folder; name a table in it"):
        read_table(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.tsv: no such file"):
        read_table(tmp_path / "none.tsv")


def _fill_half_and_fail(target, folder):
    with replacing(target, folder=folder) as new:
        (new / "part" if folder else new).write_text("half")
        raise RuntimeError("power cut")


@pytest.mark.parametrize("folder", [False, True])
def test_a_failure_leaves_what_was_there_and_no_scratch(tmp_path, folder):
    target = tmp_path / "result"
    with replacing(target, folder=folder) as new:
        (new / "part" if folder else new).write_text("whole")
    with pytest.raises(RuntimeError, match="power cut"):
        _fill_half_and_fail(target, folder)
    assert (target / "part" if folder else target).read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="cannot be written"), replacing(tmp_path / "file" / "x"):
        pass


NAMES = ["+/+", "=x", "@x", "-", "NA", "001", "1e3", "true", "nan", "\t", 'say "no"', "#1", "'q'", " x "]


def test_names_keep_their_letters_in_a_table_and_out_again(tmp_path):
    frame = pd.DataFrame({"group": NAMES, "numeral": ["001", *[f"{k}" for k in range(13)]], "value": 1.5})
    notes = {"group": "strain", "numeral": "label", "value": {"Units": "s"}}
    write_table(tmp_path / "t.tsv", frame, notes)
    found = read_table(tmp_path / "t.tsv")
    assert list(found["group"]) == NAMES
    assert list(found["numeral"]) == list(frame["numeral"])
    assert found["value"].dtype == float
    sidecar = read_json(tmp_path / "t.json")
    assert sidecar["group"] == {"Description": "strain", "Format": "string"}
    assert sidecar["value"] == {"Units": "s"}


def test_a_sidecar_that_cannot_be_read_leaves_the_table_as_it_looks(tmp_path):
    (tmp_path / "t.tsv").write_text("a\n1\n")
    (tmp_path / "t.json").write_text("{")
    assert list(read_table(tmp_path / "t.tsv")["a"]) == [1]
