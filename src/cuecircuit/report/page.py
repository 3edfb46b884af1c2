"""The page: one HTML file that holds everything it shows and asks no network for anything.

Figures and tables are shown without a script. A script makes the files: the data of all figures and tables are one
compressed text, and Excel, Word and LaTeX are written in the browser. The page's own security policy forbids any load
from elsewhere and any script but its own, which it names by their hash.
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from cuecircuit.report.content import FigureItem, Item, ReportContent, TableItem
from cuecircuit.report.shown_picture import shown_picture, shown_width
from cuecircuit.report.tables import Printed, printed, tsv
from cuecircuit.report.viewer import script_safe

_SIGN = re.compile(r"([\w²η)]) (=|<|>|≤|≥|&lt;|&gt;) (?=[−.\d])")

SCRIPTS = {
    "figure": ("files.js",),
    "table": ("tables.js", "files.js"),
    "viewer": ("numbers.js", "dots.js", "viewer.js"),
}


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
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            content=content,
            names=names,
            scripts=scripts,
            allowed=allowed,
            packed=_packed(items),
            columns=max((item.frame.shape[1] for item in items if isinstance(item, TableItem)), default=0),
        )
    )


def _packed(items: Iterable[Item]) -> str:
    """Compress the data of all figures and tables: TSV by id, of tables also which columns hold numbers."""
    data: dict[str, dict[str, object]] = {}
    for item in items:
        if isinstance(item, FigureItem):
            data[item.id] = {"tsv": item.tsv}
        elif isinstance(item, TableItem):
            kinds = [pd.api.types.infer_dtype(item.frame.iloc[:, n]) for n in range(item.frame.shape[1])]
            numbers = [n for n, kind in enumerate(kinds) if kind in ("integer", "floating", "mixed-integer-float")]
            data[item.id] = {"tsv": tsv(item.frame), "numbers": numbers}
    if not data:
        return ""
    return base64.b64encode(zlib.compress(json.dumps(data, ensure_ascii=False).encode("utf-8"), 9)).decode("ascii")


def _script(name: str) -> str:
    text = files("cuecircuit.report").joinpath("templates", name).read_text(encoding="utf-8")
    assert "</" not in text, f"{name}: would end its own script element"
    return text


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def beside_page(template: str, **values: object) -> str:
    """Write a plain text that goes with a page, from its template."""
    return f"{_environment().get_template(template).render(values)}\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cuecircuit.report"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    environment.filters["shown_picture"] = shown_picture
    environment.filters["shown_width"] = shown_width
    environment.filters["printed"] = _printed
    environment.filters["unbroken"] = _unbroken
    environment.filters["script_safe"] = lambda text: Markup(script_safe(text))
    return environment


def data_uri(content: str | bytes, media: str) -> str:
    """Pack a file into an address."""
    raw = content.encode("utf-8") if isinstance(content, str) else content
    return f"data:{media};base64,{base64.b64encode(raw).decode('ascii')}"


def _printed(item: TableItem) -> Printed:
    return printed(item.frame if item.display is None else item.display, item.headings)


def _unbroken(text: str) -> str:
    """Keep a sign and the number behind it on one line with what they are said of: p < .001."""
    kept = _SIGN.sub("\\1\N{NO-BREAK SPACE}\\2\N{NO-BREAK SPACE}", str(text))
    return Markup(kept) if isinstance(text, Markup) else kept
