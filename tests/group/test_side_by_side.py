import pytest
from pydantic import ValidationError

from cuecircuit.group.side_by_side import METHODS, permuted_by
from cuecircuit.study.acquisition import Correction


def test_each_permutation_asks_for_its_own_maximum_only() -> None:
    assert permuted_by(("permutation tfce", "fdr", "permutation size")) == ("size", "tfce")
    assert permuted_by(("simulation size", "fdr")) == ()


def test_the_study_file_knows_every_method_by_the_same_name() -> None:
    names = tuple(name.replace(" ", "_") for name in METHODS)
    assert Correction(method="none", alpha=0.05, compare=names).compare == names
    with pytest.raises(ValidationError, match="permutation_tfce"):
        Correction(method="none", alpha=0.05, compare=("permutation_tfse",))
