"""Scans that a reader should look at before they enter a model, with the reason. Nobody is left out by a flag.

- high motion: mean framewise displacement above 0.5 mm in a human head, whose radius is 50 mm (the cut of Power et al.
  2012, NeuroImage 59:2142, for single volumes), and above the same 1 % of the radius in other heads (assumed).
- low tSNR: below a value that the study states, since tSNR depends on field, coil and voxel; where it states none, more
  than 3 scaled median absolute deviations and a tenth below the median of all scans (Leys et al. 2013, J Exp Soc
  Psychol 49:764).
- jumps: many volumes whose DVARS lies more than 1.5 interquartile ranges above the third quartile of the scan (Tukey
  1977; the default of FSL's fsl_motion_outliers). Normal steps exceed it in 0.35 % of volumes.
- many censored: a fifth of the volumes or more are left out (Parkes et al. 2018, NeuroImage 171:415, who exclude scans
  with 20 % of volumes above their cut).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.imaging.quality import outlying
from cuecircuit.study.acquisition import Quality

_SHARE_OF_HEAD = 0.01
_FENCE = 1.5


def jumps(dvars_percent: Float[Array, "step"]) -> Bool[Array, "step"]:
    """Return which steps from volume to volume are outliers among those of the scan."""
    low, high = np.percentile(dvars_percent, [25, 75])
    return dvars_percent > high + _FENCE * (high - low)


def most_motion_mm(limits: Quality, head_radius_mm: float | None) -> float | None:
    """Return the mean displacement above which motion is high; None where nothing tells how large the head is."""
    if limits.mean_fd_mm is not None or head_radius_mm is None:
        return limits.mean_fd_mm
    return _SHARE_OF_HEAD * head_radius_mm


def scan_flags(table: pd.DataFrame, limits: Quality, *, head_radius_mm: float | None) -> list[str]:
    """Return the flags of each scan with the number that raised each; `none` where there is none.

    Args:
        table: a row for each scan: volumes, tsnr, framewise_displacement (mm, mean), jumps and censored (volumes);
            unknown where a number is NaN or a column is not there.
        limits: of the study.
        head_radius_mm: None where it is unknown.
    """
    numbers = {name: table[name].to_numpy(dtype=float) for name in table.columns.intersection(_NUMBERS)}
    low = outlying(numbers["tsnr"], worse=-1)
    flags = [
        ", ".join(
            _flags({name: float(values[row]) for name, values in numbers.items()}, limits, head_radius_mm, low=far)
        )
        for row, far in enumerate(low.tolist())
    ]
    return [flag or "none" for flag in flags]


_NUMBERS = ("volumes", "tsnr", "framewise_displacement", "jumps", "censored")


def _flags(scan: dict[str, float], limits: Quality, head_radius_mm: float | None, *, low: bool) -> Iterator[str]:
    most = most_motion_mm(limits, head_radius_mm)
    if most is not None and scan["framewise_displacement"] > most:
        yield f"high motion ({scan['framewise_displacement']:.3g} mm > {most:.3g})"
    if limits.tsnr is not None and scan["tsnr"] < limits.tsnr:
        yield f"low tSNR ({scan['tsnr']:.3g} < {limits.tsnr:.3g})"
    if limits.tsnr is None and low:
        yield f"low tSNR ({scan['tsnr']:.3g}, far below the other scans)"
    if scan["jumps"] > limits.jump_share * scan["volumes"]:
        yield f"jumps ({scan['jumps']:.0f} of {scan['volumes']:.0f} volumes)"
    if scan["censored"] >= limits.censored_share * scan["volumes"]:
        yield f"many censored ({scan['censored']:.0f} of {scan['volumes']:.0f} volumes)"


def flag_rules(limits: Quality, *, head_radius_mm: float | None) -> str:
    """Return in words when a scan is flagged."""
    most = most_motion_mm(limits, head_radius_mm)
    motion = f"above {most:.3g} mm" if most is not None else "not judged: give quality.mean_fd_mm or the head's radius"
    low = "far below the other scans" if limits.tsnr is None else f"below {limits.tsnr:.3g}"
    return (
        f"Flags: high motion (mean displacement {motion}), low tSNR ({low}), jumps (more than "
        f"{100 * limits.jump_share:g} % of volumes whose DVARS is above the third quartile by 1.5 interquartile "
        f"ranges), many censored ({100 * limits.censored_share:g} % of volumes or more)."
    )
