"""Rows as a question asks for them."""

import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.study.questions import Rows
from cuecircuit.tables.derived import derived_table
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.table import Table

DRINKING = {"phase": ("drinking",)}


def test_rows_come_in_the_order_of_levels_whatever_that_of_the_table(tables: Tables) -> None:
    chosen = tables.choose(Rows(of="operant.infusions", where=DRINKING), ["day"], ["group"]).rows
    assert list(chosen["day"]) == [1] * 4 + [2] * 3 + [3] * 4
    assert list(chosen["subject"][:4]) == ["w1", "w2", "e1", "e2"]
    assert list(chosen["group"][:4]) == ["water", "water", "ethanol", "ethanol"]


def test_who_lacks_a_planned_level_has_no_mean_and_is_named(tables: Tables) -> None:
    chosen = tables.choose(Rows(of="operant.infusions", where=DRINKING, average=("day",)), [])
    assert list(chosen.rows["subject"]) == ["w1", "w2", "e1"]
    assert list(chosen.rows[VALUE]) == [2.0, 12.0, 22.0]
    assert len(chosen.left_out) == 1
    assert chosen.left_out[0].startswith("e2: lacks a level of day")


def test_change_is_the_last_level_less_the_first_of_complete_pairs(tables: Tables) -> None:
    chosen = tables.choose(Rows(of="operant.infusions", where={"phase": ("test",)}, change="treatment"), ["treatment"])
    assert dict(zip(chosen.rows["subject"], chosen.rows[VALUE], strict=True)) == {"w1": 1, "w2": 2, "e1": 3, "e2": 4}


def test_first_and_last_name_levels_of_a_numbered_key(tables: Tables) -> None:
    chosen = tables.choose(Rows(of="operant.infusions", where={**DRINKING, "day": ("last",)}), [])
    assert list(chosen.rows[VALUE]) == [3.0, 13.0, 23.0, 33.0]


def test_a_derived_number_is_of_what_there_is_where_it_need_not_be_complete(tables: Tables) -> None:
    rise = derived_table(tables, "rise")
    assert rise.keys == ("subject",)
    assert rise.rows[VALUE].to_list() == pytest.approx([1.0, 1.0, 1.0, 1.0])


def test_a_column_that_nothing_has_is_named_with_those_there_are(tables: Tables) -> None:
    with pytest.raises(DataError, match=r"no column 'age'.*group"):
        tables.choose(Rows(of="operant.infusions", where=DRINKING), ["day"], ["age"])


def test_rows_that_nobody_has_are_an_error(tables: Tables) -> None:
    empty = tables.made["operant"].rows.iloc[:0]
    none = Table(name="operant", keys=tables.made["operant"].keys, rows=empty, notes=tables.made["operant"].notes)
    with pytest.raises(DataError, match="no row is left of phase drinking"):
        Tables(files=tables.files, made={**tables.made, "operant": none}).choose(
            Rows(of="operant.infusions", where=DRINKING), ["day"]
        )


def test_a_table_refuses_rows_with_the_same_keys() -> None:
    rows = pd.DataFrame({"subject": ["a", "a"], "day": [1, 1], "x": [1.0, 2.0]})
    with pytest.raises(DataError, match="several rows for subject a, day 1"):
        Table(name="t", keys=("subject", "day"), rows=rows, notes={})
