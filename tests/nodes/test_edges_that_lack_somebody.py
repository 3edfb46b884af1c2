"""Questions on several edges of which one lacks a subject and one has none: each is answered of those who are there."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cuecircuit.questions.answer import Answer
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

STUDY = """
about: { title: Edges }
subjects: { species: Rattus norvegicus }
factors: { access: [ShA, LgA], cue: [neutral, drug, food] }
trials: { cells: cue }
scans: { task: cues, tr_s: 2, volumes: 150, derivatives: derivatives/rabies }
space: { mask: mask.nii.gz, origin: bregma, atlas: atlas.nii.gz, labels: atlas.tsv }
edges: { cued: { kind: ppi, cells: cue, hrf: rat, regions: [insula, NAc, BLA] } }
questions:
  asked: { of: edges.cued, between: access, each: [region, region2], MORE }
"""
EDGES = (("insula", "NAc"), ("insula", "BLA"), ("NAc", "BLA"))
RATS = [(f"{group}{k}", group) for group, n in (("ShA", 5), ("LgA", 9)) for k in range(n)]


def asked(more: str) -> tuple[Answer, pd.DataFrame]:
    rng = np.random.default_rng(0)
    rows = [
        (rat, group, cue, *edge, rng.normal())
        for rat, group in RATS
        for cue in ("neutral", "drug", "food")
        for edge in EDGES
    ]
    edges = pd.DataFrame(rows, columns=["subject", "access", "cue", "region", "region2", "value"])
    edges.loc[(edges["subject"] == "ShA0") & (edges["region"] + edges["region2"] == "insulaBLA"), "value"] = np.nan
    edges.loc[edges["region"] + edges["region2"] == "NAcBLA", "value"] = np.nan
    subjects = pd.DataFrame(RATS, columns=["subject", "access"])
    keys = ("subject", "cue", "region", "region2")
    made = {
        "subjects": Table(name="subjects", keys=("subject",), rows=subjects, notes=dict.fromkeys(subjects, "")),
        "edges.cued": Table(
            name="edges.cued", keys=keys, rows=edges.drop(columns="access"), notes=dict.fromkeys(edges, "")
        ),
    }
    tables = Tables(files=StudyFiles(parse_study(STUDY.replace("MORE", more)), Path("study.yaml")), made=made)
    return answer(tables, tables.files.study.questions["asked"]), edges


def test_comparisons_are_paired_tests_of_the_subjects_that_an_edge_has():
    answered, edges = asked("within: cue, comparisons: [{ factor: cue, by: access, adjust: none }]")
    compared = answered.tables["comparisons"].set_index(["region", "region2", "access", "level"])
    assert set(compared.index.droplevel(["access", "level"])) == {("insula", "NAc"), ("insula", "BLA")}
    wide = edges.pivot(index=["region", "region2", "access", "subject"], columns="cue", values="value").dropna()
    for (*edge, group), rats in wide.groupby(level=[0, 1, 2]):
        paired, row = stats.ttest_rel(rats["drug"], rats["neutral"]), compared.loc[(*edge, group, "drug")]
        assert row[["t", "p", "df"]].tolist() == pytest.approx([paired.statistic, paired.pvalue, len(rats) - 1])
        spread = np.sqrt((rats["drug"].var() + rats["neutral"].var()) / 2)
        assert row["d_av"] == pytest.approx((rats["drug"] - rats["neutral"]).mean() / spread)


def test_an_edge_that_nobody_has_leaves_the_evidence_of_the_others():
    answered, edges = asked("where: { cue: drug }, evidence: { equivalence: 0.5 }")
    evidence = answered.tables["evidence"].set_index(["region", "region2"])
    assert evidence["bf10"].isna().to_dict() == {
        ("NAc", "BLA"): True, ("insula", "BLA"): False, ("insula", "NAc"): False
    }  # fmt: skip
    drug = edges[(edges["cue"] == "drug") & (edges["region2"] == "NAc")]
    one, other = (drug.loc[drug["access"] == group, "value"] for group in ("ShA", "LgA"))
    pooled = np.sqrt((4 * one.var() + 8 * other.var()) / 12)
    row = evidence.loc[("insula", "NAc")]
    assert row["d"] == pytest.approx((one.mean() - other.mean()) / pooled)
    # two one-sided tests of unequal n: P(t ≥ found | ncp -.5 √(45/14)), by SciPy
    ncp = 0.5 * np.sqrt(5 * 9 / 14)
    t = row["d"] * np.sqrt(5 * 9 / 14)
    assert row["p_equivalence"] == pytest.approx(max(stats.nct.sf(t, 12, -ncp), stats.nct.cdf(t, 12, ncp)), abs=1e-8)
