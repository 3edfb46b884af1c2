"""Partial pooling against numpyro's NUTS (values beside the reference), its own laws, and what it is for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cuecircuit as cc
from cuecircuit.errors import DataError, DesignError
from cuecircuit.stats.pooling import CHECKS, pool_regions


def scores(n: int, regions: np.ndarray, *, sd: float = 1.0, seed: int = 0) -> np.ndarray:
    """Scores of n subjects in regions with these means."""
    rng = np.random.default_rng(seed)
    return regions + 0.5 * rng.standard_normal((n, 1)) + sd * rng.standard_normal((n, len(regions)))


@pytest.mark.parametrize(("noise", "column"), [("normal", "numpyro"), ("student", "numpyro_t")])
def test_effects_of_21_rats_in_19_regions_are_numpyros(reference: Path, noise: str, column: str):
    table = pd.read_csv(reference / "crossed" / "rba_scores.tsv", sep="\t")
    theirs = pd.read_csv(reference / "crossed" / "rba_reference.tsv", sep="\t")
    x = np.column_stack([np.ones(21), table["group"]])
    found = pool_regions(table.iloc[:, 2:].to_numpy(), x, noise=noise, draws=1500)
    for place, effect in enumerate(("mean", "LgA-ShA")):
        rows = theirs[theirs["effect"] == effect].set_index("region").loc[list(table.columns[2:])]
        mean, sd = (rows[f"{column}_{name}"].to_numpy() for name in ("mean", "sd"))
        own = found.effects[:, place]
        # Monte Carlo error of 1,500 draws: .026 sd of a mean, shared between regions through β; .018 of a sd's ratio
        assert np.abs((own.mean(axis=0) - mean) / sd).max() < 0.12
        assert np.abs(own.std(axis=0) / sd - 1).max() < 0.07
        assert np.abs(found.p_positive[place] - rows[f"{column}_p"].to_numpy()).max() < 0.035


def test_regions_without_differences_shrink_to_their_mean_and_far_regions_keep_theirs():
    x = np.ones((20, 1))
    same = pool_regions(scores(20, np.zeros(12)), x, draws=1000)
    own = scores(20, np.zeros(12)).mean(axis=0)
    assert same.effects.mean(axis=0).std() < 0.7 * own.std()
    apart = scores(20, np.linspace(-5, 5, 12))
    np.testing.assert_allclose(
        pool_regions(apart, x, draws=1000).effects.mean(axis=0)[0], apart.mean(axis=0), atol=0.15
    )


def test_unit_scales_the_effects_and_the_seed_gives_the_same_draws():
    y, x = scores(10, np.linspace(0, 1, 5)), np.ones((10, 1))
    one, thousand = pool_regions(y, x, draws=50), pool_regions(1000 * y, x, draws=50)
    np.testing.assert_allclose(thousand.effects, 1000 * one.effects, rtol=1e-8)
    np.testing.assert_allclose(thousand.predictive_p, one.predictive_p)


def test_p_plus_is_uniform_over_studies_without_an_effect():
    x = np.ones((12, 1))
    found = [pool_regions(scores(12, np.zeros(6), seed=k), x, draws=80).p_positive[0, 0] for k in range(30)]
    # standard error of the mean of 30 uniform numbers .053; the prior of β is flat
    assert abs(np.mean(found) - 0.5) < 0.2
    assert np.mean((np.array(found) < 0.05) | (np.array(found) > 0.95)) < 0.25


def test_outliers_show_in_the_check_of_kurtosis_and_student_noise_takes_them():
    clean = scores(20, np.zeros(8))
    y, x, kurtosis = clean.copy(), np.ones((20, 1)), CHECKS.index("kurtosis of residuals")
    y[3, 2] = y[7, 2] = 15.0
    without, normal, student = (
        pool_regions(values, x, noise=noise, draws=300)
        for values, noise in ((clean, "normal"), (y, "normal"), (y, "student"))
    )
    assert normal.predictive_p[kurtosis] < 0.01 < student.predictive_p[kurtosis]
    shift = [np.abs(found.effects.mean(axis=0) - without.effects.mean(axis=0))[0, 2] for found in (normal, student)]
    assert shift[1] < 0.5 * shift[0]


def rats(n: int = 16) -> pd.DataFrame:
    """Access raises one region of six."""
    rng = np.random.default_rng(4)
    rows = [
        (f"r{k}", ["ShA", "LgA"][k % 2], region, 200 + 10 * (k % 5), rng.normal() + 4.0 * (region == "NAc") * (k % 2))
        for k in range(n)
        for region in ("Insula", "NAc", "PVN", "VTA", "CeA", "S1")
    ]
    return pd.DataFrame(rows, columns=["rat", "access", "region", "weight", "percent"])


def test_a_planted_difference_is_found_in_its_region_and_a_rat_without_a_score_is_named():
    table = rats()
    table.loc[7, "percent"] = np.nan
    options = {"region": "region", "subject": "rat", "between": "access", "levels": ("ShA", "LgA"), "draws": 400}
    with pytest.warns(UserWarning, match="r1: left out, no value of NAc"):
        found = cc.pool(table, "percent", covariates="weight", **options)
    effects = found.regions.set_index(["effect", "region"])
    assert list(dict.fromkeys(found.regions["effect"])) == ["mean", "LgA - ShA", "slope of weight"]
    assert effects.loc[("LgA - ShA", "NAc"), "p_positive"] > 0.99
    assert effects.loc[("LgA - ShA", "NAc"), "low"] > 1
    assert effects.loc["LgA - ShA"].drop("NAc")["p_positive"].between(0.005, 0.995).all()
    assert found.sensitivity["scale"].tolist() == [1.25, 5.0]
    assert found.sensitivity["largest change of P+"].max() < 0.15
    assert len(found.plot("LgA - ShA").axes) == 1


def test_faults_of_a_table_are_named():
    twice = pd.concat([rats(), rats().head(1)])
    with pytest.raises(DataError, match="r0: 2 scores in Insula"):
        cc.pool(twice, "percent", region="region", subject="rat")
    with pytest.raises(DataError, match="no column 'area'"):
        cc.pool(rats(), "percent", region="area", subject="rat")
    with pytest.raises(DesignError, match="expected more subjects"):
        cc.pool(rats(2), "percent", region="region", subject="rat")
