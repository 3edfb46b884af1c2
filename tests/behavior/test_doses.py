"""A dose may be one number, one per animal, or follow the weight of the day."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from cuecircuit.behavior.doses import dose_by_weight, dose_of
from cuecircuit.behavior.measures import sessions_table
from cuecircuit.errors import DesignError
from cuecircuit.records.operant import OperantSession

SESSION = OperantSession(
    subject="R1",
    experiment="",
    group="",
    box="1",
    program="P",
    start=datetime(2024, 1, 31, 9),
    end=None,
    duration_s=3600.0,
    events={"infusion": np.array([5.0, 900.0])},
    counts={},
    file="a.txt",
    line=1,
)
WEIGHTS = pd.DataFrame(
    {"subject": ["R1", "R1", "R2"], "date": ["2024-01-01", "2024-01-31", "2024-01-01"], "weight_kg": [0.25, 0.4, 0.3]}
)


def test_the_last_weight_on_or_before_the_day_counts():
    dose = dose_by_weight(0.02, WEIGHTS)

    assert dose_of(dose, SESSION) == pytest.approx(0.05)
    assert dose_of(dose, replace(SESSION, start=datetime(2024, 1, 30, 9))) == pytest.approx(0.08)
    assert dose_of(dose, replace(SESSION, start=datetime(2023, 1, 30, 9))) is None
    assert sessions_table([SESSION], dose_mg_kg=dose)["intake_mg_kg"].tolist() == pytest.approx([0.1])


def test_one_number_and_a_number_for_each_animal():
    assert (dose_of(0.06, SESSION), dose_of({"R1": 0.02}, SESSION)) == (0.06, 0.02)
    assert dose_of({}, SESSION) is dose_of(None, SESSION) is None


def test_weights_that_cannot_be_are_all_named():
    bad = pd.concat([WEIGHTS, WEIGHTS.iloc[:1].assign(weight_kg=0)])

    with pytest.raises(DesignError) as caught:
        dose_by_weight(0.02, bad)
    assert len(caught.value.faults) == 2
