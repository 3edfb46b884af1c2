"""What a page is made of: sections of paragraphs, facts, tables and figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Running text; plain text is escaped, `markupsafe.Markup` is kept."""

    kind: ClassVar[str] = "paragraph"
    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A few labelled values that a reader wants first."""

    kind: ClassVar[str] = "facts"
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureItem:
    """A figure with its caption, a text for those who do not see it, and the table it was drawn from (TSV).

    `id` is the file's stem (fig1a) and the anchor on the page. `wide`: give it the whole width.
    """

    kind: ClassVar[str] = "figure"
    id: str
    title: str
    caption: str
    alt: str
    svg: bytes
    tsv: str
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlace:
    """Where a table row leads in the interactive brain: to a region by name, to a place in mm of a test, or nowhere."""

    region: str | None = None
    mm: tuple[float, float, float] | None = None
    test: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerItem:
    """The interactive brain; `data` is the JSON text of `viewer.viewer_json`."""

    kind: ClassVar[str] = "viewer"
    title: str
    caption: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableItem:
    """A table; `frame` is what is downloaded, `display` what is shown where the two differ.

    Numbers are printed by column name (`tables.printed`); `headings` overrides the printed column names. `places`
    has one entry a row: where that row leads in the interactive brain.
    """

    kind: ClassVar[str] = "table"
    id: str
    title: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    headings: Mapping[str, str] = field(default_factory=dict)
    display: pd.DataFrame | None = None
    folded: bool = False
    places: tuple[RowPlace, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A text file to take along, `id`.`ending`; `shown` prints it on the page as well."""

    kind: ClassVar[str] = "text"
    id: str
    ending: str
    title: str
    text: str
    media: str = "text/plain"
    shown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileList:
    """Files beside the page, relative to it, behind a line that opens; named as they are in `folder`."""

    kind: ClassVar[str] = "list"
    title: str
    paths: tuple[str, ...]
    folder: str = ""


Item = Paragraph | Facts | FigureItem | TableItem | ViewerItem | TextFile | FileList


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """A part of the page with its own entry in the navigation."""

    id: str
    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportContent:
    """The whole page; `banner` is what it says of simulated data, empty of measured.

    `pages`: names of other pages of the study by their addresses relative to this one.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    banner: str = ""
    pages: Mapping[str, str] = field(default_factory=dict)
    made_by: str = "cuecircuit"
