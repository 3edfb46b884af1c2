import re

import pytest

from cuecircuit.errors import StudyError
from cuecircuit.generators.animals import timeline
from cuecircuit.generators.protocol import Injection, Pump, check_protocol, program_of
from cuecircuit.nodes.simulate import RatChoices, simulate_design
from cuecircuit.study.reading import parse_study


def test_the_design_of_the_article_is_a_protocol(rats):
    check_protocol(rats.study)
    first, second = (program_of(rats.study, "LgA", box) for box in (0, 1))
    assert [plan.date for plan in first.sessions] == [*range(1, 19), *range(20, 30)]
    assert first.scan_date == 10 + 8 + 1
    assert first.drugs == ("heroin", "naloxone")
    paired = [plan for plan in first.sessions if plan.phase == "conditioning"]
    assert [plan.treatment for plan in paired] == ["saline", "naloxone"] * 4
    assert [plan.treatment for plan in second.sessions if plan.phase == "conditioning"] == ["naloxone", "saline"] * 4
    assert {plan.window_s for plan in paired} == {(1800, 3600)}
    assert paired[1].injections == (Injection(second=1800, drug="naloxone", dose_mg_kg=0.12),)
    assert not paired[0].injections
    assert [plan.drug for plan in first.sessions[-8:]] == [None] * 8
    assert {plan.seconds for plan in first.sessions[:10]} == {12 * 3600}
    assert {plan.shortest_s for plan in first.sessions[:10]} == {3600}


STUDY = """
about: { title: Two rats }
subjects: { species: Rattus norvegicus }
factors: { group: [treated, control, absent] }
drugs:
  fentanyl: { dose_mg_kg: 0.0025, route: i.v. }
  methadone: { route: s.c. }
  buprenorphine: { route: s.c. }
operant:
  logs: "logs/*"
  phases:
    taking:
      kind: self_administration
      experiment: TAKE
      days: 2
      access_h: { treated: 6, control: 6, absent: 0 }
      delivers: fentanyl
      context: box
      medications:
        pump: { drug: methadone, pump_mg_kg_day: 10, groups: [treated], through: later }
        shot: { drug: buprenorphine, dose_mg_kg: 0.1, hours_before: 2, groups: [treated], days: [2] }
    later:
      kind: progressive_ratio
      experiment: PR
      days: 1
      access_h: 3
      ratios: [1, 3]
      delivers: fentanyl
      rest_days: { treated: 0, control: 5, absent: 1 }
      context: { treated: box, control: elsewhere, absent: box }
questions:
  intake: { of: operant.infusions, where: { phase: taking, group: [treated, control] }, between: group, within: day }
simulation: { n: { treated: 2, control: 2, absent: 2 }, generator: mechanism }
"""


def test_medicines_rest_places_and_hours_of_each_group_are_laid_out():
    study = parse_study(STUDY)
    check_protocol(study)
    treated, control, absent = (program_of(study, group, 0) for group in ("treated", "control", "absent"))
    assert [plan.date for plan in treated.sessions] == [1, 2, 3]
    assert [plan.date for plan in control.sessions] == [1, 2, 8]
    # the days of others pass for those who stay at home
    assert [(plan.phase, plan.date) for plan in absent.sessions] == [("later", 4)]
    assert treated.pumps == (Pump(first=1, last=3, drug="methadone", mg_kg_day=10.0),)
    assert not control.pumps
    assert [plan.injections for plan in treated.sessions] == [
        (),
        (Injection(second=-7200, drug="buprenorphine", dose_mg_kg=0.1),),
        (),
    ]
    assert [plan.context for plan in control.sessions] == ["box", "box", "elsewhere"]
    assert control.sessions[-1].ratios == (1, 3)


