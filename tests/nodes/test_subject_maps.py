"""Raw scans with events to tables of maps: kinds, runs, sessions, missing cells, names of files, what is done again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import CuecircuitError, DataError, StudyError
from cuecircuit.imaging.first_level import design_matrix
from cuecircuit.io.nifti import read_volume
from cuecircuit.nodes.run import run_study
from cuecircuit.study.accounting import Accounting
from cuecircuit.study.reading import parse_study
from tests.nodes.tiny_scans import (
    BLOCKS,
    DURATION_S,
    GLM,
    MASK,
    ONSETS,
    PICTURES,
    SEEDS,
    TR_S,
    VOLUMES,
    Scan,
    scan_data,
    write_physio,
    write_scans,
    write_study,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("subject_maps")]

ATLAS = {"mask": "mask.nii.gz", "origin": "the scanner", "atlas": "atlas.nii.gz", "labels": "atlas.tsv"}
THREE = tuple(Scan(subject=f"0{number}") for number in (1, 2, 3))
MEAN = {"formula": "1", "method": "ols", "tests": ["(Intercept)"]}
DESIGN = MEAN | {"of": "contrasts.task", "each": "contrast"}
ONLY_MAPS = ("subjects", "trials", "maps")


def read(out: Path, table: str) -> pd.DataFrame:
    labels = dict.fromkeys(("subject", "session", "run"), str)
    path = out / "tables" / f"{table}.tsv"
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False, dtype=labels)


def voxels(out: Path, row: pd.Series, column: str = "map") -> np.ndarray:
    return read_volume(out / row[column])[0][MASK]


def least_squares(data: np.ndarray, events: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Effect and variance of each column of the model of a scan, percent of the mean."""
    x = design_matrix(events, n_volumes=VOLUMES, tr_s=TR_S, hrf="glover", drift_period_s=None)
    y = data[MASK].T.astype(float)
    y = 100 * (y / y.mean(axis=0) - 1)
    beta, squares, *_ = np.linalg.lstsq(x.to_numpy(), y, rcond=None)
    inverse = np.linalg.inv(x.to_numpy().T @ x.to_numpy())
    sigma = squares / (VOLUMES - x.shape[1])
    return {name: (beta[k], inverse[k, k] * sigma) for k, name in enumerate(x)}


def modeled(pictures: tuple[str, ...] = PICTURES) -> pd.DataFrame:
    own = pd.DataFrame({"onset": ONSETS[: len(pictures)], "duration": DURATION_S, "trial_type": list(pictures)})
    return pd.concat([own, pd.DataFrame({"onset": [30.0], "duration": [1.0], "trial_type": ["press"]})])


def assert_promised_keys(out: Path) -> None:
    """Tables of maps have the keys that the study file promises, and files for every row."""
    study = parse_study((out / "study.yaml").read_text())
    for name, plan in Accounting(study).tables.items():
        if name.startswith(("maps.", "contrasts.")):
            rows = read(out, name)
            assert list(rows)[: len(plan.keys)] == list(plan.keys)
            assert not rows.duplicated(list(plan.keys)).any()
            for column in ("map", "variance"):
                assert all((out / path).is_file() for path in rows[column])
                assert rows[column].is_unique


