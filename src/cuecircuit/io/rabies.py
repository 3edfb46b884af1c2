"""Outputs of RABIES (Desrosiers-Grégoire et al. 2024, Nat Commun 15:6708) as a source of preprocessed rodent scans.

`bold_datasink/commonspace_bold/` holds a folder for each scan and in it `<name of the raw scan>_..._combined.nii.gz`;
`motion_datasink/motion_params_csv/` holds its motion likewise (https://rabies.readthedocs.io, Output files), before 0.5
`confounds_datasink/confounds_csv/` motion with the signals of tissues. Names lead back to the raw scan, whose events
and physio are taken.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.bids import ScanFiles, find_scans

_BOLD = Path("bold_datasink", "commonspace_bold")
_MOTION = (Path("motion_datasink", "motion_params_csv"), Path("confounds_datasink", "confounds_csv"))


def is_rabies(folder: Path) -> bool:
    """Return whether a folder holds what RABIES's preprocessing writes."""
    return (folder / _BOLD).is_dir()


def find_rabies(root: Path, folder: Path, *, task: str) -> tuple[ScanFiles, ...]:
    """Find the scans of a task that RABIES brought to its common space, with their motion.

    Args:
        root: the raw data set.
        folder: output folder of `rabies preprocess`.
        task: entity task.

    Raises:
        DataError: no raw scan of the task, none that was brought to the common space, or several for one raw scan.
    """
    bold = sorted((folder / _BOLD).rglob("*.nii.gz"))
    motion = [path for place in _MOTION for path in sorted((folder / place).rglob("*.csv"))]
    scans, faults = [], []
    for raw in find_scans(root, task=task):
        volumes, moved = _of(raw, bold), _of(raw, motion)
        if len(volumes) > 1:
            faults.append(
                f"{raw.bold}: {len(volumes)} scans in common space are made of it: {', '.join(map(str, volumes))}"
            )
        elif volumes:
            scans.append(replace(raw, bold=volumes[0], confounds=moved[0] if len(moved) == 1 else None))
    if not scans and not faults:
        faults.append(
            f"{folder / _BOLD}: none of {len(bold)} scans is called like a raw scan of task '{task}' under {root}; "
            "scans.dataset must be the data set that RABIES was given"
        )
    DataError.raise_any(faults)
    return tuple(scans)


def _of(raw: ScanFiles, files: Iterable[Path]) -> list[Path]:
    name = raw.bold.name.removesuffix(".gz").removesuffix(".nii")
    return [file for file in files if file.name.startswith(f"{name}_")]
