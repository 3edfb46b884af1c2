"""The gate before the first level: whether the values of a scan can be a scan.

Each fault has a kind, which `scans.accept` of the study file can name with a reason:

- zero: every voxel of the mask is 0 in every volume;
- constant: no voxel of the mask varies by more than rounding leaves (1e-4 of the signal);
- repeated: volumes that equal an earlier one in every voxel of the mask;
- spike: a volume further from the usual one (median of 15 volumes spread over the scan) than half of its signal plus
  ten times the usual distance, or a voxel ten times brighter than any usual one; in the first four volumes, before
  the steady state, one and a half times the signal;
- brightness: the mean of the mask changes by more than a fifth after the first four volumes, as where the gain of the
  receiver was changed or scans were joined;
- slice: slices (along the third axis) whose voxels in the mask all hold one value in some volumes, as lost ones do;
- coverage: a quarter of the mask or more never varies;
- clipped: a hundredth or more of all values are the largest one, as where a receiver or a number format is saturated;
- mean: a quarter of the voxels or more have no positive mean, of which a percent change could be taken;
- degrees: rotations over more than 0.2, which are no radians of a head that was scanned;
- far: translations over more than the radius of the head, which are no mm of a head that was scanned.

`volumes` of the result tell scans of which one has volumes of the other: hashes of eight steps from one volume to the
next (which of every k-th voxel of the mask, 2,000 or more where it has them, become brighter), those that come first
in order (the sketch of Broder 1997), so that a copy in another unit is found as well. Two scans of which nine tenths of
the steps are the same share one in all but 1e-8 of cases, two that have half of theirs in common in 96 %.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal
from zlib import crc32

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64, Int
from cuecircuit.imaging.scan_values_kernel import measure_voxels

_USUAL_VOLUMES = 15
_UNSTEADY = 4
LEAST_COVERED = 0.75
_LEAST_IN_SLICE = 20  # a few whole numbers are alike by chance
_MOST_CLIPPED = 0.01
_LEAST_CHANGE = 1e-4  # of the signal; noise of scans is above 1e-3
_MOST_BRIGHTNESS = 0.2
_MOST_WITHOUT_MEAN = 0.25
_MOST_TURNED = 0.2  # rad: 11 degrees
_SKETCHED = 8
_HASHED = 2_000  # voxels of a volume: more cost more than all else and tell no more scans apart


FaultKind = Literal[
    "zero", "constant", "repeated", "spike", "brightness", "slice", "coverage", "clipped", "mean", "degrees", "far"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFault:
    """What is wrong with a scan: its kind, and what was found with advice."""

    kind: FaultKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanValues:
    """Faults of a scan; the share of the mask that varies; hashes by which scans that share volumes are found."""

    faults: tuple[ScanFault, ...]
    covered: float
    volumes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pass:
    """What one pass over the voxels of the mask measures."""

    usual: Float64[Array, "voxel"]
    varies: Bool[Array, "voxel"]
    distance: Float64[Array, "volume"]
    mean: Float64[Array, "volume"]
    highest: Float[Array, "volume"]
    peak: Float[Array, "volume"]
    steps: frozenset[str]
    earlier: Int[Array, "volume"]
    flat: Bool[Array, "slice volume"]


def check_values(
    data: Float[Array, "volume voxel"], mask: Bool[Array, "x y z"], *, percent: bool = False
) -> ScanValues:
    """Check the values of a scan in one pass over its voxels.

    Args:
        data: the scan, voxels in the order of `volume[mask]`.
        mask: voxels analyzed.
        percent: maps are percent of the mean signal, which must be above 0.
    """
    measured = _pass_over(data, mask)
    covered = float(measured.varies.mean())
    if measured.distance.max() <= _LEAST_CHANGE * _signal(measured.usual):
        faults = [_same_throughout(measured)]
    else:
        spikes = _spike_volumes(measured)
        # a slice that is never there is a matter of coverage
        lost = measured.flat & ~measured.flat.all(axis=1, keepdims=True)
        faults = [
            *_repeated(measured),
            *(_spike(measured, spikes) if spikes.any() else ()),
            *_changed_brightness(np.where(spikes | lost.any(axis=0), np.nan, measured.mean)[_UNSTEADY:]),
            *_lost_slices(lost & ~spikes, mask),
            *_uncovered(covered),
            *(() if spikes.any() else _clipped(data, measured.highest)),
            *(_without_mean(measured.usual[measured.varies]) if percent else ()),
        ]
    return ScanValues(faults=tuple(faults), covered=covered, volumes=tuple(sorted(measured.steps)[:_SKETCHED]))


def motion_faults(motion: Float[Array, "volume 6"], *, head_radius_mm: float) -> Iterator[ScanFault]:
    """Yield motion that is too large for a head: rotations (columns 4 to 6, rad) in degrees, translations not in mm."""
    moved, turned = (float(np.ptp(part, axis=0).max()) for part in (motion[:, :3], motion[:, 3:]))
    if moved > head_radius_mm:
        yield ScanFault(
            kind="far",
            text=f"translations span {moved:.3g} mm, more than the radius of the head ({head_radius_mm:g} mm); they "
            "are most likely in another unit, or the first three columns are rotations: write them in mm",
        )
    if turned > _MOST_TURNED:
        yield ScanFault(
            kind="degrees",
            text=f"rotations span {turned:.3g}, which as radians is {np.degrees(turned):.0f}°; they are most likely in "
            "degrees: write them in radians",
        )


def _pass_over(data: Float[Array, "volume voxel"], mask: Bool[Array, "x y z"]) -> _Pass:
    in_slice = mask.sum(axis=(0, 1))
    slices = (np.cumsum(in_slice > 0) - 1)[np.nonzero(mask)[2]]
    some = np.unique(np.linspace(0, len(data) - 1, _USUAL_VOLUMES).round().astype(int))
    usual, varies, squares, sums, low, high = measure_voxels(data.T, slices, int(slices.max()) + 1, some)
    highest, sample = high.max(axis=0), _sample(data, mask)
    return _Pass(
        usual=usual,
        varies=varies,
        distance=np.sqrt(squares / len(usual)),
        mean=sums / len(usual),
        highest=highest,
        peak=np.maximum(np.abs(low.min(axis=0)), np.abs(highest)),
        steps=_steps(sample),
        earlier=_earlier(data, [crc32(volume) for volume in sample]),
        flat=(low == high) & (in_slice[in_slice > 0] >= _LEAST_IN_SLICE)[:, None],
    )


def _sample(data: Float[Array, "volume voxel"], mask: Bool[Array, "x y z"]) -> Float[Array, "volume some"]:
    """Return every k-th voxel of the mask, slice by slice."""
    number = np.zeros(mask.shape, int)
    number[mask] = np.arange(data.shape[1])
    return np.ascontiguousarray(data[:, number.T[mask.T][:: max(data.shape[1] // _HASHED, 1)]])


def _steps(sample: Float[Array, "volume some"]) -> frozenset[str]:
    """Hash each step to the next volume; those in which all or no voxels become brighter say nothing."""
    brighter = sample[1:] > sample[:-1]
    some = brighter.any(axis=1) & ~brighter.all(axis=1)
    return frozenset(blake2b(step, digest_size=6).hexdigest() for step in np.packbits(brighter[some], axis=1))


def _earlier(data: Float[Array, "volume voxel"], sums: Sequence[int]) -> Int[Array, "volume"]:
    """Return for each volume the first that equals it in every voxel; itself where none does."""
    first: dict[int, int] = {}
    earlier = np.array([first.setdefault(code, volume) for volume, code in enumerate(sums)])
    for volume in np.flatnonzero(earlier != np.arange(len(earlier))):
        if not np.array_equal(data[earlier[volume]], data[volume]):
            earlier[volume] = volume
    return earlier


def _same_throughout(found: _Pass) -> ScanFault:
    if not found.peak.any():
        return ScanFault(kind="zero", text="every voxel of the mask is 0; reconstruct the scan again, or exclude it")
    change = "no voxel of the mask varies"
    if found.varies.any():
        change = f"the mask varies by {found.distance.max() / _signal(found.usual):.1g} of its signal, as by rounding,"
    return ScanFault(
        kind="constant", text=f"{change} over {len(found.mean)} volumes; reconstruct the scan again, or exclude it"
    )


def _repeated(found: _Pass) -> Iterator[ScanFault]:
    repeats = [(volume, other) for volume, other in enumerate(found.earlier.tolist()) if other != volume]
    if repeats:
        yield ScanFault(
            kind="repeated",
            text=f"{len(repeats)} volumes equal an earlier one in every voxel of the mask (first volume "
            f"{repeats[0][0]}, which equals volume {repeats[0][1]}, from 0); reconstruct the scan again, or exclude it",
        )


def _spike_volumes(found: _Pass) -> Bool[Array, "volume"]:
    signal = _signal(found.usual)
    noise = float(np.median(found.distance))
    limit = np.full(len(found.distance), 0.5 * signal + 10 * noise)
    limit[:_UNSTEADY] += signal
    bright = found.peak > 10 * float(np.abs(found.usual).max()) + 50 * noise
    return (found.distance > limit) | bright


def _signal(usual: Float64[Array, "voxel"]) -> float:
    return float(np.sqrt(usual @ usual / len(usual)))


def _spike(found: _Pass, volumes: Bool[Array, "volume"]) -> Iterator[ScanFault]:
    signal, bad = _signal(found.usual), np.flatnonzero(volumes)
    worst = bad[np.argmax(found.distance[bad])]
    how = f"{found.distance[worst] / signal:.3g} times the signal" if signal > 0 else f"{found.distance[worst]:.3g}"
    yield ScanFault(
        kind="spike",
        text=f"{len(bad)} volumes are no image of the same brain; volume {worst} (from 0) differs from the usual one "
        f"by {how}, its largest value is {found.peak[worst]:.3g}; reconstruct the scan again, or exclude it",
    )


def _changed_brightness(mean: Float64[Array, "volume"]) -> Iterator[ScanFault]:
    """Compare the means of volumes, NaN where one does not count; a scan without a mean has no brightness."""
    if not np.isfinite(mean).any() or np.nanmin(mean) <= 0:
        return
    low, high = float(np.nanmin(mean)), float(np.nanmax(mean))
    if high - low > _MOST_BRIGHTNESS * np.nanmedian(mean):
        yield ScanFault(
            kind="brightness",
            text=f"the mean of the mask goes from {low:.4g} (volume {np.nanargmin(mean) + _UNSTEADY}, from 0) to "
            f"{high:.4g} (volume {np.nanargmax(mean) + _UNSTEADY}), as where the gain of the receiver was changed or "
            "scans were joined; reconstruct the scan again, or exclude it",
        )


def _lost_slices(lost: Bool[Array, "slice volume"], mask: Bool[Array, "x y z"]) -> Iterator[ScanFault]:
    if lost.any():
        volume, row = np.argwhere(lost.T)[0]
        piece = np.flatnonzero(mask.any(axis=(0, 1)))[row]
        yield ScanFault(
            kind="slice",
            text=f"{int(lost.sum())} slices hold one value throughout (first slice {piece} of volume {volume}, "
            f"from 0; {int(lost.any(axis=0).sum())} volumes); reconstruct the scan again, or exclude it",
        )


def _uncovered(covered: float) -> Iterator[ScanFault]:
    if covered < LEAST_COVERED:
        yield ScanFault(
            kind="coverage",
            text=f"{1 - covered:.0%} of the mask never varies, as where nothing was measured; check that the mask "
            "is of this space and that the scan covers the brain",
        )


def _clipped(data: Float[Array, "volume voxel"], highest: Float[Array, "volume"]) -> Iterator[ScanFault]:
    top = float(highest.max())
    share = float((data[highest == top] == top).sum() / data.size)
    if share > _MOST_CLIPPED:
        yield ScanFault(
            kind="clipped",
            text=f"{share:.0%} of the values in the mask are the largest one, {top:g}, as where a receiver or a number "
            "format is saturated; reconstruct or convert the scan again, or exclude it",
        )


def _without_mean(usual: Float64[Array, "voxel"]) -> Iterator[ScanFault]:
    share = float((usual <= 0).mean())
    if share > _MOST_WITHOUT_MEAN:
        yield ScanFault(
            kind="mean",
            text=f"{share:.0%} of the voxels have no positive mean signal, so that there is no percent change; the "
            "scan was most likely denoised or standardized: take it before that step (desc-preproc)",
        )
