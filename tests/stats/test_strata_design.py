import numpy as np
import pytest

from cuecircuit.errors import DesignError
from cuecircuit.stats.strata_design import MixedDesign, strata_model

CUE = {"cue": ("plus", "minus")}
FOUR = {"group": ["a", "a", "b", "b"]}


def fault(n=4, *, between=None, within=None, covariates=None, **more) -> str:
    with pytest.raises(DesignError) as caught:
        strata_model(
            MixedDesign(
                subjects=[f"rat{i + 1}" for i in range(n)],
                between=FOUR if between is None else between,
                within=CUE if within is None else within,
                covariates=covariates or {},
                **more,
            )
        )
    return str(caught.value)


def test_one_subject_per_group_leaves_no_error():
    text = fault(2, between={"group": ["a", "b"]})
    assert "no degrees of freedom are left for error (2 subjects, group)" in text
    assert "stratum of (Intercept)" in text
    assert "stratum of cue" in text


def test_a_covariate_that_is_a_group_in_disguise_is_named():
    text = fault(covariates={"dose": np.array([60.0, 60, 20, 20])})
    assert "covariate 'dose': a group in disguise" in text
    assert "leave out the covariate or the factor" in text


def test_a_covariate_that_is_a_condition_in_disguise_is_named():
    text = fault(covariates={"minute": np.array([[0.0, 30]] * 4)})
    assert "covariate 'minute'" in text
    assert "disguise" in text


def test_two_covariates_that_say_the_same_are_named():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, 2))
    text = fault(9, between={}, covariates={"grams": x, "kg": x / 1000 + 5})
    assert "covariate 'kg'" in text


def test_an_empty_combination_of_levels_is_named_and_its_term_left_out():
    between = {"group": ["a"] * 4 + ["b"] * 2, "sex": ["f", "f", "m", "m", "f", "f"]}
    model = strata_model(MixedDesign(subjects=[f"s{k}" for k in range(6)], between=between))
    assert model.note == (
        "no subject has group:sex b:m; what can be estimated without is tested (type III as in lmerTest): group:sex "
        "not at all"
    )
    assert [term.name for term in model.strata[0].terms] == ["(Intercept)", "group", "sex"]


def test_two_factors_that_say_the_same_are_named():
    text = fault(between={**FOUR, "access": ["long", "long", "short", "short"]})
    assert "column access[long] is aliased" in text


def test_a_constant_covariate_is_named():
    assert "covariate 'dose': found 3 everywhere, expected it to vary" in fault(covariates={"dose": np.full(4, 3.0)})


def test_a_covariate_that_is_missing_names_subject_and_cell():
    x = np.arange(8.0).reshape(4, 2)
    x[2, 1] = np.nan
    assert "covariate 'resp': found nan for subject rat3 minus (1 such)" in fault(covariates={"resp": x})


def test_shapes_and_labels_that_do_not_fit_are_all_listed():
    text = fault(between={"group": ["a", "b"]}, covariates={"resp": np.zeros((4, 3))})
    assert "factor 'group': found 2 labels, expected one for each of 4 subjects" in text
    assert "covariate 'resp': found shape (4, 3), expected (4,) or (4, 2)" in text


def test_levels_within_subjects_must_differ():
    assert "within factor 'cue': found the levels ['plus']" in fault(within={"cue": ("plus",)})
    assert "within factor 'cue'" in fault(within={"cue": ("plus", "plus")})


def test_a_name_may_stand_once():
    assert "'group' is named twice" in fault(covariates={"group": np.arange(4.0)})


def test_a_covariate_within_subjects_cannot_be_crossed():
    assert "cannot be crossed" in fault(covariates={"resp": np.arange(8.0).reshape(4, 2)}, crossed=("resp",))


def test_a_covariate_stands_only_in_strata_where_it_varies():
    rng = np.random.default_rng(1)
    between, inside = rng.standard_normal(8), rng.standard_normal((8, 2))
    inside -= inside.mean(axis=1, keepdims=True)
    design = MixedDesign(subjects=list("abcdefgh"), within=CUE, covariates={"age": between, "resp": inside + 1e6})
    strata = {stratum.name: [term.name for term in stratum.terms] for stratum in strata_model(design).strata}
    assert strata == {"subject": ["(Intercept)", "age"], "subject:cue": ["cue", "resp"]}


def test_a_large_constant_in_a_covariate_is_no_alias():
    rng = np.random.default_rng(2)
    design = MixedDesign(subjects=list("abcdefgh"), within=CUE, covariates={"when": 1e9 + rng.random((8, 2))})
    assert [stratum.df for stratum in strata_model(design).strata] == [6, 6]
