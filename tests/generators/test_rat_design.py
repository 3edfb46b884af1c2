"""What the generator of rats does not know is refused by name, all at once."""

import pytest

from cuecircuit.errors import StudyError


def test_the_study_of_the_article_is_read_as_it_is_written(rats):
    assert (rats.groups, rats.sizes, rats.cues) == (("ShA", "LgA"), (11, 10), ("saline", "naloxone"))
    assert (rats.drug, rats.dose_mg_kg, rats.paired) == ("heroin", 0.06, "naloxone")
    assert (rats.blocks, rats.volumes) == (4, 210)
    phases = {phase.name: phase for phase in rats.phases}
    assert [name for name, phase in phases.items() if phase.window_min == (30, 60)] == ["conditioning"]
    assert [name for name, phase in phases.items() if not phase.rewarded] == ["extinction", "reinstatement"]
    assert phases["escalation"].access_h == {"ShA": 1, "LgA": 12}


def test_everything_that_the_generator_lacks_is_named_at_once(rats_text, design_of):
    text = rats_text.replace("access_h: { ShA: 1, LgA: 12 }", "access_h: 1")
    for old, new in (
        ("  ventricles: derivatives/template/tpl-drawn_label-CSF_mask.nii.gz\n", ""),
        ("nuisance: { white_matter: true, ventricles: true, motion: 0 }", "nuisance: { motion: 0 }"),
        ("    nuisance.ventricles: regressed out\n", ""),
        ("    nuisance.white_matter: regressed out\n", ""),
        ("group: { levels: [ShA, LgA], label: access }", "group: { levels: [ShA, LgA, none], label: access }"),
        ("n: { ShA: 11, LgA: 10 }", "n: { ShA: 11, LgA: 10, none: 9 }"),
        ("experiment: EXTINCTION, days: 6, access_h: 1 }", "experiment: EXTINCTION, days: 6 }"),
        ("  operant.phases.extinction.access_h: not printed\n", ""),
        ("heroin: { dose_mg_kg: 0.06, route: i.v. }", "heroin: { dose_mg: 0.02, route: i.v. }"),
        ("species: Rattus norvegicus\n", "species: Rattus norvegicus\n  weight_kg: weight\n"),
        ("    drugs.heroin.dose_mg_kg: 60 µg/kg per infusion\n", ""),
    ):  # fmt: skip
        assert text.count(old) == 1, old
        text = text.replace(old, new)

    with pytest.raises(StudyError) as caught:
        design_of(text)

    said = "\n".join(caught.value.faults)
    for part in (
        "space.ventricles: the generator of rats draws it",
        "factors.group: the generator of rats knows two groups, found 3 (ShA, LgA, none)",
        "knows one drug with dose_mg_kg, of all groups; found heroin",
        "operant.phases.extinction.access_h: no hours of none",
    ):
        assert part in said
    assert all("leave `simulation.generator` out" in fault for fault in caught.value.faults)
