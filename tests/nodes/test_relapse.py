"""The last day of extinction against the test, by lever and group, through a whole run with names as they come."""

import csv
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_ind

from cuecircuit.io.medpc_write import MedpcSession, write_medpc
from cuecircuit.nodes.run import run_study

NAMES = ["001", "NA", "=x", "@x", "1e3", "true", "+1", "nan"]
GROUPS = ["+/+", "-/-"]
# extinction on three days, then the test, which is after the last of them
EXPERIMENTS = ["SA", "EXT", "EXT", "EXT", "=TEST"]
STUDY = """
about: { title: Relapse by genotype }
subjects: { species: Mus musculus }
factors: { group: ["+/+", "-/-"] }
drugs: { cocaine: { dose_mg_kg: 0.5, route: i.v. } }
operant:
  logs: logs.txt
  programs: programs
  phases:
    training: { kind: self_administration, experiment: SA, days: 1, delivers: cocaine }
    extinction: { kind: extinction, experiment: EXT, days: 3 }
    relapse: { kind: cue_test, experiment: "=TEST", days: 1 }
  exclude: [{ subject: "001", date: 2024-01-02, reason: the lever was stuck }]
derived:
  levers: { of: operant, key: lever, stack: { active: active, inactive: inactive } }
questions:
  training: { of: operant.infusions, where: { phase: training }, between: group }
  relapse:
    of: derived.levers
    where: { phase: [extinction, relapse], day: last }
    between: group
    within: [phase, lever]
"""
PROGRAM = """
msn: [P]
title: t
source: s
counts: {infusion: R, active: A, inactive: I}
letters: {}
unknown: KXYZ
"""


def presses(mouse: int, day: int) -> dict[str, float]:
    rng = np.random.default_rng([mouse, day])
    return {letter: float(rng.integers(5, 90)) for letter in "AIRK"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("relapse")
    rows = [f"sub-{name}\t{GROUPS[mouse % 2]}\n" for mouse, name in enumerate(NAMES)]
    (folder / "participants.tsv").write_text("participant_id\tgroup\n" + "".join(rows), encoding="utf-8")
    logs = []
    for mouse, name in enumerate(NAMES):
        for day, experiment in enumerate(EXPERIMENTS):
            start = datetime(2024, 1, 1 + day, 9)
            logs.append(
                MedpcSession(
                    subject=name,
                    experiment=experiment,
                    group=GROUPS[mouse % 2],
                    box=str(mouse),
                    msn="P",
                    start=start,
                    end=start + timedelta(hours=1),
                    scalars=presses(mouse, day),
                    arrays={letter: np.empty(0) for letter in "XYZ"},
                )
            )
    (folder / "logs.txt").write_text(write_medpc(logs), newline="", encoding="utf-8")
    (folder / "programs").mkdir()
    (folder / "programs" / "p.yaml").write_text(PROGRAM, encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    run_study(folder / "study.yaml", folder / "results")
    return folder / "results"


@pytest.fixture(scope="module")
def table(results: Path) -> Callable[[str], list[dict[str, str]]]:
    """Read a table of the results as it is written."""

    def read(name: str) -> list[dict[str, str]]:
        with (results / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))

    return read


def test_names_are_the_same_in_every_table_and_on_the_page(results: Path, table: Callable[[str], list[dict[str, str]]]):
    for name in ("tables/subjects.tsv", "operant/sessions.tsv", "tables/operant.tsv", "tables/derived.levers.tsv"):
        assert {row["subject"] for row in table(name)} == set(NAMES), name
    assert {row["group"] for row in table("questions/relapse/means.tsv")} == set(GROUPS)
    page = unescape(re.sub("<[^>]*>", "", (results / "report.html").read_text(encoding="utf-8")))
    for group in GROUPS:
        assert group in page
    assert "Sessions left out: 001 on 2024-01-02 (the lever was stuck)." in page


def test_the_interaction_is_the_t_test_of_each_animals_double_difference(table: Callable[[str], list[dict[str, str]]]):
    terms = {row["term"]: row for row in table("questions/relapse/terms.tsv")}
    last, test = EXPERIMENTS.index("=TEST") - 1, EXPERIMENTS.index("=TEST")
    numbers = [(presses(mouse, last), presses(mouse, test)) for mouse in range(len(NAMES))]
    differences = np.array([(b["A"] - b["I"]) - (a["A"] - a["I"]) for a, b in numbers])

    t = ttest_ind(differences[0::2], differences[1::2])

    assert float(terms["group:phase:lever"]["F"]) == pytest.approx(t.statistic**2, rel=1e-5)
    assert float(terms["group:phase:lever"]["p"]) == pytest.approx(t.pvalue, rel=1e-5)
    assert float(terms["group:phase:lever"]["df2"]) == len(NAMES) - 2
