"""The page of a study: its subjects, each table with its questions, the settings, where all came from."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pandas as pd

from cuecircuit.io.tables import read_json, read_table
from cuecircuit.pages.findings import findings
from cuecircuit.pages.methods import methods
from cuecircuit.pages.origin import banner, subtitle
from cuecircuit.pages.page_maps import LONG, figure_item, map_items, scan_items, scans_entered
from cuecircuit.pages.reporting import reporting_section
from cuecircuit.pages.sentences import (
    finding_sentence,
    left_out_sentence,
    marks_sentence,
    method_sentence,
    note_sentence,
)
from cuecircuit.pages.session_figures import session_captions
from cuecircuit.pages.viewer import viewed_question
from cuecircuit.pipeline.quality import pages_item
from cuecircuit.report.alternatives import CURVES_CAPTION, AlternativeFacts, alternatives_section, grid_caption
from cuecircuit.report.content import Facts, FileList, Item, Paragraph, ReportContent, Section, TableItem
from cuecircuit.report.marks import counted, value_text, words
from cuecircuit.report.neighbors import pages_near
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.fields import settings_of
from cuecircuit.study.schema import Study
from cuecircuit.tables.operant import known_kinetics
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

_TITLES = {
    "subjects": "Subjects",
    "visits": "Visits",
    "operant": "Operant sessions",
    "bins": "Operant sessions, bin by bin",
    "trials": "Trials",
    "maps": "Maps",
    "contrasts": "Contrast maps",
    "regions": "Regions",
    "edges": "Edges between regions",
    "derived": "Derived numbers",
}
# tables of an answer in the order of the page
ANSWER_TABLES = {
    "terms": "tests",
    "contrasts": "contrasts",
    "evidence": "evidence for and against",
    "networks": "networks",
    "network_edges": "edges of networks",
    "comparisons": "comparisons",
    "means": "means",
    "correlation": "correlations",
    "wide": "means side by side",
    "reliability": "agreement",
    "ratios": "ratios of counts",
    "regions": "levels, partially pooled",
    "spread": "standard deviations of the model",
    "checks": "data drawn from the model",
    "sensitivity": "other priors",
    "layout": "sums of squares",
}
# columns of tests that are in the files alone, so that the others fit the page
_IN_FILES = ("z", "se", "eps_hf", "p_hf", "ges_low", "ges_high", "d", "d_low", "d_high")
_WITHIN = ("r_within", "p_within", "q_within")  # the same as r, p and q where no groups are pooled
# of a folder of results: written after the page, by other commands, or kept for later runs
_NO_RESULTS = (".cuecircuit", "report", "quality", "alternatives_runs")
_ESTIMATES = "Estimate of two levels: the first (the reference) less the second. The file has further columns."
_INTERVALS = (
    "The 90 % interval of partial η² is that of the noncentral F (Steiger 2004). The η² of a sample is too "
    "large on average, most of all where F is small: its interval may then lie below it."
)
PAGE = "report.html"
_ALPHA = 0.05  # of tests on numbers, where a question states no other


def page_content(files: StudyFiles, out: Path, made: Mapping[str, Table], software: Mapping[str, str]) -> ReportContent:
    """Collect everything on the page.

    Args:
        files: the study.
        out: folder of the results.
        made: the tables.
        software: versions of the programs.
    """
    study = files.study
    sections = [_opening(files, out, made)]
    viewed = viewed_question(Tables(files=files, made=made))
    kinds: dict[str, list[str]] = {}
    unsaid = [_INTERVALS]  # below the first table that needs it
    for name, question in study.questions.items():
        kinds.setdefault(split_reference(question.of)[0].partition(".")[0], []).append(name)
    further = _further(files)
    for kind in _TITLES:
        items = []
        for name in kinds.get(kind, ()):
            items += _question(study, out, name, viewed, unsaid)
            items += [
                item for stem, title in further.get(name, ()) for item in figure_item(out, stem, title, title, title)
            ]
        items += list(_derived_tables(files, made)) if kind == "derived" else []
        items += [*_session_items(files, out), *_log_items(out)] if kind == "operant" and study.operant else []
        if items:
            sections.append(Section(id=kind, title=_TITLES[kind], items=tuple(items)))
    if files.makes_maps:
        items = (*scan_items(out), pages_item(out))
        sections.append(Section(id="scans", title="Scans", items=items))
    sections += [
        *_alternatives(files, out),
        _methods(files, out, made, software),
        reporting_section(study, _groups(files, made) or {"": len(made["subjects"].rows)}, scans_entered(out)),
        _settings(files),
        _provenance(out, software, study.seed),
    ]
    simulated = read_json(out / "dataset_description.json").get("Simulated")
    return ReportContent(
        title=study.about.title,
        subtitle=subtitle(study.about.reference, simulated),
        banner=banner(simulated),
        pages=pages_near(out / PAGE, study.about.title),
        sections=tuple(sections),
    )


def _opening(files: StudyFiles, out: Path, made: Mapping[str, Table]) -> Section:
    study, subjects = files.study, made["subjects"].rows
    groups = _groups(files, made)
    counts = f" ({', '.join(f'{n} {level}' for level, n in groups.items())})" if groups else ""
    facts = {"Subjects": f"{len(subjects)}{counts}", "Species": study.subjects.species}
    if study.drugs:
        facts["Drugs"] = ", ".join(study.drugs)
    if "visits" in made:
        facts["Sessions"] = ", ".join(study.factors["session"].levels)
    if study.operant:
        facts["Phases"] = ", ".join(map(words, study.operant.phases))
    items: list[Item] = [Facts(values=facts)]
    items += [Paragraph(text=text) for text in findings(study, out)]
    if study.assumed:
        text = (
            f"No source states {len(study.assumed)} of the settings; they are marked assumed in the table of settings."
        )
        items.append(Paragraph(text=text))
    if study.subjects.exclude:
        frame = pd.DataFrame(study.subjects.exclude.items(), columns=["subject", "reason"])
        items.append(TableItem(id="excluded", title="Left out", frame=frame))
    return Section(id="study", title="Study", items=tuple(items))


def _groups(files: StudyFiles, made: Mapping[str, Table]) -> dict[str, int]:
    """Return the number of subjects by level of the first factor; nothing where there is none."""
    subjects = made["subjects"].rows
    first = next((name for name in files.study.factors if name in subjects), None)
    counts = {} if first is None else subjects[first].value_counts()
    levels = files.study.factors[first].levels if first else ()
    return {level: int(counts[level]) for level in levels if level in counts}


def _question(study: Study, out: Path, name: str, viewed: str | None, unsaid: list[str]) -> Iterator[Item]:
    question = study.questions[name]
    method = method_sentence(question, study)
    folder = out / "questions" / name
    if split_reference(question.of)[0].startswith(("maps.", "contrasts.")):
        yield from map_items(out, name, question, viewed)
        return
    if not (folder / "settings.json").is_file():
        return
    answer = {stem: read_table(folder / f"{stem}.tsv") for stem in ANSWER_TABLES if (folder / f"{stem}.tsv").is_file()}
    title = question.title or name.replace("_", " ").capitalize()
    facts = read_json(folder / "settings.json")
    lost = left_out_sentence(facts.get("left_out", ()))
    texts = [question.why, method, finding_sentence(question, answer), lost, note_sentence(facts)]
    yield Paragraph(heading=title, text=" ".join(filter(None, texts)))
    alt = f"{title}. {finding_sentence(question, answer)}"
    caption = " ".join(filter(None, (method, marks_sentence(question, answer))))
    yield from figure_item(out, name, title, caption, alt)
    what = f"{title}: edges that survive, seen from the front"
    yield from figure_item(out, f"{name}_connectogram", what, what, alt)
    unshown = _IN_FILES + _WITHIN * (getattr(question, "inside", None) is None)
    for stem, table in answer.items():
        folded = stem in ("layout", "means", "spread", "checks", "sensitivity") or len(table) > LONG
        shown = table[[column for column in table if column not in unshown and table[column].notna().any()]]
        shown = shown.map(lambda value: words(value) if isinstance(value, str) else value)
        notes = [_ESTIMATES] if stem == "terms" and "estimate" in shown else []
        notes += [unsaid.pop()] if unsaid and "pes_low" in table and table["pes_low"].notna().any() else []
        head = f"{title}: {ANSWER_TABLES[stem]}"
        yield TableItem(id=f"{name}-{stem}", title=head, frame=table, display=shown, notes=tuple(notes), folded=folded)


def _further(files: StudyFiles) -> dict[str, list[tuple[str, str]]]:
    """Return the figures that the study names beside those of its questions: a single region, corrections compared."""
    made: dict[str, list[tuple[str, str]]] = {}
    for stem, named in files.study.figures.items():
        if named.only or named.kind == "corrections":
            levels = ", ".join(level for levels in named.only.values() for level in levels)
            question = files.study.questions[named.question]
            title = question.title or named.question.replace("_", " ").capitalize()
            what = "voxels that survive each correction" if named.kind == "corrections" else levels
            made.setdefault(named.question, []).append((stem, f"{title}: {what} ({stem})"))
    return made


def _derived_tables(files: StudyFiles, made: Mapping[str, Table]) -> Iterator[Item]:
    for name in files.study.derived:
        table = made[f"derived.{name}"]
        note = table.notes.get(VALUE)
        unit = note.get("Units") if isinstance(note, Mapping) else None
        title = f"{name.replace('_', ' ').capitalize()}, subject by subject"
        headings = {VALUE: f"Value ({unit})"} if unit else {}
        yield TableItem(id=f"derived-{name}", title=title, frame=table.rows, headings=headings, folded=True)


def _session_items(files: StudyFiles, out: Path) -> Iterator[Item]:
    """Yield the figures of single sessions."""
    for name, caption in session_captions(files.study, known_kinetics(files.study)).items():
        for path in sorted((out / "figures").glob(f"{name}*.svg")):
            title = path.stem.replace("_", " ").capitalize()
            yield from figure_item(out, path.stem, title, caption, caption, wide=True)


def _log_items(out: Path) -> Iterator[Item]:
    faults = read_table(out / "operant" / "faults.tsv", text=("subject",))
    if len(faults):
        yield TableItem(id="faults", title="What was wrong in the logs", frame=faults, folded=len(faults) > LONG)


def _alternatives(files: StudyFiles, out: Path) -> Iterator[Section]:
    """Yield what came of other choices of the analysis, where they were run."""
    folder = out / "alternatives"
    if not (folder / "verdicts.tsv").is_file():
        return
    study = files.study
    verdicts = read_table(folder / "verdicts.tsv", text=("kind", "result", "verdict", "deviant"))
    choices = read_table(folder / "choices.tsv", text=("choice", "setting", "value", "planned", "source", "reason"))
    facts = AlternativeFacts(
        choices=len(study.alternatives) + 1,
        verdicts={str(name): int(n) for name, n in verdicts["verdict"].value_counts().items()},
        alpha=study.correction.alpha if study.correction else _ALPHA,
        behavior_alpha=_ALPHA,
    )
    caption = grid_caption(facts)
    title = "Figure of the alternatives"
    figures = (
        *figure_item(out, "specification", "Specification curves", CURVES_CAPTION, CURVES_CAPTION, folder=folder.name),
        *figure_item(out, "alternatives", title, caption, caption.striptags(), wide=True, folder=folder.name),
    )
    section = alternatives_section(facts, figures, verdicts=verdicts, choices=choices)
    yield replace(section, items=(*section.items, *_alternative_files(study, out)))


def _methods(files: StudyFiles, out: Path, made: Mapping[str, Table], software: Mapping[str, str]) -> Section:
    groups = _groups(files, made) or {"": len(made["subjects"].rows)}
    return Section(id="methods", title="Methods", items=tuple(methods(files.study, out, groups, software)))


def _settings(files: StudyFiles) -> Section:
    study = files.study
    rows = [
        (setting.path, value_text(setting.value), setting.source, setting.why)
        for setting in settings_of(study, study.assumed, study.about.follows)
        if setting.path not in ("assumed", "about.follows")
    ]
    frame = pd.DataFrame(rows, columns=["setting", "value", "source", "reason"])
    table = TableItem(id="settings-table", title="Every setting", frame=frame, folded=True)
    return Section(id="settings", title="Settings", items=(table,))


def _provenance(out: Path, software: Mapping[str, str], seed: int) -> Section:
    programs = pd.DataFrame(software.items(), columns=["program", "version"])
    items = (
        Facts(values={"Seed of the analysis": str(seed)}),
        TableItem(id="versions", title="Programs", frame=programs),
        Paragraph(
            heading="All results", text="Every file beside this page; a TSV has a JSON that describes its columns."
        ),
        *_files(out),
    )
    return Section(id="provenance", title="Provenance and files", items=items)


def _folder(path: Path) -> Path:
    return Path(path.parts[0]) if path.parts[0].startswith("sub-") else path.parent


def _alternative_files(study: Study, out: Path) -> Iterator[FileList]:
    """Yield the tables of every question under each alternative."""
    for name in study.alternatives:
        folder = Path("alternatives_runs", name, "questions")
        paths = tuple(path.relative_to(out).as_posix() for path in sorted((out / folder).rglob("*.tsv")))
        yield FileList(title=f"Tables under {name} ({counted(len(paths), 'file')})", paths=paths, folder=str(folder))


def _files(out: Path) -> Iterator[FileList]:
    """Yield the files of the results by folder, those of a subject together.

    What is written after the page, or hidden, is no result.
    """
    paths = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    results = [
        path
        for path in paths
        if path.parts[0] not in _NO_RESULTS
        and path.suffix not in (".json", ".npz")
        and not any(part.startswith(".") for part in path.parts)
    ]
    for folder, in_folder in groupby(results, key=_folder):
        names = tuple(path.as_posix() for path in in_folder if folder != Path() or path.suffix == ".tsv")
        title = "Tables of the whole study" if folder == Path() else folder.as_posix()
        if names:
            title += f" ({counted(len(names), 'file')})"
            yield FileList(title=title, paths=names, folder="" if folder == Path() else folder.as_posix())
