"""Simulated rats on disk: the same bytes for a seed, logs and truth that agree, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, StudyError
from cuecircuit.generators.parameters import NAMES
from cuecircuit.io.medpc import read_medpc
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.designs import design_text
from cuecircuit.nodes.simulate import RatChoices, simulate_design
from tests.bytes_of import hashes

pytestmark = pytest.mark.xdist_group("rats")


def sessions_of(folder: Path) -> list:
    return [one for path in sorted((folder / "sourcedata/medpc").glob("*.txt")) for one in read_medpc(path).sessions]


def assert_pairings_are_those_of_the_truth(folder: Path) -> None:
    sessions = sessions_of(folder)
    for row in pd.read_csv(folder / "truth/pairings.tsv", sep="\t").itertuples():
        name = f"COND-{row.treatment.upper()}"
        own = [
            s.events["infusion"] for s in sessions if (f"sub-{s.subject}", s.experiment) == (row.participant_id, name)
        ]
        assert np.mean([((times >= 1800) & (times < 3600)).sum() for times in own]) == pytest.approx(row.infusions)


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_jobs(few_rats: Path, tmp_path: Path) -> None:
    again = simulate_design(str(few_rats), tmp_path / "again", scale="tiny", seed=1, n_jobs=2).parent
    made = hashes(again)
    assert made == {name: digest for name, digest in hashes(few_rats.parent).items() if name in made}
    other = hashes(simulate_design(str(few_rats), tmp_path / "other", scale="tiny", seed=2, hypothesis="null").parent)
    assert other.keys() == made.keys()
    drawn = [name for name in made if name.endswith(("_bold.nii.gz", "_physio.tsv.gz")) or "medpc" in name]
    assert not [name for name in drawn if made[name] == other[name]]
    assert not pd.read_csv(tmp_path / "other/truth/cells.tsv", sep="\t")["percent"].any()


def test_each_rat_has_one_scan_for_each_cue_and_logs_read_back_as_drawn(few_rats: Path) -> None:
    folder = few_rats.parent
    for participant, row in pd.read_csv(folder / "participants.tsv", sep="\t").set_index("participant_id").iterrows():
        scans = [folder / f"{participant}/func/{participant}_task-odor_run-{run}_events.tsv" for run in (1, 2)]
        events = [pd.read_csv(path, sep="\t") for path in scans]
        cues = [table["trial_type"].unique().item() for table in events]
        assert cues[0] == row["first_cue"]
        assert sorted(cues) == ["naloxone", "saline"]
        assert all(table["odor"].unique() == row[f"odor_{cue}"] for table, cue in zip(events, cues, strict=True))
    assert len(sessions_of(folder)) == 6 * (3 + 2 * 2 + 2 + 2 + 2)
    assert_pairings_are_those_of_the_truth(folder)


def test_animals_live_through_a_study_of_ones_own(few_rats: Path, tmp_path: Path) -> None:
    study = simulate_design(str(few_rats), tmp_path / "lived", scale="tiny", seed=4, rats=RatChoices(model="mechanism"))
    check_study(study)
    assert study.read_bytes() == few_rats.read_bytes()
    assert_pairings_are_those_of_the_truth(study.parent)
    truth = study.parent / "truth"
    assert json.loads((truth / "settings.json").read_text(encoding="utf-8"))["model"] == "mechanism"
    assert pd.read_csv(truth / "parameters.tsv", sep="\t")["parameter"].tolist() == list(NAMES)
    assert len(pd.read_csv(truth / "cue_values.tsv", sep="\t")) == 6 * 2 * (3 + 2 * 2 + 2 + 2 + 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"design": "nobody2020"}, "design 'nobody2020' is unknown; expected a study file or one of: alcohol_mice"),
        ({"hypothesis": "magic"}, "hypothesis 'magic' is unknown"),
        ({"scale": "huge"}, "scale 'huge' is unknown"),
        ({"seed": -1}, "seed -1 is negative"),
        (
            {"design": "alcohol_mice", "rats": RatChoices(native=True)},
            "go with `simulation.generator: carmack2019` alone",
        ),
    ],
)
def test_what_is_unknown_is_refused_and_nothing_is_written(tmp_path: Path, wrong: dict, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        simulate_design(**{"design": "carmack2019", "out": tmp_path / "out", **wrong})
    assert not list(tmp_path.iterdir())


def test_people_of_another_study_are_not_those_of_the_generator(tmp_path: Path) -> None:
    text = design_text("huang2023")
    (tmp_path / "mine.yaml").write_text(text.replace("tr_s: ", "tr_s: 1"), encoding="utf-8")
    with pytest.raises(StudyError, match=r"mine\.yaml:\d+: scans: the generator of people draws the design huang2023"):
        simulate_design(str(tmp_path / "mine.yaml"), tmp_path / "out", scale="tiny")


@pytest.mark.parametrize(
    ("design", "sizes", "words"),
    [
        (
            "carmack2019",
            "d: 2",
            r"mine\.yaml:\d+: simulation\.sizes\.d: unknown to this generator; expected one of: common",
        ),
        (
            "huang2023",
            "slope_r: 2",
            r"mine\.yaml:\d+: simulation\.sizes\.slope_r: unknown to this generator; .*after_r",
        ),
        ("huang2023", "after_r: 1", r"mine\.yaml:\d+: simulation\.sizes\.after_r: 1; expected a correlation"),
        ("alcohol_mice", "slope_r: 0.5", "simulation.sizes are planted by the generators carmack2019"),
    ],
)
def test_sizes_that_a_generator_does_not_plant_are_refused(tmp_path: Path, design: str, sizes: str, words: str) -> None:
    text = design_text(design)
    stated = text.replace("\nsimulation:\n", f"\nsimulation:\n  sizes: {{ {sizes} }}\n")
    assert stated != text
    (tmp_path / "mine.yaml").write_text(stated, encoding="utf-8")
    with pytest.raises(StudyError, match=words):
        simulate_design(str(tmp_path / "mine.yaml"), tmp_path / "out", scale="tiny")


def test_the_mechanism_has_no_sizes_of_its_own(few_rats: Path, tmp_path: Path) -> None:
    text = few_rats.read_text(encoding="utf-8").replace(
        "generator: carmack2019", "generator: carmack2019, sizes: { slope_r: 0 }"
    )
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match="or the parameters of the mechanism"):
        simulate_design(str(tmp_path / "mine.yaml"), tmp_path / "out", scale="tiny", rats=RatChoices(model="mechanism"))


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="not an empty folder; choose another name"):
        simulate_design("carmack2019", tmp_path, scale="tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_half_way_leaves_nothing(few_rats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cuecircuit.generators.dataset.write_truth", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate_design(str(few_rats), tmp_path / "out", scale="tiny")
    assert not list(tmp_path.iterdir())
