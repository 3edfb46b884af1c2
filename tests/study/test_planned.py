"""Which tests a study file plans."""

import pytest

from cuecircuit.study.file import parse_study
from cuecircuit.study.planned import condition_levels, planned_tests
from cuecircuit.study.study import Study


@pytest.fixture(scope="module")
def study() -> Study:
    from cuecircuit.pipeline.simulate import designs

    return parse_study(designs()["carmack2019"])


def test_every_phase_region_and_correlation_of_the_file_has_its_tests(study):
    names = [test.name for test in planned_tests(study, ("Insula",))]
    assert names[:3] == ["escalation group:session", "escalation session", "escalation group"]
    assert {"conditioning group:treatment", "cue_test group:treatment", "reinstatement treatment"} <= set(names)
    assert names[-4:] == ["any region", "region Insula", "correlation Insula", "within-group correlation Insula"]
    assert len(set(names)) == len(names)


def test_levels_and_rules_are_those_of_the_study_file(study):
    tests = {test.name: test for test in planned_tests(study, ("Insula", "Habenula"))}
    assert tests["escalation group:session"].rule == "p, Greenhouse-Geisser"
    assert tests["escalation group"].rule == tests["conditioning group:treatment"].rule == "p"
    assert (tests["any region"].alpha, tests["correlation Insula"].alpha) == (0.01, 0.05)
    assert tests["region Insula"].rule == "p, Holm over 2 regions"
    assert condition_levels(study.phase("conditioning")) == ("saline", "naloxone")
    assert condition_levels(study.phase("extinction")) == tuple("123456")


def test_a_phase_of_one_session_and_one_group_has_nothing_to_compare(study):
    once = study.phases[0].model_copy(update={"sessions": 1})
    alone = study.model_copy(
        update={
            "phases": (once, *study.phases[1:]),
            "subjects": study.subjects.model_copy(update={"groups": ("LgA",)}),
        }
    )
    names = [test.name for test in planned_tests(alone, ("Insula",))]
    assert not any(name.startswith("escalation") for name in names)
    assert "conditioning treatment" in names
    assert not any("group" in name for name in names)
