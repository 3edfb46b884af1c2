"""Compare the look of two pages, such as those of two checkouts or of two folders of results, section by section.

    python validation/looks.py BEFORE.html AFTER.html OUT

Sections are pictured at 1400, 768 and 390 px, light and dark, as they open, the first 12,000 px of each. A pixel
differs where a color is off by more than 24 of 255 (less is the smoothing of edges); a section differs where more than
1 pixel in 2,000 does, or its size. Pictures of sections that differ are written into OUT: before, after, and differing
pixels in red. Exit status 1 if any does. It needs Chromium and playwright.
"""

import argparse
import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS, THEMES = (1400, 768, 390), ("light", "dark")
TALLEST = 12_000  # pixels; Chromium draws no more than 16,384
COLOR, SHARE = 24, 1 / 2000
SECTIONS = "header, nav, main > section"


def pictures(browser: Browser, address: str, widths: Sequence[int] = WIDTHS) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the picture (y, x, RGB) of every section at each width and in each theme, by name."""
    for width in widths:
        for theme in THEMES:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
            page.emulate_media(reduced_motion="reduce")
            page.goto(address)
            if page.locator("#brain").count():
                page.wait_for_selector("#brain[data-ready]")
            for place, section in enumerate(page.locator(SECTIONS).all()):
                box = section.bounding_box()
                if box:
                    name = section.get_attribute("id") or section.evaluate("node => node.tagName.toLowerCase()")
                    yield f"{place:02}-{name}-{width}-{theme}", _picture(page, box)
            page.close()


def _picture(page: Page, box: dict[str, float]) -> np.ndarray:
    clip = {**box, "height": min(box["height"], TALLEST)}
    taken = page.screenshot(full_page=True, clip=clip, animations="disabled")
    return np.asarray(Image.open(io.BytesIO(taken)).convert("RGB"))


def differing(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return which pixels differ; those that one picture alone has do."""
    height, width = (max(sizes) for sizes in zip(before.shape[:2], after.shape[:2], strict=True))
    differs = np.ones((height, width), bool)
    both = tuple(slice(min(sizes)) for sizes in zip(before.shape[:2], after.shape[:2], strict=True))
    differs[both] = (np.abs(before[both].astype(int) - after[both]) > COLOR).any(axis=-1)
    return differs


def _write(path: Path, before: np.ndarray, after: np.ndarray, differs: np.ndarray) -> None:
    height, width = differs.shape
    sheet = np.full((height, 3 * width, 3), 128, np.uint8)
    for place, picture in enumerate((before, after)):
        sheet[: picture.shape[0], place * width : place * width + picture.shape[1]] = picture
    sheet[:, 2 * width :] = np.where(differs[..., None], (255, 0, 0), 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path)


def compare(browser: Browser, before: str, after: str, out: Path, widths: Sequence[int] = WIDTHS) -> list[str]:
    """Return a line for each section that differs, and write its pictures into `out`."""
    lines, first = [], dict(pictures(browser, before, widths))
    for name, picture in pictures(browser, after, widths):
        earlier = first.pop(name, np.zeros((0, 0, 3), np.uint8))
        differs = differing(earlier, picture)
        if earlier.shape != picture.shape or differs.mean() > SHARE:
            lines.append(f"{name}\t{100 * differs.mean():.2f} % of pixels")
            _write(out / f"{name}.png", earlier, picture, differs)
    return lines + [f"{name}\tonly before" for name in first]


def main() -> int:
    """Print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("before", "after", "out"):
        parser.add_argument(name, type=Path)
    asked = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        parser.error("no Chromium on this machine; install it (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        lines = compare(browser, *(path.resolve().as_uri() for path in (asked.before, asked.after)), asked.out)
        browser.close()
    print(*(lines or ["nothing differs"]), sep="\n")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
