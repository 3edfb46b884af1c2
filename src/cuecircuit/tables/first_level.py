"""Scans of one subject to estimates: block responses, general linear models or correlations with a region.

Each function takes the scans of one subject and session and gives an estimate for each map of the set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import DataError
from cuecircuit.imaging.connectivity import course_products
from cuecircuit.imaging.deconvolution import neural_conditions
from cuecircuit.imaging.first_level import design_matrix, fir_names, fit_first_level
from cuecircuit.imaging.fixed_effects import Estimate, over_runs
from cuecircuit.imaging.nuisance import Regressors, regress
from cuecircuit.imaging.peri_cue import PeriCue, peri_cue
from cuecircuit.imaging.quality import scan_quality
from cuecircuit.imaging.removed import counted_volumes, displacement, model_columns, removed_signals
from cuecircuit.imaging.responses import BlockResponses, block_responses
from cuecircuit.imaging.seed_series import fisher_z, seed_series
from cuecircuit.imaging.single_trials import trial_responses
from cuecircuit.imaging.smoothing import smooth_in_mask
from cuecircuit.records.atlas import Atlas
from cuecircuit.study.acquisition import BetaSeries, Blocks, Glm, Nuisance, Ppi, Seed
from cuecircuit.tables.map_plan import Estimated, conditions_of, other_condition, runs_of, slope
from cuecircuit.tables.scan_reading import ScanAtWork
from cuecircuit.tables.seeds import seed_courses, seed_labels
from cuecircuit.tables.trials import blocks_of_trials

Parts = dict[str, tuple[frozenset[str], Estimate]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanAnswer:
    """What one scan gives: block responses or parts of estimates, smoothed and not; courses; its quality."""

    trials: pd.DataFrame
    smoothed: BlockResponses | Parts
    unsmoothed: BlockResponses | Parts | None
    course: PeriCue | None
    quality: dict[str, object]


def answer_scan(
    scan: ScanAtWork, maps: Blocks | Glm | Seed, nuisance: Nuisance, wanted: Sequence[Estimated], atlas: Atlas | None
) -> ScanAnswer:
    """Answer with what a set of maps estimates of a scan; all but general linear models need an atlas.

    Raises:
        DataError: signals that are missing, windows that leave the scan, too few degrees of freedom.
        DesignError: a contrast that the scan tells nothing of.
    """
    match maps:
        case Blocks():
            assert atlas is not None
            return answer_blocks(scan, maps, nuisance, atlas)
        case Glm():
            return answer_glm(scan, maps, nuisance, wanted, atlas)
        case Seed():
            assert atlas is not None
            return answer_seed(scan, maps, nuisance, atlas)


def answer_blocks(scan: ScanAtWork, maps: Blocks, nuisance: Nuisance, atlas: Atlas) -> ScanAnswer:
    """Answer with the percent change of each block, and the courses of the atlas's regions around it.

    Raises:
        DataError: signals that are missing, windows that leave the scan, too few degrees of freedom.
    """
    if scan.trials.empty:
        raise DataError("no event of this scan is a cell of the study; add its events, or exclude it")
    keep, regressors = removed_of(scan, nuisance)
    blocks = blocks_of_trials(scan.trials)
    answers = [
        block_responses(
            scan.series,
            blocks,
            mask=scan.mask,
            regressors=regressors,
            keep=keep,
            baseline_s=maps.baseline_s,
            window_s=maps.window_s,
            fwhm_mm=fwhm_mm,
            min_df=nuisance.min_residual_df,
            with_variance=smoothed,
        )
        for smoothed, fwhm_mm in ((True, maps.smoothing_fwhm_mm), *([(False, 0.0)] if maps.unsmoothed else []))
    ]
    course = peri_cue(
        scan.series,
        blocks,
        regressors,
        np.where(scan.mask, atlas.labels, 0),
        np.array(list(atlas.names)),
        baseline_s=maps.baseline_s,
        span_s=maps.course_s,
        keep=keep,
    )
    first = answers[0]
    quality = quality_row(scan, nuisance, keep, regressors) | {
        "residual_df": first.residual_df,
        "dropped": ", ".join(first.dropped) or "none",
        "unusable_voxels": first.n_unusable,
    }
    return ScanAnswer(
        trials=scan.trials,
        smoothed=first,
        unsmoothed=answers[1] if maps.unsmoothed else None,
        course=course,
        quality=quality,
    )


def averaged_blocks(
    answers: Sequence[ScanAnswer], cells: Mapping[str, Bool[Array, "trial"]], *, smoothed: bool
) -> dict[str, Estimate]:
    """Average the blocks of each cell over scans.

    The variance of a mean of n independent blocks is their mean variance over n.

    Args:
        answers: of the scans of a subject and session.
        cells: the trials of each, those of the scans after one another.
        smoothed: which of the two responses.
    """
    estimates = [answer.smoothed if smoothed else answer.unsmoothed for answer in answers]
    parts = [each for each in estimates if isinstance(each, BlockResponses)]
    percent = np.concatenate([each.percent for each in parts])
    spread = np.concatenate([np.full_like(e.percent, np.nan) if e.variance is None else e.variance for e in parts])
    return {
        cell: Estimate(
            effect=percent[chosen].mean(axis=0, dtype=np.float64),
            variance=spread[chosen].mean(axis=0, dtype=np.float64) / chosen.sum(),
        )
        for cell, chosen in cells.items()
        if chosen.any()
    }


def answer_glm(
    scan: ScanAtWork, maps: Glm, nuisance: Nuisance, wanted: Sequence[Estimated], atlas: Atlas | None = None
) -> ScanAnswer:
    """Answer with the part of each estimate that the conditions of this scan make.

    Trial types that are no cells, and trials of no level of some factor, have columns and enter no estimate. With a
    seed the columns of conditions are their products with its course, which needs the atlas.

    Raises:
        DataError: signals that are missing.
        DesignError: too few degrees of freedom are left.
    """
    keep, regressors = removed_of(scan, nuisance, drift=False)
    columns = model_columns(regressors, keep)
    events = model_events(scan, maps)
    present = frozenset(events["trial_type"])
    parts = {each.label: {one: weight for one, weight in each.weights.items() if one in present} for each in wanted}
    weights = {name: _column_weights(part, maps, scan.series.tr_s) for name, part in parts.items() if part}
    if maps.beta_series != "none" and len(events):
        assert atlas is not None
        return _answer_series(scan, maps, nuisance, parts, atlas)
    if maps.seed and len(events):
        assert atlas is not None
        seeds = _seed_columns(scan, maps, nuisance, events, atlas)
        columns = Regressors(values=np.hstack([seeds.values, columns.values]), names=(*seeds.names, *columns.names))
        events = events[:0]
    smoothed, unsmoothed = (
        {
            name: (frozenset(parts[name]), Estimate(effect=estimate.effect, variance=estimate.variance))
            for name, estimate in fit_first_level(
                scan.series,
                events,
                weights,
                mask=scan.mask,
                hrf=maps.hrf,
                noise=maps.noise,
                drift_period_s=nuisance.drift_period_s,
                fwhm_mm=fwhm_mm,
                fir_s=maps.fir_s,
                nuisance=columns,
                min_df=nuisance.min_residual_df,
            ).items()
        }
        if fwhm_mm is not None
        else None
        for fwhm_mm in (maps.smoothing_fwhm_mm, 0.0 if maps.unsmoothed else None)
    )
    assert smoothed is not None
    return ScanAnswer(
        trials=scan.trials,
        smoothed=smoothed,
        unsmoothed=unsmoothed,
        course=None,
        quality=quality_row(scan, nuisance, keep, columns),
    )


def _answer_series(
    scan: ScanAtWork, maps: Glm, nuisance: Nuisance, parts: Mapping[str, Mapping[str, float]], atlas: Atlas
) -> ScanAnswer:
    """Answer with the correlation of each voxel with a seed, the mean of its voxels before smoothing, over trials.

    Raises:
        DesignError: a cell with too few trials, or trials that the scan tells nothing of.
    """
    assert maps.beta_series != "none"
    keep, regressors = removed_of(scan, nuisance, drift=False)
    events, columns = model_events(scan, maps), model_columns(regressors, keep)
    label = seed_labels((maps.seed,), scan, atlas)[0]
    respond = partial(
        trial_responses,
        scan.series,
        events,
        mask=scan.mask,
        hrf=maps.hrf,
        method=maps.beta_series,
        drift_period_s=nuisance.drift_period_s,
        nuisance=columns,
    )
    plain, weights = respond(), {name: part for name, part in parts.items() if part}
    seed, conditions = np.nanmean(plain[:, atlas.labels[scan.mask] == label], axis=1), tuple(events["trial_type"])
    smoothed, unsmoothed = (
        {
            name: (frozenset(parts[name]), estimate)
            for name, estimate in seed_series(responses, seed, conditions, weights).items()
        }
        if responses is not None
        else None
        for responses in (
            respond(fwhm_mm=maps.smoothing_fwhm_mm) if maps.smoothing_fwhm_mm else plain,
            plain if maps.unsmoothed else None,
        )
    )
    assert smoothed is not None
    quality = quality_row(scan, nuisance, keep, columns)
    return ScanAnswer(trials=scan.trials, smoothed=smoothed, unsmoothed=unsmoothed, course=None, quality=quality)


def _seed_columns(scan: ScanAtWork, maps: Glm, nuisance: Nuisance, events: pd.DataFrame, atlas: Atlas) -> Regressors:
    """Return the products of a seed's course (SD 1) with each condition, by its name, then conditions and course."""
    keep, regressors = removed_of(scan, nuisance)
    course = regress(seed_courses(scan, (maps.seed,), atlas), regressors, keep=keep).data[keep]
    course = (course - course.mean()) / course.std()
    n, tr_s, names = len(keep), scan.series.tr_s, list(dict.fromkeys(events["trial_type"]))
    design = design_matrix(events, n_volumes=n, tr_s=tr_s, hrf=maps.hrf, drift_period_s=None)[names].to_numpy()
    neural = neural_conditions(events, names, n_volumes=n, tr_s=tr_s, hrf=maps.hrf) if maps.deconvolve else None
    values = np.zeros((n, 2 * len(names) + 1))
    values[keep] = np.hstack([next(course_products(course, design, keep, neural)), design[keep], course])
    return Regressors(values=values, names=(*names, *(f"during__{name}" for name in names), f"course__{maps.seed}"))


