"""Pictures as a random factor, as a study asks for them: ratings of trials with the name of the picture."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.pages.sentences import finding_sentence
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

STUDY = """
about: { title: Craving for pictures }
subjects: { species: Homo sapiens }
factors: { group: [control, patient], cue: [neutral, drug] }
scans: { task: cues, tr_s: 2 }
space: { mask: mask.nii.gz, origin: MNI }
trials: { cells: cue, measures: [craving], labels: [stimulus] }
questions:
  craving:
    of: trials.craving
    formula: group*cue + (1 | subject) + (1 | stimulus)
    tests: [cue, "group:cue"]
    method: reml
    df: kenward-roger
    repeats: trial
"""


def study_tables() -> Tables:
    """Twelve people rate ten pictures; pictures differ, cues do not."""
    rng = np.random.default_rng(3)
    person, picture = (each.ravel() for each in np.indices((12, 10)))
    names = [f"{i:02d}" for i in range(12)]
    subjects = pd.DataFrame({"subject": names, "group": ["control", "patient"] * 6})
    trials = pd.DataFrame(
        {
            "subject": np.array(names)[person],
            "trial": picture + 1,
            "trial_type": np.array(["neutral", "drug"])[picture % 2],
            "cue": np.array(["neutral", "drug"])[picture % 2],
            "stimulus": [f"img{k}.jpg" for k in picture],
            "craving": rng.normal(size=120) + rng.normal(size=12)[person] + rng.normal(size=10)[picture],
        }
    )
    made = {
        "subjects": Table(name="subjects", keys=("subject",), rows=subjects, notes=dict.fromkeys(subjects, "")),
        "trials": Table(name="trials", keys=("subject", "trial"), rows=trials, notes=dict.fromkeys(trials, "")),
    }
    return Tables(files=StudyFiles(parse_study(STUDY), Path("study.yaml")), made=made)


def test_a_question_takes_pictures_as_drawn_from_many() -> None:
    tables = study_tables()
    question = tables.files.study.questions["craving"]
    answered = answer(tables, question)
    terms = answered.tables["terms"].set_index("term")
    # ten pictures, two means: pictures are what cues are tested against
    assert terms.loc["cue", "df2"] == pytest.approx(8, abs=0.5)
    assert "cue" in finding_sentence(question, answered.tables)
