"""Levels have an order that the rows of a table do not make, and what is positive is written down."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DesignError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.model import Model
from cuecircuit.models.roles import levels_of
from cuecircuit.pipeline.map_tests.command import group_command
from cuecircuit.pipeline.map_tests.permuted import Permutation

SHAPE = (6, 6, 5)
ONE_SIDE = Permutation(statistic="voxel", settings=PermutationSettings(n_permutations=60, sided="1"))
T_OF_GROUP = "contrast-access_stat-t_statmap"
STRATA = {"subject": "rat", "between": ("access",), "within": ("cue",)}
MIXED = {"subject": "rat", "formula": "access*cue + (1|rat)"}


@pytest.fixture
def tables(tmp_path):
    """Twelve rats, two cues; long access is higher by 6 everywhere; one table in order, one reversed."""
    rng = np.random.default_rng(2)
    rows = []
    for rat in range(12):
        for cue in ("sal", "nal"):
            data = rng.normal(size=SHAPE) + (6.0 if rat < 5 else 0.0)
            nib.Nifti1Image(data.astype("f4"), np.eye(4)).to_filename(tmp_path / f"{rat}{cue}.nii.gz")
            access = "LgA" if rat < 5 else "ShA"
            rows.append(
                {
                    "rat": f"r{rat:02d}",
                    "access": access,
                    "cue": cue,
                    "age": 1.5 * (rat % 4),
                    "map": f"{rat}{cue}.nii.gz",
                }
            )
    nib.Nifti1Image(np.ones(SHAPE, np.uint8), np.eye(4)).to_filename(tmp_path / "mask.nii.gz")
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "forward.tsv", sep="\t", index=False)
    frame[::-1].to_csv(tmp_path / "backward.tsv", sep="\t", index=False)
    frame[frame["cue"] == "sal"][::-1].to_csv(tmp_path / "one.tsv", sep="\t", index=False)
    return tmp_path


def fitted(folder, table, model, correction=None):
    group_command(folder / f"{table}.tsv", folder / "out", folder / "mask.nii.gz", model=model, correction=correction)
    t = nib.load(folder / "out" / f"{T_OF_GROUP}.nii.gz").get_fdata()
    return t, json.loads((folder / "out" / "settings.json").read_text())


@pytest.mark.parametrize(
    "asked",
    [{**STRATA, "covariates": ("age",)}, {**MIXED, "formula": "access*cue + age + (1|rat)"}],
    ids=["strata", "mixed"],
)
def test_the_order_of_rows_gives_no_sign_and_levels_that_are_named_do(tables, asked):
    forward, settings = fitted(tables, "forward", Model(**asked))
    backward, again = fitted(tables, "backward", Model(**asked))
    np.testing.assert_array_equal(forward, backward)
    assert (forward > 0).all()  # LgA comes first by its letters, and is the higher
    assert settings["roles"] == again["roles"]
    assert settings["roles"]["access"] == "factor LgA, ShA"
    assert settings["roles"]["age"] == "number"
    assert settings["directions"]["access"] == "LgA - ShA"
    assert settings["directions"]["accessXcue"] == "(LgA - ShA) × (nal - sal)"
    assert settings["directions"]["age"] == "slope of age"
    sidecar = json.loads((tables / "out" / f"{T_OF_GROUP}.json").read_text())
    assert sidecar == {"Term": "access", "PositiveDirection": "LgA - ShA"}

    turned, settings = fitted(tables, "forward", Model(**asked, factors={"access": ("ShA", "LgA")}))
    np.testing.assert_allclose(turned, -forward, rtol=1e-4)
    assert settings["roles"]["access"] == "factor ShA, LgA"
    assert settings["directions"]["access"] == "ShA - LgA"


def test_one_map_per_subject_follows_the_same_rule(tables):
    found, settings = fitted(tables, "one", Model(formula="access"))
    assert (found > 0).all()
    assert settings["roles"] == {"access": "factor LgA, ShA"}
    turned, _ = fitted(tables, "one", Model(formula="access", factors={"access": ("ShA", "LgA")}))
    np.testing.assert_allclose(turned, -found, rtol=1e-6)


@pytest.mark.parametrize("asked", [STRATA, MIXED], ids=["strata", "mixed"])
def test_one_side_of_a_factor_is_asked_for_as_a_contrast(tables, capsys, asked):
    for correction in (ONE_SIDE, CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=200, sided="1")):
        with pytest.raises(DesignError, match=r"one side of access.*--contrast 'first - second'"):
            fitted(tables, "forward", Model(**asked, tests=("access", "cue", "access:cue")), correction)
        fitted(tables, "forward", Model(**asked, contrasts=("LgA - ShA",)), correction)
        assert "access: not corrected: one-sided" in capsys.readouterr().err
        out = tables / "out"
        assert not (out / "contrast-access_stat-pfwe_statmap.nii.gz").exists()
        p = nib.load(out / "contrast-LgAMinusShA_stat-pfwe_statmap.nii.gz").get_fdata()
        assert p.min() <= 0.05


def test_levels_stand_by_value_by_letters_or_as_a_categorical_column_has_them():
    assert levels_of(pd.Series(["10", "9", "2"]), ["10", "9", "2"]) == ("2", "9", "10")
    assert levels_of(pd.Series(["b", "10", "a"]), ["b", "10", "a"]) == ("10", "a", "b")
    phases = pd.Series(pd.Categorical(["post", "pre"], categories=["pre", "post", "never"]))
    assert levels_of(phases, phases) == ("pre", "post")
