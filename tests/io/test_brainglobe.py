import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.brainglobe import read_brainglobe

STRUCTURES = {
    1: {"name": "root", "structure_id_path": [1]},
    2: {"name": "White matter", "structure_id_path": [1, 2]},
    3: {"name": "corpus callosum", "structure_id_path": [1, 2, 3]},
    4: {"name": "Ventricular system", "structure_id_path": [1, 4]},
    5: {"name": "Cortex", "structure_id_path": [1, 5]},
}


def install(monkeypatch, **parts):
    """Stand in for the package: the attributes of its atlas class that are used here."""

    def atlas(name, check_latest):
        if name != "small_rat":
            raise ValueError(f"{name} is not a valid atlas name!")
        return SimpleNamespace(structures=STRUCTURES, metadata={"version": "1.2"}, **parts)

    package = ModuleType("brainglobe_atlasapi")
    package.BrainGlobeAtlas = atlas
    monkeypatch.setitem(sys.modules, "brainglobe_atlasapi", package)


def test_an_atlas_of_another_orientation_comes_back_as_ras(monkeypatch):
    # axes from anterior, superior and right, so x runs along the last axis, backward
    labels = np.zeros((4, 3, 2), np.uint32)
    labels[0, 1, 0] = 5  # most anterior, middle height, right
    install(monkeypatch, orientation="asr", resolution=(50, 40, 30), annotation=labels, reference=labels * 10)

    found = read_brainglobe("small_rat")

    assert found.labels.shape == (2, 4, 3)
    np.testing.assert_allclose(found.grid.voxel_mm, [0.03, 0.05, 0.04])
    (place,) = found.grid.mm(np.argwhere(found.labels == 5).astype(float))
    # right of the middle by half a voxel, anterior by 1.5, in the middle of three slices
    np.testing.assert_allclose(place, [0.015, 0.075, 0.0], atol=1e-12)
    np.testing.assert_array_equal(found.image, found.labels * 10.0)


def test_tissues_are_all_labels_below_their_name_in_the_tree(monkeypatch):
    install(
        monkeypatch, orientation="ras", resolution=(50,) * 3, annotation=np.ones((2, 2, 2)), template=np.ones((2, 2, 2))
    )

    found = read_brainglobe("small_rat")

    assert found.tissues == {"white_matter": (2, 3), "ventricles": (4,)}
    assert found.names[5] == "Cortex"
    assert found.version == "1.2"


def test_a_name_that_is_unknown_is_said(monkeypatch):
    install(monkeypatch, orientation="ras", resolution=(1, 1, 1), annotation=None, reference=None)

    with pytest.raises(DataError, match="brainglobe:large_rat: large_rat is not a valid atlas name"):
        read_brainglobe("large_rat")


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "brainglobe_atlasapi", None)

    with pytest.raises(DataError, match="pip install brainglobe-atlasapi"):
        read_brainglobe("whs_sd_rat_39um")
