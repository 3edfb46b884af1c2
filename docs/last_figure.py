"""Pictures of the gallery: a block of an example that ends with a figure shows it."""

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

SAVED = "saved"


def save(block: Any, variables: Any, gallery: Any) -> str:
    """Save the figure that a block of an example ends with."""
    figure = variables["example_globals"].get("___")
    if not isinstance(figure, Figure) or figure.get_label() == SAVED:
        return ""
    path = next(variables["image_path_iterator"])
    figure.savefig(path, dpi=120)
    figure.set_label(SAVED)
    return figure_rst([path], gallery["src_dir"])
