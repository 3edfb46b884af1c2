"""A dry run: every table is made and every question answered, maps and means over regions drawn; nothing is written."""

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from pathlib import Path

from cuecircuit.errors import CuecircuitError, DataError, StudyError
from cuecircuit.nodes.graph import ordered_nodes, upstream
from cuecircuit.nodes.log_check import bin_notes, log_notes, phase_faults
from cuecircuit.nodes.region_check import check_regions
from cuecircuit.nodes.scan_check import check_scans
from cuecircuit.pipeline.progress import say
from cuecircuit.questions.answer import Answer, together
from cuecircuit.questions.map_questions import rehearse_map_answer
from cuecircuit.questions.model_questions import NETWORKS_OF
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.acquisition import Given
from cuecircuit.study.questions import AnyQuestion, Split, Style
from cuecircuit.tables.edges import drawn_edges
from cuecircuit.tables.given_maps import grid_faults
from cuecircuit.tables.making import asks_for_levels, make_node
from cuecircuit.tables.operant import OperantData, phase_rules
from cuecircuit.tables.regions import drawn_regions
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.shared_mask import shared_mask_sentence
from cuecircuit.tables.study_files import StudyFiles, alternative_files, read_study
from cuecircuit.tables.subjects import session_labels
from cuecircuit.tables.table import Table

# sections that decide what is made of scans
_OF_SCANS = ("subjects", "factors", "trials", "scans", "nuisance", "maps")


def check_study(
    path: Path,
    *,
    data: bool = False,
    alternatives: bool = False,
    dataset: Path | None = None,
    derivatives: Path | None = None,
) -> tuple[str, ...]:
    """Check a study file and everything it names.

    Args:
        path: the study file.
        data: also read every scan whole and check its values.
        alternatives: also check the other choices that the study lists.
        dataset: takes the place of `scans.dataset`.
        derivatives: takes the place of `scans.derivatives`.

    Returns:
        Notes: who is left out of which question, and each kind of fault in the logs.

    Raises:
        DataError: the study file cannot be read.
        StudyError: every fault of the study and its files at once.
    """
    files = read_study(path, dataset=dataset, derivatives=derivatives)
    notes = check_files(files, data=data)
    if alternatives:
        check_alternatives(files)
    return notes


def check_alternatives(files: StudyFiles) -> None:
    """Check every alternative of a study; scans are read again where it treats them otherwise.

    Raises:
        StudyError: every fault of all, each with the name of its alternative.
    """
    faults = []
    for name, choice_files in alternative_files(files).items():
        say(f"check: alternative {name}")
        scans = any(getattr(choice_files.study, section) != getattr(files.study, section) for section in _OF_SCANS)
        try:
            check_files(choice_files, scans=scans)
        except CuecircuitError as error:
            faults += (f"alternative {name}: {fault}" for fault in error.faults)
    StudyError.raise_any(faults)


def check_files(files: StudyFiles, *, data: bool = False, scans: bool = True) -> tuple[str, ...]:
    """Check everything that a study names.

    Args:
        files: the study.
        data: also read every scan whole.
        scans: look at the files of scans.

    Raises:
        StudyError: every fault at once.
    """
    made: dict[str, Table] = {}
    nodes = ordered_nodes(files.study)
    faults = _faults("study", lambda: _check_font(files.study.style))
    notes: list[str] = []
    failed: set[str] = set()
    if files.study.space is not None:
        faults += _faults("space", lambda: notes.extend(_check_space(files)))
    for name in nodes:
        before = set(upstream(nodes, name))
        of_drawn = any(one.startswith(("regions.", "edges.")) for one in before)
        if failed & before or (of_drawn and _is_split(files, name)):
            failed.add(name)
            continue
        node_faults = _faults(
            name, lambda name=name: notes.extend(_dry_run(Tables(files=files, made=made), made, name))
        )
        failed |= {name} if node_faults else set()
        faults += node_faults
    if scans and files.makes_maps and not {"subjects", "trials"} & failed:
        faults += _faults("scans", lambda: notes.extend(check_scans(files, made, data=data)))
    if faults:
        raise StudyError(_once(faults))
    return tuple(notes)


def _once(faults: Sequence[str]) -> list[str]:
    """Leave out what a table has said already, as a file that is missing of all that read it."""
    once: dict[str, str] = {}
    for fault in faults:
        node, _, text = fault.partition(": ")
        if text not in once:
            once[fault if node.startswith("questions.") else text] = fault
    return list(once.values())


def _check_font(style: Style) -> None:
    if style.font:
        from cuecircuit.pages.figures import look_of  # slow to import

        look_of(style)


def _check_space(files: StudyFiles) -> Iterator[str]:
    if files.study.space and files.study.space.is_shared:
        yield f"space.mask: {shared_mask_sentence(files.shared_mask.subjects)}"
    yield from check_regions(files)


def _is_split(files: StudyFiles, node: str) -> bool:
    """Return whether a node splits subjects by a number, which of drawn numbers says nothing."""
    kind, _, name = node.partition(".")
    return kind == "derived" and isinstance(files.study.derived[name], Split)


def _dry_run(tables: Tables, made: dict[str, Table], node: str) -> Iterator[str]:
    kind, _, name = node.partition(".")
    if kind in ("regions", "edges"):
        made[node] = (drawn_regions if kind == "regions" else drawn_edges)(tables, name)
        return
    if kind != "questions":
        result = make_node(tables, node, levels=asks_for_levels(tables.files.study))
        made |= {table.name: table for table in result.tables}
        if node == "subjects":
            yield from session_labels(list(made["subjects"].rows["subject"]))
        given = kind == "maps" and isinstance(tables.files.study.maps[name], Given)
        DataError.raise_any(list(grid_faults(tables.files, made[node])) if given else [])
        if result.sessions is not None:
            yield from _log_notes(tables, result.sessions, list(made["subjects"].rows["subject"]))
        return
    question = tables.files.study.questions[name]
    about_maps = split_reference(question.of)[0].startswith(("maps.", "contrasts."))
    lines = rehearse_map_answer(tables, question) if about_maps else _lines(answer(tables, _with_few_draws(question)))
    yield from (f"{node}: {line}" for line in together(lines))


def _with_few_draws(question: AnyQuestion) -> AnyQuestion:
    """Return a question whose networks are permuted no more often than it takes to see whether they can be."""
    asked = getattr(question, "networks", None)
    if asked is None:
        return question
    return question.model_copy(update={"networks": asked.model_copy(update={"draws": ceil(1 / asked.alpha)})})


def _lines(found: Answer) -> tuple[str, ...]:
    # drawn numbers tell nothing of the variances of groups
    notes = (note for note in found.facts.get("notes", ()) if not note.startswith(NETWORKS_OF))
    return (*found.left_out, *notes)


def _log_notes(tables: Tables, data: OperantData, subjects: Sequence[str]) -> Iterator[str]:
    operant = tables.files.study.operant
    assert operant is not None
    DataError.raise_any(phase_faults(phase_rules(operant), data.sessions, subjects))
    yield from (f"operant: {note}" for note in (*log_notes(data.faults), *bin_notes(operant)))


def _faults(name: str, act: Callable[[], object]) -> list[str]:
    try:
        act()
    except CuecircuitError as error:
        return [f"{name}: {fault}" for fault in error.faults]
    return []
