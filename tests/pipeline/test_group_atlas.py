"""The stand-alone group test with an atlas and with corrections side by side."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.cli.app import app
from cuecircuit.errors import DataError

CUES = ("saline", "naloxone")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("maps"), np.random.default_rng(1)
    mask = np.zeros((10, 10, 6), np.uint8)
    mask[1:9, 1:9, 1:5] = 1
    atlas = np.zeros(mask.shape, np.int16)
    atlas[2:5, 2:6, 2:4], atlas[5:8, 2:6, 2:4] = 1, 2
    affine = np.diag([0.5, 1.0, 0.5, 1.0])
    nib.Nifti1Image(mask, affine).to_filename(folder / "mask.nii.gz")
    nib.Nifti1Image(atlas, affine).to_filename(folder / "atlas.nii.gz")
    nib.Nifti1Image(atlas, np.eye(4)).to_filename(folder / "elsewhere.nii.gz")
    (folder / "labels.tsv").write_text("index\tname\n1\tAmygdala\n2\tInsula\n")
    rows = []
    for rat in range(16):
        for cue in CUES:
            planted = 4.0 * (atlas == 1) * (rat < 8) * (cue == "naloxone")
            name = f"{rat}_{cue}.nii.gz"
            nib.Nifti1Image((planted + rng.normal(size=mask.shape)).astype("f4"), affine).to_filename(folder / name)
            rows.append((f"r{rat:02d}", "LgA" if rat < 8 else "ShA", cue, name))
    pd.DataFrame(rows, columns=["rat", "group", "cue", "map"]).to_csv(folder / "maps.tsv", sep="\t", index=False)
    return folder


def group(study: Path, out: Path, *words: str) -> None:
    base = ["group", str(study / "maps.tsv"), str(out), "--mask", str(study / "mask.nii.gz"), "--subject", "rat"]
    base += [
        "--between",
        "group",
        "--within",
        "cue",
        "--inference",
        "simulation",
        "--iterations",
        "400",
        "--cluster-p",
        "0.01",
        "--n-jobs",
        "1",
    ]
    app([*base, "--n-jobs", "1", *words], standalone_mode=False)


def test_an_atlas_names_the_regions_of_each_cluster(study, tmp_path):
    atlas = ("--atlas", str(study / "atlas.nii.gz"), "--labels", str(study / "labels.tsv"))
    group(study, tmp_path / "out", "--compare", "group:cue", "--n-permutations", "400", *atlas)

    clusters = pd.read_csv(tmp_path / "out" / "clusters.tsv", sep="\t").set_index(["term", "cluster"])
    largest = clusters.loc["group:cue", 1]
    assert largest["regions"].startswith("Amygdala 24 (100 %)")
    # sides of a voxel: 0.5, 1 and 0.5 mm
    assert largest["mm3"] == pytest.approx(0.25 * largest["voxels"])
    # the middle of the planted block, within half a voxel
    assert largest[["center_x", "center_y", "center_z"]].to_numpy(float) == pytest.approx([1.5, 3.5, 1.25], abs=0.5)
    regions = pd.read_csv(tmp_path / "out" / "cluster_regions.tsv", sep="\t", na_values="n/a")
    first = regions[(regions["term"] == "group:cue") & (regions["cluster"] == 1)].iloc[0]
    assert first[["region", "voxels", "percent_of_region"]].tolist() == ["Amygdala", 24, 100]
    corrections = pd.read_csv(tmp_path / "out" / "corrections.tsv", sep="\t", na_values="n/a")
    assert corrections["method"].nunique() == 6
    assert set(corrections.loc[corrections["cluster"] == 1, "survives"]) == {"yes"}


def test_an_atlas_on_another_grid_is_refused(study, tmp_path):
    atlas = ("--atlas", str(study / "elsewhere.nii.gz"), "--labels", str(study / "labels.tsv"))
    with pytest.raises(DataError, match="resample one to the other"):
        group(study, tmp_path / "out", *atlas)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [("--atlas", "a.nii.gz"), ("--labels", "l.tsv"), ("--compare", "cue", "--sided", "1")],
    ids=["no labels", "no atlas", "one-sided"],
)
def test_options_that_need_one_another_say_so(study, tmp_path, words):
    import typer

    with pytest.raises(typer.BadParameter):
        group(study, tmp_path / "out", *words)
