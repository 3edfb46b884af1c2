"""The preregistration of a plan: OSF's headings, and every question, level, number of subjects and power."""

import base64
import re
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from cuecircuit.figures.numbers import effect_text
from cuecircuit.io.tables import read_table
from cuecircuit.planning.plan import plan_study
from cuecircuit.planning.power import PlanSettings
from cuecircuit.study.questions import Means
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study

pytestmark = pytest.mark.xdist_group("planning")
# titles of pages and questions of osf-preregistration-3.json in OSF's code; title and description are asked before them
HEADINGS = {
    "Study Information": ["Title", "Description", "Hypotheses"],
    "Design Plan": [
        "Study type",
        "Blinding",
        "Is there any additional blinding in this study?",
        "Study design",
        "Randomization",
    ],
    "Sampling Plan": [
        "Existing Data",
        "Explanation of existing data",
        "Data collection procedures",
        "Sample size",
        "Sample size rationale",
        "Stopping rule",
    ],
    "Variables": ["Manipulated variables", "Measured variables", "Indices"],
    "Analysis Plan": [
        "Statistical models",
        "Transformations",
        "Inference criteria",
        "Data exclusion",
        "Missing data",
        "Exploratory analysis",
    ],
    "Other": ["Other"],
}
# animals of two groups in three sessions, with every kind of question; people whose maps are planned by region
ANIMALS = """
about: { title: Two groups }
subjects: { species: Rattus norvegicus, exclude: { "03": sick } }
factors: { group: [control, treated], session: { levels: [before, after], names: session } }
derived: { change: { of: visits.pain, over: session, how: mean } }
questions:
  score: { of: subjects.score, between: group, alpha: 0.01, why: Does treatment lower the score? }
  pain: { of: visits.pain, formula: "group*session + (1 | subject)", tests: ["group:session"], method: reml }
  follows: { of: subjects.score, with: { of: derived.change }, inside: group }
  described: { of: subjects.score, by: group }
simulation:
  n: { control: 5, treated: 6 }
  base:
    - { in: subjects.score, mean: 10, between_sd: 2, within_sd: 0 }
    - { in: visits.pain, mean: 5, between_sd: 1, within_sd: 1 }
  effects:
    shift: { in: subjects.score, where: { group: treated }, add: -2 }
    relief: { in: visits.pain, where: { group: treated, session: after }, add: -2 }
  hypotheses: { treatment: [shift, relief] }
"""
SETTINGS = {
    "animals": PlanSettings(sizes=("4", "5,6"), draws=4, multiples=(0.5,), seed=3),
    "pet_displacement": PlanSettings(sizes=("9",), draws=3, multiples=(), power=0.9),
}


class Written:
    """A plan on the disk, its study and its text."""

    def __init__(self, design: str, folder: Path) -> None:
        path = folder / f"{design}.yaml"
        shipped = files("cuecircuit.study") / "designs" / path.name
        path.write_text(shipped.read_text("utf-8") if shipped.is_file() else ANIMALS, "utf-8")
        self.settings = SETTINGS[design]
        self.study: Study = parse_study(path.read_text("utf-8"))
        self.out = folder / "out"
        plan_study(path, self.out, settings=self.settings)
        self.text = (self.out / "preregistration.md").read_text("utf-8")
        self.power: pd.DataFrame = read_table(self.out / "power.tsv", text=("level", "question", "term", "by_group"))

    def section(self, heading: str) -> str:
        return self.text.split(f"\n### {heading}\n")[1].split("\n### ")[0]


@pytest.fixture(scope="module", params=list(SETTINGS))
def plan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(request.param, tmp_path_factory.mktemp(request.param))


def test_it_has_the_headings_of_the_form_in_their_order(plan: Written) -> None:
    headings = re.findall(r"^#{2,3} (.*)$", plan.text, re.MULTILINE)
    assert headings == [name for part, own in HEADINGS.items() for name in (part, *own)]
    assert all(plan.section(name).strip() for own in HEADINGS.values() for name in own)


def test_every_question_is_a_hypothesis_with_its_model_and_level(plan: Written) -> None:
    levels = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", plan.section("Inference criteria"), re.MULTILINE))
    for name, question in plan.study.questions.items():
        if isinstance(question, Means):
            assert f"`{name}`" in plan.section("Exploratory analysis")
            continue
        assert re.search(rf"^\d+\. .*\(`{name}`\)", plan.section("Hypotheses"), re.MULTILINE)
        assert re.search(rf"^- .*\(`{name}`\)\.\*\* \S", plan.section("Statistical models"), re.MULTILINE)
        correction = question.correction or plan.study.correction
        alpha = correction.alpha if correction and question.of.startswith("maps.") else question.alpha
        assert float(levels[name]) == alpha
        if hasattr(question, "formula"):
            assert question.formula in plan.section("Statistical models")


def test_every_design_names_its_subjects_by_group(plan: Written) -> None:
    sizes = plan.power[["subjects", "by_group"]].drop_duplicates()
    if len(sizes) > 1:
        for row in sizes.itertuples():
            assert f"| {row.subjects} | {row.by_group} |" in plan.section("Sample size")
    assert any(f"{row.subjects} subjects: {row.by_group}." in plan.section("Sample size") for row in sizes.itertuples())


def test_every_power_is_that_of_the_table(plan: Written) -> None:
    section = plan.section("Sample size rationale")
    stated = int(plan.section("Sample size").split()[0])
    tests = plan.power[plan.power["kind"] != "comparison"]
    shown = tests[(tests["multiple"] == 1) | (tests["subjects"] == stated)]
    assert set(shown["multiple"]) == {1, *plan.settings.multiples}
    for (name, term, *_), rows in shown.groupby(["question", "term", "kind", "subjects", "multiple"], sort=False):
        row, start = rows.iloc[0], f"| `{name}` | {effect_text(term)}"
        printed = [line for line in section.splitlines() if line.startswith(start)]
        expected = f"{row['power']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        if len(rows) > 1:
            expected = f"{rows['power'].min():.2f} to {rows['power'].max():.2f}"
        assert any(expected in line for line in printed), (start, expected)
    assert f"{plan.settings.draws} drawn studies" in section
    assert f"(seed {plan.settings.seed})" in section
    assumed = read_table(plan.out / "assumed.tsv", text=("name", "value"))
    for row in assumed.to_dict("records"):
        assert f"| {row['name']} | {row['in'] if isinstance(row['in'], str) else ''} | {row['value']} |" in section


def test_what_is_not_known_is_a_line_to_be_filled_in(plan: Written) -> None:
    for heading in ("Study type", "Blinding", "Randomization", "Existing Data", "Stopping rule"):
        assert plan.section(heading).strip().startswith("*To be filled in: ")


def test_the_page_hands_on_the_same_text(plan: Written) -> None:
    page = (plan.out / "plan.html").read_text("utf-8")
    (address,) = re.findall(r'download="preregistration\.md" href="data:text/markdown;base64,([^"]*)"', page)
    assert base64.b64decode(address).decode() == plan.text
    assert f"{plan.text.count('To be filled in')} lines of it are" in page


def test_the_same_plan_gives_the_same_text(plan: Written, tmp_path: Path) -> None:
    (study,) = plan.out.parent.glob("*.yaml")
    plan_study(study, tmp_path / "again", settings=plan.settings)
    assert (tmp_path / "again" / "preregistration.md").read_text("utf-8") == plan.text
