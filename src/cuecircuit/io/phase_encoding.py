"""Images of opposite phase encoding that belong to raw scans: `fmap/*_epi`, or scans of the other direction.

BIDS 1.10, "Fieldmap data": an image belongs to a scan by IntendedFor, or by B0FieldIdentifier against the scan's
B0FieldSource. PhaseEncodingDirection counts axes of the voxels (i, j, k; - against the index); directions are compared
in mm, so that images may be stored another way around. Displacement grows with TotalReadoutTime.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Float64
from cuecircuit.errors import DataError
from cuecircuit.io.bids import sidecar
from cuecircuit.io.nifti import read_grid
from cuecircuit.io.scan_inventory import ScanFiles

_AXES = {"i": 0, "j": 1, "k": 2}
# cosine between axes that are one: a head rest turns a scan by some degrees
_ALONG = 0.9
_OFF = "or set preprocess.susceptibility: none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversedPair:
    """Two images by which the scans of a session are corrected.

    `forward`: encoded as the first scan; None takes the scan itself. `axis`: of the first scan's voxels. Displacements
    in units of the first scan's: `factors` of forward and reverse, `scan_factors` of each scan by name.
    """

    forward: Path | None
    reverse: Path
    axis: int
    factors: tuple[float, float]
    scan_factors: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Encoding:
    path: Path
    axis: int
    direction: Float64[Array, "3"]
    readout_s: float | None

    def along(self, other: "_Encoding") -> int:
        """Return 1 where both have one direction, -1 where they are opposite, 0 on other axes."""
        cosine = float(self.direction @ other.direction)
        return int(np.sign(cosine)) if abs(cosine) > _ALONG else 0


def find_reversed_pair(scans: Sequence[ScanFiles], of_task: Sequence[ScanFiles], dataset: Path) -> ReversedPair | None:
    """Find the images that correct the scans of one session; None where no image belongs to them.

    Args:
        scans: of one subject and session, those that are preprocessed.
        of_task: all raw scans of the task, also of directions that the study does not take.
        dataset: where the data set begins.

    Raises:
        DataError: an image belongs to them and cannot correct them, with what contradicts.
    """
    images = _meant_for(scans, dataset)
    meant = bool(images)
    if not meant:
        of_session = (one.bold for one in of_task if (one.subject, one.session) == (scans[0].subject, scans[0].session))
        images = [bold for bold in of_session if bold != scans[0].bold and _encoded(bold, dataset)]
        if not images or not _encoded(scans[0].bold, dataset):
            return None
    first = _encoding(scans[0].bold, dataset)
    candidates = [_encoding(image, dataset) for image in images]
    reverse = [one for one in candidates if one.along(first) < 0]
    if not reverse and not meant:
        return None
    encodings = [first, *(_encoding(scan.bold, dataset) for scan in scans[1:])]
    _check(first, encodings, candidates if meant else reverse)
    same = next((one for one in candidates if meant and one.along(first) > 0), None)
    return ReversedPair(
        forward=same.path if same else None,
        reverse=reverse[0].path,
        axis=first.axis,
        factors=(_factor(same, first) if same else 1.0, _factor(reverse[0], first)),
        scan_factors={scan.name: _factor(one, first) for scan, one in zip(scans, encodings, strict=True)},
    )


def _check(first: _Encoding, own: Sequence[_Encoding], candidates: Sequence[_Encoding]) -> None:
    """Refuse what cannot be one field: other axes, no opposite direction, readout times of some images only."""
    faults = [
        f"{one.path}: phase encoded along another axis than {first.path.name}; correct PhaseEncodingDirection, "
        f"leave the image out of IntendedFor, {_OFF}"
        for one in (*own, *candidates)
        if one.along(first) == 0
    ]
    if not faults and all(one.along(first) > 0 for one in candidates):
        faults.append(
            f"{candidates[0].path}: its phase was encoded in the same direction as that of {first.path.name}, and "
            "no image of the opposite direction belongs to the scan; correct PhaseEncodingDirection or IntendedFor, "
            f"{_OFF}"
        )
    if len({one.readout_s is None for one in (*own, *candidates)}) > 1:
        lacking = next(one for one in (*own, *candidates) if one.readout_s is None)
        faults.append(
            f"{lacking.path}: no TotalReadoutTime in the sidecar, but others of its field have one; add it, {_OFF}"
        )
    DataError.raise_any(faults)


def _factor(one: _Encoding, first: _Encoding) -> float:
    ratio = 1.0 if one.readout_s is None or first.readout_s is None else one.readout_s / first.readout_s
    return one.along(first) * ratio


def _meant_for(scans: Sequence[ScanFiles], dataset: Path) -> list[Path]:
    """List the images of the session's `fmap` that name a scan, or are named by one; one of each direction suffices."""
    folder = scans[0].bold.parent.parent / "fmap"
    sources = {name for scan in scans for name in _listed(sidecar(scan.bold, dataset).get("B0FieldSource"))}
    images = sorted(path for path in folder.glob("*_epi.nii*") if path.name.endswith((".nii", ".nii.gz")))
    return [image for image in images if _is_meant(sidecar(image, dataset), scans, sources, dataset)]


def _is_meant(notes: Mapping[str, Any], scans: Sequence[ScanFiles], sources: set[str], dataset: Path) -> bool:
    if sources.intersection(_listed(notes.get("B0FieldIdentifier"))):
        return True
    subject = dataset / f"sub-{scans[0].subject}"
    places = [
        dataset / name.removeprefix("bids::") if name.startswith(("bids::", "sub-")) else subject / name
        for name in _listed(notes.get("IntendedFor"))
    ]
    return any(scan.bold in places for scan in scans)


def _listed(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value] if isinstance(value, list) else []


def _encoded(path: Path, dataset: Path) -> bool:
    return "PhaseEncodingDirection" in sidecar(path, dataset)


def _encoding(path: Path, dataset: Path) -> _Encoding:
    notes = sidecar(path, dataset)
    named, readout = notes.get("PhaseEncodingDirection"), notes.get("TotalReadoutTime")
    if not isinstance(named, str) or named.removesuffix("-") not in _AXES:
        stated = "no PhaseEncodingDirection" if named is None else f"PhaseEncodingDirection {named!r}"
        raise DataError(f"{path}: {stated} in the sidecar; write i, j or k, with - against the index (j-), {_OFF}")
    if readout is not None and not (isinstance(readout, int | float) and 0 < readout < 1):
        raise DataError(f"{path}: TotalReadoutTime {readout!r} in the sidecar; write seconds, such as 0.036, {_OFF}")
    axis = _AXES[named.removesuffix("-")]
    column = read_grid(path)[0].affine[:3, axis]
    sign = -1 if named.endswith("-") else 1
    return _Encoding(path=path, axis=axis, direction=sign * column / np.linalg.norm(column), readout_s=readout)
