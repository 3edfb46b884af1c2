"""How large an effect is where it was found: chosen in half of the subjects, estimated in the other half.

Responses (voxels, edges) chosen for a small p have effects that are too large in the subjects they were chosen in
(the winner's curse; Kriegeskorte et al. 2009, Nat Neurosci 12:535). Subjects are split at random, group by group; in
one half the responses with p ≤ a bound are chosen, in the other their mean Hedges's g is taken with the sign of the
first. Then the halves change places. The held-out mean is free of the choice; that halves choose less well than all
subjects makes it the effect of what half of the subjects would find. Effects of several degrees of freedom and slopes
have partial ε² in place of g, without a sign: not η², whose mean out of noise is df1 / (df1 + df2), nor ω², whose
mean is near 0 alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import CuecircuitError, DesignError
from cuecircuit.models.evidence import check_standardized, effect_size
from cuecircuit.models.fit import fit
from cuecircuit.models.model import Model
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitHalf:
    """What was chosen and how large it is: means over splits that chose something.

    `measure` is g or, of effects without one standardized difference, epsilon2 (partial ε²). `chosen` in the half that
    chose, `held_out` in the other; `all_subjects` of what all choose themselves. `halves` has each choosing half:
    split, responses (that it chose), chosen, held_out.
    """

    measure: Literal["g", "epsilon2"]
    chosen: float
    held_out: float
    all_subjects: float
    halves: pd.DataFrame


def split_half(
    table: pd.DataFrame,
    responses: Float[Array, "row response"],
    model: Model,
    term: str,
    *,
    p: float = 0.001,
    splits: int = 20,
    seed: int = 0,
) -> SplitHalf:
    """Estimate an effect in subjects that it was not chosen in.

    Args:
        table: as of `models.fit.fit`.
        responses: rows as in the table.
        model: names its subject.
        term: of error strata or least squares, or one of the contrasts.
        p: bound of what is chosen.
        splits: of the subjects, both halves choosing in turn.
        seed: of the splits.

    Raises:
        DesignError: no such term, a model without one variance to standardize by, or too few subjects for halves.
    """
    if not model.subject:
        raise DesignError("split_half: found no subject, expected the column that names whom the rows belong to")
    whole = _test(table, responses, model, term)
    rng, rows = np.random.default_rng(seed), []
    for split in range(splits):
        first = half_of_subjects(table, model, rng)
        halves = [_test(table[half], responses[half], model, term) for half in (first, ~first)]
        for choosing, other in (halves, halves[::-1]):
            chosen, held_out, n = _means(choosing, other, p)
            rows.append({"split": split + 1, "responses": n, "chosen": chosen, "held_out": held_out})
    table_of_halves = pd.DataFrame(rows)
    return SplitHalf(
        measure=effect_size(whole)[0],
        chosen=float(table_of_halves["chosen"].mean()),
        held_out=float(table_of_halves["held_out"].mean()),
        all_subjects=_means(whole, whole, p)[0],
        halves=table_of_halves,
    )


def half_of_subjects(table: pd.DataFrame, model: Model, rng: np.random.Generator) -> Bool[Array, "row"]:
    """Mark the rows of half of the subjects of each group."""
    subjects = table.drop_duplicates(model.subject)
    constant = [name for name in _labels(table, model) if table.groupby(model.subject)[name].nunique().max() == 1]
    groups = subjects[constant].astype(str).agg(":".join, axis=1) if constant else pd.Series("", index=subjects.index)
    chosen: list[object] = []
    for _, members in subjects.groupby(groups, sort=False):
        order = rng.permutation(members[model.subject].to_numpy())
        chosen += list(order[: (len(order) + int(rng.integers(2))) // 2])
    return table[model.subject].isin(chosen).to_numpy()


def _labels(table: pd.DataFrame, model: Model) -> Sequence[str]:
    named = (*model.between, *model.factors)
    text = [name for name in table if not pd.api.types.is_numeric_dtype(table[name]) and name != model.subject]
    return list(dict.fromkeys([*named, *(name for name in text if name in (model.formula or ""))]))


def _test(table: pd.DataFrame, responses: Float[Array, "row response"], model: Model, term: str) -> TermTest:
    try:
        test = fit(table.reset_index(drop=True), responses, model).test(term)
    except CuecircuitError as error:
        error.add_note("split_half fits the model to half of the subjects of each group")
        raise
    check_standardized(test)
    return test


def _means(choosing: TermTest, other: TermTest, p: float) -> tuple[float, float, int]:
    """Return the mean effect of what one test chooses in both, in the direction of the first, and how many it is."""
    chosen = (choosing.p <= p) & np.isfinite(other.f)
    if not chosen.any():
        return np.nan, np.nan, 0
    (measure, size), held_out = effect_size(choosing), effect_size(other)[1]
    direction = np.sign(size) if measure == "g" else np.ones(size.shape)
    return float((direction * size)[chosen].mean()), float((direction * held_out)[chosen].mean()), int(chosen.sum())
