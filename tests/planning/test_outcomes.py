"""Answers of many drawn studies at once, and the numbers of drawn tables against the drawn responses."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.planning.askable import askable
from cuecircuit.planning.drawing import Template, draw_planting, draw_tables, first_subjects, region_names, template_of
from cuecircuit.planning.outcomes import TESTS, outcomes
from cuecircuit.questions.table_questions import answer
from cuecircuit.simulation.declared import with_weights
from cuecircuit.simulation.planting import first_hypothesis
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.study_files import StudyFiles

DESIGNS = ("alcohol_mice", "cocaine_sessions", "smokers_two_sessions", "pet_displacement")

pytestmark = pytest.mark.xdist_group("planning")


@pytest.fixture(scope="module")
def template():
    made: dict[str, Template] = {}

    def of(name: str) -> Template:
        if name not in made:
            text = (files("cuecircuit.study") / "designs" / f"{name}.yaml").read_text(encoding="utf-8")
            study = with_weights(parse_study(text, f"{name}.yaml"))
            regions = region_names(StudyFiles(study, Path("study.yaml")))
            asked = StudyFiles(askable(study, regions).study, Path("study.yaml"))
            sizes = dict.fromkeys(study.simulation.n, 6)
            made[name] = template_of(asked, hypothesis=first_hypothesis(study), regions=regions, sizes=sizes)
        return made[name]

    return of


@pytest.mark.parametrize("name", DESIGNS)
def test_studies_fitted_at_once_have_the_numbers_of_studies_fitted_one_by_one(name: str, template):
    questions = template(name).files.study.questions
    studies = [draw_tables(template(name), seed).tables for seed in (1, 2, 3)]
    for question in questions.values():
        together = outcomes(question, studies).rows
        apart = pd.concat([outcomes(question, [one]).rows.assign(_draw=number) for number, one in enumerate(studies)])
        keys = ["_draw", *TESTS]
        both = together.merge(apart, on=keys, how="outer", suffixes=("", "_apart"))
        assert len(both) == len(together) == len(apart)
        for column in ("p", "estimate", "width"):
            np.testing.assert_allclose(
                both[column].to_numpy(float), both[f"{column}_apart"].to_numpy(float), rtol=1e-6, atol=1e-9
            )


@pytest.mark.parametrize("name", ["alcohol_mice", "pet_displacement"])
def test_the_p_of_an_outcome_is_that_of_the_answer_of_a_study(name: str, template):
    tables = draw_tables(template(name), 5).tables
    for question in tables.files.study.questions.values():
        if not hasattr(question, "between") or question.each:
            continue
        terms = answer(tables, question).tables["terms"].set_index("term")
        found = outcomes(question, [tables]).rows
        for row in found[found["kind"] == "term"].itertuples():
            wanted = terms.loc[row.term]
            p = wanted["p_gg"] if "p_gg" in wanted and pd.notna(wanted["p_gg"]) else wanted["p"]
            assert row.p == pytest.approx(p, rel=1e-9)


def test_intake_is_infusions_by_the_dose_of_the_drawn_weight(template):
    mice = template("alcohol_mice")
    tables = draw_tables(mice, 7).tables
    _, drawn = draw_planting(mice, 7)
    rows = tables.made["operant"].rows
    own = rows[(rows["phase"] == "drinking") & rows["subject"].str.startswith("ethanol")]
    weights = drawn.responses["subjects.weight"].set_index("subject")["value"]
    # 10 % ethanol: .01 ml hold 1 mg
    np.testing.assert_allclose(own["intake_mg_kg"], own["infusions"] * 1.0 / own["subject"].map(weights))
    water = rows[(rows["phase"] == "drinking") & rows["subject"].str.startswith("water")]
    assert water["intake_mg_kg"].isna().all()


def test_a_contrast_is_the_difference_of_the_drawn_cells(template):
    made = draw_tables(template("cocaine_sessions"), 2).tables.made
    cells = made["maps.task"].rows.set_index(["subject", "session", "region", "cue"])["value"]
    rows = made["contrasts.task"].rows
    drug = rows[rows["contrast"] == "drug"].set_index(["subject", "session", "region"])["value"]
    expected = cells.xs("cocaine", level="cue") - cells.xs("neutral", level="cue")
    np.testing.assert_allclose(drug.sort_index(), expected.sort_index())


def test_a_smaller_study_is_the_first_subjects_of_each_group(template):
    study = draw_tables(template("pet_displacement"), 3)
    smaller = first_subjects(study, "group", {"light": 2, "heavy": 4})
    subjects = smaller.tables.made["subjects"].rows
    assert subjects["subject"].tolist() == ["light01", "light02", "heavy01", "heavy02", "heavy03", "heavy04"]
    whole = study.tables.made["subjects"].rows.set_index("subject")
    pd.testing.assert_frame_equal(subjects.set_index("subject"), whole.loc[subjects["subject"]])


def test_who_misses_a_session_has_no_row_of_it_and_differs_from_draw_to_draw(template):
    smokers = template("smokers_two_sessions")
    missing = set()
    for seed in range(6):
        made = draw_tables(smokers, seed).tables.made
        there = made["visits"].rows.groupby("subject").size()
        lost = there.index[there == 1].tolist()
        assert len(lost) == 1
        rows = made["trials"].rows
        assert set(rows.loc[rows["subject"] == lost[0], "session"]) == {"sated"}
        missing.add(lost[0])
    assert len(missing) > 1
