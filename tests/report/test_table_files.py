import io
import re
import xml.etree.ElementTree as ET
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.report.table_files import document, latex, workbook
from cuecircuit.report.tables import printed

EVIL = "<b>&amp; 50 % of_it $x$ {y} \\\\ ~^#"
FRAME = pd.DataFrame({"term": ["group:cue", EVIL], "F": [9.123456789, np.nan], "p": [0.0074, 0.5], "n": [21, 20]})
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def read_workbook(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def test_excel_has_every_digit_of_every_table_in_a_sheet_of_its_own() -> None:
    book = read_workbook(workbook([("Escalation: tests", FRAME), ("Escalation: means", FRAME[["term"]])]))

    assert [[cell.value for cell in row] for row in book["Contents"]] == [
        ["Escalation tests", "Escalation: tests"],
        ["Escalation means", "Escalation: means"],
    ]
    rows = list(book["Escalation tests"].values)
    assert rows == [("term", "F", "p", "n"), ("group:cue", 9.123456789, 0.0074, 21), (EVIL, None, 0.5, 20)]


def test_text_that_looks_like_a_formula_stays_text() -> None:
    frame = pd.DataFrame({"subject": ["=1+1", "01"]})
    sheet = read_workbook(workbook([("Subjects", frame)]))["Subjects"]

    assert [(cell.value, cell.data_type) for cell in sheet["A"]] == [("subject", "s"), ("=1+1", "s"), ("01", "s")]


@given(st.lists(st.text(max_size=60), max_size=6))
def test_every_title_gets_a_sheet_that_excel_takes(titles: list[str]) -> None:
    book = read_workbook(workbook([(title, FRAME) for title in titles]))
    names = book.sheetnames

    assert len(names) == len({name.lower() for name in names}) == len(titles) + 1
    assert all(1 <= len(name) <= 31 and not re.search(r"[\\/*?:\[\]]", name) for name in names)


def test_word_has_the_cells_as_they_are_printed_between_rules() -> None:
    with zipfile.ZipFile(io.BytesIO(document([(f"Tests {EVIL}", printed(FRAME, {}), ("A note",))]))) as archive:
        assert archive.testzip() is None
        body = ET.fromstring(archive.read("word/document.xml"))

    (table,) = body.iter(f"{WORD}tbl")
    cells = [["".join(cell.itertext()) for cell in row.iter(f"{WORD}tc")] for row in table.iter(f"{WORD}tr")]
    assert cells == [["Effect", "F", "p", "n"], ["group × cue", "9.12", ".007", "21"], [EVIL, "–", ".500", "20"]]
    text = ["".join(paragraph.itertext()) for paragraph in body[0].findall(f"{WORD}p")]
    assert text == ["Table 1", f"Tests {EVIL}", "Note. A note", ""]


def test_word_opens_by_the_library_of_others() -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    read = docx.Document(io.BytesIO(document([("Tests", printed(FRAME, {}), ())])))

    assert [cell.text for cell in read.tables[0].rows[1].cells] == ["group × cue", "9.12", ".007", "21"]


def test_latex_writes_signs_that_it_would_take_for_its_own() -> None:
    text = latex([("F tests", printed(FRAME, {}), ("Half of 2 %",))])

    assert r"group $\times$ cue & 9.12 & .007 & 21 \\" in text
    escaped = r"$<$b$>$\&amp; 50 \% of\_it \$x\$ \{y\} \textbackslash{}\textbackslash{} \textasciitilde{}"
    assert escaped in text
    assert text.count(r"\begin{longtable}{lrrr}") == text.count(r"\end{longtable}") == 1
    assert r"\textit{Note.} Half of 2 \%" in text


def test_the_same_tables_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = workbook([("Tests", FRAME)]), document([("Tests", printed(FRAME, {}), ())])
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: __import__("time").gmtime(2e9))

    assert (workbook([("Tests", FRAME)]), document([("Tests", printed(FRAME, {}), ())])) == first
    with zipfile.ZipFile(io.BytesIO(first[0])) as archive:
        assert {part.date_time for part in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"20" not in re.findall(rb"<dcterms[^>]*>([^<]*)", archive.read("docProps/core.xml"))[0][:2]
