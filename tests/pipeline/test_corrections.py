"""The corrections side by side of a run: tables, maps and figure tell the same."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.xdist_group("tiny")
METHODS = ("simulation size", "permutation size", "permutation mass", "permutation tfce", "fdr")
MAPS = ("pSimulationSize", "pPermutationSize", "pPermutationMass", "pPermutationTfce", "pFdr")


def table(path):
    return pd.read_csv(path, sep="\t", na_values="n/a")


def volume(path):
    return np.asarray(nib.load(path).dataobj)


def test_the_table_counts_what_the_maps_show(tiny_results):
    group = tiny_results / "group"
    corrections = table(group / "corrections.tsv")
    labels = volume(group / "contrast-groupXcue_stat-cluster_statmap.nii.gz")
    alpha = corrections["alpha"].unique().item()

    assert tuple(corrections["method"].unique()) == METHODS
    for method, name in zip(METHODS, MAPS, strict=True):
        p = volume(group / f"contrast-groupXcue_stat-{name}_statmap.nii.gz")
        own = corrections[corrections["method"] == method].set_index("cluster")
        assert own["voxels_surviving"].sum() == np.count_nonzero(p <= alpha)
        for cluster, row in own[own.index > 0].iterrows():
            assert row["voxels"] == np.count_nonzero(labels == cluster)
            assert row["voxels_surviving"] == np.count_nonzero(p[labels == cluster] <= alpha)
            # maps are float32
            assert row["p"] == pytest.approx(p[labels == cluster].min(), rel=1e-6)
    assert set(corrections.loc[corrections["method"] == "fdr", "family_wise"]) == {"no"}


def test_the_correction_that_decides_is_the_one_compared(tiny_results):
    group = tiny_results / "group"
    np.testing.assert_array_equal(
        volume(group / "contrast-groupXcue_stat-pfwe_statmap.nii.gz"),
        volume(group / "contrast-groupXcue_stat-pSimulationSize_statmap.nii.gz"),
    )
    clusters = table(group / "clusters.tsv")
    own = clusters[clusters["term"] == "group:cue"]
    np.testing.assert_allclose(own["p_simulation_size"], own["p_fwe"])
    others = clusters[clusters["term"] != "group:cue"]
    assert others[[f"p_{method.replace(' ', '_')}" for method in METHODS]].isna().all(axis=None)


def test_what_was_planted_survives_every_correction(tiny_results):
    corrections = table(tiny_results / "group" / "corrections.tsv")
    largest = corrections[corrections["cluster"] == 1]
    assert set(largest["survives"]) == {"yes"}


def test_clusters_say_how_they_were_formed_and_where_mm_begin(tiny_results):
    notes = json.loads((tiny_results / "group" / "clusters.json").read_text())

    formed = {key: notes["cluster"][key] for key in ("Correction", "VoxelP", "Alpha", "Connectivity", "Sided")}
    assert formed == {
        "Correction": "simulated null fields, size", "VoxelP": 0.01, "Alpha": 0.01, "Connectivity": 6, "Sided": "2",
    }  # fmt: skip
    assert "from bregma" in notes["peak_x"]["Description"]
    assert "from bregma" in notes["center_z"]["Description"]


def test_regions_of_a_cluster_share_out_its_voxels_and_say_so_in_one_line(tiny_results):
    clusters = table(tiny_results / "group" / "clusters.tsv").set_index(["prefix", "cluster"])
    regions = table(tiny_results / "group" / "cluster_regions.tsv")
    for key, part in regions.groupby(["prefix", "cluster"]):
        assert part["voxels"].sum() == clusters.loc[key, "voxels"]
        assert part["percent_of_cluster"].sum() == pytest.approx(100)
        first = part.iloc[0]
        assert clusters.loc[key, "regions"].startswith(f"{first['region']} {first['voxels']}")
    assert set(map(tuple, regions[["prefix", "cluster"]].to_numpy())) == set(clusters.index)


def test_the_page_shows_the_corrections_between_behavior_and_methods(tiny_results):
    page = (tiny_results / "report.html").read_text()
    places = [page.index(f'<section id="{name}"') for name in ("correlations", "corrections", "methods")]
    assert places == sorted(places)
    assert 'id="corrections-table"' in page
