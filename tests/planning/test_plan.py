"""Plans of studies of tables and questions: power against closed forms, error rates, and what is written."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.planning.assumptions import read_assumptions
from cuecircuit.planning.drawing import draw_planting, template_of
from cuecircuit.planning.multiples import with_multiple
from cuecircuit.planning.plan import plan_study
from cuecircuit.planning.power import PlanSettings
from cuecircuit.simulation.declared import with_weights
from cuecircuit.simulation.planting import first_hypothesis
from tests.planning.closed_forms import contrast_power, correlation_power

pytestmark = pytest.mark.xdist_group("planning")
# studies of the fixture
DRAWN = 60
DESIGNS = ("alcohol_mice", "carmack2019", "cocaine_sessions", "huang2023", "smokers_two_sessions", "pet_displacement")
MEANS_ALONE = {"carmack2019": {"table1", "table1_region"}, "huang2023": {"cell_means"}}
GROUPS = """
about: { title: Two groups }
subjects: { species: Rattus norvegicus }
factors: { group: [control, treated] }
questions:
  score: { of: subjects.score, between: group }
  follows: { of: subjects.score, with: { of: subjects.dose } }
simulation:
  n: { control: 10, treated: 10 }
  base:
    - { in: subjects.score, mean: 10, between_sd: 2, within_sd: 0 }
    - { in: subjects.dose, mean: 5, between_sd: 1, within_sd: 0 }
  effects:
    shift: { in: subjects.score, where: { group: treated }, add: 2 }
    leans: { in: subjects.score, slope_on: subjects.dose, add: 0.6 }
  hypotheses: { shift: [shift], leans: [leans] }
