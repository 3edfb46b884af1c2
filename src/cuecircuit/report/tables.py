"""A DataFrame to printed cells: each column by what its name says it holds.

p and q as p-values, r and ε without their zero, statistics with two decimals, counts whole, mm as finely as they are.
The limits of an interval are printed behind what they are of: 0.43 [0.12, 0.74].
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.figures.numbers import MISSING, effect_text, fraction, number, p_value

_SYMBOLS = {
    "p_simulation_size": "p (simulation, size)", "p_permutation_size": "p (permutation, size)",
    "p_permutation_mass": "p (permutation, mass)", "p_permutation_tfce": "p (permutation, TFCE)",
    "p_permutation_voxel": "p (permutation, voxel)", "q_fdr": "q (FDR)",
    "term": "Effect", "df1": "df₁", "df2": "df₂", "eps_gg": "ε (GG)", "p_gg": "p (GG)", "eps_hf": "ε (HF)",
    "p_hf": "p (HF)", "pes": "η²ₚ", "ges": "η²G", "p_fwe": "p (FWE)", "p_adj": "p (adjusted)",
    "cluster_size_se": "Cluster size SE", "p_adjusted": "p (adjusted)", "p_permutation": "p (permutation)",
    "d_av": "d (av)", "bf10": "BF10", "log_bf10": "log BF10", "icc": "ICC",
    "F": "F", "t": "t", "z": "z", "p": "p", "q": "q", "r": "r", "n": "n", "tsnr": "tSNR", "dvars": "DVARS (%)",
    "framewise_displacement": "Displacement (mm)", "sem": "SEM", "se": "SE", "sd": "SD",
    "day_sd": "SD of days", "ks_distance": "KS distance", "ks_p": "p (KS)",
    "sha256": "SHA-256", "mm3": "mm³", "peak_f": "Peak F", "peak_t": "Peak t", "largest_f": "Largest F",
}  # fmt: skip
_UNITS = {"mm": "mm", "mm3": "mm³", "s": "s", "hz": "Hz", "min": "min", "h": "h", "percent": "%", "bytes": "bytes"}
_PROBABILITIES = ("p", "q", "ks_p", "P value", "P value (GG)")
_FRACTIONS = ("r", "pes", "ges", "eps_gg", "eps_hf", "dice")
_STATISTICS = ("F", "t", "z", "peak", "peak_f", "peak_t", "largest_f", "statistic", "mean_statistic")
_STATISTICS += ("d", "d_av", "g", "peak_g", "held_out_g")
_BESIDE = ("se", "sem", "sd", "n", "df", "t", "F", "z", "p")  # what may be between an estimate and its limits
_OF_90 = ("pes", "ges")  # all other intervals are of 95 %
_EFFECTS = ("term", "effect", "stratum", "contrast", "comparison")
_FRACTION_STARTS = ("r_", "ci_", "pes_", "ges_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One printed cell; `kind` is text, number, source or missing."""

    text: str
    kind: str


def heading(column: str) -> str:
    """Print a column name: its symbol, or its words with the unit in brackets."""
    if column in _SYMBOLS:
        return _SYMBOLS[column]
    words = column.split("_")
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    said = " ".join(words[:-1] if unit else words)
    said = said if said[:1].isupper() or len(words[0]) == 1 or words[0] in ("df", "ci") else said[:1].upper() + said[1:]
    return f"{said} ({unit})" if unit else said


