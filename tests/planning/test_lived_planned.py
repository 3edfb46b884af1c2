"""Plans of studies that animals of the mechanism live through."""

from pathlib import Path

import pytest
from scipy import stats

from cuecircuit.errors import CuecircuitError
from cuecircuit.io.tables import read_table
from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.planning.plan import draw_seed, plan_study
from cuecircuit.planning.power import PlanSettings

STUDY = """
about: { title: Tolerance of breathing }
subjects: { species: Rattus norvegicus, tables: [phenotype/readouts.tsv] }
factors: { group: [naive, trained], room: { levels: [east, west] } }
drugs: { heroin: { dose_mg_kg: 0.1, route: i.v. } }
operant:
  logs: logs/*.txt
  phases:
    training:
      kind: self_administration
      experiment: TRAIN
      days: 4
      access_h: { naive: 0, trained: 6 }
      delivers: heroin
      context: box
    challenge:
      kind: extinction
      experiment: CHALLENGE
      days: 1
      access_h: 1
      context: box
      medications: { dose: { drug: heroin, dose_mg_kg: 3 } }
questions:
  breathing: { of: subjects.ventilation_challenge, between: group }
  waiting: { of: operant.latency_s, where: { phase: training, group: trained }, average: day, between: room }
  amounts: { of: operant.infusions, where: { phase: training, group: trained }, by: day }
simulation: { n: { naive: 6, trained: 6 }, generator: mechanism }
"""


def written(folder: Path, text: str = STUDY) -> Path:
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder / "study.yaml"


def test_a_drawn_study_is_the_one_that_simulate_and_run_give(tmp_path: Path):
    plan_study(written(tmp_path), tmp_path / "plan", settings=PlanSettings(sizes=("4", "6"), draws=1))
    planned = read_table(tmp_path / "plan" / "power.tsv").set_index(["question", "subjects"])["estimate"]
    simulate_design(str(tmp_path / "study.yaml"), tmp_path / "data", seed=draw_seed(0, 0))
    run_study(tmp_path / "data" / "study.yaml", tmp_path / "out")
    for question, factor, levels in (
        ("breathing", "group", ("naive", "trained")),
        ("waiting", "room", ("east", "west")),
    ):
        rows = read_table(tmp_path / "out" / "questions" / question / "rows.tsv")
        for size in (4, 6):
            mean = rows[rows["subject"].str[-2:].astype(int) <= size].groupby(factor)["value"].mean()
            difference = mean[levels[0]] - mean[levels[1]]
            assert planned[question, 2 * size] == pytest.approx(difference, rel=1e-5), question
    reasons = read_table(tmp_path / "plan" / "not_planned.tsv").set_index("question")["reason"]
    assert reasons.to_dict() == {"amounts": "means and SEM alone; nothing is tested"}
    assert "animals of the mechanism with the parameters of study.yaml" in (tmp_path / "plan" / "plan.html").read_text()


def test_tolerance_is_found_and_nothing_where_nothing_opposes_the_drug(tmp_path: Path):
    (tmp_path / "slow.yaml").write_text("generator: mechanism\nparameters: { growth_use: 3 }\n")
    settings = PlanSettings(
        sizes=("7",),
        draws=8,
        questions=("breathing",),
        hypotheses=("withdrawal", "null"),
        effects=tmp_path / "slow.yaml",
    )
    plan_study(written(tmp_path), tmp_path / "out", settings=settings)
    power = read_table(tmp_path / "out" / "power.tsv").set_index("hypothesis")
    assert power.loc["withdrawal", "found"] > 6
    assert power.loc["null", "found"] <= stats.binom.isf(1e-3, 8, 0.05)
    assert set(power["planted"]) == {"unknown"}
    assumed = read_table(tmp_path / "out" / "assumed.tsv").set_index("name")["value"]
    assert assumed["growth_use"] == "median 3 /day, SD of log 0.4"


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        (STUDY, {"multiples": (0.3,)}, "multiple: animals that live through a study have no stated effects"),
        (
            STUDY,
            {"hypotheses": ("magic",)},
            "hypothesis 'magic' is unknown; expected one of: withdrawal, antagonism, null",
        ),
        (
            STUDY.replace("generator: m", "sizes: { slope_r: 0 }, generator: m"),
            {},
            "simulation.sizes: not read; a plan draws from",
        ),
        (STUDY.replace("heroin", "heroine"), {}, "the mechanism does not know heroine; expected one of: heroin, "),
        (STUDY.replace("generator: m", "parameters: { felt: -1 }, generator: m"), {}, "felt: -1 1 is impossible"),
        (STUDY, {"smoothness": "2"}, "smoothness: no question can be planned by voxels"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_what_to_do(text: str, settings, words: str, tmp_path: Path):
    with pytest.raises(CuecircuitError) as refused:
        plan_study(written(tmp_path, text), tmp_path / "out", settings=PlanSettings(**settings))
    assert words in "\n".join(refused.value.faults)
