import base64
import dataclasses
import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.records.grid import Grid
from cuecircuit.report.viewer import BrainVolumes, RegionDots, script_safe, viewer_json

KINDS = {"anatomy": "<u1", "statistic": "<f4", "cluster": "<u2", "region": "<u2", "flags": "<u1"}
# voxel axes: x backwards, z, y, as scanners of small animals write them
AFFINE = np.array([[-0.5, 0, 0, 3.0], [0, 0, 1.0, -4.0], [0, 0.25, 0, -1.0], [0, 0, 0, 1.0]])


def brain() -> BrainVolumes:
    rng = np.random.default_rng(3)
    mask = np.zeros((12, 9, 10), bool)
    mask[2:10, 1:8, 3:9] = True
    grid = Grid(shape=mask.shape, affine=AFFINE)
    statistic = rng.gamma(1, 3, mask.shape)
    labels = rng.integers(0, 3, mask.shape)
    return BrainVolumes(
        grid=grid, anatomy=rng.normal(100, 20, mask.shape), anatomy_grid=grid, statistic=statistic, mask=mask,
        survives=statistic > 8, clusters=labels, regions=labels,
    )  # fmt: skip


def data(volumes: BrainVolumes) -> dict:
    responses = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
    dots = RegionDots(name="Insula", label=1, extent="whole region", responses=responses, groups=("a", "a", "b"))
    return json.loads(
        viewer_json(
            volumes, [dots], levels=("a", "b"), cues=("s", "n"), statistic="F(1, 18)", threshold=8.3, reference="bregma"
        )
    )


def unpacked(content: dict, name: str) -> np.ndarray:
    raw = zlib.decompress(base64.b64decode(content["volumes"][name]))
    return np.frombuffer(raw, KINDS[name]).reshape(content["shape"])


def test_every_voxel_of_the_brain_keeps_its_value_at_its_place_in_mm() -> None:
    volumes = brain()
    content = data(volumes)
    affine = np.array(content["affine"])
    statistic, region, flags = (unpacked(content, name) for name in ("statistic", "region", "flags"))

    assert (np.diag(affine)[:3] > 0).all()  # RAS
    voxels = np.argwhere(volumes.mask)
    at = np.rint(np.linalg.inv(affine) @ np.c_[volumes.grid.mm(voxels.astype(float)), np.ones(len(voxels))].T)
    i, j, k = at[:3].astype(int)
    np.testing.assert_array_equal(statistic[i, j, k], volumes.statistic[volumes.mask].astype("f4"))
    np.testing.assert_array_equal(region[i, j, k], volumes.regions[volumes.mask])
    np.testing.assert_array_equal(flags[i, j, k], 1 + 2 * volumes.survives[volumes.mask])
    assert flags.astype(bool).sum() == len(voxels)


def test_an_anatomy_of_another_grid_is_brought_to_the_voxels_of_the_map() -> None:
    volumes = brain()
    fine = Grid(shape=(24, 18, 20), affine=AFFINE @ np.diag([0.5, 0.5, 0.5, 1]))
    # a plane that rises with y is the same on any grid
    rising = fine.mm(np.indices(fine.shape).reshape(3, -1).T.astype(float))[:, 1].reshape(fine.shape)
    shown = unpacked(data(dataclasses.replace(volumes, anatomy=rising, anatomy_grid=fine)), "anatomy")
    inside = unpacked(data(volumes), "flags") > 0
    steps = [np.unique(shown[:, j][inside[:, j]]) for j in range(shown.shape[1]) if inside[:, j].any()]
    assert all(len(values) == 1 for values in steps)
    assert np.all(np.diff([int(values[0]) for values in steps]) > 0)


def test_it_starts_at_the_strongest_voxel_that_survives() -> None:
    volumes = brain()
    content = data(volumes)
    statistic = unpacked(content, "statistic")
    assert statistic[tuple(content["start"])] == statistic.max()
    assert content["largest"] == pytest.approx(statistic.max(), abs=1e-4)


def test_a_map_where_nothing_survives_still_starts_inside_the_brain() -> None:
    volumes = brain()
    content = data(dataclasses.replace(volumes, survives=np.zeros_like(volumes.mask)))
    assert unpacked(content, "flags")[tuple(content["start"])] == 1


def test_cells_have_the_numbers_of_the_figure() -> None:
    (region,) = data(brain())["regions"]
    assert [cell["values"] for cell in region["cells"]] == [[1, 3], [2], [5], [6]]
    assert region["cells"][0] == {"values": [1, 3], "beside": [0, 0], "mean": 2, "sem": 1}
    # one animal has a mean and no SEM
    assert region["cells"][1]["sem"] is None


def test_the_same_brain_gives_the_same_text() -> None:
    assert json.dumps(data(brain())) == json.dumps(data(brain()))


@given(st.text())
def test_escaped_json_says_the_same_and_cannot_end_its_element(name: str) -> None:
    safe = script_safe(json.dumps({"name": name + "</script><!--"}, ensure_ascii=False))
    assert "<" not in safe
    assert json.loads(safe) == {"name": name + "</script><!--"}
