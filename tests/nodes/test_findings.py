"""The first sentences of a page say what was found, with effect and interval, and no number that is none of it."""

from pathlib import Path

import pandas as pd
import pytest

from cuecircuit.io.tables import write_json, write_table
from cuecircuit.nodes.designs import design_text
from cuecircuit.pages.findings import findings
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study

STUDY = parse_study(design_text("alcohol_mice"))
PET = parse_study(design_text("pet_displacement"))
TEST = {"df1": 1, "df2": 9, "F": 20.0, "p": 0.001, "pes": 0.5, "pes_low": 0.1, "pes_high": 0.7}


def written(folder: Path, question: str, stem: str, rows: list[dict[str, object]], study: Study = STUDY) -> list[str]:
    path = folder / "questions" / question / f"{stem}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(path, pd.DataFrame(rows), dict.fromkeys(rows[0], "of the test"))
    return list(findings(study, folder))


def test_a_comparison_names_its_levels_where_it_was_made_and_no_further_number(tmp_path: Path) -> None:
    row = {"comparison": "day", "group": "ethanol", "level": "5", "against": "1", "family": "ethanol"}
    row |= {"difference": 4.25, "se": 0.8, "low": 2.6, "high": 5.9, "t": 5.3, "df": 9, "p": 1e-4, "p_adjusted": 2e-4}
    row |= {"d_av": 1.6, "d_av_low": 0.6, "d_av_high": 2.6, "day": 3}
    _, found = written(tmp_path, "escalation", "comparisons", [row])
    assert found.endswith("day 5 − 1 = 4.25 [2.60, 5.90] (ethanol, day 3), p < .001.")


def test_a_small_interval_has_digits_enough_to_lie_beside_0(tmp_path: Path) -> None:
    row = {"comparison": "group", "level": "sucrose", "against": "water", "difference": -0.01026, "se": 0.00196}
    row |= {"low": -0.01591, "high": -0.00462, "t": -5.2, "df": 8, "p": 8e-4, "p_adjusted": 0.002}
    _, found = written(tmp_path, "escalation", "comparisons", [row])
    assert "−0.010 [−0.016, −0.005]" in found


def test_of_several_tests_of_the_shown_effect_the_strongest_is_told(tmp_path: Path) -> None:
    rows = [{"term": "group", **TEST, "p": 0.9}, {"term": "group:day", **TEST, "p": 0.2}]
    counted, *found = written(tmp_path, "escalation", "terms", rows)
    assert counted.startswith("Of 1 question with a test, 0 reach the level set for them")
    assert not found


def test_where_nothing_is_named_the_highest_effect_that_reaches_its_level_is_told(tmp_path: Path) -> None:
    # factors between and within: group and day; the strongest of the same order
    rows = [{"term": name, **TEST, "p": p} for name, p in (("group", 0.02), ("day", 0.001), ("group:day", 0.3))]
    _, found = written(tmp_path, "escalation", "terms", rows)
    assert "day, F(1, 9)" in found
    assert found.endswith("p = .001.")


def test_a_correlation_of_pooled_groups_says_what_is_left_within_them(tmp_path: Path) -> None:
    row = {
        "region": "Insula",
        "r": 0.5,
        "ci_low": 0.1,
        "ci_high": 0.8,
        "p": 0.02,
        "r_within": 0.1,
        "p_within": 0.6,
        "n": 20,
    }
    rats = parse_study(design_text("carmack2019"))
    _, found = written(tmp_path, "withdrawal_severity", "correlation", [row], rats)
    assert found.endswith("r = .50 [.10, .80] (within groups .10, p = .600), p = .020.")


def test_a_region_is_named_once(tmp_path: Path) -> None:
    row = {"comparison": "challenge", "region": "vmPFC", "group": "heavy", "level": "alcohol", "against": "placebo"}
    row |= {"difference": -0.5, "low": -0.7, "high": -0.3, "p": 1e-4}
    _, found = written(tmp_path, "displacement_by_part", "comparisons", [row], PET)
    assert found.startswith("Displacement by part: vmPFC: alcohol − placebo = −0.50 [−0.70, −0.30] (heavy), p")


@pytest.mark.parametrize(
    ("regions", "where"),
    [
        ("outside the atlas 3540; IFG 32 (100 %)", "the strongest outside the atlas;"),
        ("ventral striatum 17 (100 %); outside the atlas 3", "the strongest in ventral striatum;"),
    ],
)
def test_the_place_of_the_strongest_cluster_is_named(tmp_path: Path, regions: str, where: str) -> None:
    effect = {"term": "group:challenge", "prefix": "a", "stratum": "subject"}
    cluster = {"term": "group:challenge", "prefix": "a", "regions": regions, "p_fwe": 0.01, "peak_effect": 1.0}
    cluster |= {"peak_effect_low": 0.5, "peak_effect_high": 1.5}
    folder = tmp_path / "questions" / "displacement"
    folder.mkdir(parents=True)
    write_json(folder / "settings.json", {"directions": {}})
    terms = pd.DataFrame([effect | {"significant_clusters": 2, "significant_voxels": 40}])
    write_table(folder / "terms.tsv", terms, dict.fromkeys(terms, "of the test"))
    _, found = written(tmp_path, "displacement", "clusters", [cluster], PET)
    assert where in found
