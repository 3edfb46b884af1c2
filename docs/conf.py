"""How the documentation is built: `make docs` writes site/index.html, without a network."""

import cuecircuit

project = "cuecircuit"
author = "cuecircuit developers"
release = cuecircuit.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns: list[str] = []
html_theme = "furo"
html_title = f"cuecircuit {release}"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
myst_enable_extensions = ["dollarmath"]
