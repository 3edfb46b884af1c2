from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import ndimage, stats

from cuecircuit.errors import DataError, DesignError
from cuecircuit.group.correction import CorrectionSettings, correct, simulate_nulls, smoothness_of
from cuecircuit.group.permutation import PermutationSettings, permute_hypothesis
from cuecircuit.records.grid import Grid
from cuecircuit.stats.contrasts import fixed_contrast
from cuecircuit.stats.mixed_fit import fit_mixed, hypothesis_tests
from cuecircuit.stats.mixed_model import mixed_model

SHAPE = (10, 10, 7)
MASK = np.ones(SHAPE, bool)
MASK[:2, :3] = False
PLANTED = np.zeros(SHAPE, bool)
PLANTED[4:8, 4:8, 2:6] = True
SETTINGS = PermutationSettings(voxel_p=0.01, n_permutations=199)
FORMULA = "group*cue + (1|subject)"


def columns(sizes=(8, 9), cues=("x", "y"), absent=((2, "x"), (11, "y"))):
    groups = [name for name, size in zip("ab", sizes, strict=True) for _ in range(size)]
    rows = [(g, f"s{k:02d}", c) for (k, g), c in product(enumerate(groups), cues) if (k, c) not in absent]
    return dict(zip(("group", "subject", "cue"), map(np.array, zip(*rows, strict=True)), strict=True))


def maps(table, seed):
    rng = np.random.default_rng(seed)
    subjects = np.unique(table["subject"], return_inverse=True)[1]
    fields = rng.normal(size=(len(subjects), *SHAPE)) + rng.normal(size=(subjects.max() + 1, *SHAPE))[subjects]
    return ndimage.gaussian_filter(fields, (0, 1, 1, 1))[:, MASK] * 5


def permuted(y, table, name, **options):
    model = mixed_model(FORMULA, table)
    known = {each.name: each for each in model.hypotheses}
    hypothesis = known[name] if name in known else fixed_contrast(name, model.design)
    (test,) = hypothesis_tests(fit_mixed(y, model), [hypothesis])
    return permute_hypothesis(y, model, hypothesis, test, MASK, **{"settings": SETTINGS, **options})


@pytest.mark.parametrize("name", ["group", "cue", "b: x - y"])
def test_a_planted_effect_is_found_where_it_was_planted_by_every_statistic(name):
    table = columns()
    y = maps(table, 0)
    where = {"group": table["group"] == "a", "cue": table["cue"] == "x"}.get(
        name, (table["group"] == "b") & (table["cue"] == "x")
    )
    y[where] += 6.0 * PLANTED[MASK]
    result = permuted(y, table, name)
    for statistic in ("voxel", "size", "mass", "tfce"):
        significant = result.significant(statistic)
        dice = 2 * (significant & PLANTED).sum() / (significant.sum() + PLANTED.sum())
        assert dice > 0.7, statistic
    assert result.plan.kind == ("permutations" if name == "group" else "sign flips")
    assert len(result.maxima["size"]) == 200


@pytest.mark.parametrize("name", ["group", "cue", "group:cue"])
def test_the_same_bytes_for_one_and_two_workers(name):
    table = columns(cues=("x", "y", "z"))
    y = maps(table, 1)
    one, two = (permuted(y, table, name, settings=replace(SETTINGS, n_permutations=400, n_jobs=k)) for k in (1, 2))
    for statistic, maxima in one.maxima.items():
        assert maxima.tobytes() == two.maxima[statistic].tobytes()
    assert one.statistic.tobytes() == two.statistic.tobytes()


# 60 null studies: at most 1 in 1000 samples of a 5 % event exceeds this count, or falls below the other
FEWEST, MOST = stats.binom.ppf([0.001, 0.999], 60, 0.05)


def test_null_studies_with_missing_maps_hold_something_significant_at_the_rate_alpha():
    table, false = columns(), dict.fromkeys(("voxel", "size", "mass", "tfce"), 0)
    for study in range(60):
        name = ("group", "cue", "group:cue")[study % 3]
        settings = replace(SETTINGS, n_permutations=99, seed=study)
        result = permuted(maps(table, 1000 + study), table, name, settings=settings)
        for statistic in false:
            false[statistic] += bool(result.significant(statistic).any())
    for statistic, count in false.items():
        assert FEWEST <= count <= MOST, statistic


def test_one_sided_permutation_finds_what_is_positive_and_nothing_that_is_negative():
    table = columns()
    y = maps(table, 2)
    y[table["cue"] == "x"] += 6.0 * PLANTED[MASK]
    settings = replace(SETTINGS, sided="1")
    up, down = (permuted(y, table, name, settings=settings) for name in ("x - y", "y - x"))
    assert np.nanmin(up.p_maps["voxel"]) == 1 / 200
    assert up.significant("size")[PLANTED].all()
    assert not down.significant("size")[PLANTED].any()
    assert not down.significant("tfce")[PLANTED].any()
    # where t is negative no map has less
    assert (down.p_maps["voxel"][MASK][down.statistic <= 0] == 1).all()


def test_bi_sided_clusters_have_one_sign():
    table = columns()
    y = maps(table, 3)
    halves = PLANTED.copy()
    halves[:6] = False
    y[table["cue"] == "x"] += 6.0 * (PLANTED & ~halves)[MASK] - 6.0 * halves[MASK]
    together, apart = (permuted(y, table, "cue", settings=replace(SETTINGS, sided=side)) for side in ("2", "bi"))
    assert together.clusters.sizes[0] > apart.clusters.sizes[0]
    signs = np.zeros(SHAPE)
    signs[MASK] = np.sign(apart.statistic)
    for label in range(1, len(apart.clusters.sizes) + 1):
        assert len(np.unique(signs[apart.clusters.labels == label])) == 1


def test_few_subjects_and_empty_maps_are_errors_that_name_the_remedy():
    table = columns((4, 3), absent=())
    with pytest.raises(
        DesignError, match=r"4 distinct sign flips, so the smallest p is 0.25.*add subjects or correct by"
    ):
        permuted(maps(table, 4), table, "b: x - y")
    with pytest.raises(DataError, match="none of 658 voxels can be tested"):
        permuted(np.zeros((14, 658)), table, "cue", settings=replace(SETTINGS, alpha=0.2))


def test_simulated_bi_sided_clusters_have_one_sign_and_a_smaller_null_than_two_sided_ones():
    table = columns()
    y = maps(table, 3)
    halves = PLANTED & (np.arange(SHAPE[0]) >= 6)[:, None, None]
    y[table["cue"] == "x"] += 6.0 * (PLANTED & ~halves)[MASK] - 6.0 * halves[MASK]
    fit = fit_mixed(y, mixed_model(FORMULA, table), residuals=True)
    grid = Grid(shape=SHAPE, affine=np.eye(4))
    noise = smoothness_of(fit.residuals, MASK, grid)
    found = {}
    for sided in ("2", "bi"):
        settings = CorrectionSettings(voxel_p=0.01, alpha=0.05, sided=sided, iterations=500)
        nulls = simulate_nulls(noise, MASK, grid, settings)
        found[sided] = correct(fit.term("cue"), MASK, nulls)
    assert found["bi"].clusters.sizes[0] < found["2"].clusters.sizes[0]
    assert found["bi"].size_threshold <= found["2"].size_threshold
    t = np.zeros(SHAPE)
    t[MASK] = fit.term("cue").t
    for label in range(1, len(found["bi"].clusters.sizes) + 1):
        assert len(np.unique(np.sign(t[found["bi"].clusters.labels == label]))) == 1
