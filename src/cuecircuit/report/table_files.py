"""All tables of a page in one file: Excel with every digit, Word and LaTeX as printed (APA: rules above and below).

The same tables give the same bytes: no file carries a date.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

import pandas as pd

from cuecircuit.report.tables import Printed

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
Shown = tuple[str, Printed, tuple[str, ...]]
"""Title, cells and notes of a table."""
_DAY = datetime(1980, 1, 1)  # the first that ZIP knows
_SHEET_LETTERS = 31
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_TEX |= {sign: f"\\{sign}" for sign in "&%$#_"}
# signs that plain LaTeX has in mathematics alone
_TEX |= {"\N{MINUS SIGN}": "$-$", "×": r"$\times$", "η": r"$\eta$", "ε": r"$\epsilon$", "²": "$^2$", "³": "$^3$"}
_TEX |= {"₁": "$_1$", "₂": "$_2$", "ₚ": "$_p$", "≤": r"$\leq$", "≥": r"$\geq$", "<": "$<$", ">": "$>$", "–": "--"}


def workbook(tables: Sequence[tuple[str, pd.DataFrame]]) -> bytes:
    """Write an Excel workbook: a sheet of contents, then one for each table, numbers as numbers.

    Args:
        tables: title and rows of each.
    """
    import openpyxl
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    names = list(_sheet_names(title for title, _ in tables))
    contents = book.create_sheet("Contents")
    for name, (title, _) in zip(names, tables, strict=True):
        contents.append([name, ILLEGAL_CHARACTERS_RE.sub("", title)])
    for name, (_, frame) in zip(names, tables, strict=True):
        sheet = book.create_sheet(name)
        plain = frame.astype(object).where(frame.notna(), None)
        for row in [[str(column) for column in frame], *plain.itertuples(index=False, name=None)]:
            cells = [WriteOnlyCell(sheet, _cell(value, ILLEGAL_CHARACTERS_RE)) for value in row]
            for cell in cells:
                if cell.data_type == "f":  # text that begins with = is no formula
                    cell.data_type = "s"
            sheet.append(cells)
    book.properties.created = _DAY
    file = io.BytesIO()
    book.save(file)
    with zipfile.ZipFile(file) as made:
        parts = {name: made.read(name) for name in made.namelist()}
    # the library writes when it saved
    core = parts["docProps/core.xml"]
    parts["docProps/core.xml"] = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", core)
    return zipped(parts)


def _cell(value: Any, illegal: re.Pattern[str]) -> str | int | float | None:
    if isinstance(value, bool | int | float) or value is None:
        return value
    value = getattr(value, "item", lambda: value)()
    return value if isinstance(value, bool | int | float) else illegal.sub("", str(value))


def _sheet_names(titles: Iterable[str]) -> Iterable[str]:
    """Yield a name of a sheet for each title: no sign that Excel forbids, no name twice."""
    taken = {"contents"}
    for title in titles:
        plain = re.sub(r"[\\/*?:\[\]\x00-\x1f]", " ", title).strip(" '") or "Table"
        plain = re.sub(r" +", " ", plain)
        name, count = plain[:_SHEET_LETTERS].strip(" '"), 1
        while name.lower() in taken:
            count += 1
            name = f"{plain[: _SHEET_LETTERS - 4].strip()} {count}"
        taken.add(name.lower())
        yield name


def document(tables: Sequence[Shown]) -> bytes:
    """Write a Word document with every table as it is printed."""
    body = "".join(_word_table(number, *table) for number, table in enumerate(tables, 1))
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    types = f"""{head}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" \
ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" \
ContentType="{DOCX}.main+xml"/></Types>"""
    relations = f"""{head}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" \
Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>"""
    page = '<w:sectPr><w:pgSz w:w="16838" w:h="11906" w:orient="landscape"/></w:sectPr>'
    text = f'{head}<w:document xmlns:w="{_WORD}"><w:body>{body}{page}</w:body></w:document>'
    parts = {"[Content_Types].xml": types, "_rels/.rels": relations, "word/document.xml": text}
    return zipped({name: part.encode("utf-8") for name, part in parts.items()})


def _word_table(number: int, title: str, cells: Printed, notes: Sequence[str]) -> str:
    rule = '<w:{} w:val="single" w:sz="8" w:color="000000"/>'
    edges = "".join(rule.format(side) for side in ("top", "bottom"))
    below = f"<w:tcPr><w:tcBorders>{rule.format('bottom')}</w:tcBorders></w:tcPr>"
    head = "".join(_word_cell(text, below, right) for text, right in zip(cells.headings, cells.numeric, strict=True))
    rows = [
        "".join(_word_cell(cell.text, "", right) for cell, right in zip(row, cells.numeric, strict=True))
        for row in cells.rows
    ]
    look = f'<w:tblPr><w:tblW w:w="5000" w:type="pct"/><w:tblBorders>{edges}</w:tblBorders></w:tblPr>'
    repeated = "<w:trPr><w:tblHeader/></w:trPr>"
    lines = "".join(f"<w:tr>{row}</w:tr>" for row in rows)
    columns = "<w:tblGrid>" + "<w:gridCol/>" * len(cells.headings) + "</w:tblGrid>"
    table = f"<w:tbl>{look}{columns}<w:tr>{repeated}{head}</w:tr>{lines}</w:tbl>"
    named = _word_text(f"Table {number}", "<w:b/>") + _word_text(title, "<w:i/>")
    return named + table + "".join(_word_text(f"Note. {note}") for note in notes) + _word_text("")


def _word_cell(text: str, look: str, right: bool) -> str:
    return f"<w:tc>{look}{_word_text(text, right=right)}</w:tc>"


def _word_text(text: str, look: str = "", *, right: bool = False) -> str:
    side = '<w:pPr><w:jc w:val="right"/></w:pPr>' if right else ""
    shown = escape(_xml_text(text))
    return f'<w:p>{side}<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{shown}</w:t></w:r></w:p>'


def _xml_text(text: str) -> str:
    """Leave out signs that XML 1.0 has no way to write."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text)


def latex(tables: Sequence[Shown]) -> str:
    """Write every table as a LaTeX `longtable` between rules of the package booktabs."""
    lines = [r"% \usepackage{booktabs,longtable}"]
    for title, cells, notes in tables:
        sides = "".join("r" if numeric else "l" for numeric in cells.numeric)
        lines += [
            f"\\begin{{longtable}}{{{sides}}}",
            f"\\caption{{{_tex(title)}}}\\\\",
            r"\toprule",
            " & ".join(map(_tex, cells.headings)) + r" \\",
            r"\midrule\endhead",
            *(" & ".join(_tex(cell.text) for cell in row) + r" \\" for row in cells.rows),
            r"\bottomrule",
            *(f"\\multicolumn{{{len(sides)}}}{{l}}{{\\textit{{Note.}} {_tex(note)}}} \\\\" for note in notes),
            r"\end{longtable}",
            "",
        ]
    return "\n".join(lines)


def _tex(text: str) -> str:
    return "".join(_TEX.get(sign, sign) for sign in text)


def zipped(parts: Mapping[str, bytes]) -> bytes:
    """Pack files into a ZIP without a date."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _DAY.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()
