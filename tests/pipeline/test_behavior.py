"""The behavioral stage of a small study: what it writes, and what it says it cannot test."""

import json
from pathlib import Path

import numpy as np
import pytest

from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.run import run_study

pytestmark = pytest.mark.xdist_group("tiny")


@pytest.fixture(scope="module")
def behavior(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run of the behavioral stage alone."""
    out = tmp_path_factory.mktemp("behavior")
    run_study(tiny_study, out, stages=["behavior"])
    return out


def table(results: Path, name: str):
    return read_table(results / "behavior" / f"{name}.tsv", text=("subject", "group"))


def test_every_phase_has_its_tables_and_nothing_is_left_untested(behavior: Path):
    there = {path.stem for path in (behavior / "behavior").glob("*.tsv")}

    tested = {"layout", "effects", "counts", "animals"}
    for phase in ("escalation", "conditioning", "cue_test", "extinction", "reinstatement"):
        assert {f"{phase}_{kind}" for kind in tested} <= there
    assert {"severity", "rates", "reinstatement_baseline", "escalation_groups"} <= there
    assert table(behavior, "untested").empty


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
