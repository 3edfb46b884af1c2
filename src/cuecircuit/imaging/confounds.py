"""Confounds of a preprocessed run, chosen by fMRIPrep's names, as columns of its model.

Names: `trans_*`, `rot_*` (mm, rad), `csf`, `white_matter`, `global_signal`, `a_comp_cor_00` (`w_`, `c_`) and on (most
variance first), `cosine00` and on, `non_steady_state_outlier00` and on, `framewise_displacement` (mm)
(https://fmriprep.org/en/stable/outputs.html#confounds). Motion is expanded here (`nuisance.motion_columns`), so that
tables with the six parameters alone serve as well. Columns are centered and scaled to SD 1: the model has a constant,
so its fit is the same, and columns of 1e-8 (squared rotations) do not sink in rounding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float64
from cuecircuit.errors import DataError
from cuecircuit.imaging.nuisance import MOTION_NAMES, Regressors, motion_columns
from cuecircuit.study.people import Confounds

Table = Mapping[str, Float64[Array, "volume"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunConfounds:
    """Columns for the model, one of them for each volume left out; `displacement_mm` is NaN where not known."""

    regressors: Regressors
    keep: Bool[Array, "volume"]
    displacement_mm: Float64[Array, "volume"]


def run_confounds(table: Table, confounds: Confounds) -> RunConfounds:
    """Choose the columns that the study removes, and the volumes that count.

    Args:
        table: confounds of the run, column by column.
        confounds: what the study asks for.

    Raises:
        DataError: every column that is asked for and missing, or not finite.
    """
    faults = tuple(confound_faults(table, confounds))
    if faults:
        raise DataError(faults)
    n = len(next(iter(table.values()), ()))
    values, names = [np.empty((n, 0))], []
    if confounds.motion:
        six = np.column_stack([table[name] for name in MOTION_NAMES])
        values.append(motion_columns(six, confounds.motion))
        names += [f"motion{number:02d}" for number in range(confounds.motion)]
    for _, name in _wanted(table, confounds):
        values.append(table[name][:, None])
        names.append(name)
    scaled, varies = _scaled(np.hstack(values))
    moved = table.get("framewise_displacement", np.full(n, np.nan))
    limit = np.inf if confounds.censor_fd_mm is None else confounds.censor_fd_mm
    keep = ~(moved > limit)  # the first volume has no displacement and counts
    left_out = np.flatnonzero(~keep)
    return RunConfounds(
        regressors=Regressors(
            values=np.hstack([scaled[:, varies], np.eye(n)[:, left_out]]),
            names=(*np.array(names, str)[varies].tolist(), *(f"censored{volume}" for volume in left_out)),
        ),
        keep=keep,
        displacement_mm=moved,
    )


def confound_faults(table: Table, confounds: Confounds) -> Iterator[str]:
    """Yield every column that is asked for and missing, or that holds values that are not finite."""
    wanted = [*(("motion", name) for name in MOTION_NAMES if confounds.motion), *_wanted(table, confounds)]
    absent: dict[str, list[str]] = {}
    for setting, name in wanted:
        if name not in table:
            absent.setdefault(setting, []).append(name)
    if confounds.censor_fd_mm is not None and "framewise_displacement" not in table:
        absent["censor_fd_mm"] = ["framewise_displacement"]
    for setting, names in absent.items():
        yield f"no column {', '.join(names)}, which the study asks for (nuisance.{setting}); it has {_known(table)}"
    if confounds.cosine and not any(name.startswith("cosine") for name in table):
        yield "no column cosine*, which the study removes (nuisance.cosine); set it to false, and drift_period_s"
    bad = [name for _, name in wanted if name in table and not np.isfinite(table[name]).all()]
    if bad:
        yield f"no number in some rows of {', '.join(bad)}; a column of the model needs one for each volume"


def _known(table: Table) -> str:
    names = sorted(table)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _wanted(table: Table, confounds: Confounds) -> Iterator[tuple[str, str]]:
    """Yield each setting with the columns it asks for, beside motion."""
    for name in ("white_matter", "csf", "global_signal"):
        if getattr(confounds, name):
            yield name, name
    for mask in {"combined": ("a",), "separate": ("w", "c")}[confounds.acompcor_mask]:
        yield from (("acompcor", f"{mask}_comp_cor_{number:02d}") for number in range(confounds.acompcor))
    for setting, start in (("cosine", "cosine"), ("non_steady_state", "non_steady_state_outlier")):
        if getattr(confounds, setting):
            yield from ((setting, name) for name in sorted(table) if name.startswith(start))


def _scaled(
    values: Float64[Array, "volume column"],
) -> tuple[Float64[Array, "volume column"], Bool[Array, "column"]]:
    centered = values - values.mean(axis=0)
    spread = centered.std(axis=0)
    # what rounding leaves of a constant column is about 1e-16 of its size
    varies = spread > 1e-13 * np.abs(values).max(axis=0, initial=0.0)
    return centered / np.where(varies, spread, 1.0), varies
