import dataclasses

from cuecircuit.figures.scatter import CorrelationNote
from cuecircuit.report import captions
from cuecircuit.report.methods import RunFacts
from cuecircuit.study.file import parse_study
from cuecircuit.study.study import Study

SUBJECTS = {"ShA": 11, "LgA": 10}


def test_labels_follow_what_was_counted(study: Study, design_text: str) -> None:
    first_hour = parse_study(design_text.replace("\nbehavior:\n", "\nbehavior:\n  count: first_hour\n"))

    assert captions.infusions_label(study) == "Infusions per session"
    assert captions.infusions_label(first_hour) == "Infusions in the first hour"
    assert captions.pairing_label(study) == "Infusions per session (minutes 30–60)"
    assert captions.severity_label(study) == "Infusions under naloxone (mean of 4 sessions)"


def test_caption_of_the_escalation_marks_what_is_assumed_and_gives_the_rule(study: Study) -> None:
    caption = captions.escalation_caption(study, SUBJECTS)

    assert "10 sessions of escalation" in caption
    assert "mean ± SEM of 11 ShA and 10 LgA" in caption
    assert "* p &lt; .05, ** p &lt; .01, *** p &lt; .001 against session 1" in caption
    assert caption.count("assumed-mark") == 2


def test_caption_of_the_pairings_gives_the_window(study: Study) -> None:
    caption = captions.conditioning_caption(study, SUBJECTS)

    assert "saline and naloxone, mean of 4 sessions per treatment" in caption
    assert "minutes 30 to 60 <span" in caption


def test_caption_of_the_map_states_test_extent_and_threshold(study: Study, facts: RunFacts) -> None:
    caption = captions.map_caption(study, facts, survived=233)

    assert "group × cue, F(1, 18): 233 voxels in 3 clusters" in caption
    assert "voxel p &lt; .01, clusters of at least 13 voxels, corrected p &lt; .01" in caption
    assert "mm from bregma" in caption


def test_caption_of_an_empty_map_says_that_nothing_survives(study: Study, facts: RunFacts) -> None:
    caption = captions.map_caption(study, dataclasses.replace(facts, clusters=0), survived=0)

    assert "no cluster survives" in caption


def test_caption_of_the_scatter_repeats_the_records(study: Study) -> None:
    note = CorrelationNote(n=21, r=0.672, p=0.0009, q=0.011, r_within=-0.31, p_within=0.19)
    caption = captions.scatter_caption(study, "Amygdala", note)

    assert "pooled r = .67, p &lt; .001, q = .011 over regions; within groups r = −.31, p = .190; n = 21" in caption


def test_names_of_regions_stay_text(study: Study) -> None:
    assert "&lt;i&gt;" in captions.region_caption(study, "<i>", 3)
    assert "&lt;i&gt;" in captions.cells_caption(study, "<i>", SUBJECTS)
