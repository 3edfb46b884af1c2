"""Dates and times as MED-PC writes them, in the header of a session or the name of its file."""

import re
from datetime import datetime
from typing import Literal

from cuecircuit.errors import DataError
from cuecircuit.io.medpc_program import DateOrder
from cuecircuit.io.medpc_text import RawSession

_DATE = re.compile(r"([0-9]{1,4})([/.-])([0-9]{1,2})\2([0-9]{1,4})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2}))?\s*([AP]M)?", re.IGNORECASE)
# the name that MED-PC gives a file by itself
_NAME = re.compile(r"!?([0-9]{4})-([0-9]{2})-([0-9]{2})_([0-9]{2})h([0-9]{2})m")
# two-digit years as POSIX reads them; MED-PC files from before 1969 do not exist
_CENTURY_TURN = 69


def header_moment(raw: RawSession, which: Literal["Start", "End"], *, dates: DateOrder) -> datetime | None:
    """Return the start or end that the header states; None where it cannot be read.

    Args:
        raw: the session.
        which: end of the session.
        dates: order of day, month and year; a date with dots is day first, and a year of four digits may come first.
    """
    date = _DATE.fullmatch(raw.header.get(f"{which} Date", "").strip())
    time = _TIME.fullmatch(raw.header.get(f"{which} Time", "").strip())
    if date is None or time is None:
        return None
    parts = (date[1], date[3], date[4])
    order = "ymd" if len(date[1]) > 2 else "dmy" if date[2] == "." and dates == "mdy" else dates
    by_unit = dict(zip(order, parts, strict=True))
    year = by_unit["y"]
    years = int(year) + (0 if len(year) > 2 else 1900 if int(year) >= _CENTURY_TURN else 2000)
    hour, half = int(time[1]), (time[4] or "").upper()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "PM" else 0)
    try:
        return datetime(years, int(by_unit["m"]), int(by_unit["d"]), hour, int(time[2]), int(time[3] or 0))
    except ValueError:
        return None


def start_of(raw: RawSession, *, dates: DateOrder, file_name: str) -> tuple[datetime, bool]:
    """Return the start of a session, and whether it had to be taken from the name of the file.

    Raises:
        DataError: the header states none that can be read, and its fields are not blank or the name tells none.
    """
    start = header_moment(raw, "Start", dates=dates)
    if start is not None:
        return start, False
    date, time = (raw.header.get(f"Start {each}", "").strip() for each in ("Date", "Time"))
    named = None if date or time else _NAME.match(file_name)
    if named is not None:
        year, month, day, hour, minute = map(int, named.groups())
        return datetime(year, month, day, hour, minute), True
    expected = {"mdy": "month/day/year", "dmy": "day/month/year", "ymd": "year/month/day"}[dates]
    raise DataError(
        f"line {raw.line}: subject {raw.header.get('Subject', '')!r}: start {date!r} {time!r}; expected {expected} "
        "(`dates` of the program's declaration: mdy, dmy or ymd; dotted dates are day first) and hours:minutes:seconds"
    )
