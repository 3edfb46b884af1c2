"""What is in the voxels of each map: how many are measured, and maps that are none, copies, or in another unit.

A map without a value, all zero or constant in the mask is no measurement: it is set aside by name, as if its row were
not there. A map whose values are a hundred times those of the others, or a hundredth, is in another unit, and refused.
Copies are named. Exact zeros in part of the mask are how FSL and AFNI write what was not measured: they are named too,
and count as missing where that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.records.cells import row_numbers

# judged by their values: so many voxels tell a copy from chance
_FEWEST_VOXELS = 20
# a map in another unit is off by a thousand; brains, and contrasts of few trials, differ by less than this
_OTHER_UNIT = 100.0
# of the mask: fewer zeros are chance, or rounding
_ZEROS = 0.01
_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFacts:
    """Counts of a map's voxels in the mask, the size of its values, and a digest of them."""

    name: str
    n_voxels: int
    n_missing: int
    n_zero: int
    n_not_positive: int
    size: float
    constant: bool
    digest: bytes

    @property
    def no_measurement(self) -> str:
        """Why the map is none, empty where it is one."""
        if self.n_missing == self.n_voxels:
            return "no finite value in the mask"
        if self.n_voxels >= _FEWEST_VOXELS and self.constant:
            return "0 everywhere in the mask" if self.size == 0 else f"{self.size:g} everywhere in the mask"
        return ""


def map_facts(name: str, values: Float[Array, "voxel"]) -> MapFacts:
    """Count what is in the voxels of one map."""
    finite = values[np.isfinite(values)].astype(np.float64)
    return MapFacts(
        name=name,
        n_voxels=values.size,
        n_missing=values.size - finite.size,
        n_zero=int((finite == 0).sum()),
        n_not_positive=int((finite <= 0).sum()),
        size=float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0,
        constant=bool(finite.size and np.ptp(finite) == 0),
        digest=blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest(),
    )


def repeat_faults(frame: pd.DataFrame, keys: Sequence[str], *, several_rows: bool) -> list[str]:
    """Name the rows that take a map again or, where a subject has several rows, have the keys of another row.

    Args:
        frame: a row for each map, its name in column `map`.
        keys: columns that tell the rows apart.
        several_rows: a subject may have more than one row.
    """
    numbered = row_numbers(frame.index)
    faults = [
        f"row {numbered[row]} (line {numbered[row] + 1}): names the map of row {numbered[first]} again "
        f"({frame['map'].iloc[row]}); expected every map once"
        for row, first in _repeated(frame[["map"]])
    ]
    if not faults and several_rows:
        faults = [
            f"row {numbered[row]} (line {numbered[row] + 1}): has the same {', '.join(map(str, keys))} as row "
            f"{numbered[first]}; expected a column that tells them apart"
            for row, first in _repeated(frame[list(keys)])
        ]
    more = len(faults) - _NAMED
    return faults if more <= 0 else [*faults[:_NAMED], f"{more} more rows repeat another"]


def _repeated(columns: pd.DataFrame) -> list[tuple[int, int]]:
    """Return rows that repeat an earlier one, and that one."""
    first: dict[tuple[object, ...], int] = {}
    rows = enumerate(columns.astype(str).itertuples(index=False, name=None))
    return [(row, first[values]) for row, values in rows if first.setdefault(values, row) != row]


def aside_notes(facts: Sequence[MapFacts]) -> dict[int, str]:
    """Describe which maps are no measurement and why, by their place."""
    return {
        place: f"{each.name}: left out, {each.no_measurement}"
        for place, each in enumerate(facts)
        if each.no_measurement
    }


def coverage_notes(facts: Sequence[MapFacts], n_lacking: int, variances: Sequence[MapFacts] = ()) -> list[str]:
    """Describe which maps are copies, which variances count as missing, where zeros may be, and who lacks voxels.

    Args:
        facts: of the maps that enter.
        n_lacking: voxels without a value of some map.
        variances: of the first-level variances that go with them.
    """
    notes = [
        f"warning: {' and '.join(names)} hold the same data; is one a copy of the other?" for names in copies(facts)
    ]
    wrong = [f"{each.name} ({each.n_not_positive})" for each in variances if each.n_not_positive]
    if wrong:
        notes.append(f"variances that are not above 0 count as missing: voxels of {_listed(wrong)}")
    return notes + [note for note in (zero_note(facts), missing_note(facts, n_lacking)) if note is not None]


def unit_faults(facts: Sequence[MapFacts]) -> list[str]:
    """Name the maps whose values are in another unit than those of the others."""
    measured = [each for each in facts if not each.no_measurement and each.size > 0]
    if len(measured) < 3 or facts[0].n_voxels < _FEWEST_VOXELS:
        return []
    middle = float(np.median([each.size for each in measured]))
    return [
        f"{each.name}: values of {each.size:.3g}, where the others have {middle:.3g} (root mean square in the mask); "
        "is it in another unit? Scale it, or leave its row out"
        for each in measured
        if not middle / _OTHER_UNIT < each.size < middle * _OTHER_UNIT
    ]


def copies(facts: Sequence[MapFacts]) -> list[tuple[str, ...]]:
    """Name the maps that hold the same values."""
    alike: dict[bytes, list[str]] = {}
    for each in facts:
        if each.n_voxels >= _FEWEST_VOXELS and not each.no_measurement:
            alike.setdefault(each.digest, []).append(each.name)
    return [tuple(names) for names in alike.values() if len(names) > 1]


def zero_note(facts: Sequence[MapFacts]) -> str | None:
    """Describe which maps are exactly 0 in so much of the mask that it may not have been measured."""
    suspects = [
        each
        for each in facts
        if each.n_voxels >= _FEWEST_VOXELS and each.n_zero > _ZEROS * each.n_voxels and not each.no_measurement
    ]
    if not suspects:
        return None
    most = max(each.n_zero for each in suspects)
    least = min(each.n_zero for each in suspects)
    count = f"{most}" if least == most else f"{least} to {most}"
    return (
        f"{_listed([each.name for each in suspects])}: exactly 0 in {count} of {facts[0].n_voxels} voxels of the mask "
        "(not covered?); --zero-is-missing (in Python zero_is_missing=True) leaves them out"
    )


def missing_note(facts: Sequence[MapFacts], n_lacking: int) -> str | None:
    """Describe how many voxels lack a map, and whose."""
    lacking = sorted((each for each in facts if each.n_missing), key=lambda each: -each.n_missing)
    if not lacking:
        return None
    named = _listed([f"{each.name} ({each.n_missing})" for each in lacking])
    return f"{n_lacking} of {facts[0].n_voxels} voxels lack a map: {named}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
