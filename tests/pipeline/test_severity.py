"""Severity of a table of animals, standardized inside strata."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.severity import severity_of


def animals(tmp_path: Path, **columns: object) -> Path:
    frame = pd.DataFrame(
        {
            "subject": [f"0{k}" for k in range(8)],
            "group": "LgA",
            "sex": ["F"] * 4 + ["M"] * 4,
            "escalation": [1.0, 2, 3, 4, 101, 102, 103, 104],
            "motivation": [4.0, 3, 1, 2, 14, 13, 11, 12],
        }
    ).assign(**columns)
    frame.to_csv(tmp_path / "animals.tsv", sep="\t", index=False)
    return tmp_path / "animals.tsv"


def test_inside_strata_a_difference_between_the_sexes_does_not_count(tmp_path: Path):
    inside = severity_of(animals(tmp_path), strata=("sex",))
    overall = severity_of(animals(tmp_path))

    np.testing.assert_allclose(inside["addiction_index"][:4], inside["addiction_index"][4:])
    assert inside["subject"].tolist()[0] == "00"
    # by hand: z of 1 2 3 4 is (1 - 2.5) / 1.290994
    assert inside["z_escalation"][0] == pytest.approx(-1.5 / np.std([1, 2, 3, 4], ddof=1))
    assert overall["z_escalation"][:4].max() < 0


def test_missing_columns_and_text_are_named(tmp_path: Path):
    with pytest.raises(DataError) as caught:
        severity_of(animals(tmp_path, motivation="much"), strata=("cohort",))

    assert [fault.split(": ", 1)[1].split(";")[0] for fault in caught.value.faults] == [
        "column 'cohort' is missing",
        "column 'motivation' is 'much'",
    ]
