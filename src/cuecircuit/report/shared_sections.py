"""Sections of the page that every kind of study has."""

from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup

from cuecircuit.figures.numbers import short
from cuecircuit.report.content import Facts, Item, Paragraph, Section, TableItem, TextFile
from cuecircuit.report.deposit import rerun_script
from cuecircuit.report.marks import marks_of, settings_table
from cuecircuit.report.references import bibtex, cited
from cuecircuit.study.sections import StudyBase
from cuecircuit.study.study import Study


def opening_section(study: StudyBase, title: str, values: Mapping[str, str], *tables: TableItem) -> Section:
    """Say who took part and in what: facts, the design's source, how much is assumed, tables, who is left out."""
    items: list[Item] = [Facts(values=values)]
    if study.about.reference:
        items.append(Paragraph(text=f"The design follows {study.about.reference}."))
    assumed = len(marks_of(study).assumed)
    if assumed:
        items.append(
            Paragraph(
                text=Markup(
                    "No source states {} of the settings. They carry the mark "
                    '<span class="assumed-mark">assumed</span> wherever they are used, and '
                    '<a href="#settings">the settings</a> say why each was chosen.'
                ).format(assumed)
            )
        )
    items += tables
    if study.subjects.exclude:
        left_out = pd.DataFrame(study.subjects.exclude.items(), columns=["subject", "reason"])
        items.append(TableItem(id="excluded", title="Left out", frame=left_out))
    return Section(id="study", title=title, items=tuple(items))


def quality_section(*items: Item) -> Section:
    """Temporal SNR, respiration, degrees of freedom spent on nuisance signals: whatever the run kept."""
    return Section(id="quality", title="Quality of the scans", items=items)


def settings_section(study: StudyBase) -> Section:
    """Every setting with its source."""
    text = Markup(
        'Source of each value: <span class="source paper">paper</span> printed in the article, '
        '<span class="source convention">convention</span> usual in the field, '
        '<span class="source study-file">study file</span> written by the user, '
        '<span class="source assumed">assumed</span> stated by nobody.'
    )
    table = TableItem(id="settings-table", title="Every setting", frame=settings_table(study))
    return Section(id="settings", title="Settings", items=(Paragraph(text=text), table))


def sourced_methods(study: Study, text: Sequence[Item], *tables: TableItem) -> Section:
    """The Methods text, its references, the values in it that nobody stated, and tables of its own."""
    settings = settings_table(study)
    assumed = pd.DataFrame(settings[settings["source"] == "assumed"])
    table = TableItem(
        id="assumed",
        title="Assumed values",
        frame=assumed,
        notes=("No source states these values; somebody had to choose. Change them in the study file.",),
    )
    citations = TextFile(
        id="references", ending="bib", title="References as BibTeX", text=bibtex(cited(study)), media="text/x-bibtex"
    )
    items = (*text, citations, *((table,) if len(assumed) else ()), *tables)
    return Section(id="methods", title="Methods", items=items)


def provenance_section(inputs: pd.DataFrame, versions: Mapping[str, str], seed: int) -> Section:
    """Where everything came from: files, programs, seed."""
    programs = pd.DataFrame(versions.items(), columns=["program", "version"])
    return Section(
        id="provenance",
        title="Provenance",
        items=(
            Facts(values={"Seed": str(seed), "Input files": short(len(inputs))}),
            TextFile(
                id="rerun",
                ending="sh",
                title="The same bytes again",
                text=rerun_script(versions, seed=seed),
                shown=True,
            ),
            TableItem(id="versions", title="Programs", frame=programs),
            TableItem(id="inputs", title="Input files", frame=inputs, folded=len(inputs) > 30),
        ),
    )
