"""Effects of surviving clusters in subjects who did not choose their places: split halves.

The strongest voxel of a cluster overstates its effect (winner's curse; Kriegeskorte et al. 2009, Nat Neurosci 12:535).
Each voxel of the mask goes to the nearest of a test's surviving clusters. Subjects are split at random, group by group;
one half chooses the strongest voxel of each part, of either sign, and the effect of the other half there counts, in the
direction of the first; then they change places. The search runs beyond the cluster and over both signs, for the cluster
was found with the help of both halves: out of noise the mean is 0. Where halves seldom find the cluster, what they find
instead pulls the effect toward 0. Effects of several degrees of freedom and slopes have partial ε², without a direction
(`models.split_half`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.ndimage import distance_transform_edt

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import CuecircuitError
from cuecircuit.models.design import Design, design
from cuecircuit.models.evidence import effect_size, has_d, has_standard, standardized_effect
from cuecircuit.models.family import join_blocks
from cuecircuit.models.fit import fit_design_block, stratum_of
from cuecircuit.models.split_half import half_of_subjects
from cuecircuit.pipeline.map_tests.blocks import GroupMaps
from cuecircuit.pipeline.map_tests.files import Effect, Space, peak_places
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.stats.effect_limits import eta2_limits
from cuecircuit.stats.noncentral_t import small_sample_factor
from cuecircuit.stats.responses import of_responses
from cuecircuit.stats.term_test import TermTest

_LIMITS = ("d_low", "d_high")


def with_held_out(
    effects: Sequence[Effect],
    bound: Design,
    columns: pd.DataFrame,
    maps: GroupMaps,
    space: Space,
    *,
    seed: int,
    splits: int = 5,
) -> list[Effect]:
    """Return effects, surviving clusters with what held-out subjects show where effects can be standardized.

    Args:
        effects: corrected tests of all subjects.
        bound: their model.
        columns: of the model, rows as those of the maps.
        maps: on disk.
        space: of the maps.
        seed: of the splits.
        splits: of the subjects.
    """
    parts = [_parts(effect, space) if _has_survivors(effect) else None for effect in effects]
    halves = _halves(bound, columns, seed, splits) if any(part is not None for part in parts) else []
    by_half: list[list[dict[str, Array]]] = [[] for _ in effects]
    with steps("held-out effects", len(halves)) as advance:
        for pair in halves:
            fitted = [_fit(maps, rows, half) for rows, half in pair]
            for effect, part, rows in zip(effects, parts, by_half, strict=True):
                if part is not None:
                    one, other = (next(t for t in tests if _same(t, effect.test)) for tests in fitted)
                    rows += [_chosen(effect, part, one, other, space), _chosen(effect, part, other, one, space)]
            advance(1)
    return [
        replace(each, held_out=_mean(of_effect) | _peak(each, space)) if of_effect else each
        for each, of_effect in zip(effects, by_half, strict=True)
    ]


def _same(one: TermTest, other: TermTest) -> bool:
    return (one.name, stratum_of(one)) == (other.name, stratum_of(other))


def _survivors(effect: Effect) -> Int[Array, "survivor"]:
    assert effect.corrected is not None
    return np.flatnonzero(effect.corrected.p <= effect.corrected.alpha)


def _has_survivors(effect: Effect) -> bool:
    return effect.corrected is not None and has_standard(effect.test) and len(_survivors(effect)) > 0


def _parts(effect: Effect, space: Space) -> Int[Array, "voxel"]:
    """Return the nearest surviving cluster of each voxel of the mask, by its label."""
    assert effect.corrected is not None
    labels = effect.corrected.clusters.labels
    outside = ~np.isin(labels, _survivors(effect) + 1)
    nearest = distance_transform_edt(outside, space.grid.voxel_mm, return_distances=False, return_indices=True)
    return labels[tuple(nearest)][space.mask]  # pyright: ignore[reportArgumentType, reportCallIssue]


def _halves(bound: Design, columns: pd.DataFrame, seed: int, splits: int) -> list[list[tuple[Int[Array, "_"], Design]]]:
    """Bind the model to both halves of every split; nothing where halves cannot carry it."""
    rng, halves = np.random.default_rng(seed), []
    try:
        for _ in range(splits):
            first = half_of_subjects(columns, bound.model, rng)
            halves.append([_half(bound, columns, rows) for rows in (first, ~first)])
    except CuecircuitError as error:
        say(f"group: no effects of held-out halves of the subjects: {error.faults[0]}")
        return []
    return halves


def _half(bound: Design, columns: pd.DataFrame, inside: Bool[Array, "row"]) -> tuple[Int[Array, "kept"], Design]:
    half = design(columns[inside].reset_index(drop=True), bound.model)
    return np.flatnonzero(inside)[half.rows], half


def _fit(maps: GroupMaps, rows: Int[Array, "row"], half: Design) -> tuple[TermTest, ...]:
    def fit(block: slice) -> object:
        with one_blas_thread():
            return fit_design_block(half, maps.read(block)[0][rows])

    work: Callable[..., object] = Parallel(n_jobs=maps.n_jobs, prefer="threads")
    return join_blocks(work(delayed(fit)(block) for block in maps.blocks), maps.blocks, maps.residuals.shape[1]).tests  # pyright: ignore


def _chosen(effect: Effect, part: Array, choosing: TermTest, other: TermTest, space: Space) -> dict[str, Array]:
    """Return what one half shows in the voxels the other chose, an array over all clusters of the effect."""
    assert effect.corrected is not None
    survivors = _survivors(effect)
    usable = np.isfinite(choosing.f) & np.isfinite(other.f)
    at = np.array([np.argmax(np.where(usable & (part == k + 1), choosing.f, -np.inf)) for k in survivors])
    turned = _signs(effect.test)[peak_places(effect, space)][survivors] * _signs(choosing)[at]
    sizes = _sizes(of_responses(other, at), turned)
    inside = effect.corrected.clusters.labels[space.mask][at] == survivors + 1
    values = {"held_out_" + name: values for name, values in sizes.items()} | {"held_out_inside": inside.astype(float)}
    return {name: _placed(volume, survivors, len(effect.corrected.p)) for name, volume in values.items()}


def _signs(test: TermTest) -> Float[Array, "response"]:
    """Return the direction of each response, 1 where the effect has none."""
    return np.sign(test.t) if has_d(test) and test.t is not None else np.ones(test.f.shape)


def _sizes(test: TermTest, turned: Float[Array, "response"]) -> dict[str, Float[Array, "response"]]:
    """Return g with its limits, with the other sign where `turned` is -1; or partial ε² with those of η²."""
    measure, size = effect_size(test)
    if measure == "epsilon2":
        low, high = eta2_limits(test.f, test.df1, test.df2)
    else:
        effect, factor = standardized_effect(test), small_sample_factor(test.df2)
        low, high = (np.where(turned > 0, factor * effect[a], -factor * effect[b]) for a, b in (_LIMITS, _LIMITS[::-1]))
    return {measure: turned * size, f"{measure}_low": low, f"{measure}_high": high}


def _placed(values: Array, at: Array, n: int) -> Float[Array, "cluster"]:
    placed = np.full(n, np.nan)
    placed[at] = values
    return placed


def _peak(effect: Effect, space: Space) -> dict[str, Float[Array, "cluster"]]:
    measure, size = effect_size(of_responses(effect.test, peak_places(effect, space)))
    return {f"peak_{measure}": size}


def _mean(rows: Sequence[dict[str, Array]]) -> dict[str, Float[Array, "cluster"]]:
    return {name: np.mean([row[name] for row in rows], axis=0) for name in rows[0]}
