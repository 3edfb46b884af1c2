import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from cuecircuit.errors import DataError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command
from cuecircuit.pipeline.smoothness import smoothness_table


def test_the_smoothness_of_a_file_is_that_of_3dfwhmx(reference):
    table = smoothness_table(reference / "fwhmx/resid_4d.nii.gz", reference / "clustsim/w1_mask.nii.gz")

    classic, mixed = np.loadtxt(reference / "fwhmx/stdout.txt")
    columns = ["fwhm_x_mm", "fwhm_y_mm", "fwhm_z_mm", "fwhm_classic_mm"]
    np.testing.assert_allclose(table[columns].to_numpy()[0], classic, rtol=2e-6)  # printed to 6 digits
    # c hardly matters where a is at its bound; its FWHM is interpolated between distances (tests of the model)
    np.testing.assert_allclose(table[["a", "b_mm", "c_mm"]].to_numpy()[0], mixed[:3], rtol=0.02)
    assert table["fwhm_mm"][0] == pytest.approx(mixed[3], rel=0.01)
    assert table["volumes"][0] == 84
    assert table["voxels"][0] == 19_992


def test_residuals_on_another_grid_than_the_mask_are_refused(tmp_path):
    for name, shape in (("residuals.nii.gz", (6, 6, 6, 3)), ("mask.nii.gz", (5, 6, 6))):
        nib.save(nib.Nifti1Image(np.ones(shape, np.float32), np.eye(4)), tmp_path / name)

    with pytest.raises(DataError, match="grid"):
        smoothness_table(tmp_path / "residuals.nii.gz", tmp_path / "mask.nii.gz")


@pytest.mark.parametrize("moved", [0.0, 3.0])
def test_group_says_in_which_stratum_noise_is_not_of_one_smoothness(tmp_path, capsys, moved):
    shape, rng, rows = (12, 12, 10), np.random.default_rng(4), []
    for rat in range(16):
        shared = gaussian_filter(rng.standard_normal(shape), 1)
        shared[2:7, 2:7, 2:7] += moved * rng.standard_normal()  # stable between cues: in the stratum of rats alone
        for cue in ("saline", "naloxone"):
            data = shared + gaussian_filter(rng.standard_normal(shape), 1)
            nib.Nifti1Image(data.astype("f4"), np.eye(4)).to_filename(tmp_path / f"{rat}{cue}.nii")
            rows.append({"rat": f"r{rat}", "cue": cue, "map": f"{rat}{cue}.nii"})
    pd.DataFrame(rows).to_csv(tmp_path / "maps.tsv", sep="\t", index=False)
    nib.Nifti1Image(np.ones(shape, np.uint8), np.eye(4)).to_filename(tmp_path / "mask.nii")
    group_command(
        tmp_path / "maps.tsv",
        tmp_path / "out",
        tmp_path / "mask.nii",
        model=Model(subject="rat", within=("cue",)),
        correction=CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=200),
    )

    found = pd.read_csv(tmp_path / "out" / "smoothness.tsv", sep="\t").set_index("stratum")["unevenness"]
    lines = [line for line in capsys.readouterr().err.splitlines() if "smoother in some places" in line]
    assert found["rat:cue"] < 0.15
    if moved:
        assert found["rat"] > 0.4
        assert f"rat ({found['rat']:.2f});" in lines[0]
        assert "rat:cue" not in lines[0]
    else:
        assert found["rat"] < 0.15
        assert not lines
