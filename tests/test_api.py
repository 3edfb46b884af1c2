"""The public names: light to import, documented with examples that run, the same numbers as below."""

import doctest
import importlib
import subprocess
import sys
from contextlib import nullcontext
from pkgutil import iter_modules

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import cuecircuit as cc
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign


def test_every_public_name_is_there_and_has_a_docstring():
    assert len(cc.__all__) == len(set(cc.__all__))
    # a package of the same name would take its place once it is imported
    packages = {module.name for module in iter_modules(cc.__path__)}
    assert not packages & set(cc.__all__)
    for name in cc.__all__:
        assert getattr(cc, name).__doc__


def test_importing_imports_nothing_heavy():
    code = "import sys, cuecircuit; print([m for m in ('numpy', 'pandas', 'nibabel', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("module", ["fitting", "result", "voxels", "studies"])
def test_the_examples_of_the_docstrings_run(module):
    flags = doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    found = doctest.testmod(importlib.import_module(f"cuecircuit.api.{module}"), optionflags=flags)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.fixture
def study():
    rng = np.random.default_rng(1)
    rows, cells = [], np.empty((10, 2, 6, 6, 6))
    for rat in range(10):
        for place, cue in enumerate(("sal", "nal")):
            cells[rat, place] = rng.normal(size=(6, 6, 6))
            image = nib.Nifti1Image(cells[rat, place].astype(np.float32), np.diag([2, 2, 2, 1]))
            rows.append((f"r{rat}", "LgA" if rat < 5 else "ShA", cue, image))
    mask = nib.Nifti1Image(np.ones((6, 6, 6), np.uint8), np.diag([2, 2, 2, 1]))
    return pd.DataFrame(rows, columns=["rat", "access", "cue", "map"]), mask, cells


def test_images_in_and_out_are_the_numbers_of_the_array_functions(study):
    table, mask, cells = study
    fit = cc.fit(table, mask=mask, subject="rat", between="access", within="cue")
    design = MixedDesign(
        subjects=[f"r{k}" for k in range(10)],
        between={"access": ["LgA"] * 5 + ["ShA"] * 5},
        within={"cue": ("sal", "nal")},
    )
    expected = strata_anova(cells.reshape(10, 2, -1).astype(np.float32), design).term("access:cue")
    image = fit.maps["access:cue"]["F"]
    np.testing.assert_allclose(image.get_fdata().ravel(), expected.f, rtol=1e-9)
    np.testing.assert_allclose(image.affine, mask.affine)
    assert fit.tests.term.tolist() == ["(Intercept)", "access", "cue", "access:cue"]
    assert "access:cue" in fit._repr_html_()
    assert list(fit.means("access:cue")) == ["LgA:nal", "LgA:sal", "ShA:nal", "ShA:sal"]
    means = fit.means("access:cue")["LgA:nal"].get_fdata()
    np.testing.assert_allclose(means, cells[:5, 1].mean(axis=0), atol=1e-6)


def test_a_contrast_is_the_same_by_strata_and_by_the_mixed_model_of_a_complete_design(study):
    table, mask, _ = study
    strata = cc.fit(table, mask=mask, subject="rat", between="access", within="cue").contrast("LgA - ShA: nal - sal")
    mixed = cc.fit(table, "access*cue + (1 | rat)", mask=mask).contrast("LgA - ShA: nal - sal")
    np.testing.assert_allclose(strata["effect"].get_fdata(), mixed["effect"].get_fdata(), atol=1e-9)


def test_what_is_missing_is_said():
    table = pd.DataFrame({"rat": ["a", "b"], "access": ["x", "y"]})
    with pytest.raises(cc.DesignError, match="found no response"):
        cc.fit(table, "access")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cc.nothing


@pytest.mark.parametrize("words", [["-m", "cuecircuit", "--version"]])
def test_the_module_is_the_command(words):
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    assert done.stdout == f"cuecircuit {cc.__version__}\n"


