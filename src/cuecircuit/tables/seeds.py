"""Regions that serve as seeds: their labels, their courses in a scan, and what is wrong with them."""

from collections.abc import Iterator, Sequence

import numpy as np

from cuecircuit.arrays import Array, Bool, Float64
from cuecircuit.errors import DataError
from cuecircuit.imaging.peri_cue import region_series
from cuecircuit.records.atlas import Atlas
from cuecircuit.tables.scan_reading import ScanAtWork


def seed_courses(scan: ScanAtWork, seeds: Sequence[str], atlas: Atlas) -> Float64[Array, "volume seed"]:
    """Average the scan over each seed.

    Raises:
        DataError: a seed that the atlas does not have, or without a voxel.
    """
    inside = np.where(scan.mask, atlas.labels, 0)
    return region_series(scan.series, inside, np.array(seed_labels(seeds, scan, atlas)))


def seed_labels(seeds: Sequence[str], scan: ScanAtWork, atlas: Atlas) -> list[int]:
    """Return the labels of seeds in the atlas.

    Raises:
        DataError: as `seed_faults`.
    """
    DataError.raise_any([*seed_faults(seeds, atlas, scan.mask)])
    names = {name: label for label, name in atlas.names.items()}
    return [names[seed] for seed in seeds]


def seed_faults(seeds: Sequence[str], atlas: Atlas, mask: Bool[Array, "x y z"]) -> Iterator[str]:
    """Yield seeds that are no region of the atlas, or that have no voxel in the mask."""
    labels = {name: label for label, name in atlas.names.items()}
    for seed in seeds:
        if seed not in labels:
            yield f"seed {seed} is no region of the atlas, which has {', '.join(labels)}"
        elif not (mask & (atlas.labels == labels[seed])).any():
            yield f"seed {seed} has no voxel in the mask; name another region"
