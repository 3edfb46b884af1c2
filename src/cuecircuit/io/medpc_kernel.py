"""One pass over the bytes of a MED-PC text: where each line stands that is no row, and the values of the rows.

A number of at most 15 digits is an integer over a power of ten, both exact as doubles, so that one division rounds as
reading its text does (Clinger 1990, ACM SIGPLAN Notices 25:92). Rows that hold anything else are left to the text.
"""

import numpy as np

from cuecircuit.compiled import njit

_TAB, _FEED, _VERTICAL, _RETURN, _BLANK, _COMMA, _MINUS, _POINT, _ZERO, _NINE, _COLON = b"\t\n\v\r ,-.09:"
_INDEX_DIGITS = 9  # a longer number is no index
_DIGITS = 18  # 10**18 is an int64
_EXACT = 10**15  # below it an integer has at most 15 digits, and is a double (< 2**53)
_POWERS = 10.0 ** np.arange(_DIGITS + 1)  # exact as doubles, up to 10**22


@njit(cache=True, nogil=True)
def has_bare_returns(data):
    """Return whether a carriage return ends a line without a line feed (the last byte aside).

    Args:
        data: uint8, the text.
    """
    has_bare = False
    for at in range(data.size - 1):
        has_bare |= data[at] == _RETURN and data[at + 1] != _FEED and data[at + 1] != _RETURN
    return has_bare


@njit(cache=True, nogil=True)
def read_lines(data):
    """Return the marks, the runs of rows, and the values of the runs that are regular.

    In a regular run every row is `index: numbers`, its index is the number of values before it in the run, and every
    row but the last, which may be shorter, holds as many as the first.

    Args:
        data: uint8, the text; a line feed is its last byte.

    Returns:
        marks: int, mark × (line from 1, first byte, byte after the last), of lines that are neither empty nor rows.
        runs: int, run × (marks before it, line, first byte, byte after the last, columns, first value, value after
            the last), of rows that follow one another; 0 columns where a run is not regular.
        values: float.
    """
    n_lines = 0
    for sign in data:
        n_lines += sign == _FEED
    marks, runs = np.empty((n_lines, 3), np.int64), np.empty((n_lines, 7), np.int64)
    values = np.empty(data.size // 2, np.float64)
    n_marks = n_runs = filled = at = columns = first = 0
    is_open = is_regular = False
    for line in range(1, n_lines + 1):
        start = at
        index, at = _index(data, start)
        if index < 0:
            is_open = False
            at = _line_end(data, at)
            stop = at
            while stop > start and data[stop - 1] == _RETURN:
                stop -= 1
            if stop > start:
                marks[n_marks, 0], marks[n_marks, 1], marks[n_marks, 2] = line, start, stop
                n_marks += 1
        else:
            if not is_open:
                is_open, is_regular, columns, first = True, True, 0, filled
                runs[n_runs, 0], runs[n_runs, 1], runs[n_runs, 2] = n_marks, line, start
                n_runs += 1
            before = filled
            at, filled = _numbers(data, at, values, filled)
            n_read = filled - before
            columns = columns or n_read
            # every row before this one was full, or its index would be another
            is_regular &= 0 < n_read <= columns and index == before - first and index % columns == 0
            filled = filled if is_regular else first
            runs[n_runs - 1, 3], runs[n_runs - 1, 4] = at, columns if is_regular else 0
            runs[n_runs - 1, 5], runs[n_runs - 1, 6] = first, filled
        at += 1
    return marks[:n_marks], runs[:n_runs], values[:filled]


@njit(cache=True, nogil=True)
def _index(data, at):
    """The index of a row and the byte after its colon; -1 where the line is no row."""
    while _is_blank(data[at]):
        at += 1
    start, index = at, 0
    while _ZERO <= data[at] <= _NINE and at - start < _INDEX_DIGITS:
        index = 10 * index + (data[at] - _ZERO)
        at += 1
    if at == start or data[at] != _COLON:
        return -1, at
    return index, at + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _numbers(data, at, values, filled):
    """Read numbers to the end of the line; gives that end and how many are filled, -1 where a word is none."""
    while True:
        while _is_blank(data[at]):
            at += 1
        if data[at] == _FEED:
            return at, filled
        is_negative = data[at] == _MINUS
        at += is_negative
        mantissa = n_digits = 0
        n_whole = -1
        while True:
            sign = data[at]
            if _ZERO <= sign <= _NINE:
                mantissa = 10 * mantissa + (sign - _ZERO)
                n_digits += 1
            elif n_whole < 0 and sign in (_POINT, _COMMA):
                n_whole = n_digits
            else:
                break
            at += 1
        is_over = data[at] == _FEED or _is_blank(data[at])
        if not is_over or n_digits == 0 or n_digits > _DIGITS or mantissa >= _EXACT:
            return _line_end(data, at), -1
        value = mantissa / _POWERS[0 if n_whole < 0 else n_digits - n_whole]
        values[filled] = -value if is_negative else value
        filled += 1


@njit(cache=True, nogil=True)
def _line_end(data, at):
    while data[at] != _FEED:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _is_blank(sign):
    return sign in (_BLANK, _TAB, _RETURN, _VERTICAL)
