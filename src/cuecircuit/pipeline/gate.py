"""The gate before the first level: a scan whose values cannot be a scan is refused unless the study accepts it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.imaging.nuisance import MOTION_NAMES
from cuecircuit.imaging.scan_values import FaultKind, ScanValues, check_values, motion_faults
from cuecircuit.io.bids import ScanFiles, read_motion
from cuecircuit.io.confounds import read_confounds
from cuecircuit.io.nifti import read_masked_series
from cuecircuit.io.scan_inventory import ScanSelection, scan_name
from cuecircuit.io.tables import read_table
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import MaskedSeries

FULL_MASK = "mask full"
KINDS = (*get_args(FaultKind), "double", "missing", "excluded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What scans must pass.

    `mask`: voxels analyzed, on `grid`; `accept`: faults that the study takes as they are, `sub-01 run-2 FAULT` to
    reason; `percent`: maps are percent of the mean signal; `head_radius_mm`: translations beyond it are in another
    unit.
    """

    mask: Bool[Array, "x y z"]
    grid: Grid
    accept: Mapping[str, str] = field(default_factory=dict)
    percent: bool = False
    head_radius_mm: float = 50.0

    def check(self, scan: ScanFiles, series: MaskedSeries) -> ScanValues:
        """Check the values of a scan and its motion; the faults that are returned are accepted ones.

        Raises:
            DataError: every fault that the study does not accept.
        """
        values = check_values(series.within(self.mask), self.mask, percent=self.percent)
        seen = (*values.faults, *motion_faults(_motion(scan), head_radius_mm=self.head_radius_mm))
        faults = [fault for fault in seen if f"{scan.name} {fault.kind}" not in self.accept]
        if faults:
            raise DataError(
                f"{scan.bold}: {fault.text}, or accept it with a reason (scans.accept: {{{scan.name} {fault.kind}: "
                "reason})"
                for fault in faults
            )
        return replace(values, faults=seen)

    def read(self, scan: ScanFiles) -> ScanValues:
        """Read a scan and check its values.

        Raises:
            DataError: it cannot be read, or as `check`.
        """
        return self.check(scan, read_masked_series(scan.bold, self.mask, self.grid))


def double_faults(volumes: Mapping[str, Collection[str]], accept: Mapping[str, str]) -> tuple[str, ...]:
    """List scans, by name, that share volumes with another: the same values in the mask."""
    return tuple(
        f"{name} holds the same values as {other}, in some volumes at least: one of them is a copy; find the scan that "
        "belongs there, exclude the subject (subjects.exclude), or accept it with a reason (scans.accept: "
        f"{{{name} double: reason}})"
        for other, name in double_pairs(volumes)
        if f"{name} double" not in accept
    )


def double_pairs(volumes: Mapping[str, Collection[str]]) -> tuple[tuple[str, str], ...]:
    """List scans, by name, that share volumes: the first and the later one."""
    first: dict[str, str] = {}
    pairs = {(first.setdefault(one, name), name): None for name, hashes in volumes.items() for one in hashes}
    return tuple((other, name) for other, name in pairs if other != name)


def refuse_doubles(tables: Mapping[str, Path], accept: Mapping[str, str]) -> None:
    """Compare the hashes that the first level wrote.

    Args:
        tables: subject to its table of quality.
        accept: as of `Gate`.

    Raises:
        DataError: scans that share volumes.
    """
    volumes: dict[str, list[str]] = {}
    for subject, path in tables.items():
        table = read_table(path, text=("session", "run", "volumes_hashed"))
        for row in table.to_dict("records"):
            session, run = (row[name] if pd.notna(row.get(name)) else None for name in ("session", "run"))
            volumes[scan_name(subject, session, run)] = str(row["volumes_hashed"]).split()
    DataError.raise_any(double_faults(volumes, accept))


def set_aside(
    selection: ScanSelection, check: Callable[[ScanFiles], object], *, exclude: Collection[str] = ()
) -> ScanSelection:
    """Leave out the scans that do not pass a check; each is read once more for this.

    Args:
        selection: the scans.
        check: raises what is wrong with a scan.
        exclude: subjects who do not count.
    """
    faulty: dict[str, str] = {}
    for scan in (scan for scan in selection.scans if scan.subject not in exclude):
        try:
            check(scan)
        except DataError as error:
            faulty[scan.name] = "; ".join(error.faults).replace(f"{scan.bold}: ", "")
    return selection.without(faulty)


def accept_faults(accept: Collection[str], names: Collection[str], met: Collection[str] | None = None) -> Iterator[str]:
    """Yield names in `scans.accept` that are no fault of a scan.

    Args:
        accept: names of faults, `sub-01 run-2 FAULT`.
        names: of the scans.
        met: the faults that were met, by name; None where no values were read.
    """
    for key in accept:
        scan, _, kind = key.rpartition(" ")
        if key != FULL_MASK and kind not in KINDS:
            yield f"scans.accept: '{key}' ends in no kind of fault; expected one of {', '.join(KINDS)}"
        elif key != FULL_MASK and scan not in names:
            like = get_close_matches(scan, names, n=1, cutoff=0) or ["none"]
            yield f"scans.accept: '{key}': no scan is called '{scan}'; the most alike is {like[0]}"
        elif met is not None and key not in met:
            yield f"scans.accept: nothing is found that is called '{key}'; take it out"


def _motion(scan: ScanFiles) -> Float[Array, "volume 6"]:
    """Return the motion beside a scan; no row where there is none."""
    if scan.confounds is None:
        return np.zeros((1, 6))
    if scan.confounds.suffix == ".csv":
        return read_motion(scan.confounds)
    table = read_confounds(scan.confounds)
    has_motion = all(name in table for name in MOTION_NAMES)
    return np.nan_to_num(np.column_stack([table[name] for name in MOTION_NAMES])) if has_motion else np.zeros((1, 6))
