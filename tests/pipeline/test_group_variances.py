"""Groups that differ in variance are named where they are permuted, and recorded in settings.json."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, DesignError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command
from cuecircuit.pipeline.map_tests.corrections import Comparison
from cuecircuit.pipeline.map_tests.permuted import Permutation

SHAPE = (8, 8, 6)
PERMUTATION = Permutation(statistic="voxel", settings=PermutationSettings(n_permutations=60, voxel_p=0.01))
SIMULATION = CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=200)
STRATA = Model(subject="rat", between=("access",), within=("cue",))


def maps_of(folder, sd, cues):
    """Five rats of long access with `sd` times the noise of the twelve others."""
    rng = np.random.default_rng(6)
    rows = []
    for rat in range(17):
        shared = rng.normal(size=SHAPE)
        for cue in cues:
            data = (shared + rng.normal(size=SHAPE)) * (sd if rat < 5 else 1.0)
            name = f"{rat}{cue}.nii.gz"
            nib.Nifti1Image(data.astype("f4"), np.eye(4)).to_filename(folder / name)
            rows.append({"rat": f"r{rat}", "access": "LgA" if rat < 5 else "ShA", "cue": cue, "map": name})
    pd.DataFrame(rows).to_csv(folder / "maps.tsv", sep="\t", index=False)
    inside = np.zeros(SHAPE, np.uint8)
    inside[1:7, 1:7, 1:5] = 1
    nib.Nifti1Image(inside, np.eye(4)).to_filename(folder / "mask.nii.gz")
    return folder / "maps.tsv", folder / "out", folder / "mask.nii.gz"


def recorded(folder):
    return json.loads((folder / "settings.json").read_text())["group_variances"]


@pytest.mark.parametrize(
    ("design", "strata"),
    [
        (STRATA, ["rat", "rat:cue"]),
        (Model(subject="rat", formula="access*cue + (1|rat)"), ["residual"]),
    ],
    ids=["strata", "mixed"],
)
def test_groups_that_differ_in_variance_are_named_with_the_error_that_follows(tmp_path, capsys, design, strata):
    group_command(*maps_of(tmp_path, 2.5, ("sal", "nal")), model=design, correction=PERMUTATION)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    for words in ("LgA (n = 5", "ShA (n = 12", "in 85 %", "groups of 5 and 12"):
        assert words in line
    found = recorded(tmp_path / "out")
    assert list(found) == strata
    for each in found.values():
        assert each["groups"] == {"LgA": 5, "ShA": 12}
        assert each["sd_ratio"] == pytest.approx(2.5, rel=0.2)
        assert each["p"] <= 0.01
        assert each["verdict"] == "variances differ"


def test_one_map_per_subject_is_judged_alike(tmp_path, capsys):
    paths = maps_of(tmp_path, 1 / 2.5, ("sal",))
    group_command(*paths, model=Model(subject="rat", formula="access"), correction=PERMUTATION)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert line.startswith("group: warning")
    assert "in 0 %" in line
    assert "loses power" in line
    assert recorded(tmp_path / "out")["residual"]["sd_ratio"] == pytest.approx(2.5, rel=0.2)


def test_groups_of_one_variance_are_recorded_without_a_warning(tmp_path, capsys):
    group_command(*maps_of(tmp_path, 1.0, ("sal", "nal")), model=STRATA, correction=PERMUTATION)
    assert "warning" not in capsys.readouterr().err
    for each in recorded(tmp_path / "out").values():
        assert each["verdict"] == "no sign that variances differ"
        assert each["p"] > 0.2


def test_corrections_side_by_side_are_guarded_and_simulation_alone_needs_no_guard(tmp_path, capsys):
    paths = maps_of(tmp_path, 2.5, ("sal", "nal"))
    group_command(*paths, model=STRATA, correction=SIMULATION)
    assert "warning" not in capsys.readouterr().err
    assert "group_variances" not in json.loads((tmp_path / "out" / "settings.json").read_text())
    comparison = Comparison(
        term="access:cue",
        methods=("permutation voxel",),
        simulation=SIMULATION,
        permutation=PERMUTATION.settings,
    )
    group_command(*paths, model=STRATA, correction=SIMULATION, comparison=comparison)
    assert "LgA (n = 5" in capsys.readouterr().err
    assert recorded(tmp_path / "out")


def corrected_p(out):
    return nib.load(out / "contrast-access_stat-pfwe_statmap.nii.gz").get_fdata()


@pytest.mark.parametrize("variance", ["groups", "auto"])
def test_subjects_are_rotated_where_groups_differ_and_the_map_that_was_rotated_is_kept(tmp_path, capsys, variance):
    paths = maps_of(tmp_path, 2.5, ("sal", "nal"))
    settings = replace(PERMUTATION.settings, variance=variance)
    group_command(*paths, model=STRATA, correction=replace(PERMUTATION, settings=settings))
    errors = capsys.readouterr().err
    assert "warning" not in errors
    assert "rotated within groups (rat, rat:cue)" in errors
    written = json.loads((tmp_path / "out" / "settings.json").read_text())["correction"]
    assert written["variance"] == variance
    assert {each["exchanged"] for each in written["permuted"]} == {"rotations"}
    assert (tmp_path / "out" / "contrast-access_stat-permutedT_statmap.nii.gz").exists()
    assert corrected_p(tmp_path / "out").min() > 0.05


def test_blocks_of_voxels_and_workers_change_no_rotation(tmp_path):
    paths = maps_of(tmp_path, 2.5, ("sal", "nal"))
    correction = replace(PERMUTATION, settings=replace(PERMUTATION.settings, variance="groups"))
    found = []
    for block, n_jobs in ((1024, 1), (50, 2)):
        group_command(*paths, model=replace(STRATA, block=block), correction=correction, n_jobs=n_jobs)
        found.append(corrected_p(tmp_path / "out"))
    np.testing.assert_array_equal(*found)


def test_welchs_model_is_rotated_and_robust_fits_are_refused(tmp_path):
    paths = maps_of(tmp_path, 2.5, ("sal",))
    group_command(*paths, model=Model(formula="access", method="welch"), correction=PERMUTATION)
    written = json.loads((tmp_path / "out" / "settings.json").read_text())["correction"]
    assert written["variance"] == "groups"
    assert {each["exchanged"] for each in written["permuted"]} == {"rotations"}
    with pytest.raises(DataError, match=r"permutation tests least squares \(ols, welch\), found method huber"):
        group_command(*paths, model=Model(formula="access", method="huber"), correction=PERMUTATION)


def test_a_mixed_model_is_not_rotated_and_says_what_is(tmp_path):
    design = Model(subject="rat", formula="access*cue + (1|rat)")
    correction = replace(PERMUTATION, settings=replace(PERMUTATION.settings, variance="groups"))
    with pytest.raises(DesignError, match="cannot be rotated within groups of unequal variance; use the error-strata"):
        group_command(*maps_of(tmp_path, 2.5, ("sal", "nal")), model=design, correction=correction)


def test_variances_are_taken_as_equal_where_one_says_so(tmp_path, capsys):
    group_command(*maps_of(tmp_path, 2.5, ("sal", "nal")), model=STRATA, correction=PERMUTATION)
    assert "--variance groups" in capsys.readouterr().err
    written = json.loads((tmp_path / "out" / "settings.json").read_text())["correction"]
    assert "rotations" not in {each["exchanged"] for each in written["permuted"]}
