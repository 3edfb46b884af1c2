"""What a trial teaches about the stimuli that were there.

Rescorla & Wagner 1972: each stimulus present changes by its salience times the common error, ΔV = αβ (λ − ΣV).
Pearce & Hall 1980: ΔV = S α λ where the outcome exceeds what was expected, ΔV = −S α |λ − ΣV| where it falls short, and
the stimulus' associability follows its last errors, α ← γ |λ − ΣV| + (1 − γ) α.
"""

import numpy as np

from cuecircuit.arrays import Array, Float


def rescorla_wagner(
    values: Float[Array, "stimulus"], salience: Float[Array, "stimulus"], outcome: float
) -> Float[Array, "stimulus"]:
    """Give the values after a trial.

    Args:
        values: V of each stimulus before it.
        salience: αβ of each stimulus, 0 where it is absent.
        outcome: λ, in the unit of V.
    """
    return values + salience * (outcome - values[salience > 0].sum())


def pearce_hall(
    values: Float[Array, "stimulus"],
    associability: Float[Array, "stimulus"],
    salience: Float[Array, "stimulus"],
    outcome: float,
    *,
    memory: float,
) -> tuple[Float[Array, "stimulus"], Float[Array, "stimulus"]]:
    """Give values and associabilities after a trial.

    Args:
        values: V of each stimulus before it.
        associability: α of each stimulus before it.
        salience: S of each stimulus, 0 where it is absent.
        outcome: λ, in the unit of V.
        memory: γ, the weight of the last error.
    """
    present = salience > 0
    error = outcome - values[present].sum()
    step = outcome if error > 0 else error
    changed = values + salience * associability * step
    return changed, np.where(present, memory * abs(error) + (1 - memory) * associability, associability)
