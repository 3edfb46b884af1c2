"""`cuecircuit fit` on tables of simulated animals: what is written, and what is refused with which words."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.behavior.fit_intervals import response_of
from cuecircuit.behavior.fit_models import MODELS
from cuecircuit.behavior.pharmacokinetics import kinetics_of
from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.fitting.compare_models import FitChoices, fit_sessions
from cuecircuit.fitting.fit_source import DrugChoice, read_source
from cuecircuit.generators.fit_sessions import simulate_sessions
from cuecircuit.nodes.designs import design_text
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.pipeline.sessions import write_sessions

COCAINE = DrugChoice(drug="cocaine", dose_mg_kg=0.5)
FEW = ("poisson", "satiety")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rats of the satiety model and three sessions of an hour each; the fourth takes next to nothing."""
    folder = tmp_path_factory.mktemp("tables")
    sessions, events = [], []
    for rat in range(4):
        drawn = simulate_sessions(
            MODELS["satiety"], np.log([0.02 if rat == 3 else 1.0, 1.0, 0.1]), subject=f"r{rat}", sessions=3,
            duration_s=3600, timeout_s=20, dose_mg_kg=0.5, response=response_of(kinetics_of("cocaine"), 3600),
            rng=np.random.default_rng(rat),
        )  # fmt: skip
        for number, session in enumerate(drawn):
            start = f"2024-05-0{number + 1}T09:00:00"
            who = {"subject": f"r{rat}", "start": start}
            sessions.append({**who, "experiment": "SA", "group": "ShA", "duration_s": 3600})
            times = session.infusions_s[: 1 if rat == 3 else None]
            events += [{**who, "event": "infusion", "time_s": time} for time in times]
            events.append({**who, "event": "inactive", "time_s": 5.0})
    pd.DataFrame(sessions).to_csv(folder / "sessions.tsv", sep="\t", index=False)
    pd.DataFrame(events).to_csv(folder / "events.tsv", sep="\t", index=False)
    return folder


def changed(tables: Path, folder: Path, name: str, **columns: object) -> Path:
    """A copy of the tables with some columns of one of them changed."""
    for path in tables.glob("*.tsv"):
        table = pd.read_csv(path, sep="\t")
        if path.name == name:
            table = table.assign(**columns)
        table.to_csv(folder / path.name, sep="\t", index=False)
    return folder