def test_what_happens_to_an_animal_comes_in_order():
    happens = timeline(program_of(parse_study(STUDY), "treated", 0))
    day = 86_400
    assert [(second, type(what).__name__) for second, _, what in happens] == [
        (0, "dict"),
        (0, "PlannedSession"),
        (day - 7200, "Injection"),
        (day, "PlannedSession"),
        (2 * day, "PlannedSession"),
        (3 * day, "dict"),
    ]
    assert happens[0][2] == {"methadone": 10.0}
    assert happens[-1][2] == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("drug: methadone,", "drug: levorphanol,", "pump:", "'levorphanol' is no drug of drugs:"),
        (", groups: [treated], through", ", groups: [nobody], through", "pump:", "'nobody' is no level of operant.by"),
        ("through: later", "through: taking", "pump:", "'taking' is no later phase"),
        ("days: [2]", "days: [3]", "shot:", "day 3 is none of the phase; expected 1 to 2"),
        ("dose_mg_kg: 0.1, hours_before: 2", "hours_before: 2", "shot:", "give either dose_mg_kg (injected) or pump"),
        ("dose_mg_kg: 0.1, hours", "dose_mg_kg: 0.1, through: later, hours", "shot:", "through is of a pump"),
        ("pump_mg_kg_day: 10", "pump_mg_kg_day: 10, days: [1]", "pump:", "a pump runs all the time"),
        ("dose_mg_kg: 0.1,", "dose_mg_kg: -1,", "shot:", "greater than 0"),
        ("control: 5, absent", "control: -5, absent", "rest_days", "-5 days of rest are impossible; expected 0"),
        ("control: 5, absent: 1", "control: 5", "rest_days", "says nothing of absent"),
        ("treated: 6, control: 6", "treated: 0, control: 0", "access_h", "nobody has a session; leave the phase out"),
    ],
)
def test_medications_and_rest_that_cannot_be_are_faults_of_their_line(old, new, line, message):
    text = STUDY.replace(old, new)
    assert text != STUDY
    with pytest.raises(StudyError) as caught:
        parse_study(text, "mine.yaml")
    numbers = [number for number, one in enumerate(text.splitlines(), 1) if line in one]
    faults = [fault for fault in caught.value.faults if message in fault]
    assert faults, caught.value.faults
    assert any(fault.startswith(f"mine.yaml:{number}:") for fault in faults for number in numbers), faults


def with_parameter(line: str) -> tuple[str, str]:
    return "simulation:\n", f"simulation:\n  parameters:\n    {line}\n"


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        (
            "heroin",
            "cocaine",
            "  cocaine:",
            "drugs.cocaine: the mechanism does not know cocaine; expected one of: heroin, morphine, oxycodone",
        ),
        (r"naloxone(?=: { route|, dose)", "yohimbine", "drug: yohimbine", "the mechanism does not know yohimbine"),
        (
            "kind: extinction",
            "kind: punishment",
            "kind: punishment",
            "the logs of this generator keep no shocks; use simulation.generator: mechanism",
        ),
        (*with_parameter("mam_half_life: -12"), "mam_half_life", "-12 min is impossible; expected 0.05 to inf"),
        (*with_parameter("salience: 2"), "salience", "2 1 is impossible; expected 0 to 1"),
        (
            *with_parameter("appetite: 1"),
            "appetite",
            "no such parameter of the mechanism; expected one of: heroin_half_life",
        ),
    ],
)
def test_what_the_mechanism_lacks_is_named_with_its_line(rats_text, tmp_path, old, new, at, message):
    text = re.sub(old, new, rats_text)
    assert text != rats_text
    (study := tmp_path / "mine.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(StudyError) as caught:
        simulate_design(str(study), tmp_path / "out", scale="tiny", rats=RatChoices(model="mechanism"))

    line = next(number for number, text in enumerate(text.splitlines(), 1) if at in text)
    assert any(fault.startswith(f"mine.yaml:{line}: ") and message in fault for fault in caught.value.faults)
    assert not (tmp_path / "out").exists()
