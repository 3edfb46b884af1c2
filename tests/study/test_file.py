from importlib.resources import files

import pytest

from cuecircuit.study.file import parse_study
from cuecircuit.study.settings import resolved

DESIGNS = files("cuecircuit.study") / "designs"
TEXT = DESIGNS.joinpath("carmack2019.yaml").read_text(encoding="utf-8")


def test_the_shipped_study_has_no_fault():
    study = parse_study(TEXT)
    assert study.subjects.groups == ("ShA", "LgA")
    assert study.group.within == ("cue", "block")


FAULTS_OF_ANIMALS = [
    ("  task: odor", "  tasks: odor", "acquisition.tasks: unknown key"),
    ("  task: odor\n", "", "acquisition.task: missing"),
    (
        "  atlas: derivatives/template/tpl-drawn_atlas-carmack2019_dseg.nii.gz\n",
        "",
        "space.atlas: missing",
    ),
    ("  task: odor", "  task: odor\n  task: odor", "acquisition.task: stands twice (first on line"),
    ("  q: 0.05", "  q: 1.05", "correlations.q: input should be less than 1, found 1.05"),
    ("tr_s: 2.0", "tr_s: fast", "acquisition.tr_s: input should be a valid number"),
    ("early: [1, 2]", "early: [1, 5]", "block 5 does not exist; a scan has blocks 1 to 4"),
    ("early: [1, 2]", "early: [1, 3]", "block 3 stands in 2 levels"),
    ("late: [3, 4]", "late: [3]", "levels average unequal numbers of blocks (early 2, late 1)"),
    ("within: [cue, block]", "within: [cue]", "leaves out 'block', which has 2 levels (response.blocks)"),
    ("early: [1, 2], late: [3, 4]", "all: [1, 2, 3, 4]", "names 'block', which has 1 level (response.blocks)"),
    ("block_s: 30", "block_s: 300", "4 blocks of 300 s do not fit a scan of 420 s"),
    ("groups: [ShA, LgA]", "groups: [ShA, ShA]", "'ShA' stands 2 times"),
    ("  escalation: escalation", "  escalation: escalate", "'escalate' is no phase of this study"),
    ("between: [group]", "between: [sex]", "'sex' is no between-subject factor of this study"),
    ("within: [cue, block]", "within: [odor]", "'odor' is no within-subject factor of this study"),
    ('effect: "group:cue"', 'effect: "group:odor"', "'odor' is no factor of the group model"),
    ("  cue: naloxone", "  cue: nalaxone", "'nalaxone' is no cue of this study; expected one of: saline, naloxone"),
    ("  treatment: naloxone", "  treatment: nal", "'nal' is no treatment of this study"),
    ("  acquisition.tr_s: not", "  acquisition.tr: not", "no such setting"),
    ("mask: derivatives", "mask: ../derivatives", "leaves the folder of the study"),
    ("window_min: [30, 60]", "window_min: [60, 30]", "must rise from 0 or later"),
    ("    experiment: ESCALATION\n", "", "give either `experiment` or `treatments`"),
    ("access_h: { ShA: 1, LgA: 12 }", "access_h: { Sha: 1 }", "'Sha' is no group of this study"),
]


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [(TEXT, *fault) for fault in FAULTS_OF_ANIMALS],
    ids=[said for _, _, said in FAULTS_OF_ANIMALS],
)
def test_a_fault_is_named_with_its_line(faults_of, text, old, new, said):
    assert old in text
    faults = faults_of(text.replace(old, new, 1))
    assert any(said in fault for fault in faults), faults
    assert all(fault.split(":")[1].isdigit() for fault in faults)


def test_the_line_of_a_fault_is_the_line_of_its_key(faults_of, line_of):
    text = TEXT.replace("  q: 0.05", "  q: 5", 1)
    assert faults_of(text) == (
        f"study.yaml:{line_of(text, 'q: 5')}: correlations.q: input should be less than 1, found 5",
    )


def test_all_faults_come_at_once(faults_of):
    text = TEXT.replace("  q: 0.05", "  q: 5\n  colour: red").replace("tr_s: 2.0", "tr_s: -1")
    assert len(faults_of(text)) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("about:\n\ttitle: tabs", "a tab stands where YAML wants spaces"),
        ("- a\n- b", "expected sections"),
        ("", "expected sections"),
        ("about: [1, 2", "study.yaml:1"),
        ("about: !!python/object:os.system {}", "study.yaml:1"),
    ],
)
def test_text_that_is_no_study_is_one_clear_fault(faults_of, text, said):
    (fault,) = faults_of(text)
    assert said in fault


def test_every_default_says_where_it_comes_from():
    study = parse_study(TEXT)
    for setting in resolved(study, study.assumed):
        assert setting.source in {"paper", "convention", "assumed", "study file"}
        assert setting.source in {"study file", "convention"} or setting.why, setting.path


def test_what_the_study_marks_as_assumed_is_resolved_as_assumed():
    study = parse_study(TEXT)
    sources = {setting.path: setting.source for setting in resolved(study, study.assumed)}
    assert sources["acquisition.tr_s"] == "assumed"
    assert sources["acquisition.task"] == "study file"
    assert sources["nuisance.smoothing_fwhm_mm"] == "assumed"
    assert sources["nuisance.motion"] == "paper"
