import base64
import dataclasses
import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.records.grid import Grid
from cuecircuit.report.viewer import Brain, RegionDots, ViewedTest, script_safe, viewer_json

KINDS = {
    "anatomy": "<u1", "region": "<u2", "tested": "<u1", "statistic": "<i2", "effect": "<i2", "logp": "<u2",
    "corrected": "<u2", "cluster": "<u2", "survives": "<u1",
}  # fmt: skip
# voxel axes: x backwards, z, y, as scanners of small animals write them
AFFINE = np.array([[-0.5, 0, 0, 3.0], [0, 0, 1.0, -4.0], [0, 0.25, 0, -1.0], [0, 0, 0, 1.0]])


def brain() -> Brain:
    mask = np.zeros((12, 9, 10), bool)
    mask[2:10, 1:8, 3:9] = True
    grid = Grid(shape=mask.shape, affine=AFFINE)
    rng = np.random.default_rng(3)
    regions = rng.integers(0, 3, mask.shape)
    return Brain(grid=grid, anatomy=rng.normal(100, 20, mask.shape), anatomy_grid=grid, mask=mask, regions=regions)


def viewed(name: str = "group", scale: float = 3.0) -> ViewedTest:
    rng = np.random.default_rng(len(name))
    f = rng.gamma(1, scale, brain().mask.shape)
    return ViewedTest(
        id=name, name=name, kind="F(1, 18)", df1=1.0, df2=18.0, height=8.3, statistic=f,
        effect=rng.normal(0, 0.1, f.shape),
        corrected=np.where(f > 8, 0.0496, 0.5), clusters=(f > 8).astype(int),
    )  # fmt: skip


def data(brain: Brain, *tests: ViewedTest) -> dict:
    responses = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
    dots = RegionDots(name="Insula", label=1, extent="whole region", responses=responses, groups=("a", "a", "b"))
    levels, cues = ("a", "b"), ("s", "n")
    return json.loads(
        viewer_json(brain, tests or [viewed()], [dots], levels=levels, cues=cues, unit="%", reference="bregma")
    )


def unpacked(content: dict, name: str, test: int | None = None) -> np.ndarray:
    place = content if test is None else content["tests"][test]
    raw = zlib.decompress(base64.b64decode(place["volumes"][name]))
    return np.frombuffer(raw, KINDS[name]).reshape(content["shape"])


def test_every_voxel_of_the_brain_keeps_its_values_at_its_place_in_mm() -> None:
    volumes, test = brain(), viewed()
    content = data(volumes, test)
    affine = np.array(content["affine"])
    assert (np.diag(affine)[:3] > 0).all()  # RAS
    voxels = np.argwhere(volumes.mask)
    at = np.rint(np.linalg.inv(affine) @ np.c_[volumes.grid.mm(voxels.astype(float)), np.ones(len(voxels))].T)
    i, j, k = at[:3].astype(int)
    steps = content["tests"][0]["steps"]
    for name, volume in (("statistic", test.statistic), ("effect", test.effect)):
        values = unpacked(content, name, 0)[i, j, k] * steps[name]
        np.testing.assert_allclose(values, volume[volumes.mask], atol=steps[name] / 2 + 1e-12)
    assert steps["statistic"] == 0.01
    assert steps["effect"] < 0.002
    np.testing.assert_array_equal(unpacked(content, "region")[i, j, k], volumes.regions[volumes.mask])
    # what survives is decided by the p itself, not by the thousandths that are shown
    np.testing.assert_array_equal(unpacked(content, "survives", 0)[i, j, k], test.statistic[volumes.mask] > 8)
    assert set(np.unique(unpacked(content, "corrected", 0)[i, j, k])) == {50, 500}
    assert unpacked(content, "tested").sum() == len(voxels)


def test_a_peak_beyond_16_bits_keeps_its_size_in_wider_steps() -> None:
    test = viewed()
    test.statistic[5, 4, 5] = 12345.0
    content = data(brain(), test)
    statistic = unpacked(content, "statistic", 0)
    assert statistic.max() * content["tests"][0]["steps"]["statistic"] == pytest.approx(12345, rel=1e-4)


def test_p_that_has_no_fixed_degrees_of_freedom_is_packed() -> None:
    p = np.full(brain().mask.shape, 1e-5)
    content = data(brain(), dataclasses.replace(viewed(), df2=None, p=p))
    assert set(np.unique(unpacked(content, "logp", 0)[unpacked(content, "tested") > 0])) == {500}


def test_tests_beyond_the_limit_of_bytes_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = dataclasses.replace(viewed("nothing"), corrected=np.ones(brain().mask.shape))
    tests = [viewed("first"), nothing, viewed("third")]
    of_two = sum(len(text) for test in data(brain(), tests[0], tests[2])["tests"] for text in test["volumes"].values())
    monkeypatch.setattr("cuecircuit.report.viewer.MOST_BYTES", of_two)
    content = data(brain(), *tests)
    assert ([test["name"] for test in content["tests"]], content["leftOut"]) == (["first", "third"], ["nothing"])


def test_an_anatomy_of_another_grid_is_brought_to_the_voxels_of_the_map() -> None:
    volumes = brain()
    fine = Grid(shape=(24, 18, 20), affine=AFFINE @ np.diag([0.5, 0.5, 0.5, 1]))
    # a plane that rises with y is the same on any grid
    rising = fine.mm(np.indices(fine.shape).reshape(3, -1).T.astype(float))[:, 1].reshape(fine.shape)
    shown = unpacked(data(dataclasses.replace(volumes, anatomy=rising, anatomy_grid=fine)), "anatomy")
    inside = unpacked(data(volumes), "tested") > 0
    steps = [np.unique(shown[:, j][inside[:, j]]) for j in range(shown.shape[1]) if inside[:, j].any()]
    assert all(len(values) == 1 for values in steps)
    assert np.all(np.diff([int(values[0]) for values in steps]) > 0)


def test_it_starts_at_the_strongest_voxel_that_survives() -> None:
    content = data(brain())
    statistic = unpacked(content, "statistic", 0)
    assert statistic[tuple(content["start"])] == statistic.max()


def test_a_brain_without_atlas_and_survivors_still_starts_inside_it() -> None:
    test = dataclasses.replace(viewed(), corrected=None, clusters=None)
    content = data(dataclasses.replace(brain(), regions=None), test)
    assert unpacked(content, "tested")[tuple(content["start"])] == 1
    assert not {"survives", "corrected", "cluster"} & set(content["tests"][0]["volumes"])


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
