import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from cuecircuit.behavior.pharmacokinetics import KINETICS, chain_level
from cuecircuit.generators.parameters import PARAMETERS
from cuecircuit.generators.pharmacology import chemistry, substances

OWN = {parameter.name: parameter.value for parameter in PARAMETERS}
DRUGS = tuple(substances())


def level(drug: str, minutes: float, **half_lives: float) -> float:
    """Amount at the receptors after a bolus of 1 mg/kg."""
    made = chemistry(DRUGS, OWN, half_lives)
    amounts = np.zeros(len(made.flows))
    amounts[made.entries[drug]] = 1
    return (expm(made.flows * 60 * minutes) @ amounts)[int(made.ligands[made.drugs.index(drug), 0])]


def test_every_drug_has_a_role_and_a_source_and_efficacies_fit_the_roles():
    table = substances()
    assert all(one.source for one in table.values())
    assert {name for name, one in table.items() if one.role == "agonist"} == {
        "heroin", "morphine", "oxycodone", "fentanyl", "methadone"
    }  # fmt: skip
    for one in table.values():
        assert one.half_mg_kg > 0
        low, high = {"agonist": (1, 1), "partial": (0.01, 0.99), "antagonist": (0, 0), "CRF1": (0, 0)}[one.role]
        assert low <= one.efficacy <= high
        assert (one.stress_share > 0) == (one.role == "CRF1")


@pytest.mark.parametrize("drug", [drug for drug in DRUGS if drug != "heroin"])
@pytest.mark.parametrize("minutes", [3.0, 45.0, 300.0])
def test_levels_are_those_of_the_closed_form_for_two_stages(drug, minutes):
    one = substances()[drug]
    expected = chain_level(np.array([minutes]), [one.uptake_min, one.half_life_min])[0]
    assert level(drug, minutes) == pytest.approx(expected, rel=1e-9)


def test_the_study_file_may_give_a_half_life_of_its_own():
    one = substances()["oxycodone"]
    expected = chain_level(np.array([60.0]), [one.uptake_min, 90.0])[0]
    assert level("oxycodone", 60.0, oxycodone=90.0) == pytest.approx(expected, rel=1e-9)


def test_drugs_that_logs_are_read_for_have_one_half_life():
    for drug in ("morphine", "oxycodone", "naloxone"):
        assert substances()[drug].half_life_min == KINETICS[drug].compounds[-1].half_life_min


@settings(max_examples=20)
@given(st.permutations(DRUGS))
def test_where_a_drug_stands_in_the_study_changes_nothing(order):
    first, second = chemistry(DRUGS, OWN), chemistry(tuple(order), OWN)
    for drug in DRUGS:
        one, other = (made.ligands[made.drugs.index(drug), 1:] for made in (first, second))
        assert one.tolist() == other.tolist()
    # flows go on to later places alone, as the kernel takes them
    assert not np.triu(second.flows, 1).any()


def test_half_of_crf1_is_bound_at_the_occupancy_that_was_measured():
    made = chemistry(("crf1_antagonist",), OWN)
    amounts = np.array([1.0, 10.0, 0.0])
    bound = (expm(made.flows * 75 * 60) @ amounts)[2] / made.ligands[0, 1]
    # Gutman et al. 2003: 85 % of cortical CRF1, 75 min after 10 mg/kg
    assert bound / (1 + bound) == pytest.approx(0.85, abs=0.02)
