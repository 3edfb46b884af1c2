"""cc.edges and cc.network_test: tables of two forms, figures, refusals."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import cuecircuit as cc

PAIRS = [("NAc", "PVN"), ("NAc", "BLA"), ("PVN", "BLA")]
NAMES = {1: "NAc", 2: "PVN", 3: "BLA"}


def opened(number: int, cue: str, pair: tuple[str, str]) -> float:
    return 3.0 * (number % 2 == 1 and cue == "drug" and "NAc" in pair)


def long_table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = [
        (f"r{k:02d}", ("ShA", "LgA")[k % 2], cue, *pair, rng.normal() + opened(k, cue, pair))
        for k in range(16)
        for cue in ("food", "drug")
        for pair in PAIRS
    ]
    return pd.DataFrame(rows, columns=["rat", "access", "cue", "region", "region2", "value"])


MODEL = {"subject": "rat", "between": "access", "within": "cue"}


def test_rows_of_edges_and_columns_of_edges_are_one_test():
    table = long_table()
    tall = cc.network_test(table, "access:cue", n=299, edge_p=0.01, **MODEL)
    pairs = pd.DataFrame(PAIRS, columns=["region", "region2"]).assign(edge=["a", "b", "c"])
    wide = table.merge(pairs).pivot(index=["rat", "access", "cue"], columns="edge", values="value").reset_index()
    # pivot sorts the cues, which the model puts in order by itself
    other = cc.network_test(wide, "access:cue", pairs=pairs, n=299, edge_p=0.01, **MODEL)
    assert tall.networks["edges"].tolist() == other.networks["edges"].tolist() == [2]
    assert tall.networks["p_extent"][0] <= 0.01
    merged = tall.edges.merge(other.edges, on=["region", "region2"])
    np.testing.assert_allclose(merged["p_x"], merged["p_y"])
    one = cc.fit(table[table["region2"] == "PVN"], dv="value", **MODEL).tests.set_index("term")
    assert tall.edges["p"][0] == pytest.approx(one.loc["access:cue", "p"])
    assert tall.plot().axes
    assert tall.plot("connectogram").axes


def test_a_contrast_and_a_formula_are_tested_as_well():
    table = long_table()
    found = cc.network_test(table, "drug - food", "access*cue + (1 | rat)", subject="rat", edge_p=0.01, n=299)
    assert found.networks["edges"].max() >= 2
    with (
        pytest.warns(UserWarning, match="1 of 3 responses lack a value"),
        pytest.warns(UserWarning, match="1 of 3 edges lack a value of somebody"),
    ):
        lacking = cc.network_test(table[1:], "access", n=99, **MODEL)
    assert lacking.edges["statistic"].isna().sum() == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda table: table.rename(columns={"region2": "other"}), "no column 'region2'"),
        (lambda table: pd.concat([table, table[:1]]), "several rows for one edge of one observation"),
        (lambda table: table.assign(region=table["region"].where(table.index != 3)), "column 'region' has no label"),
        (lambda table: table[["region", "region2", "value"]], "add those of the model, such as subject"),
        (
            lambda table: table.assign(region2=table["region2"].replace({"PVN": "NAc"})),
            "an edge of a region with itself",
        ),
    ],
)
def test_tables_that_are_none_are_refused(change, fault):
    with pytest.raises(cc.CuecircuitError, match=fault):
        cc.network_test(change(long_table()), "access", n=99, **MODEL)


def images():
    rng = np.random.default_rng(5)
    data = rng.normal(100, 1, (4, 3, 3, 120))
    labels = np.arange(36, dtype=np.int16).reshape(4, 3, 3) % 4
    return data, labels


def test_edges_of_a_scan_are_correlations_of_region_means():
    data, labels = images()
    table = cc.edges(
        nib.Nifti1Image(data.astype("f4"), np.eye(4)), nib.Nifti1Image(labels, np.eye(4)), names=NAMES, tr_s=2.0,
        drift_period_s=None,
    )  # fmt: skip
    means = [data[labels == label].mean(axis=0) for label in NAMES]
    expected = np.arctanh(np.corrcoef(means)[np.triu_indices(3, 1)])
    np.testing.assert_allclose(table["value"], expected, atol=1e-4)
    assert list(zip(table["region"], table["region2"], strict=True)) == PAIRS


def test_scans_events_and_atlases_that_do_not_fit_are_refused_together():
    data, labels = images()
    scan, atlas = nib.Nifti1Image(data.astype("f4"), np.eye(4)), nib.Nifti1Image(labels, np.eye(4))
    with pytest.raises(cc.DataError) as caught:
        cc.edges(scan, atlas, kind="ppi", nuisance=pd.DataFrame({"motion": [1.0]}))
    text = str(caught.value)
    assert "kind ppi: needs events" in text
    assert "expected 120 rows of numbers" in text
    with pytest.raises(cc.DataError, match=r"no voxel has label 9 \(habenula\)"):
        cc.edges(scan, atlas, names={1: "NAc", 9: "habenula"}, tr_s=2.0)
