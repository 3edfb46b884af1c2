"""Edges of a study: a path that a cue opens is planted in scans, found by `run`, and told on the page."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.planning.askable import askable
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.edges import edges_table
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.scans import study_scans
from cuecircuit.tables.study_files import read_study
from cuecircuit.tables.subjects import subjects_table
from cuecircuit.tables.trials import trials_table

STUDY = """
about: { title: A path that a cue opens }
subjects: { species: Rattus norvegicus }
factors: { access: [ShA, LgA], cue: [neutral, drug] }
trials: { cells: cue }
scans: { task: cues, tr_s: 2, volumes: 150, derivatives: derivatives/rabies }
space: { mask: mask.nii.gz, origin: bregma, atlas: atlas.nii.gz, labels: atlas.tsv }
nuisance: { drift_period_s: 200 }
edges:
  cued: { kind: ppi, cells: cue, hrf: rat, regions: [insula, NAc, BLA, PVN, VTA] }
questions:
  path:
    of: edges.cued
    between: access
    within: cue
    each: [region, region2]
    adjust: fdr
    networks: { edge_p: .01, draws: 200 }
simulation:
  n: { ShA: 8, LgA: 8 }
  base: [{ in: edges.cued, mean: 0, between_sd: 0, within_sd: 0 }]
  effects:
    opened:
      in: edges.cued
      where: { access: LgA, cue: drug, region: [insula, NAc], region2: [BLA, VTA] }
      add: 0.5
  hypotheses: { path: [opened] }
"""
# in the order of the atlas, which draws them by letters
OPENED = {("insula", "BLA"), ("insula", "VTA"), ("NAc", "BLA"), ("NAc", "VTA")}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("circuit")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    return simulate_design(str(folder / "study.yaml"), folder / "data", seed=1, scale="tiny")


@pytest.fixture(scope="module")
def results(simulated: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("results")
    run_study(simulated, out)
    return out


def test_the_planted_path_is_found_and_nothing_else(results: Path) -> None:
    networks = pd.read_csv(results / "questions/path/networks.tsv", sep="\t")
    edges = pd.read_csv(results / "questions/path/network_edges.tsv", sep="\t")
    assert networks.set_index("term")["p_extent"]["access:cue"] <= 0.05
    found = edges[edges["term"] == "access:cue"]
    pairs = {frozenset(pair) for pair in found[["region", "region2"]].itertuples(index=False, name=None)}
    planted = {frozenset(pair) for pair in OPENED}
    assert len(pairs & planted) >= 3
    assert pairs <= planted
    table = pd.read_csv(results / "tables/edges.cued.tsv", sep="\t")
    assert list(table) == ["subject", "cue", "region", "region2", "value"]
    assert len(table) == 16 * 2 * 10


def test_the_page_tells_and_draws_it(results: Path) -> None:
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "access × cue: a network of" in page
    assert "without deconvolution" in page
    assert "Zalesky A, Fornito A, Bullmore ET (2010)" in page
    for name in ("path", "path_connectogram"):
        assert (results / f"figures/{name}.svg").is_file()
        assert f"figure-{name}" in page


def test_a_plan_says_that_it_draws_no_edges() -> None:
    reasons = askable(parse_study(STUDY), ["NAc"]).reasons
    assert reasons == {"path": "edges are estimated from scans, which a plan does not draw"}


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("kind", ["beta_series, cells: cue, hrf: rat, trials: lsa", "correlation"])
def test_other_kinds_of_edges_are_made_of_the_same_scans(simulated: Path, kind: str) -> None:
    cells = "cells" in kind
    question = ("within: cue", "within: cue" if cells else "covariates: []")
    text = changed(simulated.read_text(encoding="utf-8"), ("ppi, cells: cue, hrf: rat", kind), question)
    path = simulated.with_name(f"{kind[:4]}.yaml")
    path.write_text(text.split("simulation:")[0], encoding="utf-8")
    files = read_study(path)
    made = {"subjects": subjects_table(files)}
    made["trials"] = trials_table(files, files.study.trials, made["subjects"])
    tables = Tables(files=files, made=made)
    table = edges_table(tables, "cued", study_scans(files).scans)
    assert table.keys == ("subject", *(["cue"] if cells else []), "region", "region2")
    assert np.isfinite(table.rows["value"]).all()
    found = answer(Tables(files=files, made={**made, "edges.cued": table}), files.study.questions["path"])
    assert {"terms", "networks", "network_edges"} <= set(found.tables)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("regions: [insula, NAc, BLA, PVN, VTA]", "regions: [insula]", "an edge has two regions"),
        ("cells: cue, hrf", "cells: access, hrf", "'access' is no factor of trials.cells"),
        ("each: [region, region2]", "each: region\n    average: region2", "set each to .region, region2."),
        ("of: edges.cued", "of: edges.cue", "nothing makes table edges.cue"),
        ("kind: ppi", "kind: correlation", "cells"),
        (", atlas: atlas.nii.gz, labels: atlas.tsv", "", "give scans:, space.atlas and space.labels"),
    ],
)
def test_edges_that_cannot_be_made_or_asked_are_refused(old: str, new: str, fault: str) -> None:
    with pytest.raises(StudyError, match=fault):
        parse_study(changed(STUDY, (old, new)))


def test_check_names_regions_and_cells_that_are_not_there(simulated: Path) -> None:
    text = simulated.read_text(encoding="utf-8").split("simulation:")[0]
    path = simulated.with_name("faulty.yaml")
    path.write_text(changed(text, ("NAc, BLA", "NAc, Amygdale")), encoding="utf-8")
    with pytest.raises(StudyError, match=r"edges\.cued\.regions: the atlas has no Amygdale"):
        check_study(path)
    few = ("ppi, cells: cue, hrf: rat", "beta_series, cells: cue, hrf: rat")
    path.write_text(changed(text, few), encoding="utf-8")
    events = sorted(simulated.parent.glob("sub-LgA01/func/*_events.tsv"))[0]
    whole = events.read_text(encoding="utf-8")
    lines = whole.splitlines()
    drug = [line for line in lines if "drug" in line]
    try:
        events.write_text("\n".join(line for line in lines if line not in drug[2:]) + "\n", encoding="utf-8")
        with pytest.raises(StudyError, match=r"sub-LgA01 drug has 2 trials; a correlation over trials needs 4"):
            check_study(path)
    finally:
        events.write_text(whole, encoding="utf-8")
