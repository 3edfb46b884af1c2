import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from cuecircuit.behavior.pharmacokinetics import KINETICS, drug_level
from cuecircuit.generators import animal_kernel as kernel
from cuecircuit.generators.animal_kernel import RECORD, REST_S, STEP_S, Rule
from cuecircuit.generators.animals import body_of, peak_level
from cuecircuit.generators.parameters import PARAMETERS
from cuecircuit.generators.pharmacology import chemistry, substances

OWN = {parameter.name: parameter.value for parameter in PARAMETERS}
MADE = chemistry(("heroin", "naloxone", "buprenorphine", "methadone", "crf1_antagonist"), OWN)
STEP, MINUTE = expm(MADE.flows * STEP_S), expm(MADE.flows * REST_S)
SITE = dict(zip(MADE.drugs, MADE.ligands[:, 0].astype(int), strict=True))
HALF = dict(zip(MADE.drugs, MADE.ligands[:, 1], strict=True))
BODY = body_of(OWN, MADE)
RULE = Rule(
    live=3600,
    delivers=True,
    taken=0,
    entry=MADE.entries["heroin"],
    dose_mg_kg=0.06,
    unit=0.06 * peak_level(MADE, "heroin"),
    timeout=20,
    ratios=np.ones(1),
    shock_ma=0.0,
    doses=np.empty((0, 3)),
    odor_on=3600,
    odor_off=3600,
    odor_value=0.0,
    context_value=0.0,
    craving=0.0,
)
WITHHELD = {"delivers": False, "taken": -1}


def body(**levels: float) -> np.ndarray:
    """Amounts in which drugs are at their receptors, in units of K, and nowhere else."""
    amounts = np.zeros(len(MADE.flows))
    amounts[0] = 1.0
    for drug, level in levels.items():
        amounts[SITE[drug]] = level * HALF[drug]
    return amounts


def mind(**values: float) -> np.ndarray:
    state = np.zeros(kernel.MIND)
    state[kernel.OUTCOME] = 1.0
    for name, value in values.items():
        state[getattr(kernel, name.upper())] = value
    return state


def injected(second: int, drug: str, dose_mg_kg: float) -> np.ndarray:
    return np.array([[second, MADE.entries[drug], dose_mg_kg]], float)


def session(state, *, amounts=None, parameters=BODY, seed=0, seconds=3600, **rule):
    uniform = np.random.default_rng(seed).random(seconds // STEP_S)
    amounts = body() if amounts is None else amounts
    return kernel.live_session(amounts, state, parameters, RULE._replace(**rule), STEP, uniform)


def effect(amounts: np.ndarray) -> float:
    active, bound, _ = kernel.occupy(amounts, BODY.ligands)
    return active / (1 + bound)


def column(record: np.ndarray, name: str) -> np.ndarray:
    return record[:, RECORD.index(name)]


def test_the_level_in_the_brain_is_that_of_the_closed_form():
    _, infusion, record, _ = session(mind())
    assert infusion.size > 2
    # a press in one step moves from the next one on; the record stands at the end of the first step of each minute
    times = 60.0 * np.arange(len(record)) + STEP_S
    expected = drug_level(times, infusion + STEP_S, dose_mg_kg=0.06, kinetics=KINETICS["heroin"]).effect
    # sums of some hundred steps in double precision
    level = expected / HALF["heroin"]
    assert column(record, "effect") == pytest.approx(level / (1 + level), rel=1e-9, abs=1e-12)


def test_ligands_compete_as_gaddum_says():
    dose = 2.0 * HALF["buprenorphine"] / peak_level(MADE, "buprenorphine") / HALF["buprenorphine"]
    given = np.vstack([injected(0, "buprenorphine", dose), injected(600, "naloxone", 0.12)])
    _, infusion, record, _ = session(mind(), doses=given)
    times = 60.0 * np.arange(len(record)) + STEP_S
    heroin = drug_level(times, infusion + STEP_S, dose_mg_kg=0.06, kinetics=KINETICS["heroin"]).effect / HALF["heroin"]
    naloxone = drug_level(times, np.array([600.0]), dose_mg_kg=0.12, kinetics=KINETICS["naloxone"]).effect
    of = substances()["buprenorphine"]
    up, out = (np.log(2) / (60 * minutes) for minutes in (of.uptake_min, of.half_life_min))
    partial = dose * up / (up - out) * (np.exp(-out * times) - np.exp(-up * times)) / HALF["buprenorphine"]
    expected = (heroin + 0.4 * partial) / (1 + heroin + naloxone / HALF["naloxone"] + partial)
    assert column(record, "effect") == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.floats(0, 5), st.floats(0, 5), st.floats(0, 5))
