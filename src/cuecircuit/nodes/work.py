"""A study on its way to an output folder: its nodes as stages of the store, and the tables made so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.nodes.graph import node_of, ordered_nodes
from cuecircuit.pipeline.store import Store
from cuecircuit.study.acquisition import Given
from cuecircuit.tables.map_tables import Computed
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.scan_account import account
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.subject_maps import stage_name
from cuecircuit.tables.subjects import subjects_table
from cuecircuit.tables.table import FOLDER, Table, read_back

QUESTIONS = "questions"


@dataclass(frozen=True)
class Work:
    """A study, its output folder, how many processes may work, and the tables that are made."""

    files: StudyFiles
    store: Store
    n_jobs: int = 1
    made: dict[str, Table] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.store.root

    @cached_property
    def nodes(self) -> Mapping[str, tuple[str, ...]]:
        """Every node with those it needs, in an order in which they can be made."""
        return ordered_nodes(self.files.study)

    @cached_property
    def scans(self) -> tuple[ScanFiles, ...]:
        """The scans that maps are made of; inputs.tsv tells of all of them."""
        return account(self.files, self.subjects, self.out).scans

    @property
    def subjects(self) -> tuple[str, ...]:
        """Who enters."""
        return tuple(self.made["subjects"].rows["subject"])

    @property
    def tables(self) -> Tables:
        """The tables made so far."""
        return Tables(files=self.files, made=self.made)

    def drop_others(self, nodes: Sequence[str]) -> None:
        """Remove results of nodes and subjects that the study no longer has."""
        subjects = set(subjects_table(self.files).rows["subject"])
        kept = {*nodes, "alternatives", *(stage_name(n, s) for n in self.files.study.maps for s in subjects)}
        self.store.drop(name for name in self.store.names() if name not in kept)

    def load(self, name: str) -> None:
        """Load the tables that a node has made."""
        for table in tables_of(self, name):
            self.made[table] = read_back(self.out / FOLDER, table, self.files.books.tables[table].keys)


def tables_of(work: Work, node: str) -> tuple[str, ...]:
    """Return the tables that a node makes."""
    return tuple(table for table in work.files.books.tables if node_of(table) == node)


def computed_maps(work: Work, node: str) -> tuple[str, Computed] | None:
    """Return the set of maps of a node that is made of scans; None for other nodes."""
    kind, _, name = node.partition(".")
    maps = work.files.study.maps[name] if kind == "maps" else None
    return None if maps is None or isinstance(maps, Given) else (name, maps)


def maps_folder(work: Work, table: str) -> Path:
    """Return where the names in a table of maps start: the study for given ones, else the output folder."""
    kind, _, name = table.partition(".")
    maps = work.files.study.regions[name].of if kind == "regions" else table
    given = isinstance(work.files.study.maps[maps.partition(".")[2]], Given)
    return work.files.file.parent if given else work.out
