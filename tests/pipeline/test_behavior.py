"""The behavioral stage of a small study: what it writes, and what it says it cannot test."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.behavior.course import ratio_costs
from cuecircuit.errors import DataError
from cuecircuit.io.medpc_write import MedpcSession, write_medpc
from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.behavior import phased_sessions
from cuecircuit.pipeline.job import read_study
from cuecircuit.pipeline.run import run_study
from cuecircuit.pipeline.sessions import load_sessions

pytestmark = pytest.mark.xdist_group("tiny")


@pytest.fixture(scope="module")
def behavior(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run of the behavioral stage alone, with a progressive ratio and punishment at the end."""
    out = tmp_path_factory.mktemp("behavior")
    study = Path(shutil.copytree(tiny_study.parent, tmp_path_factory.mktemp("longer") / "study")) / "study.yaml"
    edited(
        study,
        "\nbehavior:\n",
        "  - {name: progressive_ratio, experiment: RATIO, sessions: 1}\n"
        "  - {name: shock, kind: punishment, experiment: SHOCK, sessions: 1}\n\nbehavior:\n",
    )
    animals = [f"{group}{number:02d}" for group, n in (("ShA", 11), ("LgA", 10)) for number in range(1, n + 1)]
    for day, (experiment, counts) in enumerate((("RATIO", range(21)), ("SHOCK", range(20, -1, -1))), 1):
        logs = [taken(animal, experiment, day, count) for animal, count in zip(animals, counts, strict=True)]
        (study.parent / f"sourcedata/medpc/2027-{experiment}.txt").write_bytes(write_medpc(logs).encode())
    run_study(study, out, stages=["behavior"])
    return out


def taken(animal: str, experiment: str, day: int, infusions: int) -> MedpcSession:
    """A session of an hour: so many infusions, one every minute, and the presses they cost in a progressive ratio."""
    start, times = datetime(2027, 1, day, 9), 60.0 * np.arange(1, infusions + 1)
    n_presses = int(ratio_costs(infusions).sum()) if experiment == "RATIO" else infusions
    presses = np.sort(np.concatenate([times, np.linspace(1.5, 3599.5, n_presses - infusions)]))
    return MedpcSession(
        subject=animal,
        experiment=experiment,
        group=animal[:3],
        box="1",
        msn=f"CUECIRCUIT {animal[:3]} FR1",
        start=start,
        end=start + timedelta(hours=1),
        scalars={"A": n_presses, "I": 0, "R": infusions, "K": 3600},
        arrays={"X": presses, "Y": times[:0], "Z": times},
    )


def table(results: Path, name: str):
    return read_table(results / "behavior" / f"{name}.tsv", text=("subject", "group"))


def test_every_phase_has_its_tables_and_nothing_is_left_untested(behavior: Path):
    there = {path.stem for path in (behavior / "behavior").glob("*.tsv")}

    tested = {"layout", "effects", "counts", "animals"}
    for phase in ("escalation", "conditioning", "cue_test", "extinction", "reinstatement"):
        assert {f"{phase}_{kind}" for kind in tested} <= there
    assert {"severity", "rates", "reinstatement_baseline", "escalation_groups"} <= there
    assert table(behavior, "untested").empty


def test_breakpoints_follow_the_published_costs(behavior: Path):
    animals = table(behavior, "progressive_ratio_animals").set_index("subject")

    # Richardson and Roberts 1996; the animals took 0, 1, 2, ... infusions
    costs = [0, 1, 2, 4, 6, 9, 12, 15, 20, 25, 32, 40, 50, 62, 77, 95, 118, 145, 178, 219, 268]
    assert animals["infusions"].tolist() == list(range(21))
    assert animals["breakpoint"].tolist() == costs


def test_suppression_is_the_share_that_punishment_leaves(behavior: Path):
    sessions = table(behavior, "sessions")
    last = sessions[(sessions["phase"] == "escalation") & (sessions["session"] == 10)].set_index("subject")
    found = table(behavior, "shock_suppression").set_index("subject")

    before = last.loc[found.index, "first_hour_infusions"]
    assert found["test"].tolist() == list(range(20, -1, -1))
    assert found["baseline"].tolist() == before.tolist()
    took = found["test"] + before > 0
    np.testing.assert_allclose(
        found.loc[took, "suppression_ratio"], (found["test"] / (found["test"] + before))[took], rtol=1e-9
    )
    assert found.loc["LgA10", "suppression_ratio"] == 0


def test_motivation_and_resistance_enter_the_severity(behavior: Path):
    severity = table(behavior, "severity")

    members = severity[["z_escalation", "z_motivation", "z_resistance"]]
    np.testing.assert_allclose(severity["addiction_index"], members.mean(axis=1))
    # who takes more than others while it is punished resists more
    assert severity["z_resistance"].is_monotonic_decreasing


