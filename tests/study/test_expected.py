from importlib.resources import files

import pandas as pd
import pytest
import yaml

from cuecircuit.errors import StudyError
from cuecircuit.study.expected import expected_rows, trial_cells
from cuecircuit.study.schema import Study

SUBJECTS = pd.DataFrame({"subject": ["a", "b"], "group": ["yoked", "cocaine"]})


def study(name: str, **sections) -> Study:
    text = (files("cuecircuit.study") / "designs" / f"{name}.yaml").read_text(encoding="utf-8")
    return Study.model_validate(yaml.safe_load(text) | sections)


def test_sessions_are_phases_by_treatments_by_days_for_every_subject():
    mice = pd.DataFrame({"subject": ["a", "b"], "group": ["water", "ethanol"]})
    rows = expected_rows(study("alcohol_mice"), "operant", mice)
    assert list(rows) == ["subject", "phase", "treatment", "day"]
    counts = rows.groupby(["subject", "phase", "treatment"], sort=False).size()
    assert counts["a"].to_dict() == {
        ("drinking", ""): 12,
        ("extinction", ""): 8,
        ("reinstatement", "no_cue"): 1,
        ("reinstatement", "light_and_tone"): 1,
    }
    assert not rows.duplicated().any()


def test_bins_follow_the_hours_of_the_subjects_own_group():
    rats = study("cocaine_sessions")
    operant = rats.operant.model_dump(by_alias=True, exclude_none=True)
    operant["phases"]["training"]["access_h"] = {"yoked": 1, "cocaine": 6.1}
    operant["phases"]["training"]["days"] = 1
    rows = expected_rows(rats.model_validate(rats.model_dump(by_alias=True) | {"operant": operant}), "bins", SUBJECTS)
    training = rows[rows["phase"] == "training"].groupby("subject")["bin"].max()
    assert training.to_dict() == {"a": 6, "b": 37}  # six minutes more are a bin of their own


def test_maps_and_contrasts_are_visits_by_cells():
    rats = study("cocaine_sessions")
    maps = expected_rows(rats, "maps.task", SUBJECTS)
    assert list(maps) == ["subject", "session", "cue"]
    assert len(maps) == 2 * 2 * 3
    contrasts = expected_rows(rats, "contrasts.task", SUBJECTS)
    assert contrasts["contrast"].unique().tolist() == ["drug", "value"]
    assert len(expected_rows(rats, "visits", SUBJECTS)) == 4
    assert expected_rows(rats, "subjects", SUBJECTS)["subject"].tolist() == ["a", "b"]


def test_cells_that_no_trial_type_makes_are_not_expected():
    rats = study(
        "cocaine_sessions",
        factors={"cue": ["food", "drug"], "strategy": ["look", "regulate"], "block": ["early", "late"]},
        trials={
            "cells": {"LF": {"cue": "food", "strategy": "look"}, "LD": {"cue": "drug", "strategy": "look"}}
            | {"RD": {"cue": "drug", "strategy": "regulate"}},
            "parts": {"block": {"early": [1], "late": [2, 3]}},
        },
        maps={"task": {"kind": "glm", "cells": ["cue", "strategy"], "hrf": "rat"}},
    )
    cells = expected_rows(rats, "maps.task", SUBJECTS[:1])
    assert list(cells.itertuples(index=False, name=None)) == [
        ("a", "food", "look"),
        ("a", "drug", "look"),
        ("a", "drug", "regulate"),
    ]
    assert len(trial_cells(rats)) == 6
    assert expected_rows(rats, "trials", SUBJECTS[:1])["trial_type"].tolist() == ["LF", "LD", "RD"]


def test_given_maps_have_the_product_of_their_keys():
    pet = study("pet_displacement")
    rows = expected_rows(pet, "maps.binding", pd.DataFrame({"subject": ["a"]}))
    assert rows["challenge"].tolist() == ["placebo", "alcohol"]
    with pytest.raises(StudyError, match=r"table visits"):
        expected_rows(pet, "visits", SUBJECTS)
    with pytest.raises(StudyError, match=r"regions\.parts"):
        expected_rows(pet, "regions.parts", SUBJECTS)
