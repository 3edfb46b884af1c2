"""Rows of a table as a question asks for them: chosen, averaged over complete sets, as a change, with their columns."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.study.accounting import levels_of_phases, names_in, split_reference
from cuecircuit.study.questions import Rows
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """Rows with their keys, further columns and the response as column `value`; `left_out` says who lacks what."""

    rows: pd.DataFrame
    keys: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """The tables of a study that are there, by name."""

    files: StudyFiles
    made: Mapping[str, Table]

    def levels(self, table: str, rows: Rows, key: str) -> tuple[str, ...]:
        """Return the planned levels of a key among chosen rows, in order; empty where only the data have them."""
        chosen = rows.where.get(key)
        phases = levels_of_phases(self.files.study.operant, rows) if self.files.books.of_sessions(table) else ()
        if key == "treatment":
            planned = names_in(*(phase.treatments for phase in phases))
        elif key == "day" and phases:
            planned = tuple(str(day) for day in range(1, max(phase.days for phase in phases) + 1))
        else:
            planned = self.files.books.levels(table, key)
        source = self.files.study.derived.get(table.removeprefix("derived."))
        if not planned and isinstance(source, Rows):  # a derived number keeps the levels of what it is made of
            planned = self.levels(split_reference(source.of)[0], source, key)
        if not chosen:
            return planned
        ends = {"first": planned[:1], "last": planned[-1:]}
        named = {level for label in chosen for level in ((label,) if label in planned else ends.get(label, (label,)))}
        return tuple(level for level in planned if level in named) or chosen

    def column(self, table: Table, rows: pd.DataFrame, name: str) -> pd.Series:
        """Return a column of rows: of their own table, a derived number, of the visit, or of the subject.

        Raises:
            DataError: nothing has it, or a column of visits is wanted where rows have no session.
        """
        subjects = self.made["subjects"]
        # a factor of subjects may be called like a column of logs, as `line`
        is_of_subject = name in self.files.study.factors and name in subjects.rows
        if is_of_subject and table is not subjects and name not in table.keys:
            return _looked_up(rows, subjects, ("subject",), name)
        if name in rows:
            return rows[name]
        derived = self.made.get(f"derived.{name}")
        if derived is not None and set(derived.keys) <= set(rows):
            return _looked_up(rows, derived, derived.keys, VALUE)
        visits = self.made.get("visits")
        if visits is not None and name in visits.rows:
            if "session" not in rows:
                raise DataError(
                    f"column '{name}' is of visits, and rows of {table.name} have no session; choose one session in "
                    "`where`, or derive a number from it"
                )
            return _looked_up(rows, visits, ("subject", "session"), name)
        if name in subjects.rows:
            return _looked_up(rows, subjects, ("subject",), name)
        made = sorted({*map(str, rows), *map(str, subjects.rows), *map(str, visits.rows if visits is not None else ())})
        raise DataError(
            f"table {table.name} has no column '{name}', nor has the table of subjects; there are {', '.join(made)}"
        )

    def choose(self, rows: Rows, keep: Sequence[str], columns: Iterable[str] = ()) -> Chosen:
        """Choose rows of a table.

        Args:
            rows: which, and what is averaged or differenced.
            keep: keys that stay beside `subject`; the others are fixed, averaged or differenced.
            columns: further columns that are wanted (factors of subjects, covariates).

        Returns:
            Rows in the order of the levels of `keep`, then of subjects.

        Raises:
            DataError: no such table or column, or no row is left.
        """
        name, response = split_reference(rows.of)
        table = self.made.get(name)
        if table is None:
            raise DataError(f"table {name} is not there; run the step that makes it")
        left_out = [f"{subject}: left out, {reason}" for subject, reason in getattr(rows, "exclude", {}).items()]
        frame = self._where(table, rows)
        value = self._response(table, frame, response)
        frame = frame.assign(**{VALUE: value}) if value is not None else frame
        keys = names_in(["subject"], keep, [rows.change] if rows.change else [])
        columns = [column for column in names_in(columns) if column not in keys]
        frame = frame.assign(**{column: self.column(table, frame, column) for column in (*keys, *columns)})
        # of a region no voxel may survive
        if VALUE in frame and len(frame) and frame[VALUE].isna().all() and not name.startswith("regions."):
            raise DataError(f"{rows.of}: no row of {self._words(rows)} has a number")
        if rows.average:
            frame = self._averaged(name, rows, frame, keys, columns, left_out)
        if rows.change:
            frame = self._change(name, rows, frame, keys, columns, left_out)
        if frame.empty:
            raise DataError("; ".join([f"{rows.of}: no row is left of {self._words(rows)}", *left_out[:3]]))
        keys = tuple(key for key in keys if key != rows.change)
        ordered = self.ordered(name, rows, frame, [key for key in keys if key != "subject"])
        needed = names_in(keys, columns, [VALUE] if VALUE in frame else [], ["map", "variance", "map_unsmoothed"])
        kept = ordered[[column for column in needed if column in ordered]]
        return Chosen(rows=kept, keys=keys, left_out=tuple(dict.fromkeys(left_out)))

    def of_nobody(self, rows: Rows, factors: Sequence[str], frame: pd.DataFrame) -> tuple[str, ...]:
        """Return a line for each factor that has planned levels without a row."""
        planned = {name: self.levels(split_reference(rows.of)[0], rows, name) for name in factors}
        absent = {
            name: [level for level in levels if level not in set(_text(frame[name]))]
            for name, levels in planned.items()
        }
        return tuple(f"{name} {', '.join(levels)}: nobody has a row" for name, levels in absent.items() if levels)

    def ordered(self, table: str, rows: Rows, frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
        """Put rows in the order of the levels of keys, the first key slowest, then of the subjects."""
        ranks: dict[str, pd.Series] = {}
        for key in keys:
            levels = self.levels(table, rows, key)
            place = {level: k for k, level in enumerate(levels)}
            ranks[f"_{key}"] = _text(frame[key]).map(place) if levels else frame[key]
        who = {subject: k for k, subject in enumerate(self.made["subjects"].rows["subject"])}
        ranks["_who"] = frame["subject"].map(who)
        order = frame.assign(**ranks).sort_values(list(ranks), kind="stable").index
        return frame.loc[order].reset_index(drop=True)

    def _where(self, table: Table, rows: Rows) -> pd.DataFrame:
        frame, subjects = table.rows, set(self.made["subjects"].rows["subject"])
        excluded = getattr(rows, "exclude", {})
        if unknown := sorted(set(excluded) - subjects):
            raise DataError(
                f"exclude: {', '.join(unknown)} is no subject of the study; correct the name or take it out"
            )
        frame = frame[frame["subject"].isin(subjects - set(excluded))]
        for key, named in rows.where.items():
            levels = self.levels(table.name, rows, key) or named
            labels = _text(self.column(table, frame, key))
            chosen = labels.isin(levels)
            if key == "day" and "last" in named and self.files.books.of_sessions(table.name):
                chosen |= labels == frame["phase"].map(self._last_days)  # of each phase its own
            frame = frame[chosen]
        return frame.reset_index(drop=True)

    @property
    def _last_days(self) -> dict[str, str]:
        operant = self.files.study.operant
        return {name: str(phase.days) for name, phase in operant.phases.items()} if operant else {}

    @staticmethod
    def _response(table: Table, frame: pd.DataFrame, response: str) -> pd.Series | None:
        name = response or VALUE
        if name not in frame:
            if not response and "map" in frame:
                return None
            raise DataError(f"table {table.name} has no column '{name}'; it has {', '.join(map(str, frame))}")
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise DataError(f"{table.name}.{name} holds text; a response is a number")
        return frame[name].astype(float)

    def _averaged(
        self, table: str, rows: Rows, frame: pd.DataFrame, keys: Sequence[str], columns: list[str], left_out: list[str]
    ) -> pd.DataFrame:
        """Average over keys; who lacks a planned level of one has no row. Trials and runs are averaged as there are."""
        planned = [key for key in rows.average if self.levels(table, rows, key)]
        grouped = frame.groupby(list(keys), sort=False, dropna=False)
        means = grouped[VALUE].mean()
        out = means.to_frame().join(grouped[columns].first()).reset_index()
        if not planned:
            return out
        there = frame[frame[VALUE].notna()].drop_duplicates([*keys, *planned]).groupby(list(keys), dropna=False).size()
        counted = there.reindex(means.index, fill_value=0)
        expected = [self._expected(table, rows, planned, row) for row in out.to_dict("records")]
        # what nobody has, such as a region without voxels, stays as a row without a number
        each = [key for key in getattr(rows, "each", ()) if key in keys]
        nobody = (out.groupby(each)[VALUE].transform("count") == 0).to_numpy() if each else np.zeros(len(out), bool)
        complete = (counted >= expected).to_numpy()
        why = f"no value at some level of {', '.join(rows.average)}, in {self._words(rows)}"
        left_out += [f"{subject}: {why}" for subject in out.loc[~(complete | nobody), "subject"]]
        return out[complete | nobody]

    def _expected(self, table: str, rows: Rows, averaged: Sequence[str], row: Mapping[Hashable, object]) -> int:
        """Return how many planned levels of averaged keys go into a row; phases differ in their days and treatments."""
        if not self.files.books.of_sessions(table):
            return prod(len(self.levels(table, rows, key)) for key in averaged)
        phases = [str(row["phase"])] if "phase" in row else self.levels(table, rows, "phase")
        of_phases = [rows.model_copy(update={"where": {**rows.where, "phase": (phase,)}}) for phase in phases]
        return sum(prod(len(self.levels(table, one, key)) or 1 for key in averaged) for one in of_phases)

    def _change(
        self, table: str, rows: Rows, frame: pd.DataFrame, keys: Sequence[str], columns: list[str], left_out: list[str]
    ) -> pd.DataFrame:
        assert rows.change is not None
        first, last = self.levels(table, rows, rows.change)[:: len(self.levels(table, rows, rows.change)) - 1]
        kept = [key for key in keys if key != rows.change]
        label = _text(self.column(self.made[table], frame, rows.change))
        before, after = (frame[label == level].set_index(kept) for level in (first, last))
        both = after[VALUE].dropna().index.intersection(before[VALUE].dropna().index, sort=False)
        lacking = sorted(set(frame["subject"]) - set(both.get_level_values("subject")))
        left_out += [f"{subject}: no value at {first} or {last}" for subject in lacking]
        difference = (after.loc[both, VALUE] - before.loc[both, VALUE]).to_frame()
        return difference.join(after.loc[both, [c for c in columns if c in after]]).reset_index()

    @staticmethod
    def _words(rows: Rows) -> str:
        return ", ".join(f"{key} {' or '.join(levels)}" for key, levels in rows.where.items()) or "all rows"


def _text(column: pd.Series) -> pd.Series:
    """Return labels as text; whole numbers without a decimal point."""
    if pd.api.types.is_float_dtype(column):
        whole = (column.dropna() % 1 == 0).all()
        column = column.astype("Int64") if whole else column.map("{:g}".format, na_action="ignore")
    return column.astype("string").fillna("").astype(object)


def _looked_up(rows: pd.DataFrame, table: Table, keys: Sequence[str], name: str) -> pd.Series:
    values = table.rows.set_index(list(keys))[name]
    if len(keys) == 1:
        return rows[keys[0]].map(values)
    index = pd.MultiIndex.from_frame(rows[list(keys)])
    return pd.Series(values.reindex(index).to_numpy(), index=rows.index)
