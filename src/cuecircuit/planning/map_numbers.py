"""Tables of maps of a drawn study as numbers: one per region in place of a map, then contrasts and region means.

A contrast of a region mean is the mean of the contrast, since both are weighted sums. Noise of scans is not added:
`between_sd` and `within_sd` of the base are those of region means.
"""

from collections.abc import Mapping

import pandas as pd

from cuecircuit.simulation.planting import REST, Drawn
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.acquisition import Glm
from cuecircuit.tables.map_plan import condition, wanted_maps
from cuecircuit.tables.rows import VALUE
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table


def map_tables(files: StudyFiles, drawn: Drawn, trials: Table | None) -> dict[str, Table]:
    """Return the drawn maps and their contrasts, with key region and what maps carry of their trials."""
    made = {}
    for name, maps in files.study.maps.items():
        response = drawn.responses.get(f"maps.{name}")
        if response is None:
            continue
        keys = files.books.tables[f"maps.{name}"].keys
        rows = response.loc[response["region"] != REST, [*keys, "region", "value"]].reset_index(drop=True)
        if maps.carry and trials is not None:
            shared = [key for key in keys if key in trials.rows]
            carried = trials.rows.groupby(shared, sort=False)[list(maps.carry)].mean().reset_index()
            rows = rows.merge(carried, on=shared, how="left", sort=False)
        made[f"maps.{name}"] = _table(f"maps.{name}", (*keys, "region"), rows)
        if isinstance(maps, Glm) and f"contrasts.{name}" in files.books.tables:
            made[f"contrasts.{name}"] = _contrasts(files, name, maps, rows)
    return made


def _contrasts(files: StudyFiles, name: str, maps: Glm, rows: pd.DataFrame) -> Table:
    cells = [condition(levels) for levels in rows[list(maps.cells)].itertuples(index=False, name=None)]
    keys = [key for key in files.books.tables[f"contrasts.{name}"].keys if key != "contrast"]
    wide = rows.assign(_cell=cells).pivot(index=[*keys, "region"], columns="_cell", values=VALUE)
    parts = [
        (wide[list(one.weights)] @ pd.Series(one.weights)).rename(VALUE).reset_index().assign(**one.keys)
        for one in wanted_maps(files.study, name, maps)
        if one.table == f"contrasts.{name}" and set(one.weights) <= set(wide)
    ]
    return _table(f"contrasts.{name}", (*keys, "contrast", "region"), pd.concat(parts, ignore_index=True))


def region_tables(files: StudyFiles, made: Mapping[str, Table]) -> dict[str, Table]:
    """Return the tables `regions.NAME`: the drawn maps of the regions that each is of."""
    tables = {}
    for name, regions in files.study.regions.items():
        source = made.get(split_reference(regions.of)[0])
        if source is None:
            continue
        kept = source.rows[source.rows["region"].isin(regions.names)] if regions.names else source.rows
        tables[f"regions.{name}"] = _table(f"regions.{name}", source.keys, kept.reset_index(drop=True))
    return tables


def _table(name: str, keys: tuple[str, ...], rows: pd.DataFrame) -> Table:
    return Table(name=name, keys=keys, rows=rows, notes=dict.fromkeys(map(str, rows), "drawn"))