def test_an_effect_is_between_none_and_full_and_an_antagonist_never_adds_to_it(heroin, buprenorphine, naloxone):
    free = effect(body(heroin=heroin, buprenorphine=buprenorphine))
    blocked = effect(body(heroin=heroin, buprenorphine=buprenorphine, naloxone=naloxone))
    assert 0 <= blocked <= free < 1


def test_a_partial_agonist_adds_to_an_empty_receptor_and_takes_from_a_full_one():
    assert effect(body(buprenorphine=3.0)) > 0.2
    assert effect(body(heroin=9.0, buprenorphine=9.0)) < effect(body(heroin=9.0)) - 0.1


def test_a_pump_comes_to_what_flows_in_over_what_is_lost():
    transfer = expm(MADE.with_pumps({"methadone": 24.0}) * REST_S)
    amounts, calm = body(), mind()
    kernel.rest(amounts, calm, BODY, transfer, 24 * 60)
    # 1 mg/kg an hour, mean life of the half-life over ln 2
    assert amounts[SITE["methadone"]] == pytest.approx(
        substances()["methadone"].half_life_min / 60 / np.log(2), rel=1e-4
    )
    assert amounts[0] == 1


def test_infusions_are_a_time_out_apart_and_each_has_its_press():
    active, infusion, _, _ = session(mind(), seconds=6 * 3600, live=6 * 3600)
    assert np.diff(infusion).min() >= 20
    assert set(infusion) <= set(active)


def test_the_opponent_process_is_lost_in_hours_and_its_strength_with_the_published_half_life():
    state = mind(opponent=0.3, strength=0.5)
    kernel.rest(body(), state, BODY._replace(growth_use=0.0, growth_withdrawal=0.0), MINUTE, 24 * 60)
    # steps of a minute: the error of Euler's rule is half a step over the time constant
    assert state[kernel.OPPONENT] == pytest.approx(0.3 * np.exp(-24 / OWN["opponent_hours"]), rel=2e-3)
    assert state[kernel.STRENGTH] == pytest.approx(0.5 * 2 ** (-1 / OWN["strength_half_life"]), rel=1e-4)


def test_the_opponent_process_settles_below_the_effect_that_it_opposes():
    state = mind(strength=1.0)
    rate = np.log(2) / substances()["methadone"].half_life_min * 60 * 24
    amounts = body(methadone=1.0)
    kernel.rest(amounts, state, BODY, expm(MADE.with_pumps({"methadone": rate}) * REST_S), 14 * 24 * 60)
    assert effect(amounts) == pytest.approx(0.5, rel=1e-3)
    settled = 0.5 * OWN["opponent_gain"] * (OWN["innate"] + state[kernel.STRENGTH])
    assert state[kernel.OPPONENT] == pytest.approx(settled, rel=0.02)
    # else no dose of a full agonist could relieve for long
    assert settled < 0.5


def test_withdrawal_needs_both_an_opponent_process_and_a_missing_drug():
    how = {"doses": injected(1800, "naloxone", 0.12)}
    naive, dependent = (session(mind(opponent=b), **how)[2] for b in (0.0, 0.15))
    kept = session(mind(opponent=0.15), amounts=body(methadone=2.0))[2]
    assert not column(naive, "withdrawal").any()
    assert column(dependent, "withdrawal").max() > 0.1
    assert column(kept, "withdrawal").max() == 0


def test_the_value_of_an_odor_is_felt_as_withdrawal_is():
    def presses(value: float, parameters: kernel.Body = BODY) -> int:
        how = WITHHELD | {"odor_on": 0, "odor_off": 3600, "odor_value": value, "parameters": parameters}
        return sum(session(mind(outcome=0.1, relief=0.9), seed=seed, **how)[0].size for seed in range(20))

    assert presses(0.05) > 2 * presses(0.0)
    assert presses(0.05, BODY._replace(felt=0.0)) == presses(0.0, BODY._replace(felt=0.0))


def test_the_peak_of_withdrawal_and_the_fall_of_the_effect_are_those_of_the_odor_alone():
    odor = {"odor_on": 1800, "odor_off": 3600, "doses": injected(1800, "naloxone", 0.5)}
    amounts = body(methadone=0.5)
    state = mind(opponent=0.4)
    _, _, record, (missing, withdrawal) = session(state, amounts=amounts, parameters=BODY._replace(fastest=0.0), **odor)
    assert withdrawal == pytest.approx(column(record, "withdrawal")[30:].max(), rel=0.02)
    effect = column(record, "effect")
    assert missing == pytest.approx(effect[30] - effect[30:].min(), rel=0.1, abs=1e-6)
    assert not session(mind(opponent=0.2))[3].any()


def test_presses_without_drug_die_out_and_relief_that_was_learned_resists():
    def presses(relief: float, opponent: float) -> np.ndarray:
        state = mind(relief=relief, opponent=opponent)
        return np.array([session(state, **WITHHELD, seed=seed)[0].size for seed in range(6)])

    plain = presses(0.0, 0.0)
    assert plain[0] > 4
    assert plain[3:].sum() < 0.75 * plain[:3].sum()
    assert presses(0.9, 0.15).sum() > 1.5 * plain.sum()


