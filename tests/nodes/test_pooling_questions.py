"""Regions by partial pooling, as a study asks for them: tables, words, figure, faults."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.io.tables import read_table
from cuecircuit.pages.figures import draw_figures
from cuecircuit.pages.page import ANSWER_TABLES
from cuecircuit.pages.pictures import picture
from cuecircuit.pages.sentences import finding_sentence, method_sentence
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

STUDY = """
about: { title: Reactivity of regions }
subjects: { species: Rattus norvegicus }
factors: { group: [ShA, LgA], cue: [saline, naloxone] }
scans: { task: cues, tr_s: 2 }
space: { mask: mask.nii.gz, atlas: atlas.nii.gz, labels: atlas.tsv, origin: bregma }
trials: { cells: cue }
maps: { task: { kind: glm, cells: cue, hrf: rat, smoothing_fwhm_mm: 1 } }
regions: { atlas: { of: maps.task } }
questions:
  pooled: { of: regions.atlas, change: cue, pooling: partial, between: group, draws: 500 }
"""


def study_tables() -> Tables:
    """Sixteen rats, five regions; naloxone raises the insula of LgA."""
    rng = np.random.default_rng(2)
    subjects = pd.DataFrame({"subject": [f"r{k:02d}" for k in range(16)], "group": ["ShA", "LgA"] * 8})
    rows = [
        (rat, cue, region, rng.normal(0, 0.5) + 3.0 * (group == "LgA" and cue == "naloxone" and region == "insula"))
        for rat, group in subjects.itertuples(index=False)
        for cue in ("saline", "naloxone")
        for region in ("insula", "accumbens", "amygdala", "habenula", "septum")
    ]
    table = pd.DataFrame(rows, columns=["subject", "cue", "region", "value"])
    made = {
        "subjects": Table(name="subjects", keys=("subject",), rows=subjects, notes=dict.fromkeys(subjects, "")),
        "regions.atlas": Table(
            name="regions.atlas", keys=("subject", "cue", "region"), rows=table, notes=dict.fromkeys(table, "")
        ),
    }
    return Tables(files=StudyFiles(parse_study(STUDY), Path("study.yaml")), made=made)


def test_a_question_of_regions_is_answered_in_tables_words_and_a_figure(tmp_path: Path) -> None:
    tables = study_tables()
    question = tables.files.study.questions["pooled"]
    answered = answer(tables, question)
    answered.write(tmp_path / "pooled")
    draw_figures(tables, tmp_path, tmp_path)
    assert len(read_table(tmp_path / "pooled.tsv")) == len(answered.tables["regions"])
    assert set(answered.tables) <= set(ANSWER_TABLES)
    assert {"regions.tsv", "checks.tsv", "sensitivity.tsv", "spread.tsv"} <= {
        each.name for each in (tmp_path / "pooled").iterdir()
    }
    effects = answered.tables["regions"].set_index(["effect", "region"])["p_positive"]
    assert effects["LgA - ShA", "insula"] > 0.99
    assert "multilevel model of all levels of region by group" in method_sentence(question)
    assert "insula" in finding_sentence(question, answered.tables)
    drawn = picture(tables, question, answered.tables, title="")
    assert drawn is not None
    assert any("P+" in label.get_text() for label in drawn.axes[0].get_yticklabels())


def test_the_change_of_a_key_is_taken_of_means_over_others() -> None:
    tables = study_tables()
    regions = tables.made["regions.atlas"]
    rows = pd.concat([regions.rows.assign(block=k, value=regions.rows["value"] + k) for k in (0, 1)], ignore_index=True)
    table = Table(name=regions.name, keys=(*regions.keys, "block"), rows=rows, notes=dict.fromkeys(rows, ""))
    question = tables.files.study.questions["pooled"]
    averaged = question.model_copy(update={"average": ("block",)})
    found = answer(Tables(files=tables.files, made={**tables.made, "regions.atlas": table}), averaged)
    pd.testing.assert_frame_equal(found.tables["regions"], answer(tables, question).tables["regions"])


def test_what_cannot_be_pooled_is_refused_by_its_line() -> None:
    with pytest.raises(StudyError, match=r"questions\.pooled\.over"):
        parse_study(STUDY.replace("draws: 500", "over: area"))
    with pytest.raises(StudyError, match=r"questions\.pooled\.each"):
        parse_study(STUDY.replace("draws: 500", "each: region"))
