"""The files of all tables, as a browser makes them."""

import io
import re
import xml.etree.ElementTree as ET
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from cuecircuit.report.content import ReportContent, Section, TableItem
from cuecircuit.report.page import render

EVIL = '<b>&amp; 50 % of_it $x$ {y} \\\\ ~^# "q"\twith\na tab'
FRAME = pd.DataFrame(
    {
        "term": ["group:cue", EVIL],
        "F": [9.123456789, np.nan],
        "p": [0.0074, 0.5],
        "n": [21, 20],
        "subject": ["=1+1", "01"],
        "used": [True, False],
    }
)
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
EMPTY = pd.DataFrame({"cluster": []})


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    items = (
        TableItem(id="tests", title=f"Tests: {EVIL[:20]}", frame=FRAME, notes=("Half of 2 %",), folded=True),
        TableItem(id="shown", title="Tests: shown", frame=FRAME, display=FRAME[["term"]]),
        TableItem(id="empty", title="Nothing", frame=EMPTY),
    )
    content = ReportContent(title="T", subtitle="", sections=(Section(id="s", title="S", items=items),))
    path = tmp_path_factory.mktemp("tables") / "page.html"
    path.write_text(render(content), encoding="utf-8")
    opened = browser.new_page()
    opened.goto(path.as_uri())
    yield opened
    opened.close()


def download(page, name: str) -> bytes:
    with page.expect_download() as saved:
        page.locator(f"a[download='{name}']").evaluate("link => link.click()")
    assert saved.value.suggested_filename == name
    return saved.value.path().read_bytes()


def test_excel_has_the_numbers_of_every_table_in_a_sheet_of_its_own(page) -> None:
    book = openpyxl.load_workbook(io.BytesIO(download(page, "tables.xlsx")))

    assert [row[1] for row in book["Contents"].values] == [f"Tests: {EVIL[:20]}", "Tests: shown", "Nothing"]
    assert book.sheetnames == ["Contents", "Tests <b>&amp; 50 % of_it", "Tests shown", "Nothing"]
    rows = list(book["Tests shown"].values)
    assert rows == [
        ("term", "F", "p", "n", "subject", "used"),
        ("group:cue", 9.123456789, 0.0074, 21, "=1+1", "True"),
        (EVIL, None, 0.5, 20, "01", "False"),
    ]
    # text that looks like a formula or a number stays text
    assert [cell.data_type for cell in book["Tests shown"]["E"]] == ["s"] * 3
    assert list(book["Nothing"].values) == [("cluster",)]


@pytest.mark.parametrize(
    "titles",
    [
        ["", " ' ", "[]:*?/\\"],
        ["a" * 40, "a" * 31, "A" * 35, "contents", "Contents"],
        [f"{'long title of a table' * 2} {n}" for n in range(120)],
        ["\x00\x1f", "é\ud83d\ude00" * 20],
    ],
)
def test_every_title_gets_a_sheet_that_excel_takes(page, titles: list[str]) -> None:
    names = page.evaluate("titles => window.cuecircuitTables.sheetNames(titles)", titles)

    assert len({name.lower() for name in [*names, "contents"]}) == len(titles) + 1
    assert all(
        1 <= len(name.encode("utf-16-le")) / 2 <= 31 and not re.search(r"[\\/*?:\[\]\x00-\x1f]", name) for name in names
    )


def test_word_has_the_cells_as_they_are_printed_between_rules(page) -> None:
    with zipfile.ZipFile(io.BytesIO(download(page, "tables.docx"))) as archive:
        assert archive.testzip() is None
        body = ET.fromstring(archive.read("word/document.xml"))

    tables = list(body.iter(f"{WORD}tbl"))
    cells = [["".join(cell.itertext()) for cell in row.iter(f"{WORD}tc")] for row in tables[0].iter(f"{WORD}tr")]
    assert cells == [
        ["Effect", "F", "p", "n", "Subject", "Used"],
        ["group × cue", "9.12", ".007", "21", "=1+1", "yes"],
        [EVIL.replace(":", " × "), "–", ".500", "20", "01", "no"],
    ]
    sides = [cell.find(f".//{WORD}jc") is not None for cell in list(tables[0].iter(f"{WORD}tr"))[1].iter(f"{WORD}tc")]
    assert sides == [False, True, True, True, False, False]
    text = ["".join(paragraph.itertext()) for paragraph in body[0].findall(f"{WORD}p")]
    assert text == [
        *["Table 1", f"Tests: {EVIL[:20]}", "Note. Half of 2 %", ""],
        *["Table 2", "Tests: shown", "", "Table 3", "Nothing", ""],
    ]
    assert [len(list(table.iter(f"{WORD}tr"))) for table in tables] == [3, 3, 1]


def test_word_opens_by_the_library_of_others(page) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    read = docx.Document(io.BytesIO(download(page, "tables.docx")))

    assert [cell.text for cell in read.tables[0].rows[1].cells][:4] == ["group × cue", "9.12", ".007", "21"]


def test_latex_writes_signs_that_it_would_take_for_its_own(page) -> None:
    text = download(page, "tables.tex").decode()

    assert r"group $\times$ cue & 9.12 & .007 & 21 & =1+1 & yes \\" in text
    assert r"$<$b$>$\&amp; 50 \% of\_it \$x\$ \{y\} \textbackslash{}\textbackslash{} \textasciitilde{}" in text
    assert text.count(r"\begin{longtable}{lrrrll}") == 1
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 3
    assert r"\textit{Note.} Half of 2 \%" in text


def test_the_data_of_a_table_are_a_file(page) -> None:
    assert download(page, "shown.tsv").decode() == FRAME.to_csv(
        sep="\t", index=False, na_rep="n/a", lineterminator="\n"
    )


def test_the_same_tables_give_the_same_bytes_on_any_day(page) -> None:
    files = [download(page, f"tables.{ending}") for ending in ("xlsx", "docx")]
    page.clock.set_fixed_time("2033-05-18T03:33:20Z")
    page.reload()

    assert [download(page, f"tables.{ending}") for ending in ("xlsx", "docx")] == files
    with zipfile.ZipFile(io.BytesIO(files[0])) as archive:
        assert {part.date_time for part in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_without_javascript_no_link_leads_nowhere(browser, page) -> None:
    context = browser.new_context(java_script_enabled=False)
    still = context.new_page()
    still.goto(page.url)
    assert still.locator("table").first.locator("tr").count() == 3
    assert [link for link in still.locator("a:visible").all() if not link.get_attribute("href")] == []
    context.close()