def test_anova_by_formula_is_that_of_the_columns_and_says_what_is_positive():
    rng = np.random.default_rng(6)
    rows = [
        {"rat": f"r{k}", "access": "LgA" if k < 5 else "ShA", "cue": cue, "y": rng.normal() + (k < 5)}
        for k in range(10)
        for cue in ("sal", "nal")
    ]
    table, order = pd.DataFrame(rows), {"access": ("ShA", "LgA"), "cue": ("sal", "nal")}
    strata = cc.anova(table, "y", subject="rat", between="access", within="cue", factors=order)
    mixed = cc.anova(table, "y", subject="rat", formula="access*cue + (1 | rat)", factors=order)
    tests = mixed.tests.set_index("term").loc[["access", "cue", "access:cue"]]
    np.testing.assert_allclose(tests.F, strata.tests.F, rtol=1e-6)
    assert strata.directions["access:cue"] == mixed.directions["access:cue"] == "(ShA - LgA) × (sal - nal)"


def test_one_side_of_a_factor_needs_a_contrast_and_variances_are_the_callers_choice(study):
    table, mask, _ = study
    asked = {"mask": mask, "subject": "rat", "between": "access", "within": "cue"}
    with pytest.raises(cc.DesignError, match=r"one side of access: .* write the side as a contrast"):
        cc.fit(table, **asked).correct("access", sided="1", n=50)
    same = {"n": 59, "statistic": "voxel", "seed": 3}
    equal, apart = (cc.permute(table, "access", variance=how, **same, **asked) for how in ("equal", "groups"))
    assert not np.array_equal(equal.p.get_fdata(), apart.p.get_fdata())


AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
MASK = nib.Nifti1Image(np.ones((6, 6, 6), np.uint8), AFFINE)


def people(change=lambda k, values: values) -> pd.DataFrame:
    """Sixteen people of two groups, a map each."""
    rng = np.random.default_rng(2)
    maps = [np.asarray(change(k, rng.normal(size=(6, 6, 6)).astype(np.float32))) for k in range(16)]
    images = [nib.Nifti1Image(values, AFFINE) for values in maps]
    return pd.DataFrame({"id": [f"s{k}" for k in range(16)], "group": ["HC", "iHUD"] * 8, "map": images})


@pytest.mark.parametrize(("value", "why"), [(np.nan, "no finite value"), (0, "0 everywhere"), (5, "5 everywhere")])
def test_a_map_that_is_no_measurement_is_set_aside_with_a_warning(value, why):
    table = people(lambda k, values: np.full_like(values, value) if k == 3 else values)
    with pytest.warns(UserWarning, match=f"map 4: left out, {why}"):
        fit = cc.fit(table, "group", mask=MASK)
    without = cc.fit(people().drop(index=3), "group", mask=MASK)
    np.testing.assert_array_equal(fit.maps["group"]["F"].get_fdata(), without.maps["group"]["F"].get_fdata())
    assert fit.tests["df2"].tolist() == [13, 13]
    assert fit.notes == (f"map 4: left out, {why} in the mask",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values * np.float32(1e30), r"map 4: values of .* is it in another unit"),
        (lambda values: values * np.float32(1000), r"map 4: values of .* is it in another unit"),
        (lambda values: values.astype(np.complex64), "map 4: holds complex64 values"),
        (lambda values: np.zeros((6, 6, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "map 4: holds colors"),
        (lambda values: np.where(values > 2, np.inf, values).astype(np.float32), "map 4: infinite values in"),
        (lambda values: values[:5], r"map 4: found shape \(5, 6, 6\)"),
    ],
)
def test_maps_that_are_no_measurement_of_the_same_kind_are_refused(change, message):
    with pytest.raises(cc.DataError, match=message):
        cc.fit(people(lambda k, values: change(values) if k == 3 else values), "group", mask=MASK)


