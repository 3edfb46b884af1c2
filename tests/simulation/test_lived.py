"""`simulate_lived`: files, bytes, readouts that a study asks about, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design

STUDY = """
about: { title: Six rats }
subjects: { species: Rattus norvegicus, tables: [phenotype/readouts.tsv] }
factors: { group: [free, absent], place: { levels: [box, room] } }
drugs:
  oxycodone: { dose_mg_kg: 0.15, route: i.v. }
  heroin: { route: i.v. }
  naltrexone: { route: s.c. }
operant:
  logs: logs/*.txt
  phases:
    taking:
      kind: self_administration
      experiment: TAKE
      days: 2
      access_h: { free: 2, absent: 0 }
      delivers: oxycodone
    ratio:
      kind: progressive_ratio
      experiment: RATIO
      days: 1
      access_h: { free: 3, absent: 0 }
      delivers: oxycodone
      ratios: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    shocked:
      kind: punishment
      experiment: SHOCK
      days: 2
      access_h: { free: 2, absent: 0 }
      delivers: oxycodone
      by_day: { shock_ma: [0, 0.4] }
    challenge:
      kind: extinction
      experiment: CHALLENGE
      days: 1
      access_h: 1
      rest_days: { free: 2, absent: 0 }
      context: room
      medications:
        dose: { drug: heroin, dose_mg_kg: 1 }
        block: { drug: naltrexone, dose_mg_kg: 1, hours_before: 1, groups: [absent] }
  measures: { jolts: { count: shock } }
derived:
  reached: { of: operant.infusions, where: { phase: ratio }, over: day, how: breakpoint, complete: false }
questions:
  intake: { of: operant.infusions, where: { phase: taking, group: free }, between: place, within: day }
  shocks: { of: operant.jolts, where: { phase: shocked, group: free }, between: place, within: day }
  breakpoints: { of: derived.reached, where: { group: free }, between: place }
  breathing: { of: subjects.ventilation_challenge, between: group }
simulation: { n: { free: 6, absent: 4 }, generator: mechanism }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("lived")
    (made / "mine.yaml").write_text(STUDY, encoding="utf-8")
    (made / ".unfinished-a1b2c3d4").mkdir()
    simulate_design(str(made / "mine.yaml"), made / "data", seed=4)
    return made


def test_the_study_runs_and_its_questions_are_answered_from_logs_and_readouts(folder):
    run_study(folder / "data" / "study.yaml", folder / "results")
    operant = pd.read_csv(folder / "results" / "tables" / "operant.tsv", sep="\t", na_values="n/a")
    assert set(operant.loc[operant["phase"] == "challenge", "subject"].str[:-2]) == {"free", "absent"}
    assert set(operant.loc[operant["phase"] != "challenge", "subject"].str[:-2]) == {"free"}
    shocked = operant[operant["phase"] == "shocked"]
    assert (shocked.loc[shocked["day"] == 1, "jolts"] == 0).all()
    assert (shocked.loc[shocked["day"] == 2, "jolts"] == shocked.loc[shocked["day"] == 2, "infusions"]).all()
    breathing = pd.read_csv(folder / "results" / "questions" / "breathing" / "means.tsv", sep="\t").set_index("group")
    # naltrexone an hour before blocks the heroin
    assert breathing.loc["absent", "mean"] > breathing.loc["free", "mean"] + 5
    presses = operant[operant["phase"] == "ratio"].set_index("subject")
    table = pd.read_csv(folder / "results" / "questions" / "breakpoints" / "rows.tsv", sep="\t").set_index("subject")
    # costs 1, 2, 3 ...: the last one paid is the number of deliveries
    assert table["value"].to_dict() == presses["infusions"].to_dict()
    page = (folder / "results" / "report.html").read_text(encoding="utf-8")
    assert "A model&#39;s prediction from numbers that are assumed" in page
    assert "heroin 1 mg/kg 0 h before the session" in page
    assert "days of rest before it: free 2, absent 0" in page


def test_check_finds_no_fault_and_misses_no_session_of_who_has_none_by_plan(folder):
    assert not [note for note in check_study(folder / "data" / "study.yaml") if "of 2 sessions" in str(note)]


def test_what_a_killed_simulation_left_is_swept(folder):
    assert not list(folder.glob(".unfinished-*"))


def test_rest_is_in_the_dates_of_the_logs(folder):
    names = sorted(path.name for path in (folder / "data" / "logs").iterdir())
    # five days of sessions; those who stay at home are tested at once, the others after two days of rest
    assert [name[:10] for name in names if "challenge" in name] == ["2026-01-10", "2026-01-12"]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(folder):
    for seed in (4, 5):
        simulate_design(str(folder / "mine.yaml"), folder / f"again{seed}", seed=seed)
    contents = {
        name: {path.relative_to(folder / name): path.read_bytes() for path in (folder / name).rglob("*.t*")}
        for name in ("data", "again4", "again5")
    }
    assert contents["data"] == contents["again4"]
    assert contents["data"].keys() == contents["again5"].keys()
    assert contents["data"] != contents["again5"]


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("oxycodone", "tramadol", "  tramadol:", "the mechanism does not know tramadol; expected one of: heroin, "),
        ("dose_mg_kg: 0.15, route: i.v.", "route: i.v.", "  oxycodone:", "needs the dose of a delivery in mg/kg"),
        (
            "      by_day: { shock_ma: [0, 0.4] }\n",
            "",
            "    shocked:",
            "needs the shock of each day",
        ),
        ("hours_before: 1,", "hours_before: 22,", "block:", "22 h before a session an animal may be in its last one"),
        ("heroin: { route: i.v. }", "heroin: { route: i.v., half_life_min: 3 }", "  heroin:", "three compounds"),
        ("generator: mechanism", "generator: mechanism, hypotheses: { none: [] }", "simulation:", "nothing is planted"),
        ("generator: mechanism", "generator: mechanism, parameters: { felt: -1 }", "simulation:", "-1 1 is impossible"),
        ("free: 6,", "free: 1,", "simulation:", "1 subjects have no spread"),
    ],
)
def test_what_the_mechanism_cannot_live_is_named_with_its_line(tmp_path, old, new, at, message):
    text = STUDY.replace(old, new)
    assert text != STUDY
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        simulate_design(str(tmp_path / "mine.yaml"), tmp_path / "out")
    line = next(number for number, one in enumerate(text.splitlines(), 1) if at in one)
    found = [fault for fault in caught.value.faults if message in fault]
    assert found, caught.value.faults
    assert found[0].startswith(f"mine.yaml:{line}"), found
    assert not (tmp_path / "out").exists()


def test_medications_are_plain_description_to_a_planted_simulation(tmp_path):
    planted = STUDY.replace(
        "generator: mechanism",
        "base: [{ in: operant.infusions, mean: 10, between_sd: 3, within_sd: 2, counts: true }, "
        "{ in: operant.shocks, mean: 2, between_sd: 1, within_sd: 1, counts: true }, "
        "{ in: subjects.ventilation_challenge, mean: 80, between_sd: 5, within_sd: 0 }]",
    )
    (tmp_path / "mine.yaml").write_text(planted, encoding="utf-8")
    study = simulate_design(str(tmp_path / "mine.yaml"), tmp_path / "data", seed=1)
    check_study(study)
    dates = {path.name[:10] for path in (study.parent / "logs").iterdir() if "challenge" in path.name}
    assert dates == {"2026-01-10", "2026-01-12"}
    readouts = pd.read_csv(study.parent / "phenotype" / "readouts.tsv", sep="\t")
    assert np.isfinite(readouts["ventilation_challenge"]).all()
