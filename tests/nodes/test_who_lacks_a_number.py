"""Who lacks a number that a model needs is named by subject, of tables as of maps."""

from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.questions.map_questions import rehearse_map_answer
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

STUDY = """
about: { title: Binding of two groups }
subjects: { species: Homo sapiens }
factors: { group: [light, heavy] }
space: { mask: mask.nii.gz, origin: the origin of MNI space }
maps: { binding: { kind: given, table: maps.tsv, unit: BP_ND } }
correction: { method: fdr, alpha: 0.05 }
questions:
  audit: { of: subjects.audit, formula: group + center(age), tests: [heavy - light], method: ols }
  binding: { of: maps.binding, formula: group + center(age), tests: [heavy - light], method: ols }
"""


def tables() -> Tables:
    subjects = pd.DataFrame({"subject": [f"p{k}" for k in range(12)], "group": ["light", "heavy"] * 6})
    numbers = np.random.default_rng(1).normal(30, 5, (12, 2))
    subjects = subjects.assign(age=numbers[:, 0], audit=numbers[:, 1])
    subjects.loc[3, "age"] = np.nan
    maps = pd.DataFrame({"subject": subjects["subject"], "map": [f"{name}.nii.gz" for name in subjects["subject"]]})
    made = {
        name: Table(name=name, keys=("subject",), rows=rows, notes=dict.fromkeys(rows, ""))
        for name, rows in (("subjects", subjects), ("maps.binding", maps))
    }
    return Tables(files=StudyFiles(parse_study(STUDY), Path("study.yaml")), made=made)


def test_a_subject_without_a_covariate_is_named():
    made = tables()
    questions = made.files.study.questions
    assert answer(made, questions["audit"]).left_out == ("p3: left out, no age",)
    assert "p3: left out, no age" in rehearse_map_answer(made, questions["binding"])
