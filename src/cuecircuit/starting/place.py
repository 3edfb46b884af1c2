"""Where the study file will be, and how it names what lies elsewhere."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folder of the study file, absolute."""

    folder: Path

    def written(self, path: Path) -> str:
        """Return a path as the study file has it: relative below its folder, absolute elsewhere."""
        whole = path.resolve() if ".." in path.parts else path.absolute()
        return str(whole.relative_to(self.folder)) if whole.is_relative_to(self.folder) else str(whole)
