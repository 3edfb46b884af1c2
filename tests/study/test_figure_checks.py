"""Figures that a study names further: those that its questions do not have are named."""

from typing import Any

import pytest
import yaml

from cuecircuit.errors import StudyError
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study


def faults_of(design: str, figure: dict[str, Any]) -> list[str]:
    data = yaml.safe_load(design_text(design)) | {"figures": {"fig": figure}}
    try:
        parse_study(yaml.safe_dump(data, sort_keys=False), "s.yaml")
    except StudyError as error:
        return list(error.faults)
    return []


@pytest.mark.parametrize(
    ("design", "figure", "words"),
    [
        ("pet_displacement", {"question": "questionnaire", "kind": "map"}, "no figure of kind map; expected cells"),
        ("pet_displacement", {"question": "displacement", "kind": "corrections"}, "expected map,"),
        ("alcohol_mice", {"question": "escalation", "kind": "cells"}, "expected course"),
        ("alcohol_mice", {"question": "drinkers", "kind": "cells"}, "expected scatter"),
        ("cocaine_sessions", {"question": "drug_by_history"}, "a map for each contrast; name the level"),
        ("cocaine_sessions", {"question": "drug_by_history", "only": {"contrast": "drugs"}}, "did you mean drug?"),
        ("cocaine_sessions", {"question": "training", "only": {"day": 1}}, "no key in `each` of training"),
        ("cocaine_sessions", {"question": "pairs", "only": {"region": ["Insula", "Thalamus"]}}, "draws one level"),
    ],
)
def test_a_figure_that_a_question_does_not_have_is_named(design: str, figure: dict[str, Any], words: str):
    assert words in " ".join(faults_of(design, figure))


@pytest.mark.parametrize(
    ("design", "figure"),
    [
        ("pet_displacement", {"question": "displacement", "kind": "map"}),
        ("pet_displacement", {"question": "severity", "kind": "scatter", "only": {"region": "vmPFC"}}),
        ("alcohol_mice", {"question": "reinstatement", "kind": "cells"}),
        ("cocaine_sessions", {"question": "drug_by_history", "only": {"contrast": "drug"}}),
        ("cocaine_sessions", {"question": "pairs", "kind": "region_map", "only": {"region": "Insula"}}),
        ("smokers_two_sessions", {"question": "urge", "kind": "forest"}),
    ],
)
def test_a_figure_that_a_question_has_is_taken(design: str, figure: dict[str, Any]):
    assert faults_of(design, figure) == []
