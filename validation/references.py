"""Whether every reference of the project is in a table that says where it was checked.

    python validation/references.py        faults, one a line; exit status 1 where there are any
    python validation/references.py list   citations with the files that name them

A citation is an author and a year as text has them: `Cox et al. 2017`, `Freedman and Lane (1983)`, `Fisher's (1921)`.
It is looked for in the README, the pages of docs, the study files that ship, and the source, by the family name of the
first author and the year. `references.tsv` has a row for each: the reference, its DOI, where it was checked, a verdict
and how. Its DOIs must be those in the text, and entries of `report/references.bib` must agree with it.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cuecircuit.report.references import library

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("references.tsv")
VERDICTS = {
    "agrees": "author, year, journal and volume or DOI are the same where it was looked up",
    "exists": "the work was found; not every field was compared",
    "not found": "looked up, neither confirmed nor refuted",
    "not checked": "not looked up",
}
_NAME = r"[A-ZÀ-Ž][\wÀ-ž]*[a-zß-ž](?:[-'’][A-ZÀ-Ž][\wÀ-ž]+)?"
_PARTICLE = r"(?:(?:de|De|van|Le|du|von) )?"
_LIST = rf"(?:, {_PARTICLE}{_NAME})*"
_AUTHORS = rf"{_PARTICLE}({_NAME})(?:{_LIST},? (?:and|&) {_PARTICLE}{_NAME}|{_LIST},? et al\.)?(?:['’]s?)?"
CITATION = re.compile(rf"\b{_AUTHORS},? \(?((?:18|19|20)\d\d)[ab]?\b(?![-/.]\d)")
DOI = re.compile(r"\b10\.\d{4,9}/[^\s|,;\"'`>\]}]+[^\s|,;\"'`>\]}.)]")
# journal, volume and first page behind a citation
_PLACE = re.compile(r"[)',]*,? [A-Z][A-Za-z .&]+ (\d+[A-Z]?)(?:\(\d+\))?:([eRS]?\d+)")
# an example in the docs
_NO_REFERENCE = {"10.5281/zenodo.123456"}
# words that a year may follow
_NO_AUTHORS = {"RFC", "ABOXES", "August", "November", "Release", "Python", "Stata", "January", "Version"}


def text_files() -> list[Path]:
    """Return the files whose citations count."""
    source = (ROOT / "src" / "cuecircuit").rglob("*")
    code = [path for path in source if path.suffix in (".py", ".yaml")]
    return sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *code])


def citations(text: str) -> Iterator[tuple[str, str]]:
    """Yield each citation of a text as family name and year, with volume and first page where the text has them."""
    text = " ".join(text.split())
    for match in CITATION.finditer(text):
        if match[1] not in _NO_AUTHORS:
            place = _PLACE.match(text, match.end())
            yield f"{match[1]} {match[2]}", f"{place[1]}:{place[2]}" if place else ""


def cited() -> dict[str, dict[str, set[str]]]:
    """Return the files that name each citation, with the places in journals that they give."""
    where: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)
    for path in text_files():
        for name, place in citations(path.read_text(encoding="utf-8")):
            where[name].setdefault(str(path.relative_to(ROOT)), set()).update({place} - {""})
    return dict(sorted(where.items()))


def dois() -> set[str]:
    """Return every DOI in the text of the project."""
    found = {match for path in text_files() for match in DOI.findall(path.read_text(encoding="utf-8"))}
    return {doi.rstrip(":") if "(" in doi else doi.rstrip("):") for doi in found} - _NO_REFERENCE


def read_table() -> pd.DataFrame:
    """Read the table of references."""
    return pd.read_csv(TABLE, sep="\t", dtype=str, keep_default_na=False)


def faults(table: pd.DataFrame) -> Iterator[str]:
    """Yield what is missing from the table or disagrees with it."""
    known = table.groupby("citation")["reference"].agg(" · ".join).to_dict()
    for name, files in cited().items():
        if name not in known:
            yield f"{name}: in {', '.join(files)}, not in references.tsv"
        for file, places in files.items():
            for place in places:
                if name in known and not re.search(rf"\b{place}(?!\d)", known[name]):
                    yield f"{name}: {place} in {file}, {known[name] or 'nothing'} in references.tsv"
    listed = {doi.lower() for doi in table["doi"]}
    yield from (f"doi {doi}: not in references.tsv" for doi in sorted(dois()) if doi.lower() not in listed)
    for row in table.itertuples():
        if row.verdict not in VERDICTS:
            yield f"{row.citation}: verdict '{row.verdict}'; expected one of: {', '.join(VERDICTS)}"
        if row.verdict in ("agrees", "exists", "not found") and not row.where:
            yield f"{row.citation}: verdict '{row.verdict}' without where it was looked up"
    rows = {doi.lower(): row for doi, row in zip(table["doi"], table.to_dict("records"), strict=True) if doi}
    for entry in library().values():
        row = rows.get(entry.doi.lower())
        name = f"{entry.authors[0].partition(',')[0]} {entry.year}"
        place = f"{entry.journal} {entry.volume}:{entry.pages}"
        if row is None:
            yield f"{entry.key}: doi {entry.doi} is not in references.tsv"
        elif (name, place) != (row["citation"], row["reference"]):
            yield f"{entry.key}: {name}, {place}; references.tsv has {row['citation']}, {row['reference']}"


def main(act: str = "check") -> int:
    """List citations, or print faults."""
    if act == "list":
        for name, files in cited().items():
            print(name, ", ".join(files), sep="\t")
        return 0
    found = list(faults(read_table()))
    print(*found, sep="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
