"""A dose may be one number, one per animal, or a function of the session."""

from datetime import datetime

import numpy as np
import pytest

from cuecircuit.behavior.doses import dose_of
from cuecircuit.behavior.measures import sessions_table
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


def test_one_number_a_number_for_each_animal_or_a_function_of_the_session():
    assert (dose_of(0.06, SESSION), dose_of({"R1": 0.02}, SESSION)) == (0.06, 0.02)
    assert dose_of({}, SESSION) is dose_of(None, SESSION) is None
    assert dose_of(lambda session: 0.02 * session.start.day, SESSION) == pytest.approx(0.62)


def test_intake_is_infusions_by_the_dose():
    assert sessions_table([SESSION], dose_mg_kg=0.05)["intake_mg_kg"].tolist() == pytest.approx([0.1])
