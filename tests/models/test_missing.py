"""Voxels that lack maps: tested on the rest, against R and against the same rest given alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DesignError
from cuecircuit.models.fit import retest
from cuecircuit.stats.missing import missing_patterns
from cuecircuit.stats.mixed_fit import fit_mixed
from cuecircuit.stats.mixed_model import mixed_model
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_covariate import ResponseCovariate
from cuecircuit.stats.strata_design import Contrast, MixedDesign, strata_model
from cuecircuit.stats.strata_subset import of_subjects
from tests.models.bound import mixed_fit, strata_fit

# the first subject's group is not the first to appear once that subject lacks a cell
GROUPS = ["ShA", "LgA", "LgA", "LgA", "LgA", "ShA", "ShA", "ShA", "ShA"]


def study(voxels: int = 20, seed: int = 0) -> tuple[np.ndarray, MixedDesign]:
    rng = np.random.default_rng(seed)
    design = MixedDesign(
        subjects=[f"s{k}" for k in range(9)],
        between={"group": GROUPS},
        within={"cue": ("saline", "naloxone"), "dose": ("low", "mid", "high")},
        covariates={"resp": rng.normal(size=(9, 6))},
    )
    return rng.normal(size=(9, 6, voxels)) + rng.normal(size=(9, 1, voxels)), design


def of(design: MixedDesign, kept: list[int]) -> MixedDesign:
    return MixedDesign(
        subjects=[design.subjects[k] for k in kept],
        between={"group": [GROUPS[k] for k in kept]},
        within=design.within,
        covariates={"resp": design.covariates["resp"][kept]},
    )


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 40))
def test_patterns_part_the_responses_that_lack_rows(seed, rows, responses):
    present = np.random.default_rng(seed).random((rows, responses)) < 0.8
    found = missing_patterns(lambda part: present[:, part], rows, responses, block=7)
    at = np.concatenate([each.responses for each in found]) if found else np.empty(0, int)
    assert sorted(at.tolist()) == np.flatnonzero(~present.all(axis=0)).tolist()
    assert len({each.rows.tobytes() for each in found}) == len(found)
    for each in found:
        expected = np.zeros(rows, bool)
        expected[each.rows] = True
        assert (present[:, each.responses] == expected[:, None]).all()


def test_a_voxel_is_tested_on_the_subjects_that_are_complete_there():
    y, design = study()
    y[0, 2, 5] = np.nan  # the first subject: levels keep their order all the same
    y[[3, 7], :, 6] = np.nan
    contrast = Contrast(
        name="LgA", family="all", group=np.array([0.0, 1.0]), condition=np.array([1, 1, 1, -1, -1, -1]) / 3
    )
    found = strata_fit(y, strata_model(design, contrasts=(contrast,)), fewest=3)
    assert found.fitted.counts["n_not_finite"] == 0
    assert found.fitted.n_units.tolist() == [9] * 5 + [8, 7] + [9] * 13
    for voxel, kept in ((5, [5, 1, 2, 3, 4, 6, 7, 8]), (6, [0, 1, 2, 4, 5, 6, 8])):
        alone = strata_anova(y[kept][:, :, voxel : voxel + 1], strata_model(of(design, kept), contrasts=(contrast,)))
        for expected in (*alone.terms, *alone.contrasts):
            test = found.test(expected.name, expected.stratum)
            assert test.df2[voxel] == expected.df2
            if expected.name == "(Intercept)":
                continue  # where the covariate is 0: a hypothesis of its own
            np.testing.assert_allclose(test.f[voxel], expected.f[0], rtol=1e-10)
            np.testing.assert_allclose(test.p[voxel], expected.p[0], rtol=1e-9)
            if expected.t is not None:
                np.testing.assert_allclose(test.t[voxel], expected.t[0], rtol=1e-10)
            if expected.eps_gg is not None:
                np.testing.assert_allclose(test.eps_gg[voxel], expected.eps_gg[0], rtol=1e-9)
    left = found.fitted.residuals.reshape(y.shape)
    assert np.isnan(left[0, :, 5]).all()
    assert np.isfinite(left[1:, :, 5]).all()


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 8), min_size=1, max_size=5))
def test_a_model_without_some_subjects_is_that_of_the_others(gone):
    """Updated from the model of all, or made of the others: the same tests, or the same refusal."""
    _, design = study()
    contrast = Contrast(
        name="LgA", family="all", group=np.array([0.0, 1.0]), condition=np.array([1, 1, 1, -1, -1, -1]) / 3
    )
    kept = np.setdiff1d(np.arange(9), list(gone))
    try:
        expected = strata_model(design, contrasts=(contrast,), subjects=kept)
    except DesignError:
        with pytest.raises(DesignError):
            of_subjects(strata_model(design, contrasts=(contrast,)), kept)
        return
    found = of_subjects(strata_model(design, contrasts=(contrast,)), kept)
    for one, other in zip(
        (*found.strata, *found.contrast_strata), (*expected.strata, *expected.contrast_strata), strict=True
    ):
        assert one.df == other.df
        np.testing.assert_allclose(one.basis @ one.basis.T, other.basis @ other.basis.T, atol=1e-11)
        for term, alone in zip(one.terms, other.terms, strict=True):
            np.testing.assert_allclose(term.basis @ term.basis.T, alone.basis @ alone.basis.T, atol=1e-10)
            assert term.n == pytest.approx(alone.n, rel=1e-9, nan_ok=True)
            if alone.per_length is not None:
                np.testing.assert_allclose(
                    term.basis[:, 0] * term.per_length, alone.basis[:, 0] * alone.per_length, atol=1e-10
                )


def test_complete_voxels_do_not_know_of_the_others():
    y, design = study()
    whole = strata_anova(y, design)
    y[1, 0, 4] = np.nan
    found = strata_fit(y, design, fewest=3)
    for test, other in zip(whole.terms, found.tests, strict=True):
        # matrix products of another width may sum in another order
        np.testing.assert_allclose(np.delete(test.f, 4), np.delete(other.f, 4), rtol=1e-12)


def test_a_voxel_with_too_few_subjects_in_a_group_is_counted():
    y, design = study()
    y[[1, 2], :, 0] = np.nan
    y[[1, 2, 3], :, 1] = np.nan
    assert strata_fit(y, design, fewest=2).fitted.counts["n_not_finite"] == 1
    assert strata_fit(y, design, fewest=3).fitted.counts["n_not_finite"] == 2
    found = strata_anova(y, design)
    assert found.n_not_finite == 2
    assert np.isnan(found.term("cue").f[:2]).all()


def test_a_map_missing_in_the_covariate_counts_as_missing():
    y, design = study()
    x = np.random.default_rng(5).normal(size=y.shape)
    x[4, 1, 7] = np.nan
    found = strata_fit(y, design, fewest=3, x=x)
    kept = [0, 1, 2, 3, 5, 6, 7, 8]
    alone = strata_anova(
        y[kept][:, :, 7:8], of(design, kept), covariate=ResponseCovariate(name="x", values=x[kept][:, :, 7:8])
    )
    assert found.fitted.n_units[7] == 8
    for expected in alone.terms:
        if expected.name != "(Intercept)":
            test = found.test(expected.name, expected.stratum)
            np.testing.assert_allclose(test.f[7], expected.f[0], rtol=1e-10)
            assert test.df2[7] == expected.df2


FORMULA = "group*cue*block + resp_c + (1|Subj) + (1|Subj:cue) + (1|Subj:block)"


def test_a_mixed_model_of_a_voxel_that_lacks_a_map_is_lme4s_of_the_rows_that_are_there(reference):
    design, y = pd.read_csv(reference / "w1/design.csv"), pd.read_csv(reference / "w1/y.csv").to_numpy(float)
    design["resp_c"] = design.resp - design.resp.mean()
    meta = pd.read_csv(reference / "w1/lmer_unbal_meta.csv").set_index("voxel")
    table = pd.read_csv(reference / "w1/lmer_unbal_anova.csv")
    lacking = np.flatnonzero((design.Subj == "rat05") & (design.cue == "CSminus") & (design.block == "late"))
    y[lacking, 1:3] = np.nan
    model = mixed_model(FORMULA, {name: design[name].to_numpy() for name in design})
    whole = fit_mixed(y[:, :4], model)
    assert whole.n_not_finite == 2
    fit = mixed_fit(y[:, :4], model, fewest=3)
    assert (fit.fitted.counts["n_not_finite"], fit.fitted.counts["n_not_converged"]) == (0, 0)
    assert fit.fitted.n_rows.tolist() == [84, 83, 83, 84]
    assert fit.fitted.n_units.tolist() == [21] * 4
    assert np.isnan(fit.fitted.residuals[lacking, 1]).all()
    assert np.isfinite(np.delete(fit.fitted.residuals, lacking, axis=0)).all()
    for voxel in (1, 2):
        assert fit.fitted.maps["criterion"][voxel] < meta.loc[f"v{voxel + 1}", "reml_crit"] + 1e-8
        rows = table[(table.voxel == f"v{voxel + 1}") & (table.method == "Satterthwaite")].set_index("term")
        for term, row in rows.iterrows():
            # as far as lme4 converged
            assert abs(fit.test(term).f[voxel] - row.F) < 1e-3 * (0.05 + row.F)
            np.testing.assert_allclose(fit.test(term).df2[voxel], row.df2, rtol=1e-3)
    # contrasts as well, and complete voxels as if nothing were missing
    (contrast,) = retest(fit, fit.design.family.asking([model.hypotheses[2]])).tests
    np.testing.assert_array_equal(contrast.f, fit.tests[2].f)
    np.testing.assert_allclose(fit.tests[2].f[[0, 3]], whole.terms[2].f[[0, 3]], rtol=1e-10)


def test_a_mixed_model_counts_the_voxels_where_a_level_keeps_too_few_subjects(reference):
    design, y = pd.read_csv(reference / "w1/design.csv"), pd.read_csv(reference / "w1/y.csv").to_numpy(float)[:, :3]
    design["resp_c"] = design.resp - design.resp.mean()
    model = mixed_model(FORMULA, {name: design[name].to_numpy() for name in design})
    first = design.group == design.group.iloc[0]
    y[(first & (design.Subj.map(list(dict.fromkeys(design.Subj)).index) > 1)).to_numpy(), 1] = np.nan
    y[:, 2] = np.nan
    assert mixed_fit(y, model, fewest=3).fitted.counts["n_not_finite"] == 2
    assert mixed_fit(y, model, fewest=2).fitted.counts["n_not_finite"] == 1
