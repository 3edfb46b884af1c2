"""The study file of people: the shipped one, and every fault with its line."""

from importlib.resources import files

import pytest

from cuecircuit.errors import StudyError
from cuecircuit.study.file import alternative_texts, parse_any_study, parse_study
from cuecircuit.study.people import PeopleStudy
from cuecircuit.study.settings import resolved

TEXT = (files("cuecircuit.study") / "designs" / "huang2023.yaml").read_text(encoding="utf-8")


def test_the_shipped_study_is_one_of_people_without_fault():
    study = parse_any_study(TEXT)
    assert isinstance(study, PeopleStudy)
    assert study.session == "1"
    assert study.contrasts(()) == tuple(study.response.contrasts)
    assert len(TEXT.split("\nalternatives:")[0].splitlines()) < 100  # one page


def test_each_alternative_of_the_shipped_study_is_a_study_of_its_own_and_most_share_its_first_level():
    study = parse_any_study(TEXT)
    assert isinstance(study, PeopleStudy)
    others = {name: parse_any_study(text) for name, text in alternative_texts(TEXT).items()}
    assert others.keys() == study.alternatives.keys()
    shared = [
        name for name, other in others.items() if isinstance(other, PeopleStudy) and other.nuisance == study.nuisance
    ]
    assert len(shared) > len(others) / 2
    permuted = others["permutation"]
    assert isinstance(permuted, PeopleStudy)
    assert permuted.correction.method == "permutation"


def test_values_nobody_printed_are_marked_as_assumed():
    study = parse_any_study(TEXT)
    sources = {setting.path: setting.source for setting in resolved(study, study.assumed)}
    assert sources["nuisance.motion"] == "assumed"
    assert sources["questions.groups.method"] == "assumed"
    assert sources["correction.voxel_z"] == "study file"
    assert sources["correction.sided"] == "assumed"


def test_a_study_of_people_is_refused_where_animals_are_expected():
    with pytest.raises(StudyError, match="a study of people, expected one of operant animals"):
        parse_study(TEXT)


def test_the_line_of_a_question_s_fault_is_its_own(faults_of, line_of):
    text = TEXT.replace("    groups: [iHUD]\n    tests", "    groups: [HUD]\n    tests", 1)
    line = line_of(text, "groups: [HUD]")
    assert faults_of(text)[0].startswith(f"study.yaml:{line}: questions.1.groups:")
