"""The neural activity behind a course, and its product with a condition (Gitelman et al. 2003, NeuroImage 19:200).

A psychophysiological interaction happens between neurons, before the hemodynamic response. The activity is written as
cosines, as many as there are volumes, on a grid of 8 moments per TR; a ridge penalty keeps those that the response
passes, its strength chosen by generalized cross-validation. (SPM has the same cosines and finds the strength by ReML.)
The product with a condition, which is on or off, is convolved with the response again.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import fftconvolve

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.imaging.first_level import Hrf
from cuecircuit.imaging.hrf import rat_hrf

_PER_TR = 8
_PENALTIES = np.logspace(-6, 2, 49)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NeuralConditions:
    """Conditions before the hemodynamic response: 1 while an event lasts, on a grid of 8 moments per TR."""

    boxes: Float64[Array, "moment condition"]
    response: Float64[Array, "lag"]

    def activity(
        self, courses: Float[Array, "kept region"], keep: Bool[Array, "volume"]
    ) -> Float64[Array, "moment region"]:
        """Return the neural activity behind centered courses, of which volumes `keep` count."""
        moments, n = len(self.boxes), int(keep.sum())
        angles = np.pi * (np.arange(moments)[:, None] + 0.5) / moments
        cosines = np.cos(angles * np.arange(len(keep)))
        u, size, v = np.linalg.svd(self.convolved(cosines)[keep], full_matrices=False)
        y = u.T @ courses
        beyond = (courses**2).sum(axis=0) - (y**2).sum(axis=0)
        passed = size**2 / (size**2 + _PENALTIES[:, None] * size[0] ** 2)
        lost = np.einsum("ks,sr->kr", (1 - passed) ** 2, y**2) + beyond
        best = np.argmin(lost / (n - passed.sum(axis=1))[:, None] ** 2, axis=0)
        return cosines @ (v.T @ (passed[best].T * y / size[:, None]))

    def products(self, activity: Float[Array, "moment"]) -> Float64[Array, "volume condition"]:
        """Return the response to the product of activity with each condition."""
        return self.convolved(self.boxes * activity[:, None])

    def convolved(self, neural: Float[Array, "moment column"]) -> Float64[Array, "volume column"]:
        """Return the response to neural activity at every volume."""
        return fftconvolve(neural, self.response[:, None], axes=0)[: len(neural) : _PER_TR]


def neural_conditions(
    events: pd.DataFrame, names: list[str], *, n_volumes: int, tr_s: float, hrf: Hrf
) -> NeuralConditions:
    """Write events (onset, duration in s, trial_type) on the grid of moments.

    Args:
        events: all that are modeled.
        names: trial types, in the order of the columns.
        n_volumes: length of the scan.
        tr_s: repetition time.
        hrf: response to a moment of activity; not `fir`.
    """
    from nilearn.glm.first_level import glover_hrf, spm_hrf

    time = np.arange(n_volumes * _PER_TR) * tr_s / _PER_TR
    boxes = np.zeros((len(time), len(names)))
    for onset, duration, name in events[["onset", "duration", "trial_type"]].itertuples(index=False):
        # an event of no length lasts one moment
        inside = (time >= onset - 1e-6) & (time < onset + max(duration, tr_s / _PER_TR) - 1e-6)
        boxes[inside, names.index(str(name))] = 1.0
    sample = {"rat": rat_hrf, "spm": spm_hrf, "glover": glover_hrf}[hrf]
    return NeuralConditions(boxes=boxes, response=np.asarray(sample(tr_s, _PER_TR)))
