"""Plans that stop by evidence, and power of equivalence: against the integral of Rouder et al. and noncentral t."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from cuecircuit.errors import StudyError
from cuecircuit.io.tables import read_table
from cuecircuit.planning.plan import plan_study
from cuecircuit.planning.power import PlanSettings

pytestmark = pytest.mark.xdist_group("planning")
DRAWN, SIZES, BOUND, D = 100, (8, 16, 32), 3.0, 1.0
STUDY = """
about: { title: Two groups }
subjects: { species: Rattus norvegicus }
factors: { group: [control, treated] }
questions:
  score: { of: subjects.score, between: group, evidence: { equivalence: 0.8 } }
  follows: { of: subjects.score, with: { of: subjects.dose } }
simulation:
  n: { control: 10, treated: 10 }
  base:
    - { in: subjects.score, mean: 10, between_sd: 2, within_sd: 0 }
    - { in: subjects.dose, mean: 5, between_sd: 1, within_sd: 0 }
  effects:
    shift: { in: subjects.score, where: { group: treated }, add: 2 }
  hypotheses: { shift: [shift] }
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sequential")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    settings = PlanSettings(
        sizes=tuple(map(str, SIZES)),
        draws=DRAWN,
        hypotheses=("shift", "null"),
        questions=("score",),
        multiples=(),
        stop=BOUND,
    )
    plan_study(folder / "study.yaml", folder / "out", settings=settings)
    return folder / "out"


def bayes_factor(t: float, n: int) -> float:
    """BF10 of two groups of n (Rouder et al. 2009, eq. 2 with a Cauchy prior of √2/2), by quadrature."""
    df, half = 2 * n - 2, n / 2

    def of(g: float) -> float:
        prior = np.sqrt(0.5 / (2 * np.pi)) * g**-1.5 * np.exp(-0.25 / g)
        return prior * (1 + half * g) ** -0.5 * (1 + t * t / ((1 + half * g) * df)) ** (-(df + 1) / 2)

    return integrate.quad(of, 0, np.inf)[0] / (1 + t * t / df) ** (-(df + 1) / 2)


def ends(d: float, studies: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """What studies of groups that differ by d end with (1 effect, −1 none, 0 undecided), and with how many subjects."""
    rng, ending, subjects = np.random.default_rng(7), np.zeros(studies), np.full(studies, 2 * SIZES[-1])
    for study in range(studies):
        one, other = rng.normal(size=(2, SIZES[-1])) + [[0], [d]]
        for n in SIZES:
            found = bayes_factor(stats.ttest_ind(one[:n], other[:n]).statistic, n)
            if found >= BOUND or found <= 1 / BOUND:
                ending[study], subjects[study] = (1 if found > 1 else -1), 2 * n
                break
    return ending, subjects


@pytest.mark.parametrize(("hypothesis", "d"), [("shift", D), ("null", 0.0)])
def test_studies_stop_as_often_and_as_late_as_by_quadrature(planned: Path, hypothesis: str, d: float) -> None:
    row = read_table(planned / "sequential.tsv").query("hypothesis == @hypothesis").iloc[0]
    ending, subjects = ends(d)
    for name, side in (("for_effect", 1), ("against", -1), ("undecided", 0)):
        share = np.mean(ending == side)
        # both are simulated: four standard errors of their difference
        error = np.sqrt(max(share * (1 - share), 0.005) * (1 / DRAWN + 1 / len(ending)))
        assert row[name] == pytest.approx(share, abs=4 * error)
    error = subjects.std() * np.sqrt(1 / DRAWN + 1 / len(subjects))
    assert row["subjects_mean"] == pytest.approx(subjects.mean(), abs=4 * error)
    assert row["for_effect"] + row["against"] + row["undecided"] == pytest.approx(1)


def test_tests_without_a_bayes_factor_are_left_out(planned: Path) -> None:
    table = read_table(planned / "sequential.tsv")
    assert set(table["question"]) == {"score"}
    assert set(table["kind"]) == {"term"}
    assert "after 16, 32, 64 subjects" in (planned / "preregistration.md").read_text(encoding="utf-8")
    assert 'id="sequential"' in (planned / "plan.html").read_text(encoding="utf-8")


def test_power_of_equivalence_is_that_of_the_noncentral_t(planned: Path) -> None:
    power = read_table(planned / "power.tsv").query("kind == 'equivalence'").set_index(["hypothesis", "subjects"])
    for n in SIZES:
        df, root = 2 * n - 2, np.sqrt(n / 2)
        # |t| below this is significant against |d| = .8 at .05
        most = stats.nct.ppf(0.05, df, 0.8 * root)
        for hypothesis, d in (("null", 0.0), ("shift", D)):
            inside = stats.nct.cdf(most, df, d * root) - stats.nct.cdf(-most, df, d * root) if most > 0 else 0.0
            low, high = stats.binom.interval(0.9999, DRAWN, inside)
            assert low <= power.loc[(hypothesis, 2 * n), "found"] <= high


def test_without_a_bound_nothing_is_said_of_stopping(planned: Path, tmp_path: Path) -> None:
    path, settings = planned.parent / "study.yaml", {"sizes": ("8",), "draws": 20, "multiples": ()}
    plan_study(path, tmp_path / "out", settings=PlanSettings(**settings))
    assert not (tmp_path / "out" / "sequential.tsv").exists()
    # the power of the tests is the same with and without
    kept = ["question", "kind", "found"]
    plan_study(path, tmp_path / "again", settings=PlanSettings(**settings, stop=6.0))
    both = [read_table(tmp_path / name / "power.tsv")[kept] for name in ("out", "again")]
    pd.testing.assert_frame_equal(*both)


@pytest.mark.parametrize("stop", [1.0, 0.0, np.nan, np.inf])
def test_a_bound_that_is_none_is_refused(planned: Path, tmp_path: Path, stop: float) -> None:
    with pytest.raises(StudyError, match="expected a Bayes factor above 1"):
        plan_study(planned.parent / "study.yaml", tmp_path / "out", settings=PlanSettings(stop=stop))
