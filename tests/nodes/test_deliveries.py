"""Sentences name what a study delivers and whom it compares."""

import pytest
import yaml

from cuecircuit.nodes.designs import design_text
from cuecircuit.pages.methods import design_texts
from cuecircuit.pages.sentences import method_sentence
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study


def mice(route: str = "oral") -> Study:
    data = yaml.safe_load(design_text("alcohol_mice"))
    for drug in data["drugs"].values():
        drug["route"] = route
    return parse_study(yaml.safe_dump(data, sort_keys=False), "s.yaml")


@pytest.mark.parametrize(
    ("route", "word"),
    [("oral", "Deliveries"), ("inhaled", "Deliveries"), ("i.v.", "Infusions"), ("intravenous", "Infusions")],
)
def test_deliveries_are_called_by_their_route(route: str, word: str):
    study = mice(route)
    assert method_sentence(study.questions["escalation"], study).startswith(f"{word} (phase drinking)")


def test_methods_have_the_volume_of_a_delivery():
    study = mice()
    assert "Ethanol (oral, 10 %, 0.01 ml per delivery)" in " ".join(design_texts(study))


def test_the_unit_of_a_yoked_design_is_named():
    study = parse_study(design_text("cocaine_sessions"))
    assert ", pairs as units, p within subjects" in method_sentence(study.questions["pairs"], study)
    assert "as units" not in method_sentence(study.questions["training"], study)
