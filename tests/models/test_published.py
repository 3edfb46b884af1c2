"""Published results of openly licensed data, tables read as tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cuecircuit as cc
from cuecircuit.stats.reliability import intraclass_correlation

# p of stage × group as the authors print them: lmer(y ~ stage*group + age + sex + (1|rid))
COCAINE = {
    "vas": 0.0125,
    "ccq_n": 0.110,
    "bis11t": 0.0106,
    "hars_tot": 0.6495,
    "hdrs_tot": 0.7489,
    "pitt_score": 0.6686,
}
# mean, SD and ICC of SUV 40 to 60 min, without P07
PET = {"CBL": (0.98, 0.30, 0.90), "FC": (0.92, 0.27, 0.88), "STR": (0.89, 0.27, 0.84),
       "TC": (0.93, 0.27, 0.89), "THA": (1.2, 0.37, 0.87), "WB": (0.90, 0.24, 0.86)}  # fmt: skip


def read(real_data, name: str) -> pd.DataFrame:
    path = real_data / "real" / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside this checkout")
    return pd.read_csv(path, sep="\t" if ".tsv" in name else ",")


def test_six_p_of_the_cocaine_trial_are_the_authors(real_data):
    table = read(real_data, "cud_tms_craving/data2w.csv")
    for measure, printed in COCAINE.items():
        tests = cc.fit(table, "stage*group + age + sex + (1 | rid)", dv=measure, subject="rid").tests
        p = tests.set_index("term").loc["stage:group", "p"]
        # printed with three significant digits or four decimals
        assert p == pytest.approx(printed, abs=6e-4 if printed == 0.110 else 1.1e-4)


# edge of each published table of contrasts, by the regions in the table's name (ins: insula, sn: substantia nigra, ...)
CONTRASTS = {
    "l_cg1_l_cpu": "e1509", "l_cg1_r_cg1": "e1500", "l_g_cer_r_per": "e0966", "l_hipp_l_s_hipp": "e0354",
    "l_ins_r_sn": "e0054", "r_amy_l_thal": "e0220", "r_amy_l_v_cer": "e0190", "r_cg1_r_cg2": "e1522",
    "r_cg2_l_m2": "e1598", "r_cg2_r_thal": "e1607", "r_ent_l_sn": "e0614", "r_hipp_r_v_cer": "e0397",
    "r_ins_r_sn": "e0110", "r_v_cer_l_l_cer": "e1188",
}  # fmt: skip
SCANS = ["rat", "session", "group", "batch", "sex", "age"]
BY_SEX = "center(age)*group*sex + batch + (1 | rat)"


def test_kenward_roger_contrasts_of_alcohol_rats_are_emmeans_to_the_printed_digits(real_data):
    table = read(real_data, "rat_alcohol_stress/fc_fisherz.tsv.gz")
    printed = {edge: read(real_data, f"rat_alcohol_stress/published/{name}.csv") for name, edge in CONTRASTS.items()}
    texts = sorted({f"{row.Sex}: {row.contrast}" for rows in printed.values() for row in rows.itertuples()})
    fitted = cc.fit(
        table[SCANS], BY_SEX, values=table[list(printed)].to_numpy(float), subject="rat", df="kenward-roger",
        contrasts=texts,
    )  # fmt: skip
    n = 0
    for place, (edge, rows) in enumerate(printed.items()):
        for row in rows.to_dict("records"):
            test = fitted.fit.test(f"{row['Sex']}: {row['contrast']}")
            found = [round(float(values[place]), 2) for values in (test.estimate, test.se, test.df2, test.t)]
            assert found == [row[name] for name in ("estimate", "SE", "df", "t.ratio")], (edge, row)
            n += 1
    assert n == 24


def test_degrees_of_freedom_that_jump_where_a_variance_is_0_are_named(real_data):
    table = read(real_data, "rat_alcohol_stress/fc_fisherz.tsv.gz")[[*SCANS, "e0110"]]
    with pytest.warns(UserWarning, match=r"variance \(1 \| rat\) is 0: .* compare with --df kenward-roger"):
        quick = cc.fit(table, BY_SEX, dv="e0110", subject="rat")
    # 83.84 by Kenward and Roger: Satterthwaite's df are those of independent scans
    assert quick.contrast("male: Ctrl - AlcStr")["df2"] > 300


def test_slopes_of_all_listed_edges_are_the_network_statistics(real_data):
    listed = read(real_data, "rat_alcohol_stress/published/nbr_mod1_p05_edges.tsv")
    edges = read(real_data, "rat_alcohol_stress/edges.tsv").set_index(["i", "j"])["edge"]
    table = read(real_data, "rat_alcohol_stress/fc_fisherz.tsv.gz")
    columns = ["rat", "session", "group", "batch", "sex", "age"]
    groups = {"Age_GroupAlc": "Alc", "Age_GroupAlcStr": "AlcStr", "Age_GroupStr": "Str"}
    texts = {term: f"{group} - Ctrl: age" for term, group in groups.items()}
    wanted = listed[listed.term.isin(texts)]
    names = sorted({edges[tuple(pair)] for pair in wanted[["i", "j"]].to_numpy()})
    fitted = cc.fit(
        table[columns], "age*group + sex + batch + (1 | rat)", values=table[names].to_numpy(float),
        subject="rat", contrasts=tuple(texts.values()),
    )  # fmt: skip
    t = {test.name: dict(zip(names, test.t, strict=True)) for test in fitted.fit.tests if test.t is not None}
    for row in wanted.itertuples():
        # strength is t beyond the threshold that the network was cut at, with its sign
        assert abs(t[texts[row.term]][edges[row.i, row.j]]) - abs(row.strength) == pytest.approx(1.96722, abs=2e-5)


def test_a_table_that_holds_every_scan_three_times_is_refused(real_data):
    table = read(real_data, "rat_alcohol_stress/dbm_regions.tsv")
    tripled = pd.concat([table] * 3)
    with pytest.raises(cc.DataError, match="698 rows repeat another row in every column"):
        cc.fit(tripled, "group*sex + (1 | rat)", dv="VO")


def test_test_retest_of_pet_is_the_authors(real_data):
    table = read(real_data, "pet_pbr28_testretest/suv4060_long.csv").query("subject != 'P07'")
    for region, rows in table.groupby("region"):
        wide = rows.pivot(index="subject", columns="session", values="suv4060").to_numpy()
        mean, sd, icc = PET[region]
        found = intraclass_correlation(wide[:, :, None], kind="agreement").icc[0]
        # two digits are printed
        assert wide.mean() == pytest.approx(mean, abs=0.015)
        assert wide.std(ddof=1) == pytest.approx(sd, abs=0.006)
        assert found == pytest.approx(icc, abs=0.0051)


def test_pet_regions_and_genotypes_are_those_of_afex(real_data):
    table = read(real_data, "pet_pbr28_testretest/suv4060_long.csv")
    tests = cc.anova(table, "suv4060", subject="subject", between="genotype", within=["session", "region"]).tests
    rows = tests.set_index("term")
    printed = {"genotype": 3.860, "session": 2.149, "region": 47.09, "genotype:session": 0.325,
               "session:region": 1.041, "genotype:session:region": 1.062}  # fmt: skip
    for term, value in printed.items():
        assert rows.loc[term, "F"] == pytest.approx(value, abs=0.006)
    np.testing.assert_allclose(rows.loc[["region", "session:region"], "eps_gg"], [0.383, 0.318], atol=6e-4)


def heat_ratings(real_data: Path) -> pd.DataFrame:
    trials = read(real_data, "pain_placebo_ds004746/trials.csv.gz")
    heat = trials[trials.modality == "heat"].dropna(subset=["int_rating", "sex"]).copy()
    heat["cond"] = np.where(heat.run.isin([1, 4]), "control", "placebo")
    heat["level"] = "L" + heat.level.astype(str)
    heat["position"] = "r" + heat.run.astype(str) + "t" + heat.trial.astype(str)
    return heat


def test_placebo_is_tested_on_trials_of_the_session_where_these_are_crossed_with_people(real_data):
    heat = heat_ratings(real_data)
    columns = ["subject", "family", "cond", "level", "sex", "position", "run", "trial", "int_rating"]
    formula = "cond*level + sex + (1 | family) + (1 | family:subject) + (1 | position)"
    test = cc.fit(heat[columns].reset_index(drop=True), formula, dv="int_rating").tests.set_index("term").loc["cond"]
    means = heat.groupby(["cond", "position"]).int_rating.mean()
    t = stats.ttest_ind(means["placebo"], means["control"]).statistic
    # 32 positions, rated by nearly everybody: their means are all that tells placebo from control
    assert test["F"] == pytest.approx(t**2, rel=0.05)
    assert test["df2"] == pytest.approx(30, abs=0.5)


def test_control_less_placebo_in_families_is_lmers(real_data):
    heat = heat_ratings(real_data)
    columns = ["subject", "family", "run", "trial", "cond", "level", "sex", "int_rating"]
    formula = "cond*level + sex + (1 | family) + (1 | family:subject)"
    fitted = cc.fit(heat[columns].reset_index(drop=True), formula, dv="int_rating")
    tests = fitted.tests.set_index("term")
    for term, f, df2 in (("cond", 299.417, 5881.55), ("level", 135.865, 5888.28), ("sex", 0.528, 348.6)):
        assert tests.loc[term, "F"] == pytest.approx(f, abs=2e-3)
        assert tests.loc[term, "df2"] == pytest.approx(df2, abs=0.06)
    maps = {name: values[0] for name, values in fitted.fit.fitted.maps.items()}
    variances = [maps[f"variance {name}"] for name in ("(1 | family)", "(1 | family:subject)", "residual")]
    np.testing.assert_allclose(variances, [0.002512, 0.011768, 0.017332], atol=1e-6)
