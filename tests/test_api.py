"""The public names: light to import, documented with examples that run, the same numbers as below."""

import doctest
import importlib
import subprocess
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import cuecircuit as cc
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign


def test_every_public_name_is_there_and_has_a_docstring():
    assert len(cc.__all__) == len(set(cc.__all__))
    for name in cc.__all__:
        assert getattr(cc, name).__doc__


def test_importing_imports_nothing_heavy():
    code = "import sys, cuecircuit; print([m for m in ('numpy', 'pandas', 'nibabel', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("module", ["fitting", "voxels", "studies"])
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
