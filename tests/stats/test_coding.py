import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import DesignError
from cuecircuit.stats.coding import (
    between_terms,
    conditions,
    factor,
    factorial_terms,
    orthonormal_contrasts,
    sum_to_zero,
    within_effects,
)


def test_levels_stand_in_order_of_first_appearance():
    coded = factor("access", ["LgA", "ShA", "LgA", "ShA"])
    assert coded.levels == ("LgA", "ShA")
    assert coded.codes.tolist() == [0, 1, 0, 1]


def test_a_factor_of_one_level_is_named():
    with pytest.raises(DesignError, match=r"factor 'access': found only the level 'LgA', expected two or more"):
        factor("access", ["LgA", "LgA"])


def test_terms_stand_in_factorial_order():
    assert factorial_terms(["g", "a", "b"]) == (
        (),
        ("g",),
        ("a",),
        ("b",),
        ("g", "a"),
        ("g", "b"),
        ("a", "b"),
        ("g", "a", "b"),
    )


def test_the_last_factor_changes_fastest():
    cells = conditions({"cue": ("plus", "minus"), "block": ("early", "late")})
    assert cells == (("plus", "early"), ("plus", "late"), ("minus", "early"), ("minus", "late"))


@given(st.integers(2, 12))
def test_both_codings_sum_to_zero_over_levels(n):
    np.testing.assert_allclose(sum_to_zero(n).sum(axis=0), 0)
    np.testing.assert_allclose(orthonormal_contrasts(n).sum(axis=0), 0, atol=1e-14)
    assert np.linalg.matrix_rank(sum_to_zero(n)) == n - 1


@given(st.lists(st.integers(2, 5), min_size=0, max_size=3))
def test_scores_of_all_effects_are_an_orthonormal_basis_of_the_conditions(sizes):
    effects = within_effects({f"f{i}": [str(level) for level in range(n)] for i, n in enumerate(sizes)})
    basis = np.hstack([effect.scores for effect in effects])
    np.testing.assert_allclose(basis.T @ basis, np.eye(int(np.prod(sizes))), atol=1e-13)


def test_two_levels_are_positive_where_the_first_is_larger():
    assert sum_to_zero(2)[0, 0] > 0
    assert orthonormal_contrasts(2)[0, 0] > 0


def test_an_interaction_is_the_product_of_its_factors():
    group, sex = factor("group", ["a", "a", "b", "b", "c", "c"]), factor("sex", ["f", "m"] * 3)
    terms = {term.factors: term.columns for term in between_terms([group, sex], 6)}
    np.testing.assert_array_equal(terms["group", "sex"], terms["group",] * terms["sex",])
