"""Cells of an operant table to numbers, moments and elapsed times.

A comma in a number is a decimal comma or a thousands separator. Which, is declared, or known from the file: where
commas separate the cells it is a thousands separator, where semicolons do it is a decimal comma; elsewhere "2,000" is
ambiguous and refused, as is "2.000" where semicolons separate the cells.
"""

import re
from datetime import datetime
from typing import Literal

Decimal = Literal["point", "comma"]
MISSING = ("", "n/a", "NA", "NaN")  # as spreadsheets, BIDS, R and pandas write what is not there
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_DOTTED = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]*)?")
_CLOCK = re.compile(r"([0-9]{1,4}):([0-9]{2}):([0-9]{2}(?:\.[0-9]+)?)")
_MOMENT = re.compile(
    r"(?:(?P<y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})|(?P<d2>[0-9]{1,2})\.(?P<m2>[0-9]{1,2})\.(?P<y2>[0-9]{4}))"
    r"[T ]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]+)?)?\s*(?P<half>[AP]M)?",
    re.IGNORECASE,
)


def number(text: str, *, separator: str, decimal: Decimal | None = None) -> float | None:
    """Return the number in a cell; None where there is none, or a comma or point of unknown meaning.

    Args:
        text: the cell.
        separator: what separates the cells of the file; "" in a workbook.
        decimal: what the declaration says of the decimal sign.
    """
    if "_" in text:
        return None
    if "," in text:
        kind = decimal or {",": "point", ";": "comma"}.get(separator)
        if kind is None and _THOUSANDS.fullmatch(text):
            kind = "point" if "." in text else None
        elif kind is None:
            kind = "comma"
        if kind is None or (kind == "point" and not _THOUSANDS.fullmatch(text)):
            return None
        if kind == "comma" and "." in text and not _DOTTED.fullmatch(text):
            return None
        text = text.replace(",", "") if kind == "point" else text.replace(".", "").replace(",", ".")
    elif decimal is None and separator == ";" and _DOTTED.fullmatch(text):
        return None
    elif decimal == "comma" and _DOTTED.fullmatch(text):
        text = text.replace(".", "")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def elapsed_s(text: str) -> float | None:
    """Return seconds of an elapsed time such as 0:10:30 (hours, minutes, seconds); None where it is none."""
    match = _CLOCK.fullmatch(text)
    return 3600 * int(match[1]) + 60 * int(match[2]) + float(match[3]) if match else None


def as_moment(text: str, form: str | None = None) -> datetime | None:
    """Return a date and time without its time zone; None where it cannot be read.

    Args:
        text: ISO 8601, also with hours of one digit or AM and PM, or a dotted date, day first.
        form: of Python's strptime, in place of these.
    """
    try:
        if form is not None:
            return datetime.strptime(text, form).replace(tzinfo=None)
        match = _MOMENT.fullmatch(text)
        if match is None:
            return datetime.fromisoformat(text).replace(tzinfo=None)
        year, month, day = (int(match[name] or match[f"{name}2"]) for name in "ymd")
        hour, half = int(match["hour"]), (match["half"] or "").upper()
        if half and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half == "PM" else 0)
        elif half:
            return None
        moment = datetime(year, month, day, hour, int(match["minute"]), int(match["second"] or 0))
        # fromisoformat keeps fractions of a second
        return datetime.fromisoformat(text).replace(tzinfo=None) if "." in text.partition(":")[2] else moment
    except (ValueError, TypeError):
        return None
