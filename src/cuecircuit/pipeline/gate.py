"""The gate before the first level: a scan whose values cannot be a scan is refused unless the study accepts it."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.imaging.nuisance import MOTION_NAMES
from cuecircuit.imaging.scan_values import ScanValues, check_values, rotation_faults
from cuecircuit.io.bids import ScanFiles, read_motion
from cuecircuit.io.confounds import read_confounds
from cuecircuit.io.nifti import read_series
from cuecircuit.io.scan_inventory import ScanSelection
from cuecircuit.io.tables import read_table

GATE_COLUMNS = {
    "covered": "share of the mask that varies over the scan",
    "digest": "BLAKE2b of the values in the mask; two scans that have the same are one scan",
}


def pass_gate(
    scan: ScanFiles,
    data: Float[Array, "x y z volume"],
    mask: Bool[Array, "x y z"],
    accept: Mapping[str, str],
    *,
    setting: str = "scans.accept",
) -> ScanValues:
    """Check the values of a scan and its rotations.

    Args:
        scan: the scan.
        data: its values.
        mask: voxels analyzed.
        accept: faults that the study takes as they are, `sub-01 run-2 FAULT` to reason.
        setting: where the study says so.

    Raises:
        DataError: every fault that the study does not accept.
    """
    values = check_values(data, mask)
    found = (*values.faults, *rotation_faults(_motion(scan)))
    faults = [fault for fault in found if f"{scan.name} {fault.kind}" not in accept]
    if faults:
        raise DataError(
            f"{scan.bold}: {fault.text}, or accept it with a reason ({setting}: {{{scan.name} {fault.kind}: reason}})"
            for fault in faults
        )
    return values


def scan_values(
    scan: ScanFiles,
    mask: Bool[Array, "x y z"],
    accept: Mapping[str, str],
    *,
    setting: str = "scans.accept",
) -> ScanValues:
    """Read a scan and check its values.

    Raises:
        DataError: it cannot be read, or as `pass_gate`.
    """
    return pass_gate(scan, read_series(scan.bold).data, mask, accept, setting=setting)


def double_faults(
    digests: Mapping[str, str], accept: Mapping[str, str], *, setting: str = "scans.accept"
) -> tuple[str, ...]:
    """List scans, by name, that hold the same values as another."""
    first: dict[str, str] = {}
    pairs = ((first.setdefault(digest, name), name) for name, digest in digests.items())
    return tuple(
        f"{name} holds the same values as {other}: one of them is a copy; find the scan that belongs there, exclude "
        f"the subject (subjects.exclude), or accept it with a reason ({setting}: {{{name} double: reason}})"
        for other, name in pairs
        if other != name and f"{name} double" not in accept
    )


def refuse_doubles(tables: Mapping[str, Path], accept: Mapping[str, str], *, setting: str = "scans.accept") -> None:
    """Compare the digests that the first level wrote.

    Args:
        tables: subject to its table of quality.
        accept: as of `pass_gate`.
        setting: where the study says so.

    Raises:
        DataError: scans that hold the same values.
    """
    digests: dict[str, str] = {}
    for subject, path in tables.items():
        table = read_table(path, text=("session", "run", "digest"))
        for row in table.to_dict("records"):
            parts = [f"{name[:3]}-{row[name]}" for name in ("session", "run") if pd.notna(row.get(name))]
            digests[" ".join([f"sub-{subject}", *parts])] = row["digest"]
    if faults := double_faults(digests, accept, setting=setting):
        raise DataError(faults)


def set_aside(
    selection: ScanSelection,
    mask: Bool[Array, "x y z"],
    accept: Mapping[str, str],
    *,
    exclude: Collection[str] = (),
    setting: str = "scans.accept",
) -> ScanSelection:
    """Leave out the scans that do not pass the gate; each is read once more for this.

    Args:
        selection: of the scans.
        mask: voxels analyzed.
        accept: as of `pass_gate`.
        exclude: subjects who do not count.
        setting: where the study says what it accepts.
    """
    faulty: list[tuple[ScanFiles, str]] = []
    for scan in (scan for scan in selection.scans if scan.subject not in exclude):
        try:
            scan_values(scan, mask, accept, setting=setting)
        except DataError as error:
            faulty.append((scan, "; ".join(error.faults).replace(f"{scan.bold}: ", "")))
    bad = [scan for scan, _ in faulty]
    return replace(
        selection,
        scans=tuple(scan for scan in selection.scans if scan not in bad),
        left_out=(*selection.left_out, *faulty),
        notes=(*selection.notes, *(f"{scan.name} set aside: {why}" for scan, why in faulty)),
    )


def _motion(scan: ScanFiles) -> Float[Array, "volume 6"]:
    """Return the motion beside a scan; no row where there is none."""
    if scan.confounds is None:
        return np.zeros((1, 6))
    if scan.confounds.suffix == ".csv":
        return read_motion(scan.confounds)
    table = read_confounds(scan.confounds)
    known = all(name in table for name in MOTION_NAMES)
    return np.nan_to_num(np.column_stack([table[name] for name in MOTION_NAMES])) if known else np.zeros((1, 6))
