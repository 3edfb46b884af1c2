"""The page: one HTML file that holds everything it shows and asks no network for anything.

Figures are embedded as SVG pictures; every figure and table offers its files through `data:` links. Only the vector
files and the interactive brain need a script. The page's own security policy forbids any load from elsewhere and any
script but its own, which it names by their hash.
"""

import base64
import hashlib
import io
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from cuecircuit.report.content import ReportContent, TableItem
from cuecircuit.report.table_files import DOCX, XLSX, document, latex, workbook, zipped
from cuecircuit.report.tables import Printed, printed, tsv
from cuecircuit.report.viewer import script_safe

_PICTURE = re.compile(rb"(data:image/png;base64,)([^\"']+)")
# letters of figures, 7 to 8 pt, are then as large as those of captions
_ENLARGED = 1.5

SCRIPTS = {"figure": ("files.js",), "table": ("files.js",), "viewer": ("numbers.js", "dots.js", "viewer.js")}


def render(content: ReportContent) -> str:
    """Write the page as HTML text.

    Args:
        content: what stands on it; all plain text is escaped.
    """
    items = [item for section in content.sections for item in section.items]
    kinds = {item.kind for item in items}
    names = dict.fromkeys(name for kind, names in SCRIPTS.items() if kind in kinds for name in names)
    scripts = [_script(name) for name in names]
    allowed = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    tables = _all_tables([item for item in items if isinstance(item, TableItem)])
    template = _environment().get_template("page.html.j2")
    return template.render(content=content, scripts=scripts, allowed=allowed, tables=tables)


def _all_tables(items: Sequence[TableItem]) -> list[tuple[str, str, str]]:
    """Return the files of all tables: name, ending and address."""
    if not items:
        return []
    shown = [(item.title, _printed(item), item.notes) for item in items]
    return [
        ("All tables (Excel)", "xlsx", data_uri(workbook([(item.title, item.frame) for item in items]), XLSX)),
        ("Word", "docx", data_uri(document(shown), DOCX)),
        ("LaTeX (ZIP)", "zip", data_uri(zipped({"tables.tex": latex(shown).encode("utf-8")}), "application/zip")),
    ]


def _script(name: str) -> str:
    text = files("cuecircuit.report").joinpath("templates", name).read_text(encoding="utf-8")
    assert "</" not in text, f"{name}: would end its own script element"
    return text


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cuecircuit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    environment.filters["shown_picture"] = shown_picture
    environment.filters["shown_width"] = shown_width
    environment.filters["printed"] = _printed
    environment.filters["tsv"] = tsv
    environment.filters["script_safe"] = lambda text: Markup(script_safe(text))
    return environment


def data_uri(content: str | bytes, media: str) -> str:
    """Pack a file into an address."""
    raw = content.encode("utf-8") if isinstance(content, str) else content
    return f"data:{media};base64,{base64.b64encode(raw).decode('ascii')}"


def shown_picture(svg: bytes) -> str:
    """Pack a figure into an address, its pictures of voxels in 256 colors; the file of the results keeps them all."""
    return data_uri(_PICTURE.sub(_with_palette, svg), "image/svg+xml")


def _with_palette(picture: re.Match[bytes]) -> bytes:
    with Image.open(io.BytesIO(base64.b64decode(picture[2]))) as whole:
        small = io.BytesIO()
        whole.convert("RGBA").quantize(256, method=Image.Quantize.FASTOCTREE).save(small, "PNG", optimize=True)
    return picture[1] + min(base64.b64encode(small.getvalue()), picture[2], key=len)


def shown_width(svg: bytes) -> int | None:
    """Return the width in pixels that makes letters of all figures one size; None where the SVG names none in pt."""
    found = re.search(rb'<svg[^>]* width="([0-9.]+)pt"', svg)
    return None if found is None else round(float(found[1]) * 4 / 3 * _ENLARGED)


def _printed(item: TableItem) -> Printed:
    return printed(item.frame if item.display is None else item.display, item.headings)