def test_copies_zeros_gaps_and_variances_that_are_none_are_named():
    def change(k, values):
        values[:1] = {5: 0, 6: np.nan}.get(k, values[:1])
        return values

    table = people(change)
    table.loc[2, "map"] = nib.Nifti1Image(np.asarray(table.loc[0, "map"].dataobj), AFFINE)
    table["variance"] = people(lambda k, values: np.full_like(values, -1 if k == 9 else 2))["map"]
    table.loc[12, "map"] = None
    with pytest.warns(UserWarning, match="left out|same data|variances|exactly 0|lack a map") as caught:
        fit = cc.fit(table, "group", mask=MASK, variance="variance")
    told = [str(each.message) for each in caught]
    assert told == [
        "row 13: left out, no map",
        "map 1 and map 3 hold the same data; is one a copy of the other?",
        "variances that are not above 0 count as missing: voxels of map 10 (216)",
        "map 6: exactly 0 in 36 of 216 voxels of the mask (not covered?); --zero-is-missing "
        "(in Python zero_is_missing=True) leaves them out",
        "36 of 216 voxels lack a map: map 7 (36)",
    ]
    assert len(fit.notes) == len(told)


def test_one_map_in_two_rows_and_rows_of_the_same_keys_are_refused():
    table = people()
    table.loc[4, "map"] = table.loc[1, "map"]
    with pytest.raises(cc.DataError, match=r"row 5 .* names the map of row 2 again"):
        cc.fit(table, "group", mask=MASK)
    with pytest.raises(cc.DataError, match=r"row 3 .* has the same id, group as row 1"):
        cc.fit(people().assign(id=["a", "b"] * 8), "group + (1 | id)", mask=MASK)


def test_arrays_are_maps_too():
    table = people()
    arrays = table.assign(map=[np.asarray(image.dataobj) for image in table["map"]])
    by_array, by_image = (cc.fit(each, "group", mask=MASK).maps["group"]["F"] for each in (arrays, table))
    np.testing.assert_array_equal(by_array.get_fdata(), by_image.get_fdata())


def test_groups_that_differ_in_variance_are_told_of_when_their_subjects_are_permuted():
    table = people(lambda k, values: values * (4 if k % 2 else 1))
    settings = {"mask": MASK, "n": 39, "statistic": "voxel"}
    strata = {"subject": "id", "between": "group"}
    for model in ({"formula": "group"}, strata):
        with pytest.warns(UserWarning, match=r"groups differ in variance: HC \(n = 8.* subjects are rotated within"):
            rotated = cc.permute(table, "group", **model, **settings)
        assert rotated.notes[0].startswith("groups differ in variance")
        with pytest.warns(UserWarning, match="permutation at .05 found something in .* variance='groups' in Python"):
            cc.permute(table, "group", **model, **settings, variance="equal")
    assert cc.permute(people(), "group", "group", **settings).notes == ()


def test_a_contrast_of_an_error_strata_design_is_permuted():
    told = cc.permute(people(), "HC - iHUD", mask=MASK, subject="id", between="group", n=59, statistic="voxel",
                      contrasts="HC - iHUD")  # fmt: skip
    term = cc.permute(people(), "group", mask=MASK, subject="id", between="group", n=59, statistic="voxel")
    np.testing.assert_allclose(told.p.get_fdata(), term.p.get_fdata())


@pytest.mark.parametrize("formula", [None, "access*cue + (1 | rat)", "access*cue"])
def test_the_effect_of_a_term_is_the_difference_of_its_levels(formula):
    rng = np.random.default_rng(5)
    rows = [(f"{access}{k}", access, cue) for access in ("ShA", "LgA") for k in range(6) for cue in ("no", "yes")]
    table = pd.DataFrame(rows, columns=["rat", "access", "cue"])
    own = np.repeat(rng.normal(0, 3, 12), 2)
    planted = 3.0 * (table["access"] == "LgA") * (table["cue"] == "yes")
    table["presses"] = own + planted + rng.normal(size=len(table))
    names = {"subject": "rat", "between": "access", "within": "cue"} if formula is None else {}
    levels = {"access": ["ShA", "LgA"], "cue": ["no", "yes"]}
    fit = cc.fit(table, formula, dv="presses", factors=levels, **names)
    tests = fit.tests.set_index("term")
    for term, text in (("access", "ShA - LgA"), ("cue", "no - yes"), ("access:cue", "ShA - LgA: no - yes")):
        contrast = fit.contrast(text)
        for name in ("effect", "se", "low", "high"):
            np.testing.assert_allclose(tests.loc[term, name], contrast[name], rtol=1e-9)
    assert fit.directions["access:cue"] == "(ShA - LgA) × (no - yes)"
    cells = table.groupby(["access", "cue"])["presses"].mean()
    expected = cells["ShA", "no"] - cells["ShA", "yes"] - cells["LgA", "no"] + cells["LgA", "yes"]
    np.testing.assert_allclose(tests.loc["access:cue", "effect"], expected, rtol=1e-9)


