"""`cuecircuit compare`: one map per subject to tests, files and corrections."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, DesignError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command
from cuecircuit.pipeline.map_tests.permuted import Permutation

SIZE = 10


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """24 people of two groups; a block of voxels differs between groups, in units of the noise 2."""
    folder = tmp_path_factory.mktemp("maps")
    rng = np.random.default_rng(8)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    rows = []
    for person in range(24):
        variance = rng.chisquare(4, (SIZE,) * 3) / 4
        data = rng.standard_normal((SIZE,) * 3) * np.sqrt(0.5 + variance)
        data[2:6, 2:6, 2:6] += 2.5 if person < 14 else 0.0
        for name, values in (("map", data), ("var", variance)):
            nib.Nifti1Image(values.astype("f4"), affine).to_filename(folder / f"{name}{person:02d}.nii.gz")
        group = "iHUD" if person < 14 else "HC"
        rows.append((f"p{person:02d}", group, rng.integers(0, 9), f"map{person:02d}.nii.gz", f"var{person:02d}.nii.gz"))
    pd.DataFrame(rows, columns=["person", "group", "craving", "map", "var"]).to_csv(
        folder / "maps.tsv", sep="\t", index=False
    )
    nib.Nifti1Image(np.ones((SIZE,) * 3, np.uint8), affine).to_filename(folder / "mask.nii.gz")
    return folder


def read(path):
    return nib.load(path).get_fdata()


@pytest.mark.parametrize("method", ["ols", "huber", "bisquare", "mixed-effects", "welch"])
def test_every_method_finds_the_block_where_groups_differ_and_little_else(maps, tmp_path, method):
    variance, order = "var" if method == "mixed-effects" else "", {"group": ("iHUD", "HC")}
    design = Model(formula="group", method=method, variance=variance, factors=order)
    correction = CorrectionSettings(voxel_p=0.001, alpha=0.05, iterations=300)
    group_command(maps / "maps.tsv", tmp_path / "out", maps / "mask.nii.gz", model=design, correction=correction)
    found = read(tmp_path / "out" / "contrast-group_stat-pfwe_statmap.nii.gz") <= 0.05
    block = np.zeros(found.shape, bool)
    block[2:6, 2:6, 2:6] = True
    assert found[block].mean() > 0.5
    assert found[~block].mean() < 0.02
    assert (read(tmp_path / "out" / "contrast-group_stat-t_statmap.nii.gz")[block] > 0).mean() > 0.95
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert settings["method"] == method
    assert settings["voxels"]["n_not_finite"] == 0


def test_permutation_corrects_terms_and_contrasts_of_an_interaction_with_a_covariate(maps, tmp_path):
    correction = Permutation(statistic="size", settings=PermutationSettings(n_permutations=100))
    group_command(
        maps / "maps.tsv",
        tmp_path / "out",
        maps / "mask.nii.gz",
        model=Model(
            subject="person",
            formula="group*center(craving)",
            contrasts=("iHUD - HC", "HC - iHUD", "iHUD - HC: craving"),
        ),
        correction=correction,
    )
    terms = pd.read_csv(tmp_path / "out" / "terms.tsv", sep="\t").set_index("term")
    contrasts = ["iHUD - HC", "HC - iHUD", "iHUD - HC: craving"]
    assert list(terms.index) == ["(Intercept)", "group", "center(craving)", "group:center(craving)", *contrasts]
    assert terms["significant_clusters"].notna().all()
    for group, slope in (("group", "group:center(craving)"), ("iHUD - HC", "iHUD - HC: craving")):
        assert terms.loc[group, "significant_clusters"] == 1
        assert terms.loc[slope, "significant_clusters"] == 0
    found = {
        name: read(tmp_path / "out" / f"contrast-{name}_stat-pfwe_statmap.nii.gz")
        for name in ("group", "iHUDMinusHC", "HCMinusiHUD")
    }
    assert (found["group"] == found["iHUDMinusHC"]).all()
    assert (found["group"] == found["HCMinusiHUD"]).all()
    assert (read(tmp_path / "out" / "contrast-HCMinusiHUD_stat-t_statmap.nii.gz")[3:5, 3:5, 3:5] < 0).mean() > 0.95


@pytest.mark.parametrize(
    ("options", "permute", "error", "said"),
    [
        ({"formula": "nobody"}, False, DataError, "no column 'nobody'"),
        ({"formula": "group", "method": "mixed-effects"}, False, DesignError, "no first-level variance"),
        ({"formula": "group", "variance": "var", "method": "ols"}, False, DesignError, "only mixed-effects uses"),
        ({"formula": "group", "variance": "sd"}, False, DataError, "column 'sd' is not in the table"),
        ({"formula": "group", "method": "huber"}, True, DataError, "permutation tests least squares"),
    ],
    ids=["column", "no variance", "unused variance", "variance column", "robust permutation"],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(maps, tmp_path, options, permute, error, said):
    correction = Permutation(statistic="size", settings=PermutationSettings(n_permutations=100)) if permute else None
    table, mask = maps / "maps.tsv", maps / "mask.nii.gz"
    with pytest.raises(error, match=said):
        group_command(table, tmp_path / "out", mask, model=Model(**options), correction=correction)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [("map00.nii.gz", "row 25 .line 26.: names the map of row 1 again"), ("copy.nii.gz", "person p00")],
)
def test_a_subject_with_two_maps_and_a_map_in_two_rows_are_refused(maps, tmp_path, name, said):
    table = pd.read_csv(maps / "maps.tsv", sep="\t").assign(map=lambda rows: [str(maps / name) for name in rows["map"]])
    again = table.iloc[:1].assign(map=str(maps / name))
    pd.concat([table, again]).to_csv(tmp_path / "maps.tsv", sep="\t", index=False)
    model = Model(formula="group", subject="person")
    with pytest.raises(DataError, match=said):
        group_command(tmp_path / "maps.tsv", tmp_path / "out", maps / "mask.nii.gz", model=model, correction=None)


def test_a_folder_with_other_files_is_never_replaced(maps):
    correction = CorrectionSettings(voxel_p=0.001, alpha=0.05, iterations=300)
    with pytest.raises(DataError, match="exists and is not an empty folder"):
        group_command(maps / "maps.tsv", maps, maps / "mask.nii.gz", model=Model(formula="1"), correction=correction)

    assert (maps / "map00.nii.gz").exists()
