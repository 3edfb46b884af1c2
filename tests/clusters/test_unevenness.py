import numpy as np
import pytest

from cuecircuit.clusters.autocorrelation import gaussian_autocorrelation
from cuecircuit.clusters.null_field import draw_pair, null_field
from cuecircuit.clusters.smoothness import estimate_smoothness
from cuecircuit.clusters.unevenness import UNEVEN, uneven_note, unevenness

MASK = np.zeros((16, 18, 12), bool)
MASK[1:-1, 1:-1, 1:-1] = True
VOXEL_MM = np.array([0.5, 0.5, 1.0])


def fields(n: int, fwhm_mm: float, seed: int) -> np.ndarray:
    field, rng = null_field(MASK, VOXEL_MM, gaussian_autocorrelation(fwhm_mm)), np.random.default_rng(seed)
    return np.concatenate([draw_pair(field, rng) for _ in range((n + 1) // 2)])[:n]


def measured(maps: np.ndarray, df: int) -> float:
    return unevenness(estimate_smoothness(maps, MASK, VOXEL_MM).neighbor_variance, float(df))


def centered(maps: np.ndarray) -> np.ndarray:
    return maps - maps.mean(axis=0)


@pytest.mark.parametrize("n", [9, 20, 53])
@pytest.mark.parametrize("fwhm_mm", [1.0, 2.5])
def test_noise_of_one_smoothness_is_below_the_limit_whatever_the_number_of_maps(n: int, fwhm_mm: float) -> None:
    maps = [centered(fields(n, fwhm_mm, seed)) for seed in range(8)]
    variances = [estimate_smoothness(each, MASK, VOXEL_MM).neighbor_variance for each in maps]

    assert np.mean(variances) == pytest.approx(1 / (n - 3), rel=0.1)  # Fisher's z
    assert max(measured(each, n - 1) for each in maps) < UNEVEN


def test_unit_and_variance_of_each_place_change_nothing() -> None:
    maps = fields(20, 1.5, 3)
    maps[:, :600] += np.linspace(-2, 2, 20)[:, None]
    maps = centered(maps)
    scale = np.linspace(0.3, 3, MASK.sum())

    assert measured(1e3 * maps, 19) == pytest.approx(measured(maps, 19), rel=1e-6)
    # each map is divided by its own median size, which the scale of places moves a little
    assert measured(maps * scale, 19) == pytest.approx(measured(maps, 19), rel=0.05)


def test_maps_that_are_0_in_most_places_have_no_verdict() -> None:
    rng = np.random.default_rng(2)
    maps = rng.standard_normal((20, MASK.sum())) * (rng.random((20, MASK.sum())) < 0.3)

    assert np.isnan(measured(maps, 19))


def test_a_few_maps_that_vary_more_are_no_unevenness() -> None:
    size = np.where(np.arange(20) < 5, 2.5, 1.0)[:, None]

    for seed in range(5):
        assert measured(centered(size * fields(20, 1.5, seed)), 19) < UNEVEN


def test_a_region_that_moves_as_one_is_found() -> None:
    rng, region = np.random.default_rng(1), np.zeros(MASK.shape, bool)
    region[3:9, 3:9, 3:9] = True
    maps = fields(20, 1.0, 5)
    maps[:, region[MASK]] += 3 * rng.standard_normal((20, 1))

    assert measured(centered(maps), 19) > UNEVEN


def test_every_way_to_read_the_maps_gives_the_same() -> None:
    from cuecircuit.clusters.smoothness import smoothness_of_parts

    maps = fields(20, 1.5, 2)
    parts = [lambda own=own: own for own in np.array_split(maps, 3)]
    found = smoothness_of_parts(parts, MASK, VOXEL_MM, n_jobs=2).neighbor_variance
    assert found == pytest.approx(estimate_smoothness(maps, MASK, VOXEL_MM).neighbor_variance, rel=1e-12)


def test_too_few_degrees_of_freedom_give_no_verdict() -> None:
    assert np.isnan(unevenness(0.5, 7.0))
    assert unevenness(0.19, 12.0) == pytest.approx(0.3)
    assert unevenness(0.09, 12.0) == 0
    assert uneven_note({"subject": float("nan"), "subject:cue": 0.12}) is None


def test_strata_that_are_uneven_are_named_with_the_remedy() -> None:
    note = uneven_note({"subject": 0.531, "subject:cue": 0.26, "subject:block": 0.04})

    assert note is not None
    assert "subject (0.53), subject:cue (0.26);" in note
    assert "subject:block" not in note
    assert "correction.method" in note
