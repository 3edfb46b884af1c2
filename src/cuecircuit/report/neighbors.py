"""Pages of one study that lie near one another: that of its results, of the quality of scans, plans and fits."""

from contextlib import suppress
from os.path import relpath
from pathlib import Path

from markupsafe import escape

_PAGES = {
    "report.html": ("Study", ""),
    "index.html": ("Quality of scans", "Quality: "),
    "plan.html": ("Plan", "Plan: "),
    "fit.html": ("Fit of models", "Fit: "),
}
_HEAD = 4000  # characters; the title of a page is among them


def pages_near(page: Path, title: str) -> dict[str, str]:
    """Return the other pages of a study in the folder of a page, in the one above, and in the folders inside these.

    Args:
        page: where the page is or will be.
        title: of the study; pages of other studies, and those of the same kind as `page`, are passed over.

    Returns:
        The name of each page by its address, relative to `page`.
    """
    folder = page.parent.resolve()
    pages = {}
    for file, (name, start) in _PAGES.items():
        if file == page.name:
            continue
        paths = {path for base in (folder, folder.parent) for path in (base / file, *base.glob(f"*/{file}"))}
        same = [path for path in sorted(paths) if f"<title>{escape(start + title)}</title>" in _head(path)]
        for path in same:
            address = Path(relpath(path, folder)).as_posix()
            pages[address] = f"{name} ({path.parent.name})" if len(same) > 1 else name
    return pages


def _head(path: Path) -> str:
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as text:
        return text.read(_HEAD)
    return ""