def answer_seed(scan: ScanAtWork, maps: Seed, nuisance: Nuisance, atlas: Atlas) -> ScanAnswer:
    """Answer with Fisher's z of the correlation of each voxel with the mean of each seed, after nuisance regression.

    Its variance, 1 / (df - 2) with df degrees of freedom left, takes volumes as independent draws.

    Raises:
        DataError: a seed that the atlas does not have, signals that are missing, too few degrees of freedom.
    """
    keep, regressors = removed_of(scan, nuisance)
    means = regress(seed_courses(scan, maps.seeds, atlas), regressors, keep=keep).data[keep]
    cleaned = regress(scan.series.within(scan.mask), regressors, keep=keep, min_df=max(nuisance.min_residual_df, 3))
    voxel_mm = scan.series.grid.voxel_mm
    answers = []
    for fwhm_mm in (maps.smoothing_fwhm_mm, *([0.0] if maps.unsmoothed else [])):
        data = smooth_in_mask(cleaned.data, scan.mask, fwhm_mm=fwhm_mm, voxel_mm=voxel_mm)[keep]
        z = fisher_z(data, means)
        variance = np.full(z.shape[1], 1 / (cleaned.residual_df - 2))
        answers.append(
            {
                seed: (frozenset([seed]), Estimate(effect=row, variance=np.where(np.isfinite(row), variance, np.nan)))
                for seed, row in zip(maps.seeds, z, strict=True)
            }
        )
    quality = quality_row(scan, nuisance, keep, regressors) | {"residual_df": cleaned.residual_df}
    return ScanAnswer(
        trials=scan.trials,
        smoothed=answers[0],
        unsmoothed=answers[1] if maps.unsmoothed else None,
        course=None,
        quality=quality,
    )


