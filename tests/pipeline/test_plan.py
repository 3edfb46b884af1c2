"""Plans from the study file to the page: what they find, that they are the same bytes, and what they refuse."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import CuecircuitError, DataError, StudyError
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.pipeline.plan.command import plan_study
from cuecircuit.pipeline.plan.tables import PlanSettings
from cuecircuit.pipeline.simulate import designs
from cuecircuit.stats.power import contrast_power, correlation_power

TEXT = designs()["carmack2019"]
FEW = PlanSettings(animals=("4", "11,10"), studies=60, permutations=19)
# conditioning: effect of 1.5 SD of the difference (r = .5: SD of a difference is that of a condition)
EFFECTS = """measure\tgroup\tcondition\tmean\tsd\tr\tr_behavior\tsource
conditioning\tShA\tsaline\t4\t2\t0.5\tn/a\tpilot
conditioning\tShA\tnaloxone\t6\t2\t0.5\tn/a\tpilot
conditioning\tLgA\tsaline\t5\t2\t0.5\tn/a\tpilot
conditioning\tLgA\tnaloxone\t10\t2\t0.5\tn/a\tpilot
Insula\tShA\tsaline\t0\t1\t0.5\tn/a\tpilot
Insula\tShA\tnaloxone\t0\t1\t0.5\t0.7\tpilot
Insula\tLgA\tsaline\t0\t1\t0.5\tn/a\tpilot
Insula\tLgA\tnaloxone\t1\t1\t0.5\t0.7\tpilot
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "study.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def planned(study: Path) -> Path:
    plan_study(study, study.parent / "out", settings=FEW)
    return study.parent / "out"


