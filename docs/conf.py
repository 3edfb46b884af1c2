"""How the documentation is built: `make docs` writes site/index.html, without a network."""

import sys
from pathlib import Path

import cuecircuit

sys.path.insert(0, str(Path(__file__).parent))

from settings import columns, tables

project = "cuecircuit"
author = "cuecircuit developers"
release = cuecircuit.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
bibtex_bibfiles = ["../src/cuecircuit/report/references.bib"]
exclude_patterns: list[str] = []
html_theme = "furo"
html_title = f"cuecircuit {release}"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
myst_enable_extensions = ["dollarmath"]


sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "auto_gallery",
    "image_scrapers": ("last_figure.save",),
    "reset_modules": (),
    "ignore_repr_types": "Figure",
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "min_reported_time": 20,
}


def setup(app: object) -> None:
    """Keep |r| of the docstrings an absolute value: in reStructuredText it would be a substitution."""
    app.connect("autodoc-process-docstring", _escape_bars)
    app.connect("source-read", _fill_lists)


def _fill_lists(app: object, page: str, source: list[str]) -> None:
    """Write the tables of all settings, or of all columns, where their page wants them."""
    if page == "settings":
        source[0] = source[0].replace("SETTINGS", tables())
    elif page == "columns":
        source[0] = source[0].replace("COLUMNS", columns())


def _escape_bars(app: object, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    lines[:] = [line.replace("|", "\\|") for line in lines]
