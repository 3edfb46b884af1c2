import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from cuecircuit.behavior.pharmacokinetics import KINETICS, drug_level
from cuecircuit.generators import animal_kernel as kernel
from cuecircuit.generators.animal_kernel import RECORD, REST_S, STEP_S, Rule
from cuecircuit.generators.animals import body_of, drug_flows, peak_level
from cuecircuit.generators.parameters import PARAMETERS

OWN = {parameter.name: parameter.value for parameter in PARAMETERS}
STEP, MINUTE = expm(drug_flows(OWN) * STEP_S), expm(drug_flows(OWN) * REST_S)
BODY = body_of(OWN, 0.06 * peak_level(STEP))
RULE = Rule(
    live=3600,
    rewarded=True,
    infusion_mg_kg=0.06,
    timeout=20,
    injection=-1,
    naloxone_mg_kg=0.0,
    odor_on=3600,
    odor_off=3600,
    odor_value=0.0,
    medicine=0.0,
    efficacy=0.0,
)


def animal(**values: float) -> np.ndarray:
    state = np.zeros(kernel.STATES)
    state[kernel.OUTCOME] = 1.0
    for name, value in values.items():
        state[getattr(kernel, name.upper())] = value
    return state


def session(state, *, body=BODY, seed=0, seconds=3600, **rule):
    uniform = np.random.default_rng(seed).random(seconds // STEP_S)
    return kernel.live_session(state, body, RULE._replace(**rule), STEP, uniform)


def column(record: np.ndarray, name: str) -> np.ndarray:
    return record[:, RECORD.index(name)]


def test_the_level_in_the_brain_is_that_of_the_closed_form():
    _, infusion, record, _ = session(animal())
    assert infusion.size > 2
    # a press in one step moves from the next one on; the record stands at the end of the first step of each minute
    times = 60.0 * np.arange(len(record)) + STEP_S
    expected = drug_level(times, infusion + STEP_S, dose_mg_kg=0.06, kinetics=KINETICS["heroin"]).effect
    # sums of some hundred steps in double precision
    assert column(record, "agonist") == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_ligands_compete_as_gaddum_says():
    _, _, record, _ = session(animal(), injection=600, naloxone_mg_kg=0.12, medicine=2.0, efficacy=0.4)
    times = 60.0 * np.arange(len(record)) + STEP_S
    agonist = column(record, "agonist") / BODY.agonist_half
    naloxone = drug_level(times, np.array([600.0]), dose_mg_kg=0.12, kinetics=KINETICS["naloxone"]).effect
    expected = (agonist + 0.8) / (1 + agonist + naloxone / BODY.naloxone_half + 2.0)
    assert column(record, "effect") == pytest.approx(expected, rel=1e-9)


@given(st.floats(0, 5), st.floats(0, 5), st.floats(0, 1), st.floats(0, 1))
def test_an_effect_is_between_none_and_full_and_an_antagonist_never_adds_to_it(agonist, medicine, efficacy, naloxone):
    free = kernel.effect(animal(brain=agonist), BODY, medicine, efficacy)
    blocked = kernel.effect(animal(brain=agonist, naloxone=naloxone), BODY, medicine, efficacy)
    assert 0 <= blocked <= free < 1


def test_infusions_are_a_time_out_apart_and_each_has_its_press():
    active, infusion, _, _ = session(animal(), seconds=6 * 3600, live=6 * 3600)
    assert np.diff(infusion).min() >= 20
    assert set(infusion) <= set(active)


def test_the_opponent_process_is_lost_in_hours_and_its_strength_with_the_published_half_life():
    state = animal(opponent=0.3, strength=0.5)
    kernel.rest(state, BODY._replace(growth_use=0.0, growth_withdrawal=0.0), MINUTE, 24 * 60, 0.0, 0.0)
    # steps of a minute: the error of Euler's rule is half a step over the time constant
    assert state[kernel.OPPONENT] == pytest.approx(0.3 * np.exp(-24 / OWN["opponent_hours"]), rel=2e-3)
    assert state[kernel.STRENGTH] == pytest.approx(0.5 * 2 ** (-1 / OWN["strength_half_life"]), rel=1e-4)


def test_the_opponent_process_settles_below_the_effect_that_it_opposes():
    state = animal(strength=1.0)
    kernel.rest(state, BODY, MINUTE, 14 * 24 * 60, 1.0, 1.0)
    settled = 0.5 * OWN["opponent_gain"] * (OWN["innate"] + state[kernel.STRENGTH])
    assert state[kernel.OPPONENT] == pytest.approx(settled, rel=0.02)
    # else no dose of a full agonist could relieve for long
    assert settled < 0.5


def test_withdrawal_needs_both_an_opponent_process_and_a_missing_drug():
    how = {"injection": 1800, "naloxone_mg_kg": 0.12}
    naive, dependent = (session(animal(opponent=b), **how)[2] for b in (0.0, 0.15))
    kept = session(animal(opponent=0.15), medicine=1.0, efficacy=1.0)[2]
    assert not column(naive, "withdrawal").any()
    assert column(dependent, "withdrawal").max() > 0.1
    assert column(kept, "withdrawal").max() == 0


def test_the_value_of_an_odor_is_felt_as_withdrawal_is():
    def presses(value: float, body: kernel.Body = BODY) -> int:
        how = {"rewarded": False, "odor_on": 0, "odor_off": 3600, "odor_value": value, "body": body}
        return sum(session(animal(outcome=0.1, relief=0.9), seed=seed, **how)[0].size for seed in range(20))

    assert presses(0.05) > 2 * presses(0.0)
    assert presses(0.05, BODY._replace(felt=0.0)) == presses(0.0)


def test_the_peak_of_withdrawal_and_the_fall_of_the_effect_are_those_of_the_odor_alone():
    odor = {"odor_on": 1800, "odor_off": 3600, "injection": 1800, "naloxone_mg_kg": 0.5}
    state = animal(opponent=0.2, morphine=0.5)
    _, _, record, (missing, withdrawal) = session(state, body=BODY._replace(fastest=0.0), **odor)
    assert withdrawal == pytest.approx(column(record, "withdrawal")[30:].max(), rel=0.02)
    effect = column(record, "effect")
    assert missing == pytest.approx(effect[30] - effect[30:].min(), rel=0.1, abs=1e-6)
    assert not session(animal(opponent=0.2))[3].any()


def test_presses_without_drug_die_out_and_relief_that_was_learned_resists():
    def presses(relief: float, opponent: float) -> np.ndarray:
        state = animal(relief=relief, opponent=opponent)
        return np.array([session(state, rewarded=False, seed=seed)[0].size for seed in range(6)])

    plain = presses(0.0, 0.0)
    assert plain[0] > 4
    assert plain[3:].sum() < 0.75 * plain[:3].sum()
    assert presses(0.9, 0.15).sum() > 1.5 * plain.sum()


def test_severe_withdrawal_disrupts_pressing():
    mild, severe = (
        session(animal(opponent=b, relief=1.0), rewarded=False, seconds=1800, live=1800)[0].size for b in (0.1, 0.5)
    )
    assert mild > 5
    assert severe == 0
