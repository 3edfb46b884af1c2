"""Who takes part: species, the factor between subjects, who lacks what and is left out."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.starting.draft_parts import Answers, Choice, Note
from cuecircuit.starting.drafted_participants import drafted_participants
from cuecircuit.starting.inventory import Inventory
from cuecircuit.starting.level_order import level_choice, order_levels
from cuecircuit.starting.place import Place
from cuecircuit.starting.subject_columns import Column, SubjectTable

_FACTORS = ("group", "diagnosis", "condition", "arm", "treatment", "access", "genotype", "history", "dependence")
_BESIDE = ("sex", "gender")
_NEVER = ("species", "strain", "site", "center", "scanner", "cohort", "batch", "handedness", "pair", "cage")
_NO_PARTNERS = ("age", "weight", "weight_kg", "weight_g", "height", "bmi", "education", "iq", "handedness", "sex")
_SPECIES = {"rat": "Rattus norvegicus", "mouse": "Mus musculus", "mice": "Mus musculus", "human": "Homo sapiens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Subjects of each kind of recording, by its name in messages: `operant session`, `scan of task cues`, `map`."""

    subjects: Mapping[str, frozenset[str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cast:
    """Who takes part, and by which factor between subjects they are compared.

    `table`: the participants; `is_drafted` where no file had them; `others`: further tables about them.
    """

    table: SubjectTable
    is_drafted: bool
    others: tuple[SubjectTable, ...]
    sources: Sources
    answers: Answers
    place: Place
    default_species: str
    notes: tuple[Note, ...] = field(default=())

    @cached_property
    def species(self) -> Choice | str:
        """The species that a column states, a choice where it states several or none."""
        counts = self._species_of["species"].dropna().map(_species_name).value_counts()
        if len(counts) == 1:
            return str(counts.index[0])
        several = ", ".join(f"{name} ({n})" for name, n in counts.items())
        return Choice(
            path="subjects.species",
            question=f"species of the study ({several})" if several else "species, Latin name",
            likeliest=str(counts.index[0]) if len(counts) else self.default_species,
            why=f"found {several}; the others are left out" if several else "no file states it",
            options=tuple(map(str, counts.index)) or tuple(_SPECIES.values()),
        )

    @cached_property
    def species_name(self) -> str:
        """The species taken."""
        return self.species if isinstance(self.species, str) else self.answers.of(self.species)

    @property
    def is_human(self) -> bool:
        """Whether humans take part."""
        return self.species_name == "Homo sapiens"

    @cached_property
    def column(self) -> str | None:
        """Name of the column of labels that is of interest; None where there is none."""
        name = self.answers.of(self.factor_choice) if self.factor_choice else next(iter(self._candidates), None)
        return None if name == "none" else name

    @cached_property
    def factor(self) -> str | None:
        """The column, if two of its levels have two subjects or more."""
        return self.column if len(self.levels) > 1 else None

    @cached_property
    def factor_choice(self) -> Choice | None:
        """Which column is of interest, where several may be."""
        names = [*self._candidates]
        if len(names) < 2:
            return None
        return Choice(
            path="factors",
            question="factor between subjects that the tests are about",
            likeliest=names[0],
            why=f"columns of labels: {', '.join(names)}; add others to `between` of the questions",
            options=(*names, "none"),
        )

    @cached_property
    def reference_choice(self) -> Choice | None:
        """Which level the others are compared with."""
        levels = set(self.labels.values()) - set(self.single)
        return level_choice(self.column, levels) if self.column and len(levels) > 1 else None

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """Levels of the factor, the reference first."""
        return order_levels(self.reference_choice, self.answers) if self.reference_choice else ()

    @cached_property
    def excluded(self) -> dict[str, str]:
        """Subjects left out, with the reason."""
        reasons: dict[str, list[str]] = {}
        for subject, reason in self._reasons():
            reasons.setdefault(subject, []).append(reason)
        return {subject: ", ".join(dict.fromkeys(lines)) for subject, lines in sorted(reasons.items())}

    @cached_property
    def labels(self) -> dict[str, str]:
        """Level of the column of each subject who is not excluded; `all` where there is no such column."""
        rows = self.table.rows[~self.table.rows["subject"].isin(self.excluded)].drop_duplicates("subject")
        labels = rows[self.column].map(_label) if self.column else ["all"] * len(rows)
        return dict(zip(rows["subject"], labels, strict=True))

    @cached_property
    def group_of(self) -> dict[str, str]:
        """Level of the factor of each subject who takes part; `all` without a factor."""
        if self.factor is None:
            return dict.fromkeys(self.labels, "all")
        return {subject: level for subject, level in self.labels.items() if level in self.levels}

    @cached_property
    def partners(self) -> tuple[str, ...]:
        """Columns of numbers of subjects that responses may be correlated with, those of further tables first."""
        tables = [table for table in (*self.others, self.table) if not table.by_session]
        columns = [column for table in tables for column in table.columns if column.role == "number"]
        return tuple(c.name for c in columns if c.name.casefold() not in _NO_PARTNERS and c.n >= len(self.group_of) / 2)

    @cached_property
    def _species_of(self) -> pd.DataFrame:
        rows = self.table.rows
        return rows if "species" in rows else rows.assign(species=None)

    @cached_property
    def _candidates(self) -> dict[str, Column]:
        columns = {c.name: c for c in self.table.columns if c.role == "label" and len(c.levels) > 1}
        ranks = {name: self._rank(name.casefold()) for name in columns if name.casefold() not in _NEVER}
        return {name: columns[name] for name in sorted(ranks, key=lambda name: ranks[name])}

    @staticmethod
    def _rank(name: str) -> int:
        return _FACTORS.index(name) if name in _FACTORS else len(_FACTORS) + (name in _BESIDE)

    @cached_property
    def single(self) -> tuple[str, ...]:
        """Levels of one subject, which nothing can be tested of."""
        counts = Counter(self.labels.values()) if self.column else {}
        return tuple(sorted(level for level, n in counts.items() if n == 1))

    def _reasons(self) -> Iterator[tuple[str, str]]:
        for source, there in self.sources.subjects.items():
            yield from ((one, f"no {source}") for one in self.table.subjects if one not in there)
            if source == "operant session":
                yield from ((one, f"not in {self.table.path.name}") for one in there - set(self.table.subjects))
        names = self._species_of["species"].map(_species_name)
        other = self._species_of["subject"][names.notna() & (names != self.species_name)]
        yield from ((one, f"not {self.species_name}") for one in other)
        if self.column:
            missing = self.table.rows["subject"][self.table.rows[self.column].isna()]
            yield from ((one, f"no {self.column}") for one in missing)


def make_cast(inventory: Inventory, sources: Sources, place: Place, answers: Answers, *, species: str) -> Cast:
    """Gather who takes part.

    Args:
        inventory: what was found.
        sources: subjects of each kind of recording.
        place: of the study file.
        answers: given so far.
        species: the likeliest where no file states it.

    Raises:
        DataError: nobody is in both the table of participants and the recordings, or nothing was recorded.
    """
    everyone = frozenset[str]().union(*sources.subjects.values())
    tables = sorted(inventory.participants, key=lambda one: -len(everyone & set(one.subjects)))
    table = tables[0] if tables else drafted_participants(inventory.logs, everyone, place)
    names = set(table.subjects)
    for source, there in sources.subjects.items():
        if not there & names:
            raise DataError(
                f"{table.path}: lists {_some(names)}, but '{source}' is of {_some(there)}; give each subject one name"
            )
    notes = [
        Note(
            path="subjects",
            text=f"{one.path} lists other participants, and a study is of one data set; name that folder alone for it",
            is_open=True,
        )
        for one in tables[1:]
    ]
    subject_tables = [one for one in inventory.tables if set(one.subjects) & names and one.has_one_row_each]
    notes += [
        Note(path="subjects", text=f"{one.path} has several rows for one subject and is not used")
        for one in inventory.tables
        if not one.has_one_row_each
    ]
    return Cast(
        table=table,
        is_drafted=not tables,
        others=tuple(subject_tables),
        sources=sources,
        answers=answers,
        place=place,
        default_species=species,
        notes=tuple(notes),
    )


def _species_name(value: object) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    return _SPECIES.get(value.strip().casefold(), value.strip().capitalize())


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _some(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names)[:3]) + (" ..." if len(names) > 3 else "")