def test_the_console_shows_tests_and_the_names_are_the_public_ones():
    table = pd.DataFrame({"subject": [f"p{k}" for k in range(8)], "group": ["a", "b"] * 4, "y": np.arange(8.0)})
    assert repr(cc.fit(table, "group", dv="y")).split()[:3] == ["term", "df1", "df2"]
    assert [name for name in dir(cc) if not name.startswith("_")] == sorted(cc.__all__)


def test_a_subject_with_several_rows_is_refused_where_rows_count_as_independent():
    table = pd.DataFrame({"subject": ["p0", "p1", "p2", "p3"] * 3, "group": ["a", "b"] * 6, "y": np.arange(12.0)})
    with pytest.raises(cc.DataError, match="subject p0 and 3 more have several rows, expected one each"):
        cc.fit(table, "group", dv="y")


def test_what_is_none_of_the_words_is_refused():
    table = pd.DataFrame({"subject": [f"p{k}" for k in range(12)], "group": ["a", "b"] * 6, "y": np.arange(12.0)})
    # without the checks of types that tests have
    script = "import cuecircuit as cc; cc.Model(formula='1 + (1 | subject)', df='kr')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "DesignError: df 'kr': expected one of satterthwaite, kenward-roger, none" in done.stderr
    with pytest.raises(cc.DesignError, match="found '0' after"):
        cc.fit(table, "group/0", dv="y")


def test_arrays_of_values_are_checked_and_what_they_lack_is_named():
    table = pd.DataFrame({"id": [f"p{k}" for k in range(8)], "group": ["a", "b"] * 4})
    values = np.random.default_rng(0).normal(size=(8, 3))
    with pytest.raises(cc.DesignError, match=r"shape \(7, 3\), expected real numbers, a row for each of the table's 8"):
        cc.fit(table, "group", values=values[1:])
    values[2] = np.nan
    with pytest.warns(UserWarning, match="row 3: no finite value|3 of 3 responses lack a value"):
        found = cc.fit(table, "group", values=values)
    assert found.tests["df2"].tolist() == [5, 5]
    for ask in (found.means, found.compare, found.plot, lambda _: found.contrast("a - b"), lambda _: found.evidence()):
        with pytest.raises(cc.DesignError, match="found 3 responses of an array, expected one column or maps"):
            ask("group")
    with pytest.raises(cc.DesignError, match="another index than that of the data"):
        cc.fit(table, "group", values=pd.DataFrame(values)[::-1])


