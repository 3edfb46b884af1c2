"""The README as PyPI shows it: links into the checkout become links into the repository, at `project.urls.Homepage`."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK_INTO_CHECKOUT = re.compile(r"\]\((?!https?://|#)([^)]+)\)")


class Readme(MetadataHookInterface):
    """What hatchling calls while it writes the metadata of a package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Write the README into the metadata."""
        repository = metadata["urls"]["Homepage"]

        def absolute(link: re.Match[str]) -> str:
            kind = "raw" if link[1].endswith(".png") else "blob"
            return f"]({repository}/{kind}/main/{link[1]})"

        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": _LINK_INTO_CHECKOUT.sub(absolute, text),
        }
