"""Pages of one study lead to one another, by addresses that stay true where their folder moves as a whole."""

import re
from pathlib import Path

from cuecircuit.nodes.run import run_study
from cuecircuit.planning.plan import plan_study
from cuecircuit.planning.power import PlanSettings
from cuecircuit.report.content import Paragraph, ReportContent, Section
from cuecircuit.report.neighbors import pages_near
from cuecircuit.report.page import render

TITLE = "Dose & <response>"
STUDY = f"""
about: {{ title: "{TITLE}" }}
subjects: {{ species: Rattus norvegicus }}
factors: {{ group: [control, treated] }}
questions:
  score: {{ of: subjects.score, between: group }}
simulation:
  n: {{ control: 4, treated: 4 }}
  base: [{{ in: subjects.score, mean: 10, between_sd: 2, within_sd: 0 }}]
  effects: {{ shift: {{ in: subjects.score, where: {{ group: treated }}, add: 2 }} }}
"""


def write_page(path: Path, title: str) -> None:
    section = Section(id="one", title="One", items=(Paragraph(text="Text"),))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(ReportContent(title=title, subtitle="", sections=(section,))), encoding="utf-8")


def other_pages(page: Path) -> dict[str, str]:
    nav = page.read_text(encoding="utf-8").partition('<ol class="pages"')[2].partition("</ol>")[0]
    return dict(re.findall(r'<a href="([^"]+)">([^<]+)</a>', nav))


def test_pages_of_the_same_study_inside_and_beside_the_results_are_named(tmp_path: Path) -> None:
    write_page(tmp_path / "results" / "report.html", TITLE)
    write_page(tmp_path / "results" / "quality" / "index.html", f"Quality: {TITLE}")
    write_page(tmp_path / "results" / "fit" / "fit.html", f"Fit: {TITLE}")
    write_page(tmp_path / "large" / "plan.html", f"Plan: {TITLE}")
    write_page(tmp_path / "small" / "plan.html", f"Plan: {TITLE}")
    write_page(tmp_path / "another" / "plan.html", "Plan: Another study")
    write_page(tmp_path / "below" / "large" / "plan.html", f"Plan: {TITLE}")
    (tmp_path / "odd" / "fit.html").mkdir(parents=True)
    assert pages_near(tmp_path / "results" / "report.html", TITLE) == {
        "quality/index.html": "Quality of scans",
        "../large/plan.html": "Plan (large)",
        "../small/plan.html": "Plan (small)",
        "fit/fit.html": "Fit of models",
    }
    assert pages_near(tmp_path / "results" / "quality" / "index.html", TITLE)["../report.html"] == "Study"
    assert pages_near(tmp_path / "small" / "plan.html", TITLE) == {"../results/report.html": "Study"}


def test_a_plan_and_the_results_of_its_study_lead_to_each_other(tmp_path: Path) -> None:
    rows = [f"sub-{n}\t{'control' if n < 5 else 'treated'}\t{10 + n % 3}" for n in range(1, 9)]
    (tmp_path / "participants.tsv").write_text("\n".join(["participant_id\tgroup\tscore", *rows]) + "\n")
    study = tmp_path / "study.yaml"
    study.write_text(STUDY, encoding="utf-8")
    page = run_study(study, tmp_path / "results")
    alone = page.read_bytes()
    assert other_pages(page) == {}
    plan = plan_study(study, tmp_path / "plan", settings=PlanSettings(sizes=("4",), draws=20, multiples=()))
    assert other_pages(plan) == {"../results/report.html": "Study"}
    run_study(study, tmp_path / "results")
    assert other_pages(page) == {"../plan/plan.html": "Plan"}
    plan.parent.rename(tmp_path / "results" / "plan")
    run_study(study, tmp_path / "results")
    assert other_pages(page) == {"plan/plan.html": "Plan"}
    plan.parent.with_name("results").joinpath("plan").rename(tmp_path.parent / f"{tmp_path.name}_away")
    run_study(study, tmp_path / "results")
    assert page.read_bytes() == alone
