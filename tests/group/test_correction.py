import numpy as np
import pytest
from scipy import ndimage

from cuecircuit.group.correction import (
    CorrectionSettings,
    correct,
    on_grid,
    residual_scores,
    simulate_nulls,
    simulate_nulls_at,
    smoothness_of,
    voxels_needed,
)
from cuecircuit.records.grid import Grid
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, strata_model

SHAPE = (14, 14, 10)
GRID = Grid(shape=SHAPE, affine=np.diag([1.0, 1.0, 1.0, 1.0]))
MASK = np.ones(SHAPE, bool)
DESIGN = MixedDesign(
    subjects=[f"s{k}" for k in range(16)],
    between={"group": ["a"] * 8 + ["b"] * 8},
    within={"cue": ("x", "y")},
)
SETTINGS = CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=1000)


def smooth_noise(seed):
    noise = np.random.default_rng(seed).normal(size=(16, 2, *SHAPE))
    return ndimage.gaussian_filter(noise, (0, 0, 1, 1, 1)) * 5


def corrected(y):
    anova = strata_anova(y[..., MASK], DESIGN, residuals=True)
    nulls = simulate_nulls(smoothness_of(anova.residuals.reshape(32, -1), MASK, GRID), MASK, GRID, SETTINGS)
    return {term.name: (term, correct(term, MASK, nulls)) for term in anova.terms}, nulls


def test_a_planted_interaction_is_found_where_it_was_planted_and_only_in_its_term():
    y, planted = smooth_noise(0), np.zeros(SHAPE, bool)
    planted[4:9, 4:9, 3:7] = True
    y[8:, 1][:, planted] += 4.0
    found, _ = corrected(y)
    _, interaction = found["group:cue"]
    dice = 2 * (interaction.significant & planted).sum() / (interaction.significant.sum() + planted.sum())
    assert dice > 0.8
    assert interaction.p[0] == pytest.approx(1 / 1001)  # no simulated field had so large a cluster; never 0


def test_the_map_of_p_holds_each_clusters_p_and_1_elsewhere():
    found, _ = corrected(smooth_noise(1))
    for _, term in found.values():
        for label, p in enumerate(term.p, 1):
            assert (term.p_map[term.clusters.labels == label] == p).all()
        assert (term.p_map[term.clusters.labels == 0] == 1).all()


def test_the_threshold_and_the_p_of_a_cluster_say_the_same():
    found, nulls = corrected(smooth_noise(2))
    term, result = found["group:cue"]
    for size, p in zip(result.clusters.sizes, result.p, strict=True):
        assert (p <= 0.05) == (size >= nulls.size_threshold(term)[0]) or abs(size - result.size_threshold) < 1


@pytest.mark.parametrize(("size", "voxels"), [(1.0, 1), (2.11, 3), (20.0, 20), (20 + 1e-13, 20), (20.001, 21)])
def test_a_cluster_has_whole_voxels(size, voxels):
    assert voxels_needed(size) == voxels


def test_the_smoothness_of_the_residuals_is_that_of_the_noise():
    _, nulls = corrected(smooth_noise(3))
    # a Gaussian kernel of 1 voxel: FWHM 2.355 mm, here estimated in a box of 14 voxels whose edges are mirrored
    assert nulls.smoothness.fwhm_classic_mm == pytest.approx(2.355, rel=0.1)


def test_a_voxel_that_was_not_fitted_is_nan_in_the_corrected_map():
    y = smooth_noise(4)
    y[0, 0, 5, 5, 5] = np.nan
    anova = strata_anova(y[..., MASK], DESIGN, residuals=True)
    nulls = simulate_nulls(smoothness_of(anova.residuals.reshape(32, -1), MASK, GRID), MASK, GRID, SETTINGS)
    result = correct(anova.term("cue"), MASK, nulls)
    assert np.isnan(result.p_map[5, 5, 5])
    assert np.isnan(result.p_map).sum() == 1


def test_voxels_return_to_their_places():
    mask = np.random.default_rng(0).random(SHAPE) > 0.5
    volume = on_grid(np.arange(mask.sum(), dtype=float), mask)
    assert (volume[mask] == np.arange(mask.sum())).all()
    assert np.isnan(volume[~mask]).all()


def test_the_residuals_of_a_stratum_are_the_scores_of_its_own_cells():
    y = smooth_noise(5)[..., MASK]
    model = strata_model(DESIGN)
    anova = strata_anova(y, model, residuals=True)
    parts = {each.name: residual_scores(anova.residuals, each) for each in model.strata}
    assert list(parts) == ["subject", "subject:cue"]
    sums = (anova.residuals**2).sum(axis=(0, 1))
    # orthonormal scores keep the sum of squares
    np.testing.assert_allclose(sum((part**2).sum(axis=0) for part in parts.values()), sums, rtol=1e-10)
    difference = anova.residuals[:, 0] - anova.residuals[:, 1]
    np.testing.assert_allclose(np.abs(parts["subject:cue"]), np.abs(difference) / np.sqrt(2), atol=1e-12)


def test_noise_that_is_smoother_between_subjects_gets_a_higher_threshold_there():
    rng = np.random.default_rng(6)
    rough = rng.normal(size=(16, 2, *SHAPE))
    smooth = ndimage.gaussian_filter(rng.normal(size=(16, 1, *SHAPE)), (0, 0, 1.5, 1.5, 1.5)) * 20
    y = (rough + smooth)[..., MASK]
    model = strata_model(DESIGN)
    left = strata_anova(y, model, residuals=True).residuals
    parts = {each.name: residual_scores(left, each) for each in model.strata}
    nulls = {
        name: simulate_nulls(smoothness_of(part, MASK, GRID), MASK, GRID, SETTINGS) for name, part in parts.items()
    }
    assert nulls["subject"].smoothness.acf.fwhm_mm > 1.5 * nulls["subject:cue"].smoothness.acf.fwhm_mm


def test_nulls_at_two_heights_are_those_of_each_height_alone():
    smoothness = smoothness_of(smooth_noise(9).reshape(-1, *MASK.shape)[:, MASK], MASK, GRID)
    settings = CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=200, seed=4)
    strict, loose = simulate_nulls_at((0.002, 0.01), smoothness, MASK, GRID, settings)
    alone = simulate_nulls(smoothness, MASK, GRID, settings)
    assert loose.settings == settings
    assert strict.settings.voxel_p == 0.002
    for kind in ("one_sided", "two_sided"):
        assert np.array_equal(getattr(loose, kind).maxima, getattr(alone, kind).maxima)
        assert (getattr(strict, kind).maxima <= getattr(loose, kind).maxima).all()