"""


def design_text(name: str) -> str:
    return (files("cuecircuit.study") / "designs" / f"{name}.yaml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def power_of(path: Path, out: Path, **settings) -> pd.DataFrame:
    plan_study(path, out, settings=PlanSettings(**{"multiples": (), **settings}))
    return read_table(out / "power.tsv")


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def inside(found: int, n: int, share: float) -> bool:
    """Whether a binomial count is one that comes more often than once in ten thousand."""
    low, high = stats.binom.interval(0.9999, n, share)
    return bool(low <= found <= high)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("plan")
    path = written(folder, GROUPS)
    settings = PlanSettings(
        sizes=("6", "8,16", "17"), draws=DRAWN, questions=("score",), hypotheses=("shift", "null"), multiples=(0.5,)
    )
    plan_study(path, folder / "out", settings=settings)
    return path, folder / "out"


def test_power_of_two_groups_is_that_of_the_noncentral_f(planned: tuple[Path, Path]):
    power = read_table(planned[1] / "power.tsv").query("multiple == 1").set_index(["hypothesis", "subjects"])
    for sizes in ((6, 6), (8, 16), (17, 17)):
        expected = contrast_power(sizes, (-1, 1), 1.0)
        assert inside(int(power.loc[("shift", sum(sizes)), "found"]), DRAWN, expected)
        assert inside(int(power.loc[("null", sum(sizes)), "found"]), DRAWN, 0.05)
    row = power.loc[("shift", 34)]
    # the first group less the second; SE of a mean of DRAWN estimates with SD 2 · 2/sqrt(34)
    assert row["estimate"] == pytest.approx(-2.0, abs=4 * 4 / np.sqrt(34 * DRAWN))
    # E[2 t 2 s / sqrt(34)] with 32 df; the median of s differs from 2 by less than 1 %; 4 standard errors of it
    assert row["ci_width"] == pytest.approx(2 * stats.t.isf(0.025, 32) * 4 / np.sqrt(34), rel=0.08)
    assert power.loc[("shift", 12), "planted"] == "yes"
    assert power.loc[("null", 12), "planted"] == "no"


def test_power_at_half_the_effects_is_that_of_half_the_difference(planned: tuple[Path, Path]):
    power = read_table(planned[1] / "power.tsv")
    assert power.groupby("hypothesis")["multiple"].unique().map(sorted).to_dict() == {
        "shift": [0.5, 1.0],
        "null": [1.0],
    }
    half = power.query("multiple == 0.5").set_index("subjects")
    for sizes in ((6, 6), (8, 16), (17, 17)):
        assert inside(int(half.loc[sum(sizes), "found"]), DRAWN, contrast_power(sizes, (-1, 1), 0.5))
    # the first group less the second, 2 times a half; 4 standard errors of its mean over the studies
    assert half.loc[34, "estimate"] == pytest.approx(-1.0, abs=4 * 4 / np.sqrt(34 * DRAWN))
    assert set(half["planted"]) == {"yes"}
    drawn = read_table(planned[1] / "figures" / "effects_score.tsv")
    assert (drawn["multiple"].tolist(), set(drawn["subjects"])) == ([0.5, 1.0], {24})


def test_the_page_and_stderr_say_whose_effects_these_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    settings = PlanSettings(sizes=("6",), draws=2, questions=("score",), multiples=(0.25, 0.5))
    plan_study(written(tmp_path, GROUPS), tmp_path / "out", settings=settings)
    words = "ower is that of the effects stated in study.yaml, simulation, and of 0.25, 0.5 times these; nobody knows"
    assert words in capsys.readouterr().err
    page = (tmp_path / "out" / "plan.html").read_text(encoding="utf-8")
    assert words in page
    assert all(f"{multiple} × effects" in page for multiple in ("0.25", "0.5", "1"))
    assert "--multiple 0.25 --multiple 0.5 --multiple 1" in page


def test_multiples_scale_differences_and_correlations_and_are_powers_of_ratios(tmp_path: Path):
    text = design_text("alcohol_mice")
    files = read_assumptions(written(tmp_path, text), None)
    study = with_weights(files.study)
    assert study.simulation is not None
    template = template_of(
        replace(files, study=study), hypothesis=first_hypothesis(study), regions=(), sizes=dict(study.simulation.n)
    )
    smaller = with_multiple(template, 0.5).planting
    rows = draw_planting(template, 1)[1].responses["operant.infusions"]
    halved = draw_planting(with_multiple(template, 0.5), 1)[1].responses["operant.infusions"]
    base = rows["base"]
    assert (halved["expected"] / base).to_numpy() == pytest.approx(np.sqrt(rows["expected"] / base).to_numpy())
    for name, effect in template.planting.effects.items():
        if effect.slope_on is not None:
            assert smaller.effects[name].add == pytest.approx(0.5 * effect.add)


def test_power_and_precision_rise_with_the_number_of_subjects(planned: tuple[Path, Path]):
    own = read_table(planned[1] / "power.tsv").query("hypothesis == 'shift' and multiple == 1").sort_values("subjects")
    assert own["power"].is_monotonic_increasing
    assert own["ci_width"].is_monotonic_decreasing
    smallest = read_table(planned[1] / "smallest.tsv").query("multiple == 1").iloc[0]
    reached = own["power"].max() >= 0.8
    assert (24 <= smallest["subjects"] <= 34) if reached else np.isnan(smallest["subjects"])


def test_power_of_a_correlation_is_that_of_the_exact_distribution(tmp_path: Path):
    text = GROUPS.replace("add: 2 }", "add: 0 }")
    power = power_of(
        written(tmp_path, text),
        tmp_path / "out",
        sizes=("9",),
        draws=100,
        questions=("follows",),
        hypotheses=("leans",),
    ).set_index("subjects")
    assert inside(int(power.loc[18, "found"]), 100, correlation_power(16, 0.6))
    assert set(power["planted"]) == {"yes"}


def test_everything_is_written_and_every_column_is_described(planned: tuple[Path, Path]):
    _, out = planned
    for name in ("power", "smallest", "assumed", "not_planned"):
        assert set(read_table(out / f"{name}.tsv").columns) == set(read_json(out / f"{name}.json"))
    assert {(out / "figures" / "power_score").with_suffix(e).is_file() for e in (".svg", ".png", ".tsv")} == {True}
    page = (out / "plan.html").read_text(encoding="utf-8")
    assert "SIMULATED DATA" in page
    assert "default-src 'none'" in page
    settings = read_json(out / "settings.json")
    assert settings["simulated"] is True
    assert settings["subjects_by_group"][1] == {"control": 8, "treated": 16}
    assert "--n 8,16" in page
    assert (out / "study.yaml").read_text(encoding="utf-8") == GROUPS


def test_any_number_of_processes_and_whatever_else_is_asked_give_the_same_bytes(tmp_path: Path):
    path = written(tmp_path, design_text("pet_displacement"))
    settings = PlanSettings(sizes=("5",), draws=21, questions=("displacement", "questionnaire"), seed=3)
    for n_jobs in (1, 2):
        plan_study(path, tmp_path / str(n_jobs), settings=settings, n_jobs=n_jobs)
    assert bytes_in(tmp_path / "1") == bytes_in(tmp_path / "2")
    plan_study(path, tmp_path / "alone", settings=replace(settings, questions=("questionnaire",)))
    both, alone = (read_table(tmp_path / name / "power.tsv") for name in ("1", "alone"))
    pd.testing.assert_frame_equal(
        both[both["question"] == "questionnaire"].reset_index(drop=True), alone, check_dtype=False
    )
    plan_study(path, tmp_path / "seed", settings=replace(settings, questions=("questionnaire",), seed=4))
    assert not read_table(tmp_path / "seed" / "power.tsv").equals(alone)


@pytest.mark.parametrize("name", DESIGNS)
def test_every_question_of_every_design_is_planned(name: str, tmp_path: Path):
    path = written(tmp_path, design_text(name))
    power = power_of(path, tmp_path / "out", sizes=("6",), draws=2)
    study = read_json(tmp_path / "out" / "settings.json")
    assert set(power["question"]) == set(study["questions"])
    assert set(read_table(tmp_path / "out" / "not_planned.tsv")["question"]) == MEANS_ALONE.get(name, set())
    assert (power["untestable"] == 0).all()
    assert power["planted"].eq("yes").any()
    assert power[["power", "low", "high"]].apply(lambda column: column.between(0, 1).all()).all()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "draws"), [("alcohol_mice", 40), ("pet_displacement", 80)])
def test_the_null_hypothesis_keeps_the_level(name: str, draws: int, tmp_path: Path):
    path = written(tmp_path, design_text(name))
    power = power_of(path, tmp_path / "out", sizes=("8",), draws=draws, hypotheses=("null",))
    # counts of comparisons that are adjusted over a family, or regions by Holm, are below the level
    alone = power[power["kind"].isin(["term", "contrast", "correlation"]) & power["level"].eq("")]
    assert len(alone)
    for row in alone.itertuples():
        assert inside(row.found, draws, row.alpha), row
    for row in power[~power.index.isin(alone.index)].itertuples():
        assert row.found <= stats.binom.ppf(0.9999, draws, row.alpha), row


def test_what_is_planted_in_maps_is_found_in_its_region(tmp_path: Path):
    path = written(tmp_path, design_text("pet_displacement"))
    power = power_of(path, tmp_path / "out", sizes=("15",), draws=20, questions=("displacement", "severity"))
    power = power.set_index(["question", "term", "level"]).sort_index()
    contrast = power.loc["displacement", "heavy: placebo - alcohol"]
    assert contrast.loc["ventral striatum", "power"] == 1
    # planted .5; SE over 20 studies of 15 with SD .12 sqrt(2)
    assert contrast.loc["ventral striatum", "true"] == pytest.approx(0.5)
    assert contrast.loc["ventral striatum", "bias"] == pytest.approx(0, abs=4 * 0.17 / np.sqrt(15 * 20))
    assert (contrast.drop("ventral striatum")["power"] < 0.35).all()
    assert set(power.loc["severity"].index.get_level_values(0)) == {"r", "r within group"}


def test_one_question_is_planned_where_regions_are_chosen_by_another(tmp_path: Path):
    path = written(tmp_path, design_text("carmack2019"))
    power = power_of(path, tmp_path / "out", sizes=("5",), draws=2, questions=("escalation",))
    assert set(power["question"]) == {"escalation"}


def test_effects_of_a_file_take_the_place_of_those_of_the_study(tmp_path: Path):
    path = written(tmp_path, GROUPS)
    (tmp_path / "pilot.yaml").write_text(
        "base: [{ in: subjects.score, mean: 10, between_sd: 4, within_sd: 0 }]\n"
        "effects: { rise: { in: subjects.score, where: { group: treated }, add: 4.8 } }\n"
    )
    effects = tmp_path / "pilot.yaml"
    power = power_of(path, tmp_path / "out", sizes=("10",), draws=100, effects=effects, questions=("score",))
    assert set(power["hypothesis"]) == {"stated"}
    assert inside(int(power["found"].iloc[0]), 100, contrast_power((10, 10), (-1, 1), 1.2))
    assumed = read_table(tmp_path / "out" / "assumed.tsv")
    assert list(assumed.loc[assumed["what"] == "effect", "name"]) == ["rise"]
    assert "SD 4 between" in " ".join(assumed["value"])
    assert (tmp_path / "out" / "effects.yaml").read_bytes() == effects.read_bytes()


def test_a_study_without_effects_is_planned_from_a_file_alone(tmp_path: Path):
    text, _, simulation = GROUPS.partition("simulation:\n")
    path = written(tmp_path, text)
    (tmp_path / "pilot.yaml").write_text("simulation:\n" + simulation)
    power = power_of(path, tmp_path / "out", sizes=("6",), draws=20, effects=tmp_path / "pilot.yaml")
    assert set(power["question"]) == {"score", "follows"}


def test_a_question_that_cannot_be_planned_is_named_and_the_others_are_planned(tmp_path: Path):
    mice = design_text("alcohol_mice").replace(
        "  drinkers: #",
        "  wait: { of: operant.latency_s, where: { phase: drinking }, between: group, within: day }\n  drinkers: #",
    )
    mice = mice.replace("drinkers: #", "ages: { of: subjects.age, between: group }\n  drinkers: #")
    mice = mice.replace(
        "drinkers: #",
        "counted: { of: operant.infusions, where: { phase: drinking, day: 1 }, by: group }\n  drinkers: #",
    )
    power = power_of(written(tmp_path, mice), tmp_path / "out", sizes=("4",), draws=2)
    reasons = read_table(tmp_path / "out" / "not_planned.tsv").set_index("question")["reason"]
    assert "follows from the times of events" in reasons["wait"]
    assert "subjects.age, which has no base; give its mean" in reasons["ages"]
    assert "nothing is tested" in reasons["counted"]
    assert set(power["question"]).isdisjoint(reasons.index)
    assert "drinkers" in set(power["question"])


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        (GROUPS.partition("simulation:")[0], {}, "study.yaml: simulation: missing; a plan draws studies from it"),
        (GROUPS, {"sizes": ("1",)}, "n '1': 1 cannot be compared"),
        (GROUPS, {"sizes": ("6,7,8",)}, "n '6,7,8': expected a number, or one for each of control, treated"),
        (GROUPS, {"sizes": ("six",)}, "n 'six': expected a number"),
        (GROUPS, {"sizes": ("10,12", "11")}, "two designs of 22 in all"),
        (GROUPS, {"power": 1.0}, "power 1: expected more than 0"),
        (GROUPS, {"hypotheses": ("magic",)}, "hypothesis 'magic' is unknown; expected one of: shift, leans, null"),
        (GROUPS, {"questions": ("scores",)}, "no question 'scores'; expected one of: score, follows"),
        (GROUPS.replace("group: treated", "group: tretaed"), {}, "study.yaml:14: simulation.effects.shift.where.group"),
        (
            GROUPS.replace("subjects.dose, add: 0.6", "subjects.doze, add: 0.6"),
            {},
            "study.yaml:15: simulation.effects.leans",
        ),
        (GROUPS, {"effects": Path("none.yaml")}, "none.yaml: no such file"),
        (GROUPS, {"multiples": (0.5, -1.0)}, "multiple -1: expected more than 0"),
        (GROUPS, {"multiples": (2.0,), "hypotheses": ("leans",)}, "study.yaml:15: simulation.effects.leans.add"),
        (
            GROUPS.replace("  n: {", "  parameters: { stress: 1 }\n  sizes: { slope_r: 0 }\n  n: {"),
            {},
            "study.yaml:9: simulation.parameters: not read; a plan draws from base and effects",
        ),
    ],
    ids=[
        *("no section", "one", "three", "word", "twice", "power", "hypothesis", "question", "level", "slope", "file"),
        *("multiple", "too large", "mechanism"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_what_to_do(text: str, settings, words: str, tmp_path: Path):
    with pytest.raises(CuecircuitError) as refused:
        plan_study(written(tmp_path, text), tmp_path / "out", settings=PlanSettings(**settings))
    assert words in "\n".join(refused.value.faults)
    assert not (tmp_path / "out").exists()


def test_faults_of_a_file_of_effects_have_its_lines(tmp_path: Path):
    (tmp_path / "pilot.yaml").write_text(
        "base: []\neffects:\n  rise: { in: subjects.score, where: { group: none }, add: 1 }\n"
    )
    settings = PlanSettings(effects=tmp_path / "pilot.yaml")
    with pytest.raises(CuecircuitError, match=r"pilot\.yaml:3: simulation\.effects\.rise\.where\.group: 'none'"):
        plan_study(written(tmp_path, GROUPS), tmp_path / "out", settings=settings)
    (tmp_path / "pilot.yaml").write_text("effects:\n  rise: { in: subjects.score, ad: 1 }\n")
    with pytest.raises(CuecircuitError, match=r"pilot\.yaml:2: effects\.rise"):
        plan_study(written(tmp_path, GROUPS), tmp_path / "out", settings=settings)


def test_a_folder_with_files_is_left_alone(tmp_path: Path):
    path = written(tmp_path, GROUPS)
    with pytest.raises(DataError, match="not an empty folder"):
        plan_study(path, tmp_path, settings=PlanSettings())
    assert path.read_text(encoding="utf-8") == GROUPS
