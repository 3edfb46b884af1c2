"""Tables `regions.NAME`: means of maps over the voxels of each region, or over those that survive a question."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.io.derivatives import bids_label, map_name
from cuecircuit.io.maps import read_maps
from cuecircuit.io.nifti import read_volume
from cuecircuit.io.tables import ColumnNote
from cuecircuit.regions.means import region_means
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.acquisition import Regions
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.space import study_space
from cuecircuit.tables.table import Table


def regions_table(tables: Tables, name: str, maps_folder: Path, questions: Path) -> Table:
    """Average every map of a table over regions.

    Args:
        tables: those that are made so far.
        name: of the set of regions.
        maps_folder: where names of maps start.
        questions: folder of the answers, for regions within a question.

    Raises:
        DataError: a region that the atlas does not have, or maps that cannot be read.
    """
    regions = tables.files.study.regions[name]
    space = study_space(tables.files, regions)
    assert space.atlas is not None
    rows = _rows(tables, regions)
    column = "map_unsmoothed" if regions.unsmoothed else "map"
    y = read_maps([str(value) for value in rows[column]], maps_folder, space.mask, space.grid)
    inside = None
    if regions.within:
        prefix = bids_label(regions.within.effect)
        path = questions / regions.within.question / map_name(prefix, "pfwe")
        asked = tables.files.study.questions[regions.within.question]
        correction = asked.correction or tables.files.study.correction
        assert correction is not None
        inside = read_volume(path)[0][space.mask] <= correction.alpha
    return _table(tables, name, rows, y, space.atlas.labels[space.mask], space.atlas.names, inside)


def drawn_regions(tables: Tables, name: str) -> Table:
    """Make the table of a set of regions with drawn numbers in place of means, as a dry run needs it.

    Raises:
        DataError: a region that the atlas does not have.
    """
    regions = tables.files.study.regions[name]
    space = study_space(tables.files, regions)
    assert space.atlas is not None
    rows = _rows(tables, regions)
    labels, first = np.unique(space.atlas.labels[space.mask], return_index=True)
    # positive, so that ratios of them are numbers
    y = np.random.default_rng(0).normal(1.0, 0.1, (len(rows), len(first)))
    return _table(tables, name, rows, y, labels, space.atlas.names)


def _rows(tables: Tables, regions: Regions) -> pd.DataFrame:
    """Return the rows of maps that are averaged."""
    rows = tables.made[split_reference(regions.of)[0]].rows
    rows = rows[rows["subject"].isin(tables.made["subjects"].rows["subject"])]
    return rows[rows["map_unsmoothed" if regions.unsmoothed else "map"].notna()].reset_index(drop=True)


def _table(
    tables: Tables,
    name: str,
    rows: pd.DataFrame,
    y: Float[Array, "map voxel"],
    labels: Int[Array, "voxel"],
    names: Mapping[int, str],
    inside: Bool[Array, "voxel"] | None = None,
) -> Table:
    regions = tables.files.study.regions[name]
    source = tables.made[split_reference(regions.of)[0]]
    named = named_regions(f"regions.{name}.names", regions.names, names)
    means = region_means(y[:, None, :], labels, np.array(list(named)), within=inside)
    parts = [
        rows[list(source.keys)].assign(
            region=label,
            **{VALUE: means.values[:, 0, k]},
            voxels=float(means.voxels[k]),
            voxels_of_region=float(means.of[k]),
        )
        for k, label in enumerate(named.values())
    ]
    note = source.notes.get("map")
    unit = note.get("Units", "n/a") if isinstance(note, dict) else "n/a"
    notes: dict[str, ColumnNote] = {
        **{key: source.notes.get(key, "key") for key in source.keys},
        "region": "region of the atlas",
        VALUE: {"Description": "mean over the voxels", "Units": unit},
        "voxels": "voxels averaged; 0 where none survives",
        "voxels_of_region": "voxels of the whole region in the mask",
    }
    table = pd.concat(parts, ignore_index=True)
    return Table(name=f"regions.{name}", keys=(*source.keys, "region"), rows=table, notes=notes)


def named_regions(setting: str, names: Sequence[str], atlas: Mapping[int, str]) -> dict[int, str]:
    """Return the labels of regions that a setting names, or of all, and their names.

    Raises:
        DataError: a name that the atlas does not have.
    """
    if not names:
        return dict(atlas)
    unknown = [label for label in names if label not in atlas.values()]
    if unknown:
        raise DataError(f"{setting}: the atlas has no {', '.join(unknown)}; it has {', '.join(atlas.values())}")
    labels = {label: index for index, label in atlas.items()}
    return {labels[label]: label for label in names}
