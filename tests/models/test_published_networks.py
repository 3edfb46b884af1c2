"""Networks of published edges: 344 resting scans of alcohol rats, 1 653 edges (Sudmex rats, NBR in R)."""

import pandas as pd
import pytest

import cuecircuit as cc
from cuecircuit.group.networks import find_networks

SCANS = ["rat", "session", "group", "batch", "sex", "age"]
MODEL = "age*group + sex + batch + (1 | rat)"
SLOPES = {"Age_GroupAlc": "Alc - Ctrl: age", "Age_GroupAlcStr": "AlcStr - Ctrl: age", "Age_GroupStr": "Str - Ctrl: age"}
# upstream cut at p .05 of its own 246 df: one edge has t 1.96935 and p .05003, the smallest t listed is 1.97049
HEIGHT = 1.9700


@pytest.fixture(scope="module")
def published(real_data):
    folder = real_data / "real" / "rat_alcohol_stress"
    if not folder.is_dir():
        pytest.skip("rat_alcohol_stress is not beside this checkout")
    table = pd.read_csv(folder / "fc_fisherz.tsv.gz", sep="\t")
    pairs = pd.read_csv(folder / "edges.tsv", sep="\t")
    names = pd.read_csv(folder / "regions.tsv", sep="\t")
    label = (names["name"] + " " + names["index"].astype(str)).to_numpy()  # two names are there twice
    pairs = pairs.assign(region=label[pairs["i"]], region2=label[pairs["j"]])
    whole = pairs[table[pairs["edge"]].notna().all().to_numpy()].reset_index(drop=True)  # as upstream
    return table, whole, pd.read_csv(folder / "published" / "nbr_mod1_p05_edges.tsv", sep="\t")


def test_networks_of_slopes_are_the_components_that_are_published(published):
    table, whole, listed = published
    fitted = cc.fit(
        table[SCANS], MODEL, values=table[whole["edge"]].to_numpy(float), subject="rat",
        contrasts=tuple(SLOPES.values()),
    )  # fmt: skip
    n = 0
    for term, text in SLOPES.items():
        t = fitted.fit.test(text).t
        label, extent, intensity = find_networks(t, whole[["i", "j"]].to_numpy(), HEIGHT, "bi")
        found = {frozenset(map(tuple, whole.loc[label == k, ["i", "j"]].to_numpy())) for k in range(1, label.max() + 1)}
        rows = listed[listed["term"] == term]
        own = {
            frozenset(map(tuple, part[["i", "j"]].to_numpy())): part["strength"].abs().sum()
            for _, part in rows.groupby(["side", "component"])
        }
        assert found == set(own)
        # strength is what |t| exceeds 1.96722 by
        largest = max(own, key=len)
        assert intensity[0] + len(largest) * (HEIGHT - 1.96722) == pytest.approx(own[largest], abs=1e-3)
        assert extent.sum() == len(rows)
        n += len(rows)
    assert n == 240


def test_stress_changes_how_a_network_ages(published):
    table, whole, _ = published
    with pytest.warns(UserWarning, match="groups differ in variance"):
        found = cc.network_test(
            table[[*SCANS, *whole["edge"]]], SLOPES["Age_GroupStr"], MODEL, pairs=whole, subject="rat", height=HEIGHT,
            sided="bi", n=199,
        )  # fmt: skip
    # of 1 000 permutations p is .010, intensity .006
    assert found.networks["p_extent"][0] <= 0.04
    assert found.networks["p_intensity"][0] <= 0.04
    assert found.networks["p_extent"][1] > 0.5
