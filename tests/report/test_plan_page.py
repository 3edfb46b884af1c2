"""The page of a plan."""

import pandas as pd
import pytest

from cuecircuit.report.page import render
from cuecircuit.report.plan_page import PlanFacts, PlanTables, plan_content
from cuecircuit.study.file import parse_study
from cuecircuit.study.study import Study

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def study() -> Study:
    from cuecircuit.pipeline.simulate import designs

    return parse_study(designs()["carmack2019"].replace("title: Brain", f"title: {EVIL}"))


def facts(*hypotheses: str) -> PlanFacts:
    return PlanFacts(
        truth=hypotheses[0],
        meaning="long access escalates",
        hypotheses=hypotheses,
        model="the article's statistics",
        studies=1000,
        power=0.8,
        animals=(12, 21),
        permutations=199,
        rerun="cuecircuit plan study.yaml OUT\n",
        limits="",
    )


def tables() -> PlanTables:
    power = [
        {
            "hypothesis": truth, "animals": n, "test": test, "rule": "p", "alpha": 0.05, "power": p, "ci_low": p - 0.02,
            "ci_high": p + 0.02,
        }
        for truth, effect in (("withdrawal", 0.9), ("null", 0.05))
        for n in (12, 21)
        for test, p in (("cue_test group:treatment", effect), ("region Insula", 0.05))
    ]  # fmt: skip
    told = [
        {"animals": n, "truth": truth, "told": said, "share": 0.9 if truth == said else 0.1}
        for n in (12, 21)
        for truth in ("withdrawal", "null")
        for said in ("withdrawal", "null")
    ]
    smallest = {"test": ["cue_test group:treatment", "region Insula"], "wanted_power": 0.8, "animals": [17, None]}
    return PlanTables(
        power=pd.DataFrame(power),
        precision=pd.DataFrame({"test": ["region Insula"], "ci_width": [1.5]}),
        smallest=pd.DataFrame(smallest | {"how": ["interpolated", "not reached"]}),
        separation=pd.DataFrame({"test": ["region Insula"], "separates": ["no"]}),
        confusion=pd.DataFrame(told),
        assumed=pd.DataFrame({"part": ["intake"], "quantity": [EVIL], "value": ["2"], "source": ["assumed"]}),
    )


def page(study: Study, *hypotheses: str) -> str:
    return render(plan_content(study, facts(*hypotheses), tables(), {}, {"cuecircuit": "0"}))


def test_the_summary_shows_what_can_be_found_and_counts_the_rest(study):
    summary = page(study, "withdrawal", "null").split('id="summary"')[1].split("<section")[0]
    assert "cue_test group × treatment" in summary
    assert "region Insula" not in summary
    assert "1 test that the largest design finds no more often" in summary


def test_text_of_the_study_and_of_tables_is_never_run(study):
    html = page(study, "withdrawal", "null")
    assert EVIL not in html
    assert "default-src 'none'" in html


def test_one_hypothesis_has_nothing_to_be_separated_from(study):
    assert 'id="separation"' in page(study, "withdrawal", "null")
    assert 'id="separation"' not in page(study, "withdrawal")


def test_confusion_is_shown_for_the_smallest_design_and_right_answers_for_all(study):
    html = page(study, "withdrawal", "null")
    assert "12 animals, % of studies" in html
    rightly = html.split('id="told-table"')[1].split("</table>")[0]
    assert rightly.count(">90<") == 4


def test_what_was_assumed_is_counted_and_marked(study):
    html = page(study, "withdrawal", "null")
    assert "rest on 1 number; 1 of them" in html
    assert '<span class="source assumed">assumed</span>' in html
