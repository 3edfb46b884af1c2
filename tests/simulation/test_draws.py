from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.simulation.draws import Ends, Slope, draw_response, share_between
from cuecircuit.study.questions import Base

MANY, ROWS = 4000, 5
UNIT = np.repeat(np.arange(MANY), ROWS)


def base(**settings) -> Base:
    return Base.model_validate({"in": "operant.infusions", **settings})


NUMBERS = base(mean=3.0, between_sd=1.5, within_sd=0.8)
COUNTS = base(mean=25.0, between_sd=8.0, within_sd=5.0, counts=True)


@pytest.mark.parametrize("kind", [NUMBERS, COUNTS])
def test_means_and_both_standard_deviations_are_those_of_the_base(kind):
    expected = np.full(MANY * ROWS, kind.mean)
    values = draw_response(expected, UNIT, kind, np.random.default_rng(1)).reshape(MANY, ROWS)
    within = np.sqrt(values.var(axis=1, ddof=1).mean())
    between = np.sqrt(values.mean(axis=1).var(ddof=1) - within**2 / ROWS)
    # standard errors of 4000 subjects are about 1 % of an SD; counts are rounded (variance 1/6 or less), and in who has
    # more the rows differ by more: √(W² (1 + B²/m²))
    assert values.mean() == pytest.approx(kind.mean, abs=4 * kind.between_sd / np.sqrt(MANY))
    assert between == pytest.approx(kind.between_sd, rel=0.05)
    growth = np.sqrt(1 + (kind.between_sd / kind.mean) ** 2) if kind.counts else 1.0
    assert within == pytest.approx(kind.within_sd * growth, rel=0.05)


def test_counts_are_whole_and_effects_multiply_their_spread_as_well():
    expected = np.repeat([25.0, 50.0], MANY)
    values = draw_response(expected, np.tile(np.arange(MANY), 2), COUNTS, np.random.default_rng(2))
    once, twice = values[:MANY], values[MANY:]
    assert (values == np.rint(values)).all()
    assert (values >= 0).all()
    assert twice.mean() / once.mean() == pytest.approx(2, rel=0.01)
    assert twice.std() / once.std() == pytest.approx(2, rel=0.06)


def test_edges_that_share_a_region_correlate_as_stated_and_others_do_not():
    base = Base.model_validate({"in": "edges.rest", "mean": 0.3, "between_sd": 0.4, "within_sd": 0.3, "shared_r": 0.3})
    pairs = np.array(list(combinations(range(4), 2))).T
    n, edges = 4_000, pairs.shape[1]
    row = np.arange(n * 2 * edges)
    cell = row // edges
    ends = Ends(regions=np.tile(pairs, 2 * n), subject=cell // 2, cell=cell)
    unit = cell // 2 * edges + row % edges
    values = draw_response(np.full(len(row), base.mean), unit, base, np.random.default_rng(1), ends=ends)
    values = values.reshape(n, 2, edges)
    expected = np.array([[len({*one} & {*other}) for one in pairs.T] for other in pairs.T])
    # five standard errors of a correlation of so many
    np.testing.assert_allclose(np.corrcoef(values[:, 0].T), np.choose(expected, [0, 0.3, 1]), atol=5 / np.sqrt(n))
    np.testing.assert_allclose(values.std(axis=0), 0.5, rtol=0.06)
    # two cells of a subject share what is between subjects alone
    repeated = np.mean([np.corrcoef(values[:, 0, k], values[:, 1, k])[0, 1] for k in range(edges)])
    assert repeated == pytest.approx(0.4**2 / 0.5**2, abs=0.03)
    with pytest.raises(ValueError, match="shared_r is of edges"):
        Base.model_validate({"in": "subjects.age", "mean": 1, "between_sd": 1, "within_sd": 0, "shared_r": 0.3})


@pytest.mark.parametrize("kind", [NUMBERS, COUNTS])
@given(r=st.floats(-0.8, 0.8), seed=st.integers(0, 2**32))
def test_a_slope_plants_its_correlation_and_leaves_mean_and_spread(kind, r, seed):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(MANY)
    unit, expected = np.arange(MANY), np.full(MANY, kind.mean)
    slope = Slope(rows=np.ones(MANY, bool), z=(z - z.mean()) / z.std(), r=r)
    values = draw_response(expected, unit, kind, rng, slopes=[slope])
    plain = draw_response(expected, unit, kind, np.random.default_rng(seed + 1))
    # six standard errors of Fisher's z; log-normal counts have heavier tails, which widens it by less than half
    assert np.arctanh(np.corrcoef(values, z)[0, 1]) == pytest.approx(np.arctanh(r), abs=9 / np.sqrt(MANY))
    assert values.std() == pytest.approx(plain.std(), rel=0.15)
    assert values.mean() == pytest.approx(kind.mean, rel=0.1)


def test_rows_outside_a_slope_lean_on_nothing():
    rng = np.random.default_rng(5)
    z, half = rng.standard_normal(MANY), np.arange(MANY) < MANY // 2
    values = draw_response(np.zeros(MANY), np.arange(MANY), NUMBERS, rng, slopes=[Slope(rows=half, z=z, r=0.7)])
    assert np.corrcoef(values[half], z[half])[0, 1] == pytest.approx(0.7, abs=0.05)
    assert np.corrcoef(values[~half], z[~half])[0, 1] == pytest.approx(0.0, abs=4 / np.sqrt(MANY / 2))


def test_the_largest_correlation_leaves_nothing_of_the_subject_itself():
    most = share_between(NUMBERS)
    assert most == pytest.approx(1.5 / np.hypot(1.5, 0.8))
    z = np.random.default_rng(0).standard_normal(200)
    values = draw_response(
        np.zeros(200),
        np.arange(200),
        base(mean=0.0, between_sd=1.0, within_sd=0.0),
        np.random.default_rng(1),
        slopes=[Slope(rows=np.ones(200, bool), z=z, r=1.0)],
    )
    np.testing.assert_allclose(values, z, atol=1e-12)


def test_numbers_without_effects_are_normal():
    values = draw_response(np.zeros(500), np.arange(500), NUMBERS, np.random.default_rng(9))
    assert stats.kstest(values / np.hypot(1.5, 0.8), "norm").pvalue > 0.001
