"""The page of a whole study in a real browser."""

import shutil

import pandas as pd
import pytest

from cuecircuit.pipeline.report import covariate_items, rewrite_report

pytestmark = pytest.mark.xdist_group("tiny")
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def address(tiny_results, tmp_path_factory):
    """The page of the tiny study under a title that would like to be a program."""
    out = tmp_path_factory.mktemp("page") / "results"
    shutil.copytree(tiny_results, out)
    study = (out / "study.yaml").read_text(encoding="utf-8")
    assert study.count("\n  title: ") == 1
    before, _, after = study.partition("\n  title: ")
    (out / "study.yaml").write_text(f"{before}\n  title: '{EVIL}'\n{after.partition(chr(10))[2]}", encoding="utf-8")
    return rewrite_report(out).as_uri()


@pytest.fixture
def page(open_page, address):
    opened = open_page(address)
    opened.wait_for_selector("#brain[data-ready]")
    return opened


def shown(page, plane):
    """The picture on one canvas."""
    return page.locator(f"#brain-{plane}").evaluate("canvas => canvas.toDataURL()")


def test_only_covariates_that_the_maps_have_make_a_table():
    cells = {"group": ["ShA", "ShA", "LgA", "LgA"], "cue": ["odor"] * 4}
    maps = pd.DataFrame({**cells, "respiration": [1.0, 3.0, 4.0, 4.0]})
    (table,) = covariate_items(maps, ("group", "cue"), ("respiration", "age"))
    assert table.frame["respiration mean"].tolist() == [2.0, 4.0]
    assert table.frame["respiration SD"].tolist() == [pytest.approx(2**0.5), 0.0]
    assert covariate_items(maps, ("group", "cue"), ()) == ()


def test_it_opens_offline_without_a_complaint_and_names_stay_text(page):
    assert page.heard == []
    assert page.locator("h1").inner_text() == EVIL


def test_every_picture_is_drawn(page):
    broken = "images => images.filter(image => image.complete && !image.naturalWidth).length"
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.wait_for_function("Array.from(document.images).every(image => image.complete)")
    assert page.locator("img").count() >= 9
    assert page.locator("img").evaluate_all(broken) == 0


def test_the_brain_follows_the_slider_and_the_rows(page):
    before = shown(page, "coronal")
    page.locator("#brain-survivors").uncheck()
    page.locator("#brain-threshold").fill("0")
    lower = shown(page, "coronal")
    assert lower != before
    readout = page.locator("#brain-readout").inner_text()
    page.locator("#table1 tr[data-region]").last.click()
    assert page.locator("#brain-readout").inner_text() != readout
    assert page.locator("#brain-dots circle").count() > 21


def test_nobody_is_shut_out(page, barriers):
    assert barriers(page) == []
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
