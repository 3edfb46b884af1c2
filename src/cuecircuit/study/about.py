"""What a data set is called and who made it, for the page and for its deposit."""

import re

from pydantic import Field, model_validator

from cuecircuit.study.fields import Section


class About(Section):
    """What the study is, for the page and the data-set record."""

    title: str = Field(description="of the study, and of its page")
    authors: tuple[str, ...] = Field(default=(), description="of the data set, in order")
    reference: str = Field(default="", description="the article the design follows")
    identifiers: dict[str, str] = Field(
        default={}, description="numbers of that article by archive, such as PMID, PMCID, BioStudies"
    )
    abstract: str = Field(default="", description="what the data set is")
    keywords: tuple[str, ...] = Field(default=(), description="of the data set")
    license: str = Field(default="", description="of the data set, such as CC0-1.0")
    doi: str = Field(
        default="", pattern=r"^(10\.\d{4,9}/\S+)?$", description="of the data set, without https://doi.org/"
    )
    accession: str = Field(default="", description="number of the data set in its archive, such as S-BSST1")
    release_date: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$", description="YYYY-MM-DD")
    orcid: dict[str, str] = Field(default={}, description="ORCID by author")

    @model_validator(mode="after")
    def _orcids_are_whole(self) -> "About":
        for author, number in self.orcid.items():
            if author not in self.authors:
                raise ValueError(
                    f"orcid: '{author}' is none of the authors ({', '.join(self.authors) or 'none named'})"
                )
            if not is_orcid(number):
                raise ValueError(f"orcid of {author}: '{number}' is no ORCID; expected one like 0000-0002-1825-0097")
        return self


def is_orcid(number: str) -> bool:
    """Recognize an ORCID by its form and its check digit (ISO/IEC 7064, MOD 11-2)."""
    if not re.fullmatch(r"(\d{4}-){3}\d{3}[\dX]", number):
        return False
    total = 0
    for digit in number.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    return number[-1] == "0123456789X"[(12 - total % 11) % 11]
