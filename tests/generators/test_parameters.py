from pathlib import Path

import numpy as np
import pytest

from cuecircuit.behavior.pharmacokinetics import KINETICS
from cuecircuit.generators.parameters import NAMES, PARAMETERS, draw_parameters, parameter_faults

PAGE = Path(__file__).parents[2] / "docs" / "mechanism.md"


def test_the_page_lists_every_parameter_with_its_number():
    rows = [line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    listed = {row[1].strip(" `"): (row[2].strip(), row[3].strip(), row[4].strip()) for row in rows if len(row) == 8}
    assert listed == {one.name: (one.unit, f"{one.value:g}", f"{one.sd:g}") for one in PARAMETERS}


def test_the_drugs_are_those_of_the_pharmacokinetics():
    values = {one.name: one.value for one in PARAMETERS}
    heroin = KINETICS["heroin"]
    assert [values[f"{name}_half_life"] for name in ("heroin", "mam", "morphine")] == [
        compound.half_life_min for compound in heroin.compounds
    ]
    assert values["naloxone_uptake"] == KINETICS["naloxone"].absorption_half_life_min


def test_animals_differ_by_a_log_normal_about_the_median():
    drawn = draw_parameters(20_000, {"set_point": 0.1}, np.random.default_rng(0))
    spread = next(one.sd for one in PARAMETERS if one.name == "set_point")
    logs = np.log(drawn["set_point"])
    # standard errors: SD / 141 for the mean, SD / 200 for the SD
    assert logs.mean() == pytest.approx(np.log(0.1), abs=4 * spread / 141)
    assert logs.std() == pytest.approx(spread, abs=4 * spread / 200)
    assert np.ptp(drawn["felt"]) == 0


def test_the_value_of_one_parameter_does_not_change_the_draw_of_another():
    plain = draw_parameters(5, {}, np.random.default_rng(3))
    other = draw_parameters(5, {"growth_use": 0.2}, np.random.default_rng(3))
    assert all((plain[name] == other[name]).all() for name in NAMES if name != "growth_use")


def test_every_median_of_the_table_is_possible():
    assert not list(parameter_faults({one.name: one.value for one in PARAMETERS}))
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize(("values", "name"), [({"opponent_gain": 0.95}, "opponent_gain"), ({"innate": 0.2}, "innate")])
def test_an_opponent_process_that_outgrows_the_drug_is_refused(values, name):
    assert [fault for fault, what in parameter_faults(values) if "must stay below 1" in what] == [name]