def test_severe_withdrawal_disrupts_pressing():
    mild, severe = (
        session(mind(opponent=b, relief=1.0), **WITHHELD, seconds=1800, live=1800)[0].size for b in (0.1, 0.5)
    )
    assert mild > 5
    assert severe == 0


def test_a_crf1_antagonist_takes_the_sting_of_withdrawal_and_leaves_withdrawal():
    record = [
        session(mind(opponent=0.2), amounts=body(crf1_antagonist=level), parameters=BODY._replace(fastest=0.0))[2]
        for level in (0.0, 3.0)
    ]
    assert column(record[0], "felt")[0] == pytest.approx(-0.2, rel=0.01)
    # three quarters bound, of which .8 of κ
    assert column(record[1], "felt")[0] == pytest.approx(-0.2 * (1 - 0.8 * 0.75), rel=0.01)
    assert column(record[1], "withdrawal") == pytest.approx(column(record[0], "withdrawal"), rel=1e-12)


def test_a_delivery_costs_its_ratio():
    ratios = np.array([1.0, 2.0, 4.0, 6.0])
    active, infusion, _, _ = session(mind(), seconds=8 * 3600, live=8 * 3600, ratios=ratios, timeout=0)
    earned = np.searchsorted(active, infusion) + 1
    assert len(infusion) >= 4
    assert np.diff(earned[:4]).tolist() == [2, 4, 6]
    assert set(np.diff(earned[3:]).tolist()) <= {6}


def test_dear_deliveries_are_given_up_by_an_animal_without_patience():
    def taken(patience: float) -> int:
        how = {"seconds": 6 * 3600, "live": 6 * 3600, "ratios": np.array([8.0]), "timeout": 0}
        own = BODY._replace(patience=patience)
        return sum(session(mind(), parameters=own, seed=seed, **how)[1].size for seed in range(5))

    assert taken(0.6) < 0.5 * taken(1.0)


def test_a_shock_that_is_expected_keeps_animals_from_the_lever():
    def taken(shock_ma: float, pain: float = BODY.pain) -> int:
        own = BODY._replace(pain=pain)
        how = {"seconds": 6 * 3600, "live": 6 * 3600, "shock_ma": shock_ma}
        return sum(session(mind(), parameters=own, seed=seed, **how)[1].size for seed in range(5))

    assert taken(0.5) < 0.7 * taken(0.0)
    assert taken(0.5, pain=0.0) == taken(0.0, pain=0.0)


def ventilation(strength: float, place: float, **levels: float) -> float:
    active, bound, _ = kernel.occupy(body(**levels), BODY.ligands)
    return kernel.ventilate(active, bound, strength, place, BODY)


@pytest.mark.parametrize(("strength", "chemoreflex", "wakefulness"), [(0.0, 2.875, 0.9), (1.0, 4.226, 1.323)])
def test_breathing_has_the_published_exponents_of_naive_and_chronic_users(strength, chemoreflex, wakefulness):
    bound = 0.75
    expected = 1 - 0.4 * bound**wakefulness - 0.6 * bound**chemoreflex
    # Mann et al. 2022 print three decimals
    assert ventilation(strength, 0.0, heroin=3.0) == pytest.approx(expected, abs=2e-4)


@given(st.floats(0, 20), st.floats(0, 1), st.floats(0, 1), st.floats(0, 5))
def test_tolerance_of_both_kinds_and_naloxone_never_harm_breathing(heroin, strength, place, naloxone):
    naive = ventilation(0.0, 0.0, heroin=heroin)
    assert 0 <= naive <= ventilation(strength, 0.0, heroin=heroin) <= ventilation(strength, place, heroin=heroin) <= 1
    assert naive <= ventilation(0.0, 0.0, heroin=heroin, naloxone=naloxone)
    assert ventilation(strength, place) == 1


def test_breathing_under_a_partial_agonist_levels_off():
    levels = [ventilation(0.0, 0.0, buprenorphine=level) for level in (1.0, 10.0, 100.0, 1000.0)]
    assert np.diff(levels).max() < 0
    assert levels[-1] > 0.7
    assert ventilation(0.0, 0.0, heroin=1000.0) < 0.01


def test_abstinence_brings_back_presses_as_long_as_the_lever_promises_something():
    def presses(craving: float, outcome: float) -> int:
        return sum(
            session(mind(relief=0.8, outcome=outcome), seed=seed, craving=craving, **WITHHELD)[0].size
            for seed in range(10)
        )

    assert presses(0.15, 1.0) > 1.3 * presses(0.0, 1.0)
    assert presses(0.15, 0.0) == presses(0.0, 0.0)
