import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cuecircuit.errors import DataError
from cuecircuit.imaging.registration import ants_module, dice, places_in_epi, register, to_epi
from cuecircuit.records.grid import Grid

SHAPE = (28, 32, 20)
GRID = Grid(shape=SHAPE, affine=np.array([[0.5, 0, 0, -7], [0, 0.5, 0, -8], [0, 0, 0.5, -5], [0, 0, 0, 1.0]]))
SHIFT_MM = np.array([1.0, -0.5, 0.5])


def brain(center_mm):
    index = np.argwhere(np.ones(SHAPE, bool)).astype(float)
    away = GRID.mm(index) - center_mm
    inside = ((away / [4.5, 5.5, 3.0]) ** 2).sum(axis=1) < 1
    structure = 800 + 200 * np.sin(1.3 * away[:, 0] + 0.4) * np.cos(0.9 * away[:, 1]) + 60 * away[:, 2]
    volume = gaussian_filter(np.where(inside, structure, 0).reshape(SHAPE), 0.6)
    return volume, inside.reshape(SHAPE)


def test_a_planted_shift_is_found_and_the_mask_comes_back(tmp_path):
    pytest.importorskip("ants", reason="antspyx (extra preprocess) is not installed")
    template, template_mask = brain(np.zeros(3))
    epi, epi_mask = brain(SHIFT_MM)

    found = register(
        epi, GRID, template, GRID, epi_mask=epi_mask, template_mask=template_mask, folder=tmp_path, kind="rigid"
    )

    assert dice(template_mask, epi_mask) < 0.85
    assert dice(to_epi(template_mask, GRID, found, GRID) > 0, epi_mask) > 0.95
    places = places_in_epi(GRID, found, GRID, template_mask)
    known = np.isfinite(places).all(axis=1)
    assert known.mean() > 0.95
    shift = places[known] - GRID.mm(np.argwhere(template_mask).astype(float))[known]
    # a fifth of a voxel
    assert np.abs(np.median(shift, axis=0) - SHIFT_MM).max() < 0.1


def test_without_ants_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ants", None)
    with pytest.raises(DataError, match=r'pip install "cuecircuit\[preprocess\]"'):
        ants_module()


def test_dice_of_known_masks():
    one, other = np.zeros((2, 2, 2), bool), np.zeros((2, 2, 2), bool)
    one[0], other[:, 0] = True, True

    assert dice(one, other) == pytest.approx(0.5)
    assert np.isnan(dice(np.zeros_like(one), np.zeros_like(one)))
