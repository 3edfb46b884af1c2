"""Alternatives of a study file: each fault with its line, and each alternative as a study file of its own."""

from importlib.resources import files

import pytest
import yaml

from cuecircuit.errors import StudyError
from cuecircuit.study.file import alternative_texts, parse_study

TEXT = (files("cuecircuit.study") / "designs" / "carmack2019.yaml").read_text(encoding="utf-8")
TEXT = TEXT[: TEXT.index("\n# choices that")]


def listing(*alternatives: str) -> str:
    """Give a study file with alternatives in YAML's flow style, each named a, b, ..."""
    named = zip("abc"[: len(alternatives)], alternatives, strict=True)
    lines = (f"  {name}: {{ why: somebody asked, settings: {{ {own} }} }}\n" for name, own in named)
    return f"{TEXT}\nalternatives:\n{''.join(lines)}"


def faults_of(*alternatives: str) -> tuple[str, ...]:
    with pytest.raises(StudyError) as error:
        parse_study(listing(*alternatives))
    return error.value.faults


def alone(own: str) -> str:
    """Give the text of the only alternative of a study."""
    (text,) = alternative_texts(listing(own)).values()
    return text


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("nuisance.smoothing_fwhm: 1", "no such setting; did you mean nuisance.smoothing_fwhm_mm?"),
        ("nuisance: { smoothing_fwhm: 1 }", "no such setting; did you mean nuisance.smoothing_fwhm_mm?"),
        ("nuisance: 1", "alternatives.a.settings.nuisance: is a section; name a setting in it"),
        ("space.mask: other.nii.gz", "an alternative cannot change 'space'"),
        ("nuisance.motion: 7", "alternatives.a.settings.nuisance.motion: input should be 0, 6, 12 or 24, found 7"),
        ("response.window_s: [9, 3]", "window_s [9, 3] is empty"),
        ("phases.conditioning.window_min: [60, 50]", "phase conditioning: window_min [60.0, 50.0] must rise"),
        ("response.blocks: { all: [1, 2, 3, 4] }", "alternatives.a: group.within: names 'block', which has 1 level"),
        ("correction.voxel_p: 0.01", "alternatives.a: makes the same study as the rest of the file"),
        ("correction.compare: []", "alternatives.a: makes the same study as the rest of the file"),
        ('group.formula: "group*cue + (1 | rat)"', "alternatives.a.settings.group.formula: 'rat' is no column"),
        ('group.formula: "group*cue"', "found no random part"),
        ('group.formula: "cue + (1 | subject)"', "has no term group:cue, which group.effect names"),
    ],
)
def test_an_alternative_at_fault_is_named_with_its_line(own, said):
    (fault,) = faults_of(own)
    assert said in fault
    line = listing(own).splitlines().index(f"  a: {{ why: somebody asked, settings: {{ {own} }} }}") + 1
    assert fault.startswith(f"study.yaml:{line}: alternatives.a")


def test_all_alternatives_at_fault_come_at_once():
    faults = faults_of("nuisance.motion: 7, response.window_s: [9, 3]", "nuisance.motions: 6", "regions.extent: all")
    assert [fault.split(": ")[1].split(".")[1] for fault in faults] == ["a", "a", "b", "c"]


def test_two_alternatives_that_are_one_are_told():
    (fault,) = faults_of("nuisance.motion: 6", "nuisance: { motion: 6 }")
    assert "alternatives.b: makes the same study as alternative a" in fault


def test_a_fault_of_the_study_itself_is_told_once_and_not_of_every_alternative():
    text = listing("nuisance.motion: 6", "nuisance.motion: 12").replace("  cue: naloxone", "  cue: nalaxone")
    with pytest.raises(StudyError) as error:
        parse_study(text)
    assert len(error.value.faults) == 1


def test_an_alternative_needs_a_reason():
    with pytest.raises(StudyError, match=r"alternatives\.a\.why: missing"):
        parse_study(f"{TEXT}\nalternatives:\n  a: {{ settings: {{ nuisance.motion: 6 }} }}\n")


def test_a_compared_correction_does_not_go_with_a_mixed_model():
    formula = 'effect: "group:cue"\n  formula: "group*cue + (1 | subject)"'
    with pytest.raises(StudyError, match=r"group\.formula: .* set correction\.compare to \[\]"):
        parse_study(TEXT.replace('effect: "group:cue"', formula))


def test_a_dotted_path_and_a_section_say_the_same():
    assert alone("nuisance.motion: 6") == alone("nuisance: { motion: 6 }")


def test_only_what_is_named_differs_and_the_alternatives_are_gone():
    own, other = yaml.safe_load(TEXT), yaml.safe_load(alone("response.baseline_s: [-10, 0], seed: 5"))
    assert other.pop("seed") == 5
    assert other["response"].pop("baseline_s") == [-10, 0]
    assert other["correction"].pop("compare") == []  # decides nothing, and the maps may be others
    assert other == own


def test_a_phase_is_found_by_its_name():
    study = parse_study(alone("phases.conditioning.window_min: [30, 45]"))
    assert study.phase("conditioning").window_min == (30, 45)
    assert study.phase("escalation").window_min is None


def test_corrections_stay_side_by_side_where_the_maps_of_the_group_are_those_of_the_study():
    assert parse_study(alone("regions.smoothed: true")).correction.compare
    assert not parse_study(alone("nuisance.motion: 6")).correction.compare


def test_the_file_s_own_value_of_a_mapping_is_replaced_whole():
    blocks = "response.blocks: { all: [1, 2, 3, 4] }, group.within: [cue]"
    assert parse_study(alone(blocks)).response.blocks == {"all": (1, 2, 3, 4)}


def test_the_shipped_study_lists_alternatives_that_are_studies():
    text = (files("cuecircuit.study") / "designs" / "carmack2019.yaml").read_text(encoding="utf-8")
    texts = alternative_texts(text)
    assert {"smoothing_06mm", "without_respiration", "permutation"} <= set(texts)
    assert all(not parse_study(own).alternatives for own in texts.values())
