"""A column of adjusted p is there where something is adjusted, and decides; elsewhere it is not."""

import pandas as pd

from cuecircuit.pages.sentences import finding_sentence
from cuecircuit.questions.answer import deciding_p
from cuecircuit.questions.table_questions import answer
from cuecircuit.study.questions import Comparison, Strata
from cuecircuit.tables.rows import Tables

TESTED = {"of": "operant.infusions", "where": {"phase": ("test",)}}


def asked(tables: Tables, **options: object) -> dict[str, pd.DataFrame]:
    return dict(answer(tables, Strata(**TESTED, **options)).tables)  # pyright: ignore


def test_one_fit_has_no_adjusted_p(tables: Tables) -> None:
    found = asked(tables, between=("group",), within=("treatment",), adjust="fdr")
    assert "p_adjusted" not in found["terms"]
    assert (deciding_p(found["terms"]) == found["terms"]["p_gg"].fillna(found["terms"]["p"])).all()


def test_fits_of_each_level_have_an_adjusted_p_where_the_study_adjusts_it(tables: Tables) -> None:
    question = Strata(**TESTED, each=("treatment",), between=("group",), adjust="bonferroni")  # pyright: ignore
    terms = answer(tables, question).tables["terms"]
    assert terms["p_adjusted"].tolist() == [min(2 * p, 1.0) for p in terms["p"]]
    assert "2 tests reach adjusted p ≤" in finding_sentence(question, {"terms": terms})
    plain = question.model_copy(update={"adjust": "none"})
    found = answer(tables, plain).tables["terms"]
    assert "p_adjusted" not in found
    assert "2 tests reach p ≤" in finding_sentence(plain, {"terms": found})


def test_comparisons_have_an_adjusted_p_where_one_is_adjusted(tables: Tables) -> None:
    plain = Comparison(factor="treatment", by=("group",), adjust="none")
    holm = Comparison(factor="treatment", adjust="holm")
    factors = {"between": ("group",), "within": ("treatment",)}
    assert "p_adjusted" not in asked(tables, **factors, comparisons=(plain,))["comparisons"]
    both = asked(tables, **factors, comparisons=(plain, holm))["comparisons"]
    assert both["p_adjusted"].isna().tolist() == [True, True, False]
    assert deciding_p(both).tolist()[:2] == both["p"].tolist()[:2]
