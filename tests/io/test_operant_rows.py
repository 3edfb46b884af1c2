from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.operant_rows import read_rows, read_workbook


def text_file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "rat\ttime\nR1\t1,5\n"),
        ("a.csv", 'rat,time\nR1,"1,5"\n'),
        ("a.csv", "rat;time\nR1;1,5\n"),
        ("a.csv", "\ufeffrat; time \r\nR1 ; 1,5\r\n"),
    ],
)
def test_tabs_commas_and_semicolons_part_cells(tmp_path: Path, name: str, text: str):
    rows = read_rows(text_file(tmp_path / name, text))

    assert (rows.header, rows.cells) == (("rat", "time"), (("R1", "1,5"),))


def test_lines_are_those_of_the_file_even_after_blank_ones(tmp_path: Path):
    rows = read_rows(text_file(tmp_path / "a.csv", "\na,b\n1,2\n\n\n3,4\n"))

    assert (rows.lines, rows.column("b")) == ((3, 6), ["2", "4"])


def test_cells_of_a_workbook_read_as_a_person_sees_them(tmp_path: Path):
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["rat", "n", "t", "start"])
    sheet.append([12.0, True, 1.25, datetime(2024, 1, 31, 9, 0, 5)])
    book.create_sheet("other").append(["x"])
    book.save(tmp_path / "a.xlsx")

    assert read_rows(tmp_path / "a.xlsx").cells == (("12", "TRUE", "1.25", "2024-01-31 09:00:05"),)
    assert read_rows(tmp_path / "a.xlsx", sheet="other").header == ("x",)
    assert list(read_workbook(tmp_path / "a.xlsx")) == ["Sheet", "other"]
    with pytest.raises(DataError, match="no sheet 'none'; found: Sheet, other"):
        read_rows(tmp_path / "a.xlsx", sheet="none")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"a,b\n1\n", r"a\.csv:2: 1 cells under a header of 2"),
        ("a.csv", b"a,a\n1,2\n", "column 'a' is duplicated"),
        ("a.csv", b"a,b\n\xff\xfe,2\n", "save it as UTF-8"),
        ("a.csv", b'a,b\n"1,2\n', "cannot be read as a table"),
        ("a.xlsx", b"PK\x03\x04 no zip", "cannot be read as an xlsx workbook"),
        ("none.csv", None, "No such file"),
    ],
)
def test_what_is_no_table_is_turned_away(tmp_path: Path, name: str, content: bytes | None, found: str):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=found):
        read_rows(tmp_path / name)
