import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.stats.group_variances import GroupVariances, group_variances, residual_traces
from cuecircuit.stats.variance_error import nearest_measured_error


def study(sizes, sds, *, voxels, seed, scores=1):
    """Residuals of subjects' scores about their groups' means, the basis, the subject of each row, the labels."""
    rng = np.random.default_rng(seed)
    labels = [name for name, n in zip("abcdef", sizes, strict=False) for _ in range(n)]
    subjects = np.repeat(np.arange(len(labels)), scores)
    means = (np.array(labels)[:, None] == np.unique(labels)).astype(float)
    basis = np.linalg.qr(np.kron(means, np.eye(scores)))[0]
    y = rng.standard_normal((len(subjects), voxels)) * np.repeat(np.repeat(sds, sizes), scores)[:, None]
    return y - basis @ (basis.T @ y), basis, subjects, labels


def test_the_sd_ratio_of_one_voxel_is_that_of_the_sample_variances_freed_of_the_bias_of_their_logarithms():
    residuals, basis, subjects, labels = study((5, 12), (2.5, 1.0), voxels=1, seed=1)
    found = group_variances([residuals], basis, subjects, labels)
    assert found is not None
    a, b = residuals[:5, 0], residuals[5:, 0]
    # E log(χ²_ν/ν) by quadrature
    bias = [stats.chi2(df).expect(lambda x, df=df: np.log(x / df)) for df in (4, 11)]
    log_ratio = np.log((a @ a / 4) / (b @ b / 11)) - bias[0] + bias[1]
    np.testing.assert_allclose(found.sd_ratio, np.exp(log_ratio / 2), rtol=1e-6)
    assert (found.groups, found.n) == (("a", "b"), (5, 12))


@pytest.mark.parametrize(("sizes", "sds"), [((5, 12), (2.5, 1.0)), ((5, 7, 12), (1.0, 1.5, 2.5))])
@pytest.mark.parametrize("scores", [1, 2])
def test_planted_sds_are_found_without_bias(sizes, sds, scores):
    found = group_variances([(s := study(sizes, sds, voxels=4000, seed=2, scores=scores))[0]], *s[1:])
    assert found is not None
    # the standard error of the mean of 4 000 logarithms is about .006
    np.testing.assert_allclose(found.sd, np.array(sds) / stats.gmean(sds), rtol=0.03)
    assert found.differ
    assert found.p == pytest.approx(0.001)


def test_degrees_of_freedom_about_a_groups_own_mean_are_its_size_less_one():
    _, basis, _, _ = study((5, 12), (1.0, 1.0), voxels=1, seed=0)
    t, df = residual_traces(basis, [np.arange(5), np.arange(5, 17)])
    np.testing.assert_allclose(t, [4, 11])
    np.testing.assert_allclose(df, [4, 11])


@pytest.mark.parametrize("sizes", [(5, 12), (10, 11), (5, 6, 9)])
def test_equal_variances_are_seldom_taken_to_differ(sizes):
    p = []
    for seed in range(100):
        residuals, *design = study(sizes, (1.0,) * len(sizes), voxels=100, seed=seed)
        found = group_variances([residuals], *design, n_permutations=99, seed=seed)
        assert found is not None
        p.append(found.p)
    # a group about its own mean has fewer degrees of freedom than subjects drawn from both: somewhat liberal
    assert 0.1 < np.mean(np.array(p) <= 0.2) < 0.36


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), unit=st.floats(1e-3, 1e3))
def test_units_order_of_subjects_blocks_of_voxels_and_names_do_not_matter(seed, unit):
    residuals, basis, subjects, labels = study((4, 7), (1.3, 1.0), voxels=30, seed=seed)
    found = group_variances([residuals], basis, subjects, labels, n_permutations=99)
    order = np.random.default_rng(seed).permutation(len(labels))
    moved = [{"a": "z", "b": "y"}[labels[k]] for k in order]
    again = group_variances(
        [unit * residuals[order, :7], unit * residuals[order, 7:]], basis[order], subjects, moved, n_permutations=99
    )
    assert found is not None
    assert again is not None
    assert again.sd_ratio == pytest.approx(found.sd_ratio, rel=1e-9)
    sd = dict(zip(again.groups, again.sd, strict=True))
    np.testing.assert_allclose([sd["z"], sd["y"]], found.sd, rtol=1e-9)


def test_voxels_without_variance_are_left_out_and_a_group_of_one_subject_is_no_group():
    residuals, basis, subjects, labels = study((1, 5, 12), (1.0, 2.0, 1.0), voxels=40, seed=3)
    whole = group_variances([residuals], basis, subjects, labels)
    residuals = np.hstack([residuals, np.zeros((18, 1)), np.full((18, 1), np.nan)])
    found = group_variances([residuals], basis, subjects, labels)
    assert found is not None
    assert found.groups == ("b", "c")
    assert found == whole


def test_nothing_to_compare_gives_none():
    residuals, basis, subjects, _ = study((9,), (1.0,), voxels=3, seed=4)
    assert group_variances([residuals], basis, subjects, ["a"] * 9) is None
    residuals, basis, subjects, labels = study((5, 5), (1.0, 1.0), voxels=3, seed=5)
    assert group_variances([np.zeros_like(residuals)], basis, subjects, labels) is None


@pytest.mark.parametrize(
    ("n", "sd", "cell"),
    [
        ((5, 12), (2.4, 1.0), ((5, 12), 2.5)),
        ((12, 5), (1.0, 2.4), ((5, 12), 2.5)),
        ((5, 12), (1.0, 2.6), ((5, 12), 1 / 2.5)),
        ((11, 9), (2.2, 1.0), ((10, 11), 1 / 2.5)),
        ((28, 28), (0.4, 1.0), ((30, 30), 2.5)),
        ((5, 30, 12), (2.5, 1.1, 1.0), ((5, 12), 2.5)),
    ],
)
def test_the_error_rate_told_is_that_of_the_nearest_measured_design(n, sd, cell):
    names = ("a", "b", "c")[: len(n)]
    measured = nearest_measured_error(GroupVariances(labels=names, groups=names, n=n, sd=sd, p=0.01))
    assert (measured.n, measured.sd_ratio) == cell
