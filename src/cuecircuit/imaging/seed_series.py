"""Beta series of a seed: do trials that a region answers strongly have strong answers of a voxel too?

Fisher's z of the correlation over the trials of a condition (Rissman et al. 2004, NeuroImage 23:752);
the mean response has no part in it. Maps of contrasts are sums of z. The variance of z, 1 / (n - 3), takes n trials as
independent draws.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from cuecircuit.arrays import Array, Float, Float64
from cuecircuit.errors import DesignError
from cuecircuit.imaging.fixed_effects import Estimate

FEWEST_TRIALS = 4
"""Of a condition: z of three trials has no variance."""


def seed_series(
    responses: Float[Array, "trial voxel"],
    seed: Float[Array, "trial"],
    conditions: Sequence[str],
    weights: Mapping[str, Mapping[str, float]],
) -> dict[str, Estimate]:
    """Correlate voxels with a seed over the trials of each condition.

    Args:
        responses: to each trial, NaN in voxels without any.
        seed: those of the seed.
        conditions: of the trials.
        weights: of conditions in each estimate, by its name.

    Returns:
        Estimates in units of Fisher's z.

    Raises:
        DesignError: conditions with fewer than four trials, all of them.
    """
    kinds = np.asarray(conditions)
    trials = {name: kinds == name for by_cell in weights.values() for name in by_cell}
    if few := [
        f"{name} has {chosen_trials.sum()}"
        for name, chosen_trials in trials.items()
        if chosen_trials.sum() < FEWEST_TRIALS
    ]:
        raise DesignError(f"beta_series: of trials {', '.join(few)}; expected {FEWEST_TRIALS} or more of a condition")
    z = {
        name: fisher_z(responses[chosen_trials], seed[chosen_trials, None])[0] for name, chosen_trials in trials.items()
    }
    made = {}
    for label, cell_weights in weights.items():
        effect = np.sum([weight * z[name] for name, weight in cell_weights.items()], axis=0)
        spread = sum(weight**2 / (trials[name].sum() - 3) for name, weight in cell_weights.items())
        made[label] = Estimate(effect=effect, variance=np.where(np.isfinite(effect), spread, np.nan))
    return made


def fisher_z(data: Float[Array, "row voxel"], seeds: Float[Array, "row seed"]) -> Float64[Array, "seed voxel"]:
    """Correlate every voxel with every seed, as Fisher's z; NaN where one of the two does not vary."""
    x = np.asarray(data, np.float64) - data.mean(axis=0, dtype=np.float64)
    s = np.asarray(seeds, np.float64) - seeds.mean(axis=0, dtype=np.float64)
    length = np.sqrt((s**2).sum(axis=0))[:, None] * np.sqrt((x**2).sum(axis=0))
    r = np.divide(s.T @ x, length, out=np.full(length.shape, np.nan), where=length > 0)
    # a voxel that is the seed itself has r = 1, whose z is infinite
    return np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