@pytest.fixture(scope="module")
def three_kinds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three subjects, all kinds of maps at once."""
    data = tmp_path_factory.mktemp("kinds")
    write_scans(data, THREE)
    study = write_study(
        data,
        space=ATLAS,
        trials={"cells": "picture", "others": ["press"], "measures": ["rating"]},
        maps={
            "task": GLM | {"modulators": "rating"},
            "part_b": BLOCKS | {"unsmoothed": True, "smoothing_fwhm_mm": 4, "carry": "rating"},
            "rest": SEEDS,
        },
        questions={
            "glm": {"of": "maps.task", "within": "picture"},
            "slopes": DESIGN,
            "one": MEAN | {"of": "contrasts.task", "where": {"contrast": "drug.rating"}},
            "blocks": {"of": "maps.part_b", "within": "picture"},
            "seed": MEAN | {"of": "maps.rest", "where": {"seed": "dorsal part"}},
        },
    )
    out = data / "results"
    run_study(study, out)
    return data, out


def test_tables_have_the_keys_that_the_study_promises(three_kinds: tuple[Path, Path]):
    _, out = three_kinds
    assert_promised_keys(out)
    maps, contrasts = read(out, "maps.task"), read(out, "contrasts.task")
    assert list(zip(maps["subject"], maps["picture"], strict=True)) == [
        (subject, picture) for subject in ("01", "02", "03") for picture in ("neutral", "drug")
    ]
    assert list(contrasts["contrast"][:3]) == ["drug_neutral", "neutral.rating", "drug.rating"]
    assert set(maps["n_trials"]) == {3}
    assert set(maps["n_runs"]) == {1}
    assert list(read(out, "maps.rest")["seed"]) == ["dorsal part"] * 3
    assert list(read(out, "maps.part_b")["rating"][:2]) == pytest.approx([7 / 3, 14 / 3])


def test_no_two_sets_write_the_same_file(three_kinds: tuple[Path, Path]):
    _, out = three_kinds
    tables = [read(out, name) for name in ("maps.task", "contrasts.task", "maps.part_b", "maps.rest")]
    paths = [path for table in tables for column in ("map", "variance") for path in table[column]]
    paths += list(tables[2]["map_unsmoothed"])
    assert len(paths) == len(set(paths))
    assert {path.name for path in (out / "sub-01/func").glob("*.tsv")} == {
        f"sub-01_task-cue_desc-{name}.tsv"
        for name in (
            *(f"{one}_{table}" for one in ("task", "partb", "rest") for table in ("maps", "quality")),
            "partb_timecourse",
        )
    }


def test_maps_of_the_model_are_least_squares(three_kinds: tuple[Path, Path]):
    _, out = three_kinds
    rating = np.array([2.0, 3, 1, 5, 4, 6])
    own = modeled().assign(modulation=1.0)
    centered = rating - np.where(np.arange(6) % 2, 14 / 3, 7 / 3)
    slopes = own[:6].assign(modulation=centered, trial_type=[f"{name}__rating" for name in PICTURES])
    maps, contrasts = read(out, "maps.task"), read(out, "contrasts.task")
    labels = [*maps["picture"], *contrasts["contrast"].str.replace(".", "__")]
    rows = pd.concat([maps, contrasts]).assign(label=labels)
    for number in (1, 2, 3):
        expected = least_squares(scan_data(number), pd.concat([own, slopes]))
        for _, row in rows[rows["subject"] == f"0{number}"].iterrows():
            if row["label"] == "drug_neutral":
                effect = expected["drug"][0] - expected["neutral"][0]
            else:
                effect, variance = expected[row["label"]]
                np.testing.assert_allclose(voxels(out, row, "variance"), variance, rtol=1e-5)
            np.testing.assert_allclose(voxels(out, row), effect, rtol=1e-4, atol=1e-5)  # maps are float32


def test_maps_of_blocks_are_means_of_percent_change(three_kinds: tuple[Path, Path]):
    _, out = three_kinds
    for _, row in read(out, "maps.part_b").iterrows():
        y = scan_data(int(row["subject"]))[MASK].astype(float)
        starts = [round(onset / TR_S) for onset, name in zip(ONSETS, PICTURES, strict=True) if name == row["picture"]]
        percent = [100 * (y[:, at + 2 : at + 6].mean(axis=1) / y[:, at - 4 : at].mean(axis=1) - 1) for at in starts]
        np.testing.assert_allclose(voxels(out, row, "map_unsmoothed"), np.mean(percent, axis=0), rtol=1e-4, atol=1e-5)
        assert voxels(out, row).std() < 0.8 * voxels(out, row, "map_unsmoothed").std()


def test_questions_on_every_kind_are_answered(three_kinds: tuple[Path, Path]):
    _, out = three_kinds
    for place in ("glm", "slopes/drugneutral", "slopes/drugrating", "one", "blocks", "seed"):
        assert list((out / "questions" / place).glob("*statmap.nii.gz")), place


def test_a_second_run_does_nothing(three_kinds: tuple[Path, Path], capsys: pytest.CaptureFixture[str]):
    data, out = three_kinds
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}
    capsys.readouterr()
    run_study(data / "study.yaml", out)
    lines = [line for line in capsys.readouterr().err.splitlines() if line != "check" and not line.startswith("scans:")]
    assert lines
    assert all(line.endswith("up to date") for line in lines), lines
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")} == before


def test_two_processes_write_the_same_bytes(tmp_path: Path):
    write_scans(tmp_path, THREE)
    study = write_study(tmp_path)
    for n_jobs in (1, 2):
        run_study(study, tmp_path / f"jobs{n_jobs}", stages=ONLY_MAPS, n_jobs=n_jobs)
    made = [path for path in (tmp_path / "jobs1").rglob("*") if path.suffix in (".gz", ".tsv")]
    assert len(made) > 20
    for path in made:
        assert path.read_bytes() == (tmp_path / "jobs2" / path.relative_to(tmp_path / "jobs1")).read_bytes(), path


def test_a_set_that_is_added_gets_the_first_a_name_of_its_own(tmp_path: Path):
    write_scans(tmp_path, THREE)
    out = tmp_path / "results"
    run_study(write_study(tmp_path), out)
    assert_promised_keys(out)
    two = {"maps": {"task": GLM, "response": BLOCKS}}
    questions = {name: {"of": f"maps.{name}", "within": "picture"} for name in two["maps"]}
    run_study(write_study(tmp_path, **two, questions=questions), out)
    assert_promised_keys(out)
    assert "desc-task" in read(out, "maps.task")["map"][0]
    run_study(write_study(tmp_path), out)
    assert_promised_keys(out)


def runs_of_two(seed: int = 0) -> list[Scan]:
    return [Scan(subject=f"0{one}", run=run, seed=seed + 10 * one + run) for one in (1, 2, 3) for run in (1, 2)]


def test_runs_are_combined_by_precision(tmp_path: Path):
    write_scans(tmp_path, runs_of_two())
    study = write_study(tmp_path, scans={"task": "cue", "tr_s": TR_S, "runs": "combine"})
    run_study(study, tmp_path / "results", stages=ONLY_MAPS)
    rows = read(tmp_path / "results", "maps.task")
    assert_promised_keys(tmp_path / "results")
    assert set(rows["n_runs"]) == {2}
    assert set(rows["n_trials"]) == {6}
    for _, row in rows.iterrows():
        fits = [least_squares(scan_data(10 * int(row["subject"]) + run), modeled())[row["picture"]] for run in (1, 2)]
        weight = [1 / variance for _, variance in fits]
        effect = sum(w * e for w, (e, _) in zip(weight, fits, strict=True)) / sum(weight)
        np.testing.assert_allclose(voxels(tmp_path / "results", row), effect, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(voxels(tmp_path / "results", row, "variance"), 1 / sum(weight), rtol=1e-5)


def test_runs_as_a_key_are_maps_of_their_own(tmp_path: Path):
    write_scans(tmp_path, runs_of_two())
    study = write_study(
        tmp_path,
        scans={"task": "cue", "tr_s": TR_S, "runs": "key"},
        factors={"picture": ["neutral", "drug"], "run": ["1", "2"]},
        questions={"cue": {"of": "maps.task", "within": ["picture", "run"]}},
    )
    run_study(study, tmp_path / "results")
    rows = read(tmp_path / "results", "maps.task")
    assert_promised_keys(tmp_path / "results")
    assert list(rows["run"][:4]) == ["1", "1", "2", "2"]
    for _, row in rows.iterrows():
        fit = least_squares(scan_data(10 * int(row["subject"]) + int(row["run"])), modeled())
        np.testing.assert_allclose(voxels(tmp_path / "results", row), fit[row["picture"]][0], rtol=1e-4, atol=1e-5)


def test_several_runs_that_nothing_accounts_for_are_refused(tmp_path: Path):
    write_scans(tmp_path, runs_of_two())
    with pytest.raises(StudyError, match=r"set scans\.runs to combine"):
        run_study(write_study(tmp_path), tmp_path / "results")


def test_sessions_are_kept_apart_and_follow_their_label(tmp_path: Path):
    """Scans whose sessions are swapped give maps whose sessions are swapped."""
    sections = {
        "factors": {"picture": ["neutral", "drug"], "session": ["early", "late"]},
        "questions": {"cue": {"of": "maps.task", "within": ["picture", "session"]}},
        "scans": {"task": "cue", "tr_s": TR_S, "runs": "combine"},
    }
    found = []
    for place, sessions in (("one", ("early", "late")), ("two", ("late", "early"))):
        scans = [
            Scan(subject=f"0{one}", session=session, run=run, seed=100 * one + 10 * number + run)
            for one in (1, 2, 3)
            for number, session in enumerate(sessions)
            for run in (1, 2)
        ]
        write_scans(tmp_path / place, scans)
        out = tmp_path / place / "results"
        run_study(write_study(tmp_path / place, **sections), out, stages=("visits", *ONLY_MAPS))
        assert_promised_keys(out)
        found.append((out, read(out, "maps.task").set_index(["subject", "session", "picture"])))
    (out, rows), (other_out, others) = found
    assert len(rows) == 12
    other = {"early": "late", "late": "early"}
    for (subject, session, picture), row in rows.iterrows():
        swapped = others.loc[(subject, other[session], picture)]
        for column in ("map", "variance"):
            np.testing.assert_array_equal(voxels(out, row, column), voxels(other_out, swapped, column))
    early, late = rows.loc[("01", "early", "drug")], rows.loc[("01", "late", "drug")]
    assert not np.allclose(voxels(out, early), voxels(out, late))


def test_who_lacks_a_cell_is_named_and_left_out_of_what_needs_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    scans = [*THREE, Scan(subject="04", pictures=("drug",) * 4)]
    write_scans(tmp_path, scans)
    out = tmp_path / "results"
    run_study(write_study(tmp_path, questions={"cue": {"of": "maps.task", "within": "picture"}, "slopes": DESIGN}), out)
    said = capsys.readouterr().err
    assert "maps.task: 04 has no map of neutral" in said
    assert "contrasts.task: 04 has no map of drug_neutral" in said
    rows = read(out, "maps.task")
    assert list(rows.loc[rows["subject"] == "04", "picture"]) == ["drug"]
    assert "04" not in set(read(out, "contrasts.task")["subject"])


def test_a_run_without_a_cell_does_not_cost_the_subject_its_contrast(tmp_path: Path):
    lacking = [
        Scan(subject="01", run=3, seed=77, pictures=("drug",) * 3),
        Scan(subject="02", run=3, seed=78, pictures=()),
    ]
    write_scans(tmp_path, [*runs_of_two(), *lacking])
    study = write_study(tmp_path, scans={"task": "cue", "tr_s": TR_S, "runs": "combine"}, questions={"one": DESIGN})
    run_study(study, tmp_path / "results", stages=ONLY_MAPS)
    rows = read(tmp_path / "results", "maps.task").set_index(["subject", "picture"])
    assert rows.loc[("01", "drug"), "n_runs"] == 3
    assert rows.loc[("01", "drug"), "n_trials"] == 9
    assert rows.loc[("01", "neutral"), "n_runs"] == 2
    contrasts = read(tmp_path / "results", "contrasts.task").set_index("subject")
    assert contrasts.loc["01", "n_runs"] == 2
    assert contrasts.loc["01", "n_trials"] == 12
    assert contrasts.loc["02", "n_runs"] == 2


def test_nobody_with_a_contrast_leaves_its_table_empty(tmp_path: Path):
    write_scans(tmp_path, [Scan(subject=f"0{one}", pictures=("drug",) * 4) for one in (1, 2, 3)])
    question = MEAN | {"of": "maps.task", "where": {"picture": "drug"}}
    run_study(write_study(tmp_path, questions={"drug": question}), tmp_path / "results")
    assert list(read(tmp_path / "results", "maps.task")["picture"]) == ["drug"] * 3
    assert read(tmp_path / "results", "contrasts.task").empty


def test_breathing_is_removed_and_measured(tmp_path: Path):
    write_scans(tmp_path, THREE)
    for scan, rate in zip(THREE, (12.0, 15.0, 18.0), strict=True):
        write_physio(tmp_path, scan, breaths_per_min=rate)
    study = write_study(
        tmp_path,
        trials={"cells": "picture", "others": ["press"], "breathing": "breaths"},
        nuisance={"breathing": "both"},
        maps={"task": GLM, "response": BLOCKS | {"carry": "breaths"}},
        questions={name: {"of": f"maps.{name}", "within": "picture"} for name in ("task", "response")},
    )
    run_study(study, tmp_path / "results", stages=ONLY_MAPS)
    rows = read(tmp_path / "results", "maps.response")
    assert rows["breaths"].to_numpy() == pytest.approx(np.repeat([12.0, 15.0, 18.0], 2), rel=0.03)
    quality = pd.read_csv(tmp_path / "results/sub-01/func/sub-01_task-cue_desc-task_quality.tsv", sep="\t")
    plain = tmp_path / "plain"
    write_scans(plain, THREE)
    run_study(write_study(plain), plain / "results", stages=ONLY_MAPS)
    assert quality["regressors"][0] > 0
    assert not np.allclose(
        voxels(tmp_path / "results", read(tmp_path / "results", "maps.task").iloc[0]),
        voxels(plain / "results", read(plain / "results", "maps.task").iloc[0]),
    )


def spoiled(seed: int) -> np.ndarray:
    """A scan with a volume that is no image."""
    data = scan_data(seed)
    data[..., 30] = 40_000
    return data


def test_a_scan_at_fault_stops_is_accepted_or_is_set_aside(tmp_path: Path):
    scans = [*runs_of_two(), Scan(subject="01", run=3, data=spoiled(50))]
    write_scans(tmp_path, scans)
    combine = {"task": "cue", "tr_s": TR_S, "runs": "combine"}
    with pytest.raises(DataError, match=r"scans.accept: \{sub-01 run-3 spike: reason\}"):
        run_study(write_study(tmp_path, scans=combine), tmp_path / "stop")
    run_study(
        write_study(tmp_path, scans=combine | {"accept": {"sub-01 run-3 spike": "a test"}}), tmp_path / "accepted"
    )
    run_study(write_study(tmp_path, scans=combine | {"on_fault": "exclude"}), tmp_path / "aside")
    runs = [read(tmp_path / place, "maps.task")["n_runs"].iloc[0] for place in ("accepted", "aside")]
    assert runs == [3, 2]
    inputs = pd.read_csv(tmp_path / "aside" / "inputs.tsv", sep="\t")
    assert "no image of the same brain" in inputs.loc[inputs["used"] == "no", "reason"].item()


def test_a_scan_that_is_there_twice_is_refused(tmp_path: Path):
    write_scans(tmp_path, [*THREE[:2], Scan(subject="03", seed=1)])
    with pytest.raises(DataError, match="sub-03 holds the same values as sub-01"):
        run_study(write_study(tmp_path), tmp_path / "results")


def test_trial_types_are_in_the_column_that_the_study_names(tmp_path: Path):
    write_scans(tmp_path / "named", THREE, column="stimulus")
    write_scans(tmp_path / "usual", THREE)
    trials = {"cells": "picture", "others": ["press"], "column": "stimulus"}
    run_study(write_study(tmp_path / "named", trials=trials), tmp_path / "a", stages=ONLY_MAPS)
    run_study(write_study(tmp_path / "usual"), tmp_path / "b", stages=ONLY_MAPS)
    named, usual = (read(tmp_path / place, "maps.task")["map"] for place in "ab")
    for one, other in zip(named, usual, strict=True):
        assert (tmp_path / "a" / one).read_bytes() == (tmp_path / "b" / other).read_bytes()
    with pytest.raises(CuecircuitError, match="stimulus"):
        run_study(write_study(tmp_path / "usual", trials=trials), tmp_path / "c")
