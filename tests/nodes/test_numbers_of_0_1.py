"""Questions on the operant logs of the rat study give the numbers that 0.1.0 gave."""

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.table import FOLDER
from cuecircuit.pipeline.simulate import simulate

ROOT = Path(__file__).parents[2]
DESIGN = ROOT.parent / "shared" / "prototypes" / "study" / "carmack2019.yaml"
OF_SCANS = ("trials", "scans", "space", "maps", "regions", "nuisance", "correction", "figures", "alternatives")
# tables are written with ten digits
TEN_DIGITS = 1e-9

pytestmark = [
    pytest.mark.skipif(not DESIGN.is_file(), reason="the study file is not beside this checkout"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rats")
    data = simulate("carmack2019", folder / "data", seed=1, scale="tiny").parent
    study = yaml.safe_load(DESIGN.read_text())
    for section in (*OF_SCANS, "assumed", "simulation"):
        study.pop(section)
    study["about"].pop("follows")
    study["factors"].pop("block")
    study["questions"] = {
        name: question
        for name, question in study["questions"].items()
        if question["of"].split(".")[0] in ("operant", "derived")
    }
    (data / "logs.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    run_study(data / "logs.yaml", folder / "results")
    return folder / "results"


@pytest.fixture(scope="module")
def then() -> dict[str, Any]:
    record = ROOT / "validation" / "same_numbers" / "carmack2019.json.xz"
    return json.loads(lzma.decompress(record.read_bytes()))["tables"]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)


def assert_same(now: pd.DataFrame, old: dict[str, Any], columns: dict[str, str]) -> None:
    for own, theirs in columns.items():
        np.testing.assert_allclose(now[own].to_numpy(float), np.array(old[theirs], float), rtol=TEN_DIGITS, err_msg=own)


@pytest.mark.parametrize(
    ("question", "table"),
    [
        ("escalation", "escalation_anova"),
        ("conditioning", "conditioning_anova"),
        ("pairings", "pairings_anova"),
    ],
)
def test_analyses_of_variance(results: Path, then: dict[str, Any], question: str, table: str) -> None:
    old = then[f"behavior/{table}.tsv"]
    terms = [term.replace("session", "day").replace("pairing", "day") for term in old["term"]]
    now = read(results / "questions" / question / "terms.tsv").set_index("term").loc[terms]
    assert_same(now, old, {name: name for name in ("df1", "df2", "F", "p", "p_gg", "eps_gg", "p_hf", "pes")})


@pytest.mark.parametrize("question", ["cue_test", "extinction", "reinstatement"])
def test_effect_sizes_and_comparisons(results: Path, then: dict[str, Any], question: str) -> None:
    old = then[f"behavior/{question}_effects.tsv"]
    terms = [term.replace("session", "day") for term in old["effect"]]
    now = read(results / "questions" / question / "terms.tsv").set_index("term").loc[terms]
    assert_same(now, old, {"pes": "value", "pes_low": "ci_low", "pes_high": "ci_high"})
    now = read(results / "questions" / question / "comparisons.tsv")
    same = {name: name for name in ("difference", "se", "t", "df", "p", "p_adjusted")}
    assert_same(now, then[f"behavior/{question}_posthoc.tsv"], same)


def test_both_families_of_comparisons_of_the_escalation(results: Path, then: dict[str, Any]) -> None:
    now = read(results / "questions" / "escalation" / "comparisons.tsv")
    same = {name: name for name in ("difference", "se", "t", "df", "p", "p_adjusted")}
    assert_same(now[now["comparison"] == "day"], then["behavior/escalation_posthoc.tsv"], same)
    assert_same(now[now["comparison"] == "group"], then["behavior/escalation_groups.tsv"], same)


@pytest.mark.parametrize("phase", ["escalation", "conditioning", "cue_test", "extinction", "reinstatement"])
def test_models_of_counts(results: Path, then: dict[str, Any], phase: str) -> None:
    now, old = read(results / "questions" / f"{phase}_counts" / "ratios.tsv"), then[f"behavior/{phase}_counts.tsv"]
    assert list(now["comparison"]) == old["comparison"]
    assert_same(now, old, {name: name for name in ("ratio", "ci_low", "ci_high", "t", "df", "p")})


def test_derived_numbers(results: Path, then: dict[str, Any]) -> None:
    animals = then["behavior/escalation_animals.tsv"]
    for name, column in (("rise", "slope"), ("rise_index", "index"), ("intake", "mean")):
        assert_same(read(results / FOLDER / f"derived.{name}.tsv"), animals, {"value": column})
    severity = read(results / FOLDER / "derived.severity.tsv")
    assert_same(severity, then["behavior/severity.tsv"], {"value": "severity"})
    withdrawal = read(results / FOLDER / "derived.withdrawal_index.tsv").sort_values("subject")
    old = pd.DataFrame(then["behavior/conditioning_animals.tsv"]).sort_values("subject")
    np.testing.assert_allclose(withdrawal["value"], old["index"].astype(float), rtol=TEN_DIGITS)
    reinstated = read(results / FOLDER / "derived.reinstated.tsv").sort_values(["treatment", "subject"], kind="stable")
    old = pd.DataFrame(then["behavior/reinstatement_baseline.tsv"]).sort_values(["treatment", "subject"], kind="stable")
    np.testing.assert_allclose(reinstated["value"], old["difference"].astype(float), rtol=TEN_DIGITS)
