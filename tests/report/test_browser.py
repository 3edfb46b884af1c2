"""The page in a real browser: it works offline, its brain can be steered, everybody can use it."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from cuecircuit.records.grid import Grid
from cuecircuit.report.content import FigureItem, Paragraph, ReportContent, RowPlace, Section, TableItem, ViewerItem
from cuecircuit.report.page import render
from cuecircuit.report.viewer import Brain, RegionDots, ViewedTest, viewer_json
from tests.page_layout import WIDTHS, layout_faults

EVIL = "<script>alert(1)</script></script><!--"
PEAK = (-1.25, 2.0, 1.5)  # mm of voxel (2, 5, 4), where the statistic is largest


def brain_and_tests() -> tuple[Brain, list[ViewedTest]]:
    """A brain with two tests: F that survives in a block around the peak, t of both signs that was not corrected."""
    # voxel axes as in a rat scan: x, then z, then y
    affine = np.array([[0.5, 0, 0, -2.25], [0, 0, 1.0, -3.0], [0, 0.5, 0, -0.5], [0, 0, 0, 1.0]])
    mask = np.ones((9, 8, 10), bool)
    statistic = np.linspace(0.1, 5, mask.size).reshape(mask.shape)
    statistic[2, 4, 5] = 40.0
    statistic[1:4, 3:6, 4:7] += 20.0
    corrected = np.ones(mask.shape)
    corrected[1:4, 3:6, 4:7] = 0.02
    regions = np.zeros(mask.shape, int)
    regions[1:4, 3:6, 4:7], regions[6:8, 2:5, 2:5] = 1, 2
    grid = Grid(shape=mask.shape, affine=affine)
    anatomy = np.random.default_rng(0).normal(100, 10, mask.shape)
    t = np.linspace(-4, 4, mask.size).reshape(mask.shape)
    tests = [
        ViewedTest(
            id="groupXcue", name="group × cue", kind="F(1, 18)", df1=1.0, df2=18.0, height=8.29, statistic=statistic,
            corrected=corrected, clusters=(corrected < 1).astype(int),
        ),
        ViewedTest(
            id="age", name=EVIL, kind="t", df1=1.0, df2=None, height=3.0, statistic=t, effect=t / 8, positive=EVIL,
            p=10 ** -np.abs(t),
        ),
    ]  # fmt: skip
    return Brain(grid=grid, anatomy=anatomy, anatomy_grid=grid, mask=mask, regions=regions), tests


def dots(name: str, label: int) -> RegionDots:
    responses = np.random.default_rng(label).normal(0, 1, (6, 2))
    groups = ("ShA", "ShA", "ShA", EVIL, EVIL, EVIL)
    return RegionDots(name=name, label=label, extent="whole region", responses=responses, groups=groups)


def page_html() -> str:
    data = viewer_json(
        *brain_and_tests(), [dots("Insula", 1), dots(EVIL, 2)], levels=("ShA", EVIL), cues=("saline", "naloxone"),
        unit="%", reference="bregma",
    )  # fmt: skip
    red = b'<path d="M0 0H36V36H0Z" fill="#f00"/>'
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt">' + red + b"</svg>"
    figure = FigureItem(id="fig1c", title="Figure 1C", caption="c", alt="a", svg=svg, tsv="a\n1\n", wide=True)
    clusters = TableItem(
        id="cluster-table", title="Clusters", frame=pd.DataFrame({"term": [EVIL], "voxels": [27]}),
        places=(RowPlace(mm=PEAK, test="groupXcue"),),
    )  # fmt: skip
    regions = TableItem(
        id="table1", title="Table 1", frame=pd.DataFrame({"region": ["Insula", EVIL], "voxels": [27, 18]}),
        places=(RowPlace(region="Insula"), RowPlace(region=EVIL)),
    )  # fmt: skip
    viewer = ViewerItem(title="Interactive brain", caption=f"What it shows {EVIL}", data=data)
    sections = (
        Section(id="study", title="Study", items=(Paragraph(text=f"Subject {EVIL}"), figure)),
        Section(id="group", title="Group map", items=(viewer, clusters, regions)),
    )
    return render(ReportContent(title=f"Study {EVIL}", subtitle="", sections=sections))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page_html(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(open_page, address):
    page = open_page(address)
    page.wait_for_selector("#brain[data-ready]")
    return page


def colors_of(page, plane: str) -> set[tuple[int, int, int]]:
    """The colors on a canvas."""
    script = """(canvas) => Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)"""
    pixels = np.array(page.locator(f"#brain-{plane}").evaluate(script)).reshape(-1, 4)
    return {(int(r), int(g), int(b)) for r, g, b in np.unique(pixels[:, :3], axis=0)}


def colored(page) -> int:
    """How many of the colors on the coronal slice are not gray: those of the statistic (and of the outline)."""
    return sum(max(color) - min(color) > 20 for color in colors_of(page, "coronal"))


def test_the_page_opens_from_a_file_without_a_complaint_or_a_request(opened):
    assert opened.heard == []
    assert opened.title() == f"Study {EVIL}"


def test_the_vector_file_of_a_figure_is_the_picture_shown(opened):
    link = opened.get_by_role("link", name="Vector (SVG) of Figure 1C")
    assert link.get_attribute("href") == opened.locator("#fig1c img").get_attribute("src")
    assert link.get_attribute("download") == "fig1c.svg"


def test_the_picture_of_a_figure_has_300_dots_per_inch(opened, tmp_path):
    with opened.expect_download() as saved:
        opened.get_by_role("link", name="Picture (PNG) of Figure 1C").click()
    assert saved.value.suggested_filename == "fig1c.png"
    saved.value.save_as(tmp_path / "fig1c.png")
    with Image.open(tmp_path / "fig1c.png") as image:  # an inch by half an inch, red on its left
        assert image.size == (300, 150)
        assert (image.getpixel((75, 75)), image.getpixel((225, 75))[3]) == ((255, 0, 0, 255), 0)
    assert opened.heard == []


def test_a_table_is_copied_as_text_with_tabs(opened):
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.get_by_role("button", name="Copy Clusters").click()
    opened.locator("#cluster-table .copy", has_text="Copied").wait_for()
    assert opened.evaluate("navigator.clipboard.readText()") == f"term\tvoxels\n{EVIL}\t27\n"


def test_the_slices_show_anatomy_and_statistic(opened):
    for plane in ("coronal", "sagittal", "axial"):
        assert len(colors_of(opened, plane)) > 10
    assert colored(opened) > 3


def test_it_starts_at_the_peak_and_reads_its_place_in_mm(opened):
    readout = opened.locator("#brain-readout").inner_text()
    assert readout == (
        "x −1.25, y 2.00, z 1.50 mm from bregma · F(1, 18) = 60.00 · partial η² = 0.77 · p, uncorrected < .001 · "
        "p, corrected = .020 · Insula · cluster 1"
    )


def test_the_threshold_takes_voxels_from_the_map(opened):
    before = colored(opened)
    opened.locator("#brain-threshold").fill("59.9")
    assert colored(opened) < before
    assert opened.locator("#brain-threshold-value").inner_text().startswith("F at least 59.")


def test_what_does_not_survive_is_hidden_only_when_asked_for(opened):
    opened.locator("#brain-threshold").fill("0")
    everything = colored(opened)
    opened.locator("#brain-survivors").check()
    assert colored(opened) < everything


def test_every_test_and_every_quantity_can_be_shown(opened):
    quantities = opened.locator("#brain-quantity option").all_inner_texts()
    assert quantities == ["F(1, 18)", "partial η²", "p, uncorrected", "p, corrected"]
    opened.locator("#brain-quantity").select_option("p, corrected")
    assert opened.locator("#brain-threshold-value").inner_text() == "corrected p at most 0.05"
    opened.locator("#brain-test").select_option("age")
    opened.locator("#brain-readout", has_text=" · t = ").wait_for()
    assert opened.locator("#brain-quantity option").all_inner_texts() == ["t", "effect", "p, uncorrected"]
    # nothing of this test survives, so nothing can be hidden for it
    assert opened.locator("#brain-survivors").is_disabled()
    opened.locator("#brain-quantity").select_option("effect")
    assert [opened.locator(f"#brain-{end}").inner_text() for end in ("low", "high")] == ["−0.5", "0.5 %"]
    assert {"warm", "cold"} <= {
        "warm" if r > b else "cold" for r, _, b in colors_of(opened, "coronal") if abs(r - b) > 40
    }
    # a row of a table brings its own test back
    opened.locator("#cluster-table tr[data-mm]").first.click()
    opened.locator("#brain-readout", has_text="F(1, 18) = 60.00").wait_for()
    assert opened.locator("#brain-test").input_value() == "groupXcue"
    assert opened.heard == []


def test_p_of_f_is_that_of_scipy(opened):
    cases = [(f, df1, df2) for f in (1e-3, 0.5, 1, 4.2, 60, 500) for df1 in (1, 2, 7) for df2 in (3, 18, 36.7, 400)]
    computed = opened.evaluate("cases => cases.map(one => window.cuecircuitNumbers.minusLogP(...one))", cases)
    expected = [-stats.f.logsf(*case) / np.log(10) for case in cases]
    np.testing.assert_allclose(computed, expected, rtol=1e-7, atol=1e-9)


def test_a_cluster_row_leads_to_its_peak_with_mouse_and_keyboard(opened):
    opened.locator("#brain-x").fill("0")
    assert opened.locator("#brain-readout").inner_text().startswith("x −2.25")
    opened.locator("#cluster-table tr[data-mm]").first.click()
    assert opened.locator("#brain-readout").inner_text().startswith("x −1.25, y 2.00, z 1.50")
    opened.locator("#brain-x").fill("0")
    opened.locator("#cluster-table tr[data-mm] button").first.focus()
    opened.keyboard.press("Enter")
    assert opened.locator("#brain-readout").inner_text().startswith("x −1.25, y 2.00, z 1.50")


def test_arrow_keys_move_through_the_brain(opened):
    opened.locator("#brain-y").focus()
    opened.keyboard.press("ArrowRight")
    assert "y 3.00" in opened.locator("#brain-readout").inner_text()


def test_keys_wheel_and_zoom_work_on_a_slice_that_was_chosen(opened):
    readout, coronal = opened.locator("#brain-readout"), opened.locator("#brain-coronal")
    coronal.scroll_into_view_if_needed()
    coronal.hover()
    opened.mouse.wheel(0, -100)  # not chosen yet: the page scrolls
    assert "y 2.00" in readout.inner_text()
    coronal.focus()
    opened.keyboard.press("PageUp")
    opened.keyboard.press("ArrowRight")
    assert readout.inner_text().startswith("x −0.75, y 3.00, z 1.50")
    coronal.hover()
    opened.mouse.wheel(0, 100)
    opened.locator("#brain-readout", has_text="y 2.00").wait_for()
    opened.keyboard.press("+")
    assert opened.locator("#brain-zoom").input_value() == "1.5"


def test_a_drag_takes_the_crosshair_along(opened):
    axial = opened.locator("#brain-axial")
    axial.scroll_into_view_if_needed()
    box = axial.bounding_box()
    opened.mouse.move(box["x"] + 1, box["y"] + box["height"] - 1)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] - 1, box["y"] + 1, steps=4)
    opened.mouse.up()
    assert opened.locator("#brain-readout").inner_text().startswith("x 1.75, y 6.00, z 1.50")


def test_a_click_on_a_slice_moves_the_crosshair_there(opened):
    opened.locator("#brain-axial").scroll_into_view_if_needed()
    box = opened.locator("#brain-axial").bounding_box()
    opened.mouse.click(box["x"] + 1, box["y"] + box["height"] - 1)
    assert opened.locator("#brain-readout").inner_text().startswith("x −2.25, y −3.00, z 1.50")


def test_a_region_row_shows_each_animal_of_the_region(opened):
    opened.locator("#table1 tr[data-region]").first.click()
    assert opened.locator("#brain-dots circle").count() == 12
    assert opened.locator("#brain-dots svg").get_attribute("aria-label").startswith("Insula. ShA saline: mean ")
    assert opened.locator("#brain-region").input_value() == "Insula"


def test_names_stay_text_everywhere(opened):
    opened.locator("#table1 tr[data-region]").nth(1).click()
    assert opened.heard == []
    assert EVIL in opened.locator("#brain-readout").inner_text()
    assert opened.locator("#brain-dots .dots-title").text_content() == f"{EVIL} (whole region)"
    assert opened.locator("#brain-dots .dots-group").last.text_content() == EVIL
    # data of the brain and of tables and figures, and the page's own five scripts
    assert opened.locator("script").count() == 7


def test_a_script_that_is_not_the_pages_own_does_not_run(opened):
    opened.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    assert opened.evaluate("window.ran") is None
    assert any("Content Security Policy" in line for line in opened.heard)


@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 380)])
def test_axe_finds_nothing_serious(opened, barriers, theme, width):
    opened.set_viewport_size({"width": width, "height": 800})
    opened.emulate_media(color_scheme=theme)
    opened.locator("#table1 tr[data-region]").first.click()
    assert barriers(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_or_covered_at_the_width_of_a_screen_a_tablet_and_a_phone(opened, width, theme):
    opened.locator("#table1 tr[data-region]").first.click()
    assert layout_faults(opened, width, theme) == []


def test_what_is_cut_or_covered_is_found(opened):
    broken = (
        "h1 { margin-bottom: -2rem } #cluster-table { width: 150vw } #table1 th { position: relative; left: -9rem }"
    )
    opened.add_style_tag(content=broken)
    faults = " ".join(layout_faults(opened, 390, "light"))
    for fault in ("px too wide", "over one another: H1", "out of its table: TH"):
        assert fault in faults


def test_on_a_phone_the_rows_of_tables_are_cards_that_fit(opened):
    opened.set_viewport_size({"width": 390, "height": 800})
    opened.locator("#cluster-table table.cards").wait_for()
    cell = opened.locator("#cluster-table tbody td").first
    assert cell.get_attribute("data-heading") == "Voxels"
    assert opened.get_by_role("cell", name="27").first.is_visible()
    box = opened.locator("#cluster-table .scroll")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_without_javascript_the_rest_of_the_page_is_there(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert not page.locator("#brain").is_visible()
    assert page.get_by_text("needs JavaScript").is_visible()
    assert page.locator("#table1 th[scope=row]").first.inner_text() == "Insula"
    context.close()
