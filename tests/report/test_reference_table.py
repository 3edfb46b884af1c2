"""Every citation and DOI of the project is in the table that says where it was checked."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

PATH = Path(__file__).parents[2] / "validation" / "references.py"


@pytest.fixture(scope="module")
def references() -> ModuleType:
    spec = importlib.util.spec_from_file_location("validation_references", PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_reference_is_missing_from_the_table_or_disagrees_with_it(references: ModuleType) -> None:
    assert list(references.faults(references.read_table())) == []
    assert len(references.cited()) > 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("after Cox et al. 2017, Brain Connect 7:152", [("Cox 2017", "7:152")]),
        ("Freedman and Lane (1983), J Bus Econ\nStat 1:292", [("Freedman 1983", "1:292")]),
        ("Fisher's (1921) and Welch (1951)", [("Fisher 1921", ""), ("Welch 1951", "")]),
        ("Bates, Mächler, Bolker and Walker (2015)", [("Bates 2015", "")]),
        ("de Guglielmo et al. 2024; Koob & Le Moal 2008", [("Guglielmo 2024", ""), ("Koob 2008", "")]),
        ("gzip, RFC 1952, in August 2026 and on 2019-05-01", []),
    ],
)
def test_citations_are_found_as_text_has_them(references: ModuleType, text: str, expected: list) -> None:
    assert list(references.citations(text)) == expected


def test_what_is_missing_or_wrong_is_named(references: ModuleType) -> None:
    table = references.read_table()
    lacking = table[table["citation"] != "Leys 2013"]
    assert any(fault.startswith("Leys 2013: in docs/scans.md") for fault in references.faults(lacking))
    wrong = table.assign(reference=table["reference"].replace("Hum Brain Mapp 15:1–25", "Hum Brain Mapp 16:1–25"))
    assert any(fault.startswith("nichols2002: Nichols 2002, Hum Brain Mapp 15") for fault in references.faults(wrong))
    unseen = pd.concat([table, table[table["citation"] == "Leys 2013"].assign(where="")])
    assert "Leys 2013: verdict 'agrees' without where it was looked up" in list(references.faults(unseen))
