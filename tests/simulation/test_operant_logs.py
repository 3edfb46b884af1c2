"""Logs read back by the program's readers hold what was drawn."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from cuecircuit.behavior.course import breakpoint_of
from cuecircuit.behavior.ledger import settle
from cuecircuit.behavior.phases import PhaseRule, assign_phases
from cuecircuit.errors import StudyError
from cuecircuit.io.medpc import read_medpc
from cuecircuit.records.operant import OperantLog
from cuecircuit.simulation.declared import plan_world
from cuecircuit.simulation.operant_logs import experiment_words, log_path, session_times
from cuecircuit.simulation.write import write_dataset

KEY = ["subject", "phase", "treatment", "day"]


@pytest.fixture(scope="module")
def mice(tmp_path_factory, design):
    """Few mice, their hours by group, one of them without extinction; and their logs read back."""
    folder = tmp_path_factory.mktemp("mice")
    edits = {
        "simulation.n": {"water": 2, "sucrose": 2, "ethanol": 3},
        "simulation.missing": {"phase=extinction": 0.1},
        "operant.phases.drinking.access_h": {"water": 1, "sucrose": 1, "ethanol": 2.5},
    }
    world = plan_world(design("alcohol_mice", edits), seed=4, scale="tiny")
    write_dataset(folder, world, "", n_jobs=1, progress=lambda done: None)
    logs = [read_medpc(path) for path in sorted((folder / "sourcedata" / "medpc").iterdir())]
    assert not [fault for log in logs for fault in log.faults]
    log = settle(OperantLog(sessions=tuple(one for log in logs for one in log.sessions), faults=()))
    assert log.faults == ()
    return world, log.sessions


def phased(world, sessions) -> pd.DataFrame:
    rules = [
        PhaseRule(phase=name, treatment=treatment, experiment=pattern, sessions=phase.days)
        for name, phase in world.planting.study.operant.phases.items()
        for treatment, pattern in (
            {key: own.experiment for key, own in phase.treatments.items()} or {"": phase.experiment}
        ).items()
    ]
    table = pd.DataFrame(
        {
            "subject": [session.subject for session in sessions],
            "experiment": [session.experiment for session in sessions],
            "msn": [session.program for session in sessions],
            "start": [session.start.isoformat() for session in sessions],
            "file": "",
            "line": 1,
            "number": range(len(sessions)),
        }
    )
    found = assign_phases(table, rules)
    (absent,) = world.planting.cohort.missing["phase", "extinction"]
    assert {fault.subject for fault in found.faults} <= {absent}
    return found.table.rename(columns={"session": "day"}).assign(treatment=found.table["treatment"].fillna(""))


def test_counts_read_back_are_those_drawn_in_every_session(mice):
    world, sessions = mice
    table = phased(world, sessions)
    drawn = world.drawn.responses
    for of, event in (("operant.infusions", "infusion"), ("operant.active", "active")):
        read = table.assign(read=[sessions[number].events[event].size for number in table["number"]])
        both = drawn[of].merge(read, on=KEY, how="left", validate="one_to_one")
        np.testing.assert_array_equal(both["value"], both["read"])
    bins = drawn["bins.presses_by_10_min"].merge(table, on=KEY)
    for row in bins.to_dict("records"):
        times = sessions[row["number"]].events["active"]
        assert row["value"] == ((times >= 600 * (row["bin"] - 1)) & (times < 600 * row["bin"])).sum()
    assert len(table) == 7 * 14 + 6 * 8


def test_sessions_are_a_day_apart_as_long_as_the_file_says_and_deliver_the_groups_own_drug(mice):
    world, sessions = mice
    table = phased(world, sessions)
    for number, phase in zip(table["number"], table["phase"], strict=True):
        session = sessions[number]
        hours = 2.5 if session.group == "ethanol" and phase == "drinking" else 1.0
        assert session.duration_s == 3600 * hours
        assert session.program == f"SIMULATED {session.group.upper() if phase == 'drinking' else 'NO DELIVERY'} FR1"
        assert session.subject.startswith(session.group)
        if phase != "drinking":
            assert session.events["infusion"].size == 0
    for _, own in table.groupby("subject"):
        starts = pd.to_datetime(own["start"]).sort_values()
        assert (starts.diff().dropna() >= timedelta(days=1)).all()
    # treatments of a phase take turns: half of the mice have either first
    first = table[table["phase"] == "reinstatement"].sort_values("start").drop_duplicates("subject")["treatment"]
    assert first.value_counts().to_dict() == {"no_cue": 4, "light_and_tone": 3}


def test_effects_on_a_window_change_the_whole_count_by_their_share(design):
    edits = {
        "operant.measures": {"late": {"count": "active", "window_min": [30, 60]}},
        "questions": {
            "late": {"of": "operant.late", "where": {"phase": "extinction"}, "between": "group", "within": "day"}
        },
        "derived": {},
        "simulation.n": {"water": 60, "sucrose": 60, "ethanol": 60},
        "simulation.effects": {"late": {"in": "operant.late", "where": {"phase": "extinction"}, "add": 3.0}},
        "simulation.hypotheses": {"late": ["late"]},
    }
    drawn = plan_world(design("alcohol_mice", edits), seed=0, scale="tiny").drawn.responses
    late, whole = (drawn[of][drawn[of]["phase"] == "extinction"] for of in ("operant.late", "operant.active"))
    assert set(late["expected"]) == {45.0}
    assert set(whole["expected"]) == {60.0}
    # 1440 sessions of 180 mice: standard errors of about 1 and 1.5
    assert late["value"].mean() == pytest.approx(45, abs=4)
    assert whole["value"].mean() == pytest.approx(60, abs=6)


def test_licks_and_shocks_are_written_where_they_have_a_base(tmp_path, design):
    edits = {
        "simulation.n": {"water": 2, "sucrose": 2, "ethanol": 2},
        "operant.phases.extinction": {"kind": "punishment", "experiment": "EXT*", "days": 8, "access_h": 1},
    }
    study = design("alcohol_mice", edits)
    more = [
        {"in": f"operant.{name}", "mean": 12, "between_sd": 3, "within_sd": 4, "counts": True}
        for name in ("licks", "shocks")
    ]
    simulation = study.simulation.model_dump(by_alias=True)
    simulation["base"] = [*simulation["base"], *more]
    study = study.model_validate(study.model_dump(by_alias=True, exclude_unset=True) | {"simulation": simulation})
    world = plan_world(study, seed=0, scale="tiny")
    write_dataset(tmp_path, world, "", n_jobs=1, progress=lambda done: None)
    logs = [read_medpc(path) for path in sorted((tmp_path / "sourcedata" / "medpc").iterdir())]
    sessions = [session for log in logs for session in log.sessions]
    for kind, of in (("lick", "operant.licks"), ("shock", "operant.shocks")):
        assert sum(session.events[kind].size for session in sessions) == world.drawn.responses[of]["value"].sum()
    assert {s.experiment for s in sessions if s.events["shock"].size} == {"EXT"}


def test_words_fit_their_own_pattern_alone_or_both_are_named(design):
    study = design(
        "alcohol_mice", {"operant.phases.drinking.experiment": "S*", "operant.phases.extinction.experiment": "EXT?[AB]"}
    )
    words = experiment_words(study.operant)
    assert words["drinking", ""] == "S"
    assert words["extinction", ""] == "EXT1A"
    clash = design("alcohol_mice", {"operant.phases.extinction.experiment": "FR1*"})
    with pytest.raises(
        StudyError, match=r"phases\.extinction: pattern 'FR1\*' fits sessions of drinking and extinction"
    ):
        experiment_words(clash.operant)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("logs/*", "logs/d.txt"), ("a/**/*.mpc", "a/d.mpc"), ("*.txt", "d.txt"), ("raw/box_*.txt", "raw/box_d.txt")],
)
def test_files_are_named_as_the_pattern_asks(pattern, path):
    assert log_path(pattern, "d") == path


@pytest.mark.parametrize("pattern", ["rat?/*.txt", "logs/one.txt", "logs/*_*.txt"])
def test_patterns_that_cannot_be_named_are_refused(pattern):
    with pytest.raises(StudyError, match=r"operant\.logs"):
        log_path(pattern, "d")


def test_deliveries_of_a_progressive_ratio_cost_their_presses():
    infusion = np.array([100.0, 400.0, 900.0])
    times = session_times({"infusion": infusion}, 3600.0, ratios=(1, 2, 4), rng=np.random.default_rng(1))
    active = times["active"]
    since = np.array([0.0, *(infusion[:-1] + 20)])
    assert [((active >= a) & (active <= b)).sum() for a, b in zip(since, infusion, strict=True)] == [1, 2, 4]
    assert breakpoint_of(3.0, ratios=(1, 2, 4), presses=float(active.size)) == 4
    # presses alone: the 1st, 3rd and 7th pay
    presses = np.arange(10.0) * 30
    paid = session_times({"active": presses}, 3600.0, ratios=(1, 2, 4), rng=np.random.default_rng(1))["infusion"]
    np.testing.assert_array_equal(paid, presses[[0, 2, 6]])


def test_no_session_has_more_deliveries_of_a_progressive_ratio_than_a_press_a_second_pays_for(design):
    edits = {
        "operant.phases.drinking.kind": "progressive_ratio",
        "operant.phases.drinking.access_h": 1,
        "simulation.n": {"water": 2, "sucrose": 2, "ethanol": 2},
        "simulation.missing": {"day=2": 0.1},
    }
    drawn = plan_world(design("alcohol_mice", edits), seed=4, scale="tiny").drawn.responses["operant.infusions"]
    costs = np.round(5 * np.exp(0.2 * np.arange(1, 40)) - 5)  # Richardson and Roberts 1996
    most = int((costs.cumsum() <= 3600).sum())
    assert drawn["value"].max() == most
    assert (drawn["day"] == 2).sum() == 5
