"""One packed number of a MED-PC array to its time and event code.

Codes in decimals are counted from the point, because MED-PC prints either as many decimals as DISKFORMAT states or, by
default, seven digits in all: 6.3, 77.1 and 1843.2 are then written 6.300000, 77.10000 and 1843.200.
"""

import re
from dataclasses import dataclass

from cuecircuit.errors import DataError
from cuecircuit.io.medpc_program import Coded

_PLAIN = re.compile(r"([0-9]+)(?:\.([0-9]*))?")
_DEFAULT_DIGITS = 7  # of a number in MED-PC's default print


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCode:
    """Time in ticks, code as written, and whether decimals were left over."""

    ticks: float
    code: str
    has_rest: bool = False


def split_code(word: str, line: int, letter: str, declared: Coded) -> SplitCode:
    """Split one number into time and code.

    Raises:
        DataError: it holds no code of as many digits as declared, or one that rounding has made ambiguous.
    """
    match = _PLAIN.fullmatch(word.replace(",", "."))
    whole, decimals = (match[1], match[2] or "") if match else ("", "")
    if declared.place == "decimals" and whole:
        if len(decimals) >= declared.digits:
            rest = decimals[declared.digits :].strip("0")
            return SplitCode(ticks=float(whole), code=decimals[: declared.digits], has_rest=bool(rest))
        if len(whole.lstrip("0") + decimals) == _DEFAULT_DIGITS and (code := _rounded(decimals, declared)):
            return SplitCode(ticks=float(whole), code=code)
    if declared.place == "last" and whole and not decimals.strip("0"):
        code = whole[-declared.digits :].zfill(declared.digits)
        return SplitCode(ticks=float(whole[: -declared.digits] or "0"), code=code)
    if declared.place == "leading" and whole:
        code = whole[: -declared.digits].lstrip("0") or "0"
        return SplitCode(ticks=float(f"{whole[-declared.digits :]}.{decimals}0"), code=code)
    raise DataError(
        f"line {line}: {word[:40]!r} in array {letter} holds no code of {declared.digits} digits ({declared.place}); "
        "trailing zeros carry the code: use the file as MED-PC wrote it, not one saved by a spreadsheet, and let the "
        "program print every decimal (DISKFORMAT)"
    )


def _rounded(decimals: str, declared: Coded) -> str | None:
    """Return the one declared code that is printed so in fewer decimals; None where several or none are."""
    scale = 10**declared.digits
    codes = {*declared.events, *declared.counts, *declared.unknown_codes}
    fitting = [code for code in codes if f"{int(code) / scale:.{len(decimals)}f}".partition(".")[2] == decimals]
    return fitting[0] if len(fitting) == 1 else None
