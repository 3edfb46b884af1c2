"""What is in the voxels of maps: named, set aside or refused; and one command by two names."""

import json
import shutil
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit import cli
from cuecircuit.errors import DataError
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command, read_maps_table

SHAPE = (6, 6, 6)
MODEL = Model(subject="id", formula="group")


@pytest.fixture
def study(tmp_path):
    """Twelve people in two groups, every voxel of the mask measured."""
    rng = np.random.default_rng(3)
    nib.Nifti1Image(np.ones(SHAPE, np.uint8), np.eye(4)).to_filename(tmp_path / "mask.nii.gz")
    for person in range(12):
        put(tmp_path, person, rng.normal(size=SHAPE).astype(np.float32) + 0.5)
    names = [f"s{k:02d}" for k in range(12)]
    table = {"id": names, "group": ["a", "b"] * 6, "map": [f"{name}.nii.gz" for name in names]}
    pd.DataFrame(table).to_csv(tmp_path / "maps.tsv", sep="\t", index=False)
    return tmp_path


def put(folder, person: int, values) -> None:
    nib.Nifti1Image(np.broadcast_to(values, SHAPE).astype(np.asarray(values).dtype), np.eye(4)).to_filename(
        folder / f"s{person:02d}.nii.gz"
    )


def get(folder, person: int) -> np.ndarray:
    return nib.load(folder / f"s{person:02d}.nii.gz").get_fdata(dtype=np.float32)


def run(study, **options) -> dict:
    group_command(study / "maps.tsv", study / "out", study / "mask.nii.gz", model=MODEL, correction=None, **options)
    return json.loads((study / "out" / "settings.json").read_text())


@pytest.mark.parametrize(
    ("value", "why"),
    [(np.nan, "no finite value in the mask"), (0.0, "0 everywhere in the mask"), (5.0, "5 everywhere in the mask")],
)
def test_a_map_that_is_no_measurement_is_set_aside_by_name(study, capsys, value, why):
    put(study, 3, np.float32(value))
    settings = run(study)
    line = f"s03.nii.gz: left out, {why}"
    assert settings["left_out"] == [line]
    assert f"group: {line}" in capsys.readouterr().err
    assert (settings["n_maps"], settings["n_voxels_tested"]) == (11, 216)
    assert pd.read_csv(study / "out" / "terms.tsv", sep="\t")["df2"].tolist() == [9, 9]
    coverage = pd.read_csv(study / "out" / "coverage.tsv", sep="\t").set_index("map")
    assert coverage.loc["s03.nii.gz", "entered"] == f"left out, {why}"


@pytest.mark.parametrize("factor", [1e3, 1e30, 1e-4])
def test_a_map_in_another_unit_is_refused(study, factor):
    put(study, 5, (get(study, 5) * factor).astype(np.float32))
    with pytest.raises(DataError, match=r"s05.nii.gz: values of .* is it in another unit"):
        run(study)


def test_copies_are_named_and_zeros_are_told_or_taken_for_missing(study, capsys):
    shutil.copy(study / "s04.nii.gz", study / "s06.nii.gz")
    half = get(study, 9)
    half[:3] = 0
    put(study, 9, half)
    run(study)
    said = capsys.readouterr().err
    assert "s04.nii.gz and s06.nii.gz hold the same data" in said
    assert "s09.nii.gz: exactly 0 in 108 of 216 voxels of the mask" in said
    settings = run(study, zero_is_missing=True)
    assert settings["voxels"]["by_observations"] == {"12": 108, "11": 108}
    assert "108 of 216 voxels lack a map: s09.nii.gz (108)" in capsys.readouterr().err


@pytest.mark.parametrize("values", [np.complex64(1), np.zeros(1, [("R", "u1"), ("G", "u1"), ("B", "u1")])[0]])
def test_complex_numbers_and_colors_are_refused(study, values):
    put(study, 2, values)
    with pytest.raises(DataError, match="expected one real number in each voxel"):
        run(study)


