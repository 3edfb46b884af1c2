import pytest

from cuecircuit.report.methods import methods
from cuecircuit.report.references import cited
from cuecircuit.study.file import parse_study

DERIVED = "  task: odor\n  derivatives: derivatives/done\n"


def text_of(design_text, facts, heading, **changes):
    for old, new in changes.values():
        assert old in design_text
        design_text = design_text.replace(old, new, 1)
    study = parse_study(design_text)
    found = {paragraph.heading: str(paragraph.text) for paragraph in methods(study, facts)}
    return found.get(heading, ""), {reference.key for reference in cited(study)}


def test_scans_analyzed_as_they_lie_have_no_paragraph(design_text, facts):
    text, keys = text_of(design_text, facts, "Preprocessing")

    assert text == ""
    assert "avants2008" not in keys


def test_scans_of_another_pipeline_are_said_to_be_so(design_text, facts):
    text, _ = text_of(design_text, facts, "Preprocessing", where=("  task: odor\n", DERIVED))

    assert text == "Scans were taken as another pipeline had preprocessed them (derivatives/done)."


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("registration: rigid", "by a rigid transform (ANTs; Avants et al. 2008)"),
        ("registration: syn", "by a rigid, an affine and a symmetric diffeomorphic transform (SyN)"),
        ("voxel_mm: 0.4", "to voxels of 0.4 mm"),
        ("scan_scale: 0.1", "Lengths in the headers of the scans were multiplied by 0.1."),
        ("scan_origin: center", "The origin was put at the middle of each volume."),
        ("template: brainglobe:whs_sd_rat_39um", "brought to the template (brainglobe:whs_sd_rat_39um)"),
    ],
)
def test_the_text_follows_the_section_preprocess(design_text, facts, setting, said):
    own = f"preprocess:\n  {setting}\n"
    text, keys = text_of(
        design_text,
        facts,
        "Preprocessing",
        where=("  task: odor\n", DERIVED),
        own=("\nnuisance:\n", f"\n{own}nuisance:\n"),
    )

    assert said in text
    assert {"avants2008", "tustison2010"} <= keys


@pytest.mark.parametrize(
    ("setting", "said", "key"),
    [
        ("acompcor: 5", "5 principal components of each tissue (Behzadi et al. 2007)", "behzadi2007"),
        ("respiration: retroicor", "RETROICOR (Glover et al. 2000) regressors", "glover2000"),
        ("respiration: rvt", "respiration volume per time (Birn et al. 2006) regressors", "birn2006"),
        ("censor_fd_mm: 0.2", "displacement above 0.2 mm on the way into them were left out", "power2012"),
        ("low_pass_hz: 0.1", "Frequencies above 0.1 Hz were removed", None),
    ],
)
def test_nuisance_signals_are_said_with_their_source(design_text, facts, setting, said, key):
    text, keys = text_of(
        design_text, facts, "Responses to the cues", own=("\nnuisance:\n", f"\nnuisance:\n  {setting}\n")
    )

    assert said in text
    assert key is None or key in keys
