"""Whether a page shows or links everything that is beside it."""

import re
from pathlib import Path
from urllib.parse import unquote

_NO_RESULTS = (".cuecircuit", ".bidsignore", "report")
_OTHER_FORMS = (".json", ".npz", ".html", ".yaml")


def assert_all_shown(results: Path) -> None:
    """Every file has a link, every figure is drawn on the page, every table of a question can be read there."""
    page = (results / "report.html").read_text(encoding="utf-8")
    made = {path.relative_to(results) for path in results.rglob("*") if path.is_file()}
    files = {path.as_posix() for path in made if path.parts[0] not in _NO_RESULTS and path.suffix not in _OTHER_FORMS}
    assert {unquote(link) for link in re.findall(r'<a href="([^#":]+)">', page)} == files
    drawn = {path.stem: path.read_bytes() for path in (results / "figures").glob("*.svg")}
    pictures = {drawn[name] for name in re.findall(r'<figure id="figure-([^"]+)"', page)}
    assert set(drawn.values()) == pictures  # some have two names
    shown = set(re.findall(r' class="table" id="([^"]+)"', page)) | set(re.findall(r'id="([^"]+)" class="table"', page))
    folders = results / "questions"
    tables = {path for path in folders.glob("*/*.tsv") if path.stem not in ("rows", "pairs", "maps")}
    assert {f"{path.parent.name}-{path.stem}" for path in tables} <= shown
