"""The study file of people: the shipped one, and every fault with its line."""

from importlib.resources import files

import pytest

from cuecircuit.errors import StudyError
from cuecircuit.study.file import parse_any_study, parse_study
from cuecircuit.study.people import PeopleStudy
from cuecircuit.study.settings import resolved

TEXT = (files("cuecircuit.study") / "designs" / "huang2023.yaml").read_text(encoding="utf-8")

LABELS = "  labels: derivatives/template/tpl-MNI152NLin2009cAsym_atlas-spheres_dseg.tsv\n"


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(StudyError) as error:
        parse_any_study(text)
    return error.value.faults


def test_the_shipped_study_is_one_of_people_without_fault():
    study = parse_any_study(TEXT)
    assert isinstance(study, PeopleStudy)
    assert study.session == "1"
    assert study.contrasts(()) == tuple(study.response.contrasts)
    assert len(TEXT.splitlines()) < 100  # one page


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


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("study: people", "study: plants", "study: input should be 'operant'"),
        ("  task: cues", "  tasks: cues", "acquisition.tasks: unknown key"),
        ("  - name: craving #", "  - name: groups #", "'groups' stands 2 times"),
        ("    groups: [iHUD]\n    tests", "    groups: [HUD]\n    tests", "'HUD' is no group of this study"),
        ("formula: group + sex", "contrasts: [drug]\n    formula: group + sex", "'drug' is no contrast of this study"),
        ('sessions: ["1", "2"]', 'sessions: ["1"]', "needs two sessions, acquisition.sessions names 1"),
        (LABELS, "", "give both atlas and labels"),
        ("  motion: 24", "  motion: 24\n  cosine: true", "cosine and drift_period_s remove drift twice"),
        ("  motion: 24", "  motion: 24\n  acompcor: 5", "acompcor was made beside the columns cosine*"),
        (
            "  voxel_z: 3.1",
            "  voxel_z: 3.1\n  method: permutation",
            "permutation tests least squares, groups has mixed",
        ),
        ("  alpha: 0.05", "  alpha: 0.0001", "0.0001 cannot be told from 2000 iterations"),
        ("  nuisance.motion: not", "  nuisance.movement: not", "no such setting"),
        ("    drug_food:", "    drugneutral:", "contrasts drug_neutral and drugneutral would have the same files"),
        ("    drug_food:", "    look_drug:", "'look_drug' is a cell and a contrast"),
    ],
)
def test_a_fault_is_named_with_its_line(old, new, said):
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    faults = faults_of(text)
    assert any(said in fault for fault in faults), faults
    assert all(fault.split(":")[1].isdigit() for fault in faults)


def test_the_line_of_a_question_s_fault_is_its_own():
    text = TEXT.replace("    groups: [iHUD]\n    tests", "    groups: [HUD]\n    tests", 1)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "groups: [HUD]" in each)
    assert faults_of(text)[0].startswith(f"study.yaml:{line}: questions.1.groups:")
