"""What the Methods text cites, chosen by the settings, as printed lines and as BibTeX; every entry has its DOI.

`references.bib` is the one list of references: of the page, of `report/references.bib` in the results, and of the
documentation. An entry has one field a line, `  name = {value}`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cuecircuit.study.questions import Counts, Formula, Pooling, Reliability, Strata
from cuecircuit.study.schema import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One article; `authors` as `Family, Given` in the order of print, `others` for the rest; `entry` is its BibTeX."""

    key: str
    authors: tuple[str, ...]
    year: int
    title: str
    journal: str
    volume: str
    pages: str
    doi: str
    entry: str


@cache
def library() -> Mapping[str, Reference]:
    """Read every reference there is (`references.bib`), by its key."""
    text = files("cuecircuit.report").joinpath("references.bib").read_text(encoding="utf-8")
    entries = re.finditer(r"^@article\{(\w+),\n(.*?)^\}\n", text, re.MULTILINE | re.DOTALL)
    return {match[1]: _reference(match[1], match[2], match[0]) for match in entries}


def _reference(key: str, body: str, entry: str) -> Reference:
    fields = {name: value.strip("{}") for name, value in re.findall(r"^  (\w+) = \{(.*)\},?$", body, re.MULTILINE)}
    authors, year, pages = fields.pop("author"), fields.pop("year"), fields.pop("pages")
    return Reference(
        key=key,
        authors=tuple(authors.split(" and ")),
        year=int(year),
        pages=pages.replace("--", "–"),
        entry=entry,
        **fields,
    )


def references_of(study: Study) -> tuple[Reference, ...]:
    """Choose the references of a study, by first author and year."""
    keys = dict.fromkeys([*_question_keys(study), *_map_keys(study)])
    return tuple(sorted((library()[key] for key in keys), key=lambda found: (found.authors[0], found.year)))


def _question_keys(study: Study) -> Iterator[str]:
    yield from ("gorgolewski2016", *(("nichols2017",) if study.subjects.species == "Homo sapiens" else ()))
    if study.alternatives:
        yield from ("simonsohn2020", "steegen2016")
    phases = study.operant.phases.values() if study.operant else ()
    if any(phase.kind == "progressive_ratio" and not phase.ratios for phase in phases):
        yield "richardson1996"
    for question in study.questions.values():
        if question.adjust == "fdr":
            yield "benjamini1995"
        weighed = getattr(question, "evidence", None)
        if weighed is not None:
            yield from ("rouder2009", "rouder2012", *(("lakens2017",) if weighed.equivalence else ()))
        if getattr(question, "networks", None) is not None:
            yield from ("zalesky2010", "freedman1983", "winkler2014")
        match question:
            case Strata(within=within) if within:
                yield "greenhouse1959"
            case Formula(method="reml"):
                yield "bates2015"
            case Formula(method="mixed-effects", df=df):
                yield from ("woolrich2004", *(("knapp2003",) if df == "knapp-hartung" else ()))
            case Reliability():
                yield "mcgraw1996"
            case Counts():
                yield "mancl2001"
            case Pooling():
                yield "chen2019"


def _map_keys(study: Study) -> Iterator[str]:
    nuisance, scans = study.nuisance, study.scans
    yield from ("taylor2023",) if study.maps else ()
    kinds = {edges.kind for edges in study.edges.values()}
    yield from ("rissman2004", "mumford2012") if "beta_series" in kinds else ()
    yield from ("mclaren2012",) if "ppi" in kinds else ()
    if scans is not None and scans.derivatives is not None:
        yield from ("avants2008", "tustison2010") if study.preprocess else ()
        yield from (
            ("chang1992", "ruthotto2012") if study.preprocess and study.preprocess.susceptibility == "auto" else ()
        )
        yield from ("posse1999",) if study.preprocess and scans.echo == "combined" else ()
        yield from ("esteban2019",) if by_fmriprep(study) else ()
    yield from ("glover2000",) if nuisance.breathing in ("retroicor", "both") else ()
    yield from ("birn2006",) if nuisance.breathing in ("rvt", "both") else ()
    yield from ("power2012",) if nuisance.censor_fd_mm or nuisance.censor_dvars_percent else ()
    yield from ("satterthwaite2013",) if nuisance.motion > 6 else ()
    yield from ("behzadi2007",) if nuisance.acompcor else ()
    for correction in filter(None, [study.correction, *(q.correction for q in study.questions.values())]):
        compared = " ".join(correction.compare)
        simulated = correction.method == "simulation" or "simulation" in compared
        permuted = correction.method == "permutation"
        if simulated and correction.smoothness == "acf":
            yield "cox2017"
        if correction.method == "fdr" or "fdr" in compared:
            yield "benjamini1995"
        if permuted or "permutation" in compared:
            yield from ("freedman1983", "nichols2002", "winkler2014")
        yield from ("bullmore1999",) if (permuted and correction.statistic == "mass") or "mass" in compared else ()
        yield from ("smith2009",) if (permuted and correction.statistic == "tfce") or "tfce" in compared else ()


def by_fmriprep(study: Study) -> bool:
    """Return whether scans come from a folder that is named for fMRIPrep."""
    scans = study.scans
    return scans is not None and study.preprocess is None and "fmriprep" in str(scans.derivatives).lower()


def printed_reference(reference: Reference) -> str:
    """Print a reference as a line of the list."""
    names = ", ".join("et al." if name == "others" else name.replace(",", "") for name in reference.authors)
    place = f"{reference.journal} {reference.volume}:{reference.pages}"
    return f"{names} ({reference.year}). {reference.title}. {place}. doi:{reference.doi}"


def bibtex(references: Sequence[Reference]) -> str:
    """Write references as a BibTeX file."""
    return "\n".join(reference.entry for reference in references)
