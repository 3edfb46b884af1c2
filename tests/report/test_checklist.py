from cuecircuit.report.checklist import NOT_STATED, checklist
from cuecircuit.report.methods import RunFacts
from cuecircuit.study.file import parse_study
from cuecircuit.study.study import Study


def test_answers_come_from_the_settings_and_the_run(study: Study, facts: RunFacts) -> None:
    table = checklist(study, facts).set_index("item")

    assert table.loc["Smoothing, FWHM (mm)", ["answer", "source"]].tolist() == ["0.8", "assumed"]
    assert table.loc["Cluster-forming voxel p and corrected p", "answer"] == "0.01; 0.01"
    assert table.loc["Subjects analyzed", ["answer", "source"]].tolist() == ["11 ShA, 10 LgA", "measured"]


def test_an_item_is_as_weak_as_the_weakest_setting_behind_it(design_text: str, facts: RunFacts) -> None:
    stated = parse_study(design_text.replace("\nresponse:\n", "\nresponse:\n  window_s: [4, 30]\n"))
    row = checklist(stated, facts).set_index("item").loc["Response: baseline and window (s)"]
    assert row["source"] == "assumed"
    assert row["reason"] == "window before each cue; not printed"


def test_what_nobody_stated_is_named_with_no_answer(study: Study, facts: RunFacts) -> None:
    table = checklist(study, facts)
    left = table[table["source"] == NOT_STATED]
    assert "Scanner, field strength and coil" in set(left["item"])
    assert set(left["answer"]) == {""}


def test_areas_stand_together_and_no_item_twice(study: Study, facts: RunFacts) -> None:
    table = checklist(study, facts)
    assert table["item"].is_unique
    changes = (table["area"] != table["area"].shift()).sum()
    assert changes == table["area"].nunique()
