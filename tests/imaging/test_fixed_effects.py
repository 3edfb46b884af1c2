import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.nifti1 import Nifti1Image

from cuecircuit.errors import DesignError
from cuecircuit.imaging.fixed_effects import Estimate, over_runs, precision_weighted

SHAPE = (3, 2, 2)


def estimates(seed, runs=3):
    rng = np.random.default_rng(seed)
    return [Estimate(effect=rng.standard_normal(12), variance=rng.uniform(0.5, 2, 12)) for _ in range(runs)]


def test_runs_are_combined_as_nilearn_does():
    from nilearn.glm import compute_fixed_effects

    runs = estimates(1)
    images = [
        [Nifti1Image(values.reshape(SHAPE), np.eye(4)) for values in kind]
        for kind in ([run.effect for run in runs], [run.variance for run in runs])
    ]
    mask = Nifti1Image(np.ones(SHAPE, np.uint8), np.eye(4))
    theirs = compute_fixed_effects(*images, mask=mask, precision_weighted=True)

    found = precision_weighted(runs)

    np.testing.assert_allclose(found.effect.reshape(SHAPE), theirs[0].get_fdata(), rtol=1e-6)  # nilearn saves float32
    np.testing.assert_allclose(found.variance.reshape(SHAPE), theirs[1].get_fdata(), rtol=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_the_variance_is_below_that_of_every_run(seed):
    runs = estimates(seed)

    found = precision_weighted(runs)

    assert (found.variance < np.min([run.variance for run in runs], axis=0)).all()


def test_a_voxel_that_one_run_lacks_is_made_of_the_others():
    first, second = estimates(2, runs=2)
    first.effect[3] = np.nan

    found = precision_weighted([first, second])

    assert found.effect[3] == pytest.approx(second.effect[3])
    assert found.variance[3] == pytest.approx(second.variance[3])


def test_conditions_of_different_runs_add_with_their_variances():
    saline, naloxone = estimates(3, runs=2)

    found = over_runs("d", [(frozenset({"saline"}), saline), (frozenset({"naloxone"}), naloxone)])

    np.testing.assert_allclose(found.effect, saline.effect + naloxone.effect)
    np.testing.assert_allclose(found.variance, saline.variance + naloxone.variance)


def test_overlapping_sets_of_conditions_are_refused():
    one, other = estimates(4, runs=2)
    with pytest.raises(DesignError, match=r"contrast d: runs hold different but overlapping"):
        over_runs("d", [(frozenset({"a", "b"}), one), (frozenset({"a"}), other)])
