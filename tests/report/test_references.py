import re

from cuecircuit.report.references import bibtex, cited, library, printed_reference
from cuecircuit.study.file import parse_study
from cuecircuit.study.study import Study

LINE = "\ncorrection:\n"


def keys(study: Study) -> set[str]:
    return {reference.key for reference in cited(study)}


def test_what_is_cited_follows_the_settings(design_text: str, study: Study) -> None:
    assert {"cox2017", "winkler2014", "smith2009", "bullmore1999"} <= keys(study)
    without = parse_study(design_text.replace(LINE, f"{LINE}  compare: []\n"))
    assert keys(without) == keys(study) - {"winkler2014", "freedman1983", "nichols2002", "smith2009", "bullmore1999"}
    gaussian = parse_study(design_text.replace(LINE, f"{LINE}  smoothness: fwhm\n"))
    assert keys(study) - keys(gaussian) == {"cox2017"}


def test_every_author_and_year_named_in_the_methods_is_in_the_list(study: Study, facts) -> None:
    from cuecircuit.report.methods import methods

    paragraphs = {paragraph.heading: paragraph.text for paragraph in methods(study, facts)}
    text = " ".join(str(text) for heading, text in paragraphs.items() if heading != "References")
    named = set(re.findall(r"([A-Z][a-z]+)(?: et al\.| (?:&amp;|and) [A-Z][a-z]+|–[A-Z][a-z]+) \(?(\d{4})", text))
    listed = {(reference.authors[0].split(",")[0], str(reference.year)) for reference in cited(study)}
    assert len(named) > 5
    assert named <= listed


def test_bibtex_has_every_reference_with_its_doi_and_balanced_braces(study: Study) -> None:
    text = bibtex(cited(study))
    entries = re.findall(r"@article\{(\w+),", text)
    assert len(entries) == len(set(entries)) == len(cited(study))
    assert text.count("{") == text.count("}")
    assert re.findall(r"doi = \{(.+)\}", text) == [reference.doi for reference in cited(study)]


def test_a_printed_reference_reads_as_in_a_list(study: Study) -> None:
    smith = next(reference for reference in cited(study) if reference.key == "smith2009")
    assert printed_reference(smith).startswith("Smith SM, Nichols TE (2009). Threshold-free cluster enhancement")
    assert printed_reference(smith).endswith("NeuroImage 44:83–98. doi:10.1016/j.neuroimage.2008.03.061")


def test_the_library_has_no_reference_twice_and_each_with_its_doi() -> None:
    dois = [reference.doi for reference in library().values()]
    assert len(set(dois)) == len(dois)
    assert all(re.fullmatch(r"10\.\d{4,}/\S+", doi) for doi in dois)
    assert all(key.endswith(str(reference.year)) for key, reference in library().items())
