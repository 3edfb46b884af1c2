import base64
import io
import json
import re
import shutil
import subprocess
import zlib
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup
from PIL import Image

from cuecircuit.report.content import Facts, FigureItem, FileList, Paragraph, ReportContent, Section, TableItem
from cuecircuit.report.page import data_uri, render
from cuecircuit.report.shown_picture import shown_picture, shown_width

EVIL = "<script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
PATH = re.compile(r"([MLCQZ])([^MLCQZ]*)", re.IGNORECASE)


class Page(HTMLParser):
    """Elements with their attributes, and the text outside of styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def figure(name: str, **options: bool) -> FigureItem:
    return FigureItem(
        id=name, title=f"Figure {name}", caption=f"What {name} shows {EVIL}", alt=f"Picture of {name}", svg=SVG,
        tsv="a\tb\n1\t2\n", **options,
    )  # fmt: skip


def table(frame: pd.DataFrame, **options: bool) -> TableItem:
    return TableItem(id="t1", title=f"Animals {EVIL}", frame=frame, notes=(f"Note {EVIL}",), **options)


CONTENT = ReportContent(
    title=f"Study {EVIL}",
    subtitle="21 rats",
    sections=(
        Section(
            id="one",
            title="First",
            items=(
                Facts(values={"Subjects": f"21 {EVIL}"}),
                Paragraph(heading="Why", text=f"Because 1 < 2 {EVIL}"),
                Paragraph(text=Markup('Kept <em id="kept">as it is</em>')),
                figure("fig1a", wide=True),
            ),
        ),
        Section(
            id="two",
            title="Second & last",
            items=(
                figure("fig2a"),
                figure("fig2b"),
                table(pd.DataFrame({"subject": [EVIL, "01"], "p": [0.0001, np.nan], "source": ["assumed", "paper"]})),
            ),
        ),
    ),
)
HTML = render(CONTENT)
PAGE = Page(HTML)


def decoded(uri: str) -> bytes:
    return base64.b64decode(uri.split(",", 1)[1])


def shown(svg: str) -> str:
    """Return the figure that the page embeds."""
    return unquote(shown_picture(svg.encode()).removeprefix("data:image/svg+xml,"))


def corners(path: str) -> list[tuple[str, np.ndarray]]:
    """Return the letters of a path with their points from the corner of the page, whether it has steps or not."""
    at = start = np.zeros(2)
    steps = []
    for letter, text in PATH.findall(path):
        numbers = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)]
        points = np.reshape(numbers, (-1, 2)) + (at if letter.islower() else 0)
        at = points[-1] if len(points) else start
        start = at if letter in "Mm" else start
        steps.append((letter.upper(), points))
    return steps


def test_what_subjects_and_files_are_called_stays_text() -> None:
    assert len(PAGE.all("script")) == 3  # data, and two of the page's own
    # title, h1, facts, paragraph, three captions, table's heading, caption, note, cell, file and button
    assert "".join(PAGE.text).count(EVIL) == 13
    assert PAGE.all("em") == [{"id": "kept"}]


def test_nothing_is_fetched_from_anywhere() -> None:
    fetching = ("src", "srcset", "data", "poster", "action", "xlink:href")
    addresses = [element[name] for _, element in PAGE.elements for name in fetching if name in element]
    addresses += [element["href"] for element in PAGE.all("link")]

    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    # what is not a name of a kind of XML
    assert not re.search(r"url\(|@import|https?:", re.sub(r'"http://[^"]*"|xmlns=\'[^\']*\'|src="[^"]*"', "", HTML))
    policy = next(e["content"] for e in PAGE.all("meta") if e.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_every_figure_is_shown_described_and_captioned() -> None:
    images = PAGE.all("img")

    assert [image["alt"] for image in images] == ["Picture of fig1a", "Picture of fig2a", "Picture of fig2b"]
    drawn = unquote(images[0]["src"]).removeprefix("data:image/svg+xml,")
    assert drawn == SVG.decode().replace('"', "'")
    assert len(PAGE.all("figcaption")) == 3


def test_every_figure_offers_its_data_its_vector_and_its_picture() -> None:
    links = [link for link in PAGE.all("a") if "data-file" in link]
    # the script gives these the picture that the page shows, and the data from the compressed text
    pictures = {link["data-file"]: link["data-picture"] for link in links if "data-picture" in link}
    data = {link["data-file"]: link["data-tsv"] for link in links if "data-tsv" in link}

    for name in ("fig1a", "fig2a", "fig2b"):
        assert pictures[f"{name}.svg"] == pictures[f"{name}.png"] == name
    assert data == {f"{name}.tsv": name for name in ("fig1a", "fig2a", "fig2b", "t1")}
    packed = json.loads(zlib.decompress(base64.b64decode(re.findall(r'id="packed">([^<]*)<', HTML)[0])))
    assert packed["fig1a"] == {"tsv": "a\tb\n1\t2\n"}
    assert packed["t1"] == {"tsv": f"subject\tp\tsource\n{EVIL}\t0.0001\tassumed\n01\tn/a\tpaper\n", "numbers": [1]}


def test_navigation_leads_to_every_section_and_every_anchor_exists() -> None:
    ids = [element["id"] for _, element in PAGE.elements if "id" in element]
    anchors = [link["href"][1:] for link in PAGE.all("a") if link.get("href", "").startswith("#")]

    assert anchors == ["content", "one", "two"]
    assert set(anchors) <= set(ids)
    assert len(ids) == len(set(ids))


def test_what_scrolls_sideways_can_be_reached_by_keyboard_and_has_a_name() -> None:
    tables = [(tag, e) for tag, e in PAGE.elements if e.get("class") == "scroll"]
    figures = [(tag, e) for tag, e in PAGE.elements if e.get("class") == "card" and "tabindex" in e]

    assert len(tables) == len(figures) == 1
    # a named section is a region
    assert all(tag == "section" and e["tabindex"] == "0" and e["aria-label"] for tag, e in tables + figures)


def test_table_cells_have_headers_for_rows_and_columns_and_assumed_has_its_badge() -> None:
    headers = [header.get("scope") for header in PAGE.all("th")]

    assert headers == ["col"] * 3 + ["row"] * 2
    assert [span["class"] for span in PAGE.all("span") if span.get("class", "").startswith("source")] == [
        "source assumed",
        "source paper",
    ]


def test_headings_do_not_skip_a_level() -> None:
    levels = [int(tag[1]) for tag, _ in PAGE.elements if re.fullmatch(r"h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_an_empty_table_says_so() -> None:
    empty = pd.DataFrame({"cluster": [], "voxels": []})
    section = Section(id="s", title="S", items=(table(empty),))
    html = render(ReportContent(title="T", subtitle="", sections=(section,)))

    assert "No rows." in html
    assert 'colspan="2"' in html


def test_a_sign_stays_on_one_line_with_its_number_and_markup_stays_markup() -> None:
    items = (Paragraph(text="F = 4.2, p < .001"), Paragraph(text=Markup("<em>p &lt; .001</em>")))
    content = ReportContent(
        title="T", subtitle="", sections=(Section(id="s", title="S", items=items),), banner="(seed 1)"
    )
    html = render(content)

    assert "F\xa0=\xa04.2, p\xa0&lt;\xa0.001" in html
    assert "<em>p\xa0&lt;\xa0.001</em>" in html
    assert '<strong class="simulated">SIMULATED DATA</strong> (seed 1)' in html


def test_every_file_of_a_list_has_a_link_that_leads_to_it() -> None:
    items = (FileList(title="group (2 files)", paths=("group/a b.tsv", f"group/{EVIL}.nii.gz")),)
    page = Page(render(ReportContent(title="T", subtitle="", sections=(Section(id="s", title="S", items=items),))))

    links = [unquote(link["href"]) for link in page.all("a")]
    assert links[-2:] == ["group/a b.tsv", f"group/{EVIL}.nii.gz"]
    assert not page.all("script")


def test_pictures_of_voxels_have_fewer_dots_and_their_colors_nearly() -> None:
    shades = np.sin(np.arange(80) / 12)[:, None] * np.cos(np.arange(60) / 9) * 120 + 128
    whole = np.dstack([shades, shades, shades, np.full((80, 60), 255)]).astype(np.uint8)
    (file := io.BytesIO()).name = "whole.png"
    Image.fromarray(whole).save(file)
    inside = base64.b64encode(file.getvalue())
    svg = shown(f'<svg><image href="data:image/png;base64,\n{inside.decode()}"/><text>R</text></svg>')
    (small,) = re.findall("base64,([^']+)", svg)

    with Image.open(io.BytesIO(base64.b64decode(small))) as image:
        found = np.asarray(image.convert("RGBA")).astype(int)
    expected = whole[3::5, 3::5]  # a quarter of a dot from every other of the 32 × 24
    assert found.shape == (32, 24, 4)
    assert np.abs(found[1::2, 1::2] - expected).max() <= 16  # an octree of 256 colors has 16 grays at least
    assert len(small) < len(inside)
    assert svg.endswith("<text>R</text></svg>")


def test_paths_go_through_the_same_points_to_a_hundredth() -> None:
    rng = np.random.default_rng(1)
    lengths = [("M", 2), ("L", 2), ("Q", 4), ("C", 6), ("L", 2), ("z", 0)] * 50
    numbers = [(letter, rng.uniform(-300, 300, length)) for letter, length in lengths]
    absolute = " ".join(f"{letter} {' '.join(f'{x:.6f}' for x in values)}" for letter, values in numbers)
    (path,) = re.findall(" d='([^']*)'", shown(f'<svg><path d="{absolute}"/></svg>'))

    assert len(path) < 0.7 * len(absolute)
    assert path.islower()
    for (letter, points), (expected, places) in zip(corners(path), corners(absolute), strict=True):
        assert letter == expected
        np.testing.assert_allclose(points, places, atol=0.00501)


@pytest.mark.parametrize("path", ["M 1 1 H 5", "M 1 1 L 2 2 3 3", "m 1 1 l 2 2", "M 1e-7 1 L 2 2"])
def test_paths_of_other_programs_stay_as_they_are(path: str) -> None:
    assert f" d='{path}'" in shown(f'<svg><path d="{path}"/></svg>')


def test_a_figure_keeps_its_text_styles_and_what_is_referred_to() -> None:
    svg = """<?xml version="1.0"?><svg><metadata>who</metadata><style>*{x: y}</style>
 <g id="axes_1"><path id="m1" style="fill: #f00; stroke: #000"/> <!-- c -->
 <use href="#m1" style="fill: #f00; stroke: #000"/><text style="font: 6px 'DejaVu Sans'">p = "x" &amp; it's</text>
