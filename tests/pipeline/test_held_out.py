"""Effects of clusters in held-out halves: nothing out of noise, a planted effect in its size, files that say so."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter

from cuecircuit.clusters.labeling import label_clusters
from cuecircuit.clusters.neighbors import ClusterRule
from cuecircuit.group.correction import CorrectedTerm, CorrectionSettings, on_grid
from cuecircuit.io.disk_matrix import DiskMatrix
from cuecircuit.models.design import design
from cuecircuit.models.fit import fit_design_block
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.blocks import GroupMaps
from cuecircuit.pipeline.map_tests.command import group_command
from cuecircuit.pipeline.map_tests.files import Effect, Space
from cuecircuit.pipeline.map_tests.held_out import with_held_out
from cuecircuit.records.grid import Grid

SHAPE = (12, 12, 8)
SPACE = Space(mask=np.ones(SHAPE, bool), grid=Grid(shape=SHAPE, affine=np.eye(4)))
RATS = pd.DataFrame({"rat": [f"r{k:02d}" for k in range(32)], "access": ["ShA", "LgA"] * 16})
LGA = (RATS["access"] == "LgA").to_numpy()
MODEL = Model(subject="rat", between=("access",))
BALL = np.sqrt(((np.indices(SHAPE).T - [4, 4, 4]) ** 2).sum(-1)).T <= 2.5


def noise(seed: int) -> np.ndarray:
    fields = gaussian_filter(np.random.default_rng(seed).standard_normal((32, *SHAPE)), (0, 1, 1, 1), mode="wrap")
    return (fields / fields.std()).reshape(32, -1)


def largest_cluster(y: np.ndarray, folder: Path, rats: pd.DataFrame = RATS) -> Effect:
    """Claim the largest cluster at p .005, as a study does that found it."""
    bound = design(rats, MODEL)
    y = y[bound.rows]
    test = next(test for test in fit_design_block(bound, y).tests if test.name == "access")
    height = float(stats.f.isf(0.005, test.df1, test.df2))
    clusters = label_clusters(on_grid(test.f, SPACE.mask), SPACE.mask, height, rule=ClusterRule(connectivity=6))
    corrected = CorrectedTerm(
        clusters=clusters,
        p=np.where(np.arange(len(clusters.sizes)) == 0, 0.01, 0.5),
        p_map=np.ones(SHAPE),
        significant=clusters.labels == 1,
        alpha=0.05,
        size_threshold=1.0,
        size_threshold_se=0.0,
    )
    effect = Effect(test=test, prefix="access", stratum="rat", more={}, corrected=corrected, direction=None)
    matrix = DiskMatrix(folder=folder / "y", shape=y.shape, steps=(32, 500), slabs="rows", dtype=np.float64)
    matrix.write(slice(0, 32), y)
    maps = GroupMaps(values=(matrix,), residuals=matrix, noise=matrix, facts=(), n_lacking=0, scratch=folder, n_jobs=1)
    return with_held_out([effect], bound, rats.iloc[bound.rows], maps, SPACE, seed=1, splits=2)[0]


def test_a_cluster_out_of_noise_has_an_effect_at_its_peak_and_none_in_held_out_subjects(tmp_path):
    peak, held_out, covered = [], [], []
    for seed in range(16):
        found = largest_cluster(noise(seed), tmp_path).held_out
        if not found:
            continue
        sign = np.sign(found["peak_g"][0])
        peak.append(sign * found["peak_g"][0])
        held_out.append(sign * found["held_out_g"][0])
        covered.append(found["held_out_g_low"][0] < 0 < found["held_out_g_high"][0])
        assert np.isnan(found["held_out_g"][1:]).all()
    assert len(peak) > 10
    assert np.mean(peak) > 1.0
    # four standard errors of the mean
    assert abs(np.mean(held_out)) < 4 * np.std(held_out) / np.sqrt(len(peak)) < 0.4
    assert np.mean(covered) > 0.9


def test_a_planted_effect_is_recovered_by_held_out_subjects_and_overstated_at_its_peak(tmp_path):
    peak, held_out = [], []
    for seed in range(6):
        y = noise(100 + seed)
        y[np.ix_(LGA, BALL.ravel())] += 2.0
        found = largest_cluster(y, tmp_path).held_out
        peak.append(abs(found["peak_g"][0]))
        held_out.append(abs(found["held_out_g"][0]))
        assert found["held_out_g_low"][0] < found["held_out_g"][0] < found["held_out_g_high"][0]
        assert found["held_out_inside"][0] > 0.9
    assert np.mean(peak) > 2.5
    assert np.mean(held_out) == pytest.approx(2.0, abs=4 * np.std(held_out) / np.sqrt(6))


def test_a_cluster_of_an_f_has_its_share_in_held_out_subjects(tmp_path):
    three = RATS.assign(access=(["a", "b", "c"] * 11)[:32])
    peak, held_out, planted = [], [], []
    for seed in range(16):
        found = largest_cluster(noise(seed), tmp_path, three).held_out
        if found:
            peak.append(found["peak_epsilon2"][0])
            held_out.append(found["held_out_epsilon2"][0])
    assert len(peak) > 10
    assert np.mean(peak) > 0.25
    # four standard errors of the mean
    assert abs(np.mean(held_out)) < 4 * np.std(held_out) / np.sqrt(len(peak)) < 0.15
    for seed in range(6):
        y = noise(100 + seed)
        y[np.ix_((three["access"] == "c").to_numpy(), BALL.ravel())] += 2.5
        found = largest_cluster(y, tmp_path, three).held_out
        planted.append(found["held_out_epsilon2"][0])
        assert found["held_out_epsilon2_low"][0] < planted[-1] < found["held_out_epsilon2_high"][0]
    share = 2.5**2 * 2 / 9 / (1 + 2.5**2 * 2 / 9)
    assert np.mean(planted) == pytest.approx(share, abs=4 * np.std(planted) / np.sqrt(6))


def written_clusters(folder: Path, n: int) -> pd.DataFrame:
    y = noise(7)
    y[np.ix_(LGA, BALL.ravel())] += 3.0
    nib.Nifti1Image(np.ones(SHAPE, np.uint8), np.eye(4)).to_filename(folder / "mask.nii.gz")
    nib.Nifti1Image(y.T.reshape(*SHAPE, 32).astype("f4"), np.eye(4)).to_filename(folder / "maps.nii.gz")
    table = RATS.assign(map=[f"maps.nii.gz#{k}" for k in range(32)])[:n]
    table.to_csv(folder / "maps.tsv", sep="\t", index=False)
    correction = CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=200)
    group_command(folder / "maps.tsv", folder / "out", folder / "mask.nii.gz", model=MODEL, correction=correction)
    clusters = pd.read_csv(folder / "out" / "clusters.tsv", sep="\t", na_values="n/a")
    return clusters[clusters["term"] == "access"]


def test_the_table_of_clusters_has_the_effect_of_held_out_subjects(tmp_path):
    best = written_clusters(tmp_path, 32).iloc[0]
    assert abs(best["peak_g"]) > abs(best["held_out_g"]) > 2
    assert best["held_out_inside"] == 1
    # the direction is that of peak_effect
    assert np.sign(best["held_out_g"]) == np.sign(best["peak_effect"]) == 1
    assert 0 < best["held_out_g_low"] < best["held_out_g"] < best["held_out_g_high"]


def test_halves_too_small_for_the_model_leave_no_number(tmp_path, capsys):
    assert written_clusters(tmp_path, 5)["held_out_g"].isna().all()
    assert "no effects of held-out halves of the subjects" in capsys.readouterr().err
