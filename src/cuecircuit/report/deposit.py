"""The record of a data set, ready to deposit: PageTab for BioStudies, BibTeX of the study, the recipe of a rerun.

PageTab (BioStudies, "Page Tab Specification", TSV form): blocks separated by an empty line, the first cell naming what
the block is; `Study`, then a block for each author, a `Links` table and a `Files` table.
"""

import re
from collections.abc import Mapping

from cuecircuit.report.page import beside_page
from cuecircuit.study.about import About

_SPDX = re.compile(r"[A-Za-z][A-Za-z0-9.-]*-\d[A-Za-z0-9.-]*|PDDL|MIT|Unlicense")


def license_address(name: str) -> str:
    """Return the address of a license: as stated, or of its SPDX name; empty where neither is known."""
    if name.startswith("https://"):
        return name
    spdx = {"CC0": "CC0-1.0"}.get(name, name)  # BIDS writes CC0
    return f"https://spdx.org/licenses/{spdx}" if _SPDX.fullmatch(spdx) else ""


def pagetab(about: About, species: str, outputs: Mapping[str, str]) -> str:
    """Write the submission as PageTab.

    Args:
        about: what the study file says of its data set.
        species: of the subjects.
        outputs: SHA-256 by file, relative to the run's folder, which becomes the root of the submission.
    """
    blocks = [
        [("Submission", about.accession), ("Title", about.title), *_if(ReleaseDate=about.release_date)],
        [
            ("Study", ""),
            ("Title", about.title),
            *_if(Description=about.abstract, License=about.license, DOI=about.doi),
            ("Organism", species),
            *(("Keywords", word) for word in about.keywords),
        ],
        *([("Author", ""), ("Name", author), *_if(ORCID=about.orcid.get(author, ""))] for author in about.authors),
        *([[("Links", "Type"), (f"doi:{about.doi}", "DOI")]] if about.doi else []),
        [("Files", "SHA-256"), *sorted(outputs.items())],
    ]
    return "\n".join("".join(f"{_cell(name)}\t{_cell(value)}\n" for name, value in block) for block in blocks)


def _if(**fields: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields.items() if value]


def _cell(text: str) -> str:
    """Keep a value in its cell: a tab or line break would begin another."""
    return " ".join(text.split())


def study_bibtex(about: About, *, version: str) -> str:
    """Write the data set as a BibTeX entry; fields that the study file does not fill are left out."""
    year = about.release_date[:4]
    fields = {
        "title": f"{{{_bib(about.title)}}}",
        "author": " and ".join(_bib(author) for author in about.authors),
        "year": year,
        "doi": about.doi,
        "note": _bib(f"Data set analyzed with cuecircuit {version}. {about.reference}".strip()),
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@misc{{{_key(about, year)},\n{lines}\n}}\n"


def _key(about: About, year: str) -> str:
    family = about.authors[0].split(",")[0].split()[-1] if about.authors else about.title.split()[0]
    return re.sub(r"[^a-z0-9]", "", family.lower()) + year or "study"


def _bib(text: str) -> str:
    """Escape what BibTeX and LaTeX take for their own signs."""
    text = re.sub(r"[{}\\]", "", text)
    return re.sub(r"([&%$#_])", r"\\\1", text)


def rerun_script(versions: Mapping[str, str], *, seed: int) -> str:
    """Write the shell lines that make the same bytes again: the same programs, checked inputs, one command.

    The seed is named for the reader; the command takes it from the study file.
    """
    python = ".".join(versions["Python"].split(".")[:2])
    pins = " ".join(f"{name}=={version}" for name, version in versions.items() if name != "Python")
    return beside_page("rerun.sh.j2", versions=versions, python=python, pins=pins, seed=seed)


def checksums(digests: Mapping[str, str]) -> str:
    """Write SHA-256 sums as `sha256sum --check` reads them."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
