"""Brain masks beside preprocessed scans: fMRIPrep's `desc-brain_mask`, RABIES's `commonspace_mask`."""

import re
from pathlib import Path

_END = re.compile(r"(_desc-[A-Za-z0-9]+)?_bold(\.nii(\.gz)?)$")
_RABIES = "commonspace_bold"


def find_brain_mask(bold: Path) -> Path | None:
    """Return the brain mask that belongs to a preprocessed scan; None where there is none."""
    above = [part for part in bold.parents if part.name == _RABIES]
    if above:
        raw = bold.name.partition("_bold")[0]
        masks = sorted((above[0].parent / "commonspace_mask").rglob(f"{raw}_bold_*.nii.gz"))
        return masks[0] if len(masks) == 1 else None
    path = bold.with_name(_END.sub(r"_desc-brain_mask\2", bold.name))
    return path if path != bold and path.is_file() else None
