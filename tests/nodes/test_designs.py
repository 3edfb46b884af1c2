"""Designs that come with the program go from a simulated data set to a page, and what was planted is found."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.designs import designs_table
from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design
from tests.nodes.shown_results import assert_all_shown
from tests.page_layout import WIDTHS, layout_faults

DESIGNS = ("alcohol_mice", "pet_displacement", "cocaine_sessions", "smokers_two_sessions", "overdose", "incubation")
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


@pytest.mark.parametrize("design", DESIGNS)
def test_check_passes_and_the_page_shows_or_links_every_result(ran: Ran, design: str) -> None:
    data, results = ran(design)
    check_study(data / "study.yaml")
    assert_all_shown(results)
    for table in (results / "tables").glob("*.tsv"):
        assert table.with_suffix(".json").is_file()
        assert table.with_suffix(".npz").is_file()


@pytest.mark.parametrize("design", DESIGNS)
def test_the_page_can_be_read_and_used_on_every_screen(ran: Ran, open_page, barriers, design: str):
    page = open_page((ran(design)[1] / "report.html").as_uri())
    for width, theme in zip(WIDTHS, ("light", "dark", "dark"), strict=True):
        assert layout_faults(page, width, theme) == []
        if width in (WIDTHS[0], WIDTHS[-1]):  # one of either theme
            assert barriers(page) == []


@pytest.mark.parametrize("design", DESIGNS)
def test_every_reference_that_is_listed_is_cited_on_the_page(ran: Ran, design: str) -> None:
    page = (ran(design)[1] / "report.html").read_text(encoding="utf-8")
    before, _, after = page.partition("<h3>References</h3>")
    text = unescape(re.sub("<[^>]*>", "", before + after.partition("</p>")[2]))
    listed = [unescape(line) for line in after.partition("<p>")[2].partition("</p>")[0].split("<br>")]
    for line in listed:
        family, year = line.partition(" ")[0], line.partition("(")[2][:4]
        assert re.search(rf"{family}\b[^.;]*?{year}|{family} et al\. \(?{year}", text), line


@pytest.mark.parametrize("design", DESIGNS)
def test_nothing_is_done_twice(ran: Ran, design: str, capsys: pytest.CaptureFixture[str]) -> None:
    data, results = ran(design)
    before = {path: path.read_bytes() for path in results.rglob("*.tsv")}
    capsys.readouterr()
    run_study(data / "study.yaml", results)
    lines = [line for line in capsys.readouterr().err.splitlines() if line != "check"]
    assert lines
    assert all(line.endswith("up to date") or line.startswith(("scans: ", "check: ")) for line in lines), lines
    assert {path: path.read_bytes() for path in results.rglob("*.tsv")} == before


def test_the_page_of_a_mechanism_says_that_it_is_a_prediction_and_finds_who_breathes_least(ran: Ran) -> None:
    _, results = ran("overdose")
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "prediction from numbers that are assumed" in page
    assert "days of rest before it: naive 0, same 0, other 0, same_detox 28, other_detox 28" in page
    means = read(results / "questions" / "breathing" / "means.tsv").set_index("group")["mean"]
    assert means.idxmin() == "naive"
    assert means.idxmax() == "same"


@pytest.mark.parametrize("design", ["medicines", "incubation"])
def test_designs_of_the_mechanism_are_simulated_and_pass_the_check(design: str, tmp_path: Path) -> None:
    check_study(simulate_design(design, tmp_path / "data", seed=1, scale="tiny"))


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


def test_levels_have_their_names_and_effects_their_unit_where_maps_are_asked_level_by_level(ran: Ran) -> None:
    page = (ran("smokers_two_sessions")[1] / "report.html").read_text(encoding="utf-8")
    assert "Reactivity: mean of smoking food survives" in page
    assert "% of the mean of the voxel at its peak" in page
    assert "Reactivity, smoking neutral" in page


def found_regions(folder: Path, term: str, *, p: float = 0.05) -> set[str]:
    """Return the regions of the atlas in clusters of a term that survive correction."""
    clusters, parts = read(folder / "clusters.tsv"), read(folder / "cluster_regions.tsv")
    kept = set(clusters.loc[(clusters["term"] == term) & (clusters["p_fwe"] < p), "cluster"])
    return set(parts.loc[(parts["term"] == term) & parts["cluster"].isin(kept), "region"]) - {"outside the atlas"}


def planted_regions(data: Path, question: str, effect: str) -> set[str]:
    """Return the regions in which the simulation planted an effect that a question asks about."""
    truth = read(data / "truth" / "questions.tsv")
    own = truth[(truth["question"] == question) & (truth["effect"] == effect) & (truth["planted"] == "yes")]
    return set(own["level"].str.split(", ").str[-1])


def test_planted_incubation_of_craving_is_found_where_it_was_planted(ran: Ran) -> None:
    data, results = ran("cocaine_sessions")
    effect = "group:cue:session"
    planted = planted_regions(data, "incubation", effect)
    assert planted == {"Insula", "Amygdala nuclei"}
    found = found_regions(results / "questions" / "incubation", effect)
    # voxels of 2 mm: the insula has 14 of them, of which no cluster need survive the correction of the whole brain
    assert found
    assert found <= planted
    pairs = read(results / "questions" / "pairs" / "terms.tsv")
    own = pairs[pairs["term"] == effect].set_index("region")["p_adjusted"]
    assert set(own.index[own < 0.05]) == planted
    simple = found_regions(results / "questions" / "drug_by_history" / "drug", "group:session")
    assert simple
    assert simple <= planted


def test_planted_dose_response_of_the_insula_is_found(ran: Ran) -> None:
    _, results = ran("cocaine_sessions")
    correlation = read(results / "questions" / "intake_and_response" / "correlation.tsv").set_index("region")
    assert set(correlation.index[correlation["q"] < 0.05]) == {"Insula"}
    assert correlation.loc["Insula", "r"] > 0


def test_planted_reactivity_of_abstinent_smokers_is_found_where_it_was_planted(ran: Ran) -> None:
    data, results = ran("smokers_two_sessions")
    planted = planted_regions(data, "pictures_by_state", "picture:session")
    assert planted == {"vmPFC", "ventral striatum"}
    assert found_regions(results / "questions" / "pictures_by_state", "picture:session") == planted
    for contrast in ("smokingneutral", "smokingfood"):
        folder = results / "questions" / "reactivity" / contrast
        assert found_regions(folder, "(Intercept)") == planted
        assert "vmPFC" in found_regions(folder, "abstinent - sated")
        # draws are few at this scale: the smaller cluster of the striatum stays just above the level
        assert found_regions(folder, "abstinent - sated", p=0.1) == planted


def test_planted_craving_and_urge_of_smokers_are_found(ran: Ran) -> None:
    _, results = ran("smokers_two_sessions")
    terms = read(results / "questions" / "craving" / "terms.tsv").set_index("term")
    assert terms.loc["picture:session", "p"] < 1e-6
    by_picture = read(results / "questions" / "craving" / "comparisons.tsv").set_index("family")
    smoking = by_picture.loc["smoking"]
    assert smoking["low"] < 1.5 < smoking["high"]
    assert (by_picture.drop("smoking")["p_adjusted"] > 0.05).all()
    urge = read(results / "questions" / "urge" / "correlation.tsv").set_index("region")
    assert set(urge.index[urge["q"] < 0.05]) == {"ventral striatum"}
    assert urge.loc["ventral striatum", "r"] > 0


def test_who_came_once_has_the_maps_of_one_session(ran: Ran) -> None:
    data, results = ran("smokers_two_sessions")
    maps = pd.read_csv(results / "tables" / "maps.task.tsv", sep="\t", dtype={"subject": str})
    sessions = maps.groupby("subject")["session"].nunique()
    once = [path.name for path in data.glob("sub-*") if len(list(path.glob("ses-*"))) == 1]
    assert once
    assert {f"sub-{subject}" for subject in sessions.index[sessions == 1]} == set(once)
    assert set(maps["n_runs"]) == {2}


def test_every_fault_of_the_files_comes_at_once(ran: Ran, tmp_path: Path) -> None:
    data, _ = ran("pet_displacement")
    text = (data / "study.yaml").read_text(encoding="utf-8")
    study = data / "faulty.yaml"
    study.write_text(text.replace("group: [light, heavy]", "group: [light]"), encoding="utf-8")
    with pytest.raises(StudyError) as error:
        check_study(study)
    study.unlink()
    assert any("heavy" in fault for fault in error.value.faults)
