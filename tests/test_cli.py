"""The command line as others call it: names of options, columns on stdout, exit status, one line per fault."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit import cli


def run(monkeypatch, capsys, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["cuecircuit", *map(str, words)])
    try:
        cli.main()
        status = 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture
def call(monkeypatch, capsys):
    return lambda *words: run(monkeypatch, capsys, *words)


def rows(tsv: str) -> list[list[str]]:
    return [line.split("\t") for line in tsv.splitlines()]


HEAVY = (
    "numpy scipy pandas numba nibabel nilearn matplotlib sklearn joblib pyarrow openpyxl "
    "jinja2 formulaic rocrate ants pynwb duckdb dask distributed"
)
HELP_OF_ALL = f"""
import sys
from cuecircuit.cli import app, main
assert "pydantic" not in sys.modules  # typer itself takes it to show a command's help
names = [(each.name or each.callback.__name__).replace("_", "-") for each in app.registered_commands]
assert {{"plan", "fit", "group", "compare", "run"}} <= set(names), names
for words in ([], *([name] for name in names)):
    sys.argv = ["cuecircuit", *words, "--help"]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, words
print([name for name in {HEAVY.split()} if name in sys.modules])
"""


def test_the_help_of_every_command_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", HELP_OF_ALL], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_anova_prints_the_columns_of_the_interface(call, tmp_path):
    table = tmp_path / "t.tsv"
    cells = [(s, g, c, hash((s, c)) % 7) for s, g in zip("abcdef", "xxxyyy", strict=True) for c in ("p", "q")]
    table.write_text("rat\taccess\tcue\ty\n" + "".join("\t".join(map(str, cell)) + "\n" for cell in cells))
    status, out, _ = call("anova", table, "--dv", "y", "--subject", "rat", "--between", "access", "--within", "cue")
    assert status == 0
    printed = rows(out)
    assert printed[0][:11] == ["term", "df1", "df2", "F", "p", "eps_gg", "p_gg", "eps_hf", "p_hf", "pes", "ges"]
    assert [row[0] for row in printed[1:]] == ["access", "cue", "access:cue"]


def test_anova_names_who_was_left_out_on_stderr(call, tmp_path):
    table = tmp_path / "t.tsv"
    table.write_text("rat\tcue\ty\na\tp\t1\na\tq\t2\nb\tp\t3\nb\tq\t5\nc\tp\t1\nc\tq\t4\nd\tp\t1\n")
    status, out, err = call("anova", table, "--dv", "y", "--subject", "rat", "--within", "cue")
    assert status == 0
    assert err.strip() == "cuecircuit: d: left out, no row for q"
    assert rows(out)[1][:3] == ["cue", "1", "2"]


def test_audit_gives_the_epsilon_that_the_printed_p_needs(call):
    status, out, _ = call("audit", "F(9,171)=4.25, P=0.002")
    assert status == 0
    assert len(rows(out)) == 2
    assert "0.52" in out


def test_a_fault_of_the_data_is_one_line_and_status_1(call, tmp_path):
    status, out, err = call("anova", tmp_path / "none.tsv", "--dv", "y", "--subject", "rat", "--within", "cue")
    assert (status, out) == (1, "")
    assert err.splitlines() == [f"cuecircuit: {tmp_path / 'none.tsv'}: no such file"]


@pytest.mark.parametrize(
    "words",
    [
        ("anova", "t.tsv"),
        ("simulate", "carmack2019", "out", "--scale", "vast"),
        ("clustsim", "--mask", "m.nii.gz"),
        ("clustsim", "--mask", "m.nii.gz", "--fwhm", "1", "--connectivity", "7"),
        ("group", "m.tsv", "out", "--mask", "m.nii.gz", "--subject", "s", "--inference", "magic"),
        ("group", "m.tsv", "out", "--mask", "m.nii.gz", "--subject", "s"),
        ("group", "m.tsv", "out", "--mask", "m.nii.gz", "--subject", "s", "--formula", "a", "--within", "b"),
        ("group", "m.tsv", "out", "--mask", "m.nii.gz", "--formula", "a", "--variance", "column"),
        ("compare", "m.tsv", "out", "--mask", "m.nii.gz", "--variance", "c", "--variance-map", "column"),
        ("group", "m.tsv", "out", "--mask", "m.nii.gz", "--formula", "a", "--variance", "groups"),
        (
            "compare",
            "m.tsv",
            "out",
            "--mask",
            "m.nii.gz",
            "--formula",
            "a + (1|s)",
            "--subject",
            "s",
            "--inference",
            "permutation",
            "--variance",
            "groups",
        ),
        ("nonsense",),
    ],
)
def test_a_fault_of_the_command_line_is_status_2(call, words):
    status, _, err = call(*words)
    assert status == 2
    assert err


def test_verbose_shows_the_traceback(call, tmp_path):
    status, _, err = call("check", tmp_path / "none.yaml", "--verbose")
    assert status == 1
    assert "Traceback" in err
    assert err.splitlines()[-1] == f"cuecircuit: {tmp_path / 'none.yaml'}: no such file"


@pytest.fixture
def mask(tmp_path) -> Path:
    inside = np.zeros((16, 16, 10), np.uint8)
    inside[2:14, 2:14, 2:8] = 1
    path = tmp_path / "mask.nii.gz"
    nib.Nifti1Image(inside, np.eye(4)).to_filename(path)
    return path


def test_clustsim_prints_one_row_per_p_and_alpha(call, mask):
    words = ("--pthr", ".01", "--pthr", ".001", "--athr", ".05", "--athr", ".1")
    status, out, _ = call("clustsim", "--mask", mask, "--acf", "0.5", "1", "2", "--iterations", "400", *words)
    assert status == 0
    table = rows(out)
    assert table[0] == ["connectivity", "sided", "pthr", "athr", "cluster_size", "se"]
    assert len(table) == 5
    assert {row[0] for row in table[1:]} == {"6"}


def test_smoothness_prints_acf_and_classic_fwhm(call, mask, tmp_path):
    noise = np.random.default_rng(0).normal(size=(16, 16, 10, 12)).astype(np.float32)
    nib.Nifti1Image(noise, np.eye(4)).to_filename(tmp_path / "r.nii.gz")
    status, out, _ = call("smoothness", tmp_path / "r.nii.gz", "--mask", mask)
    assert status == 0
    assert rows(out)[0][:4] == ["a", "b_mm", "c_mm", "fwhm_mm"]


@pytest.fixture
def maps(tmp_path) -> Path:
    rng = np.random.default_rng(1)
    table = [
        {"rat": f"r{s}", "access": "ShA" if s < 5 else "LgA", "cue": cue, "map": f"{cue}.nii.gz#{s}"}
        for s in range(10)
        for cue in ("sal", "nal")
    ]
    for cue in ("sal", "nal"):
        data = rng.normal(size=(16, 16, 10, 10)).astype(np.float32)
        if cue == "nal":
            data[5:11, 5:11, 3:7, 5:] += 6  # 6.7 standard errors of the interaction: nearly every voxel passes
        nib.Nifti1Image(data, np.eye(4)).to_filename(tmp_path / f"{cue}.nii.gz")
    pd.DataFrame(table).to_csv(tmp_path / "maps.tsv", sep="\t", index=False)
    return tmp_path / "maps.tsv"


def test_group_finds_what_was_planted_and_writes_what_the_interface_names(call, maps, mask, tmp_path):
    out = tmp_path / "out"
    words = ("--mask", mask, "--subject", "rat", "--between", "access", "--within", "cue")
    status, _, err = call(
        "group", maps, out, *words, "--inference", "simulation", "--cluster-p", ".01", "--alpha", ".05"
    )
    assert status == 0, err
    for name in ("terms.tsv", "clusters.tsv", "settings.json", "residuals.nii.gz", "dataset_description.json"):
        assert (out / name).is_file()
    for kind in ("F", "p", "z", "pfwe"):
        assert (out / f"contrast-accessXcue_stat-{kind}_statmap.nii.gz").is_file()
    pfwe = nib.load(out / "contrast-accessXcue_stat-pfwe_statmap.nii.gz").get_fdata()
    planted = np.zeros(pfwe.shape, bool)
    planted[5:11, 5:11, 3:7] = True
    found = pfwe <= 0.05
    assert 2 * (found & planted).sum() / (found.sum() + planted.sum()) > 0.9
    terms = pd.read_csv(out / "terms.tsv", sep="\t").set_index("term")
    assert terms.loc["access:cue", ["df1", "df2"]].tolist() == [1, 8]


# a single voxel of 10 rats seldom stands out against the largest of a thousand; a cluster does
@pytest.mark.parametrize(("statistic", "share"), [("size", 0.8), ("mass", 0.8), ("tfce", 0.8), ("voxel", 0.05)])
def test_group_finds_what_was_planted_by_permutation(call, maps, mask, tmp_path, statistic, share):
    words = ("--mask", mask, "--subject", "rat", "--between", "access", "--within", "cue", "--n-permutations", 300)
    correction = ("--inference", "permutation", "--statistic", statistic, "--variance", "equal")
    status, _, err = call("group", maps, tmp_path / "out", *words, *correction)
    assert status == 0, err
    pfwe = nib.load(tmp_path / "out" / "contrast-accessXcue_stat-pfwe_statmap.nii.gz").get_fdata()
    # 10 rats in groups of 5 have 252 arrangements, two of which give the same |t|: all are taken, p is never 0
    assert pfwe.min() == pytest.approx(2 / 252)
    assert (pfwe[5:11, 5:11, 3:7] <= 0.05).mean() > share
    outside = pfwe.copy()
    # a voxel beside the block takes part of its score by threshold-free enhancement, through their low heights
    beyond = 2 if statistic == "tfce" else 1
    outside[5 - beyond : 11 + beyond, 5 - beyond : 11 + beyond, 3 - beyond : 7 + beyond] = 1
    assert (outside <= 0.05).sum() == 0


@pytest.mark.parametrize(
    "words",
    [("compare", "--variance", "noise"), ("compare", "--variance-map", "noise"), ("group", "--variance-map", "noise")],
)
def test_a_column_of_variance_maps_is_named_by_either_command(call, maps, mask, tmp_path, words):
    table = pd.read_csv(maps, sep="\t").drop_duplicates("rat")
    table.assign(noise="noise.nii.gz").to_csv(maps, sep="\t", index=False)
    image = nib.load(mask)
    nib.Nifti1Image(np.full(image.shape, 0.5, "f4"), image.affine).to_filename(maps.parent / "noise.nii.gz")
    command, *variance_words = words
    more = ("--mask", mask, "--formula", "access", "--subject", "rat")
    status, _, err = call(command, maps, tmp_path / "out", *more, *variance_words)
    assert status == 0, err
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert (settings["method"], settings["variance"]) == ("mixed-effects", "noise")


def test_group_fits_a_mixed_model_with_a_missing_map(call, maps, mask, tmp_path):
    table = pd.read_csv(maps, sep="\t").iloc[:-1]
    table.to_csv(maps, sep="\t", index=False)
    words = ("--mask", mask, "--subject", "rat", "--formula", "access*cue + (1|rat)")
    contrasts = ("--contrast", "LgA: nal - sal", "--contrast", "ShA: nal - sal")
    correction = ("--inference", "simulation", "--iterations", 1000)
    status, _, err = call("group", maps, tmp_path / "out", *words, *contrasts, *correction)
    assert status == 0, err
    terms = pd.read_csv(tmp_path / "out" / "terms.tsv", sep="\t").set_index("term")
    # 10 rats, one of them in one cell: 7 where rats differ, 19 - 4 = 15 where the fit finds that they do not
    assert 7 <= terms.loc["access:cue", "df2"] <= 15
    long, short = (
        nib.load(tmp_path / "out" / f"contrast-{group}XnalMinussal_stat-t_statmap.nii.gz").get_fdata()
        for group in ("LgA", "ShA")
    )
    assert long[5:11, 5:11, 3:7].mean() > 5  # planted in long access alone
    assert abs(short[5:11, 5:11, 3:7].mean()) < 1
    pfwe = nib.load(tmp_path / "out" / "contrast-accessXcue_stat-pfwe_statmap.nii.gz").get_fdata()
    assert (pfwe[5:11, 5:11, 3:7] <= 0.05).mean() > 0.7
    assert (tmp_path / "out" / "contrast-accessXcue_stat-df2_statmap.nii.gz").is_file()


def test_group_gives_the_same_f_by_strata_and_by_kenward_roger_where_rats_differ(call, maps, mask, tmp_path):
    words = ("group", maps, tmp_path / "strata", "--mask", mask, "--subject", "rat")
    assert call(*words, "--between", "access", "--within", "cue")[0] == 0
    words = ("group", maps, tmp_path / "mixed", "--mask", mask, "--subject", "rat")
    status, _, err = call(*words, "--formula", "access*cue + (1|rat)", "--df", "kenward-roger")
    assert status == 0, err
    name = "contrast-accessXcue_stat-{}_statmap.nii.gz"
    strata = nib.load(tmp_path / "strata" / name.format("F")).get_fdata()
    mixed, df2 = (nib.load(tmp_path / "mixed" / name.format(kind)).get_fdata() for kind in ("F", "df2"))
    np.testing.assert_allclose(df2[strata > 0], 8, atol=1e-3)
    # of independent noise half the voxels have a variance between rats above 0, and there the two are one test
    same = np.isclose(mixed, strata, rtol=1e-3)[strata > 0]
    assert 0.3 < same.mean() < 0.7


def test_group_names_every_map_at_fault_and_leaves_nothing_behind(call, maps, mask, tmp_path):
    nib.Nifti1Image(np.zeros((8, 8, 8, 10), np.float32), np.eye(4)).to_filename(tmp_path / "sal.nii.gz")
    (tmp_path / "nal.nii.gz").write_bytes((tmp_path / "nal.nii.gz").read_bytes()[:5000])
    words = ("--mask", mask, "--subject", "rat", "--between", "access", "--within", "cue")
    status, _, err = call("group", maps, tmp_path / "out", *words)
    assert status == 1
    assert len(err.splitlines()) == 2
    assert "sal.nii.gz" in err
    assert "nal.nii.gz" in err
    assert not (tmp_path / "out").exists()


def test_group_refuses_an_alpha_that_the_fields_cannot_resolve(call, maps, mask, tmp_path):
    words = ("--mask", mask, "--subject", "rat", "--within", "cue", "--inference", "simulation")
    status, _, err = call("group", maps, tmp_path / "out", *words, "--alpha", ".001", "--iterations", "1000")
    assert status == 1
    assert "run 10000 or more" in err


def test_sessions_writes_its_tables_and_counts(call, real_data, tmp_path):
    log = real_data / "operant/georgelab_oxycodone_lga/SF1_MedPC_example_txt"
    status, out, _ = call("sessions", log, "--out", tmp_path / "out")
    assert status == 0
    assert "12 sessions of 12 subjects" in out
    table = pd.read_csv(tmp_path / "out" / "sessions.tsv", sep="\t").set_index("subject")
    assert table.loc["M2169", ["active", "inactive", "infusions"]].tolist() == [59, 0, 44]
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"sessions.tsv", "events.tsv", "faults.tsv"}
