"""One operant file of any kind to an operant log; the kind is told by content and name, never guessed.

HDF5 is NWB; a workbook is GEToperant's if its sheets begin so, else a plain table; a text is FED3's if its header
begins with FED3's time, BIDS if it is named so, a plain table if it is a CSV or TSV or its first line holds tabs and no
header field of MED-PC, else MED-PC.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from cuecircuit.errors import DataError
from cuecircuit.io.bounded import check_file
from cuecircuit.io.fed3 import TIME_COLUMN, read_fed3
from cuecircuit.io.getoperant import is_getoperant, read_getoperant
from cuecircuit.io.medpc import read_medpc
from cuecircuit.io.medpc_program import Program
from cuecircuit.io.operant_bids import is_bids_log, read_bids_log
from cuecircuit.io.operant_declaration import SourceDeclaration
from cuecircuit.io.operant_nwb import read_nwb_log
from cuecircuit.io.operant_rows import read_workbook
from cuecircuit.io.operant_table import read_table_log
from cuecircuit.io.text_encoding import decode_text
from cuecircuit.records.operant import OperantLog

_MEDPC = re.compile(r"^\s*(?:File|Start Date|End Date|Subject|Box|MSN):", re.IGNORECASE | re.MULTILINE)
Kind = Literal["medpc", "workbook", "nwb", "fed3", "bids", "table"]


def operant_kind(path: Path) -> Kind:
    """Return the kind of an operant file.

    Raises:
        DataError: it cannot be read, or is an old .xls workbook.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the path of an operant data file") from error
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{path}: an old .xls workbook; save it as .xlsx")
    if head.startswith(b"\x89HDF"):
        return "nwb"
    if head.startswith(b"PK\x03\x04"):
        return "workbook"
    text = decode_text(head)
    if "\0" in text:
        raise DataError(f"{path}: a zero byte: this is not text; check that this is the right file")
    if text.startswith(TIME_COLUMN):
        return "fed3"
    if is_bids_log(path):
        return "bids"
    is_tabbed = "\t" in text.lstrip("\r\n ").partition("\n")[0] and not _MEDPC.search(text)
    return "table" if path.suffix.lower() in (".csv", ".tsv") or is_tabbed else "medpc"


def read_operant(path: Path, *, programs: Sequence[Program], source: SourceDeclaration | None = None) -> OperantLog:
    """Read one operant file.

    Args:
        path: the file.
        programs: what MED-PC programs mean, the first that fits.
        source: names of events and columns of a plain table.

    Raises:
        DataError: the file or its declaration is at fault; with file and line.
    """
    declared = source or SourceDeclaration()
    match operant_kind(path):
        case "medpc":
            return read_medpc(path, programs=programs)
        case "nwb":
            return read_nwb_log(path, declared)
        case "fed3":
            return read_fed3(path, declared)
        case "bids":
            return read_bids_log(path, declared)
        case "table":
            return read_table_log(path, declared)
        case "workbook":
            if path.suffix.lower() != ".xlsx":
                raise DataError(f"{path}: a workbook or archive that is not called .xlsx; was it renamed?")
            sheets = read_workbook(path)
            if any(is_getoperant(rows) for rows in sheets.values()):
                return read_getoperant(path, sheets, programs=programs)
            return read_table_log(path, declared)
