"""Numbers that tell a good scan from a bad one: temporal signal-to-noise, DVARS, framewise displacement.

tSNR: mean over standard deviation of a voxel's series. DVARS: root mean square over voxels of the change from one
volume to the next, here in percent of the mean signal. Framewise displacement: sum of the absolute changes of the six
motion parameters, rotations as arc length on a sphere of the head's size (Power et al. 2012, NeuroImage 59:2142).

A scan stands out from the others where a number lies further than 3 scaled median absolute deviations from the median
of all scans (Leys et al. 2013, J Exp Soc Psychol 49:764), on the bad side: low tSNR, high DVARS or displacement; and by
a tenth of the median at least (assumed), since among scans that are much alike a difference that matters to nobody is
far from the others.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64

# measure to the side on which it is bad
WORSE = {"tsnr": -1, "dvars": 1, "framewise_displacement": 1, "covered": -1}
_DEVIATIONS = 3.0
_BLOCK = 20_000  # voxels whose distance from their mean is in memory at a time
_MAD_TO_SD = 1.4826  # of a normal distribution
_FEWEST_SCANS = 3
_LEAST_SHARE = 0.1  # of the median

# Power et al. 2012: mean distance from the cortex to the center of a human head.
HUMAN_HEAD_MM = 50.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanQuality:
    """Quality of one scan; a step leads from one volume to the next.

    `tsnr` is NaN in voxels that never change; `framewise_mm` is None without motion parameters.
    """

    tsnr: Float[Array, "voxel"]
    tsnr_median: float
    dvars_percent: Float64[Array, "step"]
    framewise_mm: Float64[Array, "step"] | None


def scan_quality(
    data: Float[Array, "volume voxel"],
    *,
    motion: Float[Array, "volume 6"] | None = None,
    head_radius_mm: float = HUMAN_HEAD_MM,
) -> ScanQuality:
    """Measure the quality of a scan.

    Args:
        data: series of the in-mask voxels, before any cleaning.
        motion: translations (mm) and rotations (rad), x y z.
        head_radius_mm: radius of the sphere that turns rotations into mm; 50 for people, about 10 for rats.
    """
    mean = data.mean(axis=0, dtype=np.float64)
    blocks = (data[:, start : start + _BLOCK] for start in range(0, data.shape[1], _BLOCK))
    deviation = np.concatenate([block.std(axis=0, ddof=1, dtype=np.float64) for block in blocks])
    tsnr = np.divide(mean, deviation, out=np.full_like(mean, np.nan), where=deviation > 0)
    steps = np.sqrt(np.mean(np.diff(data, axis=0) ** 2, axis=1, dtype=np.float64))
    return ScanQuality(
        tsnr=tsnr.astype(data.dtype),
        tsnr_median=float(np.median(tsnr[deviation > 0])) if (deviation > 0).any() else np.nan,
        dvars_percent=100 * steps / (mean.mean() or np.nan),  # an empty scan has none
        framewise_mm=None if motion is None else framewise_displacement(motion, head_radius_mm=head_radius_mm),
    )


def framewise_displacement(motion: Float[Array, "volume 6"], *, head_radius_mm: float) -> Float64[Array, "step"]:
    """Sum the absolute changes of position from volume to volume, mm."""
    to_mm = np.array([1.0, 1.0, 1.0, head_radius_mm, head_radius_mm, head_radius_mm])
    return np.abs(np.diff(motion.astype(np.float64), axis=0) * to_mm).sum(axis=1)


def outlying(values: Float[Array, "scan"], *, worse: int) -> Bool[Array, "scan"]:
    """Return which scans stand out on the bad side; nobody does among fewer than three numbers.

    Args:
        values: one number of each scan; NaN where it has none.
        worse: 1 where large numbers are bad, -1 where small ones are.
    """
    if np.isfinite(values).sum() < _FEWEST_SCANS:
        return np.zeros(len(values), dtype=bool)
    middle = np.nanmedian(values)
    limit = _DEVIATIONS * _MAD_TO_SD * np.nanmedian(np.abs(values - middle))
    return worse * (values - middle) > max(limit, _LEAST_SHARE * abs(middle))
