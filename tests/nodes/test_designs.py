"""Designs that come with the program go from a simulated data set to a page, and what was planted is found."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.designs import designs_table
from cuecircuit.nodes.run import run_study

Ran = Callable[[str], tuple[Path, Path]]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("designs")]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)


def test_designs_are_listed_with_what_they_have() -> None:
    table = designs_table().set_index("name")
    assert table.loc["alcohol_mice", "has"] == "logs"
    assert table.loc["pet_displacement", "has"] == "given maps"
    assert table.loc["cocaine_sessions", "has"] == "logs, scans"
    assert table.loc["smokers_two_sessions", "subjects"] == "humans"


@pytest.mark.parametrize("design", ["alcohol_mice", "pet_displacement"])
def test_check_passes_and_the_page_shows_every_question(ran: Ran, design: str) -> None:
    data, results = ran(design)
    check_study(data / "study.yaml")
    page = (results / "report.html").read_text(encoding="utf-8")
    for question in sorted((results / "questions").iterdir()):
        assert f'id="{question.name}-' in page or f'id="figure-{question.name}' in page, question.name
    for table in (results / "tables").glob("*.tsv"):
        assert table.with_suffix(".json").is_file()
        assert table.with_suffix(".parquet").is_file()


@pytest.mark.parametrize("design", ["alcohol_mice", "pet_displacement"])
def test_nothing_is_done_twice(ran: Ran, design: str, capsys: pytest.CaptureFixture[str]) -> None:
    data, results = ran(design)
    before = {path: path.read_bytes() for path in results.rglob("*.tsv")}
    capsys.readouterr()
    run_study(data / "study.yaml", results)
    lines = [line for line in capsys.readouterr().err.splitlines() if line != "check"]
    assert lines
    assert all(line.endswith("up to date") for line in lines), lines
    assert {path: path.read_bytes() for path in results.rglob("*.tsv")} == before


def test_planted_intake_of_mice_is_found(ran: Ran) -> None:
    _, results = ran("alcohol_mice")
    terms = read(results / "questions" / "escalation" / "terms.tsv").set_index("term")
    assert terms.loc["group", "p"] < 0.001
    assert terms.loc["group:day", "p_gg"] < 0.05
    rows = read(results / "questions" / "intake" / "rows.tsv")
    assert set(rows["subject"]) == set(rows["subject"][rows["subject"].str.startswith("ethanol")])


def test_planted_displacement_is_found_in_its_region_and_peaks_there(ran: Ran) -> None:
    _, results = ran("pet_displacement")
    parts = read(results / "questions" / "displacement_by_part" / "terms.tsv").set_index(["region", "term"])
    assert parts.loc[("ventral striatum", "challenge"), "p_adjusted"] < 0.05
    folder = results / "questions" / "displacement"
    clusters = read(folder / "clusters.tsv")
    own = clusters[clusters["term"] == "challenge"]
    highest = own.loc[own["peak_f"].idxmax()]
    regions = read(folder / "cluster_regions.tsv")
    found = regions[(regions["term"] == "challenge") & (regions["cluster"] == highest["cluster"])]
    assert "ventral striatum" in set(found["region"])


def test_every_fault_of_the_files_comes_at_once(ran: Ran, tmp_path: Path) -> None:
    data, _ = ran("pet_displacement")
    text = (data / "study.yaml").read_text(encoding="utf-8")
    study = data / "faulty.yaml"
    study.write_text(text.replace("group: [light, heavy]", "group: [light]"), encoding="utf-8")
    with pytest.raises(StudyError) as error:
        check_study(study)
    study.unlink()
    assert any("heavy" in fault for fault in error.value.faults)
