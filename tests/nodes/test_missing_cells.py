"""Questions of a study in which no animal has some combination of levels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.pages.pictures import picture
from cuecircuit.pages.sentences import finding_sentence, note_sentence
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

STUDY = """
about: { title: Weight of four groups }
subjects: { species: Mus musculus }
factors: { group: [water, ethanol, sucrose], sex: [female, male] }
questions:
  strata:
    { of: subjects.weight, between: [group, sex],
      comparisons: [{ factor: sex, by: [group] }] }
  ols:
    { of: subjects.weight, formula: group*sex, tests: [group, sex, "group:sex"], method: ols,
      comparisons: [{ factor: sex, by: [group] }] }
  welch: { of: subjects.weight, formula: group*sex, tests: [group, sex, "group:sex"], method: welch }
  huber: { of: subjects.weight, formula: group*sex, tests: [group, sex, "group:sex"], method: huber }
"""


@pytest.fixture(scope="module")
def tables() -> Tables:
    cells = [("water", "female"), ("water", "male"), ("ethanol", "female"), ("ethanol", "male"), ("sucrose", "female")]
    rows = pd.DataFrame([(f"m{k}{i}", *cell) for k, cell in enumerate(cells) for i in range(6)])
    rows.columns = ["subject", "group", "sex"]
    rows["weight"] = np.random.default_rng(3).normal(20, 1, len(rows)) + 3.0 * (rows["sex"] == "male")
    subjects = Table(name="subjects", keys=("subject",), rows=rows, notes=dict.fromkeys(rows, ""))
    return Tables(files=StudyFiles(parse_study(STUDY), Path("study.yaml")), made={"subjects": subjects})


@pytest.mark.parametrize("name", ["strata", "ols", "welch", "huber"])
def test_what_can_be_estimated_is_answered_drawn_and_the_rest_named(tables: Tables, name: str) -> None:
    question = tables.files.study.questions[name]
    found = answer(tables, question)
    terms = found.tables["terms"].set_index("term")
    assert terms.loc["group:sex", "df1"] == 1
    assert terms.loc["sex", "p"] < 1e-4  # the planted 3 g
    (note,) = found.facts["notes"]
    assert "has group:sex sucrose:male; what can be estimated without is tested" in note
    assert note_sentence(found.facts).startswith("No ")
    means = found.tables["means"]
    assert len(means) == 5
    assert np.isfinite(means["mean"]).all()
    assert finding_sentence(question, found.tables)
    assert picture(tables, question, found.tables) is not None
    if "comparisons" in found.tables:
        # inside the two groups that have both
        assert len(found.tables["comparisons"]) == 2