def test_the_layout_repeats_the_anova(behavior: Path):
    anova = table(behavior, "escalation_anova").set_index("term")
    layout = table(behavior, "escalation_layout").set_index("source")

    np.testing.assert_allclose(
        layout["F"][["group", "session", "session x group"]], anova["F"][["group", "session", "group:session"]]
    )


def test_rates_hold_every_infusion_of_every_session(behavior: Path):
    sessions, rates = table(behavior, "sessions"), table(behavior, "rates")

    length = sessions.set_index(["subject", "start"])["duration_s"]
    infusions = rates[rates["event"] == "infusion"]
    end = (infusions["time_s"] + 1800).clip(
        upper=length.loc[list(zip(infusions["subject"], infusions["start"], strict=True))].to_numpy()
    )
    counted = (infusions["per_h"] * (end - infusions["time_s"]) / 3600).sum()
    assert counted == pytest.approx(sessions["infusions"].sum())


def test_single_sessions_are_drawn_with_captions(behavior: Path):
    folder = behavior / "behavior"

    captions = json.loads((folder / "figures.json").read_text())

    assert set(captions) == {"event_raster", "cumulative_record", "drug_level"}
    for name in captions:
        assert "<text" in (folder / f"{name}.svg").read_text()
        assert (folder / f"{name}.png").stat().st_size > 1000
    assert "(assumed)" in captions["drug_level"]


def test_the_tables_of_the_figures_hold_what_is_drawn(behavior: Path):
    sessions = table(behavior, "sessions")
    last = sessions[(sessions["phase"] == "escalation") & (sessions["session"] == 10)].set_index("subject")
    raster, record, level = (table(behavior, name) for name in ("event_raster", "cumulative_record", "drug_level"))

    counts = raster.groupby(["subject", "event"]).size().unstack(fill_value=0)
    for event, column in (("active", "active"), ("inactive", "inactive"), ("infusion", "infusions")):
        assert counts[event].to_dict() == last.loc[counts.index, column].to_dict()
    shown = record[record["event"] == "active"].groupby("subject")["presses"].max()
    assert shown.to_dict() == last.loc[shown.index, "active"].to_dict()
    # the grid is finer here than that of the table, and misses its peak by less than a step
    peaks = level.groupby("subject")["level_mg_kg"].max()
    np.testing.assert_allclose(peaks, last.loc[peaks.index, "peak_level_mg_kg"], rtol=0.02)


def test_logs_of_another_kind_give_the_same_sessions(tiny_study: Path, tmp_path: Path):
    study = Path(shutil.copytree(tiny_study.parent, tmp_path / "study")) / "study.yaml"
    own = phased_sessions(read_study(study)).table
    log = load_sessions(sorted((study.parent / "sourcedata/medpc").glob("*.txt")))
    rows = [
        (each.subject, each.experiment, each.group, each.start.isoformat(), each.duration_s, event, time)
        for each in log.sessions
        for event, times in each.events.items()
        for time in times
    ]
    header = ["rat", "what", "access", "start", "length", "event", "s"]
    pd.DataFrame(rows, columns=header).to_csv(study.parent / "sourcedata/log.csv", index=False)
    (study.parent / "sourcedata/log.yaml").write_text(
        "timeout_s: 20\ntable: {rows: event, subject: rat, experiment: what, group: access, start: start, "
        "duration_s: length, event: event, time: s}\n"
    )
    edited(study, "logs: sourcedata/medpc/*.txt", "logs: sourcedata/log.csv\n  source: sourcedata/log.yaml")

    found = phased_sessions(read_study(study)).table

    same = ["subject", "group", "phase", "treatment", "session", "active", "inactive", "infusions", "timeout_presses"]
    pd.testing.assert_frame_equal(found[same].reset_index(drop=True), own[same].reset_index(drop=True))


def test_program_files_of_the_study_are_held_against_its_logs(tiny_study: Path, tmp_path: Path):
    study = Path(shutil.copytree(tiny_study.parent, tmp_path / "study")) / "study.yaml"
    (study.parent / "code").mkdir()
    (study.parent / "code/CUECIRCUIT ShA FR1.MPC").write_text("DIM X = 999\nDIM Y = 999\n")
    edited(study, "logs: sourcedata/medpc/*.txt", "logs: sourcedata/medpc/*.txt\n  mpc: code")

    with pytest.raises(DataError, match=r"CUECIRCUIT ShA FR1\.MPC: letter Z is declared as an array"):
        phased_sessions(read_study(study))


def test_no_drug_level_is_computed_to_check_the_logs(tiny_study: Path):
    assert "mean_level_mg_kg" not in phased_sessions(read_study(tiny_study)).table


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
