"""What no animal can be taken through is refused when the study file is read, whatever is then done with it."""

from importlib.resources import files

import pytest

from cuecircuit.study.crosscheck import cue_of
from cuecircuit.study.file import parse_study

TEXT = (files("cuecircuit.study") / "designs" / "carmack2019.yaml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("LgA: 12 }", "LgA: 0 }", "access_h.LgA: 0 h of access are impossible; expected more than 0, at most 24"),
        ("LgA: 12 }", "LgA: -6 }", "phases.0.access_h.LgA: -6 h of access are impossible"),
        ("LgA: 12 }", "LgA: 24.5 }", "phases.0.access_h.LgA: 24.5 h of access are impossible"),
        ("LgA: 12 }", "LgA: .nan }", "phases.0.access_h.LgA: input should be a finite number"),
        ("LgA: 12 }", "Lga: 12 }", "phases.0.access_h.Lga: 'Lga' is no group of this study; expected one of: ShA, LgA"),
        ("[30, 60]", "[30, 90]", "phases.1.window_min: ends at minute 90; ShA has access for 60 minutes"),
        ("dose_mg_kg: 0.06", "dose_mg_kg: 0", "drug.dose_mg_kg: input should be greater than 0, found 0"),
        ("dose_mg_kg: 0.06", "dose_mg_kg: -0.06", "drug.dose_mg_kg: input should be greater than 0, found -0.06"),
        ("dose_mg_kg: 0.06", "dose_mg_kg: 60", "drug.dose_mg_kg: 60 mg/kg in one infusion is impossible; at most 3"),
        ("dose_mg_kg: 0.06", "dose_mg_kg: .inf", "drug.dose_mg_kg: input should be a finite number"),
        ("dose_mg_kg: 0.06", "dose_mg: 20", "drug.dose_mg: 20 mg in one infusion is impossible; at most 3"),
        ("route: i.v.", "half_life_min: -3", "drug.half_life_min: input should be greater than 0, found -3"),
        ("route: i.v.", "half_life_min: 0", "drug.half_life_min: input should be greater than 0, found 0"),
        (": 0.12 }", ": 120 }", "treatments.1.dose_mg_kg: 120 mg/kg of naloxone is impossible; at most 100"),
        (": 0.12 }", ": -1 }", "treatments.1.dose_mg_kg: input should be greater than or equal to 0, found -1"),
        ("drug: saline, dose_mg_kg: 0 ", "drug: saline, dose_mg_kg: 1 ", "dose_mg_kg: saline has no dose; give 0"),
        ("naloxone, dose_mg_kg: 0.12", "LiCl, dose_mg_kg: 1001", "1001 mg/kg of LiCl is impossible; at most 1000"),
    ],
)  # fmt: skip
def test_what_is_impossible_is_named_with_its_line(faults_of, line_of, old, new, said):
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    (fault,) = faults_of(text)
    assert fault.startswith(f"study.yaml:{line_of(text, new)}: ")
    assert said in fault


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LgA: 12 }", "LgA: 24 }"),
        ("[30, 60]", "[0, 60]"),
        ("dose_mg_kg: 0.06", "dose_mg_kg: 3"),
        (": 0.12 }", ": 100 }"),
        ("name: heroin\n  dose_mg_kg: 0.06", "name: alcohol\n  dose_mg_kg: 100"),
        ("drug: naloxone, dose_mg_kg: 0.12", "drug: naloxone, dose_mg_kg: 0"),
    ],
    ids=["a whole day", "a whole session", "the largest dose", "the largest injection", "alcohol", "vehicle"],
)
def test_what_is_just_possible_is_read(old, new):
    assert old in TEXT
    parse_study(TEXT.replace(old, new, 1))


def in_order(*names: str, **renamed: str) -> str:
    """The design with its phases in another order, and some of them called otherwise."""
    start, end = TEXT.index("  - name: escalation"), TEXT.index("\nbehavior:")
    blocks = ["  - name: " + block for block in TEXT[start:end].split("  - name: ")[1:]]
    own = {block.split()[2]: block.rstrip() + "\n" for block in blocks}
    own |= {old: own[old].replace(f"name: {old}", f"name: {new}", 1) for old, new in renamed.items()}
    return TEXT[:start] + "".join(own[name] for name in names) + TEXT[end:]


def test_a_phase_before_the_phase_it_looks_back_to_is_named_with_its_line(faults_of, line_of):
    text = in_order("extinction", "escalation", "cue_test", "conditioning", "reinstatement")
    extinction, *odors = faults_of(text)
    assert extinction == (
        f"study.yaml:{line_of(text, 'name: extinction')}: phases.0: extinction comes before any phase in which the "
        "drug is taken; put self-administration before it"
    )
    for number, (cue, fault) in enumerate(zip(("saline", "naloxone"), odors, strict=True)):
        line = line_of(text, f"CUE-{cue.upper()}")
        assert fault.startswith(f"study.yaml:{line}: phases.2.treatments.{number}: cue_test shows the cue {cue} before")


@pytest.mark.parametrize("kind", ["extinction", "reinstatement", "cue_test"])
def test_a_phase_is_known_by_its_kind_whatever_its_name(faults_of, kind):
    text = in_order("extinction", "escalation", "conditioning", extinction=f"last\n    kind: {kind}")
    assert "phases.0: last comes before any phase in which the drug is taken" in faults_of(text)[0]
    text = in_order("escalation", "extinction", "conditioning", extinction=f"last\n    kind: {kind}")
    assert not [fault for fault in faults_of(text) if "phases.1: " in fault]  # left are reasons for phases left out


def test_a_phase_without_the_drug_does_not_prepare_another(faults_of):
    faults = faults_of(in_order("extinction", "reinstatement", "escalation", "conditioning"))
    assert [fault.split(": ")[1] for fault in faults if "before any phase in which" in fault] == [
        "phases.0",
        "phases.1",
    ]


def test_a_treatment_shows_the_cue_that_its_name_begins_with():
    study = parse_study(TEXT)
    assert [cue_of(study, each) for each in study.phase("cue_test").treatments] == [0, 1]
    other = study.phase("cue_test").treatments[0].model_copy(update={"name": "salines"})
    assert cue_of(study, other) is None
