"""Mean and standard error of each cell, and how they are drawn: a bar for the mean, whiskers of one SEM."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from cuecircuit.arrays import Array, Float, Int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanSem:
    """Mean, standard error (SD / √n; NaN below two values) and number of values of each cell, in the data's unit."""

    mean: Float[Array, "*cell"]
    sem: Float[Array, "*cell"]
    n: Int[Array, "*cell"]


def mean_sem(values: Float[Array, "subject *cell"]) -> MeanSem:
    """Return the mean and SEM over subjects; missing values (NaN) are left out cell by cell."""
    present = np.isfinite(values)
    n = present.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, values, 0.0).sum(axis=0) / n
        deviation = np.where(present, values - mean, 0.0)
        sem = np.sqrt((deviation**2).sum(axis=0) / (n - 1) / n)
    return MeanSem(mean=np.asarray(mean), sem=np.where(n > 1, sem, np.nan), n=np.asarray(n))


def draw_mean(axes: Axes, x: float, values: Float[Array, "subject"], *, color: str, half_width: float = 0.16) -> None:
    """Draw a bar at the mean of `values` with whiskers of one SEM around it."""
    cell = mean_sem(values)
    if not cell.n:
        return
    mean, sem = float(cell.mean), float(np.nan_to_num(cell.sem))
    axes.plot([x - half_width, x + half_width], [mean, mean], color=color, lw=1.4, solid_capstyle="butt", zorder=4)
    axes.errorbar(x, mean, yerr=sem, color=color, lw=0.9, capsize=2, capthick=0.9, zorder=4)
