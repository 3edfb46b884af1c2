"""The tables that are made without a scan: subjects, visits, operant and bins, trials, maps, derived.

Of maps that are made of scans these are the rows to be expected.
"""

from dataclasses import dataclass

from cuecircuit.behavior.measures import LevelMeasures
from cuecircuit.errors import StudyError
from cuecircuit.study.acquisition import Given
from cuecircuit.study.schema import Study
from cuecircuit.tables.derived import derived_table
from cuecircuit.tables.given_maps import given_maps
from cuecircuit.tables.map_tables import planned_maps
from cuecircuit.tables.operant import OperantData, operant_data
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.subjects import subjects_table, visits_table
from cuecircuit.tables.table import Table
from cuecircuit.tables.trials import trials_table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """What a node makes: its tables, and of `operant` all that is known of the sessions."""

    tables: tuple[Table, ...]
    sessions: OperantData | None = None


def asks_for_levels(study: Study) -> bool:
    """Return whether a study names an estimated drug level; else there is no need to compute them."""
    text = study.model_dump_json()
    return any(name in text for name in LevelMeasures.__dataclass_fields__)


def make_node(tables: Tables, node: str, *, levels: bool = True) -> Made:
    """Make the tables of a node.

    Args:
        tables: those that it needs.
        node: a name of `graph.ordered_nodes`, of a table.
        levels: as `operant_data`.

    Raises:
        DataError: files or rows that are missing or at fault.
        StudyError: a node that is made elsewhere.
    """
    files, study = tables.files, tables.files.study
    kind, _, name = node.partition(".")
    match kind:
        case "subjects":
            return Made(tables=(subjects_table(files),))
        case "visits":
            return Made(tables=(visits_table(files, tables.made["subjects"]),))
        case "operant":
            assert study.operant is not None
            data = operant_data(files, study.operant, tables.made["subjects"], levels=levels)
            return Made(tables=(data.table, *([] if data.bins is None else [data.bins])), sessions=data)
        case "trials":
            assert study.trials is not None
            return Made(tables=(trials_table(files, study.trials, tables.made["subjects"]),))
        case "derived":
            return Made(tables=(derived_table(tables, name),))
        case "maps":
            maps = study.maps[name]
            if isinstance(maps, Given):
                return Made(tables=(given_maps(files, name, maps, tables.made["subjects"]),))
            return Made(tables=planned_maps(files, name, maps, files.scans.scans, tables.made))
        case _:
            raise StudyError(f"{node}: is no table that can be made without reading maps")
