"""The network-based statistic against brute force, bctpy, laws, its null and a planted network."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DataError, DesignError
from cuecircuit.group.networks import find_networks, network_test
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.fit import fit
from cuecircuit.models.model import Model

PAIRS = np.array(list(combinations(range(6), 2)))
GROUPS = pd.DataFrame({"who": [f"s{k}" for k in range(8)], "group": ["a"] * 4 + ["b"] * 4})
BETWEEN = Model(subject="who", between=("group",))


def flooded(strength, height):
    """Edges of every component with the sum of their excess, each component grown from one edge."""
    excess = {frozenset(map(int, PAIRS[k])): strength[k] - height for k in np.flatnonzero(strength > height)}
    waiting, found = set(excess), {}
    while waiting:
        component = {waiting.pop()}
        while near := {edge for edge in waiting if any(edge & other for other in component)}:
            component |= near
            waiting -= near
        found[frozenset(component)] = sum(excess[edge] for edge in component)
    return found


def own_networks(label, intensity):
    return {
        frozenset(frozenset(map(int, pair)) for pair in PAIRS[label == number]): intensity[number - 1]
        for number in range(1, label.max() + 1)
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["1", "2", "bi"]))
def test_networks_are_the_components_grown_edge_by_edge(seed, sided):
    t = np.random.default_rng(seed).standard_t(5, len(PAIRS))
    label, extent, intensity = find_networks(t, PAIRS, 1.0, sided)
    parts = {"1": [t], "2": [np.abs(t)], "bi": [t, -t]}[sided]
    expected = {edges: size for part in parts for edges, size in flooded(part, 1.0).items()}
    found = own_networks(label, intensity)
    assert set(found) == set(expected)
    for edges, size in expected.items():
        assert found[edges] == pytest.approx(size)
    assert extent.tolist() == sorted((len(edges) for edges in expected), reverse=True)
    np.testing.assert_array_equal(extent, np.bincount(label, minlength=len(extent) + 1)[1:])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_names_of_regions_and_order_of_edges_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    t, names, order = rng.standard_t(5, len(PAIRS)), rng.permutation(6), rng.permutation(len(PAIRS))
    plain = find_networks(t, PAIRS, 1.0, "2")
    moved = find_networks(t[order], names[PAIRS][order][:, ::-1], 1.0, "2")
    assert plain[1].tolist() == moved[1].tolist()
    np.testing.assert_allclose(plain[2], moved[2])


def test_p_is_that_of_all_exchanges_done_one_by_one():
    rng = np.random.default_rng(3)
    y = rng.standard_normal((8, len(PAIRS)))
    y[4:, [0, 1, 5]] += 1.5
    fitted = fit(GROUPS, y, BETWEEN)
    found = network_test(
        fitted, fitted.test("group"), PAIRS, PermutationSettings(n_permutations=100, alpha=0.05), height=1.5
    )
    extents, intensities = [], []
    for members in combinations(range(8), 4):
        others = [k for k in range(8) if k not in members]
        t = np.abs(stats.ttest_ind(y[list(members)], y[others]).statistic)
        parts = flooded(t, 1.5)
        extents.append(max(map(len, parts), default=0))
        intensities.append(max(parts.values(), default=0.0))
    assert found.exchanged == "69 permutations (all distinct)"
    assert len(extents) == len(found.max_extent) == 70
    for extent, intensity, p_extent, p_intensity in zip(
        found.extent, found.intensity, found.p_extent, found.p_intensity, strict=True
    ):
        assert p_extent == np.mean(np.array(extents) >= extent)
        assert p_intensity == np.mean(np.array(intensities) >= intensity - 1e-4)


# bctpy 0.6.0 (numpy 2.4.6, Python 3.11), bct.nbs_bct(x, y, 2.0, k=20000, tail="both", seed=1) of the data below, x the
# first half: p of the one network, edges 0-1 and 1-2, and how often the largest network had 0 ... 3 edges. With
# paired=True subject k of x is that of y.
BCTPY = {False: (0.13105, (0.4279, 0.44105, 0.09845, 0.0251)), True: (0.18525, (0.36135, 0.4534, 0.13295, 0.03875))}


@pytest.mark.parametrize("paired", [False, True])
def test_networks_and_p_are_those_of_bctpy(paired):
    rng = np.random.default_rng(11)
    y = rng.standard_normal((24, len(PAIRS)))
    y[12:, [0, 1, 5]] += 1.0
    table = pd.DataFrame({"who": [f"s{k % 12 if paired else k}" for k in range(24)], "cell": ["a"] * 12 + ["b"] * 12})
    model = Model(subject="who", **{"within" if paired else "between": ("cell",)})
    fitted = fit(table, y, model)
    found = network_test(fitted, fitted.test("cell"), PAIRS, PermutationSettings(n_permutations=5000), height=2.0)
    p, shares = BCTPY[paired]
    assert [tuple(PAIRS[k]) for k in np.flatnonzero(found.label == 1)] == [(0, 1), (1, 2)]
    # four standard errors of the difference of shares of 5 000 and of 20 000
    assert found.p_extent[0] == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) * (1 / 5000 + 1 / 20000)))
    own = np.bincount(found.max_extent.astype(int), minlength=4)[:4] / len(found.max_extent)
    np.testing.assert_allclose(own, shares, atol=4 * np.sqrt(0.25 * (1 / 5000 + 1 / 20000)))


MIXED = Model(subject="who", between=("group",), within=("cue",))
CELLS = pd.DataFrame([{"who": f"s{k}", "group": "ab"[k % 2], "cue": cue} for k in range(16) for cue in ("off", "on")])


def p_of(y, term, model=MIXED, table=CELLS, **options):
    fitted = fit(table, y, model)
    settings = PermutationSettings(**{"n_permutations": 59, "voxel_p": 0.05, **options})
    found = network_test(fitted, fitted.test(term), PAIRS, settings)
    return found.p_extent.min(initial=1.0), found.p_intensity.min(initial=1.0)


def test_no_effect_gives_networks_no_more_often_than_alpha():
    rng = np.random.default_rng(4)
    p = np.array([p_of(rng.standard_normal((len(CELLS), len(PAIRS))), "group:cue", seed=k) for k in range(200)])
    # 200 draws: binomial standard error .0154 at .05, four of them allowed
    assert (p <= 0.05).mean(axis=0).max() < 0.05 + 4 * 0.0154


def test_a_path_that_a_cue_opens_in_one_group_is_found():
    y = np.random.default_rng(5).standard_normal((len(CELLS), len(PAIRS)))
    opened = ((CELLS["group"] == "b") & (CELLS["cue"] == "on")).to_numpy()
    y[np.ix_(opened, [0, 5, 9])] += 4.0  # edges 0-1, 1-2, 2-3
    fitted = fit(CELLS, y, MIXED)
    found = network_test(fitted, fitted.test("group:cue"), PAIRS, PermutationSettings(n_permutations=199, voxel_p=0.01))
    assert set(np.flatnonzero(found.label == 1)) >= {0, 5, 9}
    assert found.p_extent[0] <= 0.01


def test_a_mixed_model_is_tested_as_well():
    y = np.random.default_rng(6).standard_normal((len(CELLS), len(PAIRS)))
    y[np.ix_((CELLS["cue"] == "on").to_numpy(), [0, 5, 9])] += 2.0
    model = Model(subject="who", formula="group*cue + (1 | who)")
    fitted = fit(CELLS, y, model)
    found = network_test(fitted, fitted.test("cue"), PAIRS, PermutationSettings(n_permutations=199, voxel_p=0.01))
    assert set(np.flatnonzero(found.label == 1)) >= {0, 5, 9}
    assert found.p_intensity[0] <= 0.01


@pytest.mark.parametrize(
    ("pairs", "fault"),
    [
        (PAIRS[:-1], "found 14 pairs of regions, expected one for each of 15"),
        (np.vstack([PAIRS[:-1], [[2, 2]]]), "an edge of a region with itself"),
        (np.vstack([PAIRS[:-1], [[1, 0]]]), "a pair of regions twice"),
    ],
)
def test_edges_that_are_none_are_refused(pairs, fault):
    fitted = fit(GROUPS, np.random.default_rng(0).standard_normal((8, len(PAIRS))), BETWEEN)
    with pytest.raises(DesignError, match=fault):
        network_test(fitted, fitted.test("group"), pairs, PermutationSettings(n_permutations=69))


def test_edges_that_nobody_varies_in_are_no_null():
    fitted = fit(GROUPS, np.ones((8, len(PAIRS))), BETWEEN)
    with pytest.raises(DataError, match="no edge can be tested"):
        network_test(fitted, fitted.test("group"), PAIRS, PermutationSettings(n_permutations=69))
