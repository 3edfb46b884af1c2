import dataclasses
import re

import pytest

from cuecircuit.report.marks import counted, dose_text, listed, marks_of, settings_table
from cuecircuit.report.methods import RunFacts, methods
from cuecircuit.study.file import parse_study
from cuecircuit.study.study import Study

MARK = re.compile(r' <span class="assumed-mark" title="[^"]*">assumed</span>')


def text_of(study: Study, facts: RunFacts) -> str:
    return "\n".join(str(paragraph.text) for paragraph in methods(study, facts))


def plain(study: Study, facts: RunFacts) -> str:
    return MARK.sub("", text_of(study, facts)).replace("&lt;", "<").replace("\N{THIN SPACE}", " ")


@pytest.mark.parametrize(
    "sentence",
    [
        "21 subjects (Rattus norvegicus: 11 ShA and 10 LgA) were analyzed.",
        "Heroin was self-administered i.v. at 60 µg/kg per infusion.",
        "Escalation: 10 sessions, ShA 1 h, LgA 12 h.",
        "naloxone (120 µg/kg)",
        "infusions counted in minutes 30 to 60",
        "4 blocks of 30 s per scan (210 volumes, TR 2 s)",
        "The mean white-matter signal and the mean ventricle signal were removed",
        "from 4 to 30 s after cue onset against the mean from −20 to 0 s",
        "The responses of 14 231 voxels of 0.5 × 0.5 × 1 mm",
        "respiration entered as a covariate",
        "The effect of interest is group × cue, F(1, 18).",
        "a = 0.52, b = 0.61 mm, c = 1.90 mm (FWHM 1.42 mm)",
        "In 10 000 null fields",
        "with p < .01 that touch by faces reached 13 voxels in fewer than 1 % of the fields",
        "a false discovery rate of q = .05",
        "cuecircuit 0.1.0, Python 3.11.7 and NumPy 2.2.0; seed 0.",
    ],
)
def test_text_says_what_the_settings_and_the_run_say(study: Study, facts: RunFacts, sentence: str) -> None:
    assert sentence in plain(study, facts)


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        ("voxel_p: 0.01", "voxel_p: 0.001", "p < .01 that touch", "p < .001 that touch"),
        (
            "\ncorrection:\n",
            "\ncorrection:\n  connectivity: 26\n",
            "by faces reached",
            "by faces, edges or corners reached",
        ),
        ("white_matter: true", "white_matter: false", "The mean white-matter", "The mean ventricle signal was removed"),
        ("\nnuisance:\n", "\nnuisance:\n  motion: 24\n", "Motion terms: none", "24 motion terms were removed"),
        ("\nnuisance:\n", "\nnuisance:\n  drift_period_s: 180\n", "none modeled", "periods above 180 s removed"),
        ("\nbehavior:\n", "\nbehavior:\n  count: first_hour\n", "the whole session", "the first hour of each session"),
        ("\nbehavior:\n", "\nbehavior:\n  posthoc_error: contrast\n", "pooled error", "the error of each contrast"),
    ],
)
def test_text_follows_a_changed_setting(
    design_text: str, study: Study, facts: RunFacts, old: str, new: str, before: str, after: str
) -> None:
    assert before in plain(study, facts)
    text = plain(parse_study(design_text.replace(old, new)), facts)
    assert after in text
    assert before not in text


def test_every_assumed_value_that_the_text_uses_is_marked(study: Study, facts: RunFacts) -> None:
    marks, text = marks_of(study), text_of(study, facts)

    # the response shape belongs to the general linear model, which this study does not use
    used = [setting for setting in marks.assumed if setting.path != "response.hrf"]
    # each value stands in the text once, with its reason
    assert len(MARK.findall(text)) == len(used) > 10
    for setting in used:
        assert f'title="{setting.why}"' in text


def test_a_value_that_the_file_states_loses_its_mark(design_text: str, facts: RunFacts) -> None:
    stated = parse_study(design_text.replace("\nnuisance:\n", "\nnuisance:\n  smoothing_fwhm_mm: 0.8\n"))

    assert "Smoothing: 0.8 mm FWHM" in text_of(stated, facts)


def test_a_gaussian_correction_names_no_acf(design_text: str, facts: RunFacts) -> None:
    study = parse_study(design_text.replace("\ncorrection:\n", "\ncorrection:\n  smoothness: fwhm\n"))
    text = plain(study, dataclasses.replace(facts, acf=None))

    assert "a Gaussian autocorrelation of FWHM 1.42 mm" in text
    assert "a = " not in text


def test_one_group_is_no_factor_of_the_text(design_text: str, facts: RunFacts) -> None:
    text = design_text.replace("groups: [ShA, LgA]", "groups: [LgA]").replace("ShA: 1, ", "")
    text = text.replace("between: [group]", "between: []").replace('effect: "group:cue"', "effect: cue")
    text = plain(parse_study(text), dataclasses.replace(facts, subjects={"LgA": 10}))

    assert "a repeated-measures analysis of variance (session within subjects)" in text
    assert "were tested for treatment (within)." in text


def test_who_is_left_out_stands_with_the_reason_and_as_text(design_text: str, facts: RunFacts) -> None:
    text = design_text.replace("  species:", "  exclude: { 'rat<b>07': 'catheter <not> patent' }\n  species:")

    assert "Left out: rat&lt;b&gt;07 (catheter &lt;not&gt; patent)." in text_of(parse_study(text), facts)


def test_settings_table_has_every_setting_once_with_a_known_source(study: Study) -> None:
    table = settings_table(study)

    assert table["setting"].is_unique
    assert set(table["source"]) == {"paper", "convention", "assumed", "study file"}
    row = table.set_index("setting").loc["response.window_s"]
    assert (row["value"], row["source"]) == ("4, 30", "assumed")
    assert row["reason"]


def test_words_are_joined_as_in_a_sentence() -> None:
    assert [str(listed(words)) for words in ([], ["a"], ["a", "b"], ["a", "b", "c<"])] == [
        "",
        "a",
        "a and b",
        "a, b and c&lt;",
    ]
    assert (counted(1, "voxel"), counted(2, "voxel")) == ("1 voxel", "2 voxels")
    assert (dose_text(0.06), dose_text(2.5)) == ("60 µg/kg", "2.5 mg/kg")