COMMON = {
    "plain": [], "sided": ["--sided", "bi"], "fewest": ["--fewest", "5"], "block": ["--voxel-block", "64"],
    "contrast": ["--contrast", "a - b"], "levels": ["--levels", "group=b,a"], "zeros": ["--zero-is-missing"],
}  # fmt: skip


@pytest.mark.parametrize("options", COMMON.values(), ids=COMMON)
def test_the_two_commands_agree_on_every_common_option(study, monkeypatch, options):
    lacking = get(study, 7)
    lacking[:2] = np.nan
    put(study, 7, lacking)
    for name in ("group", "compare"):
        words = [name, study / "maps.tsv", study / name, "--mask", study / "mask.nii.gz", "--formula", "group"]
        words += ["--subject", "id", "--inference", "simulation", "--cluster-p", ".01", "--iterations", "200"]
        monkeypatch.setattr(sys, "argv", ["cuecircuit", *map(str, words), *options])
        with pytest.raises(SystemExit, match=r"^0$"):
            cli.main()
    files = sorted(path.name for path in (study / "group").iterdir())
    assert files == sorted(path.name for path in (study / "compare").iterdir())
    for name in files:
        assert (study / "group" / name).read_bytes() == (study / "compare" / name).read_bytes()


def test_maps_that_no_test_takes_are_listed_with_the_reason_and_the_number_of_their_row(study, capsys):
    table = pd.read_csv(study / "maps.tsv", sep="\t").assign(age=[str(20 + k) for k in range(12)])
    table["map"] = table["map"].where(table.index != 2)
    table.loc[7, "age"] = "n/a"
    table.to_csv(study / "maps.tsv", sep="\t", index=False, na_rep="n/a")
    group_command(
        study / "maps.tsv", study / "out", study / "mask.nii.gz", model=Model(formula="group + age"), correction=None
    )
    told = capsys.readouterr().err
    assert "group: line 4: left out, no map" in told
    assert "group: row 8: left out, no age" in told
    coverage = pd.read_csv(study / "out" / "coverage.tsv", sep="\t").set_index("map")["entered"]
    assert coverage[coverage != "yes"].to_dict() == {"s07.nii.gz": "left out, no age"}
    table.loc[9, "age"] = "22,0"
    table.to_csv(study / "maps.tsv", sep="\t", index=False, na_rep="n/a")
    with pytest.raises(DataError, match=r"row 10 \(line 11\): column 'age' has '22,0'"):
        group_command(
            study / "maps.tsv",
            study / "new",
            study / "mask.nii.gz",
            model=Model(formula="group + age"),
            correction=None,
        )


def test_tables_of_maps_may_have_commas_and_the_word_of_r_for_no_map(tmp_path, capsys):
    (tmp_path / "maps.csv").write_text("id,cue,map\n01,x,a.nii\n01,y,NA\n")
    rows = read_maps_table(tmp_path / "maps.csv", Model(subject="id", within=("cue",)))
    assert rows["id"].tolist() == ["01"]
    assert "group: line 3: left out, no map" in capsys.readouterr().err


def test_the_other_maps_of_a_subject_that_lacks_a_cell_are_listed(study):
    table = pd.read_csv(study / "maps.tsv", sep="\t")
    table = table.assign(id=[f"s{k // 2}" for k in range(12)], group=["a", "a", "b", "b"] * 3, cue=["x", "y"] * 6)
    table.drop(index=5).to_csv(study / "maps.tsv", sep="\t", index=False)
    model = Model(subject="id", between=("group",), within=("cue",))
    group_command(study / "maps.tsv", study / "out", study / "mask.nii.gz", model=model, correction=None)
    coverage = pd.read_csv(study / "out" / "coverage.tsv", sep="\t").set_index("map")["entered"]
    assert coverage[coverage != "yes"].to_dict() == {"s04.nii.gz": "left out, no row for y"}
    settings = json.loads((study / "out" / "settings.json").read_text())
    assert settings["left_out"] == ["s2: left out, no row for y"]
