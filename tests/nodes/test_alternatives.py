"""Other choices of a study share what they do not change, and further names of results follow the results."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from cuecircuit.errors import StudyError
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import rewrite_page, run_study

Ran = Callable[[str], tuple[Path, Path]]
OTHERS = """
copies:
  behavior/sessions.tsv: tables/operant.tsv
  reinstated: questions/reinstatement
alternatives:
  five_days:
    why: intake settles after the first days
    settings: { questions.escalation.where: { phase: [drinking], day: ["1", "2", "3", "4", "5"] } }
  without_sex: { why: few of each sex, settings: { questions.escalation.between: [group] } }
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("designs")]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)


def with_questions(study: Path, name: str, *questions: str) -> Path:
    """Write the study of the mice with these questions alone, and with other choices of the first."""
    data = yaml.safe_load(study.read_text(encoding="utf-8"))
    for section in ("simulation", "figures"):
        data.pop(section, None)
    del data["operant"]["measures"]
    data["derived"] = {"reinstated": data["derived"]["reinstated"]} if "over_extinction" in questions else {}
    data["questions"] = {question: data["questions"][question] for question in questions}
    short = study.with_name(f"{name}.yaml")
    short.write_text(yaml.safe_dump(data, sort_keys=False) + OTHERS, encoding="utf-8")
    return short


@pytest.fixture(scope="module")
def mice(ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    data, _ = ran("alcohol_mice")
    study = with_questions(data / "study.yaml", "others", "escalation", "reinstatement", "over_extinction")
    out = tmp_path_factory.mktemp("mice") / "results"
    run_study(study, out, alternatives=True)
    return study, out


def test_every_result_has_a_verdict_over_the_choices(mice: tuple[Path, Path]) -> None:
    _, out = mice
    verdicts = read(out / "alternatives" / "verdicts.tsv").set_index("result")
    assert verdicts.loc["escalation, group", ["verdict", "held", "choices"]].tolist() == ["everywhere", 3, 3]
    untouched = verdicts.loc["reinstatement, group:treatment"]  # no choice changes anything that it rests on
    assert untouched[["verdict", "choices"]].tolist() == ["untouched", 1]
    assert verdicts.loc["escalation, sex", "tested"] == 2  # one choice has no such effect
    rows = read(out / "alternatives" / "alternatives.tsv")
    assert set(rows["choice"]) == {"as planned", "five_days", "without_sex"}
    own = rows[(rows["result"] == "reinstatement, group:treatment")]
    assert own["value"].nunique() == 1  # nothing that it rests on was changed
    escalation = rows[rows["result"] == "escalation, group:day"].set_index("choice")
    assert escalation.loc["five_days", "df1"] < escalation.loc["as planned", "df1"]
    # one degree of freedom: an effect with its interval, drawn as a curve
    sex = rows[(rows["result"] == "escalation, sex") & (rows["choice"] != "without_sex")]
    assert ((sex["low"] < sex["estimate"]) & (sex["estimate"] < sex["high"])).all()
    assert rows.loc[rows["df1"] > 1, "estimate"].isna().all()
    assert 'id="figure-specification"' in (out / "report.html").read_text(encoding="utf-8")
    choices = read(out / "alternatives" / "choices.tsv")
    assert set(choices["reason"]) == {"intake settles after the first days", "few of each sex"}
    assert 'id="choices"' in (out / "report.html").read_text(encoding="utf-8")


def test_what_an_alternative_does_not_change_is_not_done_again(mice: tuple[Path, Path]) -> None:
    _, out = mice
    for folder in (out / "alternatives_runs").iterdir():
        assert (folder / "tables" / "operant.npz").samefile(out / "tables" / "operant.npz")
        assert not (folder / "questions/escalation/terms.tsv").samefile(out / "questions/escalation/terms.tsv")


def test_results_have_further_names(mice: tuple[Path, Path]) -> None:
    _, out = mice
    assert (out / "behavior/sessions.tsv").read_bytes() == (out / "tables/operant.tsv").read_bytes()
    assert (out / "behavior/sessions.json").is_file()
    assert (out / "reinstated/terms.tsv").read_bytes() == (out / "questions/reinstatement/terms.tsv").read_bytes()


def test_the_page_can_be_written_again_without_the_data(mice: tuple[Path, Path]) -> None:
    _, out = mice
    page = (out / "report.html").read_bytes()
    assert b"SIMULATED DATA" in page
    (out / "report.html").unlink()
    assert rewrite_page(out).read_bytes() == page


def test_results_of_a_question_that_is_gone_are_removed(mice: tuple[Path, Path], tmp_path: Path) -> None:
    study, results = mice
    out = tmp_path / "results"
    shutil.copytree(results, out)
    run_study(with_questions(study.with_name("study.yaml"), "fewer", "escalation", "reinstatement"), out)
    assert not (out / "questions" / "over_extinction").exists()
    assert not (out / "alternatives" / "verdicts.tsv").exists()  # they belong to the study as it was


@pytest.mark.parametrize(
    ("copies", "message"),
    [
        ("../outside.tsv: tables/operant.tsv", "leads out of the results"),
        ("tables/again.tsv: tables/operant.tsv", "'tables' holds results of its own"),
        ("sub-01/a.tsv: tables/operant.tsv", "'sub-01' holds results of its own"),
        ("a.tsv: /etc/passwd", "leads out of the results"),
        ("a.tsv: questions/nothing/terms.tsv", "'nothing' is no question"),
    ],
)
def test_names_that_would_harm_other_files_are_refused(ran: Ran, tmp_path: Path, copies: str, message: str) -> None:
    data, _ = ran("alcohol_mice")
    study = data / f"{tmp_path.name}.yaml"
    text = (data / "study.yaml").read_text(encoding="utf-8")
    study.write_text(f"{text}\ncopies: {{ {copies} }}\n", encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        run_study(study, tmp_path / "results")


def test_faults_of_alternatives_are_named_before_anything_runs(ran: Ran, tmp_path: Path) -> None:
    data, _ = ran("alcohol_mice")
    study = data / f"{tmp_path.name}.yaml"
    text = (data / "study.yaml").read_text(encoding="utf-8")
    other = "alternatives: { other: { why: asked for, settings: { operant.phases.drinking.experiment: VI30 } } }"
    study.write_text(f"{text}\n{other}\n", encoding="utf-8")
    for act in (lambda: check_study(study, alternatives=True), lambda: run_study(study, tmp_path, alternatives=True)):
        with pytest.raises(StudyError, match=r"alternative other: .*drinking"):
            act()
    assert not (tmp_path / "study.yaml").exists()
