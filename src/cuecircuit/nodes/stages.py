"""Nodes as stages of the store: what each reads, which settings it depends on, and what it writes."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

from cuecircuit.errors import CuecircuitError
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.tables import ColumnNote, write_table
from cuecircuit.nodes.graph import upstream
from cuecircuit.nodes.work import QUESTIONS, Work, computed_maps, maps_folder, tables_of
from cuecircuit.pages.figures import draw_figures, is_about_maps, look_of
from cuecircuit.pages.page import PAGE, page_content
from cuecircuit.pipeline.gate import refuse_doubles
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.provenance import software
from cuecircuit.pipeline.quality import QUALITY_TABLE
from cuecircuit.pipeline.sessions import session_notes, write_faults
from cuecircuit.pipeline.store import Stage
from cuecircuit.pipeline.subject_stages import run_subjects
from cuecircuit.questions.answer import together
from cuecircuit.questions.map_questions import MapWork, write_map_answer
from cuecircuit.questions.table_questions import answer
from cuecircuit.report.marks import counted
from cuecircuit.report.neighbors import pages_near
from cuecircuit.report.page import render
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.acquisition import Given
from cuecircuit.tables.edges import edges_table
from cuecircuit.tables.given_maps import map_files
from cuecircuit.tables.making import Made, make_node
from cuecircuit.tables.map_tables import Computed, gathered_maps, lacking_maps
from cuecircuit.tables.operant import OperantData, declaration_files, log_files
from cuecircuit.tables.regions import regions_table
from cuecircuit.tables.scan_sets import subject_table
from cuecircuit.tables.space import space_files
from cuecircuit.tables.subject_maps import first_level_space, scan_paths, subject_stages
from cuecircuit.tables.subjects import table_files
from cuecircuit.tables.table import FOLDER
from cuecircuit.tables.trials import trial_files


def bring_up_to_date(work: Work, name: str) -> None:
    """Make a node if it is missing or stale, say why, and load the tables it makes."""
    if computed := computed_maps(work, name):
        stages = subject_stages(work.files, *computed, work.scans, work.made)
        run_subjects(work.store, stages, n_jobs=work.n_jobs, what=name)
        result = computed[0]
        accept = work.files.study.scans.accept if work.files.study.scans else {}
        tables = {one: work.out / subject_table(work.files, result, one, "quality") for one in work.subjects}
        refuse_doubles(tables, accept)
    stage = stage_of(work, name)
    why = work.store.why_stale(stage)
    say(f"{name}: {why or 'up to date'}")
    if why:
        work.store.run(stage)
    work.load(name)


def stage_of(work: Work, name: str) -> Stage:
    """Return the stage of the store that makes a node."""
    kind, _, short_name = name.partition(".")
    return _KINDS[kind](work, name, short_name)


def _inputs(work: Work, name: str) -> tuple[Path, ...]:
    """Return the tables that a node goes back to, with every digit."""
    tables = [table for other in upstream(work.nodes, name) for table in tables_of(work, other)]
    return tuple(work.out / FOLDER / f"{table}.npz" for table in tables)


def _write_tables(work: Work, name: str, folder: Path) -> Made:
    made = make_node(work.tables, name)
    for table in made.tables:
        table.write(folder / FOLDER)
    return made


def _subjects(work: Work, name: str, own: str) -> Stage:
    study = work.files.study

    def make(folder: Path) -> None:
        _write_tables(work, name, folder)

    settings = {"subjects": study.subjects, "factors": dict(study.factors)}
    inputs = tuple(path for path in table_files(work.files) if path.is_file())
    return Stage(name=name, target="", settings=settings, inputs=inputs, make=make, shared=True)


def _operant(work: Work, name: str, own: str) -> Stage:
    study, operant = work.files.study, work.files.study.operant
    assert operant is not None

    def make(folder: Path) -> None:
        made = _write_tables(work, name, folder)
        assert made.sessions is not None
        _write_sessions(folder / "operant", made.sessions)

    inputs = (*_inputs(work, name), *log_files(work.files, operant), *declaration_files(work.files, operant))
    settings = {
        "operant": operant,
        "drugs": dict(study.drugs),
        "subjects": study.subjects,
        "factors": dict(study.factors),
    }
    return Stage(name=name, target="", settings=settings, inputs=inputs, make=make, shared=True)


def _trials(work: Work, name: str, own: str) -> Stage:
    study = work.files.study

    def make(folder: Path) -> None:
        _write_tables(work, name, folder)

    settings = {
        "trials": study.trials,
        "scans": study.scans,
        "factors": dict(study.factors),
        "subjects": study.subjects,
    }
    inputs = (*_inputs(work, name), *trial_files(work.files))
    return Stage(name=name, target="", settings=settings, inputs=inputs, make=make, shared=True)


def _write_sessions(folder: Path, data: OperantData) -> None:
    notes: dict[str, ColumnNote] = {
        "phase": "phase of the study; n/a where the session is of none",
        "treatment": "treatment of the session",
    }
    notes |= {"calendar_day": "calendar day of the subject, 1 on the day of its first session"}
    notes |= {"day": "number of the day in its phase and treatment"}
    write_table(folder / "sessions.tsv", data.sessions, {**session_notes(data.sessions), **notes})
    write_faults(folder / "faults.tsv", data.faults)
    if data.single is not None:
        data.single.write(folder)
    if data.faults:
        say(f"operant: {counted(len(data.faults), 'fault')} in the logs, listed in operant/faults.tsv")


def _derived(work: Work, name: str, own: str) -> Stage:
    def make(folder: Path) -> None:
        _write_tables(work, name, folder)

    study = work.files.study
    settings = {"derived": study.derived[own], "factors": dict(study.factors), "operant": study.operant}
    return Stage(name=name, target="", settings=settings, inputs=_inputs(work, name), make=make, shared=True)


def _maps(work: Work, name: str, own: str) -> Stage:
    maps = work.files.study.maps[own]
    if not isinstance(maps, Given):
        return _computed_maps(work, name, own, maps)

    def make(folder: Path) -> None:
        _write_tables(work, name, folder)

    settings = {"maps": maps, "factors": dict(work.files.study.factors)}
    inputs = (*_inputs(work, name), work.files.path(maps.table))
    return Stage(name=name, target="", settings=settings, inputs=inputs, make=make, shared=True)


def _computed_maps(work: Work, name: str, own: str, maps: Computed) -> Stage:
    def make(folder: Path) -> None:
        tables = gathered_maps(work.files, own, maps, work.out, work.scans, work.made)
        for table in tables:
            table.write(folder / FOLDER)
        tables_made = {"subjects": work.made["subjects"], **{table.name: table for table in tables}}
        for line in lacking_maps(work.files, own, maps, work.scans, tables_made):
            say(f"{name}: {line}")

    named = [work.out / subject_table(work.files, own, subject, "maps") for subject in work.subjects]
    settings = {"maps": maps, "factors": dict(work.files.study.factors)}
    return Stage(name=name, target="", settings=settings, inputs=(*_inputs(work, name), *named), make=make, shared=True)


def _map_inputs(work: Work, table: str) -> tuple[Path, ...]:
    return tuple(maps_folder(work, table) / name for name in map_files(work.made[table]))


def _regions(work: Work, name: str, own: str) -> Stage:
    study, regions = work.files.study, work.files.study.regions[own]
    table = split_reference(regions.of)[0]

    def make(folder: Path) -> None:
        made = regions_table(work.tables, own, maps_folder(work, table), work.out / QUESTIONS)
        made.write(folder / FOLDER)

    inputs = [*_inputs(work, name), *_map_inputs(work, table), *space_files(work.files, regions)]
    if regions.within:
        inputs.append(work.out / QUESTIONS / regions.within.question / map_name(regions.within.effect, "pfwe"))
    settings = {"regions": regions, "space": study.space, "correction": study.correction}
    return Stage(name=name, target="", settings=settings, inputs=tuple(inputs), make=make, shared=True)


def _edges(work: Work, name: str, own: str) -> Stage:
    study = work.files.study

    def make(folder: Path) -> None:
        edges_table(work.tables, own, work.scans, n_jobs=work.n_jobs).write(folder / FOLDER)

    settings = {
        "edges": study.edges[own],
        "nuisance": study.nuisance,
        "scans": study.scans,
        "space": study.space,
        "trials": study.trials,
        "factors": dict(study.factors),
    }
    inputs = (*_inputs(work, name), *scan_paths(work.scans), *first_level_space(work.files))
    return Stage(name=name, target="", settings=settings, inputs=inputs, make=make, shared=True)


def _map_question(work: Work, name: str, own: str) -> Stage:
    study = work.files.study
    question = study.questions[own]
    table = split_reference(question.of)[0]
    place = MapWork(
        maps_folder=maps_folder(work, table),
        up=os.path.relpath(maps_folder(work, table), work.out / QUESTIONS / own) + "/",
        n_jobs=work.n_jobs,
    )

    def make(folder: Path) -> None:
        try:
            left_out = write_map_answer(work.tables, question, folder, place)
        except CuecircuitError as error:
            raise type(error)([f"questions.{own}: {fault}" for fault in error.faults]) from error
        for line in together(left_out):
            say(f"{name}: {line}")

    kept = question.model_copy(update={"title": "", "why": ""})
    settings = {
        "question": kept,
        "factors": dict(study.factors),
        "correction": question.correction or study.correction,
        "seed": study.seed,
        "space": study.space,
    }
    inputs = (*_inputs(work, name), *_map_inputs(work, table), *space_files(work.files))
    return Stage(name=name, target=f"{QUESTIONS}/{own}", settings=settings, inputs=inputs, make=make)


def _question(work: Work, name: str, own: str) -> Stage:
    if is_about_maps(work.files.study.questions[own]):
        return _map_question(work, name, own)
    study = work.files.study
    question = study.questions[own]

    def make(folder: Path) -> None:
        try:
            answered = answer(work.tables, question)
        except CuecircuitError as error:
            raise type(error)([f"questions.{own}: {fault}" for fault in error.faults]) from error
        for line in together(answered.left_out):
            say(f"{name}: {line}")
        answered.write(folder)

    kept = question.model_copy(update={"title": "", "why": "", "shown": ()})
    settings = {"question": kept, "factors": dict(study.factors), "operant": study.operant, "seed": study.seed}
    return Stage(name=name, target=f"{QUESTIONS}/{own}", settings=settings, inputs=_inputs(work, name), make=make)


def _figures(work: Work, name: str, own: str) -> Stage:
    study = work.files.study
    inputs = sorted((work.out / QUESTIONS).rglob("*.tsv"))
    inputs += sorted((work.out / QUESTIONS).rglob("*_statmap.nii.gz"))
    inputs += sorted((work.out / "operant").glob("drawn_*.tsv"))

    def make(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        with look_of(study.style):
            draw_figures(work.tables, work.out / QUESTIONS, folder)

    settings = {
        "factors": dict(study.factors),
        "questions": dict(study.questions),
        "figures": dict(study.figures),
        "space": study.space,
        "correction": study.correction,
        "operant": study.operant,
        "drugs": dict(study.drugs),
        "style": study.style,
    }
    return Stage(name=name, target="figures", settings=settings, inputs=tuple(inputs), make=make)


def _copies(work: Work, name: str, own: str) -> Stage:
    """Make the stage that writes results once more under further names."""
    files: dict[str, Path] = {}
    for to, source in work.files.study.copies.items():
        place = work.out / source
        below = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        files |= {str(PurePath(to) / path.relative_to(place)) if place.is_dir() else to: path for path in below}
        if place.suffix == ".tsv" and place.with_suffix(".json").is_file():
            files[str(PurePath(to).with_suffix(".json"))] = place.with_suffix(".json")

    def make(folder: Path) -> None:
        for to, source in files.items():
            if not source.is_file():  # all is computed by now, and a copy decides nothing
                say(f"copies: {to}: not written, there is no {source.relative_to(work.out)} in the results")
                continue
            (folder / to).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / to)

    there = tuple(path for path in files.values() if path.is_file())
    settings = {"copies": dict(work.files.study.copies)}
    return Stage(name=name, target="", settings=settings, inputs=there, make=make, shared=True)


def _report(work: Work, name: str, own: str) -> Stage:
    study = work.files.study
    inputs = [path for path in sorted((work.out / QUESTIONS).rglob("*")) if path.is_file()]
    inputs += [path for path in sorted((work.out / "figures").glob("*")) if path.is_file()]
    inputs += [path for path in sorted((work.out / "alternatives").glob("*")) if path.is_file()]
    inputs += sorted(work.out.glob("sub-*/func/*_quality.tsv"))
    inputs += sorted((work.out / FOLDER).glob("*.npz")) + sorted((work.out / "operant").glob("*.tsv"))
    inputs += work.out.glob(QUALITY_TABLE)

    def make(new: Path) -> None:
        new.write_text(render(page_content(work.files, work.out, work.made, software())), encoding="utf-8")

    settings = {"study": study, "software": software(), "pages": pages_near(work.out / PAGE, study.about.title)}
    return Stage(name=name, target=PAGE, settings=settings, inputs=tuple(inputs), make=make, folder=False)


_KINDS: Mapping[str, Callable[[Work, str, str], Stage]] = {
    "subjects": _subjects,
    "visits": _subjects,
    "operant": _operant,
    "trials": _trials,
    "maps": _maps,
    "edges": _edges,
    "regions": _regions,
    "derived": _derived,
    "questions": _question,
    "figures": _figures,
    "copies": _copies,
    "report": _report,
}
SHOWN = ("figures", "copies", "report")
