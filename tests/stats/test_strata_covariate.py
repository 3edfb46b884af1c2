"""A covariate with values of its own for every response, against the same covariate in the design of each response."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_covariate import ResponseCovariate
from cuecircuit.stats.strata_design import Contrast, MixedDesign, strata_model

GROUPS = ["ShA"] * 5 + ["LgA"] * 4 + ["naive"] * 4


def study(seed: int, voxels: int = 6, age: bool = True) -> tuple[np.ndarray, np.ndarray, MixedDesign]:
    rng = np.random.default_rng(seed)
    x = rng.normal(5.0, 1.0, (13, 6, voxels)) + rng.normal(size=(13, 1, voxels))
    y = rng.normal(size=x.shape) + 0.4 * x
    covariates = {"age": rng.normal(size=13), "resp": rng.normal(size=(13, 6))} if age else {}
    design = MixedDesign(
        subjects=[f"s{k}" for k in range(13)],
        between={"group": GROUPS},
        within={"cue": ("saline", "naloxone"), "dose": ("low", "mid", "high")},
        covariates=covariates,
    )
    return y, x, design


def with_covariate(design: MixedDesign, x: np.ndarray) -> MixedDesign:
    return MixedDesign(
        subjects=design.subjects,
        between=design.between,
        within=design.within,
        covariates={**design.covariates, "perfusion": x},
    )


CONTRASTS = (
    Contrast(name="simple", family="all", group=np.array([0.0, 1, 0]), condition=np.array([1, 1, 1, -1, -1, -1]) / 3),
    Contrast(name="groups", family="all", group=np.array([-1.0, 1, 0]), condition=np.full(6, 1 / 6)),
)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_every_test_is_that_of_the_covariate_in_the_design_of_each_voxel(seed):
    y, x, design = study(seed)
    found = strata_anova(
        y, strata_model(design, contrasts=CONTRASTS), covariate=ResponseCovariate(name="perfusion", values=x)
    )
    for voxel in range(y.shape[2]):
        model = strata_model(with_covariate(design, x[:, :, voxel]), contrasts=CONTRASTS)
        one = strata_anova(y[:, :, voxel : voxel + 1], model, residuals=True)
        assert {(t.name, t.stratum) for t in one.terms} == {(t.name, t.stratum) for t in found.terms}
        for expected in (*one.terms, *one.contrasts):
            test = found.term(expected.name, expected.stratum)
            assert (test.df1, test.df2) == (expected.df1, expected.df2)
            # two orders of orthogonalization: 1e-9 is a million roundings
            np.testing.assert_allclose(test.f[voxel], expected.f[0], rtol=1e-9)
            for name in ("estimate", "t", "eps_gg", "eps_hf", "ss_error", "ss"):
                values = getattr(expected, name)
                if values is not None:
                    np.testing.assert_allclose(getattr(test, name)[voxel], values[0], rtol=1e-8, err_msg=name)


def test_residuals_and_blocks_are_those_of_the_design():
    y, x, design = study(3)
    covariate = ResponseCovariate(name="perfusion", values=x)
    found = strata_anova(y, design, covariate=covariate, residuals=True)
    one = strata_anova(y[:, :, 2:3], with_covariate(design, x[:, :, 2]), residuals=True)
    # rounding of 13 × 6 sums of numbers near 1
    np.testing.assert_allclose(found.residuals[:, :, 2:3], one.residuals, atol=1e-12)
    blocks = strata_anova(y, design, covariate=covariate, block=1)
    for test, other in zip(found.terms, blocks.terms, strict=True):
        # sums of a matrix product in another order
        np.testing.assert_allclose(test.f, other.f, rtol=1e-10)


def test_a_covariate_between_subjects_has_one_slope_between_subjects():
    y, x, design = study(1)
    x[:] = x[:, :1]
    found = strata_anova(y, design, covariate=ResponseCovariate(name="volume", values=x))
    assert [test.stratum for test in found.terms if test.name == "volume"] == ["subject"]
    assert found.term("cue").df2 == strata_anova(y, design).term("cue").df2
    assert found.n_flat == 0


def test_a_group_in_disguise_is_refused_and_a_flat_voxel_is_counted():
    y, x, design = study(2)
    x[:, :, 3] = 7.0
    found = strata_anova(y, design, covariate=ResponseCovariate(name="perfusion", values=x))
    assert found.n_flat == 1
    assert all(np.isnan(test.f[3]) and np.isfinite(np.delete(test.f, 3)).all() for test in found.terms)
    disguised = np.broadcast_to(
        np.array([{"ShA": 1.0, "LgA": 2.0, "naive": 4.0}[g] for g in GROUPS])[:, None, None], x.shape
    )
    with pytest.raises(DesignError, match="covariate 'perfusion', subject: a group in disguise in every voxel"):
        strata_anova(y, design, covariate=ResponseCovariate(name="perfusion", values=disguised))
    with pytest.raises(DesignError, match="as y"):
        strata_anova(y, design, covariate=ResponseCovariate(name="perfusion", values=x[:, :, :2]))


def test_p_is_uniform_where_the_covariate_explains_a_difference_between_groups():
    rng = np.random.default_rng(8)
    shift = np.array([GROUPS.index(g) for g in GROUPS])[:, None, None] / 4
    x = rng.normal(size=(13, 6, 4000)) + shift
    y = rng.normal(size=x.shape) + rng.normal(size=(13, 1, 4000)) + 0.8 * x
    design = study(0, age=False)[2]
    found = strata_anova(y, design, covariate=ResponseCovariate(name="x", values=x), epsilons=False)
    for name in ("group", "cue", "group:cue", "cue:dose"):
        # of uniform p one in 250 such tests fails
        assert stats.kstest(found.term(name).p, "uniform").pvalue > 1e-3
    # 20 scores with a slope of 0.8 standard deviations: power .88 by the noncentral t
    assert np.mean(found.term("x", "subject:cue:dose").p < 0.05) > 0.85