def limits(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the columns with the limits of an interval by the column that they are of.

    Args:
        columns: of a table in order; limits are `A_low` and `A_high` of `A`, or `low` and `high` or `ci_low` and
            `ci_high` of what is before them, an SE and the like between passed over.
    """
    pairs: dict[str, tuple[str, str]] = {}
    for place, (low, high) in enumerate(pairwise(columns)):
        if not low.endswith("low") or high != f"{low.removesuffix('low')}high":
            continue
        before = next((name for name in reversed(columns[:place]) if name not in _BESIDE), "")
        of = before if low in ("low", "ci_low") else low.removesuffix("_low")
        if of in columns and not any(of in pair for pair in pairs.values()):
            pairs[of] = (low, high)
    return pairs


def printed_column(column: str, values: Sequence[Any]) -> tuple[Cell, ...]:
    """Print the values of one column, all with the same number of decimals."""
    numbers = [float(value) for value in values if _is_number(value)]
    digits = _digits(column, numbers)
    return tuple(_printed_value(column, value, digits) for value in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and math.isfinite(value)


def _digits(column: str, numbers: Sequence[float]) -> int:
    if column in _STATISTICS or not numbers:
        return 2
    if all(x.is_integer() for x in numbers):
        return 0
    if column.endswith("_mm") or column.startswith("df"):
        return next((digits for digits in (1, 2) if all(abs(x - round(x, digits)) < 1e-6 for x in numbers)), 2)
    # three digits of the largest that tell something
    return min(3, max(0, 2 - math.floor(math.log10(max(map(abs, numbers))))))


def _printed_value(column: str, value: Any, digits: int) -> Cell:
    if _is_number(value):
        return Cell(text=_printed_number(column, float(value), digits), kind="number")
    if value is None or value is pd.NA or isinstance(value, float):
        return Cell(text=number(value) if isinstance(value, float) else MISSING, kind="missing")
    if isinstance(value, bool | np.bool_):
        return Cell(text="yes" if value else "no", kind="text")
    text = effect_text(str(value)) if column in _EFFECTS else str(value)
    return Cell(text=text, kind="source" if column == "source" else "text")


def _printed_number(column: str, x: float, digits: int) -> str:
    if column in _PROBABILITIES or column.startswith(("p_", "q_")):
        return p_value(x)
    if column in _FRACTIONS or column.startswith(_FRACTION_STARTS):
        return fraction(x)
    return number(x, digits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """Headings and rows, ready for the page; `numeric` tells for each column whether it is set flush right."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: tuple[bool, ...]

    @property
    def classes(self) -> str:
        """Names of the columns set flush right, as the style sheet has them: n2 n3."""
        return " ".join(f"n{number}" for number, right in enumerate(self.numeric, 1) if right)


def printed(frame: pd.DataFrame, headings: Mapping[str, str]) -> Printed:
    """Print a table; `headings` overrides the headings of some columns."""
    names = [str(column) for column in frame.columns]
    pairs = limits(names)
    shown = [name for name in names if not any(name in pair for pair in pairs.values())]
    columns = [
        _with_limits(name, frame[[name, *pairs[name]]])
        if name in pairs
        else printed_column(name, frame.iloc[:, names.index(name)].tolist())
        for name in shown
    ]
    numeric = [{cell.kind for cell in column} - {"missing"} == {"number"} for column in columns]
    interval = {name: f" [{90 if name in _OF_90 else 95} % CI]" for name in pairs}
    return Printed(
        headings=tuple((headings.get(name) or heading(name)) + interval.get(name, "") for name in shown),
        rows=tuple(zip(*columns, strict=True)),
        # the first column names the row: it stays flush left
        numeric=(False, *numeric[1:]),
    )


def _with_limits(column: str, frame: pd.DataFrame) -> tuple[Cell, ...]:
    """Print numbers with their limits, all with the decimals that the numbers ask for."""
    digits = _digits(column, [float(value) for value in frame[column] if _is_number(value)])
    cells = []
    for value, low, high in frame.itertuples(index=False, name=None):
        cell = _printed_value(column, value, digits)
        if cell.kind == "number" and _is_number(low) and _is_number(high):
            low, high = (_printed_number(column, float(limit), digits) for limit in (low, high))
            cell = Cell(text=f"{cell.text} [{low}, {high}]", kind="number")
        cells.append(cell)
    return tuple(cells)


def tsv(frame: pd.DataFrame) -> str:
    """Return the table as tab-separated text with ten digits, `n/a` where there is no value."""
    return frame.to_csv(sep="\t", index=False, na_rep="n/a", float_format="%.10g", lineterminator="\n")
