"""Sessions drawn from a model have its intervals, and a fit finds what they were drawn with."""

import numpy as np
import pytest
from scipy import stats

from cuecircuit.behavior.fit_elimination import elimination_profile
from cuecircuit.behavior.fit_intervals import FitSession, animal_intervals, response_of
from cuecircuit.behavior.fit_models import MODELS, ModelName, interval_density
from cuecircuit.behavior.fit_population import (
    HeldOut,
    day_sd,
    difference,
    every_nth,
    fit_model,
    held_out,
    last_sessions,
    rescaled,
    session_scales,
)
from cuecircuit.behavior.pharmacokinetics import kinetics_of
from cuecircuit.errors import DesignError
from cuecircuit.generators.fit_sessions import simulate_sessions

DRUG, HOURS, DOSE = kinetics_of("x", half_life_min=15.0), 3, 0.5
RESPONSE = response_of(DRUG, 3600 * HOURS)
NATURAL: dict[ModelName, list[float]] = {
    "poisson": [0.15],
    "gamma": [0.15, 3.0],
    "drift": [0.15, 0.3],
    "satiety": [0.6, 1.0, 0.15],
    "priming": [0.6, 1.0, 0.15, 0.3, 10.0],
    "homeostatic": [0.6, 1.0, 0.15],
    "bouts": [0.1, 0.3, 1.5],
    "lapses": [0.6, 1.0, 0.15, 0.2, 0.03],
}


def estimates(name: ModelName, growth: float = 0.0) -> np.ndarray:
    own = [p.estimated(value) for p, value in zip(MODELS[name].parameters, NATURAL[name], strict=True)]
    return np.array([*own, growth])


def lived(name: ModelName, own: np.ndarray, seed: int, *, sessions: int = 4, subject: str = "rat") -> list[FitSession]:
    return simulate_sessions(
        MODELS[name], own, subject=subject, sessions=sessions, duration_s=3600 * HOURS, timeout_s=20,
        dose_mg_kg=DOSE, response=RESPONSE, rng=np.random.default_rng(seed),
    )  # fmt: skip


def cohort(name: ModelName, seed: int, *, n: int = 8, spread: float = 0.3, growth: float = 0.0):
    rng = np.random.default_rng(seed)
    center = estimates(name, growth)
    true = center + spread * rng.standard_normal((n, center.size)) * np.append(np.ones(center.size - 1), 0.1)
    sessions = [lived(name, own, seed + 1000 * k, subject=f"rat{k}") for k, own in enumerate(true)]
    return true, sessions, [animal_intervals(own, dose_mg_kg=DOSE, response=RESPONSE) for own in sessions]


@pytest.mark.parametrize("name", list(MODELS))
def test_intervals_drawn_from_a_model_are_unit_exponential_once_rescaled(name: ModelName):
    own = estimates(name, 0.1)
    animal = animal_intervals(lived(name, own, 1, sessions=12), dose_mg_kg=DOSE, response=RESPONSE)

    found = interval_density(MODELS[name], own, animal)

    assert animal.observed.sum() > 100
    # seconds are whole and intervals cut off are left out: a little less than uniform p
    assert stats.kstest(found.integral[animal.observed], "expon").pvalue > 0.01


def test_a_fit_finds_thresholds_growth_and_population():
    true, _, animals = cohort("satiety", 2, growth=0.08)

    fit = fit_model(MODELS["satiety"], animals)

    at = [parameter.name for parameter in fit.parameters].index("threshold")
    assert np.corrcoef(fit.found.shrunk.mode[:, at], true[:, at])[0, 1] > 0.9
    # four standard errors of eight animals
    assert (np.abs(fit.found.mean - true.mean(axis=0)) < 4 * fit.found.mean_se).all()
    assert rescaled(fit, animals).p > 0.01
    # nothing differs between sessions but the trend
    assert day_sd(session_scales(fit, animals)) < 0.1


@pytest.mark.parametrize(("truth", "rival"), [("satiety", "gamma"), ("gamma", "satiety"), ("bouts", "poisson")])
def test_the_model_that_made_the_data_predicts_held_out_sessions_best(truth: ModelName, rival: ModelName):
    _, _, animals = cohort(truth, 5, n=5)
    kept = [last_sessions(animal, 1) for animal in animals]
    train = [animal.chosen(~held) for animal, held in zip(animals, kept, strict=True)]
    test = [animal.chosen(held) for animal, held in zip(animals, kept, strict=True)]

    scores = {name: held_out(fit_model(MODELS[name], train), test).per_interval for name in (truth, rival)}

    assert scores[truth] > scores[rival]


def test_days_that_differ_are_found_and_make_new_sessions_less_sure():
    rng = np.random.default_rng(7)
    parts = []
    for k in range(5):
        days = [
            lived("satiety", estimates("satiety") + [0, day, 0, 0], 50 * k + number, sessions=1, subject=f"rat{k}")[0]
            for number, day in enumerate(0.4 * rng.standard_normal(6))
        ]
        parts.append(animal_intervals(days, dose_mg_kg=DOSE, response=RESPONSE))

    fit = fit_model(MODELS["satiety"], parts)
    sd = day_sd(session_scales(fit, parts))

    # 30 days less trends of five animals: a standard error of 15 %
    assert sd == pytest.approx(0.4, rel=0.5)
    assert held_out(fit, parts, day_sd=sd).per_interval > held_out(fit, parts, day_sd=0.0).per_interval


def test_a_profile_of_half_lives_has_its_top_near_the_truth_and_thresholds_rise_along_it():
    _, sessions, _ = cohort("satiety", 9, n=4, spread=0.0)

    profile = elimination_profile(
        MODELS["satiety"],
        sessions,
        doses_mg_kg=[DOSE] * 4,
        kinetics=DRUG,
        seconds=3600 * HOURS,
        factors=(0.25, 1.0, 4.0),
    )

    assert int(profile.log_likelihood.sum(axis=0).argmax()) == 1
    assert (np.diff(np.log(profile.threshold).mean(axis=0)) > 0).all()


def test_a_population_of_one_is_refused():
    _, _, animals = cohort("poisson", 1, n=2)
    with pytest.raises(DesignError, match="1 animal; a population needs two or more"):
        fit_model(MODELS["poisson"], animals[:1])


def test_held_out_parts_are_disjoint_and_differences_are_those_of_the_sums():
    _, _, animals = cohort("poisson", 3, n=2)
    assert last_sessions(animals[0], 1).sum() == (animals[0].session == 3).sum()
    assert every_nth(animals[0], 3).sum() == pytest.approx(animals[0].session.size / 3, abs=1)

    one = HeldOut(log_density=np.array([-10.0, -30.0]), intervals=np.array([10.0, 20.0]))
    other = HeldOut(log_density=np.array([-13.0, -36.0]), intervals=np.array([10.0, 20.0]))
    gain = difference(one, other, rng=np.random.default_rng(0))
    assert (gain.estimate, gain.low, gain.high, gain.share) == pytest.approx((0.3, 0.3, 0.3, 1.0))
