"""Values of a MED-PC session as numbers: a letter, or one element of an array (`C(10)`)."""

import re
from math import isfinite

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.io.medpc_text import RawLetter, RawSession

_CORRECT = "correct the declaration, or copy the file again from the MED-PC computer"
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")


def numbers(letter: RawLetter, name: str) -> Float[Array, "value"]:
    """Return the values of a letter as numbers; a decimal comma is a point.

    Raises:
        DataError: a value is not a finite number (line, letter, value).
    """
    if letter.numbers is not None:
        return letter.numbers
    tokens = letter.text.replace(",", ".").split()
    try:
        values = np.array(tokens, dtype=np.float64)
    except ValueError:
        values = np.array([float(token) if _NUMBER.fullmatch(token) else np.nan for token in tokens])
    finite = np.isfinite(values)
    if not finite.all():
        at = int(np.argmin(finite))
        raise DataError(
            f"line {letter.line_of(at)}: value {at} of letter {name} is {letter.values()[at][:40]!r}; "
            "expected a number; copy the file again from the MED-PC computer"
        )
    return values


def element(session: RawSession, at: str) -> float:
    """Return one number: a scalar (`A`) or an element of an array (`C(10)`, from 0; `F(I-1)` and `C(A(3))` by another).

    Raises:
        DataError: no such letter or element, or a letter that is not one number.
    """
    name, _, index = at.partition("(")
    raw = session.letters.get(name)
    if raw is None:
        raise DataError(f"line {session.line}: {at} is declared, and letter {name} is not in the record; {_CORRECT}")
    # most are scalars, read several times in each record
    word = raw.text.strip().replace(",", ".") if raw.numbers is None and not index else ""
    if _NUMBER.fullmatch(word) and isfinite(value := float(word)):
        return value
    values = numbers(raw, name)
    if not index and values.size != 1:
        holds = f"an array of {values.size} values" if values.size else "without a value"
        raise DataError(f"line {raw.line}: letter {name} is {holds}; expected one number; {_CORRECT}")
    place = _place(session, index.removesuffix(")")) if index else 0
    if not 0 <= place < values.size:
        raise DataError(f"line {raw.line}: {at} is declared, and array {name} holds {values.size} values; {_CORRECT}")
    return float(values[place])


def _place(session: RawSession, index: str) -> int:
    """Return the number of an element: written, or the value of another, less one where it says so."""
    if index.isdigit():
        return int(index)
    return counted(session, index.removesuffix("-1")) - (1 if index.endswith("-1") else 0)


def counted(session: RawSession, at: str) -> int:
    """Return a number that counts.

    Raises:
        DataError: as `element`, or not a whole number of at least 0.
    """
    value = element(session, at)
    if value < 0 or not value.is_integer():
        raise DataError(f"line {session.letters[at[0]].line}: {at} is {value:g}; expected a count; {_CORRECT}")
    return int(value)
