"""Group tests of maps written to disk: covariates by voxel, missing maps, contrasts, blocks of voxels."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, DesignError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.evidence import EvidenceSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command
from cuecircuit.pipeline.map_tests.permuted import Permutation
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_covariate import ResponseCovariate
from cuecircuit.stats.strata_design import MixedDesign

SHAPE = (10, 10, 6)
STRATA = Model(subject="rat", between=("access",), within=("cue",))
MIXED = Model(subject="rat", formula="access*cue + (1|rat)")
SIMULATION = CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=500)


def volume(folder: Path, name: str) -> np.ndarray:
    return nib.load(folder / f"contrast-{name}_statmap.nii.gz").get_fdata()


@pytest.fixture
def study(tmp_path) -> Path:
    """Ten rats, two cues; perfusion differs between cues in a block of voxels, and the maps follow it alone."""
    rng = np.random.default_rng(4)
    inside = np.zeros(SHAPE, np.uint8)
    inside[1:9, 1:9, 1:5] = 1
    nib.Nifti1Image(inside, np.eye(4)).to_filename(tmp_path / "mask.nii.gz")
    perfusion = rng.normal(size=(*SHAPE, 20)).astype(np.float32)
    perfusion[3:7, 3:7, 2:4, 10:] += 3
    maps = perfusion * 1.5 + rng.normal(size=perfusion.shape).astype(np.float32)
    for name, data in (("map", maps), ("perfusion", perfusion)):
        nib.Nifti1Image(data, np.eye(4)).to_filename(tmp_path / f"{name}.nii.gz")
    rows = [
        {"rat": f"r{s}", "access": "ShA" if s < 5 else "LgA", "cue": cue}
        | {name: f"{name}.nii.gz#{10 * c + s}" for name in ("map", "perfusion")}
        for c, cue in enumerate(("sal", "nal"))
        for s in range(10)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "maps.tsv", sep="\t", index=False)
    return tmp_path


def lacking(study: Path) -> None:
    """One rat has no value in a slab of the mask, four of its group have none at one voxel."""
    image = nib.load(study / "map.nii.gz")
    data = image.get_fdata(dtype=np.float32)
    data[1, :, :, 2] = np.nan
    data[8, 8, 4, 5:9] = np.nan
    nib.Nifti1Image(data, image.affine).to_filename(study / "map.nii.gz")


def test_a_covariate_by_voxel_explains_what_it_made(study):
    maps, mask = study / "maps.tsv", study / "mask.nii.gz"
    group_command(maps, study / "without", mask, model=STRATA, correction=SIMULATION)
    design = replace(STRATA, covariate="perfusion")
    group_command(maps, study / "with", mask, model=design, correction=SIMULATION)
    planted = np.zeros(SHAPE, bool)
    planted[3:7, 3:7, 2:4] = True
    assert (volume(study / "without", "cue_stat-pfwe")[planted] <= 0.05).mean() > 0.8
    assert (volume(study / "with", "cue_stat-pfwe") <= 0.05).sum() == 0
    terms = pd.read_csv(study / "with" / "terms.tsv", sep="\t").set_index(["term", "stratum"])
    assert terms.loc[("cue", "rat:cue"), "df2"] == 7
    assert terms.loc[("perfusion", "rat:cue"), "significant_voxels"] > 100
    # the numbers are those of the array function
    data = {name: nib.load(study / f"{name}.nii.gz").get_fdata()[5, 5, 3] for name in ("map", "perfusion")}
    y, x = (data[name].reshape(2, 10).T[:, :, None] for name in ("map", "perfusion"))
    plan = MixedDesign(
        subjects=list("abcdefghij"), between={"access": ["ShA"] * 5 + ["LgA"] * 5}, within={"cue": ("sal", "nal")}
    )
    expected = strata_anova(y, plan, covariate=ResponseCovariate(name="perfusion", values=x)).term("access:cue")
    assert volume(study / "with", "accessXcue_stat-F")[5, 5, 3] == pytest.approx(expected.f[0], rel=1e-5)  # float32


@pytest.mark.parametrize("design", [STRATA, MIXED], ids=["strata", "mixed"])
def test_voxels_that_lack_maps_are_tested_on_the_rest_and_counted(study, design):
    maps, mask = study / "maps.tsv", study / "mask.nii.gz"
    group_command(maps, study / "whole", mask, model=design, correction=None)
    lacking(study)
    group_command(maps, study / "out", mask, model=design, correction=SIMULATION)
    entered = nib.load(study / "out" / f"{'subjects' if design is STRATA else 'observations'}.nii.gz").get_fdata()
    settings = json.loads((study / "out" / "settings.json").read_text())
    f, df2 = (volume(study / "out", f"accessXcue_stat-{kind}") for kind in ("F", "df2"))
    if design is STRATA:
        # the slab of 8 × 4 voxels has nine rats
        assert settings["voxels"]["by_subjects"] == {"10": 223, "9": 32, "0": 1}
        assert (entered[1, 1:9, 1:5] == 9).all()
        assert (df2[1, 1:9, 1:5] == 7).all()
        assert df2[5, 5, 3] == 8
        assert np.isnan(f[8, 8, 4])
    else:
        # whoever lacks the map of one cue still has the other's
        assert settings["voxels"]["by_subjects"] == {"10": 256}
        assert settings["voxels"]["by_observations"] == {"20": 223, "19": 32, "16": 1}
        assert entered[8, 8, 4] == 16
        assert np.isfinite(f[8, 8, 4])
    assert np.isfinite(f[1, 1:9, 1:5]).all()
    # complete voxels do not know of the others; a block of other voxels may round otherwise
    inner = (slice(2, 8), slice(1, 9), slice(1, 5))
    np.testing.assert_allclose(f[inner], volume(study / "whole", "accessXcue_stat-F")[inner], rtol=1e-5)
    assert (study / "out" / "clusters.tsv").is_file()


def test_the_corrected_map_leaves_out_what_was_not_tested(study):
    lacking(study)
    design = replace(STRATA, fewest=5)
    group_command(study / "maps.tsv", study / "out", study / "mask.nii.gz", model=design, correction=SIMULATION)
    pfwe = volume(study / "out", "cue_stat-pfwe")
    assert np.isnan(pfwe[1, 1:9, 1:5]).all()
    assert np.isfinite(pfwe[2:8, 1:9, 1:5]).all()
    # 32 voxels with nine rats and one with six
    assert pd.read_csv(study / "out" / "terms.tsv", sep="\t").voxels_tested.unique().tolist() == [223]


def test_contrasts_of_the_strata_model_are_written_with_their_own_error(study):
    design = replace(STRATA, contrasts=("LgA: nal - sal", "nal - sal"))
    for name, correction in (
        ("simulation", SIMULATION),
        ("permutation", Permutation(statistic="size", settings=PermutationSettings(n_permutations=100))),
    ):
        group_command(study / "maps.tsv", study / name, study / "mask.nii.gz", model=design, correction=correction)
        terms = pd.read_csv(study / name / "terms.tsv", sep="\t").set_index("term")
        assert terms.loc["LgA: nal - sal", ["df1", "df2"]].tolist() == [1, 8]
        assert terms.loc["nal - sal", "stratum"] == "nal - sal"
        f, simple = volume(study / name, "cue_stat-F"), volume(study / name, "nalMinussal_stat-F")
        np.testing.assert_allclose(f, simple, rtol=1e-5)  # the whole effect of the factor; float32
        effect = volume(study / name, "LgAXnalMinussal_stat-effect")
        # perfusion's 3 × 1.5
        assert effect[3:7, 3:7, 2:4].mean() == pytest.approx(4.5, abs=0.5)
        # 5 rats have 32 sign flips: too few to find a simple effect by permutation
        found = "LgAXnalMinussal" if name == "simulation" else "nalMinussal"
        assert (volume(study / name, f"{found}_stat-pfwe")[3:7, 3:7, 2:4] <= 0.05).mean() > 0.5


@pytest.mark.parametrize("design", [STRATA, MIXED], ids=["strata", "mixed"])
def test_blocks_of_voxels_change_nothing_that_is_written(study, design):
    for block in (7, 1000):
        group_command(
            study / "maps.tsv",
            study / str(block),
            study / "mask.nii.gz",
            model=replace(design, block=block),
            correction=None,
        )
    for kind in ("F", "p"):
        # matrix products of another width may sum in another order
        name = f"accessXcue_stat-{kind}"
        np.testing.assert_allclose(volume(study / "7", name), volume(study / "1000", name), rtol=1e-6)
    for name in ("settings.json", "terms.tsv", "maps.tsv"):
        assert (study / "7" / name).read_bytes() == (study / "1000" / name).read_bytes()


def test_what_cannot_be_done_is_said(study):
    maps, mask, out = study / "maps.tsv", study / "mask.nii.gz", study / "out"
    permutation = Permutation(statistic="size", settings=PermutationSettings(n_permutations=100))
    design = replace(STRATA, covariate="perfusion")
    with pytest.raises(DataError, match="permutation cannot adjust for a covariate by voxel"):
        group_command(maps, out, mask, model=design, correction=permutation)
    with pytest.raises(DataError, match="column 'flow' is not in the table; it has rat, access, cue, map, perfusion"):
        group_command(maps, out, mask, model=replace(STRATA, covariate="flow"), correction=None)
    with pytest.raises(DesignError, match="found 'XYZ: nal - sal', expected a level there"):
        group_command(maps, out, mask, model=replace(STRATA, contrasts=("XYZ: nal - sal",)), correction=None)
    assert not out.exists()


def test_a_row_without_a_map_is_told_and_its_rat_named(study, capsys):
    table = pd.read_csv(study / "maps.tsv", sep="\t")
    table.loc[3, "map"] = np.nan
    table.to_csv(study / "maps.tsv", sep="\t", index=False, na_rep="n/a")
    group_command(study / "maps.tsv", study / "out", study / "mask.nii.gz", model=STRATA, correction=None)
    said = capsys.readouterr().err
    assert "line 5: left out, no map" in said
    assert "r3: left out, no row for sal" in said
    assert json.loads((study / "out" / "settings.json").read_text())["left_out"] == ["r3: left out, no row for sal"]


def test_a_folder_with_other_files_is_never_replaced(study):
    with pytest.raises(DataError, match="exists and is not an empty folder"):
        group_command(study / "maps.tsv", study, study / "mask.nii.gz", model=STRATA, correction=None)

    assert (study / "map.nii.gz").exists()


def test_results_are_replaced_by_those_of_the_same_command_again(study):
    out = study / "out"
    contents = []
    for _ in range(2):
        group_command(study / "maps.tsv", out, study / "mask.nii.gz", model=STRATA, correction=None)
        contents.append({path.name: path.read_bytes() for path in out.iterdir()})

    assert contents[0] == contents[1]


def test_maps_of_evidence_tell_an_effect_from_none_and_name_what_cannot_be_weighed(study):
    maps, mask = study / "maps.tsv", study / "mask.nii.gz"
    evidence = EvidenceSettings(bound=1.0)
    group_command(maps, study / "out", mask, model=STRATA, correction=None, evidence=evidence)
    planted = np.zeros(SHAPE, bool)
    planted[3:7, 3:7, 2:4] = True
    elsewhere = nib.load(mask).get_fdata().astype(bool) & ~planted
    log_bf10 = volume(study / "out", "cue_stat-logBF10")
    assert np.median(log_bf10[planted]) > np.log(10)
    assert np.median(log_bf10[elsewhere]) < 0
    assert np.median(volume(study / "out", "cue_stat-pequivalence")[planted]) > 0.9
    table = pd.read_csv(study / "out" / "evidence.tsv", sep="\t").set_index("term")
    assert table.index.tolist() == ["access", "cue", "access:cue"]
    assert table.loc["cue", "voxels_for"] == (log_bf10[elsewhere | planted] >= np.log(3)).sum()
    low, d, high = (volume(study / "out", f"cue_stat-{name}") for name in ("dLow", "d", "dHigh"))
    assert ((low <= d) & (d <= high)).all()
    with pytest.raises(DataError, match="evidence: found method reml"):
        group_command(maps, study / "mixed", mask, model=MIXED, correction=None, evidence=evidence)
    own = replace(STRATA, covariate="perfusion")
    with pytest.raises(DataError, match="evidence: found a covariate by voxel"):
        group_command(maps, study / "covariate", mask, model=own, correction=None, evidence=evidence)
