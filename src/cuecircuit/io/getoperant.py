"""GEToperant workbooks (xlsx) to MED-PC sessions of text, which the declaration of the program then decodes.

Column A holds labels: the header fields ("Subject", ..., "MSN"), then one row per element of the profile; every further
column is a session. An array is a run of rows called "label 1", "label 2", ... (or by the label alone where the
profile has no increment); short ones are padded with empty cells. `labels` of the declaration says which label is which
letter. Layout: GEToperant (S. Khoo), github.com/SKhoo/GEToperant, GEToperant.py, mode Main and Sheets.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.medpc_decode import decode_record
from cuecircuit.io.medpc_header import HEADER_FIELDS
from cuecircuit.io.medpc_program import Program, Scalar, find_program
from cuecircuit.io.medpc_text import RawLetter, RawSession
from cuecircuit.records.operant import SET_ASIDE, OperantFault, OperantLog, OperantSession

_NUMBERED = re.compile(r"(.*?) ([0-9]{1,9})", re.DOTALL)


def is_getoperant(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a sheet begins as GEToperant begins one: header fields in column A, one below the other."""
    first = [row[0].strip() for row in rows[:10] if row]
    return {"Subject", "MSN", "Start Date"} <= set(first)


def read_getoperant(
    path: Path, sheets: Mapping[str, Sequence[Sequence[str]]], *, programs: Sequence[Program]
) -> OperantLog:
    """Decode every session of the sheets that GEToperant wrote.

    Raises:
        DataError: no session can be read: no program, a program without `labels`, labels that are missing, rows of an
            array that are lost, and faults of `decode_record`; each with sheet and row. One such session among others
            is set aside as a fault.
    """
    sessions: list[OperantSession] = []
    faults: list[OperantFault] = []
    errors: list[str] = []
    for sheet, rows in sheets.items():
        if not is_getoperant(rows):
            faults.append(_fault(path, 1, "", f"sheet {sheet!r} is not GEToperant's", "left out"))
            continue
        where = f"{path}: sheet {sheet!r}"
        for column in range(1, max(len(row) for row in rows)):
            try:
                decoded = _decoded(rows, column, programs)
            except DataError as error:
                errors += [f"{where}, column {column + 1}: {fault}" for fault in error.faults]
                what = [f"sheet {sheet!r}, column {column + 1}: {fault}" for fault in error.faults]
                faults += [_fault(path, 1, "", each, SET_ASIDE) for each in what]
                continue
            if decoded is not None:
                sessions += [replace(session, file=str(path)) for session in decoded[0]]
                faults += [replace(fault, file=str(path)) for fault in decoded[1]]
    if errors and not sessions:
        raise DataError(errors)
    return OperantLog(sessions=tuple(sessions), faults=tuple(dict.fromkeys(faults)))


def _decoded(
    rows: Sequence[Sequence[str]], column: int, programs: Sequence[Program]
) -> tuple[tuple[OperantSession, ...], list[OperantFault]] | None:
    """Return the sessions of one column; None where the column is empty."""
    cells = [
        (line, row[0].strip(), row[column].strip() if column < len(row) else "") for line, row in enumerate(rows, 1)
    ]
    header = {label: text for _, label, text in cells if label in HEADER_FIELDS}
    if not any(header.values()):
        return None
    subject, msn = header.get("Subject", ""), header.get("MSN", "")
    program = find_program(msn, programs)
    data = [(line, label, text) for line, label, text in cells if label and label not in (*HEADER_FIELDS, "Filename")]
    if program is None or not program.labels:
        stems = dict.fromkeys(match[1] if (match := _NUMBERED.fullmatch(label)) else label for _, label, _ in data)
        raise DataError(
            f"subject {subject!r}: program (MSN) {msn!r} has no declaration with labels; labels found: "
            f"{', '.join(map(repr, stems))}; say in a YAML file which letter each is (labels: letter: label) and pass "
            "its folder with --programs"
        )
    letters, letter_faults = _letters(data, program, subject)
    raw = RawSession(header=header, letters=letters, comments=(), line=4)
    decoded = decode_record(raw, [_narrowed(program, letters)])
    return decoded.sessions, [*letter_faults, *decoded.faults]