def combined_runs(answers: Sequence[ScanAnswer], wanted: Sequence[Estimated], *, smoothed: bool) -> dict[str, Estimate]:
    """Combine by fixed effects what the scans of a session say of each estimate; `runs_of` tells which enter.

    Args:
        answers: of the scans.
        wanted: the estimates; those that no scan says anything of are left out.
        smoothed: which of the two.
    """
    estimates = [answer.smoothed if smoothed else answer.unsmoothed for answer in answers]
    parts = [each for each in estimates if isinstance(each, dict)]
    combined = {}
    for each in wanted:
        there = [part[each.label] for part in parts if each.label in part]
        used = runs_of(each.weights, [conditions for conditions, _ in there])
        if any(used):
            combined[each.label] = over_runs(each.label, [part for part, uses in zip(there, used, strict=True) if uses])
    return combined


def model_events(scan: ScanAtWork, maps: Glm | BetaSeries | Ppi) -> pd.DataFrame:
    """Return the events of a scan's model: cells, what is no cell, and slopes of measures within cells.

    A measure is centered in each cell of the scan; a trial without a value counts as the mean. Columns are onset,
    duration (s), trial_type and modulation, NaN but in slopes.
    """
    rows = scan.trials
    times = rows[["onset_s", "duration_s"]].set_axis(["onset", "duration"], axis=1)
    cells = times.assign(trial_type=conditions_of(rows, maps), modulation=np.nan)
    others = scan.others.assign(
        trial_type=[other_condition(name) for name in scan.others["trial_type"]], modulation=np.nan
    )
    slopes = []
    for measure in getattr(maps, "modulators", ()):
        for name, trials in cells.groupby("trial_type", sort=False):
            values = rows.loc[trials.index, measure]
            centered = (values - values.mean()).fillna(0.0)
            if values.nunique() > 1:
                slopes.append(trials.assign(trial_type=slope(str(name), measure), modulation=centered))
    parts = [part for part in (cells, others, *slopes) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else cells


def _column_weights(part: Mapping[str, float], maps: Glm, tr_s: float) -> Mapping[str, float]:
    """Return the weights of columns: of a finite impulse response the mean of those in its window."""
    if maps.hrf != "fir":
        return part
    start, stop = maps.window_s
    weights: dict[str, float] = {}
    for name, weight in part.items():
        steps = fir_names(name, tr_s=tr_s, fir_s=maps.fir_s)
        inside = [step for number, step in enumerate(steps) if start <= number * tr_s < stop]
        weights |= dict.fromkeys(inside, weight / max(len(inside), 1))
    return weights


def removed_of(scan: ScanAtWork, nuisance: Nuisance, *, drift: bool = True) -> tuple[Bool[Array, "volume"], Regressors]:
    """Return the volumes of a scan that count, and what is removed from it."""
    keep = counted_volumes(scan.series, scan.signals, nuisance, scan.mask)
    return keep, removed_signals(scan.series, scan.signals, nuisance, keep, drift=drift)


def quality_row(
    scan: ScanAtWork, nuisance: Nuisance, keep: Bool[Array, "volume"], regressors: Regressors
) -> dict[str, object]:
    """Return the numbers of a scan's quality; the kind of map may know more."""
    inside = scan.series.within(scan.mask)
    quality = scan_quality(inside)
    moved = displacement(scan.signals)
    spent = int(np.linalg.matrix_rank(np.column_stack([np.ones(len(keep)), regressors.values])))
    return {
        "session": scan.files.session,
        "run": scan.files.run,
        "volumes": len(keep),
        "tsnr": quality.tsnr_median,
        "dvars": float(np.median(quality.dvars_percent)),
        "framewise_displacement": np.nan if moved is None or not np.isfinite(moved).any() else float(np.nanmean(moved)),
        "censored": int((~keep).sum()),
        "regressors": len(regressors.names),
        "residual_df": len(keep) - spent,
        "dropped": "none",
        "unusable_voxels": int((inside.mean(axis=0) <= 0).sum()),
        "trials": len(scan.trials),
        "covered": scan.values.covered,
        "volumes_hashed": " ".join(scan.values.volumes),
    }
