"""BIDS derivatives: names of statistical maps, and the description of the folder."""

import re
from collections.abc import Iterable
from pathlib import Path

import cuecircuit
from cuecircuit.io.tables import write_json
from cuecircuit.study.about import About

BIDS_VERSION = "1.10.0"
# of a subject, with names after BIDS for which BIDS 1.10 has no rule
MAP_FILES = ("*_statmap.*", "*_maps.*", "*_quality.*", "*_timecourse.*")


def bids_label(text: str) -> str:
    """Make a BIDS label (letters and digits) of a name: `group:cue` becomes `groupXcue`, `a - b` aMinusb."""
    words = text.replace(":", "X").replace(" - ", "Minus").replace(" + ", "Plus")
    return re.sub(r"[^A-Za-z0-9]", "", words)


def subject_prefixes(groups: Iterable[str]) -> dict[str, str]:
    """Return what the BIDS labels of each group's subjects begin with: its letters and digits, or g1, g2, …

    The latter for all groups where two have the same letters and digits or one has none (`+/+`, `-/-`).
    """
    prefixes = {group: bids_label(group) for group in groups}
    if len({"", *map(str.casefold, prefixes.values())}) > len(prefixes):
        return prefixes
    return {group: f"g{place}" for place, group in enumerate(prefixes, 1)}


def map_name(contrast: str, statistic: str, *, prefix: str = "") -> str:
    """Name a statistical map: `<prefix>contrast-<contrast>_stat-<statistic>_statmap.nii.gz`."""
    return f"{prefix}contrast-{bids_label(contrast)}_stat-{statistic}_statmap.nii.gz"


def write_description(folder: Path, name: str, about: About | None = None, *, simulated: object = None) -> None:
    """Write `dataset_description.json` of a derivative, with what the study file says of its data set.

    `simulated`: what the data set says of its simulation; of measured data nothing.
    """
    said = {"Authors": list(about.authors), "License": about.license} if about else {}
    if about and about.doi:
        said["SourceDatasets"] = [{"DOI": f"doi:{about.doi}"}]
    write_json(
        folder / "dataset_description.json",
        {
            "Name": name,
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            **{field: value for field, value in said.items() if value},
            **({"Simulated": simulated} if simulated else {}),
            "GeneratedBy": [{"Name": "cuecircuit", "Version": cuecircuit.__version__}],
        },
    )