</g></svg>"""
    assert shown(svg) == (
        "<svg><style>*{x: y}.s0{fill:#f00;stroke:#000}.s1{font:6px 'DejaVu Sans'}</style><g><path id='m1' class='s0'/>"
        "<use href='#m1' class='s0'/><text class='s1'>p = \"x\" &amp; it's</text></g></svg>"
    )
    assert not set(shown_picture(svg.encode())) & set('"<>& #')


def test_the_checker_of_the_w3c_finds_no_error(tmp_path: Path) -> None:
    vnu = shutil.which("vnu") or pytest.skip("the checker vnu (npm: vnu-jar) is not installed")
    (path := tmp_path / "page.html").write_text(HTML, encoding="utf-8")
    checked = subprocess.run([vnu, "--errors-only", path], capture_output=True, text=True, check=False)
    assert (checked.stderr, checked.returncode) == ("", 0)


def test_a_folded_table_is_still_on_the_page() -> None:
    section = Section(id="s", title="S", items=(table(pd.DataFrame({"file": ["a.nii.gz"]}), folded=True),))
    page = Page(render(ReportContent(title="T", subtitle="", sections=(section,))))

    assert page.all("details")
    assert "a.nii.gz" in page.text


def test_the_same_content_gives_the_same_page() -> None:
    assert render(CONTENT) == HTML


@pytest.mark.parametrize("content", ["µ", b"\x00\xff"])
def test_data_addresses_carry_the_bytes(content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    assert decoded(data_uri(content, "text/plain")) == raw


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("ink", "paper"),
        ("soft", "paper"),
        ("link", "paper"),
        ("warn-ink", "warn"),
        ("calm-ink", "calm"),
        ("ink", "tint"),
    ],
)
def test_text_stands_out_in_both_themes_as_wcag_asks(theme: int, front: str, back: str) -> None:
    roots = re.findall(r":root \{([^}]*)\}", HTML)
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", roots[theme]))

    lighter, darker = sorted((luminance(colors[front]), luminance(colors[back])), reverse=True)
    # WCAG 2.2, 1.4.3 (AA)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(color: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_letters_of_all_figures_are_of_one_size():
    assert shown_width(b'<svg width="72pt" height="36pt">') == 144  # 1 inch, 96 px, half as much again
    assert shown_width(b"<svg viewBox='0 0 1 1'>") is None
