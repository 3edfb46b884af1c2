"""Densities of intervals: closed forms, scipy's distributions, the equation of Tsibulsky and Norman, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.behavior.fit_intervals import AnimalIntervals, FitSession, animal_intervals, response_of
from cuecircuit.behavior.fit_models import MODELS, ModelName, interval_density, typical
from cuecircuit.behavior.pharmacokinetics import kinetics_of

DOSE, HALF_LIFE = 0.5, 20.0
RESPONSE = response_of(kinetics_of("x", half_life_min=HALF_LIFE), 4 * 3600)
NATURAL: dict[ModelName, list[float]] = {
    "poisson": [0.05],
    "gamma": [0.05, 2.5],
    "drift": [0.05, 0.3],
    "satiety": [0.3, 0.8, 0.15],
    "priming": [0.3, 0.8, 0.15, 0.3, 20.0],
    "homeostatic": [0.3, 0.8, 0.1],
    "bouts": [0.05, 0.3, 0.5],
    "lapses": [0.3, 0.8, 0.15, 0.2, 0.02],
}


def estimates(name: ModelName, growth: float | None = None) -> np.ndarray:
    own = [p.estimated(value) for p, value in zip(MODELS[name].parameters, NATURAL[name], strict=True)]
    return np.array(own if growth is None else [*own, growth])


def animal(*times: list[float], hours: float = 4.0) -> AnimalIntervals:
    sessions = [
        FitSession(subject="rat", start="1", infusions_s=np.array(own), duration_s=3600 * hours, timeout_s=20.0)
        for own in times
    ]
    return animal_intervals(sessions, dose_mg_kg=DOSE, response=RESPONSE)


RAT = animal([60.0, 200.0, 500.0, 1900.0, 2500.0, 9000.0], [300.0, 1700.0])


def test_satiety_with_one_compartment_has_the_closed_form():
    fastest, threshold, width = NATURAL["satiety"]
    k, times = np.log(2) / HALF_LIFE, np.array([60.0, 200.0, 500.0, 1900.0, 2500.0, 9000.0]) / 60
    rat = animal((60 * times).tolist())

    found = interval_density(MODELS["satiety"], estimates("satiety"), rat)

    starts = np.append(0, times + 20 / 60)
    ends = np.append(times + 0.5 / 60, 240.0)
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        level = DOSE * np.exp(-k * (start - times[:number])).sum()
        c = (level / threshold) ** (1 / width)
        total = fastest * width / k * np.log((np.exp(k * (end - start) / width) + c) / (1 + c))
        # three-point rule on pieces of 120 s
        assert found.integral[number] == pytest.approx(total, rel=1e-4)
        if number < len(times):
            here = DOSE * np.exp(-k * (times[number] - times[:number])).sum()
            rate = fastest / (1 + (here / threshold) ** (1 / width))
            assert found.log_density[number] == pytest.approx(np.log(rate) - total, rel=1e-4)


def test_the_likeliest_steady_interval_is_that_of_tsibulsky_and_norman_less_what_the_softness_takes():
    fastest, width, k = 20.0, 0.01, np.log(2) / HALF_LIFE
    interval = 60 * HALF_LIFE / np.log(2) * np.log1p(DOSE / 1.0)  # Tsibulsky and Norman 1999
    # eighteen intervals bring the level before an infusion to within .1 % of the threshold of 1
    steady = np.arange(18) * interval
    lags = np.arange(0.85 * interval, 1.1 * interval, 5.0)

    density = [
        interval_density(MODELS["satiety"], np.log([fastest, 1.0, width]), animal([*steady, steady[-1] + lag]))
        for lag in lags
    ]

    # far below the fastest rate the level's logarithm is Gumbel: its mode is where fastest · width/k · e^(…) is 1
    mode = interval - 60 * width / k * np.log(fastest * width / k)
    found = lags[int(np.argmax([each.log_density[18] for each in density]))]
    # lags are 5 s apart, and .1 % of the level is 2 s
    assert found == pytest.approx(mode, abs=8.0)


def test_poisson_and_gamma_are_scipys():
    x, cut = RAT.live_min[RAT.observed], RAT.live_min[~RAT.observed]
    rate, shape = NATURAL["gamma"]
    for name, law in (("poisson", stats.expon(scale=1 / 0.05)), ("gamma", stats.gamma(shape, scale=1 / rate / shape))):
        found = interval_density(MODELS[name], estimates(name), RAT).log_density
        np.testing.assert_allclose(found[RAT.observed], law.logpdf(x), rtol=1e-12)
        np.testing.assert_allclose(found[~RAT.observed], law.logsf(cut), rtol=1e-12)


def test_a_gamma_survival_too_small_for_a_double_is_still_a_number():
    found = interval_density(MODELS["gamma"], np.log([20.0, 0.7]), animal([], hours=4.0))

    # asymptotic: Γ(a, x) → x^(a−1) e^(−x); x = 20 · .7 · 240
    x = 20 * 0.7 * 240
    assert found.log_density[0] == pytest.approx(-x - 0.3 * np.log(x) - np.log(1.2980553326475577), rel=1e-9)


def test_drift_integrates_its_exponential():
    rate, slope = NATURAL["drift"]
    found = interval_density(MODELS["drift"], estimates("drift"), animal([7200.0]))

    after = (7220.0 / 3600, 4.0)
    total = rate * 60 / slope * (np.exp(slope * after[1]) - np.exp(slope * after[0]))
    assert found.integral[1] == pytest.approx(total, rel=1e-9)
    assert found.log_density[0] == pytest.approx(np.log(rate) + 2 * slope - found.integral[0], rel=1e-9)


def test_bouts_are_a_mixture_of_two_exponentials():
    rate, share, other = NATURAL["bouts"]
    found = interval_density(MODELS["bouts"], estimates("bouts"), RAT).log_density

    x = RAT.live_min
    density = np.where(
        RAT.observed,
        (1 - share) * rate * np.exp(-rate * x) + share * other * np.exp(-other * x),
        (1 - share) * np.exp(-rate * x) + share * np.exp(-other * x),
    )
    np.testing.assert_allclose(found, np.log(density), rtol=1e-10)


@pytest.mark.parametrize("name", list(MODELS))
def test_the_density_of_the_next_infusion_integrates_to_the_chance_that_it_comes(name: ModelName):
    # over four hours after two infusions: Σ f over them + the survival of the end is 1
    grid = np.arange(520.0, 14_400.0, 40.0)
    density = [interval_density(MODELS[name], estimates(name), animal([100.0, 500.0, t])).log_density[2] for t in grid]
    survival = interval_density(MODELS[name], estimates(name), animal([100.0, 500.0])).log_density[2]

    # trapezia of 40 s over an interval that begins at half a second
    total = np.trapezoid(np.exp(density), grid / 60) + np.exp(survival)
    assert total == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("name", list(MODELS))
def test_growth_of_nothing_changes_nothing_and_growth_moves_later_sessions_alone(name: ModelName):
    without, still, risen = (
        interval_density(MODELS[name], estimates(name, growth), RAT).log_density for growth in (None, 0.0, 0.3)
    )

    np.testing.assert_array_equal(without, still)
    np.testing.assert_array_equal(risen[RAT.session == 0], still[RAT.session == 0])
    assert (risen[RAT.session == 1] != still[RAT.session == 1]).any()


def test_without_lapses_and_far_above_every_level_models_reduce_to_the_simpler_ones():
    poisson = interval_density(MODELS["poisson"], np.log([0.3]), RAT).log_density
    sated_never = interval_density(MODELS["satiety"], np.log([0.3, 1e6, 0.1]), RAT).log_density
    satiety = interval_density(MODELS["satiety"], estimates("satiety"), RAT).log_density
    lapses = interval_density(MODELS["lapses"], np.append(estimates("satiety"), [-29.0, 0.0]), RAT).log_density
    unprimed = interval_density(MODELS["priming"], np.append(estimates("satiety"), [-29.0, 9.0]), RAT).log_density

    np.testing.assert_allclose(sated_never, poisson, rtol=1e-9)
    np.testing.assert_allclose(lapses, satiety, rtol=1e-9)
    np.testing.assert_allclose(unprimed, satiety, rtol=1e-3)


@settings(max_examples=20)
@given(factor=st.floats(0.1, 10.0))
def test_units_of_the_dose_do_not_matter(factor: float):
    scaled = AnimalIntervals(
        **{name: getattr(RAT, name) for name in AnimalIntervals.__dataclass_fields__}
        | {"level": factor * RAT.level, "unit": factor * RAT.unit}
    )
    for name in ("satiety", "priming", "homeostatic", "lapses"):
        own = estimates(name)
        moved = own + np.log(factor) * np.array([p.name == "threshold" for p in MODELS[name].parameters])
        one, other = (interval_density(MODELS[name], x, a).log_density for x, a in ((own, RAT), (moved, scaled)))
        np.testing.assert_allclose(one, other, rtol=1e-7)


@pytest.mark.parametrize("name", list(MODELS))
def test_estimates_far_out_are_still_numbers(name: ModelName):
    for far in (-500.0, 500.0):
        found = interval_density(MODELS[name], np.full(len(estimates(name)), far), RAT)
        assert not np.isnan(found.log_density).any()


def test_centers_of_the_wide_prior_come_from_the_data_where_they_have_none_of_their_own():
    rate, threshold, width = MODELS["poisson"].parameters[0], *MODELS["satiety"].parameters[1:]

    assert typical(rate, [RAT]) == pytest.approx(8 / RAT.live_min.sum())
    levels = RAT.level[(RAT.weight == 0) & (RAT.level > 0)]
    assert typical(threshold, [RAT]) == pytest.approx(np.median(levels))
    assert typical(width, [RAT]) == width.center