def _letters(
    data: Sequence[tuple[int, str, str]], program: Program, subject: str
) -> tuple[dict[str, RawLetter], list[OperantFault]]:
    """Return the letters that the labels are, and a fault for labels nobody declared."""
    letters: dict[str, RawLetter] = {}
    missing: list[str] = []
    used: set[int] = set()
    for letter, label in program.labels.items():
        is_scalar = isinstance(program.letters[letter], Scalar)
        run = [row for row in data if row[1] == label] if is_scalar else _run(data, label)
        if not run:
            missing.append(f"{label!r} (letter {letter})")
            continue
        used |= {line for line, _, _ in run}
        letters[letter] = _scalar(run) if is_scalar else _array(run, label, subject)
    if missing:
        raise DataError(f"subject {subject!r}: no row for label {', '.join(missing)}; was another profile used?")
    others = {line: label for line, label, _ in data if line not in used}
    stems = {match[1] if (match := _NUMBERED.fullmatch(label)) else label: line for line, label in others.items()}
    unknown = sorted(stems.keys() - set(program.unknown_labels))
    if not unknown:
        return letters, []
    what = f"labels not declared for this program: {', '.join(map(repr, unknown))}"
    return letters, [OperantFault(file="", line=min(others), subject="", what=what, done="left undecoded")]


def _run(data: Sequence[tuple[int, str, str]], label: str) -> list[tuple[int, str, str]]:
    """Return the rows of an array: numbered, or all under the label alone."""
    numbered = [row for row in data if (match := _NUMBERED.fullmatch(row[1])) and match[1] == label]
    return numbered or [row for row in data if row[1] == label]


def _scalar(run: Sequence[tuple[int, str, str]]) -> RawLetter:
    line, _, text = run[0]
    return RawLetter(text=text, size=1, line=line, columns=1, is_array=False)


def _array(run: Sequence[tuple[int, str, str]], label: str, subject: str) -> RawLetter:
    """An array from its rows, without the empty cells that pad it."""
    numbers = [int(match[2]) for _, text, _ in run if (match := _NUMBERED.fullmatch(text)) and match[1] == label]
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    for before, after, (line, _, _) in zip(numbers, numbers[1:], run[1:], strict=False):
        if after - before != step:
            raise DataError(f"row {line}: subject {subject!r}: {label} {after} follows {label} {before}: a row is lost")
    texts = [text for _, _, text in run]
    while texts and not texts[-1]:
        texts.pop()
    hole = next((run[k][0] for k, text in enumerate(texts) if len(text.split()) != 1), None)
    if hole is not None:
        raise DataError(f"row {hole}: subject {subject!r}: a cell inside array {label!r} is empty or holds two words")
    return RawLetter(text=" ".join(texts), size=len(texts), line=run[0][0] - 1, columns=1, is_array=True)


def _narrowed(program: Program, letters: Mapping[str, RawLetter]) -> Program:
    """Return the program as far as the workbook shows it: the profile may leave letters out and cut arrays short."""
    kept = {
        letter: meaning.model_copy(update={"size": None}) if hasattr(meaning, "size") else meaning
        for letter, meaning in program.letters.items()
        if letter in letters
    }
    length = program.session_length if program.session_length in kept else None
    shown = {name: at for name, at in program.counts.items() if at in kept}
    values = {name: at for name, at in program.values.items() if at in kept}
    # a copy made from scratch, because what a program refers to is computed once
    fields = {"letters": kept, "session_length": length, "counts": shown, "values": values, "parts": ()}
    return Program.model_construct(**(dict(program) | fields))


def _fault(path: Path, line: int, subject: str, what: str, done: str) -> OperantFault:
    return OperantFault(file=str(path), line=line, subject=subject, what=what, done=done)
