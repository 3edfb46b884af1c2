import numpy as np
import pytest
from scipy.linalg import expm

from cuecircuit.behavior.pharmacokinetics import KINETICS, drug_level
from cuecircuit.generators import animal_kernel as kernel
from cuecircuit.generators.animal_kernel import Body, Rule
from cuecircuit.generators.animals import drug_flows
from cuecircuit.generators.parameters import PARAMETERS

OWN = {parameter.name: parameter.value for parameter in PARAMETERS}
SECOND = expm(drug_flows(OWN))
BODY = Body(
    occupancy_half=0.12,
    naloxone_half=0.08,
    growth=0.06 / 3600,
    recovery=0.004 / 3600,
    threshold=0.06,
    priming=0.015,
    width=0.08,
    dependence_gain=1.2,
    withdrawal_gain=1.0,
    cue_gain=14.0,
    relief_gain=3.0,
    fastest=1.2 / 60,
    arousal_s=900.0,
    lever_rate=0.1,
    timeout_share=0.5,
    unit=0.04,
    cost=0.02,
    temperature=0.03,
)
RULE = Rule(
    live=3600,
    rewarded=True,
    infusion_mg_kg=0.06,
    timeout=20,
    injection=-1,
    naloxone_mg_kg=0.0,
    odor_on=3600,
    odor_off=3600,
    cue_withdrawal=0.0,
    cue_relief=0.0,
    policy=kernel.SATIETY,
)


def animal(dependence: float = 0.0) -> np.ndarray:
    state = np.zeros(kernel.STATES)
    state[kernel.LEVER], state[kernel.DEPENDENCE] = 1.0, dependence
    return state


def session(state, *, body=BODY, seed=0, seconds=3600, **rule):
    return kernel.live_session(state, body, RULE._replace(**rule), SECOND, np.random.default_rng(seed).random(seconds))


@pytest.mark.parametrize("policy", [kernel.SATIETY, kernel.HOMEOSTATIC], ids=["satiety", "homeostatic"])
def test_the_level_in_the_brain_is_that_of_the_closed_form(policy):
    state = animal()
    _, infusion, record, _ = session(state, policy=policy)
    assert infusion.size > 2
    # a press in one second moves from the next one on; the record stands at the end of the first second of each minute
    times = 60.0 * np.arange(len(record)) + 1
    expected = drug_level(times, infusion + 1, dose_mg_kg=0.06, kinetics=KINETICS["heroin"]).effect
    # sums of a few thousand steps in double precision
    assert record[:, kernel.RECORD.index("agonist")] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_naloxone_blocks_as_its_closed_form_says():
    _, _, record, _ = session(animal(), injection=600, naloxone_mg_kg=0.12)
    times = 60.0 * np.arange(len(record)) + 1
    level = drug_level(times, np.array([600.0]), dose_mg_kg=0.12, kinetics=KINETICS["naloxone"]).effect
    block = record[:, kernel.RECORD.index("block")]
    assert block == pytest.approx(1 + level / BODY.naloxone_half, rel=1e-9)


def test_infusions_are_a_time_out_apart_and_each_has_its_press():
    active, infusion, _, _ = session(animal())
    assert np.diff(infusion).min() >= 20
    assert set(infusion) <= set(active)


def test_a_sated_animal_keeps_its_level_at_the_threshold():
    body = BODY._replace(width=0.005, fastest=0.05)
    _, _, record, _ = session(animal(), body=body, seconds=6 * 3600, live=6 * 3600)
    level = record[60:, kernel.RECORD.index("agonist")]
    # an infusion is taken at the threshold and adds at most `unit`; the way into the brain lets it fall a little below
    assert level.min() > 0.75 * body.threshold
    assert level.max() < body.threshold + 2.2 * body.unit


def test_dependence_grows_only_where_the_drug_is_there_for_hours():
    drug_free, minute = animal(0.5), expm(drug_flows(OWN) * 60)
    kernel.rest(drug_free, BODY, minute, 24 * 60)
    assert drug_free[kernel.DEPENDENCE] == pytest.approx(0.5 - 24 * 0.004, rel=1e-9)
    taking = animal(0.1)
    session(taking, seconds=12 * 3600, live=12 * 3600)
    assert taking[kernel.DEPENDENCE] > 0.1
    never = animal()
    kernel.rest(never, BODY, minute, 60)
    assert never[kernel.DEPENDENCE] == 0


def test_withdrawal_needs_both_dependence_and_a_missing_drug():
    column = kernel.RECORD.index("withdrawal")
    naive = session(animal(), injection=1800, naloxone_mg_kg=0.12)[2][:, column]
    dependent = session(animal(0.6), injection=1800, naloxone_mg_kg=0.12)[2][:, column]
    kept = session(animal(0.6))[2][:, column]
    assert naive.max() < 0.01
    # the animal makes up for the block within minutes; what is left of withdrawal without one is a slow press
    assert dependent[31:45].max() > 5 * kept[31:45].max()


@pytest.mark.parametrize("policy", [kernel.SATIETY, kernel.HOMEOSTATIC], ids=["satiety", "homeostatic"])
def test_presses_without_drug_die_out(policy):
    state = animal()
    presses = [session(state, rewarded=False, policy=policy, seed=seed)[0].size for seed in range(6)]
    assert presses[0] > 4
    assert sum(presses[3:]) < 0.75 * sum(presses[:3])
    assert state[kernel.LEVER] < 0.5