@pytest.fixture(scope="module")
def fitted(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two models say of them, with all that can be asked."""
    out = tmp_path_factory.mktemp("fitted")
    fit_sessions(tables, out, FitChoices(drug=COCAINE, models=FEW, hold_out="last:1", elimination=True))
    return out


def test_tables_figures_and_settings_are_written_with_a_note_for_each_column(fitted: Path):
    for name in ("parameters", "population", "comparison", "thresholds", "elimination"):
        table = pd.read_csv(fitted / f"{name}.tsv", sep="\t")
        assert list(json.loads((fitted / f"{name}.json").read_text(encoding="utf-8"))) == list(table.columns)
    assert set(json.loads((fitted / "figures.json").read_text(encoding="utf-8"))) == {
        path.stem for path in fitted.glob("*.svg")
    }
    settings = json.loads((fitted / "settings.json").read_text(encoding="utf-8"))
    assert (settings["left_out"], settings["hold_out"], settings["thresholds"]) == (["r3"], "last:1", "satiety")
    assert settings["kinetics"]["drug"] == "cocaine"


def test_the_threshold_is_found_and_predicts_better_than_a_constant_rate(fitted: Path):
    assert pd.read_csv(fitted / "comparison.tsv", sep="\t")["model"].tolist() == ["satiety", "poisson"]
    population = pd.read_csv(fitted / "population.tsv", sep="\t").set_index(["model", "parameter"])
    threshold = population.loc[("satiety", "threshold")]
    assert threshold["low"] < 1.0 < threshold["high"]
    parameters = pd.read_csv(fitted / "parameters.tsv", sep="\t")
    assert set(parameters["group"]) == {"ShA"}
    assert set(parameters["subject"]) == {"r0", "r1", "r2"}


def test_the_page_names_the_best_model_and_has_every_figure_and_table(fitted: Path):
    page = (fitted / "fit.html").read_text(encoding="utf-8")
    second = pd.read_csv(fitted / "comparison.tsv", sep="\t").iloc[1]
    assert "Of 2 models satiety predicts the" in page
    assert f"differs by −{abs(second['difference']):.3f} [" in page
    assert "Left out, with too few infusions to have intervals: r3." in page
    assert "last 1 session of each animal" in page
    for path in fitted.glob("*.svg"):
        assert f'id="figure-{path.stem}"' in page
    for name in ("comparison", "population", "parameters", "thresholds", "elimination", "kinetics"):
        assert f'id="{name}"' in page
    assert "SIMULATED" not in page


def without_figures(monkeypatch):
    """Leave out what takes most of the time and is looked at elsewhere."""
    monkeypatch.setattr("cuecircuit.fitting.compare_models.draw_fits", lambda *_, **__: None)


def few(tables: Path, folder: Path) -> Path:
    """The tables of two of the rats that take the drug, and of the one that does not."""
    for path in tables.glob("*.tsv"):
        table = pd.read_csv(path, sep="\t")
        table[table["subject"] != "r2"].to_csv(folder / path.name, sep="\t", index=False)
    return folder


def test_the_same_seed_gives_the_same_bytes(tables: Path, tmp_path: Path, capsys):
    choices = FitChoices(drug=COCAINE, models=("poisson",), hold_out="every:3", seed=4)
    written = []
    for name in ("one", "two"):
        fit_sessions(few(tables, tmp_path), tmp_path / name, choices)
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert "r3 left out: 3 infusions, fewer than 5" in capsys.readouterr().err


def test_nothing_held_out_gives_a_comparison_by_marginal_likelihood(tables: Path, tmp_path: Path):
    tables = few(tables, tmp_path)
    comparison = fit_sessions(tables, tmp_path, FitChoices(drug=COCAINE, models=FEW, hold_out="none"))

    assert "nothing was held out, so nothing was predicted" in (tmp_path / "fit.html").read_text(encoding="utf-8")
    assert comparison["log_score"].isna().all()
    assert comparison["log_marginal"].is_monotonic_decreasing
    assert not (tmp_path / "comparison.png").exists()


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (FitChoices(drug=DrugChoice()), "tables do not say what was infused; give --drug and --dose"),
        (FitChoices(drug=DrugChoice(drug="aspirin", dose_mg_kg=1.0)), "drug 'aspirin': kinetics are known of heroin"),
        (FitChoices(drug=DrugChoice(drug="x", dose_mg_kg=1.0, half_life_min=-3.0)), "half-life -3 min; expected"),
        (FitChoices(drug=DrugChoice(drug="cocaine", dose_mg_kg=-1.0)), "dose -1 mg/kg; expected a number above 0"),
        (FitChoices(drug=COCAINE, timeout_s=-1.0), "time-out -1 s; expected 0 or more"),
        (FitChoices(drug=COCAINE, timeout_s=600.0), "within a time-out of 600 s; correct --timeout"),
        (FitChoices(drug=COCAINE, experiment="PR"), "no session of experiment 'PR'; found: SA"),
        (FitChoices(drug=COCAINE, hold_out="first:2"), "expected last:N"),
        (FitChoices(drug=COCAINE, hold_out="last:3"), "3 session; too few for --hold-out last:3"),
    ],
    ids=["no drug", "unknown drug", "half-life", "dose", "time-out", "long time-out", "experiment", "hold-out", "few"],
)
def test_choices_that_cannot_be_are_refused_before_anything_is_written(
    tables: Path, tmp_path: Path, choices: FitChoices, says: str
):
    with pytest.raises(CuecircuitError) as refused:
        fit_sessions(tables, tmp_path / "out", choices)
    assert says in "\n".join(refused.value.faults)
    assert not (tmp_path / "out").exists()


def test_faults_of_tables_are_named(tables: Path, tmp_path: Path):
    events = pd.read_csv(tables / "events.tsv", sep="\t")
    wrong = {
        "no event 'infusion'; found: active": {"event": "active"},
        "events.tsv:2: time_s is no number": {"time_s": ["soon", *events["time_s"].astype(str)[1:]]},
        "put times in order": {"time_s": events["time_s"].to_numpy()[::-1]},
    }
    for number, (says, columns) in enumerate(wrong.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(CuecircuitError) as refused:
            fit_sessions(changed(tables, folder, "events.tsv", **columns), tmp_path / "out", FitChoices(drug=COCAINE))
        assert says in "\n".join(refused.value.faults)
    for source, says in ((tmp_path, r"sessions\.tsv: no such file"), (tmp_path / "nowhere", "nowhere: no such file")):
        with pytest.raises(CuecircuitError, match=says):
            fit_sessions(source, tmp_path / "out", FitChoices(drug=COCAINE))


@pytest.fixture(scope="module")
def mice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study file of simulated mice, two in each group, of which one group drinks what has kinetics."""
    folder = tmp_path_factory.mktemp("mice")
    text = design_text("alcohol_mice").replace(
        "n: { water: 10, sucrose: 10, ethanol: 12 }", "n: { water: 2, sucrose: 2, ethanol: 2 }"
    )
    (folder / "few.yaml").write_text(text, encoding="utf-8")
    return simulate_design(str(folder / "few.yaml"), folder / "study", seed=2, scale="tiny")


def test_a_study_file_says_what_was_taken_and_which_sessions_are_fitted(mice: Path, tmp_path: Path):
    write_sessions(sorted(mice.parent.glob("sourcedata/medpc/*")), tmp_path / "tables")
    ethanol = DrugChoice(drug="alcohol", dose_mg_kg=1.0, half_life_min=60.0)
    told = read_source(tmp_path / "tables", ethanol)

    found = read_source(mice, DrugChoice(drug="ethanol", half_life_min=60.0), experiment="drinking")

    assert len(found.sessions) == 2
    weights = pd.read_csv(mice.parent / "participants.tsv", sep="\t").set_index("participant_id")["weight"]
    for subject, own in found.sessions.items():
        assert found.groups[subject] == "ethanol"
        # 10 % of 0.01 ml is 1 mg
        assert found.doses[subject] == pytest.approx(1 / weights[f"sub-{subject}"])
        assert len(own) == 12
        logged = {session.start: session for session in told.sessions[subject]}
        for session in own:
            np.testing.assert_array_equal(session.infusions_s, logged[session.start].infusions_s)
            assert session.duration_s == logged[session.start].duration_s


def test_a_phase_that_delivers_several_drugs_asks_for_one(mice: Path, tmp_path: Path):
    with pytest.raises(StudyError, match=r"drinking delivers water, sucrose, ethanol; name one with --drug"):
        fit_sessions(mice, tmp_path / "out", FitChoices(drug=DrugChoice()))
    with pytest.raises(StudyError, match=r"operant.phases.extinction delivers nothing; name another phase"):
        fit_sessions(mice, tmp_path / "out", FitChoices(drug=DrugChoice(), experiment="extinction"))


def test_a_study_file_is_fitted(mice: Path, tmp_path: Path, monkeypatch):
    without_figures(monkeypatch)
    drug = DrugChoice(drug="ethanol", half_life_min=60.0)
    assert fit_sessions(mice, tmp_path, FitChoices(drug=drug, models=("poisson",), hold_out="none"))[
        "animals"
    ].tolist() == [2]
    assert "SIMULATED DATA" in (tmp_path / "fit.html").read_text(encoding="utf-8")
    settings = json.loads((tmp_path / "settings.json").read_text(encoding="utf-8"))
    assert settings["kinetics"]["drug"] == "ethanol"
    assert set(pd.read_csv(tmp_path / "parameters.tsv", sep="\t")["group"]) == {"ethanol"}


def test_a_phase_that_the_study_lacks_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "study.yaml").write_text(design_text("carmack2019"), encoding="utf-8")
    choices = FitChoices(drug=DrugChoice(), experiment="training")
    with pytest.raises(StudyError, match=r"no phase 'training'; expected one of: escalation, conditioning") as refused:
        fit_sessions(tmp_path / "study.yaml", tmp_path / "out", choices)
    assert len(refused.value.faults) == 1
    assert not (tmp_path / "out").exists()


def test_real_rats_that_take_oxycodone_are_described_better_with_lapses(real_data: Path, tmp_path: Path, monkeypatch):
    without_figures(monkeypatch)
    write_sessions([real_data / "operant/georgelab_oxycodone_lga/SF1_MedPC_example_txt"], tmp_path / "tables")
    choices = FitChoices(
        drug=DrugChoice(drug="oxycodone", dose_mg_kg=0.15), models=("poisson", "bouts"), hold_out="every:3"
    )

    comparison = fit_sessions(tmp_path / "tables", tmp_path / "out", choices).set_index("model")

    assert comparison["animals"].tolist() == [12, 12]
    assert comparison.loc["poisson", "high"] < 0 == comparison.loc["bouts", "difference"]
