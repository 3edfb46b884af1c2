"""Evidence as a study asks for it: table, sentences, and models that have no one standard deviation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.pages.sentences import evidence_sentence, finding_sentence, method_sentence
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

STUDY = """
about: { title: Age of two groups }
subjects: { species: Mus musculus }
factors: { group: [water, ethanol] }
questions:
  weighed: { of: subjects.age, between: group, contrasts: "ethanol - water", evidence: { equivalence: 0.3 } }
  fitted: { of: subjects.age, formula: group, tests: group, method: ols, evidence: { scale: 1 } }
"""


@pytest.fixture
def tables() -> Tables:
    groups = ["water", "ethanol"] * 8
    age = np.random.default_rng(1).normal(10, 1, 16) + [0.0, 4.0] * 8
    rows = pd.DataFrame({"subject": [f"m{i}" for i in range(16)], "group": groups, "age": age})
    subjects = Table(name="subjects", keys=("subject",), rows=rows, notes=dict.fromkeys(rows, ""))
    return Tables(files=StudyFiles(parse_study(STUDY), Path("study.yaml")), made={"subjects": subjects})


def test_a_question_has_its_evidence_in_a_table_and_in_words(tables: Tables, tmp_path: Path) -> None:
    question = tables.files.study.questions["weighed"]
    answered = answer(tables, question)
    evidence = answered.tables["evidence"].set_index("term")
    assert evidence.index.tolist() == ["group", "ethanol - water"]
    assert evidence.loc["ethanol - water", "d"] == pytest.approx(-evidence.loc["group", "d"])
    assert answered.tables["terms"].set_index("term").loc["group", "d"] == pytest.approx(evidence.loc["group", "d"])
    answered.write(tmp_path)
    assert (tmp_path / "evidence.json").is_file()
    assert "JZS Bayes factors" in method_sentence(question)
    assert "|d| < 0.3" in method_sentence(question)
    found = finding_sentence(question, answered.tables)
    assert "ethanol − water: BF₁₀ > 10⁶, d = " in found
    assert "equivalence p > .999" in found


def test_the_scale_of_the_prior_is_the_studys(tables: Tables) -> None:
    question = tables.files.study.questions["fitted"]
    assert answer(tables, question).tables["evidence"]["scale"].tolist() == [1.0]


def test_a_model_without_one_standard_deviation_is_refused_by_its_line() -> None:
    with pytest.raises(StudyError, match=r"questions\.fitted.evidence: huber has no one standard deviation"):
        parse_study(STUDY.replace("method: ols", "method: huber"))


def test_maps_are_put_into_words_by_counts_of_voxels() -> None:
    row = {"term": "cue", "voxels": 90, "voxels_for": 30, "voxels_against": 40, "voxels_negligible": 20}
    text = evidence_sentence(pd.DataFrame([row]))
    assert text == (
        "cue: BF₁₀ of 3 or more in 30 voxels, of ⅓ or less in 40, negligible in 20 (q ≤ .05); of 90 voxels."
    )
