"""Start a study: look at folders, draft, write beside the study file what it needs, and see whether it passes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.lock import writing
from cuecircuit.nodes.check import check_files
from cuecircuit.nodes.designs import design_text
from cuecircuit.nodes.run import run_files
from cuecircuit.starting.draft import Draft, draft_study
from cuecircuit.starting.draft_parts import Answers
from cuecircuit.starting.inventory import Inventory, look_at
from cuecircuit.starting.operant_files import is_log, read_logs
from cuecircuit.starting.place import Place
from cuecircuit.starting.subject_columns import read_subject_table
from cuecircuit.starting.words import slug
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.study_files import StudyFiles

PROGRAMS = "programs"
_QUESTION = re.compile(r"(?:\S+:\d+: )?questions\.([A-Za-z]\w*)\b[^:]*: (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Started:
    """A study file that was drafted: its text, what is left to decide, and what `check` finds of it."""

    draft: Draft
    text: str
    faults: tuple[str, ...]

    @property
    def taken(self) -> tuple[str, ...]:
        """What was taken without being asked, a line each."""
        return tuple(f"{choice.path}: {choice.likeliest}: {choice.why}" for choice in self.draft.open_choices)

    @property
    def left_open(self) -> tuple[str, ...]:
        """What is left for a person to decide, a line each."""
        return tuple(f"{note.path}: {note.text}" for note in self.draft.part.notes if note.is_open)


def write_design(name: str, out: Path) -> None:
    """Write a shipped design as a study file.

    Raises:
        StudyError: there is no such design.
        DataError: `out` exists or cannot be written.
    """
    _write_new(out, design_text(name))


def find_study(folders: Sequence[Path], out: Path, *, programs: Path | None = None) -> Inventory:
    """Look at folders, and write what is missing beside the study file: declarations of programs, participants.

    Args:
        folders: of the study.
        out: the study file to be.
        programs: folder of further declarations of MED-PC programs.

    Raises:
        DataError: `out` exists, nothing was found, or no program of the logs is declared.
    """
    refuse_existing(out)
    inventory = look_at(folders, programs=programs)
    if inventory.logs is not None and inventory.logs.undeclared:
        folder = out.parent / PROGRAMS
        written = write_declarations(inventory.logs.undeclared, folder)
        if inventory.logs.sessions.empty:
            raise DataError(_undeclared(written, f"cuecircuit init ... --programs {folder}"))
    return inventory


def start_study(inventory: Inventory, out: Path, *, answers: Answers, assume: bool) -> Started:
    """Draft a study file and check it; a question that the data cannot carry is left out, with the reason.

    Args:
        inventory: what was found.
        out: the study file to be; it is not written.
        answers: given so far.
        assume: list what was not answered under `assumed`.

    Raises:
        DataError: as `draft_study`.
        StudyError: the draft contradicts itself, as where two groups have one name.
    """
    place = Place(folder=Path(out.absolute().parent))
    while True:
        draft = draft_study(inventory, place, answers)
        _write_participants(draft)
        text = draft.text(assume=assume)
        faults = _faults(text, place.folder / out.name)
        dropped = {match[1]: match[2] for fault in faults if (match := _QUESTION.match(fault))}
        new = {name: why for name, why in dropped.items() if name not in answers.dropped}
        if not new:
            return Started(draft=draft, text=text, faults=faults)
        answers = Answers(given=answers.given, dropped={**answers.dropped, **new})


def write_study(started: Started, out: Path) -> None:
    """Write the study file.

    Raises:
        DataError: it exists, or cannot be written.
    """
    _write_new(out, started.text)


def run_logs(
    logs: Sequence[Path], participants: Path, out: Path, *, programs: Path | None = None, n_jobs: int = 1
) -> Path:
    """Take operant logs alone to figures, tests and a page; every choice is the likeliest and is listed as assumed.

    Args:
        logs: files, or folders of them.
        participants: table by participant_id.
        out: folder of the results, study.yaml among them.
        programs: folder of further declarations of MED-PC programs.
        n_jobs: processes at work.

    Returns:
        The page.

    Raises:
        DataError: nothing can be read, a program that nobody declared (a first declaration is written beside `out`), or
            `out` holds files that no run made.
        StudyError, DesignError: the data do not make a study.
    """
    files = [path for named in logs for path in _log_files(named)]
    table = read_subject_table(participants)
    read = read_logs([Path(path).absolute() for path in files], programs)
    if read.undeclared and (read.sessions.empty or read.undeclared_subjects & set(table.subjects)):
        folder = out.absolute().parent / PROGRAMS
        raise DataError(_undeclared(write_declarations(read.undeclared, folder), f"--programs {folder}"))
    inventory = Inventory(participants=(table,), logs=read)
    place = out.absolute() / "study.yaml"
    started = start_study(inventory, place, answers=Answers(), assume=True)
    if started.faults:
        raise StudyError(started.faults)
    content = started.text.encode()
    return run_files(StudyFiles(parse_study(started.text), place), content, out.absolute(), n_jobs=n_jobs)


def write_declarations(undeclared: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    """Write a first declaration of each program that nobody declared, unless one is there already; return their files.

    Raises:
        DataError: the folder cannot be written.
    """
    files = {folder / f"{slug(msn, 'program')}.yaml": text for msn, text in undeclared.items()}
    for path, text in files.items():
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as new:
                new.write_text(text, encoding="utf-8")
    return tuple(files)


def refuse_existing(out: Path) -> None:
    """Refuse to write over a file.

    Raises:
        DataError: there is one.
    """
    if out.exists():
        raise DataError(f"{out}: is there already; name another study file with --out, or remove this one")


def _undeclared(files: Sequence[Path], then: str) -> list[str]:
    return [
        f"{path}: a program (MSN) that nobody declared; say in this first declaration what its letters mean "
        f"(docs: operant logs), then run again with {then}"
        for path in files
    ]


def _log_files(named: Path) -> list[Path]:
    if not named.is_dir():
        return [named]
    if logs := sorted(path for path in named.rglob("*") if path.is_file() and is_log(path)):
        return logs
    raise DataError(f"{named}: no operant log in this folder")


def _write_participants(draft: Draft) -> None:
    """Write the table of participants where there was none."""
    table = draft.people.table
    if draft.people.is_drafted and not table.path.exists():
        rows = table.rows.rename(columns={"subject": "participant_id"})
        with replacing(table.path) as new:
            rows.assign(participant_id="sub-" + rows["participant_id"]).to_csv(new, sep="\t", index=False)


def _faults(text: str, file: Path) -> tuple[str, ...]:
    """Return what is wrong with a draft, in itself and with its files."""
    try:
        check_files(StudyFiles(parse_study(text, file.name), file))
    except (StudyError, DataError) as error:
        return error.faults
    return ()


@writing
def _write_new(out: Path, text: str) -> None:
    refuse_existing(out)
    with replacing(out) as new:
        new.write_text(text, encoding="utf-8")
