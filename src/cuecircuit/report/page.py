"""The page: one HTML file that holds everything it shows and asks no network for anything.

Figures are embedded as SVG pictures; every figure and table offers its files through `data:` links. The page needs no
script, and its own security policy forbids any load from elsewhere.
"""

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from cuecircuit.report.content import ReportContent, TableItem
from cuecircuit.report.tables import Printed, printed, tsv


def render(content: ReportContent) -> str:
    """Write the page as HTML text.

    Args:
        content: what stands on it; all plain text is escaped.
    """
    return _environment().get_template("page.html.j2").render(content=content)


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
    environment.filters["printed"] = _printed
    environment.filters["tsv"] = tsv
    return environment


def data_uri(content: str | bytes, media: str) -> str:
    """Pack a file into an address."""
    raw = content.encode("utf-8") if isinstance(content, str) else content
    return f"data:{media};base64,{base64.b64encode(raw).decode('ascii')}"


def _printed(item: TableItem) -> Printed:
    return printed(item.frame if item.display is None else item.display, item.headings)
