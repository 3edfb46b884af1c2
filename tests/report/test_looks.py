"""A change of look is seen: sections are pictured in Chromium and compared pixel by pixel."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cuecircuit.report.content import Paragraph, ReportContent, Section, TableItem
from cuecircuit.report.page import render
from validation.looks import compare, differing


def write_page(path: Path, *, style: str = "") -> str:
    table = TableItem(id="one", title="Numbers", frame=pd.DataFrame({"n": range(9), "r": np.linspace(0, 0.9, 9)}))
    sections = (
        Section(id="words", title="Words", items=(Paragraph(text="What was found."),)),
        Section(id="numbers", title="Numbers", items=(table,)),
    )
    text = render(ReportContent(title="Page", subtitle="of a study", sections=sections))
    path.write_text(text.replace("</style>", f"{style}</style>"), encoding="utf-8")
    return path.as_uri()


def test_the_same_page_has_the_same_look_and_a_changed_style_is_named_and_drawn(browser, tmp_path: Path) -> None:
    page = write_page(tmp_path / "page.html")
    assert compare(browser, page, write_page(tmp_path / "again.html"), tmp_path / "same", [390]) == []
    assert not (tmp_path / "same").exists()
    # the words of one section, of the dark theme alone
    style = "@media (prefers-color-scheme: dark) { #words p { color: #888 } }"
    lines = compare(browser, page, write_page(tmp_path / "gray.html", style=style), tmp_path / "out", [768, 390])
    assert [line.partition("\t")[0] for line in lines] == [f"02-words-{width}-dark" for width in (768, 390)]
    with Image.open(tmp_path / "out" / "02-words-390-dark.png") as image:
        before, after, marked = np.split(np.asarray(image), 3, axis=1)
    assert (before != after).any()
    assert ((marked == (255, 0, 0)).all(axis=-1) == differing(before, after)).all()


def test_a_section_that_only_one_page_has_differs(browser, tmp_path: Path) -> None:
    page, less = write_page(tmp_path / "page.html"), write_page(tmp_path / "less.html")
    text = (tmp_path / "less.html").read_text(encoding="utf-8")
    (tmp_path / "less.html").write_text(text.partition('<section id="numbers"')[0] + "</main></body></html>")
    assert "03-numbers-390-light\tonly before" in compare(browser, page, less, tmp_path / "out", [390])
