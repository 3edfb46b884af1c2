"""Figures of questions on tables: every cell is drawn, named as the study names it, with its unit."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cuecircuit.pages.map_pictures import effect_label_of
from cuecircuit.pages.pictures import picture
from cuecircuit.study.questions import AnyQuestion, Formula, Strata
from cuecircuit.tables.derived import derived_table
from cuecircuit.tables.rows import Tables

TESTED = {"of": "operant.infusions", "where": {"phase": ("test",)}}


def rows_of(tables: Tables, phase: str) -> pd.DataFrame:
    operant = tables.made["operant"].rows
    rows = operant[operant["phase"] == phase].merge(tables.made["subjects"].rows, on="subject")
    return rows.rename(columns={"infusions": "value"})


def drawn(tables: Tables, question: AnyQuestion, rows: pd.DataFrame) -> Figure:
    figure = picture(tables, question, {"rows": rows})
    assert figure is not None
    return figure


def cells(figure: Figure) -> dict[str, list[float]]:
    lines = [line for line in figure.axes[0].lines if str(line.get_gid()).startswith("cell-")]
    return {str(line.get_gid())[5:]: sorted(map(float, line.get_ydata())) for line in lines}  # pyright: ignore


@pytest.mark.parametrize("random", ["(1 | subject)", "(1 + treatment | subject)"])
def test_a_question_by_formula_shows_every_cell_of_its_factors(tables: Tables, random: str) -> None:
    formula = f"group*treatment + {random}"
    question = Formula(**TESTED, formula=formula, tests=("group:treatment",), method="reml")
    rows = rows_of(tables, "test")
    expected = {
        f"{group}-{treatment}": sorted(cell["value"])
        for (group, treatment), cell in rows.groupby(["group", "treatment"])
    }

    assert cells(drawn(tables, question, rows)) == expected
    assert list(cells(drawn(tables, question, rows))) == ["water-none", "water-light", "ethanol-none", "ethanol-light"]


def test_a_formula_without_a_factor_within_subjects_shows_its_groups(tables: Tables) -> None:
    question = Formula(**TESTED, formula="group + center(age)", tests=("group",), method="ols")
    figure = drawn(
        tables, question, rows_of(tables, "test").groupby(["subject", "group"], as_index=False)["value"].mean()
    )

    shown = [" ".join(text.get_text().split()) for text in figure.axes[0].texts]
    assert shown == ["water (n = 2)", "ethanol (n = 2)"]


def test_days_of_several_conditions_are_courses_of_each(tables: Tables) -> None:
    question = Strata(**TESTED, between=("group",), within=("treatment", "day"))
    rows = rows_of(tables, "test")
    later = rows.assign(day=2, value=rows["value"] + 1)
    axes = drawn(tables, question, pd.concat([rows, later], ignore_index=True)).axes[0]
    courses = [container for container in axes.containers if container.get_label()]
    first = rows[(rows["group"] == "water") & (rows["treatment"] == "none")]["value"].mean()

    assert [course.get_label() for course in courses] == [
        "water none (n = 2)", "water light (n = 2)", "ethanol none (n = 2)", "ethanol light (n = 2)",
    ]  # fmt: skip
    np.testing.assert_allclose(courses[0].lines[0].get_ydata(), [first, first + 1])


def test_a_level_keeps_its_color_and_marker_where_others_are_left_out(tables: Tables) -> None:
    question = Strata(**TESTED, between=("group",), within=("treatment",))
    both = drawn(tables, question, rows_of(tables, "test"))
    few = rows_of(tables, "test").query("group == 'ethanol'")
    one = drawn(tables, Strata(**TESTED, between=("group",), within=("treatment",)), few)

    def look(figure: Figure) -> set[tuple[str, str]]:
        dots = [line for line in figure.axes[0].lines if str(line.get_gid()).startswith("cell-ethanol")]
        return {(str(line.get_markeredgecolor()), str(line.get_marker())) for line in dots}

    assert look(one) == look(both)
    only = Strata(of="operant.infusions", where={"phase": ("test",), "group": ("ethanol",)}, within=("treatment",))
    assert look(drawn(tables, only.model_copy(update={"between": ("group",)}), few)) == look(both)


def test_a_derived_number_has_the_unit_of_what_it_is_made_of(tables: Tables) -> None:
    rise = derived_table(tables, "rise")

    assert rise.notes["value"]["Units"] == "deliveries per day"  # pyright: ignore
    made = Tables(files=tables.files, made={**tables.made, "derived.rise": rise})
    question = Strata(of="derived.rise", between=("group",))
    rows = rise.rows.merge(tables.made["subjects"].rows, on="subject")
    assert drawn(made, question, rows).axes[0].get_ylabel() == "Rise (deliveries per day)"


@pytest.mark.parametrize(
    ("unit", "direction", "expected"),
    [
        ("% BOLD", "ShA - LgA", "Effect, % BOLD: ShA − LgA"),
        ("%", "(slope of my_age) × (a - b)", "Effect, % per my age: (slope of my age) × (a − b)"),
        ("", "mean above 0", "Effect, unit of the maps: mean above 0"),
    ],
)
def test_an_effect_on_maps_has_its_unit_and_direction(unit: str, direction: str, expected: str) -> None:
    assert effect_label_of(unit, direction) == expected
