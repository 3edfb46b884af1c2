"""Shapes and types of every function of arrays are checked while the tests run; folders beside the checkout; a browser.

The browser needs Chromium (Debian's package will do) and axe-playwright-python, which brings axe-core. Where CI is set
their absence is a failure; at a desk without them its tests are skipped, and pytest says so.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

import cuecircuit

# no talk with anybody, and a picture without a graphics card; Playwright gives each start a fresh profile
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SHARED = Path(__file__).resolve().parents[2] / "shared"


def _checked_modules() -> list[str]:
    # types alone are pyright's; numba cannot compile a function that another decorator has wrapped, and the functions
    # of MED-PC's text are called for every letter of every log
    folder = Path(cuecircuit.__file__).parent
    shaped = (path for path in folder.rglob("*.py") if "from cuecircuit.arrays import" in path.read_text("utf-8"))
    names = (".".join(path.relative_to(folder.parent).with_suffix("").parts) for path in shaped)
    return sorted(name for name in names if not name.endswith("_kernel") and ".medpc_" not in name)


# how long one example takes depends on who else is at work
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

install_import_hook(_checked_modules(), "beartype.beartype")


@cache
def _group_of(file: Path) -> str:
    """Return the group that the mark of a file puts its tests into; a file without one is its own."""
    found = re.search(r'xdist_group\("(\w+)"\)', file.read_text(encoding="utf-8"))
    return found[1] if found else str(file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep the tests of a file, and files of a group, on one worker, which makes what they share once.

    pytest-xdist 3.8 knows groups by a part of the test's name that pytest 9.2 no longer keeps.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group_of(config.rootpath / nodeid.partition("::")[0])

    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return Grouped(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"{name} files are not beside this checkout (../shared/{name})")
    return folder


@pytest.fixture(scope="session")
def reference() -> Path:
    """Numbers computed by R and AFNI."""
    return _folder("reference")


@pytest.fixture(scope="session")
def cases() -> Path:
    """Small inputs, each with what is right beside it."""
    return _folder("cases")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Openly licensed files that nobody here wrote."""
    return _folder("data")


def _missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed: the page was not tried in a browser")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None) or _missing("Chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(BROWSER_FLAGS))
        yield started
        started.close()


@pytest.fixture
def open_page(browser) -> Iterator[Callable[[str], object]]:
    """Opens an address; `page.heard` is all it complained of, asked the network for, or wanted to say."""
    opened = []

    def open_address(address: str) -> object:
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        opened.append(page)
        page.heard = []
        page.on("console", lambda message: page.heard.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: page.heard.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (page.heard.append("dialog"), dialog.dismiss()))
        page.on("request", lambda ask: ask.url.startswith(("data:", address)) or page.heard.append(f"asked: {ask.url}"))
        page.goto(address)
        return page

    yield open_address
    for page in opened:
        page.close()


@pytest.fixture(scope="session")
def barriers() -> Callable[[object], list[str]]:
    """Asks axe-core for what shuts people out of a page: its serious and critical faults."""
    if find_spec("axe_playwright_python") is None:
        _missing("axe-playwright-python")
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

    def found(page) -> list[str]:
        page.evaluate(axe)
        result = page.evaluate("axe.run()")
        # that it looked at all
        assert len(result["passes"]) > 15
        bad = [fault for fault in result["violations"] if fault["impact"] in ("serious", "critical")]
        return [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in bad]

    return found