def test_columns_of_tables_are_read_as_r_reads_them():
    relapsed = [True, True, False, True, True, False, False, False, True, False, False, False]
    table = pd.DataFrame({"dose": np.repeat([10, 5], 6), "relapsed": relapsed})
    fit = cc.fit(table, "dose", dv="relapsed", factors={"dose": [10, 5]})
    # anova(lm(as.numeric(relapsed) ~ factor(dose)))$F of R 4.2
    assert fit.tests["F"][1] == pytest.approx(0.75 / (2.16666666667 / 10))
    assert fit.roles["dose"] == "factor 10, 5"
    with pytest.raises(cc.DesignError, match="found the response dose, but relapsed is tested"):
        cc.fit(table, "dose ~ 1", dv="relapsed")
    exact = pd.DataFrame({"rat": np.repeat(list("abcdef"), 2), "cue": ["x", "y"] * 6, "y": [1.0, 2.0] * 6})
    with pytest.raises(cc.DataError, match="no test has an F; the model leaves no error"):
        cc.fit(exact, "cue + (1 | rat)", dv="y")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda fit, rats: cc.fit("rats.tsv", "access", dv="y"), "fit: data: found 'rats.tsv', expected a table"),
        (lambda fit, rats: cc.fit(rats, 3, dv="y"), "fit: formula: found 3, expected text"),
        (lambda fit, rats: cc.fit(rats[:0], "access", dv="y"), "the table has no row"),
        (
            lambda fit, rats: cc.fit(pd.concat([rats, rats[["access"]]], axis=1), "access", dv="y"),
            "'access' is there twice",
        ),
        (lambda fit, rats: cc.fit(rats, "access", values=np.ones((8, 0)), subject="rat"), r"shape \(8, 0\)"),
        (lambda fit, rats: cc.fit(rats, "access", mask=np.ones((2, 2, 2))), "no response|mask: found ndarray"),
        (lambda fit, rats: fit.compare("access", adjust="hochberg"), "found 'hochberg', expected 'none', 'bonferroni'"),
        (lambda fit, rats: fit.means("access", confidence=95), "confidence: found 95, expected a number less than 1"),
        (lambda fit, rats: fit.evidence(scale="wide"), "evidence: scale: found 'wide', expected a number"),
        (lambda fit, rats: cc.simulate_clusters(None, 4.0), "acf: found 4.0, expected it by its name"),
        (lambda fit, rats: fit.contrast(3), "contrast: text: found 3, expected text"),
        (
            lambda fit, rats: fit.correct("access", n=-1, seed=-1),
            "n: found -1, .*\n.*seed: found -1, expected a number",
        ),
        (lambda fit, rats: fit.correct("access", sided=2, n_jobs=0), "sided: found 2, expected '1', '2' or 'bi'"),
        (
            lambda fit, rats: cc.map_power(None, 10.5, np.nan),
            "n: found 10.5.*\n.*d: found nan, expected a finite number",
        ),
        (lambda fit, rats: cc.map_power(None, [], 1), "n: found "),
        (lambda fit, rats: cc.map_power(None, 9, 1, acf=(0.5, 2)), r"acf: found \(0.5, 2\), expected one more value"),
        (lambda fit, rats: cc.pool(rats, "y", region="a", subject="rat", noise="cauchy"), "'normal' or 'student'"),
        (lambda fit, rats: cc.edges(None, None, kind="partial"), "expected 'correlation', 'beta_series' or 'ppi'"),
        (
            lambda fit, rats: cc.split_half(rats, "access", subject="rat", splits=0),
            "splits: found 0, expected a number",
        ),
        (
            lambda fit, rats: cc.split_half(rats, "access", subject="rat", p=2),
            "p: found 2, expected a number less than 1",
        ),
    ],
)
def test_arguments_that_are_none_are_named_by_function_and_name(call, words):
    rats = pd.DataFrame({"rat": list("abcdefgh"), "access": ["LgA", "ShA"] * 4, "y": np.arange(8.0) ** 2})
    with pytest.raises(cc.CuecircuitError, match=words):
        call(cc.fit(rats, "access", dv="y", subject="rat"), rats)


def test_numbers_and_names_may_be_numpys_and_pandas():
    rats = pd.DataFrame({"rat": list("abcdefgh"), "access": ["LgA", "ShA"] * 4, "y": np.arange(8.0) ** 2})
    plain = cc.split_half(rats, "access", values=rats[["y"]], subject="rat", between="access", p=0.5, splits=2)
    same = cc.split_half(
        rats,
        "access",
        values=rats[["y"]],
        subject="rat",
        between=pd.Index(["access"]),
        p=np.float32(0.5),
        splits=np.int64(2),
    )
    pd.testing.assert_frame_equal(plain.halves, same.halves)


@pytest.mark.parametrize(("n", "told"), [(4, True), (10, False)])
def test_bisquare_of_few_subjects_is_told_to_reject_too_often(n, told):
    rats = pd.DataFrame({"rat": [f"r{k}" for k in range(2 * n)], "access": ["LgA", "ShA"] * n})
    noise = np.random.default_rng(1).normal(size=(2 * n, 4000))
    with pytest.warns(UserWarning, match="8 subjects for 2 columns are few") if told else nullcontext():
        p = cc.fit(rats, "access", values=noise, subject="rat", method="bisquare").fit.test("access").p
    # Monte Carlo SE .0034
    assert (np.mean(p <= 0.05) > 0.065) == told