def table(folder: Path, name: str) -> pd.DataFrame:
    return read_table(folder / f"{name}.tsv")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_everything_is_written_and_every_column_is_described(planned: Path):
    for name in ("power", "precision", "smallest", "separation", "confusion", "assumed"):
        assert set(table(planned, name).columns) == set(read_json(planned / f"{name}.json"))
    for name in ("power_behavior", "power_regions", "power_correlations", "precision_behavior", "separation"):
        assert {(planned / "figures" / name).with_suffix(e).is_file() for e in (".svg", ".png", ".tsv")} == {True}
    page = (planned / "plan.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert "http" not in page.split("<main")[1].split("data:")[0]
    assert read_json(planned / "settings.json")["animals_by_group"] == [[4, 4], [11, 10]]


def test_what_was_planted_is_found_and_nothing_where_nothing_was(planned: Path):
    power = table(planned, "power").set_index(["hypothesis", "animals", "test"])["power"]
    assert power["withdrawal", 21, "any region"] == 1
    assert power["withdrawal", 21, "correlation PVN/VM hypothalamus"] > 0.9
    assert power["withdrawal", 21, "conditioning treatment"] > 0.95
    assert power["antagonism", 21, "conditioning treatment"] > 0.95
    for hypothesis in ("antagonism", "null"):
        # level .05 in 60 studies: 10 or more of them come once in ten thousand
        assert power[hypothesis, 21, "cue_test group:treatment"] < 10 / 60
        assert power[hypothesis, 21, "correlation PVN/VM hypothalamus"] < 10 / 60
    # the covariate takes away what breathing does
    assert power["respiration", 21, "any region"] < 5 / 60


def test_more_animals_are_more_precise_by_the_root_of_their_number(planned: Path):
    width = table(planned, "precision").set_index(["animals", "test"])["ci_width"]
    for test in ("region Insula", "conditioning group:treatment"):
        # t has 6 and 19 degrees of freedom (5 and 18 with the covariate); 60 studies leave 5 % of chance
        expected = np.sqrt((1 / 11 + 1 / 10) / (2 / 4)) * 2.10 / 2.50
        assert width[21, test] / width[8, test] == pytest.approx(expected, rel=0.15)


def test_rivals_are_separated_by_tests_that_differ_between_them(planned: Path):
    pairs = table(planned, "separation").set_index(["animals", "hypothesis_a", "hypothesis_b"])
    assert pairs.loc[(21, "withdrawal", "antagonism"), "separates"] == "yes"
    assert pairs.loc[(21, "withdrawal", "null"), "power_a"] > 0.9
    told = table(planned, "confusion")
    right = told[(told["truth"] == told["told"]) & (told["animals"] == 21)].set_index("truth")["share"]
    assert right["withdrawal"] > 0.9
    assert told.groupby(["animals", "truth"])["studies"].sum().unique().tolist() == [30]


def test_any_number_of_processes_gives_the_same_bytes(planned: Path, tmp_path: Path, study: Path):
    settings = replace(FEW, hypotheses=("withdrawal",), tests=("conditioning", "within-group correlation"))
    for n_jobs in (1, 2):
        plan_study(study, tmp_path / str(n_jobs), settings=settings, n_jobs=n_jobs)
    assert files(tmp_path / "1") == files(tmp_path / "2")
    # and what else is asked for does not change it
    own = table(tmp_path / "1", "power")
    every = table(planned, "power").merge(own[["hypothesis", "animals", "test"]])
    pd.testing.assert_frame_equal(every, own)


def test_a_table_of_effects_has_the_power_of_the_closed_forms(study: Path, tmp_path: Path):
    (tmp_path / "effects.tsv").write_text(EFFECTS)
    settings = PlanSettings(
        animals=("6", "9,7"),
        studies=2000,
        power=0.7,
        effects=tmp_path / "effects.tsv",
        tests=("conditioning", "region"),
        seed=4,
    )
    plan_study(study, tmp_path / "out", settings=settings)

    rows = table(tmp_path / "out", "power")
    power = rows[rows["hypothesis"] == "effects"].set_index(["animals", "test"])["power"]
    for total, sizes in ((12, (6, 6)), (16, (9, 7))):
        # 4 standard errors of a share in 2000
        assert power[total, "conditioning group:treatment"] == pytest.approx(
            contrast_power(sizes, (-1, 1), 3 / 2), abs=0.045
        )
        # SD of the mean of two conditions with r = .5: 2 √.75
        assert power[total, "conditioning group"] == pytest.approx(
            contrast_power(sizes, (-1, 1), 2.5 / (2 * np.sqrt(0.75))), abs=0.045
        )
        # one region has no family: Holm's p is its own, at α = .01
        assert power[total, "region Insula"] == pytest.approx(
            contrast_power(sizes, (-1, 1), 1.0, alpha=0.01), abs=0.045
        )
    nothing = rows[rows["hypothesis"] == "null"].set_index(["animals", "test"])["power"]
    assert nothing[16, "conditioning group:treatment"] == pytest.approx(0.05, abs=0.02)
    smallest = table(tmp_path / "out", "smallest").set_index("test")
    assert smallest.loc["conditioning group:treatment", "how"] == "interpolated between 12 and 16"
    assert "pilot" in set(table(tmp_path / "out", "assumed")["source"])


def test_correlation_of_a_table_has_the_power_of_the_exact_distribution(study: Path, tmp_path: Path):
    alike = EFFECTS.replace("LgA\tnaloxone\t1\t1", "LgA\tnaloxone\t0\t1").replace("10\t2\t0.5", "6\t2\t0.5")
    (tmp_path / "effects.tsv").write_text(alike)
    settings = PlanSettings(
        animals=("8",),
        studies=500,
        permutations=19,
        effects=tmp_path / "effects.tsv",
        tests=("correlation", "within-group correlation"),
        hypotheses=("effects",),
    )
    plan_study(study, tmp_path / "out", settings=settings)
    power = table(tmp_path / "out", "power").set_index("test")["power"]
    assert list(power.index) == ["correlation Insula", "within-group correlation Insula"]
    # groups have the same mean under naloxone: the pooled r is that within; 4 standard errors of a share near .9
    assert power["correlation Insula"] == pytest.approx(correlation_power(14, 0.7), abs=0.055)
    # 19 permutations find less than t does
    assert 0.5 < power["within-group correlation Insula"] < correlation_power(13, 0.7) + 0.055
    assert not (tmp_path / "out" / "separation.tsv").exists()


def test_animals_of_the_mechanism_can_be_planned_with(study: Path, tmp_path: Path):
    settings = PlanSettings(
        animals=("6",),
        studies=20,
        model="mechanism",
        pool=20,
        hypotheses=("withdrawal", "null"),
        tests=("escalation", "any region"),
        permutations=19,
    )
    plan_study(study, tmp_path / "out", settings=settings)
    power = table(tmp_path / "out", "power").set_index(["hypothesis", "test"])["power"]
    assert power["withdrawal", "escalation session"] > 0.5 > power["null", "escalation session"]
    assert "growth of dependence" in " ".join(table(tmp_path / "out", "assumed")["quantity"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (PlanSettings(animals=("1",)), "animals '1': 1 cannot be compared"),
        (PlanSettings(animals=("6,7,8",)), "animals '6,7,8': expected a number, or one for each of ShA, LgA"),
        (PlanSettings(animals=("six",)), "animals 'six': expected a number"),
        (PlanSettings(animals=("10,12", "11")), "two designs of 22 in all"),
        (PlanSettings(power=1.0), "power 1: expected more than 0 and less than 1"),
        (PlanSettings(hypotheses=("magic",)), "hypothesis 'magic' is unknown; expected one of: withdrawal"),
        (PlanSettings(tests=("punishment",)), "study.yaml:18: phases: the plan has no test 'punishment'"),
        (PlanSettings(tests=("region Insulla",)), "study.yaml:81: group: the plan has no test 'region Insulla'"),
        (PlanSettings(effects=Path("none.tsv")), "none.tsv: no such file"),
    ],
    ids=["one animal", "three groups", "words", "same size", "power", "hypothesis", "test", "region", "effects"],
)
def test_what_cannot_be_planned_is_refused_by_name_and_line(study: Path, tmp_path: Path, settings, said):
    with pytest.raises(CuecircuitError) as caught:
        plan_study(study, tmp_path / "out", settings=settings)
    assert said in "\n".join(caught.value.faults)
    assert not (tmp_path / "out").exists()


def test_faults_of_the_study_file_are_named_with_their_lines(tmp_path: Path):
    (tmp_path / "study.yaml").write_text(TEXT.replace("dose_mg_kg: 0.12", "dose_mg_kg: 900"))
    with pytest.raises(StudyError, match=r"study.yaml:29: .*900 mg/kg of naloxone is impossible"):
        plan_study(tmp_path / "study.yaml", tmp_path / "out", settings=PlanSettings())


def test_a_folder_with_files_is_left_alone(study: Path):
    with pytest.raises(DataError, match="not an empty folder"):
        plan_study(study, study.parent, settings=FEW)
