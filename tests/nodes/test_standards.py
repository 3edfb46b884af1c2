"""Data sets and results under the validators of other projects, where they are installed; else by their own words."""

import json
import re
import shutil
from pathlib import Path

import pytest

from cuecircuit.pipeline.provenance import write_crate
from cuecircuit.pipeline.store import Store
from cuecircuit.study.about import About

# studies that the designs' own tests run are run once
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("designs")]


def _crate(folder: Path, about: About) -> dict:
    write_crate(Store(folder), about, about)
    graph = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    return {node["@id"]: node for node in graph}


def test_a_crate_has_the_date_and_license_of_the_study_file(tmp_path):
    about = About(title="Odors", license="CC-BY-4.0", release_date="2026-05-01")
    crate = _crate(tmp_path, about)
    assert crate["./"]["datePublished"] == "2026-05-01"
    assert crate["./"]["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert "CC-BY-4.0" in crate["https://spdx.org/licenses/CC-BY-4.0"]["description"]


def test_a_crate_without_them_says_so_and_has_the_same_bytes_on_any_day(tmp_path):
    crate = _crate(tmp_path, About(title="Odors"))
    assert crate["./"]["datePublished"] == "1970-01-01"
    assert "Not published" in crate["./"]["description"]
    assert crate["./"]["license"] == {"@id": "#license"}
    assert crate["#license"]["name"] == "No license is stated"


def test_a_crate_cites_the_article_with_its_numbers(tmp_path):
    about = About(
        title="Odors",
        reference="Carmack et al. 2019, J Clin Invest 129(6):2480-2484, doi:10.1172/JCI125534",
        identifiers={"PMCID": "PMC6546476"},
    )
    crate = _crate(tmp_path, about)
    assert crate["./"]["citation"] == {"@id": "https://doi.org/10.1172/JCI125534"}
    assert crate["https://doi.org/10.1172/JCI125534"]["identifier"] == ["PMCID:PMC6546476"]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("CC0", "https://spdx.org/licenses/CC0-1.0"),
        ("https://example.org/terms", "https://example.org/terms"),
        ("ask us first", "#license"),
    ],
)
def test_a_license_has_an_address_where_its_name_is_known(tmp_path, name, address):
    assert _crate(tmp_path, About(title="Odors", license=name))["./"]["license"] == {"@id": address}


def test_programs_of_a_crate_have_version_and_address(tmp_path):
    crate = _crate(tmp_path, About(title="Odors"))
    tools = [node for node in crate.values() if node["@type"] == "SoftwareApplication"]
    assert len(tools) > 5
    for tool in tools:
        assert tool["version"] == tool["softwareVersion"]
        assert tool["url"].startswith("https://")


def test_the_page_and_pictures_of_a_run_have_names_that_html_and_xml_allow(ran):
    _, results = ran("alcohol_mice")
    for picture in (results / "figures").glob("*.svg"):
        for name in re.findall(r' id="([^"]*)"', picture.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[^\W\d][\w.-]*", name), (picture.name, name)


@pytest.mark.parametrize("design", ["alcohol_mice", "pet_displacement", "cocaine_sessions", "smokers_two_sessions"])
@pytest.mark.parametrize("validator", ["bids-validator", "rocrate-validator", "html-validate", "vnu"])
def test_a_validator_finds_no_error_in_a_data_set_and_its_results(ran, design, validator, validators, tmp_path):
    data, results = ran(design)
    # without the study files that other tests have put there
    others = shutil.ignore_patterns(*(path.name for path in data.glob("*.yaml") if path.name != "study.yaml"))
    shutil.copytree(data, tmp_path / "data", ignore=others)
    findings = list(validators.results_findings(tmp_path / "data", results, only=validator))
    if any(finding.errors is None for finding in findings):
        pytest.skip(f"{validator} is not installed")
    assert findings
    assert {finding.validated: finding.errors for finding in findings if finding.errors} == {}


def test_the_wheel_its_readme_and_the_citation_are_as_an_index_wants_them(tmp_path, validators):
    findings = list(validators.package_findings(tmp_path))
    assert {finding.validator: finding.errors for finding in findings if finding.errors} == {}
