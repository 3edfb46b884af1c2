import re
from importlib.resources import files

import pytest

from cuecircuit.report.references import bibtex, library, printed_reference, references_of
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study


def keys(study: Study) -> set[str]:
    return {reference.key for reference in references_of(study)}


def test_what_is_cited_follows_the_settings(rats_text: str, study: Study) -> None:
    assert {"cox2017", "winkler2014", "smith2009", "bullmore1999", "greenhouse1959", "steegen2016"} <= keys(study)
    text = rats_text[: rats_text.index("alternatives:\n")] + rats_text[rats_text.index("simulation:\n") :]
    compared = next(line for line in text.splitlines(keepends=True) if line.startswith("  compare:"))
    drawn = next(line for line in text.splitlines(keepends=True) if "kind: corrections" in line)
    alone = parse_study(text.replace(compared, "").replace(drawn, ""))
    permuted = {"winkler2014", "freedman1983", "nichols2002", "smith2009", "bullmore1999"}
    assert keys(alone) == keys(study) - permuted - {"simonsohn2020", "steegen2016"}
    gaussian = parse_study(text.replace("smoothness: acf", "smoothness: fwhm"))
    assert keys(study) - keys(gaussian) == {"cox2017", "simonsohn2020", "steegen2016"}


def test_bibtex_has_every_reference_with_its_doi_and_balanced_braces(study: Study) -> None:
    text = bibtex(references_of(study))
    entries = re.findall(r"@article\{(\w+),", text)
    assert len(entries) == len(set(entries)) == len(references_of(study))
    assert text.count("{") == text.count("}")
    assert re.findall(r"doi = \{(.+)\}", text) == [reference.doi for reference in references_of(study)]


def test_a_printed_reference_reads_as_in_a_list(study: Study) -> None:
    smith = next(reference for reference in references_of(study) if reference.key == "smith2009")
    assert printed_reference(smith).startswith("Smith SM, Nichols TE (2009). Threshold-free cluster enhancement")
    assert printed_reference(smith).endswith("NeuroImage 44:83–98. doi:10.1016/j.neuroimage.2008.03.061")


def test_every_entry_of_the_bibtex_file_is_read_as_a_bibtex_program_reads_it() -> None:
    database = pytest.importorskip("pybtex.database")
    text = files("cuecircuit.report").joinpath("references.bib").read_text(encoding="utf-8")
    entries = database.parse_string(text, "bibtex").entries
    assert list(entries) == list(library())
    for key, reference in library().items():
        fields = entries[key].fields
        assert [str(person) for person in entries[key].persons["author"]] == list(reference.authors)
        assert (fields["year"], fields["doi"], fields["journal"]) == (
            str(reference.year),
            reference.doi,
            reference.journal,
        )
        assert fields["title"].strip("{}") == reference.title
        assert fields["pages"].replace("--", "–") == reference.pages


def test_the_library_has_no_reference_twice_and_each_with_its_doi() -> None:
    dois = [reference.doi for reference in library().values()]
    assert len(set(dois)) == len(dois)
    assert all(re.fullmatch(r"10\.\d{4,}/\S+", doi) for doi in dois)
    assert all(key.endswith(str(reference.year)) for key, reference in library().items())
