"""The Methods text of a study of people says what its settings say, and marks what nobody printed."""

import re
from importlib.resources import files

import pytest

from cuecircuit.report.people_methods import PeopleFacts, people_methods
from cuecircuit.study.file import parse_any_study
from cuecircuit.study.people import PeopleStudy

TEXT = (files("cuecircuit.study") / "designs" / "huang2023.yaml").read_text(encoding="utf-8")
FACTS = PeopleFacts(
    people={"HC": 21, "iHUD": 32},
    asked={"groups": 53, "craving": 32, "craving_by_group": 53},
    voxels=70_000,
    voxel_mm=(3.0, 3.0, 3.0),
    attendance="HC 21 in session 1, 17 in session 2",
    power=(("group × sex", "8 HC F, 13 HC M, 7 iHUD F, 25 iHUD M", 0.24, 1.77),),
    versions={"cuecircuit": "0.1.0"},
)


def said(text: str = TEXT) -> str:
    study = parse_any_study(text)
    assert isinstance(study, PeopleStudy)
    return " ".join(f"{each.heading}: {each.text}" for each in people_methods(study, FACTS))


def test_the_text_says_who_was_asked_what_and_how():
    text = said()
    for part in (
        "53 people were analyzed: 21 HC and 32 iHUD",
        "Question “craving” in iHUD (session 1), 32 people: center(craving_after) + sex + center(age)",
        "Z &gt; 3.1",
        "Z &gt; 2.57",
        "group*session + (1 | subject)",
        "an interaction group × sex of 0.8 SD is found with a power of 0.24",
    ):
        assert part in text, part


def test_what_nobody_printed_carries_a_mark_and_what_the_article_prints_none():
    text = said()
    assert re.search(r'24 motion terms <span class="assumed-mark"', text)
    assert re.search(r'6 mm <span class="assumed-mark"', text)
    assert not re.search(r'Z &gt; 3.1 <span class="assumed-mark"', text)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("  voxel_z: 3.1", "  voxel_z: 3.1\n  sided: one", "in the positive direction alone"),
        ("  motion: 24", "  motion: 6\n  censor_fd_mm: 0.9", "displaced more than 0.9 mm"),
        (
            "  motion: 24",
            "  motion: 24\n  acompcor: 5\n  cosine: true\n  drift_period_s: null",
            "5 components of aComp",
        ),
        ("  exploratory_z: 2.57", "  exploratory_z: null", None),
        ("    formula: group + sex", "    method: welch\n    formula: group + sex", "Welch's test"),
    ],
)
def test_a_changed_setting_changes_the_text(old, new, changed):
    assert old in TEXT
    text = said(TEXT.replace(old, new, 1))
    if changed is None:
        assert "exploration" not in text
    else:
        assert changed.replace("'", "&#39;") in text or changed in text
