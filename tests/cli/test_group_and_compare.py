"""`group` and `compare`: two names of one command, option by option and file by file."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import typer.main
from typer.testing import CliRunner

import cuecircuit.pipeline.map_tests.command as command
from cuecircuit.cli import app

STRATA = ("--subject", "subject", "--between", "group", "--within", "cue")
FORMULA = ("--formula", "group + age")
MIXED = ("--formula", "group*cue + (1 | subject)")
PERMUTED = (*STRATA, "--inference", "permutation")
# a set of words for every option; the words that come first make it possible
SETS: dict[str, tuple[str, ...]] = {
    "--mask": FORMULA,
    "--subject": STRATA,
    "--between": STRATA,
    "--within": STRATA,
    "--covariate": (*STRATA, "--covariate", "age"),
    "--crossed": (*STRATA, "--covariate", "age", "--crossed", "age"),
    "--voxel-covariate": (*STRATA, "--voxel-covariate", "gray"),
    "--formula": FORMULA,
    "--method": (*FORMULA, "--method", "bisquare"),
    "--variance-map": (*FORMULA, "--method", "mixed-effects", "--variance-map", "var"),
    "--test": (*FORMULA, "--method", "mixed-effects", "--variance-map", "var", "--test", "flame"),
    "--contrast": (*FORMULA, "--contrast", "a - b"),
    "--factor": (*FORMULA, "--factor", "age"),
    "--number": (*FORMULA, "--number", "age"),
    "--levels": (*FORMULA, "--levels", "group=b,a"),
    "--fewest": (*FORMULA, "--fewest", "4"),
    "--zero-is-missing": (*FORMULA, "--zero-is-missing"),
    "--voxel-block": (*FORMULA, "--voxel-block", "7"),
    "--df": (*MIXED, "--df", "kenward-roger"),
    "--inference": (*FORMULA, "--inference", "simulation"),
    "--statistic": (*PERMUTED, "--statistic", "tfce"),
    "--n-permutations": (*PERMUTED, "--n-permutations", "20"),
    "--cluster-p": (*PERMUTED, "--cluster-p", "0.01"),
    "--alpha": (*PERMUTED, "--alpha", "0.1"),
    "--connectivity": (*PERMUTED, "--connectivity", "26"),
    "--sided": (*FORMULA, "--inference", "simulation", "--sided", "bi"),
    "--exchange": (*MIXED, "--inference", "permutation", "--exchange", "flip"),
    "--variance": (*PERMUTED, "--variance", "groups"),
    "--stop-early": (*PERMUTED, "--stop-early", "0.001"),
    "--iterations": (*FORMULA, "--inference", "simulation", "--iterations", "50"),
    "--compare": (*STRATA, "--inference", "simulation", "--compare", "group:cue"),
    "--evidence": (*STRATA, "--evidence"),
    "--prior-scale": (*STRATA, "--evidence", "--prior-scale", "0.5"),
    "--equivalence": (*STRATA, "--evidence", "--equivalence", "0.3"),
    "--atlas": (*FORMULA, "--atlas", "atlas.nii.gz", "--labels", "labels.tsv"),
    "--labels": (*FORMULA, "--atlas", "atlas.nii.gz", "--labels", "labels.tsv"),
    "--seed": (*PERMUTED, "--seed", "3"),
    "--n-jobs": (*FORMULA, "--n-jobs", "1"),
    "--dask": (*FORMULA, "--dask", "local"),
}


def options(name: str) -> dict[str, str]:
    """Every option of a command and what its help says."""
    own = typer.main.get_command(app).commands[name].params  # pyright: ignore[reportAttributeAccessIssue]
    return {each.opts[0]: str(each.help) for each in own if each.param_type_name == "option"}


def asked(name: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """What a command hands to the analysis."""
    calls = []
    monkeypatch.setattr(command, "group_command", lambda *own, **more: calls.append((own, more)))
    done = CliRunner().invoke(app, [name, "maps.tsv", "out", "--mask", "mask.nii.gz", *words])
    assert done.exit_code == 0, done.output
    (call,) = calls
    return call


def test_both_names_have_the_same_options_and_help():
    assert options("group") == options("compare")


def test_a_set_of_words_is_tried_for_every_option():
    assert set(options("group")) - {"--help"} == set(SETS)


@pytest.mark.parametrize("option", SETS)
def test_both_names_ask_for_the_same_analysis(option, monkeypatch):
    one, other = (asked(name, SETS[option], monkeypatch) for name in ("group", "compare"))
    assert repr(one) == repr(other)
    # and the option tells
    if option not in ("--mask", "--n-jobs", "--subject", "--between", "--within", "--formula"):
        plain = tuple(word for word in SETS[option] if word in (*STRATA, *FORMULA, *MIXED))
        assert repr(one) != repr(asked("group", plain or FORMULA, monkeypatch))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten subjects × two cues, maps of 27 voxels with an effect in a few; a variance map for each."""
    folder = tmp_path_factory.mktemp("maps")
    rng, affine, rows = np.random.default_rng(1), np.diag([3.0, 3.0, 3.0, 1.0]), []
    for k in range(20):
        values = rng.normal(size=(3, 3, 3)) + 4.0 * (k % 2) * (np.arange(27) < 9).reshape(3, 3, 3)
        for name, data in (("map", values), ("var", 0.5 + rng.random((3, 3, 3)))):
            nib.Nifti1Image(data.astype("f4"), affine).to_filename(folder / f"{name}{k}.nii.gz")
        rows.append((f"s{k // 2}", "ab"[k // 2 % 2], "xy"[k % 2], k * 7 % 11, f"map{k}.nii.gz", f"var{k}.nii.gz"))
    table = pd.DataFrame(rows, columns=["subject", "group", "cue", "age", "map", "var"])
    table.to_csv(folder / "maps.tsv", sep="\t", index=False)
    table[table["cue"] == "y"].to_csv(folder / "one.tsv", sep="\t", index=False)
    nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), affine).to_filename(folder / "mask.nii.gz")
    return folder


def results(name: str, folder: Path, out: Path, table: str, *words: str) -> Path:
    done = CliRunner().invoke(
        app, [name, str(folder / table), str(out), "--mask", str(folder / "mask.nii.gz"), "--n-jobs", "1", *words]
    )
    assert done.exit_code == 0, done.output
    return out


def test_both_names_write_the_same_files(folder, tmp_path):
    words = (*STRATA, "--covariate", "age", "--contrast", "x - y", "--evidence")
    one, other = (results(name, folder, tmp_path / name, "maps.tsv", *words) for name in ("group", "compare"))
    names = sorted(path.name for path in one.iterdir() if path.is_file())
    assert names == sorted(path.name for path in other.iterdir() if path.is_file())
    assert [name for name in names if (one / name).read_bytes() != (other / name).read_bytes()] == []


FAMILIES = {
    "strata": ("maps.tsv", *STRATA, "--contrast", "x - y"),
    "reml": ("maps.tsv", *MIXED, "--contrast", "x - y"),
    **{
        method: ("one.tsv", *FORMULA, "--method", method, "--contrast", "a - b")
        for method in ("ols", "huber", "bisquare")
    },
    "mixed-effects": ("one.tsv", *FORMULA, "--method", "mixed-effects", "--variance-map", "var", "--contrast", "a - b"),
    "welch": ("one.tsv", "--formula", "group", "--method", "welch", "--contrast", "a - b"),
}
ALWAYS = {"F", "p", "z", "pes", "pesLow", "pesHigh"}
OF_ONE_DF = ALWAYS | {"t", "effect", "se", "effectLow", "effectHigh"}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_writes_the_effect_its_limits_and_its_size(family, folder, tmp_path):
    table, *words = FAMILIES[family]
    out = results("group", folder, tmp_path / "out", table, *words)
    rows = pd.read_csv(out / "terms.tsv", sep="\t")
    for row in rows.to_dict("records"):
        stem = f"contrast-{row['prefix']}_stat-"
        found = {path.name.removeprefix(stem).split("_")[0] for path in out.glob(f"{stem}*_statmap.nii.gz")}
        assert found >= (OF_ONE_DF if row["df1"] == 1 else ALWAYS), row["term"]
        image = nib.load(out / f"{stem}F_statmap.nii.gz")
        code, parameters, _ = image.header.get_intent()
        if "df2" not in found:
            assert (code, parameters) == ("f test", (row["df1"], pytest.approx(row["df2"])))
        assert nib.load(out / f"{stem}z_statmap.nii.gz").header.get_intent()[0] == "z score"
        if row["df1"] == 1:
            assert nib.load(out / f"{stem}t_statmap.nii.gz").header.get_intent()[0] == (
                "t test" if "df2" not in found else "none"
            )
            assert json.loads((out / f"{stem}t_statmap.json").read_text())["PositiveDirection"]


def test_a_table_of_clusters_has_the_signed_peak_its_limits_and_local_maxima(folder, tmp_path):
    words = (*STRATA, "--inference", "simulation", "--iterations", "200", "--cluster-p", "0.05")
    out = results("group", folder, tmp_path / "out", "maps.tsv", *words)
    clusters = pd.read_csv(out / "clusters.tsv", sep="\t")
    row = clusters[clusters["term"] == "cue"].iloc[0]
    # the second level is the larger: a positive t means the first
    assert row["peak_t"] < 0
    assert row["peak_t"] ** 2 == pytest.approx(row["peak_f"], rel=1e-6)
    assert row["peak_effect_low"] < row["peak_effect"] < row["peak_effect_high"] < 0
    assert {"p_fwe", "peak_x", "peak_y", "peak_z", "voxels", "mm3"} <= set(clusters)
    assert json.loads((out / "peaks.json").read_text())["peak"]["ApartMm"] == 8.0
