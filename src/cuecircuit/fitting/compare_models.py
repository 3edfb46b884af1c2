"""Models of self-administration fitted to sessions, compared on what was held out, and drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import cuecircuit
from cuecircuit.arrays import Array, Bool
from cuecircuit.behavior.fit_elimination import EliminationProfile, elimination_profile
from cuecircuit.behavior.fit_intervals import AnimalIntervals, FitSession, animal_intervals, response_of
from cuecircuit.behavior.fit_models import MODELS, ModelName
from cuecircuit.behavior.fit_population import (
    day_sd,
    difference,
    every_nth,
    fit_model,
    held_out,
    last_sessions,
    rescaled,
    session_scales,
)
from cuecircuit.errors import DataError
from cuecircuit.fitting import fit_tables as tables
from cuecircuit.fitting.fit_figures import draw_fits
from cuecircuit.fitting.fit_page import FIT_PAGE, fit_content
from cuecircuit.fitting.fit_source import DrugChoice, FitSource, read_source
from cuecircuit.fitting.fit_tables import Fits
from cuecircuit.io.atomic import replacing
from cuecircuit.io.lock import writing
from cuecircuit.io.tables import write_json, write_table
from cuecircuit.pipeline.progress import say
from cuecircuit.report.page import render

FEWEST_INFUSIONS = 5
"""Animals with fewer in all their sessions are left out: they have no distribution of intervals (assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitChoices:
    """What `cuecircuit fit` does; `hold_out` is last:N (sessions), every:N (intervals) or none."""

    drug: DrugChoice
    experiment: str | None = None
    timeout_s: float | None = None
    models: tuple[ModelName, ...] = tuple(MODELS)
    hold_out: str = "last:2"
    elimination: bool = False
    seed: int = 0


@writing
def fit_sessions(source: Path, out: Path, choices: FitChoices) -> pd.DataFrame:
    """Fit, compare, and write tables and figures into OUT; gives the comparison.

    Args:
        source: a study file, or the folder (or a table) that `cuecircuit sessions` wrote.
        out: the folder for the tables; other files in it stay.
        choices: what to do.

    Raises:
        DataError: nothing to fit, times at fault, too few sessions to hold any out, fewer than two animals.
        StudyError: a study file at fault, a drug of which nothing is known, or a half-life that is not above 0.
    """
    step = _hold_out(choices.hold_out)
    source_sessions = read_source(source, choices.drug, experiment=choices.experiment, timeout_s=choices.timeout_s)
    kept = _enough(source_sessions)
    seconds = _longest(kept)
    response = response_of(source_sessions.kinetics, seconds)
    animals = _intervals(kept, source_sessions, response)
    fits = _fitted(animals, choices, step)
    comparison = _comparison(fits, choices.seed)
    followed = next((name for name in comparison["model"] if MODELS[name].grows == "threshold"), None)
    profile = None
    if choices.elimination and followed is not None:
        say(f"fit: half-lives of {followed}")
        profile = elimination_profile(
            MODELS[followed],
            list(kept.values()),
            doses_mg_kg=[source_sessions.doses[subject] for subject in kept],
            kinetics=source_sessions.kinetics,
            seconds=seconds,
        )
    written = _write(out, source_sessions, kept, fits, comparison, followed, profile)
    settings = {"version": cuecircuit.__version__, **asdict(choices), "kinetics": asdict(source_sessions.kinetics)}
    left_out = [subject for subject in source_sessions.sessions if subject not in kept]
    settings |= {"animals": list(kept), "left_out": left_out, "thresholds": followed}
    write_json(out / "settings.json", settings)
    draw_fits(out, fits, kept, source_sessions.doses, written, response=response, seed=choices.seed)
    with replacing(out / FIT_PAGE) as new:
        new.write_text(render(fit_content(out, source_sessions, written, settings)), encoding="utf-8")
    return comparison


def _hold_out(text: str) -> tuple[str, int]:
    kind, _, number = text.partition(":")
    if text == "none":
        return "none", 0
    if kind not in ("last", "every") or not number.isdigit() or int(number) < (2 if kind == "every" else 1):
        raise DataError(
            f"--hold-out '{text}'; expected last:N (the last N sessions of each animal), every:N (each N-th interval, "
            "N from 2) or none"
        )
    return kind, int(number)


def _enough(found: FitSource) -> dict[str, list[FitSession]]:
    """Animals with infusions enough; the others are named."""
    total = {subject: sum(s.infusions_s.size for s in of_subject) for subject, of_subject in found.sessions.items()}
    for subject, count in total.items():
        if count < FEWEST_INFUSIONS:
            say(f"fit: {subject} left out: {count} infusions, fewer than {FEWEST_INFUSIONS}")
    kept = {
        subject: sessions_of for subject, sessions_of in found.sessions.items() if total[subject] >= FEWEST_INFUSIONS
    }
    if len(kept) < 2:
        raise DataError(
            f"{len(kept)} animal with {FEWEST_INFUSIONS} infusions or more; a population needs two animals or more"
        )
    return kept


def _longest(sessions: Mapping[str, Sequence[FitSession]]) -> int:
    ends = [
        s.duration_s or float(s.infusions_s.max(initial=0.0)) for of_subject in sessions.values() for s in of_subject
    ]
    return int(np.ceil(max(ends))) + 1


def _intervals(
    kept: Mapping[str, Sequence[FitSession]], found: FitSource, response: np.ndarray
) -> tuple[AnimalIntervals, ...]:
    animals, faults = [], []
    for subject, of_subject in kept.items():
        try:
            animals.append(animal_intervals(of_subject, dose_mg_kg=found.doses[subject], response=response))
        except DataError as error:
            faults += error.faults
    DataError.raise_any(faults)
    return tuple(animals)


def _fitted(animals: tuple[AnimalIntervals, ...], choices: FitChoices, step: tuple[str, int]) -> Fits:
    kind, number = step
    out = [_held_out_of(animal, kind, number) for animal in animals]
    short = [
        f"subject '{animal.subject}': {int(animal.session[-1]) + 1} session"
        for animal, held in zip(animals, out, strict=True)
        if kind != "none" and (held.all() or not held.any())
    ]
    if short:
        raise DataError(
            [f"{one}; too few for --hold-out {kind}:{number}" for one in short]
            + ["hold out intervals instead of sessions (--hold-out every:3), or nothing (--hold-out none)"]
        )
    train = [animal.chosen(~held) for animal, held in zip(animals, out, strict=True)]
    test = [animal.chosen(held) for animal, held in zip(animals, out, strict=True)]
    fits, scores, days = {}, {}, {}
    for name in choices.models:
        say(f"fit: {name}")
        fits[name] = fit_model(MODELS[name], animals)
        if kind != "none":
            seen = fit_model(MODELS[name], train)
            days[name] = day_sd(session_scales(seen, train)) if kind == "last" else 0.0
            scores[name] = held_out(seen, test, day_sd=days[name])
    return Fits(animals=animals, fits=fits, scores=scores, day_sd=days)


def _held_out_of(animal: AnimalIntervals, kind: str, number: int) -> Bool[Array, "interval"]:
    if kind == "last":
        return last_sessions(animal, number)
    return every_nth(animal, number) if kind == "every" else np.zeros(animal.session.size, bool)


def _comparison(fits: Fits, seed: int) -> pd.DataFrame:
    """One row per model, the best first: by what it predicted, or by its marginal likelihood where nothing was."""
    by = {name: score.per_interval for name, score in fits.scores.items()}
    by = by or {name: fit.found.log_marginal for name, fit in fits.fits.items()}
    order = sorted(by, key=lambda name: -by[name])
    rows = []
    for name in order:
        fit = fits.fits[name]
        row: dict[str, object] = {"model": name, "parameters": len(fit.parameters), "animals": len(fit.subjects)}
        if fits.scores:
            scores, best = fits.scores[name], fits.scores[order[0]]
            # the same animals are drawn for every model
            gain = difference(scores, best, rng=np.random.default_rng(seed))
            row |= {
                "intervals": int(scores.intervals.sum()),
                "log_score": scores.per_interval,
                "difference": gain.estimate,
                "low": gain.low,
                "high": gain.high,
                "animals_above": gain.share,
                "day_sd": fits.day_sd[name],
            }
        check = rescaled(fit, fits.animals)
        row |= {"log_marginal": fit.found.log_marginal, "ks_distance": check.distance, "ks_p": check.p}
        rows.append(row | {"converged": fit.found.converged})
    return tables.frame(rows, tables.COMPARISON_COLUMNS)


def _write(
    out: Path,
    found: FitSource,
    kept: Mapping[str, Sequence[FitSession]],
    fits: Fits,
    comparison: pd.DataFrame,
    followed: ModelName | None,
    profile: EliminationProfile | None,
) -> dict[str, pd.DataFrame]:
    parameters = [row for fit in fits.fits.values() for row in tables.parameter_rows(fit, found.groups)]
    population = [row for fit in fits.fits.values() for row in tables.population_rows(fit)]
    rows = {
        "parameters": (parameters, tables.PARAMETER_COLUMNS),
        "population": (population, tables.POPULATION_COLUMNS),
    }
    if followed is not None:
        starts = {subject: [session.start for session in of_subject] for subject, of_subject in kept.items()}
        scale_rows = session_scales(fits.fits[followed], fits.animals)
        thresholds = list(tables.threshold_rows(followed, scale_rows, starts))
        rows["thresholds"] = (thresholds, tables.THRESHOLD_COLUMNS)
    if profile is not None:
        rows["elimination"] = (list(tables.elimination_rows(profile)), tables.ELIMINATION_COLUMNS)
    written = {name: tables.frame(entries, columns) for name, (entries, columns) in rows.items()} | {
        "comparison": comparison
    }
    notes = {name: columns for name, (_, columns) in rows.items()} | {"comparison": tables.COMPARISON_COLUMNS}
    for name, table in written.items():
        write_table(out / f"{name}.tsv", table, notes[name])
    return written
