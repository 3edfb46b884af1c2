"""How large an effect is where it was found: chosen in half of the subjects, estimated in the other half.

Responses (voxels, edges) chosen for a small p have effects that are too large in the subjects they were chosen in
(the winner's curse; Kriegeskorte et al. 2009, Nat Neurosci 12:535). Subjects are split at random, group by group; in
one half the responses with p ≤ a bound are chosen, in the other their mean Hedges's g is taken with the sign of the
first. Then the halves change places. The held-out mean is free of the choice; that halves choose less well than all
subjects makes it the effect of what half of the subjects would find.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import CuecircuitError, DesignError
from cuecircuit.models.evidence import has_d, standardized_effect
from cuecircuit.models.fit import fit
from cuecircuit.models.model import Model
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitHalf:
    """What was chosen and how large it is: means of g over splits that chose something.

    `g_chosen` in the half that chose, `g_held_out` in the other; `g_all` in all subjects, of what they choose
    themselves. `halves` has each choosing half: split, chosen (responses), g_chosen, g_held_out.
    """

    g_chosen: float
    g_held_out: float
    g_all: float
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
        term: of one degree of freedom, no slope.
        p: bound of what is chosen.
        splits: of the subjects, both halves choosing in turn.
        seed: of the splits.

    Raises:
        DesignError: no such term or one without a standardized effect, or too few subjects for halves.
    """
    if not model.subject:
        raise DesignError("split_half: found no subject, expected the column that names whom the rows belong to")
    whole = _test(table, responses, model, term)
    rng, rows = np.random.default_rng(seed), []
    for split in range(splits):
        first = half_of_subjects(table, model, rng)
        halves = [_test(table[own], responses[own], model, term) for own in (first, ~first)]
        for choosing, other in (halves, halves[::-1]):
            g, held_out, n = _means(choosing, other, p)
            rows.append({"split": split + 1, "chosen": n, "g_chosen": g, "g_held_out": held_out})
    found = pd.DataFrame(rows)
    return SplitHalf(
        g_chosen=float(found["g_chosen"].mean()),
        g_held_out=float(found["g_held_out"].mean()),
        g_all=_means(whole, whole, p)[0],
        halves=found,
    )


def half_of_subjects(table: pd.DataFrame, model: Model, rng: np.random.Generator) -> Bool[Array, "row"]:
    """Mark the rows of half of the subjects of each group."""
    subjects = table.drop_duplicates(model.subject)
    constant = [name for name in _labels(table, model) if table.groupby(model.subject)[name].nunique().max() == 1]
    groups = subjects[constant].astype(str).agg(":".join, axis=1) if constant else pd.Series("", index=subjects.index)
    chosen: list[object] = []
    for _, own in subjects.groupby(groups, sort=False):
        order = rng.permutation(own[model.subject].to_numpy())
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
    if not has_d(test):
        raise DesignError(f"{term}: has no one standardized difference; ask for a contrast or a term of one df")
    return test


def _means(choosing: TermTest, other: TermTest, p: float) -> tuple[float, float, int]:
    """Return the mean g of what one test chooses in both, with the sign of the first, and how many it chooses."""
    chosen = (choosing.p <= p) & np.isfinite(other.f)
    if not chosen.any():
        return np.nan, np.nan, 0
    own, held_out = (standardized_effect(each)["g"][chosen] for each in (choosing, other))
    return float(np.abs(own).mean()), float((np.sign(own) * held_out).mean()), int(chosen.sum())
