"""Compressed files that would unpack to more than any recording holds are refused before memory fills."""

import gzip
import zipfile
from pathlib import Path

from cuecircuit.errors import DataError

# assumed: a day of one channel at 1 kHz is 0.7 GB of text; workbooks hold at most a million rows
MOST_BYTES = 2**30
DEFLATE_RATIO = 1032  # zlib.net/zlib_tech.html: the most that deflate can shrink data
_CHUNK = 2**20
# of a workbook; other parts are parsed whole, which takes four times their size
_IN_PIECES, _MOST_BESIDE = ("xl/worksheets/", "xl/sharedStrings", "xl/media/"), 2**26


def check_gzip(path: Path) -> None:
    """Refuse a gzip file that unpacks to more than `MOST_BYTES`; it is unpacked piece by piece, none is kept.

    Raises:
        DataError: it unpacks to more.
        OSError, EOFError, zlib.error: it is damaged.
    """
    left = MOST_BYTES
    with gzip.open(path) as file:
        while piece := file.read(_CHUNK):
            left -= len(piece)
            if left < 0:
                raise _too_much(path, "more than ")


def check_zip(path: Path) -> None:
    """Refuse a workbook whose members state more than `MOST_BYTES`, or whose formats and properties fill memory.

    Raises:
        DataError: they state more.
        OSError, zipfile.BadZipFile: it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
    if (stated := sum(sizes.values())) > MOST_BYTES:
        raise _too_much(path, f"{stated / 2**30:.1f} GiB, more than ")
    if (beside := sum(size for name, size in sizes.items() if not name.startswith(_IN_PIECES))) > _MOST_BESIDE:
        raise DataError(f"{path}: {beside / 1e6:.0f} MB beside its sheets; save the table alone in a new workbook")


def _too_much(path: Path, found: str) -> DataError:
    size = path.stat().st_size
    return DataError(
        f"{path}: its {size} bytes unpack to {found}{MOST_BYTES / 2**30:.3g} GiB, which no recording does; damaged "
        "or not what its name says: copy it again from its source, or part it"
    )
